#include "replay/key_rejects.h"

#include "base/owned.h"
#include "replay/convert_number.h"
#include "replay/key_set.h"

#include <inttypes.h>

/* The columns of a key, as they are loaded. */
struct key {
    const struct plan_table *table;
    const struct copy_column *columns[32]; /* PostgreSQL's limit for an index */
    size_t count;
};

#define KEY_COLUMN_MAX (sizeof(((struct key *)0)->columns) / sizeof(struct copy_column *))

/* False when one of the columns is not loaded, or the key is of another shape. */
static bool key_of(struct key *key, const struct plan_table *table,
    const struct target_column *const *columns, size_t count)
{
    *key = (struct key){.table = table};
    if (columns == NULL || count > KEY_COLUMN_MAX)
        return false;
    for (; key->count < count; key->count++)
        for (size_t i = 0; i < table->column_count; i++)
            if (table->columns[i].type.column == columns[key->count])
                key->columns[key->count] = &table->columns[i];
    for (size_t i = 0; i < count; i++)
        if (key->columns[i] == NULL)
            return false;
    return count > 0;
}

static bool rejects(const struct key *key)
{
    for (size_t i = 0; i < key->count; i++)
        if (key->columns[i]->type.rejects)
            return true;
    return false;
}

/* Integers of every width have one form, so that a key and what refers to it are comparable. */
static void put_value(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    int64_t number = 0;

    if (map->kind <= TYPE_INT8 && convert_number_integer(map, value, &number) == CONVERT_FITS)
        byte_buffer_put(out, &number, sizeof(number));
    else if (map->kind <= TYPE_INT8 || !type_map_has_binary(map)
             || convert_binary(map, value, out) != CONVERT_FITS)
        value_encode(out, value);
}

/* False when a part of the key is NULL: then it is no key. */
static bool hash_key(const struct key *key, const struct value *values, struct byte_buffer *scratch,
    struct hash128 *hash)
{
    scratch->size = 0;
    for (size_t i = 0; i < key->count; i++) {
        const struct value *value = &values[key->columns[i]->source];

        if (value->class == VALUE_NULL)
            return false;
        put_value(&key->columns[i]->type, value, scratch);
    }
    *hash = checksum_xxh3(scratch->data, scratch->size);
    return true;
}

/* What to do with each row of a table: `adds` collects keys, else rows are looked up. */
struct scan {
    const struct preflight *preflight;
    struct key key;
    struct key_set *set;
    bool adds;
    bool wants_unique; /* adds: a key that is there already is a reason to reject */
    const char *reason;
    struct rejects found;
};

static void scan_release(struct scan *scan)
{
    rejects_release(&scan->found);
}

static void look_at_row(struct scan *scan, const struct source_rows *rows,
    const struct value *values, struct byte_buffer *scratch)
{
    struct hash128 hash;
    bool is_good;

    if (rejects_find(&scan->key.table->rejects, rows) != NULL
        || !hash_key(&scan->key, values, scratch, &hash))
        return;
    is_good = scan->adds ? key_set_add(scan->set, hash) || !scan->wants_unique
                         : key_set_has(scan->set, hash);
    if (!is_good)
        rejects_add(&scan->found, rows, scan->reason);
}

static bool scan_rows(struct scan *scan, struct error *err)
{
    OWNED(source_rows) struct source_rows rows = {0};
    OWNED(byte_buffer) struct byte_buffer scratch = {0};
    const struct value *values;

    source_rows_begin(&rows, scan->preflight->input->reader, scan->key.table->source);
    for (;;) {
        if (!source_rows_next(&rows, &values, err))
            return error_wrap(err, "table \"%s\"", scan->key.table->name);
        if (values == NULL)
            return true;
        look_at_row(scan, &rows, values, &scratch);
    }
}

