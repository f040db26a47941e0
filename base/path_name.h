/* Names of files, compared by what they name. */
#ifndef BASE_PATH_NAME_H
#define BASE_PATH_NAME_H

#include <stdbool.h>

/* The path without links and dots, also of what is not there yet; the caller frees it. NULL: not
   known, as its folder is not there. */
char *path_name_resolve(const char *path);

/* Do both name one file, by whatever links, also one that is not there yet? "-" is none. */
bool path_name_is_same(const char *a, const char *b);

#endif
