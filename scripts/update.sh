#!/bin/sh
# Brings a corrected handout in, and leaves alone what the student has written: ./scripts/update.sh [FROM]
# FROM is a git repository, an archive or a folder; without it, where the last update came from.
#
# An update has two halves. First all that it needs is fetched, checked and laid ready; until then nothing
# is changed. Then file after file is moved to its place. Whatever stops it there: the next run goes on with
# what still lies ready.
set -eu

say() {
    printf '%s\n' "$*"
}

fail() {
    say "$*" >&2
    exit 1
}

# A number of things, in words.
count() {
    if [ "$1" -eq 1 ]; then say "1 $2"; else say "$1 $2s"; fi
}

# The checksum and size of a file; nothing if it is not there.
sum_of() {
    [ -f "$1" ] || return 0
    cksum <"$1" | awk '{ print $1, $2 }'
}

# Checksum, size and path of each file in folder $1 that is named on standard input and is there.
sums_in() {
    (cd "$1" && while read -r file; do [ ! -f "$file" ] || say "$file"; done | xargs cksum)
}

# The file by which each line of a record is known. A vendored crate is known by its list of checksums.
known_by() {
    # The awk of macOS and BSD takes a comparison behind `print` only in brackets.
    awk '{ print ($1 == "crate" ? $4 "/.cargo-checksum.json" : $4) }' "$@" | sort -u
}

# The checksum and size that record $1 has for the path $2; nothing if it is not in there.
recorded() {
    awk -v path="$2" '$4 == path { print $2, $3 }' "$1"
}

