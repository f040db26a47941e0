#include "replay/report/report.h"

#include "base/safe_text.h"
#include "replay/report/report_plan.h"

#include <inttypes.h>
#include <string.h>

static const char *const step_labels[OUTCOME_STEP_COUNT] = {
    [OUTCOME_STEP_CHECK] = "checks",
    [OUTCOME_STEP_LOAD] = "loading",
    [OUTCOME_STEP_RESTORE] = "indexes and constraints",
    [OUTCOME_STEP_FINISH] = "sequences and statistics",
    [OUTCOME_STEP_VERIFY] = "verification",
};

static const char *const outcome_names[] = {
    [REPORT_FAILED] = "failed",
    [REPORT_REFUSED] = "refused",
    [REPORT_PLANNED] = "planned",
    [REPORT_NOTHING] = "nothing_to_do",
    [REPORT_DONE] = "done",
    [REPORT_UNDONE] = "undone",
};

const char *report_outcome_name(enum report_outcome outcome)
{
    return outcome_names[outcome];
}

static void put_safe(struct byte_buffer *out, const char *text)
{
    safe_text_put(out, text, strlen(text));
}

static double megabytes(uint64_t size)
{
    return (double)size / 1e6;
}

/* --- problems and notes ----------------------------------------------------------- */

static void put_entry(struct byte_buffer *out, const struct problem *problem)
{
    byte_buffer_format(out, "- ");
    put_safe(out, problem->text);
    if (problem->advice != NULL) {
        byte_buffer_format(out, "\n  -> ");
        put_safe(out, problem->advice);
    }
    byte_buffer_format(out, "\n");
}

void report_problems(const struct problems *problems, struct byte_buffer *out)
{
    for (size_t i = 0; i < problems->count; i++)
        put_entry(out, &problems->items[i]);
}

static void put_notes(struct byte_buffer *out, const struct problems *problems)
{
    if (problems == NULL || problems->note_count == 0)
        return;
    byte_buffer_format(out, "\nWorth knowing:\n");
    for (size_t i = 0; i < problems->note_count; i++)
        put_entry(out, &problems->notes[i]);
}

/* --- for a person ------------------------------------------------------------------- */

static void put_head(struct byte_buffer *out, const struct report *report)
{
    byte_buffer_format(out, "dump         ");
    put_safe(out, report->dump);
    byte_buffer_format(
        out, " (%.1f MB, state %.16s...)\n", megabytes(report->dump_size), report->state);
    byte_buffer_format(out, "target       database \"");
    put_safe(out, report->database);
    byte_buffer_format(out, "\" on PostgreSQL %s\n", report->server);
    byte_buffer_format(out, "application  %s\n",
        report->profile == NULL ? "unknown, no profile" : report->profile);
}

static size_t count_tables(const struct plan *plan, enum plan_action action)
{
    size_t count = 0;

    for (size_t i = 0; i < plan->table_count; i++)
        count += plan->tables[i].action == action && plan->tables[i].target != NULL;
    return count;
}

static void put_verified(struct byte_buffer *out, const struct report *report)
{
    const struct verify_result *verified = &report->work.verified;

    switch (report->work.verify_level) {
    case VERIFY_TOUCHED:
    case VERIFY_FULL:
        byte_buffer_format(out,
            "verified     %zu table%s: every row read back (%.1f MB) and compared, %" PRIu64
            " in all\n",
            verified->table_count, verified->table_count == 1 ? "" : "s", megabytes(verified->size),
            verified->row_count);
        if (count_tables(report->plan, PLAN_DERIVE) > 0)
            byte_buffer_format(out,
                "             (of the %zu derived ones only the number of rows)\n",
                count_tables(report->plan, PLAN_DERIVE));
        if (report->plan->uncompared_count > 0)
            byte_buffer_format(out,
                "             (nothing of %zu column%s that the target computes: see below)\n",
                report->plan->uncompared_count, report->plan->uncompared_count == 1 ? "" : "s");
        break;
    case VERIFY_CHANGED:
        byte_buffer_format(out,
            "verified     %zu tables: %" PRIu64 " rows read back (%.1f MB) and compared, of large "
            "tables those that the delta changed\n",
            verified->table_count, verified->row_count, megabytes(verified->size));
        break;
    case VERIFY_COUNTS:
        byte_buffer_format(out,
            "verified     %zu tables by their number of rows alone (%" PRIu64 ")\n",
            verified->table_count, verified->row_count);
        break;
    case VERIFY_NONE:
        byte_buffer_format(out, "verified     nothing, as asked\n");
        break;
    }
}

