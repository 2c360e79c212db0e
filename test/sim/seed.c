#include "seed.h"

/* xoshiro256**, seeded by splitmix64. */
static uint64_t state[4];

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

void seed_set(uint64_t seed)
{
    for (size_t i = 0; i < COUNT(state); i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        state[i] = z ^ z >> 31;
    }
}

uint64_t seed_draw(void)
{
    uint64_t r = rotl(state[1] * 5, 7) * 9, t = state[1] << 17;

    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotl(state[3], 45);
    return r;
}

int64_t seed_between(int64_t lo, int64_t hi)
{
    assert(lo <= hi);
    return lo + (int64_t)(seed_draw() % (uint64_t)(hi - lo + 1));
}

bool seed_chance(unsigned percent)
{
    return seed_draw() % 100 < percent;
}

bool seed_chance_of(unsigned n, unsigned of)
{
    return seed_draw() % of < n;
}

unsigned seed_rate(unsigned most)
{
    return seed_chance(50) ? 0 : (unsigned)seed_between(1, most);
}

static void fill(struct rng *r, void *dst, size_t n)
{
    (void)r;
    for (size_t i = 0; i < n; i++)
        ((unsigned char *)dst)[i] = (unsigned char)(seed_draw() >> 24);
}

static const struct rng_ops ops = { fill };
struct rng sim_rng = { &ops };
