/* UTF-8 as PostgreSQL accepts it: no overlong form, no surrogate, nothing above U+10FFFF. */
#ifndef REPLAY_UTF8_H
#define REPLAY_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool utf8_is_valid(const uint8_t *bytes, size_t size);

/* Size of the valid character at the start of size > 0 bytes; 0: there is none. */
size_t utf8_character_size(const uint8_t *bytes, size_t size);

/* Characters of valid text. */
size_t utf8_length(const uint8_t *bytes, size_t size);

#endif