static void put_times(struct byte_buffer *out, const struct report *report)
{
    byte_buffer_format(out, "time         %.1f s;%s", report->total_seconds,
        report->jobs > 1 ? " all connections together:" : "");
    for (int i = 0; i < OUTCOME_STEP_COUNT; i++)
        byte_buffer_format(
            out, "%s %s %.1f", i == 0 ? "" : ",", step_labels[i], report->work.seconds[i]);
    byte_buffer_format(out, "\n");
}

static void put_delta_done(struct byte_buffer *out, const struct report *report)
{
    byte_buffer_format(out,
        "rows         %" PRIu64 " removed, %" PRIu64 " added, in %zu tables; %zu sequences set\n",
        report->work.removed_count, report->work.added_count, report->work.changed_table_count,
        report->work.sequence_count);
    put_verified(out, report);
    put_times(out, report);
    byte_buffer_format(out, "\n%s\n",
        report->outcome == REPORT_UNDONE ? "The delta is taken back." : "The delta is applied.");
}

static void put_done(struct byte_buffer *out, const struct report *report)
{
    const struct plan *plan = report->plan;

    if (report->is_resumed)
        byte_buffer_format(out, "resumed      an interrupted replay was carried on\n");
    byte_buffer_format(out,
        "tables       %zu loaded, %zu derived, %zu had the same rows, %zu emptied, %zu kept\n"
        "rows         %" PRIu64 " (%.1f MB) over %zu connections\n"
        "brought back %zu indexes, constraints and triggers; %zu sequences set\n",
        count_tables(plan, PLAN_LOAD), count_tables(plan, PLAN_DERIVE),
        count_tables(plan, PLAN_SAME), count_tables(plan, PLAN_EMPTY),
        count_tables(plan, PLAN_KEEP), plan->row_count, megabytes(plan->size), report->jobs,
        report->work.restored_count, report->work.sequence_count);
    put_verified(out, report);
    put_times(out, report);
}

void report_text(const struct report *report, struct byte_buffer *out)
{
    if (report->outcome != REPORT_NOTHING)
        put_head(out, report);
    switch (report->outcome) {
    case REPORT_PLANNED:
        report_plan_text(report, out);
        break;
    case REPORT_NOTHING:
        byte_buffer_format(
            out, "The target holds this state already (%.16s): nothing to do.\n", report->state);
        if (report->work.verified.table_count > 0)
            byte_buffer_format(out,
                "Of %zu table%s every row was read back (%.1f MB) and compared, %" PRIu64
                " in all: as they were replayed.\n",
                report->work.verified.table_count,
                report->work.verified.table_count == 1 ? "" : "s",
                megabytes(report->work.verified.size), report->work.verified.row_count);
        break;
    case REPORT_DONE:
        if (report->is_delta)
            put_delta_done(out, report);
        else
            put_done(out, report);
        break;
    case REPORT_UNDONE:
        put_delta_done(out, report);
        break;
    case REPORT_FAILED:
    case REPORT_REFUSED:
        break;
    }
    put_notes(out, report->problems);
    if (report->outcome == REPORT_DONE && !report->is_delta)
        byte_buffer_format(out, "\nDone.\n");
}
