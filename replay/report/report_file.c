#include "replay/report/report_file.h"

#include "base/owned.h"
#include "format/dump_guard.h"
#include "replay/report/report_html.h"
#include "replay/report/report_json.h"
#include "watch/progress_view.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_page(const char *path)
{
    const char *end = path == NULL ? NULL : strrchr(path, '.');

    return end != NULL && (strcasecmp(end, ".html") == 0 || strcasecmp(end, ".htm") == 0);
}

bool report_file_check(const char *path, struct error *err)
{
    /* As report_json.c and report_html.c begin. */
    static const char *const beginnings[] = {"{\n  \"outcome\": ",
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"};
    static const struct dump_guard_kind kind = {"report", beginnings, 2};

    return dump_guard_check_kind(path, &kind, err);
}

bool report_file_write(struct report *report, struct file_output *file, struct progress *progress,
    const struct error *failure, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};
    OWNED(progress_view) struct progress_view view = {0};
    struct progress_rate *rate = byte_buffer_calloc(1, sizeof(*rate));

    progress_view_take(&view, rate, progress);
    report->view = &view;
    report->rate = rate;
    if (is_page(file->path))
        report_html_put(report, failure, &text);
    else
        report_json_put(report, failure, &text);
    report->view = NULL;
    report->rate = NULL;
    free(rate);
    return file_output_write(file, text.data, text.size, err) && file_output_commit(file, err);
}
