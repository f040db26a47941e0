/* How much room is left where the server keeps its data. */
#ifndef DOCTOR_LOOK_DISK_H
#define DOCTOR_LOOK_DISK_H

#include "base/error.h"
#include "doctor/patient.h"

/* Adds its findings. Fails only when looking is impossible. */
MUST_CHECK bool look_disk(struct patient *patient, struct error *err);

#endif
