#include "synthetic_random.h"

#define SIXTH_COUNT 10 /* six-bit digits in 60 of 64 random bits */

static const char BASE64URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return (value << bits) | (value >> (64 - bits));
}

/* splitmix64: spreads a seed over the whole state. */
static uint64_t spread(uint64_t *seed)
{
    uint64_t value = (*seed += 0x9e3779b97f4a7c15u);

    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

void synthetic_random_init(struct synthetic_random *random, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++)
        random->state[i] = spread(&seed);
}

uint64_t synthetic_random_next(struct synthetic_random *random)
{
    uint64_t *state = random->state;
    uint64_t result = rotate(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;

    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate(state[3], 45);
    return result;
}

uint32_t synthetic_random_below(struct synthetic_random *random, uint32_t limit)
{
    return (uint32_t)(((synthetic_random_next(random) >> 32) * limit) >> 32);
}

bool synthetic_random_one_in(struct synthetic_random *random, uint32_t odds)
{
    return synthetic_random_below(random, odds) == 0;
}

uint32_t synthetic_random_skewed(struct synthetic_random *random, uint32_t limit)
{
    uint32_t bits = 0;
    uint32_t value;

    while (bits < 31 && (uint64_t)2 << bits <= limit)
        bits++;
    do {
        uint32_t octave = 1u << synthetic_random_below(random, bits + 1);

        value = octave - 1 + synthetic_random_below(random, octave);
    } while (value >= limit);
    return value;
}

uint64_t synthetic_random_mix(const void *bytes, size_t size, uint64_t salt)
{
    const unsigned char *next = bytes;
    uint64_t seed = salt;

    for (size_t i = 0; i < size; i++)
        seed = (seed ^ next[i]) * 0x100000001b3u;
    return spread(&seed);
}

void synthetic_random_base64url(struct synthetic_random *random, char *out, size_t count)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < count; i++) {
        if (i % SIXTH_COUNT == 0)
            bits = synthetic_random_next(random);
        out[i] = BASE64URL[bits & 63];
        bits >>= 6;
    }
    out[count] = '\0';
}
