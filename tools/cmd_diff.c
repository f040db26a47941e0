#include "tools/cmd_diff.h"

#include "base/command_line.h"
#include "base/file.h"
#include "base/owned.h"
#include "base/safe_text.h"
#include "base/stop.h"
#include "format/header.h"
#include "format/state.h"
#include "tools/database_dump.h"
#include "tools/row_text.h"
#include "tools/table_diff.h"
#include "tools/text_table.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_SIZE ((size_t)1 << 16) /* bytes gathered before they are written */

struct diff {
    struct chain old;
    struct chain new;
    struct database_dump databases[2]; /* that stand for the old and the new side */
    struct file_output file;
    struct byte_buffer text; /* not yet written */
    struct text_table tables;
    const struct command_line_list *names; /* empty: all tables */
    bool with_rows;
    uint32_t changed_count; /* tables */
    uint32_t schema_count;  /* entries of the schema that differ */

    /* Of the table at work. */
    const struct schema_table *row_tables[2]; /* of added rows, of removed ones */
    bool has_heading;
};

static void diff_release(struct diff *diff)
{
    chain_release(&diff->old);
    chain_release(&diff->new);
    for (size_t i = 0; i < 2; i++)
        database_dump_release(&diff->databases[i]);
    file_output_release(&diff->file);
    byte_buffer_release(&diff->text);
    text_table_release(&diff->tables);
}

static const struct schema *schema_of(const struct chain *chain)
{
    return &chain_last(chain)->schema;
}

static bool flush(struct diff *diff, size_t size_min, struct error *err)
{
    if (diff->text.size <= size_min)
        return true;
    if (!file_output_write(&diff->file, diff->text.data, diff->text.size, err))
        return false;
    diff->text.size = 0;
    return true;
}

/* --- schema --------------------------------------------------------------------------- */

