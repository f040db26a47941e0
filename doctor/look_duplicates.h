/* Rows that a unique index should have kept out: what a damaged index hides. */
#ifndef DOCTOR_LOOK_DUPLICATES_H
#define DOCTOR_LOOK_DUPLICATES_H

#include "base/error.h"
#include "doctor/patient.h"

/* Adds its findings. Fails only when looking is impossible. */
MUST_CHECK bool look_duplicates(struct patient *patient, struct error *err);

#endif
