#include "core/customer/customer.h"

#include "base/json.h"
#include "base/url.h"
#include "core/api.h"
#include "core/customer/state.h"
#include "core/mirror/mirror.h"
#include "core/page.h"
#include "core/path.h"

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

/* One list of the customer's. */
struct listing {
    const struct resource *r;
    const char *field; /* its members are noted as the customer's; NULL: they say so themselves */
    char cursor[CURSOR_MAX + 1];
    int64_t first_ticket; /* of the list's first page: what has a smaller one was not shown */
    unsigned restarts;
    bool unlisted; /* this key, or this server, has no such list */
};

/* One full sync under way. */
struct customer {
    struct env *env;
    struct claim *c;
    struct work_report *report;
    const struct resource *r;
    struct listing subscriptions, entitlements;
    msec started_at; /* wall: when the customer itself was asked for */
    bool known;      /* that was at an earlier sync: what changes it has events of its own */
    bool lives;      /* neither deleted nor erased */
    bool nobody;     /* there is no such customer any more, says a list */
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

/* ---- the customer itself, or the object that names it ------------------------------------------
 */

static enum status store(struct customer *s, struct tx *tx, str type, str id, str data,
                         enum source source, struct sequence_pool *pool, enum mirror_result *result,
                         struct arena *a, struct error *e)
{
    const struct answer in = { .resource = resource_by_type(type),
                               .type = type,
                               .id = id,
                               .data = data,
                               .source = source,
                               .follow = true,
                               .state_later = source == SOURCE_LIST,
                               .ticket = s->c->ticket,
                               .api_version = S(STRIPE_API_VERSION),
                               .cause = s->c->cause.n ? s->c->cause.p : "sync",
                               .pool = pool };
    struct due_mark rest = { .key = { DUE_OBJECT, type, id },
                             .lane = s->c->lane,
                             .cause = "nested" };
    size_t open_lists = 0;
    enum status st = mirror_put(tx, s->env, &in, result, &open_lists, a, e);

