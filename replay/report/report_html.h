/*
 * The report of a replay as one page: no script, nothing fetched from elsewhere, light and dark.
 */
#ifndef REPLAY_REPORT_HTML_H
#define REPLAY_REPORT_HTML_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "replay/report/report.h"

/* Appends the page; failure is the error of a failed replay, or NULL. */
void report_html_put(
    const struct report *report, const struct error *failure, struct byte_buffer *out);

#endif
