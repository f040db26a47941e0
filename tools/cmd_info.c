#include "tools/cmd_info.h"

#include "base/command_line.h"
#include "base/file.h"
#include "base/json_writer.h"
#include "base/owned.h"
#include "base/safe_text.h"
#include "format/dump_reader.h"
#include "format/state.h"
#include "tools/chain_report.h"
#include "tools/text_table.h"
#include "watch/amount_text.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

/* --- sizes ------------------------------------------------------------------ */

/* The rows blocks of one table. */
struct extent {
    uint64_t raw_size;
    uint64_t frame_size;
    uint64_t removed_count;
    uint64_t added_count;
};

static struct extent extent_of(const struct dump_reader *reader, uint32_t table)
{
    struct extent extent = {0};

    for (size_t i = 0; i < reader->block_count[table]; i++) {
        const struct index_entry *entry = &reader->index.entries[reader->first_block[table] + i];

        extent.raw_size += entry->raw_size;
        extent.frame_size += entry->frame_size;
        extent.removed_count += entry->removed_count;
        extent.added_count += entry->row_count - entry->removed_count;
    }
    return extent;
}

static uint64_t raw_size_of(const struct dump_reader *reader)
{
    uint64_t size = 0;

    for (size_t i = 0; i < reader->index.entry_count; i++)
        size += reader->index.entries[i].raw_size;
    return size;
}

static const char *kind_name(const struct schema_table *table)
{
    switch (table->kind) {
    case SCHEMA_TABLE_ORDINARY:
        return "table";
    case SCHEMA_TABLE_SHADOW:
        return "shadow";
    case SCHEMA_TABLE_INTERNAL:
        return "internal";
    case SCHEMA_TABLE_VIRTUAL:
        return "virtual";
    }
    return "unknown";
}

static const char *change_name(enum table_change change)
{
    static const char *const names[] = {
        [TABLE_WHOLE] = "whole", [TABLE_PATCH] = "patch", [TABLE_SAME] = "same"};

    return names[change];
}

static const char *encoding_name(enum schema_encoding encoding)
{
    static const char *const names[] = {
        [SCHEMA_ENCODING_UTF8] = "UTF-8",
        [SCHEMA_ENCODING_UTF16LE] = "UTF-16le",
        [SCHEMA_ENCODING_UTF16BE] = "UTF-16be",
    };

    return names[encoding];
}

static const char *auto_vacuum_name(uint32_t auto_vacuum)
{
    static const char *const names[] = {"none", "full", "incremental"};

    return auto_vacuum < 3 ? names[auto_vacuum] : "unknown";
}

/* --- the dump as a whole ------------------------------------------------------ */

static void put_size(struct byte_buffer *out, uint64_t size)
{
    char text[AMOUNT_TEXT_ROOM];

    byte_buffer_format(out, "%s", amount_text_size(text, size));
}

static void put_schema(struct byte_buffer *out, const struct schema *schema)
{
    uint32_t entries[SCHEMA_ENTRY_VIEW + 1] = {0};
    uint32_t kinds[SCHEMA_TABLE_VIRTUAL + 1] = {0};

    for (uint32_t i = 0; i < schema->entry_count; i++)
        entries[schema->entries[i].type]++;
    for (uint32_t i = 0; i < schema->table_count; i++)
        kinds[schema->tables[i].kind]++;
    byte_buffer_format(out,
        "database    %s, page size %" PRIu32 ", user_version %" PRId32 ", application_id %" PRId32
        ", auto_vacuum %s, %s\n",
        encoding_name(schema->encoding), schema->page_size, schema->user_version,
        schema->application_id, auto_vacuum_name(schema->auto_vacuum),
        schema->is_wal ? "WAL" : "rollback journal");
    byte_buffer_format(out,
        "schema      %" PRIu32 " tables, %" PRIu32 " shadow, %" PRIu32 " internal, %" PRIu32
        " virtual; %" PRIu32 " indexes, %" PRIu32 " triggers, %" PRIu32 " views\n",
        kinds[SCHEMA_TABLE_ORDINARY], kinds[SCHEMA_TABLE_SHADOW], kinds[SCHEMA_TABLE_INTERNAL],
        kinds[SCHEMA_TABLE_VIRTUAL], entries[SCHEMA_ENTRY_INDEX], entries[SCHEMA_ENTRY_TRIGGER],
        entries[SCHEMA_ENTRY_VIEW]);
}

