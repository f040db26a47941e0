#include "replay/values/convert.h"

#include "base/byte_reader.h"
#include "base/owned.h"
#include "base/utf8.h"
#include "replay/values/convert_number.h"
#include "replay/values/decimal.h"
#include "replay/values/duration.h"
#include "replay/values/json_canonical.h"
#include "replay/values/moment.h"
#include "replay/values/time_loss.h"

#include <math.h>
#include <string.h>

#define UUID_SIZE 16
#define JSONB_VERSION 1 /* first byte of its binary form */

static const char *const fault_texts[CONVERT_FAULT_COUNT] = {
    [CONVERT_FITS] = "fits",
    [CONVERT_NULL] = "is NULL, but the target column is NOT NULL",
    [CONVERT_CLASS] = "has a storage class that the target type cannot hold",
    [CONVERT_RANGE] = "is out of range",
    [CONVERT_FRACTION] = "is a REAL that is no integer",
    [CONVERT_BOOLEAN] = "is no boolean (0, 1, t, f, true, false)",
    [CONVERT_NUL] = "contains a NUL character",
    [CONVERT_UTF8] = "is not valid UTF-8",
    [CONVERT_LENGTH] = "is too long",
    [CONVERT_JSON] = "is not JSON that the target type can hold",
    [CONVERT_UUID] = "is not a UUID",
    [CONVERT_NUMBER] = "is not a number",
    [CONVERT_PRECISION] = "has more digits than the target column keeps",
    [CONVERT_LABEL] = "is no label of the target's enum",
    [CONVERT_TIME] = "has a date, a time of day, a time zone or digits of a second that the target "
                     "type would drop",
    [CONVERT_MOMENT] = "is no date or time of the ISO kind (2024-02-29 23:59:59.5+02:00)",
    [CONVERT_UNIX] = "is a number, and it is not said what it counts (seconds, milliseconds, ...)",
    [CONVERT_DURATION] = "has its days before a point, which the server would misread",
};

const char *convert_fault_text(enum convert_fault fault)
{
    return fault_texts[fault];
}

/* --- network byte order ------------------------------------------------------ */

static void put_big32(struct byte_buffer *out, uint32_t value)
{
    uint8_t bytes[4] = {
        (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};

    byte_buffer_put(out, bytes, sizeof(bytes));
}

static void put_big64(struct byte_buffer *out, uint64_t value)
{
    put_big32(out, (uint32_t)(value >> 32));
    put_big32(out, (uint32_t)value);
}

static void put_field(struct byte_buffer *out, const void *bytes, size_t size)
{
    put_big32(out, (uint32_t)size);
    byte_buffer_put(out, bytes, size);
}

/* --- numbers ---------------------------------------------------------------- */

static enum convert_fault put_integer(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    int64_t number = 0;
    enum convert_fault fault = convert_number_integer(map, value, &number);

    if (fault != CONVERT_FITS)
        return fault;
    if (map->kind == TYPE_BOOLEAN) {
        put_field(out, &(uint8_t){(uint8_t)number}, 1);
    } else if (map->kind == TYPE_INT2) {
        put_field(out, (uint8_t[]){(uint8_t)((uint64_t)number >> 8), (uint8_t)number}, 2);
    } else if (map->kind == TYPE_INT4) {
        put_big32(out, 4);
        put_big32(out, (uint32_t)number);
    } else {
        put_big32(out, 8);
        put_big64(out, (uint64_t)number);
    }
    return CONVERT_FITS;
}

static enum convert_fault put_real(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    double number = 0;
    enum convert_fault fault = convert_number_real(map, value, &number);
    float single = (float)number;
    uint32_t bits32;
    uint64_t bits64;

    if (fault != CONVERT_FITS)
        return fault;
    if (map->kind == TYPE_FLOAT4) {
        memcpy(&bits32, &single, sizeof(bits32));
        put_big32(out, 4);
        put_big32(out, bits32);
    } else {
        memcpy(&bits64, &number, sizeof(bits64));
        put_big32(out, 8);
        put_big64(out, bits64);
    }
    return CONVERT_FITS;
}

/* --- text -------------------------------------------------------------------- */

static bool is_label(const struct target_column *column, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < column->enum_label_count; i++)
        if (strlen(column->enum_labels[i]) == size
            && memcmp(column->enum_labels[i], bytes, size) == 0)
            return true;
    return false;
}

