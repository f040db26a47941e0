#include "base/partial.h"

#include "base/arena.h"
#include "base/byte_buffer.h"
#include "base/owned.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LETTER_COUNT 6
#define SUFFIX ".partial"

/* --- locks ------------------------------------------------------------------------ */

/* Where flock() is a lock of this host's alone, and binds nobody else. */
static bool has_locks(int fd)
{
    static const uint32_t network[] = {0x6969 /* NFS */, 0x517b /* SMB */, 0xfe534d42 /* SMB2 */,
        0xff534d42 /* CIFS */, 0x01021997 /* 9P */, 0x65735546 /* FUSE */};
    struct statfs found;

    if (fstatfs(fd, &found) != 0)
        return false;
    for (size_t i = 0; i < sizeof(network) / sizeof(network[0]); i++)
        if ((uint32_t)found.f_type == network[i])
            return false;
    return true;
}

/* Waits for who looks whether it was left behind. False: that one took it away. */
static bool hold(int fd)
{
    struct stat found;

    if (!has_locks(fd))
        return true;
    while (flock(fd, LOCK_EX) != 0)
        if (errno != EINTR)
            return true; /* a file system without locks: nobody else can lock it either */
    return fstat(fd, &found) != 0 || found.st_nlink > 0;
}

/* --- what was left behind ------------------------------------------------------------ */

static bool is_partial(const char *name, const char *of)
{
    size_t size = strlen(of);

    if (strncmp(name, of, size) != 0 || name[size] != '.')
        return false;
    name += size + 1;
    for (size_t i = 0; i < LETTER_COUNT; i++)
        if (!isalnum((unsigned char)name[i]))
            return false;
    return strcmp(name + LETTER_COUNT, SUFFIX) == 0;
}

/* Made as ours are, and by nobody held? It is locked then, until fd is closed. */
static bool is_left(int fd)
{
    struct stat found;

    return fstat(fd, &found) == 0 && S_ISREG(found.st_mode) && found.st_uid == geteuid()
           && (found.st_mode & 07777) == (S_IRUSR | S_IWUSR) && found.st_nlink == 1 && has_locks(fd)
           && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* Who made it may have renamed it, and another may have this name, since it was opened. */
static bool is_still(int folder, const char *name, int fd)
{
    struct stat opened;
    struct stat named;

    return fstat(fd, &opened) == 0 && fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0
           && opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static void remove_one(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return;
    if (is_left(fd) && is_still(folder, name, fd))
        unlinkat(folder, name, 0);
    close(fd);
}

/* Only tidying: what cannot be looked at stays. */
static void remove_left(const char *path)
{
    OWNED(arena) struct arena arena = {0};
    const char *of = basename(arena_text(&arena, path));
    DIR *folder = opendir(dirname(arena_text(&arena, path)));
    const struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL)
        if (is_partial(entry->d_name, of))
            remove_one(dirfd(folder), entry->d_name);
    if (folder != NULL)
        closedir(folder);
}

/* --- a new one --------------------------------------------------------------------------- */

static bool create(const char *path, char *name, size_t room, int *fd, struct error *err)
{
    mode_t mask = umask(S_IRWXG | S_IRWXO);

    snprintf(name, room, "%s.XXXXXX" SUFFIX, path);
    *fd = mkostemps(name, (int)strlen(SUFFIX), O_CLOEXEC);
    umask(mask);
    return *fd >= 0 || error_set_errno(err, "cannot create \"%s\"", path);
}

bool partial_create(const char *path, char **name, int *fd, struct error *err)
{
    size_t room = strlen(path) + sizeof(".XXXXXX" SUFFIX);

    *name = byte_buffer_realloc(NULL, room);
    remove_left(path);
    for (;;) {
        if (!create(path, *name, room, fd, err))
            return false;
        if (hold(*fd))
            return true;
        close(*fd);
    }
}
