#include "postgres/homeserver.h"

#include "base/owned.h"
#include "base/yaml_tree.h"

#include <string.h>
#include <strings.h>

#define CONNECTION_COUNT_MAX 1000

static bool check_engine(struct yaml_tree_place database, struct error *err)
{
    const struct yaml_tree_node *node = yaml_tree_get(database.mapping, "name");
    const char *name = NULL;

    if (!yaml_tree_text(database, "name", &name, err))
        return false;
    if (name == NULL)
        return yaml_tree_refuse(database.tree, database.mapping, err,
            "\"database\" has no \"name\", expected \"name: psycopg2\"");
    if (strcmp(name, "sqlite3") == 0)
        return yaml_tree_refuse(database.tree, node, err,
            "this configuration uses SQLite; give a copy of it whose \"database\" section names the PostgreSQL database (name: psycopg2, args: user, password, dbname, host)");
    if (strcmp(name, "psycopg2") != 0)
        return yaml_tree_refuse(
            database.tree, node, err, "the engine is \"%s\", expected \"psycopg2\"", name);
    return true;
}

static bool find_database(
    const struct yaml_tree *tree, struct yaml_tree_place *database, struct error *err)
{
    const struct yaml_tree_place root = {tree, tree->root};
    const struct yaml_tree_node *several = yaml_tree_get(tree->root, "databases");
    const struct yaml_tree_node *path = yaml_tree_get(tree->root, "database_path");

    if (tree->root->kind != YAML_TREE_MAPPING)
        return yaml_tree_refuse(
            tree, tree->root, err, "this is no homeserver.yaml, expected \"database:\" in it");
    if (several != NULL)
        return yaml_tree_refuse(tree, several, err,
            "\"databases\" splits the homeserver over several databases, which a move from SQLite cannot fill; use one \"database\" section");
    *database = (struct yaml_tree_place){.tree = tree, .mapping = NULL};
    if (!yaml_tree_mapping(root, "database", &database->mapping, err))
        return false;
    if (database->mapping == NULL && path != NULL)
        return yaml_tree_refuse(tree, path, err,
            "\"database_path\" means SQLite; give a configuration with a \"database\" section for PostgreSQL");
    if (database->mapping == NULL)
        return yaml_tree_refuse(tree, tree->root, err,
            "there is no \"database\" section; is it in another file of the homeserver's configuration?");
    return true;
}

/* --- arguments -------------------------------------------------------------- */

/*
 * Would Synapse's YAML reader make something else of this unquoted value and
 * hand that to PostgreSQL (0123 is the number 83, yes is True)?
 */
static bool is_ambiguous(const struct yaml_tree_node *node)
{
    static const char *const words[] = {"yes", "no", "on", "off", "true", "false", NULL};
    const char *text = node->text;

    if (!node->is_plain)
        return false;
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcasecmp(text, words[i]) == 0)
            return true;
    }
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'b'))
        return true;
    if (text[strspn(text, "0123456789_.:+-")] != '\0')
        return false;
    /* What is left is digits and marks; a plain decimal number stays what it is. */
    return text[strspn(text, "0123456789")] != '\0' || (text[0] == '0' && text[1] != '\0');
}

static bool is_secret(const char *key)
{
    return strcmp(key, "password") == 0 || strcmp(key, "sslpassword") == 0
           || strcmp(key, "user") == 0;
}

struct arguments {
    const char **keywords;
    const char **values;
    size_t count;
};

static bool check_argument(const struct yaml_tree *tree, const struct yaml_tree_pair *pair,
    const char *keyword, struct error *err)
{
    const char *key = pair->key->text;

    if (!connection_knows_keyword(keyword))
        return yaml_tree_refuse(tree, pair->key, err,
            "\"%s\" is no connection parameter that libpq knows%s", key,
            strcmp(key, "dsn") == 0 ? "; write its parts as user, password, dbname, host, port"
                                    : "");
    if (pair->value->kind != YAML_TREE_SCALAR)
        return yaml_tree_refuse(
            tree, pair->value, err, "\"%s\" is a list or a mapping, expected one value", key);
    if (is_secret(key) && is_ambiguous(pair->value))
        return yaml_tree_refuse(tree, pair->value, err,
            "\"%s\" has no quotes and YAML takes it for a number or a boolean; put it in quotes",
            key);
    return true;
}

