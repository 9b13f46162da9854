#!/bin/sh
# Lays out a new lab that works, with one test: an API crate, a skeleton, a suite, a reference solution, an unusual one, a mutant,
# and a chapter of the students' book. See --help.
set -eu

usage() {
    cat <<'END'
Lays out a new lab that works, with one test, to be changed step by step.

Usage: scripts/new-lab.sh NAME [TITLE]

  NAME    the lab's folder below labs/: the lab, a hyphen, a word, such as lab6-mutex
  TITLE   the lab's title, such as "Causal broadcast" [default: from the name]

Exit codes: 0, the lab is there; 2, usage error, or there is such a lab.
END
}

fail() {
    echo "error: $*" >&2
    exit 2
}

case ${1-} in
    -h | --help) usage; exit 0 ;;
esac
[ $# -eq 1 ] || [ $# -eq 2 ] || { usage >&2; exit 2; }
name=$1
lab=${name%%-*}
word=${name#*-}
case $name in
    *[!a-z0-9-]* | *--* | *-) fail "\`$name\` is no name of a lab: only a to z, 0 to 9 and single hyphens, as in lab6-mutex" ;;
    lab[0-9]*-[a-z]*) ;;
    *) fail "\`$name\` is no name of a lab: it begins with lab and a number, as in lab6-mutex" ;;
esac
number=${lab#lab}
case $number in
    *[!0-9]*) fail "\`$lab\` is no name of a lab: lab and a number, as in lab6" ;;
esac
[ "$word" != api ] || fail "the folder of the API crate is made as well; choose another word than api"
title=${2-$(echo "$word" | tr - ' ')}
case $title in
    *[\"\\\&\|]*) fail "the title contains one of \" \\ & |, which would have to be escaped in code" ;;
esac

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
template=$root/handout/new-lab
cd "$root"
for there in labs/"$lab"-* grading/suites/src/"$lab" grading/suites/src/"$lab".rs grading/staff/*/"$lab" handout/src/"$lab".md; do
    [ ! -e "$there" ] || fail "there is a $lab already: $there"
done

# The lab's own folders.
(cd "$template" && find . -type f) | while read -r file; do
    to=$(echo "${file#./}" | sed "s|labNN|$lab|g; s|SLUG|$word|g")
    mkdir -p "$(dirname "$to")"
    sed "s|labNN|$lab|g; s|LabNN|Lab$number|g; s|lab NN|lab $number|g; s|Lab NN|Lab $number|g; s|SLUG|$word|g; s|TITLE|$title|g" \
        "$template/$file" >"$to"
    echo "$to"
done

# The list of labs: the crate of the suites.
suites=grading/suites
api="$lab-api = { path = \"../../labs/$lab-api\" }"
awk -v api="$api" '/^serde\.workspace/ { print api } { print }' $suites/Cargo.toml >$suites/Cargo.toml.new
mv $suites/Cargo.toml.new $suites/Cargo.toml
echo $suites/Cargo.toml
# Each of the two lists is in the order of the labs.
awk -v lab="$lab" -v number="$number" '
    function number_in(line) { gsub(/[^0-9]/, "", line); return line + 0 }
    /^pub mod lab[0-9]+;$/ { list = "modules" }
    /^labs! \{$/ { list = "suites"; print; next }
    list == "modules" && (!/^pub mod lab/ || number_in($0) > number + 0) { print "pub mod " lab ";"; list = "" }
    list == "suites" && (/^}$/ || number_in($0) > number + 0) { print "    " lab; list = "" }
    { print }
' $suites/src/lib.rs >$suites/src/lib.rs.new
mv $suites/src/lib.rs.new $suites/src/lib.rs
echo $suites/src/lib.rs

cat <<END

$lab works. Try it:
  ./scripts/run-tests.sh $lab                                               the skeleton
  ./scripts/run-tests.sh $lab --submission grading/staff/solutions/$lab      the reference solution
  ./scripts/try-suite.sh $lab                                               all solutions and mutants
Then change it, as the instructors' guide says under "Writing a lab". Tell git about the new files, or they will be missing
from a handout:
  git add labs/$lab-api labs/$name grading handout/src/$lab.md
END
