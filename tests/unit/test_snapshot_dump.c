/*
 * Round trips: a database is dumped, the dump is read, and every value is compared
 * with what SELECT says, in the same order. Facts and counts are compared as well.
 */
#include "dump/snapshot_dump.h"

#include "base/file.h"
#include "base/owned.h"
#include "base/stop.h"
#include "format/dump_reader.h"
#include "tests/unit/database_sample.h"
#include "tests/unit/dump_comparison.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void count_warning(void *context, const char *text)
{
    (void)text;
    ++*(int *)context;
}

static int last_warning_count;

static bool dump(const struct sample_folder *folder, const char *database, const char *output,
    unsigned thread_count, struct error *err)
{
    OWNED(progress) struct progress progress = {0};
    struct snapshot_dump_options options = {
        .database_path = database_sample_path(folder, database),
        .output_path =
            output[0] == '/' || output[0] == '-' ? output : database_sample_path(folder, output),
        .thread_count = thread_count,
        .level = 3,
        .busy_timeout_ms = 50,
        .progress = &progress,
        .warn = count_warning,
        .warn_context = &last_warning_count,
    };
    struct snapshot_dump_result result;

    progress_init(&progress, "test", "dump");
    last_warning_count = 0;
    return snapshot_dump_run(&options, &result, err);
}

/* --- round trips -------------------------------------------------------------------- */

/* Dumps x.db and compares; returns the open reader, whose schema is worth a look. */
static struct dump_reader round_trip(const struct sample_folder *folder, sqlite3 *db)
{
    const char *path = database_sample_path(folder, "x.valise");
    struct dump_reader reader;
    struct error err;

    unlink(path);
    ASSERT_DONE(dump(folder, "x.db", "x.valise", 2, &err), err);
    ASSERT_DONE(dump_reader_open(&reader, path, &err), err);
    ASSERT_DONE(dump_reader_check_digest(&reader, &err), err);
    for (uint32_t i = 0; i < reader.schema.table_count; i++)
        if (schema_table_has_rows(&reader.schema.tables[i]))
            dump_comparison_table(&reader, i, db);
    return reader;
}

/* The same for what sql makes. */
static struct dump_reader round_trip_of(const struct sample_folder *folder, const char *sql)
{
    sqlite3 *db;
    struct dump_reader reader;

    unlink(database_sample_path(folder, "x.db"));
    db = database_sample_open(folder, "x.db", sql);
    reader = round_trip(folder, db);
    sqlite3_close(db);
    return reader;
}

static void check(void **state, const char *sql)
{
    struct dump_reader reader = round_trip_of(*state, sql);

    dump_reader_release(&reader);
}

/* --- schemas ------------------------------------------------------------------------- */

static void empty_databases(void **state)
{
    check(state, "VACUUM");
    check(state, "PRAGMA user_version=7");
    check(state, "CREATE TABLE t(a)");
    check(state, "CREATE TABLE t(a); CREATE TABLE u(b); INSERT INTO u VALUES(1)");
}

static void storage_classes(void **state)
{
    check(state, "CREATE TABLE t(i INTEGER, r REAL, x TEXT, b BLOB, n NUMERIC, a);"
                 "INSERT INTO t VALUES(NULL,NULL,NULL,NULL,NULL,NULL);"
                 "INSERT INTO t VALUES('x',x'00',x'',1.5,'y',-0.0);"
                 "INSERT INTO t VALUES(9223372036854775807,-9223372036854775808,1,1,"
                 "  9223372036854775807,9223372036854775808);"
                 "INSERT INTO t VALUES(1e999,-1e999,1e999,0.1,1e15,1e999-1e999);"
                 "INSERT INTO t VALUES(0,0,'','','','');"
                 "INSERT INTO t VALUES(1.0,1,1.0,1.0,1.0,5e-324)");
}

static void hostile_texts(void **state)
{
    check(state, "CREATE TABLE t(a TEXT);"
                 "INSERT INTO t VALUES('a'||char(0)||'b'),(char(0)),(CAST(x'c328' AS TEXT)),"
                 "  (CAST(x'ff' AS TEXT)),(CAST(x'eda080' AS TEXT)),(CAST(x'61c3' AS TEXT)),"
                 "  ('\xc3\xa4\xf0\x9f\x98\x80')");
    assert_int_equal(last_warning_count, 2);
}

