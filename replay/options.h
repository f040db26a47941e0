/* What valise-replay is asked to do. */
#ifndef REPLAY_OPTIONS_H
#define REPLAY_OPTIONS_H

#include "base/byte_buffer.h"
#include "base/command_line.h"
#include "base/error.h"
#include "replay/delta/delta_check.h"
#include "replay/load/verify.h"
#include "replay/plan/allowances.h"
#include "replay/preflight/existing_rows.h"
#include "watch/watch_options.h"

#include <stdbool.h>

enum options_command {
    OPTIONS_REPLAY,
    OPTIONS_DRY_RUN,
    OPTIONS_UNDO,
    OPTIONS_RETRY,
    OPTIONS_STATUS,
    OPTIONS_ABORT,
    OPTIONS_CREATE_DATABASE,
};

/* Texts are borrowed from argv. */
struct options {
    const char *config; /* homeserver.yaml; NULL: dsn or libpq's environment */
    const char *dsn;
    const char *owner;        /* of the database to create; NULL: who connects */
    const char *const *dumps; /* none for status, abort and creating the database */
    size_t dump_count;
    const char *report;                  /* file for the JSON report; NULL: none */
    const char *profile;                 /* NULL: found by itself */
    size_t jobs;                         /* 0: chosen */
    struct command_line_list bad_values; /* owned; value_policy.h */
    struct command_line_list unix_times; /* owned; unix_time.h */
    const char *nul_text;                /* for NUL under "replace" */
    const char *rejects;                 /* file for rejected rows; NULL: none */
    const char *repaired;                /* file of rejected rows with changes; NULL: none */
    enum verify_level verify;
    enum delta_check_policy on_drift;
    enum options_command command;
    struct watch_options watch;
    bool is_staging;
    bool is_undo; /* also of a dry run: it rehearses the undo */
    enum existing_rows_policy on_existing;
    struct allowances allowances; /* owned */
    bool is_json;                 /* the status */
    bool is_watch;                /* the status, again and again */
    bool is_quiet;                /* the same as --progress=none */
};

/* "replay", "undo", ... */
const char *options_command_name(enum options_command command);

void options_release(struct options *options);

/* answer is not empty: print it and exit with 0. Fails with ERROR_USAGE. */
MUST_CHECK bool options_read(
    struct options *options, int argc, char **argv, struct byte_buffer *answer, struct error *err);

#endif
