/*
 * Tables read row by row into batches.
 *
 * SELECT valise_sink(rowid, c1, c2, ...) FROM t hands each row to an aggregate function of
 * ours, which is faster than fetching columns one by one; tables with more columns
 * than a function may have arguments are fetched. Rows come in the order of the
 * rowid or primary key, which is checked, values as SQLite stores them (SPEC 4.1).
 */
#ifndef DUMP_SINK_H
#define DUMP_SINK_H

#include "base/error.h"
#include "dump/pipeline.h"
#include "dump/row_order.h"
#include "format/schema.h"

#include <sqlite3.h>

/* Told of each batch, in the thread that reads. */
typedef void sink_progress(void *context, uint32_t table, uint64_t row_count, uint64_t size);

/* Takes over each batch as it ends: submits it to the pipeline, now or later, or drops it. */
typedef bool sink_deliver(
    void *context, uint32_t table, struct row_batch *batch, struct error *err);

struct sink {
    sqlite3 *db; /* borrowed, as the next two */
    const struct schema *schema;
    struct pipeline *pipeline; /* where batches come from */
    sink_deliver *deliver;
    void *deliver_context;
    sink_progress *progress; /* may be NULL */
    void *progress_context;
    bool leaves_hashes; /* to the pipeline, where they do not tell where a batch ends */
    uint64_t row_count; /* of all tables */
    uint64_t size;      /* canonical bytes of them */

    /* Of the table being read. */
    uint32_t table;
    struct table_end end;
    struct row_order order;
    struct row_batch *batch; /* NULL until the first row after a submit */
    struct error failure;
    bool has_failed;
};

/*
 * Makes the function known to db, which must outlive the sink, as must the other
 * borrowed members; the sink stays where it is in memory. Fails with ERROR_DATABASE.
 */
MUST_CHECK bool sink_init(struct sink *sink, struct error *err);

/*
 * Reads all rows of the table with this ordinal and delivers them; row_count and, if no
 * hashes were left to others, the sum are then in sink->end. The error names the table and how many
 * rows were read before.
 */
MUST_CHECK bool sink_read_table(struct sink *sink, uint32_t table, struct error *err);

#endif
