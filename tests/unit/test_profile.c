#include "base/owned.h"
#include "profile/builtin_profiles.h"
#include "profile/profile.h"
#include "profile/profile_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void parse_builtin(struct profile *profile)
{
    struct error err;

    if (!profile_parse(profile, builtin_profiles[0].name, builtin_profiles[0].text,
            builtin_profiles[0].size, &err))
        fail_msg("%s", err.text);
}

static void synapse_says_what_it_must(void **state)
{
    OWNED(profile) struct profile profile = {0};
    const struct profile_table *search;
    const struct profile_sequence *sequence;

    (void)state;
    parse_builtin(&profile);
    assert_string_equal(profile.name, "matrix-synapse");
    assert_int_equal(profile.server_version_min, 140000);
    assert_string_equal(profile.collate, "C");
    assert_int_equal(profile_table(&profile, "schema_version")->action, PROFILE_KEEP);
    assert_int_equal(profile_table(&profile, "worker_locks")->action, PROFILE_EMPTY);
    assert_int_equal(profile_table(&profile, "scheduled_tasks")->seed_row_max, 1);
    assert_null(profile_table(&profile, "events"));
    search = profile_table(&profile, "event_search");
    assert_int_equal(search->action, PROFILE_DERIVE);
    assert_string_equal(search->from, "event_search_content");
    assert_string_equal(search->nul_replacement, " ");
    assert_int_equal(search->column_count, 6);
    assert_int_equal(search->loss_count, 2);
    sequence = profile_sequence(&profile, "events_backfill_stream_seq");
    assert_int_equal(sequence->kind, PROFILE_SEQUENCE_STREAM);
    assert_true(sequence->is_negated);
    assert_null(profile_sequence(&profile, "unknown"));
}

static bool has_name(const void *context, const char *name)
{
    const struct profile_texts *names = context;

    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return false;
}

static void profiles_are_found_by_their_tables(void **state)
{
    static const char *synapse[] = {"schema_version", "applied_schema_deltas", "background_updates",
        "events", "event_json", "users", "rooms", "state_groups"};
    const struct profile_texts all_names = {synapse, 8};
    const struct profile_texts some_names = {synapse, 7};
    const struct profile_subject all = {has_name, &all_names, "dump"};
    const struct profile_subject some = {has_name, &some_names, "dump"};
    OWNED(profile) struct profile found = {0};
    OWNED(profile) struct profile none = {0};
    OWNED(profile) struct profile unwanted = {0};
    struct error err;

    (void)state;
    assert_true(profile_find(&found, NULL, &all, &err));
    assert_string_equal(found.name, "matrix-synapse");
    assert_true(profile_find(&none, NULL, &some, &err));
    assert_null(none.name);
    assert_true(profile_find(&unwanted, "none", &all, &err));
    assert_null(unwanted.name);
}

#define HEAD "profile: x\ntitle: X\nformat: 1\n"

static void errors_say_where(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"format: 2\n", "profile format is 2"},
        {"format: 1\ntitle: X\n", "\"profile\" is missing"},
        {HEAD "colour: red\n", "p.yaml:4:"},
        {HEAD "tables: {a: {action: copy}}\n", "p.yaml:4:"},
        {HEAD "tables: {a: {action: derive}}\n", "\"from\" is missing"},
        {HEAD "facts: [{name: f, target: SELECT 1}]\n", "\"source\" is missing"},
        {HEAD "requirements: [{name: r, hint: h}]\n", "exactly one of"},
        {HEAD "sequences: {s: {kind: stream, max: [abc]}}\n", "table.column"},
        {HEAD "sequences: [1]\n", "p.yaml:4:"},
        {HEAD "tables: {t: [keep]}\n", "p.yaml:4:13: this is a list, expected a mapping"},
        {HEAD "tables: {t: keep}\n", "this is a single value, expected a mapping with \"action\""},
        {HEAD "facts: [1]\n", "this is a single value"},
        {HEAD "tables: {t: {seed_rows: -1}}\n",
            "p.yaml:4:25: \"seed_rows\" is -1, expected 0 or more"},
        {HEAD "target: {server_version_min: -9}\n", "\"server_version_min\" is -9"},
        {"[]\n", "a mapping is expected"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        OWNED(profile) struct profile profile = {0};
        struct error err;

        assert_false(profile_parse(&profile, "p.yaml", cases[i].text, strlen(cases[i].text), &err));
        assert_int_equal(err.kind, ERROR_USAGE);
        if (strstr(err.text, cases[i].message) == NULL)
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, err.text, cases[i].message);
    }
}

static void staging_empties_what_the_profile_names(void **state)
{
    static const char text[] =
        "profile: shop\n"
        "title: Shop\n"
        "format: 1\n"
        "recognise: [person]\n"
        "tables: {token: {action: keep, seed_rows: 3}, other: {action: keep}}\n"
        "staging: [token, mail]\n";
    OWNED(profile) struct profile profile = {0};
    OWNED(profile) struct profile none = {0};
    struct error err;

    (void)state;
    assert_true(profile_parse(&profile, "shop.yaml", text, strlen(text), &err));
    assert_int_equal(profile_table(&profile, "token")->action, PROFILE_KEEP);
    assert_null(profile_table(&profile, "mail"));
    assert_true(profile_use_for_staging(&profile, &err));
    assert_int_equal(profile_table(&profile, "token")->action, PROFILE_EMPTY);
    assert_int_equal(profile_table(&profile, "mail")->action, PROFILE_EMPTY);
    assert_int_equal(profile_table(&profile, "other")->action, PROFILE_KEEP);
    assert_int_equal(profile.table_count, 3);
    assert_false(profile_use_for_staging(&none, &err));
    assert_int_equal(err.kind, ERROR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synapse_says_what_it_must),
        cmocka_unit_test(profiles_are_found_by_their_tables),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(staging_empties_what_the_profile_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
