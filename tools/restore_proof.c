#include "tools/restore_proof.h"

#include "base/owned.h"
#include "base/stop.h"
#include "format/state.h"
#include "tools/restore_sum.h"
#include "watch/progress_task.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREAD_COUNT_MAX 4
#define CONNECTION_SETTINGS "PRAGMA cache_size = -12288"

void restore_proof_release(struct restore_proof *proof)
{
    byte_buffer_release(&proof->notes);
    *proof = (struct restore_proof){0};
}

/* --- the schema --------------------------------------------------------------------- */

static enum schema_entry_type entry_type(const char *name)
{
    return strcmp(name, "table") == 0     ? SCHEMA_ENTRY_TABLE
           : strcmp(name, "index") == 0   ? SCHEMA_ENTRY_INDEX
           : strcmp(name, "trigger") == 0 ? SCHEMA_ENTRY_TRIGGER
                                          : SCHEMA_ENTRY_VIEW;
}

/* A TEXT column of the current row, in the arena and as a dump has it. */
static struct schema_text text_column(struct sqlite_file *file,
    const struct sqlite_statement *statement, int column, struct arena *arena)
{
    OWNED(byte_buffer) struct byte_buffer value = {0};

    sqlite_file_column(file, statement, column, &value);
    /* Behind the class and the size; entries without SQL are asked for before. */
    return value.size < 5 ? schema_text_of(arena, "", 0)
                          : schema_text_of(arena, value.data + 5, value.size - 5);
}

static bool read_entries(struct sqlite_file *file, struct schema *schema, struct error *err)
{
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    int64_t count;
    bool is_row;

    if (!sqlite_file_number(file, "SELECT count(*) FROM main.sqlite_schema", &count, err)
        || !sqlite_file_prepare(file, "SELECT type, name, tbl_name, sql FROM main.sqlite_schema",
            &statement, NULL, err))
        return false;
    schema->entries = arena_alloc(&schema->arena, (size_t)count, sizeof(*schema->entries));
    for (;;) {
        struct schema_entry *entry = &schema->entries[schema->entry_count];

        if (!sqlite_file_step(file, &statement, &is_row, err))
            return false;
        if (!is_row)
            return true;
        schema->entry_count++;
        entry->type = entry_type((const char *)sqlite3_column_text(statement.handle, 0));
        entry->name = text_column(file, &statement, 1, &schema->arena);
        entry->table = text_column(file, &statement, 2, &schema->arena);
        entry->has_sql = sqlite3_column_type(statement.handle, 3) != SQLITE_NULL;
        entry->sql = text_column(file, &statement, 3, &schema->arena);
    }
}

static bool read_encoding(struct sqlite_file *file, struct schema *schema, struct error *err)
{
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    const char *name;
    bool is_row;

    if (!sqlite_file_prepare(file, "PRAGMA encoding", &statement, NULL, err)
        || !sqlite_file_step(file, &statement, &is_row, err))
        return false;
    name = is_row ? (const char *)sqlite3_column_text(statement.handle, 0) : "";
    schema->encoding = strcmp(name, "UTF-16le") == 0   ? SCHEMA_ENCODING_UTF16LE
                       : strcmp(name, "UTF-16be") == 0 ? SCHEMA_ENCODING_UTF16BE
                                                       : SCHEMA_ENCODING_UTF8;
    file->encoding = schema->encoding;
    return true;
}

static bool read_identity(struct sqlite_file *file, struct schema *schema, struct error *err)
{
    int64_t user_version;
    int64_t application_id;

    if (!read_encoding(file, schema, err)
        || !sqlite_file_number(file, "PRAGMA user_version", &user_version, err)
        || !sqlite_file_number(file, "PRAGMA application_id", &application_id, err)
        || !read_entries(file, schema, err))
        return false;
    schema->user_version = (int32_t)user_version;
    schema->application_id = (int32_t)application_id;
    schema_sort(schema);
    return true;
}

