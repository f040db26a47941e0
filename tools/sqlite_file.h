/*
 * A SQLite database that Valise writes or reads back: a thin layer that names
 * the file and the statement in every error, keeps values exact, and ends what
 * takes long when the process is asked to stop.
 */
#ifndef TOOLS_SQLITE_FILE_H
#define TOOLS_SQLITE_FILE_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "format/schema.h"
#include "format/value.h"

#include <sqlite3.h>
#include <stdbool.h>

/* An open database. Zero-initialise. */
struct sqlite_file {
    sqlite3 *handle;               /* owned */
    char *name;                    /* owned; how messages call it */
    enum schema_encoding encoding; /* how it stores TEXT; UTF-8 unless set */
    struct byte_buffer scratch;    /* of one value being converted */
};

/*
 * Opens the database at path, which must exist, and calls it `name` in messages. No
 * extension is loaded, double quotes mean strings in stored SQL only. Fails with ERROR_IO or
 * ERROR_DATABASE.
 */
MUST_CHECK bool sqlite_file_open(struct sqlite_file *file, const char *path, const char *name,
    bool is_writable, struct error *err);

void sqlite_file_release(struct sqlite_file *file);

/* Closes for good: fails where release cannot tell (statements open, WAL not written back). */
MUST_CHECK bool sqlite_file_close(struct sqlite_file *file, struct error *err);

/*
 * Records what the database just reported: ERROR_IO (disk, full), ERROR_STOPPED, else
 * ERROR_DATABASE. False.
 */
bool sqlite_file_fail(const struct sqlite_file *file, struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Runs SQL of ours. */
MUST_CHECK bool sqlite_file_exec(struct sqlite_file *file, const char *sql, struct error *err);

/* A prepared statement; OWNED(sqlite_statement) finalizes it. */
struct sqlite_statement {
    sqlite3_stmt *handle; /* owned */
};

void sqlite_statement_release(struct sqlite_statement *statement);

/* Prepares one statement; what is left in *tail (may be NULL) is behind it. */
MUST_CHECK bool sqlite_file_prepare(struct sqlite_file *file, const char *sql,
    struct sqlite_statement *out, const char **tail, struct error *err);

/*
 * Where preparing failed for want of a function, which only the application has: puts one in its
 * place that fails when it is called, and returns true. So a schema can be read, of which it is a
 * part; no value is ever made up.
 */
bool sqlite_file_stand_in(struct sqlite_file *file);

/* Steps; *is_row is false when the statement is done. */
MUST_CHECK bool sqlite_file_step(struct sqlite_file *file, const struct sqlite_statement *statement,
    bool *is_row, struct error *err);

/* The integer that one statement yields in its first row. */
MUST_CHECK bool sqlite_file_number(
    struct sqlite_file *file, const char *sql, int64_t *out, struct error *err);

/*
 * Binds a value exactly, TEXT in the encoding of the database; bytes are borrowed until the
 * statement is reset. Fails with ERROR_REFUSED for TEXT that this encoding cannot hold.
 */
MUST_CHECK bool sqlite_file_bind(struct sqlite_file *file, const struct sqlite_statement *statement,
    int parameter, const struct value *value, struct error *err);

/*
 * TEXT as a UTF-16 database stores it, so that SQLite converts nothing: valid until the next call.
 * False for bytes that such a database cannot hold.
 */
MUST_CHECK bool sqlite_file_utf16(
    struct sqlite_file *file, const struct value *value, const char **bytes, size_t *size);

/* Appends the canonical form (SPEC 4.1) of a column of the current row. */
void sqlite_file_column(struct sqlite_file *file, const struct sqlite_statement *statement,
    int column, struct byte_buffer *out);

/* Likewise of an argument of a function of ours. */
void sqlite_file_argument(
    struct sqlite_file *file, sqlite3_value *argument, struct byte_buffer *out);

#endif
