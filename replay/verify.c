#include "replay/verify.h"

#include "base/owned.h"
#include "postgres/connection_copy.h"
#include "postgres/quote.h"
#include "replay/plan_progress.h"
#include "watch/progress_task.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BINARY_HEADER_SIZE 19 /* bytes before the first tuple: signature, flags, extension */
#define BINARY_TRAILER_SIZE 2
#define TELL_ROW_COUNT 4096 /* rows between two words to the progress */
#define SHOWN_MAX 5         /* rows of a failed check in a message */

/* One call of verify_run(). */
struct verification {
    const struct loader *loader;
    enum verify_level level;
    struct plan_table const **tables; /* owned array: what was written, largest first */
    size_t count;
    pthread_mutex_t lock; /* guards what follows */
    struct problems *problems;
    struct verify_result *result;
};

static void verification_release(struct verification *verification)
{
    free((void *)verification->tables);
    pthread_mutex_destroy(&verification->lock);
}

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

static void put_query(struct byte_buffer *sql, const struct plan_table *table)
{
    quote_plain(sql, "COPY (SELECT ");
    for (size_t i = 0; i < table->column_count; i++) {
        quote_plain(sql, i == 0 ? "" : ", ");
        type_map_probe_sql(&table->columns[i].type, sql);
    }
    quote_plain(sql, " FROM ");
    quote_qualified(sql, table->target->schema, table->target->name);
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
        if (found->row_count % TELL_ROW_COUNT == 0)
            tell_rows(found, TELL_ROW_COUNT);
    }
}

bool verify_read_back(const struct plan_table *table, struct connection *connection,
    struct verify_content *found, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(copy_encoder) struct copy_encoder encoder = {0};
    OWNED(connection_copy_out) struct connection_copy_out stream = {0};

    copy_encoder_init(&encoder, table->columns, table->column_count);
    put_query(&sql, table);
    return connection_copy_out_begin(&stream, connection, quote_text(&sql), err)
           && read_tuples(&stream, &encoder, found, err);
}

bool verify_count_rows(const struct plan_table *table, struct connection *connection,
    struct verify_content *found, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};

    quote_plain(&sql, "SELECT count(*) FROM ");
    quote_qualified(&sql, table->target->schema, table->target->name);
    if (!connection_query(connection, quote_text(&sql), NULL, &rows, err))
        return false;
    found->row_count = (uint64_t)connection_rows_integer(&rows, 0, 0);
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

static void compare(struct verification *verification, const struct plan_table *table,
    const struct verify_content *found, bool is_hashed)
{
    struct verify_content wanted = expected(verification->loader->ledger, table);
    static const char advice[] = "the target is not to be used: undo the replay with --abort";

    pthread_mutex_lock(&verification->lock);
    verification->result->table_count++;
    verification->result->row_count += found->row_count;
    verification->result->size += found->size;
    if (is_hashed)
        note_opaque(verification, table);
    if (table->action == PLAN_LOAD && wanted.row_count != table->row_count - table->rejects.count)
        problems_add(verification->problems, advice,
            "table \"%s\": %" PRIu64 " rows were sent, the dump has %" PRIu64, table->name,
            wanted.row_count, table->row_count);
    if (wanted.row_count != found->row_count)
        problems_add(verification->problems, advice,
            "table \"%s\": the target holds %" PRIu64 " rows, %" PRIu64 " were sent", table->name,
            found->row_count, wanted.row_count);
    else if (is_hashed && !checksum_equal(wanted.sum, found->sum))
        problems_add(verification->problems, advice,
            "table \"%s\": %" PRIu64 " rows, but not the ones that were sent: their sum is "
            "%016" PRIx64 "%016" PRIx64 ", expected %016" PRIx64 "%016" PRIx64,
            table->name, found->row_count, found->sum.high, found->sum.low, wanted.sum.high,
            wanted.sum.low);
    pthread_mutex_unlock(&verification->lock);
}

static bool verify_task(void *context, const struct workers_turn *turn, struct error *err)
{
    struct verification *verification = context;
    const struct plan_table *table = verification->tables[turn->task];
    bool is_hashed = verification->level != VERIFY_COUNTS && table->action == PLAN_LOAD
                     && table->column_count > 0;
    OWNED(progress_task) struct progress_task task = {0};
    struct verify_content found = {.task = &task};

    progress_task_begin(&task, verification->loader->progress, PROGRESS_VERIFY,
        plan_progress_number(verification->loader->plan, table));
    if (is_hashed ? !verify_read_back(table, turn->connection, &found, err)
                  : !verify_count_rows(table, turn->connection, &found, err))
        return error_wrap(err, "table \"%s\"", table->name);
    compare(verification, table, &found, is_hashed);
    progress_task_add(&task, &(struct progress_count){.items = 1});
    progress_settle(verification->loader->progress, PROGRESS_VERIFY, task.table);
    return true;
}

static int compare_size(const void *a, const void *b)
{
    const struct plan_table *x = *(const struct plan_table *const *)a;
    const struct plan_table *y = *(const struct plan_table *const *)b;

    return x->size < y->size ? 1 : x->size > y->size ? -1 : x < y ? -1 : x > y;
}

bool verify_run(const struct loader *loader, enum verify_level level, struct problems *problems,
    struct verify_result *result, struct error *err)
{
    const struct plan *plan = loader->plan;
    OWNED(verification)
    struct verification verification = {
        .loader = loader, .level = level, .problems = problems, .result = result};

    *result = (struct verify_result){0};
    pthread_mutex_init(&verification.lock, NULL);
    verification.tables = byte_buffer_calloc(plan->table_count + 1, sizeof(struct plan_table *));
    if (level == VERIFY_NONE)
        return true;
    for (size_t i = 0; i < plan->table_count; i++)
        if (plan_writes(&plan->tables[i]))
            verification.tables[verification.count++] = &plan->tables[i];
    qsort(
        (void *)verification.tables, verification.count, sizeof(struct plan_table *), compare_size);
    progress_begin(loader->progress, PROGRESS_VERIFY);
    if (!workers_run(loader->workers, verification.count, verify_task, &verification, err))
        return false;
    progress_end(loader->progress, PROGRESS_VERIFY);
    return true;
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

        if (!connection_query(connection, profile->checks[i].sql, NULL, &rows, err))
            return error_wrap(err, "profile, check \"%s\"", profile->checks[i].name);
        if (rows.row_count > 0)
            report_check(problems, &profile->checks[i], &rows);
    }
    return true;
}
