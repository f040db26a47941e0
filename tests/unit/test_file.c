#include "base/file.h"
#include "base/owned.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
    char path[64];
    char file[96];
};

static int make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof(*folder));

    if (folder == NULL)
        return -1;
    snprintf(folder->path, sizeof(folder->path), "/tmp/test_file.XXXXXX");
    if (mkdtemp(folder->path) == NULL)
        return -1;
    snprintf(folder->file, sizeof(folder->file), "%s/out", folder->path);
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    int result;

    unlink(folder->file);
    result = rmdir(folder->path);
    free(folder);
    return result;
}

static size_t count_entries(const char *path)
{
    DIR *dir = opendir(path);
    size_t count = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count - 2; /* "." and ".." */
}

static void commit_publishes(void **state)
{
    struct folder *folder = *state;
    OWNED(file_output) struct file_output out = {0};
    struct stat found;
    struct error err;
    char bytes[6] = "";
    FILE *file;

    ASSERT_DONE(file_output_open(&out, folder->file, &err), err);
    ASSERT_DONE(file_output_write(&out, "hello", 5, &err), err);
    assert_int_equal(access(folder->file, F_OK), -1);
    ASSERT_DONE(file_output_commit(&out, &err), err);
    assert_int_equal(stat(folder->file, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_int_equal(count_entries(folder->path), 1);
    file = fopen(folder->file, "r");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, sizeof(bytes), file), 5);
    assert_string_equal(bytes, "hello");
    fclose(file);
}

static void follows_symbolic_link(void **state)
{
    struct folder *folder = *state;
    OWNED(file_output) struct file_output out = {0};
    OWNED(file_output) struct file_output dangling = {0};
    char link_path[128];
    struct stat found;
    struct error err;

    snprintf(link_path, sizeof(link_path), "%s/link", folder->path);
    assert_int_equal(symlink("out", link_path), 0);
    ASSERT_FAILS(
        file_output_open(&dangling, link_path, &err), err, ERROR_IO, "follow the symbolic link");
    fclose(fopen(folder->file, "w"));
    ASSERT_DONE(file_output_open(&out, link_path, &err), err);
    ASSERT_DONE(file_output_write(&out, "hello", 5, &err), err);
    ASSERT_DONE(file_output_commit(&out, &err), err);
    assert_int_equal(lstat(link_path, &found), 0);
    assert_true(S_ISLNK(found.st_mode));
    assert_int_equal(stat(folder->file, &found), 0);
    assert_int_equal(found.st_size, 5);
    unlink(link_path);
}

static void refuses_empty_name(void **state)
{
    OWNED(file_output) struct file_output out = {0};
    struct error err;

    (void)state;
    ASSERT_FAILS(file_output_open(&out, "", &err), err, ERROR_USAGE, "is empty");
}

static void leaves_devices_alone(void **state)
{
    OWNED(file_output) struct file_output out = {0};
    OWNED(file_output) struct file_output full = {0};
    struct stat found;
    struct error err;

    (void)state;
    ASSERT_DONE(file_output_open(&out, "/dev/null", &err), err);
    ASSERT_DONE(file_output_write(&out, "hello", 5, &err), err);
    ASSERT_DONE(file_output_commit(&out, &err), err);
    assert_int_equal(stat("/dev/null", &found), 0);
    assert_true(S_ISCHR(found.st_mode));
    ASSERT_DONE(file_output_open(&full, "/dev/full", &err), err);
    ASSERT_FAILS(file_output_write(&full, "hello", 5, &err), err, ERROR_IO, "No space left");
}

static void release_abandons(void **state)
{
    struct folder *folder = *state;
    struct file_output out = {0};
    struct error err;

    ASSERT_DONE(file_output_open(&out, folder->file, &err), err);
    ASSERT_DONE(file_output_write(&out, "hello", 5, &err), err);
    assert_int_equal(count_entries(folder->path), 1);
    file_output_release(&out);
    assert_int_equal(count_entries(folder->path), 0);
    file_output_release(&out);
}

static void release_keeps_the_file_that_was_there(void **state)
{
    struct folder *folder = *state;
    struct file_output first = {0};
    struct file_output second = {0};
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    struct error err;

    ASSERT_DONE(file_output_open(&first, folder->file, &err), err);
    ASSERT_DONE(file_output_write(&first, "old", 3, &err), err);
    ASSERT_DONE(file_output_commit(&first, &err), err);
    file_output_release(&first);
    ASSERT_DONE(file_output_open(&second, folder->file, &err), err);
    ASSERT_DONE(file_output_write(&second, "newer", 5, &err), err);
    file_output_release(&second);
    ASSERT_DONE(file_read_all(&bytes, folder->file, 100, &err), err);
    assert_int_equal(bytes.size, 3);
    assert_memory_equal(bytes.data, "old", 3);
    assert_int_equal(count_entries(folder->path), 1);
}

