/* cmocka, with what it wants to be included before it. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Fails unless the call failed with this kind and words. */
#define ASSERT_FAILS(call, err, wanted_kind, words) \
    do { \
        assert_false(call); \
        assert_int_equal((err).kind, wanted_kind); \
        if (strstr((err).text, words) == NULL) \
            fail_msg("\"%s\" does not say \"%s\"", (err).text, words); \
    } while (0)

/* Fails, saying why, unless the call succeeds. */
#define ASSERT_DONE(call, err) \
    do { \
        if (!(call)) \
            fail_msg("%s", (err).text); \
    } while (0)

#endif
