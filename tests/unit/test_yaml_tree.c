#include "base/byte_buffer.h"
#include "base/owned.h"
#include "base/yaml_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static bool parse(struct yaml_tree *tree, const char *text, struct error *err)
{
    return yaml_tree_parse(tree, "t.yaml", text, strlen(text), err);
}

static void nodes_know_where_they_stand(void **state)
{
    OWNED(yaml_tree) struct yaml_tree tree = {0};
    struct error err;
    const struct yaml_tree_node *list;

    (void)state;
    assert_true(parse(&tree, "a: 1\nb:\n  c: [x, \"2\", ~]\n", &err));
    assert_int_equal(tree.root->kind, YAML_TREE_MAPPING);
    assert_int_equal(tree.root->count, 2);
    list = yaml_tree_get(yaml_tree_get(tree.root, "b"), "c");
    assert_int_equal(list->kind, YAML_TREE_SEQUENCE);
    assert_int_equal(list->line, 3);
    assert_int_equal(list->column, 6);
    assert_int_equal(list->count, 3);
    assert_int_equal(list->items[1]->column, 10);
    assert_false(list->items[1]->is_plain);
    assert_true(yaml_tree_is_null(list->items[2]));
    assert_true(yaml_tree_has(list, "x"));
    assert_false(yaml_tree_has(list, "y"));
    assert_null(yaml_tree_get(tree.root, "c"));
    assert_null(yaml_tree_get(list, "c"));
}

static void an_alias_shares_its_anchor(void **state)
{
    OWNED(yaml_tree) struct yaml_tree tree = {0};
    struct error err;

    (void)state;
    assert_true(parse(&tree, "a: &x {k: v}\nb: *x\nc: &x 7\nd: *x\n", &err));
    assert_ptr_equal(yaml_tree_get(tree.root, "a"), yaml_tree_get(tree.root, "b"));
    assert_string_equal(yaml_tree_get(tree.root, "d")->text, "7");
}

static void typed_lookups(void **state)
{
    OWNED(yaml_tree) struct yaml_tree tree = {0};
    static const char *const modes[] = {"one", "two", NULL};
    struct error err;
    struct yaml_tree_place at;
    const char *text = "default";
    const struct yaml_tree_node *node = NULL;
    bool yes = false;
    int64_t number = 0;
    size_t choice = 9;

    (void)state;
    assert_true(parse(&tree, "t: word\ny: on\nn: -42\nm: {}\ns: []\nc: two\nz:\n", &err));
    at = (struct yaml_tree_place){&tree, tree.root};
    assert_true(yaml_tree_text(at, "absent", &text, &err));
    assert_true(yaml_tree_text(at, "z", &text, &err));
    assert_string_equal(text, "default");
    assert_true(yaml_tree_text(at, "t", &text, &err));
    assert_string_equal(text, "word");
    assert_true(yaml_tree_boolean(at, "y", &yes, &err));
    assert_true(yes);
    assert_true(yaml_tree_number(at, "n", &number, &err));
    assert_int_equal(number, -42);
    assert_true(yaml_tree_mapping(at, "m", &node, &err));
    assert_int_equal(node->kind, YAML_TREE_MAPPING);
    assert_true(yaml_tree_sequence(at, "s", &node, &err));
    assert_int_equal(node->kind, YAML_TREE_SEQUENCE);
    assert_true(yaml_tree_choice(at, "c", modes, &choice, &err));
    assert_int_equal(choice, 1);

    assert_false(yaml_tree_boolean(at, "t", &yes, &err));
    assert_string_equal(
        err.text, "t.yaml:1:4: \"t\" is \"word\", expected true or false without quotes");
    assert_false(yaml_tree_number(at, "t", &number, &err));
    assert_string_equal(err.text, "t.yaml:1:4: \"t\" is \"word\", expected a whole number");
    assert_false(yaml_tree_text(at, "m", &text, &err));
    assert_string_equal(
        err.text, "t.yaml:4:4: \"m\" is a mapping (\"key: value\"), expected a single value");
    assert_false(yaml_tree_choice(at, "t", modes, &choice, &err));
    assert_string_equal(err.text, "t.yaml:1:4: \"t\" is \"word\", expected \"one\" or \"two\"");
    assert_false(yaml_tree_only(at, modes, &err));
    assert_string_equal(
        err.text, "t.yaml:1:1: there is no \"t\" here, expected \"one\" or \"two\"");
}

