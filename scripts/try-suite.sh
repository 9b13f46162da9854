#!/bin/sh
# Runs a lab's suite on its solutions and mutants: ./scripts/try-suite.sh lab1 [TEST..]. See --help for all options.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
case " $* " in
    *" --help "* | *" -h "*) ;;
    *) echo "Building (the first time takes minutes)..." >&2 ;;
esac
# Compiler output goes to stderr. A failed build is exit code 4: it says nothing about the suite.
cargo build --quiet --profile lab --manifest-path "$root/Cargo.toml" -p faultlab-staff --bin try-suite >&2 || exit 4
exec "${CARGO_TARGET_DIR:-$root/target}/lab/try-suite" "$@"
