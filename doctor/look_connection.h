/* The finding that there is no session to examine. */
#ifndef DOCTOR_LOOK_CONNECTION_H
#define DOCTOR_LOOK_CONNECTION_H

#include "base/error.h"
#include "doctor/patient.h"

#include <stdbool.h>

/*
 * Turns what connection_open() failed with into a finding. Fails with the same error when it is
 * none: wrong usage, or stopped.
 */
MUST_CHECK bool look_connection(
    struct patient *patient, const struct error *failure, struct error *err);

/* The same of what pooler_check() failed with. */
MUST_CHECK bool look_connection_pooled(
    struct patient *patient, const struct error *failure, struct error *err);

#endif
