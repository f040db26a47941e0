#include "replay/load/verify.h"

#include "base/owned.h"
#include "postgres/connection_copy.h"
#include "postgres/connection_path.h"
#include "postgres/quote.h"
#include "replay/load/plan_progress.h"
#include "replay/target/row_count.h"
#include "watch/progress_task.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BINARY_HEADER_SIZE 19 /* bytes before the first tuple: signature, flags, extension */
#define BINARY_TRAILER_SIZE 2
#define TELL_ROW_COUNT 4096 /* rows between two words to the progress */
#define SHOWN_MAX 5         /* rows of a failed check in a message */

#define PART_SIZE ((uint64_t)32 << 20)      /* bytes of a table that are read at a time */
#define PART_COUNT_MAX 1024                 /* of a table */
#define TASK_SIZE_SMALL ((uint64_t)8 << 20) /* bytes of small tables that are read together */
#define TASK_TABLE_COUNT_MAX 64
#define VERSION_WITH_TID_SCAN 140000 /* reads a range of pages without the others */

/* A table, and what was found of it so far. */
struct verification_table {
    const struct plan_table *table;
    bool is_hashed;
    uint64_t page_count; /* in the snapshot; for tables that are read in parts */
    size_t part_count;
    size_t left_count; /* parts that are not read */
    struct verify_content found;
};

/* One part of a table, or several small tables whole. */
struct verification_task {
    size_t first;
    size_t count;
    size_t part;
};

static struct verify_content expected(const struct ledger *ledger, const struct plan_table *table)
{
    struct verify_content sum = {0};

    for (size_t i = 0; i < ledger->part_count; i++) {
        if (strcmp(ledger->parts[i].table, table->name) != 0)
            continue;
        sum.row_count += ledger->parts[i].row_count;
        sum.sum = checksum_add(sum.sum, ledger->parts[i].sum);
    }
    return sum;
}

/* --- reading back ---------------------------------------------------------------- */

static void put_query(
    struct byte_buffer *sql, const struct plan_table *table, const char *condition)
{
    quote_plain(sql, "COPY (SELECT ");
    for (size_t i = 0; i < table->column_count; i++) {
        quote_plain(sql, i == 0 ? "" : ", ");
        type_map_probe_sql(&table->columns[i].type, sql);
    }
    quote_plain(sql, " FROM ");
    quote_plain(sql, target_catalog_only(table->target));
    quote_qualified(sql, table->target->schema, table->target->name);
    quote_plain(sql, condition);
    quote_plain(sql, ") TO STDOUT (FORMAT binary)");
}

/* Always true. */
static bool tell_rows(const struct verify_content *found, uint64_t row_count)
{
    if (found->task != NULL)
        progress_task_rows(found->task, row_count);
    return true;
}

static bool read_tuples(struct connection_copy_out *stream, struct copy_encoder *encoder,
    struct verify_content *found, struct error *err)
{
    bool is_first = true;

    for (;;) {
        const uint8_t *bytes;
        size_t size;
        struct hash128 hash;

        if (!connection_copy_out_next(stream, &bytes, &size, err))
            return false;
        if (bytes == NULL)
            return tell_rows(found, found->row_count % TELL_ROW_COUNT);
        found->size += size;
        if (is_first && size >= BINARY_HEADER_SIZE) {
            bytes += BINARY_HEADER_SIZE;
            size -= BINARY_HEADER_SIZE;
        }
        is_first = false;
        if (size == 0 || (size == BINARY_TRAILER_SIZE && bytes[0] == 0xff && bytes[1] == 0xff))
            continue;
        if (!copy_encoder_hash_tuple(encoder, bytes, size, &hash, err))
            return false;
        found->row_count++;
        found->sum = checksum_add(found->sum, hash);
        if (found->hashes != NULL)
            byte_buffer_put(found->hashes, &hash, sizeof(hash));
        if (found->row_count % TELL_ROW_COUNT == 0)
            tell_rows(found, TELL_ROW_COUNT);
    }
}

