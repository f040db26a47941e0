#include "base/owned.h"
#include "format/schema.h"
#include "tests/unit/unit.h"

static struct schema_text text(struct schema *schema, const char *bytes)
{
    return schema_text_of(&schema->arena, bytes, strlen(bytes));
}

/* Two tables, the first of two columns, and their two entries. */
static void make_schema(struct schema *schema)
{
    schema->encoding = SCHEMA_ENCODING_UTF8;
    schema->user_version = -1;
    schema->application_id = 7;
    schema->page_size = 4096;
    schema->auto_vacuum = 2;
    schema->is_wal = true;
    schema->entry_count = 2;
    schema->entries = arena_alloc(&schema->arena, 2, sizeof(*schema->entries));
    schema->entries[0] = (struct schema_entry){.type = SCHEMA_ENTRY_TABLE,
        .name = text(schema, "b"),
        .table = text(schema, "b"),
        .has_sql = true,
        .sql = text(schema, "CREATE TABLE b(x)")};
    schema->entries[1] = (struct schema_entry){
        .type = SCHEMA_ENTRY_TABLE, .name = text(schema, "a"), .table = text(schema, "a")};
    schema->table_count = 2;
    schema->tables = arena_alloc(&schema->arena, 2, sizeof(*schema->tables));
    for (uint32_t i = 0; i < 2; i++) {
        struct schema_table *table = &schema->tables[i];

        table->name = text(schema, i == 0 ? "b" : "a");
        table->kind = i == 0 ? SCHEMA_TABLE_SHADOW : SCHEMA_TABLE_ORDINARY;
        table->strict = i == 0;
        table->column_count = 2 - i;
        table->columns = arena_alloc(&schema->arena, 2, sizeof(*table->columns));
        for (uint32_t k = 0; k < table->column_count; k++)
            table->columns[k] = (struct schema_column){.name = text(schema, k == 0 ? "x" : ""),
                .type = text(schema, "TEXT"),
                .not_null = k == 0,
                .generated = k == 0 ? SCHEMA_GENERATED_NO : SCHEMA_GENERATED_STORED,
                .primary_key = k,
                .has_default = k == 0,
                .default_sql = text(schema, k == 0 ? "'d'" : "")};
    }
    schema_sort(schema);
}

static void decode_of_encode(void **state)
{
    OWNED(schema) struct schema schema = {0};
    OWNED(schema) struct schema found = {0};
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    OWNED(byte_buffer) struct byte_buffer again = {0};
    struct byte_reader r;
    struct error err;

    (void)state;
    make_schema(&schema);
    schema_encode(&bytes, &schema);
    r = byte_reader_over(bytes.data, bytes.size);
    ASSERT_DONE(schema_decode(&found, &r, &err), err);
    schema_encode(&again, &found);
    assert_int_equal(again.size, bytes.size);
    assert_memory_equal(again.data, bytes.data, bytes.size);
    assert_string_equal(found.tables[0].name.bytes, "a");
    assert_true(found.tables[1].strict);
    assert_int_equal(found.user_version, -1);
    assert_int_equal(found.tables[1].columns[1].generated, SCHEMA_GENERATED_STORED);
    assert_string_equal(found.tables[1].columns[0].default_sql.bytes, "'d'");
    assert_false(found.entries[0].has_sql);
}

static void every_truncation_is_reported(void **state)
{
    OWNED(schema) struct schema schema = {0};
    OWNED(byte_buffer) struct byte_buffer bytes = {0};

    (void)state;
    make_schema(&schema);
    schema_encode(&bytes, &schema);
    byte_buffer_put_u8(&bytes, 0);
    for (size_t size = 0; size <= bytes.size; size++) {
        OWNED(schema) struct schema found = {0};
        struct byte_reader r = byte_reader_over(bytes.data, size);
        struct error err;

        /* One size is right; one byte more is too much. */
        if (size != bytes.size - 1)
            ASSERT_FAILS(schema_decode(&found, &r, &err), err, ERROR_CORRUPT, "schema");
    }
}

static void identity_is_the_beginning(void **state)
{
    OWNED(schema) struct schema schema = {0};
    OWNED(byte_buffer) struct byte_buffer identity = {0};
    OWNED(byte_buffer) struct byte_buffer bytes = {0};

    (void)state;
    make_schema(&schema);
    schema_encode_identity(&identity, &schema);
    schema_encode(&bytes, &schema);
    assert_true(identity.size < bytes.size);
    assert_memory_equal(bytes.data, identity.data, identity.size);
}

static void order_is_demanded(void **state)
{
    OWNED(schema) struct schema schema = {0};
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    OWNED(schema) struct schema found = {0};
    struct schema_table table;
    struct byte_reader r;
    struct error err;

    (void)state;
    make_schema(&schema);
    table = schema.tables[0];
    schema.tables[0] = schema.tables[1];
    schema.tables[1] = table;
    schema_encode(&bytes, &schema);
    r = byte_reader_over(bytes.data, bytes.size);
    ASSERT_FAILS(schema_decode(&found, &r, &err), err, ERROR_CORRUPT, "out of order");
}

static void finds_by_exact_name(void **state)
{
    OWNED(schema) struct schema schema = {0};
    OWNED(schema) struct schema nothing = {0};

    (void)state;
    make_schema(&schema);
    assert_ptr_equal(schema_find_table(&schema, "b"), &schema.tables[1]);
    assert_null(schema_find_table(&schema, "B"));
    assert_null(schema_find_table(&schema, ""));
    assert_null(schema_find_table(&nothing, "b"));
}

static void names_are_quoted(void **state)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    static const struct schema_text name = {.bytes = "a\"b'", .size = 4};

    (void)state;
    schema_put_name(&sql, &name);
    assert_int_equal(sql.size, 7);
    assert_memory_equal(sql.data, "\"a\"\"b'\"", 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_quoted),
        cmocka_unit_test(decode_of_encode),
        cmocka_unit_test(every_truncation_is_reported),
        cmocka_unit_test(identity_is_the_beginning),
        cmocka_unit_test(order_is_demanded),
        cmocka_unit_test(finds_by_exact_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
