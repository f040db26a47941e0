#include "replay/run.h"

#include "base/owned.h"
#include "postgres/database_create.h"
#include "postgres/quote.h"
#include "replay/delta/delta_apply.h"
#include "replay/delta/delta_start.h"
#include "replay/ledger/ledger_undo.h"
#include "replay/ledger/mapping.h"
#include "replay/ledger/staging_target.h"
#include "replay/ledger/table_state.h"
#include "replay/load/apply.h"
#include "replay/load/plan_progress.h"
#include "replay/load/worker_count.h"
#include "replay/plan/missing.h"
#include "replay/preflight/existing_rows.h"
#include "replay/preflight/preflight.h"
#include "replay/report/report_file.h"
#include "replay/retry.h"
#include "replay/run_state.h"
#include "replay/status_command.h"
#include "replay/values/unix_time.h"

#include <stdio.h>
#include <string.h>

/* --- deciding ------------------------------------------------------------------- */

static struct plan_input input_of(const struct run_state *run)
{
    return (struct plan_input){.reader = run->reader,
        .catalog = &run->catalog,
        .profile = &run->profile,
        .policies = &run->policies,
        .missing = &run->options->allowances.missing,
        .replaces_rows = run->options->on_existing == EXISTING_ROWS_REPLACE};
}

static struct existing_rows existing_of(struct run_state *run)
{
    return (struct existing_rows){.plan = &run->plan,
        .reader = run->reader,
        .ledger = &run->ledger,
        .connection = &run->connection,
        .policy = run->options->on_existing,
        .reads_back = run->options->verify == VERIFY_FULL,
        .problems = &run->problems,
        .progress = &run->progress};
}

static bool plan_delta(struct run_state *run, struct error *err)
{
    struct delta_plan_input input = {
        .reader = run->reader,
        .catalog = &run->catalog,
        .plan = &run->plan,
        .ledger = &run->ledger,
        .is_undo = run->options->is_undo,
    };

    if (!mapping_compare(&run->plan, run->reader, &run->connection, err))
        return false;
    delta_plan_make(&run->delta, &input, &run->problems);
    return true;
}

static size_t choose_jobs(const struct run_state *run)
{
    return worker_count_choose(
        run->options->jobs, run->homeserver.connection_count_max, &run->catalog.server);
}

static bool check(struct run_state *run, struct error *err)
{
    struct plan_input input = input_of(run);
    struct existing_rows existing = existing_of(run);
    bool is_known = run->is_resumed || run->is_newer || run->report.is_delta;
    struct preflight preflight = {
        .input = &input,
        .plan = &run->plan,
        .connection = &run->connection,
        .server_name = run->homeserver.server_name,
        .allowances = &run->allowances,
        .existing = is_known ? NULL : &existing,
        .is_resumed = run->is_resumed,
        .thread_count = choose_jobs(run),
        .problems = &run->problems,
    };

    if (!missing_check(input.missing, run->reader, &run->catalog, err))
        return false;
    plan_make(&run->plan, &input, &run->problems);
    if (run->report.is_delta && !plan_delta(run, err))
        return false;
    if (run->is_resumed
        && !mapping_check_resumed(
            &run->plan, run->reader, &run->ledger, &run->connection, &run->problems, err))
        return false;
    run->report.plan = &run->plan;
    run->report.problems = &run->problems;
    if (!preflight_run(&preflight, err))
        return false;
    if (run->is_resumed)
        return table_state_compare(&run->plan, run->reader, &run->connection, err);
    return !run->is_newer
           || existing_rows_check_newer(
               &existing, run->reader, run->report.state, &run->is_renewed, err);
}

/* --- doing ------------------------------------------------------------------------ */

static struct apply apply_of(struct run_state *run, const struct plan_input *input)
{
    return (struct apply){.input = input,
        .plan = &run->plan,
        .dump = run->reader->file.path,
        .connection = &run->connection,
        .ledger = &run->ledger,
        .forgets_state = run->is_renewed,
        .is_staging = run->options->is_staging,
        .workers = &run->workers,
        .progress = &run->progress,
        .problems = &run->problems,
        .outcome = &run->report.work};
}

