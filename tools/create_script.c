#include "tools/create_script.h"

#include "base/owned.h"
#include "base/safe_text.h"
#include "base/utf8.h"
#include "format/state.h"
#include "tools/affinity.h"
#include "tools/create_default.h"
#include "tools/create_keys.h"
#include "tools/create_name.h"
#include "tools/restore_schema.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#define DECLARATIONS_MAX 16 /* that are noted; nobody reads more */
#define TYPE_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ ,.()[]\""

void create_script_release(struct create_script *script)
{
    sqlite_file_release(&script->model);
    byte_buffer_release(&script->text);
    byte_buffer_release(&script->later);
    arena_release(&script->arena);
    *script = (struct create_script){0};
}

/* --- comments ------------------------------------------------------------------------ */

/* Each line of the text as a comment of its own, so that nothing of it is run. */
static void put_comment(struct byte_buffer *out, const char *text, size_t size)
{
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t line = end == NULL ? size : (size_t)(end - text);

        byte_buffer_format(out, "--     ");
        safe_text_put(out, text, line);
        byte_buffer_format(out, "\n");
        line += end == NULL ? 0 : 1;
        text += line;
        size -= line;
    }
}

void create_script_note(struct create_script *script, struct byte_buffer *out, const char *fmt, ...)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};
    va_list args;

    va_start(args, fmt);
    byte_buffer_format_list(&text, fmt, args);
    va_end(args);
    byte_buffer_format(out, "-- NOTE ");
    safe_text_put(out, text.data, text.size);
    byte_buffer_format(out, "\n");
    script->note_count++;
}

/* --- names ----------------------------------------------------------------------------- */

uint32_t create_script_column(const struct schema_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        if (strcasecmp(table->columns[i].name.bytes, name) == 0)
            return i;
    return UINT32_MAX;
}

uint32_t create_script_table(const struct create_script *script, const char *name)
{
    const struct schema *schema = &script->reader->schema;

    for (uint32_t i = 0; i < schema->table_count; i++)
        if (script->types[i] != NULL && strcasecmp(schema->tables[i].name.bytes, name) == 0)
            return i;
    return UINT32_MAX;
}

/* Why PostgreSQL cannot have such a name; NULL: it can. */
static const char *fault_of_name(const struct schema_text *name)
{
    if (name->size == 0)
        return "is empty";
    if (name->size > CREATE_SCRIPT_NAME_SIZE_MAX)
        return "is longer than 63 bytes";
    if (memchr(name->bytes, '\0', name->size) != NULL)
        return "has a NUL character";
    if (!utf8_is_valid((const uint8_t *)name->bytes, name->size))
        return "is not UTF-8";
    return NULL;
}

/* Names that every table of PostgreSQL's has already. */
static const char *fault_of_column(const struct schema_text *name)
{
    static const char *const taken[] = {"tableoid", "xmin", "xmax", "cmin", "cmax", "ctid"};

    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        if (strcmp(name->bytes, taken[i]) == 0)
            return "is the name of a system column of PostgreSQL's";
    return fault_of_name(name);
}

static void put_fault(struct byte_buffer *out, const struct schema_table *table,
    const struct schema_text *column, const char *fault)
{
    byte_buffer_format(out, "%stable ", out->size == 0 ? "" : "; ");
    safe_text_quote(out, table->name.bytes, table->name.size);
    if (column != NULL) {
        byte_buffer_format(out, ", column ");
        safe_text_quote(out, column->bytes, column->size);
    }
    byte_buffer_format(out, " %s", fault);
}

static bool check_names(const struct schema *schema, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer faults = {0};

    for (uint32_t i = 0; i < schema->table_count; i++) {
        const struct schema_table *table = &schema->tables[i];
        const char *fault = fault_of_name(&table->name);

        if (table->kind != SCHEMA_TABLE_ORDINARY)
            continue;
        if (fault != NULL)
            put_fault(&faults, table, NULL, fault);
        if (table->column_count > CREATE_SCRIPT_COLUMN_COUNT_MAX)
            put_fault(&faults, table, NULL, "has more than 1600 columns");
        for (uint32_t j = 0; j < table->column_count; j++)
            if ((fault = fault_of_column(&table->columns[j].name)) != NULL)
                put_fault(&faults, table, &table->columns[j].name, fault);
    }
    return faults.size == 0
           || error_set(err, ERROR_REFUSED,
               "PostgreSQL cannot have such tables; change them in a copy of the SQLite database (ALTER "
               "TABLE ... RENAME) and dump that: %.*s",
               (int)faults.size, (const char *)faults.data);
}

