/*
 * Prints everything that is in a dump, as text: list_dump FILE.
 * tests/oracle/read_dump.py prints the same, from SPEC.md alone.
 */
#include "base/owned.h"
#include "format/dump_reader.h"
#include "format/state.h"
#include "format/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_quoted(const void *bytes, size_t size)
{
    const uint8_t *p = bytes;

    putchar('"');
    for (size_t i = 0; i < size; i++) {
        if (p[i] < 0x20 || p[i] > 0x7e || p[i] == '"' || p[i] == '\\')
            printf("\\x%02x", (unsigned)p[i]);
        else
            putchar(p[i]);
    }
    putchar('"');
}

static void print_text(const char *before, const struct schema_text *text)
{
    printf("%s", before);
    print_quoted(text->bytes, text->size);
}

static void print_hash(struct hash128 hash)
{
    uint8_t bytes[HASH128_SIZE];

    checksum_store(bytes, hash);
    for (size_t i = 0; i < sizeof(bytes); i++)
        printf("%02x", (unsigned)bytes[i]);
}

static void print_value(const struct value *value)
{
    uint64_t bits;

    switch (value->class) {
    case VALUE_NULL:
        printf("NULL");
        break;
    case VALUE_INTEGER:
        printf("%" PRId64, value->integer);
        break;
    case VALUE_REAL:
        memcpy(&bits, &value->real, sizeof(bits));
        printf("real:%016" PRIx64, bits);
        break;
    case VALUE_TEXT:
        print_quoted(value->bytes, value->size);
        break;
    case VALUE_BLOB:
        printf("x");
        print_quoted(value->bytes, value->size);
        break;
    }
}

/* --- schema ------------------------------------------------------------------ */

static void print_entry(const struct schema_entry *entry)
{
    printf("entry: type %d", (int)entry->type);
    print_text(" ", &entry->name);
    print_text(" on ", &entry->table);
    if (entry->has_sql)
        print_text(" sql ", &entry->sql);
    printf("\n");
}

static void print_column(uint32_t number, const struct schema_column *column)
{
    printf("  column %" PRIu32 ":", number);
    print_text(" ", &column->name);
    print_text(" ", &column->type);
    printf(" not_null %d generated %d key %" PRIu32, column->not_null, (int)column->generated,
        column->primary_key);
    if (column->has_default)
        print_text(" default ", &column->default_sql);
    printf("\n");
}

static void print_schema(const struct schema *schema)
{
    printf("encoding %d, user_version %" PRId32 ", application_id %" PRId32 ", page_size %" PRIu32
           ", auto_vacuum %" PRIu32 ", is_wal %d\n",
        (int)schema->encoding, schema->user_version, schema->application_id, schema->page_size,
        schema->auto_vacuum, schema->is_wal);
    for (uint32_t i = 0; i < schema->entry_count; i++)
        print_entry(&schema->entries[i]);
    for (uint32_t i = 0; i < schema->table_count; i++) {
        const struct schema_table *table = &schema->tables[i];

        printf("table %" PRIu32 ":", i);
        print_text(" ", &table->name);
        printf(" kind %d without_rowid %d strict %d\n", (int)table->kind, table->without_rowid,
            table->strict);
        for (uint32_t k = 0; k < table->column_count; k++)
            print_column(k, &table->columns[k]);
    }
}

/* --- blocks ------------------------------------------------------------------- */

static void print_rows(struct rows_block *rows)
{
    struct value *values = byte_buffer_calloc(rows->column_count, sizeof(*values));
    uint32_t row = 0;

    printf("rows of table %" PRIu32 ": %" PRIu32 ", %" PRIu32 " removed\n", rows->table,
        rows->row_count, rows->removed_count);
    while (rows_block_next(rows, values)) {
        printf("  %c", row++ < rows->removed_count ? '-' : '+');
        for (uint32_t i = 0; i < rows->column_count; i++) {
            printf(i == 0 ? " " : " | ");
            print_value(&values[i]);
        }
        printf("\n");
    }
    free(values);
}

