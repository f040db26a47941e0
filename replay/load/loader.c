#include "replay/load/loader.h"

#include "base/owned.h"
#include "postgres/connection_copy.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"
#include "replay/load/plan_progress.h"

#include <stdlib.h>
#include <string.h>

#define PART_SIZE_MIN ((uint64_t)16 << 20) /* raw bytes of a part of a table */
#define PART_SIZE_MAX ((uint64_t)64 << 20)
#define PART_COUNT 64                       /* that a table has at least, if they can be as large */
#define TASK_SIZE_SMALL ((uint64_t)8 << 20) /* raw bytes of small tables in one transaction */
#define TASK_PIECE_COUNT_MAX 64

/* A part of a table to load. */
struct loading_piece {
    const struct plan_table *table;
    uint32_t number;
    size_t first_block;
    size_t block_count;
    uint64_t size; /* raw bytes */
};

/* One transaction: pieces [first, first + count). */
struct loading_task {
    size_t first;
    size_t count;
    uint64_t size;
};

void loading_release(struct loading *loading)
{
    free(loading->pieces);
    free(loading->tasks);
}

/* --- cutting ------------------------------------------------------------------ */

static void add_piece(struct loading *loading, const struct loading_piece *piece)
{
    loading->pieces =
        byte_buffer_realloc(loading->pieces, (loading->piece_count + 1) * sizeof(*loading->pieces));
    loading->pieces[loading->piece_count++] = *piece;
}

/* Depends on the dump alone: what an earlier run recorded must mean the same now. */
static uint64_t part_size(const struct dump_reader *reader, size_t first, size_t end)
{
    uint64_t size = 0;

    for (size_t i = first; i < end; i++)
        size += reader->index.entries[i].raw_size;
    size /= PART_COUNT;
    return size < PART_SIZE_MIN ? PART_SIZE_MIN : size > PART_SIZE_MAX ? PART_SIZE_MAX : size;
}

static void cut_table(struct loading *loading, const struct plan_table *table)
{
    const struct dump_reader *reader = loading->loader->reader;
    size_t end = reader->first_block[table->source] + reader->block_count[table->source];
    struct loading_piece piece = {
        .table = table, .first_block = reader->first_block[table->source]};
    uint64_t size_max = part_size(reader, piece.first_block, end);

    while (piece.first_block + piece.block_count < end) {
        piece.size += reader->index.entries[piece.first_block + piece.block_count].raw_size;
        piece.block_count++;
        if (piece.size < size_max && piece.first_block + piece.block_count < end)
            continue;
        add_piece(loading, &piece);
        piece = (struct loading_piece){.table = table,
            .number = piece.number + 1,
            .first_block = piece.first_block + piece.block_count};
    }
}

static void cut_tables(struct loading *loading)
{
    const struct plan *plan = loading->loader->plan;

    for (size_t i = 0; i < plan->table_count; i++)
        if (plan->tables[i].action == PLAN_LOAD && plan->tables[i].row_count > 0)
            cut_table(loading, &plan->tables[i]);
}

/* --- what is loaded ------------------------------------------------------------- */

static uint64_t row_count_of(const struct loader *loader, const struct loading_piece *piece)
{
    uint64_t row_count = 0;

    for (size_t i = 0; i < piece->block_count; i++)
        row_count += loader->reader->index.entries[piece->first_block + i].row_count;
    return row_count;
}

static void skip_piece(const struct loader *loader, const struct loading_piece *piece)
{
    struct progress_count count = {.rows = row_count_of(loader, piece)};

    count.bytes = plan_progress_size(piece->table, count.rows);
    progress_skip(
        loader->progress, PROGRESS_LOAD, plan_progress_number(loader->plan, piece->table), &count);
}

static void drop_loaded(struct loading *loading)
{
    size_t left_count = 0;

    for (size_t i = 0; i < loading->piece_count; i++) {
        const struct loading_piece *piece = &loading->pieces[i];

        if (ledger_find_part(loading->loader->ledger, piece->table->name, piece->number) != NULL)
            skip_piece(loading->loader, piece);
        else
            loading->pieces[left_count++] = *piece;
    }
    loading->piece_count = left_count;
}

/* Has the part the rows of this piece, less those that are rejected? */
static bool is_of_piece(
    const struct loader *loader, const struct loading_piece *piece, const struct ledger_part *part)
{
    const struct rejects *rejects = &piece->table->rejects;
    uint64_t row_count = part->row_count;

    for (size_t i = 0; i < rejects->count; i++)
        if (rejects->items[i].block - piece->first_block < piece->block_count)
            row_count++;
    return row_count == row_count_of(loader, piece);
}

