#include "base/yaml_loader.h"

#include "base/byte_buffer.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define ANCHOR_COUNT_MAX 1000

/* A collection whose end was not read yet. */
struct frame {
    struct yaml_tree_node *node;
    const struct yaml_tree_node **items; /* owned; of a mapping: key, value, key, ... */
    size_t count;
    size_t capacity;
    size_t weight; /* nodes below, with every alias written out */
    unsigned height;
};

/* A node that aliases can refer to. */
struct anchor {
    const char *name;
    const struct yaml_tree_node *node;
    size_t weight;
    unsigned height;
    bool is_complete;
};

struct loader {
    struct yaml_tree *tree;
    yaml_parser_t parser;
    struct frame frames[YAML_TREE_DEPTH_MAX];
    size_t depth;
    struct anchor *anchors; /* owned */
    size_t anchor_count;
    size_t document_count;
    struct error *err;
};

/* What stands below a finished node. */
struct measure {
    size_t weight;
    unsigned height;
};

static bool refuse_at(
    const struct loader *l, yaml_mark_t mark, enum error_kind kind, const char *text)
{
    return error_set(
        l->err, kind, "%s:%zu:%zu: %s", l->tree->name, mark.line + 1, mark.column + 1, text);
}

/* --- building --------------------------------------------------------------- */

static int compare_keys(const void *left, const void *right)
{
    const struct yaml_tree_node *a = ((const struct yaml_tree_pair *)left)->key;
    const struct yaml_tree_node *b = ((const struct yaml_tree_pair *)right)->key;
    int order = strcmp(a->text, b->text);

    if (order != 0)
        return order;
    return a->line != b->line ? (a->line < b->line ? -1 : 1) : (a->column < b->column ? -1 : 1);
}

static bool check_keys_differ(const struct loader *l, const struct yaml_tree_node *node)
{
    struct yaml_tree_pair *sorted = byte_buffer_calloc(node->count, sizeof(*sorted));
    bool done = true;

    if (node->count > 0)
        memcpy(sorted, node->pairs, node->count * sizeof(*sorted));
    qsort(sorted, node->count, sizeof(*sorted), compare_keys);
    for (size_t i = 1; done && i < node->count; i++) {
        if (strcmp(sorted[i - 1].key->text, sorted[i].key->text) == 0)
            done = yaml_tree_refuse(l->tree, sorted[i].key, l->err,
                "the key \"%s\" occurs twice, first in line %u; keep one", sorted[i].key->text,
                sorted[i - 1].key->line);
    }
    free(sorted);
    return done;
}

static bool make_pairs(const struct loader *l, const struct frame *frame)
{
    struct yaml_tree_node *node = frame->node;
    struct yaml_tree_pair *pairs;

    node->count = frame->count / 2;
    pairs = arena_alloc(&l->tree->arena, node->count, sizeof(*pairs));
    node->pairs = pairs;
    for (size_t i = 0; i < node->count; i++) {
        pairs[i].key = frame->items[2 * i];
        pairs[i].value = frame->items[2 * i + 1];
        if (pairs[i].key->kind != YAML_TREE_SCALAR)
            return yaml_tree_refuse(
                l->tree, pairs[i].key, l->err, "a key is a list or a mapping, expected a word");
        if (pairs[i].key->is_plain && strcmp(pairs[i].key->text, "<<") == 0)
            return yaml_tree_refuse(l->tree, pairs[i].key, l->err,
                "merge keys (\"<<\") are not understood here; write the keys out");
    }
    return check_keys_differ(l, node);
}

static bool finish_frame(const struct loader *l, const struct frame *frame)
{
    const struct yaml_tree_node **items;

    if (frame->node->kind == YAML_TREE_MAPPING)
        return make_pairs(l, frame);
    items = arena_alloc(&l->tree->arena, frame->count, sizeof(const void *));
    if (frame->count > 0)
        memcpy(items, frame->items, frame->count * sizeof(const void *));
    frame->node->items = items;
    frame->node->count = frame->count;
    return true;
}