/* Adds what a scan found to the table's rejects. */
static void take_out(struct plan_table *table, const struct scan *scan)
{
    table->rejects.items = byte_buffer_realloc(table->rejects.items,
        (table->rejects.count + scan->found.count + 1) * sizeof(*table->rejects.items));
    for (size_t i = 0; i < scan->found.count; i++)
        table->rejects.items[table->rejects.count++] = scan->found.items[i];
    rejects_sort(&table->rejects);
    if (scan->found.count > 0)
        problems_note(scan->preflight->problems, NULL, "table \"%s\": %zu row%s rejected: %s",
            table->name, scan->found.count, scan->found.count == 1 ? " is" : "s are", scan->reason);
}

/* --- unique keys ------------------------------------------------------------------ */

static bool check_unique(const struct preflight *preflight, struct plan_table *table,
    const struct target_index *index, struct error *err)
{
    OWNED(key_set) struct key_set set = {0};
    OWNED(scan)
    struct scan scan = {.preflight = preflight, .set = &set, .adds = true, .wants_unique = true};

    if (!index->is_unique || index->is_partial || index->has_expressions
        || index->nulls_not_distinct || !key_of(&scan.key, table, index->keys, index->key_count)
        || !rejects(&scan.key))
        return true;
    scan.reason = arena_format(&preflight->problems->arena,
        "another row has the same values for the unique index \"%s\"", index->name);
    if (!scan_rows(&scan, err))
        return false;
    take_out(table, &scan);
    return true;
}

/* --- foreign keys ------------------------------------------------------------------- */

static struct plan_table *loaded_table(const struct plan *plan, const struct target_table *target)
{
    for (size_t i = 0; i < plan->table_count; i++)
        if (plan->tables[i].target == target && plan->tables[i].action == PLAN_LOAD)
            return &plan->tables[i];
    return NULL;
}

static bool check_foreign(const struct preflight *preflight, struct plan_table *table,
    const struct target_constraint *constraint, size_t *found_count, struct error *err)
{
    struct plan_table *parent = loaded_table(preflight->plan, constraint->referenced_table);
    OWNED(key_set) struct key_set set = {0};
    OWNED(scan) struct scan keys = {.preflight = preflight, .set = &set, .adds = true};
    OWNED(scan) struct scan scan = {.preflight = preflight, .set = &set};

    if (constraint->type != 'f' || !constraint->is_validated || parent == NULL
        || !key_of(&scan.key, table, constraint->columns, constraint->column_count)
        || !key_of(&keys.key, parent, constraint->referenced_columns, constraint->column_count)
        || (!rejects(&scan.key) && parent->rejects.count == 0))
        return true;
    scan.reason = arena_format(&preflight->problems->arena,
        "it refers to no row of \"%s\" that is loaded (foreign key \"%s\")", parent->name,
        constraint->name);
    if (!scan_rows(&keys, err) || !scan_rows(&scan, err))
        return false;
    take_out(table, &scan);
    *found_count += scan.found.count;
    return true;
}

static bool check_foreign_keys(
    const struct preflight *preflight, size_t *found_count, struct error *err)
{
    const struct plan *plan = preflight->plan;

    *found_count = 0;
    for (size_t i = 0; i < plan->table_count; i++) {
        struct plan_table *table = &plan->tables[i];

        if (table->action != PLAN_LOAD || table->row_count == 0)
            continue;
        for (size_t j = 0; j < table->target->constraint_count; j++)
            if (!check_foreign(preflight, table, &table->target->constraints[j], found_count, err))
                return false;
    }
    return true;
}

bool key_rejects_find(const struct preflight *preflight, struct error *err)
{
    const struct plan *plan = preflight->plan;
    size_t found_count = 0;

    for (size_t i = 0; i < plan->table_count; i++) {
        struct plan_table *table = &plan->tables[i];

        if (table->action != PLAN_LOAD || table->row_count == 0)
            continue;
        for (size_t j = 0; j < table->target->index_count; j++)
            if (!check_unique(preflight, table, &table->target->indexes[j], err))
                return false;
    }
    do {
        if (!check_foreign_keys(preflight, &found_count, err))
            return false;
    } while (found_count > 0);
    return true;
}
