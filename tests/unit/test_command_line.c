#include "base/command_line.h"
#include "base/owned.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 16

static const char *const modes[] = {"full", "counts", "none", NULL};

struct fixture {
    bool check;
    bool verbose;
    const char *output;
    uint64_t level;
    size_t mode;
    struct command_line_list bases;
    struct command_line_result result;
    struct error err;
    char *argv[ARGUMENTS_MAX];
};

/* Parses words separated by one space with a table of one option of each kind. */
static bool parse(struct fixture *f, char *words)
{
    const struct command_line_option options[] = {
        {.letter = 'o',
            .name = "output",
            .value_name = "FILE",
            .help = "where to",
            .text = &f->output},
        {.letter = 'l',
            .name = "level",
            .help = "how hard",
            .number = &f->level,
            .number_min = 1,
            .number_max = 22},
        {.heading = "Checks"},
        {.letter = 'c', .name = "check", .help = "check first", .flag = &f->check},
        {.letter = 'v', .help = "say more", .flag = &f->verbose},
        {.name = "verify", .help = "what to verify", .choice = &f->mode, .choices = modes},
        {.name = "base", .value_name = "FILE", .help = "may be repeated", .list = &f->bases},
        {0},
    };
    const struct command_line line = {
        .program = "packer",
        .synopsis = "[-o FILE] SNAPSHOT",
        .summary = "Packs a snapshot.",
        .options = options,
        .epilogue = "Exit status: 0 is done.",
        .operand_name = "SNAPSHOT",
        .operand_min = 1,
        .operand_max = 2,
    };
    static char program[] = "packer";
    int argc = 1;

    *f = (struct fixture){.level = 3, .argv = {program}};
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
        f->argv[argc++] = word;
    f->argv[argc] = NULL;
    return command_line_parse(&line, argc, f->argv, &f->result, &f->err);
}

static void release(struct fixture *f)
{
    command_line_list_release(&f->bases);
    command_line_result_release(&f->result);
}

static void values_arrive(void **state)
{
    struct fixture f;
    char words[] = "one.db -cvo out --level=19 --verify counts --base a --base=b -- -two";

    (void)state;
    assert_true(parse(&f, words));
    assert_true(f.check && f.verbose);
    assert_string_equal(f.output, "out");
    assert_int_equal(f.level, 19);
    assert_int_equal(f.mode, 1);
    assert_int_equal(f.bases.count, 2);
    assert_string_equal(f.bases.items[1], "b");
    assert_int_equal(f.result.operand_count, 2);
    assert_string_equal(f.result.operands[0], "one.db");
    assert_string_equal(f.result.operands[1], "-two");
    assert_null(f.result.operands[2]);
    release(&f);
}

static void defaults_stay_and_the_last_counts(void **state)
{
    struct fixture f;
    char words[] = "- -oa -o b --output=";

    (void)state;
    assert_true(parse(&f, words));
    assert_int_equal(f.level, 3);
    assert_string_equal(f.output, "");
    assert_string_equal(f.result.operands[0], "-");
    release(&f);
}

static void wrong_lines_are_refused(void **state)
{
    static const struct {
        const char *words;
        const char *expected;
    } cases[] = {
        {"a --lewel 3", "there is no option \"--lewel\"; did you mean \"--level\"?"},
        {"a --hepl", "did you mean \"--help\"?"},
        {"a --qqqqqqqqqq", "there is no option \"--qqqqqqqqqq\" (--help lists all)"},
        {"a -cx", "there is no option \"-x\""},
        {"a --level", "option \"--level\" needs a value"},
        {"a -l 23", "option \"-l\" is \"23\", expected a number from 1 to 22"},
        {"a --level=3x", "option \"--level\" is \"3x\""},
        {"a --level=-1", "option \"--level\" is \"-1\""},
        {"a --level=99999999999999999999", "expected a number from 1 to 22"},
        {"a --level=", "option \"--level\" is \"\""},
        {"a --check=yes", "option \"--check\" takes no value"},
        {"a --help=yes", "option \"--help\" takes no value"},
        {"a --verify=all", "expected one of full|counts|none"},
        {"-c", "SNAPSHOT is missing: packer [-o FILE] SNAPSHOT"},
        {"a b c", "3 times SNAPSHOT is given, at most 2 expected: \"c\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct fixture f;
        char words[80];

        snprintf(words, sizeof(words), "%s", cases[i].words);
        assert_false(parse(&f, words));
        assert_int_equal(f.err.kind, ERROR_USAGE);
        if (strstr(f.err.text, cases[i].expected) == NULL)
            fail_msg("\"%s\": \"%s\" lacks \"%s\"", cases[i].words, f.err.text, cases[i].expected);
        release(&f);
    }
}

static void help_and_version_come_from_the_table(void **state)
{
    static const char *const expected = "usage: packer [-o FILE] SNAPSHOT\n"
                                        "\n"
                                        "Packs a snapshot.\n"
                                        "\n"
                                        "Options:\n"
                                        "  -o, --output=FILE       where to\n"
                                        "  -l, --level=N           how hard\n"
                                        "\n"
                                        "Checks:\n"
                                        "  -c, --check             check first\n"
                                        "  -v                      say more\n"
                                        "      --verify=full|counts|none\n"
                                        "                          what to verify\n"
                                        "      --base=FILE         may be repeated\n"
                                        "  -h, --help              print this text and exit\n"
                                        "  -V, --version           print the version and exit\n"
                                        "\n"
                                        "Exit status: 0 is done.\n";
    struct fixture f;
    char help[] = "--help";
    char version[] = "-V --level";

    (void)state;
    assert_true(parse(&f, help));
    byte_buffer_put_u8(&f.result.answer, 0);
    assert_string_equal((const char *)f.result.answer.data, expected);
    release(&f);
    assert_true(parse(&f, version));
    byte_buffer_put_u8(&f.result.answer, 0);
    assert_string_equal((const char *)f.result.answer.data, "packer " VALISE_VERSION "\n");
    release(&f);
}

static void long_help_is_wrapped(void **state)
{
    bool flag = false;
    const struct command_line_option options[] = {
        {.name = "flag",
            .flag = &flag,
            .help =
                "aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii jjjj kkkk llll mmmm\nsecond line"},
        {0},
    };
    const struct command_line line = {.program = "p", .synopsis = "\n--flag", .options = options};
    OWNED(byte_buffer) struct byte_buffer out = {0};

    (void)state;
    command_line_help(&line, &out);
    byte_buffer_put_u8(&out, 0);
    assert_string_equal((const char *)out.data,
        "usage: p\n"
        "       p --flag\n"
        "\n"
        "Options:\n"
        "      --flag              aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii jjjj kkkk\n"
        "                          llll mmmm\n"
        "                          second line\n"
        "  -h, --help              print this text and exit\n"
        "  -V, --version           print the version and exit\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(defaults_stay_and_the_last_counts),
        cmocka_unit_test(wrong_lines_are_refused),
        cmocka_unit_test(help_and_version_come_from_the_table),
        cmocka_unit_test(long_help_is_wrapped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