/* --- types -------------------------------------------------------------------------------- */

static void choose_types(struct create_script *script)
{
    const struct schema *schema = &script->reader->schema;

    script->types = arena_alloc(&script->arena, schema->table_count + 1u, sizeof(*script->types));
    for (uint32_t i = 0; i < schema->table_count; i++) {
        const struct schema_table *table = &schema->tables[i];

        if (table->kind != SCHEMA_TABLE_ORDINARY)
            continue;
        script->types[i] =
            arena_alloc(&script->arena, table->column_count + 1u, sizeof(**script->types));
        for (uint32_t j = 0; j < table->column_count; j++)
            create_type_choose(
                &script->types[i][j], table, &table->columns[j], &script->reader->ends[i].facts[j]);
    }
}

/* "TABLE.COLUMN" of that size; names may have points themselves. */
static bool is_column(const struct schema_table *table, const struct schema_column *column,
    const char *text, size_t size)
{
    return size == table->name.size + 1 + column->name.size
           && strncasecmp(text, table->name.bytes, table->name.size) == 0
           && text[table->name.size] == '.'
           && strncasecmp(text + table->name.size + 1, column->name.bytes, column->name.size) == 0;
}

/* As SQLite's declaration says it, case aside. */
static bool is_declared_as(const struct schema_table *table, const struct schema_column *column,
    const char *text, size_t size)
{
    (void)table;
    return size == column->type.size && strncasecmp(text, column->type.bytes, size) == 0;
}

typedef bool type_match(
    const struct schema_table *, const struct schema_column *, const char *, size_t);

/* Gives all columns that match what stands before the last = their type; false: there is none. */
static bool name_types(struct create_script *script, const char *named, type_match *matches)
{
    const struct schema *schema = &script->reader->schema;
    const char *end = strrchr(named, '=');
    bool is_found = false;

    for (uint32_t i = 0; i < schema->table_count; i++)
        for (uint32_t j = 0; script->types[i] != NULL && j < schema->tables[i].column_count; j++)
            if (matches(&schema->tables[i], &schema->tables[i].columns[j], named,
                    (size_t)(end - named))) {
                create_type_name(&script->types[i][j], end + 1);
                is_found = true;
            }
    return is_found;
}

/* One column beats all that are declared so. */
static bool name_all(
    struct create_script *script, const char *const *named, size_t named_count, struct error *err)
{
    bool *is_found = arena_alloc(&script->arena, named_count + 1, sizeof(*is_found));

    for (size_t i = 0; i < named_count; i++) {
        const char *end = strrchr(named[i], '=');

        if (end == NULL || end == named[i] || end[1] == '\0'
            || end[1 + strspn(end + 1, TYPE_CHARACTERS)] != '\0')
            return error_set(err, ERROR_USAGE,
                "--type \"%s\" is not of the form TABLE.COLUMN=TYPE or DECLARED=TYPE", named[i]);
        is_found[i] = name_types(script, named[i], is_declared_as);
    }
    for (size_t i = 0; i < named_count; i++)
        if (!name_types(script, named[i], is_column) && !is_found[i])
            return error_set(err, ERROR_USAGE,
                "--type \"%s\": the dump has no such table and column, nor a column declared so",
                named[i]);
    return true;
}

/* --- the model ------------------------------------------------------------------------------ */

static int compare_nothing(void *context, int a_size, const void *a, int b_size, const void *b)
{
    (void)context;
    (void)a;
    (void)b;
    return a_size - b_size;
}

/* No row is ever compared: any collation of the application's will do. */
static void make_collation(void *context, sqlite3 *handle, int encoding, const char *name)
{
    (void)context;
    (void)encoding;
    sqlite3_create_collation(handle, name, SQLITE_UTF8, NULL, compare_nothing);
}

static bool make_model(struct create_script *script, struct error *err)
{
    struct sqlite_file *model = &script->model;

    if (!sqlite_file_open(model, ":memory:", script->reader->file.path, true, err))
        return false;
    sqlite3_collation_needed(model->handle, NULL, make_collation);
    return restore_schema_begin(model, &script->reader->schema, err);
}

