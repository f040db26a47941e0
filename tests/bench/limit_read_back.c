/*
 * limit_read_back: reads all rows of the database back by COPY BINARY, on several
 * connections, large tables in ranges of pages. What any verification by reading
 * costs at least.
 */
#include "base/byte_buffer.h"
#include "base/owned.h"
#include "limit_workers.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANGE_PAGES "8192" /* 64 MiB of a table */

/* One COPY statement for each range of pages, the largest tables first. */
static const char STATEMENTS[] =
    "SELECT format('COPY (SELECT * FROM %s WHERE ctid >= ''(%s,0)'' AND ctid < ''(%s,0)'')"
    " TO STDOUT (FORMAT binary)', oid::regclass, page, page + " RANGE_PAGES ")"
    " FROM pg_class CROSS JOIN LATERAL generate_series(0,"
    " pg_relation_size(oid) / current_setting('block_size')::bigint, " RANGE_PAGES ") AS page"
    " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    " AND pg_relation_size(oid) > 0"
    " ORDER BY pg_relation_size(oid) DESC, oid, page";

struct ranges {
    PGresult *statements;      /* owned */
    atomic_uint_fast64_t size; /* bytes read */
};

static void ranges_release(struct ranges *ranges)
{
    PQclear(ranges->statements);
}

static bool read_range(PGconn *connection, void *context, size_t task, struct error *err)
{
    struct ranges *ranges = context;
    const char *sql = PQgetvalue(ranges->statements, (int)task, 0);
    PGresult *result = PQexec(connection, sql);
    bool done = PQresultStatus(result) == PGRES_COPY_OUT;
    uint64_t total = 0;
    char *bytes;
    int size;

    PQclear(result);
    if (!done)
        return limit_workers_fail(connection, sql, err);
    while ((size = PQgetCopyData(connection, &bytes, 0)) > 0) {
        total += (uint64_t)size;
        PQfreemem(bytes);
    }
    ranges->size += total;
    while ((result = PQgetResult(connection)) != NULL) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            done = limit_workers_fail(connection, sql, err);
        PQclear(result);
    }
    return done;
}

static bool list_ranges(struct ranges *ranges, struct error *err)
{
    PGconn *connection = PQconnectdb("");
    bool done;

    ranges->statements = PQexec(connection, STATEMENTS);
    done = PQresultStatus(ranges->statements) == PGRES_TUPLES_OK;
    if (!done)
        limit_workers_fail(connection, "list of tables", err);
    PQfinish(connection);
    return done;
}

static bool run(size_t connection_count, struct error *err)
{
    OWNED(ranges) struct ranges ranges = {0};

    if (!list_ranges(&ranges, err)
        || !limit_workers_run(
            connection_count, (size_t)PQntuples(ranges.statements), read_range, &ranges, err))
        return false;
    printf("{\"copy_bytes\": %" PRIuFAST64 "}\n", ranges.size);
    return true;
}

int main(int count, char **arguments)
{
    struct error err;

    if (count != 2 || limit_workers_parse(arguments[1]) == 0) {
        fprintf(stderr, "usage: limit_read_back CONNECTIONS\n");
        return ERROR_USAGE;
    }
    if (!run(limit_workers_parse(arguments[1]), &err)) {
        fprintf(stderr, "limit_read_back: %s\n", err.text);
        return (int)err.kind;
    }
    return EXIT_SUCCESS;
}
