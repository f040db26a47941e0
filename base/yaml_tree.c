#include "base/yaml_tree.h"

#include "base/byte_buffer.h"
#include "base/file.h"
#include "base/owned.h"
#include "base/yaml_loader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [YAML_TREE_SCALAR] = "a single value",
    [YAML_TREE_SEQUENCE] = "a list",
    [YAML_TREE_MAPPING] = "a mapping (\"key: value\")",
};

void yaml_tree_release(struct yaml_tree *tree)
{
    arena_release(&tree->arena);
    *tree = (struct yaml_tree){0};
}

bool yaml_tree_parse(
    struct yaml_tree *tree, const char *name, const void *bytes, size_t size, struct error *err)
{
    *tree = (struct yaml_tree){0};
    tree->name = arena_text(&tree->arena, name);
    if (size > YAML_TREE_SIZE_MAX)
        return error_set(err, ERROR_USAGE, "%s: has %zu bytes, at most %zu are read", name, size,
            YAML_TREE_SIZE_MAX);
    return yaml_loader_load(tree, bytes, size, err);
}

bool yaml_tree_read(struct yaml_tree *tree, const char *path, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer bytes = {0};

    *tree = (struct yaml_tree){0};
    return file_read_all(&bytes, path, YAML_TREE_SIZE_MAX, err)
           && yaml_tree_parse(tree, path, bytes.data, bytes.size, err);
}

bool yaml_tree_refuse(const struct yaml_tree *tree, const struct yaml_tree_node *node,
    struct error *err, const char *fmt, ...)
{
    char text[ERROR_TEXT_SIZE];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return error_set(err, ERROR_USAGE, "%s:%u:%u: %s", tree->name, node->line, node->column, text);
}

const struct yaml_tree_node *yaml_tree_get(const struct yaml_tree_node *node, const char *key)
{
    if (node == NULL || node->kind != YAML_TREE_MAPPING)
        return NULL;
    for (size_t i = 0; i < node->count; i++) {
        if (strcmp(node->pairs[i].key->text, key) == 0)
            return node->pairs[i].value;
    }
    return NULL;
}

static bool is_among(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(text, *words) == 0)
            return true;
    }
    return false;
}

bool yaml_tree_is_null(const struct yaml_tree_node *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};

    return node->kind == YAML_TREE_SCALAR && node->is_plain && is_among(node->text, nulls);
}

bool yaml_tree_has(const struct yaml_tree_node *sequence, const char *text)
{
    if (sequence == NULL || sequence->kind != YAML_TREE_SEQUENCE)
        return false;
    for (size_t i = 0; i < sequence->count; i++) {
        const struct yaml_tree_node *item = sequence->items[i];

        if (item->kind == YAML_TREE_SCALAR && strcmp(item->text, text) == 0)
            return true;
    }
    return false;
}

/* --- typed lookups ---------------------------------------------------------- */

/* The value at key if it is present and not null; *found is NULL otherwise. */
static bool find(struct yaml_tree_place at, const char *key, enum yaml_tree_kind kind,
    const struct yaml_tree_node **found, struct error *err)
{
    const struct yaml_tree_node *node = yaml_tree_get(at.mapping, key);

    *found = NULL;
    if (node == NULL || yaml_tree_is_null(node))
        return true;
    if (node->kind != kind)
        return yaml_tree_refuse(at.tree, node, err, "\"%s\" is %s, expected %s", key,
            kind_names[node->kind], kind_names[kind]);
    *found = node;
    return true;
}

bool yaml_tree_text(struct yaml_tree_place at, const char *key, const char **out, struct error *err)
{
    const struct yaml_tree_node *node;

    if (!find(at, key, YAML_TREE_SCALAR, &node, err))
        return false;
    if (node != NULL)
        *out = node->text;
    return true;
}

bool yaml_tree_boolean(struct yaml_tree_place at, const char *key, bool *out, struct error *err)
{
    static const char *const yes[] = {
        "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", NULL};
    static const char *const no[] = {
        "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", NULL};
    const struct yaml_tree_node *node;

    if (!find(at, key, YAML_TREE_SCALAR, &node, err))
        return false;
    if (node == NULL)
        return true;
    if (!node->is_plain || (!is_among(node->text, yes) && !is_among(node->text, no)))
        return yaml_tree_refuse(at.tree, node, err,
            "\"%s\" is \"%s\", expected true or false without quotes", key, node->text);
    *out = is_among(node->text, yes);
    return true;
}

bool yaml_tree_number(struct yaml_tree_place at, const char *key, int64_t *out, struct error *err)
{
    const struct yaml_tree_node *node;
    long long number;
    char *end;

    if (!find(at, key, YAML_TREE_SCALAR, &node, err))
        return false;
    if (node == NULL)
        return true;
    errno = 0;
    number = strtoll(node->text, &end, 10);
    if (node->text[0] == ' ' || end == node->text || *end != '\0' || errno != 0)
        return yaml_tree_refuse(
            at.tree, node, err, "\"%s\" is \"%s\", expected a whole number", key, node->text);
    *out = number;
    return true;
}

bool yaml_tree_mapping(struct yaml_tree_place at, const char *key,
    const struct yaml_tree_node **out, struct error *err)
{
    const struct yaml_tree_node *node;

    if (!find(at, key, YAML_TREE_MAPPING, &node, err))
        return false;
    if (node != NULL)
        *out = node;
    return true;
}

bool yaml_tree_sequence(struct yaml_tree_place at, const char *key,
    const struct yaml_tree_node **out, struct error *err)
{
    const struct yaml_tree_node *node;

    if (!find(at, key, YAML_TREE_SEQUENCE, &node, err))
        return false;
    if (node != NULL)
        *out = node;
    return true;
}

/* "a, b or c", as far as it fits. */
static void list_words(char *out, size_t size, const char *const *words)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; words[i] != NULL && used < size; i++) {
        const char *before = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";

        used += (size_t)snprintf(out + used, size - used, "%s\"%s\"", before, words[i]);
    }
}

bool yaml_tree_choice(struct yaml_tree_place at, const char *key, const char *const *choices,
    size_t *out, struct error *err)
{
    const struct yaml_tree_node *node;
    char all[512];

    if (!find(at, key, YAML_TREE_SCALAR, &node, err))
        return false;
    if (node == NULL)
        return true;
    for (size_t i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], node->text) == 0) {
            *out = i;
            return true;
        }
    }
    list_words(all, sizeof(all), choices);
    return yaml_tree_refuse(
        at.tree, node, err, "\"%s\" is \"%s\", expected %s", key, node->text, all);
}

bool yaml_tree_only(struct yaml_tree_place at, const char *const *known, struct error *err)
{
    char all[512];

    if (at.mapping->kind != YAML_TREE_MAPPING && !yaml_tree_is_null(at.mapping)) {
        list_words(all, sizeof(all), known);
        return yaml_tree_refuse(at.tree, at.mapping, err,
            "this is a %s, expected a mapping with %s",
            at.mapping->kind == YAML_TREE_SCALAR ? "single value" : "list", all);
    }
    for (size_t i = 0; i < at.mapping->count; i++) {
        const struct yaml_tree_node *key = at.mapping->pairs[i].key;

        if (is_among(key->text, known))
            continue;
        list_words(all, sizeof(all), known);
        return yaml_tree_refuse(
            at.tree, key, err, "there is no \"%s\" here, expected %s", key->text, all);
    }
    return true;
}
