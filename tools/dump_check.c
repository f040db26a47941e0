#include "tools/dump_check.h"

#include "base/owned.h"
#include "base/stop.h"
#include "format/dump_reader.h"
#include "format/state.h"
#include "tools/block_check.h"
#include "tools/check_progress.h"
#include "tools/frame_walk.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST_STEP ((size_t)1 << 20) /* bytes read at a time */

void dump_check_release(struct dump_check *check)
{
    file_input_release(&check->file);
    dump_index_release(&check->index);
    schema_release(&check->schema);
    free(check->blocks);
    free(check->damages);
    arena_release(&check->arena);
    if (check->has_lock)
        pthread_mutex_destroy(&check->lock);
    *check = (struct dump_check){0};
}

void dump_check_report(
    struct dump_check *check, const struct damage *damage, const struct error *err)
{
    pthread_mutex_lock(&check->lock);
    if (check->damage_count < DUMP_CHECK_DAMAGE_MAX) {
        if (check->damages == NULL)
            check->damages = byte_buffer_calloc(DUMP_CHECK_DAMAGE_MAX, sizeof(*check->damages));
        check->damages[check->damage_count] = *damage;
        check->damages[check->damage_count].err = *err;
    }
    check->damage_count++;
    if (check->tables != NULL && damage->table != INDEX_NO_TABLE)
        check->tables[damage->table].is_damaged = true;
    pthread_mutex_unlock(&check->lock);
}

static void report_part(
    struct dump_check *check, enum damage_part part, uint64_t offset, const struct error *err)
{
    struct damage damage = {
        .part = part, .number = DAMAGE_NO_NUMBER, .table = INDEX_NO_TABLE, .offset = offset};

    dump_check_report(check, &damage, err);
}

bool dump_check_table_is_whole(const struct dump_check *check, uint32_t table)
{
    return check->has_schema && !check->tables[table].is_damaged;
}

/* --- header and tail ------------------------------------------------------- */

/* False when there is nothing to check: not a dump, or newer than this program. */
static bool read_header(struct dump_check *check, struct error *err)
{
    uint8_t data[HEADER_SIZE];
    size_t size = check->file.size < HEADER_SIZE ? (size_t)check->file.size : HEADER_SIZE;
    struct error found;

    if (!file_input_read_at(&check->file, 0, data, size, err))
        return false;
    check->has_header = header_decode(&check->header, data, size, &found);
    if (check->has_header)
        return true;
    if (found.kind != ERROR_CORRUPT) {
        *err = found;
        return false;
    }
    report_part(check, DAMAGE_HEADER, 0, &found);
    return true;
}

static bool read_tail(struct dump_check *check, struct error *err)
{
    uint8_t data[TAIL_SIZE];
    uint64_t offset = check->file.size < TAIL_SIZE ? 0 : check->file.size - TAIL_SIZE;
    struct error found;

    if (check->file.size < HEADER_SIZE + TAIL_SIZE) {
        error_set(&found, ERROR_CORRUPT, "truncated: the file has only %" PRIu64 " bytes",
            check->file.size);
    } else {
        if (!file_input_read_at(&check->file, offset, data, sizeof(data), err))
            return false;
        check->has_tail = tail_decode(&check->tail, data, check->file.size, &found);
    }
    if (!check->has_tail)
        report_part(check, DAMAGE_TAIL, offset, &found);
    return true;
}

/* --- which blocks there are ------------------------------------------------- */

static bool read_index_block(struct dump_check *check, struct block_check *work, uint64_t *offset,
    uint32_t number, struct error *err)
{
    struct check_block block = {.number = number, .is_number_known = true};
    struct byte_reader body;
    uint64_t frame_size;

    block.entry.offset = *offset;
    if (!frame_walk_measure(&check->file, *offset, check->file.size - TAIL_SIZE, &frame_size, err))
        return false;
    if (frame_size > UINT32_MAX)
        return error_set(err, ERROR_CORRUPT, "the block has %" PRIu64 " bytes", frame_size);
    block.entry.frame_size = (uint32_t)frame_size;
    if (!block_check_load(work, check, &block, &body, err))
        return false;
    if (block.entry.type != BLOCK_INDEX)
        return error_set(
            err, ERROR_CORRUPT, "the block is of type %" PRIu32 ", no index", block.entry.type);
    *offset += frame_size;
    check->raw_size += work->raw.size;
    return dump_index_decode(&check->index, &body, err);
}

