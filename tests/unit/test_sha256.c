#include "base/owned.h"
#include "format/sha256.h"
#include "tests/unit/unit.h"

/* FIPS 180-4, "abc". */
static const uint8_t abc[SHA256_SIZE] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41,
    0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10,
    0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};

static void published_value(void **state)
{
    OWNED(sha256) struct sha256 sha = {0};
    uint8_t digest[SHA256_SIZE];

    (void)state;
    sha256_init(&sha);
    sha256_update(&sha, "abc", 3);
    sha256_final(&sha, digest);
    assert_memory_equal(digest, abc, sizeof(abc));
}

static void pieces_make_the_whole(void **state)
{
    OWNED(sha256) struct sha256 sha = {0};
    uint8_t digest[SHA256_SIZE];

    (void)state;
    sha256_init(&sha);
    sha256_update(&sha, "a", 1);
    sha256_update(&sha, "", 0);
    sha256_update(&sha, "bc", 2);
    sha256_final(&sha, digest);
    assert_memory_equal(digest, abc, sizeof(abc));
}

static void release_accepts_zero(void **state)
{
    struct sha256 sha = {0};

    (void)state;
    sha256_release(&sha);
    sha256_release(&sha);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_value),
        cmocka_unit_test(pieces_make_the_whole),
        cmocka_unit_test(release_accepts_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
