#!/bin/sh
# Compares the engines with the plain reference explorer on random systems. See --help.
set -eu
manifest=$(dirname "$0")/../Cargo.toml
# Compiler output goes to stderr. A failed build is exit code 2, so that it is never taken for a difference.
cargo build --quiet --profile lab --manifest-path "$manifest" -p faultlab-reference >&2 || exit 2
target=${CARGO_TARGET_DIR:-$(dirname "$0")/../target}
exec "$target/lab/check-engines" "$@"
