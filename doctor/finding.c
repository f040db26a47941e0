#include "doctor/finding.h"

#include "base/owned.h"
#include "base/safe_text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define LINE_WIDTH 96 /* columns, of words; commands are never broken */

void finding_list_release(struct finding_list *list)
{
    arena_release(&list->arena);
    free(list->items);
    *list = (struct finding_list){0};
}

struct finding *finding_add(struct finding_list *list, enum finding_severity severity,
    const char *name, const char *fmt, ...)
{
    struct finding *finding = arena_alloc(&list->arena, 1, sizeof(*finding));
    va_list args;

    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        list->items = byte_buffer_realloc(list->items, list->capacity * sizeof(*list->items));
    }
    finding->name = name;
    finding->severity = severity;
    va_start(args, fmt);
    finding->what = arena_format_list(&list->arena, fmt, args);
    va_end(args);
    list->items[list->count++] = finding;
    return finding;
}

void finding_mend(struct finding_list *list, struct finding *finding, enum finding_mend_kind kind,
    const char *fmt, ...)
{
    struct finding_mend *mends;
    va_list args;

    /* A list of a few: each time a copy with one more is as good as anything. */
    mends = arena_alloc(&list->arena, finding->mend_count + 1, sizeof(*mends));
    if (finding->mend_count > 0)
        memcpy(mends, finding->mends, finding->mend_count * sizeof(*mends));
    va_start(args, fmt);
    mends[finding->mend_count].kind = kind;
    mends[finding->mend_count].text = arena_format_list(&list->arena, fmt, args);
    va_end(args);
    finding->mends = mends;
    finding->mend_count++;
}

size_t finding_count(const struct finding_list *list, enum finding_severity severity)
{
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++)
        count += list->items[i]->severity == severity;
    return count;
}

const char *finding_severity_name(enum finding_severity severity)
{
    static const char *const names[] = {"ok", "notice", "warning", "error"};

    return names[severity];
}

const char *finding_mend_kind_name(enum finding_mend_kind kind)
{
    static const char *const names[] = {"sql", "shell", "words"};

    return names[kind];
}

/* --- for people -------------------------------------------------------------- */

static void put(struct byte_buffer *out, const char *text)
{
    byte_buffer_put_text(out, text);
}

/* Words, broken at spaces; each line starts with indent. */
static void put_words(struct byte_buffer *out, const char *indent, const char *text)
{
    size_t room = LINE_WIDTH - strlen(indent);

    for (;;) {
        size_t taken = strlen(text);

        if (taken > room) {
            taken = room;
            while (taken > 0 && text[taken] != ' ')
                taken--;
            if (taken == 0)
                taken = strcspn(text, " ");
        }
        put(out, indent);
        safe_text_put(out, text, taken);
        put(out, "\n");
        text += taken;
        while (*text == ' ')
            text++;
        if (*text == '\0')
            return;
    }
}

static void put_mends(struct byte_buffer *out, const struct finding *finding)
{
    static const char *const marks[] = {"", "$ ", ""};

    if (finding->mend_count > 0 || finding->fix != NULL)
        put(out, "    To mend it");
    if (finding->fix != NULL) {
        put(out, ", valise doctor --fix ");
        put(out, finding->fix);
        put(out, finding->mend_count > 0 ? ", or" : "\n");
    }
    if (finding->mend_count > 0)
        put(out, ":\n");
    for (size_t i = 0; i < finding->mend_count; i++) {
        const struct finding_mend *mend = &finding->mends[i];

        if (mend->kind == FINDING_WORDS) {
            put_words(out, "        # ", mend->text);
            continue;
        }
        put(out, "        ");
        put(out, marks[mend->kind]);
        safe_text_put(out, mend->text, strlen(mend->text));
        put(out, "\n");
    }
}

/* before: the finding above it, whose reason need not be said again. */
static void put_finding(
    struct byte_buffer *out, const struct finding *finding, const struct finding *before)
{
    put(out, finding_severity_name(finding->severity));
    put(out, ": ");
    put(out, finding->name);
    put(out, "\n");
    put_words(out, "    ", finding->what);
    if (finding->why != NULL && (before == NULL || before->why != finding->why))
        put_words(out, "    ", finding->why);
    put_mends(out, finding);
    put(out, "\n");
}

/* The names of what is well, each once. */
static void put_well(struct byte_buffer *out, const struct finding_list *list)
{
    OWNED(byte_buffer) struct byte_buffer line = {0};

    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i]->severity != FINDING_OK)
            continue;
        put(&line, line.size == 0 ? "ok: " : ", ");
        put(&line, list->items[i]->name);
    }
    if (line.size == 0)
        return;
    byte_buffer_put_u8(&line, 0);
    put_words(out, "", (const char *)line.data);
}

void finding_put_text(struct byte_buffer *out, const struct finding_list *list)
{
    for (int severity = FINDING_ERROR; severity > FINDING_OK; severity--) {
        const struct finding *before = NULL;

        for (size_t i = 0; i < list->count; i++) {
            if ((int)list->items[i]->severity != severity)
                continue;
            put_finding(out, list->items[i], before);
            before = list->items[i];
        }
    }
    put_well(out, list);
}
