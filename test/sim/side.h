/* side.h - the environments of a seed: one, or two side by side in one daemon.
 *
 * A side is an environment with all that belongs to it: its name, its store, its keys, its
 * webhook's secret, its account and mode at Stripe, its shop, its merchant. Who runs is of one side
 * (fibre.h); what the harness knows of a side, it keeps for each. Nothing of one side may ever be
 * seen in the other (ids.h). */
#pragma once

#include "climate.h"
#include "fibre.h"

enum { SIDES = 2 };

struct side {
    const char *name;       /* of the environment */
    const char *path;       /* of its store, on the simulated disk */
    const char *key;        /* the merchant's */
    const char *restricted; /* and one of the same account that may lose rights */
    const char *secret;     /* of its webhook */
    char account[ACCOUNT_ID_MAX + 1];
    bool livemode;
};

/* Which environments there are. */
enum shops {
    SHOP_ALONE,    /* the first one */
    SHOP_MODES,    /* and the other mode of its account */
    SHOP_ACCOUNTS, /* and another account in the same mode */
    SHOP_LIVE,     /* that one alone: to make its store */
    SHOP_OTHER,
};

/* Which there are from now on. Their accounts are asked for, so that the emulator is there. */
void sides_open(enum shops shops);
unsigned sides(void);
const struct side *side_at(unsigned i);
const struct side *side(void);          /* of who runs */
static inline unsigned other_side(void) /* there are two */
{
    return SIDES - 1 - fibre_side();
}
/* All words that must never be told: keys and secrets. NULL behind the last. */
extern const char *const side_secrets[];
