/*
 * copy_files: makes ready COPY BINARY data of a generated database, so that
 * loading it measures PostgreSQL and nothing else.
 *
 * Each table becomes files of about PIECE_SIZE, each a whole COPY of its own. The
 * file "list" names them, one a line: file, table, column list, with tabs between.
 */
#include "base/byte_buffer.h"
#include "base/error.h"
#include "base/owned.h"
#include "synthetic_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_SIZE (32u << 20) /* bytes */
#define COLUMN_MAX 64

/* PostgreSQL, "COPY: Binary Format": signature, flags, size of the extension. */
static const char COPY_HEADER[19] = "PGCOPY\n\377\r\n\0";
#define COPY_END 0xffffu     /* in place of a row's column count */
#define COPY_NULL UINT32_MAX /* in place of a value's size */

/* How a column of schema.sql takes its values. */
enum column_kind {
    COLUMN_BYTES, /* text, bytea */
    COLUMN_BOOL,
    COLUMN_INT4,
    COLUMN_INT8,
    COLUMN_FLOAT8,
};

struct copy_table {
    const char *name;
    char columns[2048]; /* as in COPY t (...) */
    int column_count;
    enum column_kind kinds[COLUMN_MAX];
    sqlite3_stmt *row; /* owned */
};

static void copy_table_release(struct copy_table *table)
{
    sqlite3_finalize(table->row);
}

struct copy_output {
    const char *folder;
    FILE *list; /* owned */
    unsigned file_count;
    struct byte_buffer bytes;
};

static void copy_output_release(struct copy_output *output)
{
    if (output->list != NULL)
        fclose(output->list);
    byte_buffer_release(&output->bytes);
}

static enum column_kind kind_of(sqlite3 *database, const char *table, sqlite3_stmt *row, int column)
{
    const char *type = sqlite3_column_decltype(row, column);
    const char *name = sqlite3_column_name(row, column);
    int is_key = 0;

    if (type == NULL || strcmp(type, "TEXT") == 0 || strcmp(type, "BLOB") == 0)
        return COLUMN_BYTES;
    if (strncmp(type, "BOOL", 4) == 0)
        return COLUMN_BOOL;
    if (strcmp(type, "DOUBLE PRECISION") == 0)
        return COLUMN_FLOAT8;
    /* An INTEGER PRIMARY KEY is SQLite's rowid, and bigint on the other side. */
    sqlite3_table_column_metadata(database, "main", table, name, NULL, NULL, NULL, &is_key, NULL);
    return strcmp(type, "INTEGER") == 0 && !is_key ? COLUMN_INT4 : COLUMN_INT8;
}

static bool table_open(
    struct copy_table *table, sqlite3 *database, const char *name, struct error *err)
{
    size_t used = 0;
    char sql[512];

    *table = (struct copy_table){.name = name};
    snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\" NOT INDEXED", name);
    if (sqlite3_prepare_v2(database, sql, -1, &table->row, NULL) != SQLITE_OK)
        return error_set(err, ERROR_DATABASE, "%s", sqlite3_errmsg(database));
    table->column_count = sqlite3_column_count(table->row);
    if (table->column_count > COLUMN_MAX)
        return error_set(err, ERROR_UNSUPPORTED, "has %d columns, at most %d are written",
            table->column_count, COLUMN_MAX);
    for (int column = 0; column < table->column_count; column++) {
        table->kinds[column] = kind_of(database, name, table->row, column);
        used += (size_t)snprintf(table->columns + used, sizeof(table->columns) - used, "%s%s",
            column > 0 ? ", " : "", sqlite3_column_name(table->row, column));
        if (used >= sizeof(table->columns))
            return error_set(err, ERROR_UNSUPPORTED, "its column names are too long");
    }
    return true;
}

/* --- the bytes ---------------------------------------------------------------------- */

static void put_big_endian(struct byte_buffer *bytes, uint64_t value, unsigned size)
{
    while (size-- > 0)
        byte_buffer_put_u8(bytes, (uint8_t)(value >> (8 * size)));
}

