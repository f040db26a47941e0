#include "format/rows_encoder.h"

#include "format/column_values.h"
#include "format/rows_block.h"

#include <assert.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define DICTIONARY_COUNT_MAX 32768u /* entries; half of the slots */
#define DICTIONARY_SLOT_COUNT 65536u
#define DICTIONARY_TRIAL_COUNT 512u /* strings, before a dictionary is given up */
#define CLASSES_PER_ROW 5           /* in place of a class that all rows share */
#define HEAD_SIZE 16                /* bytes of a block's body before its columns */
#define COLUMN_SIZE 32              /* bytes of a column, at most, beyond those of its values */

struct rows_encoder {
    const uint8_t *bytes; /* of the input; borrowed */
    uint32_t table;       /* of the input */
    struct column_values *columns;
    uint32_t column_count;         /* allocated */
    struct byte_buffer numbers;    /* uint64_t, before they are packed */
    struct byte_buffer dictionary; /* struct string_place, the distinct ones */
    uint32_t *slots;               /* 1 + place in the dictionary, 0 is free */
    size_t packed_offset;          /* where the strings of the last column begin in the output */
    size_t packed_size;
};

struct rows_encoder *rows_encoder_open(void)
{
    struct rows_encoder *encoder = byte_buffer_calloc(1, sizeof(*encoder));

    encoder->slots = byte_buffer_calloc(DICTIONARY_SLOT_COUNT, sizeof(*encoder->slots));
    return encoder;
}

void rows_encoder_close(struct rows_encoder *encoder)
{
    if (encoder == NULL)
        return;
    for (uint32_t i = 0; i < encoder->column_count; i++)
        column_values_release(&encoder->columns[i]);
    byte_buffer_release(&encoder->numbers);
    byte_buffer_release(&encoder->dictionary);
    free(encoder->columns);
    free(encoder->slots);
    free(encoder);
}

/* --- gathering ---------------------------------------------------------------- */

/* Empties the columns. Another table's memory is given back: it has other large columns. */
static void prepare(struct rows_encoder *encoder, const struct rows_input *input)
{
    uint32_t column_count = input->column_count;

    for (uint32_t i = 0; input->table != encoder->table && i < encoder->column_count; i++)
        column_values_release(&encoder->columns[i]);
    encoder->bytes = input->bytes;
    encoder->table = input->table;
    if (encoder->column_count < column_count) {
        encoder->columns =
            byte_buffer_realloc(encoder->columns, column_count * sizeof(*encoder->columns));
        memset(encoder->columns + encoder->column_count, 0,
            (column_count - encoder->column_count) * sizeof(*encoder->columns));
        encoder->column_count = column_count;
    }
    for (uint32_t i = 0; i < column_count; i++)
        column_values_clear(&encoder->columns[i]);
}

/* --- numbers ------------------------------------------------------------------- */

static unsigned width_of(uint64_t largest)
{
    if (largest == 0)
        return 0;
    return largest <= 0xff ? 1 : largest <= 0xffff ? 2 : largest <= 0xffffffff ? 4 : 8;
}

/* Packed numbers in planes (SPEC 2.4): all lowest bytes, then all second bytes, and so on. */
static void put_planes(
    struct byte_buffer *out, const uint64_t *numbers, size_t count, unsigned width)
{
    byte_buffer_reserve(out, count * width);
    for (unsigned plane = 0; plane < width; plane++) {
        uint8_t *to = out->data + out->size;

        for (size_t i = 0; i < count; i++)
            to[i] = (uint8_t)(numbers[i] >> (8 * plane));
        out->size += count;
    }
}

static void put_packed(struct byte_buffer *out, const uint64_t *numbers, size_t count)
{
    uint64_t all = 0;
    unsigned width;

    for (size_t i = 0; i < count; i++)
        all |= numbers[i];
    width = width_of(all);
    byte_buffer_put_u8(out, (uint8_t)width);
    put_planes(out, numbers, count, width);
}

