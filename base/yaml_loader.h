/*
 * From libyaml's events to a yaml_tree.
 */
#ifndef BASE_YAML_LOADER_H
#define BASE_YAML_LOADER_H

#include "base/error.h"
#include "base/yaml_tree.h"

#include <stdbool.h>
#include <stddef.h>

/* Fills tree->root from a document; tree->name is set already. Fails as yaml_tree_parse(). */
MUST_CHECK bool yaml_loader_load(
    struct yaml_tree *tree, const void *bytes, size_t size, struct error *err);

#endif
