#include "replay/preflight/plain_predicate.h"

#include "unit.h"

#include <stdio.h>

static const struct target_column targets[] = {
    {.name = "room"},
    {.name = "Odd name"},
    {.name = "flag"},
    {.name = "ts"},
    {.name = "place"},
    {.name = "amount"},
    {.name = "short", .is_domain = true},
};

static struct copy_column columns[] = {
    {.type = {.kind = TYPE_TEXT, .column = &targets[0]}},
    {.type = {.kind = TYPE_TEXT, .column = &targets[1]}},
    {.type = {.kind = TYPE_BOOLEAN, .column = &targets[2]}},
    {.type = {.kind = TYPE_INT8, .column = &targets[3]}},
    {.type = {.kind = TYPE_OTHER, .column = &targets[4]}},
    {.type = {.kind = TYPE_NUMERIC, .column = &targets[5]}},
    {.type = {.kind = TYPE_TEXT, .column = &targets[6]}},
};

static const struct plan_table table = {.columns = columns, .column_count = COUNT_OF(columns)};

static bool is_plain(const char *predicate)
{
    char definition[500];

    snprintf(definition, sizeof(definition),
        "CREATE INDEX \"a WHERE b\" ON public.t USING btree (room)%s%s",
        predicate[0] == '\0' ? "" : " WHERE ", predicate);
    return plain_predicate_has(&table, definition);
}

static void knows_what_cannot_fail(void **state)
{
    static const char *const plain[] = {
        "(room IS NOT NULL)",
        "(place IS NULL)",
        "((short IS NULL) AND (amount IS NOT NULL))",
        "flag",
        "(NOT flag)",
        "(NOT (flag AND (ts > 5)))",
        "((flag = true) AND (flag <> false))",
        "(flag IS NOT TRUE)",
        "(room = 'm.room.member'::text)",
        "(room = 'it''s (a) \"WHERE\" lower(x)'::text)",
        "((\"Odd name\" = 'x'::bpchar) OR (ts = '-1'::integer))",
        "((ts >= 0) AND (ts < '9000000000'::bigint))",
        "(room = ANY (ARRAY['invite'::text, 'join'::text]))",
        "(ts = ts)",
        "((ts = 1) AND flag AND (room <> \"Odd name\"))",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(plain); i++)
        if (!is_plain(plain[i]))
            fail_msg("%s can fail?", plain[i]);
}

static void doubts_everything_else(void **state)
{
    static const char *const doubtful[] = {
        "",
        "(lower(room) = 'x'::text)",
        "(room(ts) = 1)", /* a function may have a column's name */
        "((1 / ts) > 0)",
        "((ts + 1) > 0)",
        "((room)::integer > 0)",
        "(room = 5)", /* by a cast that is not shown */
        "(ts = 'x'::text)",
        "(ts = ANY (ARRAY[1, 'x'::text]))",
        "(room = true)",
        "((ts = 1) = flag)",
        "((ts IS NULL) = flag)",
        "(amount = 1)", /* numeric to double precision overflows */
        "(short = 'x'::text)",
        "(place = '(1,2)'::point)",
        "(place OPERATOR(public.=) '(1,2)'::text)",
        "(room OPERATOR(public.=) 'x'::text)",
        "(room ~ 'x'::text)",
        "(room ~~ 'x%'::text)",
        "((flag = true) AND room)",
        "room",
        "(other IS NULL)",
        "(\"Odd\"\" name\" IS NULL)",
        "(\"Odd name\"(ts) IS NULL)",
        "(room = 'x)",
        "(room = 'x'::text::regclass)",
        "(room = 'x')",
        "(room = 'x'::numeric(3,1))",
        "(room = E'\\\\'::text)",
        "(ts > 1.5)",
        "(ts -> 1)",
        "(= 1)",
        "(AND)",
        "(room = CURRENT_USER)",
        "CASE WHEN flag THEN flag END",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(doubtful); i++)
        if (is_plain(doubtful[i]))
            fail_msg("%s cannot fail?", doubtful[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_cannot_fail),
        cmocka_unit_test(doubts_everything_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
