#include "replay/report/report_json.h"

#include "base/json_writer.h"
#include "replay/report/estimate.h"
#include "watch/progress_view.h"

static const char *const step_names[OUTCOME_STEP_COUNT] = {
    [OUTCOME_STEP_CHECK] = "check",
    [OUTCOME_STEP_LOAD] = "load",
    [OUTCOME_STEP_RESTORE] = "restore",
    [OUTCOME_STEP_FINISH] = "finish",
    [OUTCOME_STEP_VERIFY] = "verify",
};

static const char *const verify_names[] = {
    [VERIFY_TOUCHED] = "touched",
    [VERIFY_CHANGED] = "changed",
    [VERIFY_FULL] = "full",
    [VERIFY_COUNTS] = "counts",
    [VERIFY_NONE] = "none",
};

static void put_problems(
    struct json_writer *w, const char *name, const struct problem *items, size_t count)
{
    json_writer_name(w, name);
    json_writer_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        json_writer_begin_object(w);
        json_writer_named_text(w, "text", items[i].text);
        json_writer_named_text(w, "advice", items[i].advice);
        json_writer_end_object(w);
    }
    json_writer_end_array(w);
}

/* What connections spent on the table, when that was watched. */
static void put_table_seconds(struct json_writer *w, const struct report *report, size_t number)
{
    static const enum progress_phase phases[] = {
        PROGRESS_LOAD, PROGRESS_DERIVE, PROGRESS_INDEX, PROGRESS_ANALYZE, PROGRESS_VERIFY};

    if (report->view == NULL || report->view->table_count != report->plan->table_count)
        return;
    json_writer_name(w, "seconds");
    json_writer_begin_object(w);
    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
        json_writer_name(w, progress_phase_name(phases[i]));
        json_writer_number(w, report->view->tables[number].works[phases[i]].busy);
    }
    json_writer_end_object(w);
}

static void put_table_estimate(struct json_writer *w, const struct table_estimate *one)
{
    json_writer_named_boolean(w, "touched", one->is_touched);
    json_writer_named_unsigned(w, "rows_removed", one->removed_count);
    json_writer_named_unsigned(w, "rows_added", one->added_count);
}

static void put_tables(struct json_writer *w, const struct report *report)
{
    const struct plan *plan = report->plan;

    json_writer_name(w, "tables");
    json_writer_begin_array(w);
    for (size_t i = 0; i < plan->table_count; i++) {
        const struct plan_table *table = &plan->tables[i];

        json_writer_begin_object(w);
        json_writer_named_text(w, "name", table->name);
        json_writer_named_text(w, "target", table->target == NULL ? NULL : table->target->name);
        json_writer_named_text(w, "action", plan_action_name(table->action));
        json_writer_named_unsigned(w, "rows", table->row_count);
        json_writer_named_unsigned(w, "bytes", table->size);
        json_writer_named_unsigned(w, "rejected", table->rejects.count);
        json_writer_named_unsigned(w, "replaced", table->replaced_count);
        if (report->estimate != NULL)
            put_table_estimate(w, &report->estimate->tables[i]);
        put_table_seconds(w, report, i);
        json_writer_end_object(w);
    }
    json_writer_end_array(w);
}

/* How the work went on: sums since the beginning, at moments about as far from each other. */
static void put_course(struct json_writer *w, const struct progress_rate *rate)
{
    static const enum progress_phase phases[] = {PROGRESS_LOAD, PROGRESS_DERIVE, PROGRESS_VERIFY};

    json_writer_name(w, "course");
    json_writer_begin_array(w);
    for (size_t i = 0; i < rate->history_count; i++) {
        const struct progress_sample *sample = &rate->history[i];

        json_writer_begin_object(w);
        json_writer_name(w, "seconds");
        json_writer_number(w, sample->seconds);
        for (size_t k = 0; k < sizeof(phases) / sizeof(phases[0]); k++)
            json_writer_named_unsigned(w, progress_phase_name(phases[k]), sample->bytes[phases[k]]);
        json_writer_end_object(w);
    }
    json_writer_end_array(w);
}

