/* trace.h - the story of a seed: one line for each thing that happened, and a hash of them all.
 *
 * Also what was reached: marks and counts, kept in memory that survives the seed's process. */
#pragma once

#include "base/base.h"

/* States that a run of many seeds must have seen; a simulator that never gets there proves nothing
 * about them. MARK(name, text) */
#define MARKS(MARK)                                                 \
    MARK(REDELIVERED, "an event was delivered again")               \
    MARK(LATE, "an event came a day late or more")                  \
    MARK(DELIVERY_CUT, "the node died with a delivery")             \
    MARK(OLD_SIGNATURE, "a delivery was refused by its age")        \
    MARK(SHARED_COMMIT, "one fsync committed several")              \
    MARK(COMMIT_LOST, "several lost their commit together")         \
    MARK(DISK_FULL, "the disk was full")                            \
    MARK(DISK_BROKE, "the disk failed")                             \
    MARK(POWER_CUT, "the power was cut")                            \
    MARK(KILLED, "the process was killed")                          \
    MARK(STOPPED, "the process was stopped in good order")          \
    MARK(DAMAGE_ENDED_IT, "the process ended itself")               \
    MARK(SECOND_REFUSED, "a second daemon was refused")             \
    MARK(HANDED_OVER, "a command handed its store over")            \
    MARK(HANDOVER_SEEN, "and saw the daemon end what it had begun") \
    MARK(WRONG_KEY, "another account's key was refused")            \
    MARK(CLOCK_JUMPED, "the wall clock jumped")                     \
    MARK(LEASE_LOST, "a lease ran out under its holder")            \
    MARK(STALE_DROPPED, "an answer came too late and was dropped")  \
    MARK(TOMBSTONE_MET, "a list showed what is buried")             \
    MARK(BURIED, "a deletion was mirrored")                         \
    MARK(REVIVED, "Stripe brought a deleted object back")           \
    MARK(LOOKED_TWICE, "an unannounced 404 was looked at again")    \
    MARK(NESTED_COMPLETED, "a nested list was read to its end")     \
    MARK(WALK_RESUMED, "a walk went on where it stood")             \
    MARK(WALK_COMPLETED, "a walk came to its end")                  \
    MARK(CURSOR_VANISHED, "a walk's cursor was deleted")            \
    MARK(SWEPT, "what a walk had not shown was fetched")            \
    MARK(CHASED, "a missing reference was fetched")                 \
    MARK(DEAD, "work was given up")                                 \
    MARK(DEAD_REVIVED, "given-up work was taken up again")          \
    MARK(LIMITED, "Stripe answered 429")                            \
    MARK(LOST_AFTER, "an answer was lost behind its effect")        \
    MARK(STALLED, "an answer took longer than a lease")             \
    MARK(BUSY_BUDGET, "a request waited for the rate budget")       \
    MARK(FORGOTTEN, "housekeeping forgot something old")            \
    MARK(CALLS_FLUSHED, "the audit of calls was written")           \
    MARK(BEHIND_BACK, "an object changed without an event")         \
    MARK(LULL, "nothing was to do while the merchant went on")      \
    MARK(CAUGHT_UP, "an event was found in the list alone")         \
    MARK(EVENT_LATE_IN_LIST, "an event showed up late in the list") \
    MARK(DRIFT_MENDED, "a check found what no event told of")       \
    MARK(FUSE_BLOWN, "the fuse held deletions")                     \
    MARK(CULL_TOLD, "many announced deletions left the fuse whole") \
    MARK(CHASE_GOES_ON, "a chase went on where its bound was")      \
    MARK(KV_UNANSWERED, "the key-value server's answer was lost")   \
    MARK(KV_LATE, "a put that was given up arrived later")          \
    MARK(KV_OVERTAKEN, "a put met a greater revision")              \
    MARK(KV_EMPTIED, "the key-value server lost its memory")        \
    MARK(KV_REWOUND, "the key-value server went back")              \
    MARK(ASKED, "somebody waited for a customer's state")           \
    MARK(TOLD_STALE, "who waited was told that there is news yet")  \
    MARK(ASKED_TOGETHER, "two waited for customers at once")        \
    MARK(ORDER_DONE, "an operation was done")                       \
    MARK(ORDER_UNDONE, "an operation was undone")                   \
    MARK(ORDER_REFUSED, "an operation was refused")                 \
    MARK(ORDER_STUCK, "an operation was left to a person")          \
    MARK(ORDER_TWICE, "an operation was asked for twice")           \
    MARK(STORED_FAILURE, "Stripe kept a failure under its key")     \
    MARK(KEY_STRUCK, "a request carried another's key")             \
    MARK(KEY_SWAPPED, "another's key stood in a key's place")       \
    MARK(RIGHT_LOST, "a restricted key lost a right for a while")   \
    MARK(WORK_STOPPED, "work stopped until the right key was back") \
    MARK(SHUT, "an environment stayed shut while another worked")   \
    MARK(MISLED, "a delivery to the wrong environment was refused") \
    MARK(STRAY, "an event of another account or mode was put by")   \
    MARK(SEALED, "an environment was sealed by a switch")           \
    MARK(SWITCHED, "an environment took over from another")         \
    MARK(SWITCH_BACK, "a switch was taken back")                    \
    MARK(SWITCH_RESTED, "a switch was to stop half way")            \
    MARK(SWITCH_WENT_ON, "a daemon went on with a switch")          \
    MARK(PINGED, "a daemon took what its own secret signed")        \
    MARK(ENDPOINT_MADE, "a switch made a webhook endpoint")         \
    MARK(SECRET_AGAIN, "an endpoint's secret was told once more")   \
    MARK(GUEST, "a connected account was compared with Stripe")     \
    MARK(GUEST_LEFT, "a connected account took its access away")    \
    MARK(ERASED, "a person was forgotten")                          \
    MARK(ERASURE_CUT, "the process ended in the middle of that")    \
    MARK(ERASURE_ENDED, "a daemon ended what was broken off")       \
    MARK(ERASED_NEWS, "news of who was forgotten left no word")     \
    MARK(PAIR_REMOVED, "the key-value server forgot somebody, too")

