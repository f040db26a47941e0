#include "tools/check_progress.h"

void check_progress_block(const struct dump_check *check, size_t number)
{
    struct progress_count count = {.bytes = check->blocks[number].entry.frame_size, .items = 1};

    /* The rows of a block are known from the index, if there is one. */
    if (check->blocks[number].is_indexed)
        count.rows = check->blocks[number].entry.row_count;
    if (check->progress != NULL)
        progress_add(check->progress, PROGRESS_VERIFY, PROGRESS_NO_TABLE, &count);
}

void check_progress_plan(const struct dump_check *check)
{
    struct progress_count count = {.items = check->block_count};

    if (check->progress == NULL)
        return;
    for (size_t i = 0; i < check->block_count; i++)
        count.bytes += check->blocks[i].entry.frame_size;
    progress_plan(check->progress, PROGRESS_VERIFY, PROGRESS_NO_TABLE, &count);
    progress_begin(check->progress, PROGRESS_VERIFY);
    if (check->block_count > 0)
        check_progress_block(check, 0);
}

void check_progress_end(const struct dump_check *check)
{
    if (check->progress != NULL)
        progress_end(check->progress, PROGRESS_VERIFY);
}
