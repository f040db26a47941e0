#include "base/command_line.h"

#include "base/command_line_json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_WIDTH 80     /* columns */
#define COMMAND_INDENT 12 /* column where the text of a command starts */
#define HELP_INDENT 26    /* column where the text of an option starts */

static const struct command_line_option built_in[] = {
    {.letter = 'h', .name = "help", .help = "print this text and exit"},
    {.letter = 'V', .name = "version", .help = "print the version and exit"},
    {0},
};

void command_line_list_release(struct command_line_list *list)
{
    free(list->items);
    *list = (struct command_line_list){0};
}

void command_line_result_release(struct command_line_result *result)
{
    byte_buffer_release(&result->answer);
    *result = (struct command_line_result){0};
}

const struct command_line_option *command_line_built_in(void)
{
    return built_in;
}

bool command_line_is_last(const struct command_line_option *option)
{
    return option->name == NULL && option->letter == 0 && option->heading == NULL;
}

static bool is_heading(const struct command_line_option *option)
{
    return option->name == NULL && option->letter == 0;
}

static bool takes_value(const struct command_line_option *option)
{
    return option->text != NULL || option->list != NULL || option->number != NULL
           || option->choice != NULL;
}

/* --- help ----------------------------------------------------------------- */

static void put(struct byte_buffer *out, const char *text)
{
    byte_buffer_put_text(out, text);
}

static void put_spaces(struct byte_buffer *out, size_t count)
{
    while (count-- > 0)
        byte_buffer_put_u8(out, ' ');
}

/* Appends one line broken at spaces; the cursor is at indent, where further lines start too. */
static void put_words(struct byte_buffer *out, const char *text, size_t size, size_t indent)
{
    size_t column = indent;

    for (size_t at = 0; at < size;) {
        size_t word = strcspn(text + at, " \n");
        bool is_first = column == indent;

        if (!is_first && column + 1 + word > HELP_WIDTH) {
            byte_buffer_put_u8(out, '\n');
            put_spaces(out, indent);
            column = indent;
        } else if (!is_first) {
            put_spaces(out, 1);
            column++;
        }
        byte_buffer_put(out, text + at, word);
        column += word;
        at += word + strspn(text + at + word, " ");
    }
}

/* Appends lines, each of which is broken where it is too long. */
static void put_wrapped(struct byte_buffer *out, const char *text, size_t indent)
{
    for (;;) {
        size_t size = strcspn(text, "\n");

        put_words(out, text, size, indent);
        byte_buffer_put_u8(out, '\n');
        text += size;
        if (text[0] == '\0' || text[1] == '\0')
            return;
        text++;
        put_spaces(out, text[0] == '\n' ? 0 : indent);
    }
}

static void put_choices(struct byte_buffer *out, const char *const *choices)
{
    for (size_t i = 0; choices[i] != NULL; i++) {
        if (i > 0)
            byte_buffer_put_u8(out, '|');
        put(out, choices[i]);
    }
}

static void put_value(struct byte_buffer *out, const struct command_line_option *option)
{
    byte_buffer_put_u8(out, option->name == NULL ? ' ' : '=');
    if (option->value_name != NULL)
        put(out, option->value_name);
    else if (option->choice != NULL)
        put_choices(out, option->choices);
    else
        put(out, option->number != NULL ? "N" : "TEXT");
}

static void put_option(struct byte_buffer *out, const struct command_line_option *option)
{
    size_t start = out->size;
    char letter[] = {'-', option->letter, '\0'};

    put(out, "  ");
    put(out, option->letter == 0 ? "  " : letter);
    if (option->name != NULL) {
        put(out, option->letter == 0 ? "  --" : ", --");
        put(out, option->name);
    }
    if (takes_value(option))
        put_value(out, option);
    if (out->size - start + 2 > HELP_INDENT) {
        byte_buffer_put_u8(out, '\n');
        start = out->size;
    }
    put_spaces(out, HELP_INDENT - (out->size - start));
    put_wrapped(out, option->help == NULL ? "" : option->help, HELP_INDENT);
}

static void put_options(struct byte_buffer *out, const struct command_line_option *options)
{
    if (!is_heading(&options[0]))
        put(out, "\nOptions:\n");
    for (size_t i = 0; !command_line_is_last(&options[i]); i++) {
        if (!is_heading(&options[i])) {
            put_option(out, &options[i]);
            continue;
        }
        byte_buffer_put_u8(out, '\n');
        put(out, options[i].heading);
        put(out, ":\n");
    }
}

static void put_commands(struct byte_buffer *out, const struct command_line *line)
{
    put(out, "\nCommands (");
    put(out, line->program);
    put(out, " COMMAND --help explains):\n");
    for (const struct command_line_command *c = line->commands; c->name != NULL; c++) {
        size_t start = out->size;

        put(out, "  ");
        put(out, c->name);
        put_spaces(out, COMMAND_INDENT - (out->size - start));
        put_wrapped(out, c->summary, COMMAND_INDENT);
    }
}

