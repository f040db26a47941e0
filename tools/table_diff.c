#include "tools/table_diff.h"

#include "base/owned.h"
#include "base/stop.h"
#include "format/chain_rows.h"

#include <inttypes.h>
#include <stdlib.h>

#define PART_ROW_COUNT ((uint64_t)1 << 19) /* rows whose hashes are held at a time: 32 to 64 MB */
#define STOP_ROW_COUNT 4096                /* rows between two looks whether to stop */

/* One side while it is read. */
struct side {
    struct chain_table table;
    struct chain_rows rows;
    struct dump_buffer buffer;
    struct value *values;
    bool *is_known;     /* by unit: the other side has it too */
    uint64_t row_count; /* in the other units */
};

static void side_release(struct side *side)
{
    chain_table_release(&side->table);
    chain_rows_release(&side->rows);
    dump_buffer_release(&side->buffer);
    free(side->values);
    free(side->is_known);
}

static bool side_open(struct side *side, const struct table_diff_side *of, struct error *err)
{
    const struct schema_table *table;

    if (of->chain == NULL)
        return true;
    table = &chain_last(of->chain)->schema.tables[of->ordinal];
    if (!chain_table_open(&side->table, of->chain, of->ordinal, &side->buffer, err))
        return false;
    if (!side->table.is_whole)
        return error_set(err, ERROR_REFUSED,
            "%s is a delta and holds only what changed in table \"%s\": give the full dump that it "
            "follows before it",
            of->chain->dumps[0].file.path, table->name.bytes);
    side->values = byte_buffer_calloc(table->column_count, sizeof(*side->values));
    side->is_known =
        byte_buffer_calloc(chain_table_units(&side->table)->unit_count + 1, sizeof(bool));
    return true;
}

static uint32_t unit_count(const struct side *side)
{
    return side->table.link_count == 0 ? 0 : chain_table_units(&side->table)->unit_count;
}

/* --- units -------------------------------------------------------------------------- */

/* Marks the units whose rows are those of a unit of the other side, each of which counts once. */
static void find_known(struct side *side, const struct side *other)
{
    OWNED(row_counts) struct row_counts sums = {0};
    uint64_t row_count;

    for (uint32_t i = 0; i < unit_count(other); i++)
        row_counts_add(&sums, units_sum(chain_table_units(&other->table), i, &row_count));
    for (uint32_t i = 0; i < unit_count(side); i++) {
        struct hash128 sum = units_sum(chain_table_units(&side->table), i, &row_count);

        side->is_known[i] = row_counts_take(&sums, sum);
        side->row_count += side->is_known[i] ? 0 : row_count;
    }
}

/* --- rows ---------------------------------------------------------------------------- */

/* What is done with the rows of a side. */
enum pass {
    PASS_ADD,  /* put them into the counts */
    PASS_TAKE, /* take them out; one that is not there is in this side only */
    PASS_LEFT, /* those still in the counts are in this side only */
};

struct walk {
    struct table_diff *diff;
    struct row_counts counts;
    uint64_t part; /* rows whose hash modulo part_count is this one */
    uint64_t part_count;
};

static bool found(struct walk *walk, const struct side *side, bool is_removed, struct error *err)
{
    struct table_diff *diff = walk->diff;

    if (is_removed)
        diff->removed_count++;
    else
        diff->added_count++;
    return diff->take == NULL || diff->take(diff->context, is_removed, side->values, err);
}

static bool take_row(struct walk *walk, struct side *side, enum pass pass, struct error *err)
{
    struct hash128 hash = chain_rows_hash(&side->rows, side->values);

    if (hash.low % walk->part_count != walk->part)
        return true;
    switch (pass) {
    case PASS_ADD:
        row_counts_add(&walk->counts, hash);
        return true;
    case PASS_TAKE:
        return row_counts_take(&walk->counts, hash) || found(walk, side, true, err);
    case PASS_LEFT:
        return !row_counts_take(&walk->counts, hash) || found(walk, side, false, err);
    }
    return true;
}

static bool walk_unit(
    struct walk *walk, struct side *side, uint32_t unit, enum pass pass, struct error *err)
{
    bool is_row;

    if (!chain_rows_open(&side->rows, &side->table, unit, 1, err))
        return false;
    for (uint64_t i = 0;; i++) {
        if (i % STOP_ROW_COUNT == 0 && !stop_check(err))
            return false;
        if (!chain_rows_next(&side->rows, side->values, &is_row, err))
            return false;
        if (!is_row)
            return true;
        if (!take_row(walk, side, pass, err))
            return false;
    }
}

static bool walk_side(struct walk *walk, struct side *side, enum pass pass, struct error *err)
{
    for (uint32_t i = 0; i < unit_count(side); i++)
        if (!side->is_known[i] && !walk_unit(walk, side, i, pass, err))
            return false;
    return true;
}

/* New rows are counted, old ones taken from them; what is left is new. */
static bool walk_part(struct walk *walk, struct side *old, struct side *new, struct error *err)
{
    row_counts_clear(&walk->counts);
    if (!walk_side(walk, new, PASS_ADD, err) || !walk_side(walk, old, PASS_TAKE, err))
        return false;
    if (walk->diff->take != NULL)
        return walk_side(walk, new, PASS_LEFT, err);
    walk->diff->added_count += walk->counts.total;
    return true;
}

/* --- tables --------------------------------------------------------------------------- */

static bool is_comparable(const struct table_diff *diff)
{
    return diff->old.chain != NULL
           && diff->new.chain
                  != NULL &&schema_table_same_columns(
                      &chain_last(diff->old.chain)->schema.tables[diff->old.ordinal],
                      &chain_last(diff->new.chain)->schema.tables[diff->new.ordinal]);
}

static bool run(struct walk *walk, struct side *old, struct side *new, struct error *err)
{
    uint64_t most;

    find_known(old, new);
    find_known(new, old);
    most = old->row_count > new->row_count ? old->row_count : new->row_count;
    walk->part_count = most / PART_ROW_COUNT + 1;
    for (walk->part = 0; walk->part < walk->part_count; walk->part++)
        if (!walk_part(walk, old, new, err))
            return false;
    return true;
}

/* Tables with other columns: first all of the one, then all of the other. */
static bool run_apart(struct walk *walk, struct side *old, struct side *new, struct error *err)
{
    OWNED(side) struct side none = {0};

    return run(walk, old, &none, err) && run(walk, &none, new, err);
}

static bool is_equal(const struct table_diff *diff)
{
    const struct table_end *a = &chain_last(diff->old.chain)->ends[diff->old.ordinal];
    const struct table_end *b = &chain_last(diff->new.chain)->ends[diff->new.ordinal];

    return a->row_count == b->row_count && checksum_equal(a->sum, b->sum);
}

bool table_diff_run(struct table_diff *diff, struct error *err)
{
    OWNED(side) struct side old = {0};
    OWNED(side) struct side new = {0};
    struct walk walk = {.diff = diff};
    bool can_compare = is_comparable(diff);
    bool done;

    diff->removed_count = 0;
    diff->added_count = 0;
    if (can_compare && is_equal(diff))
        return true;
    if (!side_open(&old, &diff->old, err) || !side_open(&new, &diff->new, err))
        return false;
    done = can_compare ? run(&walk, &old, &new, err) : run_apart(&walk, &old, &new, err);
    row_counts_release(&walk.counts);
    return done;
}
