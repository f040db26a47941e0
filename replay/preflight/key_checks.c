#include "replay/preflight/key_checks.h"

#include "replay/preflight/source_unique.h"

#include <stdlib.h>
#include <string.h>

#define BUDGET ((size_t)8 << 20) /* bytes of memory for all keys together */

/* --- unique keys ------------------------------------------------------------ */

static const struct copy_column *loaded_column(const struct plan_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(table->columns[i].type.column->name, name) == 0)
            return &table->columns[i];
    return NULL;
}

/* "name IS NULL" or "name IS NOT NULL", as the server writes a predicate; else false. */
static bool read_filter(struct key *key, const char *predicate)
{
    static const char *const ends[] = {" IS NOT NULL)", " IS NULL)"};
    char name[130];
    size_t size = 0;

    if (*predicate++ != '(')
        return false;
    if (*predicate == '"') {
        predicate++;
        for (; *predicate != '\0' && *predicate != '"' && size + 1 < sizeof(name); predicate++)
            name[size++] = *predicate;
        if (*predicate++ != '"')
            return false;
    } else {
        for (; strchr(" ()", *predicate) == NULL && size + 1 < sizeof(name); predicate++)
            name[size++] = *predicate;
    }
    name[size] = '\0';
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (strcmp(predicate, ends[i]) != 0)
            continue;
        key->filter = loaded_column(key->table, name);
        key->filter_is_null = i == 1;
        return key->filter != NULL;
    }
    return false;
}

bool key_checks_index(
    struct key *key, const struct plan_table *table, const struct target_index *index)
{
    static const char mark[] = " WHERE ";
    const char *predicate = strstr(index->definition, mark);

    if (index->has_expressions || strcmp(index->access_method, "btree") != 0
        || strstr(index->definition, " COLLATE ") != NULL
        || !key_of(key, table, index->keys, index->key_count))
        return false;
    key->nulls_equal = index->nulls_not_distinct;
    return !index->is_partial || (predicate != NULL && read_filter(key, predicate + strlen(mark)));
}

/* --- foreign keys --------------------------------------------------------------- */

struct plan_table *key_checks_planned(const struct plan *plan, const struct target_table *target)
{
    for (size_t i = 0; target != NULL && i < plan->table_count; i++)
        if (plan->tables[i].target == target)
            return &plan->tables[i];
    return NULL;
}

bool key_checks_is_foreign(const struct plan_table *table, const struct dump_reader *reader,
    const struct target_constraint *constraint)
{
    const struct column_facts *facts = reader->ends[table->source].facts;
    bool is_full = strstr(constraint->definition, " MATCH FULL") != NULL;
    size_t null_count = 0;

    /* PostgreSQL keeps a second key to each partition of what one refers to: it demands nothing. */
    if (constraint->type != 'f' || !constraint->is_validated || !constraint->is_enforced
        || constraint->has_period || constraint->is_inherited)
        return false;
    for (size_t i = 0; i < constraint->column_count; i++)
        for (size_t j = 0; j < table->column_count; j++)
            if (table->columns[j].type.column == constraint->columns[i]
                && facts[table->columns[j].source].class_count[VALUE_NULL] == table->row_count)
                null_count++;
    return is_full ? null_count < constraint->column_count : null_count == 0;
}

bool key_checks_foreign(struct key *child, struct key *parent, const struct plan_table *table,
    const struct plan_table *parent_table, const struct target_constraint *constraint)
{
    if (parent_table == NULL
        || !key_of(child, table, constraint->columns, constraint->column_count))
        return false;
    if (parent_table->action == PLAN_EMPTY)
        return true;
    return parent_table->action == PLAN_LOAD
           && key_of(parent, parent_table, constraint->referenced_columns, constraint->column_count)
           && key_pair(child, parent);
}

/* --- collecting ------------------------------------------------------------------- */

static struct key_scan_item *want_keys(
    struct key_checks *checks, const struct key *key, bool is_distinct)
{
    struct key_scan_item *item;

    for (size_t i = 0; i < checks->scan_count; i++) {
        item = checks->scans[i];
        if (!key_is_same(&item->key, key))
            continue;
        item->is_distinct = item->is_distinct && is_distinct;
        return item;
    }
    item = byte_buffer_calloc(1, sizeof(*item));
    item->key = *key;
    key_runs_init(&item->runs);
    item->is_distinct = is_distinct;
    checks->scans = byte_buffer_realloc(
        (void *)checks->scans, (checks->scan_count + 1) * sizeof(struct key_scan_item *));
    checks->scans[checks->scan_count++] = item;
    return item;
}

