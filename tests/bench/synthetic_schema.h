/*
 * The SQLite side of the schema: the large tables of a Synapse homeserver with
 * their indexes, and many small tables, mostly empty. schema.sql beside this
 * file is the PostgreSQL side and must name the same tables and columns.
 */
#ifndef BENCH_SYNTHETIC_SCHEMA_H
#define BENCH_SYNTHETIC_SCHEMA_H

#include "base/error.h"
#include "synthetic_random.h"

#include <sqlite3.h>

#define SYNTHETIC_SCHEMA_SIDE_COUNT 150 /* side_001 to side_150 */

/* Creates all tables and indexes. Fails with ERROR_DATABASE. */
MUST_CHECK bool synthetic_schema_create(sqlite3 *database, struct error *err);

/* Fills every third side table with a few rows. Fails with ERROR_DATABASE. */
MUST_CHECK bool synthetic_schema_fill_side_tables(
    sqlite3 *database, struct synthetic_random *random, struct error *err);

#endif
