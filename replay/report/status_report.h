/* How a replay stands, in words and as JSON (docs/progress.md). */
#ifndef REPLAY_STATUS_REPORT_H
#define REPLAY_STATUS_REPORT_H

#include "base/byte_buffer.h"
#include "replay/report/status.h"

/* For a person. */
void status_report_text(const struct status *status, struct byte_buffer *out);

/* One object. */
void status_report_json(const struct status *status, struct byte_buffer *out);

#endif
