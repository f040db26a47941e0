/*
 * Fills a new database, event by event, until the file has the size wanted.
 *
 * All tables grow together, so their pages lie interleaved as in the database of
 * a server that runs.
 */
#ifndef BENCH_SYNTHETIC_FILL_H
#define BENCH_SYNTHETIC_FILL_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdint.h>

/*
 * Creates the schema and fills it until the file has at least size bytes. Same
 * seed and size, same bytes. Fails with ERROR_DATABASE.
 */
MUST_CHECK bool synthetic_fill_database(
    sqlite3 *database, uint64_t size, uint64_t seed, struct error *err);

#endif
