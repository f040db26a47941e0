#include "base/command_line_json.h"

#include "base/json_writer.h"

static void put_choices(struct json_writer *w, const struct command_line_option *option)
{
    json_writer_name(w, "choices");
    if (option->choice == NULL) {
        json_writer_null(w);
        return;
    }
    json_writer_begin_array(w);
    for (size_t i = 0; option->choices[i] != NULL; i++)
        json_writer_text(w, option->choices[i]);
    json_writer_end_array(w);
}

/* How the help calls its value; NULL: it takes none, or one of its choices. */
static const char *value_name(const struct command_line_option *option)
{
    if (option->value_name != NULL || option->choice != NULL)
        return option->value_name;
    if (option->number != NULL)
        return "N";
    return option->text != NULL || option->list != NULL ? "TEXT" : NULL;
}

static void put_option(struct json_writer *w, const struct command_line_option *option)
{
    char letter[] = {option->letter, '\0'};

    json_writer_begin_object(w);
    if (option->heading != NULL) {
        json_writer_named_text(w, "heading", option->heading);
    } else {
        json_writer_named_text(w, "letter", option->letter == 0 ? NULL : letter);
        json_writer_named_text(w, "name", option->name);
        json_writer_named_text(w, "value", value_name(option));
        put_choices(w, option);
        json_writer_named_boolean(w, "repeats", option->list != NULL);
        json_writer_named_text(w, "help", option->help);
    }
    json_writer_end_object(w);
}

static void put_options(struct json_writer *w, const struct command_line *line)
{
    const struct command_line_option *lists[] = {line->options, command_line_built_in()};

    json_writer_name(w, "options");
    json_writer_begin_array(w);
    for (size_t i = 0; i < 2; i++) {
        for (const struct command_line_option *o = lists[i]; !command_line_is_last(o); o++)
            put_option(w, o);
    }
    json_writer_end_array(w);
}

static void put_commands(struct json_writer *w, const struct command_line *line)
{
    json_writer_name(w, "commands");
    json_writer_begin_array(w);
    for (const struct command_line_command *c = line->commands; c != NULL && c->name != NULL; c++) {
        json_writer_begin_object(w);
        json_writer_named_text(w, "name", c->name);
        json_writer_named_text(w, "summary", c->summary);
        json_writer_end_object(w);
    }
    json_writer_end_array(w);
}

/* Every line is a usage of its own. */
static void put_synopsis(struct json_writer *w, const char *synopsis)
{
    json_writer_name(w, "synopsis");
    json_writer_begin_array(w);
    for (;;) {
        size_t size = strcspn(synopsis, "\n");

        json_writer_bytes(w, synopsis, size);
        if (synopsis[size] == '\0')
            break;
        synopsis += size + 1;
    }
    json_writer_end_array(w);
}

void command_line_json_put(const struct command_line *line, struct byte_buffer *out)
{
    struct json_writer w = {.out = out};

    json_writer_begin_object(&w);
    json_writer_named_text(&w, "program", line->program);
    json_writer_named_text(&w, "version", VALISE_VERSION);
    put_synopsis(&w, line->synopsis == NULL ? "" : line->synopsis);
    json_writer_named_text(&w, "summary", line->summary);
    put_options(&w, line);
    put_commands(&w, line);
    json_writer_named_text(&w, "operand", line->operand_name);
    json_writer_named_text(&w, "epilogue", line->epilogue);
    json_writer_end_object(&w);
    json_writer_finish(&w);
}
