#include "format/schema.h"

#include <inttypes.h>
#include <stdlib.h>

#define ENTRY_SIZE_MIN 10  /* bytes of an encoded entry with empty texts and no sql */
#define TABLE_SIZE_MIN 10  /* likewise of a table without columns */
#define COLUMN_SIZE_MIN 13 /* likewise of a column */

enum table_flag {
    TABLE_FLAG_WITHOUT_ROWID = 1,
    TABLE_FLAG_STRICT = 2,
};

enum column_flag {
    COLUMN_FLAG_NOT_NULL = 1,
    COLUMN_FLAG_GENERATED_VIRTUAL = 2,
    COLUMN_FLAG_GENERATED_STORED = 4,
    COLUMN_FLAG_DEFAULT = 8,
};

void schema_release(struct schema *schema)
{
    arena_release(&schema->arena);
    *schema = (struct schema){0};
}

struct schema_text schema_text_of(struct arena *arena, const void *bytes, size_t size)
{
    return (struct schema_text){.bytes = arena_copy(arena, bytes, size), .size = size};
}

bool schema_table_has_rows(const struct schema_table *table)
{
    return table->kind != SCHEMA_TABLE_VIRTUAL;
}

/* --- order ------------------------------------------------------------------ */

static int compare_text(const struct schema_text *a, const struct schema_text *b)
{
    size_t shorter = a->size < b->size ? a->size : b->size;
    int order = shorter == 0 ? 0 : memcmp(a->bytes, b->bytes, shorter);

    if (order != 0)
        return order;
    return (a->size > b->size) - (a->size < b->size);
}

static int compare_entries(const void *left, const void *right)
{
    const struct schema_entry *a = left;
    const struct schema_entry *b = right;

    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    return compare_text(&a->name, &b->name);
}

static int compare_tables(const void *left, const void *right)
{
    const struct schema_table *a = left;
    const struct schema_table *b = right;

    return compare_text(&a->name, &b->name);
}

void schema_sort(struct schema *schema)
{
    if (schema->entry_count > 0)
        qsort(schema->entries, schema->entry_count, sizeof(*schema->entries), compare_entries);
    if (schema->table_count > 0)
        qsort(schema->tables, schema->table_count, sizeof(*schema->tables), compare_tables);
}

