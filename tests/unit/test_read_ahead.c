#include "dump/read_ahead.h"

#include "tests/unit/database_sample.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE 512u
#define CHILD_COUNT_MAX 100u
#define ATTEMPTS 20000 /* of a millisecond: a machine may be busy */

/* A table whose root leads to a few leaves, and the bytes of its file. */
struct table_file {
    struct sample_folder *folder;
    const char *path;
    uint8_t *bytes; /* owned */
    uint64_t root;  /* offset */
    uint64_t children[CHILD_COUNT_MAX];
    uint32_t child_count;
};

static uint64_t find_root(const char *path)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    int root;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name = 't'",
                         -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    root = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return ((uint64_t)root - 1) * PAGE_SIZE;
}

static uint8_t *read_all(const char *path)
{
    struct stat found;
    uint8_t *bytes;
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    assert_int_equal(stat(path, &found), 0);
    bytes = malloc((size_t)found.st_size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)found.st_size, file), found.st_size);
    fclose(file);
    return bytes;
}

static uint64_t offset_at(const uint8_t *at)
{
    uint32_t page =
        (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | (uint32_t)at[3];

    return ((uint64_t)page - 1) * PAGE_SIZE;
}

static struct table_file table_file_make(struct sample_folder *folder)
{
    struct table_file t = {.folder = folder};
    const uint8_t *page;
    uint32_t cell_count;

    t.path = database_sample_create(folder, "x.db",
        "PRAGMA page_size = 512; CREATE TABLE t(a); CREATE TABLE other(a);"
        "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
        "INSERT INTO t SELECT printf('%0100d', i) FROM n");
    t.root = find_root(t.path);
    t.bytes = read_all(t.path);
    page = t.bytes + t.root;
    assert_int_equal(page[0], 5);
    cell_count = (uint32_t)page[3] << 8 | page[4];
    assert_true(cell_count > 10 && cell_count < CHILD_COUNT_MAX);
    for (uint32_t i = 0; i < cell_count; i++)
        t.children[t.child_count++] =
            offset_at(page + ((size_t)page[12 + 2 * i] << 8 | page[13 + 2 * i]));
    t.children[t.child_count++] = offset_at(page + 8);
    return t;
}

static void follow_root(struct read_ahead *ahead, const struct table_file *t)
{
    read_ahead_follow(ahead, t->bytes + t->root, PAGE_SIZE, t->root);
}

/* Takes the children from `first` on in order; how many were there, and like the file. */
static uint32_t take_children(struct read_ahead *ahead, const struct table_file *t, uint32_t first)
{
    uint32_t count = 0;

    for (uint32_t i = first; i < t->child_count; i++) {
        uint8_t page[PAGE_SIZE];

        if (!read_ahead_take(ahead, page, PAGE_SIZE, t->children[i]))
            continue;
        assert_memory_equal(page, t->bytes + t->children[i], PAGE_SIZE);
        count++;
    }
    return count;
}

/* The thread needs time: tries until all are there. */
static void assert_all_come(struct read_ahead *ahead, const struct table_file *t, uint32_t first)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        follow_root(ahead, t);
        usleep(1000);
        if (take_children(ahead, t, first) == t->child_count - first)
            return;
    }
    fail_msg("pages were not read ahead");
}

static struct read_ahead *open_ahead(const char *path)
{
    struct read_ahead *ahead = NULL;
    struct error err;

    ASSERT_DONE(read_ahead_open(&ahead, path, PAGE_SIZE, &err), err);
    return ahead;
}

static void children_come_in_order(void **state)
{
    struct table_file t = table_file_make(*state);
    struct read_ahead *ahead = open_ahead(t.path);

    assert_all_come(ahead, &t, 0);
    /* SQLite has the first ones already and does not ask for them. */
    assert_all_come(ahead, &t, 7);
    /* What was taken does not come again. */
    assert_int_equal(take_children(ahead, &t, 0), 0);
    read_ahead_close(ahead);
    free(t.bytes);
}

static void forgets(void **state)
{
    struct table_file t = table_file_make(*state);
    struct read_ahead *ahead = open_ahead(t.path);

    for (int i = 0; i < 100; i++) {
        follow_root(ahead, &t);
        usleep(100);
        read_ahead_forget(ahead);
        assert_int_equal(take_children(ahead, &t, 0), 0);
    }
    assert_all_come(ahead, &t, 0);
    read_ahead_close(ahead);
    free(t.bytes);
}

static void other_pages_lead_nowhere(void **state)
{
    struct table_file t = table_file_make(*state);
    struct read_ahead *ahead = open_ahead(t.path);
    uint8_t page[2 * PAGE_SIZE];

    read_ahead_follow(ahead, t.bytes + t.children[0], PAGE_SIZE, t.children[0]);
    memcpy(page, t.bytes + t.root, PAGE_SIZE);
    read_ahead_follow(ahead, page, 2 * PAGE_SIZE, t.root); /* not the size of a page */
    page[3] = 0xff;                                        /* more children than there is room */
    read_ahead_follow(ahead, page, PAGE_SIZE, t.root);
    usleep(2000);
    assert_int_equal(take_children(ahead, &t, 0), 0);
    assert_false(read_ahead_take(ahead, page, 2 * PAGE_SIZE, t.children[0]));
    read_ahead_close(ahead);
    free(t.bytes);
}

static void file_became_shorter(void **state)
{
    struct table_file t = table_file_make(*state);
    struct read_ahead *ahead = open_ahead(t.path);
    uint64_t end = t.children[t.child_count - 1];

    assert_int_equal(truncate(t.path, (off_t)end + 100), 0);
    for (int i = 0; i < 20; i++) {
        uint8_t page[PAGE_SIZE];

        follow_root(ahead, &t);
        usleep(1000);
        assert_false(read_ahead_take(ahead, page, PAGE_SIZE, end));
    }
    read_ahead_close(ahead);
    free(t.bytes);
}

