/* The body of a SCHEMA block: what is read is written as it was. */
#include "base/owned.h"
#include "format/schema.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWNED(schema) struct schema schema = {0};
    OWNED(byte_buffer) struct byte_buffer again = {0};
    struct byte_reader r = byte_reader_over(data, size);
    struct error err;

    if (schema_decode(&schema, &r, &err)) {
        schema_encode(&again, &schema);
        assert(again.size == size && memcmp(again.data, data, size) == 0);
    }
    return 0;
}
