#include "doctor/look_server.h"

#include "base/owned.h"

#include <inttypes.h>
#include <string.h>

static void look_version(struct patient *patient)
{
    int64_t wanted = patient->profile.server_version_min;
    struct finding *finding;

    if (patient->connection.version_num >= wanted) {
        patient_well(patient, "server-version", patient->version_text);
        return;
    }
    finding = finding_add(patient->findings, FINDING_ERROR, "server-version",
        "the server is PostgreSQL %s; %s needs %d or later", patient->version_text,
        patient->profile.title, (int)(wanted / 10000));
    finding->why = "The application refuses to start on it.";
    finding_mend(patient->findings, finding, FINDING_WORDS,
        "upgrade the server (pg_upgrade, or on Debian pg_upgradecluster), or move to a new one:");
    finding_mend(patient->findings, finding, FINDING_SHELL,
        "pg_dump %s --format=custom --file=database.dump %s", patient->client_options,
        patient_shell(patient, patient->database));
}

static void look_writable(struct patient *patient, bool is_read_only)
{
    struct finding *finding;

    if (patient->is_in_recovery) {
        finding =
            finding_add(patient->findings, FINDING_ERROR, "standby", "the server is a standby");
        finding->why = "It takes no writes; what is found here is a copy of the primary server.";
        finding_mend(
            patient->findings, finding, FINDING_WORDS, "connect to the primary server instead");
    } else if (is_read_only) {
        finding = finding_add(patient->findings, FINDING_ERROR, "read-only",
            "transactions are read-only by default for this role and database");
        finding->why = "Neither a replay nor the application can write.";
        finding_mend(patient->findings, finding, FINDING_SQL,
            "ALTER ROLE %s SET default_transaction_read_only = off;",
            patient_name(patient, patient->role));
    } else {
        patient_well(patient, "writable", "the server takes writes");
    }
}

/* In which of the places that decide for this role and database it is set, the nearest first. */
static const char replica_sql[] =
    "SELECT reset_val = 'replica', ARRAY(SELECT CASE"
    "  WHEN s.setrole = 0 THEN format('ALTER DATABASE %I', current_database())"
    "  WHEN s.setdatabase = 0 THEN format('ALTER ROLE %I', current_user)"
    "  ELSE format('ALTER ROLE %I IN DATABASE %I', current_user, current_database()) END"
    "  FROM pg_db_role_setting AS s"
    "  WHERE s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = current_user))"
    "  AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"
    "  AND 'session_replication_role=replica' = ANY (s.setconfig)"
    "  ORDER BY s.setrole = 0, s.setdatabase = 0)::text[] FROM pg_settings"
    " WHERE name = 'session_replication_role'";

static bool look_replica(struct patient *patient, struct error *err)
{
    const char *sql = patient_format(patient,
        "SELECT t.replica, p.command FROM (%s) AS t (replica, commands)"
        " LEFT JOIN LATERAL unnest(t.commands) AS p (command) ON true",
        replica_sql);
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct finding *finding;

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    if (!connection_rows_boolean(&rows, 0, 0)) {
        patient_well(patient, "session-replica", "foreign keys are checked and triggers fire");
        return true;
    }
    finding = finding_add(patient->findings, FINDING_ERROR, "session-replica",
        "session_replication_role is replica for this role and database");
    finding->why = "PostgreSQL checks no foreign keys and fires no triggers: rows that refer to "
                   "nothing come in unseen. A replay by a role that is no superuser is refused.";
    for (size_t i = 0; i < rows.row_count && connection_rows_text(&rows, i, 1) != NULL; i++)
        finding_mend(patient->findings, finding, FINDING_SQL, "%s RESET session_replication_role;",
            patient_text(patient, &rows, i, 1));
    if (connection_rows_text(&rows, 0, 1) == NULL)
        finding_mend(patient->findings, finding, FINDING_WORDS,
            "it is set in postgresql.conf (then ALTER SYSTEM RESET, or remove the line, and "
            "reload), or by the options of the connection (PGOPTIONS)");
    return true;
}

/* --- durability ------------------------------------------------------------------ */

struct danger {
    const char *setting;
    const char *good;
    enum finding_severity severity;
    const char *why;
    bool is_set_when_made; /* not by a setting */
};

