#include "base/owned.h"
#include "format/state.h"
#include "tests/unit/unit.h"

/* A schema with one ordinary and one virtual table. */
static void make_schema(struct schema *schema)
{
    schema->encoding = SCHEMA_ENCODING_UTF8;
    schema->table_count = 2;
    schema->tables = arena_alloc(&schema->arena, 2, sizeof(*schema->tables));
    schema->tables[0] = (struct schema_table){
        .name = schema_text_of(&schema->arena, "t", 1), .kind = SCHEMA_TABLE_ORDINARY};
    schema->tables[1] = (struct schema_table){
        .name = schema_text_of(&schema->arena, "v", 1), .kind = SCHEMA_TABLE_VIRTUAL};
}

/* SPEC 6, spelled out. */
static void is_the_hash_of_these_bytes(void **state)
{
    static const uint8_t bytes[] = {16, 0, 0, 0, 0, 0, 0, 0, /* size of the identity */
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,      /* the identity */
        1, 0, 0, 0, 't', 5, 0, 0, 0, 0, 0, 0, 0,             /* name, row_count */
        1, 2, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0};     /* sum */
    OWNED(schema) struct schema schema = {0};
    OWNED(sha256) struct sha256 sha = {0};
    struct table_end ends[2] = {
        {.row_count = 5, .sum = {.low = 0x0201, .high = 3}}, {.row_count = 77}};
    uint8_t wanted[SHA256_SIZE];
    uint8_t found[SHA256_SIZE];

    (void)state;
    make_schema(&schema);
    sha256_init(&sha);
    sha256_update(&sha, bytes, sizeof(bytes));
    sha256_final(&sha, wanted);
    state_compute(found, &schema, ends);
    assert_memory_equal(found, wanted, SHA256_SIZE);
}

static void only_what_counts_counts(void **state)
{
    OWNED(schema) struct schema schema = {0};
    struct table_end ends[2] = {{.row_count = 5}};
    uint8_t first[SHA256_SIZE];
    uint8_t second[SHA256_SIZE];

    (void)state;
    make_schema(&schema);
    state_compute(first, &schema, ends);
    schema.page_size = 8192;
    schema.is_wal = true;
    state_compute(second, &schema, ends);
    assert_memory_equal(first, second, SHA256_SIZE);
    schema.user_version = 1;
    state_compute(second, &schema, ends);
    assert_memory_not_equal(first, second, SHA256_SIZE);
    schema.user_version = 0;
    ends[0].row_count = 6;
    state_compute(second, &schema, ends);
    assert_memory_not_equal(first, second, SHA256_SIZE);
}

static void is_shown_in_hexadecimal(void **state)
{
    uint8_t state_id[SHA256_SIZE] = {0x01, 0xab, [31] = 0xf0};
    char text[STATE_TEXT_SIZE];

    (void)state;
    state_format(text, state_id);
    assert_int_equal(strlen(text), 64);
    assert_memory_equal(text, "01ab00", 6);
    assert_string_equal(text + 60, "00f0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_hash_of_these_bytes),
        cmocka_unit_test(only_what_counts_counts),
        cmocka_unit_test(is_shown_in_hexadecimal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
