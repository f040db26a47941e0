/* A DSN ("host=... dbname=..." or a postgresql:// URI) taken apart by libpq. */
#ifndef POSTGRES_DSN_H
#define POSTGRES_DSN_H

#include "base/byte_buffer.h"
#include "base/error.h"

#include <stdbool.h>

/* Fails with ERROR_USAGE, without a piece of the password, when libpq does not understand it. */
MUST_CHECK bool dsn_check(const char *dsn, struct error *err);

/* Called for every parameter that a DSN names. Fails with ERROR_USAGE. */
typedef bool dsn_visitor(void *context, const char *keyword, const char *value, struct error *err);

/* Visits the parameters in libpq's order. Fails as dsn_check(), or as visit. */
MUST_CHECK bool dsn_visit(const char *dsn, dsn_visitor *visit, void *context, struct error *err);

/* Appends keyword='value' as a connection string has it, after a space unless it is the first. */
void dsn_put(struct byte_buffer *out, const char *keyword, const char *value);

#endif
