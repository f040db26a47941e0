/* Reading a profile: YAML to the structs of profile.h. */
#ifndef PROFILE_PROFILE_PARSE_H
#define PROFILE_PROFILE_PARSE_H

#include "base/error.h"
#include "profile/profile.h"

#include <stddef.h>

/* Parses size bytes that messages call name. Fails with ERROR_USAGE with file, line and column. */
MUST_CHECK bool profile_parse(
    struct profile *profile, const char *name, const void *bytes, size_t size, struct error *err);

#endif
