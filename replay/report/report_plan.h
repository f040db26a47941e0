/* What a replay would do, for a person. */
#ifndef REPLAY_REPORT_PLAN_H
#define REPLAY_REPORT_PLAN_H

#include "base/byte_buffer.h"
#include "replay/report/report.h"

/* Appends the plan of a dry run; report->plan and report->estimate are there. */
void report_plan_text(const struct report *report, struct byte_buffer *out);

#endif
