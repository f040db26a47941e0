#include "replay/values/row_words.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#define EXCERPT_SIZE 40 /* bytes of a value */

static void put_bytes(char out[ROW_WORDS_VALUE_SIZE], const struct value *value)
{
    const size_t room = ROW_WORDS_VALUE_SIZE;
    size_t used = 0;
    uint32_t shown = value->size < EXCERPT_SIZE ? value->size : EXCERPT_SIZE;
    bool is_text = value->class == VALUE_TEXT;

    used += (size_t)snprintf(out, room, is_text ? "'" : "x'");
    for (uint32_t at = 0; at < shown && used + 16 < room;) {
        uint8_t byte = value->bytes[at];
        size_t character = is_text ? utf8_character_size(value->bytes + at, value->size - at) : 0;

        if (!is_text)
            used += (size_t)snprintf(out + used, room - used, "%02x", byte);
        else if (character == 0 || byte < 0x20 || byte == 0x7f)
            used += (size_t)snprintf(out + used, room - used, "\\x%02x", byte);
        else
            used += (size_t)snprintf(
                out + used, room - used, "%.*s", (int)character, (const char *)value->bytes + at);
        at += character == 0 ? 1 : (uint32_t)character;
    }
    snprintf(out + used, room - used, shown < value->size ? "...' (%u bytes)" : "'", value->size);
}

void row_words_value(char out[ROW_WORDS_VALUE_SIZE], const struct value *value)
{
    switch (value->class) {
    case VALUE_NULL:
        snprintf(out, ROW_WORDS_VALUE_SIZE, "NULL");
        break;
    case VALUE_INTEGER:
        snprintf(out, ROW_WORDS_VALUE_SIZE, "%" PRId64, value->integer);
        break;
    case VALUE_REAL:
        snprintf(out, ROW_WORDS_VALUE_SIZE, "%.17g", value->real);
        break;
    case VALUE_TEXT:
    case VALUE_BLOB:
        put_bytes(out, value);
        break;
    }
}

void row_words_key(char out[ROW_WORDS_KEY_SIZE], const struct schema_table *table,
    const struct value *values, uint64_t row_number)
{
    char shown[ROW_WORDS_VALUE_SIZE];
    size_t used = 0;

    for (uint32_t i = 0; i < table->column_count && used + 32 < ROW_WORDS_KEY_SIZE; i++) {
        if (table->columns[i].primary_key == 0 || values[i].class == VALUE_NULL)
            continue;
        row_words_value(shown, &values[i]);
        used += (size_t)snprintf(out + used, ROW_WORDS_KEY_SIZE - used, "%s%s = %s",
            used == 0 ? "" : ", ", table->columns[i].name.bytes, shown);
    }
    if (used == 0)
        snprintf(out, ROW_WORDS_KEY_SIZE, "row %" PRIu64 " of the dump", row_number);
}
