#include "replay/target/ddl.h"

#include "base/byte_buffer.h"
#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "replay/target/ddl_text.h"

#include <stdlib.h>
#include <string.h>

#define RESTORE_TRY_COUNT 5 /* two foreign keys that cross each other can deadlock */

/* A plan being made. */
struct maker {
    struct arena *arena;
    const struct target_catalog *catalog;
    struct ddl_object *objects; /* owned */
    size_t object_count;
    size_t object_capacity;
    struct ddl_kept *kept; /* owned */
    size_t kept_count;
    size_t kept_capacity;
    const struct target_constraint **taken; /* owned: foreign keys to take down */
    size_t taken_count;
    size_t taken_capacity;
    bool has_partitions; /* their triggers are taken */
};

/* Room for one more of item_size bytes. */
static void *grow(void *items, size_t count, size_t *capacity, size_t item_size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity * 2 + 16;
    return byte_buffer_realloc(items, *capacity * item_size);
}

static void add_object(
    struct maker *m, const struct target_table *table, const struct ddl_object *object)
{
    m->objects = grow(m->objects, m->object_count, &m->object_capacity, sizeof(*m->objects));
    m->objects[m->object_count] = *object;
    m->objects[m->object_count].schema = arena_text(m->arena, table->schema);
    m->objects[m->object_count].table = arena_text(m->arena, table->name);
    m->objects[m->object_count].name = arena_text(m->arena, object->name);
    m->object_count++;
}

static void keep(
    struct maker *m, const struct target_table *table, const char *name, const char *reason)
{
    m->kept = grow(m->kept, m->kept_count, &m->kept_capacity, sizeof(*m->kept));
    m->kept[m->kept_count++] = (struct ddl_kept){
        .table = arena_text(m->arena, table->name),
        .name = arena_text(m->arena, name),
        .reason = reason,
    };
}

/* Why nothing of this table can be taken down; NULL: it can. */
static const char *reason_of_table(const struct target_table *table)
{
    if (!table->is_ours)
        return "the role does not own the table";
    if (table->is_in_extension)
        return "the table belongs to an extension";
    return NULL;
}

/* An index of a partitioned table is many, with names and options of their own. */
static const char *reason_of_indexes(const struct target_table *table)
{
    return table->kind == 'p' || table->is_partition ? "the table is partitioned or a partition"
                                                     : reason_of_table(table);
}

/* --- foreign keys ----------------------------------------------------------- */

/* Why this foreign key stays; NULL: it can be taken down. */
static const char *reason_of_foreign_key(const struct target_constraint *key)
{
    const char *reason = reason_of_table(key->table);

    if (reason != NULL)
        return reason;
    if (key->is_inherited)
        return "it is inherited";
    if (key->referenced_table == NULL)
        return "it refers to another schema";
    return reason_of_table(key->referenced_table);
}

static bool is_taken(const struct maker *m, const struct target_constraint *key)
{
    for (size_t i = 0; i < m->taken_count; i++) {
        if (m->taken[i] == key)
            return true;
    }
    return false;
}

static void take_foreign_key(struct maker *m, const struct target_constraint *key)
{
    const char *reason = reason_of_foreign_key(key);

    if (is_taken(m, key))
        return;
    if (reason != NULL) {
        keep(m, key->table, key->name, reason);
        return;
    }
    m->taken = grow(m->taken, m->taken_count, &m->taken_capacity, sizeof(const void *));
    m->taken[m->taken_count++] = key;
    add_object(m, key->table,
        &(struct ddl_object){
            .phase = DDL_PHASE_FOREIGN,
            .kind = "foreign key",
            .name = key->name,
            .drop = ddl_text_drop_constraint(m->arena, key),
            .restore = ddl_text_add_constraint(m->arena, key, NULL),
            .exists = ddl_text_constraint_exists(m->arena, key),
        });
}

typedef bool (*key_filter)(const struct target_constraint *key, const void *what);

static bool touches_table(const struct target_constraint *key, const void *what)
{
    return key->table == what || key->referenced_table == what;
}

static bool uses_index(const struct target_constraint *key, const void *what)
{
    const struct target_index *index = what;

    return key->referenced_index_oid == index->oid;
}

/* The next foreign key of the schema that passes; *table and *next say where to go on. */
static const struct target_constraint *next_foreign_key(const struct target_catalog *catalog,
    size_t *table, size_t *next, key_filter passes, const void *what)
{
    for (; *table < catalog->table_count; (*table)++, *next = 0) {
        const struct target_table *t = &catalog->tables[*table];

        while (*next < t->constraint_count) {
            const struct target_constraint *key = &t->constraints[(*next)++];

            if (key->type == 'f' && passes(key, what))
                return key;
        }
    }
    return NULL;
}

