#include "base/error.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/resource.h>

static void set_and_wrap(void **state)
{
    struct error err;

    (void)state;
    assert_false(error_set(&err, ERROR_CORRUPT, "is %d, expected %d", 3, 4));
    assert_int_equal(err.kind, ERROR_CORRUPT);
    assert_false(error_wrap(&err, "table \"%s\"", "events"));
    assert_string_equal(err.text, "table \"events\": is 3, expected 4");
    assert_int_equal(err.kind, ERROR_CORRUPT);
}

static void errno_becomes_text(void **state)
{
    struct error err;

    (void)state;
    errno = ENOSPC;
    assert_false(error_set_errno(&err, "cannot write \"%s\"", "x"));
    assert_int_equal(err.kind, ERROR_IO);
    assert_string_equal(err.text, "cannot write \"x\": No space left on device");
}

/* What ran out, how many there were, and what to do. */
static void limits_come_with_advice(void **state)
{
    struct rlimit before;
    struct rlimit few;
    struct error err;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = 9, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    errno = EMFILE;
    assert_false(error_set_errno(&err, "cannot open \"%s\"", "x"));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_string_equal(err.text,
        "cannot open \"x\": Too many open files; this process may have 9, "
        "raise the limit (\"ulimit -n 1024\")");
    errno = ENFILE;
    assert_false(error_set_errno(&err, "cannot open \"%s\"", "x"));
    assert_non_null(strstr(err.text, "fs.file-max"));
}

/* However much is said, it ends within the text. */
static void long_texts_are_cut(void **state)
{
    char words[2 * ERROR_TEXT_SIZE];
    struct error err;

    (void)state;
    memset(words, 'w', sizeof(words) - 1);
    words[sizeof(words) - 1] = '\0';
    error_set(&err, ERROR_USAGE, "%s", words);
    assert_int_equal(strlen(err.text), ERROR_TEXT_SIZE - 1);
    errno = EMFILE;
    error_set_errno(&err, "%s", words);
    assert_int_equal(strlen(err.text), ERROR_TEXT_SIZE - 1);
    error_wrap(&err, "%s", words);
    assert_int_equal(strlen(err.text), ERROR_TEXT_SIZE - 1);
    error_set(&err, ERROR_USAGE, "short");
    error_wrap(&err, "%s", words);
    assert_int_equal(strlen(err.text), ERROR_TEXT_SIZE - 1);
}

/* The numbers are promised to scripts. */
static void kinds_are_the_exit_statuses(void **state)
{
    (void)state;
    assert_int_equal(ERROR_USAGE, 2);
    assert_int_equal(ERROR_REJECTED, 3);
    assert_int_equal(ERROR_IO, 4);
    assert_int_equal(ERROR_NOT_DUMP, 5);
    assert_int_equal(ERROR_CORRUPT, 6);
    assert_int_equal(ERROR_UNSUPPORTED, 7);
    assert_int_equal(ERROR_DATABASE, 8);
    assert_int_equal(ERROR_REFUSED, 9);
    assert_int_equal(ERROR_MISMATCH, 10);
    assert_int_equal(ERROR_STOPPED, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_wrap),
        cmocka_unit_test(errno_becomes_text),
        cmocka_unit_test(limits_come_with_advice),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(kinds_are_the_exit_statuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
