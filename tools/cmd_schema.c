#include "tools/cmd_schema.h"

#include "base/command_line.h"
#include "base/file.h"
#include "base/owned.h"
#include "format/dump_guard.h"
#include "tools/create_script.h"

#include <stdio.h>

static bool write_script(
    const char *path, const char *dump, const struct command_line_list *types, struct error *err)
{
    OWNED(dump_reader) struct dump_reader reader = {0};
    OWNED(create_script) struct create_script script = {0};
    OWNED(file_output) struct file_output output = {.fd = -1};

    if (!dump_reader_open(&reader, dump, err))
        return false;
    if (reader.header.kind != DUMP_FULL)
        return error_set(err, ERROR_REFUSED,
            "%s is a delta, which does not know all values: give a full dump (valise squash makes "
            "one of a chain)",
            reader.file.path);
    if (!create_script_open(&script, &reader, types->items, types->count, err)
        || !create_script_write(&script, err))
        return error_wrap(err, "%s", reader.file.path);
    if (!file_output_open(&output, path, err)
        || !file_output_write(&output, script.text.data, script.text.size, err)
        || !file_output_commit(&output, err))
        return false;
    if (script.note_count > 0)
        fprintf(stderr, "valise schema: %zu note%s in the script (lines with \"-- NOTE\")\n",
            script.note_count, script.note_count == 1 ? "" : "s");
    return true;
}

bool cmd_schema_run(int argc, char **argv, struct error *err)
{
    OWNED(command_line_list) struct command_line_list types = {0};
    const char *path = "-";
    bool is_forced = false;
    const struct command_line_option options[] = {
        {.letter = 'o',
            .name = "output",
            .value_name = "FILE",
            .text = &path,
            .help = "write the script there (default: standard output)"},
        {.letter = 'f', .name = "force", .flag = &is_forced, .help = "overwrite FILE if it exists"},
        {.name = "type",
            .value_name = "COLUMNS=TYPE",
            .list = &types,
            .help = "give a column (TABLE.COLUMN), or all that SQLite has declared so (DATETIME), "
                    "this PostgreSQL type, such as timestamptz or jsonb; may be repeated; one "
                    "column beats all"},
        {0},
    };
    const struct command_line line = {
        .program = "valise schema",
        .synopsis = "[--output FILE [--force]] [--type COLUMNS=TYPE]... FULL",
        .summary =
            "Prints CREATE statements for PostgreSQL (version 10 or later) for the tables of a dump, "
            "for applications that have no schema for PostgreSQL of their own: tables with types "
            "that hold every value of the dump unchanged, primary keys, unique constraints, "
            "indexes, foreign keys, defaults. What cannot be the same there (CHECK constraints, "
            "partial indexes, views, triggers, virtual tables) is left out and named in a note.",
        .options = options,
        .epilogue =
            "    valise schema -o schema.sql app.valise\n"
            "    psql -v ON_ERROR_STOP=1 -f schema.sql \"$DSN\"\n"
            "    valise-replay --dsn \"$DSN\" app.valise\n"
            "\n"
            "Exit status: 0 done, 2 wrong usage, 4 the system refused, 5 not a dump,\n"
            "6 damaged, 7 newer than this program, 8 SQLite does not understand the schema,\n"
            "9 refused (FILE exists; a delta; names that PostgreSQL cannot have).\n",
        .operand_name = "FULL",
        .operand_min = 1,
        .operand_max = 1,
    };
    OWNED(command_line_result) struct command_line_result parsed = {0};

    if (!command_line_parse(&line, argc, argv, &parsed, err))
        return false;
    if (parsed.answer.size > 0)
        return file_print(&parsed.answer, err);
    return dump_guard_check(path, err) && (is_forced || dump_guard_check_new(path, err))
           && write_script(path, parsed.operands[0], &types, err);
}