bool create_script_open(struct create_script *script, const struct dump_reader *reader,
    const char *const *named, size_t named_count, struct error *err)
{
    script->reader = reader;
    if (!check_names(&reader->schema, err))
        return false;
    choose_types(script);
    return name_all(script, named, named_count, err) && make_model(script, err);
}

/* --- tables ----------------------------------------------------------------------------------- */

/* The rowid under a name of its own: SQLite counts it up by itself. */
static bool is_rowid(const struct schema_table *table, const struct schema_column *column)
{
    uint32_t key_size = 0;

    for (uint32_t i = 0; i < table->column_count; i++)
        key_size += table->columns[i].primary_key != 0;
    return column->primary_key == 1 && key_size == 1 && !table->without_rowid
           && strcasecmp(column->type.bytes, "INTEGER") == 0;
}

static bool has_null(const struct create_script *script, uint32_t ordinal, uint32_t column)
{
    return script->reader->ends[ordinal].facts[column].class_count[VALUE_NULL] > 0;
}

static void note_column(struct create_script *script, uint32_t ordinal, uint32_t at)
{
    const struct schema_column *column = &script->reader->schema.tables[ordinal].columns[at];
    const struct create_type *type = &script->types[ordinal][at];

    if (type->note != NULL)
        create_script_note(script, &script->text, "column \"%s\" (%s) became %s: %s",
            column->name.bytes, column->type.bytes, type->sql, type->note);
    if (column->generated != SCHEMA_GENERATED_NO)
        create_script_note(script, &script->text,
            "column \"%s\" is computed in SQLite; here it is an ordinary one that holds the values",
            column->name.bytes);
    if (column->not_null && has_null(script, ordinal, at))
        create_script_note(script, &script->text,
            "column \"%s\" was declared NOT NULL and yet holds NULL; here it may",
            column->name.bytes);
}

static void put_identity(struct create_script *script, struct byte_buffer *body,
    const struct schema_table *table, uint32_t at)
{
    OWNED(byte_buffer) struct byte_buffer name = {0};

    create_name_put(&name, &script->reader->schema, "SEQUENCE NAME",
        &(struct create_name){table, &at, 1, "seq"});
    byte_buffer_format(body, " GENERATED BY DEFAULT AS IDENTITY");
    if (name.size > 0)
        byte_buffer_format(body, " (%.*s)", (int)name.size - 1, (const char *)name.data);
}

static void put_column(
    struct create_script *script, struct byte_buffer *body, uint32_t ordinal, uint32_t at)
{
    const struct schema_table *table = &script->reader->schema.tables[ordinal];
    const struct schema_column *column = &table->columns[at];
    const struct create_type *type = &script->types[ordinal][at];

    note_column(script, ordinal, at);
    byte_buffer_format(body, "%s\n    ", at == 0 ? "" : ",");
    schema_put_name(body, &column->name);
    byte_buffer_format(body, " %s", type->sql);
    /* INTEGER PRIMARY KEY DESC is no rowid, and may hold NULL, which no identity may. */
    if (is_rowid(table, column) && create_type_is_integer(type) && !has_null(script, ordinal, at))
        put_identity(script, body, table, at);
    else if (column->has_default && !create_default_put(body, type, &column->default_sql))
        create_script_note(script, &script->text, "column \"%s\": its default is left out: %s",
            column->name.bytes, column->default_sql.bytes);
    if (column->not_null && !has_null(script, ordinal, at))
        byte_buffer_format(body, " NOT NULL");
}

static bool put_table(struct create_script *script, uint32_t ordinal, struct error *err)
{
    const struct schema_table *table = &script->reader->schema.tables[ordinal];
    OWNED(byte_buffer) struct byte_buffer body = {0};
    OWNED(byte_buffer) struct byte_buffer indexes = {0};

    byte_buffer_format(&script->text, "\n");
    for (uint32_t i = 0; i < table->column_count; i++)
        put_column(script, &body, ordinal, i);
    if (!create_keys_put(script, ordinal, &body, &indexes, err))
        return error_wrap(err, "table \"%s\"", table->name.bytes);
    byte_buffer_format(&script->text, "CREATE TABLE ");
    schema_put_name(&script->text, &table->name);
    byte_buffer_format(&script->text, " (");
    byte_buffer_put(&script->text, body.data, body.size);
    byte_buffer_format(&script->text, "\n);\n");
    byte_buffer_put(&script->text, indexes.data, indexes.size);
    return true;
}

