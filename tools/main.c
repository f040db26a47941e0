#include "base/command_line.h"
#include "base/file.h"
#include "base/owned.h"
#include "base/safe_text.h"
#include "base/standard_streams.h"
#include "tools/cmd_cat.h"
#include "tools/cmd_config.h"
#include "tools/cmd_diff.h"
#include "tools/cmd_doctor.h"
#include "tools/cmd_info.h"
#include "tools/cmd_restore.h"
#include "tools/cmd_schema.h"
#include "tools/cmd_squash.h"
#include "tools/cmd_verify.h"

#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    const char *summary; /* in --help */
    bool (*run)(int argc, char **argv, struct error *err);
};

static const struct command commands[] = {
    {"cat", "the rows, as SQL, CSV or JSON", cmd_cat_run},
    {"config", "a homeserver.yaml that names PostgreSQL; nothing else in it changes",
        cmd_config_run},
    {"diff", "what changed between two dumps, by table or row by row", cmd_diff_run},
    {"doctor", "what is wrong with a PostgreSQL server or database, and how to mend it",
        cmd_doctor_run},
    {"info", "what is in a dump: tables, rows, sizes, columns", cmd_info_run},
    {"restore", "a SQLite database again, from a dump and the deltas after it", cmd_restore_run},
    {"schema", "print CREATE statements for PostgreSQL that hold what a dump holds",
        cmd_schema_run},
    {"squash", "one dump of a dump and its deltas, or of deltas alone", cmd_squash_run},
    {"verify", "check every byte of a dump; say what is damaged, and what is whole",
        cmd_verify_run},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static bool parse(struct command_line_result *parsed, int argc, char **argv, struct error *err)
{
    static const struct command_line_option options[] = {{0}};
    struct command_line_command words[COMMAND_COUNT + 1] = {{0}};
    const struct command_line line = {
        .program = "valise",
        .synopsis = "COMMAND [OPTION]... FILE",
        .summary = "What one does with dumps made by valise-dump, and around a move.",
        .options = options,
        .commands = words,
        .epilogue = "Exit status: 0 done, 2 wrong usage, 4 the system refused, 5 not a dump,\n"
                    "6 damaged, 7 newer than this program, 8 a database reported an error,\n"
                    "9 refused, 10 a difference was found, 11 stopped.\n",
        .operand_name = "COMMAND",
        .operand_min = 1,
        .operand_max = INT_MAX,
        .ends_at_operand = true,
    };

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        words[i] = (struct command_line_command){commands[i].name, commands[i].summary};
    return command_line_parse(&line, argc, argv, parsed, err);
}

static bool run(int argc, char **argv, struct error *err)
{
    OWNED(command_line_result) struct command_line_result parsed = {0};

    if (!parse(&parsed, argc, argv, err))
        return false;
    if (parsed.answer.size > 0)
        return file_print(&parsed.answer, err);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, parsed.operands[0]) == 0)
            return commands[i].run((int)parsed.operand_count, parsed.operands, err);
    }
    return error_set(err, ERROR_USAGE, "there is no command \"%s\" (valise --help lists all)",
        parsed.operands[0]);
}

int main(int argc, char **argv)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};
    struct error err;

    standard_streams_open();
    /* Large buffers come from and go back to the system; few arenas keep what was freed. */
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
    (void)mallopt(M_ARENA_MAX, 2);
#endif
    if (run(argc, argv, &err))
        return 0;
    if (err.text[0] == '\0')
        return (int)err.kind;
    safe_text_put(&text, err.text, strlen(err.text));
    fprintf(stderr, "valise: %.*s\n", (int)text.size, (const char *)text.data);
    return (int)err.kind;
}
