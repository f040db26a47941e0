#include "doctor/look_locale.h"

#include "base/owned.h"

#include <inttypes.h>
#include <string.h>

#define COLUMNS_SHOWN 20 /* as the query says */

/* The database's row of pg_database. */
struct locale {
    const char *encoding;
    const char *collate;
    const char *ctype;
    const char *provider;
    const char *locale;         /* of another provider than libc */
    const char *version;        /* of the collation when the database was made; "": not known */
    const char *actual_version; /* of the collation now */
};

/* --- creating anew ---------------------------------------------------------------- */

/* The way that leaves nothing of the old sort order: dump, create, restore, swap names. */
static void advise_anew(struct patient *patient, struct finding *finding)
{
    struct finding_list *list = patient->findings;
    const char *name = patient->database;
    const char *anew = patient_format(patient, "%s_new", name);
    const char *old = patient_format(patient, "%s_old", name);

    finding_mend(list, finding, FINDING_WORDS,
        "the safest way is a new database; stop the application, and run these as an administrator:");
    finding_mend(list, finding, FINDING_SHELL, "pg_dump %s --format=custom --file=%s %s",
        patient->client_options, patient_shell(patient, patient_format(patient, "%s.dump", name)),
        patient_shell(patient, name));
    finding_mend(list, finding, FINDING_SHELL,
        "createdb %s --encoding=UTF8 --locale=C%s --template=template0 --owner=%s %s",
        patient->client_options, patient_since(patient, 150000, " --locale-provider=libc", ""),
        patient_shell(patient, patient->owner), patient_shell(patient, anew));
    finding_mend(list, finding, FINDING_SHELL, "pg_restore %s --exit-on-error --dbname=%s %s",
        patient->client_options, patient_shell(patient, anew),
        patient_shell(patient, patient_format(patient, "%s.dump", name)));
    finding_mend(list, finding, FINDING_SHELL,
        "psql %s --dbname=postgres --command=%s --command=%s", patient->client_options,
        patient_shell(patient, patient_format(patient, "ALTER DATABASE %s RENAME TO %s",
                                   patient_name(patient, name), patient_name(patient, old))),
        patient_shell(patient, patient_format(patient, "ALTER DATABASE %s RENAME TO %s",
                                   patient_name(patient, anew), patient_name(patient, name))));
    finding_mend(list, finding, FINDING_WORDS,
        "if pg_restore says that a unique index cannot be created, duplicate rows hid behind the "
        "old one: see the finding duplicate-rows (valise doctor --deep looks at all indexes)");
}

/* Quick, but every index on text is wrong until the end, and what else was computed stays. */
static void advise_in_place(struct patient *patient, struct finding *finding)
{
    struct finding_list *list = patient->findings;

    finding_mend(list, finding, FINDING_WORDS,
        "the risky way, for a database too large for that, with a backup, nobody connected, as a "
        "superuser: UPDATE pg_database SET datcollate = 'C', datctype = 'C' WHERE datname = %s; "
        "then at once, in a new session, REINDEX DATABASE %s. Until it ends every index on text "
        "finds wrong rows; a unique index over duplicates cannot be built; CHECK constraints, "
        "generated columns and partitions that compare text are not checked again",
        patient_literal(patient, patient->database), patient_name(patient, patient->database));
    finding_mend(list, finding, FINDING_WORDS,
        "the last resort: \"allow_unsafe_locale: true\" in homeserver.yaml's database section. Then "
        "every upgrade of the operating system may change the sort order and damage the indexes");
}

/* --- the database ------------------------------------------------------------------- */

static bool read_locale(struct patient *patient, struct locale *locale, struct error *err)
{
    const char *sql = patient_format(patient,
        "SELECT pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, %s, %s, %s"
        " FROM pg_database AS d WHERE d.datname = current_database()",
        patient_since(patient, 150000,
            "CASE d.datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END",
            "'libc'"),
        patient_since(patient, 170000, "d.datlocale",
            patient_since(patient, 150000, "d.daticulocale", "NULL::text")),
        patient_since(patient, 150000,
            "d.datcollversion, pg_database_collation_actual_version(d.oid)",
            "NULL::text, NULL::text"));
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    if (rows.row_count != 1)
        return error_set(err, ERROR_DATABASE, "pg_database has no row for this database");
    *locale = (struct locale){
        .encoding = patient_text(patient, &rows, 0, 0),
        .collate = patient_text(patient, &rows, 0, 1),
        .ctype = patient_text(patient, &rows, 0, 2),
        .provider = patient_text(patient, &rows, 0, 3),
        .locale = patient_text(patient, &rows, 0, 4),
        .version = patient_text(patient, &rows, 0, 5),
        .actual_version = patient_text(patient, &rows, 0, 6),
    };
    return true;
}

