#include "replay/target/target_tables.h"

#include "base/owned.h"
#include "postgres/quote.h"

#include <stdlib.h>
#include <string.h>

#define PROBE_COUNT_MAX 500 /* tables looked into by one query */

static int compare_places(const void *left, const void *right)
{
    uint32_t a = ((const struct target_read_place *)left)->oid;
    uint32_t b = ((const struct target_read_place *)right)->oid;

    return a < b ? -1 : a > b ? 1 : 0;
}

/* --- tables ----------------------------------------------------------------- */

static void fill_table(struct target_read *read, const struct connection_rows *rows, size_t row)
{
    struct target_table *table = &read->tables[row];

    table->oid = (uint32_t)connection_rows_integer(rows, row, 0);
    table->name = target_read_text(read, rows, row, 1);
    table->schema = read->catalog->server.schema;
    table->kind = target_read_letter(rows, row, 2);
    table->persistence = target_read_letter(rows, row, 3);
    table->is_partition = connection_rows_boolean(rows, row, 4);
    table->has_children = connection_rows_boolean(rows, row, 5);
    table->is_foreign_partitioned = connection_rows_boolean(rows, row, 6);
    table->owner = target_read_text(read, rows, row, 7);
    table->is_ours = connection_rows_boolean(rows, row, 8);
    table->may_select = connection_rows_boolean(rows, row, 9);
    table->may_insert = connection_rows_boolean(rows, row, 10);
    table->has_row_security = connection_rows_boolean(rows, row, 11);
    table->is_in_extension = connection_rows_boolean(rows, row, 12);
    table->row_estimate = connection_rows_integer(rows, row, 13);
    table->size = connection_rows_integer(rows, row, 14);
    table->replica_identity = target_read_letter(rows, row, 15);
    table->publishes_truncate = connection_rows_boolean(rows, row, 16);
    table->has_rows = true;
    read->by_oid[row] = (struct target_read_place){.oid = table->oid, .index = row};
}

/* Whoever hears of rows that are removed hears of TRUNCATE, too. */
static const char published_sql[] =
    "(c.relnamespace, c.relname) IN (SELECT n.oid, t.tablename"
    " FROM pg_publication_tables AS t JOIN pg_publication AS p ON p.pubname = t.pubname"
    " JOIN pg_namespace AS n ON n.nspname = t.schemaname WHERE p.pubdelete"
    " GROUP BY n.oid, t.tablename HAVING bool_and(p.pubtruncate))";

static bool read_tables(struct target_read *read, struct error *err)
{
    const char *sql = arena_format(read->arena,
        "SELECT c.oid, c.relname, c.relkind, c.relpersistence, %s,"
        " EXISTS (SELECT 1 FROM pg_inherits AS h WHERE h.inhparent = c.oid),"
        " EXISTS (SELECT 1 FROM pg_inherits AS h JOIN pg_class AS f ON f.oid = h.inhrelid"
        "  WHERE h.inhparent = c.oid AND f.relkind = 'f'),"
        " pg_get_userbyid(c.relowner), pg_has_role(c.relowner, 'USAGE'),"
        " has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'),"
        " row_security_active(c.oid),"
        " EXISTS (SELECT 1 FROM pg_depend AS p WHERE p.classid = 'pg_class'::regclass"
        "  AND p.objid = c.oid AND p.deptype = 'e'),"
        " c.reltuples::bigint, pg_relation_size(c.oid), c.relreplident, %s"
        " FROM pg_class AS c"
        " WHERE c.relnamespace = $1 AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'"
        " ORDER BY c.relname::text COLLATE \"C\"",
        target_read_since(read, 100000, "c.relispartition", "false"),
        target_read_since(read, 110000, published_sql, "false"));
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!target_read_query(read, sql, &rows, err))
        return false;
    read->tables = arena_alloc(read->arena, rows.row_count, sizeof(*read->tables));
    read->by_oid = arena_alloc(read->arena, rows.row_count, sizeof(*read->by_oid));
    for (size_t i = 0; i < rows.row_count; i++)
        fill_table(read, &rows, i);
    qsort(read->by_oid, rows.row_count, sizeof(*read->by_oid), compare_places);
    read->catalog->tables = read->tables;
    read->catalog->table_count = rows.row_count;
    return true;
}

static bool can_look_into(const struct target_table *table)
{
    return table->may_select && !table->has_row_security && !table->is_foreign_partitioned;
}

/* One query answers for many tables; it names them by their index. */
static bool probe_tables(struct target_read *read, size_t first, size_t last, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};

    quote_plain(&sql, "SELECT 0, true WHERE false");
    for (size_t i = first; i < last; i++) {
        const struct target_table *table = &read->tables[i];

        if (!can_look_into(table))
            continue;
        quote_plain(
            &sql, arena_format(read->arena, " UNION ALL SELECT %zu, EXISTS (SELECT 1 FROM ", i));
        quote_plain(&sql, target_catalog_only(table));
        quote_qualified(&sql, table->schema, table->name);
        quote_plain(&sql, ")");
    }
    if (!connection_query(read->connection, quote_text(&sql), NULL, &rows, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++)
        read->tables[connection_rows_integer(&rows, i, 0)].has_rows =
            connection_rows_boolean(&rows, i, 1);
    return true;
}