/* Of those only one that nobody holds was left behind. */
static void what_was_left_is_removed(void **state)
{
    struct folder *folder = *state;
    struct file_output other = {0};
    OWNED(file_output) struct file_output out = {0};
    char left[128];
    char kept[128];
    struct error err;

    snprintf(left, sizeof(left), "%s.aB3dEf.partial", folder->file);
    snprintf(kept, sizeof(kept), "%s.aB-dEf.partial", folder->file);
    close(open(left, O_CREAT | O_WRONLY, 0600));
    close(open(kept, O_CREAT | O_WRONLY, 0600));
    ASSERT_DONE(file_output_open(&other, folder->file, &err), err);
    assert_int_equal(access(left, F_OK), -1);
    assert_int_equal(access(kept, F_OK), 0);
    ASSERT_DONE(file_output_open(&out, folder->file, &err), err);
    assert_int_equal(access(other.temporary, F_OK), 0);
    ASSERT_DONE(file_output_commit(&other, &err), err);
    assert_int_equal(access(out.temporary, F_OK), 0);
    ASSERT_DONE(file_output_commit(&out, &err), err);
    file_output_release(&other);
    unlink(kept);
    assert_int_equal(count_entries(folder->path), 1);
}

static void no_folder_no_file(void **state)
{
    OWNED(file_output) struct file_output out = {0};
    struct error err;

    (void)state;
    ASSERT_FAILS(file_output_open(&out, "/nonexistent/folder/file", &err), err, ERROR_IO,
        "/nonexistent/folder/file");
}

/* Standard output, pointed at a full device. */
static void a_full_device_is_reported(void **state)
{
    OWNED(file_output) struct file_output out = {0};
    struct error err;
    int kept = dup(STDOUT_FILENO);
    int full = open("/dev/full", O_WRONLY);
    bool done;

    (void)state;
    assert_true(kept >= 0 && full >= 0);
    fflush(stdout);
    dup2(full, STDOUT_FILENO);
    done = file_output_open(&out, "-", &err) && file_output_write(&out, "x", 1, &err);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    close(full);
    ASSERT_FAILS(done, err, ERROR_IO, "No space left on device");
    assert_non_null(strstr(err.text, "standard output"));
}

static void reads_at_offsets(void **state)
{
    struct folder *folder = *state;
    OWNED(file_input) struct file_input in = {.fd = -1};
    struct error err;
    char bytes[4] = "";
    FILE *file = fopen(folder->file, "w");

    assert_non_null(file);
    fputs("0123456789", file);
    fclose(file);
    ASSERT_DONE(file_input_open(&in, folder->file, &err), err);
    assert_int_equal(in.size, 10);
    ASSERT_DONE(file_input_read_at(&in, 4, bytes, 3, &err), err);
    assert_string_equal(bytes, "456");
    ASSERT_FAILS(file_input_read_at(&in, 8, bytes, 3, &err), err, ERROR_CORRUPT, "1 bytes");
}

static bool starts_with_nought(const uint8_t *bytes, size_t size, struct error *err)
{
    assert_int_equal(size, 10);
    return bytes[0] == '0' || error_set(err, ERROR_NOT_DUMP, "starts with %c", bytes[0]);
}

/* Opens standard input while it is a pipe that holds ten bytes. */
static bool open_pipe(struct file_input *in, const char *text, struct error *err)
{
    int kept = dup(STDIN_FILENO);
    int ends[2];
    bool done;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, 10), 10);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    done = file_input_open_checked(in, "-", starts_with_nought, err);
    dup2(kept, STDIN_FILENO);
    close(kept);
    return done;
}

static void a_pipe_is_judged_by_its_start(void **state)
{
    OWNED(file_input) struct file_input in = {.fd = -1};
    struct error err;

    (void)state;
    ASSERT_FAILS(
        open_pipe(&in, "9876543210", &err), err, ERROR_NOT_DUMP, "standard input: starts with 9");
}

static void reads_a_pipe_like_a_file(void **state)
{
    OWNED(file_input) struct file_input in = {.fd = -1};
    struct error err;
    char bytes[4] = "";

    (void)state;
    ASSERT_DONE(open_pipe(&in, "0123456789", &err), err);
    assert_int_equal(in.size, 10);
    ASSERT_DONE(file_input_read_at(&in, 7, bytes, 3, &err), err);
    assert_string_equal(bytes, "789");
}

static void what_cannot_be_read(void **state)
{
    struct folder *folder = *state;
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    struct file_input in = {.fd = -1};
    struct error err;
    FILE *file;

    ASSERT_FAILS(file_input_open(&in, folder->file, &err), err, ERROR_IO, "No such file");
    file_input_release(&in);
    ASSERT_FAILS(file_input_open(&in, folder->path, &err), err, ERROR_IO, "is a folder");
    file_input_release(&in);
    file = fopen(folder->file, "w");
    assert_non_null(file);
    fputs("0123456789", file);
    fclose(file);
    ASSERT_FAILS(file_read_all(&bytes, folder->file, 9, &err), err, ERROR_USAGE, "10 bytes");
    ASSERT_DONE(file_read_all(&bytes, folder->file, 10, &err), err);
    assert_int_equal(bytes.size, 10);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(commit_publishes),
        IN_FOLDER(follows_symbolic_link),
        cmocka_unit_test(refuses_empty_name),
        cmocka_unit_test(leaves_devices_alone),
        IN_FOLDER(release_abandons),
        IN_FOLDER(release_keeps_the_file_that_was_there),
        IN_FOLDER(what_was_left_is_removed),
        cmocka_unit_test(no_folder_no_file),
        cmocka_unit_test(a_full_device_is_reported),
        IN_FOLDER(reads_at_offsets),
        cmocka_unit_test(a_pipe_is_judged_by_its_start),
        cmocka_unit_test(reads_a_pipe_like_a_file),
        IN_FOLDER(what_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
