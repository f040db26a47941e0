#include "replay/load/schedule.h"

#include "base/owned.h"
#include "base/stop.h"
#include "tests/unit/unit.h"

#include <stdatomic.h>

#define TASK_MAX 64

/* What the tasks of a test did. */
struct diary {
    atomic_size_t count;
    size_t order[TASK_MAX]; /* items as they were begun */
    size_t failing;         /* the item that fails; TASK_MAX: none */
};

static bool note(void *context, size_t item, struct connection *connection, struct error *err)
{
    struct diary *diary = context;

    (void)connection;
    diary->order[atomic_fetch_add(&diary->count, 1)] = item;
    return item != diary->failing || error_set(err, ERROR_DATABASE, "item %zu fails", item);
}

static size_t add(struct schedule *schedule, struct diary *diary, size_t item, uint64_t cost)
{
    return schedule_add(schedule,
        &(struct schedule_task){
            .phase = PROGRESS_LOAD, .cost = cost, .run = note, .context = diary, .item = item});
}

static bool run(struct schedule *schedule, size_t worker_count, struct error *err)
{
    static struct progress progress;
    struct connection connections[8] = {{0}};
    struct workers workers = {.connections = connections, .count = worker_count};
    bool done;

    progress_init(&progress, "test", "schedule");
    schedule->progress = &progress;
    done = schedule_run(schedule, &workers, err);
    progress_release(&progress);
    return done;
}

static size_t place_of(const struct diary *diary, size_t item)
{
    for (size_t i = 0; i < diary->count; i++)
        if (diary->order[i] == item)
            return i;
    fail_msg("item %zu was not done", item);
    return 0;
}

static void test_nothing_to_do(void **state)
{
    OWNED(schedule) struct schedule schedule = {0};
    struct error err;

    (void)state;
    assert_true(run(&schedule, 2, &err));
    schedule_order(&schedule, schedule_add_gate(&schedule), schedule_add_gate(&schedule));
    assert_true(run(&schedule, 2, &err));
}

/* One session: a task whose way to the end is longest goes first, though others cost more. */
static void test_the_longest_way_first(void **state)
{
    OWNED(schedule) struct schedule schedule = {0};
    struct diary diary = {.failing = TASK_MAX};
    struct error err;
    size_t gate = schedule_add_gate(&schedule);

    (void)state;
    add(&schedule, &diary, 0, 50);
    schedule_order(&schedule, add(&schedule, &diary, 1, 1), gate);
    schedule_order(&schedule, gate, add(&schedule, &diary, 2, 90));
    add(&schedule, &diary, 3, 60);
    assert_true(run(&schedule, 1, &err));
    assert_int_equal(diary.count, 4);
    assert_int_equal(diary.order[0], 1);
    assert_int_equal(diary.order[1], 2);
    assert_int_equal(diary.order[2], 3);
    assert_int_equal(diary.order[3], 0);
    assert_int_equal(schedule.phases[PROGRESS_LOAD].task_count, 0);
}

/* Ten first tasks, one that waits for all of them, ten that wait for that; on several threads. */
static void test_nobody_is_early(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= 8; workers++) {
        OWNED(schedule) struct schedule schedule = {0};
        struct diary diary = {.failing = TASK_MAX};
        struct error err;
        size_t before = schedule_add_gate(&schedule);
        size_t after = schedule_add_gate(&schedule);
        size_t middle = add(&schedule, &diary, 20, 5);

        schedule_order(&schedule, before, middle);
        schedule_order(&schedule, middle, after);
        for (size_t i = 0; i < 10; i++) {
            schedule_order(&schedule, add(&schedule, &diary, i, i * 7 % 10), before);
            schedule_order(&schedule, after, add(&schedule, &diary, 10 + i, i * 3 % 10));
        }
        assert_true(run(&schedule, workers, &err));
        assert_int_equal(diary.count, 21);
        assert_int_equal(place_of(&diary, 20), 10);
        for (size_t i = 0; i < 10; i++) {
            assert_true(place_of(&diary, i) < 10);
            assert_true(place_of(&diary, 10 + i) > 10);
        }
    }
}

/* What waits for a task that fails is not done, and its words are the schedule's. */
static void test_a_failure_ends_it(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= 4; workers++) {
        OWNED(schedule) struct schedule schedule = {0};
        struct diary diary = {.failing = 1};
        struct error err;
        size_t first = add(&schedule, &diary, 0, 9);
        size_t second = add(&schedule, &diary, 1, 9);
        size_t third = add(&schedule, &diary, 2, 9);

        schedule_order(&schedule, first, second);
        schedule_order(&schedule, second, third);
        assert_false(run(&schedule, workers, &err));
        assert_int_equal(err.kind, ERROR_DATABASE);
        assert_string_equal(err.text, "item 1 fails");
        assert_int_equal(diary.count, 2);
    }
}

static void test_stopping(void **state)
{
    OWNED(schedule) struct schedule schedule = {0};
    struct diary diary = {.failing = TASK_MAX};
    struct error err;

    (void)state;
    add(&schedule, &diary, 0, 1);
    stop_request();
    assert_false(run(&schedule, 2, &err));
    stop_forget();
    assert_int_equal(err.kind, ERROR_STOPPED);
    assert_int_equal(diary.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_the_longest_way_first),
        cmocka_unit_test(test_nobody_is_early),
        cmocka_unit_test(test_a_failure_ends_it),
        cmocka_unit_test(test_stopping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
