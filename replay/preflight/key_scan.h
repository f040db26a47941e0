/*
 * The keys of a table's rows, all that are asked for in one reading, by several
 * threads. Only the columns that they are made of are decoded.
 */
#ifndef REPLAY_KEY_SCAN_H
#define REPLAY_KEY_SCAN_H

#include "base/error.h"
#include "format/dump_reader.h"
#include "replay/preflight/key.h"
#include "replay/preflight/key_runs.h"

#include <stdatomic.h>

/* One kind of key, and where its hashes go. */
struct key_scan_item {
    struct key key;
    struct key_runs runs;
    bool is_distinct;     /* how often a key occurs does not matter */
    atomic_bool is_mixed; /* result: some row has a key that is NULL in part (KEY_MIXED) */
};

struct key_scan {
    const struct dump_reader *reader;
    size_t thread_count;
    struct key_scan_item *const *items; /* all of one table */
    size_t item_count;
};

/* Reads all rows of the table once, adds their keys. Fails as dump_reader_rows, ERROR_STOPPED. */
MUST_CHECK bool key_scan_run(const struct key_scan *scan, struct error *err);

#endif
