#include "replay/report/status_watch.h"

#include "base/owned.h"
#include "base/stop.h"
#include "replay/report/status.h"
#include "watch/progress_task.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define INTERVAL_MS 1000

struct watching {
    struct progress *progress;
    struct status status;
    struct progress_task tasks[PROGRESS_TASK_COUNT_MAX];
    int64_t replay; /* that the progress knows; -1: none */
    bool was_running;
    bool is_told; /* that nothing is going on */
    enum ledger_phase phase;
};

static void end_tasks(struct watching *watching)
{
    for (size_t i = 0; i < PROGRESS_TASK_COUNT_MAX; i++)
        progress_task_release(&watching->tasks[i]);
}

static void watching_release(struct watching *watching)
{
    end_tasks(watching);
    status_release(&watching->status);
}

/* --- what there is to do --------------------------------------------------------------- */

static bool is_derived(const struct ledger_plan_table *table)
{
    return table->action != NULL && strcmp(table->action, "derive") == 0;
}

static enum progress_phase phase_of(const struct ledger_plan_table *table)
{
    return is_derived(table) ? PROGRESS_DERIVE : PROGRESS_LOAD;
}

static void plan(struct watching *watching)
{
    const struct status *status = &watching->status;
    struct progress *progress = watching->progress;

    progress_reset(progress);
    progress_describe(progress, status->ledger.replay.dump, status->database);
    progress_began_before(progress, status->seconds);
    for (size_t i = 0; i < status->table_count; i++) {
        const struct ledger_plan_table *table = &status->tables[i];

        progress_plan(progress, phase_of(table), progress_table(progress, table->name),
            &(struct progress_count){.rows = table->row_count, .bytes = table->size});
    }
    progress_plan(progress, PROGRESS_INDEX, PROGRESS_NO_TABLE,
        &(struct progress_count){.items = status->ledger.object_count});
    progress_plan(progress, PROGRESS_VERIFY, PROGRESS_NO_TABLE, &(struct progress_count){0});
    watching->phase = LEDGER_PHASE_NONE;
}

/* --- how far it is ------------------------------------------------------------------------- */

/* Rows of a COPY that is going on are not in the ledger yet. */
static uint64_t rows_under_way(const struct status *status, const char *table)
{
    uint64_t count = 0;

    for (size_t i = 0; i < status->session_count; i++)
        if (status->sessions[i].phase != NULL && strcmp(status->sessions[i].phase, "load") == 0
            && status->sessions[i].table != NULL && strcmp(status->sessions[i].table, table) == 0)
            count += status->sessions[i].row_count;
    return count;
}

static void tell_table(struct watching *watching, uint32_t number, bool is_first)
{
    const struct ledger_plan_table *table = &watching->status.tables[number];
    struct progress_count count = {
        .rows = table->done_count + rows_under_way(&watching->status, table->name)};

    if (is_derived(table) && table->part_count > 0)
        count.rows = table->row_count;
    if (count.rows > table->row_count)
        count.rows = table->row_count;
    if (table->row_count > 0)
        count.bytes =
            (uint64_t)((double)table->size * (double)count.rows / (double)table->row_count);
    if (is_first)
        progress_skip(watching->progress, phase_of(table), number, &count);
    else
        progress_set(watching->progress, phase_of(table), number, &count);
}

static enum progress_phase phase_named(const char *name)
{
    for (int i = 0; i < PROGRESS_PHASE_COUNT; i++)
        if (strcmp(progress_phase_name((enum progress_phase)i), name) == 0)
            return (enum progress_phase)i;
    return PROGRESS_LOAD;
}

static uint32_t table_named(const struct status *status, const char *name)
{
    for (size_t i = 0; name != NULL && i < status->table_count; i++)
        if (strcmp(status->tables[i].name, name) == 0)
            return (uint32_t)i;
    return PROGRESS_NO_TABLE;
}

static void tell_sessions(struct watching *watching)
{
    const struct status *status = &watching->status;
    size_t count = 0;

    end_tasks(watching);
    for (size_t i = 0; i < status->session_count && count < PROGRESS_TASK_COUNT_MAX; i++) {
        const struct status_session *session = &status->sessions[i];

        if (session->phase != NULL)
            progress_task_begin_before(&watching->tasks[count++], watching->progress,
                phase_named(session->phase), table_named(status, session->table), session->seconds);
    }
}

/* The ledger's phases, which follow each other. */
static void tell_phase(struct watching *watching)
{
    static const enum progress_phase phases[LEDGER_PHASE_COUNT] = {
        [LEDGER_PHASE_LOAD] = PROGRESS_LOAD,
        [LEDGER_PHASE_RESTORE] = PROGRESS_INDEX,
        [LEDGER_PHASE_VERIFY] = PROGRESS_VERIFY,
    };
    enum ledger_phase now = watching->status.ledger.replay.phase;

    for (int i = LEDGER_PHASE_LOAD; i < (int)now; i++)
        if (i >= (int)watching->phase && i < LEDGER_PHASE_DONE)
            progress_end(watching->progress, phases[i]);
    if (now > LEDGER_PHASE_LOAD && watching->phase <= LEDGER_PHASE_LOAD)
        progress_end(watching->progress, PROGRESS_DERIVE);
    if (now != watching->phase && now < LEDGER_PHASE_DONE && now > LEDGER_PHASE_NONE)
        progress_begin(watching->progress, phases[now]);
    watching->phase = now;
}

static void tell_running(struct watching *watching)
{
    bool is_running = status_is_running(&watching->status);
    enum ledger_phase phase = watching->status.ledger.replay.phase;

    if ((is_running == watching->was_running && watching->is_told) || phase == LEDGER_PHASE_DONE)
        return;
    watching->is_told = true;
    watching->was_running = is_running;
    progress_tell(watching->progress, PROGRESS_NOTE,
        is_running                   ? "a replay is at work"
        : phase == LEDGER_PHASE_NONE ? "nothing was replayed into this database yet"
                                     : "no replay is at work; the unfinished one goes on with the "
                                       "same command",
        NULL);
}

static void tell(struct watching *watching)
{
    const struct ledger_replay *replay = &watching->status.ledger.replay;
    bool is_first = watching->replay != replay->id;

    if (replay->phase != LEDGER_PHASE_NONE) {
        if (is_first)
            plan(watching);
        watching->replay = replay->id;
        for (size_t i = 0; i < watching->status.table_count; i++)
            tell_table(watching, (uint32_t)i, is_first);
        progress_set(watching->progress, PROGRESS_INDEX, PROGRESS_NO_TABLE,
            &(struct progress_count){.items = watching->status.restored_count});
        tell_phase(watching);
    }
    tell_sessions(watching);
    tell_running(watching);
}

bool status_watch_run(struct connection *connection, struct progress *progress, struct error *err)
{
    OWNED(watching) struct watching watching = {.progress = progress, .replay = -1};

    progress_watch_only(progress);
    for (;;) {
        struct pollfd stop = {.fd = stop_fd(), .events = POLLIN};

        if (!status_read(&watching.status, connection, err))
            return err->kind == ERROR_STOPPED;
        tell(&watching);
        if (watching.status.ledger.replay.phase == LEDGER_PHASE_DONE
            && !status_is_running(&watching.status))
            return true;
        poll(&stop, 1, INTERVAL_MS);
        if (stop_is_requested())
            return true;
    }
}
