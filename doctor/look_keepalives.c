#include "doctor/look_keepalives.h"

#include "base/owned.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX 300 /* until a dead connection should be noticed */

/* After idle seconds without a word, count probes, interval seconds apart. */
struct keepalives {
    int64_t idle;
    int64_t interval;
    int64_t count;
};

static int64_t seconds_of(const struct keepalives *keepalives)
{
    return keepalives->idle + keepalives->interval * keepalives->count;
}

/* --- the client's -------------------------------------------------------------------- */

/* Of this host's kernel: what a connection has for which nothing is set. */
static int64_t kernel_default(const char *name, int64_t otherwise)
{
    char path[96];
    FILE *file;
    long long value = otherwise;

    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/tcp_keepalive_%s", name);
    file = fopen(path, "re");
    if (file == NULL)
        return otherwise;
    if (fscanf(file, "%lld", &value) != 1)
        value = otherwise;
    fclose(file);
    return value;
}

/* An argument of the configuration, as a number; 0 and nothing mean the kernel's. */
static int64_t argument(const struct homeserver *homeserver, const char *name, int64_t otherwise)
{
    const struct connection_target *target = &homeserver->target;

    for (size_t i = 0; target->keywords[i] != NULL; i++)
        if (strcmp(target->keywords[i], name) == 0 && strtoll(target->values[i], NULL, 10) > 0)
            return strtoll(target->values[i], NULL, 10);
    return otherwise;
}

/* keepalives: 0 switches them off altogether. */
static bool are_off(const struct homeserver *homeserver)
{
    const struct connection_target *target = &homeserver->target;

    for (size_t i = 0; target->keywords[i] != NULL; i++)
        if (strcmp(target->keywords[i], "keepalives") == 0)
            return strcmp(target->values[i], "0") == 0;
    return false;
}

static void look_client(struct patient *patient)
{
    struct keepalives keepalives;
    struct finding *finding;

    if (patient->homeserver == NULL)
        return;
    keepalives.idle =
        argument(patient->homeserver, "keepalives_idle", kernel_default("time", 7200));
    keepalives.interval =
        argument(patient->homeserver, "keepalives_interval", kernel_default("intvl", 75));
    keepalives.count =
        argument(patient->homeserver, "keepalives_count", kernel_default("probes", 9));
    if (!are_off(patient->homeserver) && seconds_of(&keepalives) <= SECONDS_MAX) {
        patient_well(patient, "keepalives-client", "set");
        return;
    }
    if (are_off(patient->homeserver))
        finding = finding_add(patient->findings, FINDING_WARNING, "keepalives-client",
            "the configuration switches TCP keepalives off");
    else
        finding = finding_add(patient->findings, FINDING_WARNING, "keepalives-client",
            "a connection that died is noticed after %" PRId64 " s: keepalives_idle %" PRId64
            " s, then keepalives_count %" PRId64 " probes keepalives_interval %" PRId64 " s apart",
            seconds_of(&keepalives), keepalives.idle, keepalives.count, keepalives.interval);
    finding->why = "When the server, a firewall or a network address translation drops a "
                   "connection without a word, the application waits on it that long.";
    finding_mend(patient->findings, finding, FINDING_WORDS,
        "in homeserver.yaml, among the args of the database section (valise config writes them): "
        "keepalives_idle: 10, keepalives_interval: 10, keepalives_count: 3 notice it after 40 s");
}

/* --- the server's ------------------------------------------------------------------------ */

static bool look_there(struct patient *patient, struct error *err)
{
    static const char sql[] = "SELECT current_setting('tcp_keepalives_idle')::bigint,"
                              " current_setting('tcp_keepalives_interval')::bigint,"
                              " current_setting('tcp_keepalives_count')::bigint";
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct keepalives keepalives;
    struct finding *finding;

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    keepalives = (struct keepalives){connection_rows_integer(&rows, 0, 0),
        connection_rows_integer(&rows, 0, 1), connection_rows_integer(&rows, 0, 2)};
    if (keepalives.idle == 0)
        return true; /* a system that does not tell */
    if (seconds_of(&keepalives) <= SECONDS_MAX) {
        patient_well(patient, "keepalives-server", "set");
        return true;
    }
    finding = finding_add(patient->findings, FINDING_NOTICE, "keepalives-server",
        "the server notices a client that vanished after %" PRId64
        " s: tcp_keepalives_idle %" PRId64 " s, then tcp_keepalives_count %" PRId64
        " probes tcp_keepalives_interval %" PRId64 " s apart",
        seconds_of(&keepalives), keepalives.idle, keepalives.count, keepalives.interval);
    finding->why = "Until then its session keeps its locks and takes one of max_connections.";
    finding_mend(
        patient->findings, finding, FINDING_SQL, "ALTER SYSTEM SET tcp_keepalives_idle = 60;");
    finding_mend(
        patient->findings, finding, FINDING_SQL, "ALTER SYSTEM SET tcp_keepalives_interval = 10;");
    finding_mend(
        patient->findings, finding, FINDING_SQL, "ALTER SYSTEM SET tcp_keepalives_count = 6;");
    finding_mend(patient->findings, finding, FINDING_SQL, "SELECT pg_reload_conf();");
    return true;
}

bool look_keepalives(struct patient *patient, struct error *err)
{
    if (patient->is_by_socket) {
        patient_well(patient, "keepalives-client", "a local socket needs none");
        return true;
    }
    look_client(patient);
    return look_there(patient, err);
}
