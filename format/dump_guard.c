#include "format/dump_guard.h"

#include "format/header.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BEGINNING_SIZE_MAX 64

static const uint8_t database_magic[16] = "SQLite format 3";

/* False for what cannot be opened, too: that is for who writes it to tell. */
static bool holds(const char *path, const uint8_t *wanted, size_t size, off_t offset)
{
    uint8_t found[BEGINNING_SIZE_MAX];
    struct stat status;
    ssize_t got;
    int fd;

    assert(size <= sizeof(found));
    /* Not a pipe, which would wait. */
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    got = pread(fd, found, size, offset);
    close(fd);
    return got == (ssize_t)size && memcmp(found, wanted, size) == 0;
}

bool dump_guard_check(const char *path, struct error *err)
{
    if (holds(path, header_magic, FORMAT_MAGIC_SIZE, FORMAT_MAGIC_OFFSET))
        return error_set(err, ERROR_USAGE,
            "\"%s\" is a dump, which would be overwritten; take another name", path);
    return !holds(path, database_magic, sizeof(database_magic), 0)
           || error_set(err, ERROR_USAGE,
               "\"%s\" is a SQLite database, which would be overwritten; take another name", path);
}

static bool is_of_kind(const char *path, const struct dump_guard_kind *kind)
{
    for (size_t i = 0; i < kind->beginning_count; i++)
        if (holds(path, (const uint8_t *)kind->beginnings[i], strlen(kind->beginnings[i]), 0))
            return true;
    return false;
}

bool dump_guard_check_kind(const char *path, const struct dump_guard_kind *kind, struct error *err)
{
    struct stat status;

    if (!dump_guard_check(path, err))
        return false;
    if (stat(path, &status) != 0)
        return true;
    if (S_ISDIR(status.st_mode))
        return error_set(err, ERROR_USAGE, "\"%s\" is a folder; take another name", path);
    return !S_ISREG(status.st_mode) || status.st_size == 0 || is_of_kind(path, kind)
           || error_set(err, ERROR_USAGE,
               "\"%s\" exists and is no %s; take another name, or remove it", path, kind->name);
}

bool dump_guard_check_new(const char *path, struct error *err)
{
    struct stat status;

    return strcmp(path, "-") == 0 || stat(path, &status) != 0 || !S_ISREG(status.st_mode)
           || error_set(err, ERROR_REFUSED,
               "\"%s\" exists: remove it, write to another name, or use --force", path);
}

bool dump_guard_check_database(const char *path, struct error *err)
{
    return !holds(path, database_magic, sizeof(database_magic), 0)
           || error_set(err, ERROR_REFUSED,
               "\"%s\" is a SQLite database, which no dump may overwrite; take another name", path);
}
