/* A file without a folder, for tests that write thousands of them. */
#ifndef TESTS_MEMORY_FILE_H
#define TESTS_MEMORY_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Zero-initialise. */
struct memory_file {
    int fd;
    char path[32]; /* under which it can be opened while it is open */
};

/* Creates it empty. Ends the test program if the system refuses, as all of these. */
void memory_file_open(struct memory_file *file);

/* Replaces its content. */
void memory_file_set(const struct memory_file *file, const uint8_t *bytes, size_t size);

void memory_file_release(struct memory_file *file);

#endif
