#include "tools/create_keys.h"

#include "base/owned.h"
#include "tools/create_name.h"
#include "tools/restore_schema.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A column of a key. */
struct part {
    uint32_t column; /* UINT32_MAX: an expression */
    bool is_descending;
    const char *collation; /* in the arena */
};

/* An index as SQLite lists it; all in the arena. */
struct key {
    const char *name;
    bool is_unique;
    bool is_partial;
    char origin; /* c: CREATE INDEX, u: UNIQUE, p: PRIMARY KEY */
    struct part *parts;
    size_t part_count;
};

struct key_list {
    struct key *items; /* owned array */
    size_t count;
};

static void key_list_release(struct key_list *keys)
{
    free(keys->items);
}

static const struct schema_table *table_of(const struct create_script *script, uint32_t ordinal)
{
    return &script->reader->schema.tables[ordinal];
}

/* --- asking SQLite ---------------------------------------------------------------------- */

static const char *text_of(
    struct create_script *script, const struct sqlite_statement *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement->handle, column);

    return text == NULL ? NULL : arena_text(&script->arena, (const char *)text);
}

/* A query with one parameter, a name. */
static bool ask(struct create_script *script, const char *sql, const char *name,
    struct sqlite_statement *statement, struct error *err)
{
    return sqlite_file_prepare(&script->model, sql, statement, NULL, err)
           && (sqlite3_bind_text(statement->handle, 1, name, -1, SQLITE_TRANSIENT) == SQLITE_OK
               || sqlite_file_fail(&script->model, err, "%s", sql));
}

/* How many rows such a query has. */
static bool count_rows(struct create_script *script, const char *sql, const char *name,
    size_t *count, struct error *err)
{
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    bool is_row;

    if (!ask(script, sql, name, &statement, err)
        || !sqlite_file_step(&script->model, &statement, &is_row, err))
        return false;
    *count = is_row ? (size_t)sqlite3_column_int64(statement.handle, 0) : 0;
    return true;
}

static bool read_parts(
    struct create_script *script, uint32_t ordinal, struct key *key, struct error *err)
{
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    const struct schema_table *table = table_of(script, ordinal);
    size_t count = 0;

    if (!count_rows(
            script, "SELECT count(*) FROM pragma_index_xinfo(?1) WHERE key", key->name, &count, err)
        || !ask(script,
            "SELECT name, \"desc\", coll FROM pragma_index_xinfo(?1) WHERE key ORDER BY seqno",
            key->name, &statement, err))
        return false;
    key->parts = arena_alloc(&script->arena, count + 1, sizeof(*key->parts));
    for (;;) {
        struct part *part = &key->parts[key->part_count];
        const char *name;
        bool is_row;

        if (!sqlite_file_step(&script->model, &statement, &is_row, err))
            return false;
        if (!is_row || key->part_count == count)
            return true;
        name = text_of(script, &statement, 0);
        part->column = name == NULL ? UINT32_MAX : create_script_column(table, name);
        part->is_descending = sqlite3_column_int(statement.handle, 1) != 0;
        part->collation = text_of(script, &statement, 2);
        key->part_count++;
    }
}

static bool read_keys(
    struct create_script *script, uint32_t ordinal, struct key_list *keys, struct error *err)
{
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};

    if (!ask(script,
            "SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1) ORDER BY seq DESC",
            table_of(script, ordinal)->name.bytes, &statement, err))
        return false;
    for (;;) {
        struct key *key;
        bool is_row;

        if (!sqlite_file_step(&script->model, &statement, &is_row, err))
            return false;
        if (!is_row)
            return true;
        keys->items = byte_buffer_realloc(keys->items, (keys->count + 1) * sizeof(*keys->items));
        key = &keys->items[keys->count++];
        *key = (struct key){.name = text_of(script, &statement, 0),
            .is_unique = sqlite3_column_int(statement.handle, 1) != 0,
            .origin = sqlite3_column_bytes(statement.handle, 2) > 0
                          ? (char)*sqlite3_column_text(statement.handle, 2)
                          : 'c',
            .is_partial = sqlite3_column_int(statement.handle, 3) != 0};
        if (!read_parts(script, ordinal, key, err))
            return false;
    }
}

/* --- writing ------------------------------------------------------------------------------ */

static bool is_plain(const struct part *part)
{
    return part->collation == NULL || strcasecmp(part->collation, "BINARY") == 0;
}

static bool is_plain_key(const struct key *key)
{
    for (size_t i = 0; i < key->part_count; i++)
        if (key->parts[i].column == UINT32_MAX || !is_plain(&key->parts[i]))
            return false;
    return !key->is_partial;
}

