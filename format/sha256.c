#include "format/sha256.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* libcrypto fails here only when memory is exhausted or SHA-256 is forbidden. */
static void demand(int is_done)
{
    if (is_done != 1)
        abort();
}

void sha256_init(struct sha256 *sha)
{
    sha->context = EVP_MD_CTX_new();
    demand(sha->context != NULL && EVP_DigestInit_ex(sha->context, EVP_sha256(), NULL) == 1);
}

void sha256_update(struct sha256 *sha, const void *data, size_t size)
{
    demand(EVP_DigestUpdate(sha->context, data, size));
}

void sha256_final(struct sha256 *sha, uint8_t out[SHA256_SIZE])
{
    demand(EVP_DigestFinal_ex(sha->context, out, NULL));
}

void sha256_release(struct sha256 *sha)
{
    EVP_MD_CTX_free(sha->context);
    sha->context = NULL;
}
