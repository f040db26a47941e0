/* How fast it went, as a picture in a page. */
#ifndef REPLAY_REPORT_CHART_H
#define REPLAY_REPORT_CHART_H

#include "base/byte_buffer.h"
#include "watch/progress_rate.h"

/* Appends an <svg> of MB/s over time, loading and verifying; nothing with fewer than three samples.
 */
void report_chart_put(struct byte_buffer *out, const struct progress_rate *rate);

#endif
