#include "replay/options.h"

#include "base/command_line.h"
#include "base/owned.h"
#include "base/path_name.h"
#include "replay/values/value_policy.h"

#include <assert.h>
#include <string.h>

#define JOBS_MAX 64

static const char *const verify_names[] = {"touched", "changed", "full", "counts", "none", NULL};
static const char *const existing_names[] = {"refuse", "replace", NULL};
static const char *const drift_names[] = {"stop", "report", "overwrite", NULL};

static const char epilogue[] =
    "The target's tables must exist; for Synapse, update_synapse_database makes them.\n"
    "A replay that was interrupted goes on when the same command is given again.\n"
    "A delta is applied in one transaction: afterwards the target is in its new state, or\n"
    "as it was before.\n"
    "\n"
    "Exit status: 0 done; 2 wrong usage or configuration; 3 done, but rows were rejected\n"
    "or values replaced; 4 the system refused;\n"
    "5 not a dump; 6 damaged dump; 7 newer than this program; 8 PostgreSQL reported an\n"
    "error; 9 refused, nothing was touched; 10 verification found a difference\n"
    "(a delta was then not applied); 11 stopped on request.\n";

/* What the command line says, before it is understood. */
struct words {
    bool is_dry_run;
    bool is_status;
    bool is_json;
    bool is_watch;
    bool is_abort;
    bool is_undo;
    bool is_retry;
    bool creates_database;
    uint64_t jobs;
    size_t verify;
    size_t on_drift;
    size_t on_existing;
};

#define TABLE_SIZE 42 /* entries at most, with the headings and the end */

/* Returns how many entries it made. */
static size_t describe_options(
    struct command_line_option table[TABLE_SIZE], struct options *options, struct words *words)
{
    const struct command_line_option all[] = {
        {.heading = "Where to"},
        {.name = "postgres-config",
            .value_name = "FILE",
            .text = &options->config,
            .help = "take the connection from the database: section of a homeserver.yaml"},
        {.name = "dsn",
            .value_name = "DSN",
            .text = &options->dsn,
            .help = "connect with \"host=... dbname=...\" or a postgresql:// URI; without either, "
                    "libpq's environment (PGHOST, PGDATABASE, ...) is used"},
        {.heading = "How"},
        {.letter = 'j',
            .name = "jobs",
            .value_name = "N",
            .number = &words->jobs,
            .number_min = 1,
            .number_max = JOBS_MAX,
            .help = "connections that work (default: processors, at most 4)"},
        {.name = "verify",
            .choice = &words->verify,
            .choices = verify_names,
            .help = "afterwards: touched reads back and compares all tables that were written "
                    "(default); after a delta, changed reads of large ones only the rows that it "
                    "changed, full the other tables too, as it does before a newer full dump, "
                    "and when all dumps were replayed already; counts only counts rows, none"},
        {.name = "on-drift",
            .choice = &words->on_drift,
            .choices = drift_names,
            .help = "when a row that a delta changes was changed in the target too: stop and name "
                    "some (default), report all of them and stop, overwrite them"},
        {.name = "profile",
            .value_name = "FILE",
            .text = &options->profile,
            .help = "what is known of the application; found by itself, \"none\" for none"},
        {.name = "staging",
            .flag = &options->is_staging,
            .help = "leave empty what the profile says that a copy for staging must not have: "
                    "sessions, tokens, what would be sent to others; also for each later dump"},
        {.name = "report",
            .value_name = "FILE",
            .text = &options->report,
            .help = "write a report, as a page if FILE ends with .html, else as JSON"},
        {.letter = 'q',
            .name = "quiet",
            .flag = &options->is_quiet,
            .help = "the same as --progress=none"},
    };

    memcpy(table, all, sizeof(all));
    watch_options_describe(table + sizeof(all) / sizeof(all[0]), &options->watch);
    return sizeof(all) / sizeof(all[0]) + WATCH_OPTIONS_COUNT;
}

static size_t describe_values(struct command_line_option table[], struct options *options)
{
    const struct command_line_option all[] = {
        {.heading = "Values that do not fit the target"},
        {.name = "on-bad-value",
            .value_name = "POLICY",
            .list = &options->bad_values,
            .help =
                "stop (default): load nothing; reject: leave the row out, keep it in "
                "valise.rejects; replace: NUL and invalid UTF-8 by U+FFFD, a date or time by "
                "what its type holds of it; TABLE.COLUMN=POLICY for one column; may be repeated"},
        {.name = "unix-time",
            .value_name = "UNIT",
            .list = &options->unix_times,
            .help =
                "numbers in columns of dates, timestamps and intervals count seconds, milliseconds, "
                "microseconds or nanoseconds since 1970 (UTC), in intervals just these; "
                "TABLE.COLUMN=UNIT for one column; may be repeated"},
        {.name = "nul-text",
            .value_name = "TEXT",
            .text = &options->nul_text,
            .help = "what replaces NUL (default U+FFFD; may be empty)"},
        {.name = "rejects",
            .value_name = "FILE",
            .text = &options->rejects,
            .help = "write rejected rows there too, as JSON"},
        {.name = "repaired",
            .value_name = "FILE",
            .text = &options->repaired,
            .help = "with --retry-rejects: a file of --rejects with values changed"},
    };

    memcpy(table, all, sizeof(all));
    return sizeof(all) / sizeof(all[0]);
}

