#include "tools/restore_plain.h"

#include "base/owned.h"
#include "watch/progress_task.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

void restore_plain_release(struct restore_plain *plain)
{
    byte_buffer_release(&plain->text);
    *plain = (struct restore_plain){0};
}

static void put_text(struct byte_buffer *sql, const char *text)
{
    byte_buffer_put_text(sql, text);
}

static void put_name(struct byte_buffer *sql, const char *name)
{
    struct schema_text text = {.bytes = name, .size = strlen(name)};

    schema_put_name(sql, &text);
}

/* "PRAGMA main.<pragma>("<name>")" */
static void pragma_sql(struct byte_buffer *sql, const char *pragma, const char *name)
{
    sql->size = 0;
    put_text(sql, "PRAGMA main.");
    put_text(sql, pragma);
    put_text(sql, "(");
    put_name(sql, name);
    put_text(sql, ")");
    byte_buffer_put_u8(sql, '\0');
}

/* --- the key ------------------------------------------------------------------------ */

/* Appends the name of the index of the table's primary key, if it has one. */
static bool find_key_index(struct restore_plain *plain, struct byte_buffer *name, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    bool is_row;

    pragma_sql(&sql, "index_list", plain->table->name.bytes);
    if (!sqlite_file_prepare(plain->file, (const char *)sql.data, &statement, NULL, err))
        return false;
    for (;;) {
        if (!sqlite_file_step(plain->file, &statement, &is_row, err))
            return false;
        if (!is_row)
            return true;
        if (strcmp((const char *)sqlite3_column_text(statement.handle, 3), "pk") == 0) {
            put_text(name, (const char *)sqlite3_column_text(statement.handle, 1));
            byte_buffer_put_u8(name, '\0');
            return true;
        }
    }
}

/* Appends PRIMARY KEY(...) as the pages of a WITHOUT ROWID table are ordered. */
static bool put_key(
    struct restore_plain *plain, struct byte_buffer *out, const char *index, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    const char *separator = ", PRIMARY KEY(";
    bool is_row;

    pragma_sql(&sql, "index_xinfo", index);
    if (!sqlite_file_prepare(plain->file, (const char *)sql.data, &statement, NULL, err))
        return false;
    for (;;) {
        if (!sqlite_file_step(plain->file, &statement, &is_row, err))
            return false;
        if (!is_row)
            break;
        if (sqlite3_column_int(statement.handle, 5) == 0)
            continue;
        put_text(out, separator);
        put_name(out, (const char *)sqlite3_column_text(statement.handle, 2));
        put_text(out, " COLLATE ");
        put_name(out, (const char *)sqlite3_column_text(statement.handle, 4));
        put_text(out, sqlite3_column_int(statement.handle, 3) != 0 ? " DESC" : "");
        separator = ", ";
    }
    put_text(out, ")");
    return true;
}

/* Is this column the rowid? Its primary key then has no index. */
static bool is_rowid(const struct restore_plain *plain, const struct schema_column *column,
    const struct byte_buffer *key_index)
{
    return column->primary_key == 1 && !plain->table->without_rowid && key_index->size == 0
           && strcasecmp(column->type.bytes, "INTEGER") == 0;
}

/* --- creating ------------------------------------------------------------------------- */

static bool create_sql(struct restore_plain *plain, struct byte_buffer *sql, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer key_index = {0};
    const struct schema_table *table = plain->table;
    const char *separator = "(";

    if (!find_key_index(plain, &key_index, err))
        return false;
    put_text(sql, "CREATE TABLE main.");
    schema_put_name(sql, &plain->name);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct schema_column *column = &table->columns[i];

        if (column->generated == SCHEMA_GENERATED_VIRTUAL)
            continue;
        put_text(sql, separator);
        schema_put_name(sql, &column->name);
        put_text(sql, is_rowid(plain, column, &key_index) ? " INTEGER PRIMARY KEY" : "");
        separator = ", ";
    }
    if (table->without_rowid && !put_key(plain, sql, (const char *)key_index.data, err))
        return false;
    put_text(sql, table->without_rowid ? ") WITHOUT ROWID" : ")");
    byte_buffer_put_u8(sql, '\0');
    return true;
}

