#include "base/command_line.h"
#include "base/owned.h"
#include "base/safe_text.h"
#include "base/standard_streams.h"
#include "base/stop.h"
#include "dump/dump_output.h"
#include "dump/pipeline.h"
#include "dump/snapshot_dump.h"
#include "dump/source.h"
#include "format/state.h"
#include "watch/amount_text.h"
#include "watch/watch_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static const char summary[] =
    "Writes a snapshot of a SQLite database into one checksummed, compressed file, which "
    "valise-replay loads into PostgreSQL. The database is only read and may be in use.";

static const char epilogue[] =
    "Memory: about 21 MiB for each thread and 30 MiB for the rest at levels 1 to 5, whatever the\n"
    "size of the database; four times the size of the largest row if that is more than 8 MiB.\n"
    "\n"
    "Exit status: 0 done, 2 wrong arguments, 4 the operating system refused (missing or unreadable\n"
    "file, full disk), 5 not a database, 6 the database is damaged, 7 the database is newer than\n"
    "this program, 8 SQLite reported an error (locked, for instance), 9 refused (the output exists),\n"
    "11 stopped by a signal. After any but 0 there is no dump with the output's name. A dump that is\n"
    "killed leaves OUTPUT.??????.partial, which the next one to the same name removes.\n";

#define SUMMARY_SIZE 5000 /* bytes; a path may have 4096 */

struct arguments {
    struct command_line_list bases;
    const char *database_path; /* --sqlite-database */
    const char *output_path;
    bool may_overwrite;
    bool checks_first;
    uint64_t level;
    uint64_t thread_count;
    size_t online;
    struct watch_options watch;
};

#define WATCH_AT 8 /* the first of the options that are the same in every program */
#define OPTIONS_COUNT (WATCH_AT + WATCH_OPTIONS_COUNT)

static const char *const online_choices[] = {"read", "copy", NULL};

/* The database is the operand, or what --sqlite-database names. */
static bool take_database(
    struct arguments *arguments, const struct command_line_result *result, struct error *err)
{
    if (result->operand_count == 1 && arguments->database_path != NULL)
        return error_set(err, ERROR_USAGE,
            "SNAPSHOT is given twice: \"%s\" and \"%s\"; give it once", arguments->database_path,
            result->operands[0]);
    if (result->operand_count == 1)
        arguments->database_path = result->operands[0];
    if (arguments->database_path == NULL)
        return error_set(err, ERROR_USAGE,
            "SNAPSHOT is missing: valise-dump [OPTION]... SNAPSHOT (--help explains)");
    if (strcmp(arguments->database_path, "-") == 0)
        return error_set(err, ERROR_USAGE,
            "a database cannot be read from standard input: SQLite needs its file, give the path "
            "(./- for a file of that name)");
    return true;
}

static void describe(struct command_line_option options[OPTIONS_COUNT], struct arguments *arguments)
{
    const struct command_line_option own[] = {
        {.letter = 'o',
            .name = "output",
            .value_name = "FILE",
            .text = &arguments->output_path,
            .help = "the dump; \"-\" is standard output. Default: the name of SNAPSHOT with "
                    "\".valise\" behind it, in the current folder"},
        {.letter = 'b',
            .name = "base",
            .value_name = "DUMP",
            .list = &arguments->bases,
            .help = "write a delta: what changed since DUMP. Give the full dump first, then its "
                    "deltas, oldest first, each with --base"},
        {.letter = 'f',
            .name = "force",
            .flag = &arguments->may_overwrite,
            .help = "overwrite FILE if it exists"},
        {.letter = 'l',
            .name = "level",
            .value_name = "N",
            .number = &arguments->level,
            .number_min = BLOCK_LEVEL_MIN,
            .number_max = BLOCK_LEVEL_MAX,
            .help = "zstd level, 1 (fast) to 19 (small, slow, and 100 MB more memory a thread); "
                    "default 3"},
        {.letter = 't',
            .name = "threads",
            .value_name = "N",
            .number = &arguments->thread_count,
            .number_min = 1,
            .number_max = PIPELINE_THREAD_COUNT_MAX,
            .help = "threads that read and compress; the dump does not depend on it. Default: one "
                    "for each processor, but at most 3"},
        {.name = "check",
            .flag = &arguments->checks_first,
            .help = "let SQLite check the whole database first (integrity_check; "
                    "foreign_key_check only warns)"},
        {.name = "online",
            .choice = &arguments->online,
            .choices = online_choices,
            .help = "read: read the database itself (default; without WAL, its writers wait until "
                    "the end). copy: copy it to $TMPDIR first, so that they wait for less long"},
        {.name = "sqlite-database",
            .value_name = "SNAPSHOT",
            .text = &arguments->database_path,
            .help = "another way to name the database"},
    };

    _Static_assert(sizeof(own) / sizeof(own[0]) == WATCH_AT, "the first of the others");
    memcpy(options, own, sizeof(own));
    watch_options_describe(options + WATCH_AT, &arguments->watch);
}