static void put_summary(struct byte_buffer *out, const struct dump_reader *reader)
{
    uint64_t raw_size = raw_size_of(reader);
    char state[STATE_TEXT_SIZE];

    byte_buffer_format(out, "dump        ");
    safe_text_put(out, reader->file.path, strlen(reader->file.path));
    byte_buffer_format(out, "\nkind        %s, format version %" PRIu32 "\n",
        reader->header.kind == DUMP_FULL ? "full" : "delta", reader->header.version);
    if (reader->header.kind == DUMP_DELTA) {
        state_format(state, reader->header.from_state);
        byte_buffer_format(out, "from state  %s\n", state);
    }
    state_format(state, reader->tail.state_id);
    byte_buffer_format(out, "state       %s\nsize        ", state);
    put_size(out, reader->file.size);
    byte_buffer_format(out, " in %" PRIu32 " blocks, ", reader->tail.block_count);
    put_size(out, raw_size);
    byte_buffer_format(out, " raw (%.2f : 1)\n", (double)raw_size / (double)reader->file.size);
}

/* --- tables -------------------------------------------------------------------- */

static void put_tables(struct byte_buffer *out, const struct dump_reader *reader)
{
    static const char *const full[] = {
        "table", "kind", ">columns", ">rows", ">blocks", ">raw", ">packed", NULL};
    static const char *const delta[] = {"table", "kind", ">columns", ">rows", ">blocks", ">raw",
        ">packed", "change", ">removed", ">added", NULL};
    bool is_delta = reader->header.kind == DUMP_DELTA;
    OWNED(text_table) struct text_table table = {.headings = is_delta ? delta : full};
    uint64_t row_count = 0;

    for (uint32_t i = 0; i < reader->schema.table_count; i++) {
        const struct schema_table *found = &reader->schema.tables[i];
        struct extent extent = extent_of(reader, i);

        row_count += reader->ends[i].row_count;
        text_table_name(&table, found->name.bytes, found->name.size);
        text_table_cell(&table, "%s", kind_name(found));
        text_table_cell(&table, "%" PRIu32, found->column_count);
        text_table_cell(&table, "%" PRIu64, reader->ends[i].row_count);
        text_table_cell(&table, "%zu", reader->block_count[i]);
        text_table_size(&table, extent.raw_size);
        text_table_size(&table, extent.frame_size);
        if (is_delta) {
            text_table_cell(&table, "%s",
                schema_table_has_rows(found) ? change_name(reader->ends[i].change) : "");
            text_table_cell(&table, "%" PRIu64, extent.removed_count);
            text_table_cell(&table, "%" PRIu64, extent.added_count);
        }
    }
    byte_buffer_format(out, "rows        %" PRIu64 "\n\n", row_count);
    text_table_put(out, &table, "");
}

/* --- columns --------------------------------------------------------------------- */

/* What is remarkable about a column's values, in a few words. */
static void put_remarks(struct byte_buffer *out, const struct column_facts *facts)
{
    const char *before = "";

    if (facts->class_count[VALUE_INTEGER] > 0) {
        byte_buffer_format(out, "%" PRId64 " to %" PRId64, facts->integer_min, facts->integer_max);
        before = ", ";
    }
    if (facts->class_count[VALUE_TEXT] > 0) {
        byte_buffer_format(out, "%stext up to %" PRIu64 " characters, %" PRIu64 " bytes", before,
            facts->text_length_max, facts->text_size_max);
        before = ", ";
    }
    if (facts->class_count[VALUE_BLOB] > 0) {
        byte_buffer_format(out, "%sblob up to %" PRIu64 " bytes", before, facts->blob_size_max);
        before = ", ";
    }
    if (facts->class_count[VALUE_REAL] > 0)
        byte_buffer_format(out, "%s%" PRIu64 " real not integral, %" PRIu64 " infinite", before,
            facts->fractional_count, facts->infinite_count);
}

