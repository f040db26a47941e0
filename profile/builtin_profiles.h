/* The *.yaml of this folder, built into the program (embed.py makes the .c). */
#ifndef PROFILE_BUILTIN_PROFILES_H
#define PROFILE_BUILTIN_PROFILES_H

#include <stddef.h>

struct builtin_profile {
    const char *name; /* of the file */
    const char *text;
    size_t size; /* bytes */
};

extern const struct builtin_profile builtin_profiles[];
extern const size_t builtin_profile_count;

#endif
