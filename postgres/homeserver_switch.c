#include "postgres/homeserver_switch.h"

#include "base/owned.h"
#include "base/safe_text.h"
#include "base/yaml_section.h"
#include "base/yaml_tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How Synapse's documentation ("Using Postgres") sets up a connection pool. */
static const struct {
    const char *key;
    const char *value;
} defaults[] = {
    {"cp_min", "5"},
    {"cp_max", "10"},
    {"keepalives_idle", "10"},
    {"keepalives_interval", "10"},
    {"keepalives_count", "3"},
};

struct switcher {
    const struct homeserver_switch_request *request;
    struct yaml_tree tree;                 /* owned: the file as it is */
    struct yaml_section section;           /* what goes */
    struct homeserver_settings wanted;     /* owned: what comes */
    const struct yaml_tree_node *database; /* of tree; NULL: database_path alone */
    bool is_postgres;                      /* already */
    struct byte_buffer *notes;
};

static void switcher_release(struct switcher *s)
{
    yaml_tree_release(&s->tree);
    homeserver_settings_release(&s->wanted);
}

static void note(struct switcher *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void note(struct switcher *s, const char *fmt, ...)
{
    char text[ERROR_TEXT_SIZE];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    safe_text_put(s->notes, text, strlen(text));
    byte_buffer_put_u8(s->notes, '\n');
}

/* --- the old section ----------------------------------------------------------- */

static const struct yaml_tree_node *key_of(const struct yaml_tree_node *mapping, const char *key)
{
    for (size_t i = 0; i < mapping->count; i++) {
        if (strcmp(mapping->pairs[i].key->text, key) == 0)
            return mapping->pairs[i].key;
    }
    return mapping;
}

/* Finds the section and what it is about: "database", or the older "database_path". */
static bool find_section(struct switcher *s, struct error *err)
{
    const struct yaml_tree_node *root = s->tree.root;
    const char *key = "database";

    if (root->kind != YAML_TREE_MAPPING)
        return yaml_tree_refuse(
            &s->tree, root, err, "this is no homeserver.yaml, expected \"database:\" in it");
    if (yaml_tree_get(root, "databases") != NULL)
        return yaml_tree_refuse(&s->tree, key_of(root, "databases"), err,
            "\"databases\" splits the homeserver over several databases, which is not understood here; write one \"database\" section");
    s->database = yaml_tree_get(root, "database");
    if (s->database == NULL)
        key = "database_path";
    else if (yaml_tree_get(root, "database_path") != NULL)
        return yaml_tree_refuse(&s->tree, key_of(root, "database_path"), err,
            "\"database_path\" means SQLite and stands beside \"database\"; remove this line");
    if (yaml_tree_get(root, key) == NULL)
        return yaml_tree_refuse(&s->tree, root, err,
            "there is no \"database\" section; is it in another file of the homeserver's configuration?");
    return yaml_section_find(&s->section, s->request->name, s->request->bytes, key, err);
}

static bool check_engine(struct switcher *s, struct error *err)
{
    const struct yaml_tree_place database = {&s->tree, s->database};
    const struct yaml_tree_node *node = yaml_tree_get(s->database, "name");
    const char *name = NULL;

    if (s->database->kind != YAML_TREE_MAPPING)
        return yaml_tree_refuse(&s->tree, key_of(s->tree.root, "database"), err,
            "\"database\" is not a mapping, expected \"name\" and \"args\" below it");
    if (!yaml_tree_text(database, "name", &name, err))
        return false;
    if (name == NULL)
        return yaml_tree_refuse(
            &s->tree, s->database, err, "\"database\" has no \"name\", expected \"name: sqlite3\"");
    s->is_postgres = strcmp(name, "psycopg2") == 0;
    return s->is_postgres || strcmp(name, "sqlite3") == 0
           || yaml_tree_refuse(&s->tree, node, err,
               "the engine is \"%s\", expected \"sqlite3\" or \"psycopg2\"", name);
}

/* A setting of the old section that stays, unless the request names it. */
static bool keep(struct switcher *s, const struct yaml_tree_pair *pair, struct error *err)
{
    struct error reason;

    if (yaml_tree_is_null(pair->value))
        return true;
    if (pair->value->kind != YAML_TREE_SCALAR)
        return yaml_tree_refuse(&s->tree, pair->value, err,
            "\"%s\" is a list or a mapping, expected one value", pair->key->text);
    return homeserver_settings_set(&s->wanted, pair->key->text, pair->value->text, &reason)
           || yaml_tree_refuse(&s->tree, pair->key, err, "%s", reason.text);
}

/* What SQLite was told is of no use to PostgreSQL. */
static bool check_sqlite_argument(
    const struct switcher *s, const struct yaml_tree_pair *pair, struct error *err)
{
    static const char *const known[] = {"database", "check_same_thread", "timeout",
        "isolation_level", "detect_types", "cached_statements", "uri"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(pair->key->text, known[i]) == 0)
            return true;
    }
    return strncmp(pair->key->text, "cp_", 3) == 0
           || yaml_tree_refuse(&s->tree, pair->key, err,
               "\"%s\" is not understood as an argument of SQLite; remove it", pair->key->text);
}

