#include "replay/run_state.h"

#include "postgres/pooler_check.h"
#include "replay/ledger/replay_lock.h"

/* What belongs to one dump; the connection, its lock and the files stay. */
static void forget_dump(struct run_state *run)
{
    estimate_release(&run->estimate);
    problems_release(&run->problems);
    delta_plan_release(&run->delta);
    plan_release(&run->plan);
    target_catalog_release(&run->catalog);
    profile_release(&run->profile);
    run->report = (struct report){0};
    run->reader = NULL;
    run->is_resumed = false;
    run->is_newer = false;
    run->is_renewed = false;
}

void run_state_release(struct run_state *run)
{
    progress_release(&run->progress);
    workers_release(&run->workers);
    forget_dump(run);
    ledger_release(&run->ledger);
    connection_release(&run->connection);
    dump_digests_release(&run->digests);
    chain_release(&run->chain);
    homeserver_release(&run->homeserver);
}

bool run_state_read_target(struct run_state *run, struct error *err)
{
    run->target = (struct connection_target){.dsn = run->options->dsn};
    run->allowances = run->options->allowances;
    if (run->options->config != NULL) {
        if (!homeserver_read(&run->homeserver, run->options->config, err))
            return false;
        run->target = run->homeserver.target;
        run->allowances.unsafe_locale |= run->homeserver.allows_unsafe_locale;
    }
    return true;
}

bool run_state_lock_target(struct run_state *run, struct error *err)
{
    return run_state_read_target(run, err) && connection_open(&run->connection, &run->target, err)
           && pooler_check(&run->connection, &run->target, err)
           && replay_lock_take(&run->connection, err);
}

bool run_state_open_target(struct run_state *run, struct error *err)
{
    return run_state_lock_target(run, err) && ledger_read(&run->ledger, &run->connection, err);
}

bool run_state_open_dumps(struct run_state *run, struct error *err)
{
    if (!chain_open(&run->chain, run->options->dumps, run->options->dump_count, err))
        return false;
    dump_digests_begin(&run->digests, &run->chain);
    return true;
}

void run_state_describe(struct run_state *run, const struct dump_reader *reader)
{
    struct report *report = &run->report;

    run->reader = reader;
    report->dump = reader->file.path;
    report->dump_size = reader->tail.file_size;
    report->is_delta = reader->header.kind == DUMP_DELTA;
    report->is_undo = run->options->is_undo;
    report->work.verify_level = run->options->verify;
    if (!report->is_delta && report->work.verify_level <= VERIFY_CHANGED)
        report->work.verify_level = VERIFY_FULL;
    state_format(report->state, reader->tail.state_id);
}

static bool dump_has_table(const void *schema, const char *name)
{
    return schema_find_table(schema, name) != NULL;
}

bool run_state_begin(struct run_state *run, size_t at, struct error *err)
{
    struct report *report = &run->report;
    const struct dump_reader *reader = &run->chain.dumps[at];
    const struct profile_subject subject = {dump_has_table, &reader->schema, "dump"};

    if (!workers_close(&run->workers, &run->connection, err))
        return false;
    forget_dump(run);
    run_state_describe(run, reader);
    if (!profile_find(&run->profile, run->options->profile, &subject, err)
        || (run->options->is_staging && !profile_use_for_staging(&run->profile, err))
        || !allowances_check(&run->options->allowances, &run->profile, err)
        || !ledger_read(&run->ledger, &run->connection, err)
        || !target_catalog_read(&run->catalog, &run->connection, NULL, err)
        || !value_policy_check_columns(&run->policies, &run->catalog, err))
        return false;
    run->is_resumed = run->ledger.replay.phase != LEDGER_PHASE_NONE
                      && run->ledger.replay.phase != LEDGER_PHASE_DONE;
    run->is_newer = !report->is_delta && run->ledger.replay.phase == LEDGER_PHASE_DONE;
    report->is_resumed = run->is_resumed;
    report->server = run->catalog.server.version_text;
    report->database = run->catalog.server.database;
    report->profile = run->profile.title;
    return true;
}
