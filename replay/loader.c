#include "replay/loader.h"

#include "base/owned.h"
#include "postgres/connection_copy.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"
#include "replay/plan_progress.h"
#include "watch/progress_task.h"

#include <stdlib.h>

#define TASK_SIZE_SMALL ((uint64_t)8 << 20) /* raw bytes of small tables in one transaction */
#define TASK_PIECE_COUNT_MAX 64

/* A part of a table to load. */
struct piece {
    const struct plan_table *table;
    uint32_t number;
    size_t first_block;
    size_t block_count;
    uint64_t size; /* raw bytes */
};

/* One transaction: pieces [first, first + count). */
struct task {
    size_t first;
    size_t count;
};

/* The whole work, cut up. Zero-initialise. */
struct pieces {
    const struct loader *loader;
    struct piece *items; /* owned */
    size_t count;
    struct task *tasks; /* owned */
    size_t task_count;
};

static void pieces_release(struct pieces *pieces)
{
    free(pieces->items);
    free(pieces->tasks);
}

/* --- cutting ------------------------------------------------------------------ */

static void skip_piece(const struct loader *loader, const struct piece *piece)
{
    struct progress_count count = {0};

    for (size_t i = 0; i < piece->block_count; i++)
        count.rows += loader->reader->index.entries[piece->first_block + i].row_count;
    count.bytes = plan_progress_size(piece->table, count.rows);
    progress_skip(
        loader->progress, PROGRESS_LOAD, plan_progress_number(loader->plan, piece->table), &count);
}

static void add_piece(struct pieces *pieces, const struct piece *piece)
{
    if (ledger_find_part(pieces->loader->ledger, piece->table->name, piece->number) != NULL) {
        skip_piece(pieces->loader, piece);
        return;
    }
    pieces->items =
        byte_buffer_realloc(pieces->items, (pieces->count + 1) * sizeof(*pieces->items));
    pieces->items[pieces->count++] = *piece;
}

static void cut_table(struct pieces *pieces, const struct plan_table *table)
{
    const struct dump_reader *reader = pieces->loader->reader;
    size_t end = reader->first_block[table->source] + reader->block_count[table->source];
    struct piece piece = {.table = table, .first_block = reader->first_block[table->source]};

    while (piece.first_block + piece.block_count < end) {
        piece.size += reader->index.entries[piece.first_block + piece.block_count].raw_size;
        piece.block_count++;
        if (piece.size < LOADER_PART_SIZE && piece.first_block + piece.block_count < end)
            continue;
        add_piece(pieces, &piece);
        piece = (struct piece){.table = table,
            .number = piece.number + 1,
            .first_block = piece.first_block + piece.block_count};
    }
}

/* Large tables first, so that no worker is left alone with one; parts of a table in order. */
static int compare_pieces(const void *a, const void *b)
{
    const struct piece *x = a;
    const struct piece *y = b;

    if (x->table != y->table && x->table->size != y->table->size)
        return x->table->size < y->table->size ? 1 : -1;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* A large piece is a transaction of its own; small ones share. */
static void make_tasks(struct pieces *pieces)
{
    uint64_t size = 0;

    pieces->tasks = byte_buffer_calloc(pieces->count + 1, sizeof(*pieces->tasks));
    for (size_t i = 0; i < pieces->count; i++) {
        struct task *task = &pieces->tasks[pieces->task_count];

        size += pieces->items[i].size;
        task->count++;
        if (i + 1 < pieces->count && size + pieces->items[i + 1].size <= TASK_SIZE_SMALL
            && task->count < TASK_PIECE_COUNT_MAX)
            continue;
        size = 0;
        pieces->task_count++;
        pieces->tasks[pieces->task_count].first = i + 1;
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
        .value_count = copy->reader->schema.tables[copy->source].column_count};

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

static bool load_piece(const struct pieces *pieces, const struct piece *piece,
    struct connection *connection, struct ledger_part *part, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer target = {0};
    OWNED(progress_task) struct progress_task task = {0};
    struct loader_copy copy = {
        .task = &task,
        .reader = pieces->loader->reader,
        .connection = connection,
        .source = piece->table->source,
        .first_block = piece->first_block,
        .block_count = piece->block_count,
        .columns = piece->table->columns,
        .column_count = piece->table->column_count,
        .rejects = &piece->table->rejects,
    };

    progress_task_begin(&task, pieces->loader->progress, PROGRESS_LOAD,
        plan_progress_number(pieces->loader->plan, piece->table));
    quote_qualified(&target, piece->table->target->schema, piece->table->target->name);
    copy.target = quote_text(&target);
    if (!loader_copy(&copy, err) || !loader_keep_rejects(pieces->loader, piece->table, &copy, err))
        return error_wrap(err, "table \"%s\"", piece->table->name);
    *part = (struct ledger_part){.table = piece->table->name,
        .number = piece->number,
        .row_count = copy.row_count,
        .sum = copy.sum};
    return true;
}

static bool load_task(void *context, const struct workers_turn *turn, struct error *err)
{
    const struct pieces *pieces = context;
    const struct task *task = &pieces->tasks[turn->task];
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    struct ledger_part parts[TASK_PIECE_COUNT_MAX];

    if (!connection_transaction_begin(&transaction, turn->connection, NULL, err))
        return false;
    for (size_t i = 0; i < task->count; i++)
        if (!load_piece(pieces, &pieces->items[task->first + i], turn->connection, &parts[i], err))
            return false;
    return ledger_add_parts(pieces->loader->ledger, turn->connection, parts, task->count, err)
           && connection_transaction_commit(&transaction, err);
}

bool loader_run(const struct loader *loader, struct error *err)
{
    OWNED(pieces) struct pieces pieces = {.loader = loader};

    progress_begin(loader->progress, PROGRESS_LOAD);
    for (size_t i = 0; i < loader->plan->table_count; i++)
        if (loader->plan->tables[i].action == PLAN_LOAD && loader->plan->tables[i].row_count > 0)
            cut_table(&pieces, &loader->plan->tables[i]);
    if (pieces.count > 0)
        qsort(pieces.items, pieces.count, sizeof(*pieces.items), compare_pieces);
    make_tasks(&pieces);
    if (!workers_run(loader->workers, pieces.task_count, load_task, &pieces, err))
        return false;
    progress_end(loader->progress, PROGRESS_LOAD);
    return true;
}
