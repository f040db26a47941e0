/* Runs the fuzz target over every file given, over every prefix and with bits flipped. */
#include "base/file.h"
#include "base/owned.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>

#define FILE_SIZE_MAX ((size_t)1 << 24)
#define STEP_COUNT 64 /* prefixes, and flipped bits, of one file */

static void run(struct byte_buffer *bytes)
{
    LLVMFuzzerTestOneInput(bytes->data, bytes->size);
    for (size_t i = 0; i < STEP_COUNT && bytes->size > 0; i++) {
        size_t at = bytes->size * i / STEP_COUNT;

        LLVMFuzzerTestOneInput(bytes->data, at);
        bytes->data[at] ^= (uint8_t)(1u << i % 8);
        LLVMFuzzerTestOneInput(bytes->data, bytes->size);
        bytes->data[at] ^= (uint8_t)(1u << i % 8);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        OWNED(byte_buffer) struct byte_buffer bytes = {0};
        struct error err;

        if (!file_read_all(&bytes, argv[i], FILE_SIZE_MAX, &err)) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        run(&bytes);
    }
    printf("%d files\n", argc - 1);
    return argc > 1 ? 0 : 1;
}
