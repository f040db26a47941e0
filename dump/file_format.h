/*
 * Numbers of SQLite's file format, https://www.sqlite.org/fileformat2.html: for what looks at a
 * database's bytes before, or beside, SQLite. All integers are big-endian.
 */
#ifndef DUMP_FILE_FORMAT_H
#define DUMP_FILE_FORMAT_H

#include <stdint.h>

/* Bytes of a page, section 1.3.2. */
#define FILE_FORMAT_PAGE_SIZE_MIN 512
#define FILE_FORMAT_PAGE_SIZE_MAX 65536

/* Bytes before the b-tree of page 1, section 1.3. */
#define FILE_FORMAT_HEADER_SIZE 100

/* The first byte of a page of a b-tree, section 1.6. */
#define FILE_FORMAT_INTERIOR_INDEX 2
#define FILE_FORMAT_INTERIOR_TABLE 5
#define FILE_FORMAT_LEAF_INDEX 10
#define FILE_FORMAT_LEAF_TABLE 13

static inline uint32_t file_format_u16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t file_format_u32(const uint8_t *at)
{
    return file_format_u16(at) << 16 | file_format_u16(at + 2);
}

#endif