void command_line_help(const struct command_line *line, struct byte_buffer *out)
{
    const char *usage = line->synopsis;
    const char *before = "usage: ";

    while (usage != NULL) {
        size_t size = strcspn(usage, "\n");

        put(out, before);
        put(out, line->program);
        put(out, size > 0 ? " " : "");
        byte_buffer_put(out, usage, size);
        put(out, "\n");
        usage = usage[size] == '\0' ? NULL : usage + size + 1;
        before = "       ";
    }
    if (line->summary != NULL) {
        put(out, "\n");
        put_wrapped(out, line->summary, 0);
    }
    put_options(out, line->options);
    if (command_line_is_last(&line->options[0]))
        put(out, "\nOptions:\n");
    for (size_t i = 0; !command_line_is_last(&built_in[i]); i++)
        put_option(out, &built_in[i]);
    if (line->commands != NULL)
        put_commands(out, line);
    if (line->epilogue != NULL) {
        put(out, "\n");
        put(out, line->epilogue);
    }
    if (out->data[out->size - 1] != '\n')
        put(out, "\n");
}

/* --- parsing -------------------------------------------------------------- */

struct parser {
    const struct command_line *line;
    int argc;
    char **argv;
    int next; /* index of the argument to be read */
    struct command_line_result *result;
};

/* How an option was written, for messages: "--level" or "-l". */
struct spelling {
    const char *dashes;
    const char *name;
    int name_size;
};

static bool is_named(const struct command_line_option *option, const char *name, size_t name_size)
{
    return option->name != NULL && strlen(option->name) == name_size
           && memcmp(option->name, name, name_size) == 0;
}

static const struct command_line_option *find(
    const struct command_line_option *options, const char *name, size_t name_size, char letter)
{
    for (; !command_line_is_last(options); options++) {
        if (name != NULL ? is_named(options, name, name_size)
                         : options->letter != 0 && options->letter == letter)
            return options;
    }
    return NULL;
}

/* Levenshtein's distance, of names no longer than the row. */
static size_t distance(const char *left, size_t left_size, const char *right)
{
    size_t right_size = strlen(right);
    size_t row[64];

    if (left_size >= 64 || right_size >= 64)
        return SIZE_MAX;
    for (size_t i = 0; i <= right_size; i++)
        row[i] = i;
    for (size_t i = 1; i <= left_size; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= right_size; j++) {
            size_t best = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[right_size];
}

static void find_nearest(const struct command_line_option *options, const char *name,
    size_t name_size, const char **nearest, size_t *nearest_distance)
{
    for (; !command_line_is_last(options); options++) {
        size_t found;

        if (options->name == NULL)
            continue;
        found = distance(name, name_size, options->name);
        if (found < *nearest_distance) {
            *nearest_distance = found;
            *nearest = options->name;
        }
    }
}

static bool unknown_option(const struct parser *p, const struct spelling *as, struct error *err)
{
    const char *nearest = NULL;
    size_t nearest_distance = 4;

    if (as->name_size > 1) {
        find_nearest(
            p->line->options, as->name, (size_t)as->name_size, &nearest, &nearest_distance);
        find_nearest(built_in, as->name, (size_t)as->name_size, &nearest, &nearest_distance);
    }
    if (nearest != NULL)
        return error_set(err, ERROR_USAGE,
            "there is no option \"%s%.*s\"; did you mean \"--%s\"? (--help lists all)", as->dashes,
            as->name_size, as->name, nearest);
    return error_set(err, ERROR_USAGE, "there is no option \"%s%.*s\" (--help lists all)",
        as->dashes, as->name_size, as->name);
}

static bool parse_number(const struct command_line_option *option, const struct spelling *as,
    const char *value, struct error *err)
{
    uint64_t number = 0;
    bool is_sound = value[0] != '\0' && strlen(value) <= 19;

    for (size_t i = 0; is_sound && value[i] != '\0'; i++) {
        is_sound = value[i] >= '0' && value[i] <= '9';
        number = number * 10 + (uint64_t)(value[i] - '0');
    }
    if (!is_sound || number < option->number_min || number > option->number_max)
        return error_set(err, ERROR_USAGE,
            "option \"%s%.*s\" is \"%s\", expected a number from %" PRIu64 " to %" PRIu64,
            as->dashes, as->name_size, as->name, value, option->number_min, option->number_max);
    *option->number = number;
    return true;
}

static bool parse_choice(const struct command_line_option *option, const struct spelling *as,
    const char *value, struct error *err)
{
    struct byte_buffer all = {0};

    for (size_t i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(option->choices[i], value) == 0) {
            *option->choice = i;
            return true;
        }
    }
    put_choices(&all, option->choices);
    error_set(err, ERROR_USAGE, "option \"%s%.*s\" is \"%s\", expected one of %.*s", as->dashes,
        as->name_size, as->name, value, (int)all.size, (const char *)all.data);
    byte_buffer_release(&all);
    return false;
}

