#include "tools/cmd_cat.h"

#include "base/command_line.h"
#include "base/file.h"
#include "base/owned.h"
#include "base/stop.h"
#include "format/chain_scan.h"
#include "tools/key_filter.h"
#include "tools/row_text.h"

#include <limits.h>
#include <string.h>

#define OUTPUT_SIZE ((size_t)1 << 16) /* bytes gathered before they are written */
#define STOP_ROW_COUNT 4096           /* rows between two looks whether to stop */

struct cat {
    struct chain chain;
    struct file_output file;
    struct byte_buffer text; /* not yet written */
    enum row_text_format format;
    bool names_table; /* JSON lines say which table they are of */
    const struct command_line_list *conditions;
};

static void cat_release(struct cat *cat)
{
    chain_release(&cat->chain);
    file_output_release(&cat->file);
    byte_buffer_release(&cat->text);
}

static bool flush(struct cat *cat, size_t size_min, struct error *err)
{
    if (cat->text.size <= size_min)
        return true;
    if (!file_output_write(&cat->file, cat->text.data, cat->text.size, err))
        return false;
    cat->text.size = 0;
    return true;
}

/* --- one table ---------------------------------------------------------------------- */

static void put_row(struct cat *cat, const struct schema_table *table, const struct value *values)
{
    struct value name = {.class = VALUE_TEXT,
        .size = (uint32_t)table->name.size,
        .bytes = (const uint8_t *)table->name.bytes};

    if (cat->names_table) {
        byte_buffer_format(&cat->text, "{\"table\": ");
        row_text_value(&cat->text, ROW_TEXT_JSONL, &name);
        byte_buffer_format(&cat->text, ", \"row\": ");
    }
    row_text_put(&cat->text, cat->format, table, values);
    if (cat->names_table) {
        cat->text.size--; /* the line feed */
        byte_buffer_format(&cat->text, "}\n");
    }
}

static bool put_table(struct cat *cat, uint32_t ordinal, struct error *err)
{
    const struct schema_table *table = &chain_last(&cat->chain)->schema.tables[ordinal];
    OWNED(chain_scan) struct chain_scan scan = {0};
    OWNED(key_filter) struct key_filter filter = {0};
    bool is_row;

    if (!key_filter_open(&filter, table, cat->conditions, err)
        || !chain_scan_open(&scan, &cat->chain, ordinal, err))
        return false;
    if (cat->format == ROW_TEXT_CSV)
        row_text_heading(&cat->text, table);
    for (;;) {
        if (scan.row_count % STOP_ROW_COUNT == 0 && !stop_check(err))
            return false;
        if (!chain_scan_next(&scan, &is_row, err))
            return false;
        if (!is_row)
            return true;
        if (!key_filter_accepts(&filter, scan.values))
            continue;
        put_row(cat, table, scan.values);
        if (!flush(cat, OUTPUT_SIZE, err))
            return false;
    }
}

/* --- tables ---------------------------------------------------------------------------- */

static bool put_named(struct cat *cat, const struct command_line_list *names, struct error *err)
{
    const struct schema *schema = &chain_last(&cat->chain)->schema;

    cat->names_table = cat->format == ROW_TEXT_JSONL && names->count > 1;
    for (size_t i = 0; i < names->count; i++) {
        const struct schema_table *table = schema_find_table(schema, names->items[i]);

        if (table == NULL)
            return error_set(err, ERROR_USAGE, "%s has no table \"%s\" (valise info lists them)",
                chain_last(&cat->chain)->file.path, names->items[i]);
        if (!schema_table_has_rows(table))
            return error_set(err, ERROR_USAGE,
                "table \"%s\" is virtual: its contents are in its shadow tables", names->items[i]);
        if (!put_table(cat, (uint32_t)(table - schema->tables), err))
            return false;
    }
    return true;
}

static bool put_all(struct cat *cat, struct error *err)
{
    const struct schema *schema = &chain_last(&cat->chain)->schema;

    cat->names_table = cat->format == ROW_TEXT_JSONL;
    for (uint32_t i = 0; i < schema->table_count; i++)
        if (schema->tables[i].kind == SCHEMA_TABLE_ORDINARY && !put_table(cat, i, err))
            return false;
    return true;
}

