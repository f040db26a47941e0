#include "base/owned.h"
#include "format/block.h"
#include "tests/property/memory_file.h"
#include "tests/unit/unit.h"
#include "tools/frame_walk.h"

/* Appends the frame of a raw block of that many bytes. */
static void put_frame(struct byte_buffer *out, size_t body_size)
{
    OWNED(block_codec) struct block_codec codec = {0};
    OWNED(byte_buffer) struct byte_buffer raw = {0};
    OWNED(byte_buffer) struct byte_buffer frame = {0};

    block_begin(&raw, BLOCK_ROWS, 1);
    for (size_t i = 0; i < body_size; i++)
        byte_buffer_put_u8(&raw, (uint8_t)(i * i >> 5 ^ i >> 3));
    block_compress(&codec, &frame, &raw, BLOCK_LEVEL_DEFAULT);
    byte_buffer_put(out, frame.data, frame.size);
}

static void open_bytes(
    struct memory_file *memory, struct file_input *file, const struct byte_buffer *bytes)
{
    struct error err;

    memory_file_open(memory);
    memory_file_set(memory, bytes->data, bytes->size);
    ASSERT_DONE(file_input_open(file, memory->path, &err), err);
}

/* The headers alone say what zstd says. */
static void measures_like_zstd(void **state)
{
    (void)state;
    for (size_t body_size = 0; body_size < 2000000; body_size = body_size * 9 + 1) {
        OWNED(memory_file) struct memory_file memory = {0};
        OWNED(file_input) struct file_input file = {.fd = -1};
        OWNED(byte_buffer) struct byte_buffer bytes = {0};
        struct error err;
        uint64_t size;

        put_frame(&bytes, body_size);
        open_bytes(&memory, &file, &bytes);
        ASSERT_DONE(frame_walk_measure(&file, 0, bytes.size, &size, &err), err);
        assert_int_equal(size, bytes.size);
        ASSERT_FAILS(frame_walk_measure(&file, 0, bytes.size - 1, &size, &err), err, ERROR_CORRUPT,
            "cut off");
    }
}

static void finds_the_next_frame(void **state)
{
    OWNED(memory_file) struct memory_file memory = {0};
    OWNED(file_input) struct file_input file = {.fd = -1};
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd};
    struct error err;
    uint64_t found;
    size_t wanted;

    (void)state;
    /* Noise across several windows, in it the magic without a frame. */
    for (size_t i = 0; i < 200000; i++)
        byte_buffer_put_u8(&bytes, (uint8_t)(i % 251));
    memcpy(bytes.data + 1000, magic, sizeof(magic));
    memset(bytes.data + 1004, 0xff, 16);
    wanted = bytes.size;
    put_frame(&bytes, 100);
    open_bytes(&memory, &file, &bytes);
    ASSERT_DONE(frame_walk_find(&file, 0, bytes.size, &found, &err), err);
    assert_int_equal(found, wanted);
    /* Also where the magic lies across two windows of 64 KiB. */
    for (size_t shift = 0; shift < 5; shift++) {
        ASSERT_DONE(frame_walk_find(&file, wanted - 65536 + shift, bytes.size, &found, &err), err);
        assert_int_equal(found, wanted);
    }
    ASSERT_DONE(frame_walk_find(&file, wanted + 1, bytes.size, &found, &err), err);
    assert_int_equal(found, bytes.size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_like_zstd),
        cmocka_unit_test(finds_the_next_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
