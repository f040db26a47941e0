#include "doctor/host_memory.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The first number of a small file; 0: there is none. */
static uint64_t read_number(const char *path)
{
    char text[64];
    FILE *file = fopen(path, "re");
    uint64_t number = 0;

    if (file == NULL)
        return 0;
    if (fgets(text, sizeof(text), file) != NULL && isdigit((unsigned char)text[0]))
        number = strtoull(text, NULL, 10);
    fclose(file);
    return number;
}

static uint64_t read_total(void)
{
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");
    uint64_t size = 0;

    if (file == NULL)
        return 0;
    while (size == 0 && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "MemTotal:", 9) == 0)
            size = strtoull(line + 9, NULL, 10) * 1024;
    fclose(file);
    return size;
}

uint64_t host_memory(void)
{
    static const char *const limits[] = {
        "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    uint64_t size = read_total();

    for (size_t i = 0; i < 2; i++) {
        uint64_t limit = read_number(limits[i]);

        if (limit > 0 && limit < size)
            size = limit;
    }
    return size;
}

bool host_memory_parse(const char *text, uint64_t *size)
{
    static const struct {
        const char *name;
        int shift;
    } units[] = {{"", 0}, {"B", 0}, {"kB", 10}, {"k", 10}, {"MB", 20}, {"M", 20}, {"GB", 30},
        {"G", 30}, {"TB", 40}, {"T", 40}};
    char *end;
    unsigned long long number;

    if (!isdigit((unsigned char)text[0]) || strlen(text) > 20)
        return false;
    number = strtoull(text, &end, 10);
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcasecmp(end, units[i].name) != 0)
            continue;
        if (number == 0 || number > UINT64_MAX >> (units[i].shift + 1))
            return false;
        *size = (uint64_t)number << units[i].shift;
        return true;
    }
    return false;
}