/* What is refused unless it is asked for, one by one. */
static size_t describe_allowances(
    struct command_line_option table[], struct options *options, struct words *words)
{
    const struct command_line_option all[] = {
        {.heading = "What is refused otherwise"},
        {.name = "on-existing",
            .choice = &words->on_existing,
            .choices = existing_names,
            .help = "rows of the target that the ledger does not know, or a newer state: refuse "
                    "(default), or replace them; until the replay is done, --abort brings them "
                    "back"},
        {.name = "allow-sessions",
            .flag = &options->allowances.sessions,
            .help = "go on while other sessions are connected to the database"},
        {.name = "allow-unsafe-locale",
            .flag = &options->allowances.unsafe_locale,
            .help = "accept a collation that the profile forbids"},
        {.name = "allow-difference",
            .value_name = "FACT",
            .list = &options->allowances.differences,
            .help = "let this fact of the profile differ between dump and target (\"server name\", "
                    "\"schema version\", ...); may be repeated"},
        {.name = "allow-missing",
            .value_name = "TABLE|TABLE.COLUMN",
            .list = &options->allowances.missing,
            .help = "leave out this table or column of the dump, which the target does not have; "
                    "may be repeated"},
        {.name = "allow-unmet",
            .value_name = "NAME",
            .list = &options->allowances.unmet,
            .help = "let this requirement of the profile go unmet; may be repeated"},
    };

    memcpy(table, all, sizeof(all));
    return sizeof(all) / sizeof(all[0]);
}

static void describe_commands(
    struct command_line_option table[], size_t room, struct options *options, struct words *words)
{
    const struct command_line_option all[] = {
        {.heading = "Instead"},
        {.name = "create-database",
            .flag = &words->creates_database,
            .help = "make the database that the DSN names (UTF8, collation and ctype C); needs an "
                    "administrator's DSN; one that exists is never changed"},
        {.name = "owner",
            .value_name = "ROLE",
            .text = &options->owner,
            .help = "with --create-database: whose it shall be (default: who connects)"},
        {.letter = 'n',
            .name = "dry-run",
            .flag = &words->is_dry_run,
            .help =
                "check everything; print the plan, about the disk and time it takes; change nothing"},
        {.name = "undo",
            .flag = &words->is_undo,
            .help = "take back the last delta, which is given; with --dry-run: only rehearse it"},
        {.name = "retry-rejects",
            .flag = &words->is_retry,
            .help = "put rejected rows back that fit by now, or are repaired"},
        {.name = "status",
            .flag = &words->is_status,
            .help = "show what was replayed into the target, and what a replay is doing now"},
        {.name = "json", .flag = &words->is_json, .help = "with --status: as JSON"},
        {.name = "watch",
            .flag = &words->is_watch,
            .help = "with --status: again and again until it is done, on a screen as --curses; "
                    "--progress gives it another form"},
        {.name = "abort",
            .flag = &words->is_abort,
            .help = "undo an unfinished replay: the target becomes what it was before"},
        {0},
    };

    assert(sizeof(all) / sizeof(all[0]) <= room);
    memcpy(table, all, sizeof(all));
}

/* What is written is no two things at once, nor what is read. */
static bool check_files(const struct options *options, struct error *err)
{
    const struct {
        const char *option;
        const char *path;
    } files[] = {
        {"--report", options->report},
        {"--rejects", options->rejects},
        {"--progress-file", options->watch.file},
        {"--postgres-config", options->config},
        {"--profile", options->profile},
    };
    const size_t count = sizeof(files) / sizeof(*files);

    for (size_t i = 0; i < 3; i++)
        for (size_t k = i + 1; k < count; k++)
            if (files[i].path != NULL && files[k].path != NULL
                && path_name_is_same(files[i].path, files[k].path))
                return error_set(err, ERROR_USAGE, "%s and %s name the same file, \"%s\"",
                    files[i].option, files[k].option, files[i].path);
    return true;
}

