/*
 * Rows that are not loaded because a value does not fit and the policy is "reject".
 *
 * Found before loading, always the same ones for the same dump and policies. Each
 * is kept in valise.rejects, in its canonical bytes (SPEC 4), by the transaction
 * that loads the part it is missing from.
 */
#ifndef REPLAY_REJECTS_H
#define REPLAY_REJECTS_H

#include "base/error.h"
#include "format/schema.h"
#include "postgres/connection.h"
#include "replay/values/source_rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SQL: rows are rejected by the last full dump; deltas may have followed it. */
#define REJECTS_REPLAY "(SELECT max(id) FROM valise.replay WHERE from_state IS NULL)"

/* A row of a table of the dump. */
struct reject {
    size_t block;
    uint32_t row; /* within the block, from 0 */
    const char *reason;
};

/* Those of one table, in the dump's order. Zero-initialise. */
struct rejects {
    struct reject *items; /* owned */
    size_t count;
    size_t capacity;
};

void rejects_release(struct rejects *rejects);

/* Notes the row that source_rows_next() has just yielded; reason is borrowed. Once per row. */
void rejects_add(struct rejects *rejects, const struct source_rows *rows, const char *reason);

/* Adds what another scan noted; no row may be in both. Keeps the dump's order. */
void rejects_merge(struct rejects *into, const struct rejects *from);

/* The entry of the row that source_rows_next() has just yielded; NULL: it is not rejected. */
const struct reject *rejects_find(const struct rejects *rejects, const struct source_rows *rows);

/* One rejected row on its way into the ledger. */
struct rejects_row {
    int64_t replay;
    const char *table;
    const struct reject *reject;
    const struct schema_table *source; /* whose rows are like this one */
    const struct value *values;
};

/* Writes it to valise.rejects, in the caller's transaction. */
MUST_CHECK bool rejects_save(
    struct connection *connection, const struct rejects_row *row, struct error *err);

/*
 * Before the work: fails with ERROR_USAGE when path is a file that no list of rejected rows may
 * replace, with ERROR_IO when it cannot be written.
 */
MUST_CHECK bool rejects_check_file(const char *path, struct error *err);

/* Writes what valise.rejects has of a replay to a file, as a JSON array. */
MUST_CHECK bool rejects_write_file(
    struct connection *connection, int64_t replay, const char *path, struct error *err);

/* How many rows of the last full replay are left out now; in a target without ledger 0. */
MUST_CHECK bool rejects_count(
    struct connection *connection, uint64_t *row_count, struct error *err);

#endif
