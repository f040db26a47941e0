/* Findings about encoding, collation and ctype, of the database and of what is in it. */
#ifndef DOCTOR_LOOK_LOCALE_H
#define DOCTOR_LOOK_LOCALE_H

#include "base/error.h"
#include "doctor/patient.h"

/* Adds its findings. Fails only when looking is impossible. */
MUST_CHECK bool look_locale(struct patient *patient, struct error *err);

#endif