/* --- what is left out ---------------------------------------------------------------------------
 */

static bool mentions(const struct schema_entry *entry, const char *word)
{
    return strcasestr(entry->sql.bytes, word) != NULL;
}

static void note_table(struct create_script *script, const struct schema_entry *entry)
{
    uint32_t ordinal = create_script_table(script, entry->name.bytes);
    const struct schema_table *virtual = schema_find_table(
        &script->reader->schema, entry->name.bytes);

    if (virtual != NULL && virtual->kind == SCHEMA_TABLE_VIRTUAL) {
        create_script_note(
            script, &script->text, "virtual table \"%s\" is left out:", entry->name.bytes);
        put_comment(&script->text, entry->sql.bytes, entry->sql.size);
    }
    if (ordinal == UINT32_MAX)
        return;
    if (mentions(entry, "CHECK"))
        create_script_note(script, &script->text,
            "table \"%s\": CHECK constraints, if it has any, are left out:", entry->name.bytes);
    if (mentions(entry, "DEFERRABLE"))
        create_script_note(script, &script->text,
            "table \"%s\": foreign keys, if it has any, are not DEFERRABLE here:",
            entry->name.bytes);
    if (mentions(entry, "CHECK") || mentions(entry, "DEFERRABLE"))
        put_comment(&script->text, entry->sql.bytes, entry->sql.size);
}

/* SQLite has no such types, and an application that asks PostgreSQL for one gets text instead. */
static void note_declarations(struct create_script *script)
{
    const struct schema *schema = &script->reader->schema;
    const struct schema_text *said[DECLARATIONS_MAX];
    size_t count = 0;

    for (uint32_t i = 0; i < schema->table_count; i++)
        for (uint32_t j = 0; script->types[i] != NULL && j < schema->tables[i].column_count; j++) {
            const struct schema_text *declared = &schema->tables[i].columns[j].type;
            const char *better = create_type_better(&script->types[i][j], declared->bytes);
            size_t k = 0;

            while (k < count && strcasecmp(said[k]->bytes, declared->bytes) != 0)
                k++;
            if (better == NULL || k < count || count == DECLARATIONS_MAX)
                continue;
            said[count++] = declared;
            create_script_note(script, &script->text,
                "columns declared %s became %s, as SQLite keeps them: an application that asks "
                "PostgreSQL for its own type needs --type \"%s=%s\"",
                declared->bytes, script->types[i][j].sql, declared->bytes, better);
        }
}

static void note_entries(struct create_script *script)
{
    const struct schema *schema = &script->reader->schema;

    byte_buffer_format(&script->text, "\n");
    for (uint32_t i = 0; i < schema->entry_count; i++) {
        const struct schema_entry *entry = &schema->entries[i];

        if (entry->type == SCHEMA_ENTRY_TABLE)
            note_table(script, entry);
        if (entry->type != SCHEMA_ENTRY_TRIGGER && entry->type != SCHEMA_ENTRY_VIEW)
            continue;
        create_script_note(script, &script->text,
            "%s \"%s\" is left out:", entry->type == SCHEMA_ENTRY_VIEW ? "view" : "trigger",
            entry->name.bytes);
        put_comment(&script->text, entry->sql.bytes, entry->sql.size);
    }
}

bool create_script_write(struct create_script *script, struct error *err)
{
    const struct schema *schema = &script->reader->schema;
    char state[STATE_TEXT_SIZE];

    state_format(state, script->reader->tail.state_id);
    byte_buffer_format(&script->text,
        "-- PostgreSQL tables (version 10 or later) for a dump in state\n-- %s.\n"
        "-- Types were chosen by the values that are in the dump. Look at the notes, change what the\n"
        "-- application needs otherwise, run this in an empty database, and then valise-replay.\n"
        "BEGIN;\nSET LOCAL standard_conforming_strings = on;\n",
        state);
    note_declarations(script);
    for (uint32_t i = 0; i < schema->table_count; i++)
        if (script->types[i] != NULL && !put_table(script, i, err))
            return false;
    for (uint32_t i = 0; i < schema->table_count; i++)
        if (script->types[i] != NULL && !create_keys_put_foreign(script, i, err))
            return error_wrap(err, "table \"%s\"", schema->tables[i].name.bytes);
    byte_buffer_put(&script->text, script->later.data, script->later.size);
    note_entries(script);
    byte_buffer_format(&script->text, "COMMIT;\n");
    return true;
}
