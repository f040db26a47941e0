/* What the work of a replay came to, filled as it goes. */
#ifndef REPLAY_OUTCOME_H
#define REPLAY_OUTCOME_H

#include "replay/load/verify.h"

#include <stddef.h>
#include <stdint.h>

enum outcome_step {
    OUTCOME_STEP_CHECK,
    OUTCOME_STEP_LOAD,
    OUTCOME_STEP_RESTORE,
    OUTCOME_STEP_FINISH,
    OUTCOME_STEP_VERIFY,
    OUTCOME_STEP_COUNT,
};

/* Zero-initialise, but for the level that is asked for. */
struct outcome {
    size_t changed_table_count; /* of a delta */
    uint64_t removed_count;     /* rows */
    uint64_t added_count;
    size_t restored_count; /* indexes, constraints, triggers taken down and brought back */
    size_t sequence_count;
    enum verify_level verify_level;
    struct verify_result verified;
    double seconds[OUTCOME_STEP_COUNT]; /* that connections spent: steps overlap */
};

#endif
