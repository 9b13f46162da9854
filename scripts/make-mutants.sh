#!/bin/sh
# Writes the mutants of a lab as submission folders: each patch in grading/staff/mutants/LAB is applied to a copy of
# the reference solution. With --hostile, it writes the hostile submissions of grading/staff/hostile/LAB instead, and with
# --slow those of grading/staff/slow/LAB, which cost a grader much time or space.
# The script names each patch that does not apply, and fails at the end if there is one.
set -eu

usage() {
    echo "usage: scripts/make-mutants.sh LAB --out DIR [--hostile | --slow]" >&2
    exit 2
}

kind=mutants
if [ $# -eq 4 ] && [ "$4" = --hostile ]; then
    kind=hostile
elif [ $# -eq 4 ] && [ "$4" = --slow ]; then
    kind=slow
elif [ $# -ne 3 ]; then
    usage
fi
if [ "$2" != --out ]; then usage; fi
lab=$1
out=$3
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
solution=$root/grading/staff/solutions/$lab
patches=$root/grading/staff/$kind/$lab

if [ ! -d "$patches" ]; then
    echo "no folder $patches" >&2
    exit 2
fi
mkdir -p "$out"

written=0
failed=0
for patch in "$patches"/*.patch; do
    name=$(basename "$patch" .patch)
    rm -rf "${out:?}/$name"
    cp -R "$solution" "$out/$name"
    # No fuzz: a patch that does not match exactly must be corrected by hand.
    if message=$(patch -s -p1 -F0 -d "$out/$name" <"$patch" 2>&1); then
        written=$((written + 1))
    else
        failed=$((failed + 1))
        rm -rf "${out:?}/$name"
        echo "$name.patch does not apply to the reference solution:" >&2
        echo "$message" | sed 's/^/    /' >&2
    fi
done

what="mutants of $lab"
[ "$kind" = mutants ] || what="$kind submissions of $lab"
echo "$written $what written to $out"
[ "$failed" -eq 0 ]
