#include "dump/dump_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define LIVE_MS 200   /* between two changes of the line */
#define PLAIN_MS 5000 /* between two lines */

void dump_progress_init(
    struct dump_progress *progress, enum dump_progress_mode mode, uint64_t size_all)
{
    *progress = (struct dump_progress){.mode = mode, .size_all = size_all};
    progress->is_live = mode == DUMP_PROGRESS_AUTO && isatty(STDERR_FILENO) == 1;
    clock_gettime(CLOCK_MONOTONIC, &progress->start);
}

uint64_t dump_progress_ms(const struct dump_progress *progress)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)((now.tv_sec - progress->start.tv_sec) * 1000
                      + (now.tv_nsec - progress->start.tv_nsec) / 1000000);
}

void dump_progress_format_size(char out[DUMP_PROGRESS_SIZE_TEXT], uint64_t size)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    double number = (double)size;
    size_t unit = 0;

    while (number >= 999.95 && unit + 1 < sizeof(units) / sizeof(*units)) {
        number /= 1000;
        unit++;
    }
    snprintf(out, DUMP_PROGRESS_SIZE_TEXT, unit == 0 ? "%.0f %s" : "%.1f %s", number, units[unit]);
}

void dump_progress_show(struct dump_progress *progress, const struct dump_progress_state *state)
{
    uint64_t now = dump_progress_ms(progress);
    bool is_plain = progress->mode == DUMP_PROGRESS_PLAIN;
    char read[DUMP_PROGRESS_SIZE_TEXT];
    char written[DUMP_PROGRESS_SIZE_TEXT];
    char whole[DUMP_PROGRESS_SIZE_TEXT];

    if ((!is_plain && !progress->is_live)
        || now - progress->shown_ms < (is_plain ? PLAIN_MS : LIVE_MS))
        return;
    progress->shown_ms = now;
    dump_progress_format_size(read, state->size);
    dump_progress_format_size(written, state->written_size);
    dump_progress_format_size(whole, progress->size_all);
    fprintf(stderr,
        "%s%" PRIu64 " s: %" PRIu64
        " rows, %s read of a file of %s, %s written, in table \"%.40s\"%s",
        is_plain ? "valise-dump: " : "\r\033[K", now / 1000, state->row_count, read, whole, written,
        state->table, is_plain ? "\n" : "");
    fflush(stderr);
    progress->has_line = !is_plain;
}

void dump_progress_clear(struct dump_progress *progress)
{
    if (progress->has_line)
        fputs("\r\033[K", stderr);
    progress->has_line = false;
}
