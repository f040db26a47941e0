#include "tools/print.h"

#include "base/file.h"
#include "base/owned.h"

#include <stdio.h>

const char *print_size(char text[PRINT_SIZE_ROOM], uint64_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double shown = (double)size;
    size_t unit = 0;

    while (shown >= 999.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        shown /= 1000;
        unit++;
    }
    snprintf(text, PRINT_SIZE_ROOM, "%.*f %s", unit == 0 ? 0 : 1, shown, units[unit]);
    return text;
}

bool print_out(const struct byte_buffer *text, struct error *err)
{
    OWNED(file_output) struct file_output out = {0};

    return file_output_open(&out, "-", err) && file_output_write(&out, text->data, text->size, err)
           && file_output_commit(&out, err);
}