static bool parse(struct arguments *arguments, struct command_line_result *result, int argc,
    char **argv, struct error *err)
{
    struct command_line_option options[OPTIONS_COUNT + 1] = {0};
    struct command_line line = {
        .program = "valise-dump",
        .synopsis = "[OPTION]... SNAPSHOT\n--base FULL [--base DELTA]... [OPTION]... SNAPSHOT",
        .summary = summary,
        .options = options,
        .epilogue = epilogue,
        .operand_name = "SNAPSHOT",
        .operand_max = 1,
    };

    describe(options, arguments);
    if (!command_line_parse(&line, argc, argv, result, err) || result->answer.size > 0)
        return result->answer.size > 0;
    return take_database(arguments, result, err);
}

/* Texts hold names from the database, which may hold anything. */
static void print_line(const char *before, const char *text)
{
    OWNED(byte_buffer) struct byte_buffer line = {0};

    safe_text_put(&line, text, strlen(text));
    fprintf(stderr, "valise-dump: %s%.*s\n", before, (int)line.size, (const char *)line.data);
}

static void tell_warning(void *context, const char *text)
{
    progress_tell(context, PROGRESS_WARNING, text, NULL);
}

static void put_summary(char text[SUMMARY_SIZE], const char *output_path,
    const struct snapshot_dump_result *result, double seconds)
{
    char size[AMOUNT_TEXT_ROOM];
    char file_size[AMOUNT_TEXT_ROOM];
    char state[STATE_TEXT_SIZE];

    if (seconds < 0.001)
        seconds = 0.001;
    amount_text_size(size, result->size);
    amount_text_size(file_size, result->written.file_size);
    state_format(state, result->written.state_id);
    snprintf(text, SUMMARY_SIZE,
        "%s: %" PRIu32 " tables, %" PRIu64
        " rows, %s in %s (%.1f to 1), %.1f s, %.0f MB/s, state %s",
        strcmp(output_path, "-") == 0 ? "standard output" : output_path, result->table_count,
        result->row_count, size, file_size,
        (double)result->size / (double)result->written.file_size, seconds,
        (double)result->size / 1e6 / seconds, state);
}

static bool run(const struct arguments *arguments, const char *output_path,
    struct progress *progress, struct error *err)
{
    struct snapshot_dump_options options = {
        .database_path = arguments->database_path,
        .output_path = output_path,
        .base_paths = arguments->bases.items,
        .base_count = arguments->bases.count,
        .may_overwrite = arguments->may_overwrite,
        .checks_first = arguments->checks_first,
        .copies_first = arguments->online == 1,
        .thread_count = arguments->thread_count == 0 ? snapshot_dump_default_threads()
                                                     : (unsigned)arguments->thread_count,
        .level = (int)arguments->level,
        .busy_timeout_ms = SOURCE_BUSY_TIMEOUT_MS,
        .progress = progress,
        .warn = tell_warning,
        .warn_context = progress,
    };
    struct snapshot_dump_result result;
    char summary_text[SUMMARY_SIZE];
    double begun = progress_clock();

    if (arguments->watch.file != NULL
        && !dump_output_check_progress(
            arguments->watch.file, output_path, options.database_path, err))
        return false;
    progress_describe(progress, options.database_path, output_path);
    if (!stop_install(err) || !watch_options_start(&arguments->watch, progress, err)
        || !snapshot_dump_run(&options, &result, err)) {
        watch_options_finish(&arguments->watch, progress, NULL, err);
        return false;
    }
    put_summary(summary_text, output_path, &result, progress_clock() - begun);
    progress_tell(progress, PROGRESS_NOTE, summary_text, NULL);
    watch_options_finish(&arguments->watch, progress, NULL, NULL);
    if (arguments->watch.mode != WATCH_NONE && watch_options_is_text(&arguments->watch))
        print_line("", summary_text);
    return true;
}

/* What --help and --version ask for. */
static int answer(const struct byte_buffer *text)
{
    struct error err;

    if (file_print(text, &err))
        return EXIT_SUCCESS;
    print_line("", err.text);
    return (int)err.kind;
}

int main(int argc, char **argv)
{
    OWNED(command_line_result) struct command_line_result result = {0};
    OWNED(progress) struct progress progress = {0};
    struct arguments arguments = {.level = BLOCK_LEVEL_DEFAULT};
    struct error err;
    char *default_path = NULL;
    bool done;

    standard_streams_open();
    /* Large buffers come from and go back to the system; few arenas keep what was freed. */
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_ARENA_MAX, 2);
#endif
    if (!parse(&arguments, &result, argc, argv, &err)) {
        print_line("", err.text);
        return (int)err.kind;
    }
    if (result.answer.size > 0)
        return answer(&result.answer);
    if (arguments.output_path == NULL)
        default_path = dump_output_name(arguments.database_path);
    progress_init(&progress, "valise-dump", arguments.bases.count == 0 ? "dump" : "delta");
    done = run(
        &arguments, default_path == NULL ? arguments.output_path : default_path, &progress, &err);
    free(default_path);
    command_line_list_release(&arguments.bases);
    if (done)
        return EXIT_SUCCESS;
    if (err.text[0] != '\0')
        print_line("", err.text);
    return (int)err.kind;
}
