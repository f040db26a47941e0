#include "replay/delta/delta_apply.h"

#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"
#include "replay/delta/delta_change.h"
#include "replay/delta/delta_derive.h"
#include "replay/delta/delta_ledger.h"
#include "replay/delta/delta_progress.h"
#include "replay/delta/delta_references.h"
#include "replay/delta/delta_sql.h"
#include "replay/delta/delta_stage.h"
#include "replay/delta/delta_verify.h"
#include "replay/load/plan_progress.h"
#include "replay/load/sequences.h"

#include <string.h>

#define ANALYZE_ROW_COUNT 10000 /* changed rows that the planner should hear of at once, */
#define ANALYZE_PART 20         /* if they are one in so many of the table */

/* --- beginning ------------------------------------------------------------------- */

/* Plans are many and short: compiling them would take longer than running them. */
static bool set_up(const struct delta_apply *apply, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "SET LOCAL synchronous_commit = on; SET LOCAL work_mem = '64MB';");
    if (apply->connection->version_num >= 110000)
        quote_plain(&sql, "SET LOCAL jit = off;");
    for (size_t i = 0; i < apply->delta->table_count; i++) {
        quote_plain(&sql, "LOCK TABLE ");
        delta_sql_target(&sql, apply->delta->tables[i].table->target);
        quote_plain(&sql, " IN SHARE ROW EXCLUSIVE MODE;");
    }
    return connection_exec(apply->connection, quote_text(&sql), err);
}

static bool stage_and_check(const struct delta_apply *apply, struct error *err)
{
    const struct delta_plan *delta = apply->delta;
    size_t known = apply->problems->count;

    apply->delta->reads_changes = apply->outcome->verify_level == VERIFY_CHANGED;
    delta_progress_make(apply->progress, apply->plan, delta, apply->outcome->verify_level);
    progress_begin(apply->progress, PROGRESS_LOAD);
    if (!delta_stage_run(apply->delta, apply->plan, apply->connection, apply->progress, err)
        || !delta_check_run(delta, apply->connection, apply->on_drift, apply->problems, err))
        return false;
    for (size_t i = 0; i < delta->table_count; i++) {
        apply->outcome->removed_count += delta->tables[i].removed_count;
        apply->outcome->added_count += delta->tables[i].added_count;
    }
    progress_end(apply->progress, PROGRESS_LOAD);
    apply->outcome->changed_table_count = delta->table_count + delta->derived_count;
    if (apply->problems->count == known)
        return true;
    return error_set(err, ERROR_REFUSED,
        "the target was changed since the last replay, in at least %zu row%s",
        apply->problems->count - known, apply->problems->count - known == 1 ? "" : "s");
}

/* --- changing --------------------------------------------------------------------- */

static void plan_change(const struct delta_apply *apply)
{
    for (size_t i = 0; i < apply->delta->table_count; i++) {
        const struct delta_table *table = &apply->delta->tables[i];

        progress_plan(apply->progress, PROGRESS_CHANGE,
            plan_progress_number(apply->plan, table->table),
            &(struct progress_count){.rows = table->removed_count + table->added_count});
    }
    progress_begin(apply->progress, PROGRESS_CHANGE);
}

static void tell_change(
    const struct delta_apply *apply, const struct delta_table *table, uint64_t row_count)
{
    progress_add(apply->progress, PROGRESS_CHANGE, plan_progress_number(apply->plan, table->table),
        &(struct progress_count){.rows = row_count});
}

static bool remove_rows(const struct delta_apply *apply, struct error *err)
{
    const struct delta_plan *delta = apply->delta;
    bool overwrites = apply->on_drift == DELTA_CHECK_OVERWRITE;

    for (size_t i = 0; i < delta->derived_count; i++)
        if (!delta_derive_remove(&delta->derived[i], apply->connection, err))
            return error_wrap(err, "table \"%s\"", delta->derived[i].table->name);
    for (size_t i = 0; i < delta->table_count; i++) {
        const struct delta_table *table = &delta->tables[i];

        if (!delta_references_check(delta, table, apply->connection, err)
            || !delta_change_remove(table, overwrites, apply->connection, err))
            return error_wrap(err, "table \"%s\"", table->table->name);
        tell_change(apply, table, table->removed_count);
    }
    return true;
}

/* Tables that are referred to first. */
static bool add_rows(const struct delta_apply *apply, struct error *err)
{
    const struct delta_plan *delta = apply->delta;

    for (size_t i = delta->table_count; i-- > 0;) {
        if (!delta_change_add(&delta->tables[i], apply->connection, err))
            return error_wrap(err, "table \"%s\"", delta->tables[i].table->name);
        tell_change(apply, &delta->tables[i], delta->tables[i].added_count);
    }
    for (size_t i = 0; i < delta->derived_count; i++)
        if (!delta_derive_add(&delta->derived[i], apply->connection, apply->problems, err))
            return error_wrap(err, "table \"%s\"", delta->derived[i].table->name);
    return true;
}

