/* plant.h - bugs that are there on purpose, to prove that the simulator would see them.
 *
 * In the product planted() is false and leaves no code behind. The simulator compiles core and
 * backend a second time with BRINDLE_PLANTED; then one of them at a time can be switched on. Each
 * protection that matters has its bug here: without one, nobody knows that it is needed. */
#pragma once

#include <stdbool.h>

enum plant {
    PLANT_NOTHING,
    PLANT_NO_FSYNC,             /* SQLite runs with synchronous=OFF */
    PLANT_FSYNC_NORMAL,         /* with synchronous=NORMAL: commits are not synced */
    PLANT_FAILED_COMMIT_IS_OK,  /* the members of a lost batch are told OK */
    PLANT_EVENT_SWALLOWED,      /* finishing sets done_gen to gen, not to the claimed one */
    PLANT_TOMBSTONE_YIELDS,     /* a list page brings the dead back */
    PLANT_TOMBSTONE_OLD_TICKET, /* so does the GET of an earlier claim */
    PLANT_PAGE_TICKET_LATE,     /* a page's objects carry a ticket drawn behind its answer */
    PLANT_INBOX_APART,          /* an event is committed apart from its work */
    PLANT_404_AT_ONCE,          /* one unannounced 404 is a deletion */
    PLANT_MISSES_ADD_UP,        /* 404s count although the object was seen between them */
    PLANT_CLAIM_TICKET_LATE,    /* the claim's ticket is drawn behind the answer */
    PLANT_STALE_TAKEN,          /* a row takes what an earlier request brought */
    PLANT_OVERLAP_TAKEN,        /* of two requests under way together, the later sent one wins */
    PLANT_STALE_FINISHES,       /* who comes late finishes the work of who reads the lists */
    PLANT_STALE_FORGOTTEN,      /* a dropped answer that differs is not asked for again */
    PLANT_LEASE_UNCHECKED,      /* a walk is moved by whoever lost it */
    PLANT_CURSOR_FIRST,         /* the cursor moves before the page's objects are stored */
    PLANT_NESTED_FIRST_PAGE,    /* a nested list that has more counts as complete */
    PLANT_CLAIMS_SURVIVE,       /* claims and pauses of an earlier life hold */
    PLANT_BURIED_NOT_ASKED,     /* what a list shows of a tombstone is not looked after */
    PLANT_SWEEP_BURIES,         /* what a walk has not shown is buried without a look */
    PLANT_RING_MISSED,          /* new work wakes nobody */
    PLANT_FINISHED_FIRST,       /* work is finished before its answer is stored */
    PLANT_BUDGET_FORGOTTEN,     /* requests start without a grant of the rate budget */
    PLANT_WRONG_ACCOUNT,        /* another account's key is not noticed */
    PLANT_LOCK_FORGOTTEN,       /* a second process may write */
    PLANT_OPEN_LISTS_FORGOTTEN, /* an unchanged object's open lists are not read again */
    PLANT_TARGET_REQUIRED,      /* an object is refused because what it refers to is not here */
    PLANT_STATE_APART,          /* a state is committed apart from what it rests on */
    PLANT_OUTBOX_EARLY,         /* a state counts as delivered before the server has it */
    PLANT_BLIND_PROJECTION,     /* the key-value server takes whatever comes */
    PLANT_EVENTS_GT,            /* the list of events is read from the last one that was seen */
    PLANT_EVENTS_CURSOR_EARLY,  /* its cursor moves before the page is stored */
    PLANT_UNSEEN_FORGOTTEN,     /* a check does not look after what no list has shown */
    PLANT_FUSE_BRIDGED,         /* the fuse never blows */
    PLANT_FUSE_COUNTS_ALL,      /* announced deletions blow it, too */
    PLANT_CHASE_UNBOUND,        /* references are followed without end */
    PLANT_LOG_NOT_RENEWED,      /* what a failed fsync has left behind is trusted */
    PLANT_ARCHIVE_FIRST,        /* a default price is archived before another one is the default */
    PLANT_DEFAULT_CLEARED,      /* there is no default price while it changes */
    PLANT_KEY_OF_CONTENT,       /* what is the same has the same idempotency key */
    PLANT_NEW_KEY_UNKNOWN,      /* what got no answer is sent again under another key */
    PLANT_MARKER_LOST,          /* what an operation makes does not say by whom */
    PLANT_404_UNPROVEN,         /* a 404 is believed whoever's key was given it */
    PLANT_KEY_UNBOUND,          /* a proof holds for the answers of any key */
    PLANT_SECRET_FALLS_BACK,    /* what another environment's secret has signed is taken, too */
    PLANT_QUARANTINE_SKIPPED,   /* an event of another account or mode is acted upon */
    PLANT_SWITCH_UNDRAINED,     /* an environment is sealed while answers are on their way to it */
    PLANT_HEADER_FORGOTTEN,     /* a connected account's objects are asked for as the platform */
    PLANT_BLOCK_FORGOTTEN,      /* an erased id takes what a list shows of it */
    PLANT_NEW_OF_ERASED,        /* what refers to an erased object is stored */
    PLANT_LATE_BODY_KEPT,       /* so is the body of an event about one */
    PLANT_INBOX_REMEMBERS,      /* an erasure leaves the bodies of events */
    PLANT_RESUME_BELIEVES,      /* an erasure that was begun counts as done */
    PLANT_PAIR_KEPT,            /* a user's pair stays at the key-value server */
    PLANT_DISK_REMEMBERS,       /* what was erased stays in free pages and the log */
    PLANT_COUNT
};

#ifdef BRINDLE_PLANTED
extern enum plant planted_bug;

static inline bool planted(enum plant p)
{
    return planted_bug == p;
}
#else
static inline bool planted(enum plant p)
{
    (void)p;
    return false;
}
#endif
