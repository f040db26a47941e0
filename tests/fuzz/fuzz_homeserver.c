/* A homeserver.yaml, up to the connection that it asks for. */
#include "base/owned.h"
#include "postgres/homeserver.h"
#include "tests/fuzz/fuzz.h"
#include "tests/property/memory_file.h"

#include <assert.h>
#include <string.h>

static void check(const struct homeserver *homeserver)
{
    const struct connection_target *target = &homeserver->target;
    size_t count = 0;

    assert(target->dsn == NULL);
    for (; target->keywords[count] != NULL; count++) {
        assert(connection_knows_keyword(target->keywords[count]));
        assert(target->values[count] != NULL);
        for (size_t i = 0; i < count; i++)
            assert(strcmp(target->keywords[i], target->keywords[count]) != 0);
    }
    assert(target->values[count] == NULL);
    assert(homeserver->connection_count_max >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWNED(memory_file) struct memory_file file = {0};
    OWNED(homeserver) struct homeserver homeserver = {0};
    struct error err;

    memory_file_open(&file);
    memory_file_set(&file, data, size);
    if (homeserver_read(&homeserver, file.path, &err))
        check(&homeserver);
    else
        assert(err.kind == ERROR_USAGE && err.text[0] != '\0');
    return 0;
}
