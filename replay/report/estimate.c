#include "replay/report/estimate.h"

#include "base/owned.h"
#include "watch/amount_text.h"

#include <inttypes.h>

/*
 * Rates of one connection, and what a table costs besides: the faster ones are what a desktop with
 * fast disks does (docs/benchmarks.md), the slower ones what small virtual machines do.
 */
#define FAST_BYTES 60e6 /* of values, each second: loading, indexes, reading back */
#define FAST_ROWS 250e3
#define FAST_TABLE 0.003 /* seconds */
#define FAST_JOBS_MAX 4
#define SLOW_BYTES 8e6
#define SLOW_ROWS 25e3
#define SLOW_TABLE 0.05

#define STATISTICS_MIN 300 /* bytes a column, of what ANALYZE finds */
#define STATISTICS_MAX 6000
#define LEDGER_SIZE (1 << 20) /* Valise's own schema, about */

/* What the server says of sizes. */
struct size_known {
    uint64_t old_size; /* of the tables that are touched, with their indexes */
    uint64_t wal_kept; /* max_wal_size */
    bool logs_hints;   /* what only reads a page may write it to the WAL once more */
};

void estimate_release(struct estimate *estimate)
{
    arena_release(&estimate->arena);
    server_disk_release(&estimate->disk);
    *estimate = (struct estimate){0};
}

/* --- tables ------------------------------------------------------------------------- */

/* Rows of a delta are those of its blocks; of a full dump all. */
static void count_rows(
    struct table_estimate *one, const struct estimate_input *input, const struct plan_table *table)
{
    const struct dump_reader *reader = input->reader;

    if (reader->header.kind == DUMP_FULL) {
        one->added_count = table->row_count;
        return;
    }
    for (size_t i = 0; i < reader->block_count[table->source]; i++) {
        const struct index_entry *entry =
            &reader->index.entries[reader->first_block[table->source] + i];

        uint64_t added_count = entry->row_count - entry->removed_count;

        one->removed_count += input->is_undo ? added_count : entry->removed_count;
        one->added_count += input->is_undo ? entry->removed_count : added_count;
    }
}

static void look_at_table(struct estimate *estimate, const struct estimate_input *input,
    const struct plan_table *table, struct table_estimate *one)
{
    struct size_estimate_input size = {
        .reader = input->reader, .version_num = input->version_num, .arena = &estimate->arena};
    bool moves = table->action == PLAN_LOAD || table->action == PLAN_DERIVE;

    if (table->target == NULL || !plan_writes(table))
        return;
    if (moves && table->source != UINT32_MAX) {
        count_rows(one, input, table);
        size_estimate_of(&one->size, &size, table, one->added_count);
    }
    one->is_touched = one->added_count > 0 || one->removed_count > 0 || table->target->has_rows;
    if (input->reader->header.kind == DUMP_DELTA && moves && table->source != UINT32_MAX)
        one->is_touched = one->added_count > 0 || one->removed_count > 0
                          || input->reader->ends[table->source].change == TABLE_WHOLE;
    estimate->touched_count += one->is_touched;
    estimate->row_count += one->added_count + one->removed_count;
    size_estimate_add(&estimate->tables_sum, &one->size.table);
    size_estimate_add(&estimate->indexes_sum, &one->size.indexes);
}

/* --- the server ------------------------------------------------------------------------ */

static void put_oids(
    struct byte_buffer *out, const struct estimate *estimate, const struct plan *plan)
{
    byte_buffer_put_u8(out, '{');
    for (size_t i = 0; i < plan->table_count; i++)
        if (estimate->tables[i].is_touched)
            byte_buffer_format(
                out, "%s%" PRIu32, out->size == 1 ? "" : ",", plan->tables[i].target->oid);
    byte_buffer_put(out, "}", sizeof("}"));
}

/* The database as it is; old_size: of the tables that are touched, with their indexes. */
static bool read_sizes(struct estimate *estimate, const struct estimate_input *input,
    struct connection *connection, struct size_known *known, struct error *err)
{
    static const char sql[] =
        "SELECT pg_database_size(current_database()),"
        " (SELECT s.setting::bigint * CASE s.unit WHEN 'MB' THEN 1048576 ELSE 16777216 END"
        "  FROM pg_settings AS s WHERE s.name = 'max_wal_size'),"
        " (SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class AS c"
        "  WHERE c.oid = ANY ($1::oid[]))::bigint,"
        " (SELECT count(*) FROM pg_settings AS s"
        "  WHERE s.name IN ('data_checksums', 'wal_log_hints') AND s.setting = 'on')";
    OWNED(byte_buffer) struct byte_buffer oids = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};
    const char *item;
    const struct connection_values values = {&item, 1};

    put_oids(&oids, estimate, input->plan);
    item = (const char *)oids.data;
    if (!connection_query(connection, sql, &values, &rows, err))
        return false;
    estimate->database_size = (uint64_t)connection_rows_integer(&rows, 0, 0);
    known->wal_kept = (uint64_t)connection_rows_integer(&rows, 0, 1);
    known->old_size = (uint64_t)connection_rows_integer(&rows, 0, 2);
    known->logs_hints = connection_rows_integer(&rows, 0, 3) > 0;
    return true;
}