static bool is_same_text(const struct schema_text *a, const struct schema_text *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static bool is_same_entry(const struct schema_entry *a, const struct schema_entry *b)
{
    return a->type == b->type && is_same_text(&a->name, &b->name)
           && is_same_text(&a->table, &b->table) && a->has_sql == b->has_sql
           && (!a->has_sql || is_same_text(&a->sql, &b->sql));
}

static bool check_identity(struct sqlite_file *file, const struct schema *wanted, struct error *err)
{
    OWNED(schema) struct schema found = {0};
    OWNED(byte_buffer) struct byte_buffer a = {0};
    OWNED(byte_buffer) struct byte_buffer b = {0};

    if (!read_identity(file, &found, err))
        return false;
    schema_encode_identity(&a, wanted);
    schema_encode_identity(&b, &found);
    if (a.size == b.size && memcmp(a.data, b.data, a.size) == 0)
        return true;
    for (uint32_t i = 0; i < wanted->entry_count && i < found.entry_count; i++)
        if (!is_same_entry(&wanted->entries[i], &found.entries[i]))
            return error_set(err, ERROR_MISMATCH,
                "the restored schema has \"%s\" where the dump has \"%s\", or its SQL differs",
                found.entries[i].name.bytes, wanted->entries[i].name.bytes);
    return error_set(err, ERROR_MISMATCH,
        "the restored schema has %" PRIu32 " entries, the dump has %" PRIu32
        ", or encoding, user_version or application_id differ",
        found.entry_count, wanted->entry_count);
}

/* --- the rows ------------------------------------------------------------------------- */

/* The columns that a row of the dump has must be those of the table, or sums would not be its. */
static bool check_columns(
    struct sqlite_file *file, const struct schema_table *table, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    uint32_t count = 0;
    bool is_row;

    byte_buffer_format(&sql, "PRAGMA main.table_xinfo(");
    schema_put_name(&sql, &table->name);
    byte_buffer_format(&sql, ")");
    byte_buffer_put_u8(&sql, '\0');
    if (!sqlite_file_prepare(file, (const char *)sql.data, &statement, NULL, err))
        return false;
    for (;;) {
        if (!sqlite_file_step(file, &statement, &is_row, err))
            return false;
        if (!is_row && count == table->column_count)
            return true;
        if (!is_row || count == table->column_count
            || strcmp((const char *)sqlite3_column_text(statement.handle, 1),
                   table->columns[count].name.bytes)
                   != 0)
            return error_set(err, ERROR_MISMATCH,
                "the restored table has other columns than the %" PRIu32 " of the dump",
                table->column_count);
        count++;
    }
}

static bool check_sum(struct sqlite_file *file, const struct schema_table *table,
    const struct table_end *wanted, struct table_end *found, struct error *err)
{
    if (!check_columns(file, table, err)
        || !restore_sum_run(file, table, &found->row_count, &found->sum, err))
        return false;
    if (found->row_count != wanted->row_count || !checksum_equal(found->sum, wanted->sum))
        return error_set(err, ERROR_MISMATCH,
            "reads back with %" PRIu64 " rows, the dump has %" PRIu64
            ", or their values differ: this SQLite cannot hold them as they were",
            found->row_count, wanted->row_count);
    return true;
}

/* --- the file ---------------------------------------------------------------------------- */

/* Findings about a row's values, which the source had as well; the others are about the file. */
static bool is_about_values(const char *finding)
{
    return strncmp(finding, "NULL value in ", 14) == 0
           || strncmp(finding, "CHECK constraint failed in ", 27) == 0
           || strncmp(finding, "NUMERIC value in ", 17) == 0
           || strncmp(finding, "TEXT value in ", 14) == 0
           || (strncmp(finding, "non-", 4) == 0 && strstr(finding, " value in ") != NULL);
}

/* CHECK constraints are left out where they need a function that only the application has. */
static bool prepare_check(struct sqlite_file *file, const char *sql,
    struct sqlite_statement *statement, struct error *err)
{
    static const char missing[] = "unknown function: ";

    if (!sqlite_file_exec(file, "PRAGMA ignore_check_constraints = OFF", err))
        return false;
    if (sqlite_file_prepare(file, sql, statement, NULL, err))
        return true;
    return strncmp(sqlite3_errmsg(file->handle), missing, sizeof(missing) - 1) == 0
           && sqlite_file_exec(file, "PRAGMA ignore_check_constraints = ON", err)
           && sqlite_file_prepare(file, sql, statement, NULL, err);
}

/* Runs a check that yields lines; those about values are appended to notes, which may be NULL. */
static bool check_lines(
    struct sqlite_file *file, const char *sql, struct byte_buffer *notes, struct error *err)
{
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    bool is_row;

    if (!prepare_check(file, sql, &statement, err))
        return false;
    for (;;) {
        const char *finding;

        if (!sqlite_file_step(file, &statement, &is_row, err))
            return false;
        if (!is_row)
            return true;
        finding = (const char *)sqlite3_column_text(statement.handle, 0);
        if (strcmp(finding, "ok") == 0)
            continue;
        if (!is_about_values(finding))
            return error_set(err, ERROR_DATABASE, "integrity_check says: %s", finding);
        if (notes == NULL)
            continue;
        byte_buffer_put_text(notes, finding);
        byte_buffer_put_u8(notes, '\n');
    }
}

/* The rows of a table, and that each is in its indexes. */
static bool check_rows(struct sqlite_file *file, const struct schema_table *table,
    struct byte_buffer *notes, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    byte_buffer_format(&sql, "PRAGMA main.integrity_check(");
    schema_put_name(&sql, &table->name);
    byte_buffer_format(&sql, ")");
    byte_buffer_put_u8(&sql, '\0');
    return check_lines(file, (const char *)sql.data, notes, err);
}

/* --- all of it, by several threads ------------------------------------------------------------ */

/* What a thread does at once. */
struct task {
    enum { TASK_SUM, TASK_ROWS, TASK_FILE } what;
    uint32_t table;  /* ordinal; not of TASK_FILE, which looks at pages and free pages */
    uint64_t weight; /* heavy ones first */
};

struct proving {
    struct progress *progress;
    const char *path;
    const char *name;
    const struct dump_reader *dump;
    struct task *tasks; /* owned */
    size_t task_count;
    struct table_end *found;   /* owned; by ordinal */
    struct byte_buffer *notes; /* owned; by ordinal */

    pthread_mutex_t mutex; /* guards all that follows */
    size_t next_task;
    bool has_failed;
    struct error failure;
};

static void proving_release(struct proving *proving)
{
    for (uint32_t i = 0; proving->notes != NULL && i < proving->dump->schema.table_count; i++)
        byte_buffer_release(&proving->notes[i]);
    free(proving->notes);
    free(proving->found);
    free(proving->tasks);
    pthread_mutex_destroy(&proving->mutex);
}

static bool run_task(
    struct proving *proving, const struct task *task, struct sqlite_file *file, struct error *err)
{
    const struct schema_table *table = &proving->dump->schema.tables[task->table];
    OWNED(progress_task) struct progress_task told = {0};
    bool done;

    progress_task_begin(&told, proving->progress, PROGRESS_VERIFY,
        task->what == TASK_FILE ? PROGRESS_NO_TABLE : task->table);
    if (task->what == TASK_FILE)
        return check_lines(file, "PRAGMA main.quick_check", NULL, err);
    done = task->what == TASK_ROWS ? check_rows(file, table, &proving->notes[task->table], err)
                                   : check_sum(file, table, &proving->dump->ends[task->table],
                                       &proving->found[task->table], err);
    if (task->what == TASK_SUM && done)
        progress_settle(proving->progress, PROGRESS_VERIFY, task->table);
    return done || error_wrap(err, "table \"%s\"", table->name.bytes);
}

/* The next task; NULL when there is none, or nobody needs it. */
static const struct task *take_task(struct proving *proving)
{
    const struct task *task = NULL;

    pthread_mutex_lock(&proving->mutex);
    if (!proving->has_failed && proving->next_task < proving->task_count)
        task = &proving->tasks[proving->next_task++];
    pthread_mutex_unlock(&proving->mutex);
    return task;
}

static void note_failure(struct proving *proving, const struct error *failure)
{
    pthread_mutex_lock(&proving->mutex);
    if (!proving->has_failed)
        proving->failure = *failure;
    proving->has_failed = true;
    pthread_mutex_unlock(&proving->mutex);
}

static void *run_tasks(void *argument)
{
    struct proving *proving = argument;
    OWNED(sqlite_file) struct sqlite_file file = {0};
    const struct task *task;
    struct error failure;

    /* Writable, or SQLite would leave CHECK constraints out. */
    if (!sqlite_file_open(&file, proving->path, proving->name, true, &failure)
        || !sqlite_file_exec(&file, CONNECTION_SETTINGS, &failure)) {
        note_failure(proving, &failure);
        return NULL;
    }
    file.encoding = proving->dump->schema.encoding;
    while ((task = take_task(proving)) != NULL)
        if (!stop_check(&failure) || !run_task(proving, task, &file, &failure))
            note_failure(proving, &failure);
    return NULL;
}

static int compare_tasks(const void *a, const void *b)
{
    const struct task *first = a;
    const struct task *second = b;

    return first->weight > second->weight ? -1 : first->weight < second->weight;
}

static void plan(struct proving *proving)
{
    const struct schema *schema = &proving->dump->schema;

    proving->tasks = byte_buffer_calloc(2 * (size_t)schema->table_count + 1, sizeof(struct task));
    proving->found = byte_buffer_calloc(schema->table_count, sizeof(*proving->found));
    proving->notes = byte_buffer_calloc(schema->table_count, sizeof(*proving->notes));
    proving->tasks[proving->task_count++] = (struct task){.what = TASK_FILE, .weight = UINT64_MAX};
    for (uint32_t i = 0; i < schema->table_count; i++) {
        uint64_t row_count = proving->dump->ends[i].row_count;

        if (!schema_table_has_rows(&schema->tables[i]))
            continue;
        proving->tasks[proving->task_count++] =
            (struct task){.what = TASK_SUM, .table = i, .weight = row_count};
        /* For every row, its entries are looked for. */
        proving->tasks[proving->task_count++] =
            (struct task){.what = TASK_ROWS, .table = i, .weight = 3 * row_count};
    }
    qsort(proving->tasks, proving->task_count, sizeof(struct task), compare_tasks);
}

static bool run_all(struct proving *proving, struct error *err)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t wanted = cores < 2                  ? 0
                    : cores > THREAD_COUNT_MAX ? THREAD_COUNT_MAX - 1
                                               : (size_t)cores - 1;
    pthread_t threads[THREAD_COUNT_MAX];
    size_t count = 0;

    plan(proving);
    /* One less than there might be is no reason to fail. */
    while (count < wanted && pthread_create(&threads[count], NULL, run_tasks, proving) == 0)
        count++;
    run_tasks(proving);
    while (count > 0)
        pthread_join(threads[--count], NULL);
    if (proving->has_failed)
        *err = proving->failure;
    return !proving->has_failed;
}

