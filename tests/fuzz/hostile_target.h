/*
 * A target that was prepared for whatever schema a dump has: a table for every
 * table, a column of some type for every column, with the dump's own names.
 */
#ifndef TESTS_HOSTILE_TARGET_H
#define TESTS_HOSTILE_TARGET_H

#include "format/schema.h"
#include "replay/target/target_catalog.h"

#define HOSTILE_TARGET_TABLE_COUNT_MAX 50 /* of a schema; more take time and show nothing else */
#define HOSTILE_TARGET_COLUMN_COUNT_MAX 200

/* Fills a zeroed catalog, and chooses types by seed. Names are up to the first NUL. */
void hostile_target_make(struct target_catalog *catalog, const struct schema *schema, uint8_t seed);

/* A column of the type number seed (of a few dozen), that may be NOT NULL. */
void hostile_target_column(struct target_column *column, const char *name, uint8_t seed);

#endif
