/* Settings that do not fit the host, for the load and for the time after. */
#ifndef DOCTOR_LOOK_TUNING_H
#define DOCTOR_LOOK_TUNING_H

#include "base/error.h"
#include "doctor/patient.h"

/* Adds its findings. Fails only when looking is impossible. */
MUST_CHECK bool look_tuning(struct patient *patient, struct error *err);

#endif
