#include "replay/preflight/preflight.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/load/sequences.h"
#include "replay/preflight/preflight_ddl.h"
#include "replay/preflight/preflight_defaults.h"
#include "replay/preflight/preflight_facts.h"
#include "replay/preflight/preflight_keys.h"
#include "replay/preflight/preflight_trial.h"
#include "replay/preflight/preflight_values.h"
#include "replay/target/target_server.h"

#include <inttypes.h>
#include <string.h>

/* --- the server ------------------------------------------------------------------ */

static void check_version(const struct preflight *p)
{
    const struct target_server *server = &p->input->catalog->server;

    if (server->version_num < p->input->profile->server_version_min)
        problems_add(p->problems, "move the target to a newer PostgreSQL",
            "the server is PostgreSQL %s; %s needs at least version %d", server->version_text,
            p->input->profile->title, (int)(p->input->profile->server_version_min / 10000));
    if (server->is_in_recovery)
        problems_add(p->problems, "connect to the primary server",
            "the server is a standby and takes no writes");
    else if (server->is_read_only)
        problems_add(p->problems, "set default_transaction_read_only to off for this user",
            "transactions are read-only by default here");
    if (server->is_replica)
        problems_add(p->problems, TARGET_SERVER_REPLICA_ADVICE, TARGET_SERVER_REPLICA);
    else if (server->makes_replicas)
        problems_note(p->problems, TARGET_SERVER_REPLICA_ADVICE,
            TARGET_SERVER_REPLICA "; it is not so for this replay, but for the application");
}

/* Only comparing bytes sorts everywhere alike; a profile may demand more than UTF8. */
static void check_locale(const struct preflight *p)
{
    static const char advice[] =
        "create the database anew: createdb --encoding=UTF8 --locale=C --template=template0 "
        "--owner=USER NAME; or, where sorting may differ, use --allow-unsafe-locale";
    const struct target_server *server = &p->input->catalog->server;
    const struct profile *profile = p->input->profile;

    if (strcmp(server->encoding, "UTF8") != 0)
        problems_add(p->problems,
            "create the database anew: createdb --encoding=UTF8 --locale=C --template=template0 "
            "--owner=USER NAME",
            "the database \"%s\" has the encoding %s, but only UTF8 can hold every text",
            server->database, server->encoding);
    if (p->allowances->unsafe_locale)
        return;
    if (profile->collate != NULL && strcmp(server->collate, profile->collate) != 0)
        problems_add(p->problems, advice, "the database \"%s\" has the collation %s; %s needs %s",
            server->database, server->collate, profile->title, profile->collate);
    if (profile->ctype != NULL && strcmp(server->ctype, profile->ctype) != 0)
        problems_add(p->problems, advice, "the database \"%s\" has the ctype %s; %s needs %s",
            server->database, server->ctype, profile->title, profile->ctype);
}

/* Whoever writes meanwhile makes the result something else than the dump. */
static void check_sessions(const struct preflight *p)
{
    const struct target_server *server = &p->input->catalog->server;

    for (size_t i = 0; i < server->session_count; i++) {
        const struct target_session *session = &server->sessions[i];
        const char *text = arena_format(&p->problems->arena,
            "another session is connected: process %d (%s of %s%s%s)", session->pid,
            session->application, session->user, session->address[0] == '\0' ? "" : " from ",
            session->address);

        if (p->allowances->sessions)
            problems_note(p->problems, NULL, "%s, as allowed", text);
        else
            problems_add(p->problems,
                "stop whatever uses the database (for Synapse: the homeserver and its workers); if "
                "it only reads, and never waits in a transaction: --allow-sessions",
                "%s", text);
    }
}

/* A name as SQL writes it; lives as long as the problems. */
static const char *quoted(const struct preflight *p, const char *name)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_name(&sql, name);
    return arena_text(&p->problems->arena, quote_text(&sql));
}

/* --- rights ------------------------------------------------------------------------ */

static void check_table_rights(const struct preflight *p, const struct plan_table *table)
{
    const struct target_table *target = table->target;
    const char *user = p->input->catalog->server.user;

    if (!target->is_ours)
        problems_add(p->problems,
            "connect as the owner of the tables, or ALTER TABLE ... OWNER TO the user",
            "table \"%s\" belongs to \"%s\", not to the user \"%s\"", table->name, target->owner,
            user);
    else if (!target->may_select || !target->may_insert)
        problems_add(p->problems, "GRANT SELECT, INSERT ON it to the user",
            "table \"%s\": the user \"%s\" may not read or write it", table->name, user);
    if (target->has_row_security)
        problems_add(p->problems, "ALTER TABLE ... DISABLE ROW LEVEL SECURITY for the replay",
            "table \"%s\" has row level security that applies to the user \"%s\"", table->name,
            user);
}

