#!/bin/sh
# Checks whether recorded histories are linearizable. See --help.
set -eu
manifest=$(dirname "$0")/../Cargo.toml
# Compiler output goes to stderr. A failed build is exit code 2, so that it is never taken for a verdict.
cargo build --quiet --profile lab --manifest-path "$manifest" -p faultlab-check-history >&2 || exit 2
target=${CARGO_TARGET_DIR:-$(dirname "$0")/../target}
exec "$target/lab/check-history" "$@"
