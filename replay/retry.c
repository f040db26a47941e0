#include "replay/retry.h"

#include "base/file.h"
#include "base/owned.h"
#include "base/stop.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"
#include "replay/ledger/ledger.h"
#include "replay/plan/rejects.h"
#include "replay/retry_row.h"
#include "replay/target/ddl.h"
#include "replay/target/target_server.h"
#include "replay/values/reject_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_SIZE_MAX ((size_t)1 << 30)
#define SHOWN_MAX 50 /* rows that are left, in the list */
#define SHOWN_OF_TABLE_MAX 5

/* One call of retry_run(). */
struct attempt {
    const struct retry *retry;
    struct arena arena;
    struct ledger ledger;
    struct target_catalog catalog;
    struct ddl_plan triggers; /* that rest meanwhile */
    struct retry_row *rows;   /* owned; those of a table together */
    size_t count;
    size_t back_count;
    size_t stranger_count; /* rows of the file that are not among the rejected ones */
};

static void attempt_release(struct attempt *attempt)
{
    free(attempt->rows);
    ddl_plan_release(&attempt->triggers);
    target_catalog_release(&attempt->catalog);
    ledger_release(&attempt->ledger);
    arena_release(&attempt->arena);
}

static void tell(const struct attempt *attempt, const char *text)
{
    quote_plain(attempt->retry->out, text);
}

/* --- what there is -------------------------------------------------------------- */

static bool check_ledger(struct attempt *attempt, struct error *err)
{
    struct connection *connection = attempt->retry->connection;
    enum ledger_phase phase;

    if (!ledger_read(&attempt->ledger, connection, err))
        return false;
    phase = attempt->ledger.replay.phase;
    if (phase == LEDGER_PHASE_NONE)
        return error_set(err, ERROR_REFUSED, "nothing was replayed into this database");
    if (phase != LEDGER_PHASE_DONE)
        return error_set(err, ERROR_REFUSED,
            "a replay is unfinished (phase %s); finish it first with the same command, or undo it "
            "with --abort",
            ledger_phase_name(phase));
    if (!target_catalog_read(&attempt->catalog, connection, NULL, err))
        return false;
    return (!attempt->catalog.server.is_replica
               || error_set(
                   err, ERROR_REFUSED, TARGET_SERVER_REPLICA "; " TARGET_SERVER_REPLICA_ADVICE))
           && value_policy_check_columns(attempt->retry->policies, &attempt->catalog, err);
}

/* Numbers are given anew by every replay: a row is known by its bytes. Of equal ones that of the
   same number comes first, then one that is not repaired. */
#define IS_ROW " AND table_name = $3 AND row_bytes = decode($4, 'hex')"

static const char *const repair_sql[] = {
    "UPDATE valise.rejects SET repair = $2 WHERE id = $1 AND replay = " REJECTS_REPLAY IS_ROW
    " RETURNING 1",
    "UPDATE valise.rejects SET repair = $2 WHERE $1::bigint IS NOT NULL AND id = (SELECT id"
    " FROM valise.rejects WHERE replay = " REJECTS_REPLAY IS_ROW
    " ORDER BY repair IS NOT NULL, id LIMIT 1) RETURNING 1",
};

static const char repair_number_sql[] =
    "UPDATE valise.rejects SET repair = $2 WHERE id = $1 AND replay = " REJECTS_REPLAY
    " RETURNING 1";

static bool repair(
    struct attempt *attempt, const struct reject_json_entry *entry, struct error *err)
{
    bool has_row = entry->table != NULL && entry->row != NULL;
    size_t found_count = 0;
    char id[24];
    const char *items[] = {id, entry->values, entry->table, entry->row};

    snprintf(id, sizeof(id), "%" PRId64, entry->id);
    for (size_t i = 0; found_count == 0 && i < (has_row ? 2 : 1); i++) {
        OWNED(connection_rows) struct connection_rows rows = {0};

        if (!connection_query(attempt->retry->connection,
                has_row ? repair_sql[i] : repair_number_sql,
                &(struct connection_values){.items = items, .count = has_row ? 4 : 2}, &rows, err))
            return false;
        found_count = rows.row_count;
    }
    attempt->stranger_count += found_count == 0;
    return true;
}

