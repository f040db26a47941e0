#include "tests/fuzz/sql_shape.h"

#include <assert.h>
#include <string.h>

static const char outside[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                              "_ .,()=<>:|-;";

/* The place after the closing mark; a doubled one is a mark of the text. */
static size_t skip_quoted(const struct byte_buffer *sql, size_t at)
{
    uint8_t mark = sql->data[at++];

    for (;; at++) {
        assert(at < sql->size);
        if (sql->data[at] != mark)
            continue;
        if (at + 1 == sql->size || sql->data[at + 1] != mark)
            return at + 1;
        at++;
    }
}

/* The place after the line of a comment. */
static size_t skip_comment(const struct byte_buffer *sql, size_t at)
{
    for (; at < sql->size && sql->data[at] != '\n'; at++)
        assert(sql->data[at] >= 32 && sql->data[at] != 127);
    return at;
}

static size_t skip_outside(const struct byte_buffer *sql, size_t at, bool is_script)
{
    uint8_t c = sql->data[at];
    bool is_comment = c == '-' && at + 1 < sql->size && sql->data[at + 1] == '-';

    if (is_comment && is_script)
        return skip_comment(sql, at);
    assert(!is_comment);
    assert(strchr(outside, c) != NULL || (is_script && c == '\n'));
    return at + 1;
}

static size_t count_statements(const struct byte_buffer *sql, bool is_script)
{
    size_t count = 1;

    assert(sql->size == 0 || memchr(sql->data, 0, sql->size) == NULL);
    for (size_t at = 0; at < sql->size;) {
        uint8_t c = sql->data[at];

        if (c == '"' || c == '\'') {
            /* E'', U&"" and the like would read backslashes. */
            assert(at == 0 || strchr(" .,(=\n", sql->data[at - 1]) != NULL);
            at = skip_quoted(sql, at);
            continue;
        }
        count += c == ';';
        at = skip_outside(sql, at, is_script);
    }
    return count;
}

void sql_shape_check(const struct byte_buffer *sql, size_t statement_max)
{
    size_t count = count_statements(sql, false);

    assert(count <= statement_max);
}

void sql_shape_check_script(const struct byte_buffer *sql)
{
    (void)count_statements(sql, true);
}

void sql_shape_check_quoted(const struct byte_buffer *sql, char mark, const char *text)
{
    size_t at = 1;

    assert(sql->size >= 2 && sql->data[0] == (uint8_t)mark);
    assert(skip_quoted(sql, 0) == sql->size);
    for (; *text != '\0'; text++) {
        assert(sql->data[at] == (uint8_t)*text);
        at += *text == mark ? 2 : 1;
    }
    assert(at + 1 == sql->size);
}
