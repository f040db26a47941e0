#include "dump/table_guess.h"

#include "base/owned.h"
#include "dump/catalog.h"
#include "tests/unit/database_sample.h"
#include "tests/unit/unit.h"

#define COUNT(n) "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<" n ")"
#define ROWS "SELECT i, 'text '||(i*7), CASE i%3 WHEN 0 THEN NULL ELSE 0.5 END FROM n;"

static const char sql[] =
    "PRAGMA page_size=1024;"
    "CREATE TABLE empty(a, b, c); CREATE TABLE large(a, b, c);"
    "CREATE TABLE keyed(a, b, c, PRIMARY KEY(b, a)) WITHOUT ROWID;"
    "CREATE TABLE one(a, b, c); INSERT INTO one VALUES(1, zeroblob(90000), 2);"
    "INSERT INTO large " COUNT("60000") ROWS "INSERT INTO keyed " COUNT("60000") ROWS;

/* Canonical bytes of the rows of a table with three columns. */
static uint64_t size_of(sqlite3 *db, const char *table)
{
    OWNED(byte_buffer) struct byte_buffer query = {0};
    sqlite3_stmt *statement;
    uint64_t size;

    byte_buffer_format(&query, "SELECT 0");
    for (const char *column = "abc"; *column != '\0'; column++)
        byte_buffer_format(&query,
            " + coalesce(sum(CASE typeof(%c) WHEN 'null' THEN 1 WHEN 'integer' THEN 9 WHEN 'real' "
            "THEN 9 ELSE 5 + length(CAST(%c AS BLOB)) END), 0)",
            *column, *column);
    byte_buffer_format(&query, " FROM %s", table);
    byte_buffer_put_u8(&query, 0);
    assert_int_equal(sqlite3_prepare_v2(db, (char *)query.data, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    size = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return size;
}

static void sizes_are_about_right(void **state)
{
    OWNED(schema) struct schema schema = {0};
    sqlite3 *db = database_sample_open(*state, "x.db", sql);
    uint64_t sizes[4];
    struct error err;

    ASSERT_DONE(catalog_read(&schema, db, &err), err);
    assert_int_equal(schema.table_count, COUNT_OF(sizes));
    table_guess_sizes(sizes, db, &schema);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        uint64_t size = size_of(db, schema.tables[i].name.bytes);

        assert_in_range(sizes[i], size * 3 / 4, size * 5 / 4);
    }
    sqlite3_close(db);
}

/* What a damaged page says leads nowhere. */
static void damaged_pages_are_survived(void **state)
{
    OWNED(schema) struct schema schema = {0};
    sqlite3 *db = database_sample_open(*state, "x.db", sql);
    sqlite3_file *file;
    uint64_t sizes[4];
    uint8_t noise[1024];
    uint32_t random = 1;
    struct error err;

    ASSERT_DONE(catalog_read(&schema, db, &err), err);
    assert_int_equal(sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file), SQLITE_OK);
    /* The first page has the schema, which is still needed. */
    for (sqlite3_int64 page = 1; page < 40; page++)
        for (int kind = 0; kind < 4; kind++) {
            static const uint8_t types[] = {2, 5, 10, 13};

            for (size_t i = 0; i < sizeof(noise); i++) {
                random = random * 1664525 + 1013904223;
                noise[i] = (uint8_t)(random >> 24);
            }
            noise[0] = types[kind];
            noise[3] &= 1; /* as many cells as may be */
            assert_int_equal(
                file->pMethods->xWrite(file, noise, sizeof(noise), page * 1024), SQLITE_OK);
            table_guess_sizes(sizes, db, &schema);
        }
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            sizes_are_about_right, database_sample_setup, database_sample_teardown),
        cmocka_unit_test_setup_teardown(
            damaged_pages_are_survived, database_sample_setup, database_sample_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
