/* climate.h - what kind of world a seed lives in: drawn first, so that seeds differ by more than
 * luck. Rates are in percent unless they say otherwise; 0 is common. */
#pragma once

#include "core/env.h"
#include "disk.h"

/* What a climate is about; ANY leaves that to the seed, too. */
#define WEATHERS(WEATHER)                                                   \
    WEATHER(ANY, "any")                                                     \
    WEATHER(PLAIN, "plain")                                                 \
    WEATHER(STORM, "storm")     /* answers that overtake each other */      \
    WEATHER(CHURN, "churn")     /* lists that are overtaken */              \
    WEATHER(TUG, "tug")         /* a sync that must survive everything */   \
    WEATHER(ECHO, "echo")       /* news of what is just being asked for */  \
    WEATHER(WHISPER, "whisper") /* changes of which only syncs hear */      \
    WEATHER(MORTAL, "mortal")   /* hardly a life is longer than a breath */ \
    WEATHER(BILLS, "bills")     /* nested lists longer than a page */       \
    WEATHER(SHOP, "shop")       /* customers, and who asks for them */      \
    WEATHER(TURNS, "turns")     /* commands and daemons take turns */       \
    WEATHER(HUSH, "hush")       /* hardly a delivery; a sync at the end */  \
    WEATHER(DEAF, "deaf")       /* no delivery for days, only the list */   \
    WEATHER(ROT, "rot")         /* what only the drift check can mend */    \
    WEATHER(CULL, "cull")       /* many deletions at once */                \
    WEATHER(CHAIN, "chain")     /* references that lead far */              \
    WEATHER(FRAIL, "frail")     /* a disk that fails, and soon the power */ \
    WEATHER(TRADE, "trade")     /* operations on the catalogue */           \
    WEATHER(PAIR, "pair")       /* two environments in one daemon */        \
    WEATHER(MOVE, "move")       /* and people who switch between them */    \
    WEATHER(GUESTS, "guests")   /* connected accounts */                    \
    WEATHER(FORGET, "forget")   /* people who are to be forgotten */

enum weather {
#define WEATHER(w, text) WEATHER_##w,
    WEATHERS(WEATHER)
#undef WEATHER
};

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
    unsigned keeper_sleeps;             /* in 100: a lease is not renewed in time */
    unsigned spite_before, spite_after; /* a request or an answer waits until something changed */
    unsigned ghosts, omissions; /* lists that lag: show what is deleted, lack what is there */
    unsigned page_limit;        /* of lists; below 100 to see more pages */

    /* the key-value server; its first rates are of calls, the others of its restarts */
    bool kv;
    unsigned kv_lost_before, kv_lost_after, kv_torn, kv_late;
    unsigned kv_restarts, kv_emptied, kv_rewound; /* the first: in 100 rounds of half a minute */

    /* deliveries */
    unsigned late, doubled, lost_answers;
    unsigned dropped; /* never delivered; only where a sync ends the seed */
    msec late_ms_max;

    bool deaf;        /* nothing is ever delivered: the list of events alone tells */
    msec list_lag_ms; /* an event may show up so late in that list */

    /* the daemon's clock */
    msec tick_ms; /* how often it looks what has come due; 0: never */
    bool days;    /* the seed takes days: nobody hurries */
    bool rot;     /* the drift check alone brings what no event tells of */

    /* the merchant */
    unsigned objects, actions;
    msec action_pause_ms;
    unsigned behind_back; /* edits without an event: a sync ends the seed */
    bool money;           /* customers subscribe */
    unsigned burst;       /* so many things at once, then a pause */
    bool churn;           /* products come and go, and nothing else happens */
    bool bills;           /* invoices, most of all */
    bool shop;            /* subscriptions, most of all */
    unsigned toggles;     /* of a hundred things in a shop: a price goes to its other list */
    bool chain;           /* objects that refer to each other in a long row */
    unsigned orders;      /* in 100 rounds: an operation on the catalogue is asked for */
    bool cull, cull_told; /* everything is deleted at once; with events */
    unsigned asks;        /* in 100 rounds: somebody asks for a customer, and waits */
    msec delivery_ms_max; /* of what is not late */

    /* the node's fate */
    msec life_ms_max;       /* 0: nothing happens to it */
    msec down_ms_max;       /* until the next life */
    unsigned cuts, kills;   /* of a hundred ends; the rest are orderly stops */
    unsigned violent_lives; /* at most */
    struct disk_climate disk;
    unsigned full_spells, clock_jumps, syncs, wrong_keys; /* in 1000, a minute */
    unsigned syncs_max;
    unsigned full_syncs;        /* of a hundred */
    msec people_ms_max;         /* between their commands, when they are in a hurry */
    unsigned seconds, commands; /* of a hundred times that people look: processes beside */
    unsigned ends_beside;       /* of a hundred: it is ended before the daemon begins */
    bool last_sync;             /* a sync ends the seed */
    /* two environments (side.h) */
    bool pair;
    bool modes;             /* of one account; else two accounts in one mode */
    bool restricted;        /* the program's keys are, and may lose rights */
    unsigned exchanged;     /* of a hundred requests: it carries another's key, alone */
    unsigned swaps, losses; /* of a hundred rounds: a key, or a right of it, is gone for a while */
    unsigned misled,
        strays;        /* of a hundred deliveries: to the wrong address; with the wrong event */
    unsigned switches; /* of a hundred rounds: somebody switches from one to the other */
    msec switch_pause_ms_max, drain_ms_max; /* the longest round; the longest drain */
    unsigned switch_deaths; /* of a thousand calls of such a process: it is killed there */
    unsigned guests;        /* accounts that are connected to the one environment (side.h) */
    bool leaves;            /* the last of them takes its access away */

    unsigned erasures;       /* of a hundred rounds: somebody is to be forgotten */
    unsigned erasure_deaths; /* of a hundred looks at an erasure: the process ends */

    bool early_sync; /* it begins while things still go wrong, and must survive that */
};

void climate_force(enum weather w); /* of all seeds from now on */
bool climate_by_name(const char *name, enum weather *out);
void climate_draw(struct climate *c);
void climate_calm(struct climate *c); /* the same node in a world without faults */
void climate_tell(const struct climate *c);
