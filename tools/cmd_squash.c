#include "tools/cmd_squash.h"

#include "base/command_line.h"
#include "base/file.h"
#include "base/owned.h"
#include "format/block.h"
#include "format/dump_guard.h"
#include "format/rows_writer.h"
#include "format/state.h"
#include "tools/squash.h"
#include "tools/writing_command.h"
#include "watch/amount_text.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* A base that deltas start from is not replaced by mistake. */
static bool check_output(const char *path, bool is_forced, struct error *err)
{
    return is_forced ? dump_guard_check_database(path, err) : dump_guard_check_new(path, err);
}

/* What is asked for. */
struct merger {
    struct squash_options options;
    const struct command_line_result *parsed;
};

static bool squash(
    void *context, struct progress *progress, struct byte_buffer *out, struct error *err)
{
    struct merger *wanted = context;
    struct squash_options *options = &wanted->options;
    const struct command_line_result *parsed = wanted->parsed;
    OWNED(chain) struct chain chain = {0};
    struct dump_writer_result result;
    char state[STATE_TEXT_SIZE];
    char size[AMOUNT_TEXT_ROOM];

    options->progress = progress;
    if (!chain_open(&chain, (const char *const *)parsed->operands, parsed->operand_count, err)
        || !squash_run(&chain, options, &result, err))
        return false;
    if (strcmp(options->path, "-") == 0)
        return true;
    state_format(state, result.state_id);
    byte_buffer_format(out, "%s: %s, %s, %" PRIu32 " blocks\nstate %s\n", options->path,
        chain_is_full(&chain) ? "full dump" : "delta", amount_text_size(size, result.file_size),
        result.block_count, state);
    return true;
}

/* A level of 0: none was asked for. */
static struct squash_options options_of(const char *path, uint64_t level, uint64_t thread_count)
{
    return (struct squash_options){.path = path,
        .is_recompressed = level != 0,
        .level = level != 0 ? (int)level : BLOCK_LEVEL_DEFAULT,
        .thread_count = (unsigned)thread_count};
}

static uint64_t default_thread_count(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (cores > ROWS_WRITER_THREAD_COUNT_MAX)
        return ROWS_WRITER_THREAD_COUNT_MAX;
    return cores < 1 ? 1 : (uint64_t)cores;
}

#define WATCH_AT 4 /* the first of the options that are the same in every program */

static const char epilogue[] =
    "Exit status: 0 written, 2 wrong usage, 4 the system refused, 5 not a dump, "
    "6 damaged,\n7 newer than this program, 9 FILE exists or the dumps do not "
    "follow each other,\n11 stopped. Unless 0 nothing is written; or FILE is complete, with "
    "4, and only\nstandard output could not be written: that is said then.\n";

bool cmd_squash_run(int argc, char **argv, struct error *err)
{
    uint64_t level = 0;
    uint64_t thread_count = default_thread_count();
    const char *path = NULL;
    bool is_forced = false;
    struct watch_options watch = {0};
    struct command_line_option options[] = {
        {.letter = 'o',
            .name = "output",
            .value_name = "FILE",
            .text = &path,
            .help = "the dump to write; - for standard output"},
        {.letter = 'f', .name = "force", .flag = &is_forced, .help = "overwrite FILE if it exists"},
        {.name = "level",
            .value_name = "N",
            .number = &level,
            .number_min = BLOCK_LEVEL_MIN,
            .number_max = BLOCK_LEVEL_MAX,
            .help = "compress every block anew, 1 to 19 (default: blocks that no delta touches are "
                    "copied, 3 for the others)"},
        {.letter = 't',
            .name = "threads",
            .value_name = "N",
            .number = &thread_count,
            .number_min = 1,
            .number_max = ROWS_WRITER_THREAD_COUNT_MAX,
            .help = "blocks to compress at the same time (default: one for each core)"},
        [WATCH_AT + WATCH_OPTIONS_COUNT] = {0},
    };
    const struct command_line line = {
        .program = "valise squash",
        .synopsis = "--output FILE DUMP...",
        .summary =
            "Makes one dump of several that follow each other, oldest first: a full dump of "
            "a full dump and its deltas, one delta of deltas alone. The result has the state "
            "of the last one, and serves as a base as well as they did. One DUMP may be - "
            "for standard input.",
        .options = options,
        .epilogue = epilogue,
        .operand_name = "DUMP",
        .operand_min = 1,
        .operand_max = INT_MAX,
    };
    OWNED(command_line_result) struct command_line_result parsed = {0};
    struct merger wanted = {.parsed = &parsed};
    struct writing_command command = {
        .name = "squash", .parsed = &parsed, .watch = &watch, .work = squash, .context = &wanted};

    watch_options_describe(options + WATCH_AT, &watch);
    if (!command_line_parse(&line, argc, argv, &parsed, err))
        return false;
    if (parsed.answer.size > 0)
        return file_print(&parsed.answer, err);
    if (path == NULL)
        return error_set(err, ERROR_USAGE, "--output FILE is missing: the dump to write");
    wanted.options = options_of(path, level, thread_count);
    command.path = path;
    return check_output(path, is_forced, err) && writing_command_run(&command, err);
}
