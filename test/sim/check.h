/* check.h - what must hold, checked while it happens and at rest.
 *
 * The merchant tells each state that an object has at Stripe, in order; the store tells each state
 * that the mirror commits. Objects carry a version, metadata[v], that only ever grows. */
#pragma once

#include "climate.h"

enum {
    TYPE_BYTES_MAX = 40,
    ID_BYTES_MAX = 64,
};

void check_begin(const struct climate *c); /* on this side */

/* ---- at Stripe */
int64_t version_of(str data); /* metadata.v; 0: it has none */
int64_t check_next_version(void);
void check_is(const char *type, str id, int64_t version); /* it is alive in this version now */
void check_is_gone(const char *type, str id);
/* No event tells of the latest state: only a sync must bring it, or an answer that was heard. */
void check_untold(void);
bool check_never_deleted(str path);
/* A request was answered. */
void check_asked(str path, int http_status, str body);
/* An object, or a page of them, has arrived at the program. */
void check_heard(str body);
void check_rate(void); /* a request leaves now */
void check_new_life(void);

/* ---- those who wait */
enum { QUESTION_OBJECTS_MAX = 64 };

/* How a customer and its subscriptions stood at Stripe when somebody asked. */
struct question {
    struct {
        struct object_story *story;
        size_t at;
    } of[QUESTION_OBJECTS_MAX];
    size_t n;
    msec asked_at;
};
/* A list was made to lack an object that is there. */
void check_hidden(str type, str id);
void check_question(const char *customer, struct question *q);
void check_answer(const struct question *q);

/* ---- deliveries */
void check_acknowledged(str event);
/* An event of another account or mode was answered 200: it is kept, and leads to nothing. */
void check_put_aside(const char *event);

/* ---- the mirror */
struct mirror_change {
    char account[ID_BYTES_MAX];
    char type[TYPE_BYTES_MAX], id[ID_BYTES_MAX];
    int64_t version;
    bool deleted;
    bool knows; /* a word of somebody who was forgotten */
};

/* A commit was told OK. `order`: among all write transactions. */
void check_applied(const struct mirror_change *c, uint64_t order);
void check_claim(int64_t ticket, uint64_t order);

/* The disk as it is: what was promised is there. Nobody has to be alive. */
void check_disk(const char *when);
/* Every customer's state is that of its objects, at this very moment. */
void check_states(void);
/* Every connected account is known, and its lists are being walked, or were; or it has left, and
 * that is known. */
bool check_guests_are_walked(void);
/* Is there nothing due? `dead`: how much was given up. */
bool check_idle(int64_t *due, int64_t *dead);
/* The list of events was read to its end by somebody who began after `when` (Stripe's time). */
bool check_caught_up(msec when);
/* What nobody tells of was compared by a check that began after `when` (the node's wall time). */
bool check_compared(msec when);
/* The fuse has blown: nothing more was buried than it allows. */
bool check_fuse_blown(void);
void check_fuse_mended(void);
/* Nothing is due and nobody asks or delivers, while the merchant works on: what the program was
 * told is in the mirror. `all_told`: no event was withheld. */
void check_lull(bool all_told);
/* Everything has come to rest: the mirror equals Stripe. */
void check_rest(void);
void check_why_not(char *out, size_t size); /* what is still due, for people */
