/*
 * Making a database that sorts by bytes.
 *
 * UTF8, LC_COLLATE and LC_CTYPE C, from template0: what sorts alike on every
 * host and in every year. Never drops or changes a database.
 */
#ifndef POSTGRES_DATABASE_CREATE_H
#define POSTGRES_DATABASE_CREATE_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "postgres/connection.h"

/*
 * Makes the database that target names, by way of the maintenance database "postgres" (or
 * template1), and appends one line about it to out. owner is a role that exists; NULL: the role
 * that connects. One that is there already and is right (owner too, when one is given) is no error.
 * Fails with ERROR_REFUSED when one is there with other properties, naming them, or a role or a
 * right is missing; ERROR_USAGE when the target names no database; else as connection_open().
 */
MUST_CHECK bool database_create(const struct connection_target *target, const char *owner,
    struct byte_buffer *out, struct error *err);

#endif
