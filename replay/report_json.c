#include "replay/report_json.h"

#include "base/file.h"
#include "base/owned.h"
#include "replay/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const step_names[REPORT_STEP_COUNT] = {
    [REPORT_STEP_CHECK] = "check",
    [REPORT_STEP_LOAD] = "load",
    [REPORT_STEP_RESTORE] = "restore",
    [REPORT_STEP_FINISH] = "finish",
    [REPORT_STEP_VERIFY] = "verify",
};

static const char *const outcome_names[] = {
    [REPORT_FAILED] = "failed",
    [REPORT_REFUSED] = "refused",
    [REPORT_PLANNED] = "planned",
    [REPORT_NOTHING] = "nothing_to_do",
    [REPORT_DONE] = "done",
};

static const char *const verify_names[] = {
    [VERIFY_FULL] = "full",
    [VERIFY_COUNTS] = "counts",
    [VERIFY_NONE] = "none",
};

/* A text being written; has_items says if a comma comes before the next item. */
struct json {
    struct byte_buffer out;
    bool has_items;
};

static void json_release(struct json *json)
{
    byte_buffer_release(&json->out);
}

static void put_plain(struct json *json, const char *text)
{
    byte_buffer_put(&json->out, text, strlen(text));
}

static void put_string(struct json *json, const char *text)
{
    size_t size = strlen(text);
    char escape[8];

    byte_buffer_put_u8(&json->out, '"');
    for (size_t at = 0; at < size;) {
        const uint8_t *byte = (const uint8_t *)text + at;
        size_t character = utf8_character_size(byte, size - at);

        if (character == 0) {
            put_plain(json, "\\ufffd"); /* JSON cannot hold what is no UTF-8 */
            character = 1;
        } else if (*byte < 0x20 || *byte == '"' || *byte == '\\') {
            snprintf(escape, sizeof(escape), "\\u%04x", *byte);
            put_plain(json, escape);
        } else {
            byte_buffer_put(&json->out, byte, character);
        }
        at += character;
    }
    byte_buffer_put_u8(&json->out, '"');
}

/* A comma if needed, and the key; NULL in an array. */
static void begin_item(struct json *json, const char *key)
{
    if (json->has_items)
        put_plain(json, ", ");
    json->has_items = true;
    if (key != NULL) {
        put_string(json, key);
        put_plain(json, ": ");
    }
}

static void open_list(struct json *json, const char *key, const char *bracket)
{
    begin_item(json, key);
    put_plain(json, bracket);
    json->has_items = false;
}

static void close_list(struct json *json, const char *bracket)
{
    put_plain(json, bracket);
    json->has_items = true;
}

static void put_text(struct json *json, const char *key, const char *text)
{
    begin_item(json, key);
    if (text == NULL)
        put_plain(json, "null");
    else
        put_string(json, text);
}

static void put_number(struct json *json, const char *key, uint64_t number)
{
    char text[24];

    begin_item(json, key);
    snprintf(text, sizeof(text), "%" PRIu64, number);
    put_plain(json, text);
}

static void put_seconds(struct json *json, const char *key, double seconds)
{
    char text[40];

    begin_item(json, key);
    snprintf(text, sizeof(text), "%.3f", seconds);
    put_plain(json, text);
}

static void put_problems(
    struct json *json, const char *key, const struct problem *items, size_t count)
{
    open_list(json, key, "[");
    for (size_t i = 0; i < count; i++) {
        open_list(json, NULL, "{");
        put_text(json, "text", items[i].text);
        put_text(json, "advice", items[i].advice);
        close_list(json, "}");
    }
    close_list(json, "]");
}

static void put_tables(struct json *json, const struct plan *plan)
{
    open_list(json, "tables", "[");
    for (size_t i = 0; i < plan->table_count; i++) {
        const struct plan_table *table = &plan->tables[i];

        open_list(json, NULL, "{");
        put_text(json, "name", table->name);
        put_text(json, "target", table->target == NULL ? NULL : table->target->name);
        put_text(json, "action", plan_action_name(table->action));
        put_number(json, "rows", table->row_count);
        put_number(json, "bytes", table->size);
        close_list(json, "}");
    }
    close_list(json, "]");
}

static void put_work(struct json *json, const struct report *report)
{
    put_number(json, "jobs", report->jobs);
    put_number(json, "sequences_set", report->sequence_count);
    put_number(json, "objects_restored", report->restored_count);
    open_list(json, "verified", "{");
    put_text(json, "level", verify_names[report->verify_level]);
    put_number(json, "tables", report->verified.table_count);
    put_number(json, "rows", report->verified.row_count);
    put_number(json, "bytes", report->verified.size);
    close_list(json, "}");
    open_list(json, "seconds", "{");
    for (int i = 0; i < REPORT_STEP_COUNT; i++)
        put_seconds(json, step_names[i], report->seconds[i]);
    close_list(json, "}");
}

static void put_report(struct json *json, const struct report *report, const struct error *failure)
{
    open_list(json, NULL, "{");
    put_text(json, "outcome", outcome_names[report->outcome]);
    put_number(json, "exit_status", failure == NULL ? 0 : failure->kind);
    put_text(json, "error", failure == NULL ? NULL : failure->text);
    put_text(json, "dump", report->dump);
    put_text(json, "state", report->state);
    put_number(json, "dump_bytes", report->dump_size);
    put_text(json, "server", report->server);
    put_text(json, "database", report->database);
    put_text(json, "profile", report->profile);
    begin_item(json, "resumed");
    put_plain(json, report->is_resumed ? "true" : "false");
    put_work(json, report);
    if (report->plan != NULL)
        put_tables(json, report->plan);
    if (report->problems != NULL) {
        put_problems(json, "problems", report->problems->items, report->problems->count);
        put_problems(json, "notes", report->problems->notes, report->problems->note_count);
    }
    close_list(json, "}");
    put_plain(json, "\n");
}

bool report_json_write(
    const struct report *report, const char *path, const struct error *failure, struct error *err)
{
    OWNED(json) struct json json = {0};
    OWNED(file_output) struct file_output file = {.fd = -1};

    put_report(&json, report, failure);
    return file_output_open(&file, path, err)
           && file_output_write(&file, json.out.data, json.out.size, err)
           && file_output_commit(&file, err);
}
