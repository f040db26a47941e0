#include "doctor/look_sequences.h"

#include "base/owned.h"
#include "postgres/quote.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One sequence, and where it should stand. */
struct sequence {
    const char *shown; /* "schema"."name" */
    const char *regclass;
    bool is_readable;
    bool is_called;
    int64_t last_value;
    int64_t increment;
    int64_t minimum;
    int64_t maximum;
    bool is_cycle; /* begins anew at its end */
    bool has_need;
    int64_t need;       /* the furthest value in use */
    const char *source; /* who says so */
};

/* What is done with each sequence that is not as it should be. */
struct visit {
    struct patient *patient;
    struct byte_buffer *mended; /* NULL: add findings; else execute, and list here */
};

/* --- reading -------------------------------------------------------------------- */

static bool read_state(struct patient *patient, struct sequence *sequence, struct error *err)
{
    const char *sql =
        patient_format(patient, "SELECT v.last_value, v.is_called, %s FROM %s AS v%s%s",
            patient_since(patient, 100000, "s.seqincrement, s.seqmin, s.seqmax, s.seqcycle",
                "v.increment_by, v.min_value, v.max_value, v.is_cycled"),
            sequence->shown,
            patient_since(patient, 100000, ", pg_sequence AS s WHERE s.seqrelid = ", ""),
            patient_since(
                patient, 100000, patient_format(patient, "%s::regclass", sequence->regclass), ""));
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    if (rows.row_count != 1)
        return error_set(err, ERROR_DATABASE, "sequence %s has no row", sequence->shown);
    sequence->last_value = connection_rows_integer(&rows, 0, 0);
    sequence->is_called = connection_rows_boolean(&rows, 0, 1);
    sequence->increment = connection_rows_integer(&rows, 0, 2);
    sequence->minimum = connection_rows_integer(&rows, 0, 3);
    sequence->maximum = connection_rows_integer(&rows, 0, 4);
    sequence->is_cycle = connection_rows_boolean(&rows, 0, 5);
    return true;
}

/* Takes a further value into account; source names what holds it. */
static void need(struct sequence *sequence, int64_t value, const char *source)
{
    bool is_further = sequence->increment < 0 ? value < sequence->need : value > sequence->need;

    if (sequence->has_need && !is_further)
        return;
    sequence->has_need = true;
    sequence->need = value;
    sequence->source = source;
}

static bool need_query(struct patient *patient, struct sequence *sequence, const char *sql,
    const char *source, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!patient_path_query(patient, sql, NULL, &rows, err))
        return false;
    if (rows.row_count == 1 && connection_rows_text(&rows, 0, 0) != NULL)
        need(sequence, connection_rows_integer(&rows, 0, 0), source);
    return true;
}

static void name_sequence(
    const struct patient *patient, struct sequence *sequence, const char *schema, const char *name)
{
    OWNED(byte_buffer) struct byte_buffer plain = {0};

    sequence->shown = patient_qualified(patient, schema, name);
    quote_qualified(&plain, schema, name);
    sequence->regclass = patient_literal(patient, quote_text(&plain));
}

/* --- judging ---------------------------------------------------------------------- */

/* Has every value up to need been given out? */
static bool is_behind(const struct sequence *sequence)
{
    if (!sequence->has_need)
        return false;
    if (sequence->increment < 0)
        return sequence->last_value > sequence->need
               || (sequence->last_value == sequence->need && !sequence->is_called);
    return sequence->last_value < sequence->need
           || (sequence->last_value == sequence->need && !sequence->is_called);
}

/* Is the value one that the sequence can have at all? */
static bool can_reach(const struct sequence *sequence)
{
    return sequence->need >= sequence->minimum && sequence->need <= sequence->maximum;
}

static const char *setval(const struct patient *patient, const struct sequence *sequence)
{
    return patient_format(patient,
        "SELECT pg_catalog.setval(%s, %s(%" PRId64 ", last_value), true) FROM %s;",
        sequence->regclass, sequence->increment < 0 ? "least" : "greatest",
        sequence->has_need ? sequence->need : sequence->last_value, sequence->shown);
}

static bool tell_or_mend(struct visit *visit, const struct sequence *sequence,
    struct finding *finding, struct error *err)
{
    struct patient *patient = visit->patient;
    const char *sql = setval(patient, sequence);

