#include "profile/profile_parse.h"

#include <string.h>

#define NEW_ARRAY(profile, type, count) \
    ((type *)arena_alloc(&(profile)->arena, (count), sizeof(type)))

static struct yaml_tree_place place(
    const struct profile *profile, const struct yaml_tree_node *mapping)
{
    return (struct yaml_tree_place){.tree = &profile->tree, .mapping = mapping};
}

static bool need_text(
    struct yaml_tree_place at, const char *key, const char **out, struct error *err)
{
    *out = NULL;
    if (!yaml_tree_text(at, key, out, err))
        return false;
    return *out != NULL || yaml_tree_refuse(at.tree, at.mapping, err, "\"%s\" is missing", key);
}

static bool read_texts(struct profile *profile, const struct yaml_tree_node *mapping,
    const char *key, struct profile_texts *out, struct error *err)
{
    const struct yaml_tree_node *list = NULL;

    if (!yaml_tree_sequence(place(profile, mapping), key, &list, err))
        return false;
    if (list == NULL)
        return true;
    out->items = NEW_ARRAY(profile, const char *, list->count + 1);
    out->count = list->count;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i]->kind != YAML_TREE_SCALAR)
            return yaml_tree_refuse(&profile->tree, list->items[i], err, "a text is expected here");
        out->items[i] = list->items[i]->text;
    }
    return true;
}

/* --- facts and requirements -------------------------------------------------- */

static bool read_fact_source(struct profile *profile, const struct yaml_tree_node *node,
    struct profile_fact *fact, struct error *err)
{
    static const char *const known[] = {
        "table", "column", "after", "above", "ignore_suffixes", NULL};
    static const char *const above_known[] = {"column", "value", NULL};
    struct yaml_tree_place at = place(profile, node);
    const struct yaml_tree_node *above = NULL;

    if (!yaml_tree_only(at, known, err) || !need_text(at, "table", &fact->table, err)
        || !need_text(at, "column", &fact->column, err)
        || !yaml_tree_text(at, "after", &fact->after, err)
        || !read_texts(profile, node, "ignore_suffixes", &fact->ignore_suffixes, err)
        || !yaml_tree_mapping(at, "above", &above, err))
        return false;
    if (above == NULL)
        return true;
    at.mapping = above;
    return yaml_tree_only(at, above_known, err) && need_text(at, "column", &fact->above_column, err)
           && yaml_tree_number(at, "value", &fact->above, err);
}

static bool read_fact(struct profile *profile, const struct yaml_tree_node *node,
    struct profile_fact *fact, struct error *err)
{
    static const char *const known[] = {
        "name", "source", "target", "tested", "compare", "is_server_name", "hint", NULL};
    static const char *const compares[] = {"equal", "equal_if_both", NULL};
    struct yaml_tree_place at = place(profile, node);
    const struct yaml_tree_node *source = NULL;
    size_t compare = PROFILE_COMPARE_EQUAL;

    if (!yaml_tree_only(at, known, err) || !need_text(at, "name", &fact->name, err)
        || !need_text(at, "target", &fact->target, err)
        || !yaml_tree_choice(at, "compare", compares, &compare, err)
        || !yaml_tree_boolean(at, "is_server_name", &fact->is_server_name, err)
        || !yaml_tree_text(at, "hint", &fact->hint, err)
        || !read_texts(profile, node, "tested", &fact->tested, err)
        || !yaml_tree_mapping(at, "source", &source, err))
        return false;
    if (source == NULL)
        return yaml_tree_refuse(&profile->tree, node, err, "\"source\" is missing");
    fact->compare = (enum profile_compare)compare;
    return read_fact_source(profile, source, fact, err);
}

static bool read_facts(
    struct profile *profile, const struct yaml_tree_node *list, struct error *err)
{
    struct profile_fact *facts = NEW_ARRAY(profile, struct profile_fact, list->count + 1);

    for (size_t i = 0; i < list->count; i++)
        if (!read_fact(profile, list->items[i], &facts[i], err))
            return false;
    profile->facts = facts;
    profile->fact_count = list->count;
    return true;
}