    return st == ST_OK && open_lists ? due_mark(tx, s->env, &rest, a, e) : st;
}

static enum status store_object(struct customer *s, str body, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct sequence_pool pool = { 0 };
    enum mirror_result result = MIRROR_SAME;
    enum status st = tx_begin(&tx, s->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = store(s, &tx, s->c->key.type, s->c->key.id, body, SOURCE_GET, &pool, &result, a, e);
    s->lives = result != MIRROR_DELETED && result != MIRROR_ERASED;
    if (st == ST_OK)
        st = due_seen(&tx, s->env, S("customer"), s->c->key.id, a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* What a 404 means is decided where objects are fetched one by one (work.c). */
static enum status leave_to_object(struct customer *s, const struct api_answer *got,
                                   struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct due_mark m = { .key = { DUE_OBJECT, s->c->key.type, s->c->key.id },
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

static enum status fetch_object(struct customer *s, struct error *e)
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
    st = store_object(s, body, &a, &why);
    return st == ST_OK ? ST_OK : on_failure(s, st, &why, e);
}

/* An event says that something of the customer may have changed: whoever asks by hand gets all. */
static enum status is_known(struct customer *s, struct error *e)
{
    ARENA(a, CUSTOMER_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;

    if (s->c->lane == LANE_USER || str_eq(s->c->cause, S("sync")))
        return ST_OK;
    enum status st = tx_begin(&tx, s->env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_STATE_GET, &r, &a, e, V_STR(s->c->key.id), v_account(s->env));
    if (st != ST_OK || !r.n_rows || !row_int(&r, 0, 3))
        return st;
    msec synced_at = row_int(&r, 0, 3);
    st = tx_run(&tx, STMT_OBJECT_LIVES, &r, &a, e, V_STR(s->c->key.type), v_account(s->env),
                V_STR(s->c->key.id));
    if (st != ST_OK || !r.n_rows)
        return st;
    s->known = s->lives = true;
    s->started_at = synced_at;
    return ST_OK;
}

/* ---- its lists -------------------------------------------------------------------------------
 */

/* The ticket of the next request, drawn before it leaves. */
static enum status draw(struct customer *s, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, s->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = due_extend(&tx, s->env, s->c, a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* Whose it is stands before it is stored, so that the state can follow. */
static enum status store_item(struct customer *s, struct tx *tx, struct listing *l,
                              const struct page_item *item, struct sequence_pool *pool,
                              struct arena *a, struct error *e)
{
    enum mirror_result result;
    enum status st = ST_OK;

    if (item->id.n > CURSOR_MAX)
        return fail(e, ST_LIMIT, "an id of %zu bytes cannot be a cursor", item->id.n);
    if (l->field)
        st = tx_run(tx, STMT_REF_ADD, NULL, a, e, V_STR(S("customer")), v_account(s->env),
                    V_STR(s->c->key.id), V_STR(str_of(l->field)), V_STR(item->type),
                    V_STR(item->id), V_INT(1), V_INT(0), V_INT(s->c->ticket));
    if (st == ST_OK)
        st = store(s, tx, item->type, item->id, item->data, SOURCE_LIST, pool, &result, a, e);
    if (st == ST_OK && l->field)
        st = tx_run(tx, STMT_OBJECT_OWNER, NULL, a, e, V_STR(s->c->key.id), V_STR(item->type),
                    v_account(s->env), V_STR(item->id));
    snprintf(l->cursor, sizeof l->cursor, "%.*s", STR_ARG(item->id));
    return st;
}

static enum status store_piece(struct customer *s, struct listing *l, struct page *page, bool *end,
                               struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct sequence_pool pool = { 0 };
    struct page_item item;
    enum status st = tx_begin(&tx, s->env->world->store, TX_WRITE, e);

    for (size_t n = 0; st == ST_OK && n < PIECE_OBJECTS && !*end; n++) {
        st = page_next(page, &item, a, e);
        *end = st == ST_NONE;
        if (st == ST_OK)
            st = store_item(s, &tx, l, &item, &pool, a, e);
        if (*end)
            st = ST_OK;
    }
    if (st == ST_OK) /* once for all of them: it looks at every subscription */
        st = state_follow(&tx, s->env, S("customer"), s->c->key.id, (str){ 0 }, S("{}"), &pool, a,
                          e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status store_page(struct customer *s, struct listing *l, str body, bool *more,
                              struct arena *a, struct error *e)
{
    char before[CURSOR_MAX + 1];
    struct page page;
    bool end = false;

    memcpy(before, l->cursor, sizeof before);
    enum status st = page_open(body, &page, e);
    while (st == ST_OK && !end)
        st = store_piece(s, l, &page, &end, a, e);
    *more = page.has_more;
    if (st == ST_OK && *more && strcmp(before, l->cursor) == 0)
        return fail(e, ST_RETRY, "the list of its %s says has_more but does not move on",
                    l->r->view);
    return st;
}

/* The cursor's object has left the list: from the start again. [facts: F-17] */
static bool starts_anew(struct listing *l, const struct api_answer *got, struct arena *a)
{
    if (!l->cursor[0] || l->restarts == RESTARTS_MAX ||
        !str_eq(api_error_of(&got->http, a).param, S("starting_after")))
        return false;
    l->restarts++;
    l->cursor[0] = '\0';
    l->first_ticket = 0;
    return true;
}

/* Of somebody who was deleted a list knows nothing: then each is looked at by itself. */
static bool lists_nobody(const struct api_answer *got, struct arena *a)
{
    const struct api_error said = api_error_of(&got->http, a);

    return (got->meaning == API_GONE || got->meaning == API_BAD) &&
           str_eq(said.code, S("resource_missing")) && str_eq(said.param, S("customer"));
}

static enum status one_page(struct customer *s, struct listing *l, bool *more, struct error *e)
{
    ARENA(a, CUSTOMER_BYTES_MAX);
    struct error why = { 0 };
    struct api_answer got;
    str query =
        arena_printf(&a, "limit=%d&%s%scustomer=%.*s", PAGE_LIMIT, l->r->list_query,
                     l->r->list_query[0] ? "&" : "", STR_ARG(url_escape_in(&a, s->c->key.id)));

    if (l->cursor[0])
        query = arena_concat(&a, arena_concat(&a, query, S("&starting_after=")),
                             url_escape_in(&a, str_of(l->cursor)));
    enum status st = draw(s, &a, &why);
    if (st == ST_OK && !l->first_ticket)
        l->first_ticket = s->c->ticket;
    if (st == ST_OK)
        st = api_get_expanded(s->env, str_of(l->r->list_path), query,
                              path_expand(l->r->expand, "data.", &a), s->c->lane, s->c->cause, &got,
                              &a, &why);
    if (st != ST_OK)
        return on_failure(s, st, &why, e);
    if (got.meaning != API_OK && starts_anew(l, &got, &a))
        return ST_OK;
    l->unlisted = !l->cursor[0] &&
                  (got.meaning == API_NO_SUCH_URL || got.meaning == API_FORBIDDEN) &&
                  json_valid(got.http.body);
    s->nobody = lists_nobody(&got, &a);
    if (l->unlisted || s->nobody) {
        s->lives = s->lives && !s->nobody;
        *more = false;
        return ST_OK;
    }
    if (got.meaning != API_OK)
        return on_refusal(s, &got, e);
    st = store_page(s, l, got.http.body, more, &a, &why);
    return st == ST_OK ? ST_OK : on_failure(s, st, &why, e);
}

static enum status read_list(struct customer *s, struct listing *l, struct error *e)
{
    enum status st = ST_OK;
    bool more = true;

    for (unsigned pages = 0; st == ST_OK && !s->ended && more; pages++) {
        if (env_stopping(s->env))
            return let_go(s, e);
        if (pages == PAGES_MAX) {
            char why[128];
            snprintf(why, sizeof why, "the list of its %s has no end", l->r->view);
            return give_up(s, why, 0, e);
        }
        st = one_page(s, l, &more, e);
    }
    return st;
}

/* An account that has no features has no entitlements: then nobody is asked. */
static enum status may_be_entitled(struct customer *s, bool *may, struct error *e)
{
    ARENA(a, 64 << 10);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, s->env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_CUSTOMER_ENTITLED, &r, &a, e, v_account(s->env));
    if (st == ST_OK)
        *may = r.n_rows != 0;
    return st;
}

static enum status read_entitlements(struct customer *s, struct error *e)
{
    struct error why = { 0 };
    bool may = false;
    enum status st = s->lives ? may_be_entitled(s, &may, &why) : ST_OK;

    if (st != ST_OK)
        return on_failure(s, st, &why, e);
    s->entitlements.unlisted = !s->lives;
    return may ? read_list(s, &s->entitlements, e) : ST_OK;
}

/* ---- what it pays with -----------------------------------------------------------------------
 */

static enum status find_method(struct customer *s, str *id, bool *known, struct arena *a,
                               struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, s->env->world->store, TX_READ, e);

    return st == ST_OK ? state_payment_method(&tx, s->env, s->c->key.id, id, known, a, e) : st;
}

/* An answer that is none leaves it to the ordinary work: a state without it is no failure. */
static enum status store_method(struct customer *s, str id, const struct api_answer *got,
                                struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct sequence_pool pool = { 0 };
    struct due_mark m = { .key = { DUE_OBJECT, S("payment_method"), id },
                          .lane = s->c->lane,
                          .cause = "reference" };
    enum mirror_result result;
    str body = str_trim(got->http.body);
    bool is_it = got->meaning == API_OK && str_eq(json_text(body, S("id"), a), id);
    enum status st = tx_begin(&tx, s->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = is_it ? store(s, &tx, m.key.type, id, body, SOURCE_GET, &pool, &result, a, e)
                   : due_mark(&tx, s->env, &m, a, e);
    if (st == ST_OK && is_it)
        st = tx_run(&tx, STMT_DUE_FILLED, NULL, a, e, V_STR(m.key.type), V_STR(id),
                    v_account(s->env));
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* The state shows the card: who waits for this sync shall see it, even if nobody has yet asked for
 * that payment method. */
static enum status read_method(struct customer *s, struct error *e)
{
    ARENA(a, CUSTOMER_BYTES_MAX);
    const struct resource *r = resource_by_type(S("payment_method"));
    struct error why = { 0 };
    struct api_answer got;
    str id = { 0 };
    bool known = false;
    enum status st = s->lives ? find_method(s, &id, &known, &a, &why) : ST_OK;

    if (st == ST_OK && (!id.n || known))
        return ST_OK;
    if (st == ST_OK)
        st = draw(s, &a, &why);
    if (st == ST_OK)
        st = api_get_expanded(s->env, path_fill(r->get_path, id, S(""), &a), S(""),
                              path_expand(r->expand, "", &a), s->c->lane, s->c->cause, &got, &a,
                              &why);
    if (st == ST_OK)
        st = store_method(s, id, &got, &a, &why);
    return st == ST_OK ? ST_OK : on_failure(s, st, &why, e);
}

/* ---- the end ---------------------------------------------------------------------------------
 */

/* The list is at its end: what it did not show is looked at one by one. */
static enum status ask_for_unseen(struct customer *s, struct tx *tx, struct arena *a,
                                  struct error *e)
{
    enum status st = ST_OK;
    str after = { 0 };

    for (size_t n = s->subscriptions.unlisted ? 0 : UNSEEN_PIECE;
         st == ST_OK && n == UNSEEN_PIECE;) {
        struct rows r;
        st = tx_run(tx, STMT_STATE_UNSEEN, &r, a, e, V_STR(s->c->key.id), v_account(s->env),
                    V_INT(s->subscriptions.first_ticket), V_STR(after), V_INT(UNSEEN_PIECE));
        n = st == ST_OK ? r.n_rows : 0;
        for (size_t i = 0; st == ST_OK && i < n; i++) {
            after = row_str(&r, i, 0);
            struct due_mark m = { .key = { DUE_OBJECT, S("subscription"), after },
                                  .lane = s->c->lane,
                                  .cause = "check" };
            st = due_mark(tx, s->env, &m, a, e);
        }
    }
    return st;
}

/* An entitlement that is not in the list of the active ones is gone: there is nothing to ask. */
static enum status bury_unseen(struct customer *s, struct tx *tx, struct arena *a, struct error *e)
{
    const struct listing *l = &s->entitlements;
    const struct answer of = { .resource = s->r,
                               .type = S("customer"),
                               .id = s->c->key.id,
                               .cause = s->c->cause.n ? s->c->cause.p : "sync" };
    enum status st = ST_OK;
    size_t left = l->first_ticket && !l->unlisted;

    while (st == ST_OK && left)
        st = mirror_close_list(tx, s->env, &of, str_of(l->field), l->first_ticket, &left, a, e);
    return st;
}

static enum status finish(struct customer *s, struct error *e)
{
    ARENA(a, CUSTOMER_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct due_mark self = { .key = { DUE_OBJECT, s->c->key.type, s->c->key.id },
                                   .lane = s->c->lane,
                                   .cause = "check" };
    const struct state_sync said = { .started_at = s->started_at,
                                     .entitled = !s->entitlements.unlisted };
    enum status st = tx_begin(&tx, s->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = ask_for_unseen(s, &tx, &a, e);
    if (st == ST_OK)
        st = bury_unseen(s, &tx, &a, e);
    if (st == ST_OK && s->nobody && s->known) /* nobody has told of that */
        st = due_mark(&tx, s->env, &self, &a, e);
    if (st == ST_OK && !s->subscriptions.unlisted)
        st = state_synced(&tx, s->env, s->c->key.id, &said, NULL, &a, e);
    if (st == ST_OK)
        st = due_finish(&tx, s->env, s->c, &a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        env_ring(s->env);
    return st;
}

/* ---- whose is it? ------------------------------------------------------------------------------
 */

static enum status stored_owner(struct customer *s, bool *stored, str *owner, struct arena *a,
                                struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, s->env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_OBJECT_GET, &r, a, e, V_STR(s->c->key.type), v_account(s->env),
                    V_STR(s->c->key.id));
    *stored = st == ST_OK && r.n_rows;
    if (!*stored)
        return st;
    struct json_token t = json_member(row_str(&r, 0, 2), S("customer"));
    *owner = t.type == JSON_STRING   ? json_unescape(t, a)
             : t.type == JSON_OBJECT ? json_text(t.text, S("id"), a)
                                     : (str){ 0 };
    return ST_OK;
}

/* A guest's payment has no customer: then nothing is due. */
static enum status pass_on(struct customer *s, str owner, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct due_mark m = { .key = { DUE_CUSTOMER, S("customer"), owner },
                                .lane = s->c->lane,
                                .cause = s->c->cause.n ? s->c->cause.p : "webhook" };
    enum status st = tx_begin(&tx, s->env->world->store, TX_WRITE, e);

    if (st == ST_OK && owner.n)
        st = due_mark(&tx, s->env, &m, a, e);
    if (st == ST_OK)
        st = due_finish(&tx, s->env, s->c, a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        env_ring(s->env);
    return st;
}

/* An object that is not here yet is fetched first. */
static enum status find_owner(struct customer *s, struct error *e)
{
    ARENA(a, CUSTOMER_BYTES_MAX);
    bool stored = false;
    str owner = { 0 };

    if (!resource_fetchable(s->r))
        return give_up(s, "this type of object cannot be fetched by its id", 0, e);
    enum status st = stored_owner(s, &stored, &owner, &a, e);
    if (st == ST_OK && !stored) {
        st = fetch_object(s, e);
        if (st == ST_OK && !s->ended)
            st = stored_owner(s, &stored, &owner, &a, e);
    }
    return st == ST_OK && !s->ended ? pass_on(s, owner, &a, e) : st;
}

/* Where transactions run beside each other, one may have met another: the same once more. */
static enum status end_with(struct customer *s,
                            enum status (*last)(struct customer *s, struct error *e),
                            struct error *e)
{
    for (unsigned attempt = 1;; attempt++) {
        struct error why = { 0 };
        enum status st = last(s, &why);
        if (!tx_again(s->env->world->store, st, attempt))
            return st == ST_OK ? st : on_failure(s, st, &why, e);
    }
}

enum status customer_sync(struct env *env, struct claim *c, struct work_report *report,
                          struct error *e)
{
    struct customer s = {
        .env = env,
        .c = c,
        .report = report,
        .started_at = clock_wall(env->world->clock),
        .r = resource_by_type(c->key.type),
        .subscriptions.r = resource_by_type(S("subscription")),
        .entitlements = { .r = resource_by_type(S("entitlements.active_entitlement")),
                          .field = STATE_ENTITLEMENTS },
    };

    if (!str_eq(c->key.type, S("customer")))
        return end_with(&s, find_owner, e);
    enum status st = end_with(&s, is_known, e);
    if (st == ST_OK && !s.ended && !s.known)
        st = fetch_object(&s, e);
    if (st == ST_OK && !s.ended)
        st = read_list(&s, &s.subscriptions, e);
    if (st == ST_OK && !s.ended)
        st = read_entitlements(&s, e);
    if (st == ST_OK && !s.ended)
        st = read_method(&s, e);
    return st == ST_OK && !s.ended ? end_with(&s, finish, e) : st;
}
