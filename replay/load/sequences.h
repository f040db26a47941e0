/*
 * Sequences, so that the next value is one that no row has.
 *
 * Sequences of identity and serial columns follow from the columns and from
 * sqlite_sequence in the dump; the profile says where others stand. Always
 * setval(sequence, n, true): applications read last_value alone. After a delta a
 * sequence only moves forward; one that goes down (INCREMENT BY -1) likewise.
 */
#ifndef REPLAY_SEQUENCES_H
#define REPLAY_SEQUENCES_H

#include "base/error.h"
#include "replay/plan/plan.h"
#include "replay/plan/problems.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Problems: sequences that an application may use and that nothing sets, and those that end before
 * where SQLite has come to. Fails as dump_reader_rows.
 */
MUST_CHECK bool sequences_check(const struct plan_input *input, const struct plan *plan,
    struct problems *problems, struct error *err);

/* Sets all of them; *set_count is how many. Fails with ERROR_DATABASE. */
MUST_CHECK bool sequences_set(const struct plan_input *input, const struct plan *plan,
    struct connection *connection, size_t *set_count, struct error *err);

#endif
