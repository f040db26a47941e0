#include "watch/progress_rate.h"

#include <math.h>
#include <string.h>

#define SAMPLE_SECONDS 0.15 /* between two samples at least */
#define HALF_LIFE 8.0       /* seconds in which a sample loses half of its weight */
#define KNOWN_SECONDS 1.0   /* before which no time left is told */
#define HISTORY_STEP 0.5

/* A fresh average takes the first value as it is. */
static double blend(double average, double value, double seconds)
{
    double keep = exp2(-seconds / HALF_LIFE);

    return average <= 0 ? value : average * keep + value * (1 - keep);
}

static void remember(struct progress_rate *rate, const struct progress_sample *sample)
{
    size_t count = rate->history_count;

    if (rate->history_step <= 0)
        rate->history_step = HISTORY_STEP;
    if (count > 0 && sample->seconds - rate->history[count - 1].seconds < rate->history_step)
        return;
    if (count == PROGRESS_SAMPLE_COUNT) {
        for (size_t i = 0; i < count / 2; i++)
            rate->history[i] = rate->history[2 * i];
        count /= 2;
        rate->history_step *= 2;
    }
    rate->history[count] = *sample;
    rate->history_count = count + 1;
}

static double growth(uint64_t now, uint64_t before, double seconds)
{
    return now > before ? (double)(now - before) / seconds : 0;
}

void progress_rate_feed(
    struct progress_rate *rate, const struct progress_sample *sample, double fraction)
{
    double seconds = sample->seconds - rate->last.seconds;

    remember(rate, sample);
    if (!rate->is_begun) {
        rate->is_begun = true;
        rate->begun = sample->seconds;
        rate->last = *sample;
        rate->fraction = fraction;
        return;
    }
    if (seconds < SAMPLE_SECONDS)
        return;
    for (int i = 0; i < PROGRESS_PHASE_COUNT; i++) {
        rate->rows_per_second[i] = blend(rate->rows_per_second[i],
            growth(sample->rows[i], rate->last.rows[i], seconds), seconds);
        rate->bytes_per_second[i] = blend(rate->bytes_per_second[i],
            growth(sample->bytes[i], rate->last.bytes[i], seconds), seconds);
    }
    if (fraction >= rate->fraction)
        rate->fraction_second =
            blend(rate->fraction_second, (fraction - rate->fraction) / seconds, seconds);
    rate->fraction = fraction;
    rate->last = *sample;
}

/* The recent speed and that since the beginning, half each: the one follows, the other is calm. */
double progress_rate_left(const struct progress_rate *rate, double left)
{
    double seconds = rate->last.seconds - rate->begun;
    double whole = seconds > 0 ? rate->fraction / seconds : 0;
    double speed = (whole + rate->fraction_second) / 2;

    if (left <= 0)
        return 0;
    if (!rate->is_begun || seconds < KNOWN_SECONDS || speed <= 0)
        return -1;
    return left / speed;
}

void progress_rate_reset(struct progress_rate *rate)
{
    rate->is_begun = false;
    rate->fraction = 0;
    rate->fraction_second = 0;
    memset(rate->rows_per_second, 0, sizeof(rate->rows_per_second));
    memset(rate->bytes_per_second, 0, sizeof(rate->bytes_per_second));
}
