#include "tools/sqlite_file.h"

#include "base/owned.h"
#include "base/stop.h"
#include "base/utf16.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_STEP_COUNT 100000 /* of SQLite's machine, between two looks whether to stop */

/* --- the connection ---------------------------------------------------------------- */

void sqlite_file_release(struct sqlite_file *file)
{
    sqlite3_close_v2(file->handle);
    free(file->name);
    byte_buffer_release(&file->scratch);
    *file = (struct sqlite_file){0};
}

/* Makes SQLite give up what it is at when the process is asked to stop. */
static int on_progress(void *context)
{
    (void)context;
    return stop_is_requested();
}

/* What the system said of the failure, else 0. Of an EIO while reading SQLite says that the
   database is malformed. */
static int system_number(const struct sqlite_file *file, int code)
{
    int number = code == SQLITE_IOERR ? sqlite3_system_errno(file->handle) : 0;

    if (number == 0 && (code == SQLITE_IOERR || code == SQLITE_CORRUPT))
        sqlite3_file_control(file->handle, "main", SQLITE_FCNTL_LAST_ERRNO, &number);
    return number;
}

bool sqlite_file_fail(const struct sqlite_file *file, struct error *err, const char *fmt, ...)
{
    int code = file->handle == NULL ? SQLITE_NOMEM : sqlite3_errcode(file->handle) & 0xff;
    const char *text = file->handle == NULL ? "out of memory" : sqlite3_errmsg(file->handle);
    int number = system_number(file, code);
    bool is_system = code == SQLITE_IOERR || code == SQLITE_FULL || code == SQLITE_CANTOPEN
                     || code == SQLITE_READONLY || code == SQLITE_NOMEM || code == SQLITE_PERM
                     || number != 0;
    char what[ERROR_TEXT_SIZE];
    va_list args;

    if (code == SQLITE_INTERRUPT && !stop_check(err))
        return false;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    error_set(err, is_system ? ERROR_IO : ERROR_DATABASE, "%s: %s", what,
        number == 0 ? text : strerror(number));
    return error_wrap(err, "\"%s\"", file->name);
}

