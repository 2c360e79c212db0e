/* env.h - one environment: an account in one mode, with its world, its settings and its workers'
 * bell.
 *
 * Every function of the mirror takes one; there is no way from here to another. */
#pragma once

#include "base/secret.h"
#include "world/world.h"

enum {
    ENV_NAME_MAX = 32,
    ACCOUNT_ID_MAX = 64,
    KV_PREFIX_MAX = 127,
    USER_KEY_MAX = 40, /* Stripe's own limit of a name in metadata */
};

/* Whose data a key reaches. [facts: F-11: GET /v1/account has no livemode, GET /v1/balance has] */
struct identity {
    char account[ACCOUNT_ID_MAX + 1];
    bool livemode;
    uint64_t key; /* stripe_response.key of the answers that prove it; no part of what it is */
};

/* What holds for connected accounts, too: an environment that acts for one has a copy of it all. */
struct env_settings {
    msec lease_ms;         /* after which somebody else may have a claim that nobody renews */
    msec settle_ms;        /* a key is claimed at most once in this span: a burst is two fetches */
    unsigned attempts_max; /* failures in a row before due work is dead */
    msec backoff_ms, backoff_ms_max;
    msec confirm_ms;     /* pause before the second look at a 404 that nobody announced */
    msec check_ms;       /* how often each type is checked for drift; 0: never */
    msec relist_ms;      /* the same for types that no event tells of */
    msec catch_up_ms;    /* how often the list of events is read; 0: never */
    int64_t parents_max; /* so many objects may have lists of their own that `sync` walks unasked */
    int64_t fuse_max;    /* deletions an hour that no event announced; 0: no fuse */
    msec inbox_body_ms, inbox_id_ms, calls_ms, history_ms; /* retention */
    bool recreate_customer; /* a user whose customer is of another mode or account gets a new one */
};

extern const struct env_settings env_defaults;

/* When this process last made something due by the clock (monotonic), and where the rounds through
 * the connected accounts stand; the scheduler's own. */
struct schedule_times {
    msec events, absent, checks, accounts;
    char events_after[ACCOUNT_ID_MAX + 1], checks_after[ACCOUNT_ID_MAX + 1];
    bool events_round; /* one is under way */
};

struct env;
struct claim;
struct held;
struct work_report;

enum { KEY_LABEL_MAX = 31 };

struct env {
    char name[ENV_NAME_MAX + 1];
    struct env *root; /* NULL; or the platform's, when this one acts for a connected account */
    bool connect;     /* events and objects of connected accounts are wanted */
    struct world *world;
    struct identity identity; /* proven or declared before anything is written; then constant */
    bool identity_declared;   /* by the configuration: it cannot be proven again */
    char declared[ACCOUNT_ID_MAX + 1]; /* account in the configuration; "": none */
    struct schedule_times scheduled;
    int twins;     /* have thin events with snapshots come? 0: not looked; 1: no; 2: yes. Atomic */
    int64_t owner; /* greater than 1: marks our claims in a store that others work on, too */
    struct env_settings set;
    /* Of every key at the key-value server: "stripe:test:"; "stripe:test:acct_1:" where it acts for
     * a connected account. */
    char kv_prefix[KV_PREFIX_MAX + ACCOUNT_ID_MAX + 2];
    char user_key[USER_KEY_MAX + 1]; /* the member of a customer's metadata that names a user */
    /* Due work whose doing lies above the mirror: operations on the catalogue (catalog/saga.h).
     * NULL: this process does none of it. */
    enum status (*work_op)(struct env *, struct claim *, struct work_report *, struct error *);
    char key_label[KEY_LABEL_MAX + 1]; /* the key, redacted: "sk_test_...wxyz", for the audit */
    bool key_restricted;               /* it may lack rights that are needed half way through */
    bool has_erased; /* somebody was erased (erase.h): what arrives is looked at; atomic */

    struct gate *gate; /* guards what follows, and is where workers wait */
    bool erasing;      /* somebody is being forgotten (erase.h): whom, and when it was last said */
    struct {
        str customer, account; /* the eraser's; empty while it is not known */
        msec kept_at;          /* monotonic */
    } forgetting;
    struct held *held; /* claims that are worked on just now (due_hold) */
    uint64_t rings;    /* how often there was new due work */
    bool stopping;
    struct {
        char account[ACCOUNT_ID_MAX + 1]; /* the connected one that had its turn last */
        bool guests;                      /* the next turn is a connected account's */
    } turn[LANE_COUNT];
    msec proven_at;          /* monotonic; when the identity was last proven */
    uint64_t proven_key;     /* and of which key (stripe_response.key) */
    const char *stopped_why; /* identity was lost: a constant sentence, else NULL */
};

