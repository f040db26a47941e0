#include "postgres/quote.h"

#include <string.h>

void quote_plain(struct byte_buffer *out, const char *sql)
{
    byte_buffer_put(out, sql, strlen(sql));
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
