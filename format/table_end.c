#include "format/table_end.h"

#include <inttypes.h>
#include <math.h>

#define FACTS_SIZE (14 * 8) /* bytes of one column's facts */
#define PLAIN_RUN_SIZE 64   /* bytes that are looked at together */

/* --- observing --------------------------------------------------------------- */

/*
 * Length in bytes of the valid UTF-8 sequence at p, 0 if there is none
 * (RFC 3629: no surrogates, nothing overlong, nothing above U+10FFFF).
 */
static size_t sequence_size(const uint8_t *p, size_t left)
{
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t size;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    size = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (left < size)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    if (p[0] == 0xed)
        high = 0x9f;
    if (p[0] == 0xf0)
        low = 0x90;
    if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

struct text_shape {
    uint64_t character_count; /* bytes that begin a character */
    bool has_nul;
    bool is_valid;
};

#define HIGH_BITS 0x8080808080808080u
#define LOW_ONES 0x0101010101010101u

static inline uint64_t load_word(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* Has high bits unless all eight bytes are ASCII and none is NUL. */
static inline uint64_t unplain(uint64_t word)
{
    return word | (word - LOW_ONES);
}

/* Written for a compiler to make a few wide instructions of it. */
static bool is_plain_run(const uint8_t bytes[static PLAIN_RUN_SIZE])
{
    uint8_t all = 0;

    for (size_t i = 0; i < PLAIN_RUN_SIZE; i++)
        all |= (uint8_t)(bytes[i] | (bytes[i] - 1));
    return (all & 0x80) == 0;
}

bool table_end_is_plain(const uint8_t *bytes, size_t size)
{
    const uint8_t *end = bytes + size;
    uint64_t word = 0;

    if (size < 8) {
        for (size_t i = 0; i < size; i++)
            word |= unplain(bytes[i]);
        return (word & 0x80) == 0;
    }
    for (; end - bytes >= PLAIN_RUN_SIZE; bytes += PLAIN_RUN_SIZE)
        if (!is_plain_run(bytes))
            return false;
    word = unplain(load_word(end - 8));
    for (; end - bytes > 8; bytes += 8)
        word |= unplain(load_word(bytes));
    return (word & HIGH_BITS) == 0;
}

static struct text_shape shape_of(const uint8_t *bytes, size_t size)
{
    struct text_shape shape = {.is_valid = true};
    size_t at = 0;

    while (at < size) {
        size_t step;

        while (size - at >= 8 && (unplain(load_word(bytes + at)) & HIGH_BITS) == 0) {
            at += 8;
            shape.character_count += 8;
        }
        if (at == size)
            break;
        shape.has_nul |= bytes[at] == 0;
        step = sequence_size(bytes + at, size - at);
        if (step == 0) {
            shape.is_valid = false;
            shape.character_count += (bytes[at] & 0xc0) != 0x80;
            at++;
        } else {
            shape.character_count++;
            at += step;
        }
    }
    return shape;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void observe_text(struct column_facts *facts, const struct value *value)
{
    struct text_shape shape = {.character_count = value->size, .is_valid = true};

    if (!table_end_is_plain(value->bytes, value->size))
        shape = shape_of(value->bytes, value->size);
    facts->nul_count += shape.has_nul;
    facts->invalid_utf8_count += !shape.is_valid;
    facts->text_size_max = larger(facts->text_size_max, value->size);
    facts->text_length_max = larger(facts->text_length_max, shape.character_count);
}

static void observe_integers(struct column_facts *facts, int64_t min, int64_t max)
{
    bool is_first = facts->class_count[VALUE_INTEGER] == 0;

    if (is_first || min < facts->integer_min)
        facts->integer_min = min;
    if (is_first || max > facts->integer_max)
        facts->integer_max = max;
}

static void observe_real(struct column_facts *facts, double real)
{
    /* 2^63 itself is no int64; every double below it that is integral is. */
    bool is_integral = real >= -0x1p63 && real < 0x1p63 && floor(real) == real;

    facts->fractional_count += !is_integral;
    facts->infinite_count += isinf(real) != 0;
}

void table_end_observe(struct column_facts *facts, const struct value *value)
{
    switch (value->class) {
    case VALUE_NULL:
        break;
    case VALUE_INTEGER:
        observe_integers(facts, value->integer, value->integer);
        break;
    case VALUE_REAL:
        observe_real(facts, value->real);
        break;
    case VALUE_TEXT:
        observe_text(facts, value);
        break;
    case VALUE_BLOB:
        facts->blob_size_max = larger(facts->blob_size_max, value->size);
        break;
    }
    facts->class_count[value->class]++;
}

void table_end_observe_integers(struct column_facts *facts, const int64_t *integers, size_t count)
{
    int64_t min = integers[0];
    int64_t max = integers[0];

    for (size_t i = 1; i < count; i++) {
        min = integers[i] < min ? integers[i] : min;
        max = integers[i] > max ? integers[i] : max;
    }
    observe_integers(facts, min, max);
    facts->class_count[VALUE_INTEGER] += count;
}

void table_end_observe_plain(struct column_facts *facts, uint64_t count, uint64_t size_max)
{
    facts->text_size_max = larger(facts->text_size_max, size_max);
    facts->text_length_max = larger(facts->text_length_max, size_max);
    facts->class_count[VALUE_TEXT] += count;
}

void table_end_merge(struct column_facts *into, const struct column_facts *from)
{
    if (from->class_count[VALUE_INTEGER] > 0)
        observe_integers(into, from->integer_min, from->integer_max);
    for (int class = 0; class < VALUE_CLASS_COUNT; class ++)
        into->class_count[class] += from->class_count[class];
    into->fractional_count += from->fractional_count;
    into->infinite_count += from->infinite_count;
    into->nul_count += from->nul_count;
    into->invalid_utf8_count += from->invalid_utf8_count;
    into->text_size_max = larger(into->text_size_max, from->text_size_max);
    into->text_length_max = larger(into->text_length_max, from->text_length_max);
    into->blob_size_max = larger(into->blob_size_max, from->blob_size_max);
}

/* --- bytes -------------------------------------------------------------------- */

static void put_facts(struct byte_buffer *out, const struct column_facts *facts)
{
    for (int class = 0; class < VALUE_CLASS_COUNT; class ++)
        byte_buffer_put_u64(out, facts->class_count[class]);
    byte_buffer_put_u64(out, (uint64_t)facts->integer_min);
    byte_buffer_put_u64(out, (uint64_t)facts->integer_max);
    byte_buffer_put_u64(out, facts->fractional_count);
    byte_buffer_put_u64(out, facts->infinite_count);
    byte_buffer_put_u64(out, facts->nul_count);
    byte_buffer_put_u64(out, facts->invalid_utf8_count);
    byte_buffer_put_u64(out, facts->text_size_max);
    byte_buffer_put_u64(out, facts->text_length_max);
    byte_buffer_put_u64(out, facts->blob_size_max);
}

void table_end_encode(struct byte_buffer *out, const struct table_end *end)
{
    byte_buffer_put_u32(out, end->table);
    byte_buffer_put_u32(out, (uint32_t)end->change);
    byte_buffer_put_u64(out, end->row_count);
    byte_buffer_put_u64(out, end->sum.low);
    byte_buffer_put_u64(out, end->sum.high);
    byte_buffer_put_u64(out, end->size);
    byte_buffer_put_u32(out, end->column_count);
    for (uint32_t i = 0; i < end->column_count; i++)
        put_facts(out, &end->facts[i]);
}

static struct column_facts get_facts(struct byte_reader *r)
{
    struct column_facts facts = {0};

    for (int class = 0; class < VALUE_CLASS_COUNT; class ++)
        facts.class_count[class] = byte_reader_u64(r);
    facts.integer_min = (int64_t)byte_reader_u64(r);
    facts.integer_max = (int64_t)byte_reader_u64(r);
    facts.fractional_count = byte_reader_u64(r);
    facts.infinite_count = byte_reader_u64(r);
    facts.nul_count = byte_reader_u64(r);
    facts.invalid_utf8_count = byte_reader_u64(r);
    facts.text_size_max = byte_reader_u64(r);
    facts.text_length_max = byte_reader_u64(r);
    facts.blob_size_max = byte_reader_u64(r);
    return facts;
}

bool table_end_decode(struct table_end *out, struct arena *arena, struct byte_reader *body,
    uint32_t column_count, struct error *err)
{
    uint32_t change;

    out->table = byte_reader_u32(body);
    change = byte_reader_u32(body);
    out->row_count = byte_reader_u64(body);
    out->sum.low = byte_reader_u64(body);
    out->sum.high = byte_reader_u64(body);
    out->size = byte_reader_u64(body);
    out->column_count = byte_reader_u32(body);
    if (body->overrun || change > TABLE_SAME)
        return error_set(err, ERROR_CORRUPT, "table end is damaged");
    out->change = (enum table_change)change;
    if (out->column_count != column_count)
        return error_set(err, ERROR_CORRUPT,
            "table end has %" PRIu32 " columns, the schema %" PRIu32, out->column_count,
            column_count);
    if (byte_reader_left(body) != (size_t)column_count * FACTS_SIZE)
        return error_set(err, ERROR_CORRUPT, "table end has %zu bytes of facts, expected %zu",
            byte_reader_left(body), (size_t)column_count * FACTS_SIZE);
    out->facts = arena_alloc(arena, column_count, sizeof(*out->facts));
    for (uint32_t i = 0; i < column_count; i++)
        out->facts[i] = get_facts(body);
    return true;
}
