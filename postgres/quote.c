#include "postgres/quote.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void quote_plain(struct byte_buffer *out, const char *sql)
{
    byte_buffer_put_text(out, sql);
}

void quote_integer(struct byte_buffer *out, int64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, number);
    quote_plain(out, text);
}

/* Appends text between two marks; a mark inside is doubled. */
static void put_marked(struct byte_buffer *out, const char *text, char mark)
{
    byte_buffer_put_u8(out, (uint8_t)mark);
    for (; *text != '\0'; text++) {
        if (*text == mark)
            byte_buffer_put_u8(out, (uint8_t)mark);
        byte_buffer_put_u8(out, (uint8_t)*text);
    }
    byte_buffer_put_u8(out, (uint8_t)mark);
}

void quote_name(struct byte_buffer *out, const char *name)
{
    put_marked(out, name, '"');
}

void quote_qualified(struct byte_buffer *out, const char *schema, const char *name)
{
    quote_name(out, schema);
    byte_buffer_put_u8(out, '.');
    quote_name(out, name);
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

void quote_shown_name(struct byte_buffer *out, const char *name)
{
    if (!has_control(name)) {
        quote_name(out, name);
        return;
    }
    quote_plain(out, "U&\"");
    for (; *name != '\0'; name++) {
        char escape[8];

        if ((unsigned char)*name >= 0x20 && *name != 0x7f) {
            byte_buffer_put(out, name, 1);
            if (*name == '"' || *name == '\\')
                byte_buffer_put(out, name, 1);
            continue;
        }
        snprintf(escape, sizeof(escape), "\\%04x", (unsigned)(unsigned char)*name);
        quote_plain(out, escape);
    }
    quote_plain(out, "\"");
}

void quote_shown_qualified(struct byte_buffer *out, const char *schema, const char *name)
{
    quote_shown_name(out, schema);
    byte_buffer_put_u8(out, '.');
    quote_shown_name(out, name);
}

/* A shell that knows $'...' is needed for control characters. */
static void put_shell_escaped(struct byte_buffer *out, const char *word)
{
    quote_plain(out, "$'");
    for (; *word != '\0'; word++) {
        char escape[8];

        if ((unsigned char)*word < 0x20 || *word == 0x7f) {
            snprintf(escape, sizeof(escape), "\\x%02x", (unsigned)(unsigned char)*word);
            quote_plain(out, escape);
            continue;
        }
        if (*word == '\'' || *word == '\\')
            quote_plain(out, "\\");
        byte_buffer_put(out, word, 1);
    }
    quote_plain(out, "'");
}

void quote_shell(struct byte_buffer *out, const char *word)
{
    static const char harmless[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";

    if (has_control(word)) {
        put_shell_escaped(out, word);
        return;
    }
    if (*word != '\0' && word[strspn(word, harmless)] == '\0') {
        quote_plain(out, word);
        return;
    }
    quote_plain(out, "'");
    for (; *word != '\0'; word++) {
        if (*word == '\'')
            quote_plain(out, "'\\'");
        byte_buffer_put(out, word, 1);
    }
    quote_plain(out, "'");
}

void quote_literal(struct byte_buffer *out, const char *text)
{
    if (text == NULL)
        quote_plain(out, "NULL");
    else
        put_marked(out, text, '\'');
}

const char *quote_text(struct byte_buffer *out)
{
    byte_buffer_reserve(out, 1);
    out->data[out->size] = 0;
    return (const char *)out->data;
}