static struct delta_apply delta_apply_of(struct run_state *run, const struct plan_input *input)
{
    return (struct delta_apply){.input = input,
        .plan = &run->plan,
        .delta = &run->delta,
        .connection = &run->connection,
        .ledger = &run->ledger,
        .on_drift = run->options->on_drift,
        .progress = &run->progress,
        .problems = &run->problems,
        .outcome = &run->report.work};
}

/* Always false: what failed came before the work, so an earlier run's is where it was. */
static bool not_begun(const struct run_state *run, struct error *err)
{
    return run->is_resumed
           && error_wrap(err, "the replay is still unfinished (the same command "
                              "goes on, --abort undoes it)");
}

/* Counts what is not as it was in the dump, and writes --rejects. */
static bool count_changes(struct run_state *run, struct error *err)
{
    change_count_add(&run->changes, &run->plan);
    return run->options->rejects == NULL
           || rejects_write_file(
               &run->connection, run->ledger.replay.id, run->options->rejects, err)
           || error_wrap(err, "all is done and verified, but --rejects was not written");
}

/* Are there as many sessions to be had as the replay needs? */
static bool try_sessions(struct run_state *run, struct error *err)
{
    return worker_count_open(&run->workers, &run->target, choose_jobs(run), err)
           && workers_close(&run->workers, &run->connection, err);
}

/* All of it, and nothing stays: what the preflight cannot know, the server says now. */
static bool rehearse(struct run_state *run, struct error *err)
{
    struct plan_input input = input_of(run);
    struct apply apply = apply_of(run, &input);
    struct delta_apply delta = delta_apply_of(run, &input);
    bool done = run->report.is_delta ? delta_apply_rehearse(&delta, err)
                                     : try_sessions(run, err) && apply_rehearse(&apply, err);

    if (!done && err->kind == ERROR_REFUSED)
        run->report.outcome = REPORT_REFUSED;
    return done;
}

static bool do_replay(struct run_state *run, struct error *err)
{
    struct plan_input input = input_of(run);
    struct apply apply = apply_of(run, &input);

    plan_progress_make(&run->progress, &run->plan, run->report.work.verify_level);
    run->report.jobs = choose_jobs(run);
    if (!worker_count_open(&run->workers, &run->target, run->report.jobs, err))
        return not_begun(run, err);
    if (!apply_run(&apply, err)) {
        if (err->kind == ERROR_REFUSED)
            run->report.outcome = REPORT_REFUSED;
        return false;
    }
    run->report.outcome = REPORT_DONE;
    return count_changes(run, err);
}

static bool do_delta(struct run_state *run, struct error *err)
{
    struct plan_input input = input_of(run);
    struct delta_apply apply = delta_apply_of(run, &input);

    run->report.jobs = 1;
    if (!delta_apply_run(&apply, err)) {
        if (err->kind == ERROR_REFUSED)
            run->report.outcome = REPORT_REFUSED;
        return false;
    }
    run->report.outcome = run->delta.is_undo ? REPORT_UNDONE : REPORT_DONE;
    return true;
}

/* What the check found, to who watches. */
static void tell(struct run_state *run)
{
    for (size_t i = 0; i < run->problems.note_count; i++)
        progress_tell(&run->progress, PROGRESS_NOTE, run->problems.notes[i].text,
            run->problems.notes[i].advice);
    for (size_t i = 0; i < run->problems.count; i++)
        progress_tell(&run->progress, PROGRESS_PROBLEM, run->problems.items[i].text,
            run->problems.items[i].advice);
}

static bool plan_only(struct run_state *run, struct error *err)
{
    struct estimate_input input = {.reader = run->reader,
        .plan = &run->plan,
        .version_num = run->catalog.server.version_num,
        .jobs = run->report.is_delta ? 1 : choose_jobs(run),
        .is_undo = run->options->is_undo,
        .problems = &run->problems};

    if (!rehearse(run, err))
        return false;
    run->report.jobs = input.jobs;
    run->report.estimate = &run->estimate;
    run->report.outcome = REPORT_PLANNED;
    return estimate_make(&run->estimate, &input, &run->connection, err);
}

