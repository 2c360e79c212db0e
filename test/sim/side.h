/* side.h - the environments of a seed: one, or two side by side in one daemon.
 *
 * A side is an environment with all that belongs to it: its name, its store, its keys, its
 * webhook's secret, its account and mode at Stripe, its shop, its merchant. Who runs is of one side
 * (fibre.h); what the harness knows of a side, it keeps for each. Nothing of one side may ever be
 * seen in the other (ids.h).
 *
 * The first side may have guests: accounts that are connected to its own (Connect). They share its
 * key and its store, and nothing else. Whatever is told of objects is told of one owner's: the
 * side's, or while the harness speaks for a guest, that one's. */
#pragma once

#include "climate.h"
#include "fibre.h"

#define STRANGER "acct_1Stranger000001" /* connected to nobody */

enum { SIDES = 2, GUESTS = 2, OWNERS = SIDES + GUESTS };

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

/* A guest's number from 1 on; 0: the side itself. Nobody else may run between the two. */
void guest_is(unsigned guest);
unsigned guest(void);
unsigned guests(void);          /* how many there are */
void guests_arrive(unsigned n); /* they are made at Stripe */
const char *guest_account(unsigned guest);
void guest_leaves(unsigned guest); /* it takes the platform's access away */
bool guest_has_left(unsigned guest);
unsigned guest_of(str account);   /* 0: none */
unsigned owner(void);             /* below OWNERS: for whom the harness speaks */
const char *owner_account(void);  /* likewise */
static inline bool is_apart(void) /* there is somebody to be kept apart from */
{
    return sides() > 1 || guests();
}

/* All words that must never be told: keys and secrets. NULL behind the last. */
extern const char *const side_secrets[];
