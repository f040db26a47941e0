#include "dump/unit_diff.h"

#include "format/value.h"

#include <stdlib.h>

#define WINDOW_NEAR 16   /* new rows that are looked through for every old row */
#define WINDOW_FAR 65536 /* and when many in a row were not found: as many as this */

/* A row, and where it is: its place in diff->old_bytes, or in a batch. */
struct mark {
    struct hash128 hash;
    union {
        size_t offset;
        const uint8_t *bytes;
    } at;
    size_t size;
};

void unit_diff_release(struct unit_diff *diff)
{
    byte_buffer_release(&diff->rows);
    byte_buffer_release(&diff->window);
    byte_buffer_release(&diff->old_bytes);
    byte_buffer_release(&diff->old_left);
    byte_buffer_release(&diff->new_left);
    row_counts_release(&diff->counts);
    chain_rows_release(&diff->old);
    free(diff->values);
    *diff = (struct unit_diff){0};
}

static void prepare(struct unit_diff *diff, const struct unit_diff_input *input)
{
    if (diff->column_count < input->column_count) {
        diff->values =
            byte_buffer_realloc(diff->values, input->column_count * sizeof(*diff->values));
        diff->column_count = input->column_count;
    }
    diff->input = input;
    diff->rows.size = 0;
    diff->row_count = 0;
    diff->removed_count = 0;
    diff->reader = byte_reader_over(NULL, 0);
    diff->next_run = 0;
    diff->window.size = 0;
    diff->window_first = 0;
    diff->old_bytes.size = 0;
    diff->old_left.size = 0;
    diff->new_left.size = 0;
    row_counts_clear(&diff->counts);
}

static size_t mark_count(const struct byte_buffer *marks)
{
    return marks->size / sizeof(struct mark);
}

static const struct mark *marks_of(const struct byte_buffer *marks)
{
    return (const struct mark *)(const void *)marks->data;
}

/* --- new rows ------------------------------------------------------------------------ */

/* Takes the next new row into the window; false if there is none. */
static bool read_new(struct unit_diff *diff)
{
    struct mark mark;

    while (byte_reader_left(&diff->reader) == 0) {
        const struct canonical_rows *run = &diff->input->rows[diff->next_run];

        if (diff->next_run == diff->input->rows_count)
            return false;
        diff->reader = byte_reader_over(run->bytes, run->size);
        diff->next_run++;
    }
    mark.at.bytes = diff->reader.next;
    for (uint32_t i = 0; i < diff->input->column_count; i++)
        value_decode(&diff->reader);
    mark.size = (size_t)(diff->reader.next - mark.at.bytes);
    mark.hash = checksum_xxh3(mark.at.bytes, mark.size);
    byte_buffer_put(&diff->window, &mark, sizeof(mark));
    return true;
}

/* Fills the window, which then has this many rows if there are as many. */
static void look_ahead(struct unit_diff *diff, size_t count)
{
    if (diff->window_first == mark_count(&diff->window)) {
        diff->window.size = 0;
        diff->window_first = 0;
    }
    while (mark_count(&diff->window) - diff->window_first < count && read_new(diff))
        ;
}

/* Is the row among the next `count` new ones? Then all before it, and it, have been dealt with. */
static bool meet(struct unit_diff *diff, struct hash128 hash, size_t count)
{
    const struct mark *marks = marks_of(&diff->window) + diff->window_first;
    size_t there = mark_count(&diff->window) - diff->window_first;

    for (size_t i = 0; i < count; i++) {
        if (i == there) {
            look_ahead(diff, count);
            marks = marks_of(&diff->window) + diff->window_first;
            there = mark_count(&diff->window) - diff->window_first;
            if (i == there)
                return false;
        }
        if (!checksum_equal(marks[i].hash, hash))
            continue;
        byte_buffer_put(&diff->new_left, marks, i * sizeof(*marks));
        diff->window_first += i + 1;
        return true;
    }
    return false;
}

