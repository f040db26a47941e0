/*
 * What a replay would take: rows, disk, write-ahead log, time, and which tables it would touch.
 *
 * Rough on purpose: every size is from ... to. docs/report.md says how good it is.
 */
#ifndef REPLAY_ESTIMATE_H
#define REPLAY_ESTIMATE_H

#include "base/arena.h"
#include "base/error.h"
#include "format/dump_reader.h"
#include "postgres/connection.h"
#include "postgres/server_disk.h"
#include "replay/load/verify.h"
#include "replay/plan/plan.h"
#include "replay/report/size_estimate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One table of the plan. */
struct table_estimate {
    bool is_touched;
    uint64_t added_count; /* rows */
    uint64_t removed_count;
    struct size_estimate size; /* what the added rows take */
};

/* Zero-initialise. */
struct estimate {
    struct arena arena;
    struct table_estimate *tables; /* in the plan's order */
    size_t touched_count;
    uint64_t row_count;           /* added, removed */
    uint64_t database_size;       /* now */
    struct size_range tables_sum; /* what is new */
    struct size_range indexes_sum;
    struct size_range after; /* the database, when the replay is done */
    struct size_range wal;   /* written altogether */
    uint64_t room_size;      /* at most needed meanwhile: what is new, WAL that is kept, sorting */
    double seconds_min;
    double seconds_max;
    struct server_disk disk;
};

/* What is estimated. */
struct estimate_input {
    const struct dump_reader *reader;
    const struct plan *plan;
    int version_num; /* of the server */
    size_t jobs;     /* connections */
    bool is_undo;    /* of a delta: removed and added are swapped */
    struct problems *problems;
};

/*
 * Asks the server how large the database is and how much room there is; too little is a note. Fails
 * with ERROR_DATABASE.
 */
MUST_CHECK bool estimate_make(struct estimate *estimate, const struct estimate_input *input,
    struct connection *connection, struct error *err);

void estimate_release(struct estimate *estimate);

#endif
