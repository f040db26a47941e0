#include "replay/preflight/key.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/values/convert_number.h"
#include "replay/values/decimal.h"
#include "replay/values/moment.h"
#include "replay/values/row_words.h"

#include <string.h>

/* --- forms ------------------------------------------------------------------ */

static enum key_form form_of(const struct type_map *map)
{
    switch (map->kind) {
    case TYPE_BOOLEAN:
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
        return KEY_FORM_INTEGER;
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        return KEY_FORM_DOUBLE;
    case TYPE_NUMERIC:
        return KEY_FORM_DECIMAL;
    case TYPE_TEXT:
        if (strcmp(map->column->base_type_name, "citext") == 0 || map->column->has_loose_collation)
            return KEY_FORM_NONE;
        return map->is_padded ? KEY_FORM_TRIMMED : KEY_FORM_TEXT;
    case TYPE_BYTEA:
    case TYPE_UUID:
        return KEY_FORM_BYTES;
    case TYPE_JSONB:
        return KEY_FORM_JSON;
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return KEY_FORM_MOMENT;
    case TYPE_JSON:
    case TYPE_OTHER:
        break;
    }
    return KEY_FORM_NONE;
}

static const struct copy_column *loaded_column(
    const struct plan_table *table, const struct target_column *column)
{
    for (size_t i = 0; column != NULL && i < table->column_count; i++)
        if (table->columns[i].type.column == column)
            return &table->columns[i];
    return NULL;
}

bool key_of(struct key *key, const struct plan_table *table,
    const struct target_column *const *columns, size_t count)
{
    *key = (struct key){.table = table, .count = count};
    if (columns == NULL || count == 0 || count > KEY_COLUMN_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        key->columns[i] = loaded_column(table, columns[i]);
        if (key->columns[i] == NULL)
            return false;
        key->forms[i] = form_of(&key->columns[i]->type);
        if (key->forms[i] == KEY_FORM_NONE)
            return false;
    }
    return true;
}

static enum key_form common(enum key_form a, enum key_form b)
{
    enum key_form low = a < b ? a : b;
    enum key_form high = a < b ? b : a;

    if (low == high)
        return low;
    if (low == KEY_FORM_INTEGER && (high == KEY_FORM_DECIMAL || high == KEY_FORM_DOUBLE))
        return high;
    if (low == KEY_FORM_TEXT && high == KEY_FORM_TRIMMED)
        return high;
    return KEY_FORM_NONE;
}

bool key_pair(struct key *child, struct key *parent)
{
    for (size_t i = 0; i < child->count; i++) {
        enum key_form form = common(child->forms[i], parent->forms[i]);

        if (form == KEY_FORM_NONE)
            return false;
        child->forms[i] = form;
        parent->forms[i] = form;
    }
    return true;
}

bool key_is_same(const struct key *a, const struct key *b)
{
    if (a->table != b->table || a->count != b->count || a->nulls_equal != b->nulls_equal
        || a->filter != b->filter || a->filter_is_null != b->filter_is_null)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->columns[i] != b->columns[i] || a->forms[i] != b->forms[i])
            return false;
    return true;
}

bool key_rejects(const struct key *key)
{
    for (size_t i = 0; i < key->count; i++)
        if (key->columns[i]->type.rejects)
            return true;
    return false;
}

/* --- values -------------------------------------------------------------------- */

static bool put_integer(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    int64_t number = 0;

    if (convert_number_integer(map, value, &number) != CONVERT_FITS)
        return false;
    byte_buffer_put_u64(out, (uint64_t)number);
    return true;
}

/* -0.0 and 0.0 are equal. */
static bool put_double(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    double number = 0;
    uint64_t bits;

    if (convert_number_real(map, value, &number) != CONVERT_FITS)
        return false;
    if (map->kind == TYPE_FLOAT4)
        number = (double)(float)number;
    if (number == 0)
        number = 0;
    memcpy(&bits, &number, sizeof(bits));
    byte_buffer_put_u64(out, bits);
    return true;
}

