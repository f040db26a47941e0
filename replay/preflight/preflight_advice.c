#include "replay/preflight/preflight_advice.h"

#include "replay/values/value_policy.h"

const char *preflight_advice(
    const struct preflight *preflight, const struct preflight_advice *about)
{
    struct arena *arena = &preflight->problems->arena;
    const char *repair = about->repair != NULL
                             ? about->repair
                             : "correct these rows in a copy of the SQLite database and dump again";

    if (preflight->input->reader->header.kind == DUMP_DELTA)
        return arena_format(arena,
            "%s%s; a delta leaves no rows out: to do that with --on-bad-value, or to have other "
            "types in the target, replay a full dump of the new state with --on-existing=replace "
            "(valise squash makes one of a chain)",
            repair,
            about->is_replaceable ? ", or change the values with --on-bad-value=replace" : "");
    return arena_format(arena, "%s; or leave these rows out with %s%s%s", repair,
        value_policy_reject_option(arena, about->table, about->column), about->left,
        about->is_replaceable ? ", or change the values with =replace" : "");
}
