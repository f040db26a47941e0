#include "tests/unit/database_sample.h"

#include "base/byte_buffer.h"
#include "base/file.h"
#include "base/owned.h"
#include "format/checksum.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_SIZE_MAX ((size_t)1 << 30)

int database_sample_setup(void **state)
{
    struct sample_folder *folder = byte_buffer_calloc(1, sizeof(*folder));

    strcpy(folder->path, "/tmp/valise-test.XXXXXX");
    *state = folder;
    return mkdtemp(folder->path) == NULL ? -1 : 0;
}

int database_sample_teardown(void **state)
{
    struct sample_folder *folder = *state;
    DIR *dir = opendir(folder->path);
    const struct dirent *found;

    while (dir != NULL && (found = readdir(dir)) != NULL)
        if (found->d_name[0] != '.')
            unlink(database_sample_path(folder, found->d_name));
    if (dir != NULL)
        closedir(dir);
    rmdir(folder->path);
    free(folder);
    return 0;
}

const char *database_sample_path(const struct sample_folder *folder, const char *name)
{
    static char paths[8][512];
    static size_t next;
    char *path = paths[next++ % COUNT_OF(paths)];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder->path, name);
    return path;
}

void database_sample_run(sqlite3 *db, const char *sql)
{
    char *message = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
}

sqlite3 *database_sample_open(const struct sample_folder *folder, const char *name, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(database_sample_path(folder, name), &db), SQLITE_OK);
    database_sample_run(db, sql);
    return db;
}

const char *database_sample_create(
    const struct sample_folder *folder, const char *name, const char *sql)
{
    sqlite3_close(database_sample_open(folder, name, sql));
    return database_sample_path(folder, name);
}

void database_sample_write(
    const struct sample_folder *folder, const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(database_sample_path(folder, name), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void database_sample_copy(const struct sample_folder *folder, const char *from, const char *to)
{
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    struct error err;

    ASSERT_DONE(
        file_read_all(&bytes, database_sample_path(folder, from), FILE_SIZE_MAX, &err), err);
    database_sample_write(folder, to, bytes.data, bytes.size);
}

bool database_sample_exists(const struct sample_folder *folder, const char *name)
{
    return access(database_sample_path(folder, name), F_OK) == 0;
}

unsigned long long database_sample_fingerprint(const struct sample_folder *folder)
{
    DIR *dir = opendir(folder->path);
    struct hash128 sum = {0};
    const struct dirent *found;

    assert_non_null(dir);
    while ((found = readdir(dir)) != NULL) {
        OWNED(byte_buffer) struct byte_buffer bytes = {0};
        struct error err;

        if (found->d_name[0] == '.')
            continue;
        byte_buffer_put(&bytes, found->d_name, strlen(found->d_name));
        ASSERT_DONE(
            file_read_all(&bytes, database_sample_path(folder, found->d_name), FILE_SIZE_MAX, &err),
            err);
        sum = checksum_add(sum, checksum_xxh3(bytes.data, bytes.size));
    }
    closedir(dir);
    return sum.low ^ sum.high;
}