/* Of an index; a collation of SQLite's own becomes an expression that compares alike. */
static void put_part(struct byte_buffer *out, const struct schema_table *table,
    const struct create_type *types, const struct part *part)
{
    bool folds = !is_plain(part) && types[part->column].kind == CREATE_TEXT;

    if (folds)
        byte_buffer_format(
            out, "%s(", strcasecmp(part->collation, "NOCASE") == 0 ? "lower" : "rtrim");
    schema_put_name(out, &table->columns[part->column].name);
    if (folds && strcasecmp(part->collation, "NOCASE") == 0)
        byte_buffer_format(out, " COLLATE \"C\"");
    else if (folds)
        byte_buffer_format(out, ", ' '");
    byte_buffer_format(out, "%s%s", folds ? ")" : "", part->is_descending ? " DESC" : "");
}

static void put_columns(struct byte_buffer *out, const struct schema_table *table,
    const uint32_t *columns, size_t count)
{
    byte_buffer_format(out, " (");
    for (size_t i = 0; i < count; i++) {
        byte_buffer_format(out, "%s", i == 0 ? "" : ", ");
        schema_put_name(out, &table->columns[columns[i]].name);
    }
    byte_buffer_format(out, ")");
}

/* PRIMARY KEY or UNIQUE, in CREATE TABLE. */
static void put_constraint(
    struct create_script *script, uint32_t ordinal, const struct key *key, struct byte_buffer *body)
{
    const struct schema_table *table = table_of(script, ordinal);
    uint32_t *columns = arena_alloc(&script->arena, key->part_count, sizeof(*columns));
    struct create_name name = {table, columns, key->part_count, "key"};

    for (size_t i = 0; i < key->part_count; i++)
        columns[i] = key->parts[i].column;
    if (!key->is_unique)
        name = (struct create_name){.table = table, .kind = "pkey"};
    byte_buffer_format(body, ",\n    ");
    create_name_put(body, &script->reader->schema, "CONSTRAINT", &name);
    byte_buffer_format(body, "%s", key->is_unique ? "UNIQUE" : "PRIMARY KEY");
    put_columns(body, table, columns, key->part_count);
}

static const struct schema_entry *entry_of(
    const struct create_script *script, enum schema_entry_type type, const char *name)
{
    const struct schema *schema = &script->reader->schema;

    for (uint32_t i = 0; i < schema->entry_count; i++)
        if (schema->entries[i].type == type && strcmp(schema->entries[i].name.bytes, name) == 0)
            return &schema->entries[i];
    return NULL;
}

/* False, and a note, for an index that cannot be the same in PostgreSQL. */
static bool can_be_made(
    struct create_script *script, uint32_t ordinal, const struct key *key, struct byte_buffer *out)
{
    const struct schema_entry *entry = entry_of(script, SCHEMA_ENTRY_INDEX, key->name);
    const char *why = key->is_partial ? "is partial" : NULL;

    for (size_t i = 0; i < key->part_count && why == NULL; i++) {
        const struct part *part = &key->parts[i];

        if (part->column == UINT32_MAX)
            why = "is on an expression";
        else if (!is_plain(part) && strcasecmp(part->collation, "NOCASE") != 0
                 && strcasecmp(part->collation, "RTRIM") != 0)
            why = "has a collation of the application's";
        else if (!is_plain(part))
            create_script_note(script, out,
                "column \"%s\" compares by %s in SQLite, but exactly in PostgreSQL: so does every "
                "query",
                table_of(script, ordinal)->columns[part->column].name.bytes, part->collation);
    }
    if (why != NULL)
        create_script_note(script, out, "%sindex \"%s\" %s, and is left out: %s",
            key->is_unique ? "unique " : "", key->name, why,
            entry == NULL || !entry->has_sql ? "" : entry->sql.bytes);
    return why == NULL;
}

static void put_index(
    struct create_script *script, uint32_t ordinal, const struct key *key, struct byte_buffer *out)
{
    const struct schema_table *table = table_of(script, ordinal);
    struct schema_text name = {key->name, strlen(key->name)};

    byte_buffer_format(out, "CREATE %sINDEX ", key->is_unique ? "UNIQUE " : "");
    if (key->origin == 'c' && name.size <= CREATE_SCRIPT_NAME_SIZE_MAX)
        schema_put_name(out, &name);
    byte_buffer_format(out, "%sON ", out->data[out->size - 1] == ' ' ? "" : " ");
    schema_put_name(out, &table->name);
    byte_buffer_format(out, " (");
    for (size_t i = 0; i < key->part_count; i++) {
        byte_buffer_format(out, "%s", i == 0 ? "" : ", ");
        put_part(out, table, script->types[ordinal], &key->parts[i]);
    }
    byte_buffer_format(out, ");\n");
}

