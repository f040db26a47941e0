/* Header, tail, and the bodies of TABLE_END, INDEX and UNITS; the first byte says which. */
#include "base/owned.h"
#include "format/dump_index.h"
#include "format/header.h"
#include "format/table_end.h"
#include "format/tail.h"
#include "format/units.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

static void try_header(const uint8_t *data, size_t size)
{
    struct header header;
    struct error err;

    if (header_decode(&header, data, size, &err)) {
        uint8_t again[HEADER_SIZE];

        header_encode(again, &header);
        assert(memcmp(again, data, HEADER_SIZE - 16) == 0); /* all but the checksum */
    }
}

static void try_tail(const uint8_t *data, size_t size)
{
    struct tail tail;
    struct error err;

    if (size >= TAIL_SIZE && tail_decode(&tail, data, byte_reader_load_u64(data + 16), &err)) {
        uint8_t again[TAIL_SIZE];

        tail_encode(again, &tail);
        assert(memcmp(again, data, 96) == 0);
    }
}

static void try_table_end(const uint8_t *data, size_t size)
{
    OWNED(arena) struct arena arena = {0};
    OWNED(byte_buffer) struct byte_buffer again = {0};
    struct byte_reader r = byte_reader_over(data, size);
    uint32_t column_count = size >= 44 ? byte_reader_load_u32(data + 40) : 1;
    struct table_end end;
    struct error err;

    if (table_end_decode(&end, &arena, &r, column_count, &err)) {
        table_end_encode(&again, &end);
        assert(again.size == size && memcmp(again.data, data, size) == 0);
    }
}

static void try_index(const uint8_t *data, size_t size)
{
    OWNED(dump_index) struct dump_index index = {0};
    OWNED(byte_buffer) struct byte_buffer again = {0};
    struct byte_reader r = byte_reader_over(data, size);
    struct error err;

    if (dump_index_decode(&index, &r, &err)) {
        dump_index_encode(&again, &index, 0, (uint32_t)index.entry_count);
        assert(again.size == size && memcmp(again.data, data, size) == 0);
    }
}

static void try_units(const uint8_t *data, size_t size)
{
    OWNED(units) struct units units = {0};
    OWNED(byte_buffer) struct byte_buffer again = {0};
    struct byte_reader r = byte_reader_over(data, size);
    uint32_t table = size >= 4 ? byte_reader_load_u32(data) : 0;
    struct error err;

    if (units_decode(&units, table, &r, &err)) {
        units_encode(&again, table, &units);
        assert(again.size == size && memcmp(again.data, data, size) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(const uint8_t *data, size_t size) = {
        try_header, try_tail, try_table_end, try_index, try_units};

    if (size > 0)
        parts[data[0] % 5](data + 1, size - 1);
    return 0;
}