    if (visit->mended == NULL) {
        finding->fix = "sequences";
        finding_mend(patient->findings, finding, FINDING_SQL, "%s", sql);
        return true;
    }
    if (!connection_exec(&patient->connection, sql, err))
        return error_wrap(err, "sequence %s", sequence->shown);
    quote_plain(visit->mended, sql);
    quote_plain(visit->mended, "\n");
    return true;
}

/* It may have begun anew, or never have been set: only a person knows. */
static void visit_cycle(struct visit *visit, const struct sequence *sequence)
{
    struct finding *finding;

    if (visit->mended != NULL)
        return;
    finding = finding_add(visit->patient->findings, FINDING_NOTICE, "sequence-cycle",
        "sequence %s stands at %" PRId64 " and %s is at %" PRId64
        ", but it has CYCLE, so it may have begun anew",
        sequence->shown, sequence->last_value, sequence->source, sequence->need);
    finding->why = "Values that are in use are given out again when it comes to them.";
    if (!can_reach(sequence))
        return;
    finding_mend(visit->patient->findings, finding, FINDING_WORDS,
        "if it was never at its end (%" PRId64 "):",
        sequence->increment < 0 ? sequence->minimum : sequence->maximum);
    finding_mend(
        visit->patient->findings, finding, FINDING_SQL, "%s", setval(visit->patient, sequence));
}

static bool visit_behind(struct visit *visit, const struct sequence *sequence, struct error *err)
{
    struct patient *patient = visit->patient;
    struct finding *finding = NULL;

    if (sequence->is_cycle) {
        visit_cycle(visit, sequence);
        return true;
    }
    if (visit->mended == NULL) {
        finding = finding_add(patient->findings, FINDING_ERROR, "sequence-behind",
            "sequence %s stands at %" PRId64 "%s, but %s is at %" PRId64, sequence->shown,
            sequence->last_value, sequence->is_called ? "" : " (not yet given out)",
            sequence->source, sequence->need);
        finding->why = "The next value is one that is in use: inserts fail or overwrite, or the "
                       "application refuses to start.";
    }
    if (can_reach(sequence))
        return tell_or_mend(visit, sequence, finding, err);
    if (finding != NULL)
        finding_mend(patient->findings, finding, FINDING_WORDS,
            "the sequence only goes from %" PRId64 " to %" PRId64
            "; ALTER SEQUENCE %s first, or look at that value",
            sequence->minimum, sequence->maximum, sequence->shown);
    return true;
}

/* A stream reads last_value alone and takes it as given out; nextval() then gives it again. */
static bool visit_not_called(
    struct visit *visit, const struct sequence *sequence, struct error *err)
{
    struct finding *finding = NULL;

    if (visit->mended == NULL) {
        finding = finding_add(visit->patient->findings, FINDING_WARNING, "sequence-not-called",
            "sequence %s stands at %" PRId64 ", marked as not yet given out", sequence->shown,
            sequence->last_value);
        finding->why = "The application reads the value and takes it as used, then gets the same "
                       "value for the next row, which clients never see.";
    }
    return tell_or_mend(visit, sequence, finding, err);
}

/* type_max: the largest value of the column. */
static void visit_near_end(struct visit *visit, const struct sequence *sequence, int64_t type_max)
{
    int64_t end = sequence->maximum < type_max ? sequence->maximum : type_max;
    struct finding *finding;

    if (visit->mended != NULL || sequence->increment < 0 || sequence->is_cycle
        || (double)sequence->last_value < 0.8 * (double)end)
        return;
    finding = finding_add(visit->patient->findings, FINDING_WARNING, "sequence-near-end",
        "sequence %s stands at %" PRId64 "; its column or its maximum ends at %" PRId64,
        sequence->shown, sequence->last_value, end);
    finding->why = "At the end every insert fails.";
    finding_mend(visit->patient->findings, finding, FINDING_WORDS,
        "make the column bigint (ALTER TABLE ... ALTER COLUMN ... TYPE bigint rewrites the table), "
        "and ALTER SEQUENCE %s NO MAXVALUE",
        sequence->shown);
}

/* --- of columns ------------------------------------------------------------------------ */