static bool is_loaded(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->table_count; i++)
        if (strcmp(plan->tables[i].name, name) == 0)
            return plan->tables[i].action == PLAN_LOAD;
    return false;
}

bool loader_check_parts(const struct loader *loader, struct error *err)
{
    OWNED(loading) struct loading loading = {.loader = loader};
    size_t unknown_count = 0;
    bool fits = true;

    for (size_t i = 0; i < loader->ledger->part_count; i++)
        unknown_count += is_loaded(loader->plan, loader->ledger->parts[i].table);
    cut_tables(&loading);
    for (size_t i = 0; i < loading.piece_count; i++) {
        const struct loading_piece *piece = &loading.pieces[i];
        const struct ledger_part *part =
            ledger_find_part(loader->ledger, piece->table->name, piece->number);

        unknown_count -= part != NULL;
        fits = fits && (part == NULL || is_of_piece(loader, piece, part));
    }
    return (fits && unknown_count == 0)
           || error_set(err, ERROR_REFUSED,
               "the unfinished replay was begun by another version of this program, which cut the "
               "tables into other parts; finish it with that version, or undo it with --abort");
}

/* Small ones together; parts of a table in order. */
static int compare_pieces(const void *a, const void *b)
{
    const struct loading_piece *x = a;
    const struct loading_piece *y = b;

    if (x->table != y->table && x->table->size != y->table->size)
        return x->table->size < y->table->size ? 1 : -1;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* A large piece is a transaction of its own; small ones share. */
static void make_tasks(struct loading *loading)
{
    const struct loading_piece *pieces = loading->pieces;

    loading->tasks = byte_buffer_calloc(loading->piece_count + 1, sizeof(*loading->tasks));
    for (size_t i = 0; i < loading->piece_count; i++) {
        struct loading_task *task = &loading->tasks[loading->task_count];

        task->size += pieces[i].size;
        task->count++;
        if (i + 1 < loading->piece_count && task->size + pieces[i + 1].size <= TASK_SIZE_SMALL
            && task->count < TASK_PIECE_COUNT_MAX)
            continue;
        loading->task_count++;
        loading->tasks[loading->task_count].first = i + 1;
    }
}

/* --- copying -------------------------------------------------------------------- */

static void copy_statement(
    struct byte_buffer *sql, const struct loader_copy *copy, const struct copy_encoder *encoder)
{
    quote_plain(sql, "COPY ");
    quote_plain(sql, copy->target);
    for (size_t i = 0; i < copy->column_count; i++) {
        quote_plain(sql, i == 0 ? " (" : ", ");
        quote_name(sql, copy->columns[i].type.column->name);
    }
    quote_plain(sql, encoder->is_text ? ") FROM STDIN" : ") FROM STDIN (FORMAT binary)");
}

static bool send(struct connection_copy_in *stream, struct copy_encoder *encoder, struct error *err)
{
    bool done = connection_copy_in_put(stream, encoder->data.data, encoder->data.size, err);

    encoder->data.size = 0;
    return done;
}

static void tell_rows(
    const struct loader_copy *copy, const struct source_rows *rows, uint64_t *told)
{
    if (copy->task != NULL)
        progress_task_rows(copy->task, rows->row_number - *told);
    *told = rows->row_number;
}

static bool send_rows(struct loader_copy *copy, struct connection_copy_in *stream,
    struct copy_encoder *encoder, struct error *err)
{
    OWNED(source_rows) struct source_rows rows = {0};
    uint64_t told = 0;
    const struct value *values;

    source_rows_begin_blocks(
        &rows, copy->reader, copy->source, copy->first_block, copy->block_count);
    rows.part = copy->part;
    copy_encoder_begin(encoder);
    for (;;) {
        if (!source_rows_next(&rows, &values, err))
            return false;
        if (values == NULL)
            break;
        if (rejects_find(copy->rejects, &rows) != NULL)
            continue;
        if (!copy_encoder_row(encoder, values, err))
            return false;
        if (encoder->data.size < COPY_ENCODER_FLUSH_SIZE)
            continue;
        if (!send(stream, encoder, err))
            return false;
        tell_rows(copy, &rows, &told);
    }
    tell_rows(copy, &rows, &told);
    copy_encoder_end(encoder);
    return send(stream, encoder, err);
}

bool loader_copy(struct loader_copy *copy, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(copy_encoder) struct copy_encoder encoder = {0};
    OWNED(connection_copy_in) struct connection_copy_in stream = {0};

    copy_encoder_init(&encoder, copy->columns, copy->column_count);
    copy_statement(&sql, copy, &encoder);
    if (!connection_copy_in_begin(&stream, copy->connection, quote_text(&sql), err)
        || !send_rows(copy, &stream, &encoder, err)
        || !connection_copy_in_commit(&stream, &copy->row_count, err))
        return false;
    copy->sum = encoder.sum;
    if (copy->row_count != encoder.row_count)
        return error_set(err, ERROR_DATABASE, "%llu rows were sent, but %llu arrived",
            (unsigned long long)encoder.row_count, (unsigned long long)copy->row_count);
    return true;
}

bool loader_keep_rejects(const struct loader *loader, const struct plan_table *table,
    const struct loader_copy *copy, struct error *err)
{
    OWNED(source_rows) struct source_rows rows = {0};
    struct rejects_row row = {.replay = loader->ledger->replay.id,
        .table = table->name,
        .source = &copy->reader->schema.tables[copy->source]};

    if (table->rejects.count == 0)
        return true;
    source_rows_begin_blocks(
        &rows, copy->reader, copy->source, copy->first_block, copy->block_count);
    for (;;) {
        if (!source_rows_next(&rows, &row.values, err))
            return false;
        if (row.values == NULL)
            return true;
        row.reject = rejects_find(&table->rejects, &rows);
        if (row.reject != NULL && !rejects_save(copy->connection, &row, err))
            return false;
    }
}

static bool load_piece(const struct loading *loading, const struct loading_piece *piece,
    struct connection *connection, struct ledger_part *part, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer target = {0};
    OWNED(progress_task) struct progress_task task = {0};
    struct loader_copy copy = {
        .task = &task,
        .reader = loading->loader->reader,
        .connection = connection,
        .source = piece->table->source,
        .first_block = piece->first_block,
        .block_count = piece->block_count,
        .columns = piece->table->columns,
        .column_count = piece->table->column_count,
        .rejects = &piece->table->rejects,
    };

    progress_task_begin(&task, loading->loader->progress, PROGRESS_LOAD,
        plan_progress_number(loading->loader->plan, piece->table));
    quote_qualified(&target, piece->table->target->schema, piece->table->target->name);
    copy.target = quote_text(&target);
    if (!loader_copy(&copy, err) || !loader_keep_rejects(loading->loader, piece->table, &copy, err))
        return error_wrap(err, "table \"%s\"", piece->table->name);
    *part = (struct ledger_part){.table = piece->table->name,
        .number = piece->number,
        .row_count = copy.row_count,
        .sum = copy.sum};
    return true;
}

static bool load_task(void *context, size_t item, struct connection *connection, struct error *err)
{
    const struct loading *loading = context;
    const struct loading_task *task = &loading->tasks[item];
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    struct ledger_part parts[TASK_PIECE_COUNT_MAX];

    if (!connection_transaction_begin(&transaction, connection, NULL, err))
        return false;
    for (size_t i = 0; i < task->count; i++)
        if (!load_piece(loading, &loading->pieces[task->first + i], connection, &parts[i], err))
            return false;
    return ledger_add_parts(loading->loader->ledger, connection, parts, task->count, err)
           && connection_transaction_commit(&transaction, err);
}

static void schedule_tasks(struct loading *loading)
{
    struct stages *stages = loading->loader->stages;

    for (size_t i = 0; i < loading->task_count; i++) {
        const struct loading_task *task = &loading->tasks[i];
        size_t number =
            schedule_add(&stages->schedule, &(struct schedule_task){.phase = PROGRESS_LOAD,
                                                .cost = task->size,
                                                .run = load_task,
                                                .context = loading,
                                                .item = i});

        for (size_t n = task->first; n < task->first + task->count; n++)
            schedule_order(
                &stages->schedule, number, stages_of(stages, loading->pieces[n].table)->loaded);
    }
}

void loader_plan(struct loading *loading, const struct loader *loader)
{
    loading->loader = loader;
    cut_tables(loading);
    drop_loaded(loading);
    if (loading->piece_count > 0)
        qsort(loading->pieces, loading->piece_count, sizeof(*loading->pieces), compare_pieces);
    make_tasks(loading);
    schedule_tasks(loading);
}
