#include "dump/row_order.h"

#include "base/byte_buffer.h"
#include "base/owned.h"
#include "dump/sqlite_error.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char advice[] = "the database is damaged; restore a backup, or rescue what is left "
                             "with \".recover\" of the sqlite3 shell";

static void statement_release(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

void row_order_release(struct row_order *order)
{
    for (uint32_t i = 0; i < order->key_count; i++)
        sqlite3_value_free(order->keys[i].last);
    free(order->keys);
    *order = (struct row_order){0};
}

/* --- what a table is ordered by ----------------------------------------------------------- */

static bool has_column(const struct schema_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        if (sqlite3_stricmp(table->columns[i].name.bytes, name) == 0)
            return true;
    return false;
}

static const char *free_rowid_name(const struct schema_table *table)
{
    static const char *const names[] = {"_rowid_", "rowid", "oid"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (!has_column(table, names[i]))
            return names[i];
    return NULL;
}

static void add_key(struct row_order *order, sqlite3_stmt *statement)
{
    const char *collation = (const char *)sqlite3_column_text(statement, 2);

    order->keys[order->key_count++] = (struct row_order_key){
        .column = (uint32_t)sqlite3_column_int(statement, 0),
        .is_descending = sqlite3_column_int(statement, 1) != 0,
        .is_binary = collation != NULL && sqlite3_stricmp(collation, "BINARY") == 0,
    };
}

static bool read_keys(
    struct row_order *order, sqlite3 *db, const struct schema_table *table, struct error *err)
{
    static const char sql[] =
        "SELECT x.cid, x.desc, x.coll FROM pragma_index_list(?, 'main') AS l, "
        "pragma_index_xinfo(l.name, 'main') AS x WHERE l.origin = 'pk' AND x.key ORDER BY x.seqno";
    OWNED(statement) sqlite3_stmt *statement = NULL;
    int status = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    order->keys = byte_buffer_calloc(table->column_count, sizeof(*order->keys));
    if (status == SQLITE_OK)
        status = sqlite3_bind_text(
            statement, 1, table->name.bytes, (int)table->name.size, SQLITE_STATIC);
    while (status == SQLITE_OK || status == SQLITE_ROW) {
        status = sqlite3_step(statement);
        if (status != SQLITE_ROW)
            break;
        if ((uint64_t)sqlite3_column_int64(statement, 0) < table->column_count
            && order->key_count < table->column_count)
            add_key(order, statement);
    }
    if (status != SQLITE_DONE)
        return sqlite_error_set(err, db, status, "cannot read the primary key");
    return true;
}

bool row_order_begin(struct row_order *order, sqlite3 *db, const struct schema *schema,
    uint32_t table, struct error *err)
{
    *order = (struct row_order){.is_utf16 = schema->encoding != SCHEMA_ENCODING_UTF8};
    if (schema->tables[table].without_rowid)
        return read_keys(order, db, &schema->tables[table], err);
    /* A table as wide as can be leaves no place for another column. */
    if (schema->tables[table].column_count < (uint32_t)sqlite3_limit(db, SQLITE_LIMIT_COLUMN, -1))
        order->rowid = free_rowid_name(&schema->tables[table]);
    return true;
}

/* --- rows ----------------------------------------------------------------------------------- */

bool row_order_rowid(struct row_order *order, int64_t rowid, struct error *err)
{
    if (order->has_last && rowid <= order->last)
        return error_set(err, ERROR_CORRUPT, "rowid %" PRId64 " comes behind rowid %" PRId64 ": %s",
            rowid, order->last, advice);
    order->last = rowid;
    order->has_last = true;
    return true;
}

static int compare_numbers(int left_type, sqlite3_value *left, sqlite3_value *right)
{
    if (left_type == SQLITE_INTEGER) {
        int64_t a = sqlite3_value_int64(left);
        int64_t b = sqlite3_value_int64(right);

        return (a > b) - (a < b);
    }
    return (sqlite3_value_double(left) > sqlite3_value_double(right))
           - (sqlite3_value_double(left) < sqlite3_value_double(right));
}

/* Asked for the other size, SQLite would convert the text. */
static int size_of(const struct row_order *order, sqlite3_value *value)
{
    if (order->is_utf16 && sqlite3_value_type(value) == SQLITE_TEXT)
        return sqlite3_value_bytes16(value);
    return sqlite3_value_bytes(value);
}

static int compare_bytes(const struct row_order *order, sqlite3_value *left, sqlite3_value *right)
{
    const void *left_bytes = sqlite3_value_blob(left);
    const void *right_bytes = sqlite3_value_blob(right);
    int left_size = size_of(order, left);
    int right_size = size_of(order, right);
    int shorter = left_size < right_size ? left_size : right_size;
    int result = shorter == 0 ? 0 : memcmp(left_bytes, right_bytes, (size_t)shorter);

    return result != 0 ? result : left_size - right_size;
}

/* NULL, numbers, texts, blobs: in this order SQLite sorts. */
static int rank_of(int type)
{
    switch (type) {
    case SQLITE_NULL:
        return 0;
    case SQLITE_INTEGER:
    case SQLITE_FLOAT:
        return 1;
    case SQLITE_TEXT:
        return 2;
    default:
        return 3;
    }
}

/* Compares as SQLite does; *is_known is false where only it could. */
static int compare(const struct row_order *order, const struct row_order_key *key,
    sqlite3_value *value, bool *is_known)
{
    int last_type = sqlite3_value_type(key->last);
    int type = sqlite3_value_type(value);
    int result = rank_of(last_type) - rank_of(type);

    if (result == 0 && rank_of(type) == 1) {
        *is_known = last_type == type;
        result = compare_numbers(type, key->last, value);
    } else if (result == 0 && rank_of(type) > 1) {
        result = compare_bytes(order, key->last, value);
        *is_known = key->is_binary || type == SQLITE_BLOB || result == 0;
    }
    return key->is_descending ? -result : result;
}

static bool is_behind_last(const struct row_order *order, sqlite3_value *const *values)
{
    for (uint32_t i = 0; i < order->key_count; i++) {
        const struct row_order_key *key = &order->keys[i];
        bool is_known = true;
        int result = compare(order, key, values[key->column], &is_known);

        if (!is_known || result < 0)
            return true;
        if (result > 0)
            return false;
    }
    return false;
}

bool row_order_values(struct row_order *order, sqlite3_value *const *values, struct error *err)
{
    if (order->key_count == 0)
        return true;
    if (order->has_last && !is_behind_last(order, values))
        return error_set(
            err, ERROR_CORRUPT, "a row is not in the order of the primary key: %s", advice);
    for (uint32_t i = 0; i < order->key_count; i++) {
        struct row_order_key *key = &order->keys[i];

        sqlite3_value_free(key->last);
        key->last = sqlite3_value_dup(values[key->column]);
        if (key->last == NULL)
            return error_set(err, ERROR_IO, "not enough memory for a value");
    }
    order->has_last = true;
    return true;
}
