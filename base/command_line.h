/*
 * The command line as a table.
 *
 * A program describes its options once; parsing, the error for a wrong option
 * and the text of --help come from that one table. Every program understands
 * --help (-h) and --version (-V) by itself; --help=json prints the table as data. An option may
 * follow an operand,
 * "--" ends the options, "-" is an operand, a value follows as "--name VALUE",
 * "--name=VALUE", "-n VALUE" or "-nVALUE". Given twice, the last one counts.
 */
#ifndef BASE_COMMAND_LINE_H
#define BASE_COMMAND_LINE_H

#include "base/byte_buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The values of an option that may be given more than once. Zero-initialise. */
struct command_line_list {
    const char **items; /* owned array of texts borrowed from argv */
    size_t count;
};

void command_line_list_release(struct command_line_list *list);

/*
 * One option, or a heading of the help text (heading alone is set). Exactly
 * one of flag, text, list, number and choice says where the value goes. The
 * target keeps what it was when the option is not given: that is the default.
 */
struct command_line_option {
    const char *heading;
    char letter;            /* as in "-o"; 0: none */
    const char *name;       /* as in "--output", without the dashes */
    const char *value_name; /* in the help: "FILE"; for a choice NULL: the choices themselves */
    const char *help;       /* may have several lines; long ones are wrapped */

    bool *flag;                     /* set to true; takes no value */
    const char **text;              /* borrowed from argv */
    struct command_line_list *list; /* appended to */
    uint64_t *number;               /* decimal, number_min to number_max */
    uint64_t number_min;
    uint64_t number_max;
    size_t *choice;             /* index into choices */
    const char *const *choices; /* ended by NULL */
};

/* A command of a program, for its help. */
struct command_line_command {
    const char *name;
    const char *summary; /* one line */
};

/* A whole program, or one command of it. */
struct command_line {
    const char *program; /* "valise-dump", "valise info" */
    const char
        *synopsis;       /* what follows it on the usage line; each further line is another usage */
    const char *summary; /* a paragraph below; NULL: none */
    const struct command_line_option *options;   /* ended by a zeroed entry */
    const struct command_line_command *commands; /* ended by a zeroed entry; NULL: none */
    const char
        *epilogue; /* text below the options (exit statuses, examples), as it is; NULL: none */
    const char *operand_name; /* in errors: "SNAPSHOT"; NULL when operand_max is 0 */
    size_t operand_min;
    size_t operand_max;
    bool ends_at_operand; /* the first operand ends the options, as before a command's name */
};

struct command_line_result {
    struct byte_buffer answer; /* owned; not empty: print it on standard output, exit with 0 */
    char **operands;           /* borrowed from argv, which is reordered; NULL-ended */
    size_t operand_count;
};

void command_line_result_release(struct command_line_result *result);

/*
 * Parses argv[1..argc-1] into the targets and fills result (zeroed before). When --help or
 * --version occurs, only result->answer is meaningful. Fails with ERROR_USAGE; the text names the
 * option, and the nearest known one when it is unknown.
 */
MUST_CHECK bool command_line_parse(const struct command_line *line, int argc, char **argv,
    struct command_line_result *result, struct error *err);

/* The options that every program has, and whether this entry ends a table of options. */
const struct command_line_option *command_line_built_in(void);
bool command_line_is_last(const struct command_line_option *option);

/* Appends the text of --help. */
void command_line_help(const struct command_line *line, struct byte_buffer *out);

#endif
