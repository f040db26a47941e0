/*
 * A password that is not on the command line, where every user of the machine could read it.
 *
 * At most SECRET_SIZE_MAX bytes of UTF-8, without NUL; appended to a buffer, and no message shows
 * it.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/byte_buffer.h"
#include "base/error.h"

#define SECRET_SIZE_MAX 1000

/*
 * Appends the only line of a file or pipe ("-": standard input), and a NUL. Fails with ERROR_USAGE:
 * empty, several lines, too long, not UTF-8; or ERROR_IO.
 */
MUST_CHECK bool secret_read(struct byte_buffer *out, const char *path, struct error *err);

/*
 * Asks on the terminal without showing what is typed, and appends it and a NUL. The terminal is
 * as it was afterwards, also when a signal ends the wait. Fails with ERROR_USAGE when there is no
 * terminal or the answer is empty or not UTF-8, ERROR_STOPPED after a signal.
 */
MUST_CHECK bool secret_ask(struct byte_buffer *out, const char *question, struct error *err);

#endif
