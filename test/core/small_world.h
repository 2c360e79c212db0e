/* small_world.h - a world for the tests of core/: a real SQLite store in a folder of its own, a
 * clock that is set by hand, numbers from a seed, and a Stripe that answers what the test wrote
 * down. */
#pragma once

#include "core/env.h"
#include "core/inbox.h"
#include "core/mirror/mirror.h"

enum { SCRIPT_MAX = 64, ASKED_MAX = 4096, POSTED_MAX = 32 };

/* What Stripe answers to a path (with its query, if the script names one). */
struct scripted {
    const char *path;
    int http_status;
    const char *body;
    bool replayed;                /* it is what Stripe keeps under the idempotency key */
    enum status status;           /* other than ST_OK: no answer */
    const char *account;          /* of the header; NULL: whichever it names */
    int64_t times;                /* how often it answers; 0: for ever */
    uint64_t key;                 /* with which key it was asked for; 0: the world's */
    void (*meanwhile)(void *ctx); /* happens while the answer is on its way */
    void *ctx;
};

struct small_world {
    char dir[64], path[96];
    struct world world;
    struct env env;
    msec wall, mono;
    uint64_t seed;
    uint64_t key;                       /* stripe_response.key of every answer */
    struct scripted script[SCRIPT_MAX]; /* the latest that fits answers */
    size_t n_script;
    char asked[ASKED_MAX][256]; /* "GET /v1/products/prod_1?expand…" */
    size_t n_asked;
    char posted[POSTED_MAX][512]; /* "idempotency-key form" */
    size_t n_posted;
    struct sqlite3 *reader; /* for ask_int and ask_text */
};

/* acct_1 in test mode, adopted; Stripe knows the account and its balance. */
struct small_world *small_world_new(void);
void small_world_free(struct small_world *w);

void script(struct small_world *w, const char *path, int http_status, const char *body);
struct scripted *script_last(struct small_world *w);
/* How often was this path asked for (with any query)? */
size_t asked(const struct small_world *w, const char *path);

/* Does due work until none is ready. Returns how many pieces. */
size_t work_off(struct small_world *w);
/* Lets time pass. */
void pass(struct small_world *w, msec span);

/* One number from a statement of the test's own, e.g. "select count(*) from objects". */
int64_t ask_int(struct small_world *w, const char *sql);
/* The same for a text; valid until the next call. "" for null and no row. */
const char *ask_text(struct small_world *w, const char *sql);

/* Works until nothing is left, and past the second looks at what seemed gone. */
void settle(struct small_world *w);

/* Stores an answer that was asked for just now, as `source` would bring it. */
enum mirror_result put_object(struct small_world *w, const char *type, const char *id,
                              const char *data, enum source source);
/* Stores a version of product prod_1 as its own GET would bring it; ticket 0: the next one. */
void put_product(struct small_world *w, const char *data, int64_t ticket, const char *cause);

/* One delivery of an event with this object in it; "" for `event`: one of a number of its own. */
struct inbox_result deliver_body(struct small_world *w, const char *event, const char *type,
                                 const char *object);
/* One delivery of an event about an object; the answer is the verdict. */
struct inbox_result deliver_event(struct small_world *w, const char *event, const char *type,
                                  const char *object, const char *id);
