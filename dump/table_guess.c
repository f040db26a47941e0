#include "dump/table_guess.h"

#include "base/byte_buffer.h"
#include "base/owned.h"
#include "dump/file_format.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8           /* pages below each other; SQLite's limit is 20 */
#define CELL_SAMPLE_COUNT 8   /* of a page */
#define PATH_COUNT 2          /* children that are followed, of a page */
#define SIZE_MAX_GUESSED 1e15 /* bytes; who says more is damaged */

struct tree {
    sqlite3_file *file;
    uint32_t page_size;
};

/* A page whose bytes may say anything. */
struct page {
    uint8_t *bytes; /* owned */
    const uint8_t *end;
    const uint8_t *header;
    const uint8_t *cells; /* their offsets in the page, two bytes each */
    uint32_t cell_count;
};

static void page_release(struct page *page)
{
    free(page->bytes);
    *page = (struct page){0};
}

static bool is_inner(const struct page *page)
{
    return page->header[0] == FILE_FORMAT_INTERIOR_TABLE
           || page->header[0] == FILE_FORMAT_INTERIOR_INDEX;
}

static bool read_page(struct page *page, const struct tree *tree, uint32_t number)
{
    sqlite3_int64 offset = (sqlite3_int64)(number - 1) * tree->page_size;
    size_t header_size;

    page->bytes = byte_buffer_calloc(1, tree->page_size);
    page->end = page->bytes + tree->page_size;
    if (number == 0
        || tree->file->pMethods->xRead(tree->file, page->bytes, (int)tree->page_size, offset)
               != SQLITE_OK)
        return false;
    page->header = page->bytes + (number == 1 ? FILE_FORMAT_HEADER_SIZE : 0);
    page->cell_count = file_format_u16(page->header + 3);
    header_size = is_inner(page) ? 12 : 8;
    page->cells = page->header + header_size;
    return (size_t)(page->end - page->cells) >= 2 * (size_t)page->cell_count;
}

/* The start of a cell; the page's end if it lies elsewhere. */
static const uint8_t *cell_at(const struct page *page, uint32_t number)
{
    uint32_t offset = file_format_u16(page->cells + 2 * (size_t)number);

    return offset < (size_t)(page->end - page->bytes) ? page->bytes + offset : page->end;
}

static uint64_t take_varint(const uint8_t **at, const uint8_t *end)
{
    uint64_t value = 0;

    for (int i = 0; i < 9 && *at < end; i++) {
        uint8_t byte = *(*at)++;

        if (i == 8)
            return value << 8 | byte;
        value = value << 7 | (byte & 0x7f);
        if (byte < 0x80)
            break;
    }
    return value;
}

/* Canonical bytes of a value with this serial type. */
static uint64_t value_size(uint64_t serial_type)
{
    if (serial_type == 0)
        return 1;
    return serial_type < 12 ? 9 : 5 + (serial_type - 12) / 2;
}

/* Canonical bytes of the row in a cell, as far as its header lies in the page. */
static uint64_t row_size(const struct page *page, const uint8_t *cell)
{
    const uint8_t *header;
    const uint8_t *end;
    uint64_t header_size;
    uint64_t size = 0;

    if (page->header[0] == FILE_FORMAT_INTERIOR_INDEX)
        cell = page->end - cell > 4 ? cell + 4 : page->end;
    (void)take_varint(&cell, page->end); /* the payload's size */
    if (page->header[0] == FILE_FORMAT_LEAF_TABLE)
        (void)take_varint(&cell, page->end); /* the rowid */
    header = cell;
    header_size = take_varint(&cell, page->end);
    end = header_size < (size_t)(page->end - header) ? header + header_size : page->end;
    while (cell < end)
        size += value_size(take_varint(&cell, end));
    return size;
}

/* What the rows in the page itself take. */
static double rows_size(const struct page *page)
{
    uint32_t count = page->cell_count < CELL_SAMPLE_COUNT ? page->cell_count : CELL_SAMPLE_COUNT;
    double size = 0;

    if (page->header[0] == FILE_FORMAT_INTERIOR_TABLE || count == 0)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        size += (double)row_size(page, cell_at(page, i * page->cell_count / count));
    return size * page->cell_count / count;
}

/* The page's child of this number; the last one is in the header. */
static uint32_t child_of(const struct page *page, uint32_t number)
{
    const uint8_t *cell = number == page->cell_count ? page->header + 8 : cell_at(page, number);

    return page->end - cell < 4 ? 0 : file_format_u32(cell);
}

static double tree_size(const struct tree *tree, uint32_t number, int depth)
{
    OWNED(page) struct page page = {0};
    uint32_t child_count;
    uint32_t path_count;
    double size = 0;

    if (depth == DEPTH_MAX || !read_page(&page, tree, number))
        return 0;
    if (!is_inner(&page))
        return page.header[0] == FILE_FORMAT_LEAF_TABLE || page.header[0] == FILE_FORMAT_LEAF_INDEX
                   ? rows_size(&page)
                   : 0;
    child_count = page.cell_count + 1;
    path_count = child_count < PATH_COUNT ? child_count : PATH_COUNT;
    /* Not the first and the last one, which may be special. */
    for (uint32_t i = 0; i < path_count; i++)
        size += tree_size(
            tree, child_of(&page, (2 * i + 1) * child_count / (2 * path_count)), depth + 1);
    return rows_size(&page) + size * child_count / path_count;
}

static void statement_release(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

static uint64_t *find(uint64_t *sizes, const struct schema *schema, const char *name)
{
    for (uint32_t i = 0; name != NULL && i < schema->table_count; i++)
        if (schema_table_has_rows(&schema->tables[i])
            && strcmp(schema->tables[i].name.bytes, name) == 0)
            return &sizes[i];
    return NULL;
}

void table_guess_sizes(uint64_t *sizes, sqlite3 *db, const struct schema *schema)
{
    OWNED(statement) sqlite3_stmt *statement = NULL;
    struct tree tree = {.page_size = schema->page_size};

    memset(sizes, 0, schema->table_count * sizeof(*sizes));
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &tree.file) != SQLITE_OK
        || tree.file->pMethods == NULL
        || sqlite3_prepare_v2(db,
               "SELECT name, rootpage FROM main.sqlite_schema WHERE type = 'table'", -1, &statement,
               NULL)
               != SQLITE_OK)
        return;
    while (sqlite3_step(statement) == SQLITE_ROW) {
        uint64_t *size = find(sizes, schema, (const char *)sqlite3_column_text(statement, 0));

        double guess;

        if (size == NULL)
            continue;
        guess = tree_size(&tree, (uint32_t)sqlite3_column_int64(statement, 1), 0);
        *size = guess < SIZE_MAX_GUESSED ? (uint64_t)guess : 0;
    }
}
