#include "tools/cmd_restore.h"

#include "base/command_line.h"
#include "base/file.h"
#include "base/owned.h"
#include "base/safe_text.h"
#include "format/state.h"
#include "tools/restore_feed.h"
#include "tools/restore_plain.h"
#include "tools/restore_proof.h"
#include "tools/restore_schema.h"
#include "tools/restore_table.h"
#include "tools/writing_command.h"
#include "watch/progress_task.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Refuses to replace anything. A journal or WAL that lies about under the new
 * name would be played into the database when it is opened.
 */
static bool check_is_new(const char *path, struct error *err)
{
    static const char *const suffixes[] = {"", "-journal", "-wal", "-shm"};

    if (strcmp(path, "-") == 0)
        return error_set(err, ERROR_USAGE,
            "a database cannot be written to standard output: give a file to --output");
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        OWNED(byte_buffer) struct byte_buffer name = {0};

        byte_buffer_format(&name, "%s%s", path, suffixes[i]);
        byte_buffer_put_u8(&name, '\0');
        if (access((const char *)name.data, F_OK) == 0)
            return error_set(err, ERROR_REFUSED,
                "\"%s\" exists: remove it or restore to another name", (const char *)name.data);
    }
    return true;
}

/* A database being filled. */
struct filling {
    struct sqlite_file file;
    struct restore_feed feed;
    struct restore_plain *plains; /* owned, by ordinal */
    uint32_t table_count;
    struct progress *progress;
};

static void filling_release(struct filling *filling)
{
    for (uint32_t i = 0; filling->plains != NULL && i < filling->table_count; i++)
        restore_plain_release(&filling->plains[i]);
    free(filling->plains);
    sqlite_file_release(&filling->file);
    restore_feed_release(&filling->feed);
}

/* Adds the blocks of a table of that name, if it has the same place in that dump. */
static void add_blocks(
    const struct dump_reader *dump, uint32_t ordinal, const char *name, double *bytes, double *rows)
{
    if (ordinal >= dump->schema.table_count
        || strcmp(dump->schema.tables[ordinal].name.bytes, name) != 0)
        return;
    for (size_t i = 0; i < dump->block_count[ordinal]; i++) {
        const struct index_entry *entry = &dump->index.entries[dump->first_block[ordinal] + i];

        *bytes += entry->raw_size;
        *rows += entry->row_count;
    }
}

/* What there is to load into a table: bytes by the mean of the blocks that hold its rows. */
static struct progress_count load_count(const struct chain *chain, uint32_t ordinal)
{
    const struct dump_reader *last = chain_last(chain);
    struct progress_count count = {.rows = last->ends[ordinal].row_count, .items = 1};
    double bytes = 0;
    double rows = 0;

    for (size_t i = 0; i < chain->dump_count; i++)
        add_blocks(
            &chain->dumps[i], ordinal, last->schema.tables[ordinal].name.bytes, &bytes, &rows);
    count.bytes = rows > 0 ? (uint64_t)(bytes / rows * (double)count.rows) : 0;
    return count;
}

static bool load_table(struct filling *filling, uint32_t ordinal, struct error *err)
{
    OWNED(progress_task) struct progress_task task = {0};
    bool done;

    progress_task_begin(&task, filling->progress, PROGRESS_LOAD, ordinal);
    filling->feed.task = &task;
    done =
        restore_table_load(&filling->file, &filling->feed, ordinal, &filling->plains[ordinal], err);
    filling->feed.task = NULL;
    if (done) {
        struct progress_count count = load_count(filling->feed.chain, ordinal);

        progress_set(filling->progress, PROGRESS_LOAD, ordinal, &count);
    }
    return done;
}

/* sqlite_sequence and the like come last: SQLite itself writes to them until then. */
static bool load_tables(struct filling *filling, bool internal, struct error *err)
{
    const struct schema *schema = &chain_last(filling->feed.chain)->schema;

    for (uint32_t i = 0; i < schema->table_count; i++) {
        const struct schema_table *table = &schema->tables[i];

        if (schema_table_has_rows(table) && (table->kind == SCHEMA_TABLE_INTERNAL) == internal
            && !load_table(filling, i, err))
            return false;
    }
    return true;
}

static void plan_progress(struct progress *progress, const struct chain *chain)
{
    const struct dump_reader *dump = chain_last(chain);

    for (uint32_t i = 0; i < dump->schema.table_count; i++) {
        uint32_t number = progress_table(progress, dump->schema.tables[i].name.bytes);
        struct progress_count count;

        if (!schema_table_has_rows(&dump->schema.tables[i]))
            continue;
        count = load_count(chain, i);
        progress_plan(progress, PROGRESS_LOAD, number, &count);
        progress_plan(progress, PROGRESS_VERIFY, number, &count);
    }
    restore_schema_plan(&dump->schema, progress);
}

static bool build(const char *path, const char *name, const struct chain *chain,
    struct progress *progress, struct error *err)
{
    OWNED(filling) struct filling filling = {.progress = progress};
    const struct schema *schema = &chain_last(chain)->schema;
    struct sqlite_file *file = &filling.file;

