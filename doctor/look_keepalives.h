/* How long a connection that died stays unnoticed. */
#ifndef DOCTOR_LOOK_KEEPALIVES_H
#define DOCTOR_LOOK_KEEPALIVES_H

#include "base/error.h"
#include "doctor/patient.h"

/* Adds its findings. Fails only when looking is impossible. */
MUST_CHECK bool look_keepalives(struct patient *patient, struct error *err);

#endif