enum mark {
#define MARK(name, text) MARK_##name,
    MARKS(MARK)
#undef MARK
        MARK_COUNT
};

/* What the program promises; each check stands for one. PROMISE(NAME, text) */
#define PROMISES(PROMISE)                                                   \
    PROMISE(KEPT, "what was acknowledged or committed is on the disk")      \
    PROMISE(FORWARD, "the mirror never goes back")                          \
    PROMISE(BURIED, "what is deleted stays deleted")                        \
    PROMISE(ALIVE, "nothing is buried that Stripe has not deleted")         \
    PROMISE(EQUAL, "at rest the mirror equals Stripe")                      \
    PROMISE(STATE, "a customer's state is that of its objects")             \
    PROMISE(PROJECTED, "the key-value server holds the mirror's states")    \
    PROMISE(FRESH, "who waits is told what was so when he asked")           \
    PROMISE(FUSE, "the fuse holds what nobody announced, and nothing else") \
    PROMISE(BOUND, "one signal leads so far and no farther")                \
    PROMISE(REST, "it comes to rest")                                       \
    PROMISE(TICKETS, "tickets are drawn once, in order")                    \
    PROMISE(BUDGET, "no second has more requests than the budget allows")   \
    PROMISE(APART, "no account is mixed with another")                      \
    PROMISE(ONE_WRITER, "nobody else may write")                            \
    PROMISE(SECRET, "no secret is told")                                    \
    PROMISE(READ_ONLY, "the mirror changes nothing at Stripe")              \
    PROMISE(WHOLE, "an operation is whole, or not at all")                  \
    PROMISE(SELLS, "no operation takes away what sells")                    \
    PROMISE(KEYS, "each write has a key of its own")                        \
    PROMISE(GONE, "of who was forgotten no word is left")                   \
    PROMISE(SOUND, "nothing breaks that nobody has broken")

enum promise {
#define PROMISE(name, text) PROMISE_##name,
    PROMISES(PROMISE)
#undef PROMISE
        PROMISE_COUNT
};

extern const char *const promise_text[PROMISE_COUNT];
extern const char *const mark_text[MARK_COUNT];

/* One seed's, and the sum of many. */
struct tally {
    uint64_t mark[MARK_COUNT];
    uint64_t steps, lives, beside, power_cuts, kills, stops, syncs, writes_lost, writes_torn;
    uint64_t requests, slow, stalled, spited, lost_before, lost_after, limited, errors, html,
        truncated, lies, refused;
    uint64_t events, deliveries, virtual_ms;
    uint64_t hash;
    enum promise promise;
    char broken[1024]; /* how that promise broke; empty: it held, and all others */
};

extern struct tally *tally; /* of the seed under way */

void mark(enum mark m);

/* Prints the story as it happens when `on`; always adds it to the hash. */
void trace_to_stdout(bool on);
bool trace_is_on(void);
void trace(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* A promise broke: the first one is the seed's verdict, and ends it. */
void broke(enum promise p, const char *fmt, ...) PRINTF_LIKE(2, 3) __attribute__((noreturn));
