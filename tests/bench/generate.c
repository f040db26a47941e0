/*
 * generate: makes a Synapse-shaped SQLite database of any size, or a changed
 * version of one. Same arguments, same bytes.
 */
#include "synthetic_fill.h"
#include "synthetic_mutation.h"
#include "synthetic_sql.h"

#include "base/file.h"
#include "base/owned.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

static const char USAGE[] =
    "usage: generate [--size 1G] [--seed 1] OUT.db\n"
    "       generate --mutate OLD.db [--updates 0.1%] [--inserts 0.5%] [--deletes 0.05%]\n"
    "                [--seed 1] [--tables ,A,B,] NEW.db";

struct options {
    uint64_t size; /* bytes */
    const char *old_path;
    const char *new_path;
    struct synthetic_mutation mutation; /* its seed is used for a new database too */
};

/* Reads "200M": a number and K, M, G or nothing, powers of 1024. */
static bool parse_size(const char *text, uint64_t *size)
{
    static const char UNITS[] = "KMG";
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    const char *unit = *end == '\0' ? NULL : strchr(UNITS, *end);

    if (end == text || (*end != '\0' && (unit == NULL || end[1] != '\0')))
        return false;
    *size = unit == NULL ? number : number << (10 * (unit - UNITS + 1));
    return true;
}

/* Reads "0.5%" as 5000 millionths. */
static bool parse_share(const char *text, uint32_t *millionths)
{
    char *end;
    double percent = strtod(text, &end);

    if (end == text || strcmp(end, "%") != 0 || percent < 0 || percent > 50)
        return false;
    *millionths = (uint32_t)(percent * 10000 + 0.5);
    return true;
}

static bool parse_option(struct options *options, int option)
{
    switch (option) {
    case 's':
        return parse_size(optarg, &options->size);
    case 'r':
        options->mutation.seed = strtoull(optarg, NULL, 10);
        return true;
    case 'm':
        options->old_path = optarg;
        return true;
    case 'u':
        return parse_share(optarg, &options->mutation.update_millionths);
    case 'i':
        return parse_share(optarg, &options->mutation.insert_millionths);
    case 'd':
        return parse_share(optarg, &options->mutation.delete_millionths);
    case 't':
        options->mutation.tables = optarg;
        return true;
    default:
        return false;
    }
}

static bool parse_options(struct options *options, int count, char **arguments, struct error *err)
{
    static const struct option KNOWN[] = {
        {"size", required_argument, NULL, 's'},
        {"seed", required_argument, NULL, 'r'},
        {"mutate", required_argument, NULL, 'm'},
        {"updates", required_argument, NULL, 'u'},
        {"inserts", required_argument, NULL, 'i'},
        {"deletes", required_argument, NULL, 'd'},
        {"tables", required_argument, NULL, 't'},
        {0},
    };
    int option;

    while ((option = getopt_long(count, arguments, "", KNOWN, NULL)) != -1) {
        if (!parse_option(options, option))
            return error_set(err, ERROR_USAGE, "%s", USAGE);
    }
    if (optind != count - 1)
        return error_set(err, ERROR_USAGE, "%s", USAGE);
    options->new_path = arguments[optind];
    return true;
}

static bool copy_file(const char *old_path, const char *new_path, struct error *err)
{
    OWNED(file_input) struct file_input in = {.fd = -1};
    OWNED(file_output) struct file_output out = {.fd = -1};
    off_t offset = 0;

    if (!file_input_open(&in, old_path, err) || !file_output_open(&out, new_path, err))
        return false;
    while ((uint64_t)offset < in.size) {
        if (sendfile(out.fd, in.fd, &offset, in.size - (uint64_t)offset) <= 0)
            return error_set_errno(err, "cannot copy \"%s\" to \"%s\"", old_path, new_path);
    }
    return file_output_commit(&out, err);
}

/* A database that was not finished is of no use. */
static bool discard(const char *path, struct error *err)
{
    unlink(path);
    return error_wrap(err, "\"%s\"", path);
}

static bool mutate(const struct options *options, struct error *err)
{
    OWNED(synthetic_sql) sqlite3 *database = NULL;
    struct synthetic_mutation_counts counts;

    if (!copy_file(options->old_path, options->new_path, err))
        return false;
    if (!synthetic_sql_open(&database, options->new_path, err)
        || !synthetic_mutation_apply(database, &options->mutation, &counts, err))
        return discard(options->new_path, err);
    printf("{\"updated\": %" PRId64 ", \"inserted\": %" PRId64 ", \"deleted\": %" PRId64 "}\n",
        counts.updated, counts.inserted, counts.deleted);
    return true;
}

static bool generate(const struct options *options, struct error *err)
{
    OWNED(synthetic_sql) sqlite3 *database = NULL;

    if (access(options->new_path, F_OK) == 0)
        return error_set(err, ERROR_REFUSED, "\"%s\" exists; remove it first", options->new_path);
    if (!synthetic_sql_open(&database, options->new_path, err)
        || !synthetic_fill_database(database, options->size, options->mutation.seed, err))
        return discard(options->new_path, err);
    return true;
}

int main(int count, char **arguments)
{
    struct options options = {
        .size = (uint64_t)1 << 30,
        .mutation = {.update_millionths = 1000,
            .insert_millionths = 5000,
            .delete_millionths = 500,
            .seed = 1},
    };
    struct error err;
    bool done = parse_options(&options, count, arguments, &err)
                && (options.old_path != NULL ? mutate(&options, &err) : generate(&options, &err));

    if (!done) {
        fprintf(stderr, "generate: %s\n", err.text);
        return (int)err.kind;
    }
    return EXIT_SUCCESS;
}
