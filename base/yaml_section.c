#include "base/yaml_section.h"

#include <stdlib.h>
#include <yaml.h>

/* libyaml counts characters; this knows which byte that is. Moves forward only. */
struct position {
    size_t index;
    size_t offset;
};

struct finder {
    struct yaml_section *section;
    const char *name;
    const struct byte_buffer *bytes;
    const char *key;
    struct error *err;
    struct position position;
    size_t depth;      /* collections that are open */
    bool is_key_next;  /* of the outermost mapping */
    bool is_inside;    /* of the section */
    size_t end_offset; /* behind the last text of the section so far */
};

static bool refuse(const struct finder *f, yaml_mark_t mark, const char *text)
{
    return error_set(
        f->err, ERROR_USAGE, "%s:%zu:%zu: %s", f->name, mark.line + 1, mark.column + 1, text);
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static bool is_break(uint8_t byte)
{
    return byte == '\n' || byte == '\r';
}

static size_t offset_of(struct finder *f, yaml_mark_t mark)
{
    struct position *p = &f->position;

    while (p->index < mark.index && p->offset < f->bytes->size) {
        p->offset++;
        while (p->offset < f->bytes->size && (f->bytes->data[p->offset] & 0xC0) == 0x80)
            p->offset++;
        p->index++;
    }
    return p->offset;
}

/* Between two texts there are blanks, YAML's own signs, and comments. */
static void count_comments(struct finder *f, size_t from, size_t end)
{
    for (size_t i = from; i < end; i++) {
        if (f->bytes->data[i] != '#')
            continue;
        f->section->comment_count++;
        while (i < end && !is_break(f->bytes->data[i]))
            i++;
    }
}

/* --- begin and end ------------------------------------------------------------ */

/* Of the line at offset; of a last line without one, that of the line before it. */
static const char *line_break_at(const struct byte_buffer *bytes, size_t offset)
{
    const uint8_t *data = bytes->data;
    size_t at = offset;

    while (at < bytes->size && !is_break(data[at]))
        at++;
    if (at == bytes->size) {
        for (at = offset; at > 0 && !is_break(data[at - 1]); at--)
            ;
        if (at == 0 || data[at - 1] == '\r')
            return at == 0 ? "\n" : "\r";
        return at > 1 && data[at - 2] == '\r' ? "\r\n" : "\n";
    }
    if (data[at] == '\n')
        return "\n";
    return at + 1 < bytes->size && data[at + 1] == '\n' ? "\r\n" : "\r";
}

static bool begin(struct finder *f, const yaml_event_t *event)
{
    struct yaml_section *section = f->section;
    const uint8_t *data = f->bytes->data;
    size_t line_offset;

    section->is_found = true;
    section->offset = offset_of(f, event->start_mark);
    section->line = (unsigned)event->start_mark.line + 1;
    line_offset = section->offset;
    while (line_offset > 0 && is_blank(data[line_offset - 1]))
        line_offset--;
    if (line_offset > 0 && !is_break(data[line_offset - 1])
        && !(line_offset == 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0))
        return refuse(f, event->start_mark,
            "there is something before this key in its line, so it cannot be cut out safely; give it a line of its own");
    section->indent = section->offset - line_offset;
    section->line_break = line_break_at(f->bytes, section->offset);
    f->is_inside = true;
    f->end_offset = offset_of(f, event->end_mark);
    return true;
}

/* What follows in the last line may be a comment, which goes with the section. */
static bool end(struct finder *f, yaml_mark_t mark)
{
    const uint8_t *data = f->bytes->data;
    size_t offset = f->end_offset;
    size_t next;

    /* The colon of a key without a value was not seen as a text. */
    for (next = offset; next < f->bytes->size && (is_blank(data[next]) || data[next] == ':');
         next++)
        offset = data[next] == ':' ? next + 1 : offset;
    if (next < f->bytes->size && data[next] == '#') {
        f->section->comment_count++;
        for (; next < f->bytes->size && !is_break(data[next]); next++)
            offset = next + 1;
    }
    if (next < f->bytes->size && !is_break(data[next]))
        return refuse(f, mark,
            "the section before does not end with its line, so it cannot be cut out safely");
    f->section->size = offset - f->section->offset;
    f->is_inside = false;
    return true;
}

/* --- events ------------------------------------------------------------------- */

static bool check_plain(const struct finder *f, const yaml_event_t *event,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor != NULL)
        return refuse(f, event->start_mark,
            "has an anchor (\"&...\"), which other parts of the file may need; write it out");
    return tag == NULL
           || refuse(f, event->start_mark, "has a tag (\"!...\"), which is not understood here");
}

