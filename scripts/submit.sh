#!/bin/sh
# Compiles and tests a lab, then makes the archive to submit: ./scripts/submit.sh lab1
set -eu

usage() {
    echo "usage: ./scripts/submit.sh LAB [--out FILE]" >&2
    exit 2
}

[ $# -ge 1 ] || usage
lab=$1
shift
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
archive=$lab.tar.gz
case $# in
0) ;;
2)
    [ "$1" = --out ] || usage
    archive=$2
    ;;
*) usage ;;
esac

# The lab's folder is the one that has tests/suite.rs.
sources=
for suite in "$root"/labs/"$lab"-*/tests/suite.rs; do
    [ -f "$suite" ] && sources=$(dirname -- "$(dirname -- "$suite")")/src
done
if [ -z "$sources" ]; then
    echo "There is no lab \`$lab\`. Available labs:" >&2
    for suite in "$root"/labs/*/tests/suite.rs; do
        basename -- "$(dirname -- "$(dirname -- "$suite")")" | sed 's/-.*//; s/^/  /' >&2
    done
    exit 2
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/faultlab-submit.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Copy first, so that the tested files are the submitted ones even if a file is saved in between.
mkdir "$work/src"
(cd "$sources" && find . -type f -name '*.rs' ! -path '*/.*/*' ! -name '.*' | sort) >"$work/list"
while IFS= read -r file; do
    mkdir -p "$work/src/$(dirname -- "$file")"
    cp "$sources/$file" "$work/src/$file"
done <"$work/list"

status=0
"$root/scripts/run-tests.sh" "$lab" --submission "$work/src" >"$work/report" 2>&1 || status=$?
case $status in
0 | 1) ;;
3)
    cat "$work/report" >&2
    echo >&2
    echo "No archive was made: code that does not compile earns no points." >&2
    exit 3
    ;;
*)
    cat "$work/report" >&2
    exit "$status"
    ;;
esac

# COPYFILE_DISABLE keeps macOS from adding metadata files.
COPYFILE_DISABLE=1 tar -cf - -C "$work" src | gzip -n >"$work/archive"
mv "$work/archive" "$archive"

sed -n '/^ *Summary /,$p' "$work/report" | grep -E '^ *(Summary|Part|lab[0-9])' || :
echo
echo "Archive to submit: $archive"
sed 's,^\./,  src/,' "$work/list"
[ "$status" -eq 0 ] || echo "Some points are missing; ./scripts/run-tests.sh $lab says why. You can submit anyway."
