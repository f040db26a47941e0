#include "replay/report/status_report.h"

#include "base/json_writer.h"
#include "base/safe_text.h"
#include "watch/amount_text.h"

#include <inttypes.h>
#include <string.h>

#define VERSION 1    /* of the JSON object */
#define SHOWN_MAX 12 /* unfinished tables in the text */

static void put_safe(struct byte_buffer *out, const char *text)
{
    safe_text_put(out, text, strlen(text));
}

struct sums {
    uint64_t rows;
    uint64_t rows_total;
    uint64_t bytes_total;
    uint64_t parts;
    size_t done_count; /* tables */
};

static bool is_loaded(const struct ledger_plan_table *table)
{
    return table->action == NULL || (table->part_count > 0 && table->done_count >= table->row_count)
           || (strcmp(table->action, "derive") == 0 && table->part_count > 0)
           || table->row_count == 0;
}

static struct sums sums_of(const struct status *status)
{
    struct sums sums = {0};

    for (size_t i = 0; i < status->table_count; i++) {
        const struct ledger_plan_table *table = &status->tables[i];

        sums.rows += table->done_count;
        sums.rows_total += table->row_count;
        sums.bytes_total += table->size;
        sums.parts += table->part_count;
        sums.done_count += is_loaded(table);
    }
    return sums;
}

static const char *phase_of(const struct status *status)
{
    return ledger_phase_name(status->ledger.replay.phase);
}

/* --- text ------------------------------------------------------------------------------ */

static void put_head(const struct status *status, struct byte_buffer *out)
{
    const struct ledger_replay *replay = &status->ledger.replay;
    char time[AMOUNT_TEXT_ROOM];

    byte_buffer_format(out, "dump         ");
    put_safe(out, replay->dump);
    byte_buffer_format(out, "\nstate        %s\nphase        %s", replay->state, phase_of(status));
    if (replay->phase != LEDGER_PHASE_DONE)
        byte_buffer_format(out, status_is_running(status)
                                    ? ", at work"
                                    : ", interrupted: the same command goes on, --abort undoes it");
    byte_buffer_format(out, "\nbegun        %s UTC\n", replay->started);
    if (replay->finished == NULL)
        byte_buffer_format(
            out, "finished     no, %s so far\n", amount_text_duration(time, status->seconds));
    else
        byte_buffer_format(out, "finished     %s UTC, after %s\n", replay->finished,
            amount_text_duration(time, status->seconds));
}

static void put_sums(const struct status *status, struct byte_buffer *out)
{
    struct sums sums = sums_of(status);

    byte_buffer_format(out, "rows         %" PRIu64, sums.rows);
    if (sums.rows_total > 0)
        byte_buffer_format(out, " of %" PRIu64, sums.rows_total);
    byte_buffer_format(out, " in %" PRIu64 " parts; %zu of %zu tables\n", sums.parts,
        sums.done_count, status->table_count);
    byte_buffer_format(out, "saved DDL    %zu statements, %" PRIu64 " of them brought back\n",
        status->ledger.object_count, status->restored_count);
    if (status->saved_table_count > 0)
        byte_buffer_format(
            out, "saved rows   of %" PRIu64 " tables, from before\n", status->saved_table_count);
    byte_buffer_format(out, "rejected     %" PRIu64 " rows%s\n", status->reject_count,
        status->reject_count == 0 ? "" : " left out (--retry-rejects puts them back)");
}

static void put_sessions(const struct status *status, struct byte_buffer *out)
{
    for (size_t i = 0; i < status->session_count; i++) {
        const struct status_session *session = &status->sessions[i];
        char time[AMOUNT_TEXT_ROOM];

        byte_buffer_format(out, "session      %d: ", session->pid);
        if (session->phase == NULL) {
            byte_buffer_format(
                out, "%s\n", session->is_active ? "at work" : "waits for the others");
            continue;
        }
        byte_buffer_format(out, "%s", session->phase);
        if (session->table != NULL) {
            byte_buffer_format(out, " ");
            safe_text_quote(out, session->table, strlen(session->table));
        }
        byte_buffer_format(out, ", for %s", amount_text_duration(time, session->seconds));
        if (session->row_count > 0)
            byte_buffer_format(out, ", %" PRIu64 " rows", session->row_count);
        byte_buffer_format(out, session->is_waiting ? ", waits for a lock\n" : "\n");
    }
}

