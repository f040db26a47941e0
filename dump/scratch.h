/*
 * A private folder for a copy of the database, in $TMPDIR or /tmp.
 *
 * Mode 0700. What is in it is removed by scratch_release(), at the latest.
 */
#ifndef DUMP_SCRATCH_H
#define DUMP_SCRATCH_H

#include "base/error.h"

/* Zero-initialise. */
struct scratch {
    char *folder;   /* owned; NULL: none */
    char *database; /* owned; path of the copy in it */
};

/* Removes the copy, the files SQLite made for it, and the folder. */
void scratch_release(struct scratch *scratch);

/* Creates the folder and names the copy. Fails with ERROR_IO. */
MUST_CHECK bool scratch_create(struct scratch *scratch, struct error *err);

/*
 * Copies the file at path to the copy's path with suffix ("", "-journal"). Fails
 * with ERROR_IO or ERROR_STOPPED, also when the file changes meanwhile.
 */
MUST_CHECK bool scratch_copy(
    struct scratch *scratch, const char *path, const char *suffix, struct error *err);

#endif
