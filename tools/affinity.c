#include "tools/affinity.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static bool contains(const struct schema_text *type, const char *word)
{
    return strcasestr(type->bytes, word) != NULL;
}

/* The order of these rules is SQLite's. */
enum affinity affinity_of(const struct schema_table *table, const struct schema_column *column)
{
    const struct schema_text *type = &column->type;

    if (table->strict && strcasecmp(type->bytes, "ANY") == 0)
        return AFFINITY_BLOB;
    if (contains(type, "INT"))
        return AFFINITY_INTEGER;
    if (contains(type, "CHAR") || contains(type, "CLOB") || contains(type, "TEXT"))
        return AFFINITY_TEXT;
    if (type->size == 0 || contains(type, "BLOB"))
        return AFFINITY_BLOB;
    if (contains(type, "REAL") || contains(type, "FLOA") || contains(type, "DOUB"))
        return AFFINITY_REAL;
    return AFFINITY_NUMERIC;
}

/* Could the text be a number to SQLite? Space may stand before one. */
static bool may_be_number(const struct value *text)
{
    for (uint32_t i = 0; i < text->size; i++) {
        uint8_t c = text->bytes[i];

        if (c != ' ' && (c < '\t' || c > '\r'))
            return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+';
    }
    return false;
}

bool affinity_may_change(enum affinity affinity, const struct value *value)
{
    if (affinity == AFFINITY_BLOB)
        return false;
    switch (value->class) {
    case VALUE_NULL:
    case VALUE_BLOB:
        return false;
    case VALUE_TEXT:
        return affinity != AFFINITY_TEXT && may_be_number(value);
    case VALUE_INTEGER:
        return affinity == AFFINITY_TEXT || affinity == AFFINITY_REAL;
    case VALUE_REAL:
        /* -0.0 loses its sign where a whole REAL is stored as an INTEGER. */
        return affinity != AFFINITY_REAL || (value->real == 0 && signbit(value->real));
    }
    return true;
}
