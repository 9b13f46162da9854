#!/bin/sh
# Runs the project's own tests. It leaves out the suites of unfinished labs, whose skeletons fail.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

# Every package except the benchmarks against other tools, the unfinished labs, and two that take minutes and are
# steps of .ci/run: the suites against all mutants (cargo test --profile lab --package faultlab-staff), and all commands
# of the books (cargo test --package faultlab-make-handout).
set -- --workspace --exclude faultlab-peers --exclude faultlab-staff --exclude faultlab-make-handout "$@"
# A lab is unfinished if its skeleton says `todo!`. The name of its crate is the beginning of its folder's name.
unfinished=$(grep -l 'todo!(' labs/*/src/*.rs | cut -d / -f 2 | cut -d - -f 1 | sort -u)
for lab in $unfinished; do
    set -- --exclude "$lab" "$@"
done

# Random inputs are the same in every run of this script. Plain `cargo test` draws new ones; add a test for each
# failure that it finds.
PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED-20261125}
export PROPTEST_RNG_SEED

if cargo nextest --version >/dev/null 2>&1; then
    # All failures are shown, not only the first.
    cargo nextest run --no-fail-fast "$@"
    # nextest does not run the examples in the documentation.
    cargo test --quiet --doc "$@"
else
    cargo test --no-fail-fast "$@"
fi
# The skeletons must compile without warnings.
for lab in $unfinished; do
    cargo rustc --quiet --profile check --package "$lab" --lib -- -D warnings
done
