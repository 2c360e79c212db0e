#include "side.h"

#include "stripe.h"

#include <stdio.h>
#include <stdlib.h>

#define LIVE_KEY "sk_live_simulated"
#define SECOND_KEY "sk_test_of_the_other_shop"
#define SECOND_SECRET "whsec_of_the_other_shop"

static const struct side first = { .name = "sim",
                                   .path = "mirror.db",
                                   .key = SIM_KEY,
                                   .restricted = "rk_test_simulated",
                                   .secret = SIM_SECRET };
static const struct side live = { .name = "too",
                                  .path = "live.db",
                                  .key = LIVE_KEY,
                                  .restricted = "rk_live_simulated",
                                  .secret = SECOND_SECRET,
                                  .livemode = true };
static const struct side other = { .name = "too",
                                   .path = "other.db",
                                   .key = SECOND_KEY,
                                   .restricted = "rk_test_of_the_other_shop",
                                   .secret = SECOND_SECRET };

const char *const side_secrets[] = { SIM_KEY,    OTHER_KEY,           LIVE_KEY,
                                     SECOND_KEY, "rk_test_simulated", "rk_live_simulated",
                                     SIM_SECRET, SECOND_SECRET,       "rk_test_of_the_other_shop",
                                     NULL };

static struct side all[SIDES];
static unsigned n_sides = 1;

unsigned sides(void)
{
    return n_sides;
}

const struct side *side_at(unsigned i)
{
    assert(i < n_sides);
    return &all[i];
}

const struct side *side(void)
{
    return side_at(fibre_side());
}

void sides_open(enum shops shops)
{
    n_sides = shops == SHOP_MODES || shops == SHOP_ACCOUNTS ? 2 : 1;
    all[0] = shops == SHOP_LIVE ? live : shops == SHOP_OTHER ? other : first;
    all[1] = shops == SHOP_MODES ? live : other;
    for (unsigned i = 0; i < n_sides; i++) {
        fibre_go_to(i);
        if (!emu_account(all[i].account))
            abort();
    }
    fibre_go_to(0);
}
