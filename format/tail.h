/* The dump's fixed last 128 bytes, a skippable zstd frame (SPEC 3.3). */
#ifndef FORMAT_TAIL_H
#define FORMAT_TAIL_H

#include "base/error.h"
#include "format/sha256.h"

#include <stdint.h>

#define TAIL_SIZE 128 /* bytes */

struct tail {
    uint64_t index_offset; /* of the first INDEX block's frame */
    uint64_t file_size;    /* bytes, with this tail */
    uint32_t block_count;  /* all block frames */
    uint32_t index_block_count;
    uint8_t state_id[SHA256_SIZE]; /* of the state that the dump describes */
    uint8_t digest[SHA256_SIZE];   /* SHA-256 of all bytes before the tail */
};

void tail_encode(uint8_t out[TAIL_SIZE], const struct tail *tail);

/* Fails with ERROR_CORRUPT (also for a truncated file). file_size is what the file really has. */
MUST_CHECK bool tail_decode(
    struct tail *out, const uint8_t data[TAIL_SIZE], uint64_t file_size, struct error *err);

#endif
