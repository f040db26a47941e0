#include "replay/preflight/preflight_facts.h"

#include "base/owned.h"
#include "postgres/connection_path.h"
#include "postgres/quote.h"
#include "replay/values/source_rows.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 5 /* texts in a message */
#define SQLSTATE_UNDEFINED_TABLE "42P01"
#define SQLSTATE_UNDEFINED_COLUMN "42703"
#define SQLSTATE_INSUFFICIENT_PRIVILEGE "42501"

/* A set of texts. Zero-initialise. */
struct texts {
    struct arena arena;
    const char **items; /* owned; sorted, each once, after texts_finish() */
    size_t count;
    size_t capacity;
};

static void texts_release(struct texts *texts)
{
    free((void *)texts->items);
    arena_release(&texts->arena);
}

static void texts_add(struct texts *texts, const char *bytes, size_t size)
{
    const char *last = texts->count == 0 ? NULL : texts->items[texts->count - 1];

    /* One server's name may stand in a million rows. */
    if (last != NULL && strlen(last) == size && memcmp(last, bytes, size) == 0)
        return;
    if (texts->count == texts->capacity) {
        texts->capacity = texts->capacity == 0 ? 64 : texts->capacity * 2;
        texts->items =
            byte_buffer_realloc((void *)texts->items, texts->capacity * sizeof(*texts->items));
    }
    texts->items[texts->count++] = arena_copy(&texts->arena, bytes, size);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void texts_finish(struct texts *texts)
{
    size_t kept = 0;

    if (texts->count == 0)
        return;
    qsort((void *)texts->items, texts->count, sizeof(*texts->items), compare_texts);
    for (size_t i = 1; i < texts->count; i++)
        if (strcmp(texts->items[i], texts->items[kept]) != 0)
            texts->items[++kept] = texts->items[i];
    texts->count = kept + 1;
}

static bool texts_has(const struct texts *texts, const char *text)
{
    return texts->count > 0
           && bsearch(&text, texts->items, texts->count, sizeof(*texts->items), compare_texts)
                  != NULL;
}

/* "a", "b", ...: what is in one set alone. */
static void list_missing(
    struct byte_buffer *out, const struct texts *set, const struct texts *other)
{
    size_t shown = 0;

    for (size_t i = 0; i < set->count; i++) {
        if (texts_has(other, set->items[i]) || shown++ > SHOWN_MAX)
            continue;
        if (shown > 1)
            byte_buffer_put(out, ", ", 2);
        if (shown > SHOWN_MAX) {
            byte_buffer_put(out, "...", 3);
            continue;
        }
        byte_buffer_put(out, "\"", 1);
        byte_buffer_put(out, set->items[i], strlen(set->items[i]));
        byte_buffer_put(out, "\"", 1);
    }
    if (shown == 0)
        byte_buffer_put(out, "nothing", 7);
    byte_buffer_put_u8(out, 0);
}

/* --- the dump's side -------------------------------------------------------------- */

static bool has_ignored_suffix(const struct profile_fact *fact, const char *text, size_t size)
{
    for (size_t i = 0; i < fact->ignore_suffixes.count; i++) {
        size_t suffix_size = strlen(fact->ignore_suffixes.items[i]);

        if (size >= suffix_size
            && memcmp(text + size - suffix_size, fact->ignore_suffixes.items[i], suffix_size) == 0)
            return true;
    }
    return false;
}

static void add_value(
    struct texts *texts, const struct profile_fact *fact, const struct value *value)
{
    char number[24];
    const char *text = number;
    size_t size;
    const char *found;

    if (value->class == VALUE_INTEGER) {
        size = (size_t)snprintf(number, sizeof(number), "%" PRId64, value->integer);
    } else if (value->class == VALUE_TEXT) {
        text = (const char *)value->bytes;
        size = value->size;
    } else {
        return;
    }
    if (has_ignored_suffix(fact, text, size))
        return;
    if (fact->after != NULL) {
        found = memmem(text, size, fact->after, strlen(fact->after));
        if (found == NULL)
            return;
        found += strlen(fact->after);
        size -= (size_t)(found - text);
        text = found;
    }
    texts_add(texts, text, size);
}

static bool read_source(const struct preflight *p, const struct profile_fact *fact,
    struct texts *texts, struct error *err)
{
    const struct dump_reader *reader = p->input->reader;
    OWNED(source_rows) struct source_rows rows = {0};
    uint32_t table = source_rows_table(reader, fact->table);
    uint32_t column = UINT32_MAX;
    uint32_t above = UINT32_MAX;
    const struct value *values;

    if (table != UINT32_MAX)
        column = source_rows_column(&reader->schema.tables[table], fact->column);
    if (column == UINT32_MAX)
        return true;
    if (fact->above_column != NULL)
        above = source_rows_column(&reader->schema.tables[table], fact->above_column);
    source_rows_begin(&rows, reader, table);
    for (;;) {
        if (!source_rows_next(&rows, &values, err))
            return false;
        if (values == NULL)
            break;
        if (above == UINT32_MAX
            || (values[above].class == VALUE_INTEGER && values[above].integer > fact->above))
            add_value(texts, fact, &values[column]);
        if (texts->count > 10000)
            texts_finish(texts);
    }
    texts_finish(texts);
    return true;
}

/* --- the target's side, and both ------------------------------------------------------ */

/* A target that is not what the profile expects lacks a table or a column of the query, or belongs
   to someone else. */
static bool excuse(const struct preflight *p, const struct error *err)
{
    const char *state = p->connection->sqlstate;

    if (strcmp(state, SQLSTATE_INSUFFICIENT_PRIVILEGE) == 0) {
        problems_add(p->problems, "connect as the owner of the tables",
            "the user \"%s\" may not read what the profile \"%s\" looks at: %s",
            p->input->catalog->server.user, p->input->profile->name, err->text);
        return true;
    }
    if (strcmp(state, SQLSTATE_UNDEFINED_TABLE) != 0
        && strcmp(state, SQLSTATE_UNDEFINED_COLUMN) != 0)
        return false;
    problems_add(p->problems, p->input->profile->prepare,
        "the target is not what the profile \"%s\" expects: %s", p->input->profile->name,
        err->text);
    return true;
}

static bool read_target(
    const struct preflight *p, const char *sql, struct texts *texts, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_path_query(p->connection, sql, NULL, &rows, err))
        return excuse(p, err);
    for (size_t i = 0; i < rows.row_count; i++) {
        const char *text = connection_rows_text(&rows, i, 0);

        if (text != NULL)
            texts_add(texts, text, strlen(text));
    }
    texts_finish(texts);
    return true;
}

