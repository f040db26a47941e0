/*
 * The SQL that drops and restores single objects, for ddl.c.
 *
 * Every text is in the arena, names all objects with their schemas, and is complete: comments,
 * tablespace and statistics targets included.
 */
#ifndef REPLAY_DDL_TEXT_H
#define REPLAY_DDL_TEXT_H

#include "base/arena.h"
#include "replay/target/target_catalog.h"

/* DROP INDEX, CREATE INDEX, and whether a valid one is there. */
const char *ddl_text_drop_index(struct arena *arena, const struct target_index *index);
const char *ddl_text_create_index(struct arena *arena, const struct target_index *index);
const char *ddl_text_index_exists(struct arena *arena, const struct target_index *index);

/* DROP CONSTRAINT; ADD CONSTRAINT whole, or with an index that exists. */
const char *ddl_text_drop_constraint(
    struct arena *arena, const struct target_constraint *constraint);
const char *ddl_text_add_constraint(struct arena *arena, const struct target_constraint *constraint,
    const struct target_index *index);
const char *ddl_text_attach_constraint(struct arena *arena,
    const struct target_constraint *constraint, const struct target_index *index);
const char *ddl_text_constraint_exists(
    struct arena *arena, const struct target_constraint *constraint);

/* Replica identity and the CLUSTER mark that an index bears. */
const char *ddl_text_mark(struct arena *arena, const struct target_index *index);
const char *ddl_text_mark_exists(struct arena *arena, const struct target_index *index);

/* A trigger off, and back to the state that it has. */
const char *ddl_text_disable_trigger(
    struct arena *arena, const struct target_table *table, const struct target_trigger *trigger);
const char *ddl_text_enable_trigger(
    struct arena *arena, const struct target_table *table, const struct target_trigger *trigger);
const char *ddl_text_trigger_exists(
    struct arena *arena, const struct target_table *table, const struct target_trigger *trigger);

#endif
