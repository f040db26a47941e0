/* Findings about the server: version, durability, connections, who else is there. */
#ifndef DOCTOR_LOOK_SERVER_H
#define DOCTOR_LOOK_SERVER_H

#include "base/error.h"
#include "doctor/patient.h"

/* Adds its findings. Fails only when looking is impossible. */
MUST_CHECK bool look_server(struct patient *patient, struct error *err);

#endif
