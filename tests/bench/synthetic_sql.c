#include "synthetic_sql.h"

static bool fail(sqlite3 *database, const char *sql, struct error *err)
{
    return error_set(err, ERROR_DATABASE, "%s: %.200s", sqlite3_errmsg(database), sql);
}

bool synthetic_sql_open(sqlite3 **database, const char *path, struct error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

    if (sqlite3_open_v2(path, database, flags, NULL) != SQLITE_OK)
        return fail(*database, path, err);
    return synthetic_sql_execute(*database,
        "PRAGMA page_size = 4096;"
        "PRAGMA journal_mode = OFF;"
        "PRAGMA synchronous = OFF;"
        "PRAGMA locking_mode = EXCLUSIVE;"
        "PRAGMA cache_size = -2000000;",
        err);
}

void synthetic_sql_release(sqlite3 **database)
{
    sqlite3_close(*database);
    *database = NULL;
}

bool synthetic_sql_execute(sqlite3 *database, const char *sql, struct error *err)
{
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fail(database, sql, err);
    return true;
}

bool synthetic_sql_number(sqlite3 *database, const char *sql, int64_t *number, struct error *err)
{
    sqlite3_stmt *prepared = NULL;
    bool done = false;

    if (sqlite3_prepare_v2(database, sql, -1, &prepared, NULL) == SQLITE_OK
        && sqlite3_step(prepared) == SQLITE_ROW) {
        *number = sqlite3_column_int64(prepared, 0);
        done = true;
    }
    if (!done)
        fail(database, sql, err);
    sqlite3_finalize(prepared);
    return done;
}

/* --- a statement run many times ---------------------------------------------- */

bool synthetic_sql_prepare(struct synthetic_sql_statement *statement, sqlite3 *database,
    const char *sql, struct error *err)
{
    *statement = (struct synthetic_sql_statement){0};
    if (sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement->prepared, NULL)
        != SQLITE_OK)
        return fail(database, sql, err);
    return true;
}

void synthetic_sql_statement_release(struct synthetic_sql_statement *statement)
{
    sqlite3_finalize(statement->prepared);
    *statement = (struct synthetic_sql_statement){0};
}

static void check(struct synthetic_sql_statement *statement, int result)
{
    if (result != SQLITE_OK)
        statement->is_bad = true;
}

void synthetic_sql_put_number(struct synthetic_sql_statement *statement, int64_t number)
{
    int index = ++statement->parameter_index;

    check(statement, sqlite3_bind_int64(statement->prepared, index, number));
}

void synthetic_sql_put_text(struct synthetic_sql_statement *statement, const char *text)
{
    int index = ++statement->parameter_index;

    check(statement, sqlite3_bind_text(statement->prepared, index, text, -1, SQLITE_STATIC));
}

void synthetic_sql_put_blob(
    struct synthetic_sql_statement *statement, const void *bytes, size_t size)
{
    int index = ++statement->parameter_index;

    check(statement, sqlite3_bind_blob64(statement->prepared, index, bytes, size, SQLITE_STATIC));
}

bool synthetic_sql_run(struct synthetic_sql_statement *statement, struct error *err)
{
    int result = sqlite3_step(statement->prepared);
    bool done = result == SQLITE_DONE && !statement->is_bad;

    if (!done)
        fail(sqlite3_db_handle(statement->prepared), sqlite3_sql(statement->prepared), err);
    sqlite3_reset(statement->prepared);
    statement->parameter_index = 0;
    statement->is_bad = false;
    return done;
}
