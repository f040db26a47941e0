#include "replay/target/target_keys.h"

#include "base/owned.h"

/* The columns of table that numbers name, in the arena. */
static const struct target_column *const *columns_of(const struct target_read *read,
    const struct target_table *table, const int *numbers, size_t count)
{
    const struct target_column **columns = arena_alloc(read->arena, count, sizeof(const void *));

    for (size_t i = 0; i < count; i++)
        columns[i] = target_read_column(table, numbers[i]);
    return columns;
}

/* --- constraints ------------------------------------------------------------ */

static void fill_reference(const struct target_read *read, const struct connection_rows *rows,
    size_t row, struct target_constraint *constraint)
{
    const char *numbers_text = connection_rows_text(rows, row, 14);
    size_t count;
    const int *numbers = target_read_numbers(read, numbers_text, &count);

    constraint->referenced_table =
        target_read_table(read, (uint32_t)connection_rows_integer(rows, row, 11));
    constraint->referenced_schema = target_read_text(read, rows, row, 12);
    constraint->referenced_name = target_read_text(read, rows, row, 13);
    if (constraint->referenced_table != NULL)
        constraint->referenced_columns =
            columns_of(read, constraint->referenced_table, numbers, count);
    constraint->referenced_index_oid = (uint32_t)connection_rows_integer(rows, row, 15);
    constraint->on_delete = target_read_letter(rows, row, 16);
    constraint->on_update = target_read_letter(rows, row, 17);
}

static void fill_constraint(const struct target_read *read, const struct connection_rows *rows,
    size_t row, const struct target_table *table, struct target_constraint *constraint)
{
    const int *numbers;
    size_t count;

    constraint->oid = (uint32_t)connection_rows_integer(rows, row, 1);
    constraint->name = target_read_text(read, rows, row, 2);
    constraint->type = target_read_letter(rows, row, 3);
    constraint->table = table;
    constraint->definition = target_read_text(read, rows, row, 4);
    constraint->comment = target_read_text(read, rows, row, 5);
    constraint->is_validated = connection_rows_boolean(rows, row, 6);
    constraint->is_deferrable = connection_rows_boolean(rows, row, 7);
    constraint->is_deferred = connection_rows_boolean(rows, row, 8);
    constraint->is_inherited = connection_rows_boolean(rows, row, 9);
    numbers = target_read_numbers(read, connection_rows_text(rows, row, 10), &count);
    constraint->columns = columns_of(read, table, numbers, count);
    constraint->column_count = count;
    constraint->is_enforced = connection_rows_boolean(rows, row, 18);
    constraint->has_period = connection_rows_boolean(rows, row, 19);
    if (constraint->type == 'f')
        fill_reference(read, rows, row, constraint);
}

static bool read_constraints(struct target_read *read, struct error *err)
{
    const char *sql = arena_format(read->arena,
        "SELECT k.conrelid, k.oid, k.conname, k.contype, pg_get_constraintdef(k.oid),"
        " obj_description(k.oid, 'pg_constraint'), k.convalidated, k.condeferrable,"
        " k.condeferred, k.coninhcount > 0 %s, k.conkey::text,"
        " k.confrelid, fn.nspname, f.relname, k.confkey::text, k.conindid, k.confdeltype,"
        " k.confupdtype, %s, %s"
        " FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid"
        " LEFT JOIN pg_class AS f ON f.oid = k.confrelid"
        " LEFT JOIN pg_namespace AS fn ON fn.oid = f.relnamespace"
        " WHERE c.relnamespace = $1 AND c.relkind IN ('r', 'p')"
        " ORDER BY k.conrelid, k.conname::text COLLATE \"C\"",
        target_read_since(read, 110000, "OR k.conparentid <> 0", ""),
        target_read_since(read, 180000, "k.conenforced", "true"),
        target_read_since(read, 180000, "k.conperiod", "false"));
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct target_constraint *constraints;

    if (!target_read_query(read, sql, &rows, err))
        return false;
    constraints = arena_alloc(read->arena, rows.row_count, sizeof(*constraints));
    for (size_t row = 0; row < rows.row_count;) {
        size_t count = target_read_run(&rows, row);
        struct target_table *table =
            target_read_table(read, (uint32_t)connection_rows_integer(&rows, row, 0));

        for (size_t i = row; table != NULL && i < row + count; i++)
            fill_constraint(read, &rows, i, table, &constraints[i]);
        if (table != NULL) {
            table->constraints = &constraints[row];
            table->constraint_count = count;
        }
        row += count;
    }
    return true;
}

/* --- indexes ---------------------------------------------------------------- */

static const struct target_constraint *constraint_of(const struct target_table *table, uint32_t oid)
{
    for (size_t i = 0; oid != 0 && i < table->constraint_count; i++) {
        if (table->constraints[i].oid == oid)
            return &table->constraints[i];
    }
    return NULL;
}

static void fill_marks(const struct connection_rows *rows, size_t row, struct target_index *index)
{
    index->is_unique = connection_rows_boolean(rows, row, 11);
    index->is_primary = connection_rows_boolean(rows, row, 12);
    index->is_exclusion = connection_rows_boolean(rows, row, 13);
    index->is_valid = connection_rows_boolean(rows, row, 14);
    index->is_immediate = connection_rows_boolean(rows, row, 15);
    index->is_partial = connection_rows_boolean(rows, row, 16);
    index->has_expressions = connection_rows_boolean(rows, row, 17);
    index->nulls_not_distinct = connection_rows_boolean(rows, row, 18);
    index->is_replica_identity = connection_rows_boolean(rows, row, 19);
    index->is_clustered = connection_rows_boolean(rows, row, 20);
    index->has_options = connection_rows_boolean(rows, row, 21);
    index->is_in_extension = connection_rows_boolean(rows, row, 22);
    index->dependent_count = (size_t)connection_rows_integer(rows, row, 23);
}

