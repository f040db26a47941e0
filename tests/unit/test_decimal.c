#include "base/owned.h"
#include "replay/values/decimal.h"

#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The canonical form; NULL: refused. Borrowed until the next call. */
static const char *canonical(const char *text, struct decimal_shape *shape)
{
    static char form[200];
    OWNED(byte_buffer) struct byte_buffer out = {0};

    if (!decimal_canonical(&out, (const uint8_t *)text, strlen(text), shape)) {
        assert_int_equal(out.size, 0);
        return NULL;
    }
    assert_true(out.size < sizeof(form));
    memcpy(form, out.data, out.size);
    form[out.size] = '\0';
    return form;
}

static void equal_numbers_become_equal(void **state)
{
    static const struct {
        const char *text;
        const char *form;
    } cases[] = {
        {"0", "0"},
        {"-0", "0"},
        {"-0.000e5", "0"},
        {"00012", "12"},
        {"+12.500", "12.5"},
        {".5", "0.5"},
        {"5.", "5"},
        {"-1.25e2", "-125"},
        {"1e3", "1000"},
        {"100E-4", "0.01"},
        {"123456789012345678901234567890.5", "123456789012345678901234567890.5"},
        {"1.10e1", "11"},
        {"0.00120", "0.0012"},
        {"1200", "1200"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(canonical(cases[i].text, NULL), cases[i].form);
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const texts[] = {"", "-", ".", "e5", "1e", "1e+", "1x", "0x10", "1 ", " 1",
        "1.2.3", "--1", "NaN", "Infinity", "1e200000", "1e-20000", "1e99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_null(canonical(texts[i], NULL));
}

static void the_shape_counts_needed_digits(void **state)
{
    struct decimal_shape shape;

    (void)state;
    canonical("-0012.3400", &shape);
    assert_int_equal(shape.integer_digits, 2);
    assert_int_equal(shape.fraction_digits, 2);
    canonical("1200", &shape);
    assert_int_equal(shape.integer_digits, 4);
    assert_int_equal(shape.fraction_digits, -2);
    canonical("0.001", &shape);
    assert_int_equal(shape.integer_digits, -2);
    assert_int_equal(shape.fraction_digits, 3);
    assert_false(shape.is_zero);
    canonical("0.00", &shape);
    assert_true(shape.is_zero);
}

static void reals_read_back_as_themselves(void **state)
{
    static const double reals[] = {0.1, 1.0 / 3, 1e300, 5e-324, DBL_MAX, -2.5, 0};

    (void)state;
    for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
        OWNED(byte_buffer) struct byte_buffer out = {0};

        decimal_of_real(&out, reals[i]);
        byte_buffer_put_u8(&out, 0);
        assert_true(strtod((const char *)out.data, NULL) == reals[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_numbers_become_equal),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(the_shape_counts_needed_digits),
        cmocka_unit_test(reals_read_back_as_themselves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
