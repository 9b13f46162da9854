#!/bin/sh
# Writes N submissions of a lab, to try the grader on: correct solutions (usual and unusual) alternate with mutants,
# and one in 25 is hostile. When a kind is used up, it starts over. Every file gets a unique comment, so that the
# grader does not take two submissions for the same one. With --slow, there is also one of each kind that costs a grader
# much time or space.
set -eu

usage() {
    echo "usage: scripts/make-mix.sh LAB N --out DIR [--slow]" >&2
    exit 2
}

slow=no
if [ $# -eq 5 ] && [ "$5" = --slow ]; then
    slow=yes
elif [ $# -ne 4 ]; then
    usage
fi
if [ "$3" != --out ]; then usage; fi
lab=$1
count=$2
out=$4
case "$count" in
    '' | *[!0-9]*) usage ;;
esac
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
staff=$root/grading/staff

if [ ! -d "$staff/solutions/$lab" ]; then
    echo "no solution for \`$lab\`; there are solutions for:" >&2
    ls "$staff/solutions" >&2
    exit 2
fi
if [ -e "$out" ]; then
    echo "$out already exists; remove it or choose another folder" >&2
    exit 2
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/right" "$scratch/mutant" "$scratch/hostile"
cp -R "$staff/solutions/$lab" "$scratch/right/reference"
if [ -d "$staff/solutions/$lab-unusual" ]; then
    cp -R "$staff/solutions/$lab-unusual/." "$scratch/right"
fi
"$root/scripts/make-mutants.sh" "$lab" --out "$scratch/mutant" >&2
if [ -d "$staff/hostile/$lab" ]; then
    "$root/scripts/make-mutants.sh" "$lab" --out "$scratch/hostile" --hostile >&2
fi

for kind in right mutant hostile; do
    for folder in "$scratch/$kind"/*/; do
        [ ! -d "$folder" ] || basename "$folder"
    done >"$scratch/$kind.list"
done

mkdir -p "$out"
rights=0 mutants=0 hostiles=0
number=0
while [ "$number" -lt "$count" ]; do
    number=$((number + 1))
    if [ $((number % 25)) -eq 0 ] && [ -s "$scratch/hostile.list" ]; then
        kind=hostile turn=$hostiles hostiles=$((hostiles + 1))
    elif [ "$rights" -le "$mutants" ]; then
        kind=right turn=$rights rights=$((rights + 1))
    else
        kind=mutant turn=$mutants mutants=$((mutants + 1))
    fi
    # Similar names are adjacent in the list, so it is not taken in order.
    distinct=$(wc -l <"$scratch/$kind.list")
    name=$(sed -n "$((turn * 37 % distinct + 1))p" "$scratch/$kind.list")
    copy=$((turn / distinct + 1))
    to=$out/$kind-$name-$copy
    cp -R "$scratch/$kind/$name" "$to"
    for file in "$to"/*.rs; do
        echo "// Copy $copy." >>"$file"
    done
done
if [ "$slow" = yes ]; then
    "$root/scripts/make-mutants.sh" "$lab" --out "$scratch/slow" --slow >&2
    for folder in "$scratch/slow"/*/; do
        mv "$folder" "$out/slow-$(basename "$folder")"
    done
fi
echo "$number submissions of $lab written to $out: $rights right, $mutants mutants, $hostiles hostile"
