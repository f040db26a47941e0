/*
 * Decimal numbers as text, exactly.
 *
 * One canonical form for every number that means the same: no leading or
 * trailing zeros, no exponent, "-" only before a number that is not zero.
 */
#ifndef REPLAY_DECIMAL_H
#define REPLAY_DECIMAL_H

#include "base/byte_buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How many digits a number has before and after the point, without needless zeros. Below 0: so many
 * zeros are between its digits and the point (0.001: -2 and 3; 1200: 4 and -2).
 */
struct decimal_shape {
    long integer_digits;
    long fraction_digits;
    bool is_zero;       /* then both are 0 */
    long written_scale; /* digits after the point, with needless zeros */
    long exponent;      /* as it was written */
};

#define DECIMAL_DIGITS_MAX 131072u       /* before the point, as PostgreSQL's numeric */
#define DECIMAL_SCALE_MAX 16383u         /* after it */
#define DECIMAL_EXPONENT_MAX 1073741822L /* that PostgreSQL reads, also of zero; negative too */

/*
 * Appends the canonical form of a text like "-012.50e3". False, with nothing
 * appended, when it is no number or beyond what numeric can hold. shape may be NULL.
 */
bool decimal_canonical(
    struct byte_buffer *out, const uint8_t *text, size_t size, struct decimal_shape *shape);

/* Appends the shortest text that reads back as this finite number. */
void decimal_of_real(struct byte_buffer *out, double real);

#endif
