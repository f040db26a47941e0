/*
 * The database under examination: one session, and what every family needs.
 *
 * Texts live in the findings' arena. While it is examined, the session's
 * transactions are read-only.
 */
#ifndef DOCTOR_PATIENT_H
#define DOCTOR_PATIENT_H

#include "base/error.h"
#include "doctor/finding.h"
#include "postgres/connection.h"
#include "postgres/homeserver.h"
#include "profile/profile.h"
#include "watch/progress.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SQL: the schemas that belong to applications; n is pg_namespace. */
#define PATIENT_SCHEMAS \
    " n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND n.nspname <> 'valise' "

struct patient {
    struct connection connection;
    struct connection_target target;
    const struct homeserver *homeserver; /* NULL: by DSN or environment */
    struct profile profile;
    struct finding_list *findings;
    struct progress *progress; /* what takes long is told there */
    const char *database;
    const char *role;
    const char *owner;          /* of the database */
    const char *version_text;   /* as the server writes it */
    const char *dsn;            /* host, port, user and dbname; never a password */
    const char *client_options; /* "--host=... --port=... --username=...", for a shell */
    bool is_superuser;
    bool is_in_recovery;
    bool is_by_socket;    /* a Unix socket */
    bool is_here;         /* the server runs on this host, as far as can be told */
    bool is_deep;         /* look also where it takes long */
    uint64_t memory_size; /* bytes that the server's host has; 0: not known */
    const char *memory_source;
};

void patient_release(struct patient *patient);

/* Learns the texts and facts above from the session, which is open. */
MUST_CHECK bool patient_read(struct patient *patient, struct error *err);

/* Runs one query; names without a schema are pg_catalog's. */
MUST_CHECK bool patient_query(struct patient *patient, const char *sql,
    const struct connection_values *values, struct connection_rows *rows, struct error *err);

/* Likewise a profile's query, or about tables that it names: the role's own names, too. */
MUST_CHECK bool patient_path_query(struct patient *patient, const char *sql,
    const struct connection_values *values, struct connection_rows *rows, struct error *err);

/* What servers have since a version (150000), else the other text. */
const char *patient_since(
    const struct patient *patient, int version_num, const char *then, const char *before);

/* Copies of a value; "" for NULL. The second: as an SQL name, the third as "schema"."name". */
const char *patient_text(
    const struct patient *patient, const struct connection_rows *rows, size_t row, size_t column);
const char *patient_name(const struct patient *patient, const char *name);
const char *patient_qualified(const struct patient *patient, const char *schema, const char *name);
const char *patient_literal(const struct patient *patient, const char *text);
const char *patient_shell(const struct patient *patient, const char *word);

char *patient_format(const struct patient *patient, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* "4.2 GB", "512 kB", in PostgreSQL's units (1 kB is 1024 bytes). */
const char *patient_size(const struct patient *patient, uint64_t size);

/* " and 7 more", when a list was cut; "" when all of it was shown. */
const char *patient_and_more(const struct patient *patient, uint64_t count, uint64_t shown_count);

/* SQL: the condition that a row s of pg_stat_activity is another client's session with the
 * database. */
const char *patient_others(const struct patient *patient);

/* A setting's value, as SHOW prints it; NULL when there is none or it may not be seen. */
MUST_CHECK bool patient_setting(
    struct patient *patient, const char *name, const char **value, struct error *err);

/* Appends an ok finding. */
void patient_well(const struct patient *patient, const char *name, const char *what);

#endif
