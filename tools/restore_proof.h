/*
 * The proof that a restored database is what the dump describes: its schema and
 * every row are read back, and must give the same state (SPEC 6).
 */
#ifndef TOOLS_RESTORE_PROOF_H
#define TOOLS_RESTORE_PROOF_H

#include "base/error.h"
#include "format/chain.h"
#include "tools/sqlite_file.h"
#include "watch/progress.h"

/* What was found on the way. */
struct restore_proof {
    struct progress *progress; /* told of tables, by ordinal; set before */
    uint64_t row_count;
    uint32_t table_count;
    struct byte_buffer notes; /* owned: what integrity_check says of the rows themselves, lines */
};

void restore_proof_release(struct restore_proof *proof);

/*
 * Reads the schema and the rows of the database at path, which messages call `name`, back through
 * new connections, several tables at the same time, and runs integrity_check. Fails with
 * ERROR_MISMATCH naming the first difference, with ERROR_DATABASE when the file is not sound.
 * A row that breaks a constraint, as the source's did, is noted only.
 */
MUST_CHECK bool restore_proof_run(struct restore_proof *proof, const char *path, const char *name,
    const struct chain *chain, struct error *err);

#endif
