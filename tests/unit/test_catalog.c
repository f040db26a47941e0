#include "dump/catalog.h"

#include "base/owned.h"
#include "tests/unit/database_sample.h"
#include "tests/unit/unit.h"

static struct schema read_schema(const struct sample_folder *folder, const char *sql)
{
    sqlite3 *db = database_sample_open(folder, "x.db", sql);
    struct schema schema = {0};
    struct error err;

    ASSERT_DONE(catalog_read(&schema, db, &err), err);
    sqlite3_close(db);
    return schema;
}

static void settings(void **state)
{
    OWNED(schema)
    struct schema schema = read_schema(*state,
        "PRAGMA encoding='UTF-16be'; PRAGMA page_size=8192; PRAGMA auto_vacuum=2;"
        "PRAGMA user_version=-94; PRAGMA application_id=1234567; CREATE TABLE t(a);"
        "PRAGMA journal_mode=WAL; INSERT INTO t VALUES(1)");

    assert_int_equal(schema.encoding, SCHEMA_ENCODING_UTF16BE);
    assert_int_equal(schema.page_size, 8192);
    assert_int_equal(schema.auto_vacuum, 2);
    assert_int_equal(schema.user_version, -94);
    assert_int_equal(schema.application_id, 1234567);
    assert_true(schema.is_wal);
}

static void entries_are_sorted_and_whole(void **state)
{
    OWNED(schema)
    struct schema schema = read_schema(*state,
        "CREATE VIEW v AS SELECT 1; CREATE TABLE b(x UNIQUE); CREATE TABLE a(x);"
        "CREATE TRIGGER g DELETE ON a BEGIN SELECT 1; END; CREATE INDEX i ON a(x)");
    static const struct {
        enum schema_entry_type type;
        const char *name;
        const char *table;
        const char *sql;
    } expected[] = {
        {SCHEMA_ENTRY_TABLE, "a", "a", "CREATE TABLE a(x)"},
        {SCHEMA_ENTRY_TABLE, "b", "b", "CREATE TABLE b(x UNIQUE)"},
        {SCHEMA_ENTRY_INDEX, "i", "a", "CREATE INDEX i ON a(x)"},
        {SCHEMA_ENTRY_INDEX, "sqlite_autoindex_b_1", "b", NULL},
        {SCHEMA_ENTRY_TRIGGER, "g", "a", "CREATE TRIGGER g DELETE ON a BEGIN SELECT 1; END"},
        {SCHEMA_ENTRY_VIEW, "v", "v", "CREATE VIEW v AS SELECT 1"},
    };

    assert_int_equal(schema.entry_count, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        const struct schema_entry *entry = &schema.entries[i];

        assert_int_equal(entry->type, expected[i].type);
        assert_string_equal(entry->name.bytes, expected[i].name);
        assert_string_equal(entry->table.bytes, expected[i].table);
        assert_int_equal(entry->has_sql, expected[i].sql != NULL);
        if (expected[i].sql != NULL)
            assert_string_equal(entry->sql.bytes, expected[i].sql);
    }
}

static void kinds(void **state)
{
    OWNED(schema)
    struct schema schema = read_schema(*state,
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE VIEW v AS SELECT 1;"
        "CREATE VIRTUAL TABLE f USING fts5(a); CREATE TABLE s(a INT) STRICT;"
        "CREATE TABLE w(a PRIMARY KEY) WITHOUT ROWID; ANALYZE");
    static const struct {
        const char *name;
        enum schema_table_kind kind;
        bool without_rowid;
        bool strict;
    } expected[] = {
        {"f", SCHEMA_TABLE_VIRTUAL, false, false},
        {"f_config", SCHEMA_TABLE_SHADOW, true, false},
        {"f_content", SCHEMA_TABLE_SHADOW, false, false},
        {"f_data", SCHEMA_TABLE_SHADOW, false, false},
        {"f_docsize", SCHEMA_TABLE_SHADOW, false, false},
        {"f_idx", SCHEMA_TABLE_SHADOW, true, false},
        {"s", SCHEMA_TABLE_ORDINARY, false, true},
        {"sqlite_sequence", SCHEMA_TABLE_INTERNAL, false, false},
        {"sqlite_stat1", SCHEMA_TABLE_INTERNAL, false, false},
        {"t", SCHEMA_TABLE_ORDINARY, false, false},
        {"w", SCHEMA_TABLE_ORDINARY, true, false},
    };

    assert_int_equal(schema.table_count, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_string_equal(schema.tables[i].name.bytes, expected[i].name);
        assert_int_equal(schema.tables[i].kind, expected[i].kind);
        assert_int_equal(schema.tables[i].without_rowid, expected[i].without_rowid);
        assert_int_equal(schema.tables[i].strict, expected[i].strict);
    }
    /* The hidden columns "f" and "rank" are no columns of ours. */
    assert_int_equal(schema.tables[0].column_count, 1);
}

static void columns(void **state)
{
    OWNED(schema)
    struct schema schema = read_schema(*state,
        "CREATE TABLE t(a VARCHAR(10) NOT NULL DEFAULT 'x''y', b, c \"odd type\" DEFAULT NULL,"
        " d AS (a||b), e INT AS (1) STORED, PRIMARY KEY(c, a))");
    const struct schema_table *table = schema_find_table(&schema, "t");

    assert_int_equal(table->column_count, 5);
    assert_string_equal(table->columns[0].type.bytes, "VARCHAR(10)");
    assert_true(table->columns[0].not_null);
    assert_true(table->columns[0].has_default);
    assert_string_equal(table->columns[0].default_sql.bytes, "'x''y'");
    assert_int_equal(table->columns[0].primary_key, 2);
    assert_string_equal(table->columns[1].type.bytes, "");
    assert_false(table->columns[1].has_default);
    assert_int_equal(table->columns[1].primary_key, 0);
    assert_string_equal(table->columns[2].type.bytes, "odd type");
    assert_int_equal(table->columns[2].primary_key, 1);
    assert_true(table->columns[2].has_default);
    assert_int_equal(table->columns[3].generated, SCHEMA_GENERATED_VIRTUAL);
    assert_int_equal(table->columns[4].generated, SCHEMA_GENERATED_STORED);
}

static void schema_is_damaged(void **state)
{
    struct sample_folder *folder = *state;
    sqlite3 *db;
    struct schema schema = {0};
    struct error err;

    database_sample_create(folder, "x.db",
        "CREATE TABLE t(a); PRAGMA writable_schema=ON;"
        "UPDATE sqlite_schema SET sql='CREATE TABLE t(' WHERE name='t'");
    db = database_sample_open(folder, "x.db", "");
    ASSERT_FAILS(catalog_read(&schema, db, &err), err, ERROR_CORRUPT, "malformed");
    schema_release(&schema);
    sqlite3_close(db);
}

#define TEST(function) \
    cmocka_unit_test_setup_teardown(function, database_sample_setup, database_sample_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(settings),
        TEST(entries_are_sorted_and_whole),
        TEST(kinds),
        TEST(columns),
        TEST(schema_is_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