#define UTF16_ROWS \
    "CREATE TABLE \"t\xc3\xa9\"(\"\xf0\x9f\x98\x80\" TEXT, b);" \
    "INSERT INTO \"t\xc3\xa9\" VALUES('a'||char(0)||'b', x'ff00'),('\xf0\x9f\x98\x80','\xc3\xa9')," \
    "('',1),(NULL,''),('plain','text')"

static void utf16(void **state)
{
    struct dump_reader reader;

    reader = round_trip_of(*state, "PRAGMA encoding='UTF-16le';" UTF16_ROWS);
    assert_int_equal(reader.schema.encoding, SCHEMA_ENCODING_UTF16LE);
    assert_non_null(schema_find_table(&reader.schema, "t\xc3\xa9"));
    assert_true(strstr(reader.schema.entries[0].sql.bytes, "\xf0\x9f\x98\x80") != NULL);
    dump_reader_release(&reader);
    reader = round_trip_of(*state, "PRAGMA encoding='UTF-16be';" UTF16_ROWS);
    assert_int_equal(reader.schema.encoding, SCHEMA_ENCODING_UTF16BE);
    dump_reader_release(&reader);
}

/* SQLite's own conversion loses these, so the expected bytes are written down. */
static void check_surrogates(const struct sample_folder *folder, const char *sql)
{
    static const char *const expected[] = {"x\xed\xa0\x80y", "\xed\xbf\xbf", "ab"};
    const char *path = database_sample_path(folder, "x.valise");
    struct dump_buffer buffer = {0};
    struct dump_reader reader;
    struct value value;
    struct error err;

    unlink(path);
    unlink(database_sample_path(folder, "x.db"));
    database_sample_create(folder, "x.db", sql);
    ASSERT_DONE(dump(folder, "x.db", "x.valise", 1, &err), err);
    ASSERT_DONE(dump_reader_open(&reader, path, &err), err);
    ASSERT_DONE(dump_reader_rows(&reader, reader.first_block[0], &buffer, &err), err);
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_true(rows_block_next(&buffer.rows, &value));
        assert_int_equal(value.class, VALUE_TEXT);
        assert_int_equal(value.size, strlen(expected[i]));
        assert_memory_equal(value.bytes, expected[i], value.size);
    }
    assert_true(reader.ends[0].facts[0].invalid_utf8_count == 2);
    dump_buffer_release(&buffer);
    dump_reader_release(&reader);
}

static void lone_surrogates(void **state)
{
    check_surrogates(*state, "PRAGMA encoding='UTF-16le'; CREATE TABLE t(a TEXT);"
                             "INSERT INTO t VALUES(CAST(x'780000d87900' AS TEXT)),"
                             "(CAST(x'ffdf' AS TEXT)),(CAST(x'6100620063' AS TEXT))");
    check_surrogates(*state, "PRAGMA encoding='UTF-16be'; CREATE TABLE t(a TEXT);"
                             "INSERT INTO t VALUES(CAST(x'0078d8000079' AS TEXT)),"
                             "(CAST(x'dfff' AS TEXT)),(CAST(x'0061006200' AS TEXT))");
}

static void kinds_of_tables(void **state)
{
    check(state, "CREATE TABLE w(a TEXT, b INT, c, PRIMARY KEY(b DESC, a)) WITHOUT ROWID;"
                 "INSERT INTO w VALUES('x',1,NULL),('y',5,2.5),('a',1,x'00');"
                 "CREATE TABLE s(a INT, b TEXT, c ANY) STRICT; INSERT INTO s VALUES(1,'x',x'01');"
                 "CREATE TABLE q(id INTEGER PRIMARY KEY AUTOINCREMENT, a);"
                 "INSERT INTO q(a) VALUES(1),(2); DELETE FROM q WHERE id=2;"
                 "CREATE TABLE r(rowid TEXT, oid TEXT, _rowid_ TEXT);"
                 "INSERT INTO r VALUES('a','b','c');"
                 "CREATE INDEX i1 ON q(a) WHERE a>1; CREATE INDEX i2 ON q(a+1);"
                 "CREATE UNIQUE INDEX i3 ON r(rowid, oid, _rowid_); ANALYZE;"
                 "CREATE VIEW v AS SELECT * FROM q; CREATE VIEW bad AS SELECT missing FROM none;"
                 "CREATE TRIGGER g AFTER INSERT ON q BEGIN DELETE FROM q; END");
}