/* Sequences that belong to a column, or that its default calls; one row for each such column. */
static const char column_sql[] =
    "SELECT DISTINCT n.nspname, c.relname, tn.nspname, t.relname, a.attname,"
    " CASE a.atttypid WHEN 21 THEN 32767 WHEN 23 THEN 2147483647 ELSE 9223372036854775807 END,"
    " has_sequence_privilege(c.oid, 'SELECT') AND has_table_privilege(t.oid, 'SELECT')"
    "  AND has_schema_privilege(n.oid, 'USAGE') AND has_schema_privilege(tn.oid, 'USAGE'),"
    " a.atttypid = 1700"
    " FROM (SELECT objid AS sequence, refobjid AS relid, refobjsubid AS number FROM pg_depend"
    "   WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass"
    "    AND refobjsubid > 0 AND deptype IN ('a', 'i')"
    "  UNION SELECT d.refobjid, f.adrelid, f.adnum FROM pg_depend AS d"
    "   JOIN pg_attrdef AS f ON f.oid = d.objid WHERE d.classid = 'pg_attrdef'::regclass"
    "    AND d.refclassid = 'pg_class'::regclass) AS u"
    " JOIN pg_class AS c ON c.oid = u.sequence AND c.relkind = 'S' AND c.relpersistence <> 't'"
    " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    " JOIN pg_class AS t ON t.oid = u.relid JOIN pg_namespace AS tn ON tn.oid = t.relnamespace"
    " JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = u.number"
    " WHERE a.atttypid IN (20, 21, 23, 1700) AND" PATIENT_SCHEMAS "ORDER BY 1, 2, 3, 4, 5";

/* A sequence never comes to what a numeric column may hold besides (NaN sorts last). */
static const char *in_bigint(const struct patient *patient, const char *column)
{
    return patient_format(
        patient, " WHERE %s BETWEEN -9223372036854775808 AND 9223372036854775807", column);
}

static bool visit_column(
    struct visit *visit, const struct connection_rows *rows, size_t row, struct error *err)
{
    struct patient *patient = visit->patient;
    struct sequence sequence = {0};
    const char *table = patient_qualified(
        patient, patient_text(patient, rows, row, 2), patient_text(patient, rows, row, 3));
    const char *column = patient_name(patient, patient_text(patient, rows, row, 4));

    name_sequence(patient, &sequence, patient_text(patient, rows, row, 0),
        patient_text(patient, rows, row, 1));
    if (!connection_rows_boolean(rows, row, 6)) {
        if (visit->mended == NULL)
            (void)finding_add(patient->findings, FINDING_NOTICE, "sequence-unknown",
                "sequence %s or table %s may not be read by this role", sequence.shown, table);
        return true;
    }
    if (!read_state(patient, &sequence, err)
        || !need_query(patient, &sequence,
            patient_format(patient, "SELECT %s(%s)::bigint FROM %s%s",
                sequence.increment < 0 ? "min" : "max", column, table,
                connection_rows_boolean(rows, row, 7) ? in_bigint(patient, column) : ""),
            patient_format(patient, "column %s of table %s", column, table), err))
        return error_wrap(err, "sequence %s", sequence.shown);
    if (is_behind(&sequence))
        return visit_behind(visit, &sequence, err);
    visit_near_end(visit, &sequence, connection_rows_integer(rows, row, 5));
    return true;
}

/* What fails for one is not known, but the others are looked at; nothing is mended by halves. */
static bool put_failed(struct visit *visit, const struct error *failure)
{
    if (visit->mended != NULL || failure->kind != ERROR_DATABASE
        || connection_is_lost(&visit->patient->connection))
        return false;
    (void)finding_add(
        visit->patient->findings, FINDING_NOTICE, "sequence-unknown", "%s", failure->text);
    return true;
}

static bool visit_columns(struct visit *visit, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!patient_query(visit->patient, column_sql, NULL, &rows, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++) {
        if (profile_sequence(&visit->patient->profile, connection_rows_text(&rows, i, 1)) != NULL)
            continue;
        if (!visit_column(visit, &rows, i, err) && !put_failed(visit, err))
            return false;
    }
    return true;
}

/* --- of the profile ----------------------------------------------------------------------- */

