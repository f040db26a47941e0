/* How much memory this host, or the container around us, has. */
#ifndef DOCTOR_HOST_MEMORY_H
#define DOCTOR_HOST_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes; 0: not known. */
uint64_t host_memory(void);

/* Parses "16GB", "512 MB", "1048576kB", "8G", "4096" (bytes); units are of 1024. */
bool host_memory_parse(const char *text, uint64_t *size);

#endif
