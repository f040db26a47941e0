/*
 * A SQLite database being written as fast as possible.
 *
 * No journal and no fsync: a database that was not finished is thrown away.
 */
#ifndef BENCH_SYNTHETIC_SQL_H
#define BENCH_SYNTHETIC_SQL_H

#include "base/error.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

/* Opens path for fast writing, creating it where it is missing. Fails with ERROR_DATABASE. */
MUST_CHECK bool synthetic_sql_open(sqlite3 **database, const char *path, struct error *err);

/* Closes the database; NULL is accepted. */
void synthetic_sql_release(sqlite3 **database);

/* Runs statements that yield no rows. Fails with ERROR_DATABASE. */
MUST_CHECK bool synthetic_sql_execute(sqlite3 *database, const char *sql, struct error *err);

/* Yields the first column of the first row, 0 for NULL. Fails with ERROR_DATABASE. */
MUST_CHECK bool synthetic_sql_number(
    sqlite3 *database, const char *sql, int64_t *number, struct error *err);

/* --- a statement run many times ---------------------------------------------- */

/*
 * Parameters are put from left to right, then the statement is run. What is put
 * is borrowed until then. A put that fails is reported by the run.
 */
struct synthetic_sql_statement {
    sqlite3_stmt *prepared; /* owned */
    int parameter_index;    /* of the parameter put last */
    bool is_bad;
};

/* Prepares one statement. Fails with ERROR_DATABASE. */
MUST_CHECK bool synthetic_sql_prepare(struct synthetic_sql_statement *statement, sqlite3 *database,
    const char *sql, struct error *err);
void synthetic_sql_statement_release(struct synthetic_sql_statement *statement);

void synthetic_sql_put_number(struct synthetic_sql_statement *statement, int64_t number);
/* text may be NULL. */
void synthetic_sql_put_text(struct synthetic_sql_statement *statement, const char *text);
void synthetic_sql_put_blob(
    struct synthetic_sql_statement *statement, const void *bytes, size_t size);

/* Runs the statement with the parameters put since. Fails with ERROR_DATABASE. */
MUST_CHECK bool synthetic_sql_run(struct synthetic_sql_statement *statement, struct error *err);

#endif