static void fill_index(const struct target_read *read, const struct connection_rows *rows,
    size_t row, const struct target_table *table, struct target_index *index)
{
    const int *numbers =
        target_read_numbers(read, connection_rows_text(rows, row, 8), &index->column_count);
    size_t target_count;

    index->oid = (uint32_t)connection_rows_integer(rows, row, 1);
    index->name = target_read_text(read, rows, row, 2);
    index->schema = table->schema;
    index->table = table;
    index->definition = target_read_text(read, rows, row, 3);
    index->access_method = target_read_text(read, rows, row, 4);
    index->tablespace = target_read_text(read, rows, row, 5);
    index->comment = target_read_text(read, rows, row, 6);
    index->constraint = constraint_of(table, (uint32_t)connection_rows_integer(rows, row, 7));
    index->key_count = (size_t)connection_rows_integer(rows, row, 9);
    index->keys = columns_of(read, table, numbers, index->key_count);
    index->statistics_targets =
        target_read_numbers(read, connection_rows_text(rows, row, 10), &target_count);
    fill_marks(rows, row, index);
}

static const char *index_query(const struct target_read *read)
{
    /* A foreign key depends on the index it refers to; whoever drops that takes it down first. */
    return arena_format(read->arena,
        "SELECT i.indrelid, i.indexrelid, x.relname, pg_get_indexdef(i.indexrelid), m.amname,"
        " s.spcname, obj_description(i.indexrelid, 'pg_class'), k.oid, i.indkey::text, %s,"
        " (SELECT string_agg(coalesce(a.attstattarget, -1)::text, ' ' ORDER BY a.attnum)"
        "  FROM pg_attribute AS a WHERE a.attrelid = i.indexrelid AND a.attnum > 0),"
        " i.indisunique, i.indisprimary, i.indisexclusion,"
        " i.indisvalid AND i.indisready AND i.indislive, i.indimmediate,"
        " i.indpred IS NOT NULL, i.indexprs IS NOT NULL, %s, i.indisreplident,"
        " i.indisclustered, x.reloptions IS NOT NULL,"
        " EXISTS (SELECT 1 FROM pg_depend AS e WHERE e.classid = 'pg_class'::regclass"
        "  AND e.objid = i.indexrelid AND e.deptype IN ('e', 'x')),"
        " (SELECT count(*) FROM pg_depend AS d WHERE d.deptype IN ('n', 'a')"
        "  AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indexrelid"
        "   OR d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid)"
        "  AND NOT (d.classid = 'pg_constraint'::regclass AND EXISTS (SELECT 1"
        "   FROM pg_constraint AS f WHERE f.oid = d.objid AND f.contype = 'f')))"
        " FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid"
        " JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_am AS m ON m.oid = x.relam"
        " LEFT JOIN pg_tablespace AS s ON s.oid = x.reltablespace"
        " LEFT JOIN pg_constraint AS k ON k.conindid = i.indexrelid"
        "  AND k.contype IN ('p', 'u', 'x') AND k.conrelid = i.indrelid"
        " WHERE c.relnamespace = $1 AND c.relkind IN ('r', 'p')"
        " ORDER BY i.indrelid, x.relname::text COLLATE \"C\"",
        target_read_since(read, 110000, "i.indnkeyatts", "i.indnatts"),
        target_read_since(read, 150000, "i.indnullsnotdistinct", "false"));
}

static bool read_indexes(struct target_read *read, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct target_index *indexes;

    if (!target_read_query(read, index_query(read), &rows, err))
        return false;
    indexes = arena_alloc(read->arena, rows.row_count, sizeof(*indexes));
    for (size_t row = 0; row < rows.row_count;) {
        size_t count = target_read_run(&rows, row);
        struct target_table *table =
            target_read_table(read, (uint32_t)connection_rows_integer(&rows, row, 0));

        for (size_t i = row; table != NULL && i < row + count; i++)
            fill_index(read, &rows, i, table, &indexes[i]);
        if (table != NULL) {
            table->indexes = &indexes[row];
            table->index_count = count;
        }
        row += count;
    }
    return true;
}

/* --- from outside ----------------------------------------------------------- */

static bool read_foreign_references(struct target_read *read, struct error *err)
{
    static const char sql[] =
        "SELECT n.nspname, c.relname, k.conname, k.confrelid"
        " FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid"
        " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " JOIN pg_class AS f ON f.oid = k.confrelid"
        " WHERE k.contype = 'f' AND f.relnamespace = $1 AND c.relnamespace <> $1"
        " ORDER BY n.nspname, c.relname, k.conname";
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct target_foreign_reference *references;

    if (!target_read_query(read, sql, &rows, err))
        return false;
    references = arena_alloc(read->arena, rows.row_count, sizeof(*references));
    for (size_t i = 0; i < rows.row_count; i++) {
        references[i].schema = target_read_text(read, &rows, i, 0);
        references[i].table = target_read_text(read, &rows, i, 1);
        references[i].constraint = target_read_text(read, &rows, i, 2);
        references[i].referenced_table =
            target_read_table(read, (uint32_t)connection_rows_integer(&rows, i, 3));
    }
    read->catalog->foreign_references = references;
    read->catalog->foreign_reference_count = rows.row_count;
    return true;
}

bool target_keys_read(struct target_read *read, struct error *err)
{
    return read_constraints(read, err) && read_indexes(read, err)
           && read_foreign_references(read, err);
}
