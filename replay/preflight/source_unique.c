#include "replay/preflight/source_unique.h"

#include "replay/values/source_rows.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* --- tokens of SQLite's SQL --------------------------------------------------- */

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,  /* bare or quoted */
    TOKEN_OTHER, /* a character, a literal */
};

struct token {
    enum token_kind kind;
    bool is_quoted;
    char text[256]; /* cut off when longer: then it equals nothing */
};

struct scanner {
    const char *at;
    const char *end;
    struct token token; /* the present one */
};

static void skip_space(struct scanner *s)
{
    while (s->at < s->end) {
        if (isspace((unsigned char)*s->at)) {
            s->at++;
        } else if (s->end - s->at >= 2 && memcmp(s->at, "--", 2) == 0) {
            while (s->at < s->end && *s->at != '\n')
                s->at++;
        } else if (s->end - s->at >= 2 && memcmp(s->at, "/*", 2) == 0) {
            const char *close = memmem(s->at + 2, (size_t)(s->end - s->at - 2), "*/", 2);

            s->at = close == NULL ? s->end : close + 2;
        } else {
            return;
        }
    }
}

static void put(struct token *token, size_t *size, char c)
{
    if (*size + 1 < sizeof(token->text))
        token->text[(*size)++] = c;
    else
        token->text[0] = '\0'; /* no name of a column */
}

/* "a""b", `a`, [a], 'a': the quotes doubled inside. */
static void next_quoted(struct scanner *s, char close)
{
    size_t size = 0;

    s->at++;
    while (s->at < s->end) {
        char c = *s->at++;

        if (c == close && (close == ']' || s->at == s->end || *s->at != close))
            break;
        if (c == close)
            s->at++;
        put(&s->token, &size, c);
    }
    s->token.text[size] = '\0';
    s->token.kind = TOKEN_WORD;
    s->token.is_quoted = true;
}

static bool is_word_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static void next(struct scanner *s)
{
    size_t size = 0;

    s->token = (struct token){.kind = TOKEN_END};
    skip_space(s);
    if (s->at == s->end)
        return;
    if (*s->at == '"' || *s->at == '`' || *s->at == '[' || *s->at == '\'') {
        next_quoted(s, *s->at == '[' ? ']' : *s->at);
        return;
    }
    s->token.kind = is_word_byte(*s->at) ? TOKEN_WORD : TOKEN_OTHER;
    if (s->token.kind == TOKEN_OTHER)
        s->token.text[0] = *s->at++;
    while (s->token.kind == TOKEN_WORD && s->at < s->end && is_word_byte(*s->at))
        put(&s->token, &size, *s->at++);
}

static bool is_word(const struct scanner *s, const char *word)
{
    return s->token.kind == TOKEN_WORD && !s->token.is_quoted
           && strcasecmp(s->token.text, word) == 0;
}

static bool is_mark(const struct scanner *s, char mark)
{
    return s->token.kind == TOKEN_OTHER && s->token.text[0] == mark;
}

/* --- keys ----------------------------------------------------------------------- */

/* What is asked, while the statements are read. */
struct question {
    const struct dump_reader *reader;
    const struct key *key;
    const struct schema_table *table;
};

/* Do values of this column that differ in SQLite stay different? NULLs are looked at elsewhere. */
static bool is_injective(
    const struct question *q, const struct copy_column *column, enum key_form form)
{
    const struct column_facts *facts =
        &q->reader->ends[q->key->table->source].facts[column->source];
    uint64_t numbers = facts->class_count[VALUE_INTEGER] + facts->class_count[VALUE_REAL];
    uint64_t texts = facts->class_count[VALUE_TEXT];
    uint64_t blobs = facts->class_count[VALUE_BLOB];

    if ((numbers > 0) + (texts > 0) + (blobs > 0) > 1)
        return false;
    if (texts > 0 && (facts->nul_count > 0 || facts->invalid_utf8_count > 0)
        && column->type.nul_replacement != NULL)
        return false;
    if (form == KEY_FORM_INTEGER) /* a boolean has several texts */
        return texts == 0;
    if (form == KEY_FORM_TEXT)
        return facts->class_count[VALUE_REAL] == 0;
    if (form == KEY_FORM_DOUBLE)
        return column->type.kind == TYPE_FLOAT8;
    if (form == KEY_FORM_DECIMAL)
        return texts == 0;
    return form == KEY_FORM_BYTES && column->type.kind == TYPE_BYTEA;
}

/* The place in the key of the column of that name; the key's count: it has none. */
static size_t place_of(const struct question *q, const char *name)
{
    for (size_t i = 0; i < q->key->count; i++)
        if (strcasecmp(q->table->columns[q->key->columns[i]->source].name.bytes, name) == 0)
            return i;
    return q->key->count;
}

