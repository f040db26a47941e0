/* Text gathered and then written to standard output at once. */
#ifndef TOOLS_PRINT_H
#define TOOLS_PRINT_H

#include "base/byte_buffer.h"
#include "base/error.h"

#define PRINT_SIZE_ROOM 16 /* bytes */

/* A size in bytes as "4.2 MB"; returns text. */
const char *print_size(char text[PRINT_SIZE_ROOM], uint64_t size);

/* Writes all of it to standard output. Fails with ERROR_IO. */
MUST_CHECK bool print_out(const struct byte_buffer *text, struct error *err);

#endif
