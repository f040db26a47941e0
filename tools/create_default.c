#include "tools/create_default.h"

#include "base/owned.h"
#include "base/utf8.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum literal_kind { LITERAL_NULL, LITERAL_INTEGER, LITERAL_DECIMAL, LITERAL_TEXT, LITERAL_BLOB };

/* A constant of SQLite's. */
struct literal {
    enum literal_kind kind;
    struct byte_buffer
        bytes; /* owned; numbers as written, TEXT, or the hexadecimal digits of a BLOB */
};

static void literal_release(struct literal *literal)
{
    byte_buffer_release(&literal->bytes);
}

/* A part of the SQL text. */
struct span {
    const char *at;
    size_t size;
};

static struct span trim(struct span span)
{
    while (span.size > 0 && isspace((unsigned char)*span.at)) {
        span.at++;
        span.size--;
    }
    while (span.size > 0 && isspace((unsigned char)span.at[span.size - 1]))
        span.size--;
    return span;
}

/* Without white space and brackets around it. What is inside is recognised as a whole or not at
 * all. */
static struct span strip(struct span span)
{
    span = trim(span);
    while (span.size >= 2 && span.at[0] == '(' && span.at[span.size - 1] == ')')
        span = trim((struct span){span.at + 1, span.size - 2});
    return span;
}

static bool is_word(struct span span, const char *word)
{
    return span.size == strlen(word) && strncasecmp(span.at, word, span.size) == 0;
}

/* --- constants ------------------------------------------------------------------------- */

/* 'it''s', and "it" as SQLite understands it where there can be no column. */
static bool read_text(struct span span, struct literal *literal)
{
    char quote = span.size < 2 ? '\0' : span.at[0];

    if ((quote != '\'' && quote != '"') || span.at[span.size - 1] != quote)
        return false;
    literal->kind = LITERAL_TEXT;
    for (size_t i = 1; i < span.size - 1; i++) {
        if (span.at[i] == quote && (i + 1 == span.size - 1 || span.at[++i] != quote))
            return false;
        byte_buffer_put_u8(&literal->bytes, (uint8_t)span.at[i]);
    }
    return true;
}

static bool read_blob(struct span span, struct literal *literal)
{
    if (span.size < 3 || tolower((unsigned char)span.at[0]) != 'x' || span.at[1] != '\''
        || span.at[span.size - 1] != '\'')
        return false;
    literal->kind = LITERAL_BLOB;
    byte_buffer_put(&literal->bytes, span.at + 2, span.size - 3);
    for (size_t i = 0; i < literal->bytes.size; i++)
        if (!isxdigit(literal->bytes.data[i]))
            return false;
    return literal->bytes.size % 2 == 0;
}

static size_t count_digits(struct span span, size_t from)
{
    size_t at = from;

    while (at < span.size && isdigit((unsigned char)span.at[at]))
        at++;
    return at - from;
}

/* [+-] digits [. digits] [e [+-] digits] */
static bool read_number(struct span span, struct literal *literal)
{
    size_t at = span.size > 0 && (span.at[0] == '-' || span.at[0] == '+') ? 1 : 0;
    size_t whole = count_digits(span, at);
    size_t part = 0;

    literal->kind = LITERAL_INTEGER;
    byte_buffer_put(&literal->bytes, span.at, span.size);
    at += whole;
    if (at < span.size && span.at[at] == '.') {
        literal->kind = LITERAL_DECIMAL;
        part = count_digits(span, ++at);
        at += part;
    }
    if (whole + part > 0 && at < span.size && (span.at[at] | 0x20) == 'e') {
        size_t digits;

        literal->kind = LITERAL_DECIMAL;
        at++;
        at += at < span.size && (span.at[at] == '-' || span.at[at] == '+') ? 1 : 0;
        digits = count_digits(span, at);
        if (digits == 0)
            return false;
        at += digits;
    }
    return whole + part > 0 && at == span.size;
}

static bool read_literal(struct span span, struct literal *literal)
{
    bool is_true = is_word(span, "TRUE");

    if (is_word(span, "NULL"))
        return true;
    if (is_true || is_word(span, "FALSE")) {
        literal->kind = LITERAL_INTEGER;
        byte_buffer_put_u8(&literal->bytes, is_true ? '1' : '0');
        return true;
    }
    if (read_text(span, literal) || (literal->bytes.size = 0, read_blob(span, literal)))
        return true;
    literal->bytes.size = 0;
    return read_number(span, literal);
}

/* --- now -------------------------------------------------------------------------------- */

struct now {
    const char *sqlite; /* without white space */
    const char *text;   /* an expression of type text */
    const char *number; /* of type bigint; NULL: it is no number */
};

#define UTC "now() AT TIME ZONE 'UTC'"

static const struct now nows[] = {
    {"CURRENT_TIMESTAMP", "to_char(" UTC ", 'YYYY-MM-DD HH24:MI:SS')", NULL},
    {"CURRENT_DATE", "to_char(" UTC ", 'YYYY-MM-DD')", NULL},
    {"CURRENT_TIME", "to_char(" UTC ", 'HH24:MI:SS')", NULL},
    {"datetime('now')", "to_char(" UTC ", 'YYYY-MM-DD HH24:MI:SS')", NULL},
    {"date('now')", "to_char(" UTC ", 'YYYY-MM-DD')", NULL},
    {"time('now')", "to_char(" UTC ", 'HH24:MI:SS')", NULL},
    {"unixepoch()", "floor(extract(epoch FROM now()))::bigint::text",
        "floor(extract(epoch FROM now()))::bigint"},
    {"unixepoch('now')", "floor(extract(epoch FROM now()))::bigint::text",
        "floor(extract(epoch FROM now()))::bigint"},
    {"strftime('%s','now')", "floor(extract(epoch FROM now()))::bigint::text",
        "floor(extract(epoch FROM now()))::bigint"},
};

