#!/bin/sh
# Writes out a class of N submissions of a lab, to try the grader on: the right solutions, usual and
# unusual, the mutants and the hostile submissions, taken in turn, and from the start again until there are
# N. Each has a comment of its own in each file, so that no two are the same to the grader.
set -eu

usage() {
    echo "usage: scripts/make-mix.sh LAB N --out DIR" >&2
    exit 2
}

if [ $# -ne 4 ] || [ "$3" != --out ]; then usage; fi
lab=$1
count=$2
out=$4
case "$count" in
    '' | *[!0-9]*) usage ;;
esac
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
staff=$root/grading/staff

if [ ! -d "$staff/solutions/$lab" ]; then
    echo "there is no solution of \`$lab\`; there are some of:" >&2
    ls "$staff/solutions" >&2
    exit 2
fi
if [ -e "$out" ]; then
    echo "$out is there already; remove it, or name another folder" >&2
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

# One of each kind in turn, as long as a kind has some left, so that any N is a mix.
for kind in right mutant hostile; do
    for folder in "$scratch/$kind"/*/; do
        [ -d "$folder" ] && printf '%s/%s\n' "$kind" "$(basename "$folder")"
    done | awk -v kind="$kind" '{ print NR "\t" kind "\t" $0 }'
done | sort -s -n -k 1,1 | cut -f 3 >"$scratch/list"
distinct=$(wc -l <"$scratch/list")

mkdir -p "$out"
number=0
while [ "$number" -lt "$count" ]; do
    name=$(sed -n "$((number % distinct + 1))p" "$scratch/list")
    copy=$((number / distinct + 1))
    to=$out/$(printf '%s' "$name" | tr / -)-$copy
    cp -R "$scratch/$name" "$to"
    for file in "$to"/*.rs; do
        echo "// Copy $copy." >>"$file"
    done
    number=$((number + 1))
done
echo "$number submissions of $lab written to $out"
