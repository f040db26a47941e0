/* A dump of any size on a small disk: most of it are zeros in optional blocks, and holes in the
 * file. */
#ifndef TESTS_SCALE_SPARSE_DUMP_H
#define TESTS_SCALE_SPARSE_DUMP_H

#include "base/error.h"
#include "format/schema.h"

#include <stddef.h>
#include <stdint.h>

/* A schema of tables of one column "id" each; names are sorted. */
void sparse_dump_schema(struct schema *schema, const char *const *names, size_t count);

/*
 * Writes a full dump of the tables "first" and "last", three rows each, with at
 * least `size` bytes between them. Fails with ERROR_IO.
 */
MUST_CHECK bool sparse_dump_make(const char *path, uint64_t size, struct error *err);

#endif
