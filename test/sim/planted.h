/* planted.h - the bugs that are there on purpose (base/plant.h): in which weather each of them
 * shows, which promise it breaks, and within how many seeds. */
#pragma once

#include "base/plant.h"
#include "climate.h"
#include "trace.h"

struct planting {
    const char *name;
    enum weather weather;
    unsigned breaks; /* one of these promises, a bit each */
    uint64_t seeds;  /* within so many, from the first */
    uint64_t first;  /* where it shows soon, as the stories go today; 0: from 1 */
};

extern const struct planting planting[PLANT_COUNT];

/* From now on it is there, and so is its weather. */
void plant(enum plant bug);
enum plant planting_by_name(const char *name); /* PLANT_NOTHING: there is none of this name */
