/*
 * Which keys of the plan's tables are to be checked before loading, and how.
 *
 * Unique keys that SQLite has kept itself, and foreign keys of columns that are
 * all NULL, are not listed. What has no form (key.h) is left to trial.h.
 */
#ifndef REPLAY_KEY_CHECKS_H
#define REPLAY_KEY_CHECKS_H

#include "replay/preflight/key_scan.h"
#include "replay/preflight/preflight.h"

/* A unique index, or a foreign key. */
struct key_check {
    struct plan_table *table;
    const struct target_index *index; /* NULL: a foreign key */
    const struct target_constraint *constraint;
    struct plan_table *parent;    /* of a foreign key; may be the table itself */
    bool is_match_full;           /* of it */
    struct key_scan_item *keys;   /* of the table's rows */
    struct key_scan_item *others; /* of the rows referred to; NULL: there are none */
};

/* Zero-initialise. */
struct key_checks {
    struct key_check *items; /* owned, likewise the scans */
    size_t count;
    struct key_scan_item **scans; /* each kind of key once, those of a table together */
    size_t scan_count;
};

void key_checks_find(struct key_checks *checks, const struct preflight *preflight);
void key_checks_release(struct key_checks *checks);

/* Reads every key that is needed: afterwards all runs can be begun. */
MUST_CHECK bool key_checks_read(
    struct key_checks *checks, const struct preflight *preflight, struct error *err);

/* The key of a unique index; false if only the server can tell whether rows have the same. */
MUST_CHECK bool key_checks_index(
    struct key *key, const struct plan_table *table, const struct target_index *index);

/* True if the foreign key is one that the server enforces, on a table with such values. */
bool key_checks_is_foreign(const struct plan_table *table, const struct dump_reader *reader,
    const struct target_constraint *constraint);

/* The keys on both sides; false if only the server can compare them, or has the rows. */
MUST_CHECK bool key_checks_foreign(struct key *child, struct key *parent,
    const struct plan_table *table, const struct plan_table *parent_table,
    const struct target_constraint *constraint);

/* The plan's entry of a table of the target; NULL: it is not in the plan. */
struct plan_table *key_checks_planned(const struct plan *plan, const struct target_table *target);

#endif
