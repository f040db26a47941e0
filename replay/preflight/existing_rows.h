/*
 * Rows that the target has before a replay: who brought them, and may they go?
 *
 * Rows that the ledger does not know are a problem, unless they are the dump's
 * (version rows of a target that the application made) or --on-existing=replace
 * was asked for. Then they are replaced like those of an older state: saved in the
 * transaction that begins the replay, brought back by --abort, gone when it is done.
 */
#ifndef REPLAY_EXISTING_ROWS_H
#define REPLAY_EXISTING_ROWS_H

#include "base/error.h"
#include "format/dump_reader.h"
#include "postgres/connection.h"
#include "replay/ledger/ledger.h"
#include "replay/load/verify.h"
#include "replay/plan/plan.h"
#include "replay/plan/problems.h"

#include <stdbool.h>

enum existing_rows_policy {
    EXISTING_ROWS_REFUSE,
    EXISTING_ROWS_REPLACE,
};

/* All borrowed. */
struct existing_rows {
    struct plan *plan;
    const struct dump_reader *reader; /* names the row that differs */
    const struct ledger *ledger;
    struct connection *connection;
    enum existing_rows_policy policy;
    bool reads_back;           /* also tables that are taken as they are */
    struct problems *problems; /* notes, when they are replaced */
    struct progress *progress; /* of existing_rows_check_present() */
};

/* Tables that have rows though nothing was ever replayed; few that are the dump's do no harm. */
MUST_CHECK bool existing_rows_check_unknown(
    const struct existing_rows *existing, struct error *err);

/*
 * Tables that hold another number of rows than the ledger counts, so somebody else wrote to them
 * since the last replay; *has_drifted tells.
 */
MUST_CHECK bool existing_rows_check_drift(
    const struct existing_rows *existing, bool *has_drifted, struct error *err);

/*
 * For a full dump that is to replace another state: drift; a state that was here before the present
 * one, as going back must not happen by accident; and a dump of which no table is as it was in the
 * last state, of ten at least that have rows in both, which looks like one of another database.
 * Tables that it took over otherwise (mapping.h) are loaded anew, which a note says.
 * Tables whose rows are those of the last state become PLAN_SAME; with reads_back they must also
 * hold what the ledger says, else a note says that they were not read. *is_renewed: rows have
 * drifted and are replaced, so no table of the target is taken as it is.
 */
MUST_CHECK bool existing_rows_check_newer(const struct existing_rows *existing,
    const struct dump_reader *reader, const char *state, bool *is_renewed, struct error *err);

/*
 * For a dump whose state the target holds by its ledger: drift, and with reads_back whether every
 * row is still as it was replayed. Adds what was read to the result.
 */
MUST_CHECK bool existing_rows_check_present(const struct existing_rows *existing,
    struct verify_result *result, bool *has_drifted, struct error *err);

/* For such a dump: tables whose rows the last replay took over otherwise than is said now. */
MUST_CHECK bool existing_rows_check_mapping(
    const struct existing_rows *existing, bool *is_remapped, struct error *err);

#endif
