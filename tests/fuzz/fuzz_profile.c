/* A profile, and what is looked up in it. */
#include "base/owned.h"
#include "profile/profile.h"
#include "profile/profile_parse.h"
#include "replay/values/unix_time.h"
#include "replay/values/value_policy.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

#define NAME "profile.yaml"

static void look_up(const struct profile *profile)
{
    const struct command_line_list words = {0};
    const struct value_policies policies = {
        .words = &words, .unix_times = &words, .profile = profile, .nul_text = ""};

    assert(profile->name != NULL && profile->title != NULL);
    for (size_t i = 0; i < profile->table_count; i++) {
        const struct profile_table *table = &profile->tables[i];

        assert(profile_table(profile, table->name) != NULL);
        assert(table->action != PROFILE_DERIVE || (table->from != NULL && table->insert != NULL));
        assert(table->seed_row_max >= 0);
        for (size_t k = 0; k < table->bad_values.count; k++)
            assert(value_policy_of(&policies, table->name, table->bad_values.items[k].column)
                   <= VALUE_POLICY_REPLACE);
        for (size_t k = 0; k < table->unix_times.count; k++)
            assert(unix_time_of(&policies, table->name, table->unix_times.items[k].column)
                   <= TYPE_MAP_UNIX_NANOSECONDS);
    }
    for (size_t i = 0; i < profile->sequence_count; i++)
        assert(profile_sequence(profile, profile->sequences[i].name) != NULL);
    (void)value_policy_of(&policies, "", "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWNED(profile) struct profile profile = {0};
    struct error err;

    if (profile_parse(&profile, NAME, data, size, &err)) {
        look_up(&profile);
    } else {
        assert(err.kind == ERROR_USAGE);
        assert(strncmp(err.text, NAME, strlen(NAME)) == 0);
    }
    return 0;
}
