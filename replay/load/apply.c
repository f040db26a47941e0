#include "replay/load/apply.h"

#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "replay/ledger/ledger_plan.h"
#include "replay/ledger/ledger_undo.h"
#include "replay/ledger/lost_rows.h"
#include "replay/ledger/mapping.h"
#include "replay/ledger/staging_target.h"
#include "replay/ledger/table_state.h"
#include "replay/load/derive.h"
#include "replay/load/finish.h"
#include "replay/load/loader.h"
#include "replay/target/lock_room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT_LOCK_COUNT 12 /* a foreign key, its four triggers, two tables and their indexes */
#define TABLE_LOCK_COUNT 4

/* --- taking down -------------------------------------------------------------- */

static bool takes_part(const struct plan_table *table)
{
    return plan_writes(table)
           && (table->target->has_rows || (table->action != PLAN_EMPTY && table->row_count > 0));
}

static void plan_ddl(const struct apply *apply, struct ddl_plan *ddl)
{
    struct ddl_request *requests =
        byte_buffer_calloc(apply->plan->table_count + 1, sizeof(*requests));
    size_t count = 0;

    for (size_t i = 0; i < apply->plan->table_count; i++) {
        const struct plan_table *table = &apply->plan->tables[i];

        if (takes_part(table))
            requests[count++] = (struct ddl_request){
                .table = table->target,
                .indexes = table->is_large && table->action != PLAN_EMPTY,
                .foreign_keys = true,
                .triggers = true,
            };
    }
    ddl_plan_make(ddl, apply->input->catalog, requests, count);
    free(requests);
}

static bool save_tables(const struct apply *apply, struct error *err)
{
    const struct target_table **tables =
        byte_buffer_calloc(apply->plan->table_count + 1, sizeof(*tables));
    size_t count = 0;
    bool done;

    for (size_t i = 0; i < apply->plan->table_count; i++)
        if (plan_writes(&apply->plan->tables[i]))
            tables[count++] = apply->plan->tables[i].target;
    done = ledger_save_tables(apply->ledger, apply->connection, tables, count, err);
    free((void *)tables);
    return done;
}

static bool check_tables(const struct apply *apply, struct error *err)
{
    for (size_t i = 0; i < apply->plan->table_count; i++)
        if (plan_writes(&apply->plan->tables[i])
            && !ledger_check_table(apply->connection, apply->plan->tables[i].target, err))
            return false;
    return true;
}

static bool begin_ledger(const struct apply *apply, const struct ddl_plan *ddl, struct error *err)
{
    struct connection *connection = apply->connection;
    int64_t before = apply->ledger->replay.id;
    char state[STATE_TEXT_SIZE];

    state_format(state, apply->input->reader->tail.state_id);
    return ledger_begin(apply->ledger, connection, state, apply->dump, err)
           && staging_target_mark(connection, apply->is_staging, err)
           && (!apply->forgets_state || table_state_forget(connection, err))
           && table_state_carry(apply->plan, apply->ledger, before, connection, err)
           && mapping_record(
               apply->plan, apply->input->reader, apply->ledger, before, connection, err)
           && ledger_save_ddl(apply->ledger, connection, ddl, err)
           && ledger_save_sequences(apply->ledger, connection, apply->input->catalog, err)
           && ledger_plan_save(apply->ledger, connection, apply->plan, err);
}

/*
 * One transaction: either nothing has happened, or all that is gone is in the ledger. The ledger's
 * sequences would not go back: it comes behind all that may be refused. A rehearsal ends before
 * it, and keeps nobody waiting behind locks that it waits for.
 */
static bool take_down_at_once(
    const struct apply *apply, const struct ddl_plan *ddl, bool is_rehearsal, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    struct connection *connection = apply->connection;

    if (!connection_transaction_begin(&transaction, connection, NULL, err)
        || !connection_exec(connection,
            is_rehearsal ? "SET LOCAL lock_timeout = '10s'" : "SET LOCAL synchronous_commit = on",
            err)
        || !ddl_take_down(ddl, connection, err) || !check_tables(apply, err))
        return false;
    return is_rehearsal
           || (begin_ledger(apply, ddl, err) && save_tables(apply, err)
               && connection_transaction_commit(&transaction, err));
}

