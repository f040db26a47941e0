/*
 * JSON texts that mean the same, made the same.
 *
 * As PostgreSQL's jsonb sees it: no space outside strings, of equal keys the
 * last one, keys sorted, strings unescaped, numbers canonical (decimal.h).
 */
#ifndef REPLAY_JSON_CANONICAL_H
#define REPLAY_JSON_CANONICAL_H

#include "base/byte_buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_CANONICAL_DEPTH_MAX 1000 /* nested arrays and objects */

/*
 * Appends the canonical form. False, with an undefined addition, when the text is
 * not JSON, or has what jsonb cannot hold: \u0000, a lone surrogate.
 */
bool json_canonical_append(struct byte_buffer *out, const uint8_t *text, size_t size);

/* Is it JSON at all, as the type json demands? */
bool json_canonical_is_json(const uint8_t *text, size_t size);

#endif
