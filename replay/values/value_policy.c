#include "replay/values/value_policy.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/values/column_words.h"

#include <string.h>
#include <strings.h>

static const char *const names[] = {"stop", "reject", "replace"};

static bool read_name(const char *name, enum value_policy *policy)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        *policy = (enum value_policy)i;
        return true;
    }
    return false;
}

bool value_policy_check(const struct value_policies *policies, struct error *err)
{
    enum value_policy policy;

    for (size_t i = 0; i < policies->words->count; i++)
        if (!column_words_is_formed(policies->words->items[i])
            || !read_name(column_words_said(policies->words->items[i]), &policy))
            return error_set(err, ERROR_USAGE,
                "--on-bad-value \"%s\" is none of stop, reject, replace, nor TABLE.COLUMN=stop, "
                "...",
                policies->words->items[i]);
    return true;
}

bool value_policy_check_columns(
    const struct value_policies *policies, const struct target_catalog *catalog, struct error *err)
{
    return column_words_check_columns(policies->words, "--on-bad-value", catalog, err)
           && column_words_check_columns(policies->unix_times, "--unix-time", catalog, err);
}

/* What the words say of a column, or (NULL) overall. */
static bool say_words(const struct value_policies *policies, const char *table, const char *column,
    enum value_policy *policy)
{
    const char *said = column_words_of(policies->words, table, column);

    return said != NULL && read_name(said, policy);
}

static bool say_profile(
    const struct profile *profile, const char *table, const char *column, enum value_policy *policy)
{
    const struct profile_table *rule = profile_table(profile, table);

    for (size_t i = 0; rule != NULL && i < rule->bad_values.count; i++)
        if (strcasecmp(rule->bad_values.items[i].column, column) == 0)
            return read_name(rule->bad_values.items[i].word, policy);
    return false;
}

enum value_policy value_policy_of(
    const struct value_policies *policies, const char *table, const char *column)
{
    enum value_policy policy = VALUE_POLICY_STOP;

    if (say_words(policies, table, column, &policy)
        || say_profile(policies->profile, table, column, &policy)
        || say_words(policies, NULL, NULL, &policy))
        return policy;
    if (policies->profile->on_bad_value != NULL)
        (void)read_name(policies->profile->on_bad_value, &policy);
    return policy;
}

const char *value_policy_reject_option(struct arena *arena, const char *table, const char *column)
{
    OWNED(byte_buffer) struct byte_buffer option = {0};

    quote_plain(&option, "--on-bad-value ");
    quote_shell(&option, arena_format(arena, "%s.%s=reject", table, column));
    return arena_text(arena, quote_text(&option));
}