static bool replay_dump(struct run_state *run, size_t at, struct error *err)
{
    double begun = progress_clock();

    progress_reset(&run->progress);
    progress_begin(&run->progress, PROGRESS_CHECK);
    if (!run_state_begin(run, at, err))
        return false;
    progress_describe(&run->progress, run->report.dump, run->report.database);
    if (!check(run, err) || !dump_digests_end(&run->digests, err))
        return not_begun(run, err);
    run->report.work.seconds[OUTCOME_STEP_CHECK] = progress_clock() - begun;
    tell(run);
    progress_end(&run->progress, PROGRESS_CHECK);
    if (run->problems.count > 0) {
        run->report.outcome = REPORT_REFUSED;
        return error_set(err, ERROR_REFUSED, "refused: %zu problem%s; %s", run->problems.count,
            run->problems.count == 1 ? "" : "s",
            run->is_resumed ? "the unfinished replay is where it was (--abort undoes it)"
                            : "the target was not touched");
    }
    if (run->options->command == OPTIONS_DRY_RUN)
        return plan_only(run, err);
    return run->report.is_delta ? do_delta(run, err) : do_replay(run, err);
}

static bool replay_timed(struct run_state *run, size_t at, struct error *err)
{
    double begun = progress_clock();
    bool done = replay_dump(run, at, err);

    run->report.total_seconds = progress_clock() - begun;
    return done;
}

/* Always false. What was replayed another way is no worse for it. */
static bool refuse_as_it_is(struct run_state *run, bool has_drifted, struct error *err)
{
    const char *plural = run->problems.count == 1 ? "" : "s";

    if (has_drifted)
        return error_set(err, ERROR_MISMATCH,
            "the target does not hold what was replayed: %zu difference%s", run->problems.count,
            plural);
    run->report.outcome = REPORT_REFUSED;
    return error_set(err, ERROR_REFUSED,
        "refused: the target holds this state, but otherwise than is said now: %zu difference%s; "
        "it was not touched",
        run->problems.count, plural);
}

/*
 * The target holds the last state by its ledger. Whether it still does is looked at; rows that
 * somebody else wrote are replaced, if that is asked for, beginning with the first dump.
 */
static bool look_again(struct run_state *run, size_t *at, struct error *err)
{
    OWNED(problems) struct problems ignored = {0};
    struct existing_rows existing = existing_of(run);
    bool replaces = existing.policy == EXISTING_ROWS_REPLACE;
    bool looks = replaces || existing.reads_back;
    struct verify_result result = {0};
    struct plan_input input;
    bool has_drifted = false;
    bool is_remapped;

    if (!run_state_begin(run, *at - 1, err))
        return false;
    progress_describe(&run->progress, run->report.dump, run->report.database);
    run->report.problems = &run->problems;
    input = input_of(run);
    plan_make(&run->plan, &input, &ignored);
    if (replaces) /* the replay tells them again */
        existing.problems = &ignored;
    if (!existing_rows_check_mapping(&existing, &is_remapped, err)
        || (looks && !existing_rows_check_present(&existing, &result, &has_drifted, err)))
        return false;
    run->report.work.verified = result;
    if (!has_drifted && !is_remapped)
        return true;
    if (!replaces)
        return refuse_as_it_is(run, has_drifted, err);
    *at = 0;
    return run->chain.dumps[0].header.kind == DUMP_FULL
           || error_set(err, ERROR_REFUSED,
               "%s; to replace that, give the full dump before the deltas",
               has_drifted ? "somebody else wrote to the target since the last replay"
                           : "the target holds it otherwise than is said now");
}

static bool find_start(struct run_state *run, size_t *at, struct error *err)
{
    if (run->options->is_undo ? !delta_start_undo(run->reader, &run->ledger, err)
                              : !delta_start_find(&run->chain, &run->ledger, at, err)) {
        run->report.outcome = REPORT_REFUSED;
        return false;
    }
    return *at < run->chain.dump_count || look_again(run, at, err);
}

