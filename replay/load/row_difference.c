#include "replay/load/row_difference.h"

#include "base/owned.h"
#include "replay/load/verify.h"
#include "replay/values/source_rows.h"

#include <stdlib.h>

#define ROW_COUNT_MAX 8000000 /* of 16 bytes each */

static int compare_hashes(const void *a, const void *b)
{
    const struct hash128 *x = a;
    const struct hash128 *y = b;

    if (x->high != y->high)
        return x->high < y->high ? -1 : 1;
    return x->low < y->low ? -1 : x->low > y->low;
}

/* What reading this row back must yield; false: it does not fit the target, and was left out. */
static bool hash_row(struct copy_encoder *encoder, const struct value *values, struct hash128 *hash)
{
    struct hash128 before = encoder->sum;
    struct error unfit;

    encoder->data.size = 0;
    if (!copy_encoder_row(encoder, values, &unfit))
        return false;
    *hash = checksum_subtract(encoder->sum, before);
    return true;
}

/* --- what the dump makes of the table ------------------------------------------------------ */

struct expected_rows {
    struct source_rows rows;
    struct copy_encoder encoder; /* its sum is of all rows so far */
};

static void expected_rows_release(struct expected_rows *expected)
{
    copy_encoder_release(&expected->encoder);
    source_rows_release(&expected->rows);
}

static void expected_rows_begin(struct expected_rows *expected, const struct dump_reader *reader,
    const struct plan_table *table)
{
    copy_encoder_init(&expected->encoder, table->columns, table->column_count);
    source_rows_begin(&expected->rows, reader, table->source);
}

/* The next row that fits; *values is NULL after the last one. */
static bool expected_rows_next(struct expected_rows *expected, const struct value **values,
    struct hash128 *hash, struct error *err)
{
    do {
        if (!source_rows_next(&expected->rows, values, err))
            return false;
    } while (*values != NULL && !hash_row(&expected->encoder, *values, hash));
    return true;
}

/* --- which row ------------------------------------------------------------------------- */

static bool find_missing(const struct dump_reader *reader, const struct plan_table *table,
    const struct byte_buffer *found, char where[ROW_WORDS_KEY_SIZE], struct error *err)
{
    OWNED(expected_rows) struct expected_rows expected = {0};
    const struct value *values;
    struct hash128 hash;

    expected_rows_begin(&expected, reader, table);
    for (;;) {
        if (!expected_rows_next(&expected, &values, &hash, err))
            return false;
        if (values == NULL)
            return true;
        if (bsearch(&hash, found->data, found->size / sizeof(hash), sizeof(hash), compare_hashes)
            != NULL)
            continue;
        row_words_key(
            where, &reader->schema.tables[table->source], values, expected.rows.row_number);
        return true;
    }
}

bool row_difference_find(const struct dump_reader *reader, const struct plan_table *table,
    struct connection *connection, char where[ROW_WORDS_KEY_SIZE], struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer hashes = {0};
    struct verify_content found = {.hashes = &hashes};

    where[0] = '\0';
    if (reader->header.kind != DUMP_FULL || table->row_count > ROW_COUNT_MAX
        || table->column_count == 0)
        return true;
    if (!verify_read_back(table, "", connection, &found, err))
        return false;
    if (hashes.size > 0)
        qsort(hashes.data, hashes.size / sizeof(struct hash128), sizeof(struct hash128),
            compare_hashes);
    return find_missing(reader, table, &hashes, where, err);
}

/* --- none ----------------------------------------------------------------------------- */

static bool is_comparable(const struct plan_table *table)
{
    size_t written_count = 0;

    for (size_t i = 0; i < table->target->column_count; i++)
        written_count += table->target->columns[i].generated == 0;
    for (size_t i = 0; i < table->column_count; i++)
        if (type_map_is_opaque(&table->columns[i].type))
            return false;
    return written_count == table->column_count && table->column_count > 0;
}

static bool sum_rows(const struct dump_reader *reader, const struct plan_table *table,
    struct verify_content *out, struct error *err)
{
    OWNED(expected_rows) struct expected_rows expected = {0};
    const struct value *values;
    struct hash128 hash;

    expected_rows_begin(&expected, reader, table);
    for (;;) {
        if (!expected_rows_next(&expected, &values, &hash, err))
            return false;
        if (values == NULL)
            break;
        out->row_count++;
    }
    out->sum = expected.encoder.sum;
    return true;
}

bool row_difference_is_none(const struct dump_reader *reader, const struct plan_table *table,
    struct connection *connection, bool *out, struct error *err)
{
    struct verify_content found = {0};
    struct verify_content wanted = {0};

    *out = false;
    if (reader->header.kind != DUMP_FULL || !is_comparable(table))
        return true;
    if (!verify_read_back(table, "", connection, &found, err)
        || !sum_rows(reader, table, &wanted, err))
        return false;
    *out = found.row_count == wanted.row_count && found.row_count == table->row_count
           && checksum_equal(found.sum, wanted.sum);
    return true;
}
