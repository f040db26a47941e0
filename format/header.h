/* The dump's fixed first 128 bytes, a skippable zstd frame (SPEC 3.1). */
#ifndef FORMAT_HEADER_H
#define FORMAT_HEADER_H

#include "base/error.h"
#include "format/sha256.h"

#include <stddef.h>
#include <stdint.h>

#define HEADER_SIZE 128 /* bytes */
#define FORMAT_VERSION 1
#define FORMAT_MAGIC_OFFSET 8 /* bytes, behind the frame header */
#define FORMAT_MAGIC_SIZE 12  /* bytes */
extern const uint8_t header_magic[FORMAT_MAGIC_SIZE];

enum dump_kind {
    DUMP_FULL = 1,
    DUMP_DELTA = 2,
};

struct header {
    uint32_t version;
    uint64_t required_features; /* none is defined yet */
    uint64_t optional_features;
    enum dump_kind kind;
    uint8_t from_state[SHA256_SIZE]; /* zero for a full dump */
};

void header_encode(uint8_t out[HEADER_SIZE], const struct header *header);

/* Whether a file that begins with these bytes is a dump at all. Fails with ERROR_NOT_DUMP. */
MUST_CHECK bool header_check_magic(const uint8_t *data, size_t size, struct error *err);

/*
 * Decodes data, which holds the file's first `size` bytes.
 * Fails with ERROR_NOT_DUMP, ERROR_CORRUPT or ERROR_UNSUPPORTED, in this order.
 */
MUST_CHECK bool header_decode(
    struct header *out, const uint8_t *data, size_t size, struct error *err);

#endif
