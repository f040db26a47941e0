#include "tools/create_name.h"

#include "base/owned.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define LABEL_SIZE 24 /* of "pkey" and a number */

static size_t clip(const struct byte_buffer *text, size_t size)
{
    while (size > 0 && !utf8_is_valid(text->data, size))
        size--;
    return size;
}

/* As makeObjectName() of PostgreSQL's indexcmds.c does: the longer of both is cut first. */
static void make_name(struct byte_buffer *out, const struct create_name *name, unsigned number)
{
    OWNED(byte_buffer) struct byte_buffer first = {0};
    OWNED(byte_buffer) struct byte_buffer second = {0};
    char label[LABEL_SIZE];
    size_t first_size;
    size_t second_size;
    size_t room;

    snprintf(label, sizeof(label), number == 0 ? "_%s" : "_%s%u", name->kind, number);
    byte_buffer_put(&first, name->table->name.bytes, name->table->name.size);
    for (size_t i = 0; i < name->column_count && second.size <= CREATE_SCRIPT_NAME_SIZE_MAX; i++)
        byte_buffer_format(
            &second, "%s%s", i == 0 ? "" : "_", name->table->columns[name->columns[i]].name.bytes);
    first_size = first.size;
    second_size = second.size;
    room = CREATE_SCRIPT_NAME_SIZE_MAX - strlen(label) - (second_size > 0 ? 1 : 0);
    while (first_size + second_size > room)
        if (first_size > second_size)
            first_size--;
        else
            second_size--;
    byte_buffer_put(out, first.data, clip(&first, first_size));
    if (second_size > 0)
        byte_buffer_format(out, "_");
    byte_buffer_put(out, second.data, clip(&second, second_size));
    byte_buffer_put_text(out, label);
}

static bool is_taken(const struct schema *schema, const struct byte_buffer *name)
{
    for (uint32_t i = 0; i < schema->entry_count; i++) {
        const struct schema_entry *entry = &schema->entries[i];

        if ((entry->type == SCHEMA_ENTRY_TABLE || entry->type == SCHEMA_ENTRY_INDEX)
            && entry->name.size == name->size
            && memcmp(entry->name.bytes, name->data, name->size) == 0)
            return true;
    }
    return false;
}

void create_name_put(struct byte_buffer *out, const struct schema *schema, const char *prefix,
    const struct create_name *name)
{
    OWNED(byte_buffer) struct byte_buffer made = {0};
    struct schema_text text;
    unsigned number = 0;

    make_name(&made, name, number);
    if (!is_taken(schema, &made))
        return;
    do {
        made.size = 0;
        make_name(&made, name, ++number);
    } while (is_taken(schema, &made));
    byte_buffer_put_u8(&made, '\0');
    text = (struct schema_text){(const char *)made.data, made.size - 1};
    byte_buffer_format(out, "%s ", prefix);
    schema_put_name(out, &text);
    byte_buffer_format(out, " ");
}
