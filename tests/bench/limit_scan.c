/*
 * limit_scan: the least time in which every value of a database can be read
 * through SQLite, by sqlite3_step and sqlite3_column_*, or by an aggregate
 * function that is handed whole rows.
 *
 * One connection, no mutexes, default page cache. Prints what was read as JSON.
 */
#include "base/error.h"
#include "base/owned.h"
#include "synthetic_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTION_ARGUMENT_MAX 127 /* SQLite's limit; no generated table is wider */

/* What was read; the check keeps a compiler from leaving the reading out. */
struct scan {
    uint64_t row_count;
    uint64_t value_size; /* bytes of all values, numbers counting eight */
    uint64_t check;
};

static void take_bytes(struct scan *scan, const uint8_t *bytes, int size)
{
    scan->value_size += (uint64_t)size;
    if (size > 0)
        scan->check += (uint64_t)bytes[0] + bytes[size - 1];
}

static void take_number(struct scan *scan, uint64_t number)
{
    scan->value_size += sizeof(number);
    scan->check += number;
}

/* --- by columns ----------------------------------------------------------------- */

static void take_column(struct scan *scan, sqlite3_stmt *row, int column)
{
    const uint8_t *bytes;

    switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL:
        scan->check++;
        break;
    case SQLITE_INTEGER:
        take_number(scan, (uint64_t)sqlite3_column_int64(row, column));
        break;
    case SQLITE_FLOAT:
        take_number(scan, (uint64_t)sqlite3_column_double(row, column));
        break;
    case SQLITE_TEXT:
        bytes = sqlite3_column_text(row, column);
        take_bytes(scan, bytes, sqlite3_column_bytes(row, column));
        break;
    default:
        bytes = sqlite3_column_blob(row, column);
        take_bytes(scan, bytes, sqlite3_column_bytes(row, column));
    }
}

static bool scan_by_columns(
    struct scan *scan, sqlite3 *database, const char *table, struct error *err)
{
    sqlite3_stmt *row = NULL;
    char sql[512];
    int column_count;
    int result;

    snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\" NOT INDEXED", table);
    if (sqlite3_prepare_v2(database, sql, -1, &row, NULL) != SQLITE_OK)
        return error_set(err, ERROR_DATABASE, "%s", sqlite3_errmsg(database));
    column_count = sqlite3_column_count(row);
    while ((result = sqlite3_step(row)) == SQLITE_ROW) {
        scan->row_count++;
        for (int column = 0; column < column_count; column++)
            take_column(scan, row, column);
    }
    sqlite3_finalize(row);
    if (result != SQLITE_DONE)
        return error_set(err, ERROR_DATABASE, "%s", sqlite3_errmsg(database));
    return true;
}

/* --- by an aggregate function ------------------------------------------------------ */

static void take_value(struct scan *scan, sqlite3_value *value)
{
    const uint8_t *bytes;

    switch (sqlite3_value_type(value)) {
    case SQLITE_NULL:
        scan->check++;
        break;
    case SQLITE_INTEGER:
        take_number(scan, (uint64_t)sqlite3_value_int64(value));
        break;
    case SQLITE_FLOAT:
        take_number(scan, (uint64_t)sqlite3_value_double(value));
        break;
    case SQLITE_TEXT:
        bytes = sqlite3_value_text(value);
        take_bytes(scan, bytes, sqlite3_value_bytes(value));
        break;
    default:
        bytes = sqlite3_value_blob(value);
        take_bytes(scan, bytes, sqlite3_value_bytes(value));
    }
}

static void sink_row(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct scan *scan = sqlite3_user_data(context);

    scan->row_count++;
    for (int column = 0; column < count; column++)
        take_value(scan, values[column]);
}

static void sink_end(sqlite3_context *context)
{
    sqlite3_result_null(context);
}

/* Makes a list of the table's columns, as for SELECT. */
static bool list_columns(
    char *list, size_t room, sqlite3 *database, const char *table, struct error *err)
{
    sqlite3_stmt *row = NULL;
    char sql[512];
    size_t used = 0;

    snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\"", table);
    if (sqlite3_prepare_v2(database, sql, -1, &row, NULL) != SQLITE_OK)
        return error_set(err, ERROR_DATABASE, "%s", sqlite3_errmsg(database));
    for (int column = 0; column < sqlite3_column_count(row); column++)
        used += (size_t)snprintf(list + used, used < room ? room - used : 0, "%s\"%s\"",
            column > 0 ? ", " : "", sqlite3_column_name(row, column));
    sqlite3_finalize(row);
    if (used >= room)
        return error_set(err, ERROR_UNSUPPORTED, "table \"%s\" has too many columns", table);
    return true;
}

/* What sink_row takes goes to the scan that it was registered with. */
static bool scan_by_sink(sqlite3 *database, const char *table, struct error *err)
{
    char columns[FUNCTION_ARGUMENT_MAX * 32];
    char sql[sizeof(columns) + 512];
    int64_t ignored;

    if (!list_columns(columns, sizeof(columns), database, table, err))
        return false;
    snprintf(sql, sizeof(sql), "SELECT sink(%s) FROM \"%s\" NOT INDEXED", columns, table);
    return synthetic_sql_number(database, sql, &ignored, err);
}

/* --- the whole ---------------------------------------------------------------------- */

static bool scan_all(struct scan *scan, sqlite3 *database, bool by_sink, struct error *err)
{
    sqlite3_stmt *tables = NULL;
    bool done = true;

    if (sqlite3_prepare_v2(database,
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", -1,
            &tables, NULL)
        != SQLITE_OK)
        return error_set(err, ERROR_DATABASE, "%s", sqlite3_errmsg(database));
    while (done && sqlite3_step(tables) == SQLITE_ROW) {
        const char *table = (const char *)sqlite3_column_text(tables, 0);

        done = by_sink ? scan_by_sink(database, table, err)
                       : scan_by_columns(scan, database, table, err);
        if (!done)
            error_wrap(err, "table \"%s\"", table);
    }
    sqlite3_finalize(tables);
    return done;
}

static bool run(const char *way, const char *path, struct error *err)
{
    OWNED(synthetic_sql) sqlite3 *database = NULL;
    struct scan scan = {0};
    bool by_sink = strcmp(way, "sink") == 0;

    if (!by_sink && strcmp(way, "columns") != 0)
        return error_set(err, ERROR_USAGE, "usage: limit_scan columns|sink FILE.db");
    if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL)
        != SQLITE_OK)
        return error_set(err, ERROR_DATABASE, "\"%s\": %s", path, sqlite3_errmsg(database));
    if (sqlite3_create_function_v2(
            database, "sink", -1, SQLITE_UTF8, &scan, NULL, sink_row, sink_end, NULL)
        != SQLITE_OK)
        return error_set(err, ERROR_DATABASE, "%s", sqlite3_errmsg(database));
    if (!scan_all(&scan, database, by_sink, err))
        return error_wrap(err, "\"%s\"", path);
    printf("{\"rows\": %" PRIu64 ", \"value_bytes\": %" PRIu64 ", \"check\": %" PRIu64 "}\n",
        scan.row_count, scan.value_size, scan.check);
    return true;
}

int main(int count, char **arguments)
{
    struct error err;

    if (!run(count == 3 ? arguments[1] : "", count == 3 ? arguments[2] : "", &err)) {
        fprintf(stderr, "limit_scan: %s\n", err.text);
        return (int)err.kind;
    }
    return EXIT_SUCCESS;
}