static void put_work(struct json_writer *w, const struct report *report)
{
    json_writer_named_unsigned(w, "jobs", report->jobs);
    json_writer_named_unsigned(w, "sequences_set", report->work.sequence_count);
    json_writer_named_unsigned(w, "objects_restored", report->work.restored_count);
    json_writer_named_unsigned(w, "tables_changed", report->work.changed_table_count);
    json_writer_named_unsigned(w, "rows_removed", report->work.removed_count);
    json_writer_named_unsigned(w, "rows_added", report->work.added_count);
    json_writer_name(w, "verified");
    json_writer_begin_object(w);
    json_writer_named_text(w, "level", verify_names[report->work.verify_level]);
    json_writer_named_unsigned(w, "tables", report->work.verified.table_count);
    json_writer_named_unsigned(w, "rows", report->work.verified.row_count);
    json_writer_named_unsigned(w, "bytes", report->work.verified.size);
    json_writer_end_object(w);
    json_writer_name(w, "seconds");
    json_writer_begin_object(w);
    for (int i = 0; i < OUTCOME_STEP_COUNT; i++) {
        json_writer_name(w, step_names[i]);
        json_writer_number(w, report->work.seconds[i]);
    }
    json_writer_name(w, "total");
    json_writer_number(w, report->total_seconds);
    json_writer_end_object(w);
}

static void put_range(struct json_writer *w, const char *name, const struct size_range *range)
{
    json_writer_name(w, name);
    json_writer_begin_object(w);
    json_writer_named_unsigned(w, "min", range->min);
    json_writer_named_unsigned(w, "max", range->max);
    json_writer_end_object(w);
}

/* What a dry run expects. */
static void put_estimate(struct json_writer *w, const struct estimate *estimate)
{
    const struct server_disk *disk = &estimate->disk;

    json_writer_name(w, "estimate");
    json_writer_begin_object(w);
    json_writer_named_unsigned(w, "tables_touched", estimate->touched_count);
    json_writer_named_unsigned(w, "rows", estimate->row_count);
    json_writer_named_unsigned(w, "database_bytes_now", estimate->database_size);
    put_range(w, "database_bytes", &estimate->after);
    put_range(w, "table_bytes", &estimate->tables_sum);
    put_range(w, "index_bytes", &estimate->indexes_sum);
    put_range(w, "wal_bytes", &estimate->wal);
    json_writer_named_unsigned(w, "disk_needed_bytes", estimate->room_size);
    json_writer_name(w, "disk_free_bytes");
    if (disk->reason == NULL)
        json_writer_unsigned(w, disk->free_size);
    else
        json_writer_null(w);
    json_writer_named_text(w, "disk_folder", disk->folder);
    json_writer_name(w, "seconds");
    json_writer_begin_object(w);
    json_writer_name(w, "min");
    json_writer_number(w, estimate->seconds_min);
    json_writer_name(w, "max");
    json_writer_number(w, estimate->seconds_max);
    json_writer_end_object(w);
    json_writer_end_object(w);
}

static void put_report(
    struct json_writer *w, const struct report *report, const struct error *failure)
{
    json_writer_begin_object(w);
    json_writer_named_text(w, "outcome", report_outcome_name(report->outcome));
    json_writer_named_unsigned(w, "exit_status", failure == NULL ? 0 : failure->kind);
    json_writer_named_text(w, "error", failure == NULL ? NULL : failure->text);
    json_writer_named_text(w, "dump", report->dump);
    json_writer_named_text(w, "state", report->state);
    json_writer_named_unsigned(w, "dump_bytes", report->dump_size);
    json_writer_named_text(w, "server", report->server);
    json_writer_named_text(w, "database", report->database);
    json_writer_named_text(w, "profile", report->profile);
    json_writer_named_boolean(w, "resumed", report->is_resumed);
    json_writer_named_boolean(w, "delta", report->is_delta);
    json_writer_named_boolean(w, "undo", report->is_undo);
    put_work(w, report);
    if (report->estimate != NULL)
        put_estimate(w, report->estimate);
    if (report->plan != NULL)
        put_tables(w, report);
    if (report->rate != NULL)
        put_course(w, report->rate);
    if (report->problems != NULL) {
        put_problems(w, "problems", report->problems->items, report->problems->count);
        put_problems(w, "notes", report->problems->notes, report->problems->note_count);
    }
    json_writer_end_object(w);
    json_writer_finish(w);
}

void report_json_put(
    const struct report *report, const struct error *failure, struct byte_buffer *out)
{
    struct json_writer writer = {.out = out};

    put_report(&writer, report, failure);
}