/* Puts a finished node where it belongs: into the collection being read, or at the root. */
static bool place(
    struct loader *l, const struct yaml_tree_node *node, struct measure m, yaml_mark_t mark)
{
    struct frame *frame;

    if (l->depth + m.height > YAML_TREE_DEPTH_MAX)
        return refuse_at(l, mark, ERROR_USAGE, "is nested too deep");
    if (l->depth == 0) {
        l->tree->root = node;
        return true;
    }
    frame = &l->frames[l->depth - 1];
    frame->weight += m.weight;
    if (m.height + 1 > frame->height)
        frame->height = m.height + 1;
    if (frame->weight > YAML_TREE_NODE_COUNT_MAX)
        return refuse_at(l, mark, ERROR_USAGE, "has too many values");
    if (frame->count == frame->capacity) {
        frame->capacity = frame->capacity * 2 + 8;
        frame->items = byte_buffer_realloc(frame->items, frame->capacity * sizeof(const void *));
    }
    frame->items[frame->count++] = node;
    return true;
}

static bool remember_anchor(struct loader *l, const yaml_char_t *name,
    const struct yaml_tree_node *node, struct measure m, bool is_complete)
{
    if (name == NULL)
        return true;
    if (l->anchor_count == ANCHOR_COUNT_MAX)
        return yaml_tree_refuse(
            l->tree, node, l->err, "has more than %d anchors", ANCHOR_COUNT_MAX);
    l->anchors = byte_buffer_realloc(l->anchors, (l->anchor_count + 1) * sizeof(*l->anchors));
    l->anchors[l->anchor_count++] = (struct anchor){
        .name = arena_text(&l->tree->arena, (const char *)name),
        .node = node,
        .weight = m.weight,
        .height = m.height,
        .is_complete = is_complete,
    };
    return true;
}

static void complete_anchor(struct loader *l, const struct frame *frame)
{
    for (size_t i = 0; i < l->anchor_count; i++) {
        if (l->anchors[i].node != frame->node)
            continue;
        l->anchors[i].weight = frame->weight;
        l->anchors[i].height = frame->height;
        l->anchors[i].is_complete = true;
    }
}

static struct yaml_tree_node *new_node(struct loader *l, enum yaml_tree_kind kind, yaml_mark_t mark)
{
    struct yaml_tree_node *node = arena_alloc(&l->tree->arena, 1, sizeof(*node));

    node->kind = kind;
    node->line = (unsigned)mark.line + 1;
    node->column = (unsigned)mark.column + 1;
    return node;
}

/* --- events ----------------------------------------------------------------- */

static bool check_tag(
    const struct loader *l, const yaml_char_t *tag, const char *const *known, yaml_mark_t mark)
{
    if (tag == NULL)
        return true;
    for (; *known != NULL; known++) {
        if (strcmp((const char *)tag, *known) == 0)
            return true;
    }
    return refuse_at(l, mark, ERROR_USAGE, "has a tag (\"!...\") that is not understood here");
}

static bool on_scalar(struct loader *l, const yaml_event_t *event)
{
    static const char *const known[] = {
        "!", YAML_STR_TAG, YAML_INT_TAG, YAML_BOOL_TAG, YAML_NULL_TAG, NULL};
    const yaml_char_t *tag = event->data.scalar.tag;
    const char *text = (const char *)event->data.scalar.value;
    struct yaml_tree_node *node;
    struct measure m = {.weight = 1, .height = 1};

    if (!check_tag(l, tag, known, event->start_mark))
        return false;
    if (strlen(text) != event->data.scalar.length)
        return refuse_at(l, event->start_mark, ERROR_USAGE, "has a NUL character (\"\\0\")");
    node = new_node(l, YAML_TREE_SCALAR, event->start_mark);
    node->text = arena_text(&l->tree->arena, text);
    node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
                     && (tag == NULL || strcmp((const char *)tag, YAML_STR_TAG) != 0);
    return remember_anchor(l, event->data.scalar.anchor, node, m, true)
           && place(l, node, m, event->start_mark);
}

