#include "replay/preflight/plain_predicate.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* Values of one class are compared without casts that may fail. */
enum compared_class {
    CLASS_NONE,
    CLASS_BOOLEAN,
    CLASS_NUMBER,
    CLASS_TEXT,
    CLASS_OTHER, /* is NULL or not, and that is all that is asked */
};

/* A text that is read word by word. */
struct text {
    const struct plan_table *table;
    const char *at;
    enum compared_class last;     /* of the value before */
    enum compared_class compared; /* left of an operator; NONE: there was none */
    bool is_settled;              /* something was asked of the value */
};

static bool is_word_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* Takes what is between two quotes, with doubled ones in it; NULL if it does not end. */
static const char *skip_quoted(const char *at)
{
    char quote = *at++;

    for (; *at != '\0'; at++) {
        if (*at != quote)
            continue;
        if (at[1] != quote)
            return at + 1;
        at++;
    }
    return NULL;
}

static const char *find_predicate(const char *definition)
{
    static const char mark[] = " WHERE ";

    for (const char *at = definition; at != NULL && *at != '\0';) {
        if (strncmp(at, mark, strlen(mark)) == 0)
            return at + strlen(mark);
        at = *at == '"' || *at == '\'' ? skip_quoted(at) : at + 1;
    }
    return NULL;
}

/* --- values ------------------------------------------------------------------- */

static bool is_same(const char *word, size_t size, const char *other)
{
    return strlen(other) == size && memcmp(word, other, size) == 0;
}

static bool is_one_of(const char *word, size_t size, const char *const *others)
{
    for (; *others != NULL; others++)
        if (is_same(word, size, *others))
            return true;
    return false;
}

/* A cast that the server adds by itself is not shown: it must be one that cannot fail. */
static bool add_value(struct text *text, enum compared_class class)
{
    text->last = class;
    return text->compared == CLASS_NONE || (text->compared == class && class != CLASS_OTHER);
}

static enum compared_class class_of(const struct type_map *type)
{
    if (type->column->is_domain)
        return CLASS_OTHER;
    switch (type->kind) {
    case TYPE_BOOLEAN:
        return CLASS_BOOLEAN;
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        return CLASS_NUMBER;
    case TYPE_TEXT:
        return CLASS_TEXT;
    case TYPE_NUMERIC: /* too large for a double precision that it is compared with */
    case TYPE_BYTEA:
    case TYPE_JSON:
    case TYPE_JSONB:
    case TYPE_UUID:
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_OTHER:
        break;
    }
    return CLASS_OTHER;
}

static bool add_column(struct text *text, const char *name, size_t size)
{
    for (size_t i = 0; i < text->table->column_count; i++) {
        const struct type_map *type = &text->table->columns[i].type;

        if (is_same(name, size, type->column->name))
            return add_value(text, class_of(type));
    }
    return false;
}

static size_t word_size(const char *at)
{
    size_t size = 0;

    while (is_word_byte(at[size]))
        size++;
    return size;
}

/* Ends what stands between AND and OR: a condition, or a value that is one without a cast. */
static bool end_condition(struct text *text)
{
    bool is_condition = text->is_settled || text->last == CLASS_BOOLEAN;

    text->last = CLASS_NONE;
    text->compared = CLASS_NONE;
    text->is_settled = false;
    return is_condition;
}

/* --- what a predicate is made of ----------------------------------------------- */

static bool take_word(struct text *text)
{
    static const char *const ends[] = {"AND", "OR", NULL};
    static const char *const others[] = {
        "NOT", "NULL", "TRUE", "FALSE", "UNKNOWN", "ANY", "ARRAY", NULL};
    static const char *const booleans[] = {"true", "false", NULL};
    const char *word = text->at;
    size_t size = word_size(word);

    text->at += size;
    if (is_one_of(word, size, ends))
        return end_condition(text);
    if (is_same(word, size, "IS")) {
        text->is_settled = true;
        text->compared = CLASS_NONE;
        return true;
    }
    if (is_one_of(word, size, others))
        return true;
    if (is_one_of(word, size, booleans))
        return add_value(text, CLASS_BOOLEAN);
    if (strspn(word, "0123456789") == size)
        return add_value(text, CLASS_NUMBER);
    return *text->at != '(' && add_column(text, word, size); /* else it is called */
}

/* A name with quotes in it is not found. */
static bool take_name(struct text *text)
{
    const char *name = text->at + 1;

    text->at = skip_quoted(text->at);
    return text->at != NULL && *text->at != '('
           && add_column(text, name, (size_t)(text->at - name) - 1);
}

/* 'a'::text, with its cast computed before there is a row. */
static bool take_constant(struct text *text)
{
    static const char *const texts[] = {"text", "bpchar", "name", NULL};
    static const char *const numbers[] = {"smallint", "integer", "bigint", NULL};
    const char *type;
    size_t size;

    text->at = skip_quoted(text->at);
    if (text->at == NULL || strncmp(text->at, "::", 2) != 0)
        return false;
    type = text->at + 2;
    size = word_size(type);
    text->at = type + size;
    if (is_one_of(type, size, texts))
        return add_value(text, CLASS_TEXT);
    return is_one_of(type, size, numbers) && add_value(text, CLASS_NUMBER);
}

static bool take_operator(struct text *text)
{
    static const char *const operators[] = {"=", "<>", "<", "<=", ">", ">=", NULL};
    const char *word = text->at;
    size_t size = strspn(word, "+-*/<>=~!@#%^&|`?");

    if (text->is_settled || text->last == CLASS_NONE || text->last == CLASS_OTHER)
        return false;
    text->at += size;
    text->compared = text->last;
    text->is_settled = true;
    return is_one_of(word, size, operators);
}

static bool take(struct text *text)
{
    if (strchr(" ()[],", *text->at) != NULL) {
        text->at++;
        return true;
    }
    if (*text->at == '"')
        return take_name(text);
    if (*text->at == '\'')
        return take_constant(text);
    return is_word_byte(*text->at) ? take_word(text) : take_operator(text);
}

bool plain_predicate_has(const struct plan_table *table, const char *definition)
{
    struct text text = {.table = table, .at = find_predicate(definition)};

    if (text.at == NULL)
        return false;
    while (*text.at != '\0')
        if (!take(&text))
            return false;
    return end_condition(&text);
}
