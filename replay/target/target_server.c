#include "replay/target/target_server.h"

#include "base/owned.h"

#include <string.h>
#include <time.h>

#define ENDING_WAIT_COUNT 10
#define ENDING_WAIT_NS 50000000

static bool read_schema(struct target_read *read, const char *schema, struct error *err)
{
    static const char sql[] =
        "SELECT n.oid, n.nspname, has_schema_privilege(n.oid, 'CREATE'),"
        " has_schema_privilege(n.oid, 'USAGE')"
        " FROM pg_catalog.pg_namespace AS n WHERE n.nspname = coalesce($1, current_setting('valise.schema'))";
    const struct connection_values values = {&schema, 1};
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct target_server *server = &read->catalog->server;

    if (!connection_query(read->connection, sql, &values, &rows, err))
        return false;
    if (rows.row_count == 0 && schema == NULL)
        return error_set(err, ERROR_REFUSED,
            "no schema of the role's search_path exists; create one, or ALTER ROLE ... SET search_path");
    if (rows.row_count == 0)
        return error_set(
            err, ERROR_REFUSED, "there is no schema \"%s\" in the target database", schema);
    read->schema_oid = target_read_text(read, &rows, 0, 0);
    server->schema = target_read_text(read, &rows, 0, 1);
    server->may_create_in_schema = connection_rows_boolean(&rows, 0, 2);
    if (!connection_rows_boolean(&rows, 0, 3))
        return error_set(err, ERROR_REFUSED,
            "the role may not use the schema \"%s\"; GRANT USAGE, CREATE ON SCHEMA \"%s\" TO it",
            server->schema, server->schema);
    return true;
}

static const char *provider_name(char letter)
{
    return letter == 'i' ? "icu" : letter == 'b' ? "builtin" : "libc";
}

static bool read_database(struct target_read *read, struct error *err)
{
    const char *sql = arena_format(read->arena,
        "SELECT current_setting('server_version'), d.datname, r.rolname, r.rolsuper,"
        " pg_is_in_recovery(), current_setting('default_transaction_read_only')::boolean,"
        " has_database_privilege(d.oid, 'CREATE'), pg_encoding_to_char(d.encoding),"
        " d.datcollate, d.datctype, %s, %s,"
        " least(current_setting('max_connections')::bigint"
        "  - current_setting('superuser_reserved_connections')::bigint - %s"
        "  - (SELECT count(*) FROM pg_stat_activity AS s WHERE s.datid IS NOT NULL),"
        "  CASE WHEN r.rolconnlimit < 0 OR r.rolsuper THEN 1000000 ELSE r.rolconnlimit"
        "   - (SELECT count(*) FROM pg_stat_activity AS s WHERE s.usesysid = r.oid) END,"
        "  CASE WHEN d.datconnlimit < 0 OR r.rolsuper THEN 1000000 ELSE d.datconnlimit"
        "   - (SELECT count(*) FROM pg_stat_activity AS s WHERE s.datid = d.oid) END),"
        " (SELECT string_agg(quote_ident(e.evtname), ', ' ORDER BY e.evtname)"
        "  FROM pg_event_trigger AS e WHERE e.evtenabled <> 'D'),"
        " EXISTS (SELECT 1 FROM pg_namespace AS n WHERE n.nspname = 'valise'),"
        " EXISTS (SELECT 1 FROM pg_extension AS e WHERE e.extname = 'citus'),"
        " has_database_privilege(d.oid, 'TEMPORARY'),"
        " (SELECT has_schema_privilege(n.oid, 'CREATE') FROM pg_namespace AS n"
        "  WHERE n.nspname = 'valise'),"
        " current_setting('session_replication_role') = 'replica',"
        " (SELECT reset_val = 'replica' FROM pg_settings WHERE name = 'session_replication_role')"
        " FROM pg_database AS d, pg_roles AS r"
        " WHERE d.datname = current_database() AND r.rolname = current_user",
        target_read_since(read, 150000, "d.datlocprovider", "'c'"),
        target_read_since(
            read, 170000, "d.datlocale", target_read_since(read, 150000, "d.daticulocale", "NULL")),
        target_read_since(read, 160000, "current_setting('reserved_connections')::bigint", "0"));
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct target_server *server = &read->catalog->server;

    if (!target_read_query(read, sql, &rows, err))
        return false;
    if (rows.row_count != 1)
        return error_set(err, ERROR_DATABASE, "pg_database has %zu rows for this database and role",
            rows.row_count);
    server->version_num = read->connection->version_num;
    server->version_text = target_read_text(read, &rows, 0, 0);
    server->database = target_read_text(read, &rows, 0, 1);
    server->user = target_read_text(read, &rows, 0, 2);
    server->is_superuser = connection_rows_boolean(&rows, 0, 3);
    server->is_in_recovery = connection_rows_boolean(&rows, 0, 4);
    server->is_read_only = connection_rows_boolean(&rows, 0, 5);
    server->may_create = connection_rows_boolean(&rows, 0, 6);
    server->encoding = target_read_text(read, &rows, 0, 7);
    server->collate = target_read_text(read, &rows, 0, 8);
    server->ctype = target_read_text(read, &rows, 0, 9);
    server->locale_provider = provider_name(target_read_letter(&rows, 0, 10));
    server->locale = target_read_text(read, &rows, 0, 11);
    server->connection_count_max = (int)connection_rows_integer(&rows, 0, 12);
    server->event_triggers = target_read_text(read, &rows, 0, 13);
    server->valise_exists = connection_rows_boolean(&rows, 0, 14);
    server->has_citus = connection_rows_boolean(&rows, 0, 15);
    server->may_create_temporary = connection_rows_boolean(&rows, 0, 16);
    server->may_write_valise = connection_rows_boolean(&rows, 0, 17);
    server->is_replica = connection_rows_boolean(&rows, 0, 18);
    server->makes_replicas = connection_rows_boolean(&rows, 0, 19);
    return true;
}

