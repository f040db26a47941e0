/* A text as a scalar that every YAML reader takes for this text and nothing else. */
#ifndef BASE_YAML_QUOTE_H
#define BASE_YAML_QUOTE_H

#include "base/byte_buffer.h"

/*
 * Appends valid UTF-8 in double quotes, in one line; what readers of YAML 1.1 forbid or would
 * take for a line break is escaped.
 */
void yaml_quote_put(struct byte_buffer *out, const char *text);

#endif
