/* The report of a replay as JSON, for programs (docs/report.md). */
#ifndef REPLAY_REPORT_JSON_H
#define REPLAY_REPORT_JSON_H

#include "base/error.h"
#include "base/file.h"
#include "replay/report.h"

/* Writes it to a file and commits that; failure is the error of a failed replay, or NULL. Fails
   with ERROR_IO. */
MUST_CHECK bool report_json_write(const struct report *report, struct file_output *file,
    const struct error *failure, struct error *err);

#endif
