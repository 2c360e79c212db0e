#include "core/plan.h"

#include "base/json.h"
#include "base/plant.h"
#include "core/resource.h"

#include <string.h>

const char *plan_outcome_name(enum plan_outcome o)
{
    switch (o) {
    case PLAN_DUE: return "due";
    case PLAN_UNKNOWN: return "unknown";
    case PLAN_UNFETCHABLE: return "unfetchable";
    case PLAN_QUARANTINED: return "quarantined";
    case PLAN_ERASED: return "erased";
    }
    return "?";
}

static struct plan without_work(enum plan_outcome outcome, const char *reason)
{
    return (struct plan){ .outcome = outcome, .reason = reason };
}

static void add_key(struct plan *p, str type, str id, bool gone)
{
    assert(p->n_keys < PLAN_KEYS_MAX);
    p->key[p->n_keys++] = (struct plan_key){ .type = type, .id = id, .gone = gone };
}

/* The id in a member that is an id, or an expanded object. */
static str id_in(str object, const char *path, struct arena *a)
{
    struct json_token t = json_path(object, str_of(path));

    return t.type == JSON_STRING   ? json_unescape(t, a)
           : t.type == JSON_OBJECT ? json_text(t.text, S("id"), a)
                                   : (str){ 0 };
}

/* What cannot be fetched by its own id lives in something that can: a card in its customer. */
static bool plan_parent(struct plan *p, const struct event *ev, const struct resource *r,
                        struct arena *a)
{
    const struct {
        const char *type, *field;
    } home[] = { { r->parent, r->parent_field },
                 { "customer", "customer" },
                 { "subscription", "subscription" },
                 { "invoice", "invoice" },
                 { "account", "account" } };

    for (size_t i = 0; i < COUNT(home); i++) {
        const struct resource *parent =
            home[i].type ? resource_by_type(str_of(home[i].type)) : NULL;
        if (!home[i].field || !resource_fetchable(parent))
            continue;
        str id = id_in(ev->object, home[i].field, a);
        if (id.n) {
            add_key(p, str_of(parent->type), id, false);
            return true;
        }
    }
    return false;
}

/* Plans and prices are two views of the same thing, and each has its row; but what is sold once has
 * no plan, and a price never changes its type. [facts: R-38] */
static void plan_twin(struct plan *p, const struct event *ev, const struct resource *r, str id,
                      bool gone, struct arena *a)
{
    if (strcmp(r->type, "price") == 0 && !str_eqz(json_text(ev->object, S("type"), a), "one_time"))
        add_key(p, S("plan"), id, gone);
    else if (strcmp(r->type, "plan") == 0)
        add_key(p, S("price"), id, gone);
}

/* ---- what only events tell of ------------------------------------------------------------- */

/* An object without an id is about somebody: of each there is one, which the next one replaces. */
static str subject_of(const struct event *ev, struct arena *a)
{
    static const char *const path[] = { "subscription", "parent.subscription_details.subscription",
                                        "customer" };

    for (size_t i = 0; i < COUNT(path); i++) {
        str id = id_in(ev->object, path[i], a);
        if (id.n)
            return id;
    }
    return ev->id;
}

/* No request brings it, and it is in no other object: its events are all there is. (A discount
 * lives in its customer.) */
static bool is_only_told(const struct resource *r)
{
    return !r || (!r->get_path && !r->list_path && strcmp(r->type, "discount") != 0);
}

static void plan_told(struct plan *p, const struct event *ev, const struct resource *r, str id,
                      struct arena *a)
{
    str type = ev->object_type;

    if (!ev->object.n || (id.n && !is_only_told(r)))
        return;
    if (!id.n) {
        type = r && is_only_told(r) ? type : ev->type;
        id = subject_of(ev, a);
    }
    if (type.n > PLAN_TOLD_MAX || id.n > PLAN_TOLD_MAX)
        return;
    p->told_type = type;
    p->told_id = id;
}

/* ---- the decision ------------------------------------------------------------------------- */

static struct plan plan_own(const struct event *ev, const struct resource *r, str object_id,
                            struct arena *a)
{
    struct plan p = { .outcome = PLAN_DUE };

    if (!object_id.n)
        return without_work(PLAN_UNFETCHABLE, "no_object_id");
    if (resource_fetchable(r)) {
        /* A subscription's deletion is its cancellation: the object stays, and one 404 proves
         * nothing. */
        bool gone = str_ends(ev->type, S(".deleted")) && strcmp(r->type, "subscription") != 0;
        add_key(&p, str_of(r->type), object_id, gone);
        plan_twin(&p, ev, r, object_id, gone, a);
        return p;
    }
    if (ev->object.n && plan_parent(&p, ev, r, a))
        return p;
    return without_work(PLAN_UNFETCHABLE, "type_cannot_be_fetched");
}

