#include "doctor/patient.h"

#include "base/owned.h"
#include "postgres/connection_path.h"
#include "postgres/dsn.h"
#include "postgres/quote.h"
#include "postgres/server_place.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void patient_release(struct patient *patient)
{
    profile_release(&patient->profile);
    connection_release(&patient->connection);
}

/* --- queries ------------------------------------------------------------------- */

bool patient_query(struct patient *patient, const char *sql, const struct connection_values *values,
    struct connection_rows *rows, struct error *err)
{
    return connection_query(&patient->connection, sql, values, rows, err);
}

bool patient_path_query(struct patient *patient, const char *sql,
    const struct connection_values *values, struct connection_rows *rows, struct error *err)
{
    return connection_path_query(&patient->connection, sql, values, rows, err);
}

const char *patient_since(
    const struct patient *patient, int version_num, const char *then, const char *before)
{
    return patient->connection.version_num >= version_num ? then : before;
}

/* Of other roles a role that is no superuser sees the user, but not the kind of session. What a
   pooler in session mode keeps open was cleaned with DISCARD ALL: nobody is behind it. */
const char *patient_others(const struct patient *patient)
{
    return patient_format(patient,
        "s.datname = current_database() AND s.pid <> pg_backend_pid()"
        " AND (s.state = 'idle' AND s.query = 'DISCARD ALL') IS NOT TRUE%s",
        patient_since(patient, 100000,
            " AND (s.backend_type = 'client backend'"
            " OR (s.backend_type IS NULL AND s.usesysid IS NOT NULL))",
            ""));
}

bool patient_setting(
    struct patient *patient, const char *name, const char **value, struct error *err)
{
    const struct connection_values values = {&name, 1};
    OWNED(connection_rows) struct connection_rows rows = {0};

    *value = NULL;
    if (!patient_query(patient, "SELECT current_setting(name) FROM pg_settings WHERE name = $1",
            &values, &rows, err))
        return false;
    if (rows.row_count == 1)
        *value = patient_text(patient, &rows, 0, 0);
    return true;
}

/* --- texts ----------------------------------------------------------------------- */

const char *patient_text(
    const struct patient *patient, const struct connection_rows *rows, size_t row, size_t column)
{
    const char *text = connection_rows_text(rows, row, column);

    return text == NULL ? "" : arena_text(&patient->findings->arena, text);
}

static const char *keep(const struct patient *patient, const struct byte_buffer *text)
{
    return arena_copy(&patient->findings->arena, text->data, text->size);
}

const char *patient_name(const struct patient *patient, const char *name)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};

    quote_shown_name(&text, name);
    return keep(patient, &text);
}

const char *patient_qualified(const struct patient *patient, const char *schema, const char *name)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};

    quote_shown_qualified(&text, schema, name);
    return keep(patient, &text);
}

const char *patient_literal(const struct patient *patient, const char *text)
{
    OWNED(byte_buffer) struct byte_buffer quoted = {0};

    quote_literal(&quoted, text);
    return keep(patient, &quoted);
}

const char *patient_shell(const struct patient *patient, const char *word)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};

    quote_shell(&text, word);
    return keep(patient, &text);
}

char *patient_format(const struct patient *patient, const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    text = arena_format_list(&patient->findings->arena, fmt, args);
    va_end(args);
    return text;
}

const char *patient_size(const struct patient *patient, uint64_t size)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    double value = (double)size;
    size_t unit = 0;

    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    if (unit == 0 || value >= 100 || value == (double)(uint64_t)value)
        return patient_format(patient, "%.0f %s", value, units[unit]);
    return patient_format(patient, "%.1f %s", value, units[unit]);
}

const char *patient_and_more(const struct patient *patient, uint64_t count, uint64_t shown_count)
{
    if (count <= shown_count)
        return "";
    return patient_format(patient, " and %" PRIu64 " more", count - shown_count);
}

void patient_well(const struct patient *patient, const char *name, const char *what)
{
    (void)finding_add(patient->findings, FINDING_OK, name, "%s", what);
}

/* --- who it is -------------------------------------------------------------------- */

static void describe_client(struct patient *patient, const struct connection_place *place)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};

    quote_plain(&text, "--host=");
    quote_shell(&text, place->host);
    quote_plain(&text, " --port=");
    quote_shell(&text, place->port);
    quote_plain(&text, " --username=");
    quote_shell(&text, place->user);
    patient->client_options = keep(patient, &text);
}

static void describe_dsn(struct patient *patient, const struct connection_place *place)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};

    dsn_put(&text, "host", place->host);
    dsn_put(&text, "port", place->port);
    dsn_put(&text, "user", place->user);
    dsn_put(&text, "dbname", place->database);
    patient->dsn = keep(patient, &text);
}

static bool find_place(struct patient *patient, struct error *err)
{
    struct connection_place place;
    struct server_place server;

    connection_place(&patient->connection, &place);
    describe_client(patient, &place);
    describe_dsn(patient, &place);
    if (!server_place_read(&server, &patient->connection, err))
        return false;
    patient->is_by_socket = server.is_by_socket;
    patient->is_here = server.is_here;
    return true;
}

bool patient_read(struct patient *patient, struct error *err)
{
    static const char sql[] = "SELECT d.datname, current_user::text, pg_get_userbyid(d.datdba),"
                              " current_setting('server_version'), r.rolsuper, pg_is_in_recovery()"
                              " FROM pg_database AS d, pg_roles AS r"
                              " WHERE d.datname = current_database() AND r.rolname = current_user";
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_exec(
            &patient->connection, "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", err)
        || !patient_query(patient, sql, NULL, &rows, err))
        return false;
    if (rows.row_count != 1)
        return error_set(err, ERROR_DATABASE, "pg_database has %zu rows for this database and role",
            rows.row_count);
    patient->database = patient_text(patient, &rows, 0, 0);
    patient->role = patient_text(patient, &rows, 0, 1);
    patient->owner = patient_text(patient, &rows, 0, 2);
    patient->version_text = patient_text(patient, &rows, 0, 3);
    patient->is_superuser = connection_rows_boolean(&rows, 0, 4);
    patient->is_in_recovery = connection_rows_boolean(&rows, 0, 5);
    return find_place(patient, err);
}
