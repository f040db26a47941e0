#include "replay/values/reject_json.h"

#include "base/utf8.h"
#include "replay/values/convert_number.h"
#include "replay/values/decimal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16
#define COLUMN_COUNT_MIN 16 /* room at first */

/* --- writing ------------------------------------------------------------------- */

static void put_plain(struct byte_buffer *out, const char *text)
{
    byte_buffer_put_text(out, text);
}

/* The bytes are valid UTF-8. */
static void put_string(struct byte_buffer *out, const uint8_t *bytes, size_t size)
{
    char escape[8];

    byte_buffer_put_u8(out, '"');
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\') {
            byte_buffer_put_u8(out, '\\');
            byte_buffer_put_u8(out, bytes[i]);
        } else if (bytes[i] < 0x20) {
            snprintf(escape, sizeof(escape), "\\u%04x", bytes[i]);
            put_plain(out, escape);
        } else {
            byte_buffer_put_u8(out, bytes[i]);
        }
    }
    byte_buffer_put_u8(out, '"');
}

static void put_hex(struct byte_buffer *out, const char *kind, const struct value *value)
{
    static const char digits[] = "0123456789abcdef";

    put_plain(out, "{\"");
    put_plain(out, kind);
    put_plain(out, "\": \"");
    for (uint32_t i = 0; i < value->size; i++) {
        byte_buffer_put_u8(out, (uint8_t)digits[value->bytes[i] >> 4]);
        byte_buffer_put_u8(out, (uint8_t)digits[value->bytes[i] & 15]);
    }
    put_plain(out, "\"}");
}

static void put_real(struct byte_buffer *out, double real)
{
    size_t at = out->size;

    if (isinf(real)) {
        put_plain(out, real > 0 ? "{\"real\": \"Infinity\"}" : "{\"real\": \"-Infinity\"}");
        return;
    }
    decimal_of_real(out, real);
    if (memchr(out->data + at, '.', out->size - at) == NULL
        && memchr(out->data + at, 'e', out->size - at) == NULL)
        put_plain(out, ".0");
}

static void put_value(struct byte_buffer *out, const struct value *value)
{
    switch (value->class) {
    case VALUE_NULL:
        put_plain(out, "null");
        break;
    case VALUE_INTEGER:
        convert_number_put(out, value->integer);
        break;
    case VALUE_REAL:
        put_real(out, value->real);
        break;
    case VALUE_TEXT:
        /* PostgreSQL's functions do not read a string of JSON with \u0000. */
        if (utf8_is_valid(value->bytes, value->size)
            && memchr(value->bytes, 0, value->size) == NULL)
            put_string(out, value->bytes, value->size);
        else
            put_hex(out, "text", value);
        break;
    case VALUE_BLOB:
        put_hex(out, "blob", value);
        break;
    }
}

void reject_json_put(
    struct byte_buffer *out, const struct schema_table *table, const struct value *values)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        put_plain(out, i == 0 ? "{" : ", ");
        put_string(out, (const uint8_t *)table->columns[i].name.bytes, table->columns[i].name.size);
        put_plain(out, ": ");
        put_value(out, &values[i]);
    }
    put_plain(out, "}");
}

/* --- reading -------------------------------------------------------------------------- */

struct reader {
    struct arena *arena;
    const char *begin;
    const char *at;
    int depth;
};

static bool fail(const struct reader *r, struct error *err, const char *what)
{
    return error_set(err, ERROR_REFUSED, "at byte %zu: %s", (size_t)(r->at - r->begin), what);
}

/* Skips spaces; takes the character if it is there. */
static bool take(struct reader *r, char c)
{
    r->at += strspn(r->at, " \t\r\n");
    if (*r->at != c || c == '\0')
        return false;
    r->at++;
    return true;
}

static bool take_word(struct reader *r, const char *word)
{
    r->at += strspn(r->at, " \t\r\n");
    if (strncmp(r->at, word, strlen(word)) != 0)
        return false;
    r->at += strlen(word);
    return true;
}

