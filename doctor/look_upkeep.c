#include "doctor/look_upkeep.h"

#include "base/owned.h"

#include <inttypes.h>

#define SLOT_SIZE_MAX ((int64_t)1 << 30) /* bytes of WAL that a slot may hold unremarked */
#define XID_AGE_ERROR 1500000000         /* the server stops at about 2.1 billion */
#define TABLES_SHOWN 10                  /* as the queries say */

static bool look_prepared(struct patient *patient, struct error *err)
{
    static const char sql[] = "SELECT gid, owner::text, to_char(prepared, 'YYYY-MM-DD HH24:MI'),"
                              " database = current_database(), database::text"
                              " FROM pg_prepared_xacts ORDER BY prepared";
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    if (rows.row_count == 0)
        patient_well(patient, "prepared-transaction", "none is left");
    for (size_t i = 0; i < rows.row_count; i++) {
        const char *id = patient_literal(patient, patient_text(patient, &rows, i, 0));
        struct finding *finding = finding_add(patient->findings, FINDING_WARNING,
            "prepared-transaction", "transaction %s of %s in database %s is prepared since %s UTC",
            id, patient_text(patient, &rows, i, 1), patient_text(patient, &rows, i, 4),
            patient_text(patient, &rows, i, 2));

        finding->why = "It keeps its locks, and no dead row younger than it can be cleaned, until "
                       "somebody ends it.";
        finding_mend(patient->findings, finding, FINDING_WORDS,
            "if no transaction manager waits for it, connect to that database and:");
        finding_mend(patient->findings, finding, FINDING_SQL, "ROLLBACK PREPARED %s;", id);
    }
    return true;
}

static bool look_slots(struct patient *patient, struct error *err)
{
    const char *sql = patient_since(patient, 100000,
        "SELECT slot_name::text, active, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery()"
        " THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)::bigint"
        " FROM pg_replication_slots ORDER BY 1",
        "SELECT slot_name::text, active, pg_xlog_location_diff(CASE WHEN pg_is_in_recovery()"
        " THEN pg_last_xlog_receive_location() ELSE pg_current_xlog_location() END,"
        " restart_lsn)::bigint FROM pg_replication_slots ORDER BY 1");
    OWNED(connection_rows) struct connection_rows rows = {0};
    size_t before = patient->findings->count;

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++) {
        const char *name = patient_literal(patient, patient_text(patient, &rows, i, 0));
        bool is_active = connection_rows_boolean(&rows, i, 1);
        int64_t size = connection_rows_integer(&rows, i, 2);
        struct finding *finding;

        if (is_active && size < SLOT_SIZE_MAX)
            continue;
        finding = finding_add(patient->findings, FINDING_WARNING, "replication-slot",
            "replication slot %s is %s and holds back %s of WAL", name,
            is_active ? "in use" : "not in use",
            patient_size(patient, size < 0 ? 0 : (uint64_t)size));
        finding->why = "A slot that nobody reads keeps WAL until the disk is full; a large load "
                       "writes much of it.";
        finding_mend(patient->findings, finding, FINDING_WORDS,
            "have its standby or subscriber come back, or, if that is gone for good:");
        finding_mend(
            patient->findings, finding, FINDING_SQL, "SELECT pg_drop_replication_slot(%s);", name);
    }
    if (patient->findings->count == before)
        patient_well(patient, "replication-slot", "none holds back WAL");
    return true;
}

/* --- age ------------------------------------------------------------------------- */

static bool look_age(struct patient *patient, struct error *err)
{
    static const char sql[] =
        "SELECT age(d.datfrozenxid), current_setting('autovacuum_freeze_max_age')::bigint,"
        " mxid_age(d.datminmxid), current_setting('autovacuum_multixact_freeze_max_age')::bigint"
        " FROM pg_database AS d WHERE d.datname = current_database()";
    static const char *const kinds[] = {"transaction ids", "multixact ids"};
    OWNED(connection_rows) struct connection_rows rows = {0};
    size_t before = patient->findings->count;

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    for (size_t i = 0; i < 2; i++) {
        int64_t age = connection_rows_integer(&rows, 0, 2 * i);
        int64_t limit = connection_rows_integer(&rows, 0, 2 * i + 1);
        struct finding *finding;

        if (age <= limit)
            continue;
        finding = finding_add(patient->findings,
            age > XID_AGE_ERROR ? FINDING_ERROR : FINDING_WARNING, "wraparound",
            "the oldest %s of the database are %" PRId64
            " old; autovacuum should keep them below %" PRId64,
            kinds[i], age, limit);
        finding->why = "At about 2.1 billion the server takes no more writes. Something keeps "
                       "autovacuum from its work: it is off, or a prepared transaction, a slot or "
                       "a long transaction is in its way.";
        finding_mend(patient->findings, finding, FINDING_WORDS,
            "remove what is in the way (see prepared-transaction, replication-slot), then:");
        finding_mend(patient->findings, finding, FINDING_SQL, "VACUUM (FREEZE);");
    }
    if (patient->findings->count == before)
        patient_well(patient, "wraparound", "far away");
    return true;
}

