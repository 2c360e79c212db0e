/* resource.h - the table of Stripe's resources: what can be fetched, listed, referred to and seen.
 *
 * One line a resource in resource.def, kept by hand where it matters and cited in
 * docs/stripe-facts.md. It drives fetch, list walks, references, typed views and coverage: a new
 * Stripe type is a line there, not a file. */
#pragma once

#include "base/arena.h"

enum {
    RES_CORE = 1 << 0,        /* one of the core types, reviewed line by line */
    RES_SINGLETON = 1 << 1,   /* one an account: its id in the mirror is its type's name */
    RES_DELETABLE = 1 << 2,   /* Stripe lets it be deleted */
    RES_TEST_CLOCK = 1 << 3,  /* default lists hide those on test clocks: list again per clock */
    RES_NO_LIVEMODE = 1 << 4, /* the object carries no livemode */
    RES_NO_CREATED = 1 << 5,  /* the object carries no created */
    RES_GONE_IS_200 = 1 << 6, /* a deleted one answers its GET with 200 and "deleted": true */
    RES_ON_DEMAND = 1 << 7,   /* listable, but `sync` walks it only when it is named */
    RES_TEST_ONLY = 1 << 8,   /* exists in test mode alone */
    /* As RES_TEST_CLOCK, but its list takes no test_clock=: ask by customer=. */
    RES_CLOCK_CUSTOMER = 1 << 9,
    RES_UNPAGED = 1 << 10, /* its list comes whole, and refuses a limit */
};

enum column_kind {
    COL_TEXT, /* a string */
    COL_INT,  /* an integer; money is in minor units */
    COL_BOOL,
    COL_TIME,   /* unix seconds at Stripe, a time in the view */
    COL_REF,    /* an id, or the id inside an expanded object */
    COL_JSON,   /* an object or array, as JSON text */
    COL_NUMBER, /* may have a fraction: percent_off; never money */
};

struct column {
    const char *name; /* in the view: "current_period_end" */
    const char
        *path; /* in the object: "items.data[0].current_period_end" is not allowed; "a.b" is */
    enum column_kind kind;
    bool indexed; /* a filter that users' queries need */
};

enum ref_kind {
    REF_ID,      /* an id, or an expanded object: certain, and fetched when it is missing */
    REF_GUESS,   /* guessed from a field's documentation: recorded, never a reason to fetch */
    REF_MEMBERS, /* a nested list whose members are rows of their own */
    REF_SILENT,  /* as REF_ID; its target changes with this object, and no event says so */
    REF_COPY,    /* a copy embedded in this object: its id is recorded, the copy is no row */
};

struct reference {
    const char *path;    /* "items.data[].price", "discounts[]"; "lines" for REF_MEMBERS */
    const char *targets; /* type names, '|' between them: "card|source|bank_account" */
    enum ref_kind kind;
};

struct resource {
    const char *type; /* the value of "object": "checkout.session" */
    const char *view; /* "checkout_sessions" */
    const char
        *prefixes; /* known id prefixes, blanks between them: "cs_test_ cs_live_"; may be "" */
    const char *get_path; /* "/v1/customers/{id}"; may need "{parent}"; NULL: cannot be fetched */
    const char
        *list_path; /* "/v1/customers" or, under a parent, "/v1/invoices/{parent}/lines"; NULL */
    const char *list_query;   /* what shows everything, '|' between variants:
                                 "status=all", "active=true|active=false", "" */
    const char *expand;       /* fields that are otherwise not sent, blanks between them: "tiers" */
    const char *parent;       /* type of the object under which it is listed or fetched; NULL */
    const char *parent_param; /* for lists like /v1/subscription_items?subscription=…:
                                 "subscription"; NULL when the parent stands in the path */
    const char *events;       /* event types about it, blanks between them; may be "" */
    unsigned flags;
    const struct column *column;
    size_t n_columns;
    const struct reference *reference;
    size_t n_references;
    const char *secrets;  /* paths that leave the mirror in no view, answer or log, blanks between
                             them: "client_secret"; may be "" */
    const char *id_field; /* where its id in the mirror stands in the object; NULL: in "id" */
    const char *parent_field; /* where its parent's id stands in the object; NULL: nowhere */
};

/* The table, in the order in which `sync` walks (parents first, core types first). */
extern const struct resource resource_table[];
extern const size_t resource_count;

/* By the value of "object". NULL: a type that nobody told us about. */
const struct resource *resource_by_type(str type);
/* By the name of its view ("customers") or its type ("customer"), for people. NULL: unknown. */
const struct resource *resource_by_name(str name);
/* By an id's prefix; the longest known one wins. NULL: unknown or ambiguous. */
const struct resource *resource_by_id(str id);
/* Has it an address of its own, that needs nothing but its id? False for NULL. */
bool resource_fetchable(const struct resource *r);
/* The id under which an object belongs into the mirror: what stands in its "id", but for the few
 * resources that name another field. `r` may be NULL. {NULL, 0}: it has none. */
str resource_object_id(const struct resource *r, str data, struct arena *a);
/* By position; for loops over columns of another table. */
size_t resource_index(const struct resource *r);