/* At most one command; only replays and dry runs need a dump. */
static bool understand(struct options *options, const struct words *words,
    const struct command_line_result *parsed, struct error *err)
{
    bool needs_dump =
        !words->is_status && !words->is_abort && !words->creates_database && !words->is_retry;

    if ((words->is_dry_run || words->is_undo) + words->is_status + words->is_abort
            + words->creates_database + words->is_retry
        > 1)
        return error_set(err, ERROR_USAGE,
            "--retry-rejects, --status, --abort, --create-database and --dry-run or --undo exclude "
            "each other");
    if (words->is_retry && parsed->operand_count > 0)
        return error_set(
            err, ERROR_USAGE, "--retry-rejects takes no dump: the rows are in the target");
    if (options->repaired != NULL && !words->is_retry)
        return error_set(err, ERROR_USAGE, "--repaired is for --retry-rejects");
    if (words->creates_database && parsed->operand_count > 0)
        return error_set(err, ERROR_USAGE, "--create-database takes no dump; replay it afterwards");
    if (options->owner != NULL && !words->creates_database)
        return error_set(err, ERROR_USAGE, "--owner is for --create-database");
    if ((words->is_json || words->is_watch) && !words->is_status)
        return error_set(err, ERROR_USAGE, "--json and --watch are for --status");
    if (words->is_json && words->is_watch)
        return error_set(err, ERROR_USAGE,
            "--json and --watch exclude each other; --watch --progress=json goes on telling");
    if (options->config != NULL && options->dsn != NULL)
        return error_set(err, ERROR_USAGE, "--postgres-config and --dsn exclude each other");
    if (!check_files(options, err))
        return false;
    options->command = words->is_dry_run         ? OPTIONS_DRY_RUN
                       : words->is_status        ? OPTIONS_STATUS
                       : words->is_abort         ? OPTIONS_ABORT
                       : words->is_undo          ? OPTIONS_UNDO
                       : words->is_retry         ? OPTIONS_RETRY
                       : words->creates_database ? OPTIONS_CREATE_DATABASE
                                                 : OPTIONS_REPLAY;
    options->is_undo = words->is_undo;
    options->jobs = (size_t)words->jobs;
    options->watch.is_sampled = options->report != NULL;
    options->is_json = words->is_json;
    options->is_watch = words->is_watch;
    if (words->is_watch && options->watch.mode == WATCH_AUTO)
        options->watch.is_curses = true;
    if (options->is_quiet)
        options->watch.mode = WATCH_NONE;
    options->verify = (enum verify_level)words->verify;
    options->on_drift = (enum delta_check_policy)words->on_drift;
    options->on_existing = (enum existing_rows_policy)words->on_existing;
    options->dumps = (const char *const *)parsed->operands;
    options->dump_count = parsed->operand_count;
    if (needs_dump && options->dump_count == 0)
        return error_set(err, ERROR_USAGE, "which dump? (valise-replay [OPTION]... DUMP...)");
    if (words->is_undo && options->dump_count > 1)
        return error_set(err, ERROR_USAGE, "--undo takes one delta, the last one");
    return true;
}

const char *options_command_name(enum options_command command)
{
    static const char *const command_names[] = {
        [OPTIONS_REPLAY] = "replay",
        [OPTIONS_DRY_RUN] = "dry-run",
        [OPTIONS_UNDO] = "undo",
        [OPTIONS_RETRY] = "retry-rejects",
        [OPTIONS_STATUS] = "status",
        [OPTIONS_ABORT] = "abort",
        [OPTIONS_CREATE_DATABASE] = "create-database",
    };

    return command_names[command];
}

void options_release(struct options *options)
{
    command_line_list_release(&options->bad_values);
    command_line_list_release(&options->unix_times);
    allowances_release(&options->allowances);
    *options = (struct options){0};
}

bool options_read(
    struct options *options, int argc, char **argv, struct byte_buffer *answer, struct error *err)
{
    OWNED(command_line_result) struct command_line_result parsed = {0};
    struct command_line_option table[TABLE_SIZE];
    struct words words = {.verify = VERIFY_TOUCHED};
    size_t count;
    const struct command_line line = {
        .program = "valise-replay",
        .synopsis = "[OPTION]... DUMP...\n--undo [--dry-run] [OPTION]... DELTA\n"
                    "--retry-rejects [--repaired FILE] [OPTION]...\n"
                    "--status | --abort [OPTION]...\n"
                    "--create-database [--owner ROLE] [OPTION]...",
        .summary = "Unpacks dumps made by valise-dump into PostgreSQL, exactly: a full one, and\n"
                   "the deltas that follow it, oldest first, now or later. What the target has\n"
                   "already is left out. A DUMP of \"-\" is standard input.",
        .options = table,
        .epilogue = epilogue,
        .operand_name = "DUMP",
        .operand_min = 0,
        .operand_max = SIZE_MAX,
    };

    *options = (struct options){.nul_text = VALUE_POLICY_NUL_TEXT};
    count = describe_options(table, options, &words);
    count += describe_values(table + count, options);
    count += describe_allowances(table + count, options, &words);
    describe_commands(table + count, TABLE_SIZE - count, options, &words);
    if (!command_line_parse(&line, argc, argv, &parsed, err))
        return false;
    if (parsed.answer.size == 0)
        return understand(options, &words, &parsed, err);
    byte_buffer_put(answer, parsed.answer.data, parsed.answer.size);
    return true;
}
