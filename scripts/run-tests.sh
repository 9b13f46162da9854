#!/bin/sh
# Runs the tests of a lab: ./scripts/run-tests.sh lab1. With --help it says what else can be asked for.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
program=${CARGO_TARGET_DIR:-$root/target}/lab/run-tests

if [ ! -x "$program" ]; then
    echo "Building the test runner and its libraries. This is done once and takes about a minute." >&2
fi
# Nothing but the program that is run may decide the exit code.
cargo build --quiet --profile lab --manifest-path "$root/Cargo.toml" \
    --package faultlab-harness --bin run-tests || exit 4
exec "$program" "$@"
