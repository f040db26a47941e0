/* Findings about what the server should clean up and cannot, or does not. */
#ifndef DOCTOR_LOOK_UPKEEP_H
#define DOCTOR_LOOK_UPKEEP_H

#include "base/error.h"
#include "doctor/patient.h"

/* Adds its findings. Fails only when looking is impossible. */
MUST_CHECK bool look_upkeep(struct patient *patient, struct error *err);

#endif
