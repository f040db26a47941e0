/* A whole dump on its way to a target with tables of its own names: all of a replay but the server.
 */
#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/delta/delta_plan.h"
#include "replay/delta/delta_sql.h"
#include "replay/plan/plan.h"
#include "replay/preflight/preflight_values.h"
#include "replay/report/estimate.h"
#include "replay/report/report_json.h"
#include "replay/target/ddl.h"
#include "replay/values/source_rows.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/hostile_target.h"
#include "tests/fuzz/sql_shape.h"
#include "tests/property/memory_file.h"

#include <assert.h>
#include <string.h>

#define ROW_COUNT_MAX 2000 /* of a table; more take time and show nothing else */
#define SIZE_MAX_ENCODED ((size_t)1 << 24)

/* Everything of one run. */
struct trial {
    struct dump_reader reader;
    struct target_catalog catalog;
    struct profile profile;
    struct plan plan;
    struct delta_plan delta;
    struct problems problems;
};

static void trial_release(struct trial *trial)
{
    delta_plan_release(&trial->delta);
    plan_release(&trial->plan);
    problems_release(&trial->problems);
    profile_release(&trial->profile);
    target_catalog_release(&trial->catalog);
    dump_reader_release(&trial->reader);
}

/* Encodes rows until one does not fit; what was encoded reads back to the same sum. */
static void encode_rows(const struct trial *trial, const struct plan_table *table)
{
    OWNED(source_rows) struct source_rows rows = {0};
    OWNED(copy_encoder) struct copy_encoder encoder = {0};
    const struct value *values = NULL;
    struct error err;

    copy_encoder_init(&encoder, table->columns, table->column_count);
    copy_encoder_begin(&encoder);
    source_rows_begin(&rows, &trial->reader, table->source);
    while (source_rows_next(&rows, &values, &err) && values != NULL
           && rows.row_number <= ROW_COUNT_MAX && encoder.data.size < SIZE_MAX_ENCODED)
        if (rejects_find(&table->rejects, &rows) == NULL
            && !copy_encoder_row(&encoder, values, &err)) {
            assert(err.kind == ERROR_REFUSED);
            return;
        }
    copy_encoder_end(&encoder);
}

static void check_delta_sql(const struct delta_table *table)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    delta_sql_target(&sql, table->table->target);
    quote_plain(&sql, " ");
    delta_sql_columns(&sql, table->columns, table->column_count, "t");
    quote_plain(&sql, " ");
    delta_sql_describe(&sql, table, "t");
    quote_plain(&sql, " ");
    delta_sql_differs(&sql, table, "t", "w");
    quote_plain(&sql, " ");
    delta_sql_all_match(&sql, table);
    if (table->key != NULL) {
        quote_plain(&sql, " ");
        delta_sql_key_match(&sql, table, "t", "w");
    }
    sql_shape_check(&sql, 1);
}

static void check_ddl(const struct target_catalog *catalog)
{
    for (size_t i = 0; i < catalog->table_count; i++) {
        OWNED(ddl_plan) struct ddl_plan plan = {0};
        struct ddl_request request = {
            .table = &catalog->tables[i], .indexes = true, .foreign_keys = true, .triggers = true};

        ddl_plan_make(&plan, catalog, &request, 1);
        for (size_t k = 0; k < plan.object_count; k++) {
            const char *texts[] = {
                plan.objects[k].drop, plan.objects[k].restore, plan.objects[k].exists};

            for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++) {
                OWNED(byte_buffer) struct byte_buffer sql = {0};

                quote_plain(&sql, texts[n]);
                sql_shape_check(&sql, 8);
            }
        }
    }
}

/* What is shown has no control character but the ends of lines. */
static void check_reports(const struct trial *trial)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};
    OWNED(estimate) struct estimate estimate = {.disk = {.reason = "no server"}};
    struct report report = {
        .outcome = REPORT_PLANNED,
        .estimate = &estimate,
        .dump = "dump",
        .server = "17.0",
        .database = "database",
        .plan = &trial->plan,
        .problems = &trial->problems,
    };

    estimate.tables =
        arena_alloc(&estimate.arena, trial->plan.table_count + 1, sizeof(*estimate.tables));
    report_text(&report, &text);
    report_problems(&trial->problems, &text);
    for (size_t i = 0; i < text.size; i++)
        assert(text.data[i] == '\n' || (text.data[i] >= 32 && text.data[i] != 127));
}

static void run(struct trial *trial, uint8_t seed)
{
    const struct command_line_list words = {.items = (const char *[]){seed % 3 == 0   ? "stop"
                                                                      : seed % 3 == 1 ? "reject"
                                                                                      : "replace"},
        .count = 1};
    const struct command_line_list unix_times = {
        .items = (const char *[]){profile_units[seed % 5]}, .count = 1};
    const struct value_policies policies = {
        .words = &words, .unix_times = &unix_times, .profile = &trial->profile, .nul_text = " "};
    const struct plan_input input = {.reader = &trial->reader,
        .catalog = &trial->catalog,
        .profile = &trial->profile,
        .policies = &policies};
    const struct preflight preflight = {
        .input = &input, .plan = &trial->plan, .problems = &trial->problems};
    const struct ledger ledger = {0};
    const struct delta_plan_input delta_input = {.reader = &trial->reader,
        .catalog = &trial->catalog,
        .plan = &trial->plan,
        .ledger = &ledger,
        .is_undo = seed % 5 == 0};
    struct error err;

    plan_make(&trial->plan, &input, &trial->problems);
    if (trial->reader.header.kind == DUMP_DELTA)
        delta_plan_make(&trial->delta, &delta_input, &trial->problems);
    else if (!preflight_values(&preflight, &err))
        return; /* a damaged block */
    for (size_t i = 0; i < trial->plan.table_count; i++)
        if (trial->plan.tables[i].action == PLAN_LOAD && trial->plan.tables[i].column_count > 0)
            encode_rows(trial, &trial->plan.tables[i]);
    for (size_t i = 0; i < trial->delta.table_count; i++)
        check_delta_sql(&trial->delta.tables[i]);
    check_ddl(&trial->catalog);
    check_reports(trial);
}

static bool has_table(const void *schema, const char *name)
{
    return schema_find_table(schema, name) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWNED(memory_file) struct memory_file file = {0};
    OWNED(trial) struct trial trial = {0};
    uint8_t seed = size > 0 ? data[0] : 0;
    const struct profile_subject subject = {has_table, &trial.reader.schema, "dump"};
    struct error err;

    memory_file_open(&file);
    memory_file_set(&file, size > 0 ? data + 1 : data, size > 0 ? size - 1 : 0);
    if (!dump_reader_open(&trial.reader, file.path, &err)
        || !profile_find(&trial.profile, seed % 2 == 0 ? NULL : "none", &subject, &err))
        return 0;
    hostile_target_make(&trial.catalog, &trial.reader.schema, seed);
    run(&trial, seed);
    return 0;
}
