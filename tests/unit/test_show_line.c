#include "watch/show_line.h"

#include "base/owned.h"
#include "base/safe_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A replay at work on tables, as fast as may be. */
struct world {
    struct progress_view view;
    struct progress_view_table table;
};

static void make(struct world *world, const char *name, size_t task_count)
{
    struct progress_view *view = &world->view;

    *world = (struct world){.table.name = name};
    view->fraction = 0.47;
    view->seconds_left = 200;
    view->has_phase = true;
    view->phase = PROGRESS_LOAD;
    view->phases[PROGRESS_LOAD].total.bytes = 3456789012;
    view->phases[PROGRESS_LOAD].done.bytes = 1234567890;
    view->rows_per_second = 1234567;
    view->bytes_per_second = 123456789;
    view->tables = &world->table;
    view->table_count = name == NULL ? 0 : 1;
    view->task_count = task_count;
}

/* The line in so many columns, which it does not exceed. */
static const char *line_of(const struct world *world, size_t width, bool is_utf8)
{
    static struct byte_buffer line;

    line.size = 0;
    show_line_text(&line, &world->view, width, is_utf8);
    assert_true(width == 0 || safe_text_width(line.data, line.size) <= width);
    byte_buffer_put_u8(&line, '\0');
    return (const char *)line.data;
}

static bool has(const char *line, const char *part)
{
    return strstr(line, part) != NULL;
}

static void the_name_has_the_room_that_is_left(void **state)
{
    static const char name[] = "sliding_sync_connection_lazy_members";
    struct world world;

    (void)state;
    make(&world, name, 1);
    for (size_t width = 145; width < 300; width++)
        assert_true(has(line_of(&world, width, true), name));
    assert_true(has(line_of(&world, 0, true), name));
    for (size_t width = 74; width < 96; width++) {
        const char *line = line_of(&world, width, true);

        assert_int_equal(safe_text_width(line, strlen(line)), width);
        assert_true(has(line, "…") && has(line, "ers") && has(line, ", sli"));
    }
    make(&world, "events", 1);
    assert_true(has(line_of(&world, 79, true), ", events"));
}

/* The fewer columns, the less is said, the name last. */
static void rates_are_left_out_before(void **state)
{
    struct world world;

    (void)state;
    make(&world, "sliding_sync_connection_lazy_members", 3);
    assert_true(has(line_of(&world, 150, true), "rows/s, 123.5 MB/s, sliding"));
    assert_true(has(line_of(&world, 79, true), " and 2 more"));
    assert_false(has(line_of(&world, 79, true), "/s"));
    assert_true(has(line_of(&world, 79, true), "1.2 GB of 3.5 GB"));
    make(&world, NULL, 0);
    assert_true(has(line_of(&world, 99, true), "rows/s, 123.5 MB/s"));
}

static void any_name_at_any_width(void **state)
{
    static const char *const names[] = {"", "x", "a\x1b[31m\n\xff",
        "\xe6\xbc\xa2\xe5\xad\x97 "
        "\xe6\xbc\xa2\xe5\xad\x97 \xe6\xbc\xa2\xe5\xad\x97 \xe6\xbc\xa2\xe5\xad\x97 \xe6\xbc\xa2"};
    struct world world;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (size_t width = 1; width < 200; width++)
            for (int is_utf8 = 0; is_utf8 < 2; is_utf8++) {
                const char *line;

                make(&world, names[i], 2);
                for (line = line_of(&world, width, is_utf8 == 1); *line != '\0'; line++)
                    assert_true((uint8_t)*line >= ' ' && (is_utf8 == 1 || (uint8_t)*line < 0x7f));
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_name_has_the_room_that_is_left),
        cmocka_unit_test(rates_are_left_out_before),
        cmocka_unit_test(any_name_at_any_width),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
