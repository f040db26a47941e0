#include "replay/run.h"

#include "base/owned.h"
#include "replay/apply.h"
#include "replay/homeserver.h"
#include "replay/ledger_undo.h"
#include "replay/preflight.h"
#include "replay/quote.h"
#include "replay/replay_lock.h"
#include "replay/report_json.h"
#include "replay/status.h"
#include "replay/table_state.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define JOBS_DEFAULT_MAX 4

/* Everything that a run has open. Zero-initialise. */
struct run_state {
    const struct options *options;
    struct homeserver homeserver;
    struct connection_target target;
    struct dump_reader reader;
    struct profile profile;
    struct connection connection;
    struct ledger ledger;
    struct target_catalog catalog;
    struct plan plan;
    struct problems problems;
    struct workers workers;
    struct progress progress;
    struct report report;
    bool is_resumed;
    bool is_newer; /* the target holds another state, which this dump replaces */
};

static void run_state_release(struct run_state *run)
{
    progress_release(&run->progress);
    workers_release(&run->workers);
    problems_release(&run->problems);
    plan_release(&run->plan);
    target_catalog_release(&run->catalog);
    ledger_release(&run->ledger);
    connection_release(&run->connection);
    profile_release(&run->profile);
    dump_reader_release(&run->reader);
    homeserver_release(&run->homeserver);
}

/* --- opening ------------------------------------------------------------------- */

static bool connect(struct run_state *run, struct error *err)
{
    run->target = (struct connection_target){.dsn = run->options->dsn};
    if (run->options->config != NULL) {
        if (!homeserver_read(&run->homeserver, run->options->config, err))
            return false;
        run->target = run->homeserver.target;
    }
    return connection_open(&run->connection, &run->target, err);
}

static bool open_dump(struct run_state *run, struct error *err)
{
    struct report *report = &run->report;

    if (!dump_reader_open(&run->reader, run->options->dump, err)
        || !dump_reader_check_digest(&run->reader, err))
        return false;
    if (run->reader.header.kind != DUMP_FULL)
        return error_set(err, ERROR_UNSUPPORTED,
            "\"%s\" is a delta, which this version cannot replay; make a full dump",
            run->options->dump);
    report->dump = run->options->dump;
    report->dump_size = run->reader.tail.file_size;
    state_format(report->state, run->reader.tail.state_id);
    return profile_find(&run->profile, run->options->profile, &run->reader.schema, err);
}

static bool open_target(struct run_state *run, struct error *err)
{
    struct report *report = &run->report;

    if (!connect(run, err) || !replay_lock_take(&run->connection, err)
        || !ledger_read(&run->ledger, &run->connection, err)
        || !target_catalog_read(&run->catalog, &run->connection, NULL, err))
        return false;
    report->server = run->catalog.server.version_text;
    report->database = run->catalog.server.database;
    report->profile = run->profile.title;
    return true;
}

/* --- deciding ------------------------------------------------------------------- */

static struct plan_input input_of(const struct run_state *run)
{
    return (struct plan_input){
        .reader = &run->reader, .catalog = &run->catalog, .profile = &run->profile};
}

/* What the ledger says about this dump; *is_done: nothing is left to do. */
static bool look_at_ledger(struct run_state *run, bool *is_done, struct error *err)
{
    const struct ledger_replay *replay = &run->ledger.replay;
    bool is_same = strcmp(replay->state, run->report.state) == 0;

    *is_done = replay->phase == LEDGER_PHASE_DONE && is_same;
    run->is_newer = replay->phase == LEDGER_PHASE_DONE && !is_same;
    run->is_resumed = replay->phase != LEDGER_PHASE_NONE && replay->phase != LEDGER_PHASE_DONE;
    if (run->is_newer)
        return table_state_check_order(run->report.state, &run->connection, err);
    if (run->is_resumed && !is_same)
        return error_set(err, ERROR_REFUSED,
            "an unfinished replay of another dump (\"%s\", begun %s) is in the target; finish it "
            "with that dump, or undo it with --abort",
            replay->dump, replay->started);
    return true;
}

static bool check(struct run_state *run, struct error *err)
{
    struct plan_input input = input_of(run);
    struct preflight preflight = {
        .input = &input,
        .plan = &run->plan,
        .connection = &run->connection,
        .server_name = run->homeserver.server_name,
        .allows_unsafe_locale =
            run->options->allows_unsafe_locale || run->homeserver.allows_unsafe_locale,
        .knows_rows = run->is_resumed || run->is_newer,
        .problems = &run->problems,
    };

    plan_make(&run->plan, &input, &run->problems);
    run->report.plan = &run->plan;
    run->report.problems = &run->problems;
    if (!preflight_run(&preflight, err))
        return false;
    if (!run->is_resumed && !run->is_newer)
        return true;
    if (run->is_newer
        && !table_state_check_drift(
            &run->plan, &run->ledger, &run->connection, &run->problems, err))
        return false;
    return table_state_compare(&run->plan, &run->reader, &run->connection, err);
}

/* --- doing ------------------------------------------------------------------------ */

