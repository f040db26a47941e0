#include "replay/delta/delta_derive.h"

#include "base/owned.h"
#include "postgres/connection_path.h"
#include "postgres/quote.h"
#include "replay/delta/delta_sql.h"
#include "replay/load/derive.h"

/* Appends "EXISTS (SELECT 1 FROM staged AS s WHERE s.k = t.k AND ...)". */
static void put_exists(
    struct byte_buffer *sql, const struct delta_derived *derived, const char *staged)
{
    const struct profile_texts *identity = &derived->table->rule->identity;

    quote_plain(sql, "EXISTS (SELECT 1 FROM ");
    quote_plain(sql, staged);
    quote_plain(sql, " AS s WHERE ");
    for (size_t i = 0; i < identity->count; i++) {
        quote_plain(sql, i == 0 ? "s." : " AND s.");
        quote_name(sql, identity->items[i]);
        quote_plain(sql, " = t.");
        quote_name(sql, identity->items[i]);
    }
    quote_plain(sql, ")");
}

static bool remove_by(const struct delta_derived *derived, const char *staged,
    struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "DELETE FROM ");
    delta_sql_target(&sql, derived->table->target);
    quote_plain(&sql, " AS t");
    if (!derived->is_whole) {
        quote_plain(&sql, " WHERE ");
        put_exists(&sql, derived, staged);
    }
    return connection_exec(connection, quote_text(&sql), err);
}

bool delta_derive_remove(
    const struct delta_derived *derived, struct connection *connection, struct error *err)
{
    return remove_by(derived, derived->removed, connection, err)
           && (derived->is_whole || remove_by(derived, derived->added, connection, err));
}

bool delta_derive_add(const struct delta_derived *derived, struct connection *connection,
    struct problems *problems, struct error *err)
{
    const struct profile_table *rule = derived->table->rule;
    OWNED(byte_buffer) struct byte_buffer insert = {0};
    uint64_t row_count;

    derive_put_statement(&insert, rule->insert, derived->added);
    if (!connection_path_exec_count(connection, quote_text(&insert), &row_count, err))
        return false;
    for (size_t i = 0; i < rule->loss_count; i++) {
        OWNED(byte_buffer) struct byte_buffer sql = {0};
        OWNED(connection_rows) struct connection_rows rows = {0};

        derive_put_statement(&sql, rule->losses[i].sql, derived->added);
        if (!connection_path_query(connection, quote_text(&sql), NULL, &rows, err))
            return error_wrap(err, "profile, \"%s\"", rule->losses[i].name);
        if (rows.row_count > 0 && connection_rows_integer(&rows, 0, 0) != 0)
            problems_note(problems, NULL, "table \"%s\": left out %s %s", derived->table->name,
                connection_rows_text(&rows, 0, 0), rule->losses[i].name);
    }
    return true;
}