static void add_check(struct key_checks *checks, const struct key_check *check)
{
    checks->items =
        byte_buffer_realloc(checks->items, (checks->count + 1) * sizeof(*checks->items));
    checks->items[checks->count++] = *check;
}

static void find_unique(
    struct key_checks *checks, const struct preflight *preflight, struct plan_table *table)
{
    for (size_t i = 0; i < table->target->index_count; i++) {
        const struct target_index *index = &table->target->indexes[i];
        struct key_check check = {.table = table, .index = index};
        struct key key;

        if (!index->is_unique || !index->is_valid || table->row_count < 2
            || !key_checks_index(&key, table, index)
            || source_unique_proves(preflight->input->reader, &key))
            continue;
        check.keys = want_keys(checks, &key, false);
        add_check(checks, &check);
    }
}

static void find_foreign(
    struct key_checks *checks, const struct preflight *preflight, struct plan_table *table)
{
    for (size_t i = 0; i < table->target->constraint_count; i++) {
        const struct target_constraint *constraint = &table->target->constraints[i];
        struct key_check check = {
            .table = table,
            .constraint = constraint,
            .parent = key_checks_planned(preflight->plan, constraint->referenced_table),
        };
        struct key child;
        struct key parent;

        if (!key_checks_is_foreign(table, preflight->input->reader, constraint)
            || !key_checks_foreign(&child, &parent, table, check.parent, constraint))
            continue;
        check.is_match_full = strstr(constraint->definition, " MATCH FULL") != NULL;
        check.keys = want_keys(checks, &child, true);
        if (check.parent->action == PLAN_LOAD)
            check.others = want_keys(checks, &parent, true);
        add_check(checks, &check);
    }
}

void key_checks_find(struct key_checks *checks, const struct preflight *preflight)
{
    const struct plan *plan = preflight->plan;

    for (size_t i = 0; i < plan->table_count; i++) {
        struct plan_table *table = &plan->tables[i];

        if (table->action != PLAN_LOAD || table->row_count == 0)
            continue;
        find_unique(checks, preflight, table);
        find_foreign(checks, preflight, table);
    }
}

void key_checks_release(struct key_checks *checks)
{
    for (size_t i = 0; i < checks->scan_count; i++) {
        key_runs_release(&checks->scans[i]->runs);
        free(checks->scans[i]);
    }
    free((void *)checks->scans);
    free(checks->items);
    *checks = (struct key_checks){0};
}

/* --- reading ------------------------------------------------------------------------ */

static int compare_scans(const void *a, const void *b)
{
    const struct key *x = &(*(struct key_scan_item *const *)a)->key;
    const struct key *y = &(*(struct key_scan_item *const *)b)->key;

    if (x->table->row_count != y->table->row_count)
        return x->table->row_count < y->table->row_count ? -1 : 1;
    return x->table < y->table ? -1 : x->table > y->table;
}

/* Small tables take what they need, the others share what is left. */
static void share_budget(struct key_checks *checks)
{
    size_t left = BUDGET;

    for (size_t i = 0; i < checks->scan_count; i++) {
        size_t share = left / (checks->scan_count - i);
        uint64_t need = (checks->scans[i]->key.table->row_count + 1) * 2 * sizeof(struct hash128);
        size_t taken = need < share ? (size_t)need : share;

        key_runs_limit(&checks->scans[i]->runs, taken);
        left -= taken;
    }
}

bool key_checks_read(
    struct key_checks *checks, const struct preflight *preflight, struct error *err)
{
    struct key_scan scan = {
        .reader = preflight->input->reader, .thread_count = preflight->thread_count};

    if (checks->scan_count == 0)
        return true;
    qsort((void *)checks->scans, checks->scan_count, sizeof(struct key_scan_item *), compare_scans);
    share_budget(checks);
    for (size_t i = 0; i < checks->scan_count; i += scan.item_count) {
        scan.items = checks->scans + i;
        scan.item_count = 1;
        while (i + scan.item_count < checks->scan_count
               && scan.items[scan.item_count]->key.table == scan.items[0]->key.table)
            scan.item_count++;
        if (!key_scan_run(&scan, err))
            return false;
    }
    return true;
}
