/*
 * What a homeserver.yaml's database: section shall hold.
 *
 * The settings of "args" are libpq's parameters and Synapse's cp_*; a few others
 * stand beside "name". A key occurs once; the last value given counts. "database"
 * is libpq's dbname.
 */
#ifndef POSTGRES_HOMESERVER_SETTINGS_H
#define POSTGRES_HOMESERVER_SETTINGS_H

#include "base/arena.h"
#include "base/byte_buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define HOMESERVER_SETTINGS_COUNT_MAX 100

struct homeserver_setting {
    const char *key;
    const char *value;
    bool is_plain;       /* a number or a boolean: written without quotes */
    bool is_beside_name; /* not in args: txn_limit, statement_timeout, allow_unsafe_locale */
};

/* Zero-initialise. */
struct homeserver_settings {
    struct arena arena;
    struct homeserver_setting items[HOMESERVER_SETTINGS_COUNT_MAX];
    size_t count;
};

void homeserver_settings_release(struct homeserver_settings *settings);

/*
 * Sets one. Fails with ERROR_USAGE for a key that neither libpq nor Synapse knows, and for a value
 * that is not valid UTF-8 or, where a number or a boolean is expected, none.
 */
MUST_CHECK bool homeserver_settings_set(
    struct homeserver_settings *settings, const char *key, const char *value, struct error *err);

/* Sets what a DSN names. Fails with ERROR_USAGE. */
MUST_CHECK bool homeserver_settings_set_dsn(
    struct homeserver_settings *settings, const char *dsn, struct error *err);

/* Sets from "key=value". Fails with ERROR_USAGE. */
MUST_CHECK bool homeserver_settings_set_pair(
    struct homeserver_settings *settings, const char *pair, struct error *err);

/* NULL: it is not set. */
const struct homeserver_setting *homeserver_settings_get(
    const struct homeserver_settings *settings, const char *key);

/* Appends the section: "database:" and lines below, each begun by indent blanks but for the first.
 */
void homeserver_settings_put(const struct homeserver_settings *settings, struct byte_buffer *out,
    size_t indent, const char *line_break);

/* Is this a setting whose value no message may show? */
bool homeserver_settings_is_secret(const char *key);

/* The name under which a key is kept: "dbname" for "database". */
const char *homeserver_settings_key(const char *key);

/* Does it stand beside "name", not in args? */
bool homeserver_settings_is_beside_name(const char *key);

#endif
