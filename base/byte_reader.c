#include "base/byte_reader.h"

struct byte_reader byte_reader_over(const void *data, size_t size)
{
    static const uint8_t nothing[1];
    const uint8_t *start = data == NULL ? nothing : data;

    return (struct byte_reader){.next = start, .end = start + size};
}
