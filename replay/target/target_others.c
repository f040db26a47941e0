#include "replay/target/target_others.h"

#include "base/owned.h"

bool target_others_read(struct target_read *read, struct error *err)
{
    static const char sql[] =
        "SELECT c.relname, n.nspname, c.relkind, n.oid = $1"
        " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE (n.oid = $1 AND c.relkind IN ('v', 'm', 'f', 'S', 'i', 'I', 'c'))"
        "  OR (n.oid <> $1 AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'"
        "   AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'valise'))"
        " ORDER BY n.oid <> $1, n.nspname::text COLLATE \"C\", c.relname::text COLLATE \"C\"";
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct target_other *others;

    if (!target_read_query(read, sql, &rows, err))
        return false;
    others = arena_alloc(read->arena, rows.row_count, sizeof(*others));
    for (size_t i = 0; i < rows.row_count; i++) {
        others[i].name = target_read_text(read, &rows, i, 0);
        others[i].schema = target_read_text(read, &rows, i, 1);
        others[i].kind = target_read_letter(&rows, i, 2);
        others[i].is_here = connection_rows_boolean(&rows, i, 3);
    }
    read->catalog->others = others;
    read->catalog->other_count = rows.row_count;
    return true;
}

const char *target_others_kind(const struct target_other *other)
{
    switch (other->kind) {
    case 'v':
        return "a view";
    case 'm':
        return "a materialized view";
    case 'f':
        return "a foreign table";
    case 'S':
        return "a sequence";
    case 'c':
        return "a composite type";
    case 'i':
    case 'I':
        return "an index";
    default:
        return "a table";
    }
}