static void look_encoding(struct patient *patient, const struct locale *locale)
{
    struct finding *finding;

    if (strcmp(locale->encoding, "UTF8") == 0) {
        patient_well(patient, "encoding", "UTF8");
        return;
    }
    finding = finding_add(patient->findings, FINDING_ERROR, "encoding",
        "the database %s has the encoding %s, expected UTF8",
        patient_name(patient, patient->database), locale->encoding);
    finding->why = "Only UTF8 can hold every text; the encoding of a database cannot be changed.";
    advise_anew(patient, finding);
}

/* Does the application insist on it, and is nobody told to look away? */
static bool insists(const struct patient *patient, const char *demanded)
{
    return demanded != NULL
           && (patient->homeserver == NULL || !patient->homeserver->allows_unsafe_locale);
}

static void look_part(
    struct patient *patient, const char *name, const char *found, const char *demanded)
{
    struct finding *finding;
    bool is_refused = insists(patient, demanded) && strcmp(found, demanded) != 0;

    if (!is_refused && (strcmp(found, "C") == 0 || strcmp(found, "POSIX") == 0)) {
        patient_well(patient, name, found);
        return;
    }
    finding = finding_add(patient->findings,
        is_refused         ? FINDING_ERROR
        : demanded != NULL ? FINDING_WARNING
                           : FINDING_NOTICE,
        name, "the database %s has the %s %s%s%s", patient_name(patient, patient->database), name,
        found, demanded != NULL ? "; the application needs " : "",
        demanded != NULL ? demanded : "");
    finding->why =
        "Such an order comes from the operating system or ICU and changes with their versions; "
        "then indexes on text no longer find rows, and unique ones let duplicates in. C never "
        "changes.";
    if (demanded == NULL)
        return;
    advise_anew(patient, finding);
    advise_in_place(patient, finding);
}

static void look_database(struct patient *patient, const struct locale *locale)
{
    struct finding *finding;

    look_encoding(patient, locale);
    look_part(patient, "collation", locale->collate, patient->profile.collate);
    look_part(patient, "ctype", locale->ctype, patient->profile.ctype);
    if (strcmp(locale->provider, "libc") == 0)
        return;
    finding = finding_add(patient->findings, FINDING_WARNING, "locale-provider",
        "the database %s sorts by the provider %s (locale %s), whatever its collation %s says",
        patient_name(patient, patient->database), locale->provider, locale->locale,
        locale->collate);
    finding->why = "An application that looks at the collation's name does not see this; an order "
                   "of ICU changes with its versions.";
    advise_anew(patient, finding);
}

/* --- versions of collations ------------------------------------------------------------- */

static void look_database_version(struct patient *patient, const struct locale *locale)
{
    struct finding *finding;
    const char *name = patient_name(patient, patient->database);

    if (locale->version[0] == '\0' || strcmp(locale->version, locale->actual_version) == 0)
        return;
    finding = finding_add(patient->findings, FINDING_ERROR, "collation-version",
        "the database %s was made with version %s of its collation, the system now has %s", name,
        locale->version, locale->actual_version);
    finding->why = "The sort order of text may have changed under the indexes: they may no longer "
                   "find rows, and unique ones may let duplicates in.";
    finding_mend(patient->findings, finding, FINDING_WORDS,
        "first see whether duplicates got in (valise doctor --deep); then, with nobody connected, "
        "as the owner:");
    finding_mend(patient->findings, finding, FINDING_SQL, "REINDEX DATABASE %s;", name);
    finding_mend(patient->findings, finding, FINDING_SQL,
        "ALTER DATABASE %s REFRESH COLLATION VERSION;", name);
}

static void put_collation_version(
    struct patient *patient, const struct connection_rows *rows, size_t row)
{
    const char *name = patient_qualified(
        patient, patient_text(patient, rows, row, 0), patient_text(patient, rows, row, 1));
    struct finding *finding = finding_add(patient->findings, FINDING_ERROR, "collation-version",
        "the collation %s had version %s when indexes were built, the system now has %s", name,
        patient_text(patient, rows, row, 2), patient_text(patient, rows, row, 3));

    finding->why = "Indexes that use it may no longer find rows, and unique ones may let "
                   "duplicates in.";
    finding_mend(patient->findings, finding, FINDING_WORDS,
        "first see whether duplicates got in (valise doctor --deep); then rebuild its indexes:");
    finding_mend(patient->findings, finding, FINDING_SQL, "REINDEX DATABASE %s;",
        patient_name(patient, patient->database));
    finding_mend(
        patient->findings, finding, FINDING_SQL, "ALTER COLLATION %s REFRESH VERSION;", name);
}

