#include "doctor/look_application.h"

#include "base/owned.h"
#include "postgres/quote.h"

#include <inttypes.h>
#include <string.h>

#define VALUES_SHOWN 5

/* --- the profile ------------------------------------------------------------------- */

/* Joins the first values of a result's first column. */
static const char *list_values(const struct patient *patient, const struct connection_rows *rows)
{
    OWNED(byte_buffer) struct byte_buffer list = {0};

    for (size_t i = 0; i < rows->row_count && i < VALUES_SHOWN; i++) {
        quote_plain(&list, i == 0 ? "" : ", ");
        quote_plain(&list, patient_text(patient, rows, i, 0));
    }
    quote_plain(&list, patient_and_more(patient, rows->row_count, VALUES_SHOWN));
    return patient_format(patient, "%s", quote_text(&list));
}

static bool is_tested(const struct profile_fact *fact, const char *value)
{
    for (size_t i = 0; i < fact->tested.count; i++)
        if (strcmp(fact->tested.items[i], value) == 0)
            return true;
    return false;
}

static void judge_version(
    struct patient *patient, const struct profile_fact *fact, const struct connection_rows *rows)
{
    const char *found = rows->row_count == 0 ? "" : patient_text(patient, rows, 0, 0);
    struct finding *finding;

    if (rows->row_count == 1 && is_tested(fact, found)) {
        patient_well(
            patient, "application-version", patient_format(patient, "%s %s", fact->name, found));
        return;
    }
    finding = finding_add(patient->findings, FINDING_NOTICE, "application-version",
        "%s: the %s is %s; the profile of this Valise (%s) was tested with %s",
        patient->profile.title, fact->name,
        rows->row_count == 0 ? "not there" : list_values(patient, rows), VALISE_VERSION,
        fact->tested.items[0]);
    finding->why = "A replay compares both sides and refuses what it does not know, but sequences "
                   "or tables that are newer than the profile may go unexamined here.";
}

static void judge_server_name(struct patient *patient, const struct connection_rows *rows)
{
    const char *wanted = patient->homeserver == NULL ? NULL : patient->homeserver->server_name;
    bool is_well = true;
    struct finding *finding;

    for (size_t i = 0; i < rows->row_count && wanted != NULL; i++)
        is_well = is_well && strcmp(patient_text(patient, rows, i, 0), wanted) == 0;
    if (is_well && rows->row_count <= 1) {
        patient_well(patient, "server-name", "agrees");
        return;
    }
    finding = finding_add(patient->findings, FINDING_ERROR, "server-name",
        "the accounts belong to %s%s%s", list_values(patient, rows),
        wanted == NULL ? "" : ", but the configuration says ", wanted == NULL ? "" : wanted);
    finding->why = "A homeserver's name never changes, and the application refuses to start.";
    finding_mend(patient->findings, finding, FINDING_WORDS,
        "this is the wrong database, or the wrong configuration");
}

static bool look_facts(struct patient *patient, struct error *err)
{
    for (size_t i = 0; i < patient->profile.fact_count; i++) {
        const struct profile_fact *fact = &patient->profile.facts[i];
        OWNED(connection_rows) struct connection_rows rows = {0};

        if (fact->tested.count == 0 && !fact->is_server_name)
            continue;
        if (!patient_path_query(patient, fact->target, NULL, &rows, err))
            return error_wrap(err, "profile, fact \"%s\"", fact->name);
        if (fact->is_server_name)
            judge_server_name(patient, &rows);
        else
            judge_version(patient, fact, &rows);
    }
    return true;
}

static bool look_requirements(struct patient *patient, struct error *err)
{
    for (size_t i = 0; i < patient->profile.requirement_count; i++) {
        const struct profile_requirement *requirement = &patient->profile.requirements[i];
        const char *name = requirement->id == NULL ? "requirement" : requirement->id;
        OWNED(connection_rows) struct connection_rows rows = {0};
        struct finding *finding;

        if (requirement->sql == NULL)
            continue;
        if (!patient_path_query(patient, requirement->sql, NULL, &rows, err))
            return error_wrap(err, "profile, \"%s\"", requirement->name);
        if (rows.row_count == 0) {
            patient_well(patient, name, "none");
            continue;
        }
        finding = finding_add(patient->findings, FINDING_ERROR, name, "%s: %s", requirement->name,
            list_values(patient, &rows));
        finding->why = "A replay into this database is refused.";
        finding_mend(patient->findings, finding, FINDING_WORDS, "%s", requirement->hint);
    }
    return true;
}

