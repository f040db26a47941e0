#include "replay/preflight/preflight_ddl.h"

#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"

#include <string.h>

/* What is tried: whatever a replay does to tables, on one of its own in that schema. */
static const char *const trial[] = {
    "CREATE TABLE %s.valise_ddl_trial (a integer NOT NULL, b integer)",
    "CREATE TRIGGER valise_ddl_trial BEFORE UPDATE ON %s.valise_ddl_trial"
    " FOR EACH ROW EXECUTE PROCEDURE suppress_redundant_updates_trigger()",
    "ALTER TABLE %s.valise_ddl_trial DISABLE TRIGGER USER",
    "DROP TRIGGER valise_ddl_trial ON %s.valise_ddl_trial",
    "CREATE INDEX valise_ddl_trial_b ON %s.valise_ddl_trial (b)",
    "COMMENT ON INDEX %s.valise_ddl_trial_b IS 'b'",
    "ALTER INDEX %s.valise_ddl_trial_b SET (fillfactor = 90)",
    "ALTER TABLE %s.valise_ddl_trial ADD CONSTRAINT valise_ddl_trial_a UNIQUE (a)",
    "COMMENT ON CONSTRAINT valise_ddl_trial_a ON %s.valise_ddl_trial IS 'a'",
    "ALTER TABLE %s.valise_ddl_trial ADD CONSTRAINT valise_ddl_trial_c FOREIGN KEY (b) REFERENCES %s.valise_ddl_trial (a)",
    "ALTER TABLE %s.valise_ddl_trial DROP CONSTRAINT valise_ddl_trial_c, DROP CONSTRAINT valise_ddl_trial_a",
    "DROP INDEX %s.valise_ddl_trial_b",
    "CREATE TABLE %s.valise_ddl_trial_d AS SELECT * FROM %s.valise_ddl_trial",
    "TRUNCATE %s.valise_ddl_trial",
    "DROP TABLE %s.valise_ddl_trial_d, %s.valise_ddl_trial",
};

/* The schema's name for each "%s". */
static void put_statement(struct byte_buffer *sql, const char *statement, const char *name)
{
    const char *at;

    for (; (at = strstr(statement, "%s")) != NULL; statement = at + 2) {
        byte_buffer_put(sql, statement, (size_t)(at - statement));
        quote_plain(sql, name);
    }
    quote_plain(sql, statement);
}

static bool try_in(const struct preflight *p, const char *schema, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer name = {0};

    quote_name(&name, schema);
    for (size_t i = 0; i < sizeof(trial) / sizeof(trial[0]); i++) {
        OWNED(byte_buffer) struct byte_buffer sql = {0};

        put_statement(&sql, trial[i], quote_text(&name));
        if (!connection_exec(p->connection, quote_text(&sql), err))
            return false;
    }
    return true;
}

/* Event triggers may also ask where a table is. */
static bool try_it(const struct preflight *p, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    const struct target_server *server = &p->input->catalog->server;

    return connection_transaction_begin(&transaction, p->connection, NULL, err)
           && (server->valise_exists || connection_exec(p->connection, "CREATE SCHEMA valise", err))
           && try_in(p, "valise", err)
           && (!server->may_create_in_schema || try_in(p, server->schema, err));
}

bool preflight_ddl(const struct preflight *p, struct error *err)
{
    const struct target_server *server = &p->input->catalog->server;
    struct error refusal;

    if (server->event_triggers == NULL)
        return true;
    if (server->is_in_recovery || server->is_read_only
        || !(server->may_create || server->valise_exists) || try_it(p, &refusal)) {
        problems_note(p->problems, NULL, "event triggers of the database may see our DDL: %s",
            server->event_triggers);
        return true;
    }
    if (p->connection->sqlstate[0] == '\0') {
        *err = refusal;
        return false;
    }
    problems_add(p->problems,
        "as their owner, ALTER EVENT TRIGGER ... DISABLE for the replay, and ENABLE afterwards",
        "the database does not let a replay create and drop things: %s; event triggers: %s",
        refusal.text, server->event_triggers);
    return true;
}