static bool read_emptiness(struct target_read *read, struct error *err)
{
    size_t count = read->catalog->table_count;

    for (size_t first = 0; first < count; first += PROBE_COUNT_MAX) {
        size_t last = first + PROBE_COUNT_MAX < count ? first + PROBE_COUNT_MAX : count;

        if (!probe_tables(read, first, last, err))
            return false;
    }
    return true;
}

/* --- columns ---------------------------------------------------------------- */

static void fill_column(const struct target_read *read, const struct connection_rows *rows,
    size_t row, struct target_column *column)
{
    column->number = (int)connection_rows_integer(rows, row, 1);
    column->name = target_read_text(read, rows, row, 2);
    column->type_oid = (uint32_t)connection_rows_integer(rows, row, 3);
    column->type_text = target_read_text(read, rows, row, 4);
    column->base_type_oid = (uint32_t)connection_rows_integer(rows, row, 5);
    column->base_type_name = target_read_text(read, rows, row, 6);
    column->base_type_namespace = target_read_text(read, rows, row, 7);
    column->base_type_kind = target_read_letter(rows, row, 8);
    column->element_type_oid = (uint32_t)connection_rows_integer(rows, row, 9);
    column->type_modifier = (int32_t)connection_rows_integer(rows, row, 10);
    column->is_domain = column->type_oid != column->base_type_oid;
    column->is_not_null = connection_rows_boolean(rows, row, 11);
    column->identity = target_read_letter(rows, row, 12);
    column->generated = target_read_letter(rows, row, 13);
    column->default_text = target_read_text(read, rows, row, 14);
    column->has_default = column->default_text != NULL && column->generated == 0;
    column->collation = target_read_text(read, rows, row, 15);
    column->collation_schema = target_read_text(read, rows, row, 16);
    column->has_loose_collation = connection_rows_boolean(rows, row, 17);
}

static bool read_columns(struct target_read *read, struct error *err)
{
    /* A domain may be over another domain; its type modifier is at the innermost that has one. */
    const char *sql = arena_format(read->arena,
        "WITH RECURSIVE chain AS ("
        " SELECT t.oid AS domain, t.typbasetype AS base, t.typtypmod AS modifier,"
        "  t.typnotnull AS not_null, 1 AS level FROM pg_type AS t WHERE t.typtype = 'd'"
        " UNION ALL SELECT c.domain, t.typbasetype,"
        "  CASE WHEN c.modifier = -1 THEN t.typtypmod ELSE c.modifier END,"
        "  c.not_null OR t.typnotnull, c.level + 1"
        "  FROM chain AS c JOIN pg_type AS t ON t.oid = c.base AND t.typtype = 'd'),"
        " domains AS (SELECT DISTINCT ON (domain) * FROM chain ORDER BY domain, level DESC)"
        "SELECT a.attrelid, a.attnum, a.attname, a.atttypid,"
        " format_type(a.atttypid, a.atttypmod), b.oid, b.typname, bn.nspname, b.typtype,"
        " CASE WHEN b.typlen = -1 THEN b.typelem ELSE 0 END,"
        " coalesce(d.modifier, a.atttypmod), a.attnotnull OR coalesce(d.not_null, false),"
        " %s, %s, pg_get_expr(f.adbin, f.adrelid), co.collname,"
        " con.nspname, %s"
        " FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid"
        " LEFT JOIN domains AS d ON d.domain = a.atttypid"
        " JOIN pg_type AS b ON b.oid = coalesce(d.base, a.atttypid)"
        " JOIN pg_namespace AS bn ON bn.oid = b.typnamespace"
        " LEFT JOIN pg_attrdef AS f ON f.adrelid = a.attrelid AND f.adnum = a.attnum"
        " LEFT JOIN pg_collation AS co ON co.oid = a.attcollation"
        " LEFT JOIN pg_namespace AS con ON con.oid = co.collnamespace"
        " WHERE c.relnamespace = $1 AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'"
        " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum",
        target_read_since(read, 100000, "a.attidentity", "''"),
        target_read_since(read, 120000, "a.attgenerated", "''"),
        target_read_since(read, 120000, "coalesce(NOT co.collisdeterministic, false)", "false"));
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct target_column *columns;

    if (!target_read_query(read, sql, &rows, err))
        return false;
    columns = arena_alloc(read->arena, rows.row_count, sizeof(*columns));
    for (size_t row = 0; row < rows.row_count;) {
        size_t count = target_read_run(&rows, row);
        struct target_table *table =
            target_read_table(read, (uint32_t)connection_rows_integer(&rows, row, 0));

        for (size_t i = row; i < row + count; i++)
            fill_column(read, &rows, i, &columns[i]);
        if (table != NULL) {
            table->columns = &columns[row];
            table->column_count = count;
        }
        row += count;
    }
    return true;
}

