#include "core/work.h"

#include "base/json.h"
#include "base/plant.h"
#include "core/api.h"
#include "core/customer/customer.h"
#include "core/customer/user_bind.h"
#include "core/due.h"
#include "core/environment/acting.h"
#include "core/environment/fuse.h"
#include "core/event.h"
#include "core/mirror/catchup.h"
#include "core/mirror/drift.h"
#include "core/mirror/followup.h"
#include "core/mirror/mirror.h"
#include "core/mirror/nested.h"
#include "core/mirror/references.h"
#include "core/mirror/walk.h"
#include "core/path.h"

#include <stdio.h>
#include <string.h>

enum {
    CLAIM_BYTES_MAX = 64 << 10,
    FETCH_BYTES_MAX = 64 << 20,
    NOT_OURS_MS = 5000,
    ACCOUNT_REST_MS = 60 * 1000, /* before an account without access is asked for again */
};

/* One claimed object on its way. */
struct job {
    struct env *env;
    struct claim *c;
    const struct resource *r;
    struct work_report *report;
    struct arena *a;
};

static void report_failure(struct job *j, const char *why, bool dead)
{
    j->report->failed = true;
    j->report->dead = dead;
    snprintf(j->report->why, sizeof j->report->why, "%s", why);
}

static enum status put_back(struct job *j, const char *why, int http_status, struct error *e)
{
    bool dead;
    enum status st = due_fail(j->env, j->c, why, http_status, &dead, e);

    if (st == ST_OK)
        report_failure(j, why, dead);
    return st;
}

static enum status give_up(struct job *j, const char *why, int http_status, struct error *e)
{
    report_failure(j, why, true);
    return due_refuse(j->env, j->c, why, http_status, e);
}

/* A claim that cannot be let go of ends with its lease. */
static void let_go(struct job *j)
{
    struct error ignored = { 0 };

    if (due_release(j->env, j->c, &ignored) != ST_OK)
        return;
    env_ring(j->env);
}

/* ---- what Stripe answered ----------------------------------------------------------------------
 */

/* Is this the object that was asked for? A body with another id is stored nowhere. */
static bool is_asked_for(const struct job *j, str body)
{
    if (j->r->flags & RES_SINGLETON)
        return true;
    return str_eq(resource_object_id(j->r, body, j->a), j->c->key.id);
}