static enum convert_fault check_text(
    const struct type_map *map, const uint8_t *bytes, size_t size, bool is_trusted)
{
    if (!is_trusted && !utf8_is_valid(bytes, size))
        return CONVERT_UTF8;
    if (!is_trusted && map->nul_replacement == NULL && memchr(bytes, 0, size) != NULL)
        return CONVERT_NUL;
    if (map->size_max != 0 && size > map->size_max)
        return CONVERT_LENGTH;
    if (map->length_max != 0 && size > map->length_max
        && utf8_length(bytes, size) > map->length_max)
        return CONVERT_LENGTH;
    if (map->column->base_type_kind == 'e' && !is_label(map->column, bytes, size))
        return CONVERT_LABEL;
    return CONVERT_FITS;
}

static void put_replaced(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

    for (uint32_t i = 0; i < value->size;) {
        size_t size =
            map->replaces_text ? utf8_character_size(value->bytes + i, value->size - i) : 1;

        if (size == 0)
            byte_buffer_put_text(out, replacement);
        else if (value->bytes[i] == 0)
            byte_buffer_put(out, map->nul_replacement, strlen(map->nul_replacement));
        else
            byte_buffer_put(out, value->bytes + i, size);
        i += size == 0 ? 1 : (uint32_t)size;
    }
}

/* Appends the characters of a value for a column of the text family, without a length. */
static enum convert_fault put_characters(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    size_t from = out->size;

    if (value->class == VALUE_REAL || value->class == VALUE_NULL)
        return CONVERT_CLASS;
    if (value->class == VALUE_INTEGER)
        convert_number_put(out, value->integer);
    else if (map->replaces_text
             || (map->nul_replacement != NULL && memchr(value->bytes, 0, value->size) != NULL))
        put_replaced(map, value, out);
    else
        byte_buffer_put(out, value->bytes, value->size);
    return check_text(map, out->data + from, out->size - from,
        value->class == VALUE_INTEGER || (value->class == VALUE_TEXT && map->trusts_text));
}

/* --- json, uuid ---------------------------------------------------------------- */

/* Programs that keep JSON as bytes leave BLOBs. A number may be one of SQLite's own binary form. */
static bool is_json_text(const struct value *value)
{
    return value->class == VALUE_TEXT
           || (value->class == VALUE_BLOB && value->size > 0
               && memchr("0123456789", value->bytes[0], 10) == NULL);
}

/* SQLite's affinity turns the JSON texts 5 and 5.5 into numbers: they come back as such. */
static enum convert_fault put_json(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    OWNED(byte_buffer) struct byte_buffer scratch = {0};

    if (value->class == VALUE_INTEGER) {
        convert_number_put(out, value->integer);
        return CONVERT_FITS;
    }
    if (value->class == VALUE_REAL) {
        if (!isfinite(value->real))
            return CONVERT_RANGE;
        decimal_of_real(out, value->real);
        return CONVERT_FITS;
    }
    if (!is_json_text(value))
        return CONVERT_CLASS;
    if (map->kind == TYPE_JSON ? !json_canonical_is_json(value->bytes, value->size)
                               : !json_canonical_append(&scratch, value->bytes, value->size))
        return CONVERT_JSON;
    byte_buffer_put(out, value->bytes, value->size);
    return CONVERT_FITS;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A BLOB of 16 bytes, or 32 hexadecimal digits with or without hyphens. */
static enum convert_fault uuid_of(const struct value *value, uint8_t out[UUID_SIZE])
{
    size_t digits = 0;

    if (value->class == VALUE_BLOB && value->size == UUID_SIZE) {
        memcpy(out, value->bytes, UUID_SIZE);
        return CONVERT_FITS;
    }
    if (value->class != VALUE_TEXT)
        return value->class == VALUE_BLOB ? CONVERT_UUID : CONVERT_CLASS;
    memset(out, 0, UUID_SIZE);
    for (uint32_t i = 0; i < value->size; i++) {
        int digit = hex_digit(value->bytes[i]);

        if (digit < 0 && value->bytes[i] == '-' && digits > 0 && digits % 4 == 0)
            continue;
        if (digit < 0 || digits == 2 * (size_t)UUID_SIZE)
            return CONVERT_UUID;
        out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | digit);
        digits++;
    }
    return digits == 2 * (size_t)UUID_SIZE ? CONVERT_FITS : CONVERT_UUID;
}