/* One column of a unique key of SQLite: must be in the key asked about. */
static bool covers(const struct question *q, const char *name)
{
    size_t at = place_of(q, name);
    const struct column_facts *facts = q->reader->ends[q->key->table->source].facts;

    if (at == q->key->count || name[0] == '\0')
        return false;
    if (q->key->nulls_equal && facts[q->key->columns[at]->source].class_count[VALUE_NULL] > 0)
        return false;
    return is_injective(q, q->key->columns[at], q->key->forms[at]);
}

/* What may follow a column in a list: COLLATE name, ASC, DESC. False: it is an expression. */
static bool skip_order(struct scanner *s)
{
    if (is_word(s, "COLLATE")) {
        next(s);
        next(s);
    }
    if (is_word(s, "ASC") || is_word(s, "DESC"))
        next(s);
    return is_mark(s, ',') || is_mark(s, ')');
}

/* At "(": a list of columns. Leaves the scanner behind it if it is one. */
static bool covers_list(const struct question *q, struct scanner *s)
{
    bool all = true;

    if (!is_mark(s, '('))
        return false;
    do {
        next(s);
        all = covers(q, s->token.text) && all;
        next(s);
        if (!skip_order(s))
            return false;
    } while (is_mark(s, ','));
    next(s);
    return all;
}

/* CREATE UNIQUE INDEX name ON table (columns), and nothing behind. */
static bool index_proves(const struct question *q, const struct schema_text *sql)
{
    struct scanner s = {.at = sql->bytes, .end = sql->bytes + sql->size};

    next(&s);
    if (!is_word(&s, "CREATE"))
        return false;
    next(&s);
    if (!is_word(&s, "UNIQUE"))
        return false;
    while (s.token.kind != TOKEN_END && !is_mark(&s, '('))
        next(&s);
    return covers_list(q, &s) && (s.token.kind == TOKEN_END || is_mark(&s, ';'));
}

/* Skips what is in brackets, up to a comma or the end of the table's list. */
static void skip_definition(struct scanner *s)
{
    int depth = 0;

    while (s->token.kind != TOKEN_END) {
        if (is_mark(s, '('))
            depth++;
        else if (is_mark(s, ')') && depth-- == 0)
            return;
        else if (is_mark(s, ',') && depth == 0)
            return;
        next(s);
    }
}

/* At a table constraint, perhaps behind CONSTRAINT name. */
static bool constraint_proves(const struct question *q, struct scanner *s)
{
    if (is_word(s, "PRIMARY"))
        next(s);
    next(s);
    return covers_list(q, s);
}

/* At the name of a column: is it UNIQUE or PRIMARY KEY by itself? */
static bool column_proves(const struct question *q, struct scanner *s)
{
    struct token name = s->token;
    int depth = 0;
    bool is_unique = false;

    for (next(s); s->token.kind != TOKEN_END; next(s)) {
        if (is_mark(s, '('))
            depth++;
        else if ((is_mark(s, ')') || is_mark(s, ',')) && depth == 0)
            break;
        else if (is_mark(s, ')'))
            depth--;
        else if (depth == 0 && (is_word(s, "UNIQUE") || is_word(s, "PRIMARY")))
            is_unique = true;
    }
    return is_unique && covers(q, name.text);
}

static bool definition_proves(const struct question *q, struct scanner *s)
{
    bool proves;

    if (is_word(s, "CONSTRAINT")) {
        next(s);
        next(s);
    }
    if (is_word(s, "CHECK") || is_word(s, "FOREIGN"))
        proves = false;
    else if (is_word(s, "PRIMARY") || is_word(s, "UNIQUE"))
        proves = constraint_proves(q, s);
    else
        return column_proves(q, s);
    skip_definition(s);
    return proves;
}

static bool table_proves(const struct question *q, const struct schema_text *sql)
{
    struct scanner s = {.at = sql->bytes, .end = sql->bytes + sql->size};
    bool proves = false;

    next(&s);
    while (s.token.kind != TOKEN_END && !is_mark(&s, '('))
        next(&s);
    while (!proves && (is_mark(&s, '(') || is_mark(&s, ','))) {
        next(&s);
        proves = definition_proves(q, &s);
    }
    return proves;
}

bool source_unique_proves(const struct dump_reader *reader, const struct key *key)
{
    const struct schema *schema = &reader->schema;
    struct question q = {.reader = reader, .key = key};

    q.table = &schema->tables[key->table->source];
    for (uint32_t i = 0; i < schema->entry_count; i++) {
        const struct schema_entry *entry = &schema->entries[i];

        if (!entry->has_sql || entry->table.size != q.table->name.size
            || strncasecmp(entry->table.bytes, q.table->name.bytes, q.table->name.size) != 0)
            continue;
        if ((entry->type == SCHEMA_ENTRY_TABLE && table_proves(&q, &entry->sql))
            || (entry->type == SCHEMA_ENTRY_INDEX && index_proves(&q, &entry->sql)))
            return true;
    }
    return false;
}
