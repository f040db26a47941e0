#include "replay/values/json_canonical.h"

#include "base/owned.h"
#include "base/utf8.h"
#include "replay/values/decimal.h"

#include <stdlib.h>

/* What is being read, and what may not be in it. */
struct scanner {
    const uint8_t *next;
    const uint8_t *end;
    unsigned depth;
    bool is_loose; /* the type json: \u0000 and lone surrogates are only text */
};

/* One member of an object being sorted: "key":value within the output. */
struct member {
    size_t key_offset;
    size_t key_size;
    size_t size; /* of key and value */
};

struct members {
    struct member *items; /* owned */
    size_t count;
    size_t capacity;
};

static void members_release(struct members *members)
{
    free(members->items);
}

static bool put_value(struct scanner *s, struct byte_buffer *out);

static void skip_space(struct scanner *s)
{
    while (s->next < s->end
           && (*s->next == ' ' || *s->next == '\t' || *s->next == '\n' || *s->next == '\r'))
        s->next++;
}

static bool take(struct scanner *s, uint8_t byte)
{
    if (s->next == s->end || *s->next != byte)
        return false;
    s->next++;
    return true;
}

static bool take_word(struct scanner *s, const char *word, struct byte_buffer *out)
{
    size_t size = strlen(word);

    if ((size_t)(s->end - s->next) < size || memcmp(s->next, word, size) != 0)
        return false;
    s->next += size;
    byte_buffer_put(out, word, size);
    return true;
}

/* --- strings ---------------------------------------------------------------- */

