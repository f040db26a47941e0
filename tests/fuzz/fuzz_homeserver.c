/* A homeserver.yaml: the connection that it asks for, and the same file with another database. */
#include "base/owned.h"
#include "postgres/homeserver.h"
#include "postgres/homeserver_switch.h"
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

static const char *value_of(const struct homeserver *homeserver, const char *keyword)
{
    for (size_t i = 0; homeserver->target.keywords[i] != NULL; i++)
        if (strcmp(homeserver->target.keywords[i], keyword) == 0)
            return homeserver->target.values[i];
    return NULL;
}

/* What was switched can be read, and names the new database. */
static void check_switched(const struct memory_file *file, const struct byte_buffer *out)
{
    OWNED(homeserver) struct homeserver homeserver = {0};
    struct error err;
    bool done;

    memory_file_set(file, out->data, out->size);
    done = homeserver_read(&homeserver, file->path, &err);
    if (!done) /* what it says of other things than the database stays as it was */
        return;
    check(&homeserver);
    assert(strcmp(value_of(&homeserver, "dbname"), "new: #'\"") == 0);
}

static void try_switch(const struct memory_file *file, const uint8_t *data, size_t size)
{
    OWNED(homeserver_settings) struct homeserver_settings settings = {0};
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    OWNED(byte_buffer) struct byte_buffer out = {0};
    OWNED(byte_buffer) struct byte_buffer notes = {0};
    const struct homeserver_switch_request request = {
        .name = "homeserver.yaml", .bytes = &bytes, .settings = &settings, .may_replace = true};
    struct error err;
    bool done = homeserver_settings_set(&settings, "dbname", "new: #'\"", &err)
                && homeserver_settings_set(&settings, "user", "0123", &err);

    assert(done);
    byte_buffer_put(&bytes, data, size);
    if (homeserver_switch_run(&request, &out, &notes, &err))
        check_switched(file, &out);
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
    try_switch(&file, data, size);
    return 0;
}