bool sqlite_file_open(struct sqlite_file *file, const char *path, const char *name,
    bool is_writable, struct error *err)
{
    int flags = (is_writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
    size_t size = strlen(name) + 1;

    *file = (struct sqlite_file){.encoding = SCHEMA_ENCODING_UTF8};
    file->name = memcpy(byte_buffer_realloc(NULL, size), name, size);
    if (sqlite3_open_v2(path, &file->handle, flags, NULL) != SQLITE_OK)
        return sqlite_file_fail(file, err, "cannot open it as a database");
    sqlite3_extended_result_codes(file->handle, 1);
    sqlite3_progress_handler(file->handle, PROGRESS_STEP_COUNT, on_progress, NULL);
    /* Else SQLite before 3.41 refuses its own functions for JSON in a CHECK, an index, a column.
       None of its functions does more than compute, as long as extensions cannot be loaded and no
       tokenizer can be registered, which takes the address of code. */
    sqlite3_db_config(file->handle, SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0, NULL);
    sqlite3_db_config(file->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, NULL);
    sqlite3_db_config(file->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(file->handle, SQLITE_DBCONFIG_DQS_DDL, 1, NULL);
    sqlite3_db_config(file->handle, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    return true;
}

bool sqlite_file_close(struct sqlite_file *file, struct error *err)
{
    if (sqlite3_close(file->handle) != SQLITE_OK)
        return sqlite_file_fail(file, err, "cannot close it");
    file->handle = NULL;
    sqlite_file_release(file);
    return true;
}

bool sqlite_file_exec(struct sqlite_file *file, const char *sql, struct error *err)
{
    if (sqlite3_exec(file->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_file_fail(file, err, "%.200s", sql);
    return true;
}

/* --- statements ---------------------------------------------------------------------- */

void sqlite_statement_release(struct sqlite_statement *statement)
{
    sqlite3_finalize(statement->handle);
    statement->handle = NULL;
}

bool sqlite_file_prepare(struct sqlite_file *file, const char *sql, struct sqlite_statement *out,
    const char **tail, struct error *err)
{
    sqlite_statement_release(out);
    if (sqlite3_prepare_v2(file->handle, sql, -1, &out->handle, tail) != SQLITE_OK)
        return sqlite_file_fail(file, err, "%.200s", sql);
    if (out->handle == NULL)
        return error_set(
            err, ERROR_DATABASE, "\"%s\": no statement in \"%.200s\"", file->name, sql);
    return true;
}

static void fail_function(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    (void)count;
    (void)arguments;
    sqlite3_result_error(context, sqlite3_user_data(context), -1);
}

bool sqlite_file_stand_in(struct sqlite_file *file)
{
    static const char missing[] = "no such function: ";
    const char *message = sqlite3_errmsg(file->handle);
    char *complaint;
    char *name;
    bool done;

    if (strncmp(message, missing, sizeof(missing) - 1) != 0)
        return false;
    name = sqlite3_mprintf("%s", message + sizeof(missing) - 1);
    complaint = sqlite3_mprintf(
        "it needs the function %s(), which only the application has; valise cat has the rows",
        name);
    done = name != NULL
           && sqlite3_create_function_v2(file->handle, name, -1,
                  SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, complaint, fail_function,
                  NULL, NULL, sqlite3_free)
                  == SQLITE_OK;
    sqlite3_free(name);
    return done;
}

bool sqlite_file_step(struct sqlite_file *file, const struct sqlite_statement *statement,
    bool *is_row, struct error *err)
{
    int code = sqlite3_step(statement->handle);

    *is_row = code == SQLITE_ROW;
    if (code == SQLITE_ROW || code == SQLITE_DONE)
        return true;
    return sqlite_file_fail(file, err, "%.200s", sqlite3_sql(statement->handle));
}

bool sqlite_file_number(struct sqlite_file *file, const char *sql, int64_t *out, struct error *err)
{
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    bool is_row;

    if (!sqlite_file_prepare(file, sql, &statement, NULL, err)
        || !sqlite_file_step(file, &statement, &is_row, err))
        return false;
    if (!is_row)
        return error_set(err, ERROR_DATABASE, "\"%s\": \"%s\" yields nothing", file->name, sql);
    *out = sqlite3_column_int64(statement.handle, 0);
    return true;
}

/* --- values --------------------------------------------------------------------------- */

/* SQLite looks for a byte order mark and takes it off; a text that begins with one gets another. */
bool sqlite_file_utf16(
    struct sqlite_file *file, const struct value *value, const char **bytes, size_t *size)
{
    static const uint8_t little_mark[2] = {0xff, 0xfe};
    static const uint8_t big_mark[2] = {0xfe, 0xff};
    bool is_big_endian = file->encoding == SCHEMA_ENCODING_UTF16BE;
    struct byte_buffer *text = &file->scratch;
    size_t skipped = 2;

    text->size = 0;
    byte_buffer_put(text, is_big_endian ? big_mark : little_mark, 2);
    if (!utf16_from_utf8(text, value->bytes, value->size, is_big_endian))
        return false;
    if (text->size >= 4
        && (memcmp(text->data + 2, little_mark, 2) == 0
            || memcmp(text->data + 2, big_mark, 2) == 0))
        skipped = 0;
    *bytes = (const char *)text->data + skipped;
    *size = text->size - skipped;
    return true;
}

static bool bind_utf16(struct sqlite_file *file, sqlite3_stmt *statement, int parameter,
    const struct value *value, int *code)
{
    bool is_big_endian = file->encoding == SCHEMA_ENCODING_UTF16BE;
    const char *bytes;
    size_t size;

    if (!sqlite_file_utf16(file, value, &bytes, &size))
        return false;
    *code = sqlite3_bind_text64(statement, parameter, bytes, size, SQLITE_TRANSIENT,
        is_big_endian ? SQLITE_UTF16BE : SQLITE_UTF16LE);
    return true;
}

bool sqlite_file_bind(struct sqlite_file *file, const struct sqlite_statement *statement,
    int parameter, const struct value *value, struct error *err)
{
    sqlite3_stmt *to = statement->handle;
    /* A NULL pointer would bind NULL. */
    const char *bytes = value->bytes == NULL ? "" : (const char *)value->bytes;
    int code = SQLITE_OK;

    switch (value->class) {
    case VALUE_NULL:
        code = sqlite3_bind_null(to, parameter);
        break;
    case VALUE_INTEGER:
        code = sqlite3_bind_int64(to, parameter, value->integer);
        break;
    case VALUE_REAL:
        code = sqlite3_bind_double(to, parameter, value->real);
        break;
    case VALUE_BLOB:
        code = sqlite3_bind_blob64(to, parameter, bytes, value->size, SQLITE_STATIC);
        break;
    case VALUE_TEXT:
        if (file->encoding == SCHEMA_ENCODING_UTF8)
            code =
                sqlite3_bind_text64(to, parameter, bytes, value->size, SQLITE_STATIC, SQLITE_UTF8);
        else if (!bind_utf16(file, to, parameter, value, &code))
            return error_set(err, ERROR_REFUSED,
                "a TEXT of %" PRIu32 " bytes is none that a UTF-16 database can hold", value->size);
        break;
    }
    if (code != SQLITE_OK)
        return sqlite_file_fail(file, err, "cannot take a %s of %" PRIu32 " bytes",
            value_class_name(value->class), value->size);
    return true;
}

/* Appends a value whose TEXT is as the database stores it. */
static void put_value(struct sqlite_file *file, struct byte_buffer *out, struct value *value)
{
    if (value->class == VALUE_TEXT && file->encoding != SCHEMA_ENCODING_UTF8) {
        file->scratch.size = 0;
        byte_buffer_reserve(&file->scratch, utf16_room(value->size));
        value->size = (uint32_t)utf16_to_utf8(file->scratch.data, value->bytes, value->size,
            file->encoding == SCHEMA_ENCODING_UTF16BE);
        value->bytes = file->scratch.data;
    }
    value_encode(out, value);
}

void sqlite_file_column(struct sqlite_file *file, const struct sqlite_statement *statement,
    int column, struct byte_buffer *out)
{
    sqlite3_stmt *from = statement->handle;
    struct value value = {.class = VALUE_NULL};
    int type = sqlite3_column_type(from, column);

    if (type == SQLITE_INTEGER) {
        value.class = VALUE_INTEGER;
        value.integer = sqlite3_column_int64(from, column);
    } else if (type == SQLITE_FLOAT) {
        value.class = VALUE_REAL;
        value.real = sqlite3_column_double(from, column);
    } else if (type == SQLITE_TEXT || type == SQLITE_BLOB) {
        value.class = type == SQLITE_TEXT ? VALUE_TEXT : VALUE_BLOB;
        /* As a BLOB, so that TEXT comes as it is stored. */
        value.bytes = sqlite3_column_blob(from, column);
        value.size = (uint32_t)sqlite3_column_bytes(from, column);
    }
    put_value(file, out, &value);
}

void sqlite_file_argument(
    struct sqlite_file *file, sqlite3_value *argument, struct byte_buffer *out)
{
    struct value value = {.class = VALUE_NULL};
    int type = sqlite3_value_type(argument);

    if (type == SQLITE_INTEGER) {
        value.class = VALUE_INTEGER;
        value.integer = sqlite3_value_int64(argument);
    } else if (type == SQLITE_FLOAT) {
        value.class = VALUE_REAL;
        value.real = sqlite3_value_double(argument);
    } else if (type == SQLITE_TEXT || type == SQLITE_BLOB) {
        value.class = type == SQLITE_TEXT ? VALUE_TEXT : VALUE_BLOB;
        value.bytes = sqlite3_value_blob(argument);
        value.size = (uint32_t)sqlite3_value_bytes(argument);
    }
    put_value(file, out, &value);
}
