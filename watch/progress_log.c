#include "watch/progress_log.h"

#include "base/byte_buffer.h"
#include "base/owned.h"
#include "base/safe_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void progress_log_release(struct progress_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        free(log->lines[i].text);
        free(log->lines[i].advice);
    }
    free(log->lines);
    *log = (struct progress_log){0};
}

static void forget_oldest(struct progress_log *log)
{
    free(log->lines[0].text);
    free(log->lines[0].advice);
    log->count--;
    memmove(&log->lines[0], &log->lines[1], log->count * sizeof(*log->lines));
    log->first++;
}

void progress_log_add(
    struct progress_log *log, const struct progress_line *line, bool waits_for_show)
{
    if (log->count >= PROGRESS_LOG_COUNT_MAX && (!waits_for_show || log->first < log->shown))
        forget_oldest(log);
    if (log->count == log->room) {
        log->room = log->room == 0 ? 64 : 2 * log->room;
        log->lines = byte_buffer_realloc(log->lines, log->room * sizeof(*log->lines));
    }
    log->lines[log->count++] = *line;
}

void progress_log_print_warning(const char *program, const char *text)
{
    OWNED(byte_buffer) struct byte_buffer line = {0};

    byte_buffer_format(&line, "%s: warning: ", program);
    safe_text_put(&line, text, strlen(text));
    fprintf(stderr, "%.*s\n", (int)line.size, (const char *)line.data);
}