# Finds the handout called $from, and sets `new` to its folder.
fetch() {
    if [ -s "$from/.handout/files" ]; then
        new=$(CDPATH='' cd -- "$from" && pwd)
        return
    fi
    mkdir "$ready/fetched"
    if [ -f "$from" ]; then
        case $from in
        *.zip) unzip -q "$from" -d "$ready/fetched" ;;
        *) tar -xf "$from" -C "$ready/fetched" ;;
        esac || fail "\`$from\` is not an archive that can be read."
    else
        quiet=--quiet
        [ ! -t 2 ] || quiet=--progress
        git -c core.autocrlf=false clone "$quiet" --depth 1 -- "$from" "$ready/fetched/clone" ||
            fail "\`$from\` is neither a folder, nor an archive, nor a git repository that can be read."
    fi
    for found in "$ready/fetched/.handout/files" "$ready"/fetched/*/.handout/files; do
        if [ -s "$found" ]; then
            new=$(dirname -- "$(dirname -- "$found")")
            return
        fi
    done
    fail "There is no handout in \`$from\`."
}

# Every file of the new handout is as its record says, and none leads out of the folder.
check() {
    unknown=$(awk '$1 != "course" && $1 != "student" && $1 != "crate"' "$new/.handout/files")
    [ -z "$unknown" ] || fail "The handout in \`$from\` is for a newer update.sh than this one."
    outside=$(awk 'NF != 4 || $4 !~ /^[A-Za-z0-9._+\/-]+$/ || $4 ~ /^\// || "/" $4 "/" ~ /\/\.\.\// { print $4; exit }' \
        "$new/.handout/files")
    [ -z "$outside" ] || fail "The handout in \`$from\` is damaged: $outside"
    known_by "$new/.handout/files" | sums_in "$new" >"$ready/sums"
    [ -s "$ready/sums" ] || fail "The handout in \`$from\` is damaged: no file of its record is there."
    damaged=$(awk 'NR == FNR { sum[$3] = $1 " " $2; next }
        { file = ($1 == "crate" ? $4 "/.cargo-checksum.json" : $4) }
        sum[file] != $2 " " $3 { print $4; exit }' "$ready/sums" "$new/.handout/files")
    [ -z "$damaged" ] || fail "The handout in \`$from\` is damaged: $damaged is not what it should be."
}

# What is to be done about each file, from the record before ($1), the new one ($2) and what is there:
#   there    it is the new one already      place    the new one belongs here
#   correct  the student's, begun, and its skeleton was corrected
#   changed  the course's, changed by the student and not by the update
#   remove   the course has taken it back   gone     taken back, and no longer there
#   stays    taken back, but changed by the student
compare() {
    known_by "$1" "$2" | sums_in "$root" >"$ready/sums"
    awk 'FNR == 1 { file++ }
        file == 1 { was[$4] = $2 " " $3; whose[$4] = $1; old[++olds] = $4 }
        file == 2 { is[$4] = $2 " " $3; whose[$4] = $1; new[++news] = $4; taken[tolower($4)] }
        file == 3 { sub(/\/\.cargo-checksum\.json$/, "", $3); now[$3] = $1 " " $2 }
        END {
            for (i = 1; i <= news; i++) {
                path = new[i]
                if (now[path] == is[path]) action = "there"
                else if (whose[path] == "crate") action = "place"
                else if (whose[path] == "course")
                    action = now[path] != "" && was[path] == is[path] ? "changed" : "place"
                else if (was[path] == "") action = now[path] == "" ? "place" : ""
                else if (was[path] == is[path] || now[path] == "") action = ""
                else action = now[path] == was[path] ? "place" : "correct"
                if (action != "") print action, path
            }
            for (i = 1; i <= olds; i++) {
                path = old[i]
                # On some file systems names that differ only in case are one file.
                if (tolower(path) in taken || whose[path] == "student") continue
                if (now[path] == "") action = "gone"
                else action = whose[path] == "crate" || now[path] == was[path] ? "remove" : "stays"
                print action, path
            }
        }' "$1" "$2" "$ready/sums"
}

# The first half: lays all that the update from $from needs ready in .handout/updating, or fails and leaves nothing.
prepare() {
    half=first
    ready=$record/preparing
    mkdir "$ready"
    # Nothing of this is a commit's business.
    say '*' >"$ready/.gitignore"
    fetch
    check
    compare "$record/files" "$new/.handout/files" >"$ready/plan"
    mkdir "$ready/tree" "$ready/corrections" "$ready/record"
    while read -r action path; do
        if [ "$action" = place ]; then
            mkdir -p "$ready/tree/$(dirname -- "$path")"
            cp -pR "$new/$path" "$ready/tree/$path"
        fi
        # The student may begin a file before it is replaced.
        if [ -f "$record/skeleton/$path" ] && [ -f "$new/.handout/skeleton/$path" ]; then
            mkdir -p "$ready/corrections/$(dirname -- "$path")"
            diff -u "$record/skeleton/$path" "$new/.handout/skeleton/$path" >"$ready/corrections/$path" || [ $? -eq 1 ]
        fi
    done <"$ready/plan"
    cp "$record/files" "$ready/before"
    cp "$new/.handout/files" "$ready/files"
    cp "$new/.handout/files" "$new/.handout/version" "$ready/record"
    [ ! -d "$new/.handout/skeleton" ] || cp -R "$new/.handout/skeleton" "$ready/record/skeleton"
    [ ! -e "$from" ] || from=$(CDPATH='' cd -- "$(dirname -- "$from")" && pwd)/$(basename -- "$from")
    say "$from" >"$ready/record/from"
    : >"$ready/kept"
    rm -rf "$ready/fetched"
    mv "$ready" "$record/updating"
}

# Keeps a file of the course that the student has changed, under a name that is free.
keep() {
    name=$1.mine
    number=1
    while [ -e "$root/$name" ] && ! cmp -s "$root/$name" "$root/$1"; do
        number=$((number + 1))
        name=$1.mine.$number
    done
    # Noted first: if it stops here, the next run still says so.
    say "$name" >>"$ready/kept"
    mv -f "$root/$1" "$root/$name"
}

# Takes a file or a crate away, at once or not at all: half a crate would stop every build.
discard() {
    mkdir -p "$ready/discarded/$(dirname -- "$1")"
    rm -rf "$ready/discarded/${1:?}"
    mv "$root/$1" "$ready/discarded/$1"
}

# Puts a file that lies ready in its place, at once or not at all. $1 is whose it is, $2 its path.
place() {
    to=$root/$2
    if [ "$1" = crate ]; then
        [ ! -e "$to" ] || discard "$2"
    else
        now=$(sum_of "$to")
        if [ -n "$now" ] && [ "$now" != "$(recorded "$ready/before" "$2")" ] && [ "$now" != "$(recorded "$ready/files" "$2")" ]; then
            # The student has written in it.
            [ "$1" = course ] || return 0
            keep "$2"
        fi
    fi
    if ! mkdir -p "$(dirname -- "$to")" || [ -d "$to" ]; then
        fail "Something is in the way of $2: move it somewhere else."
    fi
    # What is built is built anew where a source is younger than it, and this one may be older.
    touch "$ready/tree/$2"
    mv -f "$ready/tree/$2" "$to"
}

# The second half: moves what lies ready to its place. What has been moved is not there a second time.
finish() {
    ready=$record/updating
    half=second
    self=scripts/update.sh
    while read -r whose _ _ path; do
        # The script that knows how to go on is replaced last.
        if [ -e "$ready/tree/$path" ] && [ "$path" != "$self" ]; then place "$whose" "$path"; fi
    done <"$ready/files"
    [ ! -e "$ready/tree/$self" ] || place course "$self"
    compare "$ready/before" "$ready/files" >"$ready/now"
    while read -r action path; do
        [ "$action" != remove ] || discard "$path"
    done <"$ready/now"
    compare "$ready/before" "$ready/files" >"$ready/now"

    # The record follows the files.
    if [ -d "$ready/record/skeleton" ]; then
        rm -rf "$record/skeleton"
        mv "$ready/record/skeleton" "$record/skeleton"
    fi
    for name in version from files; do
        [ ! -f "$ready/record/$name" ] || mv -f "$ready/record/$name" "$record/$name"
    done
    awk 'NR == FNR { if ($1 == "place" || $1 == "remove") planned[$2]; next }
        ($1 == "there" || $1 == "gone") && $2 in planned { print $2 }' "$ready/plan" "$ready/now" >"$ready/done"

    report
    commit
    # At once or not at all, like everything.
    mv "$ready" "$record/preparing"
    half=none
    rm -rf "$record/preparing" || :
}

# Says what the update has done, and what is left to do.
report() {
    while read -r action path; do
        case $action in
        correct)
            # It was no file of the student's before.
            [ -f "$ready/corrections/$path" ] || continue
            say "The skeleton of $path was corrected. Yours is left as it is; the correction:"
            sed '1,2d; s/^/    /' "$ready/corrections/$path"
            ;;
        changed) say "You have changed $path, a file of the course. This update does not: yours stays." ;;
        stays) say "$path is no longer needed, but you have changed it; it stays." ;;
        esac
    done <"$ready/now"
    sort -u "$ready/kept" | while read -r name; do
        say "You had changed ${name%.mine*}, a file of the course. It is replaced, and your version is kept as $name."
    done
    changed=$(awk 'END { print NR }' "$ready/done")
    say "This handout is now version $(cat "$record/version"): $(count "$changed" file) changed."
    corrected=$(awk '$1 == "correct" { n++ } END { print n + 0 }' "$ready/now")
    [ "$corrected" -eq 0 ] || say "$(count "$corrected" correction) to be applied by hand, shown above."
}

# Makes the update a commit of its own, if this is a git repository. What else was changed stays as it is.
commit() {
    if [ ! -e "$root/.git" ]; then
        top=$(git -C "$root" rev-parse --show-toplevel 2>"$ready/ignored") || return 0
        say "It is not committed: the git repository here, $top, holds more than the handout."
        return 0
    fi
    head=0
    git -C "$root" rev-parse --quiet --verify HEAD >"$ready/ignored" 2>&1 || head=$?
    if [ "$head" -eq 1 ] && [ ! -s "$ready/ignored" ]; then
        say "It is not committed: your git repository has no commit yet."
        return 0
    fi
    for name in files from version skeleton; do
        say ".handout/$name"
    done >>"$ready/done"
    : >"$ready/added"
    : >"$ready/removed"
    while read -r path; do
        if [ -e "$root/$path" ]; then
            say "$path" >>"$ready/added"
        else
            known=$(git -C "$root" ls-tree HEAD -- "$path")
            [ -z "$known" ] || say "$path" >>"$ready/removed"
        fi
    done <"$ready/done"
    cat "$ready/added" "$ready/removed" >"$ready/paths"
    set -- -c commit.gpgsign=false
    git -C "$root" config user.email >"$ready/ignored" ||
        set -- "$@" -c user.name=Faultlab -c user.email=faultlab@localhost
    if (
        cd "$root"
        xargs git add --all --force -- <"$ready/added" || exit 1
        if [ -s "$ready/removed" ]; then
            xargs git rm --quiet -r --cached --ignore-unmatch -- <"$ready/removed" || exit 1
        fi
        # An earlier run may have come as far as this.
        xargs git diff --cached --quiet HEAD -- <"$ready/paths" && exit 3
        xargs git "$@" commit --quiet --no-verify --only --message "The handout, version $(cat .handout/version)" -- \
            <"$ready/paths"
    ) >"$ready/said" 2>&1; then
        say "It is a commit of its own."
    elif [ $? -ne 3 ]; then
        sed 's/^/    /' "$ready/said" >&2
        fail "All files are in their places, but git does not commit them. See above what it says."
    fi
}

# Tells how to go on after whatever stopped it. (A trap.)
# shellcheck disable=SC2317
ended() {
    status=$?
    case $half in
    first)
        rm -rf "$record/preparing"
        say "Nothing was changed." >&2
        ;;
    second) say "The update is not complete. Run ./scripts/update.sh again: it goes on from here." >&2 ;;
    esac
    exit "$status"
}

update() {
    root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
    record=$root/.handout
    case ${1-} in -h | --help)
        say "usage: ./scripts/update.sh [FROM]"
        say "Brings a corrected handout in from a git repository, an archive or a folder, and leaves alone what you have written."
        exit 0
        ;;
    esac
    [ $# -le 1 ] || fail "usage: ./scripts/update.sh [FROM]"
    [ -s "$record/files" ] || fail "This is not a handout: there is no list of its files, $root/.handout/files."

    half=first
    trap ended EXIT
    trap 'exit 130' HUP INT TERM
    rm -rf "$record/preparing"
    if [ -d "$record/updating" ]; then
        say "An update was interrupted. It is finished first."
        finish
        [ $# -eq 1 ] || return 0
    fi
    if [ $# -eq 1 ]; then
        from=$1
    else
        [ -f "$record/from" ] || fail "usage: ./scripts/update.sh FROM"
        from=$(cat "$record/from")
    fi
    prepare
    finish
}

# In one line, so that the shell has read all of this file before it is replaced.
update "$@"; exit
