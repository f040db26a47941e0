/* What the ledger of a target says, from any session. */
#ifndef REPLAY_STATUS_H
#define REPLAY_STATUS_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "postgres/connection.h"

/* Appends a description for a person. Fails as ledger_read(). */
MUST_CHECK bool status_text(
    struct connection *connection, struct byte_buffer *out, struct error *err);

#endif
