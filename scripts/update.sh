#!/bin/sh
# Updates this handout and keeps your own work: ./scripts/update.sh [FROM]
# FROM is a git repository, an archive or a folder; by default, the source of the last update.
#
# An update has two phases. The first fetches, checks and stages everything, and changes nothing. The second moves the
# staged files into place one by one. If it is interrupted there, the next run continues with the files still staged.
set -eu

say() {
    printf '%s\n' "$*"
}

fail() {
    say "$*" >&2
    exit 1
}

# A count with its noun: 1 file, 2 files.
count() {
    if [ "$1" -eq 1 ]; then say "1 $2"; else say "$1 $2s"; fi
}

# The checksum and size of a file; nothing if it does not exist.
sum_of() {
    [ -f "$1" ] || return 0
    cksum <"$1" | awk '{ print $1, $2 }'
}

# Checksum, size and path of each existing file in folder $1 that is named on standard input.
sums_in() {
    (cd "$1" && while read -r file; do [ ! -f "$file" ] || say "$file"; done | xargs cksum)
}

# The path that identifies a line of a record. For a vendored crate, it is the path of its checksum list.
known_by() {
    # The awk of macOS and BSD needs brackets around a comparison after `print`.
    awk '{ print ($1 == "crate" ? $4 "/.cargo-checksum.json" : $4) }' "$@" | sort -u
}

# The checksum and size that record $1 has for the path $2; nothing if it has none.
recorded() {
    awk -v path="$2" '$4 == path { print $2, $3 }' "$1"
}

# Finds the handout at $from and sets `new` to its folder.
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

# Checks that every file of the new handout matches its record and that no path leads outside.
check() {
    unknown=$(awk '$1 != "course" && $1 != "student" && $1 != "crate"' "$new/.handout/files")
    [ -z "$unknown" ] || fail "The handout in \`$from\` is for a newer update.sh than this one."
    outside=$(awk 'NF != 4 || $4 !~ /^[A-Za-z0-9._+\/-]+$/ || $4 ~ /^\// || "/" $4 "/" ~ /\/\.\.\// { print $4; exit }' \
        "$new/.handout/files")
    [ -z "$outside" ] || fail "The handout in \`$from\` is damaged: $outside"
    known_by "$new/.handout/files" | sums_in "$new" >"$ready/sums"
    [ -s "$ready/sums" ] || fail "The handout in \`$from\` is damaged: none of its files exists."
    damaged=$(awk 'NR == FNR { sum[$3] = $1 " " $2; next }
        { file = ($1 == "crate" ? $4 "/.cargo-checksum.json" : $4) }
        sum[file] != $2 " " $3 { print $4; exit }' "$ready/sums" "$new/.handout/files")
    [ -z "$damaged" ] || fail "The handout in \`$from\` is damaged: $damaged does not match its checksum."
}

# Decides what to do with each file, from the old record ($1), the new record ($2) and the files on disk:
#   there    already the new version          place    install the new version
#   correct  the student's, already edited, and its skeleton changed
#   changed  the course's, edited by the student, unchanged by the update
#   remove   no longer part of the course     gone     removed from the course, and already deleted
#   stays    removed from the course, but edited by the student
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
                # On a case-insensitive file system, names that differ only in case are one file.
                if (tolower(path) in taken || whose[path] == "student") continue
                if (now[path] == "") action = "gone"
                else action = whose[path] == "crate" || now[path] == was[path] ? "remove" : "stays"
                print action, path
            }
        }' "$1" "$2" "$ready/sums"
}

