#include "watch/short_text.h"

#include "base/safe_text.h"

size_t short_text_width(const struct byte_buffer *text)
{
    return text->size == 0 ? 0 : safe_text_width(text->data, text->size);
}

const char *short_text_ellipsis(bool is_utf8)
{
    return is_utf8 ? "…" : "~";
}

/* Where the character that is at `from` ends. */
static size_t next_character(const struct byte_buffer *text, size_t from)
{
    size_t next = from + 1;

    while (next < text->size && (text->data[next] & 0xc0) == 0x80)
        next++;
    return next;
}

size_t short_text_beginning(const struct byte_buffer *text, size_t width)
{
    size_t end = 0;

    while (end < text->size) {
        size_t next = next_character(text, end);

        if (safe_text_width(text->data, next) > width)
            break;
        end = next;
    }
    return end;
}

/* Where its longest end begins that takes at most `width` columns. */
static size_t ending(const struct byte_buffer *text, size_t width)
{
    size_t from = text->size;

    while (from > 0) {
        size_t before = from - 1;

        while (before > 0 && (text->data[before] & 0xc0) == 0x80)
            before--;
        if (safe_text_width(text->data + before, text->size - before) > width)
            break;
        from = before;
    }
    return from;
}

void short_text_middle(
    struct byte_buffer *out, const struct byte_buffer *text, size_t width, bool is_utf8)
{
    size_t from;

    if (short_text_width(text) <= width) {
        byte_buffer_put(out, text->data, text->size);
        return;
    }
    if (width == 0)
        return;
    from = ending(text, (width - 1) / 2);
    byte_buffer_put(out, text->data, short_text_beginning(text, width / 2));
    byte_buffer_format(out, "%s", short_text_ellipsis(is_utf8));
    byte_buffer_put(out, text->data + from, text->size - from);
}
