#include "replay/report/size_estimate.h"

#include <string.h>

#define PAGE_SIZE 8192
#define PAGE_ROOM 8168.0     /* without its head */
#define ROW_HEAD 28.0        /* the item in the page, and the head of the tuple */
#define ASIDE_SIZE 2000.0    /* rows that are wider are compressed, or stored aside */
#define MAPS_SIZE (4 * 8192) /* free space and visibility */
#define INDEX_FILL 0.9       /* of a btree's leaves */
#define POSTING_SIZE 7.0     /* an entry of equal ones in a btree */
#define VERSION_POSTINGS 130000

/* A table's columns, about. */
struct shape {
    const struct size_estimate_input *input;
    const struct plan_table *table;
    double row_count;
    double *widths; /* mean bytes of the TEXT and BLOB values of each column of the source */
};

void size_estimate_add(struct size_range *to, const struct size_range *more)
{
    to->min += more->min;
    to->max += more->max;
}

/* --- how long values are ---------------------------------------------------------------- */

static uint64_t string_count(const struct column_facts *facts)
{
    return facts->class_count[VALUE_TEXT] + facts->class_count[VALUE_BLOB];
}

static double longest(const struct column_facts *facts)
{
    return (double)(facts->text_size_max > facts->blob_size_max ? facts->text_size_max
                                                                : facts->blob_size_max);
}

/* Bytes of all strings; a canonical row has a class, and eight or four more bytes (SPEC 4). */
static double string_bytes(const struct table_end *end)
{
    double size = (double)end->size;

    for (uint32_t i = 0; i < end->column_count; i++) {
        const uint64_t *count = end->facts[i].class_count;

        size -= (double)count[VALUE_NULL] + 9.0 * (double)(count[VALUE_INTEGER] + count[VALUE_REAL])
                + 5.0 * (double)string_count(&end->facts[i]);
    }
    return size > 0 ? size : 0;
}

static double bytes_below(const struct table_end *end, double level)
{
    double sum = 0;

    for (uint32_t i = 0; i < end->column_count; i++) {
        double most = longest(&end->facts[i]);

        sum += (double)string_count(&end->facts[i]) * (most < level ? most : level);
    }
    return sum;
}

/*
 * Columns of short strings, ids mostly, are taken to be as long as their longest; what is then left
 * of the table's bytes belongs to the others, evenly.
 */
static void find_widths(const struct table_end *end, double *widths)
{
    double wanted = string_bytes(end);
    double low = 0;
    double high = 4e9;

    for (int i = 0; i < 64; i++) {
        double level = (low + high) / 2;

        if (bytes_below(end, level) < wanted)
            low = level;
        else
            high = level;
    }
    for (uint32_t i = 0; i < end->column_count; i++) {
        double most = longest(&end->facts[i]);

        widths[i] = most < high ? most : high;
    }
}

static bool is_fixed(enum type_kind kind, double *width)
{
    static const double widths[] = {[TYPE_BOOLEAN] = 1,
        [TYPE_INT2] = 2,
        [TYPE_INT4] = 4,
        [TYPE_INT8] = 8,
        [TYPE_FLOAT4] = 4,
        [TYPE_FLOAT8] = 8,
        [TYPE_NUMERIC] = 9,
        [TYPE_UUID] = 16,
        [TYPE_DATE] = 4,
        [TYPE_TIMESTAMP] = 8,
        [TYPE_TIMESTAMPTZ] = 8};

    *width = kind < sizeof(widths) / sizeof(widths[0]) ? widths[kind] : 0;
    return *width > 0;
}

static double aligned(double width)
{
    return (double)((uint64_t)(width + 7.999) / 8 * 8);
}

static const struct table_end *end_of(const struct shape *shape)
{
    return &shape->input->reader->ends[shape->table->source];
}

/* Share of the rows whose value is not NULL. */
static double filled(const struct shape *shape, const struct copy_column *column)
{
    const struct column_facts *facts = &end_of(shape)->facts[column->source];
    uint64_t sum = 0;

    for (size_t i = 0; i < VALUE_CLASS_COUNT; i++)
        sum += facts->class_count[i];
    return sum == 0 ? 0 : 1 - (double)facts->class_count[VALUE_NULL] / (double)sum;
}

/* Mean bytes of a value that is not NULL. */
static double width_of(const struct shape *shape, const struct copy_column *column)
{
    double width;

    if (is_fixed(column->type.kind, &width))
        return width;
    width = shape->widths[column->source];
    return width + (width < 127 ? 1 : 4);
}

/* --- the table ----------------------------------------------------------------------------- */

/* What compression may leave of strings: only those that make a row wide are compressed. */
static double compressed(const struct shape *shape, const struct copy_column *column)
{
    const struct column_facts *facts = &end_of(shape)->facts[column->source];

    if (longest(facts) < ASIDE_SIZE || column->type.kind == TYPE_BYTEA)
        return 1;
    return shape->widths[column->source] < ASIDE_SIZE / 2 ? 0.85 : 0.35;
}

static double pages(double row_count, double width)
{
    uint64_t fitting = (uint64_t)(PAGE_ROOM / width);

    if (width > ASIDE_SIZE) /* in pieces of about a quarter of a page */
        return row_count * width * 1.04 / PAGE_ROOM + 1;
    return row_count / (double)(fitting == 0 ? 1 : fitting) + 1;
}