static bool has_null(const struct create_script *script, uint32_t ordinal, uint32_t column)
{
    return script->reader->ends[ordinal].facts[column].class_count[VALUE_NULL] > 0;
}

/* The primary key: SQLite lists no index for that of the rowid. */
static void put_primary_key(
    struct create_script *script, uint32_t ordinal, struct byte_buffer *body)
{
    const struct schema_table *table = table_of(script, ordinal);
    struct key key = {
        .parts = arena_alloc(&script->arena, table->column_count, sizeof(struct part))};
    bool is_nullable = false;

    for (uint32_t place = 1; place <= table->column_count; place++)
        for (uint32_t i = 0; i < table->column_count; i++)
            if (table->columns[i].primary_key == place) {
                key.parts[key.part_count++].column = i;
                is_nullable = is_nullable || has_null(script, ordinal, i);
            }
    if (key.part_count == 0)
        return;
    if (is_nullable)
        create_script_note(script, &script->text,
            "table \"%s\": its primary key holds NULL, which PostgreSQL does not allow; it is UNIQUE "
            "here",
            table->name.bytes);
    key.is_unique = is_nullable;
    put_constraint(script, ordinal, &key, body);
}

/* Indexes that SQLite cannot make here (a function of the application's) are not in its list. */
static void make_indexes(struct create_script *script, uint32_t ordinal, struct byte_buffer *out)
{
    const struct schema *schema = &script->reader->schema;

    for (uint32_t i = 0; i < schema->entry_count; i++) {
        const struct schema_entry *entry = &schema->entries[i];
        struct error ignored;

        if (entry->type != SCHEMA_ENTRY_INDEX || !entry->has_sql
            || strcasecmp(entry->table.bytes, schema->tables[ordinal].name.bytes) != 0)
            continue;
        if (!restore_schema_create(&script->model, entry, &ignored))
            create_script_note(script, out, "index \"%s\" is left out (%s): %s", entry->name.bytes,
                ignored.text, entry->sql.bytes);
    }
}

bool create_keys_put(struct create_script *script, uint32_t ordinal, struct byte_buffer *body,
    struct byte_buffer *indexes, struct error *err)
{
    OWNED(key_list) struct key_list keys = {0};

    put_primary_key(script, ordinal, body);
    make_indexes(script, ordinal, indexes);
    if (!read_keys(script, ordinal, &keys, err))
        return false;
    for (size_t i = 0; i < keys.count; i++) {
        const struct key *key = &keys.items[i];

        if (key->origin == 'p' && is_plain_key(key))
            continue; /* done */
        if (!can_be_made(script, ordinal, key, indexes))
            continue;
        if (key->origin == 'u' && is_plain_key(key))
            put_constraint(script, ordinal, key, body);
        else
            put_index(script, ordinal, key, indexes);
    }
    return true;
}

/* --- foreign keys ----------------------------------------------------------------------------- */

/* One foreign key; all in the arena. */
struct reference {
    int id;
    const char *parent;
    const char *on_update;
    const char *on_delete;
    const char **from;
    const char **to; /* NULLs: the primary key */
    size_t count;
};

static bool is_key(const struct schema_table *parent, const uint32_t *columns, size_t count)
{
    size_t key_size = 0;
    size_t found = 0;

    for (uint32_t i = 0; i < parent->column_count; i++)
        key_size += parent->columns[i].primary_key != 0;
    for (size_t i = 0; i < count; i++)
        found += parent->columns[columns[i]].primary_key != 0;
    return found == count && key_size == count;
}

static bool is_unique(const struct key_list *keys, const uint32_t *columns, size_t count)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct key *key = &keys->items[i];
        size_t found = 0;

        if (!key->is_unique || !is_plain_key(key) || key->part_count != count)
            continue;
        for (size_t j = 0; j < count; j++)
            for (size_t k = 0; k < count; k++)
                found += key->parts[j].column == columns[k];
        if (found == count)
            return true;
    }
    return false;
}

static bool folds_primary(const struct key_list *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        if (keys->items[i].origin == 'p' && !is_plain_key(&keys->items[i]))
            return true;
    return false;
}

static bool is_same_type(const struct create_type *a, const struct create_type *b)
{
    return a->kind == b->kind && strcasecmp(a->sql, b->sql) == 0;
}

