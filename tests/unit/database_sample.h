/* Databases made for a test, in a folder of their own. */
#ifndef TESTS_UNIT_DATABASE_SAMPLE_H
#define TESTS_UNIT_DATABASE_SAMPLE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

/* A folder that goes away with everything in it. */
struct sample_folder {
    char path[64];
};

/* cmocka's setup and teardown: *state is a struct sample_folder. */
int database_sample_setup(void **state);
int database_sample_teardown(void **state);

/* A path in the folder; valid until it was called eight times more. */
const char *database_sample_path(const struct sample_folder *folder, const char *name);

/* Opens or creates a database in the folder and runs sql; close it with sqlite3_close(). */
sqlite3 *database_sample_open(
    const struct sample_folder *folder, const char *name, const char *sql);

/* Runs sql; fails the test when SQLite does. */
void database_sample_run(sqlite3 *db, const char *sql);

/* open, run, close; returns the path. */
const char *database_sample_create(
    const struct sample_folder *folder, const char *name, const char *sql);

/* Copies a file of the folder. */
void database_sample_copy(const struct sample_folder *folder, const char *from, const char *to);

/* Replaces or creates a file. */
void database_sample_write(
    const struct sample_folder *folder, const char *name, const void *bytes, size_t size);

bool database_sample_exists(const struct sample_folder *folder, const char *name);

/* A number that depends on the names and contents of all files in the folder. */
unsigned long long database_sample_fingerprint(const struct sample_folder *folder);

#endif