static void put_integers(
    struct rows_encoder *encoder, struct byte_buffer *out, const struct column_values *column)
{
    const uint64_t *integers = (const void *)column->integers.data;
    size_t count = column->integers.size / sizeof(*integers);
    uint64_t *deltas;

    byte_buffer_put_u64(out, integers[0]);
    encoder->numbers.size = 0;
    byte_buffer_reserve(&encoder->numbers, count * sizeof(*deltas));
    deltas = (void *)encoder->numbers.data;
    for (size_t i = 1; i < count; i++) {
        uint64_t delta = integers[i] - integers[i - 1];

        deltas[i - 1] = delta << 1 ^ (0 - (delta >> 63));
    }
    put_packed(out, deltas, count - 1);
}

/* --- strings -------------------------------------------------------------------- */

static void put_strings(struct rows_encoder *encoder, struct byte_buffer *out,
    const struct string_place *strings, size_t count)
{
    uint32_t smallest = UINT32_MAX;
    size_t total = 0;
    uint64_t *sizes;

    for (size_t i = 0; i < count; i++) {
        if (strings[i].size < smallest)
            smallest = strings[i].size;
        total += strings[i].size;
    }
    encoder->numbers.size = 0;
    byte_buffer_reserve(&encoder->numbers, count * sizeof(*sizes));
    sizes = (void *)encoder->numbers.data;
    for (size_t i = 0; i < count; i++)
        sizes[i] = strings[i].size - smallest;
    byte_buffer_put_u32(out, smallest);
    put_packed(out, sizes, count);
    byte_buffer_reserve(out, total);
    encoder->packed_offset = out->size;
    encoder->packed_size = total;
    for (size_t i = 0; i < count; i++)
        byte_buffer_put(out, encoder->bytes + strings[i].offset, strings[i].size);
}

/* The slot that holds this string, or the free one where it belongs. */
static uint32_t *find_slot(struct rows_encoder *encoder, const struct string_place *string)
{
    const struct string_place *known = (const void *)encoder->dictionary.data;
    const uint8_t *bytes = encoder->bytes + string->offset;
    uint64_t hash = XXH3_64bits(bytes, string->size);
    size_t at = hash % DICTIONARY_SLOT_COUNT;

    while (encoder->slots[at] != 0) {
        const struct string_place *other = &known[encoder->slots[at] - 1];

        if (other->size == string->size
            && memcmp(encoder->bytes + other->offset, bytes, string->size) == 0)
            break;
        at = (at + 1) % DICTIONARY_SLOT_COUNT;
    }
    return &encoder->slots[at];
}

/*
 * Fills encoder->dictionary with the distinct strings and encoder->numbers with
 * each string's place in it. False when strings repeat too little to pay.
 */
static bool build_dictionary(
    struct rows_encoder *encoder, const struct string_place *strings, size_t count)
{
    uint32_t known = 0;
    uint64_t *places;

    if (count < 2)
        return false;
    memset(encoder->slots, 0, DICTIONARY_SLOT_COUNT * sizeof(*encoder->slots));
    encoder->dictionary.size = 0;
    encoder->numbers.size = 0;
    byte_buffer_reserve(&encoder->numbers, count * sizeof(*places));
    places = (void *)encoder->numbers.data;
    for (size_t i = 0; i < count; i++) {
        uint32_t *slot = find_slot(encoder, &strings[i]);

        if (*slot == 0) {
            if (known == DICTIONARY_COUNT_MAX)
                return false;
            byte_buffer_put(&encoder->dictionary, &strings[i], sizeof(strings[i]));
            *slot = ++known;
        }
        places[i] = *slot - 1;
        if (i + 1 >= DICTIONARY_TRIAL_COUNT && (size_t)known * 2 > i + 1)
            return false;
    }
    return (size_t)known * 2 <= count;
}

static void put_column_strings(
    struct rows_encoder *encoder, struct byte_buffer *out, const struct column_values *column)
{
    const struct string_place *strings = (const void *)column->strings.data;
    size_t count = column->strings.size / sizeof(*strings);
    struct byte_buffer places;
    size_t known;

