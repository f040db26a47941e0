/*
 * Whether the base of a delta is a dump of another database. The delta is right all the same, only
 * as large as a full dump; but whoever gave that base may have meant another one.
 *
 * A suspicion, from how much the two have in common: a schema that changed, and tables that were
 * emptied or renamed, speak neither for it nor against it.
 */
#ifndef DUMP_FOREIGN_BASE_H
#define DUMP_FOREIGN_BASE_H

#include "base/arena.h"
#include "format/chain.h"
#include "format/dump_writer.h"

/*
 * One line that says so, in the arena; NULL: there is no reason to think it. The writer, opened
 * with that schema, has all blocks of the delta.
 */
const char *foreign_base_warning(struct arena *arena, const struct chain *base,
    const struct dump_writer *writer, const struct schema *schema);

#endif
