#include "replay/apply.h"

#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "replay/derive.h"
#include "replay/finish.h"
#include "replay/ledger_undo.h"
#include "replay/loader.h"
#include "replay/lost_rows.h"
#include "replay/sequences.h"
#include "replay/table_state.h"

#include <stdlib.h>
#include <string.h>

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
    for (size_t i = 0; i < apply->plan->table_count; i++)
        if (plan_writes(&apply->plan->tables[i])
            && !ledger_save_table(
                apply->ledger, apply->connection, apply->plan->tables[i].target, err))
            return false;
    return true;
}

/* One transaction: either nothing has happened, or all that is gone is in the ledger. */
static bool take_down(const struct apply *apply, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    OWNED(ddl_plan) struct ddl_plan ddl = {0};
    struct connection *connection = apply->connection;
    int64_t before = apply->ledger->replay.id;
    char state[STATE_TEXT_SIZE];

    plan_ddl(apply, &ddl);
    state_format(state, apply->input->reader->tail.state_id);
    if (!connection_transaction_begin(&transaction, connection, NULL, err)
        || !connection_exec(connection, "SET LOCAL synchronous_commit = on", err)
        || !ledger_begin(apply->ledger, connection, state, apply->dump, err)
        || !table_state_carry(apply->plan, apply->ledger, before, connection, err)
        || !ledger_save_ddl(apply->ledger, connection, &ddl, err)
        || !ledger_save_sequences(apply->ledger, connection, apply->input->catalog, err)
        || !ddl_take_down(&ddl, connection, err) || !save_tables(apply, err)
        || !connection_transaction_commit(&transaction, err))
        return error_wrap(err, "cannot prepare the target for loading");
    for (size_t i = 0; i < ddl.kept_count; i++)
        problems_note(apply->problems, NULL, "table \"%s\": \"%s\" stays while loading: %s",
            ddl.kept[i].table, ddl.kept[i].name, ddl.kept[i].reason);
    return true;
}

/* --- the steps ------------------------------------------------------------------- */

static struct loader loader_of(const struct apply *apply)
{
    return (struct loader){
        .reader = apply->input->reader,
        .plan = apply->plan,
        .ledger = apply->ledger,
        .workers = apply->workers,
        .progress = apply->progress,
    };
}

/* Loads what the ledger does not have, and reads the ledger again: now it has everything. */
static bool load(const struct apply *apply, struct error *err)
{
    struct loader loader = loader_of(apply);

    return loader_run(&loader, err) && derive_run(&loader, apply->problems, err)
           && ledger_read(apply->ledger, apply->connection, err)
           && ledger_enter(apply->ledger, apply->connection, LEDGER_PHASE_RESTORE, err);
}

static bool restore(const struct apply *apply, struct error *err)
{
    struct loader loader = loader_of(apply);

    apply->report->restored_count = apply->ledger->object_count;
    return finish_restore(&loader, err);
}

static bool finish(const struct apply *apply, struct error *err)
{
    struct loader loader = loader_of(apply);

    return sequences_set(
               apply->input, apply->plan, apply->connection, &apply->report->sequence_count, err)
           && finish_analyze(&loader, err)
           && ledger_enter(apply->ledger, apply->connection, LEDGER_PHASE_VERIFY, err);
}

static bool verify(const struct apply *apply, struct error *err)
{
    struct loader loader = loader_of(apply);
    size_t known = apply->problems->count;

    if (!verify_run(
            &loader, apply->report->verify_level, apply->problems, &apply->report->verified, err)
        || !verify_checks(apply->input->profile, apply->connection, apply->problems, err))
        return false;
    if (apply->problems->count > known)
        return error_set(err, ERROR_MISMATCH, "verification found %zu difference%s: %s",
            apply->problems->count - known, apply->problems->count - known == 1 ? "" : "s",
            apply->problems->items[known].text);
    return table_state_finish(apply->input->reader, apply->ledger, apply->connection, err);
}

struct step {
    enum report_step name;
    bool (*run)(const struct apply *apply, struct error *err);
};

static const struct step steps[] = {
    {REPORT_STEP_LOAD, load},
    {REPORT_STEP_RESTORE, restore},
    {REPORT_STEP_FINISH, finish},
    {REPORT_STEP_VERIFY, verify},
};

static bool run_steps(const struct apply *apply, struct error *err)
{
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        double begun = progress_clock();
        bool done = steps[i].run(apply, err);

        apply->report->seconds[steps[i].name] = progress_clock() - begun;
        if (!done)
            return false;
    }
    return true;
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
    if (take_down(apply, err) && ledger_read(apply->ledger, apply->connection, err))
        return true;
    return (connection_is_lost(apply->connection) || err->kind == ERROR_STOPPED)
           && error_wrap(err,
               "if the replay had begun, the same command goes on and --abort undoes "
               "it");
}

bool apply_run(const struct apply *apply, struct error *err)
{
    enum ledger_phase phase = apply->ledger->replay.phase;

    if (phase == LEDGER_PHASE_NONE || phase == LEDGER_PHASE_DONE) {
        if (!begin(apply, err))
            return false;
    } else if (!lost_rows_forget(apply->ledger, apply->connection, apply->plan, err)) {
        return give_up(apply, err);
    }
    return run_steps(apply, err) || give_up(apply, err);
}
