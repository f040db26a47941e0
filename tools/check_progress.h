/* What the check of a dump tells its progress; nothing when it has none. */
#ifndef TOOLS_CHECK_PROGRESS_H
#define TOOLS_CHECK_PROGRESS_H

#include "tools/dump_check.h"

/* When the blocks are known: the phase begins. */
void check_progress_plan(const struct dump_check *check);

/* The block of that number in check->blocks was looked at. */
void check_progress_block(const struct dump_check *check, size_t number);

void check_progress_end(const struct dump_check *check);

#endif
