#!/bin/sh
# Says of recorded histories whether they are linearizable: see --help.
set -eu
manifest=$(dirname "$0")/../Cargo.toml
# What the compiler says goes where it belongs, and a failure to build is bad use, not a verdict.
cargo build --quiet --release --manifest-path "$manifest" -p faultlab-check-history >&2 || exit 2
target=${CARGO_TARGET_DIR:-$(dirname "$0")/../target}
exec "$target/release/check-history" "$@"