static void generated_columns(void **state)
{
    struct dump_reader reader = round_trip_of(*state,
        "CREATE TABLE g(a INT, v TEXT GENERATED ALWAYS AS (a||'x'), "
        "s INT GENERATED ALWAYS AS (a*2) STORED, z);"
        "INSERT INTO g(a,z) VALUES(1,'z'),(NULL,2);"
        "ALTER TABLE g ADD COLUMN d TEXT DEFAULT 'late'; INSERT INTO g(a,d) VALUES(3,'own')");
    const struct schema_table *table = schema_find_table(&reader.schema, "g");

    assert_int_equal(table->column_count, 5);
    assert_int_equal(table->columns[1].generated, SCHEMA_GENERATED_VIRTUAL);
    assert_int_equal(table->columns[2].generated, SCHEMA_GENERATED_STORED);
    assert_string_equal(table->columns[4].default_sql.bytes, "'late'");
    dump_reader_release(&reader);
}

static void virtual_tables(void **state)
{
    struct dump_reader reader = round_trip_of(*state,
        "CREATE VIRTUAL TABLE f3 USING fts3(a); CREATE VIRTUAL TABLE f4 USING fts4(a, b);"
        "CREATE VIRTUAL TABLE f5 USING fts5(a); CREATE VIRTUAL TABLE r USING rtree(id,x0,x1);"
        "INSERT INTO f3 VALUES('some words'); INSERT INTO f4 VALUES('more','words');"
        "INSERT INTO f5 VALUES('other words'); INSERT INTO r VALUES(1,2,3)");

    assert_int_equal(schema_find_table(&reader.schema, "f4")->kind, SCHEMA_TABLE_VIRTUAL);
    assert_int_equal(schema_find_table(&reader.schema, "f4_content")->kind, SCHEMA_TABLE_SHADOW);
    assert_int_equal(schema_find_table(&reader.schema, "r_node")->kind, SCHEMA_TABLE_SHADOW);
    dump_reader_release(&reader);
}

static void hostile_names(void **state)
{
    check(state,
        "CREATE TABLE \"\"(\"\" TEXT, \" \" INT); INSERT INTO \"\" VALUES('a',1);"
        "CREATE TABLE \"a\"\"b\"(\"c\"\"d\", \"select\", \"'\", \"x;y\", \"[\", \"]\", \"`\");"
        "INSERT INTO \"a\"\"b\" VALUES(1,2,3,4,5,6,7);"
        "CREATE TABLE \"table\"(\"from\"); INSERT INTO \"table\" VALUES(1);"
        "CREATE TABLE \"line\nfeed\"(\"tab\t\"); INSERT INTO \"line\nfeed\" VALUES(1);"
        "CREATE TABLE pragma_table_xinfo(name); INSERT INTO pragma_table_xinfo VALUES(1);"
        "CREATE TABLE valise_sink(valise_sink); INSERT INTO valise_sink VALUES(1);"
        "CREATE TABLE \"%s%n\"(\"%d\"); INSERT INTO \"%s%n\" VALUES(1)");
}

static void check_wide(void **state, unsigned count)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(byte_buffer) struct byte_buffer values = {0};
    char text[32];

    byte_buffer_put(&sql, "CREATE TABLE t(", 15);
    byte_buffer_put(&values, "INSERT INTO t VALUES(", 21);
    for (unsigned i = 0; i < count; i++) {
        byte_buffer_put(
            &sql, text, (size_t)snprintf(text, sizeof(text), "%sc%u", i > 0 ? "," : "", i));
        byte_buffer_put(&values, text,
            (size_t)snprintf(
                text, sizeof(text), i % 3 == 0 ? "%s%u" : "%s'%u'", i > 0 ? "," : "", i));
    }
    byte_buffer_put(&sql, ");", 2);
    byte_buffer_put(&values, ");", 2);
    byte_buffer_put(&sql, values.data, values.size);
    byte_buffer_put(&sql, values.data, values.size);
    byte_buffer_put_u8(&sql, 0);
    check(state, (const char *)sql.data);
}