static void print_units(uint32_t table, const struct units *units)
{
    printf("units of table %" PRIu32 ": %" PRIu32 "\n", table, units->unit_count);
    for (uint32_t i = 0; i < units->unit_count; i++) {
        const struct unit *unit = &units->units[i];

        printf("  unit: sources %" PRIu32 " blocks %" PRIu32 " chunks %" PRIu32 "\n",
            unit->source_count, unit->block_count, unit->chunk_count);
        for (uint32_t k = 0; k < unit->chunk_count; k++) {
            const struct chunk *chunk = &units->chunks[unit->first_chunk + k];

            printf("    chunk: rows %" PRIu32 " sum ", chunk->row_count);
            print_hash(chunk->sum);
            printf(" cut %016" PRIx64 "\n", chunk->cut);
        }
    }
}

static void print_end(const struct table_end *end)
{
    printf("end of table %" PRIu32 ": change %d, rows %" PRIu64 ", sum ", end->table,
        (int)end->change, end->row_count);
    print_hash(end->sum);
    printf(", size %" PRIu64 "\n", end->size);
    for (uint32_t i = 0; i < end->column_count; i++) {
        const struct column_facts *facts = &end->facts[i];

        printf("  facts %" PRIu32 ":", i);
        for (int class = 0; class < VALUE_CLASS_COUNT; class ++)
            printf(" %" PRIu64, facts->class_count[class]);
        printf(" %" PRId64 " %" PRId64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
               " %" PRIu64 " %" PRIu64 "\n",
            facts->integer_min, facts->integer_max, facts->fractional_count, facts->infinite_count,
            facts->nul_count, facts->invalid_utf8_count, facts->text_size_max,
            facts->text_length_max, facts->blob_size_max);
    }
}

static bool print_block(
    const struct dump_reader *reader, size_t number, struct dump_buffer *buffer, struct error *err)
{
    const struct index_entry *entry = &reader->index.entries[number];
    OWNED(units) struct units units = {0};
    struct byte_reader body;

    switch (entry->type) {
    case BLOCK_SCHEMA:
        print_schema(&reader->schema);
        return true;
    case BLOCK_ROWS:
        if (!dump_reader_rows(reader, number, buffer, err))
            return false;
        print_rows(&buffer->rows);
        return true;
    case BLOCK_UNITS:
        if (!dump_reader_block(reader, number, buffer, &body, err)
            || !units_decode(&units, entry->table, &body, err))
            return false;
        print_units(entry->table, &units);
        return true;
    case BLOCK_UNCHANGED:
        printf("unchanged\n");
        return true;
    case BLOCK_TABLE_END:
        print_end(&reader->ends[entry->table]);
        return true;
    default:
        if (!dump_reader_block(reader, number, buffer, &body, err))
            return false;
        printf("optional block of type %08" PRIx32 "\n", entry->type);
        return true;
    }
}

static bool print_dump(const char *path, struct error *err)
{
    OWNED(dump_reader) struct dump_reader reader = {.file = {.fd = -1}};
    OWNED(dump_buffer) struct dump_buffer buffer = {0};
    char state[STATE_TEXT_SIZE];

    if (!dump_reader_open(&reader, path, err) || !dump_reader_check_digest(&reader, err))
        return false;
    printf("%s dump, version %" PRIu32 "\n", reader.header.kind == DUMP_FULL ? "full" : "delta",
        reader.header.version);
    if (reader.header.kind == DUMP_DELTA) {
        state_format(state, reader.header.from_state);
        printf("from %s\n", state);
    }
    state_format(state, reader.tail.state_id);
    printf("state %s\n", state);
    for (size_t i = 0; i < reader.index.entry_count; i++)
        if (!print_block(&reader, i, &buffer, err))
            return false;
    return true;
}

int main(int argc, char **argv)
{
    struct error err;

    if (argc != 2) {
        fprintf(stderr, "usage: list_dump FILE\n");
        return ERROR_USAGE;
    }
    if (print_dump(argv[1], &err))
        return 0;
    fprintf(stderr, "list_dump: %s\n", err.text);
    return (int)err.kind;
}
