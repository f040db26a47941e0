/*
 * limit_load: loads the files of copy_files into PostgreSQL by COPY BINARY, on
 * several connections. Nothing can load the same rows faster by COPY.
 */
#include "base/byte_buffer.h"
#include "base/owned.h"
#include "limit_workers.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_SIZE (1u << 20) /* bytes handed to libpq at once */

struct piece {
    char *line; /* owned; the strings below lie in it */
    char *table;
    char *columns;
    uint64_t table_size; /* bytes of all files of the table */
    const char *bytes;   /* owned mapping */
    size_t size;
};

struct load {
    struct piece *pieces; /* owned */
    size_t count;
    uint64_t size; /* bytes */
};

static void load_release(struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        free(load->pieces[i].line);
        if (load->pieces[i].size > 0)
            munmap((void *)(uintptr_t)load->pieces[i].bytes, load->pieces[i].size);
    }
    free(load->pieces);
}

/* Maps the file with all its pages present. */
static bool map_piece(struct piece *piece, const char *path, struct error *err)
{
    struct stat found;
    void *bytes = MAP_FAILED;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && fstat(fd, &found) == 0)
        bytes = mmap(NULL, (size_t)found.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (fd >= 0)
        close(fd);
    if (bytes == MAP_FAILED)
        return error_set_errno(err, "cannot map \"%s\"", path);
    piece->bytes = bytes;
    piece->size = (size_t)found.st_size;
    return true;
}

static bool add_piece(struct load *load, const char *folder, char *line, struct error *err)
{
    struct piece *piece;
    char *columns = strrchr(line, '\t');
    char *table = strchr(line, '\t');
    char path[4096];

    load->pieces = byte_buffer_realloc(load->pieces, (load->count + 1) * sizeof(*load->pieces));
    piece = &load->pieces[load->count++];
    *piece = (struct piece){.line = line};
    if (columns == table || columns == NULL)
        return error_set(err, ERROR_CORRUPT, "the list has a line without two tabs");
    *table = '\0';
    *columns = '\0';
    piece->table = table + 1;
    piece->columns = columns + 1;
    piece->columns[strcspn(piece->columns, "\n")] = '\0';
    snprintf(path, sizeof(path), "%s/%s", folder, line);
    return map_piece(piece, path, err);
}

static bool read_list(struct load *load, const char *folder, struct error *err)
{
    char path[4096];
    char *line = NULL;
    size_t room = 0;
    FILE *list;
    bool done = true;

    snprintf(path, sizeof(path), "%s/list", folder);
    list = fopen(path, "r");
    if (list == NULL)
        return error_set_errno(err, "cannot open \"%s\"", path);
    while (done && getline(&line, &room, list) > 0) {
        done = add_piece(load, folder, line, err);
        line = NULL;
        room = 0;
    }
    free(line);
    fclose(list);
    return done;
}

static int compare_pieces(const void *left, const void *right)
{
    const struct piece *a = left;
    const struct piece *b = right;

    if (a->table_size != b->table_size)
        return a->table_size < b->table_size ? 1 : -1;
    return strcmp(a->line, b->line);
}

/* The largest table first, so that no connection ends long after the others. */
static void order_pieces(struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        for (size_t other = 0; other < load->count; other++) {
            if (strcmp(load->pieces[i].table, load->pieces[other].table) == 0)
                load->pieces[i].table_size += load->pieces[other].size;
        }
        load->size += load->pieces[i].size;
    }
    qsort(load->pieces, load->count, sizeof(*load->pieces), compare_pieces);
}

static bool finish_copy(PGconn *connection, const char *sql, struct error *err)
{
    PGresult *result;
    bool done = PQputCopyEnd(connection, NULL) == 1;

    while ((result = PQgetResult(connection)) != NULL) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            done = limit_workers_fail(connection, sql, err);
        PQclear(result);
    }
    return done;
}

static bool load_piece(PGconn *connection, void *context, size_t task, struct error *err)
{
    const struct load *load = context;
    const struct piece *piece = &load->pieces[task];
    char sql[4096];
    PGresult *result;
    bool is_copying;

    snprintf(
        sql, sizeof(sql), "COPY %s (%s) FROM STDIN (FORMAT binary)", piece->table, piece->columns);
    result = PQexec(connection, sql);
    is_copying = PQresultStatus(result) == PGRES_COPY_IN;
    PQclear(result);
    if (!is_copying)
        return limit_workers_fail(connection, sql, err);
    for (size_t offset = 0; offset < piece->size; offset += CHUNK_SIZE) {
        size_t left = piece->size - offset;

        if (PQputCopyData(
                connection, piece->bytes + offset, (int)(left < CHUNK_SIZE ? left : CHUNK_SIZE))
            != 1)
            return limit_workers_fail(connection, sql, err);
    }
    return finish_copy(connection, sql, err);
}

static bool run(size_t connection_count, const char *folder, struct error *err)
{
    OWNED(load) struct load load = {0};

    if (!read_list(&load, folder, err))
        return false;
    order_pieces(&load);
    if (!limit_workers_run(connection_count, load.count, load_piece, &load, err))
        return false;
    printf("{\"copy_bytes\": %" PRIu64 "}\n", load.size);
    return true;
}

int main(int count, char **arguments)
{
    struct error err;

    if (count != 3 || limit_workers_parse(arguments[1]) == 0) {
        fprintf(stderr, "usage: limit_load CONNECTIONS FOLDER\n");
        return ERROR_USAGE;
    }
    if (!run(limit_workers_parse(arguments[1]), arguments[2], &err)) {
        fprintf(stderr, "limit_load: %s\n", err.text);
        return (int)err.kind;
    }
    return EXIT_SUCCESS;
}
