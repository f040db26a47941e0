#include "doctor/mend.h"

#include "base/owned.h"
#include "doctor/look_sequences.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"

#include <inttypes.h>
#include <string.h>

struct mending {
    const char *name;
    bool needs_quiet; /* nobody else may be connected */
    bool (*run)(struct patient *patient, struct byte_buffer *out, struct error *err);
};

static bool analyze(struct patient *patient, struct byte_buffer *out, struct error *err)
{
    if (!connection_exec(&patient->connection, "ANALYZE", err))
        return false;
    quote_plain(out, "ANALYZE;\n");
    return true;
}

static const struct mending mendings[] = {
    {"analyze", false, analyze},
    {"sequences", true, look_sequences_mend},
};

const char mend_names[] = "analyze, sequences";

static const struct mending *find(const char *name)
{
    for (size_t i = 0; i < sizeof(mendings) / sizeof(mendings[0]); i++)
        if (strcmp(mendings[i].name, name) == 0)
            return &mendings[i];
    return NULL;
}

bool mend_exists(const char *name)
{
    return find(name) != NULL;
}

static bool check_quiet(struct patient *patient, const char *name, struct error *err)
{
    const char *sql = patient_format(patient,
        "SELECT count(*), min(s.pid) FROM pg_stat_activity AS s WHERE %s", patient_others(patient));
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    if (connection_rows_integer(&rows, 0, 0) == 0)
        return true;
    return error_set(err, ERROR_REFUSED,
        "--fix %s: %" PRId64 " other sessions use the database (one is process %" PRId64
        "); stop what they belong to (for Synapse: the homeserver and its workers)",
        name, connection_rows_integer(&rows, 0, 0), connection_rows_integer(&rows, 0, 1));
}

bool mend_run(struct patient *patient, const char *name, struct byte_buffer *out, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    OWNED(byte_buffer) struct byte_buffer done = {0};
    const struct mending *mending = find(name);

    if (mending == NULL)
        return error_set(err, ERROR_USAGE, "--fix %s: what can be fixed is: %s", name, mend_names);
    if (mending->needs_quiet && !check_quiet(patient, name, err))
        return false;
    if (!connection_transaction_begin(&transaction, &patient->connection, "READ WRITE", err)
        || !mending->run(patient, &done, err) || !connection_transaction_commit(&transaction, err))
        return error_wrap(err, "--fix %s", name);
    byte_buffer_put(out, done.data, done.size);
    return true;
}
