#include "tools/affinity.h"

#include "tests/unit/unit.h"

/* Against SQLite itself: what it makes of each value in each kind of column. */
#include <sqlite3.h>
#include <stdio.h>

static enum affinity of(const char *type, bool is_strict)
{
    struct schema_table table = {.strict = is_strict};
    struct schema_column column = {.type = {.bytes = type, .size = strlen(type)}};

    return affinity_of(&table, &column);
}

static void types_have_their_affinity(void **state)
{
    (void)state;
    assert_int_equal(of("INT", false), AFFINITY_INTEGER);
    assert_int_equal(of("bigint unsigned", false), AFFINITY_INTEGER);
    assert_int_equal(of("FLOATING POINT", false), AFFINITY_INTEGER); /* POINT has INT */
    assert_int_equal(of("CHARINT", false), AFFINITY_INTEGER);
    assert_int_equal(of("varchar(20)", false), AFFINITY_TEXT);
    assert_int_equal(of("Clob", false), AFFINITY_TEXT);
    assert_int_equal(of("", false), AFFINITY_BLOB);
    assert_int_equal(of("BLOB", false), AFFINITY_BLOB);
    assert_int_equal(of("double precision", false), AFFINITY_REAL);
    assert_int_equal(of("float", false), AFFINITY_REAL);
    assert_int_equal(of("DECIMAL(1,2)", false), AFFINITY_NUMERIC);
    assert_int_equal(of("STRING", false), AFFINITY_NUMERIC);
    assert_int_equal(of("ANY", false), AFFINITY_NUMERIC);
    assert_int_equal(of("ANY", true), AFFINITY_BLOB);
}

static const char *const types[] = {"BLOB", "TEXT", "NUMERIC", "INTEGER", "REAL"};

static const struct value values[] = {
    {.class = VALUE_NULL},
    {.class = VALUE_INTEGER, .integer = 0},
    {.class = VALUE_INTEGER, .integer = INT64_MIN},
    {.class = VALUE_REAL, .real = 1.5},
    {.class = VALUE_REAL, .real = 2.0},
    {.class = VALUE_REAL, .real = -0.0},
    {.class = VALUE_REAL, .real = 1e300},
    {.class = VALUE_TEXT, .size = 1, .bytes = (const uint8_t *)"1"},
    {.class = VALUE_TEXT, .size = 0, .bytes = (const uint8_t *)""},
    {.class = VALUE_TEXT, .size = 4, .bytes = (const uint8_t *)" \n7 "},
    {.class = VALUE_TEXT, .size = 3, .bytes = (const uint8_t *)"+.5"},
    {.class = VALUE_TEXT, .size = 4, .bytes = (const uint8_t *)"1e-3"},
    {.class = VALUE_TEXT, .size = 3, .bytes = (const uint8_t *)"inf"},
    {.class = VALUE_TEXT, .size = 2, .bytes = (const uint8_t *)"1a"},
    {.class = VALUE_TEXT, .size = 2, .bytes = (const uint8_t *)"1\0"},
    {.class = VALUE_TEXT, .size = 4, .bytes = (const uint8_t *)"0x10"},
    {.class = VALUE_BLOB, .size = 1, .bytes = (const uint8_t *)"1"},
};

static void bind(sqlite3_stmt *statement, const struct value *value)
{
    switch (value->class) {
    case VALUE_NULL:
        sqlite3_bind_null(statement, 1);
        break;
    case VALUE_INTEGER:
        sqlite3_bind_int64(statement, 1, value->integer);
        break;
    case VALUE_REAL:
        sqlite3_bind_double(statement, 1, value->real);
        break;
    case VALUE_TEXT:
        sqlite3_bind_text(
            statement, 1, (const char *)value->bytes, (int)value->size, SQLITE_STATIC);
        break;
    case VALUE_BLOB:
        sqlite3_bind_blob(statement, 1, value->bytes, (int)value->size, SQLITE_STATIC);
        break;
    }
}

/* Does the value come back from a column of this type as it went in? */
static bool survives(sqlite3 *db, const char *type, const struct value *value)
{
    static const int classes[] = {
        SQLITE_NULL, SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT, SQLITE_BLOB};
    sqlite3_stmt *statement;
    char sql[100];
    bool same;

    snprintf(sql, sizeof(sql), "DROP TABLE IF EXISTS t; CREATE TABLE t(a %s)", type);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_prepare_v2(db, "INSERT INTO t VALUES(?)", -1, &statement, NULL);
    bind(statement, value);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    sqlite3_prepare_v2(db, "SELECT a FROM t", -1, &statement, NULL);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    same = sqlite3_column_type(statement, 0) == classes[value->class];
    if (same && value->class == VALUE_REAL) {
        double real = sqlite3_column_double(statement, 0);

        same = memcmp(&real, &value->real, sizeof(real)) == 0;
    }
    sqlite3_finalize(statement);
    return same;
}

static void what_is_said_to_survive_does(void **state)
{
    sqlite3 *db;

    (void)state;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (size_t i = 0; i < COUNT_OF(types); i++)
        for (size_t k = 0; k < COUNT_OF(values); k++) {
            bool may_change = affinity_may_change(of(types[i], false), &values[k]);

            if (!may_change && !survives(db, types[i], &values[k]))
                fail_msg("value %zu does not survive in a column of type %s", k, types[i]);
        }
    sqlite3_close(db);
}

static void ordinary_values_are_no_risk(void **state)
{
    const struct value word = {.class = VALUE_TEXT, .size = 1, .bytes = (const uint8_t *)"a"};
    const struct value whole = {.class = VALUE_INTEGER, .integer = 5};
    const struct value real = {.class = VALUE_REAL, .real = 0.5};

    (void)state;
    assert_false(affinity_may_change(AFFINITY_TEXT, &values[7]));
    assert_false(affinity_may_change(AFFINITY_INTEGER, &whole));
    assert_false(affinity_may_change(AFFINITY_INTEGER, &word));
    assert_false(affinity_may_change(AFFINITY_REAL, &real));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_have_their_affinity),
        cmocka_unit_test(what_is_said_to_survive_does),
        cmocka_unit_test(ordinary_values_are_no_risk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
