#include "tests/unit/dump_comparison.h"

#include "base/owned.h"
#include "dump/catalog.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static bool is_value(const struct value *value, sqlite3_stmt *row, int column)
{
    static const int types[VALUE_CLASS_COUNT] = {
        SQLITE_NULL, SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT, SQLITE_BLOB};
    double real = sqlite3_column_double(row, column);
    const void *bytes;

    if (sqlite3_column_type(row, column) != types[value->class])
        return false;
    switch (value->class) {
    case VALUE_NULL:
        return true;
    case VALUE_INTEGER:
        return sqlite3_column_int64(row, column) == value->integer;
    case VALUE_REAL:
        return memcmp(&real, &value->real, sizeof(real)) == 0;
    case VALUE_TEXT:
        bytes = sqlite3_column_text(row, column);
        break;
    case VALUE_BLOB:
    default:
        bytes = sqlite3_column_blob(row, column);
        break;
    }
    return (uint32_t)sqlite3_column_bytes(row, column) == value->size
           && (value->size == 0 || memcmp(bytes, value->bytes, value->size) == 0);
}

static sqlite3_stmt *select_all(sqlite3 *db, const struct schema_table *table)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    sqlite3_stmt *rows;

    byte_buffer_put(&sql, "SELECT ", 7);
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (i > 0)
            byte_buffer_put_u8(&sql, ',');
        schema_put_name(&sql, &table->columns[i].name);
    }
    byte_buffer_put(&sql, " FROM ", 6);
    schema_put_name(&sql, &table->name);
    byte_buffer_put(&sql, " NOT INDEXED", sizeof(" NOT INDEXED"));
    if (sqlite3_prepare_v2(db, (const char *)sql.data, -1, &rows, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    return rows;
}

static void compare_block(struct rows_block *block, sqlite3_stmt *rows,
    const struct schema_table *table, struct column_facts *facts)
{
    struct value *values = byte_buffer_calloc(table->column_count, sizeof(*values));

    while (rows_block_next(block, values)) {
        assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
        for (uint32_t i = 0; i < table->column_count; i++) {
            table_end_observe(&facts[i], &values[i]);
            if (!is_value(&values[i], rows, (int)i))
                fail_msg(
                    "table %s, column %s differs", table->name.bytes, table->columns[i].name.bytes);
        }
    }
    free(values);
}

void dump_comparison_table(const struct dump_reader *reader, uint32_t number, sqlite3 *db)
{
    const struct schema_table *table = &reader->schema.tables[number];
    struct column_facts *facts = byte_buffer_calloc(table->column_count, sizeof(*facts));
    struct dump_buffer buffer = {0};
    sqlite3_stmt *rows = select_all(db, table);
    uint64_t row_count = 0;
    struct error err;

    for (size_t i = 0; i < reader->block_count[number]; i++) {
        ASSERT_DONE(dump_reader_rows(reader, reader->first_block[number] + i, &buffer, &err), err);
        row_count += buffer.rows.row_count;
        compare_block(&buffer.rows, rows, table, facts);
    }
    assert_int_equal(sqlite3_step(rows), SQLITE_DONE);
    assert_true(reader->ends[number].row_count == row_count);
    assert_memory_equal(reader->ends[number].facts, facts, table->column_count * sizeof(*facts));
    sqlite3_finalize(rows);
    dump_buffer_release(&buffer);
    free(facts);
}
