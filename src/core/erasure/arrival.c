#include "core/erasure/arrival.h"

#include "base/json.h"
#include "base/plant.h"
#include "core/erasure/erase.h"
#include "core/mirror/refs.h"

enum { SMALL_BYTES = 256 << 10 };

void erase_note(struct env *env)
{
    __atomic_store_n(&env_root(env)->has_erased, true, __ATOMIC_RELEASE);
}

bool erase_any(struct env *env)
{
    return __atomic_load_n(&env_root(env)->has_erased, __ATOMIC_ACQUIRE);
}

enum status erase_look(struct env *env, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;

    if (erase_any(env))
        return ST_OK;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = tx_run0(&tx, STMT_ERASED_ANY, &r, &a, e);
    if (st == ST_OK && r.n_rows)
        erase_note(env);
    return st;
}

/* Looks for an erased object among those that an arriving one refers to. */
struct looking {
    struct tx *tx;
    struct env *env;
    struct arena *a;
    str erased_customer; /* the customer that was found to be erased */
    bool found, names_other;
};

static enum status is_erased(struct tx *tx, const struct env *env, str type, str id, bool *erased,
                             struct arena *a, struct error *e)
{
    struct rows r;
    enum status st =
        tx_run(tx, STMT_OBJECT_STATE, &r, a, e, V_STR(type), v_account(env), V_STR(id));

    if (st == ST_OK)
        *erased = r.n_rows && row_int(&r, 0, 0) == MIRROR_ROW_ERASED;
    return st;
}

static enum status look_at_ref(void *ctx, const struct ref *ref, struct error *e)
{
    struct looking *l = ctx;
    bool erased = false;

    if ((ref->kind != REF_ID && ref->kind != REF_COPY) || !ref->to_id.n || !ref->to_type.n ||
        erase_is_the_shops(ref->to_type))
        return ST_OK;
    enum status st = is_erased(l->tx, l->env, ref->to_type, ref->to_id, &erased, l->a, e);
    l->found = l->found || erased;
    if (!erased && str_eq(ref->to_type, S("customer")))
        l->names_other = true;
    return st;
}

/* Of a type that the table does not have, no more is known than what it calls its customer. */
static enum status names_erased(struct tx *tx, struct env *env, str data, bool *erased,
                                struct arena *a, struct error *e)
{
    struct json_token t = json_member(data, S("customer"));
    str id = t.type == JSON_STRING   ? json_unescape(t, a)
             : t.type == JSON_OBJECT ? json_text(t.text, S("id"), a)
                                     : (str){ 0 };

    return id.n ? is_erased(tx, env, S("customer"), id, erased, a, e) : ST_OK;
}

static enum status refers_to_erased(struct tx *tx, struct env *env, str type, str data,
                                    bool *erased, struct arena *a, struct error *e)
{
    const struct resource *r = resource_by_type(type);
    struct looking l = { .tx = tx, .env = env, .a = a };
    const struct ref_visitor v = { .ctx = &l, .ref = look_at_ref };

    *erased = false;
    if (!r)
        return names_erased(tx, env, data, erased, a, e);
    if (erase_is_the_shops(type) || str_eq(type, S("customer")))
        return ST_OK;
    enum status st = refs_visit(r, data, &v, a, e);
    *erased = l.found && !l.names_other;
    return st;
}

enum status erase_on_arrival(struct tx *tx, struct env *env, const struct answer *in, bool *erased,
                             struct arena *a, struct error *e)
{
    *erased = false;
    return erase_any(env) ? refers_to_erased(tx, env, in->type, in->data, erased, a, e) : ST_OK;
}

enum status erase_on_event(struct tx *tx, struct env *env, const struct event *ev, bool *erased,
                           struct arena *a, struct error *e)
{
    enum status st = ST_OK;

    *erased = false;
    if (!erase_any(env) || !ev->object_type.n || planted(PLANT_LATE_BODY_KEPT))
        return ST_OK;
    if (ev->object_id.n)
        st = is_erased(tx, env, ev->object_type, ev->object_id, erased, a, e);
    if (st == ST_OK && !*erased && ev->object.n)
        st = refers_to_erased(tx, env, ev->object_type, ev->object, erased, a, e);
    return st;
}