static bool read_hex4(struct scanner *s, uint32_t *out)
{
    uint32_t value = 0;

    if (s->end - s->next < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        uint8_t c = *s->next++;

        if (c >= '0' && c <= '9')
            value = value << 4 | (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            value = value << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return false;
    }
    *out = value;
    return true;
}

static void put_code(struct byte_buffer *out, uint32_t code)
{
    if (code < 0x80) {
        byte_buffer_put_u8(out, (uint8_t)code);
        return;
    }
    if (code < 0x800) {
        byte_buffer_put_u8(out, (uint8_t)(0xc0 | code >> 6));
    } else if (code < 0x10000) {
        byte_buffer_put_u8(out, (uint8_t)(0xe0 | code >> 12));
        byte_buffer_put_u8(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
    } else {
        byte_buffer_put_u8(out, (uint8_t)(0xf0 | code >> 18));
        byte_buffer_put_u8(out, (uint8_t)(0x80 | (code >> 12 & 0x3f)));
        byte_buffer_put_u8(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
    }
    byte_buffer_put_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
}

static bool put_unicode_escape(struct scanner *s, struct byte_buffer *out)
{
    uint32_t code;
    uint32_t low;

    if (!read_hex4(s, &code))
        return false;
    if (s->is_loose)
        return true;
    if (code == 0 || (code >= 0xdc00 && code <= 0xdfff))
        return false;
    if (code >= 0xd800 && code <= 0xdbff) {
        if (!take(s, '\\') || !take(s, 'u') || !read_hex4(s, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    put_code(out, code);
    return true;
}

static bool put_escape(struct scanner *s, struct byte_buffer *out)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *found;

    if (s->next == s->end)
        return false;
    if (*s->next == 'u') {
        s->next++;
        return put_unicode_escape(s, out);
    }
    found = *s->next == '\0' ? NULL : strchr(letters, *s->next);
    if (found == NULL)
        return false;
    s->next++;
    byte_buffer_put_u8(out, (uint8_t)meanings[found - letters]);
    return true;
}

/* The characters of a string, preceded by their length so that nothing needs escaping. */
static bool put_string(struct scanner *s, struct byte_buffer *out)
{
    size_t at = out->size + 1;

    if (!take(s, '"'))
        return false;
    byte_buffer_put_u8(out, '"');
    byte_buffer_put_u32(out, 0);
    while (s->next < s->end && *s->next != '"') {
        if (*s->next == '\\') {
            s->next++;
            if (!put_escape(s, out))
                return false;
            continue;
        }
        if (*s->next < 0x20)
            return false;
        byte_buffer_put_u8(out, *s->next++);
    }
    byte_buffer_set_u32(out, at, (uint32_t)(out->size - at - 4));
    return take(s, '"');
}

/* --- numbers ---------------------------------------------------------------- */

static size_t skip_digits(struct scanner *s)
{
    const uint8_t *from = s->next;

    while (s->next < s->end && *s->next >= '0' && *s->next <= '9')
        s->next++;
    return (size_t)(s->next - from);
}

/* jsonb keeps the zeros at the end, as numeric does. */
static bool put_stored(const uint8_t *text, size_t size, struct byte_buffer *out)
{
    struct decimal_shape shape;

    return decimal_canonical(out, text, size, &shape)
           && shape.written_scale <= (long)DECIMAL_SCALE_MAX
           && shape.exponent <= DECIMAL_EXPONENT_MAX && shape.exponent >= -DECIMAL_EXPONENT_MAX;
}

static bool put_number(struct scanner *s, struct byte_buffer *out)
{
    const uint8_t *from = s->next;

    (void)take(s, '-');
    if (!take(s, '0') && skip_digits(s) == 0)
        return false;
    if (take(s, '.') && skip_digits(s) == 0)
        return false;
    if (s->next < s->end && (*s->next == 'e' || *s->next == 'E')) {
        s->next++;
        if (!take(s, '+'))
            (void)take(s, '-');
        if (skip_digits(s) == 0)
            return false;
    }
    return s->is_loose || put_stored(from, (size_t)(s->next - from), out);
}

/* --- arrays and objects ------------------------------------------------------- */

static bool put_array(struct scanner *s, struct byte_buffer *out)
{
    byte_buffer_put_u8(out, '[');
    skip_space(s);
    if (take(s, ']')) {
        byte_buffer_put_u8(out, ']');
        return true;
    }
    do {
        if (!put_value(s, out))
            return false;
        byte_buffer_put_u8(out, ',');
    } while (take(s, ','));
    byte_buffer_put_u8(out, ']');
    return take(s, ']');
}

static bool put_member(struct scanner *s, struct byte_buffer *out, struct members *members)
{
    struct member *member;

    if (members->count == members->capacity) {
        members->capacity = members->capacity == 0 ? 8 : members->capacity * 2;
        members->items =
            byte_buffer_realloc(members->items, members->capacity * sizeof(*members->items));
    }
    member = &members->items[members->count++];
    member->key_offset = out->size;
    skip_space(s);
    if (!put_string(s, out))
        return false;
    member->key_size = out->size - member->key_offset;
    skip_space(s);
    if (!take(s, ':') || !put_value(s, out))
        return false;
    member->size = out->size - member->key_offset;
    return true;
}

/* By key; of equal keys the later one comes last. */
static int compare_members(const void *a, const void *b, void *bytes)
{
    const struct member *x = a;
    const struct member *y = b;
    const uint8_t *base = bytes;
    size_t size = x->key_size < y->key_size ? x->key_size : y->key_size;
    int order = memcmp(base + x->key_offset, base + y->key_offset, size);

    if (order == 0)
        order = (x->key_size > y->key_size) - (x->key_size < y->key_size);
    return order != 0 ? order : (x->key_offset > y->key_offset) - (x->key_offset < y->key_offset);
}

static bool same_key(const uint8_t *base, const struct member *a, const struct member *b)
{
    return a->key_size == b->key_size
           && memcmp(base + a->key_offset, base + b->key_offset, a->key_size) == 0;
}

/* Puts the members from offset `from` on into their order, without overwritten ones. */
static void sort_members(struct byte_buffer *out, size_t from, struct members *members)
{
    OWNED(byte_buffer) struct byte_buffer sorted = {0};

    qsort_r(members->items, members->count, sizeof(*members->items), compare_members, out->data);
    for (size_t i = 0; i < members->count; i++) {
        const struct member *member = &members->items[i];

        if (i + 1 < members->count && same_key(out->data, member, member + 1))
            continue;
        byte_buffer_put(&sorted, out->data + member->key_offset, member->size);
        byte_buffer_put_u8(&sorted, ',');
    }
    out->size = from;
    byte_buffer_put(out, sorted.data, sorted.size);
}

static bool put_object(struct scanner *s, struct byte_buffer *out)
{
    OWNED(members) struct members members = {0};
    size_t from;

    byte_buffer_put_u8(out, '{');
    from = out->size;
    skip_space(s);
    if (!take(s, '}')) {
        do {
            if (!put_member(s, out, &members))
                return false;
        } while (take(s, ','));
        if (!take(s, '}'))
            return false;
        sort_members(out, from, &members);
    }
    byte_buffer_put_u8(out, '}');
    return true;
}

static bool put_nested(struct scanner *s, struct byte_buffer *out)
{
    bool is_object = *s->next == '{';
    bool done;

    if (s->depth == JSON_CANONICAL_DEPTH_MAX)
        return false;
    s->depth++;
    s->next++;
    done = is_object ? put_object(s, out) : put_array(s, out);
    s->depth--;
    return done;
}

/* One value with the space around it. */
static bool put_value(struct scanner *s, struct byte_buffer *out)
{
    bool done = false;

    skip_space(s);
    if (s->next == s->end)
        return false;
    switch (*s->next) {
    case '{':
    case '[':
        done = put_nested(s, out);
        break;
    case '"':
        done = put_string(s, out);
        break;
    case 't':
        done = take_word(s, "true", out);
        break;
    case 'f':
        done = take_word(s, "false", out);
        break;
    case 'n':
        done = take_word(s, "null", out);
        break;
    default:
        done = put_number(s, out);
        break;
    }
    skip_space(s);
    return done;
}

bool json_canonical_append(struct byte_buffer *out, const uint8_t *text, size_t size)
{
    struct scanner s = {.next = text, .end = text + size};

    return utf8_is_valid(text, size) && put_value(&s, out) && s.next == s.end;
}

bool json_canonical_is_json(const uint8_t *text, size_t size)
{
    OWNED(byte_buffer) struct byte_buffer scratch = {0};
    struct scanner s = {.next = text, .end = text + size, .is_loose = true};

    return utf8_is_valid(text, size) && put_value(&s, &scratch) && s.next == s.end;
}
