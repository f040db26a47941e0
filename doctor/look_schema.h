/* Findings about indexes, constraints, tables and triggers that are not what they seem. */
#ifndef DOCTOR_LOOK_SCHEMA_H
#define DOCTOR_LOOK_SCHEMA_H

#include "base/error.h"
#include "doctor/patient.h"

/* Adds its findings. Fails only when looking is impossible. */
MUST_CHECK bool look_schema(struct patient *patient, struct error *err);

#endif
