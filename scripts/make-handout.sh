#!/bin/sh
# Makes what students get: scripts/make-handout.sh --out DIR. With --help it says what else can be asked for.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
exec cargo run --quiet --manifest-path "$root/Cargo.toml" --package faultlab-make-handout -- "$@"