/* --- what it comes to ------------------------------------------------------------------------- */

static bool check_table_count(struct sqlite_file *file, uint32_t wanted, struct error *err)
{
    int64_t count;

    if (!sqlite_file_number(file,
            "SELECT count(*) FROM main.sqlite_schema WHERE rootpage > 0 AND type = 'table'", &count,
            err))
        return false;
    return count == wanted
           || error_set(err, ERROR_MISMATCH,
               "%" PRId64 " tables with rows were restored, the dump has %" PRIu32, count, wanted);
}

/* Takes over what was found, in the order of the tables. */
static bool conclude(struct restore_proof *proof, struct proving *proving, struct error *err)
{
    const struct dump_reader *dump = proving->dump;
    uint8_t state_id[SHA256_SIZE];

    for (uint32_t i = 0; i < dump->schema.table_count; i++) {
        if (!schema_table_has_rows(&dump->schema.tables[i]))
            continue;
        proof->table_count++;
        proof->row_count += proving->found[i].row_count;
        byte_buffer_put(&proof->notes, proving->notes[i].data, proving->notes[i].size);
    }
    state_compute(state_id, &dump->schema, proving->found);
    return memcmp(state_id, dump->tail.state_id, SHA256_SIZE) == 0
           || error_set(err, ERROR_MISMATCH, "the restored database has another state");
}

bool restore_proof_run(struct restore_proof *proof, const char *path, const char *name,
    const struct chain *chain, struct error *err)
{
    OWNED(sqlite_file) struct sqlite_file file = {0};
    OWNED(proving)
    struct proving proving = {.path = path, .name = name, .progress = proof->progress};
    bool done;

    proving.dump = chain_last(chain);
    pthread_mutex_init(&proving.mutex, NULL);

    progress_begin(proof->progress, PROGRESS_VERIFY);
    done = sqlite_file_open(&file, path, name, false, err)
           && check_identity(&file, &proving.dump->schema, err) && run_all(&proving, err)
           && conclude(proof, &proving, err) && check_table_count(&file, proof->table_count, err);
    if (done)
        progress_end(proof->progress, PROGRESS_VERIFY);
    return done;
}
