#include "replay/report/report_chart.h"

#include "watch/amount_text.h"

#include <math.h>
#include <stdio.h>

#define WIDTH 900
#define HEIGHT 220
#define LEFT 60 /* of the plot, in the picture */
#define BOTTOM 30
#define TOP 24
#define SAMPLES_MIN 3

/* What is drawn as one line. */
struct series {
    const char *name; /* also its class in the style */
    unsigned phases;  /* bits */
};

static const struct series all[] = {
    {"load", 1u << PROGRESS_LOAD | 1u << PROGRESS_DERIVE | 1u << PROGRESS_CHANGE},
    {"verify", 1u << PROGRESS_VERIFY},
};

static uint64_t bytes_of(const struct progress_sample *sample, const struct series *series)
{
    uint64_t bytes = 0;

    for (int i = 0; i < PROGRESS_PHASE_COUNT; i++)
        if ((series->phases & (1u << i)) != 0)
            bytes += sample->bytes[i];
    return bytes;
}

/* MB/s between a sample and the one before it. A new dump of a chain begins at 0 again. */
static double speed(const struct progress_rate *rate, size_t at, const struct series *series)
{
    uint64_t now = bytes_of(&rate->history[at], series);
    uint64_t before = bytes_of(&rate->history[at - 1], series);
    double seconds = rate->history[at].seconds - rate->history[at - 1].seconds;

    return now <= before || seconds <= 0 ? 0 : (double)(now - before) / seconds / 1e6;
}

/* The next of 1, 2, 5, 10, 20, ... */
static double nice_limit(double value)
{
    double power = pow(10, floor(log10(value < 0.001 ? 0.001 : value)));

    return value <= power       ? power
           : value <= 2 * power ? 2 * power
           : value <= 5 * power ? 5 * power
                                : 10 * power;
}

static double highest(const struct progress_rate *rate)
{
    double most = 0;

    for (size_t s = 0; s < sizeof(all) / sizeof(all[0]); s++)
        for (size_t i = 1; i < rate->history_count; i++)
            if (speed(rate, i, &all[s]) > most)
                most = speed(rate, i, &all[s]);
    return nice_limit(most);
}

static void put_axes(struct byte_buffer *out, double top, double seconds)
{
    char time[AMOUNT_TEXT_ROOM];

    for (int i = 0; i <= 4; i++) {
        double y = TOP + (HEIGHT - TOP - BOTTOM) * (4 - i) / 4.0;
        double x = LEFT + (WIDTH - LEFT - 20) * i / 4.0;

        byte_buffer_format(out,
            "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>", LEFT, y,
            WIDTH - 20, y);
        byte_buffer_format(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>", LEFT - 6,
            y + 4, top * i / 4);
        if (seconds < 10)
            snprintf(time, sizeof(time), "%.1f s", seconds * i / 4);
        else
            amount_text_duration(time, seconds * i / 4);
        byte_buffer_format(
            out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>", x, HEIGHT - 8, time);
    }
    byte_buffer_format(out, "<text x=\"%d\" y=\"12\">MB/s</text>\n", LEFT);
}

static void put_line(struct byte_buffer *out, const struct progress_rate *rate,
    const struct series *series, double top)
{
    double first = rate->history[0].seconds;
    double whole = rate->history[rate->history_count - 1].seconds - first;

    byte_buffer_format(out, "<polyline class=\"%s\" points=\"", series->name);
    for (size_t i = 1; i < rate->history_count; i++) {
        double x = LEFT + (WIDTH - LEFT - 20) * (rate->history[i].seconds - first) / whole;
        double y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - speed(rate, i, series) / top);

        byte_buffer_format(out, "%.1f,%.1f ", x, y);
    }
    byte_buffer_format(out, "\"/>\n");
}

void report_chart_put(struct byte_buffer *out, const struct progress_rate *rate)
{
    double top;

    if (rate->history_count < SAMPLES_MIN)
        return;
    top = highest(rate);
    byte_buffer_format(out,
        "<h2>Speed</h2>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"megabytes a second over time\">\n",
        WIDTH, HEIGHT);
    put_axes(out, top, rate->history[rate->history_count - 1].seconds - rate->history[0].seconds);
    for (size_t s = 0; s < sizeof(all) / sizeof(all[0]); s++)
        put_line(out, rate, &all[s], top);
    byte_buffer_format(out, "</svg>\n<p class=\"legend\"><span class=\"load\">loading</span> "
                            "<span class=\"verify\">verifying</span></p>\n");
}
