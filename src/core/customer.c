#include "core/customer.h"

#include "base/json.h"
#include "base/url.h"
#include "core/api.h"
#include "core/mirror.h"
#include "core/page.h"
#include "core/path.h"
#include "core/state.h"

#include <stdio.h>
#include <string.h>

enum {
    CUSTOMER_BYTES_MAX = 64 << 20,
    PIECE_OBJECTS = 25, /* stored in one transaction */
    UNSEEN_PIECE = 200,
    PAGES_MAX = 1000,
    RESTARTS_MAX = 5, /* a cursor that vanished: from the start again, so often */
    CURSOR_MAX = 255,
};

/* One full sync under way. */
struct customer {
    struct env *env;
    struct claim *c;
    struct work_report *report;
    const struct resource *r, *subscriptions;
    char cursor[CURSOR_MAX + 1];
    int64_t first_ticket; /* of the list's first page: what has a smaller one was not shown */
    unsigned restarts;
    msec started_at; /* wall */
    bool unlisted;   /* this key, or this server, lists no subscriptions */
    bool ended;      /* put back, given up or let go: nothing more to do */
};

/* ---- ends --------------------------------------------------------------------------------------
 */

static enum status put_back(struct customer *s, const char *why, int http_status, struct error *e)
{
    bool dead = false;
    enum status st = due_fail(s->env, s->c, why, http_status, &dead, e);

    s->ended = s->report->failed = true;
    s->report->dead = dead;
    snprintf(s->report->why, sizeof s->report->why, "%s", why);
    return st;
}

static enum status give_up(struct customer *s, const char *why, int http_status, struct error *e)
{
    s->ended = s->report->failed = s->report->dead = true;
    snprintf(s->report->why, sizeof s->report->why, "%s", why);
    return due_refuse(s->env, s->c, why, http_status, e);
}

static enum status let_go(struct customer *s, struct error *e)
{
    s->ended = true;
    return due_release(s->env, s->c, e);
}

/* A failure of the store or of the network: later again; what is broken stays so. */
static enum status on_failure(struct customer *s, enum status st, const struct error *why,
                              struct error *e)
{
    if (st == ST_BROKEN) {
        *e = *why;
        return st;
    }
    if (st == ST_REFUSED || st == ST_CONFLICT) /* stopping, or the claim is somebody else's */
        return let_go(s, e);
    return put_back(s, why->text, 0, e);
}

static enum status on_refusal(struct customer *s, const struct api_answer *got, struct error *e)
{
    switch (got->meaning) {
    case API_FORBIDDEN:
    case API_BAD: return give_up(s, got->why, got->http.http_status, e);
    case API_OK:
    case API_GONE:
    case API_NO_SUCH_URL:
    case API_AGAIN:
    case API_KEY: break;
    }
    return put_back(s, got->why, got->http.http_status, e);
}

/* ---- the customer itself -----------------------------------------------------------------------
 */

static enum status store(struct customer *s, struct tx *tx, str type, str id, str data,
                         enum source source, struct sequence_pool *pool, struct arena *a,
                         struct error *e)
{
    const struct answer in = { .resource = resource_by_type(type),
                               .type = type,
                               .id = id,
                               .data = data,
                               .source = source,
                               .ticket = s->c->ticket,
                               .api_version = S(STRIPE_API_VERSION),
                               .cause = s->c->cause.n ? s->c->cause.p : "sync",
                               .pool = pool };
    struct due_mark rest = { .key = { DUE_OBJECT, type, id },
                             .lane = s->c->lane,
                             .cause = "nested" };
    enum mirror_result result;
    size_t open_lists = 0;
    enum status st = mirror_put(tx, s->env, &in, &result, &open_lists, a, e);

    return st == ST_OK && open_lists ? due_mark(tx, s->env, &rest, a, e) : st;
}

