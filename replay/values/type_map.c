#include "replay/values/type_map.h"

#include "postgres/quote.h"

#include <string.h>

/* Object identifiers below 16384 are the same on every server. */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_NAME = 19,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_JSON = 114,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_BPCHAR = 1042,
    OID_VARCHAR = 1043,
    OID_DATE = 1082,
    OID_TIMESTAMP = 1114,
    OID_TIMESTAMPTZ = 1184,
    OID_INTERVAL = 1186,
    OID_NUMERIC = 1700,
    OID_UUID = 2950,
    OID_JSONB = 3802,
};

#define MODIFIER_HEAD 4  /* what PostgreSQL adds to a length in a type modifier */
#define NAME_SIZE_MAX 63 /* NAMEDATALEN - 1 */
#define SCALE_SIGN 0x400 /* numeric scales are 11-bit two's complement */

static enum type_kind kind_of(const struct target_column *column)
{
    switch (column->base_type_oid) {
    case OID_BOOL:
        return TYPE_BOOLEAN;
    case OID_INT2:
        return TYPE_INT2;
    case OID_INT4:
        return TYPE_INT4;
    case OID_INT8:
        return TYPE_INT8;
    case OID_FLOAT4:
        return TYPE_FLOAT4;
    case OID_FLOAT8:
        return TYPE_FLOAT8;
    case OID_NUMERIC:
        return TYPE_NUMERIC;
    case OID_TEXT:
    case OID_VARCHAR:
    case OID_BPCHAR:
    case OID_NAME:
        return TYPE_TEXT;
    case OID_BYTEA:
        return TYPE_BYTEA;
    case OID_JSON:
        return TYPE_JSON;
    case OID_JSONB:
        return TYPE_JSONB;
    case OID_UUID:
        return TYPE_UUID;
    case OID_DATE:
        return TYPE_DATE;
    case OID_TIMESTAMP:
        return TYPE_TIMESTAMP;
    case OID_TIMESTAMPTZ:
        return TYPE_TIMESTAMPTZ;
    default:
        break;
    }
    if (column->base_type_kind == 'e' || strcmp(column->base_type_name, "citext") == 0)
        return TYPE_TEXT;
    return TYPE_OTHER;
}

static void limits_of(struct type_map *map, const struct target_column *column)
{
    int32_t modifier = column->type_modifier;

    if (column->base_type_oid == OID_NAME)
        map->size_max = NAME_SIZE_MAX;
    if (modifier < MODIFIER_HEAD)
        return;
    modifier -= MODIFIER_HEAD;
    if (column->base_type_oid == OID_VARCHAR || column->base_type_oid == OID_BPCHAR)
        map->length_max = (uint32_t)modifier;
    if (map->kind == TYPE_NUMERIC) {
        map->precision = (uint32_t)modifier >> 16;
        map->scale = ((modifier & 0x7ff) ^ SCALE_SIGN) - SCALE_SIGN;
    }
}

void type_map_of(struct type_map *map, const struct target_column *column)
{
    *map = (struct type_map){
        .kind = kind_of(column),
        .column = column,
        .is_not_null = column->is_not_null,
        .is_padded = column->base_type_oid == OID_BPCHAR,
    };
    limits_of(map, column);
}

bool type_map_is_moment(const struct type_map *map)
{
    return map->kind == TYPE_DATE || map->kind == TYPE_TIMESTAMP || map->kind == TYPE_TIMESTAMPTZ;
}

bool type_map_takes_unix_time(const struct type_map *map)
{
    return type_map_is_moment(map) || map->column->base_type_oid == OID_INTERVAL;
}

bool type_map_has_binary(const struct type_map *map)
{
    return map->kind != TYPE_NUMERIC && map->kind != TYPE_OTHER;
}

bool type_map_is_exact(const struct type_map *map)
{
    return type_map_has_binary(map) && map->kind != TYPE_JSONB && !map->is_padded;
}

bool type_map_is_opaque(const struct type_map *map)
{
    return map->kind == TYPE_OTHER;
}

/* --- facts ----------------------------------------------------------------- */

static bool integers_fit(const struct column_facts *facts, int64_t min, int64_t max)
{
    return facts->class_count[VALUE_REAL] == 0
           && (facts->class_count[VALUE_INTEGER] == 0
               || (facts->integer_min >= min && facts->integer_max <= max));
}

static bool only_numbers(const struct column_facts *facts)
{
    return facts->class_count[VALUE_TEXT] == 0 && facts->class_count[VALUE_BLOB] == 0;
}

static bool texts_fit(const struct type_map *map, const struct column_facts *facts)
{
    if (facts->class_count[VALUE_REAL] != 0 || facts->class_count[VALUE_BLOB] != 0
        || facts->invalid_utf8_count != 0)
        return false;
    if (facts->nul_count != 0 && (map->nul_replacement == NULL || map->replaces_text))
        return false;
    if (map->column->base_type_kind == 'e')
        return facts->class_count[VALUE_TEXT] == 0 && facts->class_count[VALUE_INTEGER] == 0;
    if (map->length_max == 0 && map->size_max == 0)
        return true;
    if (facts->class_count[VALUE_INTEGER] != 0)
        return false;
    return (map->length_max == 0 || facts->text_length_max <= map->length_max)
           && (map->size_max == 0 || facts->text_size_max <= map->size_max);
}

static bool integer_is_exact_double(const struct column_facts *facts)
{
    const int64_t limit = (int64_t)1 << 53;

    return facts->class_count[VALUE_INTEGER] == 0
           || (facts->integer_min >= -limit && facts->integer_max <= limit);
}

bool type_map_may_fail(const struct type_map *map, const struct column_facts *facts)
{
    if (map->is_not_null && facts->class_count[VALUE_NULL] != 0)
        return true;
    switch (map->kind) {
    case TYPE_BOOLEAN:
        return !only_numbers(facts) || !integers_fit(facts, 0, 1);
    case TYPE_INT2:
        return !only_numbers(facts) || !integers_fit(facts, INT16_MIN, INT16_MAX);
    case TYPE_INT4:
        return !only_numbers(facts) || !integers_fit(facts, INT32_MIN, INT32_MAX);
    case TYPE_INT8:
        return !only_numbers(facts) || !integers_fit(facts, INT64_MIN, INT64_MAX);
    case TYPE_FLOAT8:
        return !only_numbers(facts) || !integer_is_exact_double(facts);
    case TYPE_TEXT:
        return !texts_fit(map, facts);
    case TYPE_BYTEA:
        return facts->class_count[VALUE_INTEGER] != 0 || facts->class_count[VALUE_REAL] != 0;
    case TYPE_FLOAT4:
    case TYPE_NUMERIC:
    case TYPE_JSON:
    case TYPE_JSONB:
    case TYPE_UUID:
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_OTHER:
        break;
    }
    for (unsigned class = VALUE_INTEGER; class < VALUE_CLASS_COUNT; class ++)
        if (facts->class_count[class] != 0)
            return true;
    return false;
}

void type_map_probe_sql(const struct type_map *map, struct byte_buffer *out)
{
    if (map->kind == TYPE_OTHER) {
        quote_plain(out, "CASE WHEN ");
        quote_name(out, map->column->name);
        /* A row of which a field is NULL is neither IS NULL nor IS NOT NULL. */
        quote_plain(out, map->column->base_type_kind == 'c' ? "::text" : "");
        quote_plain(out, " IS NOT NULL THEN ''::text END");
        return;
    }
    quote_name(out, map->column->name);
    if (map->kind == TYPE_NUMERIC)
        quote_plain(out, "::text");
}
