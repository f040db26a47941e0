#include "dump/read_only_vfs.h"

#include "dump/sqlite_error.h"

#include <assert.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#define WAL_HEADER_SIZE 32
#define READ_AHEAD_OPERATION 1000 /* SQLite leaves the operations from 100 to others */

/* A file of SQLite's; the one of the system's file system lies behind it in memory. */
struct read_only_file {
    sqlite3_file base;
    sqlite3_file *real;       /* NULL: a -wal that does not exist */
    struct read_ahead *ahead; /* borrowed; NULL if none is set */
    bool is_alone;
    bool is_wal;
};

/* What a sqlite3_vfs of ours has in pAppData. */
struct read_only_vfs {
    sqlite3_vfs *real;
    bool is_alone;
};

static struct read_only_file *file_of(sqlite3_file *file)
{
    return (struct read_only_file *)file;
}

static sqlite3_vfs *real_of(sqlite3_vfs *vfs)
{
    return ((const struct read_only_vfs *)vfs->pAppData)->real;
}

/* --- an open file ----------------------------------------------------------- */

static int file_close(sqlite3_file *file)
{
    sqlite3_file *real = file_of(file)->real;

    return real == NULL ? SQLITE_OK : real->pMethods->xClose(real);
}

/* Of a -wal that does not exist. */
static int read_nothing(void *out, int size)
{
    memset(out, 0, (size_t)size);
    return SQLITE_IOERR_SHORT_READ;
}

static int file_read(sqlite3_file *file, void *out, int size, sqlite3_int64 offset)
{
    struct read_only_file *f = file_of(file);
    int status;

    if (f->ahead != NULL && read_ahead_take(f->ahead, out, (size_t)size, (uint64_t)offset))
        status = SQLITE_OK;
    else if (f->real != NULL)
        status = f->real->pMethods->xRead(f->real, out, size, offset);
    else
        return read_nothing(out, size);
    /* Of EIO SQLite would say that the database is malformed. */
    if (status == SQLITE_IOERR_CORRUPTFS)
        status = SQLITE_IOERR_READ;
    if (f->ahead != NULL && status == SQLITE_OK)
        read_ahead_follow(f->ahead, out, (size_t)size, (uint64_t)offset);
    return status;
}

static int file_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
    (void)file;
    (void)bytes;
    (void)size;
    (void)offset;
    return SQLITE_READONLY;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    (void)file;
    (void)size;
    return SQLITE_READONLY;
}

static int file_sync(sqlite3_file *file, int flags)
{
    (void)file;
    (void)flags;
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *out)
{
    const struct read_only_file *f = file_of(file);
    int status = SQLITE_OK;

    *out = 0;
    if (f->real != NULL)
        status = f->real->pMethods->xFileSize(f->real, out);
    /* A -wal without a frame is empty. SQLite 3.40 forgets that it has a header, looks whether it
       is still the same, and tries again until "locking protocol" comes of it. */
    if (f->is_wal && *out == WAL_HEADER_SIZE)
        *out = 0;
    return status;
}

/* What was read before a lock may not be what is there under it. */
static void forget(struct read_only_file *f)
{
    if (f->ahead != NULL)
        read_ahead_forget(f->ahead);
}

static int file_lock(sqlite3_file *file, int lock)
{
    sqlite3_file *real = file_of(file)->real;

    if (lock > SQLITE_LOCK_SHARED)
        return SQLITE_BUSY;
    forget(file_of(file));
    return real == NULL ? SQLITE_OK : real->pMethods->xLock(real, lock);
}

static int file_unlock(sqlite3_file *file, int lock)
{
    sqlite3_file *real = file_of(file)->real;

    forget(file_of(file));
    return real == NULL ? SQLITE_OK : real->pMethods->xUnlock(real, lock);
}

static int file_check_reserved_lock(sqlite3_file *file, int *out)
{
    sqlite3_file *real = file_of(file)->real;

    *out = 0;
    return real == NULL ? SQLITE_OK : real->pMethods->xCheckReservedLock(real, out);
}

static int file_control(sqlite3_file *file, int operation, void *argument)
{
    sqlite3_file *real = file_of(file)->real;

    if (operation == READ_AHEAD_OPERATION) {
        file_of(file)->ahead = argument;
        return SQLITE_OK;
    }
    return real == NULL ? SQLITE_NOTFOUND : real->pMethods->xFileControl(real, operation, argument);
}

static int file_sector_size(sqlite3_file *file)
{
    sqlite3_file *real = file_of(file)->real;

    return real == NULL ? 4096 : real->pMethods->xSectorSize(real);
}

static int file_characteristics(sqlite3_file *file)
{
    sqlite3_file *real = file_of(file)->real;

    return real == NULL ? 0 : real->pMethods->xDeviceCharacteristics(real);
}

