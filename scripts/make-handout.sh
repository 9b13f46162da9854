#!/bin/sh
# Makes the handout for students: scripts/make-handout.sh --out DIR. See --help for all options.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
exec cargo run --quiet --manifest-path "$root/Cargo.toml" --package faultlab-make-handout -- "$@"
