#include "tools/create_type.h"

#include "tools/affinity.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define EXACT_MAX ((int64_t)1 << 53) /* a double holds every integer up to it */

static const char *const names[] = {
    [CREATE_BOOLEAN] = "boolean",
    [CREATE_BIGINT] = "bigint",
    [CREATE_DOUBLE] = "double precision",
    [CREATE_NUMERIC] = "numeric",
    [CREATE_TEXT] = "text",
    [CREATE_BYTEA] = "bytea",
};

static bool is_declared(const struct schema_column *column, const char *word)
{
    return strcasestr(column->type.bytes, word) != NULL;
}

static bool is_decimal(const struct schema_column *column)
{
    return is_declared(column, "DECIMAL") || is_declared(column, "NUMERIC")
           || is_declared(column, "NUMBER");
}

static bool has(const struct column_facts *facts, enum value_class class)
{
    return facts->class_count[class] > 0;
}

/* A column without a value: what SQLite would make of most. */
static enum create_kind kind_of_nothing(
    const struct schema_table *table, const struct schema_column *column)
{
    if (is_declared(column, "BOOL"))
        return CREATE_BOOLEAN;
    switch (affinity_of(table, column)) {
    case AFFINITY_INTEGER:
        return CREATE_BIGINT;
    case AFFINITY_REAL:
        return CREATE_DOUBLE;
    case AFFINITY_BLOB:
        return is_declared(column, "BLOB") ? CREATE_BYTEA : CREATE_TEXT;
    case AFFINITY_NUMERIC:
        return is_decimal(column) ? CREATE_NUMERIC : CREATE_TEXT;
    case AFFINITY_TEXT:
        break;
    }
    return CREATE_TEXT;
}

static enum create_kind kind_of_numbers(
    const struct schema_column *column, const struct column_facts *facts)
{
    bool is_exact = facts->integer_min >= -EXACT_MAX && facts->integer_max <= EXACT_MAX;

    if (is_decimal(column) && facts->infinite_count == 0)
        return CREATE_NUMERIC;
    if (has(facts, VALUE_REAL))
        return is_exact || facts->infinite_count > 0 ? CREATE_DOUBLE : CREATE_NUMERIC;
    if (is_declared(column, "BOOL") && facts->integer_min >= 0 && facts->integer_max <= 1)
        return CREATE_BOOLEAN;
    return CREATE_BIGINT;
}

static const char *note_of_bytes(const struct column_facts *facts)
{
    if (facts->nul_count > 0)
        return "it has text with NUL characters, which text cannot hold: see --on-bad-value of "
               "valise-replay, or use bytea";
    if (facts->invalid_utf8_count > 0)
        return "it has text that is not UTF-8, which text cannot hold: see --on-bad-value of "
               "valise-replay, or use bytea";
    return NULL;
}

static const char *note_of_mixture(const struct column_facts *facts)
{
    bool has_number = has(facts, VALUE_INTEGER) || has(facts, VALUE_REAL);

    if (has(facts, VALUE_BLOB) && has_number)
        return "it has blobs and numbers, which no type holds together: see --on-bad-value of "
               "valise-replay";
    if (has(facts, VALUE_BLOB))
        return "it has blobs and text, which become bytes alike";
    if (has(facts, VALUE_REAL))
        return "it has text and floating-point numbers, which no type holds together: see "
               "--on-bad-value of valise-replay";
    return "it has text and integers, which become text alike";
}

void create_type_choose(struct create_type *out, const struct schema_table *table,
    const struct schema_column *column, const struct column_facts *facts)
{
    bool has_number = has(facts, VALUE_INTEGER) || has(facts, VALUE_REAL);
    bool has_text = has(facts, VALUE_TEXT);
    bool has_blob = has(facts, VALUE_BLOB);

    *out = (struct create_type){0};
    if (!has_number && !has_text && !has_blob)
        out->kind = kind_of_nothing(table, column);
    else if (!has_text && !has_blob)
        out->kind = kind_of_numbers(column, facts);
    else
        out->kind = has_blob ? CREATE_BYTEA : CREATE_TEXT;
    out->sql = names[out->kind];
    if ((has_text || has_blob) && (has_number || (has_text && has_blob)))
        out->note = note_of_mixture(facts);
    else if (out->kind == CREATE_TEXT)
        out->note = note_of_bytes(facts);
}

void create_type_name(struct create_type *out, const char *sql)
{
    *out = (struct create_type){.kind = CREATE_NAMED, .sql = sql};
}

const char *create_type_better(const struct create_type *type, const char *declared)
{
    if (type->kind == CREATE_NAMED || type->kind == CREATE_BOOLEAN)
        return NULL;
    if (strcasestr(declared, "JSON") != NULL)
        return "jsonb";
    if (strcasestr(declared, "UUID") != NULL || strcasestr(declared, "GUID") != NULL)
        return "uuid";
    if (strcasecmp(declared, "DATE") == 0)
        return "date";
    if (strcasecmp(declared, "TIME") == 0)
        return "time";
    if (strcasestr(declared, "DATETIME") != NULL || strcasestr(declared, "TIMESTAMP") != NULL)
        return strcasestr(declared, "ZONE") != NULL || strcasestr(declared, "TZ") != NULL
                   ? "timestamptz"
                   : "timestamp";
    return NULL;
}

bool create_type_is_integer(const struct create_type *type)
{
    static const char *const integers[] = {
        "smallint", "int2", "integer", "int", "int4", "bigint", "int8"};

    for (size_t i = 0; type->kind == CREATE_NAMED && i < sizeof(integers) / sizeof(integers[0]);
         i++)
        if (strcasecmp(type->sql, integers[i]) == 0)
            return true;
    return type->kind == CREATE_BIGINT;
}