/* --- sums --------------------------------------------------------------------------------- */

static void sum_sizes(
    struct estimate *estimate, const struct estimate_input *input, const struct size_known *known)
{
    uint64_t old_size = known->old_size;
    struct size_range fresh = estimate->tables_sum;
    uint64_t index_size = 0;
    size_t column_count = 0;

    size_estimate_add(&fresh, &estimate->indexes_sum);
    for (size_t i = 0; i < input->plan->table_count; i++) {
        const struct table_estimate *one = &estimate->tables[i];

        column_count += one->added_count == 0 ? 0 : input->plan->tables[i].column_count;
        if (one->size.index_size_max > index_size)
            index_size = one->size.index_size_max;
    }
    /* A delta leaves the rows that it does not touch. */
    if (input->reader->header.kind == DUMP_DELTA || old_size > estimate->database_size)
        old_size = 0;
    estimate->after = (struct size_range){
        estimate->database_size - old_size + fresh.min + STATISTICS_MIN * column_count,
        estimate->database_size - old_size + fresh.max + STATISTICS_MAX * column_count
            + LEDGER_SIZE,
    };
    if (estimate->touched_count == 0)
        estimate->after = (struct size_range){estimate->database_size, estimate->database_size};
    estimate->wal =
        (struct size_range){fresh.min - fresh.min / 5, fresh.max + fresh.max / 5 + LEDGER_SIZE};
    if (known->logs_hints)
        estimate->wal.max += estimate->tables_sum.max; /* each page, after a checkpoint */
    estimate->room_size =
        fresh.max + index_size
        + (estimate->wal.max < known->wal_kept ? estimate->wal.max : known->wal_kept);
}

static double seconds(double size, double row_count, const double rates[2])
{
    double by_size = size / rates[0];
    double by_rows = row_count / rates[1];

    return by_size > by_rows ? by_size : by_rows;
}

static void sum_times(struct estimate *estimate, const struct estimate_input *input)
{
    double jobs = (double)(input->jobs < FAST_JOBS_MAX ? input->jobs : FAST_JOBS_MAX);
    double fast[] = {FAST_BYTES * jobs, FAST_ROWS * jobs};
    double slow[] = {SLOW_BYTES, SLOW_ROWS};
    double size = (double)input->plan->size;
    double row_count = (double)estimate->row_count;
    double table_count = (double)estimate->touched_count;

    estimate->seconds_min = seconds(size, row_count, fast) + table_count * FAST_TABLE;
    estimate->seconds_max = seconds(size, row_count, slow) + table_count * SLOW_TABLE + 1;
}

static void tell_of_room(const struct estimate *estimate, struct problems *problems)
{
    char needed[AMOUNT_TEXT_ROOM];
    char found[AMOUNT_TEXT_ROOM];

    if (estimate->disk.reason != NULL || estimate->disk.free_size >= estimate->room_size)
        return;
    problems_note(problems,
        "make room, or move the database to a larger disk; a full disk stops a replay, which "
        "goes on when there is room",
        "the server's disk may be too small: about %s may be needed, %s are free",
        amount_text_size(needed, estimate->room_size),
        amount_text_size(found, estimate->disk.free_size));
}

bool estimate_make(struct estimate *estimate, const struct estimate_input *input,
    struct connection *connection, struct error *err)
{
    struct size_known known;

    estimate->tables =
        arena_alloc(&estimate->arena, input->plan->table_count + 1, sizeof(*estimate->tables));
    for (size_t i = 0; i < input->plan->table_count; i++)
        look_at_table(estimate, input, &input->plan->tables[i], &estimate->tables[i]);
    if (!read_sizes(estimate, input, connection, &known, err))
        return false;
    sum_sizes(estimate, input, &known);
    sum_times(estimate, input);
    if (!server_disk_read(&estimate->disk, connection, err))
        return false;
    tell_of_room(estimate, input->problems);
    return true;
}
