#include "base/owned.h"
#include "replay/values/copy_encoder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HEADER_SIZE 19

static const struct target_column id_column = {.name = "id",
    .type_text = "integer",
    .base_type_oid = 23,
    .base_type_name = "int4",
    .base_type_kind = 'b',
    .type_modifier = -1};
static const struct target_column json_column = {.name = "fields",
    .type_text = "jsonb",
    .base_type_oid = 3802,
    .base_type_name = "jsonb",
    .base_type_kind = 'b',
    .type_modifier = -1};
static const struct target_column time_column = {.name = "hour",
    .type_text = "time",
    .base_type_oid = 1083,
    .base_type_name = "time",
    .base_type_kind = 'b',
    .type_modifier = -1};

static struct value text(const char *bytes)
{
    return (struct value){
        .class = VALUE_TEXT, .bytes = (const uint8_t *)bytes, .size = (uint32_t)strlen(bytes)};
}

static void tuples_are_what_copy_reads(void **state)
{
    OWNED(copy_encoder) struct copy_encoder encoder = {0};
    struct copy_column column = {.source = 1};
    struct value row[2] = {{.class = VALUE_NULL}, {.class = VALUE_INTEGER, .integer = 7}};
    struct error err;

    (void)state;
    type_map_of(&column.type, &id_column);
    copy_encoder_init(&encoder, &column, 1);
    assert_true(encoder.is_exact);
    assert_false(encoder.is_text);
    copy_encoder_begin(&encoder);
    assert_int_equal(encoder.data.size, HEADER_SIZE);
    assert_true(copy_encoder_row(&encoder, row, &err));
    copy_encoder_end(&encoder);
    assert_int_equal(encoder.data.size, HEADER_SIZE + 10 + 2);
    assert_memory_equal(encoder.data.data + HEADER_SIZE, "\0\1\0\0\0\4\0\0\0\7\xff\xff", 10 + 2);
    assert_int_equal(encoder.row_count, 1);
}

/* What the server sends back, in another order and spelling, has the same sum. */
static void sums_survive_the_server(void **state)
{
    static const char *const sent[] = {"{\"b\":1,\"a\":2.50}", "[]"};
    static const char *const received[] = {
        "\0\1\0\0\0\3\1[]", "\0\1\0\0\0\24\1{\"a\": 2.50, \"b\": 1}"};
    static const size_t sizes[] = {9, 26};
    OWNED(copy_encoder) struct copy_encoder out = {0};
    OWNED(copy_encoder) struct copy_encoder in = {0};
    struct hash128 sum = {0};
    struct copy_column column = {0};
    struct error err;

    (void)state;
    type_map_of(&column.type, &json_column);
    copy_encoder_init(&out, &column, 1);
    copy_encoder_init(&in, &column, 1);
    for (int i = 0; i < 2; i++) {
        struct value row = text(sent[i]);
        struct hash128 hash;

        assert_true(copy_encoder_row(&out, &row, &err));
        assert_true(
            copy_encoder_hash_tuple(&in, (const uint8_t *)received[i], sizes[i], &hash, &err));
        sum = checksum_add(sum, hash);
    }
    assert_true(checksum_equal(sum, out.sum));
}

static void broken_tuples_are_reported(void **state)
{
    OWNED(copy_encoder) struct copy_encoder encoder = {0};
    struct copy_column column = {0};
    struct hash128 hash;
    struct error err;

    (void)state;
    type_map_of(&column.type, &json_column);
    copy_encoder_init(&encoder, &column, 1);
    assert_false(copy_encoder_hash_tuple(&encoder, (const uint8_t *)"\0\2", 2, &hash, &err));
    assert_false(copy_encoder_hash_tuple(&encoder, (const uint8_t *)"\0\1\0\0", 4, &hash, &err));
    assert_false(
        copy_encoder_hash_tuple(&encoder, (const uint8_t *)"\0\1\0\0\0\5ab", 8, &hash, &err));
    assert_int_equal(err.kind, ERROR_DATABASE);
}

static void types_without_binary_form_go_as_text(void **state)
{
    OWNED(copy_encoder) struct copy_encoder encoder = {0};
    struct copy_column columns[2] = {{.source = 0}, {.source = 1}};
    struct value row[2] = {{.class = VALUE_INTEGER, .integer = 7}, text("03:04:05.6")};
    struct error err;

    (void)state;
    type_map_of(&columns[0].type, &id_column);
    type_map_of(&columns[1].type, &time_column);
    copy_encoder_init(&encoder, columns, 2);
    assert_true(encoder.is_text);
    copy_encoder_begin(&encoder);
    assert_true(copy_encoder_row(&encoder, row, &err));
    copy_encoder_end(&encoder);
    assert_int_equal(encoder.data.size, 13);
    assert_memory_equal(encoder.data.data, "7\t03:04:05.6\n", 13);
}

static void a_value_that_does_not_fit_names_its_column(void **state)
{
    OWNED(copy_encoder) struct copy_encoder encoder = {0};
    struct copy_column column = {0};
    struct value row = text("seven");
    struct error err;

    (void)state;
    type_map_of(&column.type, &id_column);
    copy_encoder_init(&encoder, &column, 1);
    assert_false(copy_encoder_row(&encoder, &row, &err));
    assert_int_equal(err.kind, ERROR_REFUSED);
    assert_non_null(strstr(err.text, "\"id\" (integer)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tuples_are_what_copy_reads),
        cmocka_unit_test(sums_survive_the_server),
        cmocka_unit_test(broken_tuples_are_reported),
        cmocka_unit_test(types_without_binary_form_go_as_text),
        cmocka_unit_test(a_value_that_does_not_fit_names_its_column),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
