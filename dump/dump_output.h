/* Where a dump goes, judged before anything is read. */
#ifndef DUMP_DUMP_OUTPUT_H
#define DUMP_DUMP_OUTPUT_H

#include "base/error.h"

#include <stdbool.h>

/* The name of a dump of this database when none is given; owned by the caller, see free(). */
char *dump_output_name(const char *database_path);

/*
 * Checks that a dump may be written to *path ("-": standard output). A pipe or a
 * device is connected to standard output, and *path becomes "-". Fails with
 * ERROR_USAGE (a terminal), ERROR_REFUSED (a file that exists and may not be
 * overwritten, this or another database, or what SQLite keeps beside this one) or ERROR_IO.
 */
MUST_CHECK bool dump_output_prepare(
    const char **path, const char *database_path, bool may_overwrite, struct error *err);

/*
 * Fails with ERROR_USAGE if the file of --progress-file would be the dump, or lie where SQLite
 * looks for what belongs to the database.
 */
MUST_CHECK bool dump_output_check_progress(
    const char *progress_path, const char *path, const char *database_path, struct error *err);

/* Fails with ERROR_REFUSED if the output, as prepared, would replace this base of the delta. */
MUST_CHECK bool dump_output_spares(const char *path, const char *base_path, struct error *err);

#endif