static bool read_requirement(struct profile *profile, const struct yaml_tree_node *node,
    struct profile_requirement *out, struct error *err)
{
    static const char *const known[] = {"name", "id", "table", "column", "sql", "hint", NULL};
    struct yaml_tree_place at = place(profile, node);

    if (!yaml_tree_only(at, known, err) || !need_text(at, "name", &out->name, err)
        || !yaml_tree_text(at, "id", &out->id, err)
        || !yaml_tree_text(at, "table", &out->table, err)
        || !yaml_tree_text(at, "column", &out->column, err)
        || !yaml_tree_text(at, "sql", &out->sql, err) || !need_text(at, "hint", &out->hint, err))
        return false;
    if ((out->table == NULL) == (out->sql == NULL))
        return yaml_tree_refuse(
            &profile->tree, node, err, "exactly one of \"table\" and \"sql\" is needed");
    return true;
}

static bool read_requirements(
    struct profile *profile, const struct yaml_tree_node *list, struct error *err)
{
    struct profile_requirement *items =
        NEW_ARRAY(profile, struct profile_requirement, list->count + 1);

    for (size_t i = 0; i < list->count; i++)
        if (!read_requirement(profile, list->items[i], &items[i], err))
            return false;
    profile->requirements = items;
    profile->requirement_count = list->count;
    return true;
}

/* --- tables -------------------------------------------------------------------- */

static bool read_staging(struct profile *profile, const struct yaml_tree_node *node,
    struct profile_table *table, struct error *err)
{
    static const char *const known[] = {"source", "type", NULL};
    struct profile_staging_column *columns =
        NEW_ARRAY(profile, struct profile_staging_column, node->count + 1);

    for (size_t i = 0; i < node->count; i++) {
        struct yaml_tree_place at = place(profile, node->pairs[i].value);

        columns[i].name = node->pairs[i].key->text;
        columns[i].type = "text";
        if (!yaml_tree_only(at, known, err) || !need_text(at, "source", &columns[i].source, err)
            || !yaml_tree_text(at, "type", &columns[i].type, err))
            return false;
    }
    table->columns = columns;
    table->column_count = node->count;
    return true;
}

static bool read_losses(struct profile *profile, const struct yaml_tree_node *node,
    struct profile_table *table, struct error *err)
{
    struct profile_count *losses = NEW_ARRAY(profile, struct profile_count, node->count + 1);

    for (size_t i = 0; i < node->count; i++) {
        if (node->pairs[i].value->kind != YAML_TREE_SCALAR)
            return yaml_tree_refuse(
                &profile->tree, node->pairs[i].value, err, "a query is expected here");
        losses[i].name = node->pairs[i].key->text;
        losses[i].sql = node->pairs[i].value->text;
    }
    table->losses = losses;
    table->loss_count = node->count;
    return true;
}

static bool read_derivation(struct profile *profile, const struct yaml_tree_node *node,
    struct profile_table *table, struct error *err)
{
    struct yaml_tree_place at = place(profile, node);
    const struct yaml_tree_node *columns = NULL;
    const struct yaml_tree_node *losses = NULL;

    if (!need_text(at, "from", &table->from, err) || !need_text(at, "insert", &table->insert, err)
        || !yaml_tree_text(at, "nul_in_text", &table->nul_replacement, err)
        || !yaml_tree_mapping(at, "columns", &columns, err)
        || !read_texts(profile, node, "identity", &table->identity, err)
        || !yaml_tree_mapping(at, "losses", &losses, err))
        return false;
    if (columns == NULL)
        return yaml_tree_refuse(&profile->tree, node, err, "\"columns\" is missing");
    return read_staging(profile, columns, table, err)
           && (losses == NULL || read_losses(profile, losses, table, err));
}

static const char *const policies[] = {"stop", "reject", "replace", NULL};

/* A key with a mapping of columns to one of the choices each. */
struct words_key {
    const char *name;
    const char *const *choices;
};