/* Around the number of arguments that a function may have, and SQLite's limit. */
static void wide_tables(void **state)
{
    check_wide(state, 126);
    check_wide(state, 127);
    check_wide(state, 128);
    check_wide(state, 200);
    check_wide(state, 2000);
}

static void large_rows(void **state)
{
    check(state, "CREATE TABLE t(a, b);"
                 "INSERT INTO t VALUES(1,'before'),(zeroblob(100000000),'large'),(2,'after');"
                 "INSERT INTO t VALUES(randomblob(9000000),1),(randomblob(9000000),2),"
                 "(randomblob(13000000),3),(randomblob(13000000),4),(5,5)");
}

#define MANY_ROWS \
    "CREATE TABLE m(id INTEGER PRIMARY KEY, a, b);" \
    "WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<200000)" \
    "INSERT INTO m SELECT i, hex(randomblob(i%100)), CASE i%5 WHEN 0 THEN NULL WHEN 1 THEN i*0.5 " \
    "WHEN 2 THEN randomblob(i%50) WHEN 3 THEN i%1000 ELSE 'text '||(i%7) END FROM n;" \
    "CREATE TABLE e(a); CREATE TABLE z(a); INSERT INTO z VALUES(1)"

static void many_blocks(void **state)
{
    struct dump_reader reader = round_trip_of(*state, MANY_ROWS);

    assert_true(reader.block_count[1] > 3);
    dump_reader_release(&reader);
}

static void same_bytes(void **state)
{
    struct sample_folder *folder = *state;
    static const unsigned thread_counts[] = {1, 2, 3, 8};
    OWNED(byte_buffer) struct byte_buffer first = {0};
    struct error err;

    database_sample_create(folder, "x.db", MANY_ROWS);
    for (size_t i = 0; i < COUNT_OF(thread_counts); i++) {
        OWNED(byte_buffer) struct byte_buffer bytes = {0};
        const char *path = database_sample_path(folder, "x.valise");

        unlink(path);
        ASSERT_DONE(dump(folder, "x.db", "x.valise", thread_counts[i], &err), err);
        ASSERT_DONE(file_read_all(&bytes, path, SIZE_MAX, &err), err);
        if (i == 0)
            byte_buffer_put(&first, bytes.data, bytes.size);
        assert_int_equal(bytes.size, first.size);
        assert_memory_equal(bytes.data, first.data, first.size);
    }
}

/* --- what the application knows and we do not ----------------------------------------------- */

static int reverse(
    void *context, int left_size, const void *left, int right_size, const void *right)
{
    (void)context;
    (void)left;
    (void)right;
    return right_size - left_size;
}

static void take_first(sqlite3_context *context, int count, sqlite3_value **values)
{
    sqlite3_result_value(context, values[count - 1]);
}

static sqlite3 *open_with_extras(const struct sample_folder *folder)
{
    sqlite3 *db = database_sample_open(folder, "x.db", "");

    sqlite3_create_collation(db, "bylength", SQLITE_UTF8, NULL, reverse);
    sqlite3_create_function(db, "own", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
        NULL, take_first, NULL, NULL);
    return db;
}

static void unknown_collation_and_function(void **state)
{
    struct sample_folder *folder = *state;
    sqlite3 *db = open_with_extras(folder);
    struct dump_reader reader;

    database_sample_run(db, "CREATE TABLE t(a TEXT COLLATE bylength UNIQUE, b CHECK(own(b)),"
                            " s AS (own(a)) STORED);"
                            "CREATE TABLE w(a TEXT COLLATE bylength PRIMARY KEY, b) WITHOUT ROWID;"
                            "CREATE INDEX i ON t(own(b)); CREATE INDEX j ON t(b) WHERE own(b);"
                            "CREATE VIEW v AS SELECT own(1);"
                            "INSERT INTO t(a,b) VALUES('a',1),('bbb',2),('cc',3);"
                            "INSERT INTO w VALUES('a',1),('bbb',2),('cc',3)");
    reader = round_trip(folder, db);
    dump_reader_release(&reader);
    sqlite3_close(db);
}