/* A partition's key goes and comes with that of the partitioned table. */
static bool is_of_parent(const struct target_constraint *key)
{
    return key->is_inherited
           && (key->table->is_partition
               || (key->referenced_table != NULL && key->referenced_table->is_partition));
}

static void take_foreign_keys(struct maker *m, key_filter passes, const void *what)
{
    const struct target_constraint *key;
    size_t table = 0;
    size_t next = 0;

    while ((key = next_foreign_key(m->catalog, &table, &next, passes, what)) != NULL)
        if (!is_of_parent(key))
            take_foreign_key(m, key);
}

/* --- indexes ---------------------------------------------------------------- */

static bool is_referenced_from_outside(const struct maker *m, const struct target_index *index)
{
    for (size_t i = 0; index->is_unique && i < m->catalog->foreign_reference_count; i++) {
        if (m->catalog->foreign_references[i].referenced_table == index->table)
            return true;
    }
    return false;
}

static bool has_statistics_targets(const struct target_index *index)
{
    for (size_t i = 0; i < index->column_count; i++) {
        if (index->statistics_targets[i] >= 0)
            return true;
    }
    return false;
}

/* Is the index made by its constraint, as one that cannot adopt an index? */
static bool is_made_by_constraint(const struct target_index *index)
{
    return index->constraint != NULL
           && (index->constraint->type == 'x' || index->constraint->has_period);
}

static const char *reason_of_index(const struct maker *m, const struct target_index *index)
{
    const struct target_constraint *key;
    size_t table = 0;
    size_t next = 0;

    if (!index->is_valid)
        return "it is not valid";
    if (index->is_in_extension)
        return "an extension depends on it";
    if (index->dependent_count > 0)
        return "another object, such as a view, depends on it";
    if (is_made_by_constraint(index) && index->has_options)
        return "it has storage parameters that an exclusion constraint cannot be restored with";
    if (index->constraint != NULL && strcmp(index->constraint->name, index->name) != 0)
        return "its constraint has another name";
    if (has_statistics_targets(index) && m->catalog->server.version_num < 110000)
        return "it has statistics targets";
    if (is_referenced_from_outside(m, index))
        return "a foreign key of another schema may need it";
    while ((key = next_foreign_key(m->catalog, &table, &next, uses_index, index)) != NULL) {
        if (!is_of_parent(key) && reason_of_foreign_key(key) != NULL)
            return "a foreign key that must stay needs it";
    }
    return NULL;
}

static void take_constraint(struct maker *m, const struct target_index *index)
{
    const struct target_constraint *constraint = index->constraint;
    bool is_whole = is_made_by_constraint(index);

    add_object(m, index->table,
        &(struct ddl_object){
            .phase = DDL_PHASE_ATTACH,
            .kind = "constraint",
            .name = constraint->name,
            .drop = ddl_text_drop_constraint(m->arena, constraint),
            .restore = is_whole ? ddl_text_add_constraint(m->arena, constraint, index)
                                : ddl_text_attach_constraint(m->arena, constraint, index),
            .exists = ddl_text_constraint_exists(m->arena, constraint),
        });
}

static void take_index(struct maker *m, const struct target_index *index)
{
    const char *reason = reason_of_index(m, index);

    if (reason != NULL) {
        keep(m, index->table, index->name, reason);
        return;
    }
    take_foreign_keys(m, uses_index, index);
    if (index->constraint != NULL)
        take_constraint(m, index);
    if (!is_made_by_constraint(index))
        add_object(m, index->table,
            &(struct ddl_object){
                .phase = DDL_PHASE_BUILD,
                .kind = "index",
                .name = index->name,
                .drop = index->constraint != NULL ? "" : ddl_text_drop_index(m->arena, index),
                .restore = ddl_text_create_index(m->arena, index),
                .exists = ddl_text_index_exists(m->arena, index),
            });
    if (index->is_replica_identity || index->is_clustered)
        add_object(m, index->table,
            &(struct ddl_object){
                .phase = DDL_PHASE_MARK,
                .kind = "mark",
                .name = index->name,
                .drop = "",
                .restore = ddl_text_mark(m->arena, index),
                .exists = ddl_text_mark_exists(m->arena, index),
            });
}

/* --- triggers --------------------------------------------------------------- */

static void take_trigger(
    struct maker *m, const struct target_table *table, const struct target_trigger *trigger)
{
    /* A disabled one does not fire, one for replicas only does not fire for us. */
    if (trigger->enabled != 'O' && trigger->enabled != 'A')
        return;
    add_object(m, table,
        &(struct ddl_object){
            .phase = DDL_PHASE_TRIGGER,
            .kind = trigger->is_rule ? "rule" : "trigger",
            .name = trigger->name,
            .drop = ddl_text_disable_trigger(m->arena, table, trigger),
            .restore = ddl_text_enable_trigger(m->arena, table, trigger),
            .exists = ddl_text_trigger_exists(m->arena, table, trigger),
        });
}

