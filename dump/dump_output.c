#include "dump/dump_output.h"

#include "base/byte_buffer.h"
#include "base/file.h"
#include "base/path_name.h"
#include "format/dump_guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *dump_output_name(const char *database_path)
{
    const char *slash = strrchr(database_path, '/');
    const char *base = slash == NULL ? database_path : slash + 1;
    size_t room = strlen(base) + sizeof(".valise");
    char *name = byte_buffer_realloc(NULL, room);

    snprintf(name, room, "%s.valise", base);
    return name;
}

static bool check_standard_output(struct error *err)
{
    if (isatty(STDOUT_FILENO) == 1)
        return error_set(err, ERROR_USAGE,
            "a dump is not written to a terminal; redirect standard output or use -o FILE");
    return true;
}

/* Makes standard output what path names: the writer knows files and standard output. */
static bool redirect(const char **path, struct error *err)
{
    int fd;

    if (!file_open_special(*path, &fd, err))
        return false;
    if (dup2(fd, STDOUT_FILENO) < 0) {
        error_set_errno(err, "cannot redirect standard output to \"%s\"", *path);
        close(fd);
        return false;
    }
    close(fd);
    *path = "-";
    return check_standard_output(err);
}

bool dump_output_spares(const char *path, const char *base_path, struct error *err)
{
    if (path_name_is_same(path, base_path))
        return error_set(err, ERROR_REFUSED,
            "\"%s\" is a base of this delta, which is worth nothing without it; name another file "
            "with -o FILE",
            path);
    return true;
}

/* What is there may hold the newest rows; what is not, SQLite would take for its own. */
static bool is_companion(const char *path, const char *database_path)
{
    static const char *const suffixes[] = {"-wal", "-journal", "-shm"};
    char *output = path_name_resolve(path);
    char *database = realpath(database_path, NULL);
    bool is_found = false;

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++)
        is_found |= output != NULL && database != NULL
                    && strncmp(output, database, strlen(database)) == 0
                    && strcmp(output + strlen(database), suffixes[i]) == 0;
    free(output);
    free(database);
    return is_found;
}

static bool check_companions(const char *path, const char *database_path, struct error *err)
{
    return !is_companion(path, database_path)
           || error_set(err, ERROR_REFUSED,
               "\"%s\" is the name of what SQLite keeps beside the database; name another file with "
               "-o FILE",
               path);
}

bool dump_output_check_progress(
    const char *progress_path, const char *path, const char *database_path, struct error *err)
{
    if (is_companion(progress_path, database_path))
        return error_set(err, ERROR_USAGE,
            "--progress-file: \"%s\" is the name of what SQLite keeps beside the database; take "
            "another name",
            progress_path);
    return !path_name_is_same(progress_path, path)
           || error_set(
               err, ERROR_USAGE, "--progress-file and --output name the same file, \"%s\"", path);
}

bool dump_output_prepare(
    const char **path, const char *database_path, bool may_overwrite, struct error *err)
{
    struct stat found;
    struct stat database;

    if (strcmp(*path, "-") == 0)
        return check_standard_output(err);
    if ((*path)[0] == '\0')
        return error_set(err, ERROR_USAGE, "the name of the output is empty; name it with -o FILE");
    if (!check_companions(*path, database_path, err))
        return false;
    if (stat(*path, &found) != 0) {
        if (errno == ENOENT)
            return true;
        return error_set_errno(err, "cannot examine \"%s\"", *path);
    }
    if (S_ISDIR(found.st_mode))
        return error_set(
            err, ERROR_REFUSED, "\"%s\" is a folder; name the file to write with -o FILE", *path);
    if (!S_ISREG(found.st_mode))
        return redirect(path, err);
    if (stat(database_path, &database) == 0 && database.st_dev == found.st_dev
        && database.st_ino == found.st_ino)
        return error_set(err, ERROR_REFUSED,
            "\"%s\" is the database itself; name another file with -o FILE", *path);
    if (!may_overwrite)
        return error_set(err, ERROR_REFUSED,
            "\"%s\" exists; remove it, name another file with -o FILE, or use --force", *path);
    return dump_guard_check_database(*path, err);
}
