/* The groups of an alignment take all units and all chunks, in order, whatever changed. */
#include "dump/alignment.h"

#include "base/byte_buffer.h"
#include "base/owned.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define CHUNK_COUNT_MAX 200

struct chunks {
    struct chunk items[CHUNK_COUNT_MAX * 2];
    uint32_t count;
};

/* What came out of one alignment. */
struct outcome {
    uint32_t source_count;
    uint32_t chunk_count;
    uint32_t same_count;
    uint32_t changed_chunk_count; /* of groups with sources */
    uint32_t inserted_count;      /* chunks of groups without sources */
    uint32_t removed_count;       /* units of groups without chunks */
};

static struct chunk chunk_of(uint64_t content, uint64_t cut)
{
    return (struct chunk){.row_count = 10, .sum = {.low = content, .high = ~content}, .cut = cut};
}

/* One unit per chunk, or, with `joined`, now and then one of two. */
static void make_units(struct units *units, const struct chunks *chunks, bool joined)
{
    for (uint32_t i = 0; i < chunks->count; i++) {
        if (!joined || i % 3 != 1)
            units_append(units, 0, 1);
        units_append_chunk(units, &chunks->items[i]);
    }
}

static void take_groups(struct alignment *alignment, const struct units *old,
    const struct chunks *new, uint32_t offered, struct outcome *outcome)
{
    struct alignment_group group;

    while (alignment_take(alignment, &group)) {
        assert_int_equal(group.source_first, outcome->source_count);
        assert_true(group.source_count <= ALIGNMENT_SOURCE_MAX);
        assert_true(group.source_count > 0 || group.chunk_count > 0);
        if (group.is_same) {
            const struct unit *unit = &old->units[group.source_first];

            assert_int_equal(group.source_count, 1);
            assert_int_equal(group.chunk_count, unit->chunk_count);
            for (uint32_t i = 0; i < group.chunk_count; i++)
                assert_true(checksum_equal(new->items[outcome->chunk_count + i].sum,
                    old->chunks[unit->first_chunk + i].sum));
            outcome->same_count++;
        } else if (group.source_count == 0) {
            outcome->inserted_count += group.chunk_count;
        } else if (group.chunk_count == 0) {
            outcome->removed_count += group.source_count;
        } else {
            outcome->changed_chunk_count += group.chunk_count;
        }
        outcome->source_count += group.source_count;
        outcome->chunk_count += group.chunk_count;
    }
    assert_true(outcome->source_count <= old->unit_count);
    assert_true(outcome->chunk_count + ALIGNMENT_PENDING_MAX > offered);
}

static struct outcome align(const struct chunks *old_chunks, const struct chunks *new, bool joined)
{
    OWNED(units) struct units old = {0};
    struct outcome outcome = {0};
    struct alignment *alignment;

    make_units(&old, old_chunks, joined);
    alignment = alignment_open(&old);
    for (uint32_t i = 0; i < new->count; i++) {
        alignment_offer(alignment, &new->items[i]);
        take_groups(alignment, &old, new, i + 1, &outcome);
    }
    alignment_finish(alignment);
    take_groups(alignment, &old, new, new->count, &outcome);
    alignment_close(alignment);
    assert_int_equal(outcome.source_count, old.unit_count);
    assert_int_equal(outcome.chunk_count, new->count);
    return outcome;
}

static struct chunks run_of(uint32_t count)
{
    struct chunks chunks = {.count = count};

    for (uint32_t i = 0; i < count; i++)
        chunks.items[i] = chunk_of(1000 + i, 5000 + i);
    return chunks;
}

static void test_equal_states_are_the_same(void **state)
{
    struct chunks chunks = run_of(100);

    (void)state;
    assert_int_equal(align(&chunks, &chunks, false).same_count, 100);
    assert_int_equal(align(&chunks, &chunks, true).changed_chunk_count, 0);
}