static void put_column(
    struct text_table *table, const struct schema_column *column, const struct column_facts *facts)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};
    OWNED(byte_buffer) struct byte_buffer remarks = {0};

    text_table_name(table, column->name.bytes, column->name.size);
    safe_text_put(&text, column->type.bytes, column->type.size);
    if (column->primary_key > 0)
        byte_buffer_format(&text, " primary key %" PRIu32, column->primary_key);
    if (column->not_null)
        byte_buffer_format(&text, " not null");
    if (column->generated != SCHEMA_GENERATED_NO)
        byte_buffer_format(&text, " generated");
    text_table_text(table, (const char *)text.data, text.size);
    for (int class = 0; class < VALUE_CLASS_COUNT; class ++)
        text_table_cell(table, "%" PRIu64, facts->class_count[class]);
    put_remarks(&remarks, facts);
    text_table_text(table, (const char *)remarks.data, remarks.size);
}

static void put_columns(struct byte_buffer *out, const struct dump_reader *reader)
{
    static const char *const headings[] = {
        "column", "declared", ">null", ">integer", ">real", ">text", ">blob", "values", NULL};

    for (uint32_t i = 0; i < reader->schema.table_count; i++) {
        const struct schema_table *found = &reader->schema.tables[i];
        OWNED(text_table) struct text_table table = {.headings = headings};

        if (!schema_table_has_rows(found))
            continue;
        byte_buffer_format(out, "\ntable ");
        safe_text_quote(out, found->name.bytes, found->name.size);
        byte_buffer_format(out, ", %" PRIu64 " rows\n", reader->ends[i].row_count);
        for (uint32_t k = 0; k < found->column_count; k++)
            put_column(&table, &found->columns[k], &reader->ends[i].facts[k]);
        text_table_put(out, &table, "  ");
    }
}

/* --- warnings ---------------------------------------------------------------------- */

static void put_warning(struct byte_buffer *out, const struct schema_table *table,
    const struct schema_column *column, uint64_t count, const char *what)
{
    if (count == 0)
        return;
    byte_buffer_format(out, "warning: table ");
    safe_text_quote(out, table->name.bytes, table->name.size);
    byte_buffer_format(out, ", column ");
    safe_text_quote(out, column->name.bytes, column->name.size);
    byte_buffer_format(out, ": %" PRIu64 " %s\n", count, what);
}

static void put_warnings(struct byte_buffer *out, const struct dump_reader *reader)
{
    size_t before = out->size;

    byte_buffer_format(out, "\n");
    for (uint32_t i = 0; i < reader->schema.table_count; i++) {
        const struct schema_table *table = &reader->schema.tables[i];

        for (uint32_t k = 0; schema_table_has_rows(table) && k < table->column_count; k++) {
            const struct column_facts *facts = &reader->ends[i].facts[k];

            put_warning(out, table, &table->columns[k], facts->nul_count,
                "texts contain a NUL byte, which PostgreSQL's text cannot hold");
            put_warning(out, table, &table->columns[k], facts->invalid_utf8_count,
                "texts are not valid UTF-8, which PostgreSQL's text cannot hold");
        }
    }
    if (out->size == before + 1)
        out->size = before;
}

/* --- for programs -------------------------------------------------------------------- */

static void put_name(struct json_writer *w, const char *name, const struct schema_text *text)
{
    json_writer_name(w, name);
    json_writer_bytes(w, text->bytes, text->size);
}

static void put_integer(struct json_writer *w, const char *name, int64_t value)
{
    json_writer_name(w, name);
    json_writer_integer(w, value);
}

static void put_json_column(
    struct json_writer *w, const struct schema_column *column, const struct column_facts *facts)
{
    static const char *const classes[] = {"null", "integer", "real", "text", "blob"};