static void take_triggers(struct maker *m, const struct target_table *table)
{
    const char *reason = reason_of_table(table);

    for (size_t i = 0; i < table->trigger_count; i++) {
        if (reason != NULL)
            keep(m, table, table->triggers[i].name, reason);
        else
            take_trigger(m, table, &table->triggers[i]);
    }
}

/* Rows reach them through the partitioned table; a few that get none lose nothing. */
static void take_triggers_of_partitions(struct maker *m)
{
    for (size_t i = 0; i < m->catalog->table_count; i++)
        if (m->catalog->tables[i].is_partition)
            take_triggers(m, &m->catalog->tables[i]);
}

/* --- the plan --------------------------------------------------------------- */

static void make_for_table(struct maker *m, const struct ddl_request *request)
{
    const struct target_table *table = request->table;
    const char *reason = reason_of_indexes(table);

    for (size_t i = 0; request->indexes && i < table->index_count; i++) {
        if (reason != NULL)
            keep(m, table, table->indexes[i].name, reason);
        else
            take_index(m, &table->indexes[i]);
    }
    if (request->foreign_keys)
        take_foreign_keys(m, touches_table, table);
    if (request->triggers)
        take_triggers(m, table);
    if (request->triggers && table->kind == 'p' && !m->has_partitions) {
        m->has_partitions = true;
        take_triggers_of_partitions(m);
    }
}

/* Foreign keys go before the indexes they need; within a phase the order is kept. */
static void sort_for_dropping(struct maker *m, struct ddl_object *sorted)
{
    static const enum ddl_phase order[] = {
        DDL_PHASE_TRIGGER, DDL_PHASE_FOREIGN, DDL_PHASE_ATTACH, DDL_PHASE_BUILD, DDL_PHASE_MARK};
    size_t count = 0;

    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
        for (size_t j = 0; j < m->object_count; j++) {
            if (m->objects[j].phase == order[i])
                sorted[count++] = m->objects[j];
        }
    }
}

void ddl_plan_make(struct ddl_plan *plan, const struct target_catalog *catalog,
    const struct ddl_request *requests, size_t request_count)
{
    struct maker m = {.arena = &plan->arena, .catalog = catalog};
    struct ddl_object *objects;
    struct ddl_kept *kept;

    for (size_t i = 0; i < request_count; i++)
        make_for_table(&m, &requests[i]);
    objects = arena_alloc(&plan->arena, m.object_count, sizeof(*objects));
    sort_for_dropping(&m, objects);
    kept = arena_alloc(&plan->arena, m.kept_count, sizeof(*kept));
    if (m.kept_count > 0)
        memcpy(kept, m.kept, m.kept_count * sizeof(*kept));
    plan->objects = objects;
    plan->object_count = m.object_count;
    plan->kept = kept;
    plan->kept_count = m.kept_count;
    free(m.objects);
    free(m.kept);
    free(m.taken);
}

void ddl_plan_release(struct ddl_plan *plan)
{
    arena_release(&plan->arena);
    *plan = (struct ddl_plan){0};
}

/* --- doing it --------------------------------------------------------------- */

bool ddl_take_down(const struct ddl_plan *plan, struct connection *connection, struct error *err)
{
    for (size_t i = 0; i < plan->object_count; i++) {
        const struct ddl_object *object = &plan->objects[i];

        if (object->drop[0] != '\0' && !connection_exec(connection, object->drop, err))
            return error_wrap(err, "taking down the %s \"%s\" of the table \"%s\"", object->kind,
                object->name, object->table);
    }
    return true;
}

bool ddl_take_down_again(
    const struct ddl_object *object, struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (object->phase != DDL_PHASE_FOREIGN && object->phase != DDL_PHASE_TRIGGER)
        return true;
    if (!connection_query(connection, object->exists, NULL, &rows, err))
        return false;
    return !connection_rows_boolean(&rows, 0, 0) || connection_exec(connection, object->drop, err)
           || error_wrap(err, "%s \"%s\"", object->kind, object->name);
}

static bool restore_once(
    const struct ddl_object *object, struct connection *connection, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_transaction_begin(&transaction, connection, NULL, err)
        || !connection_query(connection, object->exists, NULL, &rows, err))
        return false;
    if (!connection_rows_boolean(&rows, 0, 0) && !connection_exec(connection, object->restore, err))
        return false;
    return connection_transaction_commit(&transaction, err);
}

bool ddl_restore(const struct ddl_object *object, struct connection *connection, struct error *err)
{
    for (int i = 1;; i++) {
        if (restore_once(object, connection, err))
            return true;
        if (strcmp(connection->sqlstate, "40P01") != 0 || i == RESTORE_TRY_COUNT)
            return error_wrap(err, "restoring the %s \"%s\" of the table \"%s\"", object->kind,
                object->name, object->table);
    }
}