static bool take_hex4(struct reader *r, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        char c = *r->at;
        int digit = c >= '0' && c <= '9'                     ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : -1;

        if (digit < 0)
            return false;
        *out = *out << 4 | (uint32_t)digit;
        r->at++;
    }
    return true;
}

static void put_character(struct byte_buffer *out, uint32_t c)
{
    if (c < 0x80) {
        byte_buffer_put_u8(out, (uint8_t)c);
        return;
    }
    if (c < 0x800) {
        byte_buffer_put_u8(out, (uint8_t)(0xc0 | c >> 6));
    } else if (c < 0x10000) {
        byte_buffer_put_u8(out, (uint8_t)(0xe0 | c >> 12));
        byte_buffer_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 63)));
    } else {
        byte_buffer_put_u8(out, (uint8_t)(0xf0 | c >> 18));
        byte_buffer_put_u8(out, (uint8_t)(0x80 | (c >> 12 & 63)));
        byte_buffer_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 63)));
    }
    byte_buffer_put_u8(out, (uint8_t)(0x80 | (c & 63)));
}

/* Behind "\u": one character, of one or two units. */
static bool take_escaped_character(struct reader *r, struct byte_buffer *out)
{
    uint32_t c;
    uint32_t low;

    if (!take_hex4(r, &c))
        return false;
    if (c >= 0xd800 && c < 0xdc00) {
        if (r->at[0] != '\\' || r->at[1] != 'u')
            return false;
        r->at += 2;
        if (!take_hex4(r, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xdc00 && c < 0xe000) {
        return false;
    }
    put_character(out, c);
    return true;
}

static bool take_escape(struct reader *r, struct byte_buffer *out)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *found;

    if (*r->at == 'u') {
        r->at++;
        return take_escaped_character(r, out);
    }
    found = *r->at == '\0' ? NULL : strchr(letters, *r->at);
    if (found == NULL)
        return false;
    byte_buffer_put_u8(out, (uint8_t)meanings[found - letters]);
    r->at++;
    return true;
}

/* A string; its bytes may contain NUL. They are copied to the arena, with a final NUL. */
static bool take_string(struct reader *r, const char **bytes, size_t *size, struct error *err)
{
    struct byte_buffer out = {0};
    bool done = take(r, '"');

    while (done && *r->at != '"') {
        if (*r->at == '\\') {
            r->at++;
            done = take_escape(r, &out);
        } else if ((uint8_t)*r->at < 0x20) {
            done = false;
        } else {
            byte_buffer_put_u8(&out, (uint8_t)*r->at++);
        }
    }
    if (done) {
        r->at++;
        *bytes = arena_copy(r->arena, out.size == 0 ? (const uint8_t *)"" : out.data, out.size);
        *size = out.size;
    }
    byte_buffer_release(&out);
    return done || fail(r, err, "there is no string as JSON has it");
}

static bool take_number(struct reader *r, struct value *value, struct error *err)
{
    size_t size = strspn(r->at, "0123456789+-.eE");
    char *end;

    if (size == 0)
        return fail(r, err, "there is no value as JSON has it");
    errno = 0;
    value->class = VALUE_INTEGER;
    value->integer = strtoll(r->at, &end, 10);
    if (errno != 0 && end == r->at + size)
        return fail(r, err, "an integer is larger than 64 bits: write it in quotes");
    if (end != r->at + size) {
        value->class = VALUE_REAL;
        value->real = strtod(r->at, &end);
    }
    if (end != r->at + size)
        return fail(r, err, "there is no number as JSON has it");
    r->at = end;
    return true;
}

static bool bytes_of_hex(
    const struct reader *r, const char *hex, size_t size, struct value *value, struct error *err)
{
    uint8_t *bytes = arena_alloc(r->arena, size / 2 + 1, 1);
    unsigned byte;
    int used;

    for (size_t i = 0; i + 1 < size; i += 2) {
        if (sscanf(hex + i, "%2x%n", &byte, &used) != 1 || used != 2)
            return fail(r, err, "there are no hexadecimal digits");
        bytes[i / 2] = (uint8_t)byte;
    }
    value->bytes = bytes;
    value->size = (uint32_t)(size / 2);
    return size % 2 == 0 || fail(r, err, "there is an odd number of hexadecimal digits");
}

/* {"text": "hex"}, {"blob": "hex"}, {"real": "Infinity"}: behind the brace. */
static bool take_marked(struct reader *r, struct value *value, struct error *err)
{
    const char *kind;
    const char *text;
    size_t size;

    if (!take_string(r, &kind, &size, err))
        return false;
    if (!take(r, ':'))
        return fail(r, err, "a \":\" is missing");
    if (!take_string(r, &text, &size, err))
        return false;
    if (!take(r, '}'))
        return fail(r, err, "a \"}\" is missing");
    value->class = strcmp(kind, "text") == 0   ? VALUE_TEXT
                   : strcmp(kind, "blob") == 0 ? VALUE_BLOB
                                               : VALUE_REAL;
    if (value->class != VALUE_REAL)
        return bytes_of_hex(r, text, size, value, err);
    value->real = strcmp(text, "-Infinity") == 0 ? -INFINITY : INFINITY;
    return (strcmp(kind, "real") == 0 && strstr(text, "Infinity") != NULL)
           || fail(r, err,
               "an object is none of {\"text\": ...}, {\"blob\": ...}, {\"real\": "
               "\"Infinity\"}");
}

static bool take_value(struct reader *r, struct value *value, struct error *err)
{
    const char *bytes;
    size_t size;

    *value = (struct value){.class = VALUE_NULL};
    if (take_word(r, "null"))
        return true;
    if (take_word(r, "true") || take_word(r, "false")) {
        value->class = VALUE_INTEGER;
        value->integer = r->at[-2] == 'u';
        return true;
    }
    if (take(r, '{'))
        return take_marked(r, value, err);
    if (*r->at != '"')
        return take_number(r, value, err);
    if (!take_string(r, &bytes, &size, err))
        return false;
    value->class = VALUE_TEXT;
    value->bytes = (const uint8_t *)bytes;
    value->size = (uint32_t)size;
    return true;
}

static void make_room(struct reject_json_row *row, struct arena *arena)
{
    const char **names = row->names;
    struct value *values = row->values;

    if (row->count < row->capacity)
        return;
    row->capacity = row->capacity == 0 ? COLUMN_COUNT_MIN : 2 * row->capacity;
    row->names = arena_alloc(arena, row->capacity, sizeof(*row->names));
    row->values = arena_alloc(arena, row->capacity, sizeof(*row->values));
    if (row->count == 0)
        return;
    memcpy((void *)row->names, (const void *)names, row->count * sizeof(*names));
    memcpy(row->values, values, row->count * sizeof(*values));
}

bool reject_json_read(
    struct reject_json_row *row, struct arena *arena, const char *text, struct error *err)
{
    struct reader r = {.arena = arena, .begin = text, .at = text};
    size_t size;

    *row = (struct reject_json_row){0};
    if (!take(&r, '{'))
        return fail(&r, err, "there is no object ({...})");
    if (take(&r, '}'))
        return true;
    do {
        make_room(row, arena);
        if (!take_string(&r, &row->names[row->count], &size, err))
            return false;
        if (!take(&r, ':'))
            return fail(&r, err, "a \":\" is missing");
        if (!take_value(&r, &row->values[row->count++], err))
            return false;
    } while (take(&r, ','));
    if (!take(&r, '}'))
        return fail(&r, err, "a \"}\" is missing");
    r.at += strspn(r.at, " \t\r\n");
    return *r.at == '\0' || fail(&r, err, "there is more behind the object");
}

/* --- files ------------------------------------------------------------------------------ */

static bool skip_value(struct reader *r, struct error *err);

/* The items of an array or object, behind its bracket. */
static bool skip_items(struct reader *r, bool is_object, struct error *err)
{
    char close = is_object ? '}' : ']';
    const char *bytes;
    size_t size;

    if (take(r, close))
        return true;
    do {
        if (is_object && (!take_string(r, &bytes, &size, err) || !take(r, ':')))
            return fail(r, err, "there is no object as JSON has it");
        if (!skip_value(r, err))
            return false;
    } while (take(r, ','));
    return take(r, close) || fail(r, err, "a bracket is not closed");
}

static bool skip_value(struct reader *r, struct error *err)
{
    struct value value;
    bool is_object = take(r, '{');
    bool done;

    if (!is_object && !take(r, '['))
        return take_value(r, &value, err);
    if (++r->depth > DEPTH_MAX)
        return fail(r, err, "it is nested too deeply");
    done = skip_items(r, is_object, err);
    r->depth--;
    return done;
}

/* Digits that bytea takes. */
static bool take_row(struct reader *r, struct reject_json_entry *entry, struct error *err)
{
    size_t size;

    if (!take_string(r, &entry->row, &size, err))
        return false;
    return (size % 2 == 0 && strspn(entry->row, "0123456789abcdefABCDEF") == size)
           || fail(r, err, "a \"row\" has no hexadecimal digits");
}

static bool take_field(
    struct reader *r, const char *name, struct reject_json_entry *entry, struct error *err)
{
    const char *from = r->at;
    struct value id;
    size_t size;

    if (strcmp(name, "id") == 0) {
        if (!take_value(r, &id, err))
            return false;
        entry->id = id.class == VALUE_INTEGER ? id.integer : 0;
        return true;
    }
    if (strcmp(name, "table") == 0)
        return take_string(r, &entry->table, &size, err);
    if (strcmp(name, "row") == 0)
        return take_row(r, entry, err);
    if (!skip_value(r, err))
        return false;
    if (strcmp(name, "values") == 0)
        entry->values = arena_copy(r->arena, from, (size_t)(r->at - from));
    return true;
}

static bool take_entry(struct reader *r, struct reject_json_entry *entry, struct error *err)
{
    const char *name;
    size_t size;

    *entry = (struct reject_json_entry){0};
    if (!take(r, '{'))
        return fail(r, err, "there is no object ({...})");
    do {
        if (!take_string(r, &name, &size, err))
            return false;
        if (!take(r, ':'))
            return fail(r, err, "a \":\" is missing");
        if (!take_field(r, name, entry, err))
            return false;
    } while (take(r, ','));
    return take(r, '}') || fail(r, err, "a \"}\" is missing");
}

static bool take_entries(
    struct reader *r, struct reject_json_entry **entries, size_t *count, struct error *err)
{
    if (!take(r, '['))
        return fail(r, err, "there is no array ([...])");
    if (take(r, ']'))
        return true;
    do {
        *entries = byte_buffer_realloc(*entries, (*count + 1) * sizeof(**entries));
        if (!take_entry(r, &(*entries)[*count], err))
            return false;
        (*count)++;
    } while (take(r, ','));
    return take(r, ']') || fail(r, err, "a \"]\" is missing");
}

bool reject_json_read_file(struct reject_json_entry **entries, size_t *count, struct arena *arena,
    const char *text, struct error *err)
{
    struct reader r = {.arena = arena, .begin = text, .at = text};

    *entries = NULL;
    *count = 0;
    if (take_entries(&r, entries, count, err)
        && (r.at[strspn(r.at, " \t\r\n")] == '\0'
            || fail(&r, err, "there is more behind the array")))
        return true;
    free(*entries);
    *entries = NULL;
    err->kind = ERROR_USAGE;
    return false;
}
