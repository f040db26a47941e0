/*
 * limit_restore: the time in which SQLite itself fills a database from another:
 * the tables of the same schema, a prepared INSERT of every row in the order of
 * the rowid, then the indexes.
 *
 * One connection, no journal, no fsync, a page cache that holds everything; so
 * reading the rows through SQLite is part of it. Prints what was written as JSON.
 */
#include "base/error.h"
#include "base/owned.h"
#include "synthetic_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct copy {
    sqlite3 *source;
    sqlite3 *target;
    uint64_t row_count;
};

static void copy_release(struct copy *copy)
{
    synthetic_sql_release(&copy->source);
    synthetic_sql_release(&copy->target);
}

static void statement_release(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

static bool fail(sqlite3 *database, struct error *err)
{
    return error_set(err, ERROR_DATABASE, "%s", sqlite3_errmsg(database));
}

/* Runs the SQL of all schema entries of a type. */
static bool create(struct copy *copy, const char *type, struct error *err)
{
    OWNED(statement) sqlite3_stmt *entry = NULL;
    int status;

    if (sqlite3_prepare_v2(copy->source,
            "SELECT sql FROM sqlite_schema WHERE type = ?1 AND sql IS NOT NULL"
            " AND name NOT LIKE 'sqlite_%'",
            -1, &entry, NULL)
            != SQLITE_OK
        || sqlite3_bind_text(entry, 1, type, -1, SQLITE_STATIC) != SQLITE_OK)
        return fail(copy->source, err);
    while ((status = sqlite3_step(entry)) == SQLITE_ROW)
        if (!synthetic_sql_execute(copy->target, (const char *)sqlite3_column_text(entry, 0), err))
            return false;
    return status == SQLITE_DONE || fail(copy->source, err);
}

static bool prepare_insert(struct copy *copy, const char *table, int column_count,
    sqlite3_stmt **insert, struct error *err)
{
    char sql[8192];
    size_t used = (size_t)snprintf(sql, sizeof(sql), "INSERT INTO \"%s\" VALUES(?", table);

    for (int column = 1; column < column_count && used < sizeof(sql) - 4; column++)
        used += (size_t)snprintf(sql + used, sizeof(sql) - used, ",?");
    snprintf(sql + used, sizeof(sql) - used, ")");
    return sqlite3_prepare_v2(copy->target, sql, -1, insert, NULL) == SQLITE_OK
           || fail(copy->target, err);
}

static bool copy_table(struct copy *copy, const char *table, struct error *err)
{
    OWNED(statement) sqlite3_stmt *row = NULL;
    OWNED(statement) sqlite3_stmt *insert = NULL;
    char sql[512];
    int column_count;
    int status;

    snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\" NOT INDEXED", table);
    if (sqlite3_prepare_v2(copy->source, sql, -1, &row, NULL) != SQLITE_OK)
        return fail(copy->source, err);
    column_count = sqlite3_column_count(row);
    if (!prepare_insert(copy, table, column_count, &insert, err))
        return false;
    while ((status = sqlite3_step(row)) == SQLITE_ROW) {
        for (int column = 0; column < column_count; column++)
            sqlite3_bind_value(insert, column + 1, sqlite3_column_value(row, column));
        if (sqlite3_step(insert) != SQLITE_DONE)
            return fail(copy->target, err);
        sqlite3_reset(insert);
        copy->row_count++;
    }
    return status == SQLITE_DONE || fail(copy->source, err);
}

static bool copy_tables(struct copy *copy, struct error *err)
{
    OWNED(statement) sqlite3_stmt *table = NULL;
    int status;

    if (sqlite3_prepare_v2(copy->source,
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", -1,
            &table, NULL)
        != SQLITE_OK)
        return fail(copy->source, err);
    while ((status = sqlite3_step(table)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(table, 0);

        if (!copy_table(copy, name, err))
            return error_wrap(err, "table \"%s\"", name);
    }
    return status == SQLITE_DONE || fail(copy->source, err);
}

static bool run(const char *from, const char *to, struct error *err)
{
    OWNED(copy) struct copy copy = {0};

    unlink(to);
    if (sqlite3_open_v2(from, &copy.source, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL)
        != SQLITE_OK)
        return fail(copy.source, err);
    if (!synthetic_sql_open(&copy.target, to, err)
        || !synthetic_sql_execute(copy.target, "BEGIN", err) || !create(&copy, "table", err)
        || !copy_tables(&copy, err) || !create(&copy, "index", err)
        || !synthetic_sql_execute(copy.target, "COMMIT", err))
        return false;
    printf("{\"rows\": %" PRIu64 "}\n", copy.row_count);
    return true;
}

int main(int count, char **arguments)
{
    struct error err;

    if (count != 3) {
        fprintf(stderr, "limit_restore: usage: limit_restore FROM.db TO.db\n");
        return ERROR_USAGE;
    }
    if (!run(arguments[1], arguments[2], &err)) {
        fprintf(stderr, "limit_restore: %s\n", err.text);
        return (int)err.kind;
    }
    return EXIT_SUCCESS;
}
