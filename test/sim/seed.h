/* seed.h - all chance comes from one number. */
#pragma once

#include "world/rng.h"

void seed_set(uint64_t seed);
uint64_t seed_draw(void);
int64_t seed_between(int64_t lo, int64_t hi); /* both may come */
bool seed_chance(unsigned percent);
bool seed_chance_of(unsigned n, unsigned of); /* n in `of` */
/* A rate for a climate: often none at all, else up to `most` (percent). */
unsigned seed_rate(unsigned most);

/* Chance as the program under test sees it. */
extern struct rng sim_rng;
