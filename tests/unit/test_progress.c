#include "base/owned.h"
#include "watch/progress_view.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct progress_count hundred = {.rows = 100, .bytes = 1000};

/* Something that shows, which stands still in its first tick until it is let go. */
struct slow_show {
    sem_t has_begun;
    sem_t is_free;
    bool was_held;
    char name[32]; /* of the first table, as the first view has it after the wait */
    uint64_t line_count;
    uint32_t table_count;
    int exit_status;
};

static void tick(void *context, const struct progress_view *view)
{
    struct slow_show *show = context;

    if (!show->was_held) {
        show->was_held = true;
        sem_post(&show->has_begun);
        sem_wait(&show->is_free);
        snprintf(show->name, sizeof(show->name), "%s", view->tables[0].name);
    }
    show->line_count = view->line_first + view->line_count;
    show->table_count = view->table_count;
}

static void end(void *context, const struct progress_view *view)
{
    struct slow_show *show = context;

    show->exit_status = view->result->exit_status;
}

/* Were the lock held meanwhile, this would never end. */
static void what_stands_still_holds_up_nobody(void **state)
{
    OWNED(progress) struct progress progress = {0};
    struct slow_show slow = {.exit_status = -1};
    struct progress_show show = {.context = &slow, .tick = tick, .close = end};
    struct error err;

    (void)state;
    sem_init(&slow.has_begun, 0, 0);
    sem_init(&slow.is_free, 0, 0);
    progress_init(&progress, "test", "replay");
    progress_table(&progress, "first");
    progress_attach(&progress, &show);
    assert_true(progress_start(&progress, &err));
    sem_wait(&slow.has_begun);

    for (int i = 0; i < PROGRESS_LOG_COUNT_MAX + 100; i++)
        progress_tell(&progress, PROGRESS_NOTE, "said while nobody looks", NULL);
    progress_begin(&progress, PROGRESS_LOAD);
    progress_describe(&progress, "other.valise", "database");
    progress_reset(&progress); /* tables and their names go */
    progress_table(&progress, "second");
    progress_table(&progress, "third");
    progress_plan(&progress, PROGRESS_LOAD, 0, &hundred);

    sem_post(&slow.is_free);
    progress_finish(&progress, NULL, NULL);
    assert_string_equal(slow.name, "first");
    assert_int_equal(slow.line_count, PROGRESS_LOG_COUNT_MAX + 100);
    assert_int_equal(slow.table_count, 2);
    assert_int_equal(slow.exit_status, 0);
    sem_destroy(&slow.has_begun);
    sem_destroy(&slow.is_free);
}

/* Counters move while they are read. */
static void more_skipped_than_done_is_no_speed(void **state)
{
    OWNED(progress) struct progress progress = {0};
    OWNED(progress_view) struct progress_view early = {0};
    OWNED(progress_view) struct progress_view late = {0};

    (void)state;
    progress_init(&progress, "test", "replay");
    progress_plan(&progress, PROGRESS_LOAD, PROGRESS_NO_TABLE, &hundred);
    progress_begin(&progress, PROGRESS_LOAD);
    progress_view_make(&early, &progress);
    atomic_store(&progress.phases[PROGRESS_LOAD].skipped.rows, 50); /* done follows */
    progress.epoch -= 1;
    progress_view_make(&late, &progress);
    assert_true(late.rows_per_second == 0);
}

/* A database without indexes is not a third done before its first row. */
static void a_phase_without_work_counts_for_nothing(void **state)
{
    static const struct progress_count half = {.rows = 50, .bytes = 500};
    OWNED(progress) struct progress progress = {0};
    OWNED(progress_view) struct progress_view early = {0};
    OWNED(progress_view) struct progress_view late = {0};

    (void)state;
    progress_init(&progress, "test", "replay");
    progress_plan(&progress, PROGRESS_INDEX, PROGRESS_NO_TABLE, &(struct progress_count){0});
    progress_begin(&progress, PROGRESS_INDEX);
    progress_end(&progress, PROGRESS_INDEX);
    progress_view_make(&early, &progress);
    assert_true(early.fraction == 1); /* nothing else is to do */
    progress_plan(&progress, PROGRESS_LOAD, PROGRESS_NO_TABLE, &hundred);
    progress_add(&progress, PROGRESS_LOAD, PROGRESS_NO_TABLE, &half);
    progress_view_make(&late, &progress);
    assert_true(late.fraction == 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stands_still_holds_up_nobody),
        cmocka_unit_test(more_skipped_than_done_is_no_speed),
        cmocka_unit_test(a_phase_without_work_counts_for_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