static void check_rights(const struct preflight *p)
{
    const struct target_server *server = &p->input->catalog->server;

    if (!server->may_create && !server->valise_exists)
        problems_add(p->problems,
            arena_format(&p->problems->arena,
                "as an administrator: GRANT CREATE ON DATABASE %s TO %s; it can be revoked afterwards",
                quoted(p, server->database), quoted(p, server->user)),
            "the user \"%s\" may not create the ledger (schema \"valise\") in database \"%s\"",
            server->user, server->database);
    if (server->valise_exists && !server->may_write_valise)
        problems_add(p->problems,
            "connect as the role that replayed before, or as an administrator: GRANT that role TO "
            "the user",
            "the user \"%s\" may not write the ledger (schema \"valise\") of database \"%s\"",
            server->user, server->database);
    if (p->input->reader->header.kind == DUMP_DELTA)
        (void)preflight_trial_may_stage(p);
    if (!server->may_create_in_schema)
        problems_add(p->problems,
            arena_format(&p->problems->arena, "GRANT CREATE ON SCHEMA %s TO %s",
                quoted(p, server->schema), quoted(p, server->user)),
            "the user \"%s\" may not create indexes in schema \"%s\"", server->user,
            server->schema);
    for (size_t i = 0; i < p->plan->table_count; i++)
        if (plan_writes(&p->plan->tables[i]))
            check_table_rights(p, &p->plan->tables[i]);
}

/* --- all of it --------------------------------------------------------------------------- */

/* What PostgreSQL computes only when it is told to. */
static bool note_materialized_views(const struct preflight *p, struct error *err)
{
    static const char sql[] = "SELECT c.oid::regclass::text FROM pg_class AS c"
                              " WHERE c.relkind = 'm' ORDER BY 1";
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_query(p->connection, sql, NULL, &rows, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++)
        problems_note(p->problems, "REFRESH MATERIALIZED VIEW it after the replay",
            "the materialized view %s keeps its rows of before", connection_rows_text(&rows, i, 0));
    return true;
}

static void note_unlogged_tables(const struct preflight *p)
{
    for (size_t i = 0; i < p->plan->table_count; i++) {
        const struct plan_table *table = &p->plan->tables[i];

        /* One that is emptied need not survive a crash: the profile says so. */
        if (plan_writes(table) && table->action != PLAN_EMPTY && table->target->persistence == 'u')
            problems_note(p->problems, "ALTER TABLE ... SET LOGGED",
                "table \"%s\" is unlogged: a crash of the server empties it, a standby does not "
                "have its rows",
                table->name);
    }
}

/* Others that write into this database, or read all that is written. */
static bool check_replication(const struct preflight *p, struct error *err)
{
    static const char sql[] =
        "SELECT true, subname::text FROM pg_catalog.pg_subscription AS s WHERE s.subenabled AND s.subdbid"
        " = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
        " UNION ALL SELECT false, pubname::text FROM pg_catalog.pg_publication ORDER BY 1 DESC, 2";
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (p->input->catalog->server.version_num < 100000)
        return true;
    if (!connection_query(p->connection, sql, NULL, &rows, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++) {
        const char *name = connection_rows_text(&rows, i, 1);

        if (connection_rows_boolean(&rows, i, 0))
            problems_add(p->problems, "ALTER SUBSCRIPTION ... DISABLE for the replay",
                "the subscription \"%s\" writes into this database", name);
        else
            problems_note(p->problems, NULL,
                "what the publication \"%s\" has goes to its subscribers row by row", name);
    }
    return true;
}

/* --- rows that do not fit ----------------------------------------------------------------- */

/* Can rows be missing on purpose? Then those that are have to be found again when resuming. */
static bool may_reject(const struct plan *plan)
{
    for (size_t i = 0; i < plan->table_count; i++)
        for (size_t j = 0; j < plan->tables[i].column_count; j++)
            if (plan->tables[i].columns[j].type.rejects)
                return true;
    return false;
}

static size_t count_rejects(const struct plan *plan)
{
    size_t count = 0;

    for (size_t i = 0; i < plan->table_count; i++)
        count += plan->tables[i].rejects.count;
    return count;
}

/* A row that is rejected may leave others without what they refer to, wherever that is judged. */
static bool check_references(const struct preflight *p, struct error *err)
{
    size_t count;
    bool any;

    do {
        count = count_rejects(p->plan);
        if (!preflight_trial_foreign(p, &any, err) || !preflight_keys(p, err))
            return false;
    } while (any && p->problems->count == 0 && count_rejects(p->plan) > count);
    return true;
}

/* Each takes only rows into account that the ones before let through. */
static bool check_data(const struct preflight *p, struct error *err)
{
    if (!preflight_values(p, err))
        return false;
    if (p->is_resumed && !may_reject(p->plan))
        return true; /* all was looked at before the replay began */
    return preflight_trial(p, err) && check_references(p, err);
}

bool preflight_run(const struct preflight *preflight, struct error *err)
{
    check_version(preflight);
    check_locale(preflight);
    check_sessions(preflight);
    check_rights(preflight);
    if (preflight->input->catalog->table_count == 0)
        return true; /* the plan has said so, and nothing else can be looked at */
    note_unlogged_tables(preflight);
    return sequences_check(preflight->input, preflight->plan, preflight->problems, err)
           && (preflight->existing == NULL || existing_rows_check_unknown(preflight->existing, err))
           && preflight_ddl(preflight, err) && check_replication(preflight, err)
           && note_materialized_views(preflight, err) && preflight_facts(preflight, err)
           && preflight_defaults(preflight, err) && check_data(preflight, err);
}
