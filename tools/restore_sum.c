#include "tools/restore_sum.h"

#include "base/owned.h"

#define FUNCTION_NAME "valise_sum"

struct total {
    struct sqlite_file *file; /* borrowed */
    struct byte_buffer row;   /* canonical form of one */
    struct hash128 sum;
    uint64_t row_count;
};

static void total_release(struct total *total)
{
    byte_buffer_release(&total->row);
}

static void select_sql(struct byte_buffer *sql, const struct schema_table *table,
    const char *before, const char *after)
{
    byte_buffer_format(sql, "SELECT %s", before);
    for (uint32_t i = 0; i < table->column_count; i++) {
        byte_buffer_format(sql, i > 0 ? ", " : "");
        schema_put_name(sql, &table->columns[i].name);
    }
    byte_buffer_format(sql, "%s FROM main.", after);
    schema_put_name(sql, &table->name);
    byte_buffer_format(sql, " NOT INDEXED");
    byte_buffer_put_u8(sql, '\0');
}

static void end_row(struct total *total)
{
    total->sum = checksum_add(total->sum, checksum_xxh3(total->row.data, total->row.size));
    total->row_count++;
    total->row.size = 0;
}

/* --- through a function of ours, which is handed whole rows ------------------------------- */

static void on_row(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct total *total = sqlite3_user_data(context);

    for (int i = 0; i < count; i++)
        sqlite_file_argument(total->file, values[i], &total->row);
    end_row(total);
}

static void on_end(sqlite3_context *context)
{
    sqlite3_result_null(context);
}

static bool sum_by_function(
    struct total *total, const struct schema_table *table, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    bool is_row;

    if (sqlite3_create_function_v2(total->file->handle, FUNCTION_NAME, -1,
            SQLITE_UTF8 | SQLITE_DIRECTONLY, total, NULL, on_row, on_end, NULL)
        != SQLITE_OK)
        return sqlite_file_fail(total->file, err, "cannot define a function");
    select_sql(&sql, table, FUNCTION_NAME "(", ")");
    return sqlite_file_prepare(total->file, (const char *)sql.data, &statement, NULL, err)
           && sqlite_file_step(total->file, &statement, &is_row, err);
}

/* --- column by column, for tables wider than a function may be ----------------------------- */

static bool sum_by_columns(struct total *total, const struct schema_table *table, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    bool is_row = true;

    select_sql(&sql, table, "", "");
    if (!sqlite_file_prepare(total->file, (const char *)sql.data, &statement, NULL, err))
        return false;
    for (;;) {
        if (!sqlite_file_step(total->file, &statement, &is_row, err))
            return false;
        if (!is_row)
            return true;
        for (uint32_t i = 0; i < table->column_count; i++)
            sqlite_file_column(total->file, &statement, (int)i, &total->row);
        end_row(total);
    }
}

bool restore_sum_run(struct sqlite_file *file, const struct schema_table *table,
    uint64_t *row_count, struct hash128 *sum, struct error *err)
{
    OWNED(total) struct total total = {.file = file};
    int limit = sqlite3_limit(file->handle, SQLITE_LIMIT_FUNCTION_ARG, -1);
    bool done = table->column_count <= (uint32_t)limit ? sum_by_function(&total, table, err)
                                                       : sum_by_columns(&total, table, err);

    *row_count = total.row_count;
    *sum = total.sum;
    return done;
}
