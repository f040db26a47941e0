/*
 * Indexes, constraints and triggers out of the way of a bulk load, and back.
 *
 * ddl_plan() lists, for the tables to be loaded, every object to take down: the
 * SQL that drops it and the SQL that brings it back exactly as it was, comments
 * and marks included. The lists are texts only, so they can be stored before
 * anything is dropped. Whatever cannot be brought back exactly is not listed
 * and stays in place; `kept` says why.
 */
#ifndef REPLAY_DDL_H
#define REPLAY_DDL_H

#include "base/arena.h"
#include "base/error.h"
#include "replay/target/target_catalog.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The order of restoring. Statements of one phase may run in parallel, each in a transaction of
 * its own; the next phase begins when all are done. BUILD is nearly all of the work.
 */
enum ddl_phase {
    DDL_PHASE_BUILD,   /* CREATE INDEX, also for what a constraint will use */
    DDL_PHASE_ATTACH,  /* ADD CONSTRAINT ... USING INDEX, exclusion constraints */
    DDL_PHASE_MARK,    /* replica identity, CLUSTER ON */
    DDL_PHASE_FOREIGN, /* foreign keys */
    DDL_PHASE_TRIGGER, /* triggers and rules back to their state */
    DDL_PHASE_COUNT,
};

/* One object of the target. */
struct ddl_object {
    enum ddl_phase phase;
    const char *kind;   /* "index", "constraint", "foreign key", "trigger", "rule", "mark" */
    const char *schema; /* of its table */
    const char *table;
    const char *name;
    const char *drop;    /* SQL; "" when nothing is to be dropped (a phase after another) */
    const char *restore; /* SQL, one or more statements */
    const char *exists;  /* a query of one boolean: is it there now? For resuming. */
};

/* An object left in place. */
struct ddl_kept {
    const char *table;
    const char *name;
    const char *reason;
};

struct ddl_plan {
    struct arena arena;
    const struct ddl_object *objects; /* in an order in which they can be dropped */
    size_t object_count;
    const struct ddl_kept *kept;
    size_t kept_count;
};

/* What to take down of one table. */
struct ddl_request {
    const struct target_table *table;
    bool indexes;      /* also unique ones and primary keys */
    bool foreign_keys; /* those of the table and those that refer to it */
    bool triggers;     /* disable them, and rules */
};

/*
 * Plans for all the tables at once. Foreign keys that depend on an index to be dropped are taken
 * down even if their request does not say so. Cannot fail: what is not possible is kept.
 */
void ddl_plan_make(struct ddl_plan *plan, const struct target_catalog *catalog,
    const struct ddl_request *requests, size_t request_count);

void ddl_plan_release(struct ddl_plan *plan);

/* Drops all objects, inside the caller's transaction. Fails with ERROR_DATABASE. */
MUST_CHECK bool ddl_take_down(
    const struct ddl_plan *plan, struct connection *connection, struct error *err);

/*
 * Takes an object down that may have been restored already, inside the caller's transaction: what
 * would act on rows that come now, foreign keys and triggers. Fails with ERROR_DATABASE.
 */
MUST_CHECK bool ddl_take_down_again(
    const struct ddl_object *object, struct connection *connection, struct error *err);

/* Restores one object in a transaction of its own, unless it exists. Fails with ERROR_DATABASE. */
MUST_CHECK bool ddl_restore(
    const struct ddl_object *object, struct connection *connection, struct error *err);

#endif