static enum status finish_absent(struct job *j, const char *why, int http_status, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, j->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st =
            references_absent(&tx, j->env, j->c->key.type, j->c->key.id, http_status, why, j->a, e);
    if (st == ST_OK)
        st = due_finish_absent(&tx, j->env, j->c, why, http_status, j->a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* What an event said of the object when it was deleted, unless that is forgotten; else that there
 * was such an object, even if it was never seen here. */
static enum status last_words(struct job *j, struct tx *tx, struct answer *in, struct error *e)
{
    const struct claim *c = j->c;
    struct event ev;
    struct rows r;
    enum status st = tx_run(tx, STMT_INBOX_LAST_WORDS, &r, j->a, e, V_STR(c->key.type),
                            V_STR(c->key.id), v_account(j->env));

    if (st != ST_OK)
        return st;
    if (r.n_rows && event_parse(row_str(&r, 0, 0), &ev, j->a, e) == ST_OK && ev.object.n &&
        str_eq(resource_object_id(j->r, ev.object, j->a), c->key.id)) {
        in->data = ev.object;
        in->api_version = row_str(&r, 0, 1);
        return ST_OK;
    }
    error_clear(e);
    BUF(b, 4096);
    buf_append(&b, S("{\"id\":"));
    json_quote(&b, c->key.id);
    buf_append(&b, S(",\"object\":"));
    json_quote(&b, c->key.type);
    buf_append(&b, S(",\"deleted\":true}"));
    in->data = arena_copy(j->a, buf_str(&b));
    return ST_OK;
}

/* Nobody announced it: the fuse has a say before anything is locked. */
static enum status take_fuse(struct job *j, struct tx *tx, bool *held, struct error *e)
{
    const struct claim *c = j->c;
    struct rows r;
    enum status st = tx_run(tx, STMT_OBJECT_LIVES, &r, j->a, e, V_STR(c->key.type),
                            V_STR(str_of(j->env->identity.account)), V_STR(c->key.id));

    return st == ST_OK && r.n_rows ? fuse_take(tx, j->env, c->key.type, c->key.id, held, j->a, e)
                                   : st;
}

static enum status bury(struct job *j, const char *why, bool *held, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct claim *c = j->c;
    struct answer in = { .resource = j->r,
                         .type = c->key.type,
                         .id = c->key.id,
                         .source = c->gone ? SOURCE_EVENT : SOURCE_GET,
                         .ticket = c->ticket,
                         .api_version = S(STRIPE_API_VERSION),
                         .cause = c->gone ? "event" : "gone" };

    *held = false;
    enum status st = tx_begin(&tx, j->env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = c->gone && !planted(PLANT_FUSE_COUNTS_ALL) ? last_words(j, &tx, &in, e)
                                                        : take_fuse(j, &tx, held, e);
    if (st == ST_OK && *held)
        return tx_commit(&tx, e);
    if (st == ST_OK)
        st = mirror_bury_as(&tx, j->env, &in, j->a, e);
    if (st == ST_NONE)
        st = references_absent(&tx, j->env, c->key.type, c->key.id, 404, why, j->a, e);
    if (st == ST_OK)
        st = due_finish_absent(&tx, j->env, c, why, 404, j->a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* A key that is refused may be right again tomorrow; another's account has stopped everything. */
static enum status on_proof(struct job *j, enum status st, const struct error *proof,
                            struct error *e)
{
    if (st == ST_REFUSED && env_stopping(j->env)) {
        *e = *proof;
        let_go(j);
        return ST_REFUSED;
    }
    return put_back(j, proof->text, 404, e);
}

/* So many at once: is this still the account that the mirror is of? If so, a person decides. */
static enum status on_blown(struct job *j, const char *why, struct error *e)
{
    struct error proof = { 0 };
    char text[ERROR_TEXT_MAX];
    enum status st = env_prove_now(j->env, &proof);

    if (st != ST_OK)
        return on_proof(j, st, &proof, e);
    snprintf(text, sizeof text,
             FUSE_REASON "more objects answered 404 within an hour than may go without a word from "
                         "Stripe. Look, then say `brindle check drift --repair --yes` (%s)",
             why);
    return give_up(j, text, 404, e);
}

/* A 404 proves nothing before the identity is proven, and, when no event announced the deletion,
 * nothing before it is seen twice. [facts: §4.5] */
static enum status on_gone(struct job *j, const char *why, struct error *e)
{
    struct error proof = { 0 };
    bool held, announced = j->c->gone;
    bool again = announced || j->c->misses > 0 || planted(PLANT_404_AT_ONCE);
    /* Whose answer was it? A key may have been exchanged within the minute: before something goes
     * that nobody announced, the proof must have begun behind the answer. */
    enum status st = planted(PLANT_404_UNPROVEN) ? ST_OK
                     : again && !announced
                         ? env_prove_since(j->env, clock_mono(j->env->world->clock), &proof)
                         : env_prove_again(j->env, &proof);

    if (st != ST_OK)
        return on_proof(j, st, &proof, e);
    if (!again)
        return due_confirm(j->env, j->c, e);
    st = bury(j, why, &held, e);
    return st == ST_OK && held ? on_blown(j, why, e) : st;
}

static enum status apply(struct job *j, const struct answer *in, size_t *open_lists,
                         struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct sequence_pool pool = { 0 };
    struct answer pooled = *in;
    enum mirror_result result;

    pooled.pool = &pool;
    enum status st = tx_begin(&tx, j->env->world->store, TX_WRITE, e);
    if (st == ST_OK && planted(PLANT_CLAIM_TICKET_LATE))
        st = sequence_draw(&tx, 1, &pooled.ticket, j->a, e);
    if (st == ST_OK && planted(PLANT_FINISHED_FIRST))
        st = tx_split(&tx, due_finish(&tx, j->env, j->c, j->a, e), e);
    if (st == ST_OK)
        st = mirror_put(&tx, j->env, &pooled, &result, open_lists, j->a, e);
    if (st == ST_OK && *open_lists == 0)
        st = due_finish(&tx, j->env, j->c, j->a, e);
    else if (st == ST_OK)
        st = due_seen(&tx, j->env, j->c->key.type, j->c->key.id, j->a, e);
    if (st == ST_OK && *open_lists)
        st = due_go_on(&tx, j->env, j->c, j->a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* What may have been kept is the same when it is stored again under its ticket. */
static enum status apply_anew(struct job *j, const struct answer *in, size_t *open_lists,
                              struct error *e)
{
    for (unsigned attempt = 1;; attempt++) {
        error_clear(e);
        *open_lists = 0;
        enum status st = apply(j, in, open_lists, e);
        if (!tx_again(j->env->world->store, st, attempt))
            return st;
    }
}

/* Only for who still has the claim: another one may have found the object again, with its lists
 * open anew, and may fail to read them. */
static enum status finish_lists(struct job *j, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct claim *c = j->c;
    int64_t ticket = c->ticket;
    enum status st = tx_begin(&tx, j->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = due_extend(&tx, j->env, c, j->a, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_OBJECT_CLOSE_LISTS, NULL, j->a, e, V_STR(c->key.type),
                    V_STR(str_of(j->env->identity.account)), V_STR(c->key.id));
    if (st == ST_OK)
        st = due_finish(&tx, j->env, c, j->a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st != ST_OK)
        c->ticket = ticket;
    return st;
}

static enum status on_object(struct job *j, const struct api_answer *got, struct error *e)
{
    struct error why = { 0 };
    size_t open_lists = 0;
    const struct answer in = { .resource = j->r,
                               .type = j->c->key.type,
                               .id = j->c->key.id,
                               .data = str_trim(got->http.body),
                               .source = SOURCE_GET,
                               .ticket = j->c->ticket,
                               .api_version = S(STRIPE_API_VERSION),
                               .depth = j->c->depth,
                               .cause = j->c->cause.n ? j->c->cause.p : "webhook" };

    if (!is_asked_for(j, in.data))
        return put_back(j, "Stripe answered with another object than the one asked for", 200, e);
    enum status st = apply_anew(j, &in, &open_lists, &why);
    if (st == ST_REFUSED && why.sealed) { /* nor can it be noted */
        *e = why;
        return st;
    }
    if (st == ST_REFUSED || st == ST_CONFLICT || st == ST_INVALID)
        return give_up(j, why.text, 200, e);
    if (st == ST_RETRY || st == ST_LIMIT)
        return put_back(j, why.text, 200, e);
    if (st != ST_OK) {
        *e = why;
        return st;
    }
    if (!open_lists)
        return ST_OK;
    st = nested_complete(j->env, j->c, &in, &why);
    if (st == ST_OK)
        st = finish_lists(j, &why);
    if (st == ST_OK)
        return st;
    if (st == ST_BROKEN) {
        *e = why;
        return st;
    }
    return put_back(j, why.text, 0, e);
}

static enum status on_answer(struct job *j, const struct api_answer *got, struct error *e)
{
    int http_status = got->http.http_status;

    switch (got->meaning) {
    case API_OK: return on_object(j, got, e);
    case API_GONE: return on_gone(j, got->why, e);
    case API_NO_SUCH_URL:
        /* In Stripe's own words it is final, and no failure: this server has no such objects. */
        if (json_valid(got->http.body))
            return finish_absent(j, got->why, http_status, e);
        return put_back(j, got->why, http_status, e); /* some proxy's word */
    case API_KEY:
    case API_AGAIN: return put_back(j, got->why, http_status, e);
    case API_FORBIDDEN:
        if (str_eqz(j->c->cause, "reference") && references_foreign(got->why))
            return finish_absent(j, got->why, http_status, e);
        return give_up(j, got->why, http_status, e);
    case API_BAD: return give_up(j, got->why, http_status, e);
    }
    return fail(e, ST_BROKEN, "an answer without a meaning");
}

static enum status work_object(struct env *env, struct claim *c, struct work_report *report,
                               struct error *e)
{
    ARENA(a, FETCH_BYTES_MAX);
    struct job j = { .env = env, .c = c, .report = report, .a = &a };
    struct error why = { 0 };
    struct api_answer got;

    j.r = resource_by_type(c->key.type);
    if (!resource_fetchable(j.r))
        return give_up(&j, "this type of object cannot be fetched by its id", 0, e);
    str path = path_object(j.r, c->key.id, env->identity.account, &a);
    str expand = path_expand(j.r->expand, "", &a);
    enum status st = api_get_expanded(env, path, S(""), expand, c->lane, c->cause, &got, &a, &why);
    if (st == ST_REFUSED) {
        let_go(&j);
        return ST_REFUSED;
    }
    if (st != ST_OK)
        return put_back(&j, why.text, 0, e);
    return on_answer(&j, &got, e);
}

static enum status do_claimed(struct env *env, struct claim *c, struct work_report *report,
                              struct error *e)
{
    switch (c->key.kind) {
    case DUE_OBJECT: return work_object(env, c, report, e);
    case DUE_WALK: return walk_run(env, c, report, e);
    case DUE_SWEEP: return followup_sweep(env, c, e);
    case DUE_CHASE: return followup_chase(env, c, e);
    case DUE_CHECK: return drift_run(env, c, report, e);
    case DUE_CATCHUP: return catchup_run(env, c, report, e);
    case DUE_USER: return user_work(env, c, report, e);
    case DUE_CUSTOMER: return customer_sync(env, c, report, e);
    case DUE_OP:
        if (env->work_op)
            return env->work_op(env, c, report, e);
        return due_postpone(env, c, NOT_OURS_MS, e); /* some other process knows how */
    }
    return fail(e, ST_BROKEN, "a claim of no kind");
}

/* Why a connected account is not asked for at the moment: "" when it is. */
static enum status kept_off(struct acting *act, char why[ERROR_TEXT_MAX], struct error *e)
{
    ARENA(a, CLAIM_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum account_state state = ACCOUNT_UNKNOWN;
    msec asked_at = 0, now = clock_wall(act->world.clock);
    enum status st = tx_begin(&tx, act->world.store, TX_READ, e);

    if (st == ST_OK)
        st = account_state_of(&tx, str_of(act->stripe.account), &state, &asked_at, &a, e);
    if (st != ST_OK)
        return st;
    bool lost = state == ACCOUNT_UNREACHABLE || state == ACCOUNT_WRONG_MODE;
    why[0] = '\0';
    if (lost && now - asked_at < ACCOUNT_REST_MS && asked_at <= now)
        snprintf(why, ERROR_TEXT_MAX,
                 "connected account %s is %s: what is here of it is kept, and Stripe is not asked. "
                 "`brindle env show` tells more, `brindle inbox dead --revive` tries again",
                 act->stripe.account, account_state_name(state));
    return ST_OK;
}

/* As the connected account: every request carries its header. */
static enum status do_acting(struct env *root, struct claim *c, struct work_report *report,
                             struct error *e)
{
    char why[ERROR_TEXT_MAX];
    struct acting act;
    struct error note = { 0 };

    if (c->account.n == 0 || c->account.n > ACCOUNT_ID_MAX)
        return fail(e, ST_BROKEN, "due work of no account");
    acting_init(&act, root, c->account);
    enum status st = kept_off(&act, why, e);
    if (st == ST_OK && why[0]) {
        report->failed = report->dead = true;
        snprintf(report->why, sizeof report->why, "%s", why);
        return due_refuse(&act.env, c, why, 403, e);
    }
    if (st == ST_OK)
        st = do_claimed(&act.env, c, report, e);
    enum status noted = acting_note(&act, &note);
    if (noted == ST_BROKEN && st == ST_OK) {
        *e = note;
        return noted;
    }
    return st; /* a note that could not be taken is taken with the next answer */
}

/* Whatever failed, the claim may have been let go of before: then nobody has its ticket. */
static void leave(struct work_left *left, const struct claim *c)
{
    if (c->key.type.n > DUE_TYPE_MAX || c->key.id.n > DUE_ID_MAX || c->account.n > ACCOUNT_ID_MAX)
        return;
    *left = (struct work_left){ .kind = c->key.kind, .ticket = c->ticket, .misses = c->misses };
    snprintf(left->type, sizeof left->type, "%.*s", STR_ARG(c->key.type));
    snprintf(left->id, sizeof left->id, "%.*s", STR_ARG(c->key.id));
    snprintf(left->account, sizeof left->account, "%.*s", STR_ARG(c->account));
}

enum status work_let_go(struct env *env, struct work_left *left, struct error *e)
{
    const struct claim c = { .key = { left->kind, str_of(left->type), str_of(left->id) },
                             .ticket = left->ticket,
                             .misses = left->misses };
    struct acting act;

    if (!left->ticket)
        return ST_OK;
    if (strcmp(left->account, env->identity.account) != 0) {
        acting_init(&act, env, str_of(left->account));
        env = &act.env;
    }
    enum status st = due_release(env, &c, e);
    if (st != ST_OK)
        return st;
    left->ticket = 0;
    env_ring(env);
    return ST_OK;
}

enum status work_one(struct env *env, struct work_report *report, struct error *e)
{
    ARENA(a, CLAIM_BYTES_MAX);
    struct claim c;

    *report = (struct work_report){ 0 };
    if (env_stopping(env))
        return ST_REFUSED;
    enum status st = due_claim(env, &c, &a, e);
    if (st != ST_OK)
        return st;
    bool own = str_eqz(c.account, env->identity.account);
    snprintf(report->key, sizeof report->key, "%s %.*s %.*s%s%.*s", due_kind_name(c.key.kind),
             STR_ARG(c.key.type), STR_ARG(c.key.id), own ? "" : " of ", own ? 0 : (int)c.account.n,
             own ? "" : c.account.p);
    struct held held;
    due_hold(env, &held, &c);
    st = own ? do_claimed(env, &c, report, e) : do_acting(env, &c, report, e);
    due_unhold(env, &held);
    if (st != ST_OK)
        leave(&report->left, &c);
    return st;
}
