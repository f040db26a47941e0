/*
 * SQL that finds rows of the target by staged rows.
 *
 * Two values are the same if they are the same to SQLite's dump: floating-point
 * numbers by their bits, texts of case-insensitive types by their characters,
 * NULL equals NULL; jsonb and numeric by meaning.
 */
#ifndef REPLAY_DELTA_SQL_H
#define REPLAY_DELTA_SQL_H

#include "base/byte_buffer.h"
#include "replay/delta/delta_plan.h"

/* True if the server's own "=" tells values of this column apart exactly. */
bool delta_sql_is_key(const struct type_map *type);

/* Appends what is compared of a column: alias."name", or an expression over it. */
void delta_sql_value(struct byte_buffer *out, const char *alias, const struct type_map *type);

/* The same, but jsonb by its text: it keeps the zeros of 2.50, and yet 2.5 is equal to it. */
void delta_sql_exact(struct byte_buffer *out, const char *alias, const struct type_map *type);

/* Appends the target's name, with ONLY unless it is partitioned. */
void delta_sql_target(struct byte_buffer *out, const struct target_table *table);

/* Appends "a.k = b.k AND ..." over the columns of the table's key. */
void delta_sql_key_match(
    struct byte_buffer *out, const struct delta_table *table, const char *a, const char *b);

/* Appends a condition that is true when some column outside the key differs. */
void delta_sql_differs(
    struct byte_buffer *out, const struct delta_table *table, const char *a, const char *b);

/*
 * Appends a query over staged rows as a multiset: place (a number), copies, sample (the ctid of
 * one) and the values as columns c0, c1, ...
 */
void delta_sql_multiset(
    struct byte_buffer *out, const struct delta_table *table, const char *staged);

/*
 * Appends the condition that a row of the target (alias t) equals a wanted one (alias w, columns
 * c0, c1, ...): such that the server can hash it, and use an index over NOT NULL columns.
 */
void delta_sql_all_match(struct byte_buffer *out, const struct delta_table *table);

/* Appends an expression that describes a row for a person: "k = 7, ..."; by its key, if any. */
void delta_sql_describe(
    struct byte_buffer *out, const struct delta_table *table, const char *alias);

/* Appends the names of all columns, each with the alias before it (NULL: none). */
void delta_sql_columns(
    struct byte_buffer *out, const struct copy_column *columns, size_t count, const char *alias);

/* True if the column is one of the table's key. */
bool delta_sql_is_in_key(const struct delta_table *table, const struct target_column *column);

#endif
