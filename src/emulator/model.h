/* model.h - what an emulator is made of: spaces (an account in a mode), tables, records.
 *
 * A record is one object: its document, the fields that are only sent when asked for, and the text
 * of the document, kept until it changes, so that lists are copied and not built. */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "emulator/emulator.h"

#include <jansson.h>

enum type {
    T_PRODUCT,
    T_PRICE,
    T_CUSTOMER,
    T_PAYMENT_METHOD,
    T_SUBSCRIPTION,
    T_SUBSCRIPTION_ITEM,
    T_INVOICE,
    T_LINE_ITEM,
    T_INVOICEITEM,
    T_INVOICE_PAYMENT,
    T_PAYMENT_INTENT,
    T_CHARGE,
    T_REFUND,
    T_BALANCE_TRANSACTION,
    T_WEBHOOK_ENDPOINT,
    T_EVENT,
    T_ACCOUNT,
    T_PLAN,
    T_COUPON,
    T_PROMOTION_CODE,
    T_TAX_RATE,
    T_TAX_ID,
    T_SHIPPING_RATE,
    T_SUBSCRIPTION_SCHEDULE,
    T_CREDIT_NOTE,
    T_QUOTE,
    T_ENTITLEMENTS_FEATURE,
    T_ENTITLEMENTS_ACTIVE_ENTITLEMENT,
    T_BILLING_PORTAL_CONFIGURATION,
    T_DISCOUNT, /* what no list of its own shows */
    T_ITEM,
    T_CREDIT_NOTE_LINE_ITEM,
    T_PRODUCT_FEATURE,
    T_PORTAL_SESSION,
    T_BALANCE, /* what follows are the types of passive.def */
#define PASSIVE(type, name, prefix, url, owner) type,
#include "emulator/passive.def"
#undef PASSIVE
    T_COUNT,
    T_NONE = T_COUNT,
};

struct type_info {
    const char *name;   /* Stripe's name of the object */
    const char *prefix; /* of its ids */
    const char *noun;   /* "No such …: 'x'" */
    const char *param;  /* the parameter that a 404 names */
    const char *url;    /* of its list */
    const char *owner;  /* path of the field by which its lists are most often filtered, or NULL */
    bool oldest_first;  /* lists of parts go in the order in which the parts were made */
};

extern const struct type_info type_info[T_COUNT];
enum type type_by_name(str name); /* T_NONE when there is none */

struct record {
    char *id;
    struct space *space;
    uint64_t seq;     /* order of creation in the whole emulator: same-second objects page right */
    int64_t created;  /* seconds */
    int64_t due;      /* seconds: when time alone will change it; INT64_MAX: never */
    size_t agenda_at; /* its place among what is due, from 1; 0: it is not */
    struct test_clock *clock; /* whose time it lives in; NULL: the emulator's */
    uint64_t owner; /* hash of the owner's id, so that most records are skipped unparsed */
    json_t *doc;    /* NULL while only the text is kept */
    json_t *hidden; /* fields that are only sent when expanded; NULL for none */
    char *text;     /* NULL when the document has changed */
    size_t n_text;
    struct record *next; /* same bucket */
    enum type type;
    bool deleted;
    bool unlisted; /* prices made in line: no list shows them */
    bool active;   /* the document's `active`, so that filtering parses nothing */
};

struct table {
    struct record **row; /* by seq */
    size_t n, cap;
};

/* What time will change, the earliest first (agenda.h). */
struct agenda {
    struct record **heap;
    size_t n, cap;
};

/* A clock that stands until it is advanced, and the objects that live by it. */
struct test_clock {
    struct test_clock *next;
    struct record *record;
    int64_t now; /* seconds */
    struct agenda agenda;
};

enum { LOCKS_MAX = 16 };

/* One account in one mode; nothing is shared with another but the account's own id. */
struct space {
    struct space *next;
    char account[32];
    bool livemode;
    struct table table[T_COUNT];
    struct record **bucket;
    size_t n_buckets, n_records;
    struct idem *idem;
    struct lock { /* somebody changes this object at the moment (limits.h) */
        uint64_t object;
        msec until;
    } lock[LOCKS_MAX];
    size_t n_locks;
    json_t *permissions;    /* of its restricted key: name -> "read" or "write"; NULL: everything */
    struct space *platform; /* NULL, or whose connected account this is */
    json_t *balance, *pending; /* currency -> amount: what may be paid out, what may be soon */
    struct agenda agenda;
    struct test_clock *clocks;
    struct rate *rate;
    int64_t invoices_numbered, quotes_numbered;
    struct emulator *emulator; /* of a preview's space alone */
};

enum { WEBHOOKS_MAX = 16, POINTS_MAX = 14 };

