#include "replay/delta/delta_values.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/delta/delta_sql.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROW_COUNT_MAX 500
#define RAW_SIZE_MAX ((uint64_t)32 << 10)  /* bytes of the table's blocks; all are sent often */
#define VALUES_SIZE_MAX ((size_t)16 << 20) /* bytes that the values of all tables may take */

/* Reading one part of a table. */
struct reading {
    struct delta_values *values;
    const struct delta_table *table;
    struct byte_buffer *arrays; /* owned: one for each column */
};

static void reading_release(struct reading *r)
{
    for (size_t i = 0; r->arrays != NULL && i < r->table->column_count; i++)
        byte_buffer_release(&r->arrays[i]);
    free(r->arrays);
}

static bool is_array_element(const struct type_map *type)
{
    return type->kind != TYPE_OTHER && !type->column->is_domain;
}

bool delta_values_fit(
    const struct delta_plan *plan, const struct delta_table *table, enum source_rows_part part)
{
    const struct dump_reader *reader = plan->reader;
    uint32_t source = table->table->source;
    uint64_t row_count = 0;
    uint64_t size = 0;

    for (size_t i = 0; i < reader->block_count[source]; i++) {
        const struct index_entry *entry = &reader->index.entries[reader->first_block[source] + i];

        row_count += part == SOURCE_ROWS_REMOVED ? entry->removed_count
                                                 : entry->row_count - entry->removed_count;
        size += entry->raw_size;
    }
    if (row_count == 0)
        return true;
    for (size_t i = 0; i < table->column_count; i++)
        if (!is_array_element(&table->columns[i].type))
            return false;
    /* COPY, which reads rows back, takes no values. */
    return !delta_plan_reads_changes(plan, table->table) && row_count <= ROW_COUNT_MAX
           && size <= RAW_SIZE_MAX && plan->values_size <= VALUES_SIZE_MAX;
}

/* --- arrays -------------------------------------------------------------------- */

/* A field of a COPY text line, that ends at a tab or newline, as an element; returns its end. */
static const uint8_t *put_element(struct byte_buffer *array, const uint8_t *field)
{
    static const char letters[] = "bfnrtv";
    static const char meant[] = "\b\f\n\r\t\v";
    bool is_null = field[0] == '\\' && field[1] == 'N';

    quote_plain(array, array->size == 0 ? "{" : ",");
    if (is_null) {
        quote_plain(array, "NULL");
        return field + 2;
    }
    byte_buffer_put_u8(array, '"');
    for (; *field != '\t' && *field != '\n'; field++) {
        const char *letter = NULL;

        if (*field == '\\') {
            field++;
            letter = *field == 0 ? NULL : strchr(letters, *field);
        }
        if (*field == '"' || *field == '\\')
            byte_buffer_put_u8(array, '\\');
        byte_buffer_put_u8(array, letter == NULL ? *field : (uint8_t)meant[letter - letters]);
    }
    byte_buffer_put_u8(array, '"');
    return field;
}

static void put_line(struct reading *r, const uint8_t *line)
{
    for (size_t i = 0; i < r->table->column_count; i++) {
        line = put_element(&r->arrays[i], line);
        assert(*line == (i + 1 < r->table->column_count ? '\t' : '\n'));
        line++;
    }
}

static bool read_rows(struct reading *r, struct error *err)
{
    struct delta_values *values = r->values;
    OWNED(source_rows) struct source_rows rows = {0};
    OWNED(copy_encoder) struct copy_encoder encoder = {0};
    const struct value *row;

    copy_encoder_init(&encoder, r->table->columns, r->table->column_count);
    encoder.is_text = true;
    source_rows_begin(&rows, values->plan->reader, r->table->table->source);
    rows.part = values->part;
    for (;;) {
        if (!source_rows_next(&rows, &row, err))
            return false;
        if (row == NULL)
            break;
        encoder.data.size = 0;
        if (!copy_encoder_row(&encoder, row, err))
            return false;
        put_line(r, encoder.data.data);
    }
    progress_task_rows(values->task, encoder.row_count);
    values->row_count = encoder.row_count;
    values->sum = encoder.sum;
    return true;
}

/* --- the query -------------------------------------------------------------------- */

/* Nothing, which the planner sees. */
static void put_none(struct byte_buffer *sql, const struct delta_table *table)
{
    quote_plain(sql, "(SELECT ");
    delta_sql_columns(sql, table->columns, table->column_count, NULL);
    quote_plain(sql, ", NULL::bigint AS ctid FROM ");
    delta_sql_target(sql, table->table->target);
    quote_plain(sql, " WHERE false)");
}

/* Numbers of values go on from those that the table has. */
static void put_arrays(struct byte_buffer *sql, const struct delta_table *table)
{
    quote_plain(sql, "(SELECT v.* FROM unnest(");
    for (size_t i = 0; i < table->column_count; i++)
        byte_buffer_format(sql, "%s$%zu::%s[]", i == 0 ? "" : ", ", table->values.count + i + 1,
            table->columns[i].type.column->type_text);
    quote_plain(sql, ") WITH ORDINALITY AS v (");
    delta_sql_columns(sql, table->columns, table->column_count, NULL);
    quote_plain(sql, ", ctid))");
}

static void add_values(struct delta_plan *plan, struct delta_table *table, struct reading *r)
{
    const char **items =
        arena_alloc(&plan->arena, table->values.count + table->column_count, sizeof(*items));

    for (size_t i = 0; i < table->values.count; i++)
        items[i] = table->values.items[i];
    for (size_t i = 0; i < table->column_count; i++) {
        byte_buffer_put_u8(&r->arrays[i], '}');
        items[table->values.count++] = arena_text(&plan->arena, quote_text(&r->arrays[i]));
        plan->values_size += r->arrays[i].size;
    }
    table->values.items = items;
}

bool delta_values_read(struct delta_values *values, struct delta_table *table, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(reading)
    struct reading r = {.values = values,
        .table = table,
        .arrays = byte_buffer_calloc(table->column_count + 1, sizeof(*r.arrays))};

    if (!read_rows(&r, err))
        return false;
    if (values->row_count == 0) {
        put_none(&sql, table);
    } else {
        put_arrays(&sql, table);
        add_values(values->plan, table, &r);
    }
    values->from = arena_text(&values->plan->arena, quote_text(&sql));
    return true;
}