/* A client that has ended, such as the command before this one, leaves its session for moments. */
static bool may_be_ending(const struct connection_rows *rows)
{
    for (size_t i = 0; i < rows->row_count; i++)
        if (connection_rows_boolean(rows, i, 4))
            return true;
    return false;
}

static bool query_sessions(
    struct target_read *read, const char *sql, struct connection_rows *rows, struct error *err)
{
    for (int i = 0;; i++) {
        OWNED(connection_rows) struct connection_rows cleared = {0};

        if (!connection_query(
                read->connection, "SELECT pg_stat_clear_snapshot()", NULL, &cleared, err)
            || !target_read_query(read, sql, rows, err))
            return false;
        if (i == ENDING_WAIT_COUNT || !may_be_ending(rows))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = ENDING_WAIT_NS}, NULL);
    }
}

/* Who looks at the status only reads. A session that a pooler in session mode keeps open for
   whoever comes next was cleaned with DISCARD ALL when its client left: nobody is behind it. Of
   other roles a role that is no superuser sees the user, but not the kind of session. Nodes of
   Citus keep sessions to each other, which do what some session that we see asks for. */
static bool read_sessions(struct target_read *read, struct error *err)
{
    const char *sql = arena_format(read->arena,
        "SELECT s.pid, coalesce(s.usename, ''), coalesce(s.application_name, ''),"
        " coalesce(host(s.client_addr), ''),"
        " s.state = 'idle' AND s.state_change > clock_timestamp() - interval '2 seconds'"
        " FROM pg_stat_activity AS s"
        " WHERE s.datname = current_database() AND s.pid <> pg_backend_pid()"
        " AND s.application_name IS DISTINCT FROM '" TARGET_SERVER_WATCHER "'"
        " AND (s.state = 'idle' AND s.query = 'DISCARD ALL') IS NOT TRUE %s %s ORDER BY s.pid",
        target_read_since(read, 100000,
            "AND (s.backend_type = 'client backend'"
            " OR (s.backend_type IS NULL AND s.usesysid IS NOT NULL))",
            ""),
        read->catalog->server.has_citus ? "AND s.application_name NOT LIKE 'citus\\_internal%'"
                                        : "");
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct target_session *sessions;

    if (!query_sessions(read, sql, &rows, err))
        return false;
    sessions = arena_alloc(read->arena, rows.row_count, sizeof(*sessions));
    for (size_t i = 0; i < rows.row_count; i++) {
        sessions[i].pid = (int)connection_rows_integer(&rows, i, 0);
        sessions[i].user = target_read_text(read, &rows, i, 1);
        sessions[i].application = target_read_text(read, &rows, i, 2);
        sessions[i].address = target_read_text(read, &rows, i, 3);
    }
    read->catalog->server.sessions = sessions;
    read->catalog->server.session_count = rows.row_count;
    return true;
}

bool target_server_read(struct target_read *read, const char *schema, struct error *err)
{
    return read_schema(read, schema, err) && read_database(read, err) && read_sessions(read, err);
}
