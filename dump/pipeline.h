/*
 * From rows to a dump file, on several threads.
 *
 * The caller fills batches with canonical rows and submits them, whole or as what units of a
 * base became; workers find the difference, encode and compress; one thread writes in order.
 * A caller that has to wait for a batch works meanwhile. What is written depends on the
 * batches alone, not on the number of threads.
 *
 * Memory is bounded by a pool of thread_count + 2 batches, or a few more than held_count:
 * each has at most PIPELINE_LARGE_SIZE bytes of rows, and later their compressed form
 * in the same place; and for each thread by the encoded form of one. Only one batch
 * at a time may be larger, by a row that is.
 */
#ifndef DUMP_PIPELINE_H
#define DUMP_PIPELINE_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "dump/block_maker.h"
#include "dump/table_writer.h"
#include "format/chain.h"
#include "format/dump_writer.h"
#include "format/rows_encoder.h"
#include "format/units.h"

#include <stdbool.h>
#include <stdint.h>

/* A batch with more bytes of rows than this is large. */
#define PIPELINE_LARGE_SIZE (CHUNK_SIZE_MAX / 2 * 3)
#define PIPELINE_THREAD_COUNT_MAX 256u

struct pipeline; /* opaque */

struct pipeline_options {
    struct dump_writer *writer; /* used by the pipeline alone until it is closed */
    const struct schema *schema;
    unsigned thread_count; /* that work, the caller's included */
    unsigned held_count;   /* batches that the caller may hold besides the one that it fills */
    int level;
};

/* Starts the threads. Fails with ERROR_IO. */
MUST_CHECK bool pipeline_open(
    struct pipeline **out, const struct pipeline_options *options, struct error *err);

/* Stops and joins the threads; what was not written is dropped. */
void pipeline_close(struct pipeline *pipeline);

/*
 * Waits for an empty batch, borrowed until it is submitted or dropped. This and all
 * below fail with what failed in a thread, or ERROR_STOPPED.
 */
MUST_CHECK bool pipeline_begin(
    struct pipeline *pipeline, struct row_batch **batch, struct error *err);

/* To be called before a batch becomes large: waits until no other one is. */
MUST_CHECK bool pipeline_allow_large(
    struct pipeline *pipeline, struct row_batch *batch, struct error *err);

/* Gives a batch back; its rows are not needed. */
void pipeline_drop(struct pipeline *pipeline, struct row_batch *batch);

/* Hands over a batch, all of whose rows become one block. */
MUST_CHECK bool pipeline_submit(
    struct pipeline *pipeline, uint32_t table, struct row_batch *batch, struct error *err);

/* Hands over the batches of a change; what differs becomes one block. */
MUST_CHECK bool pipeline_submit_change(
    struct pipeline *pipeline, uint32_t table, const struct unit_change *change, struct error *err);

/* The end of a table. */
struct pipeline_end {
    struct table_end end;    /* facts and size are filled in when it is written, and the sum of a
                                TABLE_WHOLE */
    struct units *units;     /* TABLE_PATCH: its units; else NULL. Borrowed for the call */
    struct chain_table *old; /* taken over, with malloc()ed memory; or NULL */
};

/* Writes UNITS and TABLE_END behind what was submitted; no batch may be held. */
MUST_CHECK bool pipeline_end_table(
    struct pipeline *pipeline, struct pipeline_end *end, struct error *err);

/* Waits until everything is written. The writer is then the caller's again. */
MUST_CHECK bool pipeline_finish(struct pipeline *pipeline, struct error *err);

/* What was found in the tables that are written; valid after pipeline_finish() until close. */
const struct table_finding *pipeline_findings(const struct pipeline *pipeline, size_t *count);

/* Bytes written so far; for any thread. */
uint64_t pipeline_written_size(const struct pipeline *pipeline);

#endif
