#include "format/value.h"

#include <assert.h>

void value_encode(struct byte_buffer *out, const struct value *value)
{
    uint64_t bits = 0;

    byte_buffer_put_u8(out, (uint8_t)value->class);
    switch (value->class) {
    case VALUE_NULL:
        break;
    case VALUE_INTEGER:
        byte_buffer_put_u64(out, (uint64_t)value->integer);
        break;
    case VALUE_REAL:
        memcpy(&bits, &value->real, sizeof(bits));
        byte_buffer_put_u64(out, bits);
        break;
    case VALUE_TEXT:
    case VALUE_BLOB:
        byte_buffer_put_u32(out, value->size);
        byte_buffer_put(out, value->bytes, value->size);
        break;
    }
}

struct value value_decode(struct byte_reader *r)
{
    struct value value = {.class = VALUE_NULL};
    uint8_t class = byte_reader_u8(r);
    uint64_t bits;

    switch (class) {
    case VALUE_NULL:
        break;
    case VALUE_INTEGER:
        value.integer = (int64_t)byte_reader_u64(r);
        break;
    case VALUE_REAL:
        bits = byte_reader_u64(r);
        memcpy(&value.real, &bits, sizeof(bits));
        break;
    case VALUE_TEXT:
    case VALUE_BLOB:
        value.size = byte_reader_u32(r);
        value.bytes = byte_reader_span(r, value.size);
        break;
    default:
        r->overrun = true;
        break;
    }
    if (r->overrun)
        return (struct value){.class = VALUE_NULL};
    value.class = (enum value_class) class;
    return value;
}

const char *value_class_name(enum value_class class)
{
    static const char *const names[VALUE_CLASS_COUNT] = {"NULL", "INTEGER", "REAL", "TEXT", "BLOB"};

    assert((unsigned)class < VALUE_CLASS_COUNT);
    return names[class];
}
