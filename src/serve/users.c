/* users.c - one customer for each user of yours, over HTTP. */
#include "base/json.h"
#include "base/url.h"
#include "core/customer/user.h"
#include "serve/party.h"
#include "serve/reply.h"

#include <stdio.h>

enum {
    USER_REPLY_BYTES = 256 << 10,
    WAIT_MS = 20 * 1000, /* a customer is created while the caller waits */
};

/* False: answered already. */
static bool read_path(const struct route_call *c, struct party *p, str *user, struct arena *a)
{
    if (!party_enter(c, p))
        return false;
    if ((!url_unescape(a, c->arg[1], false, user) || !user_id_valid(*user))) {
        reply_error(c->x, p->env, 400, "invalid",
                    "A user's id is 1 to 200 bytes of UTF-8 without control characters.");
        return false;
    }
    return true;
}

/* `verified`: Stripe has shown the customer to be there since the request came. */
static void reply_customer(struct http_exchange *x, str user, const struct user *u, bool verified)
{
    BUF(body, USER_REPLY_BYTES);
    struct json_writer w = { .b = &body };

    jw_object(&w);
    jw_put_str(&w, "userId", user);
    jw_put_str(&w, "customerId", u->customer);
    jw_put_bool(&w, "verified", verified);
    jw_put_int(&w, "revision", u->revision);
    jw_end(&w);
    reply_json(x, body.failed ? 500 : 200, body.failed ? S("{}") : buf_str(&body));
}

/* Why the work was given up, and what Stripe answered. */
static str given_up(const struct waiter *w, int64_t *http_status, struct arena *a)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    struct rows r = { 0 };
    enum status st = tx_begin(&tx, w->env->world->store, TX_READ, &e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_DUE_GET, &r, a, &e, V_STR(str_of(due_kind_name(w->kind))),
                    V_STR(str_of(w->type)), V_STR(str_of(w->id)), v_account(w->env));
    *http_status = st == ST_OK && r.n_rows ? row_int(&r, 0, 6) : 0;
    str why = st == ST_OK && r.n_rows ? row_str(&r, 0, 5) : (str){ 0 };
    return why.n ? why : S("The work was given up.");
}

/* What Stripe refused is the caller's to mend. */
static void reply_given_up(const struct waiter *w)
{
    ARENA(a, USER_REPLY_BYTES);
    int64_t http_status;
    str why = given_up(w, &http_status, &a);

    if (http_status == 400 || http_status == 402)
        reply_error(w->x, w->env, 400, "refused_by_stripe", why.p);
    else
        reply_later(w->x, w->env, "not_possible_now", why.p);
}

/* The customer who is bound is out of this environment's reach: its id would help nobody. */
static bool reply_wrong_mode(const struct waiter *w)
{
    ARENA(a, USER_REPLY_BYTES);
    int64_t http_status;
    str why = given_up(w, &http_status, &a);

    if (!str_starts(why, S(USER_WRONG_MODE)))
        return false;
    reply_error(w->x, w->env, 409, USER_WRONG_MODE, why.p);
    return true;
}

static void on_end(const struct waiter *w, enum waiting_end end)
{
    ARENA(a, USER_REPLY_BYTES);
    struct error e = { 0 };
    struct user u = { 0 };
    enum status st = user_find(w->env, str_of(w->id), &u, &a, &e);

    if (end == WAITING_DEAD && reply_wrong_mode(w))
        return;
    /* A binding that cannot be looked up just now is a binding all the same. */
    if (st == ST_OK && u.state == USER_BOUND)
        reply_customer(w->x, str_of(w->id), &u, end == WAITING_DONE);
    else if (end == WAITING_DEAD)
        reply_given_up(w);
    else if (end == WAITING_STOP)
        reply_later(w->x, w->env, "stopping", "The daemon is stopping; ask again.");
    else
        reply_later(w->x, w->env, "timeout",
                    "Stripe has not answered in time; the work goes on: ask again.");
}

static void ask(const struct route_call *c, struct env *env, str user, str form)
{
    struct error e = { 0 };
    struct waiter w = { .x = c->x,
                        .kind = DUE_USER,
                        .type = "user",
                        .deadline = clock_mono(c->d->clock) + WAIT_MS,
                        .answer = on_end };
    enum status st = user_want(env, user, form, &w.gen, &e);

    if (st != ST_OK) {
        reply_failure(c->x, env, st, &e);
        return;
    }
    waiter_of(&w, env);
    snprintf(w.id, sizeof w.id, "%.*s", STR_ARG(user));
    if (!waiting_add(c->d->waiting, &w))
        reply_later(c->x, env, "too_many_requests", "Too many requests wait; ask again.");
}

void user_customer(const struct route_call *c)
{
    ARENA(a, USER_REPLY_BYTES);
    BUF(form, USER_FORM_MAX);
    struct error e = { 0 };
    str user = { 0 };
    struct party p;

    if (!read_path(c, &p, &user, &a) || !party_may_ask(c, &p))
        return;
    enum status st = user_form(http_exchange_request(c->x)->body, p.env->user_key, &form, &e);
    if (st == ST_OK)
        ask(c, p.env, user, buf_str(&form));
    else
        reply_error(c->x, p.env, st == ST_LIMIT ? 413 : 400, status_name(st), e.text);
}

void user_customer_show(const struct route_call *c)
{
    ARENA(a, USER_REPLY_BYTES);
    BUF(body, USER_REPLY_BYTES);
    struct error e = { 0 };
    str user = { 0 };
    struct party p;

    if (!read_path(c, &p, &user, &a))
        return;
    enum status st = user_show(p.env, user, &body, &e);
    if (st == ST_OK && !body.failed)
        reply_json(c->x, 200, buf_str(&body));
    else if (st == ST_NONE)
        reply_error(c->x, p.env, 404, "no_such_user", e.text);
    else if (body.failed)
        reply_error(c->x, p.env, 500, status_name(ST_LIMIT),
                    "The user's history is too long to be answered.");
    else
        reply_failure(c->x, p.env, st, &e);
}
