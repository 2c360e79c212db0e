/* kinds.h - what operations there are: how each reads Stripe, and what plan follows.
 *
 * A kind has two halves. `read` asks Stripe, always fresh, for what the plan rests on; `plan` is
 * pure: input and facts in, steps or a refusal out. A new operation is a line in kinds.c. */
#pragma once

#include "catalog/impact.h"
#include "catalog/refusal.h"
#include "catalog/steps.h"
#include "core/env.h"

/* The mark of an operation on what it makes: "<op>/<step>". By it a price is found again whose
 * creation got no answer. */
#define MARKER_KEY "brindle_op"

enum {
    FACTS_PRICES_MAX = 2000, /* prices of a product that are looked through */
    METADATA_KEYS_MAX = 50,  /* [facts: 4.3] */
};

/* Objects as Stripe sent them; {NULL, 0} where none was asked for or there is none. */
struct facts {
    str price;      /* with its tiers and currencies */
    str product;    /* that of the price, or the one that is named */
    str successor;  /* the price that is to be the default */
    str key_holder; /* the price that has the lookup key that is asked for */
    str *prices;    /* of the product: the active ones, or, for product.delete, any */
    size_t n_prices;
    struct impact impact; /* of the prices that go */
};

struct planning {
    struct env *env; /* NULL in tests of `plan`, which asks nobody */
    str op;          /* the operation's id: part of markers, and the cause of requests */
    str input;       /* JSON object */
    struct arena *a;
    struct facts facts;
    struct op_plan plan;
    struct refusal no; /* when it is refused */
};

struct op_kind {
    const char *name; /* "price.replace" */
    /* ST_REFUSED: `no` says why. ST_RETRY: Stripe is away. */
    enum status (*read)(struct planning *g, struct error *e);
    /* ST_REFUSED: `no` says why. ST_LIMIT: too large. */
    enum status (*plan)(struct planning *g, struct error *e);
};

const struct op_kind *op_kind_by_name(str name);
extern const struct op_kind op_kind_table[];
extern const size_t op_kind_count;

/* --- for kinds ---------------------------------------------------------------------------------
 */

/* Fills g->no and answers ST_REFUSED. */
enum status plan_refuse(struct planning *g, enum refusal_name name, const char *next,
                        const char *fmt, ...) PRINTF_LIKE(4, 5) MUST_USE;

/* Reading, each with fresh requests. ST_REFUSED: g->no says why: there is none, no permission, the
 * wrong mode. ST_RETRY: Stripe is away, or the environment stops. */
enum status facts_price(struct planning *g, str id, str *out, struct error *e) MUST_USE;
enum status facts_product(struct planning *g, str id, str *out, struct error *e) MUST_USE;
/* The prices of a product that fit `query` ("active=true" or ""), at most `most`. */
enum status facts_prices(struct planning *g, str product, const char *query, size_t most,
                         struct error *e) MUST_USE;
/* Which price has this lookup key, archived ones too; {NULL, 0}: none. */
enum status facts_key_holder(struct planning *g, str key, str *out, struct error *e) MUST_USE;

/* What hangs on a price that goes, as the mirror has it. Statuses as tx_run. */
enum status facts_impact(struct planning *g, str price, struct error *e) MUST_USE;
/* Says so in the plan. */
void plan_note_impact(struct planning *g);

/* What the input says. */
str input_text(const struct planning *g, const char *name); /* {NULL, 0}: not given */
bool input_on(const struct planning *g, const char *name);
/* The members of an object of the input as form pairs: {"metadata":{"k":"v"}} is
 * "metadata[k]" and "v", null is "". ST_REFUSED: it is no object, or too deep. */
enum status input_pairs(struct planning *g, const char *name, struct pairs *out,
                        struct error *e) MUST_USE;

/* What the documents say. */
str doc_text(const struct planning *g, str doc, const char *name);
bool doc_active(str doc);
/* The id of a reference, which may be expanded. */
str doc_ref(const struct planning *g, str doc, const char *name);

/* Steps. NULL when there are too many, or memory has run out. */
struct step *plan_default(struct planning *g, str product, str was, str now);
enum status plan_verify(struct planning *g, struct error *e) MUST_USE;
/* The marker, which the step at the end of the plan will send. */
enum status plan_mark(struct planning *g, struct pairs *set, struct error *e) MUST_USE;
enum status plan_full(struct error *e) MUST_USE; /* ST_LIMIT */

/* The planners, by file. */
enum status price_replace_read(struct planning *g, struct error *e) MUST_USE;
enum status price_replace_plan(struct planning *g, struct error *e) MUST_USE;
enum status price_archive_read(struct planning *g, struct error *e) MUST_USE;
enum status price_archive_plan(struct planning *g, struct error *e) MUST_USE;
enum status price_activate_read(struct planning *g, struct error *e) MUST_USE;
enum status price_activate_plan(struct planning *g, struct error *e) MUST_USE;
enum status price_create_read(struct planning *g, struct error *e) MUST_USE;
enum status price_create_plan(struct planning *g, struct error *e) MUST_USE;
enum status price_update_read(struct planning *g, struct error *e) MUST_USE;
enum status price_update_plan(struct planning *g, struct error *e) MUST_USE;
enum status product_create_read(struct planning *g, struct error *e) MUST_USE;
enum status product_create_plan(struct planning *g, struct error *e) MUST_USE;
enum status product_update_read(struct planning *g, struct error *e) MUST_USE;
enum status product_update_plan(struct planning *g, struct error *e) MUST_USE;
enum status product_archive_read(struct planning *g, struct error *e) MUST_USE;
enum status product_archive_plan(struct planning *g, struct error *e) MUST_USE;
enum status product_activate_read(struct planning *g, struct error *e) MUST_USE;
enum status product_activate_plan(struct planning *g, struct error *e) MUST_USE;
enum status product_delete_read(struct planning *g, struct error *e) MUST_USE;
enum status product_delete_plan(struct planning *g, struct error *e) MUST_USE;
