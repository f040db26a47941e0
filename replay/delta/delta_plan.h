/*
 * What a delta changes in the target, table by table.
 *
 * The changes of a table are staged, many in temporary tables, few as values of the
 * statements; how they get from there into the table depends on its keys and on who
 * refers to it. Nothing here talks to the server.
 */
#ifndef REPLAY_DELTA_PLAN_H
#define REPLAY_DELTA_PLAN_H

#include "base/arena.h"
#include "postgres/connection.h"
#include "replay/ledger/ledger.h"
#include "replay/load/loader.h"
#include "replay/plan/plan.h"
#include "replay/plan/problems.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum delta_mode {
    DELTA_UPDATE,  /* rows are told by a key; what stays under its key is updated in place */
    DELTA_REPLACE, /* rows are told by a key; removed ones are deleted, added ones inserted */
    DELTA_COUNTED, /* rows are told by all their values, equal ones counted */
    DELTA_WHOLE,   /* all rows of the table go, the added ones come */
};

struct delta_table {
    const struct plan_table *table;
    enum delta_mode mode;
    /* A unique index whose columns are all in the dump; NULL: none. */
    const struct target_index *key;
    bool is_key_nullable;              /* then only if no changed row has a NULL in it */
    const struct copy_column *columns; /* as the plan's, but no text is trusted */
    size_t column_count;
    /* Staged rows, as they stand behind FROM: a temporary table, or a query over values. Both have
       the table's columns, and ctid to tell equal rows apart. */
    const char *removed;
    const char *added;
    struct connection_values values; /* of every statement with staged rows */
    /* For counted ones what is wanted and which rows of the target that are: temporary tables. */
    const char *wanted;
    const char *found;
    bool drops_foreign_keys; /* those of others that refer to it come down for the while */
    uint64_t removed_count;  /* staged */
    uint64_t added_count;
    struct hash128 removed_sum;
    struct hash128 added_sum;
};

/* A derived table whose source changes. */
struct delta_derived {
    const struct plan_table *table;
    bool is_whole;
    const struct copy_column *columns;
    const char *removed; /* temporary tables */
    const char *added;
};

struct delta_plan {
    struct arena arena;
    const struct dump_reader *reader;
    const struct target_catalog *catalog;
    bool is_undo;               /* removed and added are swapped */
    struct delta_table *tables; /* tables that refer come before those that they refer to */
    size_t table_count;
    struct delta_derived *derived;
    size_t derived_count;
    size_t values_size; /* bytes of all tables' values */
    bool reads_changes; /* to verify: of large tables, not all of them */
};

/* What is needed to plan. */
struct delta_plan_input {
    const struct dump_reader *reader;
    const struct target_catalog *catalog;
    const struct plan *plan;
    const struct ledger *ledger; /* what replays brought */
    bool is_undo;
};

/* Problems: rows that no replay brought, an undo that is not possible. */
void delta_plan_make(
    struct delta_plan *plan, const struct delta_plan_input *input, struct problems *problems);

void delta_plan_release(struct delta_plan *plan);

/* True if some foreign key of another table (or of itself) refers to it. */
bool delta_plan_is_referenced(const struct delta_plan *plan, const struct target_table *table);

/* True if verification reads only the changed rows of it. */
bool delta_plan_reads_changes(const struct delta_plan *plan, const struct plan_table *table);

/* True for a foreign key that acts at once when a row that it refers to goes. */
bool delta_plan_is_immediate(const struct target_constraint *key);

#endif