static void bad_documents_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"", "t.yaml: is empty"},
        {"# only a comment\n", "t.yaml: is empty"},
        {"a: 1\nb: [1, 2\n", "t.yaml:3:1: is not YAML"},
        {"a: 1\n\tb: 2\n", "t.yaml:2:1: is not YAML"},
        {"a: 1\nb: 2\na: 3\n", "t.yaml:3:1: the key \"a\" occurs twice, first in line 1"},
        {"a: 1\n---\nb: 2\n", "t.yaml:2:1: a second document"},
        {"a: !secret x\n", "t.yaml:1:4: has a tag"},
        {"a: !!python/object:os.system {}\n", "t.yaml:1:4: has a tag"},
        {"a: *nobody\n", "t.yaml:1:4: is an alias without an anchor"},
        {"a: &x [*x]\n", "t.yaml:1:8: is an alias inside the value it refers to"},
        {"? [a, b]\n: 1\n", "t.yaml:1:3: a key is a list or a mapping"},
        {"a: &x {}\nb:\n  <<: *x\n", "t.yaml:3:3: merge keys"},
        {"a: \"x\\0y\"\n", "t.yaml:1:4: has a NUL"},
        {"a: \xff\xfe\n", "is not a text in UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        OWNED(yaml_tree) struct yaml_tree tree = {0};
        struct error err;

        assert_false(parse(&tree, cases[i].text, &err));
        assert_int_equal(err.kind, ERROR_USAGE);
        if (strstr(err.text, cases[i].expected) == NULL)
            fail_msg("\"%s\": \"%s\" lacks \"%s\"", cases[i].text, err.text, cases[i].expected);
    }
}

static void a_bomb_is_refused(void **state)
{
    OWNED(yaml_tree) struct yaml_tree tree = {0};
    OWNED(byte_buffer) struct byte_buffer text = {0};
    struct error err;
    char line[128];

    (void)state;
    byte_buffer_put(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n", 30);
    for (int i = 1; i < 12; i++) {
        int size = snprintf(line, sizeof(line),
            "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1,
            i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
        byte_buffer_put(&text, line, (size_t)size);
    }
    assert_false(yaml_tree_parse(&tree, "t.yaml", text.data, text.size, &err));
    assert_non_null(strstr(err.text, "has too many values"));
}

static void depth_is_bounded(void **state)
{
    char nested[2 * YAML_TREE_DEPTH_MAX + 3];
    struct error err;

    (void)state;
    for (size_t depth = YAML_TREE_DEPTH_MAX - 1; depth <= YAML_TREE_DEPTH_MAX + 1; depth++) {
        OWNED(yaml_tree) struct yaml_tree tree = {0};

        memset(nested, '[', depth);
        memset(nested + depth, ']', depth);
        assert_int_equal(yaml_tree_parse(&tree, "t.yaml", nested, 2 * depth, &err),
            depth <= YAML_TREE_DEPTH_MAX);
    }
    assert_non_null(strstr(err.text, "is nested too deep"));
}

static void a_missing_file_is_named(void **state)
{
    OWNED(yaml_tree) struct yaml_tree tree = {0};
    struct error err;

    (void)state;
    assert_false(yaml_tree_read(&tree, "/nonexistent/t.yaml", &err));
    assert_int_equal(err.kind, ERROR_IO);
    assert_non_null(strstr(err.text, "/nonexistent/t.yaml"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_know_where_they_stand),
        cmocka_unit_test(an_alias_shares_its_anchor),
        cmocka_unit_test(typed_lookups),
        cmocka_unit_test(bad_documents_are_refused),
        cmocka_unit_test(a_bomb_is_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(a_missing_file_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
