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

void sql_shape_check(const struct byte_buffer *sql, size_t statement_max)
{
    size_t semicolon_count = 0;

    assert(sql->size == 0 || memchr(sql->data, 0, sql->size) == NULL);
    for (size_t at = 0; at < sql->size;) {
        uint8_t c = sql->data[at];

        if (c == '"' || c == '\'') {
            /* E'', U&"" and the like would read backslashes. */
            assert(at == 0 || strchr(" .,(=", sql->data[at - 1]) != NULL);
            at = skip_quoted(sql, at);
            continue;
        }
        assert(strchr(outside, c) != NULL);
        assert(c != '-' || at + 1 == sql->size || sql->data[at + 1] != '-');
        semicolon_count += c == ';';
        at++;
    }
    assert(semicolon_count < statement_max);
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
