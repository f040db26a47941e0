#include "tools/cmd_config.h"

#include "base/command_line.h"
#include "base/file.h"
#include "base/owned.h"
#include "base/secret.h"
#include "base/stop.h"
#include "base/yaml_tree.h"
#include "format/dump_guard.h"
#include "postgres/homeserver_settings.h"
#include "postgres/homeserver_switch.h"

#include <stdio.h>
#include <string.h>

struct arguments {
    const char *path; /* of the configuration as it is */
    const char *output_path;
    const char *dsn;
    struct command_line_list pairs; /* owned */
    const char *password_path;
    bool asks_password;
    bool may_replace;
    bool may_overwrite;
};

static void arguments_release(struct arguments *arguments)
{
    command_line_list_release(&arguments->pairs);
}

static const char epilogue[] =
    "The section gets \"name: psycopg2\", what DSN and --set say, and, where these do not say\n"
    "otherwise, cp_min 5, cp_max 10, keepalives_idle 10, keepalives_interval 10 and\n"
    "keepalives_count 3. Everything outside the section stays byte for byte as it is.\n"
    "\n"
    "    valise config homeserver.yaml --dsn \"user=synapse_user dbname=synapse host=db\" \\\n"
    "        --password-file pw -o homeserver-postgres.yaml\n"
    "\n"
    "Exit status: 0 done; 2 wrong usage, or a configuration that is not understood; 4 the\n"
    "system refused; 9 refused: the section names PostgreSQL already and differs, or FILE\n"
    "exists; 11 stopped.\n";

static bool parse(struct arguments *arguments, struct command_line_result *parsed, int argc,
    char **argv, struct error *err)
{
    const struct command_line_option options[] = {
        {.name = "dsn",
            .value_name = "DSN",
            .text = &arguments->dsn,
            .help = "the database: \"host=... dbname=...\" or a postgresql:// URI"},
        {.name = "set",
            .value_name = "KEY=VALUE",
            .list = &arguments->pairs,
            .help = "one parameter of libpq, or cp_min, cp_max, txn_limit, statement_timeout, "
                    "allow_unsafe_locale; beats DSN; may be repeated"},
        {.name = "password-file",
            .value_name = "FILE",
            .text = &arguments->password_path,
            .help = "read the password from the only line of FILE (- for standard input), so that "
                    "it is not on the command line"},
        {.letter = 'W',
            .name = "password",
            .flag = &arguments->asks_password,
            .help = "ask for the password on the terminal"},
        {.letter = 'o',
            .name = "output",
            .value_name = "FILE",
            .text = &arguments->output_path,
            .help = "write FILE, at once and with mode 0600 (default: standard output)"},
        {.letter = 'f',
            .name = "force",
            .flag = &arguments->may_overwrite,
            .help = "overwrite FILE if it exists"},
        {.name = "replace",
            .flag = &arguments->may_replace,
            .help = "also change a section that names PostgreSQL already; what is not given stays"},
        {0},
    };
    const struct command_line line = {
        .program = "valise config",
        .synopsis = "[OPTION]... CONFIG",
        .summary = "Prints Synapse's homeserver.yaml with its \"database\" section switched to "
                   "PostgreSQL.",
        .options = options,
        .epilogue = epilogue,
        .operand_name = "CONFIG",
        .operand_min = 1,
        .operand_max = 1,
    };

    return command_line_parse(&line, argc, argv, parsed, err);
}

static bool check(const struct arguments *arguments, struct error *err)
{
    const char *path = arguments->output_path;

    if (arguments->dsn == NULL && arguments->pairs.count == 0)
        return error_set(err, ERROR_USAGE, "which database? give --dsn or --set (--help explains)");
    if (arguments->asks_password && arguments->password_path != NULL)
        return error_set(err, ERROR_USAGE, "--password and --password-file exclude each other");
    if (arguments->password_path != NULL && strcmp(arguments->password_path, "-") == 0
        && strcmp(arguments->path, "-") == 0)
        return error_set(
            err, ERROR_USAGE, "standard input cannot be both the configuration and the password");
    if (path == NULL)
        return true;
    return arguments->may_overwrite ? dump_guard_check(path, err) : dump_guard_check_new(path, err);
}

/* --- settings ------------------------------------------------------------------- */

static bool add_password(
    struct homeserver_settings *settings, const struct arguments *arguments, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer password = {0};

    if (arguments->password_path == NULL && !arguments->asks_password) {
        if (homeserver_settings_get(settings, "password") != NULL)
            fputs(
                "valise config: the password was on the command line, where others on this machine can read it; --password-file or --password avoids that\n",
                stderr);
        return true;
    }
    if (arguments->asks_password ? !secret_ask(&password, "Password: ", err)
                                 : !secret_read(&password, arguments->password_path, err))
        return false;
    return homeserver_settings_set(settings, "password", (const char *)password.data, err);
}

static bool read_settings(
    struct homeserver_settings *settings, const struct arguments *arguments, struct error *err)
{
    if (arguments->dsn != NULL && !homeserver_settings_set_dsn(settings, arguments->dsn, err))
        return error_wrap(err, "--dsn");
    for (size_t i = 0; i < arguments->pairs.count; i++) {
        if (!homeserver_settings_set_pair(settings, arguments->pairs.items[i], err))
            return error_wrap(err, "--set");
    }
    return add_password(settings, arguments, err);
}

/* --- the file ------------------------------------------------------------------- */

static bool write_file(const char *path, const struct byte_buffer *text, struct error *err)
{
    OWNED(file_output) struct file_output out = {.fd = -1};

    if (!file_output_open(&out, path, err) || !file_output_write(&out, text->data, text->size, err)
        || !file_output_commit(&out, err))
        return false;
    fprintf(stderr,
        "valise config: wrote %s with mode 0600; let the user that Synapse runs as read it\n",
        path);
    return true;
}

static bool run(const struct arguments *arguments, struct error *err)
{
    OWNED(homeserver_settings) struct homeserver_settings settings = {0};
    OWNED(byte_buffer) struct byte_buffer before = {0};
    OWNED(byte_buffer) struct byte_buffer after = {0};
    OWNED(byte_buffer) struct byte_buffer notes = {0};
    const struct homeserver_switch_request request = {
        .name = arguments->path,
        .bytes = &before,
        .settings = &settings,
        .may_replace = arguments->may_replace,
    };
    bool done;

    if (!check(arguments, err) || !stop_install(err)
        || !file_read_all(&before, arguments->path, YAML_TREE_SIZE_MAX, err)
        || !read_settings(&settings, arguments, err))
        return false;
    done = homeserver_switch_run(&request, &after, &notes, err);
    fprintf(stderr, "%.*s", (int)notes.size, notes.data == NULL ? "" : (const char *)notes.data);
    if (!done)
        return false;
    if (arguments->output_path == NULL || strcmp(arguments->output_path, "-") == 0)
        return file_print(&after, err);
    return write_file(arguments->output_path, &after, err);
}

bool cmd_config_run(int argc, char **argv, struct error *err)
{
    OWNED(command_line_result) struct command_line_result parsed = {0};
    OWNED(arguments) struct arguments arguments = {0};

    if (!parse(&arguments, &parsed, argc, argv, err))
        return false;
    if (parsed.answer.size > 0)
        return file_print(&parsed.answer, err);
    arguments.path = parsed.operands[0];
    return run(&arguments, err);
}
