#include "dump/source_wal.h"

#include "base/byte_buffer.h"
#include "base/owned.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HEADER_SIZE ((size_t)32)
#define SUMMED_SIZE ((size_t)24)   /* what the checksum is of */
#define MAGIC UINT32_C(0x377f0682) /* its last bit: numbers to sum are big-endian */
#define VERSION UINT32_C(3007000)
#define ATTEMPTS 5 /* a writer may be writing it */
#define PAUSE_MS 20

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint32_t little_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

static bool is_header(const uint8_t *bytes)
{
    uint32_t magic = big_endian(bytes);
    uint32_t first = 0;
    uint32_t second = 0;

    if ((magic & ~UINT32_C(1)) != MAGIC || big_endian(bytes + 4) != VERSION)
        return false;
    for (size_t i = 0; i < SUMMED_SIZE; i += 8) {
        first += ((magic & 1) != 0 ? big_endian(bytes + i) : little_endian(bytes + i)) + second;
        second +=
            ((magic & 1) != 0 ? big_endian(bytes + i + 4) : little_endian(bytes + i + 4)) + first;
    }
    return first == big_endian(bytes + SUMMED_SIZE)
           && second == big_endian(bytes + SUMMED_SIZE + 4);
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

bool source_wal_check(const char *database_path, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer path = {0};
    bool done;
    int fd;

    byte_buffer_put(&path, database_path, strlen(database_path));
    byte_buffer_put(&path, "-wal", sizeof("-wal"));
    fd = open((const char *)path.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT
               || error_set_errno(
                   err, "cannot open the write-ahead log \"%s\"", (const char *)path.data);
    done = check(fd, (const char *)path.data, err);
    close(fd);
    return done;
}
