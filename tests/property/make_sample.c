/* Writes a made-up dump: make_sample SEED FILE [ROWS [VALUE_SIZE]]. */
#include "base/owned.h"
#include "tests/property/sample.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    OWNED(sample) struct sample sample = {0};
    struct sample_limits limits = {
        .table_count = 6, .column_count = 8, .row_count = 50, .value_size = 100};
    struct random_source random;
    struct error err;

    if (argc < 3) {
        fprintf(stderr, "usage: make_sample SEED FILE [ROWS [VALUE_SIZE]]\n");
        return ERROR_USAGE;
    }
    random = (struct random_source){.state = strtoull(argv[1], NULL, 0)};
    if (argc > 3)
        limits.row_count = (uint32_t)strtoul(argv[3], NULL, 0);
    if (argc > 4)
        limits.value_size = (uint32_t)strtoul(argv[4], NULL, 0);
    sample_make(&sample, &random, &limits);
    if (sample_write(&sample, argv[2], 3, limits.row_count / 3 + 1, &err)
        && sample_read(&sample, argv[2], &err))
        return 0;
    fprintf(stderr, "make_sample: %s\n", err.text);
    return (int)err.kind;
}