static bool put_decimal(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};
    int64_t number = 0;

    if (map->kind == TYPE_NUMERIC) {
        if (convert_number_decimal(map, value, out) != CONVERT_FITS)
            return false;
    } else {
        if (convert_number_integer(map, value, &number) != CONVERT_FITS)
            return false;
        convert_number_put(&text, number);
        if (!decimal_canonical(out, text.data, text.size, NULL))
            return false;
    }
    byte_buffer_put_u8(out, 0);
    return true;
}

static bool put_bytes(
    const struct type_map *map, const struct value *value, bool is_trimmed, struct byte_buffer *out)
{
    size_t at = out->size;

    if (convert_binary(map, value, out) != CONVERT_FITS)
        return false;
    while (is_trimmed && out->size > at + 4 && out->data[out->size - 1] == ' ')
        out->size--;
    byte_buffer_set_u32(out, at, (uint32_t)(out->size - at - 4));
    return true;
}

static bool put_json(const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    OWNED(byte_buffer) struct byte_buffer field = {0};

    return convert_binary(map, value, &field) == CONVERT_FITS
           && convert_normalise(map, field.data + 4, (int32_t)(field.size - 4), out);
}

static bool put_moment(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    int64_t moment = 0;

    if (moment_of(map, value, &moment) != CONVERT_FITS)
        return false;
    byte_buffer_put_u64(out, (uint64_t)moment);
    return true;
}

static bool put_fitting(const struct type_map *map, enum key_form form, const struct value *value,
    struct byte_buffer *out)
{
    switch (form) {
    case KEY_FORM_INTEGER:
        return put_integer(map, value, out);
    case KEY_FORM_DECIMAL:
        return put_decimal(map, value, out);
    case KEY_FORM_DOUBLE:
        return put_double(map, value, out);
    case KEY_FORM_TEXT:
    case KEY_FORM_TRIMMED:
    case KEY_FORM_BYTES:
        return put_bytes(map, value, form == KEY_FORM_TRIMMED, out);
    case KEY_FORM_JSON:
        return put_json(map, value, out);
    case KEY_FORM_MOMENT:
        return put_moment(map, value, out);
    case KEY_FORM_NONE:
        break;
    }
    return false;
}

/* A value that does not fit was reported for itself: here it equals only itself. */
static void put_value(const struct type_map *map, enum key_form form, const struct value *value,
    struct byte_buffer *out)
{
    size_t at = out->size;

    if (put_fitting(map, form, value, out))
        return;
    out->size = at;
    value_encode(out, value);
}

static bool is_in_index(const struct key *key, const struct value *values)
{
    return key->filter == NULL
           || (values[key->filter->source].class == VALUE_NULL) == key->filter_is_null;
}

enum key_content key_hash(const struct key *key, const struct value *values,
    struct byte_buffer *scratch, struct hash128 *hash)
{
    size_t null_count = 0;

    if (!is_in_index(key, values))
        return KEY_NULL;
    scratch->size = 0;
    for (size_t i = 0; i < key->count; i++) {
        const struct value *value = &values[key->columns[i]->source];

        if (value->class == VALUE_NULL) {
            null_count++;
            byte_buffer_put_u8(scratch, 'n');
        } else if (null_count == 0 || key->nulls_equal) {
            byte_buffer_put_u8(scratch, 'v');
            put_value(&key->columns[i]->type, key->forms[i], value, scratch);
        }
    }
    if (null_count > 0 && !key->nulls_equal)
        return null_count == key->count ? KEY_NULL : KEY_MIXED;
    *hash = checksum_xxh3(scratch->data, scratch->size);
    return KEY_WHOLE;
}

/* --- words ----------------------------------------------------------------------- */

void key_names(const struct key *key, struct byte_buffer *out)
{
    for (size_t i = 0; i < key->count; i++) {
        quote_plain(out, i == 0 ? "(" : ", ");
        quote_plain(out, key->columns[i]->type.column->name);
    }
    quote_plain(out, ")");
    byte_buffer_put_u8(out, 0);
}

void key_values(const struct key *key, const struct value *values, struct byte_buffer *out)
{
    char shown[ROW_WORDS_VALUE_SIZE];

    for (size_t i = 0; i < key->count; i++) {
        quote_plain(out, i == 0 ? "(" : ", ");
        row_words_value(shown, &values[key->columns[i]->source]);
        quote_plain(out, shown);
    }
    quote_plain(out, ")");
    byte_buffer_put_u8(out, 0);
}
