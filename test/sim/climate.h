/* climate.h - what kind of world a seed lives in: drawn first, so that seeds differ by more than
 * luck. Rates are in percent unless they say otherwise; 0 is common. */
#pragma once

#include "core/env.h"
#include "disk.h"

struct climate {
    /* the node */
    unsigned workers;
    struct env_settings set;
    unsigned requests_per_second;
    size_t batch_max;
    int checkpoint_pages;
    unsigned preempt;  /* in 1000 */
    bool from_nothing; /* the seed begins with an empty disk */

    /* Stripe */
    msec answer_ms_max;
    unsigned slow, stall_before, stall_after, lost_before, lost_after, limited, errors, html,
        truncated, lies, key_refused, forbidden;
    unsigned ghosts, omissions; /* lists that lag: show what is deleted, lack what is there */
    unsigned page_limit;        /* of lists; below 100 to see more pages */

    /* deliveries */
    unsigned late, doubled, lost_answers;
    unsigned dropped; /* never delivered; only where a sync ends the seed */
    msec late_ms_max;

    /* the merchant */
    unsigned objects, actions;
    msec action_pause_ms;
    unsigned behind_back; /* edits without an event: a sync ends the seed */
    bool churn;           /* products alone, made and deleted while lists are walked */
    bool money;           /* customers subscribe */

    /* the node's fate */
    msec life_ms_max;     /* 0: nothing happens to it */
    unsigned cuts, kills; /* of a hundred ends; the rest are orderly stops */
    struct disk_climate disk;
    unsigned full_spells, clock_jumps, syncs, wrong_keys; /* in 1000, a minute */
    bool last_sync;                                       /* a sync ends the seed */
    bool early_sync; /* it begins while things still go wrong, and must survive that */
};

void climate_draw(struct climate *c);
void climate_calm(struct climate *c); /* the same node in a world without faults */
void climate_tell(const struct climate *c);
