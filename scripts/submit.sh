#!/bin/sh
# Makes the archive to submit, and compiles and tests what is in it: ./scripts/submit.sh lab1
# Exit codes: 0, the archive is ready; 2, usage error; 3, it does not compile, or the grader would not accept it;
# 4, any other failure.
set -eu

fail() {
    echo "error: $*" >&2
    exit 4
}

# Says why there is no archive, and that one from before is still there.
refuse() {
    echo "No archive was made: $*." >&2
    [ ! -e "$archive" ] || echo "$archive is from before; it does not hold these files." >&2
    exit 3
}

usage() {
    echo "usage: ./scripts/submit.sh LAB [--out FILE]" >&2
    exit 2
}

case ${1-} in
-h | --help)
    echo "usage: ./scripts/submit.sh LAB [--out FILE]"
    echo
    echo "Compiles and tests a lab, then makes the archive to submit: LAB.tar.gz, or FILE."
    exit 0
    ;;
-* | "") usage ;;
esac
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

work=$(mktemp -d "${TMPDIR:-/tmp}/faultlab-submit.XXXXXX") || fail "no temporary folder can be made"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# The files to submit, each with its path in the archive. A lab that builds on other labs brings these along.
tab=$(printf '\t')
"$root/scripts/run-tests.sh" "$lab" --files-to-submit >"$work/files"
# Copy first, so that the tested files are the submitted ones even if a file is saved in between.
mkdir "$work/submission" || fail "the files cannot be copied"
while IFS=$tab read -r path file; do
    mkdir -p "$work/submission/$(dirname -- "$path")" || fail "the files cannot be copied"
    cp "$file" "$work/submission/$path" || fail "the files cannot be copied"
done <"$work/files"

# The archive is what is tested. It goes through the same intake as in grading.
# COPYFILE_DISABLE keeps macOS from adding metadata files.
(cd "$work/submission" && COPYFILE_DISABLE=1 tar -cf "$work/$lab.tar" -- *) || fail "the archive cannot be made"
gzip -n "$work/$lab.tar" || fail "the archive cannot be made"
echo "Compiling and testing what is in the archive." >&2
status=0
"$root/scripts/run-tests.sh" "$lab" --submission "$work/$lab.tar.gz" --json "$work/report.json" \
    >"$work/report" 2>&1 || status=$?
case $status in
0 | 1) ;;
2)
    cat "$work/report" >&2
    refuse "the grader would not accept it"
    ;;
3)
    cat "$work/report" >&2
    echo >&2
    untested=$(sed -n "s/^ *\"reason\": \"\(.*, which $lab builds on, does not compile\)\".*/\1/p" "$work/report.json" | head -n 1)
    if [ -n "$untested" ]; then
        echo "$untested, so nothing was tested." >&2
        echo "You can submit anyway: where a student's own does not compile, grading uses its reference solution." >&2
    else
        refuse "code that does not compile earns no points"
    fi
    ;;
*)
    cat "$work/report" >&2
    exit "$status"
    ;;
esac

# Whole, or not at all.
if ! cp "$work/$lab.tar.gz" "$archive.part" || ! mv "$archive.part" "$archive"; then
    rm -f "$archive.part"
    fail "$archive cannot be written"
fi

sed -n '/^ *Summary /,$p' "$work/report" | grep -E '^ *(Summary|Part|lab[0-9])' || :
echo
echo "Archive to submit: $archive"
cut -f 1 "$work/files" | sed 's/^/  /'
[ "$status" -ne 1 ] || echo "Some points are missing; ./scripts/run-tests.sh $lab says why. You can submit anyway."
