#include "replay/target/target_sequences.h"

#include "base/owned.h"
#include "postgres/quote.h"

static enum target_sequence_owner owner_kind(char dependency)
{
    return dependency == 'i'   ? TARGET_SEQUENCE_IDENTITY
           : dependency == 'a' ? TARGET_SEQUENCE_OWNED
                               : TARGET_SEQUENCE_PLAIN;
}

static void fill_sequence(const struct target_read *read, const struct connection_rows *rows,
    size_t row, struct target_sequence *sequence)
{
    sequence->oid = (uint32_t)connection_rows_integer(rows, row, 0);
    sequence->name = target_read_text(read, rows, row, 1);
    sequence->schema = read->catalog->server.schema;
    sequence->owner_kind = owner_kind(target_read_letter(rows, row, 2));
    sequence->table = target_read_table(read, (uint32_t)connection_rows_integer(rows, row, 3));
    if (sequence->table != NULL)
        sequence->column =
            target_read_column(sequence->table, (int)connection_rows_integer(rows, row, 4));
    sequence->may_update = connection_rows_boolean(rows, row, 5);
    sequence->is_readable = connection_rows_boolean(rows, row, 6);
    sequence->increment = connection_rows_integer(rows, row, 7);
    sequence->minimum = connection_rows_integer(rows, row, 8);
    sequence->maximum = connection_rows_integer(rows, row, 9);
    sequence->start = connection_rows_integer(rows, row, 10);
    sequence->cycles = connection_rows_boolean(rows, row, 11);
}

/*
 * Whose a sequence is: the column's that owns it, or else of the one column of integers that takes
 * its defaults from it and from nothing else.
 */
static const char owners_sql[] =
    "SELECT objid AS sequence, deptype, refobjid, refobjsubid FROM pg_depend"
    " WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass"
    " AND refobjsubid > 0 AND deptype IN ('a', 'i')"
    " UNION ALL SELECT d.refobjid, 'a'::\"char\", min(f.adrelid), min(f.adnum) FROM pg_depend AS d"
    " JOIN pg_attrdef AS f ON f.oid = d.objid"
    " JOIN pg_attribute AS a ON a.attrelid = f.adrelid AND a.attnum = f.adnum"
    " WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass"
    " AND NOT EXISTS (SELECT 1 FROM pg_depend AS o WHERE o.classid = 'pg_class'::regclass"
    " AND o.objid = d.refobjid AND o.refobjsubid > 0 AND o.deptype IN ('a', 'i'))"
    " GROUP BY d.refobjid HAVING count(*) = 1"
    " AND bool_and(a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)"
    " AND pg_get_expr(f.adbin, f.adrelid) ~ '^nextval[(]''[^()]*''::regclass[)]$')";

/* Before 10 the parameters are in the sequence itself; read_values() fetches them. */
static bool read_list(
    struct target_read *read, struct target_sequence **sequences, struct error *err)
{
    const char *sql = arena_format(read->arena,
        "SELECT c.oid, c.relname, d.deptype, d.refobjid, d.refobjsubid,"
        " has_sequence_privilege(c.oid, 'UPDATE'), has_sequence_privilege(c.oid, 'SELECT'), %s"
        " FROM pg_class AS c %s"
        " LEFT JOIN (%s) AS d ON d.sequence = c.oid"
        " WHERE c.relnamespace = $1 AND c.relkind = 'S' AND c.relpersistence <> 't'"
        " ORDER BY c.relname::text COLLATE \"C\"",
        target_read_since(read, 100000,
            "s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcycle", "1, 1, 1, 1, false"),
        target_read_since(read, 100000, "JOIN pg_sequence AS s ON s.seqrelid = c.oid", ""),
        owners_sql);
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!target_read_query(read, sql, &rows, err))
        return false;
    *sequences = arena_alloc(read->arena, rows.row_count, sizeof(**sequences));
    for (size_t i = 0; i < rows.row_count; i++)
        fill_sequence(read, &rows, i, &(*sequences)[i]);
    read->catalog->sequences = *sequences;
    read->catalog->sequence_count = rows.row_count;
    return true;
}

static bool read_values(
    struct target_read *read, struct target_sequence *sequences, struct error *err)
{
    const char *columns =
        target_read_since(read, 100000, "last_value, is_called, 0, 0, 0, 0, false",
            "last_value, is_called, increment_by, min_value, max_value, start_value, is_cycled");
    bool is_old = read->connection->version_num < 100000;
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};

    quote_plain(&sql, "SELECT 0, 0, false, 0, 0, 0, 0, false WHERE false");
    for (size_t i = 0; i < read->catalog->sequence_count; i++) {
        if (!sequences[i].is_readable)
            continue;
        quote_plain(&sql, arena_format(read->arena, " UNION ALL SELECT %zu, %s FROM ", i, columns));
        quote_qualified(&sql, sequences[i].schema, sequences[i].name);
    }
    if (!connection_query(read->connection, quote_text(&sql), NULL, &rows, err))
        return false;
    for (size_t row = 0; row < rows.row_count; row++) {
        struct target_sequence *sequence = &sequences[connection_rows_integer(&rows, row, 0)];

        sequence->last_value = connection_rows_integer(&rows, row, 1);
        sequence->is_called = connection_rows_boolean(&rows, row, 2);
        if (!is_old)
            continue;
        sequence->increment = connection_rows_integer(&rows, row, 3);
        sequence->minimum = connection_rows_integer(&rows, row, 4);
        sequence->maximum = connection_rows_integer(&rows, row, 5);
        sequence->start = connection_rows_integer(&rows, row, 6);
        sequence->cycles = connection_rows_boolean(&rows, row, 7);
    }
    return true;
}

bool target_sequences_read(struct target_read *read, struct error *err)
{
    struct target_sequence *sequences = NULL;

    return read_list(read, &sequences, err) && read_values(read, sequences, err);
}