# Phase one: stages everything that the update from $from needs in .handout/updating. On failure, nothing remains.
prepare() {
    half=first
    ready=$record/preparing
    mkdir "$ready"
    # Git must ignore all of this.
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
        # The student may start editing a file before it is replaced.
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

# Keeps a course file that the student has edited, under a free name.
keep() {
    name=$1.mine
    number=1
    while [ -e "$root/$name" ] && ! cmp -s "$root/$name" "$root/$1"; do
        number=$((number + 1))
        name=$1.mine.$number
    done
    # Record it first: if we stop here, the next run still reports it.
    say "$name" >>"$ready/kept"
    mv -f "$root/$1" "$root/$name"
}

# Removes a file or a crate atomically, since an incomplete crate would break every build.
discard() {
    mkdir -p "$ready/discarded/$(dirname -- "$1")"
    rm -rf "$ready/discarded/${1:?}"
    mv "$root/$1" "$ready/discarded/$1"
}

# Moves a staged file into place atomically. $1 is its owner, $2 its path.
place() {
    to=$root/$2
    if [ "$1" = crate ]; then
        [ ! -e "$to" ] || discard "$2"
    else
        now=$(sum_of "$to")
        if [ -n "$now" ] && [ "$now" != "$(recorded "$ready/before" "$2")" ] && [ "$now" != "$(recorded "$ready/files" "$2")" ]; then
            # The student has edited it.
            [ "$1" = course ] || return 0
            keep "$2"
        fi
    fi
    if ! mkdir -p "$(dirname -- "$to")" || [ -d "$to" ]; then
        fail "Something is in the way of $2: move it elsewhere."
    fi
    # Cargo rebuilds only if sources are newer than the build, and this file may be older.
    touch "$ready/tree/$2"
    mv -f "$ready/tree/$2" "$to"
}

# Phase two: moves the staged files into place. A file that was moved is no longer staged.
finish() {
    ready=$record/updating
    half=second
    self=scripts/update.sh
    while read -r whose _ _ path; do
        # This script is replaced last, because it can continue an interrupted update.
        if [ -e "$ready/tree/$path" ] && [ "$path" != "$self" ]; then place "$whose" "$path"; fi
    done <"$ready/files"
    [ ! -e "$ready/tree/$self" ] || place course "$self"
    compare "$ready/before" "$ready/files" >"$ready/now"
    while read -r action path; do
        [ "$action" != remove ] || discard "$path"
    done <"$ready/now"
    compare "$ready/before" "$ready/files" >"$ready/now"

    # The record is updated after the files.
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
    # Done atomically, like everything else.
    mv "$ready" "$record/preparing"
    half=none
    rm -rf "$record/preparing" || :
}

# Reports what the update has done and what is left to do.
report() {
    while read -r action path; do
        case $action in
        correct)
            # Without a correction, the file was not the student's before.
            [ -f "$ready/corrections/$path" ] || continue
            say "The skeleton of $path was corrected. Your version is unchanged; this is the correction:"
            sed '1,2d; s/^/    /' "$ready/corrections/$path"
            ;;
        changed) say "You have edited $path, a course file. This update does not change it, so your version stays." ;;
        stays) say "$path is no longer needed, but you have edited it; it stays." ;;
        esac
    done <"$ready/now"
    sort -u "$ready/kept" | while read -r name; do
        say "You had edited ${name%.mine*}, a course file. It was replaced; your version is now $name."
    done
    changed=$(awk 'END { print NR }' "$ready/done")
    say "This handout is now version $(cat "$record/version"): $(count "$changed" file) changed."
    corrected=$(awk '$1 == "correct" { n++ } END { print n + 0 }' "$ready/now")
    [ "$corrected" -eq 0 ] || say "$(count "$corrected" correction) to be applied by hand, shown above."
}

# Commits the update as its own commit, if this is a git repository. Other changes are not committed.
commit() {
    if [ ! -e "$root/.git" ]; then
        top=$(git -C "$root" rev-parse --show-toplevel 2>"$ready/ignored") || return 0
        say "Not committed: the git repository here, $top, contains more than the handout."
        return 0
    fi
    head=0
    git -C "$root" rev-parse --quiet --verify HEAD >"$ready/ignored" 2>&1 || head=$?
    if [ "$head" -eq 1 ] && [ ! -s "$ready/ignored" ]; then
        say "Not committed: your git repository has no commits yet."
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
        # An earlier run may have stopped here.
        xargs git diff --cached --quiet HEAD -- <"$ready/paths" && exit 3
        xargs git "$@" commit --quiet --no-verify --only --message "The handout, version $(cat .handout/version)" -- \
            <"$ready/paths"
    ) >"$ready/said" 2>&1; then
        say "The update was committed as its own commit."
    elif [ $? -ne 3 ]; then
        sed 's/^/    /' "$ready/said" >&2
        fail "All files are in place, but git could not commit them; see its message above."
    fi
}

# An exit trap: says how to continue after an interruption.
# shellcheck disable=SC2317
ended() {
    status=$?
    case $half in
    first)
        rm -rf "$record/preparing"
        say "Nothing was changed." >&2
        ;;
    second) say "The update is not complete. Run ./scripts/update.sh again: it continues from here." >&2 ;;
    esac
    exit "$status"
}

update() {
    root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
    record=$root/.handout
    case ${1-} in -h | --help)
        say "usage: ./scripts/update.sh [FROM]"
        say "Updates this handout from a git repository, an archive or a folder, and keeps your own work."
        exit 0
        ;;
    esac
    [ $# -le 1 ] || fail "usage: ./scripts/update.sh [FROM]"
    [ -s "$record/files" ] || fail "This is not a handout: its list of files, $root/.handout/files, is missing."

    half=first
    trap ended EXIT
    trap 'exit 130' HUP INT TERM
    rm -rf "$record/preparing"
    if [ -d "$record/updating" ]; then
        say "An update was interrupted. Finishing it first."
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

# On one line, so that the shell has read all of this file before it is replaced.
update "$@"; exit
