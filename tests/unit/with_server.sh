#!/bin/sh
# with_server.sh COMMAND...: runs a test against a throwaway PostgreSQL, or skips it (status 77).
set -eu
tools=$(dirname "$0")/../../tools

if [ -z "${VALISE_PG_BINDIR:-}" ] && ! pg_config --bindir >/dev/null 2>&1 \
    && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    echo "SKIP: no PostgreSQL server is installed"
    exit 77
fi
exec "$tools/with_postgres.sh" "$@"
