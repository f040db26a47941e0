/* The file of --report: a page when its name ends with ".html" or ".htm", else JSON. */
#ifndef REPLAY_REPORT_FILE_H
#define REPLAY_REPORT_FILE_H

#include "base/error.h"
#include "base/file.h"
#include "replay/report/report.h"
#include "watch/progress.h"

/* Before the work: fails with ERROR_USAGE when path is a file that no report may replace. */
MUST_CHECK bool report_file_check(const char *path, struct error *err);

/* Writes it and commits the file; path is its name as given, failure the error of a failed replay,
   or NULL. Times and rates come from the progress. Fails with ERROR_IO. */
MUST_CHECK bool report_file_write(struct report *report, struct file_output *file,
    struct progress *progress, const struct error *failure, struct error *err);

#endif
