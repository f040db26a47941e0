/*
 * Keys of rows as the target will compare them.
 *
 * Values that are equal there get the same bytes here, whatever SQLite stored:
 * 1 and 1.0 in an integer column, '1' and 1 in a text column, 'a' and 'a ' in
 * char(n), 0.0 and -0.0. What only the server can compare has no form.
 */
#ifndef REPLAY_KEY_H
#define REPLAY_KEY_H

#include "base/byte_buffer.h"
#include "format/checksum.h"
#include "replay/plan/plan.h"

#include <stdbool.h>
#include <stddef.h>

#define KEY_COLUMN_MAX 32 /* PostgreSQL's limit for an index */

enum key_form {
    KEY_FORM_INTEGER, /* also boolean */
    KEY_FORM_DECIMAL,
    KEY_FORM_DOUBLE,
    KEY_FORM_TEXT,
    KEY_FORM_TRIMMED, /* char(n): without spaces at the end */
    KEY_FORM_BYTES,   /* bytea, uuid */
    KEY_FORM_JSON,    /* jsonb */
    KEY_FORM_MOMENT,  /* date, timestamp, with time zone (in UTC) or without */
    KEY_FORM_NONE,    /* only the server can compare */
};

/* The columns of a key of a table that is loaded; borrowed from plan and catalog. */
struct key {
    const struct plan_table *table;
    const struct copy_column *columns[KEY_COLUMN_MAX];
    enum key_form forms[KEY_COLUMN_MAX];
    size_t count;
    bool nulls_equal; /* NULLS NOT DISTINCT: NULL is a value like others */
    /* A partial index WHERE filter IS NULL, or IS NOT NULL; filter NULL: all rows. */
    const struct copy_column *filter;
    bool filter_is_null;
};

enum key_content {
    KEY_WHOLE, /* the hash is set */
    KEY_NULL,  /* all of it is NULL, or the row is not in the index: no key */
    KEY_MIXED, /* NULL in part: no key either, but MATCH FULL forbids it */
};

/* False when a column is not loaded or has no form. Zeroes what is not said here. */
MUST_CHECK bool key_of(struct key *key, const struct plan_table *table,
    const struct target_column *const *columns, size_t count);

/* Gives a foreign key and what it refers to the same forms; false when there are none. */
MUST_CHECK bool key_pair(struct key *child, struct key *parent);

/* True if both yield the same hash for every row. */
bool key_is_same(const struct key *a, const struct key *b);

/* The hash of a row's key; values are the dump's columns. */
enum key_content key_hash(const struct key *key, const struct value *values,
    struct byte_buffer *scratch, struct hash128 *hash);

/* True if the policy of one of the columns is to reject. */
bool key_rejects(const struct key *key);

/* "(a, b)" and "(1, 'x')", final NUL included. */
void key_names(const struct key *key, struct byte_buffer *out);
void key_values(const struct key *key, const struct value *values, struct byte_buffer *out);

#endif