static bool read_words(struct profile *profile, const struct yaml_tree_node *table,
    const struct words_key *key, struct profile_words *words, struct error *err)
{
    const struct yaml_tree_node *node = NULL;
    struct profile_word *items;

    if (!yaml_tree_mapping(place(profile, table), key->name, &node, err))
        return false;
    if (node == NULL)
        return true;
    items = NEW_ARRAY(profile, struct profile_word, node->count + 1);
    for (size_t i = 0; i < node->count; i++) {
        size_t choice = 0;

        items[i].column = node->pairs[i].key->text;
        if (!yaml_tree_choice(place(profile, node), items[i].column, key->choices, &choice, err))
            return false;
        items[i].word = key->choices[choice];
    }
    *words = (struct profile_words){items, node->count};
    return true;
}

/* A number that cannot be negative. */
static bool read_count(struct yaml_tree_place at, const char *key, int64_t *out, struct error *err)
{
    if (!yaml_tree_number(at, key, out, err))
        return false;
    if (*out >= 0)
        return true;
    return yaml_tree_refuse(at.tree, yaml_tree_get(at.mapping, key), err,
        "\"%s\" is %lld, expected 0 or more", key, (long long)*out);
}

static bool read_table(struct profile *profile, const struct yaml_tree_node *node,
    struct profile_table *table, struct error *err)
{
    static const char *const known[] = {"action", "seed_rows", "allow_missing", "on_bad_value",
        "unix_time", "from", "insert", "nul_in_text", "columns", "identity", "losses", NULL};
    static const char *const actions[] = {"replicate", "keep", "empty", "derive", "ignore", NULL};
    struct yaml_tree_place at = place(profile, node);
    size_t action = PROFILE_REPLICATE;
    const struct words_key bad_values = {"on_bad_value", policies};
    const struct words_key unix_times = {"unix_time", profile_units};

    if (!yaml_tree_only(at, known, err) || !yaml_tree_choice(at, "action", actions, &action, err)
        || !read_count(at, "seed_rows", &table->seed_row_max, err)
        || !read_texts(profile, node, "allow_missing", &table->missing, err)
        || !read_words(profile, node, &bad_values, &table->bad_values, err)
        || !read_words(profile, node, &unix_times, &table->unix_times, err))
        return false;
    table->action = (enum profile_action)action;
    return table->action != PROFILE_DERIVE || read_derivation(profile, node, table, err);
}

static bool read_tables(
    struct profile *profile, const struct yaml_tree_node *node, struct error *err)
{
    struct profile_table *tables = NEW_ARRAY(profile, struct profile_table, node->count + 1);

    for (size_t i = 0; i < node->count; i++) {
        tables[i].name = node->pairs[i].key->text;
        if (!read_table(profile, node->pairs[i].value, &tables[i], err))
            return false;
    }
    profile->tables = tables;
    profile->table_count = node->count;
    return true;
}

/* --- sequences and checks --------------------------------------------------------- */

static bool read_sequence(struct profile *profile, const struct yaml_tree_node *node,
    struct profile_sequence *sequence, struct error *err)
{
    static const char *const known[] = {"kind", "optional", "negate", "max", "floor", NULL};
    static const char *const kinds[] = {"stream", "counter", "keep", NULL};
    struct yaml_tree_place at = place(profile, node);
    size_t kind = PROFILE_SEQUENCE_KEEP;

    if (!yaml_tree_only(at, known, err) || !yaml_tree_choice(at, "kind", kinds, &kind, err)
        || !yaml_tree_boolean(at, "optional", &sequence->is_optional, err)
        || !yaml_tree_boolean(at, "negate", &sequence->is_negated, err)
        || !yaml_tree_text(at, "floor", &sequence->floor, err)
        || !read_texts(profile, node, "max", &sequence->max, err))
        return false;
    sequence->kind = (enum profile_sequence_kind)kind;
    for (size_t i = 0; i < sequence->max.count; i++)
        if (strchr(sequence->max.items[i], '.') == NULL)
            return yaml_tree_refuse(&profile->tree, node, err,
                "\"%s\" is expected to be table.column", sequence->max.items[i]);
    return true;
}

static bool read_sequences(
    struct profile *profile, const struct yaml_tree_node *node, struct error *err)
{
    struct profile_sequence *items = NEW_ARRAY(profile, struct profile_sequence, node->count + 1);

    for (size_t i = 0; i < node->count; i++) {
        items[i].name = node->pairs[i].key->text;
        if (!read_sequence(profile, node->pairs[i].value, &items[i], err))
            return false;
    }
    profile->sequences = items;
    profile->sequence_count = node->count;
    return true;
}

