#include "tools/restore_schema.h"

#include "base/owned.h"
#include "watch/progress_task.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SQL_SIZE 128 /* bytes of a short statement of ours */

static const char *const type_names[] = {
    [SCHEMA_ENTRY_TABLE] = "table",
    [SCHEMA_ENTRY_INDEX] = "index",
    [SCHEMA_ENTRY_TRIGGER] = "trigger",
    [SCHEMA_ENTRY_VIEW] = "view",
};

/* --- one entry ------------------------------------------------------------------- */

/* Does the text begin with these words? */
static bool begins_with(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        size_t size = strlen(*words);

        text += strspn(text, " \t\r\n\f");
        if (strncasecmp(text, *words, size) != 0 || strspn(text + size, " \t\r\n\f") == 0)
            return false;
        text += size;
    }
    return true;
}

/* SQLite stores nothing but CREATE statements of the entry's type; nothing else is run. */
static bool is_create(const struct schema_entry *entry)
{
    const char *plain[] = {"CREATE", type_names[entry->type], NULL};
    const char *unique[] = {"CREATE", "UNIQUE", type_names[entry->type], NULL};

    return begins_with(entry->sql.bytes, plain)
           || (entry->type == SCHEMA_ENTRY_INDEX && begins_with(entry->sql.bytes, unique));
}

bool restore_schema_create(
    struct sqlite_file *file, const struct schema_entry *entry, struct error *err)
{
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    const char *what = type_names[entry->type];
    const char *tail = "";
    bool is_row;

    if (!is_create(entry))
        return error_set(err, ERROR_REFUSED,
            "the SQL of %s \"%s\" is no CREATE statement, and is not run: %.100s", what,
            entry->name.bytes, entry->sql.bytes);
    while (!sqlite_file_prepare(file, entry->sql.bytes, &statement, &tail, err))
        if (!sqlite_file_stand_in(file))
            return error_wrap(err, "%s \"%s\" cannot be created", what, entry->name.bytes);
    if (!sqlite_file_step(file, &statement, &is_row, err))
        return error_wrap(err, "%s \"%s\" cannot be created", what, entry->name.bytes);
    if (tail[strspn(tail, " \t\r\n\f;")] != '\0')
        return error_set(err, ERROR_REFUSED, "the SQL of %s \"%s\" goes on after its end: %.100s",
            what, entry->name.bytes, tail);
    return true;
}

static const struct schema_table *table_of(
    const struct schema *schema, const struct schema_entry *entry)
{
    return entry->type == SCHEMA_ENTRY_TABLE ? schema_find_table(schema, entry->name.bytes) : NULL;
}

static bool is_virtual(const struct schema *schema, const struct schema_entry *entry)
{
    const struct schema_table *table = table_of(schema, entry);

    return table != NULL && table->kind == SCHEMA_TABLE_VIRTUAL;
}

static bool is_sequence(const struct schema_entry *entry)
{
    return entry->type == SCHEMA_ENTRY_TABLE && strcmp(entry->name.bytes, "sqlite_sequence") == 0;
}

static bool is_created(
    const struct schema *schema, const struct schema_entry *entry, enum schema_entry_type type)
{
    return entry->type == type && entry->has_sql && !is_virtual(schema, entry)
           && !is_sequence(entry);
}

static bool create_all(struct sqlite_file *file, const struct schema *schema,
    enum schema_entry_type type, struct error *err)
{
    for (uint32_t i = 0; i < schema->entry_count; i++) {
        const struct schema_entry *entry = &schema->entries[i];

        if (is_created(schema, entry, type) && !restore_schema_create(file, entry, err))
            return false;
    }
    return true;
}

/* --- beginning ---------------------------------------------------------------------- */

static bool set_layout(struct sqlite_file *file, const struct schema *schema, struct error *err)
{
    static const char *const encodings[] = {
        [SCHEMA_ENCODING_UTF8] = "UTF-8",
        [SCHEMA_ENCODING_UTF16LE] = "UTF-16le",
        [SCHEMA_ENCODING_UTF16BE] = "UTF-16be",
    };
    uint32_t page_size = schema->page_size;
    char sql[SQL_SIZE];

    if (page_size < 512 || page_size > 65536 || (page_size & (page_size - 1)) != 0)
        return error_set(
            err, ERROR_CORRUPT, "the dump says that pages have %" PRIu32 " bytes", page_size);
    snprintf(sql, sizeof(sql),
        "PRAGMA page_size = %" PRIu32 "; PRAGMA encoding = '%s'; PRAGMA auto_vacuum = %" PRIu32,
        page_size, encodings[schema->encoding], schema->auto_vacuum);
    file->encoding = schema->encoding;
    return sqlite_file_exec(file, sql, err);
}

/* SQLite makes sqlite_sequence with the first AUTOINCREMENT; its name sorts behind others. */
static bool create_sequence(
    struct sqlite_file *file, const struct schema *schema, struct error *err)
{
    for (uint32_t i = 0; i < schema->entry_count; i++)
        if (is_sequence(&schema->entries[i]))
            return restore_schema_create(file, &schema->entries[i], err);
    return true;
}