static bool print_rows(struct cat *cat, const struct command_line_list *tables,
    const struct command_line_result *parsed, struct error *err)
{
    if (!chain_open(&cat->chain, (const char *const *)parsed->operands, parsed->operand_count, err))
        return false;
    if (chain_last(&cat->chain)->is_unchanged)
        return error_set(err, ERROR_REFUSED,
            "%s is a delta that changes nothing: give the full dump that it follows before it",
            chain_last(&cat->chain)->file.path);
    if (!file_output_open(&cat->file, "-", err))
        return false;
    return (tables->count > 0 ? put_named(cat, tables, err) : put_all(cat, err))
           && flush(cat, 0, err) && file_output_commit(&cat->file, err);
}

/* --- command ------------------------------------------------------------------------------ */

static const char epilogue[] =
    "A value's form tells its class:\n"
    "           sql                   jsonl             csv\n"
    "  NULL     NULL                  null              nothing\n"
    "  INTEGER  12                    12                12\n"
    "  REAL     2.0, 9e999            2.0, {\"real\": \"inf\"}  2.0, inf\n"
    "  TEXT     'a'                   \"a\"               \"a\", always quoted\n"
    "  BLOB     X'00'                 {\"blob\": \"00\"}    X'00'\n"
    "TEXT that is not UTF-8, or has control characters (in sql and csv), by its bytes:\n"
    "           CAST(X'ff' AS TEXT)   {\"text\": \"ff\"}    T'ff'\n"
    "\n"
    "Exit status: 0 printed, 2 wrong usage, 4 the system refused, 5 not a dump, 6 damaged,\n"
    "7 newer than this program, 9 the dumps do not follow each other.\n";

bool cmd_cat_run(int argc, char **argv, struct error *err)
{
    static const char *const formats[] = {
        [ROW_TEXT_SQL] = "sql", [ROW_TEXT_CSV] = "csv", [ROW_TEXT_JSONL] = "jsonl", NULL};
    OWNED(command_line_list) struct command_line_list tables = {0};
    OWNED(command_line_list) struct command_line_list conditions = {0};
    size_t format = ROW_TEXT_SQL;
    const struct command_line_option options[] = {
        {.name = "table",
            .value_name = "TABLE",
            .list = &tables,
            .help = "only this table; may be given more than once (default: all but shadow tables "
                    "and SQLite's own)"},
        {.name = "format",
            .choice = &format,
            .choices = formats,
            .help = "how rows are printed (default: sql)"},
        {.name = "where-key",
            .value_name = "COLUMN=VALUE",
            .list = &conditions,
            .help = "only rows with this value, as text, number or X'hex'; given more than once, "
                    "all must hold"},
        {0},
    };
    const struct command_line line = {
        .program = "valise cat",
        .synopsis = "[--table TABLE] [--format sql|csv|jsonl] [--where-key COLUMN=VALUE] FULL "
                    "[DELTA]...",
        .summary = "Prints the rows of a dump, or of the state that a dump and the deltas after it "
                   "lead to, exactly. FULL may be - for standard input.",
        .options = options,
        .epilogue = epilogue,
        .operand_name = "FULL",
        .operand_min = 1,
        .operand_max = INT_MAX,
    };
    OWNED(command_line_result) struct command_line_result parsed = {0};
    OWNED(cat) struct cat cat = {.file = {.fd = -1}, .conditions = &conditions};

    if (!command_line_parse(&line, argc, argv, &parsed, err))
        return false;
    if (parsed.answer.size > 0)
        return file_print(&parsed.answer, err);
    cat.format = (enum row_text_format)format;
    if (cat.format == ROW_TEXT_CSV && tables.count != 1)
        return error_set(err, ERROR_USAGE, "CSV is for one table: say which with --table");
    if (conditions.count > 0 && tables.count != 1)
        return error_set(err, ERROR_USAGE, "--where-key is for one table: say which with --table");
    return stop_install(err) && print_rows(&cat, &tables, &parsed, err);
}
