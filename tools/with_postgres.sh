#!/bin/bash
# Run a command with a throwaway PostgreSQL, and leave nothing behind.
#
#     tools/with_postgres.sh CMD [ARGUMENT...]
#
# The server is new (UTF8, C locale), listens on a socket in a private folder (no password needed) and on a free
# port of 127.0.0.1 (by password). CMD finds it by PGHOST, PGPORT, PGUSER and PGPASSWORD, PGUSER being a superuser.
# VALISE_PGHOST_TCP is 127.0.0.1. The exit status is CMD's. Works as root (then the server runs as user postgres,
# as PostgreSQL refuses root) and as anyone else. VALISE_PG_BINDIR says where initdb is, if it is not found; lines in
# VALISE_PG_SETTINGS are added to postgresql.conf. VALISE_PG_PARENT is where its folder is made (default: /tmp).
set -euo pipefail

die() {
    echo "with_postgres.sh: $*" >&2
    exit 1
}

[ $# -gt 0 ] || die "usage: tools/with_postgres.sh CMD [ARGUMENT...]"

find_programs() {  # prints the folder of initdb and postgres
    local folder newest=""
    if [ -n "${VALISE_PG_BINDIR:-}" ]; then
        echo "$VALISE_PG_BINDIR"
        return
    fi
    while read -r folder; do
        [ ! -x "$folder/initdb" ] || newest=$folder
    done < <({ pg_config --bindir 2>/dev/null || true
               printf '%s\n' /usr/lib/postgresql/*/bin | sort -V; })
    echo "$newest"
}

programs=$(find_programs)
[ -x "$programs/initdb" ] || die "no PostgreSQL server found; install postgresql, or set VALISE_PG_BINDIR"

as_owner() {  # PostgreSQL refuses to run as root
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups "$@"
    else
        "$@"
    fi
}

if [ "$(id -u)" -eq 0 ]; then
    id postgres >/dev/null 2>&1 || die "run as root, this needs a user named postgres (package postgresql-common)"
fi

folder=$(mktemp -d "${VALISE_PG_PARENT:-/tmp}/valise-pg.XXXXXX")   # short: the path of a socket has at most 107 bytes
started=""

# shellcheck disable=SC2317
cleanup() {  # called by the trap
    trap '' INT TERM HUP
    if [ -n "$started" ]; then
        as_owner "$programs/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null 2>&1 || true
    fi
    rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$password" > "$folder/password"
[ "$(id -u)" -ne 0 ] || chown -R postgres "$folder"

cd "$folder"   # the server's user may not be able to enter the caller's folder
case $("$programs/initdb" --version) in
    *" 9."*) by_password=md5 ;;   # older than scram-sha-256
    *) by_password=scram-sha-256 ;;
esac
as_owner "$programs/initdb" -D "$folder/data" -U postgres --encoding=UTF8 --locale=C -N \
    --auth-local=trust --auth-host=$by_password --pwfile="$folder/password" > "$folder/initdb.log" 2>&1 ||
    die "initdb failed: $(tail -n 5 "$folder/initdb.log")"
cat >> "$folder/data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
max_connections = 60
fsync = off
shared_buffers = 256MB
max_wal_size = 4GB
timezone = 'UTC'
${VALISE_PG_SETTINGS:-}
END

for _ in 1 2 3 4 5 6 7 8; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))   # below the range that outgoing connections use
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        continue
    fi
    if as_owner "$programs/pg_ctl" -D "$folder/data" -l "$folder/log" -o "-p $port" -w -t 60 start \
        > "$folder/start.log" 2>&1 < /dev/null; then
        started=yes
        break
    fi
    grep -q 'Address already in use' "$folder/log" || break   # another port would not help
done
[ -n "$started" ] || die "PostgreSQL did not start: $(tail -n 5 "$folder/log" "$folder/start.log" 2>&1)"
cd - >/dev/null

export PGHOST=$folder PGPORT=$port PGUSER=postgres PGPASSWORD=$password VALISE_PGHOST_TCP=127.0.0.1
unset PGDATABASE PGSERVICE PGSERVICEFILE PGOPTIONS PGSSLMODE
status=0
"$@" || status=$?
exit "$status"