static void test_an_update_changes_one_unit(void **state)
{
    struct chunks old = run_of(100);
    struct chunks new = old;
    struct outcome outcome;

    (void)state;
    new.items[50].sum.low++;
    outcome = align(&old, &new, false);
    assert_int_equal(outcome.same_count, 99);
    assert_int_equal(outcome.changed_chunk_count, 1);
}

static void test_an_update_of_a_cut_row_changes_two(void **state)
{
    struct chunks old = run_of(100);
    struct chunks new = old;
    struct outcome outcome;

    /* The row at the end of chunk 50 no longer ends one: 50 and 51 become one chunk. */
    (void)state;
    new.items[50] = chunk_of(77, old.items[51].cut);
    new.count--;
    memmove(&new.items[51], &new.items[52], 48 * sizeof(new.items[0]));
    outcome = align(&old, &new, false);
    assert_int_equal(outcome.same_count, 98);
    assert_int_equal(outcome.changed_chunk_count, 1);
    assert_int_equal(outcome.removed_count, 0);
}

static void test_a_grown_tail_pairs_with_the_last_unit(void **state)
{
    struct chunks old = run_of(10);
    struct chunks new = run_of(30);
    struct outcome outcome;

    (void)state;
    old.items[9] = chunk_of(1, 2);
    outcome = align(&old, &new, false);
    assert_int_equal(outcome.same_count, 9);
    assert_int_equal(outcome.removed_count, 0);
    assert_int_equal(outcome.changed_chunk_count, 1);
    assert_int_equal(outcome.inserted_count, 20);
}

static void test_a_long_insertion_keeps_the_rest(void **state)
{
    struct chunks old = run_of(40);
    struct chunks new = {.count = 60};

    (void)state;
    for (uint32_t i = 0; i < 60; i++)
        new.items[i] = i < 10 ? old.items[i] : i < 30 ? chunk_of(i, i) : old.items[i - 20];
    assert_int_equal(align(&old, &new, false).same_count, 40);
}

static void test_a_long_removal_keeps_the_rest(void **state)
{
    struct chunks old = run_of(60);
    struct chunks new = run_of(60);
    struct outcome outcome;

    (void)state;
    memmove(&new.items[10], &new.items[40], 20 * sizeof(new.items[0]));
    new.count = 30;
    outcome = align(&old, &new, false);
    assert_int_equal(outcome.same_count, 30);
    assert_int_equal(outcome.removed_count, 30);
}

static void test_empty_states(void **state)
{
    struct chunks none = {.count = 0};
    struct chunks some = run_of(9);

    (void)state;
    align(&none, &none, false);
    assert_int_equal(align(&none, &some, false).inserted_count, 9);
    assert_int_equal(align(&some, &none, false).removed_count, 9);
}

static void test_random_edits(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 2000; seed++) {
        struct chunks old = {0};
        struct chunks new = {0};
        uint32_t count;

        srandom(seed);
        count = (uint32_t)random() % CHUNK_COUNT_MAX;
        for (uint32_t i = 0; i < count; i++) {
            /* Few different contents, so that chunks repeat. */
            struct chunk chunk = chunk_of((uint64_t)random() % 40, (uint64_t)random() % 60);
            long edit = random() % 12;

            old.items[old.count++] = chunk;
            if (edit == 0)
                continue;
            if (edit == 1)
                chunk.sum.low += 100;
            if (edit == 2)
                chunk = chunk_of((uint64_t)random(), (uint64_t)random());
            new.items[new.count++] = chunk;
            if (edit == 3)
                new.items[new.count++] = chunk_of((uint64_t)random() % 40, 3);
        }
        align(&old, &new, seed % 2 == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_states_are_the_same),
        cmocka_unit_test(test_an_update_changes_one_unit),
        cmocka_unit_test(test_an_update_of_a_cut_row_changes_two),
        cmocka_unit_test(test_a_grown_tail_pairs_with_the_last_unit),
        cmocka_unit_test(test_a_long_insertion_keeps_the_rest),
        cmocka_unit_test(test_a_long_removal_keeps_the_rest),
        cmocka_unit_test(test_empty_states),
        cmocka_unit_test(test_random_edits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