bool restore_schema_begin(struct sqlite_file *file, const struct schema *schema, struct error *err)
{
    return set_layout(file, schema, err)
           /* Nothing depends on this file before it is complete. */
           && sqlite_file_exec(file,
               "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
               "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -4096;"
               "PRAGMA threads = 1",
               err)
           /* The rows are what they are; and tables may be called sqlite_... */
           && sqlite_file_exec(file,
               "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;"
               "PRAGMA writable_schema = ON; BEGIN",
               err)
           && create_sequence(file, schema, err)
           && create_all(file, schema, SCHEMA_ENTRY_TABLE, err);
}

/* --- finishing ------------------------------------------------------------------------ */

static struct value text_value(const struct schema_text *text)
{
    return (struct value){
        .class = VALUE_TEXT, .size = (uint32_t)text->size, .bytes = (const uint8_t *)text->bytes};
}

/* Binds type, name, tbl_name and sql as ?1 to ?4. */
static bool bind_entry(struct sqlite_file *file, const struct sqlite_statement *statement,
    const struct schema_entry *entry, struct error *err)
{
    struct schema_text type = {
        .bytes = type_names[entry->type], .size = strlen(type_names[entry->type])};
    struct value values[4] = {text_value(&type), text_value(&entry->name),
        text_value(&entry->table),
        entry->has_sql ? text_value(&entry->sql) : (struct value){.class = VALUE_NULL}};

    for (int i = 0; i < 4; i++)
        if (!sqlite_file_bind(file, statement, i + 1, &values[i], err))
            return error_wrap(err, "%s \"%s\"", type_names[entry->type], entry->name.bytes);
    return true;
}

/* Runs the statement for all entries, or those of virtual tables only. */
static bool write_entries(struct sqlite_file *file, const struct schema *schema, const char *sql,
    bool only_virtual, struct error *err)
{
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};

    if (!sqlite_file_prepare(file, sql, &statement, NULL, err))
        return false;
    for (uint32_t i = 0; i < schema->entry_count; i++) {
        const struct schema_entry *entry = &schema->entries[i];
        bool is_row;

        if (only_virtual && !is_virtual(schema, entry))
            continue;
        if (!bind_entry(file, &statement, entry, err)
            || !sqlite_file_step(file, &statement, &is_row, err))
            return false;
        sqlite3_reset(statement.handle);
    }
    return true;
}

static bool set_numbers(struct sqlite_file *file, const struct schema *schema, struct error *err)
{
    char sql[SQL_SIZE];

    snprintf(sql, sizeof(sql),
        "PRAGMA user_version = %" PRId32 "; PRAGMA application_id = %" PRId32, schema->user_version,
        schema->application_id);
    return sqlite_file_exec(file, sql, err);
}

bool restore_schema_set_sorting(struct sqlite_file *file, struct error *err)
{
    /* A sorter takes as much memory as the cache before it writes to temporary files. */
    return sqlite_file_exec(file, "PRAGMA cache_size = -16384", err);
}

void restore_schema_plan(const struct schema *schema, struct progress *progress)
{
    struct progress_count count = {0};

    for (uint32_t i = 0; i < schema->entry_count; i++)
        count.items += is_created(schema, &schema->entries[i], SCHEMA_ENTRY_INDEX);
    progress_plan(progress, PROGRESS_INDEX, PROGRESS_NO_TABLE, &count);
}

/* Tables are known to the progress by their ordinals. */
static uint32_t ordinal_of(const struct schema *schema, const struct schema_text *table)
{
    for (uint32_t i = 0; i < schema->table_count; i++)
        if (strcasecmp(schema->tables[i].name.bytes, table->bytes) == 0)
            return i;
    return PROGRESS_NO_TABLE;
}

static bool create_indexes(struct sqlite_file *file, const struct schema *schema,
    struct progress *progress, struct error *err)
{
    for (uint32_t i = 0; i < schema->entry_count; i++) {
        const struct schema_entry *entry = &schema->entries[i];
        OWNED(progress_task) struct progress_task task = {0};

        if (!is_created(schema, entry, SCHEMA_ENTRY_INDEX))
            continue;
        progress_task_begin(&task, progress, PROGRESS_INDEX, ordinal_of(schema, &entry->table));
        if (!restore_schema_create(file, entry, err))
            return false;
        progress_add(
            progress, PROGRESS_INDEX, PROGRESS_NO_TABLE, &(struct progress_count){.items = 1});
    }
    return true;
}

bool restore_schema_finish(struct sqlite_file *file, const struct schema *schema,
    struct progress *progress, struct error *err)
{
    return create_indexes(file, schema, progress, err)
           && create_all(file, schema, SCHEMA_ENTRY_VIEW, err)
           && create_all(file, schema, SCHEMA_ENTRY_TRIGGER, err)
           && write_entries(file, schema,
               "INSERT INTO main.sqlite_schema(type, name, tbl_name, rootpage, sql)"
               " VALUES(?1, ?2, ?3, 0, ?4)",
               true, err)
           && write_entries(file, schema,
               "UPDATE main.sqlite_schema SET tbl_name = ?3, sql = ?4 WHERE type = ?1"
               " AND name = ?2 AND (tbl_name IS NOT ?3 OR sql IS NOT ?4)",
               false, err)
           && set_numbers(file, schema, err) && sqlite_file_exec(file, "COMMIT", err);
}

bool restore_schema_set_journal(
    struct sqlite_file *file, const struct schema *schema, struct error *err)
{
    return !schema->is_wal || sqlite_file_exec(file, "PRAGMA journal_mode = WAL", err);
}