static bool is_same_text(const struct schema_text *a, const struct schema_text *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* In the order of a SCHEMA block: by type, then name. */
static int compare_entries(const struct schema_entry *a, const struct schema_entry *b)
{
    size_t size = a->name.size < b->name.size ? a->name.size : b->name.size;
    int order;

    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    order = memcmp(a->name.bytes, b->name.bytes, size);
    if (order != 0)
        return order;
    return a->name.size == b->name.size ? 0 : a->name.size < b->name.size ? -1 : 1;
}

static void put_entry(struct diff *diff, char sign, const struct schema_entry *entry)
{
    static const char *const types[] = {
        [SCHEMA_ENTRY_TABLE] = "table",
        [SCHEMA_ENTRY_INDEX] = "index",
        [SCHEMA_ENTRY_TRIGGER] = "trigger",
        [SCHEMA_ENTRY_VIEW] = "view",
    };

    diff->schema_count++;
    byte_buffer_format(&diff->text, "schema: %c %s ", sign, types[entry->type]);
    safe_text_quote(&diff->text, entry->name.bytes, entry->name.size);
    byte_buffer_format(&diff->text, "\n");
}

static void put_schema(struct diff *diff)
{
    const struct schema *old = schema_of(&diff->old);
    const struct schema *new = schema_of(&diff->new);
    uint32_t a = 0;
    uint32_t b = 0;

    while (a < old->entry_count || b < new->entry_count) {
        int order = a == old->entry_count   ? 1
                    : b == new->entry_count ? -1
                                            : compare_entries(&old->entries[a], &new->entries[b]);

        if (order < 0) {
            put_entry(diff, '-', &old->entries[a++]);
        } else if (order > 0) {
            put_entry(diff, '+', &new->entries[b++]);
        } else {
            const struct schema_entry *before = &old->entries[a++];
            const struct schema_entry *after = &new->entries[b++];

            if (before->has_sql != after->has_sql || !is_same_text(&before->table, &after->table)
                || (before->has_sql && !is_same_text(&before->sql, &after->sql)))
                put_entry(diff, '~', after);
        }
    }
}

static void put_number(struct diff *diff, const char *name, int64_t old, int64_t new)
{
    if (old == new)
        return;
    diff->schema_count++;
    byte_buffer_format(&diff->text, "schema: ~ %s %" PRId64 " -> %" PRId64 "\n", name, old, new);
}

/* --- tables ----------------------------------------------------------------------------- */

static bool put_row(void *context, bool is_removed, const struct value *values, struct error *err)
{
    struct diff *diff = context;
    const struct schema_table *table = diff->row_tables[is_removed];

    if (!diff->has_heading) {
        byte_buffer_format(&diff->text, "table ");
        safe_text_quote(&diff->text, table->name.bytes, table->name.size);
        byte_buffer_format(&diff->text, "\n");
        diff->has_heading = true;
    }
    byte_buffer_put_u8(&diff->text, is_removed ? '-' : '+');
    row_text_put(&diff->text, ROW_TEXT_JSONL, table, values);
    return flush(diff, OUTPUT_SIZE, err);
}

static void put_counts(
    struct diff *diff, const struct schema_text *name, const struct table_diff *found)
{
    const struct dump_reader *new = chain_last(&diff->new);
    const char *what = found->old.chain == NULL ? "new" : found->new.chain == NULL ? "gone" : "";

    diff->changed_count++;
    text_table_name(&diff->tables, name->bytes, name->size);
    text_table_cell(&diff->tables, "%" PRIu64, found->removed_count);
    text_table_cell(&diff->tables, "%" PRIu64, found->added_count);
    text_table_cell(&diff->tables, "%" PRIu64,
        found->new.chain == NULL ? 0 : new->ends[found->new.ordinal].row_count);
    text_table_cell(&diff->tables, "%s", what);
}

static bool is_wanted(const struct diff *diff, const struct schema_text *name)
{
    for (size_t i = 0; i < diff->names->count; i++)
        if (strcmp(diff->names->items[i], name->bytes) == 0)
            return true;
    return diff->names->count == 0;
}

/* The side of a chain for the table of that name. */
static struct table_diff_side find_side(const struct chain *chain, const struct schema_text *name)
{
    const struct schema *schema = schema_of(chain);
    struct table_diff_side side = {0};

    for (uint32_t i = 0; i < schema->table_count; i++)
        if (is_same_text(&schema->tables[i].name, name)
            && schema_table_has_rows(&schema->tables[i]))
            side = (struct table_diff_side){.chain = chain, .ordinal = i};
    return side;
}

static bool compare_table(struct diff *diff, const struct schema_text *name, struct error *err)
{
    struct table_diff found = {.old = find_side(&diff->old, name),
        .new = find_side(&diff->new, name),
        .take = diff->with_rows ? put_row : NULL,
        .context = diff};

    if (!is_wanted(diff, name) || (found.old.chain == NULL && found.new.chain == NULL))
        return true;
    if (found.new.chain != NULL)
        diff->row_tables[0] = &schema_of(&diff->new)->tables[found.new.ordinal];
    if (found.old.chain != NULL)
        diff->row_tables[1] = &schema_of(&diff->old)->tables[found.old.ordinal];
    diff->has_heading = false;
    if (!table_diff_run(&found, err))
        return error_wrap(err, "table \"%s\"", name->bytes);
    if (found.old.chain == NULL || found.new.chain == NULL || found.removed_count > 0
        || found.added_count > 0)
        put_counts(diff, name, &found);
    return true;
}

static bool compare_tables(struct diff *diff, struct error *err)
{
    const struct schema *old = schema_of(&diff->old);
    const struct schema *new = schema_of(&diff->new);

    for (uint32_t i = 0; i < new->table_count; i++)
        if (!compare_table(diff, &new->tables[i].name, err))
            return false;
    for (uint32_t i = 0; i < old->table_count; i++)
        if (find_side(&diff->new, &old->tables[i].name).chain == NULL
            && !compare_table(diff, &old->tables[i].name, err))
            return false;
    return true;
}

static bool check_names(const struct diff *diff, struct error *err)
{
    for (size_t i = 0; i < diff->names->count; i++) {
        const char *name = diff->names->items[i];

        if (schema_find_table(schema_of(&diff->old), name) == NULL
            && schema_find_table(schema_of(&diff->new), name) == NULL)
            return error_set(err, ERROR_USAGE, "neither side has a table \"%s\"", name);
    }
    return true;
}

/* --- the two sides ----------------------------------------------------------------------- */

static bool is_delta(const char *path, bool *out, struct error *err)
{
    OWNED(file_input) struct file_input file = {.fd = -1};
    uint8_t bytes[HEADER_SIZE];
    struct header header;
    size_t size;

    *out = false;
    if (file_is_pipe(path))
        return true;
    if (!file_input_open(&file, path, err))
        return false;
    size = file.size < HEADER_SIZE ? (size_t)file.size : HEADER_SIZE;
    if (!file_input_read_at(&file, 0, bytes, size, err)
        || !header_decode(&header, bytes, size, err))
        return error_wrap(err, "%s", path);
    *out = header.kind == DUMP_DELTA;
    return true;
}

static bool open_full(
    struct chain *chain, const char *const *paths, size_t count, struct error *err)
{
    if (!chain_open(chain, paths, count, err))
        return false;
    if (chain_is_full(chain))
        return true;
    return error_set(err, ERROR_REFUSED,
        "%s is a delta: give the full dump that it follows before it", chain->dumps[0].file.path);
}

/* `paths` are the old side's and then the new one's. Deltas on the new side continue the old one.
 */
static bool open_paths(
    struct diff *diff, const char **paths, size_t old_count, size_t new_count, struct error *err)
{
    const char **new = paths + old_count;
    bool continues;

    if (strcmp(paths[0], "-") == 0 && strcmp(new[0], "-") == 0)
        return error_set(err, ERROR_USAGE, "standard input cannot be both sides");
    if (!database_dump_replace(&diff->databases[0], &paths[0], err)
        || !database_dump_replace(&diff->databases[1], &new[0], err)
        || !is_delta(new[0], &continues, err) || !open_full(&diff->old, paths, old_count, err))
        return false;
    return continues ? open_full(&diff->new, paths, old_count + new_count, err)
                     : open_full(&diff->new, new, new_count, err);
}

static bool open_sides(struct diff *diff, const struct command_line_list *from,
    const struct command_line_result *parsed, struct error *err)
{
    const char *const *operands = (const char *const *)parsed->operands;
    bool is_chain = from->count > 0;
    size_t old_count = is_chain ? from->count : 1;
    size_t new_count = parsed->operand_count - (is_chain ? 0 : 1);
    const char **paths;
    bool done;

    if (new_count == 0)
        return error_set(err, ERROR_USAGE, "one dump alone cannot be compared: give a second");
    paths = byte_buffer_calloc(old_count + new_count, sizeof(*paths));
    memcpy(paths, is_chain ? from->items : operands, old_count * sizeof(*paths));
    memcpy(paths + old_count, is_chain ? operands : operands + 1, new_count * sizeof(*paths));
    done = open_paths(diff, paths, old_count, new_count, err);
    free(paths);
    return done;
}

static bool run(struct diff *diff, struct error *err)
{
    static const char *const headings[] = {"table", ">removed", ">added", ">rows now", "", NULL};
    char state[STATE_TEXT_SIZE];

    diff->tables.headings = headings;
    if (!check_names(diff, err) || !file_output_open(&diff->file, "-", err))
        return false;
    if (diff->names->count == 0) {
        put_number(
            diff, "encoding", schema_of(&diff->old)->encoding, schema_of(&diff->new)->encoding);
        put_number(diff, "user_version", schema_of(&diff->old)->user_version,
            schema_of(&diff->new)->user_version);
        put_number(diff, "application_id", schema_of(&diff->old)->application_id,
            schema_of(&diff->new)->application_id);
        put_schema(diff);
    }
    if (!compare_tables(diff, err))
        return false;
    if (diff->changed_count > 0)
        text_table_put(&diff->text, &diff->tables, "");
    state_format(state, chain_last(&diff->new)->tail.state_id);
    if (diff->changed_count == 0 && diff->schema_count == 0)
        byte_buffer_format(&diff->text, "no difference%s%s\n",
            diff->names->count == 0 ? ", state " : "", diff->names->count == 0 ? state : "");
    return flush(diff, 0, err) && file_output_commit(&diff->file, err);
}

/* --- command --------------------------------------------------------------------------------- */

bool cmd_diff_run(int argc, char **argv, struct error *err)
{
    OWNED(command_line_list) struct command_line_list from = {0};
    OWNED(command_line_list) struct command_line_list names = {0};
    OWNED(diff) struct diff diff = {.file = {.fd = -1}, .names = &names};
    bool by_status = false;
    const struct command_line_option options[] = {
        {.name = "rows",
            .flag = &diff.with_rows,
            .help = "also every row, as JSON behind - (removed) or +"},
        {.name = "table",
            .value_name = "TABLE",
            .list = &names,
            .help = "only this table; may be given more than once"},
        {.name = "from",
            .value_name = "DUMP",
            .list = &from,
            .help = "the old side, where it is more than one dump: given for each, oldest first"},
        {.name = "exit-code", .flag = &by_status, .help = "end with status 10 if anything differs"},
        {0},
    };
    const struct command_line line = {
        .program = "valise diff",
        .synopsis = "[--rows] [--table TABLE] [--exit-code] OLD NEW [DELTA]...\n"
                    "[OPTION]... --from FULL [--from DELTA]... NEW [DELTA]...",
        .summary =
            "Says what changed from one dump to another, by table: rows removed and added. "
            "NEW may be a delta that follows OLD. Either may be a SQLite database, which is "
            "dumped to $TMPDIR first, or - for standard input. Memory is bounded, and what both "
            "have in common is not read.",
        .options = options,
        .epilogue = "Exit status: 0 compared, 2 wrong usage, 4 the system refused, 5 not a dump, "
                    "6 damaged,\n7 newer than this program, 9 refused, 10 they differ "
                    "(--exit-code), 11 stopped.\n",
        .operand_name = "DUMP",
        .operand_min = 1,
        .operand_max = INT_MAX,
    };
    OWNED(command_line_result) struct command_line_result parsed = {0};

    if (!command_line_parse(&line, argc, argv, &parsed, err))
        return false;
    if (parsed.answer.size > 0)
        return file_print(&parsed.answer, err);
    if (!stop_install(err) || !open_sides(&diff, &from, &parsed, err) || !run(&diff, err))
        return false;
    if (by_status && (diff.changed_count > 0 || diff.schema_count > 0))
        return error_set(err, ERROR_MISMATCH,
            "%" PRIu32 " tables and %" PRIu32 " parts of the schema differ", diff.changed_count,
            diff.schema_count);
    return true;
}
