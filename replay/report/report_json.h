/* The report of a replay as JSON, for programs (docs/report.md). */
#ifndef REPLAY_REPORT_JSON_H
#define REPLAY_REPORT_JSON_H

#include "base/error.h"
#include "replay/report/report.h"

/* Appends it; failure is the error of a failed replay, or NULL. */
void report_json_put(
    const struct report *report, const struct error *failure, struct byte_buffer *out);

#endif
