/*
 * Sequences that would give out values which are in use.
 *
 * Those of columns (owned, identity, default nextval) follow from the catalog; the profile says
 * where the application's others must stand. A sequence is only ever moved forward.
 */
#ifndef DOCTOR_LOOK_SEQUENCES_H
#define DOCTOR_LOOK_SEQUENCES_H

#include "base/error.h"
#include "doctor/patient.h"

#include <stddef.h>

/* Adds its findings. Fails only when looking is impossible. */
MUST_CHECK bool look_sequences(struct patient *patient, struct error *err);

/*
 * The same, without findings: executes the statements that mend them and appends each to out, as a
 * line. In the caller's transaction, which may write.
 */
MUST_CHECK bool look_sequences_mend(
    struct patient *patient, struct byte_buffer *out, struct error *err);

#endif
