#include "replay/report/report_plan.h"

#include "base/safe_text.h"
#include "replay/report/estimate.h"
#include "watch/amount_text.h"

#include <inttypes.h>
#include <string.h>

static void put_safe(struct byte_buffer *out, const char *text)
{
    safe_text_put(out, text, strlen(text));
}

static double megabytes(uint64_t size)
{
    return (double)size / 1e6;
}

static void put_range(struct byte_buffer *out, uint64_t from, uint64_t to)
{
    char least[AMOUNT_TEXT_ROOM];
    char most[AMOUNT_TEXT_ROOM];

    byte_buffer_format(out, "%s to %s", amount_text_size(least, from), amount_text_size(most, to));
}

/* --- tables ------------------------------------------------------------------------ */

static void put_name(struct byte_buffer *out, const struct plan_table *table)
{
    put_safe(out, table->name);
    if (table->target != NULL && strcmp(table->target->name, table->name) != 0) {
        byte_buffer_format(out, " (as ");
        put_safe(out, table->target->name);
        byte_buffer_format(out, ")");
    }
    byte_buffer_format(out, "\n");
}

static void put_full(struct byte_buffer *out, const struct plan *plan)
{
    byte_buffer_format(out, "\n%-8s %12s %10s  table\n", "action", "rows", "MB");
    for (size_t i = 0; i < plan->table_count; i++) {
        const struct plan_table *table = &plan->tables[i];
        bool moves = table->action == PLAN_LOAD || table->action == PLAN_DERIVE;

        if (table->action == PLAN_IGNORE && table->target == NULL && table->row_count == 0)
            continue;
        byte_buffer_format(out, "%-8s %12" PRIu64 " %10.1f  ", plan_action_name(table->action),
            moves ? table->row_count : 0, moves ? megabytes(table->size) : 0.0);
        put_name(out, table);
    }
    byte_buffer_format(
        out, "%-8s %12" PRIu64 " %10.1f\n", "sum", plan->row_count, megabytes(plan->size));
}

static void put_delta(
    struct byte_buffer *out, const struct plan *plan, const struct estimate *estimate)
{
    uint64_t removed_count = 0;
    uint64_t added_count = 0;

    byte_buffer_format(out, "\n%-8s %12s %12s  table\n", "action", "removed", "added");
    for (size_t i = 0; i < plan->table_count; i++) {
        const struct plan_table *table = &plan->tables[i];
        const struct table_estimate *one = &estimate->tables[i];

        if (!one->is_touched)
            continue;
        byte_buffer_format(out, "%-8s %12" PRIu64 " %12" PRIu64 "  ",
            plan_action_name(table->action), one->removed_count, one->added_count);
        put_name(out, table);
        removed_count += one->removed_count;
        added_count += one->added_count;
    }
    byte_buffer_format(
        out, "%-8s %12" PRIu64 " %12" PRIu64 "\n", "sum", removed_count, added_count);
}

/* --- what it takes -------------------------------------------------------------------- */

static void put_database(struct byte_buffer *out, const struct estimate *estimate)
{
    char size[AMOUNT_TEXT_ROOM];

    byte_buffer_format(
        out, "database     %s now, about ", amount_text_size(size, estimate->database_size));
    put_range(out, estimate->after.min, estimate->after.max);
    byte_buffer_format(out, " afterwards (new: tables ");
    put_range(out, estimate->tables_sum.min, estimate->tables_sum.max);
    byte_buffer_format(out, ", indexes ");
    put_range(out, estimate->indexes_sum.min, estimate->indexes_sum.max);
    byte_buffer_format(out, ")\nWAL          about ");
    put_range(out, estimate->wal.min, estimate->wal.max);
    byte_buffer_format(out, " written meanwhile\n");
}

static void put_disk(struct byte_buffer *out, const struct estimate *estimate)
{
    const struct server_disk *disk = &estimate->disk;
    char size[AMOUNT_TEXT_ROOM];

    byte_buffer_format(
        out, "disk         about %s needed at most; ", amount_text_size(size, estimate->room_size));
    if (disk->reason != NULL) {
        byte_buffer_format(out, "how much is free is not known: %s\n", disk->reason);
        return;
    }
    byte_buffer_format(out, "%s ", amount_text_size(size, disk->free_size));
    byte_buffer_format(out, "of %s are free in ", amount_text_size(size, disk->size));
    put_safe(out, disk->folder);
    byte_buffer_format(out, "\n");
}

static void put_time(struct byte_buffer *out, const struct report *report)
{
    char least[AMOUNT_TEXT_ROOM];
    char most[AMOUNT_TEXT_ROOM];

    byte_buffer_format(out,
        "time         very roughly %s to %s over %zu connection%s; a rehearsal tells better\n",
        amount_text_duration(least, report->estimate->seconds_min),
        amount_text_duration(most, report->estimate->seconds_max), report->jobs,
        report->jobs == 1 ? "" : "s");
}

void report_plan_text(const struct report *report, struct byte_buffer *out)
{
    const struct estimate *estimate = report->estimate;

    if (report->is_delta)
        put_delta(out, report->plan, estimate);
    else
        put_full(out, report->plan);
    byte_buffer_format(out, "\ntouches      %zu of %zu tables; the others stay as they are\n",
        estimate->touched_count, report->plan->table_count);
    put_database(out, estimate);
    put_disk(out, estimate);
    put_time(out, report);
    byte_buffer_format(out, "\nNothing was changed.%s\n",
        report->is_undo ? " The delta is still applied; without --dry-run it is taken back." : "");
}
