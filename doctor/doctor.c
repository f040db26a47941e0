#include "doctor/doctor.h"

#include "base/json_writer.h"
#include "base/owned.h"
#include "base/safe_text.h"
#include "doctor/host_memory.h"
#include "doctor/look_amcheck.h"
#include "doctor/look_application.h"
#include "doctor/look_connection.h"
#include "doctor/look_disk.h"
#include "doctor/look_duplicates.h"
#include "doctor/look_keepalives.h"
#include "doctor/look_locale.h"
#include "doctor/look_schema.h"
#include "doctor/look_sequences.h"
#include "doctor/look_server.h"
#include "doctor/look_tuning.h"
#include "doctor/look_upkeep.h"
#include "doctor/mend.h"
#include "doctor/patient.h"
#include "postgres/pooler_check.h"
#include "postgres/quote.h"

#include <stdio.h>
#include <string.h>

/* --- looking -------------------------------------------------------------------- */

/* A family of findings. */
struct family {
    const char *name; /* for people */
    bool (*look)(struct patient *patient, struct error *err);
};

static const struct family families[] = {
    {"the server", look_server},
    {"encoding and collation", look_locale},
    {"duplicate rows", look_duplicates},
    {"damaged indexes", look_amcheck},
    {"sequences", look_sequences},
    {"the schema", look_schema},
    {"the application", look_application},
    {"upkeep", look_upkeep},
    {"the disk", look_disk},
    {"settings", look_tuning},
    {"keepalives", look_keepalives},
};

/* A right that is missing spoils one family, not the others. */
static bool look_all(struct patient *patient, struct error *err)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        struct finding *finding;

        if (families[i].look(patient, err))
            continue;
        if (err->kind != ERROR_DATABASE || connection_is_lost(&patient->connection))
            return false;
        finding = finding_add(patient->findings, FINDING_WARNING, "not-examined",
            "%s could not be examined to the end: %s", families[i].name, err->text);
        finding->why = "What was not looked at may be wrong.";
    }
    return true;
}

/* --- opening ------------------------------------------------------------------------ */

/* The tables that the role's search_path shows. */
struct tables {
    const struct connection_rows *rows;
};

static bool has_table(const void *context, const char *name)
{
    const struct tables *tables = context;

    for (size_t i = 0; i < tables->rows->row_count; i++)
        if (strcmp(connection_rows_text(tables->rows, i, 0), name) == 0)
            return true;
    return false;
}

static bool find_profile(struct patient *patient, const char *path, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    const struct tables tables = {&rows};
    const struct profile_subject subject = {has_table, &tables, "database"};

    if (!patient_path_query(patient,
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND pg_table_is_visible(oid)",
            NULL, &rows, err))
        return false;
    return profile_find(&patient->profile, path, &subject, err);
}

static void find_memory(struct patient *patient, uint64_t said)
{
    patient->memory_size = said > 0 ? said : patient->is_here ? host_memory() : 0;
    patient->memory_source = said > 0 ? "as --memory says" : "as this host has";
}

static bool examine(struct patient *patient, const struct doctor_order *order,
    struct doctor_report *report, struct error *err)
{
    if (!patient_read(patient, err) || !find_profile(patient, order->profile, err))
        return false;
    find_memory(patient, order->memory_size);
    report->is_connected = true;
    progress_describe(patient->progress, patient->database, NULL);
    report->database = patient->database;
    report->role = patient->role;
    report->server_version = patient->version_text;
    if (patient->profile.title != NULL)
        report->application = arena_text(&report->findings.arena, patient->profile.title);
    return true;
}

/* --- fixing --------------------------------------------------------------------------- */

/* Says what to do instead. Always false. */
static bool refuse_fix(const struct finding_list *list, const char *name, struct error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct finding *finding = list->items[i];

        if (strcmp(finding->name, name) != 0 || finding->severity == FINDING_OK)
            continue;
        if (finding->fix != NULL)
            return error_set(err, ERROR_USAGE, "--fix %s: say --fix %s", name, finding->fix);
        for (size_t k = 0; k < finding->mend_count; k++)
            if (finding->mends[k].kind != FINDING_WORDS)
                return error_set(err, ERROR_REFUSED,
                    "--fix %s: this is only mended by hand, nothing was changed; begin with: %s",
                    name, finding->mends[k].text);
        return error_set(err, ERROR_REFUSED,
            "--fix %s: this is only mended by hand, nothing was changed: %s", name,
            finding->mend_count == 0 ? finding->what : finding->mends[0].text);
    }
    return error_set(err, ERROR_USAGE,
        "--fix %s: nothing of that name was found; what can be fixed is: %s", name, mend_names);
}

static bool check_fixes(
    struct patient *patient, const struct doctor_order *order, struct error *err)
{
    for (size_t i = 0; i < order->fix_count; i++) {
        if (mend_exists(order->fixes[i]))
            continue;
        return look_all(patient, err) && refuse_fix(patient->findings, order->fixes[i], err);
    }
    return true;
}

static size_t lines_of(const struct byte_buffer *text)
{
    size_t count = 0;

    for (size_t i = 0; i < text->size; i++)
        count += text->data[i] == '\n';
    return count;
}

/* What is committed must not go unsaid. Always false. */
static bool fail_after_fixes(const struct doctor_report *report, struct error *err)
{
    if (report->fixed.size == 0)
        return false;
    return error_wrap(err, "what --fix mended before this stays mended (%zu statements)",
        lines_of(&report->fixed));
}

