/*
 * A value of a dump on its way to the server: the first byte chooses the column's type, the next
 * the policies, the rest is the value in its canonical form.
 */
#include "base/owned.h"
#include "base/utf8.h"
#include "replay/values/convert.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/hostile_target.h"

#include <assert.h>
#include <string.h>

static uint32_t load_big32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int32_t field_size(const struct byte_buffer *field)
{
    int32_t size = (int32_t)load_big32(field->data);

    assert(size < 0 ? size == -1 && field->size == 4 : (size_t)size == field->size - 4);
    return size;
}

/* What was sent may come back in other spelling, but means the same: its normal form is its own. */
static void check_normal(const struct type_map *map, const struct byte_buffer *field)
{
    OWNED(byte_buffer) struct byte_buffer normal = {0};
    OWNED(byte_buffer) struct byte_buffer again = {0};
    const uint8_t *bytes = field->data + 4;
    bool done = convert_normalise(map, bytes, field_size(field), &normal);

    assert(done);
    if (field_size(field) < 0 || map->kind == TYPE_JSONB)
        return;
    done = convert_normalise(map, normal.data + 4, (int32_t)(normal.size - 4), &again);
    assert(done && again.size == normal.size && memcmp(again.data, normal.data, normal.size) == 0);
}

static void check_binary(const struct type_map *map, const struct byte_buffer *field)
{
    int32_t size = field_size(field);
    const uint8_t *bytes = field->data + 4;

    if (size < 0) {
        assert(!map->is_not_null);
        return;
    }
    assert(map->kind != TYPE_BOOLEAN || (size == 1 && bytes[0] <= 1));
    assert(map->kind != TYPE_INT2 || size == 2);
    assert((map->kind != TYPE_INT4 && map->kind != TYPE_FLOAT4) || size == 4);
    assert((map->kind != TYPE_INT8 && map->kind != TYPE_FLOAT8) || size == 8);
    assert(map->kind != TYPE_DATE || size == 4);
    assert((map->kind != TYPE_TIMESTAMP && map->kind != TYPE_TIMESTAMPTZ) || size == 8);
    assert(map->kind != TYPE_UUID || size == 16);
    if (map->kind == TYPE_TEXT || map->kind == TYPE_JSON) {
        assert(utf8_is_valid(bytes, (size_t)size));
        assert(memchr(bytes, 0, (size_t)size) == NULL || size == 0);
        assert(map->length_max == 0 || utf8_length(bytes, (size_t)size) <= map->length_max);
        assert(map->size_max == 0 || (size_t)size <= map->size_max);
    }
}

/* One field of a line: what would end it or the line is escaped. */
static void check_text(const struct byte_buffer *field)
{
    for (size_t i = 0; i < field->size; i++) {
        assert(field->data[i] != '\n' && field->data[i] != '\r' && field->data[i] != '\t'
               && field->data[i] != 0);
        if (field->data[i] == '\\')
            assert(++i < field->size);
    }
    assert(field->size == 0 || utf8_is_valid(field->data, field->size));
}

static void run(const struct type_map *map, const struct value *value)
{
    OWNED(byte_buffer) struct byte_buffer binary = {0};
    OWNED(byte_buffer) struct byte_buffer text = {0};
    OWNED(byte_buffer) struct byte_buffer probe = {0};
    enum convert_fault text_fault = convert_text(map, value, &text);
    enum convert_fault fault =
        map->kind == TYPE_OTHER ? text_fault : convert_binary(map, value, &binary);

    assert(text_fault == fault);
    if (fault != CONVERT_FITS)
        return;
    check_text(&text);
    if (map->kind != TYPE_OTHER && map->kind != TYPE_NUMERIC)
        check_binary(map, &binary);
    fault = convert_probe(map, value, &probe);
    assert(fault == CONVERT_FITS);
    check_normal(map, &probe);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const replacements[] = {NULL, "", "\xef\xbf\xbd", " "};
    struct byte_reader r = byte_reader_over(data, size);
    uint8_t type = byte_reader_u8(&r);
    uint8_t policy = byte_reader_u8(&r);
    struct value value = value_decode(&r);
    struct target_column column;
    struct type_map map;

    if (r.overrun)
        return 0;
    hostile_target_column(&column, "c", type);
    type_map_of(&map, &column);
    map.nul_replacement = replacements[policy % 4];
    map.replaces_text = policy / 4 % 2 == 1 && map.nul_replacement != NULL;
    map.unix_time = policy / 8 % (TYPE_MAP_UNIX_NANOSECONDS + 1);
    run(&map, &value);
    return 0;
}
