#include "replay/report/status.h"

#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"
#include "replay/plan/rejects.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void status_release(struct status *status)
{
    ledger_release(&status->ledger);
    arena_release(&status->arena);
    *status = (struct status){0};
}

bool status_is_running(const struct status *status)
{
    return status->session_count > 0;
}

static const char *keep(
    struct status *status, const struct connection_rows *rows, size_t row, size_t column)
{
    const char *text = connection_rows_text(rows, row, column);

    return text == NULL ? NULL : arena_text(&status->arena, text);
}

/* --- sessions --------------------------------------------------------------------------- */

/* What a statement is for, by how it begins. A table is named by a COPY itself, else by the lock
   that the session holds. */
#define SESSIONS_SQL \
    "SELECT a.pid, coalesce(a.state, '') = 'active'," \
    " EXISTS (SELECT 1 FROM pg_catalog.pg_locks w WHERE w.pid = a.pid AND NOT w.granted)," \
    " CASE WHEN coalesce(a.state, '') <> 'active' THEN NULL" \
    " WHEN a.query LIKE 'COPY pg_temp.%%' THEN 'derive'" \
    " WHEN a.query LIKE 'COPY (%%' OR a.query LIKE 'SELECT count(*)%%' THEN 'verify'" \
    " WHEN a.query LIKE 'COPY %%' THEN 'load'" \
    " WHEN a.query LIKE 'CREATE %%' OR a.query LIKE 'ALTER %%' THEN 'index'" \
    " WHEN a.query LIKE 'ANALYZE%%' THEN 'analyze' END," \
    " coalesce(replace(substring(a.query from" \
    " '^COPY (?:\"(?:[^\"]|\"\")*\"|[^\" .(]+)\\.(?:\"((?:[^\"]|\"\")*)\"|[^\" .(]+)')," \
    " '\"\"', '\"')," \
    " (SELECT c.relname FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c" \
    " ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace" \
    " WHERE l.pid = a.pid AND l.locktype = 'relation' AND c.relkind IN ('r', 'p')" \
    " AND l.database = (SELECT oid FROM pg_catalog.pg_database" \
    " WHERE datname = current_database())" \
    " AND n.nspname NOT IN ('valise', 'pg_catalog') AND n.nspname NOT LIKE 'pg\\_temp%%'" \
    " ORDER BY l.mode LIKE '%%Exclusive%%' DESC, c.relname LIMIT 1))," \
    " (extract(epoch FROM clock_timestamp() - a.query_start) * 1000)::bigint, %s" \
    " FROM pg_catalog.pg_stat_activity a WHERE a.datname = current_database()" \
    " AND a.application_name = 'valise-replay' AND a.pid <> pg_backend_pid() ORDER BY a.pid"

#define COPY_ROWS_SQL \
    "(SELECT p.tuples_processed FROM pg_catalog.pg_stat_progress_copy p WHERE p.pid = a.pid)"

static bool read_sessions(struct status *status, struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    const char *sql = arena_format(
        &status->arena, SESSIONS_SQL, connection->version_num >= 140000 ? COPY_ROWS_SQL : "0");

    if (!connection_query(connection, sql, NULL, &rows, err))
        return false;
    status->sessions = arena_alloc(&status->arena, rows.row_count + 1, sizeof(*status->sessions));
    status->session_count = rows.row_count;
    for (size_t i = 0; i < rows.row_count; i++)
        status->sessions[i] = (struct status_session){
            .pid = (int)connection_rows_integer(&rows, i, 0),
            .is_active = connection_rows_boolean(&rows, i, 1),
            .is_waiting = connection_rows_boolean(&rows, i, 2),
            .phase = keep(status, &rows, i, 3),
            .table = connection_rows_text(&rows, i, 3) == NULL ? NULL : keep(status, &rows, i, 4),
            .seconds = (double)connection_rows_integer(&rows, i, 5) / 1000,
            .row_count = (uint64_t)connection_rows_integer(&rows, i, 6),
        };
    return true;
}

/* --- the ledger -------------------------------------------------------------------------- */

static bool read_numbers(struct status *status, struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    const char *sql = arena_format(&status->arena,
        "SELECT (SELECT count(copy_name) FROM valise.saved_table WHERE replay = %" PRId64 "),"
        " (SELECT (extract(epoch FROM coalesce(finished, clock_timestamp()) - started)"
        " * 1000)::bigint FROM valise.replay WHERE id = %" PRId64 ")",
        status->ledger.replay.id, status->ledger.replay.id);

    if (!connection_query(connection, sql, NULL, &rows, err))
        return false;
    status->saved_table_count = (uint64_t)connection_rows_integer(&rows, 0, 0);
    status->seconds = (double)connection_rows_integer(&rows, 0, 1) / 1000;
    return rejects_count(connection, &status->reject_count, err);
}

/* How many of the objects that were taken down are there again: one query for all. */
static bool count_restored(struct status *status, struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    if (status->ledger.object_count == 0)
        return true;
    quote_plain(&sql, "SELECT count(*) FROM (");
    for (size_t i = 0; i < status->ledger.object_count; i++) {
        quote_plain(&sql, i == 0 ? "SELECT (" : " UNION ALL SELECT (");
        quote_plain(&sql, status->ledger.objects[i].exists);
        quote_plain(&sql, ")");
    }
    quote_plain(&sql, ") AS found (is_there) WHERE is_there");
    if (!connection_query(connection, quote_text(&sql), NULL, &rows, err))
        return false;
    status->restored_count = (uint64_t)connection_rows_integer(&rows, 0, 0);
    return true;
}

static bool read_database(struct status *status, struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_query(connection,
            "SELECT current_database(), current_setting('server_version')", NULL, &rows, err))
        return false;
    status->database = keep(status, &rows, 0, 0);
    status->server = keep(status, &rows, 0, 1);
    return true;
}

static bool read_all(struct status *status, struct connection *connection, struct error *err)
{
    if (!read_database(status, connection, err) || !read_sessions(status, connection, err)
        || !ledger_read(&status->ledger, connection, err))
        return false;
    return status->ledger.replay.phase == LEDGER_PHASE_NONE
           || (ledger_plan_read(&status->ledger, connection, &status->arena, &status->tables,
                   &status->table_count, err)
               && read_numbers(status, connection, err) && count_restored(status, connection, err));
}

bool status_read(struct status *status, struct connection *connection, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};

    status_release(status);
    return connection_transaction_begin(
               &transaction, connection, "ISOLATION LEVEL REPEATABLE READ, READ ONLY", err)
           && connection_exec(connection, "SET LOCAL lock_timeout = '2s'", err)
           && read_all(status, connection, err) && connection_transaction_commit(&transaction, err);
}
