#!/bin/sh
# Brings a corrected handout in, and leaves alone what the student has written: ./scripts/update.sh [FROM]
# FROM is a git repository, an archive or a folder; without it, where the last update came from.
set -eu

say() {
    printf '%s\n' "$*"
}

fail() {
    say "$*" >&2
    exit 1
}

# The checksum and size of a file; nothing if it is not there.
sum_of() {
    [ -f "$1" ] || return 0
    cksum <"$1" | awk '{ print $1, $2 }'
}

# The line of a record about a file: whose it is, its checksum and size.
recorded() {
    awk -v path="$2" '$4 == path { print $1, $2, $3 }' "$1"
}

# Puts a new handout's file in its place, at once or not at all.
place() {
    mkdir -p "$root/$(dirname -- "$1")"
    cp -p "$new/$1" "$root/$1.updating"
    mv -f "$root/$1.updating" "$root/$1"
    say "$1" >>"$work/changed"
}

# Finds the handout called $from, and sets `new` to its folder.
fetch() {
    if [ -f "$from/.handout/files" ]; then
        new=$(CDPATH='' cd -- "$from" && pwd)
        return
    fi
    mkdir "$work/new"
    if [ -f "$from" ]; then
        case $from in
        *.zip) unzip -q "$from" -d "$work/new" ;;
        *) tar -xf "$from" -C "$work/new" ;;
        esac || fail "\`$from\` is not an archive that can be read."
    else
        git clone --quiet --depth 1 -- "$from" "$work/new/clone" ||
            fail "\`$from\` is neither a folder, nor an archive, nor a git repository that can be read."
    fi
    for found in "$work/new/.handout/files" "$work"/new/*/.handout/files; do
        if [ -f "$found" ]; then
            new=$(dirname -- "$(dirname -- "$found")")
            return
        fi
    done
    fail "There is no handout in \`$from\`."
}

# A file of the course: the new one takes its place; one that the student has changed is kept beside it.
update_course() {
    mine=$(sum_of "$root/$1")
    [ "$mine" != "$2" ] || return 0
    if [ -n "$mine" ] && [ "$mine" != "$3" ]; then
        cp -p "$root/$1" "$root/$1.mine"
        say "replaced, your version is kept as $1.mine"
        kept=$((kept + 1))
    fi
    place "$1"
}

# A file of the student's: never touched once it was changed.
update_student() {
    mine=$(sum_of "$root/$1")
    if [ -z "$3" ]; then
        # New in this handout.
        [ -n "$mine" ] || place "$1"
    elif [ "$2" != "$3" ] && [ "$mine" = "$3" ]; then
        place "$1"
    elif [ "$2" != "$3" ] && [ -n "$mine" ] && [ "$mine" != "$2" ]; then
        say "The skeleton of $1 was corrected. Yours is left as it is; the correction:"
        diff -u "$root/.handout/skeleton/$1" "$new/.handout/skeleton/$1" | sed '1,2d; s/^/    /' || :
        corrected=$((corrected + 1))
    fi
}

update() {
    root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
    record=$root/.handout
    [ -f "$record/files" ] || fail "This is not a handout: there is no .handout/files in $root."
    case $# in
    0) [ -f "$record/from" ] || fail "usage: ./scripts/update.sh FROM" && from=$(cat "$record/from") ;;
    1) from=$1 ;;
    *) fail "usage: ./scripts/update.sh [FROM]" ;;
    esac

    work=$(mktemp -d "${TMPDIR:-/tmp}/faultlab-update.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    : >"$work/changed"
    kept=0
    corrected=0
    fetch

    while read -r whose sum size path; do
        case /$path/ in */../* | //*) fail "The handout in \`$from\` is damaged: $path" ;; esac
        [ -f "$new/$path" ] || fail "The handout in \`$from\` is damaged: $path is missing."
        before=$(recorded "$record/files" "$path" | cut -d ' ' -f 2-)
        case $whose in
        course) update_course "$path" "$sum $size" "$before" ;;
        student) update_student "$path" "$sum $size" "$before" ;;
        *) fail "The handout in \`$from\` is for a newer update.sh than this one." ;;
        esac
    done <"$new/.handout/files"

    # What the course has taken back.
    while read -r whose sum size path; do
        [ "$whose" = course ] || continue
        [ -z "$(recorded "$new/.handout/files" "$path")" ] || continue
        if [ "$(sum_of "$root/$path")" = "$sum $size" ]; then
            rm -f "$root/$path"
            say "$path" >>"$work/changed"
        elif [ -f "$root/$path" ]; then
            say "$path is no longer needed, but you have changed it; it stays."
        fi
    done <"$record/files"

    # The record comes last: an update that was interrupted is simply done again.
    rm -rf "$record/skeleton"
    [ ! -d "$new/.handout/skeleton" ] || cp -R "$new/.handout/skeleton" "$record/skeleton"
    cp "$new/.handout/version" "$record/version"
    cp "$new/.handout/files" "$record/files"
    [ ! -e "$from" ] || from=$(CDPATH='' cd -- "$(dirname -- "$from")" && pwd)/$(basename -- "$from")
    say "$from" >"$record/from"

    count=$(wc -l <"$work/changed" | tr -d ' ')
    say "This handout is now version $(cat "$record/version"): $count files changed."
    [ "$kept" -eq 0 ] || say "$kept of your changes to the course's files are kept with .mine at the end of the name."
    [ "$corrected" -eq 0 ] || say "$corrected corrections are yours to apply by hand; they are shown above."
    commit
}

# Makes the update a commit of its own, if this is a git repository. What else was changed stays as it is.
commit() {
    top=$(git -C "$root" rev-parse --show-toplevel 2>"$work/ignored") || return 0
    [ "$top" = "$(CDPATH='' cd -- "$root" && pwd -P)" ] || return 0
    say .handout >>"$work/changed"
    # One path after another: an old git has no list of them in a file.
    while IFS= read -r path; do
        git -C "$root" add --all --force -- "$path" 2>"$work/ignored" || :
    done <"$work/changed"
    tr '\n' '\0' <"$work/changed" >"$work/paths"
    (cd "$root" && xargs -0 git commit --quiet --only --message "The handout, version $(cat .handout/version)" -- <"$work/paths") \
        >"$work/said" 2>&1 && say "It is a commit of its own." && return 0
    grep -q 'nothing to commit' "$work/said" || grep -q 'no changes added' "$work/said" ||
        say "It could not be committed; do it yourself: $(tail -n 1 "$work/said")"
}

# In one line, so that the shell has read all of this file before it is replaced.
update "$@"; exit