/* All that the target does not have yet; a dry run looks at the first only. */
static bool replay(struct run_state *run, struct byte_buffer *out, struct error *err)
{
    size_t at = 0;
    size_t end;

    if (!run_state_open_dumps(run, err) || !run_state_open_target(run, err)
        || !staging_target_check(&run->connection, &run->ledger, run->options->is_staging, err))
        return false;
    end = run->chain.dump_count;
    run_state_describe(run, &run->chain.dumps[end - 1]);
    if (!find_start(run, &at, err))
        return false;
    if (at == end) {
        if (!dump_digests_end(&run->digests, err))
            return false;
        run->report.outcome = REPORT_NOTHING;
    }
    for (size_t first = at; at < end; at++) {
        if (at > first) {
            report_text(&run->report, out);
            quote_plain(out, "\n");
        }
        if (!replay_timed(run, at, err))
            return false;
        if (run->options->command == OPTIONS_DRY_RUN)
            break;
    }
    report_text(&run->report, out);
    return change_count_tell(&run->changes, err);
}

static bool retry(struct run_state *run, struct byte_buffer *out, struct error *err)
{
    struct retry retry = {&run->connection, &run->policies, run->options, out};

    return run_state_lock_target(run, err) && retry_run(&retry, err);
}

static bool run_replay(
    struct run_state *run, struct byte_buffer *out, struct byte_buffer *list, struct error *err)
{
    OWNED(file_output) struct file_output file = {.fd = -1};
    struct error failure;
    bool is_damaged;
    bool done;

    /* Better now than after hours of work. */
    if (run->options->report != NULL
        && (!report_file_check(run->options->report, err)
            || !file_output_open(&file, run->options->report, err)))
        return error_wrap(err, "--report");
    done = replay(run, out, err);
    is_damaged = !done && !dump_digests_end(&run->digests, &failure);
    if (!is_damaged)
        failure = *err;
    /* What a damaged dump seems to lack is no news. */
    if (!done && !is_damaged && failure.kind != ERROR_REJECTED)
        report_problems(&run->problems, list);
    if (run->options->report != NULL
        && !report_file_write(&run->report, &file, &run->progress, done ? NULL : &failure, err)
        && done)
        return error_wrap(err, "all is done, but --report was not written");
    if (!done)
        *err = failure;
    return done;
}

bool run_command(const struct options *options, struct byte_buffer *out, struct byte_buffer *list,
    struct error *err)
{
    OWNED(run_state) struct run_state run = {.options = options};
    bool done;

    run.policies = (struct value_policies){.words = &options->bad_values,
        .unix_times = &options->unix_times,
        .profile = &run.profile,
        .nul_text = options->nul_text};
    if (!value_policy_check(&run.policies, err) || !unix_time_check(&run.policies, err))
        return false;
    if (options->rejects != NULL && !rejects_check_file(options->rejects, err))
        return error_wrap(err, "--rejects");

    progress_init(&run.progress, "valise-replay", options_command_name(options->command));
    switch (options->command) {
    case OPTIONS_STATUS:
        return run_state_read_target(&run, err)
               && status_command_run(options, &run.target, &run.progress, out, err);
    case OPTIONS_ABORT:
        return run_state_open_target(&run, err)
               && ledger_undo_told(&run.ledger, &run.connection, out, err);
    case OPTIONS_RETRY:
        return retry(&run, out, err);
    case OPTIONS_CREATE_DATABASE:
        return run_state_read_target(&run, err)
               && database_create(&run.target, options->owner, out, err);
    case OPTIONS_REPLAY:
    case OPTIONS_UNDO:
    case OPTIONS_DRY_RUN:
        break;
    }
    done = watch_options_start(&options->watch, &run.progress, err)
           && run_replay(&run, out, list, err);
    watch_options_finish(&options->watch, &run.progress,
        done ? report_outcome_name(run.report.outcome) : NULL, done ? NULL : err);
    return done;
}