static bool read_checks(
    struct profile *profile, const struct yaml_tree_node *list, struct error *err)
{
    static const char *const known[] = {"name", "sql", NULL};
    struct profile_check *checks = NEW_ARRAY(profile, struct profile_check, list->count + 1);

    for (size_t i = 0; i < list->count; i++) {
        struct yaml_tree_place at = place(profile, list->items[i]);

        if (!yaml_tree_only(at, known, err) || !need_text(at, "name", &checks[i].name, err)
            || !need_text(at, "sql", &checks[i].sql, err))
            return false;
    }
    profile->checks = checks;
    profile->check_count = list->count;
    return true;
}

/* --- the whole --------------------------------------------------------------------- */

static bool read_target(
    struct profile *profile, const struct yaml_tree_node *node, struct error *err)
{
    static const char *const known[] = {"server_version_min", "encoding", "collate", "ctype", NULL};
    struct yaml_tree_place at = place(profile, node);

    return yaml_tree_only(at, known, err)
           && read_count(at, "server_version_min", &profile->server_version_min, err)
           && yaml_tree_text(at, "encoding", &profile->encoding, err)
           && yaml_tree_text(at, "collate", &profile->collate, err)
           && yaml_tree_text(at, "ctype", &profile->ctype, err);
}

/* A part of the file: where it is, what kind it is, who reads it. */
struct part {
    const char *key;
    bool is_mapping;
    bool (*read)(struct profile *, const struct yaml_tree_node *, struct error *);
};

static const struct part parts[] = {
    {"target", true, read_target},
    {"facts", false, read_facts},
    {"requirements", false, read_requirements},
    {"tables", true, read_tables},
    {"sequences", true, read_sequences},
    {"checks", false, read_checks},
};

static bool read_part(struct profile *profile, const struct part *part, struct error *err)
{
    struct yaml_tree_place at = place(profile, profile->tree.root);
    const struct yaml_tree_node *node = NULL;

    if (part->is_mapping ? !yaml_tree_mapping(at, part->key, &node, err)
                         : !yaml_tree_sequence(at, part->key, &node, err))
        return false;
    return node == NULL || part->read(profile, node, err);
}

bool profile_parse(
    struct profile *profile, const char *name, const void *bytes, size_t size, struct error *err)
{
    static const char *const known[] = {"profile", "title", "prepare", "format", "recognise",
        "target", "facts", "requirements", "on_bad_value", "unix_time", "tables", "staging",
        "sequences", "sequence_hint", "checks", NULL};
    struct yaml_tree_place at = {.tree = &profile->tree};
    int64_t format = 0;
    size_t policy = 0;
    size_t unit = 0;

    *profile = (struct profile){0};
    if (!yaml_tree_parse(&profile->tree, name, bytes, size, err))
        return false;
    at.mapping = profile->tree.root;
    if (at.mapping->kind != YAML_TREE_MAPPING)
        return yaml_tree_refuse(at.tree, at.mapping, err, "a mapping is expected");
    if (!yaml_tree_number(at, "format", &format, err))
        return false;
    if (format != PROFILE_FORMAT)
        return yaml_tree_refuse(at.tree, at.mapping, err,
            "profile format is %lld, this program reads %d", (long long)format, PROFILE_FORMAT);
    if (!yaml_tree_only(at, known, err) || !need_text(at, "profile", &profile->name, err)
        || !need_text(at, "title", &profile->title, err)
        || !yaml_tree_text(at, "prepare", &profile->prepare, err)
        || !yaml_tree_text(at, "sequence_hint", &profile->sequence_hint, err)
        || !yaml_tree_choice(at, "on_bad_value", policies, &policy, err)
        || !yaml_tree_choice(at, "unix_time", profile_units, &unit, err)
        || !read_texts(profile, at.mapping, "recognise", &profile->recognise, err)
        || !read_texts(profile, at.mapping, "staging", &profile->staging, err))
        return false;
    profile->on_bad_value = policies[policy];
    profile->unix_time = profile_units[unit];
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (!read_part(profile, &parts[i], err))
            return false;
    return true;
}