/* --- fields --------------------------------------------------------------------- */

static enum convert_fault put_sized(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    size_t at = out->size;
    enum convert_fault fault;
    uint32_t size;

    put_big32(out, 0);
    if (map->kind == TYPE_JSONB)
        byte_buffer_put_u8(out, JSONB_VERSION);
    if (map->kind == TYPE_NUMERIC)
        fault = convert_number_decimal(map, value, out);
    else if (map->kind == TYPE_JSON || map->kind == TYPE_JSONB)
        fault = put_json(map, value, out);
    else
        fault = put_characters(map, value, out);
    size = (uint32_t)(out->size - at - 4);
    out->data[at] = (uint8_t)(size >> 24);
    out->data[at + 1] = (uint8_t)(size >> 16);
    out->data[at + 2] = (uint8_t)(size >> 8);
    out->data[at + 3] = (uint8_t)size;
    return fault;
}

static enum convert_fault put_bytes(const struct value *value, struct byte_buffer *out)
{
    if (value->class != VALUE_BLOB && value->class != VALUE_TEXT)
        return CONVERT_CLASS;
    put_field(out, value->bytes, value->size);
    return CONVERT_FITS;
}

static enum convert_fault put_uuid(const struct value *value, struct byte_buffer *out)
{
    uint8_t uuid[UUID_SIZE];
    enum convert_fault fault = uuid_of(value, uuid);

    if (fault == CONVERT_FITS)
        put_field(out, uuid, sizeof(uuid));
    return fault;
}

static enum convert_fault put_moment(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    int64_t moment = 0;
    enum convert_fault fault = moment_of(map, value, &moment);

    if (fault != CONVERT_FITS)
        return fault;
    if (map->kind == TYPE_DATE) {
        put_big32(out, 4);
        put_big32(out, (uint32_t)moment_day(moment));
    } else {
        put_big32(out, 8);
        put_big64(out, (uint64_t)moment);
    }
    return CONVERT_FITS;
}

enum convert_fault convert_binary(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    if (value->class == VALUE_NULL) {
        put_big32(out, UINT32_MAX);
        return map->is_not_null ? CONVERT_NULL : CONVERT_FITS;
    }
    switch (map->kind) {
    case TYPE_BOOLEAN:
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
        return put_integer(map, value, out);
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        return put_real(map, value, out);
    case TYPE_TEXT:
    case TYPE_JSON:
    case TYPE_JSONB:
    case TYPE_NUMERIC:
        return put_sized(map, value, out);
    case TYPE_BYTEA:
        return put_bytes(value, out);
    case TYPE_UUID:
        return put_uuid(value, out);
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return put_moment(map, value, out);
    case TYPE_OTHER:
        break;
    }
    return CONVERT_CLASS;
}

/* --- text lines ------------------------------------------------------------------- */

static void put_escaped(struct byte_buffer *out, const uint8_t *bytes, size_t size)
{
    static const char specials[] = "\b\f\n\r\t\v\\";
    static const char letters[] = "bfnrtv\\";

    for (size_t i = 0; i < size; i++) {
        const char *found = bytes[i] == 0 ? NULL : strchr(specials, bytes[i]);

        if (found == NULL) {
            byte_buffer_put_u8(out, bytes[i]);
            continue;
        }
        byte_buffer_put_u8(out, '\\');
        byte_buffer_put_u8(out, (uint8_t)letters[found - specials]);
    }
}

static void put_hex(struct byte_buffer *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        byte_buffer_put_u8(out, (uint8_t)digits[bytes[i] >> 4]);
        byte_buffer_put_u8(out, (uint8_t)digits[bytes[i] & 15]);
    }
}

