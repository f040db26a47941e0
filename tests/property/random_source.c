#include "tests/property/random_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct random_source random_source_open(void)
{
    const char *text = getenv("VALISE_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);

    printf("VALISE_SEED=%" PRIu64 "\n", seed);
    return (struct random_source){.state = seed};
}

/* SplitMix64. */
uint64_t random_source_next(struct random_source *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t random_source_below(struct random_source *random, uint64_t limit)
{
    return limit == 0 ? 0 : random_source_next(random) % limit;
}

bool random_source_once_in(struct random_source *random, uint64_t times)
{
    return random_source_below(random, times) == 0;
}

uint64_t random_source_size(struct random_source *random, uint64_t limit)
{
    if (random_source_once_in(random, 20))
        return random_source_below(random, limit);
    return random_source_below(random, limit < 12 ? limit : 12);
}

void random_source_fill(struct random_source *random, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_source_next(random);
}