static bool look_checks(struct patient *patient, struct error *err)
{
    bool is_well = true;

    for (size_t i = 0; i < patient->profile.check_count; i++) {
        const struct profile_check *check = &patient->profile.checks[i];
        OWNED(connection_rows) struct connection_rows rows = {0};
        struct finding *finding;

        if (!patient_path_query(patient, check->sql, NULL, &rows, err))
            return error_wrap(err, "profile, check \"%s\"", check->name);
        if (rows.row_count == 0)
            continue;
        is_well = false;
        finding = finding_add(patient->findings, FINDING_WARNING, "application-check",
            "it does not hold that %s: %s", check->name, list_values(patient, &rows));
        finding->why = "The application takes it for granted.";
    }
    if (is_well)
        patient_well(patient, "application-check", "what the application takes for granted holds");
    return true;
}

static bool look_profile(struct patient *patient, struct error *err)
{
    if (patient->profile.name == NULL) {
        (void)finding_add(patient->findings, FINDING_NOTICE, "profile",
            "no application is recognised by its tables, so nothing of its own was examined");
        return true;
    }
    patient_well(patient, "profile", patient->profile.title);
    return look_facts(patient, err) && look_requirements(patient, err) && look_checks(patient, err);
}

/* --- our own ledger ------------------------------------------------------------------ */

static bool look_replay(struct patient *patient, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct finding *finding;

    if (!patient_query(patient, "SELECT phase, dump FROM valise.replay ORDER BY id DESC LIMIT 1",
            NULL, &rows, err))
        return false;
    if (rows.row_count == 0 || strcmp(connection_rows_text(&rows, 0, 0), "done") == 0) {
        patient_well(patient, "replay-unfinished", "the last replay is finished");
        return true;
    }
    finding = finding_add(patient->findings, FINDING_ERROR, "replay-unfinished",
        "a replay of %s is not finished (phase %s)", patient_text(patient, &rows, 0, 1),
        patient_text(patient, &rows, 0, 0));
    finding->why = "Indexes and constraints are taken down and rows are missing; the application "
                   "must not be started on it.";
    finding_mend(patient->findings, finding, FINDING_WORDS,
        "give the same valise-replay command again, which goes on; or have the database as it was:");
    finding_mend(patient->findings, finding, FINDING_SHELL, "valise-replay --dsn %s --abort",
        patient_shell(patient, patient->dsn));
    return true;
}

static bool look_rejects(struct patient *patient, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct finding *finding;

    if (!patient_query(patient,
            "SELECT count(*), string_agg(DISTINCT table_name, ', ') FROM valise.rejects", NULL,
            &rows, err))
        return false;
    if (connection_rows_integer(&rows, 0, 0) == 0) {
        patient_well(patient, "rejected-rows", "none");
        return true;
    }
    finding = finding_add(patient->findings, FINDING_WARNING, "rejected-rows",
        "%" PRId64 " rows that did not fit were left out of: %s",
        connection_rows_integer(&rows, 0, 0), patient_text(patient, &rows, 0, 1));
    finding->why = "They are kept in valise.rejects; until they are put back, data is missing.";
    finding_mend(patient->findings, finding, FINDING_SQL,
        "SELECT table_name, reason, count(*) FROM valise.rejects GROUP BY 1, 2 ORDER BY 1, 2;");
    return true;
}

static bool look_ledger(struct patient *patient, struct error *err)
{
    static const char sql[] =
        "SELECT count(*) FILTER (WHERE c.relname IN ('ledger', 'replay', 'rejects')),"
        " count(*) FILTER (WHERE c.relname IN ('replay', 'rejects')"
        "  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')),"
        " count(DISTINCT n.oid)"
        " FROM pg_namespace AS n LEFT JOIN pg_class AS c ON c.relnamespace = n.oid"
        "  AND c.relkind = 'r' WHERE n.nspname = 'valise'";
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    if (connection_rows_integer(&rows, 0, 2) == 0) {
        patient_well(patient, "replay-unfinished", "there was no replay");
        return true;
    }
    if (connection_rows_integer(&rows, 0, 0) < 3) {
        (void)finding_add(patient->findings, FINDING_WARNING, "ledger-foreign",
            "the schema valise is there, but is no ledger of valise-replay; a replay refuses it");
        return true;
    }
    if (connection_rows_integer(&rows, 0, 1) < 2) {
        (void)finding_add(patient->findings, FINDING_NOTICE, "ledger-unknown",
            "this role may not read the ledger of replays (schema valise); connect as its owner");
        return true;
    }
    return look_replay(patient, err) && look_rejects(patient, err);
}

bool look_application(struct patient *patient, struct error *err)
{
    return look_ledger(patient, err) && look_profile(patient, err);
}