bool schema_text_equal(const struct schema_text *a, const struct schema_text *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

void schema_put_name(struct byte_buffer *sql, const struct schema_text *name)
{
    byte_buffer_put_u8(sql, '"');
    for (size_t i = 0; i < name->size; i++) {
        if (name->bytes[i] == '"')
            byte_buffer_put_u8(sql, '"');
        byte_buffer_put_u8(sql, (uint8_t)name->bytes[i]);
    }
    byte_buffer_put_u8(sql, '"');
}

bool schema_table_same_columns(const struct schema_table *a, const struct schema_table *b)
{
    if (a->column_count != b->column_count)
        return false;
    for (uint32_t i = 0; i < a->column_count; i++)
        if (!schema_text_equal(&a->columns[i].name, &b->columns[i].name))
            return false;
    return true;
}

const struct schema_table *schema_find_table(const struct schema *schema, const char *name)
{
    const struct schema_table wanted = {.name = {.bytes = name, .size = strlen(name)}};

    if (schema->table_count == 0)
        return NULL;
    return bsearch(
        &wanted, schema->tables, schema->table_count, sizeof(*schema->tables), compare_tables);
}

/* --- encoding --------------------------------------------------------------- */

static void put_text(struct byte_buffer *out, const struct schema_text *text)
{
    byte_buffer_put_u32(out, (uint32_t)text->size);
    byte_buffer_put(out, text->bytes, text->size);
}

void schema_encode_identity(struct byte_buffer *out, const struct schema *schema)
{
    byte_buffer_put_u32(out, (uint32_t)schema->encoding);
    byte_buffer_put_u32(out, (uint32_t)schema->user_version);
    byte_buffer_put_u32(out, (uint32_t)schema->application_id);
    byte_buffer_put_u32(out, schema->entry_count);
    for (uint32_t i = 0; i < schema->entry_count; i++) {
        const struct schema_entry *entry = &schema->entries[i];

        byte_buffer_put_u8(out, (uint8_t)entry->type);
        put_text(out, &entry->name);
        put_text(out, &entry->table);
        byte_buffer_put_u8(out, entry->has_sql);
        if (entry->has_sql)
            put_text(out, &entry->sql);
    }
}

static void put_column(struct byte_buffer *out, const struct schema_column *column)
{
    uint8_t flags = 0;

    if (column->not_null)
        flags |= COLUMN_FLAG_NOT_NULL;
    if (column->generated == SCHEMA_GENERATED_VIRTUAL)
        flags |= COLUMN_FLAG_GENERATED_VIRTUAL;
    if (column->generated == SCHEMA_GENERATED_STORED)
        flags |= COLUMN_FLAG_GENERATED_STORED;
    if (column->has_default)
        flags |= COLUMN_FLAG_DEFAULT;
    put_text(out, &column->name);
    put_text(out, &column->type);
    byte_buffer_put_u8(out, flags);
    byte_buffer_put_u32(out, column->primary_key);
    if (column->has_default)
        put_text(out, &column->default_sql);
}

void schema_encode(struct byte_buffer *out, const struct schema *schema)
{
    schema_encode_identity(out, schema);
    byte_buffer_put_u32(out, schema->page_size);
    byte_buffer_put_u8(out, (uint8_t)schema->auto_vacuum);
    byte_buffer_put_u8(out, schema->is_wal);
    byte_buffer_put_u32(out, schema->table_count);
    for (uint32_t i = 0; i < schema->table_count; i++) {
        const struct schema_table *table = &schema->tables[i];

        put_text(out, &table->name);
        byte_buffer_put_u8(out, (uint8_t)table->kind);
        byte_buffer_put_u8(out, (uint8_t)((table->without_rowid ? TABLE_FLAG_WITHOUT_ROWID : 0)
                                          | (table->strict ? TABLE_FLAG_STRICT : 0)));
        byte_buffer_put_u32(out, table->column_count);
        for (uint32_t k = 0; k < table->column_count; k++)
            put_column(out, &table->columns[k]);
    }
}

/* --- decoding --------------------------------------------------------------- */

static struct schema_text get_text(struct arena *arena, struct byte_reader *r)
{
    uint32_t size = byte_reader_u32(r);
    const uint8_t *bytes = byte_reader_span(r, size);

    return bytes == NULL ? (struct schema_text){.bytes = ""} : schema_text_of(arena, bytes, size);
}

/* Reads a count of things that take at least size_min bytes each. */
static bool get_count(uint32_t *out, struct byte_reader *r, size_t size_min, uint32_t count_max)
{
    *out = byte_reader_u32(r);
    return !r->overrun && *out <= count_max && *out <= byte_reader_left(r) / size_min;
}

static bool get_entry(struct schema *out, uint32_t i, struct byte_reader *r, struct error *err)
{
    struct schema_entry *entry = &out->entries[i];
    uint8_t type = byte_reader_u8(r);
    uint8_t has_sql;

    entry->name = get_text(&out->arena, r);
    entry->table = get_text(&out->arena, r);
    has_sql = byte_reader_u8(r);
    entry->has_sql = has_sql == 1;
    if (entry->has_sql)
        entry->sql = get_text(&out->arena, r);
    if (r->overrun || type < SCHEMA_ENTRY_TABLE || type > SCHEMA_ENTRY_VIEW || has_sql > 1)
        return error_set(err, ERROR_CORRUPT, "schema entry %" PRIu32 " is damaged", i);
    entry->type = (enum schema_entry_type)type;
    if (i > 0 && compare_entries(entry - 1, entry) > 0)
        return error_set(err, ERROR_CORRUPT, "schema entry %" PRIu32 " is out of order", i);
    return true;
}

static bool get_identity(struct schema *out, struct byte_reader *r, struct error *err)
{
    uint32_t encoding = byte_reader_u32(r);

    out->user_version = (int32_t)byte_reader_u32(r);
    out->application_id = (int32_t)byte_reader_u32(r);
    if (encoding < SCHEMA_ENCODING_UTF8 || encoding > SCHEMA_ENCODING_UTF16BE)
        return error_set(err, ERROR_CORRUPT, "schema: text encoding %" PRIu32, encoding);
    out->encoding = (enum schema_encoding)encoding;
    if (!get_count(&out->entry_count, r, ENTRY_SIZE_MIN, UINT32_MAX))
        return error_set(err, ERROR_CORRUPT, "schema: %" PRIu32 " entries do not fit its block",
            out->entry_count);
    out->entries = arena_alloc(&out->arena, out->entry_count, sizeof(*out->entries));
    for (uint32_t i = 0; i < out->entry_count; i++)
        if (!get_entry(out, i, r, err))
            return false;
    return true;
}

static bool get_column(struct schema *out, struct schema_column *column, struct byte_reader *r)
{
    const uint8_t generated = COLUMN_FLAG_GENERATED_VIRTUAL | COLUMN_FLAG_GENERATED_STORED;
    const uint8_t known = COLUMN_FLAG_NOT_NULL | generated | COLUMN_FLAG_DEFAULT;
    uint8_t flags;

    column->name = get_text(&out->arena, r);
    column->type = get_text(&out->arena, r);
    flags = byte_reader_u8(r);
    column->primary_key = byte_reader_u32(r);
    column->not_null = (flags & COLUMN_FLAG_NOT_NULL) != 0;
    column->has_default = (flags & COLUMN_FLAG_DEFAULT) != 0;
    if ((flags & COLUMN_FLAG_GENERATED_VIRTUAL) != 0)
        column->generated = SCHEMA_GENERATED_VIRTUAL;
    if ((flags & COLUMN_FLAG_GENERATED_STORED) != 0)
        column->generated = SCHEMA_GENERATED_STORED;
    if (column->has_default)
        column->default_sql = get_text(&out->arena, r);
    return !r->overrun && (flags & ~known) == 0 && (flags & generated) != generated;
}

static bool get_table(struct schema *out, uint32_t i, struct byte_reader *r, struct error *err)
{
    struct schema_table *table = &out->tables[i];
    uint8_t kind;
    uint8_t flags;

    table->name = get_text(&out->arena, r);
    kind = byte_reader_u8(r);
    flags = byte_reader_u8(r);
    if (!get_count(&table->column_count, r, COLUMN_SIZE_MIN, SCHEMA_COLUMN_COUNT_MAX)
        || kind < SCHEMA_TABLE_ORDINARY || kind > SCHEMA_TABLE_VIRTUAL
        || flags > (TABLE_FLAG_WITHOUT_ROWID | TABLE_FLAG_STRICT))
        return error_set(err, ERROR_CORRUPT, "schema table %" PRIu32 " is damaged", i);
    table->kind = (enum schema_table_kind)kind;
    table->without_rowid = (flags & TABLE_FLAG_WITHOUT_ROWID) != 0;
    table->strict = (flags & TABLE_FLAG_STRICT) != 0;
    if (table->column_count == 0 && schema_table_has_rows(table))
        return error_set(err, ERROR_CORRUPT, "schema table %" PRIu32 " has no columns", i);
    if (i > 0 && compare_tables(table - 1, table) >= 0)
        return error_set(err, ERROR_CORRUPT, "schema table %" PRIu32 " is out of order", i);
    table->columns = arena_alloc(&out->arena, table->column_count, sizeof(*table->columns));
    for (uint32_t k = 0; k < table->column_count; k++)
        if (!get_column(out, &table->columns[k], r))
            return error_set(err, ERROR_CORRUPT,
                "schema table %" PRIu32 ": column %" PRIu32 " is damaged", i, k);
    return true;
}

bool schema_decode(struct schema *out, struct byte_reader *body, struct error *err)
{
    uint8_t is_wal;

    *out = (struct schema){0};
    if (!get_identity(out, body, err))
        return false;
    out->page_size = byte_reader_u32(body);
    out->auto_vacuum = byte_reader_u8(body);
    is_wal = byte_reader_u8(body);
    out->is_wal = is_wal == 1;
    if (body->overrun || is_wal > 1 || out->auto_vacuum > 2)
        return error_set(err, ERROR_CORRUPT, "schema: its description of the file is damaged");
    if (!get_count(&out->table_count, body, TABLE_SIZE_MIN, SCHEMA_TABLE_COUNT_MAX))
        return error_set(err, ERROR_CORRUPT, "schema: %" PRIu32 " tables do not fit its block",
            out->table_count);
    out->tables = arena_alloc(&out->arena, out->table_count, sizeof(*out->tables));
    for (uint32_t i = 0; i < out->table_count; i++)
        if (!get_table(out, i, body, err))
            return false;
    if (byte_reader_left(body) != 0)
        return error_set(
            err, ERROR_CORRUPT, "schema: %zu bytes after its end", byte_reader_left(body));
    return true;
}