static void estimate_table(const struct shape *shape, struct size_range *size)
{
    double most = ROW_HEAD;
    double least = ROW_HEAD;
    bool has_null = false;

    for (size_t i = 0; i < shape->table->column_count; i++) {
        const struct copy_column *column = &shape->table->columns[i];
        double share = filled(shape, column);
        double width = share * width_of(shape, column);
        double fixed;
        bool is_string = !is_fixed(column->type.kind, &fixed);

        has_null = has_null || share < 1;
        least += width * compressed(shape, column);
        most += width + (is_string ? 2 : 0); /* what comes after it is aligned */
    }
    if (has_null && shape->table->column_count > 8)
        most += aligned((double)shape->table->column_count / 8 - 1);
    size->min = (uint64_t)(shape->row_count * least / PAGE_ROOM) * PAGE_SIZE + PAGE_SIZE;
    size->max = (uint64_t)(pages(shape->row_count, aligned(most) + 4)) * PAGE_SIZE;
    if (size->max > MAPS_SIZE) {
        size->min += MAPS_SIZE;
        size->max += MAPS_SIZE;
    }
    size->min += PAGE_SIZE; /* the index of what is stored aside */
    size->max += 2 * PAGE_SIZE;
}

/* Text becomes lexemes in a derived table: shorter, or with their places longer. */
static void estimate_derived(const struct shape *shape, struct size_range *size)
{
    estimate_table(shape, size);
    size->min /= 2;
    size->max += size->max / 4;
}

/* --- indexes ---------------------------------------------------------------------------------- */

static const struct copy_column *column_of(
    const struct plan_table *table, const struct target_column *target)
{
    for (size_t i = 0; target != NULL && i < table->column_count; i++)
        if (table->columns[i].type.column == target)
            return &table->columns[i];
    return NULL;
}

/* Can there be as many values as rows? Of integers the dump knows from where to where they go. */
static bool may_differ(const struct shape *shape, const struct copy_column *column)
{
    const struct column_facts *facts = &end_of(shape)->facts[column->source];
    double range = (double)facts->integer_max - (double)facts->integer_min + 1;

    return facts->class_count[VALUE_INTEGER] > 0
           && range >= (double)facts->class_count[VALUE_INTEGER];
}

/* Is the column alone the key of a unique index? */
static bool is_unique(const struct shape *shape, const struct target_column *column)
{
    const struct target_table *target = shape->table->target;

    for (size_t i = 0; i < target->index_count; i++)
        if (target->indexes[i].is_unique && target->indexes[i].key_count == 1
            && target->indexes[i].keys[0] == column)
            return true;
    return false;
}

static void estimate_btree(
    const struct shape *shape, const struct target_index *index, struct size_range *size)
{
    double least = 8;
    double most = 8 + 16.0 * (double)(index->column_count - index->key_count);
    bool repeats = !index->is_unique && shape->input->version_num >= VERSION_POSTINGS;

    for (size_t i = 0; i < index->key_count; i++) {
        const struct copy_column *column = column_of(shape->table, index->keys[i]);

        if (column == NULL) { /* an expression, or a column that gets its default */
            least += 4;
            most += 32;
            continue;
        }
        least += width_of(shape, column) * filled(shape, column) * 0.9;
        most += width_of(shape, column) * filled(shape, column);
        repeats = repeats && !may_differ(shape, column) && !is_unique(shape, index->keys[i]);
    }
    least = repeats ? POSTING_SIZE : aligned(least) + 4;
    size->min = (uint64_t)(shape->row_count * least / INDEX_FILL);
    size->max = (uint64_t)(shape->row_count * (aligned(most) + 4) / INDEX_FILL * 1.02);
}

static void estimate_index(const struct shape *shape, const struct target_index *index,
    const struct size_range *table, struct size_range *size)
{
    if (strcmp(index->access_method, "btree") == 0) {
        estimate_btree(shape, index, size);
    } else if (strcmp(index->access_method, "gin") == 0) {
        size->min = table->min / 4;
        size->max = table->max * 5 / 4;
    } else {
        size->min = (uint64_t)(shape->row_count * 8);
        size->max = (uint64_t)(shape->row_count * 64);
    }
    if (index->is_partial)
        size->min = 0;
    size->min += PAGE_SIZE;
    size->max += 2 * PAGE_SIZE;
}

void size_estimate_of(struct size_estimate *estimate, const struct size_estimate_input *input,
    const struct plan_table *table, uint64_t row_count)
{
    const struct table_end *end = &input->reader->ends[table->source];
    struct shape shape = {.input = input, .table = table, .row_count = (double)row_count};

    *estimate = (struct size_estimate){0};
    if (row_count == 0 || table->target == NULL)
        return;
    shape.widths = arena_alloc(input->arena, end->column_count + 1, sizeof(*shape.widths));
    find_widths(end, shape.widths);
    if (table->action == PLAN_DERIVE)
        estimate_derived(&shape, &estimate->table);
    else
        estimate_table(&shape, &estimate->table);
    for (size_t i = 0; i < table->target->index_count; i++) {
        struct size_range size = {0, 0};

        estimate_index(&shape, &table->target->indexes[i], &estimate->table, &size);
        size_estimate_add(&estimate->indexes, &size);
        if (size.max > estimate->index_size_max)
            estimate->index_size_max = size.max;
    }
}
