#include "base/path_name.h"

#include "base/byte_buffer.h"
#include "base/owned.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *path_name_resolve(const char *path)
{
    const char *slash = strrchr(path, '/');
    OWNED(byte_buffer) struct byte_buffer name = {0};
    char *whole = realpath(path, NULL);
    char *folder;

    if (whole != NULL)
        return whole;
    if (slash == NULL)
        byte_buffer_put(&name, ".", 1);
    else
        byte_buffer_put(&name, path, (size_t)(slash - path) + 1);
    byte_buffer_put_u8(&name, '\0');
    folder = realpath((const char *)name.data, NULL);
    if (folder == NULL)
        return NULL;
    name.size = 0;
    byte_buffer_format(&name, "%s/%s", folder, slash == NULL ? path : slash + 1);
    byte_buffer_put_u8(&name, '\0');
    free(folder);
    return strdup((const char *)name.data);
}

bool path_name_is_same(const char *a, const char *b)
{
    struct stat found[2];
    char *names[2];
    bool is_same;

    if (strcmp(a, "-") == 0 || strcmp(b, "-") == 0)
        return false;
    /* Devices may be named twice. */
    if (stat(a, &found[0]) == 0 && stat(b, &found[1]) == 0)
        return S_ISREG(found[0].st_mode) && found[0].st_dev == found[1].st_dev
               && found[0].st_ino == found[1].st_ino;
    names[0] = path_name_resolve(a);
    names[1] = path_name_resolve(b);
    is_same = names[0] != NULL && names[1] != NULL && strcmp(names[0], names[1]) == 0;
    free(names[0]);
    free(names[1]);
    return is_same;
}