/* Of the collations that columns and indexes use; recorded since 10. */
static bool look_versions(struct patient *patient, const struct locale *locale, struct error *err)
{
    static const char sql[] =
        "SELECT n.nspname, o.collname, o.collversion, pg_collation_actual_version(o.oid)"
        " FROM pg_collation AS o JOIN pg_namespace AS n ON n.oid = o.collnamespace"
        " WHERE o.collversion IS DISTINCT FROM pg_collation_actual_version(o.oid)"
        "  AND o.collversion IS NOT NULL AND (o.oid IN (SELECT attcollation FROM pg_attribute)"
        "   OR o.oid IN (SELECT unnest(indcollation::oid[]) FROM pg_index))"
        " ORDER BY 1, 2";
    OWNED(connection_rows) struct connection_rows rows = {0};
    size_t before = patient->findings->count;

    look_database_version(patient, locale);
    if (patient->connection.version_num >= 100000) {
        if (!patient_query(patient, sql, NULL, &rows, err))
            return false;
        for (size_t i = 0; i < rows.row_count; i++)
            put_collation_version(patient, &rows, i);
    }
    if (patient->findings->count == before)
        patient_well(patient, "collation-version", "as when the indexes were built");
    return true;
}

/* --- columns and indexes ------------------------------------------------------------------ */

static enum finding_severity column_severity(const struct patient *patient)
{
    return patient->profile.collate != NULL ? FINDING_WARNING : FINDING_NOTICE;
}

static void put_column(struct patient *patient, const struct connection_rows *rows, size_t row)
{
    const char *kind = connection_rows_text(rows, row, 4);
    bool is_index = kind[0] == 'i' || kind[0] == 'I';
    const char *where = patient_qualified(
        patient, patient_text(patient, rows, row, 0), patient_text(patient, rows, row, 1));
    const char *column = patient_name(patient, patient_text(patient, rows, row, 2));
    struct finding *finding = finding_add(patient->findings, column_severity(patient),
        "column-collation", "%s %s, column %s has the collation %s", is_index ? "index" : "table",
        where, column, patient_name(patient, patient_text(patient, rows, row, 3)));

    finding->why = "It sorts by the operating system's or ICU's order, which changes with "
                   "their versions.";
    if (is_index)
        finding_mend(patient->findings, finding, FINDING_WORDS,
            "drop it and create it again with the column's own collation");
    else
        finding_mend(patient->findings, finding, FINDING_SQL,
            "ALTER TABLE %s ALTER COLUMN %s TYPE %s COLLATE \"C\";", where, column,
            patient_text(patient, rows, row, 5));
}

/*
 * Columns and indexes whose collation is neither the database's nor C; where the database's own is
 * not C that is said once, not for each.
 */
static bool look_columns(struct patient *patient, struct error *err)
{
    static const char sql[] =
        "SELECT n.nspname, c.relname, a.attname, o.collname, c.relkind,"
        " format_type(a.atttypid, a.atttypmod), count(*) OVER ()"
        " FROM pg_attribute AS a"
        " JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " JOIN pg_collation AS o ON o.oid = a.attcollation"
        " WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm', 'i', 'I')"
        "  AND NOT EXISTS (SELECT 1 FROM pg_index AS x JOIN pg_attribute AS t"
        "   ON t.attrelid = x.indrelid AND t.attnum = x.indkey[a.attnum - 1]"
        "   WHERE x.indexrelid = c.oid AND t.attcollation = a.attcollation)"
        "  AND o.collname NOT IN ('default', 'C', 'POSIX', 'ucs_basic') AND" PATIENT_SCHEMAS
        " ORDER BY 1, 2, a.attnum LIMIT 20";
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    if (rows.row_count == 0)
        patient_well(patient, "column-collation", "columns and indexes have the database's or C");
    for (size_t i = 0; i < rows.row_count; i++)
        put_column(patient, &rows, i);
    if (rows.row_count == COLUMNS_SHOWN && connection_rows_integer(&rows, 0, 6) > COLUMNS_SHOWN)
        (void)finding_add(patient->findings, column_severity(patient), "column-collation",
            "%" PRId64 " more columns and indexes have such a collation; mend these and look again",
            connection_rows_integer(&rows, 0, 6) - COLUMNS_SHOWN);
    return true;
}

bool look_locale(struct patient *patient, struct error *err)
{
    struct locale locale = {0};

    if (!read_locale(patient, &locale, err))
        return false;
    look_database(patient, &locale);
    return look_versions(patient, &locale, err) && look_columns(patient, err);
}
