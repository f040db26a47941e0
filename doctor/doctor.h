/*
 * Looks a server and a database over, and says what is wrong and how to mend it.
 *
 * Looking never writes. --fix mends only what can be mended without risk: forward
 * only, in a transaction, saying what was done.
 */
#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "doctor/finding.h"
#include "postgres/connection.h"
#include "postgres/homeserver.h"
#include "watch/progress.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOCTOR_FORMAT 1 /* of the JSON; docs/doctor.md */

/* What to look at. Borrowed. */
struct doctor_order {
    struct connection_target target;
    const struct homeserver *homeserver; /* NULL: no configuration is known */
    const char *profile;                 /* as profile_find(); NULL: found by itself */
    const char *const *fixes;            /* names of --fix */
    size_t fix_count;
    uint64_t memory_size; /* of the server's host; 0: this host's, if it is the same */
    bool is_deep;
    struct progress *progress; /* what takes long is told there */
};

/* Owned. Zero-initialise. */
struct doctor_report {
    struct finding_list findings;
    struct byte_buffer fixed; /* SQL that was executed, one statement a line */
    bool is_connected;        /* else the next texts are NULL */
    const char *database;
    const char *role;
    const char *server_version;
    const char *application; /* the profile's title; NULL: none is recognised */
};

void doctor_report_release(struct doctor_report *report);

/*
 * Fills the report; that there is something wrong, also with the connection, is no failure. Fails
 * with ERROR_USAGE for a wrong target or an unknown --fix; with ERROR_REFUSED, nothing being
 * changed, for a --fix that must be done by hand, or while others are connected; ERROR_DATABASE
 * when the session is lost; ERROR_STOPPED.
 */
MUST_CHECK bool doctor_run(
    const struct doctor_order *order, struct doctor_report *report, struct error *err);

/* The report for people, and as JSON. */
void doctor_put_text(const struct doctor_report *report, struct byte_buffer *out);
void doctor_put_json(const struct doctor_report *report, struct byte_buffer *out);

#endif