/* A source "table.column" of a rule; older and newer versions lack some. */
static bool need_column(struct patient *patient, const struct profile_sequence *rule,
    const char *name, struct sequence *sequence, struct error *err)
{
    static const char sql[] =
        "SELECT n.nspname, t.relname, a.attname FROM pg_class AS t"
        " JOIN pg_namespace AS n ON n.oid = t.relnamespace"
        " JOIN pg_attribute AS a ON a.attrelid = t.oid AND NOT a.attisdropped AND a.attnum > 0"
        " WHERE t.relname = $1 AND pg_table_is_visible(t.oid) AND a.attname = $2";
    const char *point = strchr(name, '.');
    const char *items[] = {patient_format(patient, "%.*s", (int)(point - name), name), point + 1};
    const struct connection_values values = {items, 2};
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!patient_path_query(patient, sql, &values, &rows, err))
        return false;
    if (rows.row_count == 0)
        return true;
    return need_query(patient, sequence,
        patient_format(patient, "SELECT %s(%s)::bigint FROM %s", rule->is_negated ? "-min" : "max",
            patient_name(patient, patient_text(patient, &rows, 0, 2)),
            patient_qualified(
                patient, patient_text(patient, &rows, 0, 0), patient_text(patient, &rows, 0, 1))),
        name, err);
}

static bool find_sequence(struct patient *patient, const struct profile_sequence *rule,
    struct sequence *sequence, bool *exists, struct error *err)
{
    static const char sql[] =
        "SELECT n.nspname, c.relname FROM pg_class AS c"
        " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE c.relname = $1 AND pg_table_is_visible(c.oid) AND c.relkind = 'S'";
    const struct connection_values values = {&rule->name, 1};
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!patient_path_query(patient, sql, &values, &rows, err))
        return false;
    *exists = rows.row_count == 1;
    if (*exists)
        name_sequence(patient, sequence, patient_text(patient, &rows, 0, 0),
            patient_text(patient, &rows, 0, 1));
    return true;
}

static void tell_missing(struct visit *visit, const struct profile_sequence *rule)
{
    struct finding *finding;

    if (rule->is_optional || visit->mended != NULL)
        return;
    finding = finding_add(visit->patient->findings, FINDING_ERROR, "sequence-missing",
        "there is no sequence %s", patient_name(visit->patient, rule->name));
    finding->why = "The application's tables are not complete.";
    finding_mend(visit->patient->findings, finding, FINDING_WORDS, "%s",
        visit->patient->profile.prepare == NULL ? "prepare the database with the application"
                                                : visit->patient->profile.prepare);
}

static bool visit_rule(struct visit *visit, const struct profile_sequence *rule, struct error *err)
{
    struct patient *patient = visit->patient;
    struct sequence sequence = {0};
    bool exists;

    if (!find_sequence(patient, rule, &sequence, &exists, err))
        return false;
    if (!exists) {
        tell_missing(visit, rule);
        return true;
    }
    if (!read_state(patient, &sequence, err))
        return false;
    for (size_t i = 0; i < rule->max.count; i++)
        if (!need_column(patient, rule, rule->max.items[i], &sequence, err))
            return false;
    if (rule->floor != NULL
        && !need_query(patient, &sequence, rule->floor,
            "the application's own record (stream_positions)", err))
        return false;
    if (rule->kind == PROFILE_SEQUENCE_STREAM)
        need(&sequence, 1, "the least that a stream may have");
    if (is_behind(&sequence))
        return visit_behind(visit, &sequence, err);
    if (rule->kind == PROFILE_SEQUENCE_STREAM && !sequence.is_called)
        return visit_not_called(visit, &sequence, err);
    return true;
}

static bool visit_all(struct visit *visit, struct error *err)
{
    const struct profile *profile = &visit->patient->profile;

    for (size_t i = 0; i < profile->sequence_count; i++) {
        if (profile->sequences[i].kind == PROFILE_SEQUENCE_KEEP)
            continue;
        if (!visit_rule(visit, &profile->sequences[i], err))
            return error_wrap(err, "sequence \"%s\"", profile->sequences[i].name);
    }
    return visit_columns(visit, err);
}

bool look_sequences(struct patient *patient, struct error *err)
{
    struct visit visit = {.patient = patient};
    size_t before = patient->findings->count;

    if (!visit_all(&visit, err))
        return false;
    if (patient->findings->count == before)
        patient_well(patient, "sequences", "all are at or beyond what is in use");
    return true;
}

bool look_sequences_mend(struct patient *patient, struct byte_buffer *out, struct error *err)
{
    struct visit visit = {.patient = patient, .mended = out};

    return visit_all(&visit, err);
}