/* --- old rows ------------------------------------------------------------------------ */

static void leave_old(struct unit_diff *diff, struct hash128 hash)
{
    struct mark mark = {.hash = hash, .size = diff->old.row.size};

    mark.at.offset = diff->old_bytes.size;
    byte_buffer_put(&diff->old_bytes, diff->old.row.data, diff->old.row.size);
    byte_buffer_put(&diff->old_left, &mark, sizeof(mark));
}

/* Walks both sides; what does not meet is left. */
static bool compare(struct unit_diff *diff, struct error *err)
{
    const struct unit_diff_input *input = diff->input;
    size_t missed = 0; /* old rows, one after the other */
    size_t patience = WINDOW_NEAR;
    bool is_row = true;

    if (!chain_rows_open(&diff->old, input->old, input->source_first, input->source_count, err))
        return false;
    for (;;) {
        struct hash128 hash;

        if (!chain_rows_next(&diff->old, diff->values, &is_row, err))
            return false;
        if (!is_row)
            return true;
        hash = chain_rows_hash(&diff->old, diff->values);
        if (meet(diff, hash, missed < patience ? WINDOW_NEAR : WINDOW_FAR)) {
            missed = 0;
            patience = WINDOW_NEAR;
            continue;
        }
        /* Far looks become rare, so that what has nothing in common costs little. */
        if (missed >= patience)
            patience = 2 * missed;
        missed++;
        leave_old(diff, hash);
    }
}

/* --- what differs ---------------------------------------------------------------------- */

/* The old rows that are left, less those that are new ones elsewhere. */
static void put_removed(struct unit_diff *diff)
{
    const struct mark *old = marks_of(&diff->old_left);
    const struct mark *new = marks_of(&diff->new_left);

    for (size_t i = 0; i < mark_count(&diff->new_left) && diff->old_left.size > 0; i++)
        row_counts_add(&diff->counts, new[i].hash);
    for (size_t i = 0; i < mark_count(&diff->old_left); i++) {
        if (row_counts_take(&diff->counts, old[i].hash))
            continue;
        byte_buffer_put(&diff->rows, diff->old_bytes.data + old[i].at.offset, old[i].size);
        diff->row_count++;
        diff->removed_count++;
        diff->cut = old[i].hash.low;
    }
    diff->added_offset = diff->rows.size;
}

/* The new rows that are still counted; without old ones nothing was counted, and all are added. */
static void put_added(struct unit_diff *diff)
{
    const struct mark *new = marks_of(&diff->new_left);

    for (size_t i = 0; i < mark_count(&diff->new_left); i++) {
        if (diff->old_left.size > 0 && !row_counts_take(&diff->counts, new[i].hash))
            continue;
        byte_buffer_put(&diff->rows, new[i].at.bytes, new[i].size);
        diff->row_count++;
        diff->cut = new[i].hash.low;
    }
}

/* There are no old rows: all are added. */
static void put_all(struct unit_diff *diff)
{
    for (size_t i = 0; i < diff->input->rows_count; i++) {
        const struct canonical_rows *run = &diff->input->rows[i];

        byte_buffer_put(&diff->rows, run->bytes, run->size);
        diff->row_count += run->row_count;
        diff->cut = run->cut;
    }
    diff->added_offset = 0;
}

bool unit_diff_run(struct unit_diff *diff, const struct unit_diff_input *input, struct error *err)
{
    prepare(diff, input);
    if (input->source_count == 0) {
        put_all(diff);
        return true;
    }
    if (!compare(diff, err))
        return false;
    while (look_ahead(diff, 1), diff->window_first < mark_count(&diff->window)) {
        byte_buffer_put(&diff->new_left, marks_of(&diff->window) + diff->window_first,
            diff->window.size - diff->window_first * sizeof(struct mark));
        diff->window_first = mark_count(&diff->window);
    }
    put_removed(diff);
    put_added(diff);
    return true;
}
