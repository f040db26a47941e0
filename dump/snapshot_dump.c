#include "dump/snapshot_dump.h"

#include "base/owned.h"
#include "dump/catalog.h"
#include "dump/delta_table.h"
#include "dump/dump_output.h"
#include "dump/foreign_base.h"
#include "dump/integrity.h"
#include "dump/pipeline.h"
#include "dump/sink.h"
#include "dump/source.h"
#include "dump/table_guess.h"
#include "watch/progress_task.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_THREADS_MAX 3 /* one reads, more than two others wait for it */
#define WARNING_SIZE 1024     /* bytes */

/* All that one dump needs. */
struct job {
    const struct snapshot_dump_options *options;
    const char *output_path;
    struct source source;
    struct chain base; /* of a delta */
    struct dump_buffer buffer;
    struct schema schema;
    struct dump_writer *writer;
    struct pipeline *pipeline;
    struct sink sink;
    struct delta_table delta; /* the table being read */
    uint32_t *numbers;        /* of the tables in the progress, by ordinal; owned */
    uint64_t told_row_count;
    uint64_t told_size;
};

static void job_release(struct job *job)
{
    pipeline_close(job->pipeline);
    delta_table_release(&job->delta);
    dump_writer_close(job->writer);
    source_release(&job->source);
    dump_buffer_release(&job->buffer);
    chain_release(&job->base);
    schema_release(&job->schema);
    free(job->numbers);
}

unsigned snapshot_dump_default_threads(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    if (count > DEFAULT_THREADS_MAX)
        return DEFAULT_THREADS_MAX;
    return count < 1 ? 1 : (unsigned)count;
}

static void warn(void *context, const char *text)
{
    struct job *job = context;

    if (job->options->warn != NULL)
        job->options->warn(job->options->warn_context, text);
}

static void tell_progress(void *context, uint32_t table, uint64_t row_count, uint64_t size)
{
    struct job *job = context;
    struct progress_count count = {
        .rows = row_count - job->told_row_count, .bytes = size - job->told_size};

    progress_add(job->options->progress, PROGRESS_READ, job->numbers[table], &count);
    job->told_row_count = row_count;
    job->told_size = size;
}

static void plan_progress(struct job *job)
{
    struct progress *progress = job->options->progress;
    uint64_t *sizes = byte_buffer_calloc(job->schema.table_count + 1, sizeof(*sizes));

    job->numbers = byte_buffer_calloc(job->schema.table_count + 1, sizeof(*job->numbers));
    table_guess_sizes(sizes, job->source.db, &job->schema);
    for (uint32_t i = 0; i < job->schema.table_count; i++) {
        if (!schema_table_has_rows(&job->schema.tables[i]))
            continue;
        job->numbers[i] = progress_table(progress, job->schema.tables[i].name.bytes);
        progress_plan(
            progress, PROGRESS_READ, job->numbers[i], &(struct progress_count){.bytes = sizes[i]});
    }
    free(sizes);
    progress_guess(progress, PROGRESS_READ);
    progress_begin(progress, PROGRESS_READ);
}

/* --- what is worth a warning ------------------------------------------------------- */

static void warn_of_texts(
    struct job *job, const struct table_finding *finding, uint64_t count, const char *what)
{
    const struct schema_table *table = &job->schema.tables[finding->table];
    char text[WARNING_SIZE];

    if (count == 0)
        return;
    snprintf(text, sizeof(text),
        "table \"%s\", column \"%s\": %" PRIu64 " text%s; PostgreSQL cannot hold that as text "
        "(the dump holds it as it is)",
        table->name.bytes, table->columns[finding->column].name.bytes, count, what);
    warn(job, text);
}

static void warn_of_findings(struct job *job)
{
    size_t count;
    const struct table_finding *findings = pipeline_findings(job->pipeline, &count);

    for (size_t i = 0; i < count; i++) {
        const struct table_finding *finding = &findings[i];

        warn_of_texts(job, finding, finding->nul_count,
            finding->nul_count == 1 ? " has a NUL character" : "s have a NUL character");
        warn_of_texts(job, finding, finding->invalid_utf8_count,
            finding->invalid_utf8_count == 1 ? " is not valid UTF-8" : "s are not valid UTF-8");
    }
}

static void warn_of_base(struct job *job)
{
    OWNED(arena) struct arena arena = {0};
    const char *text;

    if (job->options->base_count == 0)
        return;
    text = foreign_base_warning(&arena, &job->base, job->writer, &job->schema);
    if (text != NULL)
        warn(job, text);
}

/* SQLite does so without a word. */
static void warn_of_log(struct job *job)
{
    uint64_t count = job->source.ignored_frame_count;
    char text[WARNING_SIZE];

    if (count == 0)
        return;
    snprintf(text, sizeof(text),
        "the write-ahead log ends with %" PRIu64 " page%s that belong to no whole transaction, "
        "ignored as SQLite ignores them: a program was stopped while it wrote, or the copy of the "
        "log is cut off or damaged; if it is a copy, copy the database and its -wal again",
        count, count == 1 ? "" : "s");
    warn(job, text);
}

/* --- the steps ------------------------------------------------------------------------ */