/* Always false. */
static bool explain(const struct apply *apply, const struct ddl_plan *ddl, struct error *err)
{
    char what[120];

    snprintf(what, sizeof(what), "taking down %zu foreign keys, indexes and triggers at once",
        ddl->object_count);
    return (lock_room_is_short(err)
               && lock_room_explain(apply->connection,
                   ddl->object_count * OBJECT_LOCK_COUNT
                       + apply->plan->table_count * TABLE_LOCK_COUNT,
                   what, err))
           || error_wrap(err, "cannot prepare the target for loading");
}

static bool take_down(const struct apply *apply, bool is_rehearsal, struct error *err)
{
    OWNED(ddl_plan) struct ddl_plan ddl = {0};

    plan_ddl(apply, &ddl);
    if (!take_down_at_once(apply, &ddl, is_rehearsal, err))
        return explain(apply, &ddl, err);
    for (size_t i = 0; i < ddl.kept_count; i++)
        problems_note(apply->problems, NULL, "table \"%s\": \"%s\" stays while loading: %s",
            ddl.kept[i].table, ddl.kept[i].name, ddl.kept[i].reason);
    return true;
}

/* --- the work -------------------------------------------------------------------- */

/* All that is to be done between taking down and done. */
struct work {
    const struct apply *apply;
    struct stages stages;
    struct loader loader;
    struct loading loading;
    struct derivation derivation;
    struct finishing finishing;
    struct verification verification;
};

static void work_release(struct work *work)
{
    verification_release(&work->verification);
    finishing_release(&work->finishing);
    derivation_release(&work->derivation);
    loading_release(&work->loading);
    stages_release(&work->stages);
}

/* The moment when the last row is there. The leading connection is nobody's meanwhile. */
static bool rows_are_there(
    void *context, size_t item, struct connection *connection, struct error *err)
{
    struct work *work = context;
    const struct apply *apply = work->apply;

    (void)item;
    return ledger_enter(apply->ledger, connection, LEDGER_PHASE_RESTORE, err)
           && verify_begin(&work->verification, apply->connection, err);
}

static void plan_work(struct work *work, const struct apply *apply)
{
    struct schedule *schedule = &work->stages.schedule;
    size_t moment;

    work->apply = apply;
    work->loader = (struct loader){
        .reader = apply->input->reader,
        .plan = apply->plan,
        .ledger = apply->ledger,
        .stages = &work->stages,
        .progress = apply->progress,
        .version_num = apply->connection->version_num,
    };
    work->verification.level = apply->outcome->verify_level;
    stages_make(&work->stages, apply->plan, apply->ledger, apply->progress);
    loader_plan(&work->loading, &work->loader);
    derive_plan(&work->derivation, &work->loader, apply->problems);
    finish_plan(&work->finishing, &work->loader, apply->input);
    verify_plan(&work->verification, &work->loader, apply->problems, &apply->outcome->verified);
    moment = schedule_add(schedule,
        &(struct schedule_task){.phase = PROGRESS_LOAD, .run = rows_are_there, .context = work});
    schedule_order(schedule, work->stages.filled, moment);
    schedule_order(schedule, moment, work->stages.snapshot);
}

/* Phases in which an earlier run left nothing to do. */
static void end_idle_phases(const struct work *work)
{
    static const enum progress_phase phases[] = {PROGRESS_DERIVE, PROGRESS_INDEX};
    struct progress *progress = work->apply->progress;

    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
        if (work->stages.schedule.phases[phases[i]].task_count == 0
            && (progress->planned & 1u << phases[i]) != 0)
            progress_end(progress, phases[i]);
}