static bool add_argument(struct homeserver *homeserver, const struct yaml_tree *tree,
    const struct yaml_tree_pair *pair, struct arguments *arguments, struct error *err)
{
    const char *key = pair->key->text;
    const char *keyword = strcmp(key, "database") == 0 ? "dbname" : key;

    /* cp_* are for the connection pool of Synapse itself. */
    if (strncmp(key, "cp_", 3) == 0 || yaml_tree_is_null(pair->value))
        return true;
    if (!check_argument(tree, pair, keyword, err))
        return false;
    for (size_t i = 0; i < arguments->count; i++) {
        if (strcmp(arguments->keywords[i], keyword) == 0)
            return yaml_tree_refuse(
                tree, pair->key, err, "\"database\" and \"dbname\" are the same; keep one");
    }
    arguments->keywords[arguments->count] = arena_text(&homeserver->arena, keyword);
    arguments->values[arguments->count] = arena_text(&homeserver->arena, pair->value->text);
    arguments->count++;
    return true;
}

static bool read_arguments(
    struct homeserver *homeserver, struct yaml_tree_place args, struct error *err)
{
    struct arguments arguments = {.count = 0};
    size_t count = args.mapping == NULL ? 0 : args.mapping->count;
    int64_t connection_count_max = 0;

    /* One more than needed: the lists end with NULL. */
    arguments.keywords = arena_alloc(&homeserver->arena, count + 1, sizeof(char *));
    arguments.values = arena_alloc(&homeserver->arena, count + 1, sizeof(char *));
    homeserver->target.keywords = arguments.keywords;
    homeserver->target.values = arguments.values;
    for (size_t i = 0; i < count; i++) {
        if (!add_argument(homeserver, args.tree, &args.mapping->pairs[i], &arguments, err))
            return false;
    }
    if (!yaml_tree_number(args, "cp_max", &connection_count_max, err))
        return false;
    if (connection_count_max < 0 || connection_count_max > CONNECTION_COUNT_MAX)
        return yaml_tree_refuse(args.tree, yaml_tree_get(args.mapping, "cp_max"), err,
            "\"cp_max\" is %lld, expected 1 to %d", (long long)connection_count_max,
            CONNECTION_COUNT_MAX);
    homeserver->connection_count_max = (int)connection_count_max;
    return true;
}

/* --- the file --------------------------------------------------------------- */

static bool read_server_name(
    struct homeserver *homeserver, const struct yaml_tree *tree, struct error *err)
{
    const struct yaml_tree_place root = {tree, tree->root};
    const char *name = NULL;

    if (!yaml_tree_text(root, "server_name", &name, err))
        return false;
    if (name != NULL)
        homeserver->server_name = arena_text(&homeserver->arena, name);
    return true;
}

bool homeserver_read(struct homeserver *homeserver, const char *path, struct error *err)
{
    OWNED(yaml_tree) struct yaml_tree tree = {0};
    struct yaml_tree_place database = {0};
    struct yaml_tree_place args;

    *homeserver = (struct homeserver){0};
    if (!yaml_tree_read(&tree, path, err) || !find_database(&tree, &database, err)
        || !check_engine(database, err)
        || !yaml_tree_boolean(
            database, "allow_unsafe_locale", &homeserver->allows_unsafe_locale, err))
        return false;
    args = (struct yaml_tree_place){.tree = &tree, .mapping = NULL};
    return yaml_tree_mapping(database, "args", &args.mapping, err)
           && read_arguments(homeserver, args, err) && read_server_name(homeserver, &tree, err);
}

void homeserver_release(struct homeserver *homeserver)
{
    arena_release(&homeserver->arena);
    *homeserver = (struct homeserver){0};
}
