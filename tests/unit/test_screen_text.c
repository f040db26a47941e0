#include "base/owned.h"
#include "base/safe_text.h"
#include "watch/progress_task.h"
#include "watch/screen_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct progress_count hundred = {.rows = 100, .bytes = 1000};
static const struct progress_count half = {.rows = 50, .bytes = 500};

/* Three tables: one waits, one is half loaded, one is done. */
static void begin(struct progress *progress)
{
    progress_init(progress, "test", "replay");
    progress_describe(progress, "a\x1b[31m.valise", "target");
    progress_table(progress, "waits");
    progress_table(progress, "works\n\xff name \xe6\xbc\xa2\xe5\xad\x97 that is rather long");
    progress_table(progress, "done");
    progress_table(progress, "no part of it");
    for (uint32_t i = 0; i < 3; i++)
        progress_plan(progress, PROGRESS_LOAD, i, &hundred);
    progress_begin(progress, PROGRESS_LOAD);
    progress_add(progress, PROGRESS_LOAD, 1, &half);
    progress_add(progress, PROGRESS_LOAD, 2, &hundred);
}

static void tables_at_work_come_first(void **state)
{
    OWNED(progress) struct progress progress = {0};
    OWNED(progress_view) struct progress_view view = {0};
    uint32_t order[4];

    (void)state;
    begin(&progress);
    progress_view_make(&view, &progress);
    assert_int_equal(screen_text_sort(&view, order), 3);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 0);
    assert_int_equal(order[2], 2);
    assert_true(view.fraction == 0.5);
    assert_int_equal(view.tables[2].state, PROGRESS_DONE);
    assert_true(view.tables[1].fraction == 0.5);
}

/* Whatever is in a name: a line is as wide as the screen, and holds nothing that moves a cursor. */
static void lines_are_exactly_as_wide(void **state)
{
    OWNED(progress) struct progress progress = {0};
    OWNED(progress_view) struct progress_view view = {0};
    OWNED(progress_task) struct progress_task task = {0};

    (void)state;
    begin(&progress);
    progress_task_begin(&task, &progress, PROGRESS_LOAD, 1);
    progress_view_make(&view, &progress);
    assert_int_equal(view.task_count, 1);
    for (size_t width = 1; width < 220; width++) {
        for (int is_utf8 = 0; is_utf8 < 2; is_utf8++) {
            const struct screen_style style = {.width = width, .is_utf8 = is_utf8 == 1};

            for (int line = 0; line < 5; line++) {
                OWNED(byte_buffer) struct byte_buffer text = {0};

                if (line == 0 && width > 10)
                    screen_text_title(&text, &view, &style);
                else if (line == 1)
                    screen_text_heading(&text, &style);
                else if (line == 2)
                    screen_text_rates(&text, &view, &style);
                else if (line == 3)
                    screen_text_task(&text, &view, 0, &style);
                else
                    screen_text_table(&text, &view.tables[1], &style);
                assert_int_equal(safe_text_width(text.data, text.size), width);
                for (size_t i = 0; i < text.size; i++)
                    assert_true(text.data[i] >= ' ' && (is_utf8 == 1 || text.data[i] < 0x7f));
            }
        }
    }
}

static void what_was_skipped_is_no_speed(void **state)
{
    OWNED(progress) struct progress progress = {0};
    OWNED(progress_view) struct progress_view view = {0};

    (void)state;
    progress_init(&progress, "test", "replay");
    progress_table(&progress, "t");
    progress_plan(&progress, PROGRESS_LOAD, 0, &hundred);
    progress_skip(&progress, PROGRESS_LOAD, 0, &half);
    progress_view_make(&view, &progress);
    assert_true(view.fraction == 0.5);
    assert_true(progress.rate.last.bytes[PROGRESS_LOAD] == 0);
    assert_true(progress.rate.fraction == 0);
}

/* A guess never says that all is done, and gives way to what was found. */
static void a_guess_is_settled(void **state)
{
    OWNED(progress) struct progress progress = {0};
    OWNED(progress_view) struct progress_view early = {0};
    OWNED(progress_view) struct progress_view late = {0};

    (void)state;
    progress_init(&progress, "test", "dump");
    progress_table(&progress, "t");
    progress_plan(&progress, PROGRESS_READ, 0, &half);
    progress_guess(&progress, PROGRESS_READ);
    progress_add(&progress, PROGRESS_READ, 0, &hundred);
    progress_view_make(&early, &progress);
    assert_true(early.fraction < 1);
    progress_settle(&progress, PROGRESS_READ, 0);
    progress_end(&progress, PROGRESS_READ);
    progress_view_make(&late, &progress);
    assert_true(late.fraction == 1);
    assert_int_equal(late.phases[PROGRESS_READ].total.rows, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_at_work_come_first),
        cmocka_unit_test(lines_are_exactly_as_wide),
        cmocka_unit_test(what_was_skipped_is_no_speed),
        cmocka_unit_test(a_guess_is_settled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