struct webhook {
    char *url, *secret;
};

struct emulator {
    struct emulator_options options;
    struct space *space; /* in order of first use */
    json_t *shape[T_COUNT];
    uint64_t seq;
    uint64_t rng; /* ids and secrets; only requests that change something draw from it */
    uint64_t n_requests;
    msec now;                        /* wall, set at the entrance of every call from outside */
    struct test_clock *following;    /* the present request is about what lives by this clock */
    msec offset;                     /* the admin's clock is ahead by this much */
    msec frozen;                     /* the admin's clock stands still here; 0: it runs */
    unsigned char point[POINTS_MAX]; /* which way each open point goes (points.h) */
    bool replaying;
    struct space *replay_space; /* whose request is replayed: the journal holds no keys */
    str replay_id;              /* the Request-Id of the request that is replayed */
    struct webhook webhook[WEBHOOKS_MAX];
    size_t n_webhooks;
    struct faults *faults;
    struct deliveries *deliveries;
    struct listeners *listeners; /* NULL until somebody listens */
    struct request_log *log;
    struct journal *journal;
};

/* Memory that must be there. */
void *must_alloc(size_t n); /* zeroed */
void *must_realloc(void *p, size_t n);
char *must_copy(str s); /* with a NUL */
uint64_t hash_str(str s, uint64_t seed);

/* --- time and ids --- */
msec emulator_clock(struct emulator *e);               /* the admin's clock */
static inline int64_t wall_s(const struct emulator *e) /* seconds, as events have it */
{
    return e->now / 1000;
}
static inline int64_t now_s(const struct emulator *e) /* seconds, as objects have it */
{
    return e->following ? e->following->now : wall_s(e);
}
uint64_t rng_next(uint64_t *state);
/* `prefix` and n letters or digits. `out` holds ID_BYTES. */
enum { ID_BYTES = 96, ID_RANDOM = 24 };
void make_id(struct emulator *e, const char *prefix, unsigned n, char out[ID_BYTES]);

/* --- spaces and records --- */
struct space *space_get(struct emulator *e, const char *account, bool livemode);
struct space *space_peek(struct emulator *e, const char *account, bool livemode); /* or NULL */

/* The record, deleted or not, or NULL. */
struct record *record_any(struct space *s, enum type t, str id);
/* The same, but not a deleted one. */
struct record *record_live(struct space *s, enum type t, str id);
/* A record for `doc` (taken over), whose "id" and "created" it reads. A deleted record of the same
 * id makes way. */
struct record *record_add(struct emulator *e, struct space *s, enum type t, json_t *doc);
/* The same for a text that is known to be good (bulk): nothing is parsed. */
struct record *record_add_text(struct emulator *e, struct space *s, enum type t, str id,
                               int64_t created, str text);
/* A document of this type with everything at its default and id, created, livemode set. The caller
 * owns it. `id` may be NULL: one is made. */
json_t *record_shape(struct emulator *e, struct space *s, enum type t, const char *id);

json_t *record_doc(struct record *r); /* borrowed; call record_touch after a change */
str record_text(struct record *r);    /* valid until the next change */
void record_touch(struct record *r);  /* forget what was derived from the document */
void record_rest(struct record *r);   /* keep the text alone; the document is parsed when needed */
void record_delete(struct record *r); /* it is kept, and found by record_any alone */
void record_hide(struct record *r, const char *key, json_t *value); /* takes value over */
/* The id by which its lists are filtered: a member of the document, or a hidden one. */
str record_owner(struct record *r);
void space_free(struct space *s);

/* Where the first record with seq >= `seq` stands. */
size_t table_find(const struct table *t, uint64_t seq);

/* --- documents --- */
/* How fractions are written: 8.1 as it was said, not as the nearest binary number. */
#define JSON_NUMBERS JSON_REAL_PRECISION(15)
str get_str(const json_t *o, const char *key); /* {NULL, 0} when absent, null or no string */
int64_t get_int(const json_t *o, const char *key);
bool get_bool(const json_t *o, const char *key);
json_t *get_path(const json_t *o, const char *dotted); /* borrowed, or NULL */
void set_str(json_t *o, const char *key, str value);   /* {NULL, 0} sets null */
void set_strz(json_t *o, const char *key, const char *value);
void set_int(json_t *o, const char *key, int64_t value);
void set_bool(json_t *o, const char *key, bool value);
void set_null(json_t *o, const char *key);
void set_new(json_t *o, const char *key, json_t *value); /* takes value over */
bool is_str(const json_t *o, const char *key, const char *value);
json_t *json_str(str s);
/* The document as compact text in the arena; {NULL, 0} when it does not fit. */
str json_text_in(struct arena *a, const json_t *v, size_t flags);
