/*
 * What a replay has done, in the target itself: the schema "valise".
 *
 * Every step writes here in the transaction that does it, so that after a kill
 * at any moment the same command continues, and nothing happens twice. What is
 * taken down (DDL, rows that the preparation left, sequence values) is stored
 * first. One replay at a time: a session holds an advisory lock.
 *
 *   ledger      version of these tables
 *   replay      one row per replay: the dump's state, its phase; of a delta where it starts
 *   part        blocks of a table that are loaded, their rows and the sum of their hashes
 *   rejects     rows that were left out, in their canonical bytes, and why
 *   plan        tables to load and their sizes, for who asks how far a replay is
 *   saved_ddl   SQL that brings back what was dropped
 *   saved_table tables that the replay writes; a copy of the rows they had, if any
 *   saved_sequence  values before the replay
 *   table_state  sums of the dump's tables (table_state.h)
 *   mapping     how rows were taken over (mapping.h)
 */
#ifndef REPLAY_LEDGER_H
#define REPLAY_LEDGER_H

#include "base/arena.h"
#include "base/error.h"
#include "format/checksum.h"
#include "format/state.h"
#include "postgres/connection.h"
#include "replay/target/ddl.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_VERSION 1

/* In this order; a replay's phase never goes back. */
enum ledger_phase {
    LEDGER_PHASE_NONE,    /* no replay was begun */
    LEDGER_PHASE_LOAD,    /* everything is taken down, parts are being loaded */
    LEDGER_PHASE_RESTORE, /* all rows are there; indexes, constraints, sequences come back */
    LEDGER_PHASE_VERIFY,  /* the database is complete, but not yet verified */
    LEDGER_PHASE_DONE,
    LEDGER_PHASE_COUNT,
};

/* The newest replay of the ledger. */
struct ledger_replay {
    enum ledger_phase phase;
    int64_t id;
    char state[STATE_TEXT_SIZE];
    const char *dump;     /* name of the file, as given */
    const char *started;  /* time stamps as text */
    const char *finished; /* NULL: it is not */
};

/* Some blocks of one table of the dump. */
struct ledger_part {
    const char *table; /* the plan's name */
    uint32_t number;   /* of the part within the table, from 0 */
    uint64_t row_count;
    struct hash128 sum; /* of what reading the rows back must yield */
};

/* Everything the ledger knows. Zero-initialise. */
struct ledger {
    struct arena arena;
    struct ledger_replay replay;
    const struct ledger_part *parts; /* by table (bytes) and number */
    size_t part_count;
    const struct ddl_object *objects; /* saved DDL in the order it was dropped */
    size_t object_count;
};

void ledger_release(struct ledger *ledger);

const char *ledger_phase_name(enum ledger_phase phase);

/*
 * Reads all of it; phase NONE when there is no ledger. Fails with ERROR_UNSUPPORTED for the ledger
 * of a newer version, ERROR_REFUSED when the schema "valise" is something else.
 */
MUST_CHECK bool ledger_read(
    struct ledger *ledger, struct connection *connection, struct error *err);

/* Makes the tables if they are missing, and the row of a new replay. In the caller's transaction.
 */
MUST_CHECK bool ledger_begin(struct ledger *ledger, struct connection *connection,
    const char *state, const char *dump, struct error *err);

MUST_CHECK bool ledger_save_ddl(const struct ledger *ledger, struct connection *connection,
    const struct ddl_plan *plan, struct error *err);

/* The rows of tables that the replay will write, if any, are copied; then they are deleted. Fails
   with ERROR_REFUSED where that would act on rows of a table that is not written. */
MUST_CHECK bool ledger_save_tables(const struct ledger *ledger, struct connection *connection,
    const struct target_table *const *tables, size_t count, struct error *err);

/* Fails as ledger_save_tables() would for it, and does nothing. */
MUST_CHECK bool ledger_check_table(
    struct connection *connection, const struct target_table *table, struct error *err);

/* Saves the values of all sequences of the catalog. */
MUST_CHECK bool ledger_save_sequences(const struct ledger *ledger, struct connection *connection,
    const struct target_catalog *catalog, struct error *err);

/* Records loaded parts, in the transaction that loads them. */
MUST_CHECK bool ledger_add_parts(const struct ledger *ledger, struct connection *connection,
    const struct ledger_part *parts, size_t part_count, struct error *err);

/* Enters a phase, in a transaction of its own that is on disk when this returns. */
MUST_CHECK bool ledger_enter(struct ledger *ledger, struct connection *connection,
    enum ledger_phase phase, struct error *err);

/* The same within the caller's transaction; ledger->replay.phase is left to the caller. */
MUST_CHECK bool ledger_mark(const struct ledger *ledger, struct connection *connection,
    enum ledger_phase phase, struct error *err);

/* The part of that table and number; NULL: it is not loaded. */
const struct ledger_part *ledger_find_part(
    const struct ledger *ledger, const char *table, uint32_t number);

/* What a table holds according to the ledger; zeroes if it is not there. */
struct ledger_part ledger_sum(const struct ledger *ledger, const char *table);

#endif