bool doctor_run(const struct doctor_order *order, struct doctor_report *report, struct error *err)
{
    OWNED(patient)
    struct patient patient = {
        .target = order->target,
        .homeserver = order->homeserver,
        .findings = &report->findings,
        .is_deep = order->is_deep,
        .progress = order->progress,
    };
    struct error failure;

    patient.target.application = "valise doctor";
    if (!connection_open(&patient.connection, &patient.target, &failure))
        return look_connection(&patient, &failure, err);
    if (!pooler_check(&patient.connection, &patient.target, &failure))
        return look_connection_pooled(&patient, &failure, err);
    if (!examine(&patient, order, report, err) || !check_fixes(&patient, order, err))
        return false;
    for (size_t i = 0; i < order->fix_count; i++)
        if (!mend_run(&patient, order->fixes[i], &report->fixed, err))
            return fail_after_fixes(report, err);
    return look_all(&patient, err) || fail_after_fixes(report, err);
}

void doctor_report_release(struct doctor_report *report)
{
    finding_list_release(&report->findings);
    byte_buffer_release(&report->fixed);
    *report = (struct doctor_report){0};
}

/* --- telling ------------------------------------------------------------------------------ */

static void put_fixed(const struct doctor_report *report, struct byte_buffer *out)
{
    const char *line = (const char *)report->fixed.data;
    const char *end = line + report->fixed.size;

    if (report->fixed.size > 0)
        quote_plain(out, "Mended:\n");
    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));

        quote_plain(out, "    ");
        safe_text_put(out, line, (size_t)(stop - line));
        quote_plain(out, "\n");
        line = stop + 1;
    }
    if (report->fixed.size > 0)
        quote_plain(out, "\n");
}

void doctor_put_text(const struct doctor_report *report, struct byte_buffer *out)
{
    char line[160];

    if (report->is_connected) {
        quote_plain(out, "database ");
        safe_text_quote(out, report->database, strlen(report->database));
        quote_plain(out, " on PostgreSQL ");
        safe_text_put(out, report->server_version, strlen(report->server_version));
        quote_plain(out, ", as role ");
        safe_text_quote(out, report->role, strlen(report->role));
        if (report->application != NULL) {
            quote_plain(out, ", of ");
            safe_text_put(out, report->application, strlen(report->application));
        }
        quote_plain(out, "\n\n");
    }
    put_fixed(report, out);
    finding_put_text(out, &report->findings);
    quote_plain(out, "\n");
    for (int severity = FINDING_ERROR; severity > FINDING_OK; severity--) {
        size_t count = finding_count(&report->findings, (enum finding_severity)severity);

        snprintf(line, sizeof(line), "%zu %s%s%s", count,
            finding_severity_name((enum finding_severity)severity), count == 1 ? "" : "s",
            severity == FINDING_NOTICE ? "\n" : ", ");
        quote_plain(out, line);
    }
}

static void put_json_finding(struct json_writer *w, const struct finding *finding)
{
    json_writer_begin_object(w);
    json_writer_named_text(w, "name", finding->name);
    json_writer_named_text(w, "severity", finding_severity_name(finding->severity));
    json_writer_named_text(w, "what", finding->what);
    json_writer_named_text(w, "why", finding->why);
    json_writer_named_text(w, "fix", finding->fix);
    json_writer_name(w, "mend");
    json_writer_begin_array(w);
    for (size_t i = 0; i < finding->mend_count; i++) {
        json_writer_begin_object(w);
        json_writer_named_text(w, "kind", finding_mend_kind_name(finding->mends[i].kind));
        json_writer_named_text(w, "text", finding->mends[i].text);
        json_writer_end_object(w);
    }
    json_writer_end_array(w);
    json_writer_end_object(w);
}

static void put_json_fixed(struct json_writer *w, const struct byte_buffer *fixed)
{
    const char *line = (const char *)fixed->data;
    const char *end = line + fixed->size;

    json_writer_name(w, "fixed");
    json_writer_begin_array(w);
    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));

        json_writer_bytes(w, line, (size_t)(stop - line));
        line = stop + 1;
    }
    json_writer_end_array(w);
}

void doctor_put_json(const struct doctor_report *report, struct byte_buffer *out)
{
    struct json_writer w = {.out = out};

    json_writer_begin_object(&w);
    json_writer_named_unsigned(&w, "format", DOCTOR_FORMAT);
    json_writer_named_text(&w, "program", "valise doctor " VALISE_VERSION);
    json_writer_named_boolean(&w, "connected", report->is_connected);
    json_writer_named_text(&w, "database", report->database);
    json_writer_named_text(&w, "role", report->role);
    json_writer_named_text(&w, "server_version", report->server_version);
    json_writer_named_text(&w, "application", report->application);
    for (int severity = FINDING_ERROR; severity > FINDING_OK; severity--)
        json_writer_named_unsigned(&w,
            severity == FINDING_ERROR     ? "errors"
            : severity == FINDING_WARNING ? "warnings"
                                          : "notices",
            finding_count(&report->findings, (enum finding_severity)severity));
    put_json_fixed(&w, &report->fixed);
    json_writer_name(&w, "findings");
    json_writer_begin_array(&w);
    for (size_t i = 0; i < report->findings.count; i++)
        put_json_finding(&w, report->findings.items[i]);
    json_writer_end_array(&w);
    json_writer_end_object(&w);
    json_writer_finish(&w);
}