/* The columns of both sides; why it cannot be made, or NULL. */
static const char *resolve(const struct create_script *script, uint32_t ordinal,
    const struct reference *reference, uint32_t *from, uint32_t *to)
{
    uint32_t parent = create_script_table(script, reference->parent);
    const struct schema_table *table;

    if (parent == UINT32_MAX)
        return "the table that it refers to is not made";
    table = table_of(script, parent);
    for (size_t i = 0; i < reference->count; i++) {
        from[i] = create_script_column(table_of(script, ordinal), reference->from[i]);
        to[i] = UINT32_MAX;
        if (reference->to[i] != NULL)
            to[i] = create_script_column(table, reference->to[i]);
        else
            for (uint32_t j = 0; j < table->column_count; j++)
                if (table->columns[j].primary_key == i + 1)
                    to[i] = j;
        if (from[i] == UINT32_MAX || to[i] == UINT32_MAX)
            return "one of its columns does not exist";
        if (!is_same_type(&script->types[ordinal][from[i]], &script->types[parent][to[i]]))
            return "the columns of both sides have different types here";
    }
    return NULL;
}

static bool check_parent(struct create_script *script, uint32_t parent, const uint32_t *to,
    size_t count, const char **why, struct error *err)
{
    OWNED(key_list) struct key_list keys = {0};

    if (!read_keys(script, parent, &keys, err))
        return false;
    if (is_unique(&keys, to, count))
        return true;
    if (!is_key(table_of(script, parent), to, count))
        *why = "what it refers to is not unique";
    else if (folds_primary(&keys))
        *why = "what it refers to compares otherwise in SQLite";
    return true;
}

static bool put_reference(struct create_script *script, uint32_t ordinal,
    const struct reference *reference, struct error *err)
{
    uint32_t *from = arena_alloc(&script->arena, reference->count, sizeof(*from));
    uint32_t *to = arena_alloc(&script->arena, reference->count, sizeof(*to));
    uint32_t parent = create_script_table(script, reference->parent);
    const char *why = resolve(script, ordinal, reference, from, to);
    struct byte_buffer *out = &script->later;

    if (why == NULL && !check_parent(script, parent, to, reference->count, &why, err))
        return false;
    if (why != NULL) {
        create_script_note(script, out,
            "table \"%s\": the foreign key on \"%s\" to \"%s\" is left out: %s",
            table_of(script, ordinal)->name.bytes, reference->from[0], reference->parent, why);
        return true;
    }
    byte_buffer_format(out, "ALTER TABLE ");
    schema_put_name(out, &table_of(script, ordinal)->name);
    byte_buffer_format(out, " ADD FOREIGN KEY");
    put_columns(out, table_of(script, ordinal), from, reference->count);
    byte_buffer_format(out, " REFERENCES ");
    schema_put_name(out, &table_of(script, parent)->name);
    put_columns(out, table_of(script, parent), to, reference->count);
    byte_buffer_format(
        out, " ON UPDATE %s ON DELETE %s;\n", reference->on_update, reference->on_delete);
    return true;
}

static void begin_reference(struct create_script *script, struct reference *reference,
    const struct sqlite_statement *row, size_t column_count)
{
    *reference = (struct reference){
        .id = sqlite3_column_int(row->handle, 0),
        .parent = text_of(script, row, 1),
        .on_update = text_of(script, row, 4),
        .on_delete = text_of(script, row, 5),
        .from = arena_alloc(&script->arena, column_count, sizeof(char *)),
        .to = arena_alloc(&script->arena, column_count, sizeof(char *)),
    };
}

bool create_keys_put_foreign(struct create_script *script, uint32_t ordinal, struct error *err)
{
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    const struct schema_table *table = table_of(script, ordinal);
    struct reference reference = {0};
    size_t count = 0;
    bool is_row;

    if (!count_rows(script, "SELECT count(*) FROM pragma_foreign_key_list(?1)", table->name.bytes,
            &count, err)
        || !ask(script,
            "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete"
            " FROM pragma_foreign_key_list(?1) ORDER BY id DESC, seq",
            table->name.bytes, &statement, err))
        return false;
    for (;;) {
        if (!sqlite_file_step(&script->model, &statement, &is_row, err))
            return false;
        if (reference.count > 0
            && (!is_row || sqlite3_column_int(statement.handle, 0) != reference.id)) {
            if (!put_reference(script, ordinal, &reference, err))
                return false;
            reference.count = 0;
        }
        if (!is_row)
            return true;
        if (reference.count == 0)
            begin_reference(script, &reference, &statement, count);
        reference.from[reference.count] = text_of(script, &statement, 2);
        reference.to[reference.count++] = text_of(script, &statement, 3);
    }
}