    if (!build_dictionary(encoder, strings, count)) {
        byte_buffer_put_u8(out, 0);
        put_strings(encoder, out, strings, count);
        return;
    }
    known = encoder->dictionary.size / sizeof(*strings);
    places = encoder->numbers;
    encoder->numbers = (struct byte_buffer){0};
    byte_buffer_put_u8(out, 1);
    byte_buffer_put_u32(out, (uint32_t)known);
    put_strings(encoder, out, (const void *)encoder->dictionary.data, known);
    put_packed(out, (const void *)places.data, count);
    byte_buffer_release(&encoder->numbers);
    encoder->numbers = places;
}

/* --- columns ---------------------------------------------------------------------- */

static void put_classes(struct byte_buffer *out, const struct byte_buffer *classes)
{
    const uint8_t *bytes = classes->data;

    if (memcmp(bytes, bytes + 1, classes->size - 1) == 0) {
        byte_buffer_put_u8(out, bytes[0]);
        return;
    }
    byte_buffer_put_u8(out, CLASSES_PER_ROW);
    byte_buffer_put(out, bytes, classes->size);
}

static void put_column(
    struct rows_encoder *encoder, struct byte_buffer *out, const struct column_values *column)
{
    put_classes(out, &column->classes);
    if (column->integers.size > 0)
        put_integers(encoder, out, column);
    if (column->reals.size > 0)
        put_planes(out, (const void *)column->reals.data, column->reals.size / 8, 8);
    if (column->strings.size > 0)
        put_column_strings(encoder, out, column);
}

static void hash_row(struct rows_hashes *hashes, const uint8_t *row, size_t size)
{
    struct hash128 hash = checksum_xxh3(row, size);

    hashes->sum = checksum_add(hashes->sum, hash);
    hashes->cut = hash.low;
}

static void gather_rows(struct rows_encoder *encoder, const struct rows_input *input)
{
    const uint8_t *at = input->bytes;
    const uint8_t *hash_end = at + (input->hashes == NULL ? 0 : input->hashes->size);

    for (uint32_t row = 0; row < input->row_count; row++) {
        const uint8_t *first = at;

        for (uint32_t i = 0; row == input->removed_count && i < input->column_count; i++)
            column_values_skip(&encoder->columns[i]);
        for (uint32_t i = 0; i < input->column_count; i++)
            at = column_values_gather(
                &encoder->columns[i], input->bytes, at, input->row_count - row);
        if (at <= hash_end)
            hash_row(input->hashes, first, (size_t)(at - first));
    }
    for (uint32_t i = 0; input->row_count == input->removed_count && i < input->column_count; i++)
        column_values_skip(&encoder->columns[i]);
    assert(at == input->bytes + input->size);
}

/*
 * Columns are no larger than the canonical rows they are made of. Most blocks have room where the
 * first one had, and what is not used of it takes no memory.
 */
static void make_room(struct byte_buffer *out, const struct rows_input *input)
{
    size_t size = input->size < CHUNK_SIZE_MAX ? CHUNK_SIZE_MAX : input->size;

    byte_buffer_reserve_exactly(out, size + HEAD_SIZE + (size_t)input->column_count * COLUMN_SIZE);
}

void rows_encoder_encode(
    struct rows_encoder *encoder, struct byte_buffer *out, const struct rows_input *input)
{
    assert(input->row_count > 0 && input->row_count <= ROWS_COUNT_MAX);
    assert(input->size <= UINT32_MAX);
    prepare(encoder, input);
    gather_rows(encoder, input);
    make_room(out, input);
    byte_buffer_put_u32(out, input->table);
    byte_buffer_put_u32(out, input->row_count);
    byte_buffer_put_u32(out, input->removed_count);
    byte_buffer_put_u32(out, input->column_count);
    for (uint32_t i = 0; i < input->column_count; i++) {
        struct string_bytes bytes;

        put_column(encoder, out, &encoder->columns[i]);
        bytes = (struct string_bytes){out->data + encoder->packed_offset, encoder->packed_size};
        if (input->facts != NULL)
            column_values_observe(&encoder->columns[i], input->bytes, &bytes, &input->facts[i]);
    }
}