static void put_tables(const struct status *status, struct byte_buffer *out)
{
    size_t shown = 0;

    if (status->ledger.replay.phase != LEDGER_PHASE_LOAD)
        return;
    for (size_t i = 0; i < status->table_count; i++) {
        const struct ledger_plan_table *table = &status->tables[i];

        if (is_loaded(table))
            continue;
        if (shown++ == SHOWN_MAX)
            byte_buffer_format(out, "...\n");
        if (shown > SHOWN_MAX)
            return;
        byte_buffer_format(out, "%s%12" PRIu64 " of %12" PRIu64 "  ",
            shown == 1 ? "\nto load:\n" : "", table->done_count, table->row_count);
        put_safe(out, table->name);
        byte_buffer_format(out, "\n");
    }
}

void status_report_text(const struct status *status, struct byte_buffer *out)
{
    if (status->ledger.replay.phase == LEDGER_PHASE_NONE) {
        byte_buffer_format(out, "Nothing was replayed into this database.\n");
        put_sessions(status, out);
        return;
    }
    put_head(status, out);
    put_sums(status, out);
    put_sessions(status, out);
    put_tables(status, out);
}

/* --- JSON --------------------------------------------------------------------------------- */

static void put_json_tables(struct json_writer *w, const struct status *status)
{
    json_writer_name(w, "tables");
    json_writer_begin_array(w);
    for (size_t i = 0; i < status->table_count; i++) {
        const struct ledger_plan_table *table = &status->tables[i];

        json_writer_begin_object(w);
        json_writer_named_text(w, "table", table->name);
        json_writer_named_text(w, "action", table->action);
        json_writer_named_unsigned(w, "rows", table->done_count);
        json_writer_named_unsigned(w, "rows_total", table->row_count);
        json_writer_named_unsigned(w, "bytes_total", table->size);
        json_writer_named_unsigned(w, "parts", table->part_count);
        json_writer_end_object(w);
    }
    json_writer_end_array(w);
}

static void put_json_sessions(struct json_writer *w, const struct status *status)
{
    json_writer_name(w, "sessions");
    json_writer_begin_array(w);
    for (size_t i = 0; i < status->session_count; i++) {
        const struct status_session *session = &status->sessions[i];

        json_writer_begin_object(w);
        json_writer_named_unsigned(w, "process", (uint64_t)session->pid);
        json_writer_named_boolean(w, "active", session->is_active);
        json_writer_named_boolean(w, "waiting_for_lock", session->is_waiting);
        json_writer_named_text(w, "phase", session->phase);
        json_writer_named_text(w, "table", session->table);
        json_writer_name(w, "seconds");
        json_writer_number(w, session->seconds);
        json_writer_named_unsigned(w, "rows", session->row_count);
        json_writer_end_object(w);
    }
    json_writer_end_array(w);
}

void status_report_json(const struct status *status, struct byte_buffer *out)
{
    const struct ledger_replay *replay = &status->ledger.replay;
    bool is_begun = replay->phase != LEDGER_PHASE_NONE;
    struct json_writer w = {.out = out};
    struct sums sums = sums_of(status);

    json_writer_begin_object(&w);
    json_writer_named_unsigned(&w, "version", VERSION);
    json_writer_named_text(&w, "database", status->database);
    json_writer_named_text(&w, "server", status->server);
    json_writer_named_text(&w, "phase", phase_of(status));
    json_writer_named_boolean(&w, "running", status_is_running(status));
    json_writer_named_text(&w, "dump", is_begun ? replay->dump : NULL);
    json_writer_named_text(&w, "state", is_begun ? replay->state : NULL);
    json_writer_named_text(&w, "begun", replay->started);
    json_writer_named_text(&w, "finished", replay->finished);
    json_writer_name(&w, "seconds");
    json_writer_number(&w, status->seconds);
    json_writer_named_unsigned(&w, "rows", sums.rows);
    json_writer_named_unsigned(&w, "rows_total", sums.rows_total);
    json_writer_named_unsigned(&w, "bytes_total", sums.bytes_total);
    json_writer_named_unsigned(&w, "parts", sums.parts);
    json_writer_named_unsigned(&w, "saved_objects", status->ledger.object_count);
    json_writer_named_unsigned(&w, "restored_objects", status->restored_count);
    json_writer_named_unsigned(&w, "saved_tables", status->saved_table_count);
    json_writer_named_unsigned(&w, "rejects", status->reject_count);
    put_json_tables(&w, status);
    put_json_sessions(&w, status);
    json_writer_end_object(&w);
    json_writer_finish(&w);
}
