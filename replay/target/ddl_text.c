#include "replay/target/ddl_text.h"

#include "base/byte_buffer.h"
#include "postgres/quote.h"

/* Moves the text to the arena. */
static const char *keep(struct arena *arena, struct byte_buffer *sql)
{
    const char *text = arena_copy(arena, sql->data, sql->size);

    byte_buffer_release(sql);
    return text;
}

static void put_alter_table(struct byte_buffer *sql, const struct target_table *table)
{
    quote_plain(sql, "ALTER TABLE ");
    quote_plain(sql, target_catalog_only(table));
    quote_qualified(sql, table->schema, table->name);
    quote_plain(sql, " ");
}

static void put_tablespace(struct byte_buffer *sql, const struct target_index *index)
{
    quote_plain(sql, "SET LOCAL default_tablespace = ");
    quote_literal(sql, index->tablespace == NULL ? "" : index->tablespace);
    quote_plain(sql, "; ");
}

static void put_index_comment(struct byte_buffer *sql, const struct target_index *index)
{
    if (index->comment == NULL)
        return;
    quote_plain(sql, "; COMMENT ON INDEX ");
    quote_qualified(sql, index->schema, index->name);
    quote_plain(sql, " IS ");
    quote_literal(sql, index->comment);
}

static void put_constraint_comment(
    struct byte_buffer *sql, const struct target_constraint *constraint)
{
    if (constraint->comment == NULL)
        return;
    quote_plain(sql, "; COMMENT ON CONSTRAINT ");
    quote_name(sql, constraint->name);
    quote_plain(sql, " ON ");
    quote_qualified(sql, constraint->table->schema, constraint->table->name);
    quote_plain(sql, " IS ");
    quote_literal(sql, constraint->comment);
}

static void put_statistics(
    struct arena *arena, struct byte_buffer *sql, const struct target_index *index)
{
    for (size_t i = 0; i < index->column_count; i++) {
        if (index->statistics_targets[i] < 0)
            continue;
        quote_plain(sql, "; ALTER INDEX ");
        quote_qualified(sql, index->schema, index->name);
        quote_plain(sql, arena_format(arena, " ALTER COLUMN %zu SET STATISTICS %d", i + 1,
                             index->statistics_targets[i]));
    }
}

/* "FROM pg_class c JOIN pg_namespace n ... WHERE" the relation has that name. */
static void put_relation(struct byte_buffer *sql, const char *schema, const char *name)
{
    quote_plain(sql, " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
                     " WHERE n.nspname = ");
    quote_literal(sql, schema);
    quote_plain(sql, " AND c.relname = ");
    quote_literal(sql, name);
}

/* --- indexes ---------------------------------------------------------------- */

const char *ddl_text_drop_index(struct arena *arena, const struct target_index *index)
{
    struct byte_buffer sql = {0};

    quote_plain(&sql, "DROP INDEX ");
    quote_qualified(&sql, index->schema, index->name);
    return keep(arena, &sql);
}

const char *ddl_text_create_index(struct arena *arena, const struct target_index *index)
{
    struct byte_buffer sql = {0};

    put_tablespace(&sql, index);
    quote_plain(&sql, index->definition);
    put_statistics(arena, &sql, index);
    /* A constraint that adopts the index keeps this comment. */
    put_index_comment(&sql, index);
    return keep(arena, &sql);
}

const char *ddl_text_index_exists(struct arena *arena, const struct target_index *index)
{
    struct byte_buffer sql = {0};

    quote_plain(&sql, "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_index AS i"
                      " JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid");
    put_relation(&sql, index->schema, index->name);
    quote_plain(&sql, " AND i.indisvalid)");
    return keep(arena, &sql);
}

/* --- constraints ------------------------------------------------------------ */

const char *ddl_text_drop_constraint(
    struct arena *arena, const struct target_constraint *constraint)
{
    struct byte_buffer sql = {0};

    put_alter_table(&sql, constraint->table);
    quote_plain(&sql, "DROP CONSTRAINT ");
    quote_name(&sql, constraint->name);
    return keep(arena, &sql);
}

static void put_add(struct byte_buffer *sql, const struct target_constraint *constraint)
{
    put_alter_table(sql, constraint->table);
    quote_plain(sql, "ADD CONSTRAINT ");
    quote_name(sql, constraint->name);
    quote_plain(sql, " ");
}

