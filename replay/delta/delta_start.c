#include "replay/delta/delta_start.h"

#include <string.h>

static bool is_state(const struct ledger *ledger, const uint8_t state_id[SHA256_SIZE])
{
    char state[STATE_TEXT_SIZE];

    state_format(state, state_id);
    return strcmp(state, ledger->replay.state) == 0;
}

static bool refuse_other(
    const struct dump_reader *first, const struct ledger *ledger, struct error *err)
{
    char from[STATE_TEXT_SIZE];

    state_format(from, first->header.from_state);
    return error_set(err, ERROR_REFUSED,
        "\"%s\" starts from state %.16s, but the target holds state %.16s (\"%s\", replayed %s UTC); "
        "the deltas that lead from there to %.16s are missing",
        first->file.path, from, ledger->replay.state, ledger->replay.dump, ledger->replay.finished,
        from);
}

static bool find_in_done(
    const struct chain *chain, const struct ledger *ledger, size_t *start, struct error *err)
{
    const struct dump_reader *first = &chain->dumps[0];

    for (*start = chain->dump_count; *start > 0; (*start)--)
        if (is_state(ledger, chain->dumps[*start - 1].tail.state_id))
            return true;
    /* A newer full dump replaces what differs. */
    if (first->header.kind == DUMP_FULL || is_state(ledger, first->header.from_state))
        return true;
    return refuse_other(first, ledger, err);
}

bool delta_start_find(
    const struct chain *chain, const struct ledger *ledger, size_t *start, struct error *err)
{
    const struct dump_reader *first = &chain->dumps[0];
    char from[STATE_TEXT_SIZE];

    *start = 0;
    if (ledger->replay.phase == LEDGER_PHASE_DONE)
        return find_in_done(chain, ledger, start, err);
    if (ledger->replay.phase == LEDGER_PHASE_NONE) {
        state_format(from, first->header.from_state);
        return first->header.kind == DUMP_FULL
               || error_set(err, ERROR_REFUSED,
                   "\"%s\" is a delta and starts from state %.16s, but nothing was replayed into "
                   "the target; the full dump of that state is missing (or one and deltas that "
                   "lead to it)",
                   first->file.path, from);
    }
    if (first->header.kind == DUMP_FULL && is_state(ledger, first->tail.state_id))
        return true;
    return error_set(err, ERROR_REFUSED,
        "an unfinished replay of another dump (\"%s\", begun %s UTC) is in the target; finish it with "
        "that dump, or undo it with --abort",
        ledger->replay.dump, ledger->replay.started);
}

bool delta_start_undo(
    const struct dump_reader *delta, const struct ledger *ledger, struct error *err)
{
    char to[STATE_TEXT_SIZE];

    state_format(to, delta->tail.state_id);
    if (delta->header.kind != DUMP_DELTA || delta->is_unchanged)
        return error_set(err, ERROR_REFUSED, "\"%s\" is %s: there is nothing to take back",
            delta->file.path, delta->is_unchanged ? "a delta that changes nothing" : "a full dump");
    if (ledger->replay.phase != LEDGER_PHASE_DONE)
        return error_set(err, ERROR_REFUSED, "the target holds no finished replay");
    if (is_state(ledger, delta->header.from_state))
        return error_set(err, ERROR_REFUSED,
            "the target is in the state already that \"%s\" starts from (\"%s\", replayed %s UTC): "
            "there is nothing to take back",
            delta->file.path, ledger->replay.dump, ledger->replay.finished);
    if (!is_state(ledger, delta->tail.state_id))
        return error_set(err, ERROR_REFUSED,
            "\"%s\" leads to state %.16s, but the target holds state %.16s (\"%s\", replayed %s UTC); "
            "only the last delta can be taken back",
            delta->file.path, to, ledger->replay.state, ledger->replay.dump,
            ledger->replay.finished);
    return true;
}
