#!/bin/sh
# Saves a broken copy of a lab's reference solution as a mutant. See --help.
set -eu

usage() {
    cat <<'END'
Saves a broken copy of a lab's reference solution as a mutant: a patch, headed by a sentence.

Usage: scripts/save-mutant.sh LAB NAME FOLDER SENTENCE

  LAB        the lab, such as lab1
  NAME       the mutant's name: what it does wrong, in a few words with hyphens
  FOLDER     the copy of grading/staff/solutions/LAB, with the mutation
  SENTENCE   what the mutation breaks, such as "The client gives all its commands the same number."

Exit codes: 0, the patch is there; 2, usage error, or nothing differs.
END
}

fail() {
    echo "error: $*" >&2
    exit 2
}

case ${1-} in
    -h | --help) usage; exit 0 ;;
esac
[ $# -eq 4 ] || { usage >&2; exit 2; }
lab=$1 name=$2 broken=$3 sentence=$4
case $name in
    *[!a-z0-9-]* | '' | -*) fail "\`$name\` is no name of a mutant: only a to z, 0 to 9 and hyphens, as in forgets-to-number" ;;
esac

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
original=$root/grading/staff/solutions/$lab
[ -d "$original" ] || fail "$lab has no reference solution: there is no $original"
[ -d "$broken" ] || fail "there is no folder $broken"

patch=$root/grading/staff/mutants/$lab/$name.patch
scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
(
    cd "$original"
    find . -type f -name '*.rs' | LC_ALL=C sort
) | while read -r file; do
    file=${file#./}
    [ -f "$broken/$file" ] || fail "$broken has no $file, which the reference solution has"
    # 1 says that they differ.
    diff -u --label "a/$file" --label "b/$file" "$original/$file" "$broken/$file" || [ $? -eq 1 ]
done >"$scratch"
[ -s "$scratch" ] || fail "$broken is the reference solution: nothing differs"
mkdir -p "$(dirname "$patch")"
{
    printf '%s\n\n' "$sentence"
    cat "$scratch"
} >"$patch"
echo "grading/staff/mutants/$lab/$name.patch"
cat <<END
Which tests should it lose? Decide, and see:
  ./scripts/try-suite.sh $lab --only $name
END
