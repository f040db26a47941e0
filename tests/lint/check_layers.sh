#!/bin/sh
# Fails if a folder includes what it must not: base -> watch | format | postgres | profile -> dump | replay | doctor -> tools (STYLE 1).
set -eu
cd "${1:-.}"
status=0

forbid() { # folder, folders that it must not include
    if grep -rnE "^#include \"($2)/" "$1" --include='*.[ch]'; then
        echo "$1/ must not include $2" >&2
        status=1
    fi
}

forbid_library() { # folder, headers that it must not include
    if grep -rnE "^#include <($2)\.h>" "$1" --include='*.[ch]'; then
        echo "$1/ must not use <$2.h>" >&2
        status=1
    fi
}

forbid base 'watch|format|postgres|profile|dump|replay|doctor|tools|tests'
forbid format 'watch|postgres|profile|dump|replay|doctor|tools|tests'
forbid postgres 'watch|format|profile|dump|replay|doctor|tools|tests'
forbid profile 'watch|format|postgres|dump|replay|doctor|tools|tests'
forbid watch 'format|postgres|profile|dump|replay|doctor|tools|tests'
forbid dump 'postgres|profile|replay|doctor|tools|tests'
forbid replay 'dump|doctor|tools|tests'
forbid doctor 'watch|format|dump|replay|tools|tests'
forbid tools 'replay|tests'
forbid_library base 'sqlite3|libpq-fe'
forbid_library format 'sqlite3|libpq-fe'
forbid_library postgres 'sqlite3'
forbid_library profile 'sqlite3|libpq-fe'
forbid_library watch 'sqlite3|libpq-fe'
forbid_library dump 'libpq-fe'
forbid_library replay 'sqlite3|libpq-fe'
forbid_library doctor 'sqlite3|libpq-fe'
forbid_library tools 'libpq-fe'
exit $status
