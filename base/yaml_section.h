/*
 * Where one key of a YAML file stands, with its value, in bytes.
 *
 * For changing that part of a file that people wrote, and nothing else of it:
 * not a comment, a blank or a line break. What cannot be cut out with certainty
 * (anchors, aliases, tags, block texts, a file in braces) is refused by line and column.
 */
#ifndef BASE_YAML_SECTION_H
#define BASE_YAML_SECTION_H

#include "base/byte_buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct yaml_section {
    bool is_found;
    size_t offset; /* bytes before the key */
    size_t size;   /* to the end of the value's last line, its line break not included */
    size_t indent; /* blanks before the key in its line */
    unsigned line; /* of the key, from 1 */
    unsigned last_line;
    size_t comment_count;   /* comments between offset and the end */
    const char *line_break; /* of the key's line: "\n", "\r\n" or "\r" */
};

/*
 * Finds a key of the mapping that the document is. The bytes are a document that yaml_tree_parse()
 * accepts; messages call them name. Fails with ERROR_USAGE when the file is in UTF-16, or the
 * section cannot be cut out. A key that is not there is no error.
 */
MUST_CHECK bool yaml_section_find(struct yaml_section *section, const char *name,
    const struct byte_buffer *bytes, const char *key, struct error *err);

#endif