static bool open_source(struct job *job, struct error *err)
{
    const struct snapshot_dump_options *options = job->options;
    struct source_options source = {
        .path = options->database_path,
        .copies_first = options->copies_first,
        .busy_timeout_ms = options->busy_timeout_ms,
    };

    if (options->copies_first)
        progress_begin(options->progress, PROGRESS_COPY);
    if (!source_open(&job->source, &source, err))
        return false;
    warn_of_log(job);
    if (options->copies_first)
        progress_end(options->progress, PROGRESS_COPY);
    if (options->checks_first) {
        progress_begin(options->progress, PROGRESS_CHECK);
        if (!integrity_check(&job->source, warn, job, err))
            return false;
        progress_end(options->progress, PROGRESS_CHECK);
    }
    return (catalog_read(&job->schema, job->source.db, err)
               && catalog_check(&job->schema, job->source.db, err))
           || error_wrap(err, "database \"%s\"", options->database_path);
}

/* Opens the chain that a delta continues. */
static bool open_base(struct job *job, struct error *err)
{
    const struct snapshot_dump_options *options = job->options;

    if (options->base_count == 0)
        return true;
    if (!chain_open(&job->base, options->base_paths, options->base_count, err))
        return error_wrap(err, "base");
    if (!chain_is_full(&job->base))
        return error_set(err, ERROR_REFUSED,
            "base: %s is a delta, it starts from an earlier state: give the full dump first, then "
            "its deltas, oldest first, each with --base",
            options->base_paths[0]);
    return true;
}

static bool open_output(struct job *job, struct error *err)
{
    struct dump_writer_options writer = {
        .path = job->output_path,
        .kind = job->options->base_count == 0 ? DUMP_FULL : DUMP_DELTA,
        .level = job->options->level,
    };
    struct pipeline_options pipeline = {
        .schema = &job->schema,
        .thread_count = job->options->thread_count,
        .held_count = job->options->base_count == 0 ? 0 : ALIGNMENT_PENDING_MAX,
        .level = job->options->level,
    };

    if (job->options->base_count > 0)
        memcpy(writer.from_state, chain_last(&job->base)->tail.state_id, SHA256_SIZE);

    if (!dump_writer_open(&job->writer, &writer, &job->schema, err))
        return false;
    pipeline.writer = job->writer;
    return pipeline_open(&job->pipeline, &pipeline, err);
}

static bool deliver(void *context, uint32_t table, struct row_batch *batch, struct error *err)
{
    struct job *job = context;

    if (job->options->base_count > 0)
        return delta_table_add(&job->delta, batch, err);
    return pipeline_submit(job->pipeline, table, batch, err);
}

static bool read_table(struct job *job, uint32_t table, struct error *err)
{
    OWNED(progress_task) struct progress_task task = {0};
    struct pipeline_end end;

    progress_task_begin(&task, job->options->progress, PROGRESS_READ, job->numbers[table]);
    if (job->options->base_count == 0) {
        if (!sink_read_table(&job->sink, table, err))
            return false;
        end = (struct pipeline_end){.end = job->sink.end};
        return pipeline_end_table(job->pipeline, &end, err);
    }
    delta_table_release(&job->delta);
    job->delta.pipeline = job->pipeline;
    return delta_table_begin(&job->delta, &job->base, &job->schema, table, &job->buffer, err)
           && sink_read_table(&job->sink, table, err)
           && delta_table_end(&job->delta, &job->sink.end, err);
}

static bool read_tables(struct job *job, struct snapshot_dump_result *result, struct error *err)
{
    job->sink = (struct sink){
        .db = job->source.db,
        .schema = &job->schema,
        .pipeline = job->pipeline,
        .deliver = deliver,
        .deliver_context = job,
        .progress = tell_progress,
        .progress_context = job,
        .leaves_hashes = job->options->base_count == 0,
    };
    plan_progress(job);
    if (!sink_init(&job->sink, err))
        return false;
    if (job->options->thread_count > 1 && !source_read_ahead(&job->source, err))
        return false;
    for (uint32_t i = 0; i < job->schema.table_count; i++) {
        if (!schema_table_has_rows(&job->schema.tables[i]))
            continue;
        if (!read_table(job, i, err))
            return error_wrap(err, "database \"%s\"", job->options->database_path);
        result->table_count++;
        progress_settle(job->options->progress, PROGRESS_READ, job->numbers[i]);
    }
    result->row_count = job->sink.row_count;
    result->size = job->sink.size;
    if (!pipeline_finish(job->pipeline, err))
        return false;
    progress_end(job->options->progress, PROGRESS_READ);
    return true;
}

static bool read_source(struct job *job, struct snapshot_dump_result *result, struct error *err)
{
    bool done = open_source(job, err) && open_output(job, err) && read_tables(job, result, err)
                && source_check_snapshot(&job->source, err);

    /* A file that was changed meanwhile looks damaged, or cut off: the change is what to tell. */
    if (!done && err->kind == ERROR_STOPPED)
        return false;
    return source_confirm(&job->source, err) && done;
}

bool snapshot_dump_run(const struct snapshot_dump_options *options,
    struct snapshot_dump_result *result, struct error *err)
{
    OWNED(job) struct job job = {.options = options, .output_path = options->output_path};

    *result = (struct snapshot_dump_result){0};
    if (!dump_output_prepare(&job.output_path, options->database_path, options->may_overwrite, err))
        return false;
    for (size_t i = 0; i < options->base_count; i++)
        if (!dump_output_spares(job.output_path, options->base_paths[i], err))
            return false;
    if (!open_base(&job, err) || !read_source(&job, result, err))
        return false;
    warn_of_base(&job);
    if (!dump_writer_commit(job.writer, &result->written, err))
        return false;
    warn_of_findings(&job);
    return true;
}
