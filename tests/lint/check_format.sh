#!/bin/sh
# Fails if a C file is not as clang-format 14 writes it. Exit status 77 where that is not installed.
set -eu
cd "${1:-.}"
format=$(command -v clang-format-14 || command -v clang-format || :)
if [ -z "$format" ] || ! "$format" --version | grep -q 'version 14'; then
    echo "SKIP: clang-format 14 is not installed"
    exit 77
fi
find base watch format postgres profile dump replay doctor tools tests -name '*.[ch]' -exec "$format" --dry-run --Werror {} +
