/*
 * Checks the vectors of SPEC.md's appendix B, given on standard input, with the
 * modules that dumps are read and written with.
 */
#include "base/owned.h"
#include "format/checksum.h"
#include "format/rows_block.h"
#include "format/sha256.h"
#include "format/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 1024
#define WORD_COUNT_MAX 8

/* Appends the bytes of a hexadecimal word; "-" stands for none. */
static void put_hex(struct byte_buffer *out, const char *word)
{
    unsigned byte;

    for (; sscanf(word, "%2x", &byte) == 1; word += 2)
        byte_buffer_put_u8(out, (uint8_t)byte);
}

static void put_xxh3(struct byte_buffer *out, const char *word)
{
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    uint8_t stored[HASH128_SIZE];

    put_hex(&bytes, word);
    checksum_store(stored, checksum_xxh3(bytes.data, bytes.size));
    byte_buffer_put(out, stored, sizeof(stored));
}

static void put_sha256(struct byte_buffer *out, const char *word)
{
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    OWNED(sha256) struct sha256 sha = {0};
    uint8_t digest[SHA256_SIZE];

    put_hex(&bytes, word);
    sha256_init(&sha);
    sha256_update(&sha, bytes.data, bytes.size);
    sha256_final(&sha, digest);
    byte_buffer_put(out, digest, sizeof(digest));
}

static void put_sum(struct byte_buffer *out, const char *left, const char *right)
{
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    uint8_t stored[HASH128_SIZE];

    put_hex(&bytes, left);
    put_hex(&bytes, right);
    if (bytes.size != sizeof(stored) * 2)
        return;
    checksum_store(
        stored, checksum_add(checksum_load(bytes.data), checksum_load(bytes.data + HASH128_SIZE)));
    byte_buffer_put(out, stored, sizeof(stored));
}

static void put_value(struct byte_buffer *out, const char *class, const char *word)
{
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    struct value value = {.class = VALUE_NULL};
    uint64_t bits;

    if (strcmp(class, "integer") == 0) {
        value.class = VALUE_INTEGER;
        value.integer = strtoll(word, NULL, 10);
    } else if (strcmp(class, "real") == 0) {
        value.class = VALUE_REAL;
        bits = strtoull(word, NULL, 16);
        memcpy(&value.real, &bits, sizeof(bits));
    } else if (strcmp(class, "null") != 0) {
        value.class = strcmp(class, "text") == 0 ? VALUE_TEXT : VALUE_BLOB;
        put_hex(&bytes, word);
        value.bytes = bytes.data;
        value.size = (uint32_t)bytes.size;
    }
    value_encode(out, &value);
}

/* The canonical values of a column of that many rows, as in a ROWS block. */
static void put_column(struct byte_buffer *out, const char *row_count, const char *word)
{
    OWNED(byte_buffer) struct byte_buffer body = {0};
    OWNED(rows_block) struct rows_block block = {0};
    struct byte_reader r;
    struct value value;
    struct error err;

    byte_buffer_put_u32(&body, 0);
    byte_buffer_put_u32(&body, (uint32_t)strtoul(row_count, NULL, 10));
    byte_buffer_put_u32(&body, 0);
    byte_buffer_put_u32(&body, 1);
    put_hex(&body, word);
    r = byte_reader_over(body.data, body.size);
    if (!rows_block_decode(&block, &r, 1, &err)) {
        printf("%s\n", err.text);
        return;
    }
    while (rows_block_next(&block, &value))
        value_encode(out, &value);
}

/* Fills words with those of the line; returns how many. */
static size_t split(char *line, char *words[WORD_COUNT_MAX])
{
    size_t count = 0;
    char *rest = line;
    char *word;

    while (count < WORD_COUNT_MAX && (word = strtok_r(rest, " \n", &rest)) != NULL)
        words[count++] = word;
    return count;
}

/* True if what is on the left of "=" makes the bytes on its right. */
static bool check(char *const *words, size_t count)
{
    OWNED(byte_buffer) struct byte_buffer made = {0};
    OWNED(byte_buffer) struct byte_buffer wanted = {0};

    if (count < 4 || strcmp(words[count - 2], "=") != 0)
        return false;
    put_hex(&wanted, words[count - 1]);
    if (strcmp(words[0], "xxh3") == 0)
        put_xxh3(&made, words[1]);
    else if (strcmp(words[0], "sha256") == 0)
        put_sha256(&made, words[1]);
    else if (strcmp(words[0], "sum") == 0)
        put_sum(&made, words[1], words[2]);
    else if (strcmp(words[0], "column") == 0)
        put_column(&made, words[1], words[2]);
    else if (strcmp(words[0], "value") == 0)
        put_value(&made, words[1], words[2]);
    return made.size == wanted.size && made.size > 0
           && memcmp(made.data, wanted.data, made.size) == 0;
}

int main(void)
{
    char line[LINE_SIZE];
    size_t line_count = 0;
    bool is_sound = true;

    while (fgets(line, sizeof(line), stdin) != NULL) {
        char copy[LINE_SIZE];
        char *words[WORD_COUNT_MAX];

        memcpy(copy, line, sizeof(copy));
        if (!check(words, split(copy, words))) {
            printf("wrong: %s", line);
            is_sound = false;
        }
        line_count++;
    }
    printf("%zu vectors\n", line_count);
    return is_sound && line_count > 0 ? 0 : 1;
}
