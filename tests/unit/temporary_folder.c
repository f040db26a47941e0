#include "tests/unit/temporary_folder.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/valise-test.XXXXXX";

int temporary_folder_make(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

int temporary_folder_remove(void **state)
{
    (void)state;
    return rmdir(folder);
}

const char *temporary_folder_path(const char *name)
{
    static char paths[8][sizeof(folder) + 32];
    static size_t next;
    char *path = paths[next++ % COUNT_OF(paths)];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}
