#include "replay/values/unix_time.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/values/column_words.h"

#include <string.h>
#include <strings.h>

static bool read_unit(const char *name, enum type_map_unix *unit)
{
    for (size_t i = 0; name != NULL && profile_units[i] != NULL; i++) {
        if (strcmp(name, profile_units[i]) != 0)
            continue;
        *unit = (enum type_map_unix)i;
        return true;
    }
    return false;
}

bool unix_time_check(const struct value_policies *policies, struct error *err)
{
    enum type_map_unix unit;

    for (size_t i = 0; i < policies->unix_times->count; i++)
        if (!column_words_is_formed(policies->unix_times->items[i])
            || !read_unit(column_words_said(policies->unix_times->items[i]), &unit))
            return error_set(err, ERROR_USAGE,
                "--unix-time \"%s\" is none of seconds, milliseconds, microseconds, nanoseconds, "
                "none, nor TABLE.COLUMN=seconds, ...",
                policies->unix_times->items[i]);
    return true;
}

static const char *say_profile(const struct profile *profile, const char *table, const char *column)
{
    const struct profile_table *rule = profile_table(profile, table);

    for (size_t i = 0; rule != NULL && i < rule->unix_times.count; i++)
        if (strcasecmp(rule->unix_times.items[i].column, column) == 0)
            return rule->unix_times.items[i].word;
    return NULL;
}

enum type_map_unix unix_time_of(
    const struct value_policies *policies, const char *table, const char *column)
{
    enum type_map_unix unit = TYPE_MAP_UNIX_NONE;

    if (!read_unit(column_words_of(policies->unix_times, table, column), &unit)
        && !read_unit(say_profile(policies->profile, table, column), &unit)
        && !read_unit(column_words_of(policies->unix_times, NULL, NULL), &unit))
        (void)read_unit(policies->profile->unix_time, &unit);
    return unit;
}

const char *unix_time_option(struct arena *arena, const char *table, const char *column)
{
    OWNED(byte_buffer) struct byte_buffer option = {0};

    quote_plain(&option, "--unix-time ");
    quote_shell(&option, arena_format(arena, "%s.%s=seconds", table, column));
    return arena_text(arena, quote_text(&option));
}