static bool put_now(struct byte_buffer *out, const struct create_type *type, struct span span)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};

    for (size_t i = 0; i < span.size; i++)
        if (!isspace((unsigned char)span.at[i]))
            byte_buffer_put_u8(&text, (uint8_t)span.at[i]);
    for (size_t i = 0; i < sizeof(nows) / sizeof(nows[0]); i++) {
        const char *sql = type->kind == CREATE_TEXT ? nows[i].text
                          : type->kind == CREATE_BIGINT || type->kind == CREATE_NUMERIC
                              ? nows[i].number
                              : NULL;

        if (!is_word((struct span){(const char *)text.data, text.size}, nows[i].sqlite))
            continue;
        if (type->kind == CREATE_NAMED && i < 3)
            sql = nows[i].sqlite; /* PostgreSQL's own words, for dates and times */
        if (sql != NULL)
            byte_buffer_format(out, " DEFAULT %s", sql);
        return sql != NULL;
    }
    return false;
}

/* --- in PostgreSQL's words ------------------------------------------------------------- */

void create_default_quote(struct byte_buffer *out, const char *bytes, size_t size)
{
    byte_buffer_put_u8(out, '\'');
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\'')
            byte_buffer_put_u8(out, '\'');
        byte_buffer_put_u8(out, (uint8_t)bytes[i]);
    }
    byte_buffer_put_u8(out, '\'');
}

/* Numbers that are written as text are numbers to SQLite as well, in a column of numbers. */
static bool is_number(const struct literal *literal, bool whole)
{
    OWNED(literal) struct literal number = {0};
    struct span span = {(const char *)literal->bytes.data, literal->bytes.size};

    return (literal->kind == LITERAL_INTEGER || literal->kind == LITERAL_DECIMAL
               || literal->kind == LITERAL_TEXT)
           && read_number(span, &number) && (number.kind == LITERAL_INTEGER || !whole);
}

/* What SQLite makes of it: infinity and 0 also of numbers that PostgreSQL refuses as out of range.
 */
static double value_of(const struct literal *literal)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};

    byte_buffer_put(&text, literal->bytes.data, literal->bytes.size);
    byte_buffer_put(&text, "", 1);
    return strtod((const char *)text.data, NULL);
}

/* '0' as well: BOOLEAN is a column of numbers to SQLite, and SQLAlchemy writes it so. */
static bool is_bit(const struct literal *literal)
{
    return (literal->kind == LITERAL_INTEGER || literal->kind == LITERAL_TEXT)
           && literal->bytes.size == 1
           && (literal->bytes.data[0] == '0' || literal->bytes.data[0] == '1');
}

static bool suits(const struct create_type *type, const struct literal *literal)
{
    bool is_text = literal->kind == LITERAL_TEXT || literal->kind == LITERAL_INTEGER;

    switch (type->kind) {
    case CREATE_BOOLEAN:
        return is_bit(literal);
    case CREATE_BIGINT:
        return is_number(literal, true) && literal->bytes.size <= 18;
    case CREATE_DOUBLE:
        return is_number(literal, false);
    case CREATE_NUMERIC:
        return is_number(literal, false) && !isinf(value_of(literal));
    case CREATE_TEXT:
        return is_text && utf8_is_valid(literal->bytes.data, literal->bytes.size)
               && (literal->bytes.size == 0
                   || memchr(literal->bytes.data, '\0', literal->bytes.size) == NULL);
    case CREATE_BYTEA:
        return literal->kind == LITERAL_BLOB || literal->kind == LITERAL_TEXT;
    case CREATE_NAMED:
        return literal->kind != LITERAL_BLOB
               && utf8_is_valid(literal->bytes.data, literal->bytes.size);
    }
    return false;
}

static void put_literal(
    struct byte_buffer *out, const struct create_type *type, const struct literal *literal)
{
    const char *bytes = (const char *)literal->bytes.data;

    if (type->kind == CREATE_BYTEA) {
        byte_buffer_format(out, "'\\x");
        for (size_t i = 0; i < literal->bytes.size; i++)
            if (literal->kind == LITERAL_BLOB)
                byte_buffer_put_u8(out, literal->bytes.data[i]);
            else
                byte_buffer_format(out, "%02x", literal->bytes.data[i]);
        byte_buffer_format(out, "'");
    } else if (type->kind == CREATE_BOOLEAN) {
        byte_buffer_format(out, bytes[0] == '1' ? "true" : "false");
    } else if (type->kind == CREATE_DOUBLE && isinf(value_of(literal))) {
        byte_buffer_format(out, "'%sInfinity'", value_of(literal) < 0 ? "-" : "");
    } else if ((type->kind == CREATE_DOUBLE || type->kind == CREATE_NUMERIC)
               && value_of(literal) == 0) {
        byte_buffer_format(out, "'0'");
    } else {
        create_default_quote(out, bytes, literal->bytes.size);
    }
}

bool create_default_put(
    struct byte_buffer *out, const struct create_type *type, const struct schema_text *sql)
{
    OWNED(literal) struct literal literal = {0};
    struct span span = strip((struct span){sql->bytes, sql->size});

    if (put_now(out, type, span))
        return true;
    if (!read_literal(span, &literal) || (literal.kind != LITERAL_NULL && !suits(type, &literal)))
        return false;
    if (literal.kind == LITERAL_NULL)
        return true;
    byte_buffer_format(out, " DEFAULT ");
    put_literal(out, type, &literal);
    return true;
}