/* What the file says of rows becomes their repair. */
static bool take_file(struct attempt *attempt, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};
    struct reject_json_entry *entries;
    const char *path = attempt->retry->options->repaired;
    size_t count;
    bool done = true;

    if (path == NULL)
        return true;
    if (!file_read_all(&text, path, FILE_SIZE_MAX, err))
        return false;
    if (!reject_json_read_file(&entries, &count, &attempt->arena, quote_text(&text), err))
        return error_wrap(err, "\"%s\" is no file of rejected rows", path);
    for (size_t i = 0; i < count && done; i++)
        done = entries[i].values == NULL || repair(attempt, &entries[i], err);
    free(entries);
    return done;
}

/* A later delta may have brought a table whole: then no row of it is missing. */
static bool forget_old(const struct attempt *attempt, struct error *err)
{
    char sql[600];

    snprintf(sql, sizeof(sql),
        "DELETE FROM valise.rejects AS r USING valise.table_state AS s"
        " WHERE r.replay = " REJECTS_REPLAY " AND s.table_name = r.table_name AND s.row_count <="
        " (SELECT coalesce(sum(p.row_count), 0) FROM valise.part AS p"
        " WHERE p.replay = %" PRId64 " AND p.table_name = r.table_name)",
        attempt->ledger.replay.id);
    return connection_exec(attempt->retry->connection, sql, err);
}

static const char *keep(struct attempt *attempt, const char *text)
{
    return text == NULL ? NULL : arena_text(&attempt->arena, text);
}

static bool read_rows(struct attempt *attempt, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_query(attempt->retry->connection,
            "SELECT id, table_name, row_json, repair FROM valise.rejects WHERE replay = " REJECTS_REPLAY
            " ORDER BY table_name COLLATE \"C\", id FOR UPDATE",
            NULL, &rows, err))
        return false;
    attempt->count = rows.row_count;
    attempt->rows = byte_buffer_calloc(rows.row_count + 1, sizeof(*attempt->rows));
    for (size_t i = 0; i < rows.row_count; i++) {
        struct retry_row *row = &attempt->rows[i];

        row->id = keep(attempt, connection_rows_text(&rows, i, 0));
        row->table = keep(attempt, connection_rows_text(&rows, i, 1));
        row->json = keep(attempt, connection_rows_text(&rows, i, 2));
        row->repair = keep(attempt, connection_rows_text(&rows, i, 3));
        row->target = target_catalog_table(&attempt->catalog, row->table);
        row->is_waiting = true;
    }
    return true;
}

/* --- putting back ------------------------------------------------------------------- */

/* The rows of one table: [first, end). */
static size_t end_of_table(const struct attempt *attempt, size_t first)
{
    size_t end = first;

    while (
        end < attempt->count && strcmp(attempt->rows[end].table, attempt->rows[first].table) == 0)
        end++;
    return end;
}

/* Triggers rest, as they do while a dump is loaded; also those of partitions. */
static bool rest_triggers(struct attempt *attempt, struct error *err)
{
    struct ddl_request *requests = byte_buffer_calloc(attempt->count + 1, sizeof(*requests));
    size_t count = 0;

    for (size_t i = 0; i < attempt->count; i = end_of_table(attempt, i))
        if (attempt->rows[i].target != NULL)
            requests[count++] =
                (struct ddl_request){.table = attempt->rows[i].target, .triggers = true};
    ddl_plan_make(&attempt->triggers, &attempt->catalog, requests, count);
    free(requests);
    if (attempt->triggers.kept_count > 0)
        return error_set(err, ERROR_REFUSED,
            "trigger \"%s\" of table \"%s\" would fire: %s; connect as the owner of the tables",
            attempt->triggers.kept[0].name, attempt->triggers.kept[0].table,
            attempt->triggers.kept[0].reason);
    return ddl_take_down(&attempt->triggers, attempt->retry->connection, err);
}

static bool wake_triggers(const struct attempt *attempt, struct error *err)
{
    for (size_t i = 0; i < attempt->triggers.object_count; i++) {
        const struct ddl_object *object = &attempt->triggers.objects[i];

        if (!connection_exec(attempt->retry->connection, object->restore, err))
            return error_wrap(
                err, "%s \"%s\" of table \"%s\"", object->kind, object->name, object->table);
    }
    return true;
}