static bool read_arguments(struct switcher *s, const struct yaml_tree_node *args, struct error *err)
{
    for (size_t i = 0; i < args->count; i++) {
        const struct yaml_tree_pair *pair = &args->pairs[i];

        if (s->is_postgres ? !keep(s, pair, err) : !check_sqlite_argument(s, pair, err))
            return false;
    }
    return true;
}

static bool read_section(struct switcher *s, struct error *err)
{
    const struct yaml_tree_place database = {&s->tree, s->database};
    const struct yaml_tree_node *args = NULL;

    if (s->database == NULL)
        return true;
    if (!check_engine(s, err) || !yaml_tree_mapping(database, "args", &args, err))
        return false;
    for (size_t i = 0; i < s->database->count; i++) {
        const struct yaml_tree_pair *pair = &s->database->pairs[i];

        if (strcmp(pair->key->text, "name") == 0 || strcmp(pair->key->text, "args") == 0)
            continue;
        if (!homeserver_settings_is_beside_name(pair->key->text))
            return yaml_tree_refuse(&s->tree, pair->key, err,
                "\"%s\" is not understood in the \"database\" section", pair->key->text);
        if (!keep(s, pair, err))
            return false;
    }
    return args == NULL || read_arguments(s, args, err);
}

/* --- the new section ----------------------------------------------------------- */

static void note_difference(
    struct switcher *s, const struct homeserver_setting *old, const struct homeserver_setting *new)
{
    if (homeserver_settings_is_secret(new->key))
        note(s, "  %s: %s", new->key, old == NULL ? "is new" : "differs");
    else if (old == NULL)
        note(s, "  %s: \"%s\" is new", new->key, new->value);
    else
        note(s, "  %s: is \"%s\", would be \"%s\"", new->key, old->value, new->value);
}

/* Sets what the request names; returns in *count how many of them differ from the old section. */
static bool set_requested(struct switcher *s, size_t *count, struct error *err)
{
    const struct homeserver_settings *settings = s->request->settings;

    *count = 0;
    for (size_t i = 0; i < settings->count; i++) {
        const struct homeserver_setting *new = &settings->items[i];
        const struct homeserver_setting *old = homeserver_settings_get(&s->wanted, new->key);

        if (old != NULL && strcmp(old->value, new->value) == 0)
            continue;
        if (s->is_postgres && (*count)++ == 0)
            note(s, "%s names PostgreSQL already; this would change:", s->request->name);
        if (s->is_postgres)
            note_difference(s, old, new);
        if (!homeserver_settings_set(&s->wanted, new->key, new->value, err))
            return false;
    }
    return true;
}

static bool set_defaults(struct switcher *s, struct error *err)
{
    const struct homeserver_setting *min;
    const struct homeserver_setting *max;

    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        if (homeserver_settings_get(&s->wanted, defaults[i].key) == NULL
            && !homeserver_settings_set(&s->wanted, defaults[i].key, defaults[i].value, err))
            return false;
    }
    min = homeserver_settings_get(&s->wanted, "cp_min");
    max = homeserver_settings_get(&s->wanted, "cp_max");
    if (strtoul(min->value, NULL, 10) > strtoul(max->value, NULL, 10)
        || strtoul(max->value, NULL, 10) == 0)
        return error_set(err, ERROR_USAGE,
            "cp_min is %s and cp_max is %s, expected cp_max to be at least 1 and at least cp_min",
            min->value, max->value);
    if (homeserver_settings_get(&s->wanted, "dbname") == NULL
        && homeserver_settings_get(&s->wanted, "service") == NULL)
        return error_set(err, ERROR_USAGE, "which database? give it as dbname");
    return true;
}

/* --- the new file --------------------------------------------------------------- */