static bool analyze(const struct delta_apply *apply, struct error *err)
{
    for (size_t i = 0; i < apply->delta->table_count; i++) {
        const struct delta_table *table = &apply->delta->tables[i];
        OWNED(byte_buffer) struct byte_buffer sql = {0};

        uint64_t changed_count = table->added_count + table->removed_count;

        if (changed_count < ANALYZE_ROW_COUNT
            || changed_count * ANALYZE_PART < table->table->row_count)
            continue;
        quote_plain(&sql, "ANALYZE ");
        quote_qualified(&sql, table->table->target->schema, table->table->target->name);
        if (!connection_exec(apply->connection, quote_text(&sql), err))
            return error_wrap(err, "table \"%s\"", table->table->name);
    }
    return true;
}

static bool change(const struct delta_apply *apply, struct error *err)
{
    OWNED(ddl_plan) struct ddl_plan ddl = {0};

    plan_change(apply);
    if (!delta_references_defer(apply->delta, &ddl, apply->connection, err)
        || !remove_rows(apply, err) || !add_rows(apply, err)
        || !delta_references_settle(apply->delta, &ddl, apply->connection, err)
        || !analyze(apply, err))
        return false;
    progress_end(apply->progress, PROGRESS_CHANGE);
    return true;
}

/* --- proving ------------------------------------------------------------------------ */

static bool verify(const struct delta_apply *apply, struct error *err)
{
    struct delta_verify what = {
        .plan = apply->plan,
        .delta = apply->delta,
        .ledger = apply->ledger,
        .connection = apply->connection,
        .level = apply->outcome->verify_level,
        .problems = apply->problems,
        .progress = apply->progress,
    };
    size_t known = apply->problems->count;

    if (!delta_verify_run(&what, &apply->outcome->verified, err)
        || !verify_checks(apply->input->profile, apply->connection, apply->problems, err))
        return false;
    return apply->problems->count == known
           || error_set(err, ERROR_MISMATCH, "verification found %zu difference%s: %s",
               apply->problems->count - known, apply->problems->count - known == 1 ? "" : "s",
               apply->problems->items[known].text);
}

static bool record(const struct delta_apply *apply, struct error *err)
{
    return apply->delta->is_undo ? delta_ledger_forget(
               apply->ledger, apply->connection, apply->plan, apply->delta, err)
                                 : delta_ledger_record(apply->ledger, apply->connection,
                                     apply->plan, apply->delta, err);
}

/* A sequence that the ledger counts by would not go back. */
static bool would_record(const struct delta_apply *apply, struct error *err)
{
    return apply->delta->is_undo
           || delta_ledger_check(apply->ledger, apply->connection, apply->plan, apply->delta, err);
}

static bool finish(const struct delta_apply *apply, struct error *err)
{
    double begun = progress_clock();

    if (!verify(apply, err))
        return false;
    apply->outcome->seconds[OUTCOME_STEP_VERIFY] = progress_clock() - begun;
    return apply->delta->is_undo
           || sequences_set(
               apply->input, apply->plan, apply->connection, &apply->outcome->sequence_count, err);
}

static bool run_transaction(const struct delta_apply *apply, bool is_rehearsal, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    double begun = progress_clock();

    if (!connection_transaction_begin(&transaction, apply->connection, NULL, err)
        || (is_rehearsal
            && !connection_exec(apply->connection, "SET LOCAL lock_timeout = '10s'", err))
        || !set_up(apply, err) || !stage_and_check(apply, err) || !change(apply, err)
        || !(is_rehearsal ? would_record(apply, err) : record(apply, err)))
        return false;
    apply->outcome->seconds[OUTCOME_STEP_LOAD] = progress_clock() - begun;
    return is_rehearsal || (finish(apply, err) && connection_transaction_commit(&transaction, err));
}

static bool run(const struct delta_apply *apply, bool is_rehearsal, struct error *err)
{
    return run_transaction(apply, is_rehearsal, err)
           || error_wrap(err,
               apply->delta->is_undo ? "the delta is not taken back" : "the delta is not applied");
}

bool delta_apply_run(const struct delta_apply *apply, struct error *err)
{
    return run(apply, false, err);
}

bool delta_apply_rehearse(const struct delta_apply *apply, struct error *err)
{
    struct outcome outcome = {.verify_level = VERIFY_NONE};
    OWNED(progress) struct progress nobody = {0};
    struct delta_apply rehearsal = *apply;

    progress_init(&nobody, "", "");
    rehearsal.outcome = &outcome;
    rehearsal.progress = &nobody;
    return run(&rehearsal, true, err);
}
