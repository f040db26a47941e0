/*
 * ROWS blocks read ahead: a thread reads, decompresses and decodes the next
 * blocks while the caller is busy with one.
 *
 * Blocks are announced in the order in which they will be taken. Memory: the
 * decoded blocks of a small ring. The dumps must outlive what was announced.
 */
#ifndef FORMAT_BLOCK_AHEAD_H
#define FORMAT_BLOCK_AHEAD_H

#include "base/error.h"
#include "format/dump_reader.h"

#include <stddef.h>

struct block_ahead; /* opaque */

/* Starts the thread. Fails with ERROR_IO. */
MUST_CHECK bool block_ahead_open(struct block_ahead **out, struct error *err);

/* Stops the thread. Accepts NULL. */
void block_ahead_close(struct block_ahead *ahead);

/* Says that this block will be taken after those announced before. */
void block_ahead_announce(struct block_ahead *ahead, const struct dump_reader *dump, size_t number);

/*
 * Swaps the next announced block, which must be this one, into `buffer`, as
 * dump_reader_rows() would have read it. Fails as that does.
 */
MUST_CHECK bool block_ahead_take(struct block_ahead *ahead, const struct dump_reader *dump,
    size_t number, struct dump_buffer *buffer, struct error *err);

/* Forgets what was announced and not taken. */
void block_ahead_forget(struct block_ahead *ahead);

#endif