static enum convert_fault put_text_number(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    int64_t integer = 0;
    double real = 0;
    enum convert_fault fault;

    if (map->kind == TYPE_FLOAT4 || map->kind == TYPE_FLOAT8) {
        fault = convert_number_real(map, value, &real);
        if (fault == CONVERT_FITS)
            decimal_of_real(out, real);
        return fault;
    }
    fault = convert_number_integer(map, value, &integer);
    if (fault == CONVERT_FITS)
        convert_number_put(out, integer);
    return fault;
}

static enum convert_fault put_text_moment(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    int64_t moment = 0;
    enum convert_fault fault = moment_of(map, value, &moment);

    if (fault == CONVERT_FITS)
        moment_put(map, moment, out);
    return fault;
}

static enum convert_fault put_text_bytes(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    uint8_t uuid[UUID_SIZE];
    enum convert_fault fault;

    if (map->kind == TYPE_UUID) {
        fault = uuid_of(value, uuid);
        if (fault == CONVERT_FITS)
            put_hex(out, uuid, sizeof(uuid));
        return fault;
    }
    if (value->class != VALUE_BLOB && value->class != VALUE_TEXT)
        return CONVERT_CLASS;
    byte_buffer_put(out, "\\\\x", 3);
    put_hex(out, value->bytes, value->size);
    return CONVERT_FITS;
}

enum convert_fault convert_text(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    OWNED(byte_buffer) struct byte_buffer plain = {0};
    enum convert_fault fault;

    if (value->class == VALUE_NULL) {
        byte_buffer_put(out, "\\N", 2);
        return map->is_not_null ? CONVERT_NULL : CONVERT_FITS;
    }
    if (map->kind <= TYPE_FLOAT8)
        return put_text_number(map, value, out);
    if (map->kind == TYPE_UUID || map->kind == TYPE_BYTEA)
        return put_text_bytes(map, value, out);
    if (type_map_is_moment(map))
        return put_text_moment(map, value, out);
    if (map->kind == TYPE_NUMERIC)
        return convert_number_decimal(map, value, out);
    byte_buffer_reserve(&plain, 1); /* an empty value needs a place, too */
    if (map->kind == TYPE_JSON || map->kind == TYPE_JSONB)
        fault = put_json(map, value, &plain);
    else
        fault = put_characters(map, value, &plain);
    if (fault == CONVERT_FITS && map->kind == TYPE_OTHER)
        fault = duration_settle(map, &plain);
    if (fault == CONVERT_FITS && map->kind == TYPE_OTHER && !map->replaces_text
        && time_loss_occurs(map, plain.data, plain.size))
        fault = CONVERT_TIME;
    put_escaped(out, plain.data, plain.size);
    return fault;
}

/* --- verification ------------------------------------------------------------------ */

enum convert_fault convert_probe(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    if (map->kind == TYPE_OTHER && value->class != VALUE_NULL) {
        put_big32(out, 0);
        return CONVERT_FITS;
    }
    return convert_binary(map, value, out);
}

static bool put_canonical(
    const struct type_map *map, const uint8_t *bytes, size_t size, struct byte_buffer *out)
{
    size_t at = out->size;
    bool done;

    byte_buffer_put_u32(out, 0);
    if (map->kind == TYPE_NUMERIC)
        done = decimal_canonical(out, bytes, size, NULL);
    else
        done = size > 0 && json_canonical_append(out, bytes + 1, size - 1);
    byte_buffer_set_u32(out, at, (uint32_t)(out->size - at - 4));
    return done;
}

bool convert_normalise(
    const struct type_map *map, const uint8_t *bytes, int32_t size, struct byte_buffer *out)
{
    size_t length = size < 0 ? 0 : (size_t)size;

    if (size < 0) {
        byte_buffer_put_u32(out, UINT32_MAX);
        return true;
    }
    if (map->kind == TYPE_NUMERIC || map->kind == TYPE_JSONB)
        return put_canonical(map, bytes, length, out);
    while (map->is_padded && length > 0 && bytes[length - 1] == ' ')
        length--;
    byte_buffer_put_u32(out, (uint32_t)length);
    byte_buffer_put(out, bytes, length);
    return true;
}
