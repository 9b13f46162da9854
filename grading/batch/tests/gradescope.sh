#!/bin/sh
# Runs an autograder.zip of lab 0 as Gradescope does: its files and the program run_autograder are in /autograder, and
# the workspace is not accessible. Needs bubblewrap and unzip.
# Usage: gradescope.sh AUTOGRADER.ZIP SUBMISSION
set -eu

zip=$1
submission=$2
folder=$(mktemp -d /var/tmp/faultlab-gradescope-XXXXXX)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/source" "$folder/submission" "$folder/results"
(cd "$folder/source" && unzip -q "$zip")
cp -R "$submission/." "$folder/submission/"
cp "$folder/source/run_autograder" "$folder/run_autograder"
cat >"$folder/submission_metadata.json" <<'END'
{"id": 1, "created_at": "2026-11-21T12:00:00.000000+00:00", "assignment": {"due_date": "2026-11-20T23:59:00+00:00"},
 "users": [{"name": "Ada", "email": "ada@example.edu", "id": 7}], "previous_submissions": []}
END
sh -n "$folder/source/setup.sh"

# The compiler is accessible, as after setup.sh; the workspace is not.
toolchain=$(rustc --print sysroot)
set -- --bind "$folder" /autograder --proc /proc --dev /dev --tmpfs /tmp --chdir /autograder
for place in /usr /bin /lib /lib64 /etc; do
    [ ! -e "$place" ] || set -- "$@" --ro-bind "$place" "$place"
done
set -- "$@" --ro-bind "$toolchain" "$toolchain" --clearenv --setenv HOME /root \
    --setenv PATH "$toolchain/bin:/usr/bin:/bin"
bwrap "$@" /autograder/run_autograder
cat "$folder/results/results.json"
