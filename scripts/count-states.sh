#!/bin/sh
# Counts the states of one search of a lab, to compare model checkers and solutions. See --help.
set -eu
manifest=$(dirname "$0")/../Cargo.toml
# Compiler output goes to stderr. A failed build is exit code 2, so that it is never taken for a count.
cargo build --quiet --profile lab --manifest-path "$manifest" -p faultlab-staff --bin count-states >&2 || exit 2
target=${CARGO_TARGET_DIR:-$(dirname "$0")/../target}
exec "$target/lab/count-states" "$@"