    json_writer_begin_object(w);
    put_name(w, "name", &column->name);
    put_name(w, "type", &column->type);
    json_writer_named_boolean(w, "not_null", column->not_null);
    json_writer_named_unsigned(w, "primary_key", column->primary_key);
    json_writer_named_boolean(w, "generated", column->generated != SCHEMA_GENERATED_NO);
    for (int class = 0; class < VALUE_CLASS_COUNT; class ++)
        json_writer_named_unsigned(w, classes[class], facts->class_count[class]);
    if (facts->class_count[VALUE_INTEGER] > 0) {
        put_integer(w, "integer_min", facts->integer_min);
        put_integer(w, "integer_max", facts->integer_max);
    }
    json_writer_named_unsigned(w, "fractional", facts->fractional_count);
    json_writer_named_unsigned(w, "infinite", facts->infinite_count);
    json_writer_named_unsigned(w, "with_nul", facts->nul_count);
    json_writer_named_unsigned(w, "invalid_utf8", facts->invalid_utf8_count);
    json_writer_named_unsigned(w, "text_size_max", facts->text_size_max);
    json_writer_named_unsigned(w, "text_length_max", facts->text_length_max);
    json_writer_named_unsigned(w, "blob_size_max", facts->blob_size_max);
    json_writer_end_object(w);
}

static void put_json_table(struct json_writer *w, const struct dump_reader *reader, uint32_t i)
{
    const struct schema_table *table = &reader->schema.tables[i];
    const struct table_end *end = &reader->ends[i];
    struct extent extent = extent_of(reader, i);

    json_writer_begin_object(w);
    put_name(w, "name", &table->name);
    json_writer_named_text(w, "kind", kind_name(table));
    json_writer_named_boolean(w, "without_rowid", table->without_rowid);
    json_writer_named_boolean(w, "strict", table->strict);
    json_writer_named_unsigned(w, "rows", end->row_count);
    json_writer_named_unsigned(w, "blocks", reader->block_count[i]);
    json_writer_named_unsigned(w, "raw_size", extent.raw_size);
    json_writer_named_unsigned(w, "packed_size", extent.frame_size);
    if (reader->header.kind == DUMP_DELTA && schema_table_has_rows(table)) {
        json_writer_named_text(w, "change", change_name(end->change));
        json_writer_named_unsigned(w, "removed", extent.removed_count);
        json_writer_named_unsigned(w, "added", extent.added_count);
    }
    json_writer_name(w, "columns");
    json_writer_begin_array(w);
    for (uint32_t k = 0; schema_table_has_rows(table) && k < table->column_count; k++)
        put_json_column(w, &table->columns[k], &end->facts[k]);
    json_writer_end_array(w);
    json_writer_end_object(w);
}

static void put_json_schema(struct json_writer *w, const struct schema *schema)
{
    json_writer_named_text(w, "encoding", encoding_name(schema->encoding));
    put_integer(w, "user_version", schema->user_version);
    put_integer(w, "application_id", schema->application_id);
    json_writer_named_unsigned(w, "page_size", schema->page_size);
    json_writer_named_text(w, "auto_vacuum", auto_vacuum_name(schema->auto_vacuum));
    json_writer_named_boolean(w, "wal", schema->is_wal);
}

static void put_json(struct byte_buffer *out, const struct dump_reader *reader)
{
    struct json_writer w = {.out = out};
    char state[STATE_TEXT_SIZE];

    json_writer_begin_object(&w);
    json_writer_named_text(&w, "file", reader->file.path);
    json_writer_named_text(&w, "kind", reader->header.kind == DUMP_FULL ? "full" : "delta");
    json_writer_named_unsigned(&w, "version", reader->header.version);
    state_format(state, reader->header.from_state);
    json_writer_named_text(&w, "from_state", reader->header.kind == DUMP_FULL ? NULL : state);
    state_format(state, reader->tail.state_id);
    json_writer_named_text(&w, "state", state);
    json_writer_named_unsigned(&w, "size", reader->file.size);
    json_writer_named_unsigned(&w, "raw_size", raw_size_of(reader));
    json_writer_named_unsigned(&w, "blocks", reader->tail.block_count);
    json_writer_named_boolean(&w, "unchanged", reader->is_unchanged);
    if (!reader->is_unchanged)
        put_json_schema(&w, &reader->schema);
    json_writer_name(&w, "tables");
    json_writer_begin_array(&w);
    for (uint32_t i = 0; i < reader->schema.table_count; i++)
        put_json_table(&w, reader, i);
    json_writer_end_array(&w);
    json_writer_end_object(&w);
    json_writer_finish(&w);
}

