#include "base/byte_reader.h"

struct byte_reader byte_reader_over(const void *data, size_t size)
{
    static const uint8_t nothing[1];
    const uint8_t *start = data == NULL ? nothing : data;

    return (struct byte_reader){.next = start, .end = start + size};
}

const uint8_t *byte_reader_span(struct byte_reader *r, size_t size)
{
    const uint8_t *span = r->next;

    if (r->overrun || size > (size_t)(r->end - r->next)) {
        r->overrun = true;
        return NULL;
    }
    r->next += size;
    return span;
}

uint8_t byte_reader_u8(struct byte_reader *r)
{
    const uint8_t *p = byte_reader_span(r, 1);

    return p == NULL ? 0 : p[0];
}

uint16_t byte_reader_u16(struct byte_reader *r)
{
    const uint8_t *p = byte_reader_span(r, 2);

    return p == NULL ? 0 : (uint16_t)(p[0] | p[1] << 8);
}

uint32_t byte_reader_u32(struct byte_reader *r)
{
    const uint8_t *p = byte_reader_span(r, 4);

    return p == NULL ? 0 : byte_reader_load_u32(p);
}

uint64_t byte_reader_u64(struct byte_reader *r)
{
    const uint8_t *p = byte_reader_span(r, 8);

    return p == NULL ? 0 : byte_reader_load_u64(p);
}

size_t byte_reader_left(const struct byte_reader *r)
{
    return r->overrun ? 0 : (size_t)(r->end - r->next);
}
