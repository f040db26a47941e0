/* A whole file, as the reader and valise verify see it. */
#include "base/owned.h"
#include "tests/fuzz/fuzz.h"
#include "tests/property/memory_file.h"
#include "tests/property/sample.h"
#include "tools/dump_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWNED(memory_file) struct memory_file file = {0};
    OWNED(dump_check) struct dump_check check = {0};
    struct error err;
    bool done;

    memory_file_open(&file);
    memory_file_set(&file, data, size);
    done = sample_read(NULL, file.path, &err);
    done = dump_check_run(&check, file.path, 1, NULL, &err) && done;
    (void)done;
    return 0;
}
