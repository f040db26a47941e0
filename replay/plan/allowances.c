#include "replay/plan/allowances.h"

#include "base/owned.h"
#include "postgres/quote.h"

#include <string.h>

void allowances_release(struct allowances *allowances)
{
    command_line_list_release(&allowances->differences);
    command_line_list_release(&allowances->unmet);
    command_line_list_release(&allowances->missing);
    *allowances = (struct allowances){0};
}

bool allowances_has(const struct command_line_list *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return false;
}

static void put_name(struct byte_buffer *out, const char *name)
{
    quote_plain(out, out->size == 0 ? "" : ", ");
    quote_name(out, name);
}

static bool refuse(
    const char *option, const char *name, struct byte_buffer *known, struct error *err)
{
    return error_set(err, ERROR_USAGE, "--%s \"%s\": the profile has no such name, only %s", option,
        name, known->size == 0 ? "none" : quote_text(known));
}

bool allowances_check(
    const struct allowances *allowances, const struct profile *profile, struct error *err)
{
    for (size_t i = 0; i < allowances->differences.count; i++) {
        OWNED(byte_buffer) struct byte_buffer known = {0};
        bool is_known = false;

        for (size_t k = 0; k < profile->fact_count; k++) {
            is_known |= strcmp(profile->facts[k].name, allowances->differences.items[i]) == 0;
            put_name(&known, profile->facts[k].name);
        }
        if (!is_known)
            return refuse("allow-difference", allowances->differences.items[i], &known, err);
    }
    for (size_t i = 0; i < allowances->unmet.count; i++) {
        OWNED(byte_buffer) struct byte_buffer known = {0};
        bool is_known = false;

        for (size_t k = 0; k < profile->requirement_count; k++) {
            is_known |= strcmp(profile->requirements[k].name, allowances->unmet.items[i]) == 0;
            put_name(&known, profile->requirements[k].name);
        }
        if (!is_known)
            return refuse("allow-unmet", allowances->unmet.items[i], &known, err);
    }
    return true;
}
