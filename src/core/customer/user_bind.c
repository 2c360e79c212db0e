#include "core/customer/user_bind.h"

#include "base/json.h"
#include "base/url.h"
#include "core/api.h"
#include "core/customer/user.h"
#include "core/mirror/mirror.h"
#include "core/mirror/references.h"
#include "core/page.h"
#include "core/path.h"

#include <stdio.h>
#include <string.h>

enum {
    BIND_BYTES_MAX = 64 << 20,
    STEPS_MAX = 12,    /* more is a binding that ends as soon as it is made */
    PAGES_MAX = 10000, /* of customers, in a look */
    CURSOR_MAX = 255,
    OP_BYTES = 12,
};

/* Stripe keeps keys for a day at least; our clock may have been set by an hour or so. */
static const msec KEY_TRUSTED_MS = 22LL * 3600 * 1000;
/* And so may Stripe's be another than ours. */
static const int64_t LOOK_BACK_S = 3600;

#define STOP_AGAIN "Stripe answered with something else than the customer that was asked for"

/* One user's work under way. */
struct bind {
    struct env *env;
    struct claim *c;
    struct work_report *report;
    const struct resource *r; /* of customers */
    str user;
    struct user now; /* as last read; slices in `a` */
    bool key_failed; /* what is kept under the operation's key is no help */
    bool ended;      /* done, put back, given up or let go: nothing more to do */
    struct arena *a;
};

/* ---- ends ------------------------------------------------------------------------------------ */

static enum status put_back(struct bind *b, const char *why, int http_status, struct error *e)
{
    bool dead = false;
    enum status st = due_fail(b->env, b->c, why, http_status, &dead, e);

    b->ended = b->report->failed = true;
    b->report->dead = dead;
    snprintf(b->report->why, sizeof b->report->why, "%s", why);
    return st;
}

static enum status let_go(struct bind *b, struct error *e)
{
    b->ended = true;
    return due_release(b->env, b->c, e);
}

static enum status give_up(struct bind *b, const char *why, int http_status, struct error *e)
{
    b->ended = b->report->failed = b->report->dead = true;
    snprintf(b->report->why, sizeof b->report->why, "%s", why);
    return due_refuse(b->env, b->c, why, http_status, e);
}

static enum status on_failure(struct bind *b, enum status st, const struct error *why, int status,
                              struct error *e)
{
    if (st == ST_BROKEN) {
        *e = *why;
        return st;
    }
    if (st == ST_REFUSED || st == ST_CONFLICT) /* stopping, or the claim is somebody else's */
        return let_go(b, e);
    return put_back(b, why->text, status, e);
}

/* ---- transactions -----------------------------------------------------------------------------
 */

/* What a step writes, in a transaction that holds the user's lock; `now` is read in it. */
struct change {
    enum status (*write)(struct bind *b, struct tx *tx, struct change *c, struct error *e);
    str id, data; /* a customer, and its object */
    const char *why;
    const char *words; /* Stripe's own */
    bool kept;         /* the transaction was committed */
};

