/* Indexes that PostgreSQL's own extension amcheck finds damaged. */
#ifndef DOCTOR_LOOK_AMCHECK_H
#define DOCTOR_LOOK_AMCHECK_H

#include "base/error.h"
#include "doctor/patient.h"

/* Adds its findings, when looking deep. Fails only when looking is impossible. */
MUST_CHECK bool look_amcheck(struct patient *patient, struct error *err);

#endif
