#include "replay/values/value_policy.h"

#include "base/owned.h"
#include "postgres/quote.h"

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

/* The name of the policy in "policy" or "table.column=policy"; names may have any character. */
static const char *policy_part(const char *word)
{
    const char *equals = strrchr(word, '=');

    return equals == NULL ? word : equals + 1;
}

static bool is_of_column(const char *word, const char *table, const char *column)
{
    size_t table_size = strlen(table);
    size_t column_size = strlen(column);
    const char *equals = strrchr(word, '=');

    return equals != NULL && (size_t)(equals - word) == table_size + 1 + column_size
           && strncasecmp(word, table, table_size) == 0 && word[table_size] == '.'
           && strncasecmp(word + table_size + 1, column, column_size) == 0;
}

bool value_policy_check(const struct value_policies *policies, struct error *err)
{
    enum value_policy policy;

    for (size_t i = 0; i < policies->words->count; i++) {
        const char *word = policies->words->items[i];
        const char *point = strchr(word, '.');

        if (!read_name(policy_part(word), &policy)
            || (strrchr(word, '=') != NULL && (point == NULL || point > strrchr(word, '='))))
            return error_set(err, ERROR_USAGE,
                "--on-bad-value \"%s\" is none of stop, reject, replace, nor TABLE.COLUMN=stop, "
                "...",
                word);
    }
    return true;
}

static bool is_known(const struct target_catalog *catalog, const char *word)
{
    for (size_t i = 0; i < catalog->table_count; i++)
        for (size_t k = 0; k < catalog->tables[i].column_count; k++)
            if (is_of_column(word, catalog->tables[i].name, catalog->tables[i].columns[k].name))
                return true;
    return false;
}

bool value_policy_check_columns(
    const struct value_policies *policies, const struct target_catalog *catalog, struct error *err)
{
    /* That there are no tables at all is said elsewhere. */
    for (size_t i = 0; i < policies->words->count && catalog->table_count > 0; i++) {
        const char *word = policies->words->items[i];

        if (strrchr(word, '=') != NULL && !is_known(catalog, word))
            return error_set(
                err, ERROR_USAGE, "--on-bad-value \"%s\": the target has no such column", word);
    }
    return true;
}

/* What the words say of a column, or (NULL) overall; the last one counts. */
static bool say_words(const struct value_policies *policies, const char *table, const char *column,
    enum value_policy *policy)
{
    for (size_t i = policies->words->count; i-- > 0;) {
        const char *word = policies->words->items[i];

        if (table == NULL ? strrchr(word, '=') == NULL : is_of_column(word, table, column))
            return read_name(policy_part(word), policy);
    }
    return false;
}

static bool say_profile(
    const struct profile *profile, const char *table, const char *column, enum value_policy *policy)
{
    const struct profile_table *rule = profile_table(profile, table);

    for (size_t i = 0; rule != NULL && i < rule->bad_value_count; i++)
        if (strcasecmp(rule->bad_values[i].column, column) == 0)
            return read_name(rule->bad_values[i].policy, policy);
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