/* --- the index of the -wal, in shared memory ------------------------------------- */

static int file_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    struct read_only_file *f = file_of(file);

    if (!f->is_alone)
        return f->real->pMethods->xShmMap(f->real, region, size, extend, out);
    /* The result of an -shm that cannot be written and that nobody else keeps in
       order: SQLite then makes an index of its own, for each transaction. */
    *out = NULL;
    return SQLITE_READONLY_CANTINIT;
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    struct read_only_file *f = file_of(file);

    forget(f);
    return f->is_alone ? SQLITE_OK : f->real->pMethods->xShmLock(f->real, offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    struct read_only_file *f = file_of(file);

    if (!f->is_alone)
        f->real->pMethods->xShmBarrier(f->real);
}

static int file_shm_unmap(sqlite3_file *file, int remove)
{
    struct read_only_file *f = file_of(file);

    (void)remove;
    return f->is_alone ? SQLITE_OK : f->real->pMethods->xShmUnmap(f->real, 0);
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* --- the file system ---------------------------------------------------------------- */

#define OF_THE_DATABASE \
    (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)

static int vfs_open(
    sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *flags_out)
{
    const struct read_only_vfs *data = vfs->pAppData;
    sqlite3_vfs *real = data->real;
    struct read_only_file *f = file_of(file);
    struct stat found;
    int status;

    if ((flags & OF_THE_DATABASE) == 0)
        return real->xOpen(real, name, file, flags, flags_out);
    *f = (struct read_only_file){
        .is_alone = data->is_alone, .is_wal = (flags & SQLITE_OPEN_WAL) != 0};
    flags &= ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_DELETEONCLOSE);
    flags |= SQLITE_OPEN_READONLY;
    if (flags_out != NULL)
        *flags_out = flags;
    if (f->is_wal && stat(name, &found) != 0) {
        f->base.pMethods = &file_methods;
        return SQLITE_OK;
    }
    f->real = (sqlite3_file *)(f + 1);
    status = real->xOpen(real, name, f->real, flags, flags_out);
    /* SQLite closes what has methods, even after a failure. */
    if (f->real->pMethods != NULL)
        f->base.pMethods = &file_methods;
    return status;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs;
    (void)name;
    (void)sync_folder;
    return SQLITE_IOERR_DELETE;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    return real_of(vfs)->xAccess(real_of(vfs), name, flags, out);
}

static int vfs_full_pathname(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    return real_of(vfs)->xFullPathname(real_of(vfs), name, size, out);
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *out)
{
    return real_of(vfs)->xRandomness(real_of(vfs), size, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    return real_of(vfs)->xSleep(real_of(vfs), microseconds);
}

static int vfs_current_time(sqlite3_vfs *vfs, double *out)
{
    return real_of(vfs)->xCurrentTime(real_of(vfs), out);
}

static int vfs_current_time_int64(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    return real_of(vfs)->xCurrentTimeInt64(real_of(vfs), out);
}

static int vfs_get_last_error(sqlite3_vfs *vfs, int size, char *out)
{
    return real_of(vfs)->xGetLastError(real_of(vfs), size, out);
}

static int register_one(
    sqlite3_vfs *vfs, struct read_only_vfs *data, const char *name, bool is_alone)
{
    if (vfs->pAppData != NULL)
        return SQLITE_OK;
    *data = (struct read_only_vfs){.real = sqlite3_vfs_find(NULL), .is_alone = is_alone};
    if (data->real == NULL || data->real->iVersion < 2)
        return SQLITE_ERROR;
    *vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int)sizeof(struct read_only_file) + data->real->szOsFile,
        .mxPathname = data->real->mxPathname,
        .zName = name,
        .pAppData = data,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_pathname,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_current_time,
        .xGetLastError = vfs_get_last_error,
        .xCurrentTimeInt64 = vfs_current_time_int64,
    };
    return sqlite3_vfs_register(vfs, 0);
}

bool read_only_vfs_register(struct error *err)
{
    /* SQLite keeps these for as long as the process lives. */
    static sqlite3_vfs shared;
    static sqlite3_vfs alone;
    static struct read_only_vfs shared_data;
    static struct read_only_vfs alone_data;
    int status = register_one(&shared, &shared_data, READ_ONLY_VFS_SHARED, false);

    if (status == SQLITE_OK)
        status = register_one(&alone, &alone_data, READ_ONLY_VFS_ALONE, true);
    if (status != SQLITE_OK)
        return sqlite_error_set(err, NULL, status, "cannot register a read-only file system");
    return true;
}

void read_only_vfs_read_ahead(sqlite3 *db, struct read_ahead *ahead)
{
    int status = sqlite3_file_control(db, "main", READ_AHEAD_OPERATION, ahead);

    assert(status == SQLITE_OK);
}
