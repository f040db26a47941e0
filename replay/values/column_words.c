#include "replay/values/column_words.h"

#include <string.h>
#include <strings.h>

const char *column_words_said(const char *word)
{
    const char *equals = strrchr(word, '=');

    return equals == NULL ? word : equals + 1;
}

bool column_words_is_formed(const char *word)
{
    const char *equals = strrchr(word, '=');
    const char *point = strchr(word, '.');

    return equals == NULL || (point != NULL && point < equals);
}

static bool is_of_column(const char *word, const char *table, const char *column)
{
    size_t table_size = strlen(table);
    size_t column_size = strlen(column);
    const char *equals = strrchr(word, '=');

    return equals != NULL && (size_t)(equals - word) == table_size + 1 + column_size
           && strncasecmp(word, table, table_size) == 0 && word[table_size] == '.'
           && strncasecmp(word + table_size + 1, column, column_size) == 0;
}

const char *column_words_of(
    const struct command_line_list *words, const char *table, const char *column)
{
    for (size_t i = words->count; i-- > 0;)
        if (table == NULL ? strrchr(words->items[i], '=') == NULL
                          : is_of_column(words->items[i], table, column))
            return column_words_said(words->items[i]);
    return NULL;
}

static bool is_known(const struct target_catalog *catalog, const char *word)
{
    for (size_t i = 0; i < catalog->table_count; i++)
        for (size_t k = 0; k < catalog->tables[i].column_count; k++)
            if (is_of_column(word, catalog->tables[i].name, catalog->tables[i].columns[k].name))
                return true;
    return false;
}

bool column_words_check_columns(const struct command_line_list *words, const char *option,
    const struct target_catalog *catalog, struct error *err)
{
    /* That there are no tables at all is said elsewhere. */
    for (size_t i = 0; i < words->count && catalog->table_count > 0; i++)
        if (strrchr(words->items[i], '=') != NULL && !is_known(catalog, words->items[i]))
            return error_set(err, ERROR_USAGE, "%s \"%s\": the target has no such column", option,
                words->items[i]);
    return true;
}
