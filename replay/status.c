#include "replay/status.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/ledger.h"

#include <inttypes.h>
#include <stdio.h>

static void put_line(struct byte_buffer *out, const char *name, const char *value)
{
    char line[512];

    snprintf(line, sizeof(line), "%-12s %s\n", name, value);
    quote_plain(out, line);
}

bool status_text(struct connection *connection, struct byte_buffer *out, struct error *err)
{
    OWNED(ledger) struct ledger ledger = {0};
    const struct ledger_replay *replay = &ledger.replay;
    uint64_t row_count = 0;
    char text[128];

    if (!ledger_read(&ledger, connection, err))
        return false;
    if (replay->phase == LEDGER_PHASE_NONE) {
        quote_plain(out, "Nothing was replayed into this database.\n");
        return true;
    }
    for (size_t i = 0; i < ledger.part_count; i++)
        row_count += ledger.parts[i].row_count;
    put_line(out, "dump", replay->dump);
    put_line(out, "state", replay->state);
    put_line(out, "phase",
        replay->phase == LEDGER_PHASE_DONE ? "done" : ledger_phase_name(replay->phase));
    put_line(out, "begun", replay->started);
    put_line(out, "finished", replay->finished == NULL ? "no" : replay->finished);
    snprintf(text, sizeof(text), "%" PRIu64 " in %zu parts", row_count, ledger.part_count);
    put_line(out, "rows", text);
    snprintf(text, sizeof(text), "%zu statements", ledger.object_count);
    put_line(out, "saved DDL", text);
    return true;
}