/* --- for people ------------------------------------------------------------------------ */

/* As the completion of shells wants them. */
static void put_names(struct byte_buffer *out, const struct dump_reader *reader)
{
    for (uint32_t i = 0; i < reader->schema.table_count; i++) {
        const struct schema_table *table = &reader->schema.tables[i];

        if (!schema_table_has_rows(table))
            continue;
        safe_text_put(out, table->name.bytes, table->name.size);
        byte_buffer_put_u8(out, '\n');
    }
}

static void put_text(struct byte_buffer *out, const struct dump_reader *reader, bool with_columns)
{
    put_summary(out, reader);
    if (reader->is_unchanged) {
        byte_buffer_format(out, "nothing changed since the state it starts from\n");
        return;
    }
    put_schema(out, &reader->schema);
    put_tables(out, reader);
    if (with_columns)
        put_columns(out, reader);
    put_warnings(out, reader);
}

/* --- chains ------------------------------------------------------------------------- */

static bool put_chain(const struct command_line_result *parsed, bool as_json, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer out = {0};
    size_t first_gap;

    if (!chain_report_put(&out, (const char *const *)parsed->operands, parsed->operand_count,
            as_json, &first_gap, err)
        || !file_print(&out, err))
        return false;
    if (first_gap == 0)
        return true;
    return error_set(err, ERROR_REFUSED, "%s does not follow %s: they are no chain",
        parsed->operands[first_gap], parsed->operands[first_gap - 1]);
}

/* --- command ------------------------------------------------------------------------ */

bool cmd_info_run(int argc, char **argv, struct error *err)
{
    bool as_json = false;
    bool with_columns = false;
    bool only_tables = false;
    const struct command_line_option options[] = {
        {.name = "json", .flag = &as_json, .help = "print everything, columns too, as JSON"},
        {.name = "columns",
            .flag = &with_columns,
            .help = "also what is known of each column's values"},
        {.name = "tables",
            .flag = &only_tables,
            .help = "only the names of the tables, but for virtual ones, one a line"},
        {.name = "facts", .flag = &with_columns, .help = "the same"},
        {0},
    };
    const struct command_line line = {
        .program = "valise info",
        .synopsis = "[--json | --tables] [--columns] FILE\n[--json] FULL DELTA...",
        .summary = "Shows what is in a dump: kind, state, tables, rows, sizes; or, of several "
                   "dumps, what each adds and whether they follow each other. FILE may be - for "
                   "standard input. Reads schema and index only; \"valise verify\" reads all.",
        .options = options,
        .epilogue =
            "Exit status: 0 printed, 2 wrong usage, 4 the system refused, 5 not a dump, 6 damaged,\n"
            "7 newer than this program, 9 the dumps do not follow each other.\n",
        .operand_name = "FILE",
        .operand_min = 1,
        .operand_max = INT_MAX,
    };
    OWNED(command_line_result) struct command_line_result parsed = {0};
    OWNED(byte_buffer) struct byte_buffer out = {0};
    OWNED(dump_reader) struct dump_reader reader = {0};

    if (!command_line_parse(&line, argc, argv, &parsed, err))
        return false;
    if (parsed.answer.size > 0)
        return file_print(&parsed.answer, err);
    if (parsed.operand_count > 1)
        return put_chain(&parsed, as_json, err);
    if (!dump_reader_open(&reader, parsed.operands[0], err))
        return false;
    if (only_tables)
        put_names(&out, &reader);
    else if (as_json)
        put_json(&out, &reader);
    else
        put_text(&out, &reader, with_columns);
    return file_print(&out, err);
}
