/*
 * What SQLite itself has kept unique.
 *
 * Read from the dump's CREATE statements: PRIMARY KEY and UNIQUE of tables, and
 * unique indexes without WHERE and expressions. A collation only makes SQLite stricter.
 */
#ifndef REPLAY_SOURCE_UNIQUE_H
#define REPLAY_SOURCE_UNIQUE_H

#include "format/dump_reader.h"
#include "replay/preflight/key.h"

/*
 * True if no two rows can have the same such key: SQLite has a unique key on some of its columns,
 * and the facts show that values which differ there stay different here.
 */
bool source_unique_proves(const struct dump_reader *reader, const struct key *key);

#endif
