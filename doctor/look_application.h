/* Findings about the application (by its profile) and about replays of our own. */
#ifndef DOCTOR_LOOK_APPLICATION_H
#define DOCTOR_LOOK_APPLICATION_H

#include "base/error.h"
#include "doctor/patient.h"

/* Adds its findings. Fails only when looking is impossible. */
MUST_CHECK bool look_application(struct patient *patient, struct error *err);

#endif