/* The index must describe every byte between header and itself, and end at the tail. */
static bool check_coverage(const struct dump_check *check, uint64_t index_end, struct error *err)
{
    const struct dump_index *index = &check->index;
    uint64_t next = HEADER_SIZE;

    if (index_end != check->file.size - TAIL_SIZE)
        return error_set(err, ERROR_CORRUPT,
            "the index ends at byte %" PRIu64 ", the tail is at %" PRIu64, index_end,
            check->file.size - TAIL_SIZE);
    if (index->entry_count != check->tail.block_count - check->tail.index_block_count)
        return error_set(err, ERROR_CORRUPT, "%zu blocks are in the index, the tail says %" PRIu32,
            index->entry_count, check->tail.block_count - check->tail.index_block_count);
    for (size_t i = 0; i < index->entry_count; i++) {
        if (index->entries[i].offset != next)
            return error_set(err, ERROR_CORRUPT,
                "block %zu is said to be at byte %" PRIu64 ", expected %" PRIu64, i,
                index->entries[i].offset, next);
        next += index->entries[i].frame_size;
    }
    if (next != check->tail.index_offset)
        return error_set(err, ERROR_CORRUPT,
            "the last block ends at byte %" PRIu64 ", the index is at %" PRIu64, next,
            check->tail.index_offset);
    return true;
}

static bool read_index(struct dump_check *check, struct error *err)
{
    OWNED(block_check) struct block_check work = {0};
    uint64_t offset = check->tail.index_offset;
    uint32_t first = check->tail.block_count - check->tail.index_block_count;

    for (uint32_t i = first; i < check->tail.block_count; i++) {
        if (!read_index_block(check, &work, &offset, i, err))
            return error_wrap(err, "index block %" PRIu32 " at byte %" PRIu64, i, offset);
    }
    return check_coverage(check, offset, err);
}

static void take_index(struct dump_check *check)
{
    check->block_count = check->index.entry_count;
    check->blocks = byte_buffer_calloc(check->block_count, sizeof(*check->blocks));
    for (size_t i = 0; i < check->block_count; i++)
        check->blocks[i] = (struct check_block){.entry = check->index.entries[i],
            .number = (uint32_t)i,
            .is_indexed = true,
            .is_number_known = true};
}

static void append_block(struct dump_check *check, uint64_t offset, uint64_t size, bool in_line)
{
    size_t count = check->block_count++;
    struct check_block *block;

    if ((count & (count - 1)) == 0)
        check->blocks = byte_buffer_realloc(
            check->blocks, (count == 0 ? 1 : 2 * count) * sizeof(*check->blocks));
    block = &check->blocks[count];
    *block = (struct check_block){.number = (uint32_t)count, .is_number_known = in_line};
    block->entry.offset = offset;
    block->entry.frame_size = (uint32_t)size;
    block->entry.table = INDEX_NO_TABLE;
}

/* Finds the frames between header and tail, leaping over what is none. */
static bool walk(struct dump_check *check, struct error *err)
{
    uint64_t end = check->file.size;
    uint64_t offset = HEADER_SIZE;
    bool in_line = true;

    if (check->has_tail)
        end -= TAIL_SIZE;
    while (offset < end) {
        struct damage damage = {.part = DAMAGE_BLOCK,
            .number = in_line ? (uint32_t)check->block_count : DAMAGE_NO_NUMBER,
            .table = INDEX_NO_TABLE,
            .offset = offset};
        struct error found;
        uint64_t size;
        uint64_t next;

        if (frame_walk_measure(&check->file, offset, end, &size, &found) && size <= UINT32_MAX) {
            append_block(check, offset, size, in_line);
            offset += size;
            continue;
        }
        if (!frame_walk_find(&check->file, offset + 1, end, &next, err))
            return false;
        damage.size = next - offset;
        /* What is left of a damaged tail has been reported as such. */
        if (next < end || damage.size != TAIL_SIZE)
            dump_check_report(check, &damage, &found);
        in_line = false;
        offset = next;
    }
    return true;
}

static bool find_blocks(struct dump_check *check, struct error *err)
{
    struct error found;

    if (check->has_tail) {
        check->has_index = read_index(check, &found);
        if (!check->has_index)
            report_part(check, DAMAGE_INDEX, check->tail.index_offset, &found);
    }
    if (!check->has_index)
        return walk(check, err);
    take_index(check);
    return true;
}

size_t dump_check_block_count(const struct dump_check *check)
{
    /* Who looks for frames finds those of the index among them. */
    return check->block_count + (check->has_index ? check->tail.index_block_count : 0);
}

