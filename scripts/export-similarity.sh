#!/bin/sh
# Lays submissions out for tools that look for copied code: ./scripts/export-similarity.sh RESULTS OUT
# RESULTS is a folder that grade.sh made. OUT gets the sources, the skeleton as base code, and a hint of our own:
# submissions that behave alike.
set -eu

if [ $# -ne 2 ]; then
    echo "usage: ./scripts/export-similarity.sh RESULTS OUT" >&2
    exit 2
fi
exec "$(dirname -- "$0")/grade.sh" --out "$1" --export-similarity "$2"
