/* erase.h - forgetting a person: a customer, and everything that hangs on it.
 *
 * What hangs on a customer is decided by the references in the store and the table of resources:
 * whatever refers to the customer, or to something that hangs on it, or is a member of its nested
 * lists, and what such an object holds of a person's ways to pay; but never what is the shop's own
 * (erase_is_the_shops), nor what names another customer. A type that the table does not know is
 * taken when its text names the customer. docs/erasure.md says the same for people.
 *
 * An erased object stays as a row without content (`deleted` is 2): that blocks its id, so that no
 * walk and no event brings it back. What is new and refers to an erased object is erased as it
 * comes (erase_on_arrival). */
#pragma once

#include "core/event.h"
#include "core/mirror/mirror.h"

enum {
    ERASE_OBJECTS_MAX = 1 << 21, /* some 100 bytes each, while it is planned */
    ERASE_MENTIONS_MAX = 100,    /* objects of others that are named in the report */
    ERASE_BYTES_MAX = 512 << 20,
    ERASE_LOOK_MS = 4000, /* how often a process looks whether anybody was erased by another one */
    ERASE_STALE_MS = 10 * 60 * 1000, /* an erasure that nobody has touched for so long was left */
    ERASE_KEEP_MS = ERASE_STALE_MS / 10, /* so often whoever is at it says so */
};

struct erase_key {
    str type, id;
};

struct erasure {
    str id;                /* the customer's */
    bool known;            /* it was in the mirror, and not yet erased */
    bool begun;            /* an erasure of it was interrupted */
    struct erase_key *key; /* what hangs on it, the customer first; each was found by one before */
    size_t n;
    struct erase_key *mention; /* objects that name the customer or have its e-mail address, and
                                  are not taken: of others, or the shop's */
    size_t n_mentions;
    int64_t events, versions; /* bodies and former versions that were forgotten; after erase_run */
};

/* Looks, and changes nothing. ST_LIMIT: more than ERASE_OBJECTS_MAX objects. */
enum status erase_plan(struct env *env, str customer, struct erasure *out, struct arena *a,
                       struct error *e) MUST_USE;

/* Forgets, in pieces: the customer is blocked first, what was found last is forgotten first, and a
 * row of _erasing keeps what it is found by, so that a run that was interrupted is ended by another
 * one, or by erase_resume. Then has the store forget, too. A customer that the mirror has never
 * seen is blocked all the same. One at a time in a process. ST_RETRY: the environment is stopping,
 * or everything is forgotten, but somebody who reads the database keeps its former pages: run it
 * again. */
enum status erase_run(struct env *env, str customer, struct erasure *out, struct arena *a,
                      struct error *e) MUST_USE;

/* The key-value server that was once delivered to is no more: nothing of anybody is to be removed
 * there. ST_INVALID: this environment delivers to one. */
enum status erase_server_gone(struct env *env, struct error *e) MUST_USE;

/* Is there one that erase_resume would go on with? */
enum status erase_waits(struct env *root, msec before, bool *waits, struct error *e) MUST_USE;

/* Goes on with one erasure that was left unfinished: touched by nobody for ERASE_STALE_MS, or since
 * `before` (wall clock), before which nobody of those lived who may be at it now. ST_OK: it is
 * done. ST_NONE: there is none. Else as erase_run, and it is tried again after ERASE_STALE_MS. */
enum status erase_resume(struct env *root, msec before, struct error *e) MUST_USE;

/* Says in the store that this process is still at its erasure, if it is and ERASE_KEEP_MS have
 * passed: else another one would begin beside it. Between its pieces erase_run does so itself; a
 * thread that calls this does it while a piece takes long. Statuses as the store's. */
enum status erase_keep(struct env *root, struct error *e) MUST_USE;

/* Is the object one of somebody who was erased? Costs nothing while nobody ever was. */
enum status erase_on_arrival(struct tx *tx, struct env *env, const struct answer *in, bool *erased,
                             struct arena *a, struct error *e) MUST_USE;
/* The same for an event, whose body is then not kept. */
enum status erase_on_event(struct tx *tx, struct env *env, const struct event *ev, bool *erased,
                           struct arena *a, struct error *e) MUST_USE;
/* Forgets one object: its row stays, with its id alone. Without a row one is made. */
enum status erase_object(struct tx *tx, struct env *env, str type, str id, struct arena *a,
                         struct error *e) MUST_USE;
/* Looks whether anybody was ever erased, maybe by another process. */
enum status erase_look(struct env *env, struct error *e) MUST_USE;

/* Types that are never a person's, although they may refer to what is. */
bool erase_is_the_shops(str type);