/* What a row refers to may itself be among those that come back: as long as some do, others may. */
static bool insert_rows(struct attempt *attempt, struct error *err)
{
    size_t known;

    do {
        known = attempt->back_count;
        for (size_t i = 0; i < attempt->count; i++) {
            struct retry_row *row = &attempt->rows[i];

            if (row->is_back || !row->is_waiting)
                continue;
            if (!stop_check(err)
                || !retry_row_insert(
                    row, attempt->retry->connection, attempt->retry->policies, err))
                return error_wrap(err, "table \"%s\", rejected row %s", row->table, row->id);
            attempt->back_count += row->is_back ? 1 : 0;
        }
    } while (attempt->back_count > known);
    return true;
}

/* --- the ledger ------------------------------------------------------------------------ */

/* Adds a part to the full replay and to the deltas that follow it, so that undoing one of these
   leaves the others right. */
static bool add_part(struct attempt *attempt, const char *table, uint64_t row_count,
    struct hash128 sum, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    char numbers[3][24];
    const char *items[] = {table, numbers[0], numbers[1], numbers[2]};

    snprintf(numbers[0], sizeof(numbers[0]), "%" PRIu64, row_count);
    snprintf(numbers[1], sizeof(numbers[1]), "%" PRId64, (int64_t)sum.low);
    snprintf(numbers[2], sizeof(numbers[2]), "%" PRId64, (int64_t)sum.high);
    return connection_query(attempt->retry->connection,
        "INSERT INTO valise.part (replay, table_name, number, row_count, sum_low, sum_high)"
        " SELECT r.id, $1, coalesce((SELECT max(p.number) FROM valise.part AS p"
        " WHERE p.replay = r.id AND p.table_name = $1), -1) + 1, $2::bigint, $3::bigint, $4::bigint"
        " FROM valise.replay AS r WHERE r.id >= " REJECTS_REPLAY,
        &(struct connection_values){.items = items, .count = 4}, &rows, err);
}

/* A sequence that gave out values of a column must go on behind those that came back. */
static bool raise_sequence(
    struct attempt *attempt, const struct target_column *column, struct error *err)
{
    const struct target_sequence *sequence = target_catalog_sequence_of(&attempt->catalog, column);
    OWNED(byte_buffer) struct byte_buffer name = {0};
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    bool goes_down;

    if (sequence == NULL)
        return true;
    goes_down = sequence->increment < 0;
    quote_qualified(&name, sequence->schema, sequence->name);
    quote_plain(&sql, "SELECT setval(");
    quote_literal(&sql, quote_text(&name));
    quote_plain(&sql, "::regclass, m.last) FROM (SELECT ");
    quote_plain(&sql, goes_down ? "min(" : "max(");
    quote_name(&sql, column->name);
    quote_plain(&sql, ") AS last FROM ");
    quote_qualified(&sql, sequence->table->schema, sequence->table->name);
    quote_plain(&sql, ") AS m, ");
    quote_plain(&sql, quote_text(&name));
    quote_plain(&sql,
        goes_down ? " AS s WHERE m.last < s.last_value" : " AS s WHERE m.last > s.last_value");
    quote_plain(&sql, " OR (m.last = s.last_value AND NOT s.is_called)");
    return connection_exec(attempt->retry->connection, quote_text(&sql), err);
}

static bool record_table(struct attempt *attempt, size_t first, size_t end, struct error *err)
{
    const struct target_table *table = attempt->rows[first].target;
    struct hash128 sum = {0};
    uint64_t row_count = 0;

    for (size_t i = first; i < end; i++) {
        if (!attempt->rows[i].is_back)
            continue;
        sum = checksum_add(sum, attempt->rows[i].sum);
        row_count++;
    }
    if (row_count == 0)
        return true;
    for (size_t i = 0; i < table->column_count; i++)
        if (!raise_sequence(attempt, &table->columns[i], err))
            return error_wrap(err, "table \"%s\", its sequence", table->name);
    return add_part(attempt, attempt->rows[first].table, row_count, sum, err);
}

static bool record_row(struct attempt *attempt, const struct retry_row *row, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    const char *items[] = {row->id, row->reason};

    return connection_query(attempt->retry->connection,
        row->is_back ? "DELETE FROM valise.rejects WHERE id = $1"
                     : "UPDATE valise.rejects SET reason = $2 WHERE id = $1",
        &(struct connection_values){.items = items, .count = row->is_back ? 1 : 2}, &rows, err);
}