static enum status change_once(struct bind *b, struct change *c, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, b->env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = user_lock(&tx, b->env, b->user, e);
    if (st == ST_OK)
        st = user_read(&tx, b->env, b->user, &b->now, b->a, e);
    if (st == ST_OK)
        st = c->write(b, &tx, c, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* A failure puts the work back, and ends it. */
static enum status change(struct bind *b, struct change *c, struct error *e)
{
    struct error why = { 0 };
    enum status st = ST_RETRY;

    for (unsigned attempt = 1;; attempt++) {
        error_clear(&why);
        st = change_once(b, c, &why);
        if (!tx_again(b->env->world->store, st, attempt))
            break;
    }
    c->kept = st == ST_OK;
    return st == ST_OK ? ST_OK : on_failure(b, st, &why, 0, e);
}

static enum status write_nothing(struct bind *b, struct tx *tx, struct change *c, struct error *e)
{
    (void)b, (void)tx, (void)c, (void)e;
    return ST_OK;
}

/* The ticket of the next request, drawn before it leaves. */
static enum status write_ticket(struct bind *b, struct tx *tx, struct change *c, struct error *e)
{
    (void)c;
    return due_extend(tx, b->env, b->c, b->a, e);
}

static enum status write_binding(struct bind *b, struct tx *tx, struct change *c, struct error *e)
{
    bool bound;

    return user_bind_to(tx, b->env, b->user, &b->now, b->now.op, c->id, &bound, b->a, e);
}

static enum status write_end(struct bind *b, struct tx *tx, struct change *c, struct error *e)
{
    if (b->now.state == USER_BOUND && !str_eq(b->now.customer, c->id))
        return ST_OK; /* another one meanwhile */
    return user_let_go(tx, b->env, b->user, &b->now, c->why, b->a, e);
}

/* Another customer: what was missed before says nothing about this one. */
static enum status bind_to(struct bind *b, str customer, struct error *e)
{
    struct change c = { .write = write_binding, .id = customer };
    enum status st = change(b, &c, e);

    if (c.kept)
        b->c->misses = 0;
    return st;
}

/* Before anything is believed or written that rests on what Stripe does not show: was that the
 * account that the mirror is of? The proof begins behind the answer. */
static enum status prove(struct bind *b, struct error *e)
{
    struct error why = { 0 };
    enum status st = env_prove_since(b->env, clock_mono(b->env->world->clock), &why);

    if (st == ST_REFUSED && !env_stopping(b->env)) /* the key may be right again tomorrow */
        return put_back(b, why.text, 0, e);
    return st == ST_OK ? ST_OK : on_failure(b, st, &why, 0, e);
}

/* ---- the customer who is bound ----------------------------------------------------------------
 */

/* The customer as Stripe has it goes into the mirror; if it was deleted there, the binding ends
 * with that (user_follow), or here, where the mirror knew it before. */
static enum status write_seen(struct bind *b, struct tx *tx, struct change *c, struct error *e)
{
    const struct answer in = { .resource = b->r,
                               .type = S("customer"),
                               .id = c->id,
                               .data = c->data,
                               .source = SOURCE_GET,
                               .ticket = b->c->ticket,
                               .api_version = S(STRIPE_API_VERSION),
                               .cause = "user" };
    const struct due_mark rest = { .key = { DUE_OBJECT, S("customer"), c->id },
                                   .lane = LANE_WEBHOOK,
                                   .cause = "nested" };
    bool lives = json_bool(c->data, S("deleted")) != JSON_TRUE;
    enum mirror_result result;
    size_t open_lists = 0;
    enum status st = mirror_put(tx, b->env, &in, &result, &open_lists, b->a, e);

    if (st == ST_OK && open_lists)
        st = due_mark(tx, b->env, &rest, b->a, e);
    if (st == ST_OK && lives)
        st = tx_run(tx, STMT_USER_SATISFIED, NULL, b->a, e, V_STR(b->user), v_account(b->env),
                    V_INT(b->c->gen));
    if (st == ST_OK && lives)
        return due_finish(tx, b->env, b->c, b->a, e);
    if (st == ST_OK)
        st = user_read(tx, b->env, b->user, &b->now, b->a, e);
    return st == ST_OK && b->now.state == USER_BOUND ? write_end(b, tx, c, e) : st;
}

/* The mirror may have it alive: whether it is to be buried is decided where objects are fetched one
 * by one (work.c); until then it is nobody's. */
static enum status write_gone(struct bind *b, struct tx *tx, struct change *c, struct error *e)
{
    const struct due_mark m = { .key = { DUE_OBJECT, S("customer"), c->id },
                                .lane = LANE_WEBHOOK,
                                .cause = "check" };
    enum status st = tx_run(tx, STMT_USER_UNLINK, NULL, b->a, e, V_STR(c->id), v_account(b->env));

    if (st == ST_OK)
        st = due_mark(tx, b->env, &m, b->a, e);
    return st == ST_OK ? write_end(b, tx, c, e) : st;
}

/* The id is marked: nothing of ours asks for it again by itself. */
static enum status write_foreign(struct bind *b, struct tx *tx, struct change *c, struct error *e)
{
    enum status st = references_absent(tx, b->env, S("customer"), c->id, 404, c->words, b->a, e);

    return st == ST_OK && b->env->set.recreate_customer ? write_gone(b, tx, c, e) : st;
}

/* Stripe's hint: it lives, but where this key does not reach. One word is enough, for it names the
 * mode of the key that was used, and that is proven to be ours. */
static enum status on_foreign(struct bind *b, str customer, const char *words, struct error *e)
{
    char why[ERROR_TEXT_MAX];
    struct change mark = {
        .write = write_foreign, .id = customer, .words = words, .why = "of another mode or account"
    };
    enum status st = change(b, &mark, e);

    if (st != ST_OK || b->ended || b->env->set.recreate_customer)
        return st;
    snprintf(why, sizeof why,
             USER_WRONG_MODE ": %s%s No other customer is made, unless the environment's "
                             "configuration says wrong_mode = recreate-customer.",
             words, str_ends(str_of(words), S(".")) ? "" : ".");
    return give_up(b, why, 404, e);
}

static enum status on_missing(struct bind *b, str customer, const char *words, struct error *e)
{
    struct change end = { .write = write_gone,
                          .id = customer,
                          .why = "Stripe has no such customer" };
    enum status st = prove(b, e);

    if (st != ST_OK || b->ended)
        return st;
    if (references_foreign(words))
        return on_foreign(b, customer, words, e);
    if (b->c->misses == 0) { /* nothing is believed at the first word */
        b->ended = b->report->failed = true;
        snprintf(b->report->why, sizeof b->report->why, "%s", words);
        return due_confirm(b->env, b->c, e);
    }
    return change(b, &end, e);
}

static enum status verify(struct bind *b, struct error *e)
{
    struct error why = { 0 };
    struct api_answer got;
    struct change ticket = { .write = write_ticket };
    struct change seen = { .write = write_seen, .why = "deleted at Stripe" };
    enum status st = change(b, &ticket, e);

    if (st != ST_OK || b->ended)
        return st;
    seen.id = b->now.customer;
    if (b->now.state != USER_BOUND)
        return ST_OK; /* somebody has ended it meanwhile */
    st = api_get_expanded(b->env, path_fill(b->r->get_path, seen.id, S(""), b->a), S(""),
                          path_expand(b->r->expand, "", b->a), b->c->lane, b->c->cause, &got, b->a,
                          &why);
    if (st != ST_OK)
        return on_failure(b, st, &why, got.http.http_status, e);
    if (got.meaning == API_GONE)
        return on_missing(b, seen.id, got.why, e);
    if (got.meaning == API_FORBIDDEN || got.meaning == API_BAD)
        return give_up(b, got.why, got.http.http_status, e);
    if (got.meaning != API_OK)
        return put_back(b, got.why, got.http.http_status, e);
    seen.data = str_trim(got.http.body);
    if (!str_eq(json_text(seen.data, S("id"), b->a), seen.id))
        return put_back(b, STOP_AGAIN, 200, e);
    bool lives = json_bool(seen.data, S("deleted")) != JSON_TRUE;
    st = change(b, &seen, e);
    b->ended = b->ended || lives;
    return st;
}

/* ---- looking for one that is there ------------------------------------------------------------
 */

/* The best of what was looked at: the oldest customer, then the smaller id. */
struct found {
    char id[CURSOR_MAX + 1];
    int64_t created;
};

/* A person who was erased and comes back gets another customer. */
static enum status is_erased(const struct bind *b, str customer, bool *erased, struct error *e)
{
    ARENA(a, 1 << 16);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, b->env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_OBJECT_STATE, &r, &a, e, V_STR(S("customer")), v_account(b->env),
                    V_STR(customer));
    if (st == ST_OK)
        *erased = r.n_rows && row_int(&r, 0, 0) == MIRROR_ROW_ERASED;
    return st;
}

static enum status consider(const struct bind *b, const struct page_item *item, struct found *f,
                            struct error *e)
{
    ARENA(a, 1 << 16);
    struct json_token metadata = json_member(item->data, S("metadata"));
    int64_t created = 0;
    bool erased = false;

    if (metadata.type != JSON_OBJECT || item->id.n > CURSOR_MAX ||
        !str_eq(json_text(metadata.text, str_of(b->env->user_key), &a), b->user))
        return ST_OK;
    (void)!json_int(item->data, S("created"), &created);
    if (f->id[0] &&
        (created > f->created || (created == f->created && str_cmp(item->id, str_of(f->id)) > 0)))
        return ST_OK;
    enum status st = is_erased(b, item->id, &erased, e);
    if (st != ST_OK || erased)
        return st;
    snprintf(f->id, sizeof f->id, "%.*s", STR_ARG(item->id));
    f->created = created;
    return ST_OK;
}

static enum status consider_page(struct bind *b, str body, struct found *f, char *cursor,
                                 bool *more, struct arena *a, struct error *e)
{
    char before[CURSOR_MAX + 1];
    struct page_item item;
    struct page page;
    enum status st = page_open(body, &page, e);

    snprintf(before, sizeof before, "%s", cursor);
    while (st == ST_OK && (st = page_next(&page, &item, a, e)) == ST_OK) {
        st = consider(b, &item, f, e);
        snprintf(cursor, CURSOR_MAX + 1, "%.*s", STR_ARG(item.id));
    }
    if (st != ST_NONE)
        return st;
    *more = page.has_more;
    if (*more && strcmp(before, cursor) == 0)
        return fail(e, ST_RETRY, "the list of customers says has_more but does not move on");
    return ST_OK;
}

/* What a list or a search was answered with; false: it was put back or given up. */
static bool answered(struct bind *b, enum status *st, const struct api_answer *got,
                     const struct error *why, struct error *e)
{
    if (*st == ST_OK && got->meaning == API_OK)
        return true;
    if (*st != ST_OK)
        *st = on_failure(b, *st, why, got->http.http_status, e);
    else if (got->meaning == API_FORBIDDEN || got->meaning == API_BAD)
        *st = give_up(b, got->why, got->http.http_status, e);
    else
        *st = put_back(b, got->why, got->http.http_status, e);
    return false;
}

/* All customers created since the operation began, less an hour. */
static enum status look(struct bind *b, struct found *f, struct error *e)
{
    char cursor[CURSOR_MAX + 1] = "";
    bool more = true;
    enum status st = ST_OK;

    for (unsigned pages = 0; st == ST_OK && !b->ended && more; pages++) {
        ARENA(a, BIND_BYTES_MAX);
        struct change ticket = { .write = write_ticket }; /* keeps the work ours */
        struct error why = { 0 };
        struct api_answer got = { 0 };
        if (env_stopping(b->env))
            return let_go(b, e);
        if (pages == PAGES_MAX)
            return give_up(b, "the list of customers has no end", 0, e);
        st = change(b, &ticket, e);
        if (st != ST_OK || b->ended)
            return st;
        str query = arena_printf(&a, "limit=%d&created[gte]=%lld%s%.*s", PAGE_LIMIT,
                                 (long long)(b->now.started_at / 1000 - LOOK_BACK_S),
                                 cursor[0] ? "&starting_after=" : "",
                                 STR_ARG(url_escape_in(&a, str_of(cursor))));
        st = api_get(b->env, str_of(b->r->list_path), query, b->c->lane, b->c->cause, &got, &a,
                     &why);
        if (!answered(b, &st, &got, &why, e))
            return st;
        st = consider_page(b, got.http.body, f, cursor, &more, &a, &why);
        if (st != ST_OK)
            st = on_failure(b, st, &why, 0, e);
    }
    return st;
}

/* Has the mirror seen the list of all customers? Then metadata is known (user_follow). */
static enum status all_are_known(struct bind *b, bool *known, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, b->env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_STATE_COMPLETE, &r, b->a, e, V_STR(str_of(b->r->type)), V_STR(S("")),
                    v_account(b->env));
    if (st == ST_OK)
        *known = r.n_rows && row_int(&r, 0, 0) > 0;
    return st;
}

