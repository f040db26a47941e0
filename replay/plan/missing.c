#include "replay/plan/missing.h"

#include "base/owned.h"
#include "postgres/quote.h"

#include <string.h>
#include <strings.h>

/* Is the word "table", or (column not NULL) "table.column"? Names may have any character. */
static bool is_word_of(const char *word, const char *table, const char *column)
{
    size_t size = strlen(table);

    if (column == NULL)
        return strcasecmp(word, table) == 0;
    return strncasecmp(word, table, size) == 0 && word[size] == '.'
           && strcasecmp(word + size + 1, column) == 0;
}

bool missing_is_allowed(const struct command_line_list *words, const struct profile_table *rule,
    const char *table, const char *column)
{
    for (size_t i = 0; words != NULL && i < words->count; i++)
        if (is_word_of(words->items[i], table, column))
            return true;
    for (size_t i = 0; rule != NULL && column != NULL && i < rule->missing.count; i++)
        if (strcasecmp(rule->missing.items[i], column) == 0)
            return true;
    return false;
}

const char *missing_advice(
    struct arena *arena, const char *advice, const char *table, const char *column)
{
    OWNED(byte_buffer) struct byte_buffer option = {0};

    quote_plain(&option, advice);
    quote_plain(&option, "; or leave it out with --allow-missing ");
    quote_shell(&option, column == NULL ? table : arena_format(arena, "%s.%s", table, column));
    return arena_text(arena, quote_text(&option));
}

/* Does the word name something of this table, and does the target have it? */
static void look_at_table(const struct schema_table *table, const char *word,
    const struct target_catalog *catalog, bool *is_known, bool *is_there)
{
    const char *name = table->name.bytes;
    const struct target_table *target;

    if (strncasecmp(word, name, strlen(name)) != 0)
        return;
    target = target_catalog_table(catalog, name);
    if (is_word_of(word, name, NULL)) {
        *is_known = true;
        *is_there |= target != NULL;
    }
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (!is_word_of(word, name, table->columns[i].name.bytes))
            continue;
        *is_known = true;
        *is_there |=
            target != NULL && target_catalog_column(target, table->columns[i].name.bytes) != NULL;
    }
}

bool missing_check(const struct command_line_list *words, const struct dump_reader *reader,
    const struct target_catalog *catalog, struct error *err)
{
    for (size_t i = 0; i < words->count; i++) {
        bool is_known = false;
        bool is_there = false;

        for (uint32_t k = 0; k < reader->schema.table_count; k++)
            look_at_table(
                &reader->schema.tables[k], words->items[i], catalog, &is_known, &is_there);
        /* The source may have dropped it since the full dump that needs the option, too. */
        if (!is_known && reader->header.kind == DUMP_FULL)
            return error_set(err, ERROR_USAGE,
                "--allow-missing \"%s\": the dump has no such table, and no such TABLE.COLUMN",
                words->items[i]);
        if (is_there)
            return error_set(err, ERROR_USAGE,
                "--allow-missing \"%s\": the target has it; only what it lacks can be left out",
                words->items[i]);
    }
    return true;
}