static bool store(const struct command_line_option *option, const struct spelling *as,
    const char *value, struct error *err)
{
    if (option->number != NULL)
        return parse_number(option, as, value, err);
    if (option->choice != NULL)
        return parse_choice(option, as, value, err);
    if (option->list != NULL) {
        struct command_line_list *list = option->list;

        list->items = byte_buffer_realloc(list->items, (list->count + 1) * sizeof(*list->items));
        list->items[list->count++] = value;
        return true;
    }
    *option->text = value;
    return true;
}

static bool answer(struct parser *p, const struct command_line_option *option, const char *attached)
{
    assert(option == &built_in[0] || option == &built_in[1]);
    if (attached != NULL) {
        command_line_json_put(p->line, &p->result->answer);
    } else if (option->letter == 'h') {
        command_line_help(p->line, &p->result->answer);
    } else {
        put(&p->result->answer, p->line->program);
        put(&p->result->answer, " " VALISE_VERSION "\n");
    }
    return true;
}

/* Takes one option whose value, if attached is not NULL, is in the same argument. */
static bool take(struct parser *p, const struct command_line_option *option,
    const struct spelling *as, const char *attached, struct error *err)
{
    if (!takes_value(option)) {
        bool is_json = option == &built_in[0] && attached != NULL && strcmp(attached, "json") == 0;

        if (attached != NULL && !is_json)
            return error_set(err, ERROR_USAGE, "option \"%s%.*s\" takes no value", as->dashes,
                as->name_size, as->name);
        if (option->flag == NULL)
            return answer(p, option, attached);
        *option->flag = true;
        return true;
    }
    if (attached == NULL && p->next >= p->argc)
        return error_set(err, ERROR_USAGE, "option \"%s%.*s\" needs a value", as->dashes,
            as->name_size, as->name);
    return store(option, as, attached != NULL ? attached : p->argv[p->next++], err);
}

static bool take_long(struct parser *p, const char *argument, struct error *err)
{
    const char *name = argument + 2;
    size_t size = strcspn(name, "=");
    struct spelling as = {.dashes = "--", .name = name, .name_size = (int)size};
    const struct command_line_option *option = find(p->line->options, name, size, 0);

    if (option == NULL)
        option = find(built_in, name, size, 0);
    if (option == NULL)
        return unknown_option(p, &as, err);
    return take(p, option, &as, name[size] == '=' ? name + size + 1 : NULL, err);
}

/* "-vo FILE": letters without a value may stand together, the last one may take one. */
static bool take_letters(struct parser *p, const char *argument, struct error *err)
{
    for (const char *letter = argument + 1; *letter != '\0'; letter++) {
        struct spelling as = {.dashes = "-", .name = letter, .name_size = 1};
        const struct command_line_option *option = find(p->line->options, NULL, 0, *letter);

        if (option == NULL)
            option = find(built_in, NULL, 0, *letter);
        if (option == NULL)
            return unknown_option(p, &as, err);
        if (takes_value(option))
            return take(p, option, &as, letter[1] != '\0' ? letter + 1 : NULL, err);
        if (!take(p, option, &as, NULL, err))
            return false;
    }
    return true;
}

static bool check_operands(const struct parser *p, struct error *err)
{
    const struct command_line *line = p->line;
    size_t count = p->result->operand_count;

    if (count < line->operand_min)
        return error_set(err, ERROR_USAGE, "%s is missing: %s %.*s (--help explains)",
            line->operand_name, line->program, (int)strcspn(line->synopsis, "\n"), line->synopsis);
    if (count > line->operand_max && line->operand_max == 0)
        return error_set(
            err, ERROR_USAGE, "\"%s\" is not expected (--help explains)", p->result->operands[0]);
    if (count > line->operand_max)
        return error_set(err, ERROR_USAGE, "%zu times %s is given, at most %zu expected: \"%s\"",
            count, line->operand_name, line->operand_max, p->result->operands[line->operand_max]);
    return true;
}

bool command_line_parse(const struct command_line *line, int argc, char **argv,
    struct command_line_result *result, struct error *err)
{
    struct parser p = {.line = line, .argc = argc, .argv = argv, .next = 1, .result = result};
    bool options_ended = false;

    assert(argc > 0);
    *result = (struct command_line_result){.operands = argv + 1};
    while (p.next < argc && result->answer.size == 0) {
        char *argument = argv[p.next++];

        if (options_ended || argument[0] != '-' || argument[1] == '\0') {
            result->operands[result->operand_count++] = argument;
            options_ended = options_ended || line->ends_at_operand;
        } else if (strcmp(argument, "--") == 0) {
            options_ended = true;
        } else if (argument[1] == '-' ? !take_long(&p, argument, err)
                                      : !take_letters(&p, argument, err)) {
            return false;
        }
    }
    if (result->answer.size > 0)
        return true;
    result->operands[result->operand_count] = NULL;
    return check_operands(&p, err);
}
