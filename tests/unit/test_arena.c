#include "base/arena.h"
#include "base/owned.h"
#include "tests/unit/unit.h"

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    OWNED(arena) struct arena arena = {0};
    uint8_t *last = NULL;

    (void)state;
    for (size_t size = 1; size < 70000; size = size * 3 + 1) {
        uint8_t *p = arena_alloc(&arena, 1, size);

        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xee, size);
        if (last != NULL)
            assert_int_equal(*last, 0xee);
        last = p;
    }
}

static void copies_end_with_nul(void **state)
{
    OWNED(arena) struct arena arena = {0};

    (void)state;
    assert_memory_equal(arena_copy(&arena, "a\0b", 3), "a\0b", 4);
    assert_string_equal(arena_copy(&arena, NULL, 0), "");
    assert_string_equal(arena_text(&arena, "text"), "text");
    assert_string_equal(arena_format(&arena, "%s-%d", "n", 42), "n-42");
}

static void nothing_can_be_had(void **state)
{
    OWNED(arena) struct arena arena = {0};

    (void)state;
    assert_non_null(arena_alloc(&arena, 0, 100));
    assert_non_null(arena_alloc(&arena, 100, 0));
    arena_release(&arena);
    assert_null(arena.chunks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(copies_end_with_nul),
        cmocka_unit_test(nothing_can_be_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