bool verify_read_back(const struct plan_table *table, const char *condition,
    struct connection *connection, struct verify_content *found, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(copy_encoder) struct copy_encoder encoder = {0};
    OWNED(connection_copy_out) struct connection_copy_out stream = {0};

    copy_encoder_init(&encoder, table->columns, table->column_count);
    put_query(&sql, table, condition);
    return connection_copy_out_begin(&stream, connection, quote_text(&sql), err)
           && read_tuples(&stream, &encoder, found, err);
}

bool verify_count_rows(const struct plan_table *table, struct connection *connection,
    struct verify_content *found, struct error *err)
{
    int64_t row_count;

    if (!row_count_read(connection, table->target, &row_count, err))
        return false;
    found->row_count = (uint64_t)row_count;
    return true;
}

/* --- comparing ---------------------------------------------------------------------- */

static void note_opaque(struct verification *verification, const struct plan_table *table)
{
    for (size_t i = 0; i < table->column_count && table->row_count > 0; i++)
        if (type_map_is_opaque(&table->columns[i].type))
            problems_note(verification->problems, NULL,
                "table \"%s\": of column \"%s\" (%s) only NULL or not NULL was compared",
                table->name, table->columns[i].type.column->name,
                table->columns[i].type.column->type_text);
}

static void compare(struct verification *verification, const struct verification_table *read)
{
    const struct plan_table *table = read->table;
    const struct verify_content *found = &read->found;
    struct verify_content wanted = expected(&verification->recorded, table);
    static const char advice[] = "the target is not to be used: undo the replay with --abort";

    verification->result->table_count++;
    verification->result->row_count += found->row_count;
    verification->result->size += found->size;
    if (read->is_hashed)
        note_opaque(verification, table);
    if (table->action == PLAN_LOAD && wanted.row_count != table->row_count - table->rejects.count)
        problems_add(verification->problems, advice,
            "table \"%s\": %" PRIu64 " rows were sent, the dump has %" PRIu64, table->name,
            wanted.row_count, table->row_count);
    if (wanted.row_count != found->row_count)
        problems_add(verification->problems, advice,
            "table \"%s\": the target holds %" PRIu64 " rows, %" PRIu64 " were sent", table->name,
            found->row_count, wanted.row_count);
    else if (read->is_hashed && !checksum_equal(wanted.sum, found->sum))
        problems_add(verification->problems, advice,
            "table \"%s\": %" PRIu64 " rows, but not the ones that were sent: their sum is "
            "%016" PRIx64 "%016" PRIx64 ", expected %016" PRIx64 "%016" PRIx64,
            table->name, found->row_count, found->sum.high, found->sum.low, wanted.sum.high,
            wanted.sum.low);
}

/* Compares when the last part of the table was read. */
static void add_found(struct verification *verification, struct verification_table *table,
    const struct verify_content *found)
{
    struct progress *progress = verification->loader->progress;

    pthread_mutex_lock(&verification->lock);
    table->found.row_count += found->row_count;
    table->found.sum = checksum_add(table->found.sum, found->sum);
    table->found.size += found->size;
    if (--table->left_count == 0) {
        compare(verification, table);
        progress_task_add(found->task, &(struct progress_count){.items = 1});
        progress_settle(progress, PROGRESS_VERIFY, found->task->table);
    }
    pthread_mutex_unlock(&verification->lock);
}

/* --- tasks ---------------------------------------------------------------------------- */

/* Pages [page_count * part / part_count, the same of the next part); the last part is open. */
static void put_range(struct byte_buffer *sql, const struct verification_table *table, size_t part)
{
    char text[100];

    if (table->part_count == 1)
        return;
    snprintf(text, sizeof(text), " WHERE ctid >= '(%" PRIu64 ",0)'",
        table->page_count * part / table->part_count);
    quote_plain(sql, text);
    if (part + 1 == table->part_count)
        return;
    snprintf(text, sizeof(text), " AND ctid < '(%" PRIu64 ",0)'",
        table->page_count * (part + 1) / table->part_count);
    quote_plain(sql, text);
}

