#include "dump/catalog.h"

#include "base/owned.h"
#include "base/utf16.h"
#include "dump/sqlite_error.h"

#include <inttypes.h>
#include <stdlib.h>

static void statement_release(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

static bool prepare(sqlite3_stmt **out, sqlite3 *db, const char *sql, struct error *err)
{
    int status = sqlite3_prepare_v2(db, sql, -1, out, NULL);

    if (status != SQLITE_OK)
        return sqlite_error_set(err, db, status, "cannot read the schema");
    return true;
}

/* One step; *has_row tells whether there is a row. */
static bool step(sqlite3_stmt *statement, bool *has_row, struct error *err)
{
    int status = sqlite3_step(statement);

    *has_row = status == SQLITE_ROW;
    if (status != SQLITE_ROW && status != SQLITE_DONE)
        return sqlite_error_set(
            err, sqlite3_db_handle(statement), status, "cannot read the schema");
    return true;
}

/* --- texts ------------------------------------------------------------------- */

/* A text that SQLite made, such as one of a PRAGMA. */
static struct schema_text made_text(struct arena *arena, sqlite3_stmt *statement, int column)
{
    const void *bytes = sqlite3_column_text(statement, column);

    return schema_text_of(arena, bytes, (size_t)sqlite3_column_bytes(statement, column));
}

/* A text that lies in the file, in the database's encoding; every byte of it counts. */
static struct schema_text stored_text(struct schema *schema, sqlite3_stmt *statement, int column)
{
    struct schema_text text;
    const void *bytes;
    uint8_t *room;
    size_t size;

    if (schema->encoding == SCHEMA_ENCODING_UTF8) {
        bytes = sqlite3_column_blob(statement, column);
        return schema_text_of(
            &schema->arena, bytes, (size_t)sqlite3_column_bytes(statement, column));
    }
    bytes = sqlite3_column_blob(statement, column);
    size = (size_t)sqlite3_column_bytes16(statement, column);
    room = arena_alloc(&schema->arena, utf16_room(size) + 1, 1);
    text.size = utf16_to_utf8(room, bytes, size, schema->encoding == SCHEMA_ENCODING_UTF16BE);
    text.bytes = (const char *)room;
    return text;
}

/* --- PRAGMAs with one number ------------------------------------------------- */

static bool read_number(sqlite3 *db, const char *sql, int32_t *out, struct error *err)
{
    OWNED(statement) sqlite3_stmt *statement = NULL;
    bool has_row;

    if (!prepare(&statement, db, sql, err) || !step(statement, &has_row, err))
        return false;
    *out = has_row ? sqlite3_column_int(statement, 0) : 0;
    return true;
}

static bool read_encoding(struct schema *schema, sqlite3 *db, struct error *err)
{
    OWNED(statement) sqlite3_stmt *statement = NULL;
    const char *name;
    bool has_row;

    if (!prepare(&statement, db, "PRAGMA main.encoding", err) || !step(statement, &has_row, err))
        return false;
    name = has_row ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (name != NULL && strcmp(name, "UTF-8") == 0)
        schema->encoding = SCHEMA_ENCODING_UTF8;
    else if (name != NULL && strcmp(name, "UTF-16le") == 0)
        schema->encoding = SCHEMA_ENCODING_UTF16LE;
    else if (name != NULL && strcmp(name, "UTF-16be") == 0)
        schema->encoding = SCHEMA_ENCODING_UTF16BE;
    else
        return error_set(
            err, ERROR_UNSUPPORTED, "text encoding \"%s\" is not known", name == NULL ? "" : name);
    return true;
}

static bool read_journal_mode(struct schema *schema, sqlite3 *db, struct error *err)
{
    OWNED(statement) sqlite3_stmt *statement = NULL;
    const char *name;
    bool has_row;

    if (!prepare(&statement, db, "PRAGMA main.journal_mode", err)
        || !step(statement, &has_row, err))
        return false;
    name = has_row ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    schema->is_wal = name != NULL && strcmp(name, "wal") == 0;
    return true;
}

static bool read_settings(struct schema *schema, sqlite3 *db, struct error *err)
{
    int32_t page_size;
    int32_t auto_vacuum;

    if (!read_encoding(schema, db, err)
        || !read_number(db, "PRAGMA main.user_version", &schema->user_version, err)
        || !read_number(db, "PRAGMA main.application_id", &schema->application_id, err)
        || !read_number(db, "PRAGMA main.page_size", &page_size, err)
        || !read_number(db, "PRAGMA main.auto_vacuum", &auto_vacuum, err)
        || !read_journal_mode(schema, db, err))
        return false;
    schema->page_size = (uint32_t)page_size;
    schema->auto_vacuum = (uint32_t)auto_vacuum;
    return true;
}

/* --- sqlite_schema -------------------------------------------------------------- */

static bool entry_type_of(const struct schema_text *name, enum schema_entry_type *out)
{
    static const struct {
        const char *name;
        enum schema_entry_type type;
    } types[] = {
        {"table", SCHEMA_ENTRY_TABLE},
        {"index", SCHEMA_ENTRY_INDEX},
        {"trigger", SCHEMA_ENTRY_TRIGGER},
        {"view", SCHEMA_ENTRY_VIEW},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (name->size == strlen(types[i].name)
            && memcmp(name->bytes, types[i].name, name->size) == 0) {
            *out = types[i].type;
            return true;
        }
    }
    return false;
}

static bool read_entry(
    struct schema *schema, struct schema_entry *entry, sqlite3_stmt *statement, struct error *err)
{
    struct schema_text type = stored_text(schema, statement, 0);

    entry->name = stored_text(schema, statement, 1);
    entry->table = stored_text(schema, statement, 2);
    entry->has_sql = sqlite3_column_type(statement, 3) != SQLITE_NULL;
    if (entry->has_sql)
        entry->sql = stored_text(schema, statement, 3);
    if (!entry_type_of(&type, &entry->type))
        return error_set(err, ERROR_CORRUPT,
            "sqlite_schema has an entry \"%s\" of type \"%s\", expected table, index, trigger or view",
            entry->name.bytes, type.bytes);
    return true;
}

static bool read_entries(struct schema *schema, sqlite3 *db, struct error *err)
{
    OWNED(statement) sqlite3_stmt *statement = NULL;
    OWNED(byte_buffer) struct byte_buffer entries = {0};
    bool has_row;

    if (!prepare(&statement, db, "SELECT type, name, tbl_name, sql FROM main.sqlite_schema", err)
        || !step(statement, &has_row, err))
        return false;
    while (has_row) {
        struct schema_entry entry = {0};

        if (!read_entry(schema, &entry, statement, err))
            return false;
        byte_buffer_put(&entries, &entry, sizeof(entry));
        if (!step(statement, &has_row, err))
            return false;
    }
    schema->entry_count = (uint32_t)(entries.size / sizeof(*schema->entries));
    schema->entries = arena_alloc(&schema->arena, schema->entry_count, sizeof(*schema->entries));
    if (entries.size > 0)
        memcpy(schema->entries, entries.data, entries.size);
    return true;
}

/* --- tables ------------------------------------------------------------------------ */

static void read_column(
    struct arena *arena, struct schema_column *column, sqlite3_stmt *statement, int hidden)
{
    column->name = made_text(arena, statement, 1);
    column->type = made_text(arena, statement, 2);
    column->not_null = sqlite3_column_int(statement, 3) != 0;
    column->has_default = sqlite3_column_type(statement, 4) != SQLITE_NULL;
    if (column->has_default)
        column->default_sql = made_text(arena, statement, 4);
    column->primary_key = (uint32_t)sqlite3_column_int(statement, 5);
    if (hidden == 2)
        column->generated = SCHEMA_GENERATED_VIRTUAL;
    else if (hidden == 3)
        column->generated = SCHEMA_GENERATED_STORED;
}

static bool read_columns(
    struct schema *schema, struct schema_table *table, sqlite3 *db, struct error *err)
{
    OWNED(statement) sqlite3_stmt *statement = NULL;
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(byte_buffer) struct byte_buffer columns = {0};
    bool has_row;

    byte_buffer_put(&sql, "PRAGMA main.table_xinfo(", strlen("PRAGMA main.table_xinfo("));
    schema_put_name(&sql, &table->name);
    byte_buffer_put(&sql, ")", 2);
    if (!prepare(&statement, db, (const char *)sql.data, err) || !step(statement, &has_row, err))
        return false;
    while (has_row) {
        struct schema_column column = {0};
        int hidden = sqlite3_column_int(statement, 6);

        if (hidden != 1) {
            read_column(&schema->arena, &column, statement, hidden);
            byte_buffer_put(&columns, &column, sizeof(column));
        }
        if (!step(statement, &has_row, err))
            return false;
    }
    table->column_count = (uint32_t)(columns.size / sizeof(*table->columns));
    table->columns = arena_alloc(&schema->arena, table->column_count, sizeof(*table->columns));
    if (columns.size > 0)
        memcpy(table->columns, columns.data, columns.size);
    return true;
}

static bool read_table_columns(
    struct schema *schema, struct schema_table *table, sqlite3 *db, struct error *err)
{
    if (read_columns(schema, table, db, err)) {
        if (table->column_count > 0 || table->kind == SCHEMA_TABLE_VIRTUAL)
            return true;
        error_set(err, ERROR_CORRUPT, "it has no columns");
    }
    /* The module of a virtual table may be unknown here; there are no rows to read from it. */
    if (table->kind == SCHEMA_TABLE_VIRTUAL && err->kind == ERROR_DATABASE) {
        table->column_count = 0;
        return true;
    }
    return error_wrap(err, "table \"%s\"", table->name.bytes);
}

static enum schema_table_kind kind_of(const struct schema_text *name, const char *type)
{
    if (strcmp(type, "virtual") == 0)
        return SCHEMA_TABLE_VIRTUAL;
    if (strcmp(type, "shadow") == 0)
        return SCHEMA_TABLE_SHADOW;
    return sqlite3_strnicmp(name->bytes, "sqlite_", 7) == 0 ? SCHEMA_TABLE_INTERNAL
                                                            : SCHEMA_TABLE_ORDINARY;
}

/* Columns of PRAGMA table_list: schema, name, type, ncol, wr, strict. */
static void read_table(struct schema *schema, struct byte_buffer *tables, sqlite3_stmt *statement)
{
    struct schema_table table = {0};
    const char *type = (const char *)sqlite3_column_text(statement, 2);

    table.name = made_text(&schema->arena, statement, 1);
    if (type == NULL || strcmp(type, "view") == 0 || strcmp(table.name.bytes, "sqlite_schema") == 0)
        return;
    table.kind = kind_of(&table.name, type);
    table.without_rowid = sqlite3_column_int(statement, 4) != 0;
    table.strict = sqlite3_column_int(statement, 5) != 0;
    byte_buffer_put(tables, &table, sizeof(table));
}

static bool read_tables(struct schema *schema, sqlite3 *db, struct error *err)
{
    OWNED(statement) sqlite3_stmt *statement = NULL;
    OWNED(byte_buffer) struct byte_buffer tables = {0};
    bool has_row;

    if (!prepare(&statement, db, "PRAGMA main.table_list", err) || !step(statement, &has_row, err))
        return false;
    while (has_row) {
        read_table(schema, &tables, statement);
        if (!step(statement, &has_row, err))
            return false;
    }
    if (tables.size / sizeof(*schema->tables) > SCHEMA_TABLE_COUNT_MAX)
        return error_set(err, ERROR_UNSUPPORTED, "there are %zu tables, a dump holds %u",
            tables.size / sizeof(*schema->tables), SCHEMA_TABLE_COUNT_MAX);
    schema->table_count = (uint32_t)(tables.size / sizeof(*schema->tables));
    schema->tables = arena_alloc(&schema->arena, schema->table_count, sizeof(*schema->tables));
    if (tables.size > 0)
        memcpy(schema->tables, tables.data, tables.size);
    for (uint32_t i = 0; i < schema->table_count; i++)
        if (!read_table_columns(schema, &schema->tables[i], db, err))
            return false;
    return true;
}

bool catalog_read(struct schema *schema, sqlite3 *db, struct error *err)
{
    if (!read_settings(schema, db, err) || !read_entries(schema, db, err)
        || !read_tables(schema, db, err))
        return false;
    schema_sort(schema);
    return true;
}

/* --- computed columns ---------------------------------------------------------------- */

static bool check_computed(const struct schema_table *table, const struct schema_column *column,
    sqlite3 *db, struct error *err)
{
    OWNED(statement) sqlite3_stmt *statement = NULL;
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    byte_buffer_put_text(&sql, "SELECT ");
    schema_put_name(&sql, &column->name);
    byte_buffer_put_text(&sql, " FROM main.");
    schema_put_name(&sql, &table->name);
    byte_buffer_put_u8(&sql, 0);
    if (sqlite3_prepare_v2(db, (const char *)sql.data, -1, &statement, NULL) == SQLITE_OK)
        return true;
    return error_set(err, ERROR_DATABASE,
        "table \"%s\": the generated column \"%s\" cannot be computed here: %s; its values are not in "
        "the file, as it is VIRTUAL: dump a copy of the database without it (ALTER TABLE ... DROP "
        "COLUMN)",
        table->name.bytes, column->name.bytes, sqlite3_errmsg(db));
}

bool catalog_check(const struct schema *schema, sqlite3 *db, struct error *err)
{
    for (uint32_t i = 0; i < schema->table_count; i++) {
        const struct schema_table *table = &schema->tables[i];

        for (uint32_t k = 0; schema_table_has_rows(table) && k < table->column_count; k++)
            if (table->columns[k].generated == SCHEMA_GENERATED_VIRTUAL
                && !check_computed(table, &table->columns[k], db, err))
                return false;
    }
    return true;
}
