#include "base/byte_buffer.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The one place where memory runs out: being stopped at any moment is safe by design. */
static void end_out_of_memory(size_t size)
{
    fprintf(stderr, "valise: out of memory (%zu bytes wanted)\n", size);
    _exit(ERROR_IO);
}

void *byte_buffer_realloc(void *old, size_t size)
{
    void *grown = realloc(old, size == 0 ? 1 : size);

    if (grown == NULL)
        end_out_of_memory(size);
    return grown;
}

void *byte_buffer_calloc(size_t count, size_t size)
{
    void *zeroed = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);

    if (zeroed == NULL)
        end_out_of_memory(count * size);
    return zeroed;
}

void byte_buffer_release(struct byte_buffer *b)
{
    free(b->data);
    *b = (struct byte_buffer){0};
}

void byte_buffer_give_back(struct byte_buffer *b, size_t kept_size)
{
    uintptr_t page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)b->data + kept_size + page_size - 1) / page_size * page_size;
    uintptr_t end = ((uintptr_t)b->data + b->capacity) / page_size * page_size;

    if (kept_size < b->size)
        b->size = kept_size;
    if (first < end)
        (void)madvise((void *)first, end - first, MADV_DONTNEED);
}

void byte_buffer_grow(struct byte_buffer *b, size_t more)
{
    size_t wanted = b->size + more;

    if (wanted < more)
        end_out_of_memory(more);
    byte_buffer_grow_exactly(b, more + wanted / 2 + 64);
}

void byte_buffer_grow_exactly(struct byte_buffer *b, size_t more)
{
    size_t wanted = b->size + more;

    if (wanted < more)
        end_out_of_memory(more);
    /* An empty one has nothing that realloc() would have to carry along. */
    if (b->size == 0)
        byte_buffer_release(b);
    b->data = byte_buffer_realloc(b->data, wanted);
    b->capacity = wanted;
}

void byte_buffer_put_u16(struct byte_buffer *b, uint16_t value)
{
    uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};

    byte_buffer_put(b, bytes, sizeof(bytes));
}

void byte_buffer_format_list(struct byte_buffer *b, const char *fmt, va_list args)
{
    va_list again;
    int size;

    va_copy(again, args);
    size = vsnprintf(NULL, 0, fmt, args);
    if (size < 0)
        abort(); /* longer than INT_MAX */
    byte_buffer_reserve(b, (size_t)size + 1);
    vsnprintf((char *)b->data + b->size, (size_t)size + 1, fmt, again);
    va_end(again);
    b->size += (size_t)size;
}

void byte_buffer_format(struct byte_buffer *b, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    byte_buffer_format_list(b, fmt, args);
    va_end(args);
}

void byte_buffer_set_u32(struct byte_buffer *b, size_t at, uint32_t value)
{
    byte_buffer_store_u32(b->data + at, value);
}

void byte_buffer_set_u64(struct byte_buffer *b, size_t at, uint64_t value)
{
    byte_buffer_store_u64(b->data + at, value);
}
