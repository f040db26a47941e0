#include "replay/report_json.h"

#include "base/json_writer.h"
#include "base/owned.h"

static const char *const step_names[REPORT_STEP_COUNT] = {
    [REPORT_STEP_CHECK] = "check",
    [REPORT_STEP_LOAD] = "load",
    [REPORT_STEP_RESTORE] = "restore",
    [REPORT_STEP_FINISH] = "finish",
    [REPORT_STEP_VERIFY] = "verify",
};

static const char *const verify_names[] = {
    [VERIFY_TOUCHED] = "touched",
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

static void put_tables(struct json_writer *w, const struct plan *plan)
{
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
        json_writer_end_object(w);
    }
    json_writer_end_array(w);
}

static void put_work(struct json_writer *w, const struct report *report)
{
    json_writer_named_unsigned(w, "jobs", report->jobs);
    json_writer_named_unsigned(w, "sequences_set", report->sequence_count);
    json_writer_named_unsigned(w, "objects_restored", report->restored_count);
    json_writer_named_unsigned(w, "tables_changed", report->changed_table_count);
    json_writer_named_unsigned(w, "rows_removed", report->removed_count);
    json_writer_named_unsigned(w, "rows_added", report->added_count);
    json_writer_name(w, "verified");
    json_writer_begin_object(w);
    json_writer_named_text(w, "level", verify_names[report->verify_level]);
    json_writer_named_unsigned(w, "tables", report->verified.table_count);
    json_writer_named_unsigned(w, "rows", report->verified.row_count);
    json_writer_named_unsigned(w, "bytes", report->verified.size);
    json_writer_end_object(w);
    json_writer_name(w, "seconds");
    json_writer_begin_object(w);
    for (int i = 0; i < REPORT_STEP_COUNT; i++) {
        json_writer_name(w, step_names[i]);
        json_writer_number(w, report->seconds[i]);
    }
    json_writer_name(w, "total");
    json_writer_number(w, report->total_seconds);
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
    put_work(w, report);
    if (report->plan != NULL)
        put_tables(w, report->plan);
    if (report->problems != NULL) {
        put_problems(w, "problems", report->problems->items, report->problems->count);
        put_problems(w, "notes", report->problems->notes, report->problems->note_count);
    }
    json_writer_end_object(w);
    json_writer_finish(w);
}

bool report_json_write(const struct report *report, struct file_output *file,
    const struct error *failure, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};
    struct json_writer writer = {.out = &text};

    put_report(&writer, report, failure);
    return file_output_write(file, text.data, text.size, err) && file_output_commit(file, err);
}