static void unknown_function_is_named(void **state)
{
    struct sample_folder *folder = *state;
    sqlite3 *db = open_with_extras(folder);
    struct error err;

    database_sample_run(db, "CREATE TABLE t(a, v AS (own(a)))");
    sqlite3_close(db);
    ASSERT_FAILS(dump(folder, "x.db", "x.valise", 1, &err), err, ERROR_DATABASE, "own()");
    assert_non_null(strstr(err.text, "table \"t\""));
}

static void unknown_module(void **state)
{
    struct sample_folder *folder = *state;
    struct dump_reader reader =
        round_trip_of(folder, "CREATE TABLE t(a); PRAGMA writable_schema=ON;"
                              "INSERT INTO sqlite_schema VALUES('table','strange','strange',0,"
                              "'CREATE VIRTUAL TABLE strange USING nowhere(a, b)')");
    const struct schema_table *table = schema_find_table(&reader.schema, "strange");

    assert_int_equal(table->kind, SCHEMA_TABLE_VIRTUAL);
    assert_int_equal(table->column_count, 0);
    dump_reader_release(&reader);
}

/* --- failures --------------------------------------------------------------------------------- */

/* A page of the table, filled with nonsense, in the middle of the file. */
static void corrupt_in_the_middle(void **state)
{
    struct sample_folder *folder = *state;
    struct error err;
    char page[4096];
    FILE *file;

    database_sample_create(folder, "x.db", MANY_ROWS);
    memset(page, 0x55, sizeof(page));
    file = fopen(database_sample_path(folder, "x.db"), "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 1000 * (long)sizeof(page), SEEK_SET), 0);
    assert_int_equal(fwrite(page, sizeof(page), 1, file), 1);
    fclose(file);
    ASSERT_FAILS(dump(folder, "x.db", "x.valise", 2, &err), err, ERROR_CORRUPT, "malformed");
    assert_non_null(strstr(err.text, "table \"m\", after "));
    assert_false(database_sample_exists(folder, "x.valise"));
}

static void full_disk(void **state)
{
    struct sample_folder *folder = *state;
    int output = dup(STDOUT_FILENO);
    struct error err;
    bool done;

    database_sample_create(folder, "x.db", MANY_ROWS);
    /* The device takes the place of standard output; it comes back before anything is said. */
    done = dump(folder, "x.db", "/dev/full", 2, &err);
    dup2(output, STDOUT_FILENO);
    close(output);
    ASSERT_FAILS(done, err, ERROR_IO, "No space left");
}

static void output_exists(void **state)
{
    struct sample_folder *folder = *state;
    unsigned long long before;
    struct error err;

    database_sample_create(folder, "x.db", "CREATE TABLE t(a)");
    database_sample_write(folder, "x.valise", "old", 3);
    before = database_sample_fingerprint(folder);
    ASSERT_FAILS(dump(folder, "x.db", "x.valise", 1, &err), err, ERROR_REFUSED, "exists");
    ASSERT_FAILS(dump(folder, "x.db", "x.db", 1, &err), err, ERROR_REFUSED, "database itself");
    assert_true(database_sample_fingerprint(folder) == before);
}

static void stopped(void **state)
{
    struct sample_folder *folder = *state;
    struct error err;

    database_sample_create(folder, "x.db", MANY_ROWS);
    stop_request();
    ASSERT_FAILS(dump(folder, "x.db", "x.valise", 2, &err), err, ERROR_STOPPED, "stopped");
    stop_forget();
    assert_false(database_sample_exists(folder, "x.valise"));
}

#define TEST(function) \
    cmocka_unit_test_setup_teardown(function, database_sample_setup, database_sample_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(empty_databases),
        TEST(storage_classes),
        TEST(hostile_texts),
        TEST(utf16),
        TEST(lone_surrogates),
        TEST(kinds_of_tables),
        TEST(generated_columns),
        TEST(virtual_tables),
        TEST(hostile_names),
        TEST(wide_tables),
        TEST(large_rows),
        TEST(many_blocks),
        TEST(same_bytes),
        TEST(unknown_collation_and_function),
        TEST(unknown_function_is_named),
        TEST(unknown_module),
        TEST(corrupt_in_the_middle),
        TEST(full_disk),
        TEST(output_exists),
        TEST(stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