static bool record(struct attempt *attempt, struct error *err)
{
    for (size_t i = 0; i < attempt->count; i++)
        if (!record_row(attempt, &attempt->rows[i], err))
            return error_wrap(err, "cannot write the ledger");
    for (size_t i = 0; i < attempt->count; i = end_of_table(attempt, i))
        if (!record_table(attempt, i, end_of_table(attempt, i), err))
            return error_wrap(err, "cannot write the ledger");
    return true;
}

/* --- telling --------------------------------------------------------------------------- */

static void tell_table(struct attempt *attempt, size_t first, size_t end)
{
    size_t back_count = 0;

    for (size_t i = first; i < end; i++)
        back_count += attempt->rows[i].is_back ? 1 : 0;
    tell(attempt, "table \"");
    tell(attempt, attempt->rows[first].table);
    tell(attempt, "\": ");
    tell(attempt, arena_format(&attempt->arena, "%zu of %zu rejected row%s put back\n", back_count,
                      end - first, end - first == 1 ? "" : "s"));
}

/* The first rows of each table: one table's must not hide why another's stay. */
static void tell_left(struct attempt *attempt)
{
    size_t shown = 0;
    size_t of_table = 0;

    for (size_t i = 0; i < attempt->count && shown < SHOWN_MAX; i++) {
        const struct retry_row *row = &attempt->rows[i];

        if (i > 0 && strcmp(row->table, row[-1].table) != 0)
            of_table = 0;
        if (row->is_back || of_table == SHOWN_OF_TABLE_MAX)
            continue;
        of_table++;
        shown++;
        tell(attempt, arena_format(&attempt->arena, "- row %s of \"%s\": %s\n", row->id, row->table,
                          row->reason));
    }
    if (attempt->count - attempt->back_count > shown)
        tell(attempt, "- and others (valise.rejects has them all)\n");
}

static bool tell_all(struct attempt *attempt, struct error *err)
{
    size_t left_count = attempt->count - attempt->back_count;

    if (attempt->stranger_count > 0)
        tell(attempt,
            arena_format(&attempt->arena, "%zu row%s of the file: not among the rejected ones\n",
                attempt->stranger_count, attempt->stranger_count == 1 ? "" : "s"));
    if (attempt->count == 0) {
        tell(attempt, "There are no rejected rows: nothing to do.\n");
        return true;
    }
    for (size_t i = 0; i < attempt->count; i = end_of_table(attempt, i))
        tell_table(attempt, i, end_of_table(attempt, i));
    tell_left(attempt);
    if (left_count == 0)
        return true;
    return error_set(err, ERROR_REJECTED,
        "%zu rejected row%s back, %zu %s not fit yet (they are in valise.rejects, with the reason)",
        attempt->back_count, attempt->back_count == 1 ? " is" : "s are", left_count,
        left_count == 1 ? "does" : "do");
}

static bool write_left(const struct attempt *attempt, struct error *err)
{
    const struct retry *retry = attempt->retry;
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (retry->options->rejects == NULL)
        return true;
    return connection_query(retry->connection, "SELECT " REJECTS_REPLAY, NULL, &rows, err)
           && rejects_write_file(retry->connection, connection_rows_integer(&rows, 0, 0),
               retry->options->rejects, err);
}

bool retry_run(const struct retry *retry, struct error *err)
{
    OWNED(attempt) struct attempt attempt = {.retry = retry};
    OWNED(connection_transaction) struct connection_transaction transaction = {0};

    if (!check_ledger(&attempt, err)
        || !connection_transaction_begin(&transaction, retry->connection, NULL, err)
        || !connection_exec(retry->connection,
            "SET LOCAL synchronous_commit = on; SET CONSTRAINTS ALL IMMEDIATE", err)
        || !take_file(&attempt, err) || !forget_old(&attempt, err) || !read_rows(&attempt, err)
        || !rest_triggers(&attempt, err) || !insert_rows(&attempt, err)
        || !wake_triggers(&attempt, err) || !record(&attempt, err)
        || !connection_transaction_commit(&transaction, err))
        return false;
    return write_left(&attempt, err) && tell_all(&attempt, err);
}
