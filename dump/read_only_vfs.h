/*
 * A file system for SQLite that cannot write.
 *
 * Nothing is created, changed or removed beside the database: the -wal is opened
 * for reading or taken as empty, deleting and write locks are refused. Temporary
 * files of SQLite are not concerned.
 *
 * READ_ONLY_VFS_ALONE is for a WAL database without -shm file, which is one that
 * no program has open: SQLite then keeps the index of the -wal in its own memory.
 * The caller has to notice if a program opens and changes the database meanwhile.
 */
#ifndef DUMP_READ_ONLY_VFS_H
#define DUMP_READ_ONLY_VFS_H

#include "base/error.h"
#include "dump/read_ahead.h"

#include <sqlite3.h>

#define READ_ONLY_VFS_SHARED "valise-shared"
#define READ_ONLY_VFS_ALONE "valise-alone"

/* Makes both names known to SQLite, once for the process. Fails with ERROR_DATABASE. */
MUST_CHECK bool read_only_vfs_register(struct error *err);

/*
 * From now on pages of the database that db has open come from ahead where it has them. db was
 * opened with one of the names above; ahead is borrowed until it is closed.
 */
void read_only_vfs_read_ahead(sqlite3 *db, struct read_ahead *ahead);

#endif
