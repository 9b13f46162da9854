#!/bin/sh
# Makes an autograder for Gradescope: ./scripts/make-gradescope.sh lab1 [--out autograder.zip] [WORD..]
# Further words are given to the grader there, such as --seed 7. Everything is built here; there, only
# submissions are compiled.
set -eu

[ $# -ge 1 ] || { echo "usage: scripts/make-gradescope.sh LAB [--out FILE] [WORD..]" >&2; exit 2; }
lab=$1
shift
out=autograder.zip
if [ "${1:-}" = --out ]; then
    out=$2
    shift 2
fi
case $out in /*) ;; *) out=$PWD/$out ;; esac

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
program=${CARGO_TARGET_DIR:-$root/target}/lab/grade
cargo build --quiet --profile lab --manifest-path "$root/Cargo.toml" --package faultlab-batch --bins
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$program" "$lab" --pack "$folder/faultlab"
toolchain=$(rustc --version | cut -d ' ' -f 2)

cat >"$folder/setup.sh" <<END
#!/bin/sh
# Gradescope runs this once, when it makes the image.
set -eu
apt-get update
apt-get install -y --no-install-recommends bubblewrap build-essential rustup
rustup toolchain install $toolchain --profile minimal
rustup default $toolchain
END

words=
for word in "$@"; do
    words="$words '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"
done
cat >"$folder/run_autograder" <<END
#!/bin/sh
# Gradescope runs this for each submission. results.json is written again after every test.
autograder=\${AUTOGRADER:-/autograder}
export FAULTLAB_ROOT="\$autograder/source/faultlab"
exec "\$FAULTLAB_ROOT/target/lab/grade" $lab --gradescope "\$autograder"$words
END
chmod +x "$folder/setup.sh" "$folder/run_autograder"
rm -f "$out"
(cd "$folder" && zip -q -r "$out" setup.sh run_autograder faultlab)
echo "$out: $(du -h "$out" | cut -f 1)"