static void report_work(const struct work *work)
{
    static const struct {
        enum progress_phase phase;
        enum outcome_step step;
    } steps[] = {
        {PROGRESS_LOAD, OUTCOME_STEP_LOAD},
        {PROGRESS_DERIVE, OUTCOME_STEP_LOAD},
        {PROGRESS_INDEX, OUTCOME_STEP_RESTORE},
        {PROGRESS_ANALYZE, OUTCOME_STEP_FINISH},
        {PROGRESS_VERIFY, OUTCOME_STEP_VERIFY},
    };
    struct outcome *outcome = work->apply->outcome;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        outcome->seconds[steps[i].step] += work->stages.schedule.phases[steps[i].phase].seconds;
    outcome->restored_count = work->apply->ledger->object_count;
    outcome->sequence_count = work->finishing.sequence_count;
}

static bool do_work(const struct apply *apply, struct error *err)
{
    OWNED(work) struct work work = {0};
    bool done;

    plan_work(&work, apply);
    end_idle_phases(&work);
    done = schedule_run(&work.stages.schedule, apply->workers, err);
    report_work(&work);
    return done;
}

/* The database is complete; what is left looks at all of it. */
static bool conclude(const struct apply *apply, size_t known, struct error *err)
{
    if (!ledger_enter(apply->ledger, apply->connection, LEDGER_PHASE_VERIFY, err)
        || !verify_checks(apply->input->profile, apply->connection, apply->problems, err))
        return false;
    if (apply->problems->count > known)
        return error_set(err, ERROR_MISMATCH, "verification found %zu difference%s: %s",
            apply->problems->count - known, apply->problems->count - known == 1 ? "" : "s",
            apply->problems->items[known].text);
    return table_state_finish(apply->input->reader, apply->ledger, apply->connection, err);
}

/* --- failing ----------------------------------------------------------------------- */

static bool is_any_lost(const struct apply *apply)
{
    for (size_t i = 0; i < apply->workers->count; i++)
        if (connection_is_lost(&apply->workers->connections[i]))
            return true;
    return connection_is_lost(apply->connection);
}

/* Always false: says in err what has become of the target. */
static bool give_up(const struct apply *apply, struct error *err)
{
    struct error undo_error;

    if (err->kind == ERROR_MISMATCH)
        return false;
    if (err->kind == ERROR_STOPPED || err->kind == ERROR_IO || is_any_lost(apply))
        return error_wrap(err, "the replay is unfinished (the same command goes on, --abort undoes "
                               "it)");
    apply->connection->ignores_stop = true;
    if (!ledger_undo(apply->ledger, apply->connection, &undo_error))
        return error_wrap(err, "the replay is unfinished and could not be undone (%s), use --abort",
            undo_error.text);
    return error_wrap(err, "the replay failed and the target is as it was before");
}

/* A session that is lost while it commits leaves open whether it did. */
static bool begin(const struct apply *apply, struct error *err)
{
    if (take_down(apply, false, err) && ledger_read(apply->ledger, apply->connection, err))
        return true;
    return (connection_is_lost(apply->connection) || err->kind == ERROR_STOPPED)
           && error_wrap(err,
               "if the replay had begun, the same command goes on and --abort undoes "
               "it");
}

static bool check_parts(const struct apply *apply, struct error *err)
{
    const struct loader loader = {
        .reader = apply->input->reader, .plan = apply->plan, .ledger = apply->ledger};

    return loader_check_parts(&loader, err);
}

static bool is_begun(const struct apply *apply)
{
    enum ledger_phase phase = apply->ledger->replay.phase;

    return phase != LEDGER_PHASE_NONE && phase != LEDGER_PHASE_DONE;
}

bool apply_rehearse(const struct apply *apply, struct error *err)
{
    return is_begun(apply) ? check_parts(apply, err) : take_down(apply, true, err);
}

bool apply_run(const struct apply *apply, struct error *err)
{
    size_t known = apply->problems->count;

    if (!is_begun(apply)) {
        if (!begin(apply, err))
            return false;
    } else if (!check_parts(apply, err)) {
        return false;
    } else if (!lost_rows_forget(apply->ledger, apply->connection, apply->plan, err)) {
        return give_up(apply, err);
    }
    return (do_work(apply, err) && conclude(apply, known, err)) || give_up(apply, err);
}
