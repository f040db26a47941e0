/*
 * limit_index: runs the statements on standard input, one a line, on several
 * connections. An empty line waits until all before it are done.
 */
#include "base/byte_buffer.h"
#include "base/owned.h"
#include "limit_workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct statements {
    char **lines; /* owned, as are the strings */
    size_t count;
};

static void statements_release(struct statements *statements)
{
    for (size_t i = 0; i < statements->count; i++)
        free(statements->lines[i]);
    free(statements->lines);
    *statements = (struct statements){0};
}

/* Reads up to an empty line or the end of the input. */
static void read_stage(struct statements *statements)
{
    char *line = NULL;
    size_t room = 0;

    while (getline(&line, &room, stdin) > 0 && line[0] != '\n') {
        statements->lines = byte_buffer_realloc(
            statements->lines, (statements->count + 1) * sizeof(*statements->lines));
        statements->lines[statements->count++] = line;
        line = NULL;
        room = 0;
    }
    free(line);
}

static bool run_statement(PGconn *connection, void *context, size_t task, struct error *err)
{
    const struct statements *statements = context;

    return limit_workers_command(connection, statements->lines[task], err);
}

static bool run(size_t connection_count, struct error *err)
{
    while (!feof(stdin)) {
        OWNED(statements) struct statements stage = {0};

        read_stage(&stage);
        if (ferror(stdin))
            return error_set_errno(err, "cannot read standard input");
        if (!limit_workers_run(connection_count, stage.count, run_statement, &stage, err))
            return false;
    }
    return true;
}

int main(int count, char **arguments)
{
    struct error err;

    if (count != 2 || limit_workers_parse(arguments[1]) == 0) {
        fprintf(stderr, "usage: limit_index CONNECTIONS <STATEMENTS\n");
        return ERROR_USAGE;
    }
    if (!run(limit_workers_parse(arguments[1]), &err)) {
        fprintf(stderr, "limit_index: %s\n", err.text);
        return (int)err.kind;
    }
    return EXIT_SUCCESS;
}