static const struct danger dangers[] = {
    {"fsync", "on", FINDING_ERROR,
        "After a crash of the host the whole database may be lost. It is for throwaway servers.",
        false},
    {"full_page_writes", "on", FINDING_ERROR,
        "After a crash of the host pages may be half written, which nothing notices.", false},
    {"zero_damaged_pages", "off", FINDING_ERROR,
        "Damaged pages are silently replaced by empty ones: rows vanish.", false},
    {"ignore_checksum_failure", "off", FINDING_ERROR,
        "Pages that are known to be damaged are read as if they were not.", false},
    {"synchronous_commit", "on", FINDING_NOTICE,
        "After a crash the last transactions may be missing, though nothing is damaged.", false},
    {"autovacuum", "on", FINDING_WARNING,
        "Dead rows stay, statistics grow old, and in the end the server stops to prevent "
        "wraparound.",
        false},
    {"track_counts", "on", FINDING_WARNING,
        "Without counts autovacuum does not know what to clean.", false},
    {"data_checksums", "on", FINDING_NOTICE,
        "A disk that returns wrong bytes goes unnoticed until the rows are read, or never.", true},
};

static bool look_danger(struct patient *patient, const struct danger *danger, struct error *err)
{
    const char *value;
    struct finding *finding;

    if (!patient_setting(patient, danger->setting, &value, err))
        return false;
    if (value == NULL || strcmp(value, danger->good) == 0)
        return true;
    /* The stronger levels of synchronous_commit are no danger. */
    if (strcmp(danger->setting, "synchronous_commit") == 0 && strcmp(value, "off") != 0)
        return true;
    finding = finding_add(patient->findings, danger->severity,
        patient_format(patient, "setting-%s", danger->setting), "%s is %s", danger->setting, value);
    finding->why = danger->why;
    if (danger->is_set_when_made) {
        finding_mend(patient->findings, finding, FINDING_WORDS,
            "with the server stopped (from PostgreSQL 12 on):");
        finding_mend(patient->findings, finding, FINDING_SHELL,
            "pg_checksums --enable --pgdata=DATA_DIRECTORY");
        return true;
    }
    finding_mend(patient->findings, finding, FINDING_SQL, "ALTER SYSTEM SET %s = %s;",
        danger->setting, danger->good);
    finding_mend(patient->findings, finding, FINDING_SQL, "SELECT pg_reload_conf();");
    return true;
}

static bool look_durability(struct patient *patient, struct error *err)
{
    size_t before = patient->findings->count;

    for (size_t i = 0; i < sizeof(dangers) / sizeof(dangers[0]); i++)
        if (!look_danger(patient, &dangers[i], err))
            return false;
    if (patient->findings->count == before)
        patient_well(patient, "durability", "fsync, full_page_writes and the like are on");
    return true;
}

static bool look_pending(struct patient *patient, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct finding *finding;

    if (!patient_query(patient,
            "SELECT string_agg(name, ', ' ORDER BY name) FROM pg_settings WHERE pending_restart",
            NULL, &rows, err))
        return false;
    if (connection_rows_text(&rows, 0, 0) == NULL)
        return true;
    finding = finding_add(patient->findings, FINDING_NOTICE, "restart-pending",
        "changed, but not in force until the server restarts: %s",
        patient_text(patient, &rows, 0, 0));
    finding_mend(patient->findings, finding, FINDING_SHELL, "sudo systemctl restart postgresql");
    return true;
}

/* --- connections ----------------------------------------------------------------------- */

/* What Synapse's pool takes when cp_max is not given. */
#define POOL_SIZE_DEFAULT 5

