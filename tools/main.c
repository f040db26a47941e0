#include "base/command_line.h"
#include "base/owned.h"
#include "base/safe_text.h"
#include "tools/cmd_cat.h"
#include "tools/cmd_config.h"
#include "tools/cmd_diff.h"
#include "tools/cmd_info.h"
#include "tools/cmd_restore.h"
#include "tools/cmd_schema.h"
#include "tools/cmd_squash.h"
#include "tools/cmd_verify.h"
#include "tools/print.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    bool (*run)(int argc, char **argv, struct error *err);
};

static const struct command commands[] = {
    {"cat", cmd_cat_run},
    {"config", cmd_config_run},
    {"diff", cmd_diff_run},
    {"info", cmd_info_run},
    {"restore", cmd_restore_run},
    {"schema", cmd_schema_run},
    {"squash", cmd_squash_run},
    {"verify", cmd_verify_run},
};

static const struct command_line_option options[] = {{0}};

static const struct command_line line = {
    .program = "valise",
    .synopsis = "COMMAND [OPTION]... FILE",
    .summary = "What one does with dumps made by valise-dump, and around a move.",
    .options = options,
    .epilogue = "Commands (valise COMMAND --help explains):\n"
                "  cat       the rows, as SQL, CSV or JSON\n"
                "  config    a homeserver.yaml that names PostgreSQL; nothing else in it changes\n"
                "  diff      what changed between two dumps, by table or row by row\n"
                "  info      what is in a dump: tables, rows, sizes, columns\n"
                "  restore   a SQLite database again, from a dump and the deltas after it\n"
                "  schema    print CREATE statements for PostgreSQL that hold what a dump holds\n"
                "  squash    one dump of a dump and its deltas, or of deltas alone\n"
                "  verify    check every byte of a dump; say what is damaged, and what is whole\n"
                "\n"
                "Exit status: 0 done, 2 wrong usage, 4 the system refused, 5 not a dump,\n"
                "6 damaged, 7 newer than this program.\n",
    .operand_name = "COMMAND",
    .operand_min = 1,
    .operand_max = INT_MAX,
    .ends_at_operand = true,
};

static bool run(int argc, char **argv, struct error *err)
{
    OWNED(command_line_result) struct command_line_result parsed = {0};

    if (!command_line_parse(&line, argc, argv, &parsed, err))
        return false;
    if (parsed.answer.size > 0)
        return print_out(&parsed.answer, err);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
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

    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write() */
    if (run(argc, argv, &err))
        return 0;
    safe_text_put(&text, err.text, strlen(err.text));
    fprintf(stderr, "valise: %.*s\n", (int)text.size, (const char *)text.data);
    return (int)err.kind;
}
