#!/bin/sh
# Makes a Gradescope autograder. Everything is built here, so Gradescope only has to compile submissions.
set -eu

usage() {
    cat <<'END'
Makes a Gradescope autograder.

Usage: scripts/make-gradescope.sh LAB [--out FILE] [--hidden DIR] [--policy FILE] [ARG..]

  --out FILE      where to write the archive [default: autograder.zip]
  --hidden DIR    hidden tests and a hidden seed; compiled in, not readable on Gradescope
  --policy FILE   a policy that turns raw points into final ones
  ARG..           more arguments for the grader on Gradescope, such as --seed 7 --seeds 10

Build on a system whose C library is no newer than that of Gradescope's image (for Ubuntu 24.04, Debian 12 will do).
On Gradescope, give the autograder 2 CPUs, 1.5 GB and the longest timeout. If it times out, the points earned so far
are kept.
END
}

lab=
out=autograder.zip
hidden=
policy=
words=
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --out | --hidden | --policy)
            [ $# -ge 2 ] || { echo "error: $1 needs a value" >&2; exit 2; }
            case $1 in
                --out) out=$2 ;;
                --hidden) hidden=$(CDPATH='' cd -- "$2" && pwd) || exit 2 ;;
                --policy)
                    [ -f "$2" ] || { echo "error: $2: no such file" >&2; exit 2; }
                    policy=$2 ;;
            esac
            shift ;;
        *)
            if [ -z "$lab" ]; then
                lab=$1
            else
                words="$words '$(printf %s "$1" | sed "s/'/'\\\\''/g")'"
            fi ;;
    esac
    shift
done
[ -n "$lab" ] || { usage >&2; exit 2; }
case $out in /*) ;; *) out=$PWD/$out ;; esac
command -v zip >/dev/null || { echo "error: the program zip is missing; install it" >&2; exit 4; }

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
program=${CARGO_TARGET_DIR:-$root/target}/lab/grade
cargo build --quiet --profile lab --manifest-path "$root/Cargo.toml" --package faultlab-batch --bins || exit 4
# A policy or a hidden test that does not fit would only be noticed when the first student hands in.
set -- "$lab" --check-suite
[ -z "$policy" ] || set -- "$@" --policy "$policy"
[ -z "$hidden" ] || set -- "$@" --hidden "$hidden"
"$program" "$@" || exit $?
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ -n "$hidden" ]; then
    "$program" "$lab" --pack "$folder/faultlab" --hidden "$hidden"
else
    "$program" "$lab" --pack "$folder/faultlab"
fi
if [ -n "$policy" ]; then
    cp "$policy" "$folder/faultlab/policy.toml"
    words="$words --policy \"\$FAULTLAB_ROOT/policy.toml\""
fi
toolchain=$(rustc --version | cut -d ' ' -f 2)

cat >"$folder/setup.sh" <<END
#!/bin/sh
# Gradescope runs this once, when it builds the image.
set -eu
apt-get update
apt-get install -y --no-install-recommends bubblewrap build-essential ca-certificates curl
# The compiler that the libraries were built with.
command -v rustup >/dev/null || apt-get install -y --no-install-recommends rustup ||
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain none
PATH="\$HOME/.cargo/bin:\$PATH"
rustup toolchain install $toolchain --profile minimal
rustup default $toolchain
END

cat >"$folder/run_autograder" <<END
#!/bin/sh
# Gradescope runs this for each submission. results.json is written again after every test.
autograder=\${AUTOGRADER:-/autograder}
export FAULTLAB_ROOT="\$autograder/source/faultlab"
export PATH="\${HOME:-/root}/.cargo/bin:\$PATH"
exec "\$FAULTLAB_ROOT/target/lab/grade" $lab --gradescope "\$autograder"$words
END
chmod +x "$folder/setup.sh" "$folder/run_autograder"
rm -f "$out"
(cd "$folder" && zip -q -r "$out" setup.sh run_autograder faultlab)
echo "$out: $(du -h "$out" | cut -f 1)"
