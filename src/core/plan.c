#include "core/plan.h"

#include "base/json.h"
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
    p->key[p->n_keys++] = (struct plan_key){ type, id, gone };
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
        struct json_token t = json_member(ev->object, str_of(home[i].field));
        str id = t.type == JSON_STRING   ? json_unescape(t, a)
                 : t.type == JSON_OBJECT ? json_text(t.text, S("id"), a)
                                         : (str){ 0 };
        if (id.n) {
            add_key(p, str_of(parent->type), id, false);
            return true;
        }
    }
    return false;
}

/* Plans and prices are two views of the same thing, and each has its row. [facts: R-38] */
static void plan_twin(struct plan *p, const struct resource *r, str id, bool gone)
{
    if (strcmp(r->type, "price") == 0)
        add_key(p, S("plan"), id, gone);
    else if (strcmp(r->type, "plan") == 0)
        add_key(p, S("price"), id, gone);
}

/* ---- what only events tell of ------------------------------------------------------------- */

static str id_in(str object, const char *path, struct arena *a)
{
    struct json_token t = json_path(object, str_of(path));

    return t.type == JSON_STRING   ? json_unescape(t, a)
           : t.type == JSON_OBJECT ? json_text(t.text, S("id"), a)
                                   : (str){ 0 };
}

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

static struct plan plan_object(const struct event *ev, const struct resource *r, str object_id,
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
        plan_twin(&p, r, object_id, gone);
        return p;
    }
    if (ev->object.n && plan_parent(&p, ev, r, a))
        return p;
    return without_work(PLAN_UNFETCHABLE, "type_cannot_be_fetched");
}

struct plan plan_for_event(const struct event *ev, const struct identity *id, struct arena *a)
{
    struct plan p = { .outcome = PLAN_DUE };

    if (ev->livemode >= 0 && ev->livemode != id->livemode)
        return without_work(PLAN_QUARANTINED, "other_mode");
    if (ev->account.n && !str_eqz(ev->account, id->account))
        return without_work(PLAN_QUARANTINED, "other_account");
    if (ev->account.n) /* Connect: whose object it is cannot be told apart yet */
        return without_work(PLAN_QUARANTINED, "connect");
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
    p = plan_object(ev, r, object_id, a);
    plan_told(&p, ev, r, object_id, a);
    return p;
}