static bool on_start(struct loader *l, const yaml_event_t *event)
{
    static const char *const known[] = {"!", YAML_SEQ_TAG, YAML_MAP_TAG, NULL};
    bool is_mapping = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *tag =
        is_mapping ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    const yaml_char_t *name =
        is_mapping ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    struct frame *frame;

    if (!check_tag(l, tag, known, event->start_mark))
        return false;
    if (l->depth == YAML_TREE_DEPTH_MAX)
        return refuse_at(l, event->start_mark, ERROR_USAGE, "is nested too deep");
    frame = &l->frames[l->depth++];
    *frame = (struct frame){.weight = 1, .height = 1};
    frame->node =
        new_node(l, is_mapping ? YAML_TREE_MAPPING : YAML_TREE_SEQUENCE, event->start_mark);
    return remember_anchor(l, name, frame->node, (struct measure){0}, false);
}

static bool on_end(struct loader *l, const yaml_event_t *event)
{
    struct frame frame = l->frames[--l->depth];
    struct measure m = {.weight = frame.weight, .height = frame.height};
    bool done = finish_frame(l, &frame);

    free(frame.items);
    if (!done)
        return false;
    complete_anchor(l, &frame);
    return place(l, frame.node, m, event->start_mark);
}

static bool on_alias(struct loader *l, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;

    for (size_t i = l->anchor_count; i-- > 0;) {
        const struct anchor *anchor = &l->anchors[i];
        struct measure m = {.weight = anchor->weight, .height = anchor->height};

        if (strcmp(anchor->name, name) != 0)
            continue;
        if (!anchor->is_complete)
            return refuse_at(
                l, event->start_mark, ERROR_USAGE, "is an alias inside the value it refers to");
        return place(l, anchor->node, m, event->start_mark);
    }
    return refuse_at(l, event->start_mark, ERROR_USAGE, "is an alias without an anchor before it");
}

static bool on_event(struct loader *l, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (l->document_count++ > 0)
            return refuse_at(l, event->start_mark, ERROR_USAGE,
                "a second document (\"---\") begins, expected one");
        return true;
    case YAML_ALIAS_EVENT:
        return on_alias(l, event);
    case YAML_SCALAR_EVENT:
        return on_scalar(l, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return on_start(l, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(l, event);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return true;
    }
    return true;
}

static bool syntax_error(const struct loader *l)
{
    const yaml_parser_t *p = &l->parser;

    if (p->error == YAML_READER_ERROR)
        return error_set(l->err, ERROR_USAGE,
            "%s: is not a text in UTF-8 or UTF-16: %s at byte %zu", l->tree->name,
            p->problem == NULL ? "damaged" : p->problem, p->problem_offset);
    return error_set(l->err, ERROR_USAGE, "%s:%zu:%zu: is not YAML: %s%s%s", l->tree->name,
        p->problem_mark.line + 1, p->problem_mark.column + 1,
        p->problem == NULL ? "syntax error" : p->problem, p->context == NULL ? "" : ", ",
        p->context == NULL ? "" : p->context);
}

static bool load(struct loader *l)
{
    for (;;) {
        yaml_event_t event;
        yaml_event_type_t type;
        bool done;

        if (!yaml_parser_parse(&l->parser, &event))
            return syntax_error(l);
        type = event.type;
        done = on_event(l, &event);
        yaml_event_delete(&event);
        if (!done || type == YAML_STREAM_END_EVENT)
            return done;
    }
}

bool yaml_loader_load(struct yaml_tree *tree, const void *bytes, size_t size, struct error *err)
{
    struct loader *l = byte_buffer_calloc(1, sizeof(*l));
    bool done;

    l->tree = tree;
    l->err = err;
    if (!yaml_parser_initialize(&l->parser))
        abort(); /* out of memory */
    yaml_parser_set_input_string(&l->parser, bytes == NULL ? (const void *)"" : bytes, size);
    done = load(l);
    if (done && tree->root == NULL)
        done = error_set(err, ERROR_USAGE, "%s: is empty", tree->name);
    yaml_parser_delete(&l->parser);
    while (l->depth > 0)
        free(l->frames[--l->depth].items);
    free(l->anchors);
    free(l);
    return done;
}
