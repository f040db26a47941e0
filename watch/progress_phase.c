#include "watch/progress_phase.h"

struct phase_words {
    const char *name;
    const char *label;
    double weight;
};

static const struct phase_words words[PROGRESS_PHASE_COUNT] = {
    [PROGRESS_CHECK] = {"check", "checking", 0.05},
    [PROGRESS_COPY] = {"copy", "copying", 0.2},
    [PROGRESS_READ] = {"read", "reading", 1},
    [PROGRESS_MERGE] = {"merge", "merging", 1},
    [PROGRESS_LOAD] = {"load", "loading", 1},
    [PROGRESS_CHANGE] = {"change", "changing rows", 1},
    [PROGRESS_DERIVE] = {"derive", "deriving", 0.1},
    [PROGRESS_INDEX] = {"index", "building indexes", 0.8},
    [PROGRESS_ANALYZE] = {"analyze", "analysing", 0.05},
    [PROGRESS_VERIFY] = {"verify", "verifying", 0.5},
};

const char *progress_phase_name(enum progress_phase phase)
{
    return words[phase].name;
}

const char *progress_phase_label(enum progress_phase phase)
{
    return words[phase].label;
}

double progress_phase_weight(enum progress_phase phase)
{
    return words[phase].weight;
}
