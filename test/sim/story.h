/* story.h - what Stripe had, object by object, for check.c and rest.c. */
#pragma once

#include "check.h"

#include <sqlite3.h>

enum {
    OBJECTS_MAX = 512,
    STATES_MAX = 256,
    ROW_ERASED = 2, /* objects.deleted of what has no content */
};

struct state {
    int64_t version;
    bool deleted;
};

/* One object as Stripe had it, state after state, and where the mirror stands. */
struct object_story {
    char type[TYPE_BYTES_MAX], id[ID_BYTES_MAX];
    struct state state[STATES_MAX];
    size_t n;
    bool untold;    /* no event speaks of the latest state */
    size_t heard;   /* the latest state that the program was told, plus one */
    size_t at;      /* the state that the mirror is known to have reached, plus one; 0: none */
    uint64_t order; /* the transaction that brought it there */
    msec hidden_at; /* when a list last lacked it, though it was there */
};

extern const struct climate *the_climate;

/* Of this side, like everything below. */
struct object_story *stories(size_t *n);
struct object_story *story_find(const char *type, str id); /* NULL: no such object */
/* Which state, from `from` on, this is; -1: none. */
int story_place(const struct object_story *o, size_t from, int64_t version, bool deleted);

/* What was acknowledged is in the inbox, what was committed in the mirror. */
void check_events(sqlite3 *db, const char *when);
void check_objects(sqlite3 *db, const char *when);
