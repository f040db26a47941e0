#include "dump/source_header.h"

#include "dump/file_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* https://www.sqlite.org/fileformat2.html, section 1.3 */
#define HEADER_SIZE ((size_t)100)
#define PAGE_SIZE_AT 16
#define WRITE_VERSION_AT 18
#define READ_VERSION_AT 19
#define VERSION_WAL 2
#define SCHEMA_FORMAT_AT 44
#define SCHEMA_FORMAT_MAX 4

static bool check_bytes(
    struct source_header *header, const uint8_t *bytes, const char *path, struct error *err)
{
    static const char magic[16] = "SQLite format 3";
    unsigned page_size = file_format_u16(bytes + PAGE_SIZE_AT);

    if (memcmp(bytes, magic, sizeof(magic)) != 0)
        return error_set(err, ERROR_NOT_DUMP,
            "\"%s\" is not a SQLite database (or it is encrypted, or its first page is damaged)",
            path);
    /* 1 stands for 65536. */
    if (page_size != 1
        && (page_size < FILE_FORMAT_PAGE_SIZE_MIN || (page_size & (page_size - 1)) != 0))
        return error_set(err, ERROR_CORRUPT,
            "\"%s\" has a damaged header: its page size is %u; restore a backup", path, page_size);
    if (bytes[READ_VERSION_AT] > VERSION_WAL)
        return error_set(err, ERROR_UNSUPPORTED,
            "\"%s\" has SQLite file format %u, up to %d is known; use a newer SQLite", path,
            bytes[READ_VERSION_AT], VERSION_WAL);
    if (bytes[SCHEMA_FORMAT_AT] != 0 || bytes[SCHEMA_FORMAT_AT + 1] != 0
        || bytes[SCHEMA_FORMAT_AT + 2] != 0 || bytes[SCHEMA_FORMAT_AT + 3] > SCHEMA_FORMAT_MAX)
        return error_set(err, ERROR_UNSUPPORTED,
            "\"%s\" has a schema format that is not known (or its first page is damaged)", path);
    header->page_size = page_size == 1 ? FILE_FORMAT_PAGE_SIZE_MAX : page_size;
    header->is_wal = bytes[READ_VERSION_AT] == VERSION_WAL;
    return true;
}

static bool check_file(struct source_header *header, int fd, const char *path, struct error *err)
{
    uint8_t bytes[HEADER_SIZE] = {0};
    ssize_t got;

    if (fstat(fd, &header->file) != 0)
        return error_set_errno(err, "cannot examine \"%s\"", path);
    if (S_ISDIR(header->file.st_mode))
        return error_set(err, ERROR_IO, "\"%s\" is a folder, expected a database file", path);
    if (!S_ISREG(header->file.st_mode))
        return error_set(err, ERROR_IO,
            "\"%s\" is not a regular file; a database can only be read from one", path);
    if (header->file.st_size == 0)
        return error_set(err, ERROR_NOT_DUMP,
            "\"%s\" is empty (0 bytes), so there is no database in it; is it the right file?",
            path);
    do
        got = pread(fd, bytes, sizeof(bytes), 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_set_errno(err, "cannot read \"%s\"", path);
    if (!check_bytes(header, bytes, path, err))
        return false;
    if (header->file.st_size < FILE_FORMAT_PAGE_SIZE_MIN)
        return error_set(err, ERROR_CORRUPT,
            "\"%s\" is cut short: it has only %lld bytes; copy it again", path,
            (long long)header->file.st_size);
    return true;
}

bool source_header_read(struct source_header *header, const char *path, struct error *err)
{
    /* NONBLOCK: opening a pipe must not wait for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool done;

    *header = (struct source_header){0};
    if (fd < 0)
        return error_set_errno(err, "cannot open \"%s\"", path);
    done = check_file(header, fd, path, err);
    close(fd);
    return done;
}