/* Hands the labels of an enum to every column of that type. */
static void set_labels(
    struct target_read *read, uint32_t type_oid, const char *const *labels, size_t count)
{
    for (size_t i = 0; i < read->catalog->table_count; i++) {
        const struct target_table *table = &read->tables[i];

        for (size_t j = 0; j < table->column_count; j++) {
            /* The readers own the columns until the catalog is handed out. */
            struct target_column *column = (struct target_column *)(uintptr_t)&table->columns[j];

            if (column->base_type_oid != type_oid)
                continue;
            column->enum_labels = labels;
            column->enum_label_count = count;
        }
    }
}

static bool read_enums(struct target_read *read, struct error *err)
{
    static const char sql[] = "SELECT e.enumtypid, e.enumlabel FROM pg_enum AS e"
                              " ORDER BY e.enumtypid, e.enumsortorder";
    OWNED(connection_rows) struct connection_rows rows = {0};
    const char **labels;

    if (!target_read_query(read, sql, &rows, err))
        return false;
    labels = arena_alloc(read->arena, rows.row_count, sizeof(*labels));
    for (size_t row = 0; row < rows.row_count;) {
        size_t count = target_read_run(&rows, row);

        for (size_t i = row; i < row + count; i++)
            labels[i] = target_read_text(read, &rows, i, 1);
        set_labels(read, (uint32_t)connection_rows_integer(&rows, row, 0), &labels[row], count);
        row += count;
    }
    return true;
}

/* --- triggers --------------------------------------------------------------- */

/*
 * Triggers of rows of a partitioned table have clones in its partitions, which are enabled and
 * disabled with it, but also alone. A clone is a trigger of its own where the partitioned table's
 * does not fire.
 */
static const char trigger_sql[] =
    "SELECT t.tgrelid, false, t.tgname::text, pg_get_triggerdef(t.oid), t.tgenabled, NULL::text"
    " FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid"
    " WHERE c.relnamespace = $1 AND NOT t.tgisinternal";
static const char cloned_trigger_sql[] =
    "WITH RECURSIVE family AS ("
    " SELECT oid, oid AS first, tgenabled FROM pg_trigger WHERE tgparentid = 0 AND NOT tgisinternal"
    " UNION ALL SELECT t.oid, f.first, f.tgenabled FROM pg_trigger AS t"
    "  JOIN family AS f ON t.tgparentid = f.oid)"
    "SELECT t.tgrelid, false, t.tgname::text, pg_get_triggerdef(t.oid), t.tgenabled,"
    " (SELECT string_agg(format('; ALTER TABLE ONLY %I.%I %s TRIGGER %I', n.nspname, p.relname,"
    "    CASE k.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS'"
    "     WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE' END, k.tgname), '' ORDER BY k.oid)"
    "  FROM family AS o JOIN pg_trigger AS k ON k.oid = o.oid"
    "  JOIN pg_class AS p ON p.oid = k.tgrelid JOIN pg_namespace AS n ON n.oid = p.relnamespace"
    "  WHERE o.first = t.oid AND k.tgenabled <> t.tgenabled)"
    " FROM pg_trigger AS t JOIN family AS f ON f.oid = t.oid JOIN pg_class AS c ON c.oid = t.tgrelid"
    " WHERE c.relnamespace = $1 AND (t.tgparentid = 0"
    "  OR (c.relkind = 'r' AND f.tgenabled NOT IN ('O', 'A')))";
static const char rule_sql[] =
    " UNION ALL SELECT r.ev_class, true, r.rulename::text, pg_get_ruledef(r.oid), r.ev_enabled, NULL"
    " FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class"
    " WHERE c.relnamespace = $1 AND c.relkind IN ('r', 'p') AND r.ev_type <> '1'"
    ") AS a (relation, is_rule, name, definition, enabled, clones)"
    " ORDER BY relation, is_rule, name COLLATE \"C\"";

static bool read_triggers(struct target_read *read, struct error *err)
{
    const char *sql = arena_format(read->arena, "SELECT * FROM (%s%s",
        target_read_since(read, 130000, cloned_trigger_sql, trigger_sql), rule_sql);
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct target_trigger *triggers;

    if (!target_read_query(read, sql, &rows, err))
        return false;
    triggers = arena_alloc(read->arena, rows.row_count, sizeof(*triggers));
    for (size_t row = 0; row < rows.row_count;) {
        size_t count = target_read_run(&rows, row);
        struct target_table *table =
            target_read_table(read, (uint32_t)connection_rows_integer(&rows, row, 0));

        for (size_t i = row; i < row + count; i++) {
            triggers[i].is_rule = connection_rows_boolean(&rows, i, 1);
            triggers[i].name = target_read_text(read, &rows, i, 2);
            triggers[i].definition = target_read_text(read, &rows, i, 3);
            triggers[i].enabled = target_read_letter(&rows, i, 4);
            triggers[i].clones = target_read_text(read, &rows, i, 5);
        }
        if (table != NULL) {
            table->triggers = &triggers[row];
            table->trigger_count = count;
        }
        row += count;
    }
    return true;
}

bool target_tables_read(struct target_read *read, struct error *err)
{
    return read_tables(read, err) && read_emptiness(read, err) && read_columns(read, err)
           && read_enums(read, err) && read_triggers(read, err);
}