    plan_progress(progress, chain);
    progress_begin(progress, PROGRESS_LOAD);
    filling.table_count = schema->table_count;
    filling.plains = byte_buffer_calloc(schema->table_count, sizeof(*filling.plains));
    if (!sqlite_file_open(file, path, name, true, err)
        || !restore_feed_init(&filling.feed, file, chain, err)
        || !restore_schema_begin(file, schema, err) || !load_tables(&filling, false, err))
        return false;
    restore_feed_rest(&filling.feed);
    if (!restore_schema_set_sorting(file, err)
        || !restore_plain_swap_all(filling.plains, filling.table_count, file, progress, err)
        || !load_tables(&filling, true, err))
        return false;
    progress_end(progress, PROGRESS_LOAD);
    progress_begin(progress, PROGRESS_INDEX);
    if (!restore_schema_finish(file, schema, progress, err) || !sqlite_file_close(file, err))
        return false;
    progress_end(progress, PROGRESS_INDEX);
    return true;
}

/* Once it is proven: a WAL mode database is not touched again. */
static bool set_journal(
    const char *path, const char *name, const struct chain *chain, struct error *err)
{
    OWNED(sqlite_file) struct sqlite_file file = {0};

    return sqlite_file_open(&file, path, name, true, err)
           && restore_schema_set_journal(&file, &chain_last(chain)->schema, err)
           && sqlite_file_close(&file, err);
}

static void put_result(struct byte_buffer *out, const char *path, const struct chain *chain,
    const struct restore_proof *proof)
{
    char state[STATE_TEXT_SIZE];

    state_format(state, chain_last(chain)->tail.state_id);
    byte_buffer_format(out,
        "%s: %" PRIu32 " tables, %" PRIu64 " rows restored and read back\nstate %s\n", path,
        proof->table_count, proof->row_count, state);
    if (proof->notes.size == 0)
        return;
    byte_buffer_format(
        out, "note: some rows break constraints of their tables, as in the source:\n");
    for (size_t at = 0; at < proof->notes.size;) {
        const uint8_t *line = proof->notes.data + at;
        size_t size = (size_t)((const uint8_t *)memchr(line, '\n', proof->notes.size - at) - line);

        byte_buffer_format(out, "  ");
        safe_text_put(out, line, size);
        byte_buffer_format(out, "\n");
        at += size + 1;
    }
}

/* What is asked for. */
struct restoration {
    const char *path;
    const struct command_line_result *parsed;
};

static bool restore(
    void *context, struct progress *progress, struct byte_buffer *out, struct error *err)
{
    const struct restoration *wanted = context;
    const struct command_line_result *parsed = wanted->parsed;
    const char *path = wanted->path;
    OWNED(chain) struct chain chain = {0};
    OWNED(file_output) struct file_output output = {.fd = -1};
    OWNED(restore_proof) struct restore_proof proof = {.progress = progress};

    if (!check_is_new(path, err)
        || !chain_open(&chain, (const char *const *)parsed->operands, parsed->operand_count, err))
        return false;
    if (!chain_is_full(&chain))
        return error_set(err, ERROR_REFUSED,
            "%s is a delta: give the full dump that it follows before it",
            chain.dumps[0].file.path);
    if (!file_output_open(&output, path, err)
        || !build(output.temporary, path, &chain, progress, err)
        || !restore_proof_run(&proof, output.temporary, path, &chain, err)
        || !set_journal(output.temporary, path, &chain, err) || !file_output_commit(&output, err))
        return false;
    put_result(out, path, &chain, &proof);
    return true;
}

#define WATCH_AT 1 /* the first of the options that are the same in every program */

bool cmd_restore_run(int argc, char **argv, struct error *err)
{
    const char *path = NULL;
    struct watch_options watch = {0};
    struct command_line_option options[] = {
        {.letter = 'o',
            .name = "output",
            .value_name = "FILE",
            .text = &path,
            .help = "the database to write; must not exist"},
        [WATCH_AT + WATCH_OPTIONS_COUNT] = {0},
    };
    const struct command_line line = {
        .program = "valise restore",
        .synopsis = "--output FILE FULL [DELTA]...",
        .summary =
            "Gives the SQLite database back that a dump was made from, or that a dump and the "
            "deltas after it (oldest first) lead to: tables, rows with their storage classes, "
            "indexes, triggers, views, virtual tables. Every row is read back; the state must be "
            "that of the dump. Only the rowids of tables without an INTEGER PRIMARY KEY, which "
            "VACUUM changes as well, are counted anew. FULL may be - for standard input.",
        .options = options,
        .epilogue =
            "Exit status: 0 restored and proven, 2 wrong usage, 4 the system refused, 5 not "
            "a dump,\n6 damaged, 7 newer than this program, 8 SQLite cannot run the schema, "
            "9 refused,\n10 the restored database differs, 11 stopped. Unless 0 there is no "
            "FILE;\nor it is complete, with 4, and only standard output could not be written: that "
            "is said then.\n",
        .operand_name = "FULL",
        .operand_min = 1,
        .operand_max = INT_MAX,
    };
    OWNED(command_line_result) struct command_line_result parsed = {0};
    struct restoration wanted = {.parsed = &parsed};
    struct writing_command command = {
        .name = "restore", .parsed = &parsed, .watch = &watch, .work = restore, .context = &wanted};

    watch_options_describe(options + WATCH_AT, &watch);
    if (!command_line_parse(&line, argc, argv, &parsed, err))
        return false;
    if (parsed.answer.size > 0)
        return file_print(&parsed.answer, err);
    if (path == NULL)
        return error_set(err, ERROR_USAGE, "--output FILE is missing: the database to write");
    command.path = wanted.path = path;
    return writing_command_run(&command, err);
}
