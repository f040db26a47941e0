/*
 * Keys, indexes and references of a table in a script of CREATE statements: as
 * SQLite lists them (PRAGMA index_list, index_xinfo, foreign_key_list).
 */
#ifndef TOOLS_CREATE_KEYS_H
#define TOOLS_CREATE_KEYS_H

#include "tools/create_script.h"

/*
 * Appends PRIMARY KEY and UNIQUE to the body of CREATE TABLE, and the other indexes as statements
 * of their own to `indexes`. Fails with ERROR_DATABASE.
 */
MUST_CHECK bool create_keys_put(struct create_script *script, uint32_t ordinal,
    struct byte_buffer *body, struct byte_buffer *indexes, struct error *err);

/* Appends the foreign keys to script->later. Fails with ERROR_DATABASE. */
MUST_CHECK bool create_keys_put_foreign(
    struct create_script *script, uint32_t ordinal, struct error *err);

#endif
