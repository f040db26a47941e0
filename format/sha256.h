/* SHA-256 (SPEC 2.3): for the file and the state_id. */
#ifndef FORMAT_SHA256_H
#define FORMAT_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32 /* bytes */

/* A SHA-256 in progress. */
struct sha256 {
    void *context; /* owned */
};

void sha256_init(struct sha256 *sha);
void sha256_update(struct sha256 *sha, const void *data, size_t size);
void sha256_final(struct sha256 *sha, uint8_t out[SHA256_SIZE]);
void sha256_release(struct sha256 *sha);

#endif
