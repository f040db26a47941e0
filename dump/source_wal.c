#include "dump/source_wal.h"

#include "base/byte_buffer.h"
#include "base/byte_reader.h"
#include "base/owned.h"
#include "dump/file_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HEADER_SIZE ((size_t)32)
#define SUMMED_SIZE ((size_t)24)   /* what the checksum is of */
#define MAGIC UINT32_C(0x377f0682) /* its last bit: numbers to sum are big-endian */
#define VERSION UINT32_C(3007000)
#define PAGE_SIZE_AT 8
#define SALTS_AT 16
#define SALTS_SIZE ((size_t)8)

#define FRAME_HEADER_SIZE ((size_t)24)
#define FRAME_SUMMED_SIZE ((size_t)8) /* of its header */
#define FRAME_COMMIT_AT 4             /* pages of the database after this transaction, or 0 */
#define FRAME_SALTS_AT 8
#define FRAME_SUMS_AT 16

#define ATTEMPTS 5 /* a writer may be writing it */
#define PAUSE_MS 20

/* The sums of some bytes, of which size is a multiple of 8, on top of those before. */
static void add_up(uint32_t sums[2], const uint8_t *header_bytes, const uint8_t *bytes, size_t size)
{
    bool is_big = (file_format_u32(header_bytes) & 1) != 0;

    for (size_t i = 0; i < size; i += 8) {
        sums[0] +=
            (is_big ? file_format_u32(bytes + i) : byte_reader_load_u32(bytes + i)) + sums[1];
        sums[1] += (is_big ? file_format_u32(bytes + i + 4) : byte_reader_load_u32(bytes + i + 4))
                   + sums[0];
    }
}

static bool is_header(const uint8_t *bytes)
{
    uint32_t sums[2] = {0, 0};

    if ((file_format_u32(bytes) & ~UINT32_C(1)) != MAGIC || file_format_u32(bytes + 4) != VERSION)
        return false;
    add_up(sums, bytes, bytes, SUMMED_SIZE);
    return sums[0] == file_format_u32(bytes + SUMMED_SIZE)
           && sums[1] == file_format_u32(bytes + SUMMED_SIZE + 4);
}

/* *is_good for an empty log, too. */
static bool look(int fd, bool *is_good)
{
    uint8_t bytes[HEADER_SIZE];
    ssize_t got;

    do
        got = pread(fd, bytes, sizeof(bytes), 0);
    while (got < 0 && errno == EINTR);
    *is_good = got == 0 || (got == (ssize_t)sizeof(bytes) && is_header(bytes));
    return got >= 0;
}

static bool check(int fd, const char *path, struct error *err)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    bool is_good = false;

    for (int i = 0; i < ATTEMPTS && !is_good; i++) {
        if (i > 0)
            (void)nanosleep(&pause, NULL);
        if (!look(fd, &is_good))
            return error_set_errno(err, "cannot read the write-ahead log \"%s\"", path);
    }
    return is_good
           || error_set(err, ERROR_CORRUPT,
               "the write-ahead log \"%s\" is damaged, or is none: what was written last would be "
               "missing; copy the database and it again, or restore both from a backup; if it is "
               "known to hold nothing, move it away",
               path);
}

/* The log of this database; fd is -1 where there is none. */
static bool open_log(
    const char *database_path, struct byte_buffer *path, int *fd, struct error *err)
{
    byte_buffer_put(path, database_path, strlen(database_path));
    byte_buffer_put(path, "-wal", sizeof("-wal"));
    *fd = open((const char *)path->data, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return *fd >= 0 || errno == ENOENT
           || error_set_errno(
               err, "cannot open the write-ahead log \"%s\"", (const char *)path->data);
}

bool source_wal_check(const char *database_path, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer path = {0};
    bool done;
    int fd;

    if (!open_log(database_path, &path, &fd, err))
        return false;
    if (fd < 0)
        return true;
    done = check(fd, (const char *)path.data, err);
    close(fd);
    return done;
}

/* --- frames --------------------------------------------------------------------- */

/* A log that is read from its start. */
struct log {
    FILE *file;
    uint8_t header[HEADER_SIZE];
    uint8_t *frame; /* owned: a header, and a page */
    size_t page_size;
    uint32_t sums[2];
    bool is_broken; /* a frame was not what its sums say: nothing after it counts */
};

static bool is_whole(struct log *log)
{
    add_up(log->sums, log->header, log->frame, FRAME_SUMMED_SIZE);
    add_up(log->sums, log->header, log->frame + FRAME_HEADER_SIZE, log->page_size);
    return log->sums[0] == file_format_u32(log->frame + FRAME_SUMS_AT)
           && log->sums[1] == file_format_u32(log->frame + FRAME_SUMS_AT + 4);
}

static uint64_t count_ignored(struct log *log)
{
    uint64_t count = 0;

    for (;;) {
        size_t got = fread(log->frame, 1, FRAME_HEADER_SIZE + log->page_size, log->file);

        /* Frames of before the log began anew have other salts. */
        if (got < FRAME_HEADER_SIZE
            || memcmp(log->frame + FRAME_SALTS_AT, log->header + SALTS_AT, SALTS_SIZE) != 0)
            return count + (got > 0 && got < FRAME_HEADER_SIZE);
        count++;
        log->is_broken =
            log->is_broken || got < FRAME_HEADER_SIZE + log->page_size || !is_whole(log);
        if (!log->is_broken && file_format_u32(log->frame + FRAME_COMMIT_AT) != 0)
            count = 0;
    }
}

static uint64_t read_log(FILE *file)
{
    struct log log = {.file = file};
    uint64_t count;

    if (fread(log.header, 1, HEADER_SIZE, file) != HEADER_SIZE || !is_header(log.header))
        return 0;
    log.page_size = file_format_u32(log.header + PAGE_SIZE_AT);
    if (log.page_size < FILE_FORMAT_PAGE_SIZE_MIN || log.page_size > FILE_FORMAT_PAGE_SIZE_MAX
        || log.page_size % 8 != 0)
        return 0;
    log.sums[0] = file_format_u32(log.header + SUMMED_SIZE);
    log.sums[1] = file_format_u32(log.header + SUMMED_SIZE + 4);
    log.frame = byte_buffer_calloc(1, FRAME_HEADER_SIZE + log.page_size);
    count = count_ignored(&log);
    free(log.frame);
    return count;
}

bool source_wal_count_ignored(const char *database_path, uint64_t *frame_count, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer path = {0};
    FILE *file;
    int fd;
    bool done;

    *frame_count = 0;
    if (!open_log(database_path, &path, &fd, err))
        return false;
    if (fd < 0)
        return true;
    file = fdopen(fd, "rb");
    if (file == NULL) {
        close(fd);
        return error_set_errno(err, "cannot read the write-ahead log");
    }
    *frame_count = read_log(file);
    done = ferror(file) == 0;
    if (!done)
        error_set_errno(err, "cannot read the write-ahead log \"%s\"", (const char *)path.data);
    fclose(file);
    return done;
}
