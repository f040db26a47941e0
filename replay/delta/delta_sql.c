#include "replay/delta/delta_sql.h"

#include "postgres/quote.h"

#include <stdio.h>
#include <string.h>

#define DESCRIBED_MAX 20    /* columns; a function takes at most 100 arguments */
#define OID_FIRST_OWN 16384 /* types below it are built in */

static bool is_plain(const struct type_map *type)
{
    if (type->column->is_domain || type->column->has_loose_collation)
        return false;
    switch (type->kind) {
    case TYPE_BOOLEAN:
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_NUMERIC:
    case TYPE_BYTEA:
    case TYPE_JSONB:
    case TYPE_UUID:
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return true;
    case TYPE_TEXT: /* not enums, citext */
        return type->column->base_type_oid < OID_FIRST_OWN;
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
    case TYPE_JSON:
    case TYPE_OTHER:
        break;
    }
    return false;
}

bool delta_sql_is_key(const struct type_map *type)
{
    return is_plain(type) && type->kind != TYPE_JSONB;
}

static void put_column(struct byte_buffer *out, const char *alias, const char *name)
{
    if (alias != NULL) {
        quote_plain(out, alias);
        quote_plain(out, ".");
    }
    quote_name(out, name);
}

void delta_sql_value(struct byte_buffer *out, const char *alias, const struct type_map *type)
{
    const char *name = type->column->name;

    if (is_plain(type)) {
        put_column(out, alias, name);
    } else if (type->kind == TYPE_FLOAT4 || type->kind == TYPE_FLOAT8) {
        quote_plain(out, type->kind == TYPE_FLOAT4 ? "float4send(" : "float8send(");
        put_column(out, alias, name);
        quote_plain(out, ")");
    } else {
        quote_plain(out, "(");
        put_column(out, alias, name);
        quote_plain(out, ")::text");
        quote_plain(out, type->column->has_loose_collation ? " COLLATE \"C\"" : "");
    }
}

void delta_sql_exact(struct byte_buffer *out, const char *alias, const struct type_map *type)
{
    delta_sql_value(out, alias, type);
    quote_plain(out, type->kind == TYPE_JSONB ? "::text" : "");
}

/* A value of the type that stands for NULL beside a comparison of what is NULL. */
static const char *stand_in(const struct type_map *type)
{
    if (!is_plain(type))
        return type->kind == TYPE_FLOAT4 || type->kind == TYPE_FLOAT8 ? "''::bytea" : "''::text";
    switch (type->kind) {
    case TYPE_BOOLEAN:
        return "false";
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_NUMERIC:
        return "0";
    case TYPE_BYTEA:
        return "''::bytea";
    case TYPE_UUID:
        return "'00000000-0000-0000-0000-000000000000'::uuid";
    case TYPE_DATE:
        return "'-infinity'::date";
    case TYPE_TIMESTAMP:
        return "'-infinity'::timestamp";
    case TYPE_TIMESTAMPTZ:
        return "'-infinity'::timestamptz";
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
    case TYPE_TEXT:
    case TYPE_JSON:
    case TYPE_JSONB:
    case TYPE_OTHER:
        break;
    }
    return "''::text";
}

void delta_sql_target(struct byte_buffer *out, const struct target_table *table)
{
    quote_plain(out, target_catalog_only(table));
    quote_qualified(out, table->schema, table->name);
}

bool delta_sql_is_in_key(const struct delta_table *table, const struct target_column *column)
{
    for (size_t i = 0; table->key != NULL && i < table->key->key_count; i++)
        if (table->key->keys[i] == column)
            return true;
    return false;
}

void delta_sql_key_match(
    struct byte_buffer *out, const struct delta_table *table, const char *a, const char *b)
{
    for (size_t i = 0; i < table->key->key_count; i++) {
        quote_plain(out, i == 0 ? "" : " AND ");
        put_column(out, a, table->key->keys[i]->name);
        quote_plain(out, " = ");
        put_column(out, b, table->key->keys[i]->name);
    }
}

void delta_sql_differs(
    struct byte_buffer *out, const struct delta_table *table, const char *a, const char *b)
{
    bool is_first = true;

    for (size_t i = 0; i < table->column_count; i++) {
        const struct type_map *type = &table->columns[i].type;

        if (delta_sql_is_in_key(table, type->column))
            continue;
        quote_plain(out, is_first ? "" : " OR ");
        is_first = false;
        delta_sql_value(out, a, type);
        quote_plain(out, " IS DISTINCT FROM ");
        delta_sql_value(out, b, type);
    }
    quote_plain(out, is_first ? "false" : "");
}

void delta_sql_multiset(
    struct byte_buffer *out, const struct delta_table *table, const char *staged)
{
    quote_plain(out, "SELECT row_number() OVER () AS place, count(*) AS copies,"
                     " (array_agg(r.ctid))[1] AS sample");
    for (size_t i = 0; i < table->column_count; i++) {
        quote_plain(out, ", ");
        delta_sql_exact(out, "r", &table->columns[i].type);
        byte_buffer_format(out, " AS c%zu", i);
    }
    quote_plain(out, " FROM ");
    quote_plain(out, staged);
    quote_plain(out, " AS r GROUP BY ");
    for (size_t i = 0; i < table->column_count; i++) {
        quote_plain(out, i == 0 ? "" : ", ");
        delta_sql_exact(out, "r", &table->columns[i].type);
    }
}

void delta_sql_all_match(struct byte_buffer *out, const struct delta_table *table)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct type_map *type = &table->columns[i].type;
        char wanted[32];

        snprintf(wanted, sizeof(wanted), "w.c%zu", i);
        quote_plain(out, i == 0 ? "" : " AND ");
        if (type->column->is_not_null) {
            delta_sql_exact(out, "t", type);
            quote_plain(out, " = ");
            quote_plain(out, wanted);
            continue;
        }
        quote_plain(out, "coalesce(");
        delta_sql_exact(out, "t", type);
        quote_plain(out, ", ");
        quote_plain(out, stand_in(type));
        quote_plain(out, ") = coalesce(");
        quote_plain(out, wanted);
        quote_plain(out, ", ");
        quote_plain(out, stand_in(type));
        quote_plain(out, ") AND (");
        delta_sql_exact(out, "t", type);
        quote_plain(out, " IS NULL) = (");
        quote_plain(out, wanted);
        quote_plain(out, " IS NULL)");
    }
}

void delta_sql_describe(struct byte_buffer *out, const struct delta_table *table, const char *alias)
{
    size_t count = 0;

    quote_plain(out, "left(concat_ws(', '");
    for (size_t i = 0; i < table->column_count && count < DESCRIBED_MAX; i++) {
        const struct target_column *column = table->columns[i].type.column;

        if (table->key != NULL && !delta_sql_is_in_key(table, column))
            continue;
        quote_plain(out, ", ");
        quote_literal(out, column->name);
        quote_plain(out, " || ' = ' || coalesce(left((");
        put_column(out, alias, column->name);
        quote_plain(out, ")::text, 80), 'NULL')");
        count++;
    }
    quote_plain(out, count == 0 ? ", ''), 300)" : "), 300)");
}

void delta_sql_columns(
    struct byte_buffer *out, const struct copy_column *columns, size_t count, const char *alias)
{
    for (size_t i = 0; i < count; i++) {
        quote_plain(out, i == 0 ? "" : ", ");
        put_column(out, alias, columns[i].type.column->name);
    }
}
