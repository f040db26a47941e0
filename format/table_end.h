/*
 * TABLE_END blocks (SPEC 5.3): how many rows a table has, their sum, and what is
 * known of each column before any row is read.
 */
#ifndef FORMAT_TABLE_END_H
#define FORMAT_TABLE_END_H

#include "base/arena.h"
#include "base/byte_buffer.h"
#include "base/byte_reader.h"
#include "base/error.h"
#include "format/checksum.h"
#include "format/value.h"

#include <stdint.h>

/* What a delta does to a table; always TABLE_WHOLE in a full dump. */
enum table_change {
    TABLE_WHOLE = 0, /* the rows of this dump are all rows of the table */
    TABLE_PATCH = 1, /* removed and added rows */
    TABLE_SAME = 2,  /* no row of it is in this dump */
};

/* Of the rows of this dump, without removed ones. */
struct column_facts {
    uint64_t class_count[VALUE_CLASS_COUNT]; /* by enum value_class */
    int64_t integer_min;                     /* 0 when there is no INTEGER */
    int64_t integer_max;
    uint64_t fractional_count;   /* REALs that are no int64 exactly (infinities included) */
    uint64_t infinite_count;     /* REALs that are infinite */
    uint64_t nul_count;          /* TEXTs that contain a NUL byte */
    uint64_t invalid_utf8_count; /* TEXTs that are not valid UTF-8 */
    uint64_t text_size_max;      /* bytes */
    uint64_t text_length_max;    /* characters (bytes that begin one) */
    uint64_t blob_size_max;      /* bytes */
};

struct table_end {
    uint32_t table; /* ordinal */
    enum table_change change;
    uint64_t row_count; /* of the table in the described state */
    struct hash128 sum; /* likewise: sum of its row hashes */
    uint64_t size;      /* canonical bytes of the rows of this dump */
    uint32_t column_count;
    struct column_facts *facts; /* column_count of them */
};

/* Takes one more value into account. `facts` begins zeroed. */
void table_end_observe(struct column_facts *facts, const struct value *value);

/* Takes count INTEGERs into account. */
void table_end_observe_integers(struct column_facts *facts, const int64_t *integers, size_t count);

/* True if the bytes are ASCII without NUL, as those of most texts are. */
bool table_end_is_plain(const uint8_t *bytes, size_t size);

/* Takes count TEXTs of plain bytes into account, the longest of which has size_max. */
void table_end_observe_plain(struct column_facts *facts, uint64_t count, uint64_t size_max);

/* Adds what another set of rows showed. */
void table_end_merge(struct column_facts *into, const struct column_facts *from);

/* Appends the body of a TABLE_END block. */
void table_end_encode(struct byte_buffer *out, const struct table_end *end);

/* Decodes one; facts lie in the arena. Fails with ERROR_CORRUPT. */
MUST_CHECK bool table_end_decode(struct table_end *out, struct arena *arena,
    struct byte_reader *body, uint32_t column_count, struct error *err);

#endif