static bool is_equal(const struct yaml_tree_node *a, const struct yaml_tree_node *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return false;
    if (a->kind == YAML_TREE_SCALAR)
        return a->is_plain == b->is_plain && strcmp(a->text, b->text) == 0;
    for (size_t i = 0; i < a->count; i++) {
        if (a->kind == YAML_TREE_SEQUENCE ? !is_equal(a->items[i], b->items[i])
                                          : !is_equal(a->pairs[i].key, b->pairs[i].key)
                                                || !is_equal(a->pairs[i].value, b->pairs[i].value))
            return false;
    }
    return true;
}

static bool holds_settings(const struct switcher *s, const struct yaml_tree_node *database)
{
    const struct yaml_tree_node *args = yaml_tree_get(database, "args");
    size_t beside_count = 0;

    for (size_t i = 0; i < s->wanted.count; i++) {
        const struct homeserver_setting *item = &s->wanted.items[i];
        const struct yaml_tree_node *found =
            yaml_tree_get(item->is_beside_name ? database : args, item->key);

        beside_count += item->is_beside_name;
        if (found == NULL || found->kind != YAML_TREE_SCALAR || found->is_plain != item->is_plain
            || strcmp(found->text, item->value) != 0)
            return false;
    }
    return database->count == beside_count + 2 && args->count == s->wanted.count - beside_count;
}

/* Reads what was written. Only the section may differ, and it must hold what was meant. */
static bool check_result(const struct switcher *s, const struct byte_buffer *out, struct error *err)
{
    OWNED(yaml_tree) struct yaml_tree after = {0};
    const struct yaml_tree_node *root = s->tree.root;
    bool is_same;

    if (!yaml_tree_parse(&after, s->request->name, out->data, out->size, err))
        return error_wrap(
            err, "the section cannot be exchanged safely, as the result is not right");
    is_same = after.root->kind == YAML_TREE_MAPPING && after.root->count == root->count;
    for (size_t i = 0; is_same && i < root->count; i++) {
        const struct yaml_tree_pair *before = &root->pairs[i];
        const struct yaml_tree_pair *now = &after.root->pairs[i];

        if (before->key->line == s->section.line)
            is_same = strcmp(now->key->text, "database") == 0 && holds_settings(s, now->value);
        else
            is_same = is_equal(before->key, now->key) && is_equal(before->value, now->value);
    }
    return is_same
           || error_set(err, ERROR_USAGE,
               "%s:%u: the section cannot be exchanged safely, as other parts of the file would change with it",
               s->request->name, s->section.line);
}

static void note_comments(struct switcher *s)
{
    const struct yaml_section *section = &s->section;

    if (section->comment_count > 0)
        note(s,
            "%s:%u: %zu comment%s inside the old section (lines %u to %u) %s not in the new one",
            s->request->name, section->line, section->comment_count,
            section->comment_count == 1 ? "" : "s", section->line, section->last_line,
            section->comment_count == 1 ? "is" : "are");
}

static void put_file(const struct switcher *s, struct byte_buffer *out)
{
    const struct byte_buffer *bytes = s->request->bytes;
    size_t end = s->section.offset + s->section.size;

    byte_buffer_put(out, bytes->data, s->section.offset);
    homeserver_settings_put(&s->wanted, out, s->section.indent, s->section.line_break);
    byte_buffer_put(out, bytes->data + end, bytes->size - end);
}

bool homeserver_switch_run(const struct homeserver_switch_request *request, struct byte_buffer *out,
    struct byte_buffer *notes, struct error *err)
{
    OWNED(switcher) struct switcher s = {.request = request, .notes = notes};
    size_t difference_count;

    if (!yaml_tree_parse(&s.tree, request->name, request->bytes->data, request->bytes->size, err)
        || !find_section(&s, err) || !read_section(&s, err)
        || !set_requested(&s, &difference_count, err))
        return false;
    if (s.is_postgres && difference_count == 0) {
        note(&s, "%s names this database already; nothing is changed", request->name);
        byte_buffer_put(out, request->bytes->data, request->bytes->size);
        return true;
    }
    if (s.is_postgres && !request->may_replace)
        return error_set(err, ERROR_REFUSED,
            "%s:%u: the \"database\" section names PostgreSQL already; nothing was written (--replace changes it)",
            request->name, s.section.line);
    if (!set_defaults(&s, err))
        return false;
    note_comments(&s);
    put_file(&s, out);
    return check_result(&s, out, err);
}