/* Bytes of a value may look like a page of any kind: nothing but useless reads comes of it. */
static void any_bytes(void **state)
{
    struct table_file t = table_file_make(*state);
    struct read_ahead *ahead = open_ahead(t.path);
    uint32_t number = 1;

    for (int i = 0; i < 20000; i++) {
        uint8_t page[PAGE_SIZE];

        for (size_t at = 0; at < PAGE_SIZE; at++) {
            number = number * 1664525u + 1013904223u;
            page[at] = (uint8_t)(number >> 24);
        }
        page[0] = 5;
        page[3] = 0;
        read_ahead_follow(ahead, page, PAGE_SIZE, PAGE_SIZE);
        if (i % 100 == 0)
            usleep(100);
    }
    assert_all_come(ahead, &t, 0);
    read_ahead_close(ahead);
    free(t.bytes);
}

/* --- any order, in a file that changes -------------------------------------------------- */

#define FILE_PAGE_COUNT 300u
#define GENERATION_COUNT 100u

/* A file whose pages say at both ends which they are, and of which generation. */
struct changing_file {
    int fd;
    uint32_t page_size;
    uint32_t generation;
    uint32_t random;
    uint32_t found_count; /* pages that were there */
    struct read_ahead *ahead;
    uint8_t page[65536];
};

static uint32_t next_random(struct changing_file *f, uint32_t limit)
{
    f->random = f->random * 1664525u + 1013904223u;
    return (f->random >> 8) % limit;
}

static void change(struct changing_file *f)
{
    f->generation++;
    for (uint32_t i = 0; i < FILE_PAGE_COUNT; i++) {
        uint32_t mark[2] = {i, f->generation};
        off_t start = (off_t)i * f->page_size;
        off_t end = start + f->page_size - (off_t)sizeof(mark);

        assert_int_equal(pwrite(f->fd, mark, sizeof(mark), start), sizeof(mark));
        assert_int_equal(pwrite(f->fd, mark, sizeof(mark), end), sizeof(mark));
    }
}

static void follow_any(struct changing_file *f, uint32_t *children, uint32_t count)
{
    memset(f->page, 0, f->page_size);
    f->page[0] = 5;
    f->page[4] = (uint8_t)(count - 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i + 1 < count ? 12 + 2 * count + 4 * i : 8;

        children[i] = next_random(f, FILE_PAGE_COUNT);
        if (at != 8) {
            f->page[12 + 2 * i] = (uint8_t)(at >> 8);
            f->page[13 + 2 * i] = (uint8_t)at;
        }
        f->page[at + 2] = (uint8_t)((children[i] + 1) >> 8);
        f->page[at + 3] = (uint8_t)(children[i] + 1);
    }
    read_ahead_follow(f->ahead, f->page, f->page_size, f->page_size);
}

static void take_any(struct changing_file *f, uint32_t child)
{
    uint32_t mark[2];

    if (!read_ahead_take(f->ahead, f->page, f->page_size, (uint64_t)child * f->page_size))
        return;
    memcpy(mark, f->page, sizeof(mark));
    assert_int_equal(mark[0], child);
    assert_int_equal(mark[1], f->generation);
    assert_memory_equal(f->page + f->page_size - sizeof(mark), mark, sizeof(mark));
    f->found_count++;
}

static void scan_any(struct changing_file *f)
{
    uint32_t children[64];
    uint32_t count = 1 + next_random(f, 64);

    follow_any(f, children, count);
    if (next_random(f, 4) != 0)
        usleep(next_random(f, 200));
    for (uint32_t i = 0; i < count; i++) {
        if (next_random(f, 20) == 0)
            break;
        if (next_random(f, 10) == 0)
            take_any(f, next_random(f, FILE_PAGE_COUNT));
        if (next_random(f, 10) != 0)
            take_any(f, children[i]);
    }
}

static void check_changing_file(struct sample_folder *folder, uint32_t page_size)
{
    const char *path = database_sample_path(folder, "changing");
    struct changing_file f = {.fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600),
        .page_size = page_size,
        .random = page_size};
    struct error err;

    assert_true(f.fd >= 0);
    change(&f);
    ASSERT_DONE(read_ahead_open(&f.ahead, path, page_size, &err), err);
    while (f.generation < GENERATION_COUNT || f.found_count < GENERATION_COUNT) {
        assert_true(f.generation < ATTEMPTS);
        for (uint32_t i = next_random(&f, 10); i > 0; i--)
            scan_any(&f);
        read_ahead_forget(f.ahead);
        change(&f);
        for (uint32_t i = 0; i < FILE_PAGE_COUNT; i++)
            take_any(&f, i);
    }
    read_ahead_close(f.ahead);
    close(f.fd);
}

static void what_comes_is_what_is_there(void **state)
{
    check_changing_file(*state, 512);
    check_changing_file(*state, 4096);
    check_changing_file(*state, 65536);
}

static void cannot_open(void **state)
{
    struct sample_folder *folder = *state;
    struct read_ahead *ahead = NULL;
    struct error err;

    ASSERT_FAILS(read_ahead_open(&ahead, database_sample_path(folder, "none"), PAGE_SIZE, &err),
        err, ERROR_IO, "cannot open");
    read_ahead_close(ahead);
}

#define TEST(function) \
    cmocka_unit_test_setup_teardown(function, database_sample_setup, database_sample_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(children_come_in_order),
        TEST(forgets),
        TEST(other_pages_lead_nowhere),
        TEST(file_became_shorter),
        TEST(any_bytes),
        TEST(what_comes_is_what_is_there),
        TEST(cannot_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