static size_t choose_jobs(const struct run_state *run)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t jobs = run->options->jobs;
    size_t limit = run->homeserver.connection_count_max > 0
                       ? (size_t)run->homeserver.connection_count_max
                       : SIZE_MAX;
    /* The first connection only waits, but counts; if none is left, the server says so. */
    size_t left = run->catalog.server.connection_count_max > 1
                      ? (size_t)run->catalog.server.connection_count_max
                      : 1;

    if (jobs == 0) {
        jobs = processors < 1 ? 1 : (size_t)processors;
        jobs = jobs > JOBS_DEFAULT_MAX ? JOBS_DEFAULT_MAX : jobs;
    }
    if (left < limit)
        limit = left;
    return jobs < limit ? jobs : limit;
}

/* Commits need not reach the disk one by one: the ledger's phases do. Index builds get a share of
   what the server keeps for its buffers. */
static bool open_workers(struct run_state *run, struct error *err)
{
    char setup[600];
    size_t jobs = choose_jobs(run);

    snprintf(setup, sizeof(setup),
        "SET synchronous_commit = off; %s;"
        "SELECT set_config('maintenance_work_mem', greatest(131072,"
        " (SELECT setting::bigint FROM pg_settings WHERE name = 'maintenance_work_mem'),"
        " least(1048576, (SELECT setting::bigint * 8 FROM pg_settings"
        " WHERE name = 'shared_buffers') / %zu))::text, false)",
        replay_lock_worker_sql, jobs);
    run->report.jobs = jobs;
    return workers_open(&run->workers, &run->target, jobs, setup, err);
}

/* Always false: what failed came before the work, so an earlier run's is where it was. */
static bool not_begun(const struct run_state *run, struct error *err)
{
    return run->is_resumed
           && error_wrap(err, "the replay is still unfinished (the same command "
                              "goes on, --abort undoes it)");
}

static bool do_replay(struct run_state *run, struct error *err)
{
    struct plan_input input = input_of(run);
    struct apply apply = {
        .input = &input,
        .plan = &run->plan,
        .dump = run->options->dump,
        .connection = &run->connection,
        .ledger = &run->ledger,
        .workers = &run->workers,
        .progress = &run->progress,
        .problems = &run->problems,
        .report = &run->report,
    };

    if (!open_workers(run, err))
        return not_begun(run, err);
    if (!apply_run(&apply, err))
        return false;
    run->report.outcome = REPORT_DONE;
    return true;
}

static bool replay(struct run_state *run, struct error *err)
{
    double begun = progress_clock();
    bool is_done;

    run->report.verify_level = run->options->verify;
    if (!open_dump(run, err) || !open_target(run, err) || !look_at_ledger(run, &is_done, err))
        return false;
    run->report.is_resumed = run->is_resumed;
    if (is_done) {
        run->report.outcome = REPORT_NOTHING;
        return true;
    }
    if (!check(run, err))
        return not_begun(run, err);
    run->report.seconds[REPORT_STEP_CHECK] = progress_clock() - begun;
    if (run->problems.count > 0) {
        run->report.outcome = REPORT_REFUSED;
        return error_set(err, ERROR_REFUSED, "refused: %zu problem%s; %s", run->problems.count,
            run->problems.count == 1 ? "" : "s",
            run->is_resumed ? "the unfinished replay is where it was (--abort undoes it)"
                            : "the target was not touched");
    }
    if (run->options->command == OPTIONS_DRY_RUN) {
        run->report.outcome = REPORT_PLANNED;
        return true;
    }
    return do_replay(run, err);
}

static bool undo(struct run_state *run, struct byte_buffer *out, struct error *err)
{
    if (!connect(run, err) || !replay_lock_take(&run->connection, err)
        || !ledger_read(&run->ledger, &run->connection, err))
        return false;
    if (run->ledger.replay.phase == LEDGER_PHASE_NONE
        || run->ledger.replay.phase == LEDGER_PHASE_DONE) {
        quote_plain(out, "There is no unfinished replay.\n");
        return true;
    }
    if (!ledger_undo(&run->ledger, &run->connection, err))
        return false;
    quote_plain(out, "The unfinished replay is undone; the target is as it was before.\n");
    return true;
}

static bool run_replay(
    struct run_state *run, struct byte_buffer *out, struct byte_buffer *list, struct error *err)
{
    OWNED(file_output) struct file_output file = {.fd = -1};
    struct error failure;
    bool done;

    /* Better now than after hours of work. */
    if (run->options->report != NULL && !file_output_open(&file, run->options->report, err))
        return error_wrap(err, "--report");
    done = replay(run, err);
    failure = *err;
    if (done)
        report_text(&run->report, out);
    else
        report_problems(&run->problems, list);
    if (run->options->report != NULL
        && !report_json_write(&run->report, &file, done ? NULL : &failure, err) && done)
        return false;
    if (!done)
        *err = failure;
    return done;
}

bool run_command(const struct options *options, struct byte_buffer *out, struct byte_buffer *list,
    struct error *err)
{
    OWNED(run_state) struct run_state run = {.options = options};

    progress_init(&run.progress, options->is_quiet);
    switch (options->command) {
    case OPTIONS_STATUS:
        return connect(&run, err) && status_text(&run.connection, out, err);
    case OPTIONS_ABORT:
        return undo(&run, out, err);
    case OPTIONS_REPLAY:
    case OPTIONS_DRY_RUN:
        break;
    }
    return run_replay(&run, out, list, err);
}
