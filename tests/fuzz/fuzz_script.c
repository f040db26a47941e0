/* A whole dump, as valise schema makes a script for psql of it. */
#include "base/owned.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/sql_shape.h"
#include "tests/property/memory_file.h"
#include "tools/create_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWNED(memory_file) struct memory_file file = {0};
    OWNED(dump_reader) struct dump_reader reader = {0};
    OWNED(create_script) struct create_script script = {0};
    struct error err;

    memory_file_open(&file);
    memory_file_set(&file, data, size);
    if (dump_reader_open(&reader, file.path, &err)
        && create_script_open(&script, &reader, NULL, 0, &err)
        && create_script_write(&script, &err))
        sql_shape_check_script(&script.text);
    return 0;
}