/* --- tables ------------------------------------------------------------------------- */

static bool look_statistics(struct patient *patient, struct error *err)
{
    /*
     * Counters are lost in a crash, so only what pg_stats lacks was never analysed. In a few pages
     * the planner cannot go wrong, and autovacuum leaves them alone too.
     */
    static const char sql[] =
        "SELECT count(*), string_agg(name, ', ' ORDER BY size DESC) FILTER (WHERE number <= 10)"
        " FROM (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), s.size,"
        "   row_number() OVER (ORDER BY s.size DESC)"
        "  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace,"
        "  LATERAL (SELECT pg_relation_size(c.oid)) AS s (size)"
        "  WHERE c.relkind IN ('r', 'm') AND s.size > 65536"
        "   AND has_table_privilege(c.oid, 'SELECT')"
        "   AND NOT EXISTS (SELECT 1 FROM pg_stats AS t"
        "    WHERE t.schemaname = n.nspname AND t.tablename = c.relname)"
        "   AND pg_stat_get_last_analyze_time(c.oid) IS NULL"
        "   AND pg_stat_get_last_autoanalyze_time(c.oid) IS NULL AND" PATIENT_SCHEMAS
        " ) AS u (name, size, number)";
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct finding *finding;

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    if (connection_rows_integer(&rows, 0, 0) == 0) {
        patient_well(patient, "statistics-missing", "all tables that are not small were analysed");
        return true;
    }
    finding = finding_add(patient->findings, FINDING_WARNING, "statistics-missing",
        "%" PRId64 " tables of more than 64 kB were never analysed: %s%s",
        connection_rows_integer(&rows, 0, 0), patient_text(patient, &rows, 0, 1),
        patient_and_more(patient, (uint64_t)connection_rows_integer(&rows, 0, 0), TABLES_SHOWN));
    finding->why = "The planner guesses, and may read a whole table for one row.";
    finding->fix = "analyze";
    finding_mend(patient->findings, finding, FINDING_SQL, "ANALYZE;");
    return true;
}

/* The tables with the most dead rows were named. */
static void put_more_bloat(struct patient *patient, int64_t count)
{
    struct finding *finding = finding_add(patient->findings, FINDING_NOTICE, "dead-rows",
        "%" PRId64 " more tables have many dead rows, but fewer than those", count);

    finding_mend(patient->findings, finding, FINDING_WORDS, "all of them at once:");
    finding_mend(patient->findings, finding, FINDING_SQL, "VACUUM (ANALYZE);");
}

static bool look_bloat(struct patient *patient, struct error *err)
{
    static const char sql[] =
        "SELECT s.schemaname::text, s.relname::text, s.n_dead_tup, s.n_live_tup, count(*) OVER ()"
        " FROM pg_stat_user_tables AS s WHERE s.n_dead_tup > 10000"
        "  AND s.n_dead_tup > 0.2 * s.n_live_tup AND s.schemaname <> 'valise'"
        " ORDER BY s.n_dead_tup DESC LIMIT 10";
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    if (rows.row_count == 0)
        patient_well(patient, "dead-rows", "few");
    for (size_t i = 0; i < rows.row_count; i++) {
        const char *table = patient_qualified(
            patient, patient_text(patient, &rows, i, 0), patient_text(patient, &rows, i, 1));
        struct finding *finding = finding_add(patient->findings, FINDING_NOTICE, "dead-rows",
            "table %s has about %" PRId64 " dead rows beside %" PRId64 " live ones", table,
            connection_rows_integer(&rows, i, 2), connection_rows_integer(&rows, i, 3));

        finding->why = "They take room and are read along. Autovacuum should have cleaned them.";
        finding_mend(patient->findings, finding, FINDING_SQL, "VACUUM (ANALYZE) %s;", table);
    }
    if (rows.row_count == TABLES_SHOWN && connection_rows_integer(&rows, 0, 4) > TABLES_SHOWN)
        put_more_bloat(patient, connection_rows_integer(&rows, 0, 4) - TABLES_SHOWN);
    return true;
}

bool look_upkeep(struct patient *patient, struct error *err)
{
    return look_prepared(patient, err) && look_slots(patient, err) && look_age(patient, err)
           && look_statistics(patient, err) && look_bloat(patient, err);
}