/* The hint, and the option that lets it through, as a shell takes it. */
static const char *allowed_by(
    const struct preflight *p, const char *hint, const char *option, const char *name)
{
    OWNED(byte_buffer) struct byte_buffer word = {0};

    quote_shell(&word, name);
    return arena_format(
        &p->problems->arena, "%s; or, if you know better, %s %s", hint, option, quote_text(&word));
}

/* A problem, or a note when that very fact may differ. */
static void tell_difference(const struct preflight *p, const struct profile_fact *fact,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void tell_difference(
    const struct preflight *p, const struct profile_fact *fact, const char *fmt, ...)
{
    bool is_allowed = allowances_has(&p->allowances->differences, fact->name);
    const char *text;
    va_list arguments;

    va_start(arguments, fmt);
    text = arena_format_list(&p->problems->arena, fmt, arguments);
    va_end(arguments);
    if (is_allowed)
        problems_note(p->problems, NULL, "%s; allowed to differ", text);
    else
        problems_add(
            p->problems, allowed_by(p, fact->hint, "--allow-difference", fact->name), "%s", text);
}

static void compare_sets(const struct preflight *p, const struct profile_fact *fact,
    const struct texts *source, const struct texts *target)
{
    OWNED(byte_buffer) struct byte_buffer in_source = {0};
    OWNED(byte_buffer) struct byte_buffer in_target = {0};
    bool differs = source->count != target->count;

    for (size_t i = 0; i < source->count && !differs; i++)
        differs = strcmp(source->items[i], target->items[i]) != 0;
    /* A delta has only what came: it must be there, the rest was compared before. */
    if (p->input->reader->header.kind == DUMP_DELTA) {
        differs = false;
        for (size_t i = 0; i < source->count && !differs; i++)
            differs = !texts_has(target, source->items[i]);
    }
    if (!differs
        || (fact->compare == PROFILE_COMPARE_EQUAL_IF_BOTH
            && (source->count == 0 || target->count == 0)))
        return;
    list_missing(&in_source, source, target);
    list_missing(&in_target, target, source);
    tell_difference(p, fact, "%s: only the dump has %s, only the target has %s", fact->name,
        (const char *)in_source.data, (const char *)in_target.data);
}

static bool check_fact(
    const struct preflight *p, const struct profile_fact *fact, struct error *err)
{
    OWNED(texts) struct texts source = {0};
    OWNED(texts) struct texts target = {0};

    if (!read_source(p, fact, &source, err) || !read_target(p, fact->target, &target, err))
        return false;
    compare_sets(p, fact, &source, &target);
    if (!fact->is_server_name)
        return true;
    if (source.count > 1)
        tell_difference(p, fact, "the dump has accounts of %zu servers: \"%s\", \"%s\"",
            source.count, source.items[0], source.items[1]);
    else if (p->server_name != NULL && source.count == 1
             && strcmp(source.items[0], p->server_name) != 0)
        tell_difference(p, fact,
            "the dump is of the server \"%s\", but the configuration's server_name is \"%s\"",
            source.items[0], p->server_name);
    return true;
}

/* --- requirements ------------------------------------------------------------------------ */

static bool read_requirement(const struct preflight *p,
    const struct profile_requirement *requirement, struct texts *texts, struct error *err)
{
    const struct profile_fact fact = {
        .table = requirement->table,
        .column = requirement->column,
    };

    if (requirement->sql != NULL)
        return read_target(p, requirement->sql, texts, err);
    return read_source(p, &fact, texts, err);
}

static bool check_requirement(
    const struct preflight *p, const struct profile_requirement *requirement, struct error *err)
{
    OWNED(texts) struct texts found = {0};
    OWNED(byte_buffer) struct byte_buffer list = {0};
    static const struct texts none;

    if (!read_requirement(p, requirement, &found, err))
        return false;
    if (found.count == 0)
        return true;
    list_missing(&list, &found, &none);
    if (allowances_has(&p->allowances->unmet, requirement->name))
        problems_note(
            p->problems, NULL, "%s: %s; allowed", requirement->name, (const char *)list.data);
    else
        problems_add(p->problems,
            allowed_by(p, requirement->hint, "--allow-unmet", requirement->name), "%s: %s",
            requirement->name, (const char *)list.data);
    return true;
}

bool preflight_facts(const struct preflight *preflight, struct error *err)
{
    const struct profile *profile = preflight->input->profile;

    for (size_t i = 0; i < profile->fact_count; i++)
        if (!check_fact(preflight, &profile->facts[i], err))
            return error_wrap(err, "profile, fact \"%s\"", profile->facts[i].name);
    for (size_t i = 0; i < profile->requirement_count; i++)
        if (!check_requirement(preflight, &profile->requirements[i], err))
            return error_wrap(err, "profile, \"%s\"", profile->requirements[i].name);
    return true;
}