const char *ddl_text_add_constraint(struct arena *arena, const struct target_constraint *constraint,
    const struct target_index *index)
{
    struct byte_buffer sql = {0};

    if (index != NULL)
        put_tablespace(&sql, index);
    put_add(&sql, constraint);
    quote_plain(&sql, constraint->definition);
    put_constraint_comment(&sql, constraint);
    if (index != NULL)
        put_index_comment(&sql, index);
    return keep(arena, &sql);
}

const char *ddl_text_attach_constraint(struct arena *arena,
    const struct target_constraint *constraint, const struct target_index *index)
{
    struct byte_buffer sql = {0};

    put_add(&sql, constraint);
    quote_plain(&sql, constraint->type == 'p' ? "PRIMARY KEY USING INDEX " : "UNIQUE USING INDEX ");
    quote_name(&sql, index->name);
    quote_plain(&sql, constraint->is_deferrable ? " DEFERRABLE" : "");
    quote_plain(&sql, constraint->is_deferred ? " INITIALLY DEFERRED" : "");
    put_constraint_comment(&sql, constraint);
    return keep(arena, &sql);
}

const char *ddl_text_constraint_exists(
    struct arena *arena, const struct target_constraint *constraint)
{
    struct byte_buffer sql = {0};

    quote_plain(&sql, "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint AS k"
                      " JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid");
    put_relation(&sql, constraint->table->schema, constraint->table->name);
    quote_plain(&sql, " AND k.conname = ");
    quote_literal(&sql, constraint->name);
    quote_plain(&sql, ")");
    return keep(arena, &sql);
}

/* --- marks ------------------------------------------------------------------ */

const char *ddl_text_mark(struct arena *arena, const struct target_index *index)
{
    struct byte_buffer sql = {0};

    if (index->is_replica_identity) {
        put_alter_table(&sql, index->table);
        quote_plain(&sql, "REPLICA IDENTITY USING INDEX ");
        quote_name(&sql, index->name);
        quote_plain(&sql, index->is_clustered ? "; " : "");
    }
    if (index->is_clustered) {
        put_alter_table(&sql, index->table);
        quote_plain(&sql, "CLUSTER ON ");
        quote_name(&sql, index->name);
    }
    return keep(arena, &sql);
}

const char *ddl_text_mark_exists(struct arena *arena, const struct target_index *index)
{
    struct byte_buffer sql = {0};

    quote_plain(&sql, "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_index AS i"
                      " JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid");
    put_relation(&sql, index->schema, index->name);
    quote_plain(&sql, index->is_replica_identity ? " AND i.indisreplident" : "");
    quote_plain(&sql, index->is_clustered ? " AND i.indisclustered" : "");
    quote_plain(&sql, ")");
    return keep(arena, &sql);
}

/* --- triggers --------------------------------------------------------------- */

const char *ddl_text_disable_trigger(
    struct arena *arena, const struct target_table *table, const struct target_trigger *trigger)
{
    struct byte_buffer sql = {0};

    put_alter_table(&sql, table);
    quote_plain(&sql, trigger->is_rule ? "DISABLE RULE " : "DISABLE TRIGGER ");
    quote_name(&sql, trigger->name);
    return keep(arena, &sql);
}

const char *ddl_text_enable_trigger(
    struct arena *arena, const struct target_table *table, const struct target_trigger *trigger)
{
    struct byte_buffer sql = {0};

    put_alter_table(&sql, table);
    quote_plain(&sql, trigger->enabled == 'A' ? "ENABLE ALWAYS " : "ENABLE ");
    quote_plain(&sql, trigger->is_rule ? "RULE " : "TRIGGER ");
    quote_name(&sql, trigger->name);
    quote_plain(&sql, trigger->clones == NULL ? "" : trigger->clones);
    return keep(arena, &sql);
}

const char *ddl_text_trigger_exists(
    struct arena *arena, const struct target_table *table, const struct target_trigger *trigger)
{
    struct byte_buffer sql = {0};
    const char state[] = {trigger->enabled, '\0'};

    quote_plain(&sql, trigger->is_rule ? "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite AS t"
                                         " JOIN pg_catalog.pg_class AS c ON c.oid = t.ev_class"
                                       : "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_trigger AS t"
                                         " JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid");
    put_relation(&sql, table->schema, table->name);
    quote_plain(&sql, trigger->is_rule ? " AND t.rulename = " : " AND t.tgname = ");
    quote_literal(&sql, trigger->name);
    quote_plain(&sql, trigger->is_rule ? " AND t.ev_enabled = " : " AND t.tgenabled = ");
    quote_literal(&sql, state);
    quote_plain(&sql, ")");
    return keep(arena, &sql);
}
