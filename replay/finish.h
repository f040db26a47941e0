/*
 * After the rows: what was taken down comes back, sequences are set, and the
 * planner learns about the new rows. Every step may be repeated.
 */
#ifndef REPLAY_FINISH_H
#define REPLAY_FINISH_H

#include "base/error.h"
#include "replay/loader.h"
#include "replay/target_catalog.h"

/* Brings back all saved DDL that is not there, phase by phase, on all connections. */
MUST_CHECK bool finish_restore(const struct loader *loader, struct error *err);

/* ANALYZE of every table that was written. */
MUST_CHECK bool finish_analyze(const struct loader *loader, struct error *err);

#endif
