/*
 * The schema of a snapshot (SPEC 5.1): what sqlite_schema says, and the tables
 * and columns that follow from it. Plain data, all in one arena.
 */
#ifndef FORMAT_SCHEMA_H
#define FORMAT_SCHEMA_H

#include "base/arena.h"
#include "base/byte_buffer.h"
#include "base/byte_reader.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEMA_TABLE_COUNT_MAX 1000000u
#define SCHEMA_BLOCK_SIZE_MAX ((size_t)256 << 20) /* bytes of the raw block, SPEC 9 */
#define SCHEMA_COLUMN_COUNT_MAX 32767u            /* of one table; SQLite's own limit */

/* Text as SQLite may hold it: any bytes, NUL included. `bytes` also ends with a NUL. */
struct schema_text {
    const char *bytes;
    size_t size;
};

enum schema_entry_type {
    SCHEMA_ENTRY_TABLE = 1,
    SCHEMA_ENTRY_INDEX = 2,
    SCHEMA_ENTRY_TRIGGER = 3,
    SCHEMA_ENTRY_VIEW = 4,
};

/* One row of sqlite_schema, without its rootpage. */
struct schema_entry {
    enum schema_entry_type type;
    struct schema_text name;
    struct schema_text table; /* tbl_name */
    bool has_sql;             /* false for automatic indexes */
    struct schema_text sql;
};

enum schema_table_kind {
    SCHEMA_TABLE_ORDINARY = 1,
    SCHEMA_TABLE_SHADOW = 2,   /* belongs to a virtual table */
    SCHEMA_TABLE_INTERNAL = 3, /* sqlite_sequence, sqlite_stat1, ... */
    SCHEMA_TABLE_VIRTUAL = 4,  /* has no rows in a dump */
};

enum schema_generated {
    SCHEMA_GENERATED_NO = 0,
    SCHEMA_GENERATED_VIRTUAL = 1,
    SCHEMA_GENERATED_STORED = 2,
};

struct schema_column {
    struct schema_text name;
    struct schema_text type; /* as declared; may be empty */
    bool not_null;
    enum schema_generated generated;
    uint32_t primary_key; /* position in the primary key from 1; 0 if not in it */
    bool has_default;
    struct schema_text default_sql;
};

struct schema_table {
    struct schema_text name;
    enum schema_table_kind kind;
    bool without_rowid;
    bool strict;
    uint32_t column_count;
    struct schema_column *columns;
};

enum schema_encoding {
    SCHEMA_ENCODING_UTF8 = 1,
    SCHEMA_ENCODING_UTF16LE = 2,
    SCHEMA_ENCODING_UTF16BE = 3,
};

struct schema {
    /* What the state is made of. */
    enum schema_encoding encoding;
    int32_t user_version;
    int32_t application_id;
    uint32_t entry_count;
    struct schema_entry *entries; /* sorted by type, then name bytes */
    /* What describes the file, and the tables. */
    uint32_t page_size;
    uint32_t auto_vacuum; /* 0 none, 1 full, 2 incremental */
    bool is_wal;
    uint32_t table_count;
    struct schema_table *tables; /* sorted by name bytes; a table's ordinal is its place here */
    struct arena arena;          /* holds everything above */
};

void schema_release(struct schema *schema);

/* Sorts entries and tables into the order that SPEC 5.1 demands. */
void schema_sort(struct schema *schema);

/* Appends the identity section alone (SPEC 5.1.1), which the state_id covers. */
void schema_encode_identity(struct byte_buffer *out, const struct schema *schema);

/* Appends the body of the SCHEMA block. */
void schema_encode(struct byte_buffer *out, const struct schema *schema);

/* Decodes the body of a SCHEMA block. Fails with ERROR_CORRUPT; then release all the same. */
MUST_CHECK bool schema_decode(struct schema *out, struct byte_reader *body, struct error *err);

bool schema_text_equal(const struct schema_text *a, const struct schema_text *b);

/* Appends a name as SQL has it, in double quotes; one inside is doubled. No NUL at the end. */
void schema_put_name(struct byte_buffer *sql, const struct schema_text *name);

/* The table of that name (exact bytes), or NULL. */
const struct schema_table *schema_find_table(const struct schema *schema, const char *name);

/*
 * Whether the rows of both can be compared: the columns have the same names in the same order
 * (SPEC 7.1).
 */
bool schema_table_same_columns(const struct schema_table *a, const struct schema_table *b);

/* True if rows of this table are in a dump (all but virtual tables). */
bool schema_table_has_rows(const struct schema_table *table);

struct schema_text schema_text_of(struct arena *arena, const void *bytes, size_t size);

#endif
