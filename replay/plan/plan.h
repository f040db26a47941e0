/*
 * What happens to each table.
 *
 * The tables of the dump and of the target are matched by name (exactly, else by
 * the only one that differs in case alone), columns likewise; the profile says
 * what to do with them. What has no place to go is a problem.
 */
#ifndef REPLAY_PLAN_H
#define REPLAY_PLAN_H

#include "base/arena.h"
#include "format/dump_reader.h"
#include "profile/profile.h"
#include "replay/plan/problems.h"
#include "replay/plan/rejects.h"
#include "replay/target/target_catalog.h"
#include "replay/values/copy_encoder.h"
#include "replay/values/value_policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum plan_action {
    PLAN_LOAD,   /* rows of the dump by COPY */
    PLAN_DERIVE, /* by a statement over staged rows of the dump */
    PLAN_SAME,   /* the target has these rows already */
    PLAN_EMPTY,
    PLAN_KEEP,
    PLAN_IGNORE, /* a table of the dump that goes nowhere */
    PLAN_ACTION_COUNT,
};

struct plan_table {
    enum plan_action action;
    const char *name;                  /* the dump's, else the target's */
    const struct target_table *target; /* NULL: only in the dump */
    const struct profile_table *rule;  /* NULL: none */
    uint32_t source;                   /* ordinal of the rows to read; UINT32_MAX: none */
    uint64_t row_count;                /* to read */
    uint64_t size;                     /* canonical bytes */
    const struct copy_column *columns; /* of the target, or of the staging table */
    size_t column_count;
    const char *remapped;    /* how the last replay took its rows over otherwise (mapping.h) */
    bool is_large;           /* its indexes are taken down while it is loaded */
    struct rejects rejects;  /* owned; rows that preflight_run() takes out */
    uint64_t replaced_count; /* values that it found to be replaced */
};

struct plan {
    struct arena arena;
    struct plan_table *tables; /* those of the dump in its order, then those of the target alone */
    size_t table_count;
    uint64_t row_count; /* to load and derive from */
    uint64_t size;
    size_t uncompared_count; /* columns with values whose counterparts the target computes */
};

/* What a plan is made from; all of it must outlive the plan. */
struct plan_input {
    const struct dump_reader *reader;
    const struct target_catalog *catalog;
    const struct profile *profile;
    const struct value_policies *policies;   /* NULL: what does not fit stops */
    const struct command_line_list *missing; /* what may be left out (missing.h); NULL: nothing */
    bool replaces_rows;                      /* also those of tables that only the target has */
};

void plan_make(struct plan *plan, const struct plan_input *input, struct problems *problems);
/* Counts anew what is to be read, after actions have changed. */
void plan_count(struct plan *plan);

void plan_release(struct plan *plan);

/* "load", "derive", ... */
const char *plan_action_name(enum plan_action action);

/* True for tables whose rows the replay replaces. */
bool plan_writes(const struct plan_table *table);

#endif