static void put_value(struct byte_buffer *bytes, const struct copy_table *table, int column)
{
    sqlite3_stmt *row = table->row;
    uint64_t bits;
    double real;

    if (sqlite3_column_type(row, column) == SQLITE_NULL) {
        put_big_endian(bytes, COPY_NULL, 4);
        return;
    }
    switch (table->kinds[column]) {
    case COLUMN_BOOL:
        put_big_endian(bytes, 1, 4);
        byte_buffer_put_u8(bytes, sqlite3_column_int64(row, column) != 0);
        break;
    case COLUMN_INT4:
        put_big_endian(bytes, 4, 4);
        put_big_endian(bytes, (uint64_t)sqlite3_column_int64(row, column), 4);
        break;
    case COLUMN_INT8:
        put_big_endian(bytes, 8, 4);
        put_big_endian(bytes, (uint64_t)sqlite3_column_int64(row, column), 8);
        break;
    case COLUMN_FLOAT8:
        real = sqlite3_column_double(row, column);
        memcpy(&bits, &real, sizeof(bits));
        put_big_endian(bytes, 8, 4);
        put_big_endian(bytes, bits, 8);
        break;
    case COLUMN_BYTES:
        put_big_endian(bytes, (uint64_t)sqlite3_column_bytes(row, column), 4);
        byte_buffer_put(
            bytes, sqlite3_column_blob(row, column), (size_t)sqlite3_column_bytes(row, column));
        break;
    }
}

/* --- the files ---------------------------------------------------------------------- */

static void begin_file(struct copy_output *output)
{
    output->bytes.size = 0;
    byte_buffer_put(&output->bytes, COPY_HEADER, sizeof(COPY_HEADER));
}

static bool end_file(struct copy_output *output, const struct copy_table *table, struct error *err)
{
    char path[4096];
    FILE *file;
    size_t written;

    put_big_endian(&output->bytes, COPY_END, 2);
    fprintf(output->list, "%06u\t%s\t%s\n", output->file_count, table->name, table->columns);
    snprintf(path, sizeof(path), "%s/%06u", output->folder, output->file_count++);
    file = fopen(path, "w");
    if (file == NULL)
        return error_set_errno(err, "cannot create \"%s\"", path);
    written = fwrite(output->bytes.data, 1, output->bytes.size, file);
    if (fclose(file) != 0 || written != output->bytes.size)
        return error_set_errno(err, "cannot write \"%s\"", path);
    return true;
}

static bool write_table(struct copy_output *output, struct copy_table *table, struct error *err)
{
    int result;

    begin_file(output);
    while ((result = sqlite3_step(table->row)) == SQLITE_ROW) {
        put_big_endian(&output->bytes, (uint64_t)table->column_count, 2);
        for (int column = 0; column < table->column_count; column++)
            put_value(&output->bytes, table, column);
        if (output->bytes.size >= PIECE_SIZE) {
            if (!end_file(output, table, err))
                return false;
            begin_file(output);
        }
    }
    if (result != SQLITE_DONE)
        return error_set(err, ERROR_DATABASE, "%s", sqlite3_errmsg(sqlite3_db_handle(table->row)));
    return output->bytes.size == sizeof(COPY_HEADER) || end_file(output, table, err);
}

static bool write_all(struct copy_output *output, sqlite3 *database, struct error *err)
{
    sqlite3_stmt *names = NULL;
    bool done = true;

    if (sqlite3_prepare_v2(database,
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", -1,
            &names, NULL)
        != SQLITE_OK)
        return error_set(err, ERROR_DATABASE, "%s", sqlite3_errmsg(database));
    while (done && sqlite3_step(names) == SQLITE_ROW) {
        OWNED(copy_table) struct copy_table table = {0};
        const char *name = (const char *)sqlite3_column_text(names, 0);

        done = table_open(&table, database, name, err) && write_table(output, &table, err);
        if (!done)
            error_wrap(err, "table \"%s\"", name);
    }
    sqlite3_finalize(names);
    return done;
}

static bool run(const char *database_path, const char *folder, struct error *err)
{
    OWNED(synthetic_sql) sqlite3 *database = NULL;
    OWNED(copy_output) struct copy_output output = {.folder = folder};
    char path[4096];

    snprintf(path, sizeof(path), "%s/list", folder);
    output.list = fopen(path, "w");
    if (output.list == NULL)
        return error_set_errno(err, "cannot create \"%s\"", path);
    if (sqlite3_open_v2(database_path, &database, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        return error_set(
            err, ERROR_DATABASE, "\"%s\": %s", database_path, sqlite3_errmsg(database));
    if (!write_all(&output, database, err))
        return error_wrap(err, "\"%s\"", database_path);
    if (fflush(output.list) != 0)
        return error_set_errno(err, "cannot write \"%s\"", path);
    return true;
}

int main(int count, char **arguments)
{
    struct error err;

    if (count != 3) {
        fprintf(stderr, "usage: copy_files FILE.db FOLDER\n");
        return ERROR_USAGE;
    }
    if (!run(arguments[1], arguments[2], &err)) {
        fprintf(stderr, "copy_files: %s\n", err.text);
        return (int)err.kind;
    }
    return EXIT_SUCCESS;
}
