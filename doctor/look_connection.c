#include "doctor/look_connection.h"

#include "base/owned.h"
#include "postgres/quote.h"

#include <glob.h>
#include <string.h>

/* A server that listens elsewhere than where it was looked for is a frequent reason. */
static void advise_sockets(struct patient *patient, struct finding *finding)
{
    OWNED(byte_buffer) struct byte_buffer list = {0};
    glob_t found = {0};

    glob("/var/run/postgresql/.s.PGSQL.*[0-9]", 0, NULL, &found);
    glob("/tmp/.s.PGSQL.*[0-9]", GLOB_APPEND, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i];
        const char *name = strrchr(path, '/');

        quote_plain(&list, list.size == 0 ? "" : "; ");
        quote_plain(&list, patient_format(patient, "host=%.*s port=%s", (int)(name - path), path,
                               strrchr(name, '.') + 1));
    }
    globfree(&found);
    if (list.size > 0)
        finding_mend(patient->findings, finding, FINDING_WORDS,
            "on this host there are sockets of servers (which may be running or gone): %s",
            quote_text(&list));
}

/* The trouble's commands, one a line. */
static void put_commands(
    struct patient *patient, struct finding *finding, const struct connection_trouble *trouble)
{
    for (const char *line = trouble->mend; *line != '\0';) {
        int size = (int)strcspn(line, "\n");
        bool is_sql = size > 0 && (line[size - 1] == ';' || line[0] == '\\');

        if (line[0] == '$')
            finding_mend(patient->findings, finding, FINDING_SHELL, "%.*s", size - 2, line + 2);
        else
            finding_mend(patient->findings, finding, is_sql ? FINDING_SQL : FINDING_WORDS, "%.*s",
                size, line);
        line += size;
        line += *line == '\n';
    }
}

bool look_connection(struct patient *patient, const struct error *failure, struct error *err)
{
    const struct connection_trouble *trouble = &patient->connection.trouble;
    struct finding *finding;

    if (failure->kind == ERROR_REFUSED) {
        finding =
            finding_add(patient->findings, FINDING_ERROR, "server-version", "%s", failure->text);
        finding->why = "Neither Valise nor any application of today works with it.";
        return true;
    }
    if (trouble->name == NULL || failure->kind != ERROR_DATABASE)
        return error_set(err, failure->kind, "%s", failure->text);
    finding = finding_add(patient->findings, FINDING_ERROR, trouble->name,
        "cannot connect to PostgreSQL: %s", trouble->message);
    finding->why = trouble->advice;
    put_commands(patient, finding, trouble);
    if (strcmp(trouble->name, "no-socket") == 0 || strcmp(trouble->name, "connection-refused") == 0)
        advise_sockets(patient, finding);
    return true;
}

bool look_connection_pooled(struct patient *patient, const struct error *failure, struct error *err)
{
    struct finding *finding;

    if (failure->kind != ERROR_REFUSED)
        return error_set(err, failure->kind, "%s", failure->text);
    finding = finding_add(patient->findings, FINDING_ERROR, "pooler", "%s", failure->text);
    finding->why =
        "A replay refuses it. Nothing else was examined, as what this program sets for its "
        "session would stay in one that the application gets next.";
    return true;
}