/* Customers from before our time, where the mirror does not have them all. */
static enum status search(struct bind *b, struct found *f, struct error *e)
{
    ARENA(a, BIND_BYTES_MAX);
    struct error why = { 0 };
    struct api_answer got = { 0 };
    char cursor[CURSOR_MAX + 1] = "";
    bool more;

    enum status st = api_get(b->env, S(USER_SEARCH_PATH), user_search_query(b->env, b->user, &a),
                             b->c->lane, b->c->cause, &got, &a, &why);
    if (st == ST_OK && got.meaning != API_OK && got.meaning != API_KEY) {
        char text[ERROR_TEXT_MAX];
        snprintf(text, sizeof text,
                 "nobody can tell whether the user has a customer already: the mirror has not seen "
                 "all customers (`brindle sync customers`), and they cannot be searched: %s",
                 got.why);
        return give_up(b, text, 0, e);
    }
    if (!answered(b, &st, &got, &why, e))
        return st;
    st = consider_page(b, got.http.body, f, cursor, &more, &a, &why);
    return st == ST_OK ? ST_OK : on_failure(b, st, &why, 0, e);
}

/* ---- creating one -----------------------------------------------------------------------------
 */

static str new_op(struct bind *b)
{
    unsigned char bytes[OP_BYTES];
    char text[2 * OP_BYTES + 1];

    rng_fill(b->env->world->rng, bytes, sizeof bytes);
    for (size_t i = 0; i < OP_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return arena_copy(b->a, str_of(text));
}

/* From here on neither parameters nor key change, whatever callers wish meanwhile. */
static enum status write_begin(struct bind *b, struct tx *tx, struct change *c, struct error *e)
{
    BUF(form, USER_FORM_MAX + 1024);

    (void)c;
    if (b->now.state != USER_NONE || b->now.op.n)
        return ST_OK;
    buf_append(&form, b->now.wanted);
    buf_printf(&form, "%smetadata[", form.n ? "&" : "");
    url_escape(&form, str_of(b->env->user_key));
    buf_append(&form, S("]="));
    url_escape(&form, b->user);
    if (form.failed)
        return fail(e, ST_LIMIT, "the parameters of the customer are too long");
    return tx_run(tx, STMT_USER_BEGIN, NULL, b->a, e, V_STR(new_op(b)), V_STR(buf_str(&form)),
                  V_INT(clock_wall(b->env->world->clock)), V_STR(b->user), v_account(b->env));
}

static enum status begin(struct bind *b, struct error *e)
{
    struct change c = { .write = write_begin };
    struct error why = { 0 };
    struct found f = { 0 };
    bool known = false;
    enum status st = all_are_known(b, &known, &why);

    if (st != ST_OK)
        return on_failure(b, st, &why, 0, e);
    if (!known)
        st = search(b, &f, e);
    if (st != ST_OK || b->ended)
        return st;
    return f.id[0] ? bind_to(b, arena_copy(b->a, str_of(f.id)), e) : change(b, &c, e);
}

static enum status write_next_attempt(struct bind *b, struct tx *tx, struct change *c,
                                      struct error *e)
{
    (void)c;
    return tx_run(tx, STMT_USER_NEXT_ATTEMPT, NULL, b->a, e,
                  V_INT(clock_wall(b->env->world->clock)), V_STR(b->user), v_account(b->env),
                  V_STR(b->now.op), V_INT(b->now.attempt));
}

/* The key tells nothing any more: is the customer there? */
static enum status recover(struct bind *b, struct error *e)
{
    struct change next = { .write = write_next_attempt };
    struct found f = { 0 };
    enum status st = look(b, &f, e);

    if (st != ST_OK || b->ended)
        return st;
    b->key_failed = false;
    return f.id[0] ? bind_to(b, arena_copy(b->a, str_of(f.id)), e) : change(b, &next, e);
}

static bool is_about_the_key(const struct api_answer *got, struct arena *a)
{
    return str_eq(api_error_of(&got->http, a).type, S("idempotency_error"));
}

/* Nothing was created, and nothing will be by the same request: whoever comes next may send a
 * better one. */
static enum status refuse(struct bind *b, const struct api_answer *got, struct error *e)
{
    struct change end = { .write = write_end, .why = "" };
    enum status st = change(b, &end, e);

    return st == ST_OK && !b->ended ? give_up(b, got->why, got->http.http_status, e) : st;
}

static enum status on_answer(struct bind *b, const struct api_answer *got, struct error *e)
{
    str body = str_trim(got->http.body), id;

    switch (got->meaning) {
    case API_OK:
        id = json_text(body, S("id"), b->a);
        return id.n && id.n <= CURSOR_MAX ? bind_to(b, id, e) : put_back(b, STOP_AGAIN, 200, e);
    case API_BAD:
        b->key_failed = is_about_the_key(got, b->a);
        return b->key_failed ? ST_OK : refuse(b, got, e);
    case API_FORBIDDEN: return refuse(b, got, e);
    case API_GONE:
    case API_NO_SUCH_URL:
    case API_KEY:
    case API_AGAIN: break;
    }
    return put_back(b, got->why, got->http.http_status, e);
}

static enum status create(struct bind *b, struct error *e)
{
    struct error why = { 0 };
    struct api_answer got = { 0 };
    msec age = clock_wall(b->env->world->clock) - b->now.key_at;

    if (b->key_failed || age > KEY_TRUSTED_MS)
        return recover(b, e);
    enum status st = prove(b, e);
    if (st != ST_OK || b->ended)
        return st;
    str key =
        arena_printf(b->a, "op/%.*s/customer/%lld", STR_ARG(b->now.op), (long long)b->now.attempt);
    st = api_post(b->env, str_of(b->r->list_path), b->now.form, key, b->c->lane, b->c->cause, &got,
                  b->a, &why);
    if (st == ST_RETRY && got.http.replayed && got.http.http_status >= 500) {
        b->key_failed = true; /* for a day the key brings nothing but this */
        return ST_OK;
    }
    return st == ST_OK ? on_answer(b, &got, e) : on_failure(b, st, &why, got.http.http_status, e);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static enum status step(struct bind *b, struct error *e)
{
    struct change read = { .write = write_nothing };
    enum status st = change(b, &read, e);

    if (st != ST_OK || b->ended)
        return st;
    switch (b->now.state) {
    case USER_NONE: return begin(b, e);
    case USER_FOUND: return bind_to(b, b->now.customer, e);
    case USER_CREATING: return create(b, e);
    case USER_BOUND: return verify(b, e);
    }
    return ST_OK;
}

enum status user_work(struct env *env, struct claim *c, struct work_report *report, struct error *e)
{
    ARENA(a, BIND_BYTES_MAX);
    struct bind b = { .env = env,
                      .c = c,
                      .report = report,
                      .r = resource_by_type(S("customer")),
                      .user = c->key.id,
                      .a = &a };
    enum status st = ST_OK;

    for (unsigned steps = 0; st == ST_OK && !b.ended; steps++) {
        if (env_stopping(env))
            return let_go(&b, e);
        if (steps == STEPS_MAX)
            return put_back(&b, "the user's customer is gone as soon as it is there", 0, e);
        st = step(&b, e);
    }
    return st;
}
