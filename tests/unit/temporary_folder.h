/* A folder of its own for a test program's files: group set-up and tear-down for cmocka. */
#ifndef TESTS_TEMPORARY_FOLDER_H
#define TESTS_TEMPORARY_FOLDER_H

int temporary_folder_make(void **state);

/* Fails if anything was left in it. */
int temporary_folder_remove(void **state);

/* The path of a file in it; valid until eight more were asked for. */
const char *temporary_folder_path(const char *name);

#endif