/* SPEC 7.3. */
static bool take_unchanged(
    struct dump_check *check, const struct byte_reader *body, struct error *err)
{
    size_t count = check->has_tail ? check->tail.block_count - check->tail.index_block_count : 1;

    if ((check->has_header && check->header.kind != DUMP_DELTA) || count != 1
        || byte_reader_left(body) != 0
        || (check->has_header && check->has_tail
            && memcmp(check->header.from_state, check->tail.state_id, SHA256_SIZE) != 0))
        return error_set(err, ERROR_CORRUPT,
            "the block says that nothing changed, the rest of the file does not agree");
    check->is_unchanged = true;
    check->has_state = check->has_tail;
    memcpy(check->state_id, check->tail.state_id, SHA256_SIZE);
    return true;
}

static bool take_schema(
    struct dump_check *check, uint32_t type, struct byte_reader *body, struct error *err)
{
    if (type == BLOCK_UNCHANGED)
        return take_unchanged(check, body, err);
    if (type != BLOCK_SCHEMA)
        return error_set(
            err, ERROR_CORRUPT, "the block is of type %" PRIu32 ", expected the schema", type);
    return schema_decode(&check->schema, body, err);
}

/* Reads the first block, which says what the others mean. */
static void read_schema(struct dump_check *check)
{
    OWNED(block_check) struct block_check work = {0};
    struct damage damage = {.part = DAMAGE_BLOCK, .number = 0, .table = INDEX_NO_TABLE};
    struct check_block *block = check->blocks;
    struct byte_reader body;
    struct error err;

    if (block == NULL)
        return; /* nothing but header and tail is left */
    if (!block->is_number_known) {
        block_check_run(&work, check, block); /* the beginning is lost, and the schema with it */
        return;
    }
    block->is_sound = block_check_load(&work, check, block, &body, &err)
                      && take_schema(check, block->entry.type, &body, &err);
    if (!block->is_sound) {
        damage.offset = block->entry.offset;
        damage.size = block->entry.frame_size;
        dump_check_report(check, &damage, &err);
        return;
    }
    check->has_schema = true;
    check->raw_size += work.raw.size;
    check->tables = arena_alloc(&check->arena, check->schema.table_count, sizeof(*check->tables));
    for (uint32_t i = 0; i < check->schema.table_count; i++)
        check->tables[i].facts = arena_alloc(
            &check->arena, check->schema.tables[i].column_count, sizeof(*check->tables[i].facts));
}

/* --- threads ---------------------------------------------------------------- */

struct work_list {
    struct dump_check *check;
    atomic_size_t next;
    bool has_digest;
    bool is_digest_sound;
};

static bool compute_digest(const struct dump_check *check, uint8_t digest[SHA256_SIZE])
{
    OWNED(sha256) struct sha256 sha = {0};
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    uint64_t end = check->file.size - TAIL_SIZE;
    struct error ignored; /* a place that cannot be read is reported with its block */

    sha256_init(&sha);
    byte_buffer_reserve(&bytes, DIGEST_STEP);
    for (uint64_t offset = 0; offset < end && !stop_is_requested(); offset += DIGEST_STEP) {
        size_t step = end - offset < DIGEST_STEP ? (size_t)(end - offset) : DIGEST_STEP;

        if (!file_input_read_at(&check->file, offset, bytes.data, step, &ignored))
            return false;
        sha256_update(&sha, bytes.data, step);
    }
    sha256_final(&sha, digest);
    return true;
}

/* Job 0 is the digest of the file, job n block n: block 0, the schema, has been read. */
static void *run_jobs(void *argument)
{
    OWNED(block_check) struct block_check work = {0};
    struct work_list *list = argument;
    struct dump_check *check = list->check;
    size_t job;

    while (!stop_is_requested()
           && ((job = atomic_fetch_add(&list->next, 1)) < check->block_count || job == 0)) {
        uint8_t digest[SHA256_SIZE];

        if (job > 0) {
            block_check_run(&work, check, &check->blocks[job]);
            check_progress_block(check, job);
        } else if (list->has_digest)
            list->is_digest_sound = compute_digest(check, digest)
                                    && memcmp(digest, check->tail.digest, SHA256_SIZE) == 0;
    }
    return NULL;
}

static void run_threads(struct work_list *list, unsigned thread_count)
{
    pthread_t *threads = byte_buffer_calloc(thread_count, sizeof(*threads));
    unsigned started = 0;

    /* Where no further thread can be had, fewer do the work: at least this one. */
    while (
        started + 1 < thread_count && pthread_create(&threads[started], NULL, run_jobs, list) == 0)
        started++;
    run_jobs(list);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    free(threads);
}