static void judge_connections(struct patient *patient, const struct connection_rows *rows)
{
    int64_t limit = connection_rows_integer(rows, 0, 0);
    int64_t used = connection_rows_integer(rows, 0, 1);
    int64_t wanted = patient->homeserver == NULL ? 2
                     : patient->homeserver->connection_count_max > 0
                         ? patient->homeserver->connection_count_max
                         : POOL_SIZE_DEFAULT;
    struct finding *finding;

    if (limit >= wanted && limit - used >= wanted) {
        patient_well(patient, "connections", "there are enough");
        return;
    }
    finding = finding_add(patient->findings, limit < wanted ? FINDING_ERROR : FINDING_WARNING,
        "connections",
        "%s %" PRId64 " connections; this role may have %" PRId64 ", %" PRId64 " are in use",
        patient->homeserver == NULL ? "a replay wants" : "cp_max asks for", wanted, limit, used);
    finding->why =
        "Each process of Synapse opens up to cp_max connections, every worker as many; when none is "
        "left, requests fail with \"too many connections\".";
    finding_mend(patient->findings, finding, FINDING_WORDS,
        "the smallest of three limits counts (max_connections needs a restart):");
    finding_mend(patient->findings, finding, FINDING_SQL, "ALTER ROLE %s CONNECTION LIMIT -1;",
        patient_name(patient, patient->role));
    finding_mend(patient->findings, finding, FINDING_SQL, "ALTER DATABASE %s CONNECTION LIMIT -1;",
        patient_name(patient, patient->database));
    finding_mend(patient->findings, finding, FINDING_SQL,
        "ALTER SYSTEM SET max_connections = %" PRId64 ";",
        used + wanted + 20 > 100 ? used + wanted + 20 : 100);
}

/* What the role may have of the server, of its own limit and of the database's, and what is used
   under the smallest of the three; our own session does not count. */
static bool look_connections(struct patient *patient, struct error *err)
{
    const char *sql = patient_format(patient,
        "SELECT limit_count, used FROM ("
        " SELECT current_setting('max_connections')::bigint"
        "  - CASE WHEN r.rolsuper THEN 0 ELSE"
        "     current_setting('superuser_reserved_connections')::bigint + %s END AS limit_count,"
        "  (SELECT count(*) FROM pg_stat_activity AS s WHERE s.datid IS NOT NULL) - 1 AS used"
        "  FROM pg_roles AS r WHERE r.rolname = current_user"
        " UNION ALL SELECT r.rolconnlimit, (SELECT count(*) FROM pg_stat_activity AS s"
        "  WHERE s.usesysid = r.oid) - 1 FROM pg_roles AS r"
        "  WHERE r.rolname = current_user AND r.rolconnlimit >= 0 AND NOT r.rolsuper"
        " UNION ALL SELECT d.datconnlimit, (SELECT count(*) FROM pg_stat_activity AS s"
        "  WHERE s.datid = d.oid) - 1 FROM pg_database AS d, pg_roles AS r"
        "  WHERE d.datname = current_database() AND d.datconnlimit >= 0"
        "   AND r.rolname = current_user AND NOT r.rolsuper) AS limits"
        " ORDER BY limit_count - used, limit_count LIMIT 1",
        patient_since(patient, 160000, "current_setting('reserved_connections')::bigint", "0"));
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    judge_connections(patient, &rows);
    return true;
}

static bool look_sessions(struct patient *patient, struct error *err)
{
    const char *sql = patient_format(patient,
        "SELECT count(*), string_agg(s.pid || ' (' || coalesce(s.application_name || ' ', '')"
        " || 'as ' || coalesce(s.usename, '?') || ')', ', ' ORDER BY s.pid)"
        " FROM (SELECT s.pid, s.usename, nullif(s.application_name, '') AS application_name"
        "  FROM pg_stat_activity AS s WHERE %s) AS s",
        patient_others(patient));
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct finding *finding;

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    if (connection_rows_integer(&rows, 0, 0) == 0) {
        patient_well(patient, "sessions", "nobody else is connected");
        return true;
    }
    finding = finding_add(patient->findings, FINDING_NOTICE, "sessions",
        "%" PRId64 " other sessions use the database: %s", connection_rows_integer(&rows, 0, 0),
        patient_text(patient, &rows, 0, 1));
    finding->why = "A replay, and --fix sequences, want the database for themselves; Synapse does "
                   "not notice a sequence that is set while it runs.";
    finding_mend(patient->findings, finding, FINDING_WORDS,
        "stop what uses the database (for Synapse: the homeserver and its workers)");
    return true;
}

bool look_server(struct patient *patient, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    look_version(patient);
    /* Our own session is read-only on purpose; the reset value is what others get. */
    if (!patient_query(patient,
            "SELECT reset_val::boolean FROM pg_settings"
            " WHERE name = 'default_transaction_read_only'",
            NULL, &rows, err))
        return false;
    look_writable(patient, connection_rows_boolean(&rows, 0, 0));
    return look_replica(patient, err) && look_durability(patient, err) && look_pending(patient, err)
           && look_connections(patient, err) && look_sessions(patient, err);
}
