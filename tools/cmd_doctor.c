#include "tools/cmd_doctor.h"

#include "base/command_line.h"
#include "base/file.h"
#include "base/owned.h"
#include "base/stop.h"
#include "doctor/doctor.h"
#include "doctor/host_memory.h"
#include "postgres/database_create.h"
#include "postgres/homeserver.h"
#include "watch/watch_options.h"

#define WATCH_AT 7 /* the first of the options that are the same in every program */

struct arguments {
    const char *config;
    const char *dsn;
    const char *profile;
    const char *memory;
    const char *owner;
    struct command_line_list fixes; /* owned */
    bool as_json;
    bool is_deep;
    bool creates;
    struct watch_options watch;
};

static void arguments_release(struct arguments *arguments)
{
    command_line_list_release(&arguments->fixes);
}

static const char epilogue[] =
    "Looking never writes. --fix sequences moves sequences forward to what their tables (and\n"
    "Synapse's stream_positions) hold, --fix analyze gathers statistics; everything else is\n"
    "told with the commands to run by hand.\n"
    "\n"
    "Exit status: 0 nothing serious; 2 wrong usage or configuration; 4 the system refused;\n"
    "8 PostgreSQL reported an error; 9 a finding is serious (severity error), or a --fix is\n"
    "refused; 11 stopped on request.\n";

static bool parse(struct arguments *arguments, struct command_line_result *parsed, int argc,
    char **argv, struct error *err)
{
    struct command_line_option options[] = {
        {.name = "postgres-config",
            .value_name = "FILE",
            .text = &arguments->config,
            .help = "take the connection from the database: section of a homeserver.yaml"},
        {.name = "dsn",
            .value_name = "DSN",
            .text = &arguments->dsn,
            .help = "connect with \"host=... dbname=...\" or a postgresql:// URI; without either, "
                    "libpq's environment (PGHOST, PGDATABASE, ...) is used"},
        {.name = "json", .flag = &arguments->as_json, .help = "print the findings as JSON"},
        {.name = "deep",
            .flag = &arguments->is_deep,
            .help = "look for duplicate rows behind every unique index: reads whole tables"},
        {.name = "memory",
            .value_name = "SIZE",
            .text = &arguments->memory,
            .help = "memory of the server's host (16GB), where it is not this one"},
        {.name = "profile",
            .value_name = "FILE",
            .text = &arguments->profile,
            .help = "what is known of the application; found by itself, \"none\" for none"},
        {.name = "fix",
            .value_name = "NAME",
            .list = &arguments->fixes,
            .help = "mend first, then look: sequences, analyze; may be repeated"},
        [WATCH_AT + WATCH_OPTIONS_COUNT] = {.heading = "Instead"},
        {.name = "create",
            .flag = &arguments->creates,
            .help = "make the database that the DSN names (UTF8, collation and ctype C); needs an "
                    "administrator's DSN; one that exists is never changed"},
        {.name = "owner",
            .value_name = "ROLE",
            .text = &arguments->owner,
            .help = "with --create: whose it shall be (default: who connects)"},
        {0},
    };
    const struct command_line line = {
        .program = "valise doctor",
        .synopsis = "[--postgres-config FILE | --dsn DSN] [OPTION]...\n"
                    "--create [--owner ROLE] [--postgres-config FILE | --dsn DSN]",
        .summary =
            "Looks a PostgreSQL server and one of its databases over, for a move or in "
            "service, and says what is wrong, why it matters, and the commands that mend it.",
        .options = options,
        .epilogue = epilogue,
    };

    watch_options_describe(options + WATCH_AT, &arguments->watch);
    return command_line_parse(&line, argc, argv, parsed, err);
}

static bool check(const struct arguments *arguments, uint64_t *memory_size, struct error *err)
{
    if (arguments->config != NULL && arguments->dsn != NULL)
        return error_set(err, ERROR_USAGE, "--postgres-config and --dsn exclude each other");
    if (arguments->owner != NULL && !arguments->creates)
        return error_set(err, ERROR_USAGE, "--owner is for --create");
    if (arguments->creates && (arguments->fixes.count > 0 || arguments->as_json))
        return error_set(err, ERROR_USAGE, "--create goes without --fix and --json");
    if (arguments->memory != NULL && !host_memory_parse(arguments->memory, memory_size))
        return error_set(err, ERROR_USAGE,
            "--memory: \"%s\" is no size, expected a number and kB, MB, GB or TB",
            arguments->memory);
    return true;
}

/* A finding that is serious is no failure of looking, but of what was looked at. */
static bool judge(const struct doctor_report *report, struct error *err)
{
    size_t count = finding_count(&report->findings, FINDING_ERROR);

    return count == 0
           || error_set(
               err, ERROR_REFUSED, "%zu finding%s serious", count, count == 1 ? " is" : "s are");
}

static bool look(const struct arguments *arguments, const struct doctor_order *order,
    struct byte_buffer *out, struct error *err)
{
    OWNED(doctor_report) struct doctor_report report = {0};

    if (!watch_options_start(&arguments->watch, order->progress, err)
        || !doctor_run(order, &report, err))
        return false;
    if (arguments->as_json)
        doctor_put_json(&report, out);
    else
        doctor_put_text(&report, out);
    return judge(&report, err);
}

/* Progress is gone from the terminal before the findings are printed. */
static bool examine(const struct arguments *arguments, struct doctor_order *order,
    struct byte_buffer *out, struct error *err)
{
    OWNED(progress) struct progress progress = {0};
    struct error failure;
    bool done;

    progress_init(&progress, "valise", "doctor");
    order->progress = &progress;
    done = look(arguments, order, out, err);
    watch_options_finish(&arguments->watch, &progress, NULL, done ? NULL : err);
    return file_print(out, done ? err : &failure) && done;
}

bool cmd_doctor_run(int argc, char **argv, struct error *err)
{
    OWNED(arguments) struct arguments arguments = {0};
    OWNED(command_line_result) struct command_line_result parsed = {0};
    OWNED(byte_buffer) struct byte_buffer out = {0};
    OWNED(homeserver) struct homeserver homeserver = {0};
    struct doctor_order order = {0};

    if (!parse(&arguments, &parsed, argc, argv, err))
        return false;
    if (parsed.answer.size > 0)
        return file_print(&parsed.answer, err);
    if (!check(&arguments, &order.memory_size, err) || !stop_install(err))
        return false;
    order.target.dsn = arguments.dsn;
    if (arguments.config != NULL) {
        if (!homeserver_read(&homeserver, arguments.config, err))
            return false;
        order.target = homeserver.target;
        order.homeserver = &homeserver;
    }
    if (arguments.creates)
        return database_create(&order.target, arguments.owner, &out, err) && file_print(&out, err);
    order.profile = arguments.profile;
    order.fixes = arguments.fixes.items;
    order.fix_count = arguments.fixes.count;
    order.is_deep = arguments.is_deep;
    return examine(&arguments, &order, &out, err);
}