/* --- conclusions ------------------------------------------------------------- */

/* The table of the first sound block from `first` on. */
static uint32_t next_sound_table(const struct dump_check *check, size_t first)
{
    for (size_t i = first; i < check->block_count; i++)
        if (check->blocks[i].is_sound)
            return check->blocks[i].entry.table;
    return INDEX_NO_TABLE;
}

static void name_table(struct dump_check *check, uint64_t offset, uint32_t table)
{
    check->tables[table].is_damaged = true;
    for (size_t i = 0; i < check->damage_count && i < DUMP_CHECK_DAMAGE_MAX; i++)
        if (check->damages[i].offset == offset)
            check->damages[i].table = table;
}

/* Without an index, a damaged block between two of one table was one of that table. */
static void guess_tables(struct dump_check *check)
{
    uint32_t open_table = INDEX_NO_TABLE;

    for (size_t i = 0; i < check->block_count; i++) {
        const struct check_block *block = &check->blocks[i];

        if (block->is_sound)
            open_table = block->entry.type == BLOCK_ROWS ? block->entry.table : INDEX_NO_TABLE;
        else if (open_table != INDEX_NO_TABLE && next_sound_table(check, i + 1) == open_table)
            name_table(check, block->entry.offset, open_table);
    }
}

static void conclude_state(struct dump_check *check)
{
    struct table_end *ends = byte_buffer_calloc(check->schema.table_count, sizeof(*ends));
    struct error err;

    check->has_state = true;
    for (uint32_t i = 0; i < check->schema.table_count; i++) {
        if (!schema_table_has_rows(&check->schema.tables[i]))
            continue;
        if (!check->tables[i].has_end)
            check->has_state = false;
        ends[i] = check->tables[i].end;
    }
    if (check->has_state)
        state_compute(check->state_id, &check->schema, ends);
    if (check->has_state && check->has_tail
        && memcmp(check->state_id, check->tail.state_id, SHA256_SIZE) != 0) {
        error_set(&err, ERROR_CORRUPT, "the state_id is not the one in the tail");
        report_part(check, DAMAGE_FILE, check->file.size - TAIL_SIZE, &err);
    }
    free(ends);
}

/* What is whole to us must be so to those who will replay it. */
static void try_reader(struct dump_check *check)
{
    OWNED(dump_reader) struct dump_reader reader = {0};
    struct error err;

    if (!dump_reader_open_file(&reader, &check->file, &err))
        report_part(check, DAMAGE_FILE, 0, &err);
}

static void conclude(struct dump_check *check, const struct work_list *list)
{
    struct error err;

    if (check->has_schema && !check->is_unchanged) {
        if (!check->has_index)
            guess_tables(check);
        for (uint32_t i = 0; i < check->schema.table_count; i++)
            block_check_table(check, i);
        conclude_state(check);
    }
    if (check->damage_count == 0 && list->has_digest && !list->is_digest_sound) {
        error_set(&err, ERROR_CORRUPT, "the SHA-256 of the file is not the one in its tail");
        report_part(check, DAMAGE_FILE, 0, &err);
    }
    if (check->damage_count == 0)
        try_reader(check);
}

static int compare_damages(const void *left, const void *right)
{
    const struct damage *a = left;
    const struct damage *b = right;

    if (a->part != b->part)
        return a->part < b->part ? -1 : 1;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    return a->table < b->table ? -1 : a->table > b->table;
}

bool dump_check_run(struct dump_check *check, const char *path, unsigned thread_count,
    struct progress *progress, struct error *err)
{
    struct work_list list = {.check = check};
    size_t kept;

    *check = (struct dump_check){.file = {.fd = -1}, .progress = progress};
    pthread_mutex_init(&check->lock, NULL);
    check->has_lock = true;
    if (!file_input_open_checked(&check->file, path, header_check_magic, err))
        return false;
    if (!read_header(check, err) || !read_tail(check, err) || !find_blocks(check, err))
        return error_wrap(err, "%s", check->file.path);
    read_schema(check);
    list.has_digest = check->has_tail;
    check_progress_plan(check);
    run_threads(&list, thread_count);
    if (!stop_check(err))
        return false;
    check_progress_end(check);
    conclude(check, &list);
    kept =
        check->damage_count < DUMP_CHECK_DAMAGE_MAX ? check->damage_count : DUMP_CHECK_DAMAGE_MAX;
    if (kept > 1)
        qsort(check->damages, kept, sizeof(*check->damages), compare_damages);
    return true;
}