static bool check_event(const struct finder *f, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return refuse(f, event->start_mark, "is an alias (\"*...\"); write the value out");
    case YAML_SCALAR_EVENT:
        if (event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE
            || event->data.scalar.style == YAML_FOLDED_SCALAR_STYLE)
            return refuse(f, event->start_mark,
                "is a block text (\"|\" or \">\"), which cannot be cut out safely; write it in one line");
        return check_plain(f, event, event->data.scalar.anchor, event->data.scalar.tag);
    case YAML_SEQUENCE_START_EVENT:
        return check_plain(
            f, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return check_plain(
            f, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return true;
    }
    return true;
}

/* Has this event characters of its own? The ends of block collections stand anywhere. */
static bool has_text(const yaml_event_t *event)
{
    return event->end_mark.index > event->start_mark.index
           && (event->type == YAML_SCALAR_EVENT || event->type == YAML_SEQUENCE_START_EVENT
               || event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_END_EVENT
               || event->type == YAML_MAPPING_END_EVENT);
}

static bool on_inside(struct finder *f, const yaml_event_t *event)
{
    if (!check_event(f, event))
        return false;
    if (has_text(event)) {
        count_comments(f, f->end_offset, offset_of(f, event->start_mark));
        f->end_offset = offset_of(f, event->end_mark);
        f->section->last_line = (unsigned)event->end_mark.line + 1;
    }
    return true;
}

static bool on_outermost(const struct finder *f, const yaml_event_t *event)
{
    if (event->type == YAML_MAPPING_START_EVENT
        && event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE)
        return refuse(f, event->start_mark,
            "the whole file stands in braces ({...}), where no section can be cut out safely; write it with a line for each key");
    return true;
}

/* A node of the outermost mapping has ended. */
static bool on_node_end(struct finder *f, const yaml_event_t *event)
{
    if (!f->is_key_next && f->is_inside && !end(f, event->end_mark))
        return false;
    f->is_key_next = !f->is_key_next;
    return true;
}

static bool is_the_key(const struct finder *f, const yaml_event_t *event)
{
    return f->depth == 1 && f->is_key_next && event->type == YAML_SCALAR_EVENT
           && strcmp((const char *)event->data.scalar.value, f->key) == 0;
}

static bool on_event(struct finder *f, const yaml_event_t *event)
{
    bool starts =
        event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT;
    bool ends = event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT;
    bool is_node =
        starts || ends || event->type == YAML_SCALAR_EVENT || event->type == YAML_ALIAS_EVENT;

    if (event->type == YAML_STREAM_START_EVENT
        && event->data.stream_start.encoding != YAML_UTF8_ENCODING)
        return error_set(f->err, ERROR_USAGE,
            "%s: is in UTF-16, which Synapse does not read; save it as UTF-8", f->name);
    if (!is_node)
        return true;
    if (is_the_key(f, event) && (!check_event(f, event) || !begin(f, event)))
        return false;
    if (f->is_inside && !f->is_key_next && !on_inside(f, event))
        return false;
    if (f->depth == 0 && !on_outermost(f, event))
        return false;
    if (starts)
        f->depth++;
    if (ends)
        f->depth--;
    if (f->depth == 1 && !starts)
        return on_node_end(f, event);
    f->is_key_next = f->is_key_next || (f->depth == 1 && starts);
    return true;
}

static bool find(struct finder *f, yaml_parser_t *parser)
{
    for (;;) {
        yaml_event_t event;
        yaml_event_type_t type;
        bool done;

        if (!yaml_parser_parse(parser, &event))
            return error_set(
                f->err, ERROR_USAGE, "%s:%zu: is not YAML", f->name, parser->problem_mark.line + 1);
        type = event.type;
        done = on_event(f, &event);
        yaml_event_delete(&event);
        if (!done || type == YAML_STREAM_END_EVENT)
            return done;
    }
}

bool yaml_section_find(struct yaml_section *section, const char *name,
    const struct byte_buffer *bytes, const char *key, struct error *err)
{
    struct finder f = {.section = section, .name = name, .bytes = bytes, .key = key, .err = err};
    yaml_parser_t parser;
    bool done;

    *section = (struct yaml_section){0};
    if (bytes->size >= 3 && memcmp(bytes->data, "\xEF\xBB\xBF", 3) == 0)
        f.position.offset = 3;
    if (!yaml_parser_initialize(&parser))
        abort(); /* out of memory */
    yaml_parser_set_input_string(
        &parser, bytes->data == NULL ? (const uint8_t *)"" : bytes->data, bytes->size);
    done = find(&f, &parser);
    yaml_parser_delete(&parser);
    return done;
}
