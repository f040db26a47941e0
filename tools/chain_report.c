#include "tools/chain_report.h"

#include "base/json_writer.h"
#include "base/owned.h"
#include "format/chain.h"
#include "format/state.h"
#include "tools/text_table.h"

#include <inttypes.h>
#include <string.h>

/* --- one dump -------------------------------------------------------------------------- */

struct link {
    uint64_t removed_count; /* rows */
    uint64_t added_count;
    uint32_t changed_count; /* tables whose rows it has */
    bool follows;
    char from[STATE_TEXT_SIZE];
    char state[STATE_TEXT_SIZE];
};

static struct link look_at(const struct dump_reader *dump, const uint8_t *state_before)
{
    struct link link = {0};

    for (size_t i = 0; i < dump->index.entry_count; i++) {
        const struct index_entry *entry = &dump->index.entries[i];

        link.removed_count += entry->removed_count;
        link.added_count += entry->row_count - entry->removed_count;
    }
    for (uint32_t i = 0; i < dump->schema.table_count; i++)
        if (schema_table_has_rows(&dump->schema.tables[i]) && dump->ends[i].change != TABLE_SAME)
            link.changed_count++;
    link.follows = state_before == NULL
                   || (dump->header.kind == DUMP_DELTA
                       && memcmp(dump->header.from_state, state_before, SHA256_SIZE) == 0);
    state_format(link.from, dump->header.from_state);
    state_format(link.state, dump->tail.state_id);
    return link;
}

static const char *kind_of(const struct dump_reader *dump)
{
    return dump->header.kind == DUMP_FULL ? "full" : "delta";
}

static void put_row(
    struct text_table *table, const struct dump_reader *dump, const struct link *link)
{
    text_table_name(table, dump->file.path, strlen(dump->file.path));
    text_table_cell(table, "%s", dump->is_unchanged ? "unchanged" : kind_of(dump));
    text_table_size(table, dump->tail.file_size);
    text_table_cell(table, "%" PRIu32, link->changed_count);
    text_table_cell(table, "%" PRIu64, link->removed_count);
    text_table_cell(table, "%" PRIu64, link->added_count);
    text_table_cell(table, "%.16s", dump->header.kind == DUMP_FULL ? "" : link->from);
    text_table_cell(table, "%.16s", link->state);
    text_table_cell(table, "%s", link->follows ? "" : "does not follow");
}

static void put_json(
    struct json_writer *json, const struct dump_reader *dump, const struct link *link)
{
    json_writer_begin_object(json);
    json_writer_named_text(json, "file", dump->file.path);
    json_writer_named_text(json, "kind", kind_of(dump));
    json_writer_named_unsigned(json, "size", dump->tail.file_size);
    json_writer_named_unsigned(json, "changed_tables", link->changed_count);
    json_writer_named_unsigned(json, "removed_rows", link->removed_count);
    json_writer_named_unsigned(json, "added_rows", link->added_count);
    json_writer_named_text(json, "from_state", dump->header.kind == DUMP_FULL ? NULL : link->from);
    json_writer_named_text(json, "state", link->state);
    json_writer_named_boolean(json, "follows", link->follows);
    json_writer_end_object(json);
}

/* --- the chain ---------------------------------------------------------------------------- */

bool chain_report_put(struct byte_buffer *out, const char *const *paths, size_t count, bool as_json,
    size_t *first_gap, struct error *err)
{
    static const char *const headings[] = {
        "dump", "kind", ">size", ">tables", ">removed", ">added", "from", "state", "", NULL};
    OWNED(text_table) struct text_table table = {.headings = headings};
    struct json_writer json = {.out = out};
    uint8_t state[SHA256_SIZE];

    *first_gap = 0;
    if (as_json)
        json_writer_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        OWNED(dump_reader) struct dump_reader dump = {.file = {.fd = -1}};
        struct link link;

        if (!dump_reader_open(&dump, paths[i], err))
            return false;
        link = look_at(&dump, i == 0 ? NULL : state);
        memcpy(state, dump.tail.state_id, SHA256_SIZE);
        if (!link.follows && *first_gap == 0)
            *first_gap = i;
        if (as_json)
            put_json(&json, &dump, &link);
        else
            put_row(&table, &dump, &link);
    }
    if (as_json) {
        json_writer_end_array(&json);
        json_writer_finish(&json);
    } else {
        text_table_put(out, &table, "");
    }
    return true;
}

/* Opening a table follows it through all dumps. */
static bool check_tables(const struct chain *chain, struct error *err)
{
    const struct schema *schema = &chain_last(chain)->schema;
    OWNED(dump_buffer) struct dump_buffer buffer = {0};

    for (uint32_t i = 0; i < schema->table_count; i++) {
        OWNED(chain_table) struct chain_table table = {0};

        if (schema_table_has_rows(&schema->tables[i])
            && !chain_table_open(&table, chain, i, &buffer, err))
            return false;
    }
    return true;
}

bool chain_report_check(
    struct byte_buffer *out, const char *const *paths, size_t count, struct error *err)
{
    OWNED(chain) struct chain chain = {0};
    char state[STATE_TEXT_SIZE];

    if (!chain_open(&chain, paths, count, err) || !check_tables(&chain, err))
        return false;
    state_format(state, chain_last(&chain)->tail.state_id);
    byte_buffer_format(out, "chain of %zu dumps%s: whole\nstate %s\n", count,
        chain_is_full(&chain) ? "" : ", deltas alone", state);
    return true;
}
