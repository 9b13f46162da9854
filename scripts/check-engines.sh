#!/bin/sh
# Compares the engines with the plain reference explorer, on systems drawn from seeds: see --help.
set -eu
manifest=$(dirname "$0")/../Cargo.toml
# What the compiler says goes where it belongs, and a failure to build is bad use, not a difference.
cargo build --quiet --release --manifest-path "$manifest" -p faultlab-reference >&2 || exit 2
target=${CARGO_TARGET_DIR:-$(dirname "$0")/../target}
exec "$target/release/check-engines" "$@"