static bool read_table(struct verification *verification, struct verification_table *table,
    size_t part, struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer condition = {0};
    OWNED(progress_task) struct progress_task task = {0};
    struct verify_content found = {.task = &task};

    progress_task_begin(&task, verification->loader->progress, PROGRESS_VERIFY,
        plan_progress_number(verification->loader->plan, table->table));
    put_range(&condition, table, part);
    if (table->is_hashed
            ? !verify_read_back(table->table, quote_text(&condition), connection, &found, err)
            : !verify_count_rows(table->table, connection, &found, err))
        return error_wrap(err, "table \"%s\"", table->table->name);
    add_found(verification, table, &found);
    return true;
}

static bool verify_task(
    void *context, size_t item, struct connection *connection, struct error *err)
{
    struct verification *verification = context;
    const struct verification_task *task = &verification->tasks[item];
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    char sql[120];

    snprintf(sql, sizeof(sql), "SET TRANSACTION SNAPSHOT '%s'", verification->snapshot);
    if (!connection_transaction_begin(
            &transaction, connection, "ISOLATION LEVEL REPEATABLE READ READ ONLY", err)
        || !connection_exec(connection, sql, err))
        return error_wrap(err, "cannot share the snapshot");
    for (size_t i = task->first; i < task->first + task->count; i++)
        if (!read_table(verification, &verification->tables[i], task->part, connection, err))
            return false;
    return connection_transaction_commit(&transaction, err);
}

/* --- planning --------------------------------------------------------------------------- */

/* Only a plain table of a server that can reads a range of its pages for less than all of them. */
static size_t count_parts(const struct verification *verification, const struct plan_table *table)
{
    uint64_t count = table->size / PART_SIZE + 1;

    if (verification->loader->version_num < VERSION_WITH_TID_SCAN || table->target->kind != 'r')
        return 1;
    return count > PART_COUNT_MAX ? PART_COUNT_MAX : (size_t)count;
}

static void add_tables(struct verification *verification)
{
    const struct plan *plan = verification->loader->plan;

    verification->tables = byte_buffer_calloc(plan->table_count + 1, sizeof(*verification->tables));
    for (size_t i = 0; i < plan->table_count; i++) {
        const struct plan_table *table = &plan->tables[i];
        struct verification_table *added = &verification->tables[verification->table_count];

        if (!plan_writes(table))
            continue;
        added->table = table;
        added->is_hashed = verification->level != VERIFY_COUNTS && table->action == PLAN_LOAD
                           && table->column_count > 0;
        added->part_count = added->is_hashed ? count_parts(verification, table) : 1;
        added->left_count = added->part_count;
        verification->table_count++;
    }
}

static void add_task(struct verification *verification, const struct verification_task *task)
{
    verification->tasks = byte_buffer_realloc(
        verification->tasks, (verification->task_count + 1) * sizeof(*verification->tasks));
    verification->tasks[verification->task_count++] = *task;
}

/* Small tables from `first` on that are read together; returns how many. */
static size_t count_together(const struct verification *verification, size_t first)
{
    uint64_t size = 0;
    size_t count = 0;

    for (size_t i = first; i < verification->table_count && count < TASK_TABLE_COUNT_MAX; i++) {
        const struct verification_table *table = &verification->tables[i];

        size += table->table->size;
        if (count > 0 && (table->part_count > 1 || size > TASK_SIZE_SMALL))
            break;
        count++;
    }
    return count;
}

static void add_tasks(struct verification *verification)
{
    for (size_t i = 0; i < verification->table_count;) {
        size_t part_count = verification->tables[i].part_count;
        size_t count = part_count > 1 ? 1 : count_together(verification, i);

        for (size_t part = 0; part < part_count; part++)
            add_task(verification,
                &(struct verification_task){.first = i, .count = count, .part = part});
        i += count;
    }
}

