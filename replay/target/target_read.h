/*
 * What the readers of the catalog share: a catalog being built.
 *
 * Nobody but target_*.c includes this. Texts in the catalog are copies in its arena.
 */
#ifndef REPLAY_TARGET_READ_H
#define REPLAY_TARGET_READ_H

#include "postgres/connection.h"
#include "replay/target/target_catalog.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct target_read_place {
    uint32_t oid;
    size_t index;
};

struct target_read {
    struct target_catalog *catalog;
    struct arena *arena; /* the catalog's */
    struct connection *connection;
    const char *schema_oid; /* decimal */
    struct target_table *tables;
    struct target_read_place *by_oid; /* the tables, in the order of their oids */
};

/* The new expression when the server is at least version_num, else the old one. */
const char *target_read_since(const struct target_read *read, int version_num,
    const char *new_expression, const char *old_expression);

/* Executes sql with $1 = the schema's oid. */
MUST_CHECK bool target_read_query(
    struct target_read *read, const char *sql, struct connection_rows *rows, struct error *err);

/* A copy in the arena; NULL stays NULL. */
const char *target_read_text(
    const struct target_read *read, const struct connection_rows *rows, size_t row, size_t column);

/* The first character, 0 when empty or NULL. */
char target_read_letter(const struct connection_rows *rows, size_t row, size_t column);

/* The table with this oid; NULL: not one of the schema. */
struct target_table *target_read_table(const struct target_read *read, uint32_t oid);

/* The column with this number; NULL for 0 (an expression) and for none. */
const struct target_column *target_read_column(const struct target_table *table, int number);

/* Numbers in "1 2 0" or "{1,2}", in the arena. */
int *target_read_numbers(const struct target_read *read, const char *text, size_t *count);

/* How many rows from row on have the same value in column 0. */
size_t target_read_run(const struct connection_rows *rows, size_t row);

#endif
