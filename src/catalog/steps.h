/* steps.h - the plan of an operation: its steps in their order, frozen when it begins. Pure.
 *
 * A step is one request to Stripe, or a look at it. What a step sends is a list of pairs, as they
 * stand in a form: "metadata[k]" and "v". An id that is not known yet is written "@n": what step n
 * makes; it may stand in a target, a value and a sentence. */
#pragma once

#include "base/json.h"
#include "catalog/pairs.h"

enum {
    STEPS_MAX = 48,
    NOTES_MAX = 16,
    PLAN_BYTES_MAX = 2 << 20,
    STEP_UNDO = 100, /* step 100 + n undoes step n */
};

enum step_kind {
    STEP_PRODUCT_CREATE,
    STEP_PRODUCT_UPDATE,
    STEP_PRODUCT_DELETE,
    STEP_PRICE_CREATE,
    STEP_PRICE_UPDATE,
    STEP_CONFIRM, /* reads the product `target` anew: `set` must hold, or somebody else was there */
    STEP_VERIFY,  /* reads what was touched and stores it in the mirror */
};

struct step {
    enum step_kind kind;
    str target;       /* an id; empty for what makes something, and for STEP_VERIFY */
    struct pairs set; /* what is sent; an empty value clears */
    str is;           /* what holds once it is done: "@1 is the default price of prod_1" */
    str until;        /* what holds until then: "price_1 is still on sale"; may be empty */

    str undo_target; /* empty: nothing to take back */
    struct pairs undo;
    str undo_needs; /* a price without which it cannot be undone: it must be on sale; may be empty
                     */
    str mend;       /* the command with which a person undoes it */

    bool no_way_back;  /* once it is done there is only forward */
    bool gone_is_done; /* 404 is as good as done */
};

struct op_plan {
    str product; /* the operation's own: nobody else changes it meanwhile; empty: it makes one */
    struct step step[STEPS_MAX];
    size_t n;
    str note[NOTES_MAX]; /* for people, before it begins */
    size_t n_notes;
    bool own; /* what somebody else moves meanwhile is moved back; else the operation gives way */
};

const char *step_kind_name(enum step_kind k);
bool step_creates(enum step_kind k);
bool step_reads(enum step_kind k);    /* sends no POST or DELETE */
bool step_on_price(enum step_kind k); /* its target is a price, not a product */

/* A step at the end of the plan, zeroed; NULL when STEPS_MAX is reached. */
struct step *plan_add(struct op_plan *p, enum step_kind kind, str target);
void plan_note(struct op_plan *p, str note); /* beyond NOTES_MAX it is dropped */

/* As JSON and back: {"product","own","notes":[…],"steps":[{"do","target","set":[["k","v"]…],…}]}.
 * ST_INVALID: not what plan_write has written. ST_LIMIT: too large. */
void plan_write(const struct op_plan *p, struct json_writer *w);
enum status plan_read(str json, struct op_plan *out, struct arena *a, struct error *e) MUST_USE;

/* With each "@n" replaced by made[n]; one that is not known becomes "(new)". */
str step_text(str text, const str *made, struct arena *a);
/* "/v1/prices/price_1", its ids escaped; the method in `*method`. */
str step_path(const struct step *s, const str *made, const char **method, struct arena *a);
struct pairs pairs_filled(const struct pairs *p, const str *made, struct arena *a);
