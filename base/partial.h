/*
 * A file that is written aside: "<path>.<six letters>.partial", until it is whole.
 *
 * Who writes one holds a lock (flock) on it. So one that nobody holds belongs to a process that was
 * killed, and the next that writes to the same path removes it. On network file systems, whose
 * locks come between a file and its other readers, there is no lock and nothing is removed.
 */
#ifndef BASE_PARTIAL_H
#define BASE_PARTIAL_H

#include "base/error.h"

/*
 * Creates one with mode 0600, after removing those of the path that were left behind; a file that
 * is not ours, has another mode or other names stays. name is owned by the caller, also on failure
 * (then it may be NULL). The lock lasts until fd and all its duplicates are closed. Fails with
 * ERROR_IO.
 */
MUST_CHECK bool partial_create(const char *path, char **name, int *fd, struct error *err);

#endif
