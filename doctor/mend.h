/*
 * What --fix does.
 */
#ifndef DOCTOR_MEND_H
#define DOCTOR_MEND_H

#include "base/error.h"
#include "doctor/patient.h"

#include <stdbool.h>

/* Is there a mending of this name? */
bool mend_exists(const char *name);

/* The names, for messages. */
extern const char mend_names[];

/*
 * Mends, and appends each statement that was executed to out. In one transaction. Fails with
 * ERROR_REFUSED when others are connected and that matters.
 */
MUST_CHECK bool mend_run(
    struct patient *patient, const char *name, struct byte_buffer *out, struct error *err);

#endif
