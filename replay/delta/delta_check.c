#include "replay/delta/delta_check.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/delta/delta_sql.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 3        /* rows of a table when stopping */
#define REPORTED_MAX 10000 /* rows of a table in a report */

/* One call of delta_check_run(). */
struct check {
    struct connection *connection;
    enum delta_check_policy policy;
    struct problems *problems;
};

/* --- saying it --------------------------------------------------------------------- */

static void put_limit(const struct check *c, struct byte_buffer *sql)
{
    char text[40];

    snprintf(text, sizeof(text), " LIMIT %d",
        (c->policy == DELTA_CHECK_STOP ? SHOWN_MAX : REPORTED_MAX) + 1);
    quote_plain(sql, text);
}

static void say(const struct check *c, const struct delta_table *table, const char *text)
{
    static const char advice[] =
        "the target was changed after the last replay: put the row back (one that was rejected with "
        "--retry-rejects), use --on-drift=overwrite to let the delta win, or replay a full dump "
        "into a new database";

    if (c->policy == DELTA_CHECK_OVERWRITE)
        problems_note(c->problems, NULL, "table \"%s\": %s: overwritten", table->table->name, text);
    else
        problems_add(c->problems, advice, "table \"%s\": %s", table->table->name, text);
}

/* Rows of (description, text after it). */
static bool look(const struct check *c, const struct delta_table *table, struct byte_buffer *sql,
    struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    size_t shown_max = c->policy == DELTA_CHECK_STOP ? SHOWN_MAX : REPORTED_MAX;

    put_limit(c, sql);
    if (!connection_query_texts(c->connection, quote_text(sql), &table->values, &rows, err))
        return false;
    for (size_t i = 0; i < rows.row_count && i < shown_max; i++) {
        char text[500];

        snprintf(text, sizeof(text), "row %s %s", connection_rows_text(&rows, i, 0),
            connection_rows_text(&rows, i, 1));
        say(c, table, text);
    }
    if (rows.row_count > shown_max)
        say(c, table, "and more rows");
    return true;
}

/* --- tables with a key ------------------------------------------------------------------ */

static bool check_removed(const struct check *c, const struct delta_table *table, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "SELECT ");
    delta_sql_describe(&sql, table, "r");
    quote_plain(&sql, ", CASE WHEN t.ctid IS NULL THEN 'is missing' ELSE "
                      "'is not as it was when it was replayed' END FROM ");
    quote_plain(&sql, table->removed);
    quote_plain(&sql, " AS r LEFT JOIN ");
    delta_sql_target(&sql, table->table->target);
    quote_plain(&sql, " AS t ON ");
    delta_sql_key_match(&sql, table, "t", "r");
    quote_plain(&sql, " WHERE t.ctid IS NULL OR ");
    delta_sql_differs(&sql, table, "t", "r");
    return look(c, table, &sql, err);
}

static bool check_added(const struct check *c, const struct delta_table *table, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "SELECT ");
    delta_sql_describe(&sql, table, "a");
    quote_plain(&sql, ", 'is to be added, but is there already' FROM ");
    quote_plain(&sql, table->added);
    quote_plain(&sql, " AS a JOIN ");
    delta_sql_target(&sql, table->table->target);
    quote_plain(&sql, " AS t ON ");
    delta_sql_key_match(&sql, table, "t", "a");
    quote_plain(&sql, " WHERE NOT EXISTS (SELECT 1 FROM ");
    quote_plain(&sql, table->removed);
    quote_plain(&sql, " AS r WHERE ");
    delta_sql_key_match(&sql, table, "r", "a");
    quote_plain(&sql, ")");
    return look(c, table, &sql, err);
}

/* --- tables without ------------------------------------------------------------------------ */

static bool analyze(const struct check *c, const char *name, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "ANALYZE ");
    quote_plain(&sql, name);
    return connection_exec(c->connection, quote_text(&sql), err);
}

/* The removed rows as a multiset: each once, how often, and where one of them is. */
static bool make_wanted(const struct check *c, const struct delta_table *table, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "CREATE TEMPORARY TABLE ");
    quote_plain(&sql, table->wanted + strlen("pg_temp."));
    quote_plain(&sql, " ON COMMIT DROP AS ");
    delta_sql_multiset(&sql, table, table->removed);
    return connection_exec_texts(c->connection, quote_text(&sql), &table->values, err)
           && analyze(c, table->wanted, err);
}

/* As many of the equal rows of the target as are removed. */
static bool make_found(const struct check *c, const struct delta_table *table, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "CREATE TEMPORARY TABLE ");
    quote_plain(&sql, table->found + strlen("pg_temp."));
    quote_plain(&sql, " ON COMMIT DROP AS SELECT place, table_oid, row_id FROM (SELECT w.place, "
                      "w.copies, t.tableoid AS table_oid, t.ctid AS row_id, row_number() OVER "
                      "(PARTITION BY w.place) AS copy FROM ");
    quote_plain(&sql, table->wanted);
    quote_plain(&sql, " AS w JOIN ");
    delta_sql_target(&sql, table->table->target);
    quote_plain(&sql, " AS t ON ");
    delta_sql_all_match(&sql, table);
    quote_plain(&sql, ") AS match WHERE copy <= copies");
    return connection_exec(c->connection, quote_text(&sql), err) && analyze(c, table->found, err);
}

static bool check_counted(const struct check *c, const struct delta_table *table, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    if (!make_wanted(c, table, err) || !make_found(c, table, err))
        return false;
    quote_plain(&sql, "SELECT ");
    delta_sql_describe(&sql, table, "r");
    quote_plain(&sql, ", 'was there ' || m.copies || ' times, of which are left ' || m.left_count"
                      " FROM (SELECT w.copies, w.sample, count(f.place) AS left_count FROM ");
    quote_plain(&sql, table->wanted);
    quote_plain(&sql, " AS w LEFT JOIN ");
    quote_plain(&sql, table->found);
    quote_plain(&sql, " AS f USING (place) GROUP BY w.place, w.copies, w.sample"
                      " HAVING count(f.place) < w.copies) AS m JOIN ");
    quote_plain(&sql, table->removed);
    quote_plain(&sql, " AS r ON r.ctid = m.sample");
    return look(c, table, &sql, err);
}

static bool check_table(const struct check *c, const struct delta_table *table, struct error *err)
{
    switch (table->mode) {
    case DELTA_UPDATE:
    case DELTA_REPLACE:
        return (table->removed_count == 0 || check_removed(c, table, err))
               && (table->added_count == 0 || check_added(c, table, err));
    case DELTA_COUNTED:
        return table->removed_count == 0 || check_counted(c, table, err);
    case DELTA_WHOLE:
        break;
    }
    return true;
}

bool delta_check_run(const struct delta_plan *plan, struct connection *connection,
    enum delta_check_policy policy, struct problems *problems, struct error *err)
{
    struct check c = {.connection = connection, .policy = policy, .problems = problems};

    for (size_t i = 0; i < plan->table_count; i++)
        if (!check_table(&c, &plan->tables[i], err))
            return error_wrap(err, "table \"%s\"", plan->tables[i].table->name);
    return true;
}
