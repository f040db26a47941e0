/*
 * A chain as one dump: a full dump and deltas as a full dump, deltas alone as one
 * delta. Bounded memory, whatever the size of the tables.
 *
 * A unit that is one chunk becomes one block that ends with the same row, others
 * are cut as a scan would cut them (SPEC 8.2), so that the result serves as the
 * base of deltas as well as the chain did.
 */
#ifndef TOOLS_SQUASH_H
#define TOOLS_SQUASH_H

#include "base/error.h"
#include "format/chain.h"
#include "format/dump_writer.h"
#include "watch/progress.h"

struct squash_options {
    const char *path; /* of the dump to write; "-" is standard output */
    int level;
    bool is_recompressed; /* at this level also the blocks that did not change */
    unsigned thread_count;
    struct progress *progress; /* told of the work */
};

/*
 * Writes the dump. Blocks that no delta touches are copied. Every row is read, and what was written
 * adds up to what the chain says before the file gets its name. Fails with ERROR_CORRUPT, ERROR_IO,
 * ERROR_STOPPED.
 */
MUST_CHECK bool squash_run(const struct chain *chain, const struct squash_options *options,
    struct dump_writer_result *result, struct error *err);

#endif
