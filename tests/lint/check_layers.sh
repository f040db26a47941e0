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
forbid doctor 'format|dump|replay|tools|tests'
forbid tools 'replay|tests'

# replay/, from the ground up: each of these includes only those before it, and preflight and delta not each other.
above=
for part in report delta preflight load ledger plan values target; do
    [ -z "$above" ] || forbid "replay/$part" "$above"
    above=$above${above:+|}replay/$part
done
forbid replay/delta 'replay/preflight'
for part in target values plan ledger load preflight delta report; do
    if grep -rnE '^#include "replay/[a-z_]+\.h"' "replay/$part" --include='*.[ch]'; then
        echo "replay/$part must not include what is above the parts of replay/" >&2
        status=1
    fi
done

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
