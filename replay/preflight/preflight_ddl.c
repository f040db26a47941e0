#include "replay/preflight/preflight_ddl.h"

#include "base/owned.h"
#include "postgres/connection_transaction.h"

/* What is tried: whatever a replay does to tables, on one of its own. */
static const char trial[] =
    "CREATE TABLE valise.ddl_trial (a integer NOT NULL, b integer);"
    "CREATE TRIGGER ddl_trial BEFORE UPDATE ON valise.ddl_trial"
    " FOR EACH ROW EXECUTE PROCEDURE suppress_redundant_updates_trigger();"
    "ALTER TABLE valise.ddl_trial DISABLE TRIGGER USER;"
    "DROP TRIGGER ddl_trial ON valise.ddl_trial;"
    "CREATE INDEX ddl_trial_b ON valise.ddl_trial (b);"
    "ALTER TABLE valise.ddl_trial ADD CONSTRAINT ddl_trial_a UNIQUE (a);"
    "ALTER TABLE valise.ddl_trial ADD CONSTRAINT ddl_trial_b"
    " FOREIGN KEY (b) REFERENCES valise.ddl_trial (a);"
    "ALTER TABLE valise.ddl_trial DROP CONSTRAINT ddl_trial_b, DROP CONSTRAINT ddl_trial_a;"
    "DROP INDEX valise.ddl_trial_b; TRUNCATE valise.ddl_trial; DROP TABLE valise.ddl_trial";

static bool try_it(const struct preflight *p, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};

    return connection_transaction_begin(&transaction, p->connection, NULL, err)
           && (p->input->catalog->server.valise_exists
               || connection_exec(p->connection, "CREATE SCHEMA valise", err))
           && connection_exec(p->connection, trial, err);
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
