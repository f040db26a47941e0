/*
 * A homeserver.yaml with another database: section, and nothing else changed.
 *
 * The section is exchanged as bytes, and the result read again: it is given out
 * only if the section holds what it should and every other key is what it was.
 */
#ifndef POSTGRES_HOMESERVER_SWITCH_H
#define POSTGRES_HOMESERVER_SWITCH_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "postgres/homeserver_settings.h"

#include <stdbool.h>

/* What is asked for. */
struct homeserver_switch_request {
    const char *name; /* of the file, in messages */
    const struct byte_buffer *bytes;
    const struct homeserver_settings *settings;
    bool may_replace; /* also a section that names PostgreSQL already */
};

/*
 * Appends the new file to out, and to notes lines that the operator should read (comments that went
 * with the old section; of a section that names PostgreSQL already, what differs). Without them in
 * settings, cp_min, cp_max and the keepalives are as Synapse's documentation has them. Of a section
 * that names PostgreSQL already, what settings do not name stays.
 *
 * Fails with ERROR_USAGE, with line and column, for what it does not understand, and with
 * ERROR_REFUSED when the section names PostgreSQL already, differs, and may_replace is false.
 */
MUST_CHECK bool homeserver_switch_run(const struct homeserver_switch_request *request,
    struct byte_buffer *out, struct byte_buffer *notes, struct error *err);

#endif