static struct plan plan_object(const struct event *ev, struct arena *a)
{
    struct plan p = { .outcome = PLAN_DUE };

    if (ev->too_long)
        return without_work(PLAN_UNFETCHABLE, "id_too_long");
    if (!ev->object_type.n)
        return without_work(PLAN_UNFETCHABLE, "no_object");
    const struct resource *r = resource_by_type(ev->object_type);
    if (!r) {
        p = without_work(PLAN_UNKNOWN, "unknown_object_type");
        plan_told(&p, ev, NULL, ev->object_id, a);
        return p;
    }
    if (r->flags & RES_SINGLETON) {
        add_key(&p, str_of(r->type), str_of(r->type), false);
        return p;
    }
    str object_id = r->id_field ? resource_object_id(r, ev->object, a) : ev->object_id;
    p = plan_own(ev, r, object_id, a);
    plan_told(&p, ev, r, object_id, a);
    return p;
}

/* ---- the customer ----
 */

/* Types after which a customer may have other rights than before. A name that ends with a dot
 * stands for all that begin with it. */
static const char *const rights[] = {
    "charge.dispute.",
    "charge.refund.",
    "charge.refunded",
    "checkout.session.",
    "customer.deleted",
    "customer.discount.",
    "customer.subscription.",
    "entitlements.",
    "invoice.finalization_failed",
    "invoice.marked_uncollectible",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.payment_succeeded",
    "invoice.upcoming",
    "invoice.voided",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.succeeded",
    "refund.",
    "subscription_schedule.",
};

static bool changes_rights(str type)
{
    const str thin = S("v1."); /* thin events of v1 objects put it in front */

    if (str_starts(type, thin))
        type = str_sub(type, thin.n, type.n);
    for (size_t i = 0; i < COUNT(rights); i++) {
        str name = str_of(rights[i]);
        if (str_ends(name, S(".")) ? str_starts(type, name) : str_eq(type, name))
            return true;
    }
    return false;
}

static void add_whole(struct plan *p, str type, str id)
{
    add_key(p, type, id, false);
    p->key[p->n_keys - 1].whole = true;
    p->outcome = PLAN_DUE;
    p->reason = NULL;
}

/* A dispute, and the refund of an older API version, name the payment alone; a thin event names
 * nothing but its object: whose that is, the worker finds out. A guest's has no customer. */
static void plan_customer(struct plan *p, const struct event *ev, struct arena *a)
{
    static const char *const payment[] = { "charge", "payment_intent" };
    const struct resource *r = resource_by_type(ev->object_type);
    str id = { 0 };

    if (!ev->object.n) {
        if (r && resource_fetchable(r) && ev->object_id.n)
            add_whole(p, str_of(r->type), ev->object_id);
        return;
    }
    id = r && strcmp(r->type, "customer") == 0 ? ev->object_id : id_in(ev->object, "customer", a);
    if (id.n)
        add_whole(p, S("customer"), id);
    for (size_t i = 0; i < COUNT(payment) && !id.n; i++) {
        if (!r || (strcmp(r->type, "dispute") != 0 && strcmp(r->type, "refund") != 0))
            return;
        id = id_in(ev->object, payment[i], a);
        if (id.n)
            add_whole(p, str_of(payment[i]), id);
    }
}

/* What no store keeps as a key, and no address holds, is not worked for. */
static void drop_long_ids(struct plan *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_keys; i++)
        if (p->key[i].id.n <= PLAN_ID_MAX)
            p->key[n++] = p->key[i];
    p->n_keys = n;
    if (p->outcome == PLAN_DUE && !n)
        *p = without_work(PLAN_UNFETCHABLE, "id_too_long");
}

struct plan plan_for_event(const struct event *ev, const struct identity *id,
                           enum plan_account whose, struct arena *a)
{
    if (planted(PLANT_QUARANTINE_SKIPPED))
        return plan_object(ev, a);
    if (ev->livemode >= 0 && ev->livemode != id->livemode)
        return without_work(PLAN_QUARANTINED, "other_mode");
    if (ev->account.n && whose != PLAN_OWN) /* whose money it is must not be mistaken */
        return without_work(PLAN_QUARANTINED,
                            whose == PLAN_STRANGER ? "unknown_account" : "connected_account");
    assert(!ev->account.n || str_eqz(ev->account, id->account));
    struct plan p = plan_object(ev, a);
    if (changes_rights(ev->type) && !ev->too_long)
        plan_customer(&p, ev, a);
    drop_long_ids(&p);
    return p;
}