static enum status store_customer(struct customer *s, str body, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct sequence_pool pool = { 0 };
    enum status st = tx_begin(&tx, s->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = store(s, &tx, S("customer"), s->c->key.id, body, SOURCE_GET, &pool, a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* What a 404 means is decided where objects are fetched one by one (work.c). */
static enum status leave_to_object(struct customer *s, const struct api_answer *got,
                                   struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct due_mark m = { .key = { DUE_OBJECT, S("customer"), s->c->key.id },
                          .lane = s->c->lane,
                          .cause = "check" };

    s->ended = true;
    enum status st = tx_begin(&tx, s->env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = due_mark(&tx, s->env, &m, a, e);
    if (st == ST_OK)
        st = due_finish_absent(&tx, s->env, s->c, got->why, got->http.http_status, a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        env_ring(s->env);
    return st;
}

static enum status fetch_customer(struct customer *s, struct error *e)
{
    ARENA(a, CUSTOMER_BYTES_MAX);
    struct error why = { 0 };
    struct api_answer got;
    str path = path_fill(s->r->get_path, s->c->key.id, S(""), &a);

    enum status st = api_get_expanded(s->env, path, S(""), path_expand(s->r->expand, "", &a),
                                      s->c->lane, s->c->cause, &got, &a, &why);
    if (st != ST_OK)
        return on_failure(s, st, &why, e);
    if (got.meaning == API_GONE)
        return leave_to_object(s, &got, &a, e);
    if (got.meaning != API_OK)
        return on_refusal(s, &got, e);
    str body = str_trim(got.http.body);
    if (!str_eq(json_text(body, S("id"), &a), s->c->key.id))
        return put_back(s, "Stripe answered with another object than the one asked for", 200, e);
    st = store_customer(s, body, &a, &why);
    return st == ST_OK ? ST_OK : on_failure(s, st, &why, e);
}

/* ---- its subscriptions -------------------------------------------------------------------------
 */

/* The ticket of the next request, drawn before it leaves. */
static enum status draw(struct customer *s, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, s->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = due_extend(&tx, s->env, s->c, a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK && !s->first_ticket)
        s->first_ticket = s->c->ticket;
    return st;
}

static enum status store_piece(struct customer *s, struct page *page, bool *end, struct arena *a,
                               struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct sequence_pool pool = { 0 };
    struct page_item item;
    enum status st = tx_begin(&tx, s->env->world->store, TX_WRITE, e);

    for (size_t n = 0; st == ST_OK && n < PIECE_OBJECTS && !*end; n++) {
        st = page_next(page, &item, a, e);
        *end = st == ST_NONE;
        if (st == ST_OK)
            st = store(s, &tx, item.type, item.id, item.data, SOURCE_LIST, &pool, a, e);
        if (st == ST_OK && item.id.n > CURSOR_MAX)
            st = fail(e, ST_LIMIT, "an id of %zu bytes cannot be a cursor", item.id.n);
        if (st == ST_OK)
            snprintf(s->cursor, sizeof s->cursor, "%.*s", STR_ARG(item.id));
        if (*end)
            st = ST_OK;
    }
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status store_page(struct customer *s, str body, bool *more, struct arena *a,
                              struct error *e)
{
    char before[CURSOR_MAX + 1];
    struct page page;
    bool end = false;

    memcpy(before, s->cursor, sizeof before);
    enum status st = page_open(body, &page, e);
    while (st == ST_OK && !end)
        st = store_piece(s, &page, &end, a, e);
    *more = page.has_more;
    if (st == ST_OK && *more && strcmp(before, s->cursor) == 0)
        return fail(e, ST_RETRY, "the list of subscriptions says has_more but does not move on");
    return st;
}

/* The cursor's subscription has left the list: from the start again. [facts: F-17] */
static bool starts_anew(struct customer *s, const struct api_answer *got, struct arena *a)
{
    struct json_token error = json_member(got->http.body, S("error"));

    if (!s->cursor[0] || s->restarts == RESTARTS_MAX || error.type != JSON_OBJECT ||
        !str_eq(json_text(error.text, S("param"), a), S("starting_after")))
        return false;
    s->restarts++;
    s->cursor[0] = '\0';
    s->first_ticket = 0;
    return true;
}

static enum status one_page(struct customer *s, bool *more, struct error *e)
{
    ARENA(a, CUSTOMER_BYTES_MAX);
    struct error why = { 0 };
    struct api_answer got;
    str query = arena_printf(
        &a, "limit=%d&%s%scustomer=%.*s", PAGE_LIMIT, s->subscriptions->list_query,
        s->subscriptions->list_query[0] ? "&" : "", STR_ARG(url_escape_in(&a, s->c->key.id)));

    if (s->cursor[0])
        query = arena_concat(&a, arena_concat(&a, query, S("&starting_after=")),
                             url_escape_in(&a, str_of(s->cursor)));
    enum status st = draw(s, &a, &why);
    if (st == ST_OK)
        st = api_get_expanded(s->env, str_of(s->subscriptions->list_path), query,
                              path_expand(s->subscriptions->expand, "data.", &a), s->c->lane,
                              s->c->cause, &got, &a, &why);
    if (st != ST_OK)
        return on_failure(s, st, &why, e);
    if (got.meaning != API_OK && starts_anew(s, &got, &a))
        return ST_OK;
    s->unlisted = !s->cursor[0] &&
                  (got.meaning == API_NO_SUCH_URL || got.meaning == API_FORBIDDEN) &&
                  json_valid(got.http.body);
    if (s->unlisted) {
        *more = false;
        return ST_OK;
    }
    if (got.meaning != API_OK)
        return on_refusal(s, &got, e);
    st = store_page(s, got.http.body, more, &a, &why);
    return st == ST_OK ? ST_OK : on_failure(s, st, &why, e);
}

/* The list is at its end: what it did not show is looked at one by one. */
static enum status finish(struct customer *s, struct error *e)
{
    ARENA(a, CUSTOMER_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    str after = { 0 };
    enum status st = tx_begin(&tx, s->env->world->store, TX_WRITE, e);

    for (size_t n = s->unlisted ? 0 : UNSEEN_PIECE; st == ST_OK && n == UNSEEN_PIECE;) {
        struct rows r;
        st = tx_run(&tx, STMT_STATE_UNSEEN, &r, &a, e, V_STR(s->c->key.id), v_account(s->env),
                    V_INT(s->first_ticket), V_STR(after), V_INT(UNSEEN_PIECE));
        n = st == ST_OK ? r.n_rows : 0;
        for (size_t i = 0; st == ST_OK && i < n; i++) {
            after = row_str(&r, i, 0);
            struct due_mark m = { .key = { DUE_OBJECT, S("subscription"), after },
                                  .lane = s->c->lane,
                                  .cause = "check" };
            st = due_mark(&tx, s->env, &m, &a, e);
        }
    }
    if (st == ST_OK && !s->unlisted)
        st = state_synced(&tx, s->env, s->c->key.id, s->started_at, NULL, &a, e);
    if (st == ST_OK)
        st = due_finish(&tx, s->env, s->c, &a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        env_ring(s->env);
    return st;
}

enum status customer_sync(struct env *env, struct claim *c, struct work_report *report,
                          struct error *e)
{
    struct customer s = { .env = env,
                          .c = c,
                          .report = report,
                          .started_at = clock_wall(env->world->clock),
                          .r = resource_by_type(S("customer")),
                          .subscriptions = resource_by_type(S("subscription")) };
    bool more = true;
    enum status st = fetch_customer(&s, e);

    for (unsigned pages = 0; st == ST_OK && !s.ended && more; pages++) {
        if (env_stopping(env))
            return let_go(&s, e);
        if (pages == PAGES_MAX)
            return give_up(&s, "its list of subscriptions has no end", 0, e);
        st = one_page(&s, &more, e);
    }
    return st == ST_OK && !s.ended ? finish(&s, e) : st;
}
