/* event.h - what a webhook's body says about itself. It is a signal, never the truth. */
#pragma once

#include "base/arena.h"

enum {
    EVENT_ID_MAX = 255,
    EVENT_TYPE_MAX = 255,
    EVENT_NAME_MAX = 255, /* of its object's type and id, its account, its API version */
};

/* How an event was found that nobody delivered: in Stripe's list of them, where nothing is signed.
 * The inbox keeps it in place of the secret's number. */
#define EVENT_VIA_LIST "events"

struct event {
    str id, type;
    str api_version; /* may be empty */
    str account;     /* only Connect events have one */
    int64_t created; /* seconds; a thin event says it as text; 0 when absent */
    int livemode;    /* 0, 1, or -1 when absent */
    bool thin;       /* a v2 notification: no object inside, a related one named */
    str object;      /* data.object as it stands in the body; empty when thin or absent */
    str object_type; /* its "object", or the related object's type */
    str object_id;   /* may be empty: invoice.upcoming has none */
    bool too_long;   /* object_type or object_id were, and are empty: nothing can be done for it */
    str body;        /* all of it, as received */

    msec received_at; /* wall */
    str twin;         /* of a thin event: the snapshot event of the same change; may be empty */
    const char *via;  /* NULL: a delivery; else how it was found: EVENT_VIA_LIST */
    bool late;        /* found so long after it happened that it is in no hurry */
    size_t secret;    /* index of the secret whose signature matched */
};

/* Slices point into `body`, but for decoded strings with escapes, which live in `a`.
 * ST_INVALID: no JSON, not an object, no string `id` or `type`, or one that is too long; so may be
 * the account or the twin. */
enum status event_parse(str body, struct event *out, struct arena *a, struct error *e) MUST_USE;
