/*
 * A YAML document as a tree that does not change.
 *
 * One file, one document. Every node knows its line and column, so that an
 * error about a value can say where it stands: "profile.yaml:12:5: ...". A
 * mapping never has a key twice. An alias shares the node of its anchor; how
 * deep and how large a document becomes when all are written out is bounded.
 * Nodes live as long as the tree.
 */
#ifndef BASE_YAML_TREE_H
#define BASE_YAML_TREE_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YAML_TREE_SIZE_MAX ((size_t)16 * 1024 * 1024) /* bytes of a file */
#define YAML_TREE_DEPTH_MAX 64                        /* nodes from the root to a leaf */
#define YAML_TREE_NODE_COUNT_MAX 1000000              /* with every alias written out */

enum yaml_tree_kind {
    YAML_TREE_SCALAR,
    YAML_TREE_SEQUENCE,
    YAML_TREE_MAPPING,
};

struct yaml_tree_node;

struct yaml_tree_pair {
    const struct yaml_tree_node *key; /* a scalar */
    const struct yaml_tree_node *value;
};

struct yaml_tree_node {
    enum yaml_tree_kind kind;
    unsigned line; /* from 1 */
    unsigned column;
    const char *text; /* scalar: UTF-8 without NUL inside */
    bool is_plain;    /* scalar without quotes: may be null, a boolean or a number */
    const struct yaml_tree_node *const *items; /* sequence */
    const struct yaml_tree_pair *pairs;        /* mapping, in the order of the file */
    size_t count;                              /* of items or pairs */
};

struct yaml_tree {
    struct arena arena;
    const char *name; /* of the file, as messages show it */
    const struct yaml_tree_node *root;
};

void yaml_tree_release(struct yaml_tree *tree);

/*
 * Reads a file ("-" is standard input), or size bytes that messages call name. Fails with ERROR_IO
 * when the file cannot be read, else ERROR_USAGE with line and column: not YAML, empty, two
 * documents, a key twice, an unknown tag, an alias inside its own anchor, too deep, too large.
 */
MUST_CHECK bool yaml_tree_read(struct yaml_tree *tree, const char *path, struct error *err);
MUST_CHECK bool yaml_tree_parse(
    struct yaml_tree *tree, const char *name, const void *bytes, size_t size, struct error *err);

/* The value of key in a mapping; NULL when it has none or node is no mapping. */
const struct yaml_tree_node *yaml_tree_get(const struct yaml_tree_node *node, const char *key);

/* Is this the plain scalar null (also ~ and nothing)? */
bool yaml_tree_is_null(const struct yaml_tree_node *node);

/* Does a sequence have this scalar among its items? */
bool yaml_tree_has(const struct yaml_tree_node *sequence, const char *text);

/* Records ERROR_USAGE as "<file>:<line>:<column>: <text>". Always returns false. */
bool yaml_tree_refuse(const struct yaml_tree *tree, const struct yaml_tree_node *node,
    struct error *err, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * Typed lookups in a mapping: when key is absent or null, *out keeps its value
 * and the call succeeds. Fail with ERROR_USAGE when the value is of another kind.
 * A boolean is true/false/yes/no/on/off as in YAML 1.1.
 */
struct yaml_tree_place {
    const struct yaml_tree *tree;
    const struct yaml_tree_node *mapping;
};

MUST_CHECK bool yaml_tree_text(
    struct yaml_tree_place at, const char *key, const char **out, struct error *err);
MUST_CHECK bool yaml_tree_boolean(
    struct yaml_tree_place at, const char *key, bool *out, struct error *err);
MUST_CHECK bool yaml_tree_number(
    struct yaml_tree_place at, const char *key, int64_t *out, struct error *err);
MUST_CHECK bool yaml_tree_mapping(struct yaml_tree_place at, const char *key,
    const struct yaml_tree_node **out, struct error *err);
MUST_CHECK bool yaml_tree_sequence(struct yaml_tree_place at, const char *key,
    const struct yaml_tree_node **out, struct error *err);

/* Index in choices (ended by NULL) of the scalar at key. */
MUST_CHECK bool yaml_tree_choice(struct yaml_tree_place at, const char *key,
    const char *const *choices, size_t *out, struct error *err);

/* Fails with ERROR_USAGE when the mapping has a key that is not in known (ended by NULL), or is no
   mapping; nothing at all counts as an empty one. */
MUST_CHECK bool yaml_tree_only(
    struct yaml_tree_place at, const char *const *known, struct error *err);

#endif