static void schedule_task(struct verification *verification, size_t item)
{
    struct stages *stages = verification->loader->stages;
    const struct verification_task *task = &verification->tasks[item];
    struct schedule_task added = {
        .phase = PROGRESS_VERIFY, .run = verify_task, .context = verification, .item = item};
    size_t number;

    for (size_t i = task->first; i < task->first + task->count; i++)
        added.cost += verification->tables[i].table->size / STAGES_READ_PER_COST
                      / verification->tables[i].part_count;
    number = schedule_add(&stages->schedule, &added);
    schedule_order(&stages->schedule, stages->snapshot, number);
    for (size_t i = task->first; i < task->first + task->count; i++)
        schedule_order(
            &stages->schedule, number, stages_of(stages, verification->tables[i].table)->checked);
}

void verify_plan(struct verification *verification, const struct loader *loader,
    struct problems *problems, struct verify_result *result)
{
    verification->loader = loader;
    verification->problems = problems;
    verification->result = result;
    *result = (struct verify_result){0};
    pthread_mutex_init(&verification->lock, NULL);
    if (verification->level == VERIFY_NONE)
        return;
    add_tables(verification);
    add_tasks(verification);
    for (size_t i = 0; i < verification->task_count; i++)
        schedule_task(verification, i);
}

/* --- the snapshot ------------------------------------------------------------------------- */

static bool read_page_counts(
    struct verification *verification, struct connection *connection, struct error *err)
{
    for (size_t i = 0; i < verification->table_count; i++) {
        struct verification_table *table = &verification->tables[i];
        OWNED(connection_rows) struct connection_rows rows = {0};
        char sql[160];

        if (table->part_count == 1)
            continue;
        snprintf(sql, sizeof(sql),
            "SELECT pg_catalog.pg_relation_size(%" PRIu32 "::oid::regclass)"
            " / current_setting('block_size')::bigint",
            table->table->target->oid);
        if (!connection_query(connection, sql, NULL, &rows, err))
            return false;
        table->page_count = (uint64_t)connection_rows_integer(&rows, 0, 0);
    }
    return true;
}

bool verify_begin(
    struct verification *verification, struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (verification->level == VERIFY_NONE)
        return true;
    if (!connection_transaction_begin(
            &verification->exporter, connection, "ISOLATION LEVEL REPEATABLE READ READ ONLY", err)
        || !connection_query(connection, "SELECT pg_catalog.pg_export_snapshot()", NULL, &rows, err)
        || !ledger_read(&verification->recorded, connection, err))
        return error_wrap(err, "cannot make a snapshot to verify in");
    snprintf(verification->snapshot, sizeof(verification->snapshot), "%s",
        connection_rows_text(&rows, 0, 0));
    return read_page_counts(verification, connection, err);
}

void verification_release(struct verification *verification)
{
    connection_transaction_release(&verification->exporter);
    ledger_release(&verification->recorded);
    free(verification->tables);
    free(verification->tasks);
    pthread_mutex_destroy(&verification->lock);
}

/* --- the profile's checks --------------------------------------------------------------- */

static void report_check(struct problems *problems, const struct profile_check *check,
    const struct connection_rows *rows)
{
    OWNED(byte_buffer) struct byte_buffer shown = {0};

    for (size_t i = 0; i < rows->row_count && i < SHOWN_MAX; i++) {
        const char *text = connection_rows_text(rows, i, 0);

        quote_plain(&shown, i == 0 ? "" : ", ");
        quote_plain(&shown, text == NULL ? "NULL" : text);
    }
    problems_add(problems, "the target is not to be used: undo the replay with --abort",
        "check \"%s\" fails with %zu rows: %s%s", check->name, rows->row_count, quote_text(&shown),
        rows->row_count > SHOWN_MAX ? ", ..." : "");
}

bool verify_checks(const struct profile *profile, struct connection *connection,
    struct problems *problems, struct error *err)
{
    for (size_t i = 0; i < profile->check_count; i++) {
        OWNED(connection_rows) struct connection_rows rows = {0};

        if (!connection_path_query(connection, profile->checks[i].sql, NULL, &rows, err))
            return error_wrap(err, "profile, check \"%s\"", profile->checks[i].name);
        if (rows.row_count > 0)
            report_check(problems, &profile->checks[i], &rows);
    }
    return true;
}