/* A name that no table of the database has. */
static bool choose_name(struct restore_plain *plain, struct error *err)
{
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    bool is_row = true;
    char name[64];

    if (!sqlite_file_prepare(plain->file,
            "SELECT 1 FROM main.sqlite_schema WHERE name = ?1 COLLATE NOCASE", &statement, NULL,
            err))
        return false;
    for (unsigned i = 0; is_row; i++) {
        int size = snprintf(name, sizeof(name), "valise restores here %u", i);
        struct value value = {
            .class = VALUE_TEXT, .size = (uint32_t)size, .bytes = (const uint8_t *)name};

        sqlite3_reset(statement.handle);
        if (!sqlite_file_bind(plain->file, &statement, 1, &value, err)
            || !sqlite_file_step(plain->file, &statement, &is_row, err))
            return false;
    }
    put_text(&plain->text, name);
    byte_buffer_put_u8(&plain->text, '\0');
    plain->name =
        (struct schema_text){.bytes = (const char *)plain->text.data, .size = plain->text.size - 1};
    return true;
}

bool restore_plain_create(struct restore_plain *plain, struct sqlite_file *file,
    const struct schema_table *table, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    plain->file = file;
    plain->table = table;
    return choose_name(plain, err) && create_sql(plain, &sql, err)
           && sqlite_file_exec(file, (const char *)sql.data, err);
}

/* --- swapping --------------------------------------------------------------------------- */

static bool swap_pages(struct restore_plain *plain, struct error *err)
{
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    struct value names[2] = {
        {.class = VALUE_TEXT,
            .size = (uint32_t)plain->table->name.size,
            .bytes = (const uint8_t *)plain->table->name.bytes},
        {.class = VALUE_TEXT,
            .size = (uint32_t)plain->name.size,
            .bytes = (const uint8_t *)plain->name.bytes},
    };
    bool is_row;

    if (!sqlite_file_prepare(plain->file,
            "UPDATE main.sqlite_schema SET rootpage = (SELECT sum(rootpage) FROM main.sqlite_schema"
            " WHERE type = 'table' AND name IN (?1, ?2)) - rootpage"
            " WHERE type = 'table' AND name IN (?1, ?2)",
            &statement, NULL, err))
        return false;
    for (int i = 0; i < 2; i++)
        if (!sqlite_file_bind(plain->file, &statement, i + 1, &names[i], err))
            return false;
    return sqlite_file_step(plain->file, &statement, &is_row, err);
}

static bool run_on(struct restore_plain *plain, const char *what, const struct schema_text *name,
    struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    put_text(&sql, what);
    put_text(&sql, " main.");
    schema_put_name(&sql, name);
    byte_buffer_put_u8(&sql, '\0');
    return sqlite_file_exec(plain->file, (const char *)sql.data, err);
}

/* Does something to every table: the plain one, or that which it stands for. */
static bool run_on_all(
    struct restore_plain *plains, size_t count, const char *what, bool is_plain, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct restore_plain *plain = &plains[i];

        if (plain->file == NULL)
            continue;
        if (!run_on(plain, what, is_plain ? &plain->name : &plain->table->name, err))
            return error_wrap(err, "table \"%s\"", plain->table->name.bytes);
    }
    return true;
}

/* One after the other: plains are known to the progress by their ordinals. */
static bool build_indexes(
    struct restore_plain *plains, size_t count, struct progress *progress, struct error *err)
{
    struct progress_count all = {0};

    for (size_t i = 0; i < count; i++)
        all.items += plains[i].file != NULL;
    progress_plan(progress, PROGRESS_INDEX, PROGRESS_NO_TABLE, &all);
    for (size_t i = 0; i < count; i++) {
        OWNED(progress_task) struct progress_task task = {0};

        if (plains[i].file == NULL)
            continue;
        progress_task_begin(&task, progress, PROGRESS_INDEX, (uint32_t)i);
        if (!run_on_all(&plains[i], 1, "REINDEX", false, err))
            return false;
        progress_add(
            progress, PROGRESS_INDEX, PROGRESS_NO_TABLE, &(struct progress_count){.items = 1});
    }
    return true;
}

bool restore_plain_swap_all(struct restore_plain *plains, size_t count, struct sqlite_file *file,
    struct progress *progress, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (plains[i].file != NULL && !swap_pages(&plains[i], err))
            return false;
    /* RESET makes SQLite read the schema again, and ends the permission to write it. */
    return sqlite_file_exec(
               file, "PRAGMA writable_schema = RESET; PRAGMA writable_schema = ON", err)
           && run_on_all(plains, count, "DROP TABLE", true, err)
           && build_indexes(plains, count, progress, err);
}
