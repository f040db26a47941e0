/*
 * Checking every byte of a dump, tolerantly (SPEC 7).
 *
 * dump_reader stops at the first thing that is wrong. This goes on: it looks at
 * every block on all cores, recomputes row hashes, table sums, facts and the
 * state_id, and says what is damaged and which tables are still whole. Without
 * tail or index it finds the frames by itself.
 */
#ifndef TOOLS_DUMP_CHECK_H
#define TOOLS_DUMP_CHECK_H

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "format/dump_index.h"
#include "format/header.h"
#include "format/schema.h"
#include "format/table_end.h"
#include "format/tail.h"
#include "watch/progress.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DUMP_CHECK_DAMAGE_MAX 1000 /* more than these are counted only */

/* Where something is wrong. */
enum damage_part {
    DAMAGE_HEADER,
    DAMAGE_BLOCK,
    DAMAGE_TABLE, /* its blocks are sound, but not what TABLE_END says */
    DAMAGE_INDEX,
    DAMAGE_TAIL,
    DAMAGE_FILE, /* the digest, the state, bytes between blocks */
};

#define DAMAGE_NO_NUMBER 0xffffffffu

struct damage {
    enum damage_part part;
    uint32_t number; /* of the block, or DAMAGE_NO_NUMBER */
    uint32_t table;  /* ordinal, or INDEX_NO_TABLE */
    uint64_t offset; /* bytes */
    uint64_t size;   /* bytes; 0: not known */
    struct error err;
};

/* A block to look at. Without an index only place and number are known before. */
struct check_block {
    struct index_entry entry;
    uint32_t number;
    bool is_indexed; /* entry says what the block must be */
    bool is_number_known;
    bool is_sound; /* set by the check */
};

/* What the blocks of one table add up to. */
struct check_table {
    struct hash128 sum; /* of the rows in this dump: added less removed */
    uint64_t row_count; /* added less removed */
    uint64_t block_count;
    uint64_t raw_size;
    uint64_t size;              /* canonical bytes of added rows */
    struct column_facts *facts; /* in the arena */
    bool has_units;
    uint64_t unit_block_count; /* ROWS blocks that the units take */
    bool has_end;
    struct table_end end;
    bool is_damaged;
};

struct dump_check {
    struct file_input file;
    struct progress *progress; /* told of blocks; NULL: none */
    struct header header;
    struct tail tail;
    struct dump_index index;
    struct schema schema;
    struct check_block *blocks; /* owned; data blocks, without those of the index */
    size_t block_count;
    struct check_table *tables; /* by ordinal; in the arena */
    struct damage *damages;     /* owned */
    size_t damage_count;        /* may be more than are kept */
    uint64_t row_count;         /* rows looked at */
    uint64_t raw_size;          /* bytes of raw blocks looked at */
    struct arena arena;
    pthread_mutex_t lock; /* guards damages, tables, counts and arena while threads run */
    uint8_t state_id[SHA256_SIZE];
    /* Which of the above are sound. */
    bool has_header;
    bool has_tail;
    bool has_index;
    bool has_schema;
    bool has_state;
    bool has_lock;
    bool is_unchanged; /* a delta of one UNCHANGED block: has_schema, without tables */
};

/*
 * Checks the file at path ("-": standard input) with that many threads. progress may be NULL.
 * True: the check was made; look at damage_count. Fails with ERROR_IO,
 * ERROR_NOT_DUMP or ERROR_UNSUPPORTED, when there is nothing to check, ERROR_STOPPED.
 */
MUST_CHECK bool dump_check_run(struct dump_check *check, const char *path, unsigned thread_count,
    struct progress *progress, struct error *err);

/* Records a failure; for the modules that look at a part. Safe between threads. */
void dump_check_report(
    struct dump_check *check, const struct damage *damage, const struct error *err);

/* All blocks that were found, those of the index too. */
size_t dump_check_block_count(const struct dump_check *check);

/* True if the rows of this table are proven to be as they were dumped. */
bool dump_check_table_is_whole(const struct dump_check *check, uint32_t table);

void dump_check_release(struct dump_check *check);

#endif