/* The platform's environment, for either (acting.h). */
static inline struct env *env_root(struct env *env)
{
    return env->root ? env->root : env;
}

/* `world` outlives the environment. Aborts when memory has run out. */
void env_init(struct env *env, const char *name, struct world *world);
void env_free(struct env *env);

/* New due work is there: wakes the workers. */
void env_ring(struct env *env);
/* Workers and waiting callers are to come to an end. */
void env_stop(struct env *env);
bool env_stopping(struct env *env);
/* Sleeps until somebody rings, stops, or `deadline` (monotonic). `rings` is what the caller saw
 * before it looked for work, so that no ring is missed; it is brought up to date. */
void env_wait(struct env *env, uint64_t *rings, msec deadline);

/* Asks Stripe whose key this is. `declared`: the account that the configuration names, or "". It
 * counts where a restricted key may not read its account, unless Stripe's refusal names another
 * one; and where it may not read the balance, an object of any common type tells the mode.
 * ST_OK: `out` is proven. ST_NONE: both addresses answer 404 (a server that has no account).
 * ST_REFUSED: the key is refused (401), or lacks a permission that is named. ST_RETRY: Stripe is
 * away. */
enum status env_identify(struct world *w, const char *declared, struct identity *out,
                         struct error *e) MUST_USE;
bool identity_same(const struct identity *a, const struct identity *b);
const char *mode_name(bool livemode); /* "live" or "test" */

/* Makes the store this identity's own, or finds that it is. `env->identity` is set. ST_CONFLICT:
 * the store belongs to another account or mode; nothing was written. */
enum status env_adopt(struct env *env, const struct identity *id, struct error *e) MUST_USE;

/* The same for a copy, whose new store is nobody's yet: it is sealed if the old one was (seal.h; or
 * ""), and its sequence begins behind `last`. */
enum status env_adopt_copy(struct env *env, const struct identity *id, const char *sealed_for,
                           int64_t last, struct error *e) MUST_USE;

/* The identity is proven; has the key been another one before (`*changed`)? Then it was rotated,
 * which needs no ceremony: it is noted in the audit, as a few bits of its hash. */
enum status env_note_key(struct env *env, const struct secret *key, bool *changed,
                         struct error *e) MUST_USE;

/* For a reader without a key: takes the identity from the store. ST_NONE: there is none yet. */
enum status env_recall(struct env *env, struct error *e) MUST_USE;

/* Proves the identity again unless that was done within the last minute: before a 404 may count as
 * a deletion. ST_REFUSED: it is another account or mode now; the environment is stopped. */
enum status env_prove_again(struct env *env, struct error *e) MUST_USE;
/* The same, unless it was done at `since` (monotonic) or later: what was answered before that proof
 * was answered for this account. */
enum status env_prove_since(struct env *env, msec since, struct error *e) MUST_USE;
/* The same, whenever it was done last. */
enum status env_prove_now(struct env *env, struct error *e) MUST_USE;
/* May an answer be believed that was asked for with this key (stripe_response.key)? A key is of one
 * account and mode for ever, so a proof holds for the answers of its own key, and for no others.
 * ST_OK: the identity is proven of this key, perhaps only now. ST_RETRY: it could not be, or
 * another key of this account is in its place by now: ask again. ST_REFUSED: another account's or
 * mode's key is there; the environment is stopped. */
enum status env_believe(struct env *env, uint64_t key, struct error *e) MUST_USE;

/* The account as a statement's argument. */
static inline struct value v_account(const struct env *env)
{
    return V_STR(str_of(env->identity.account));
}

/* Behind "brindle sync ID" in a sentence, as two strings: which account's it is. */
#define ENV_ACCOUNT_FLAG(e) (e)->root ? " --account " : "", (e)->root ? (e)->identity.account : ""

/* What a log line about an environment begins with: which, of which account and mode. */
#define LF_ENV(e)                                                               \
    LF("env", str_of((e)->name)), LF("account", str_of((e)->identity.account)), \
        LF("mode", str_of((e)->identity.account[0] ? mode_name((e)->identity.livemode) : ""))
