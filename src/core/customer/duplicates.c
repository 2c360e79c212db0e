#include "core/customer/duplicates.h"

#include "base/json.h"
#include "core/customer/state_value.h"
#include "core/customer/user.h"
#include "core/resource.h"

#include <string.h>

enum {
    PIECE = 200,
    GROUP_BYTES_MAX = 64 << 20,
    SUBSCRIPTIONS_SHOWN = 20, /* of one customer's that are not live */
};

/* One report under way. */
struct search {
    struct env *env;
    struct tx *tx;
    struct buf *out;
    struct duplicates *n;
    int64_t more; /* customers of the group under way that are not named */
};

/* ---- a customer ------------------------------------------------------------------------------ */

/* What its items cost in one interval, quantities included. False: that depends on usage or tiers.
 */
static bool amount_of(str subscription, int64_t *amount)
{
    struct json_token list = json_path(subscription, S("items.data"));
    struct json_reader r;

    *amount = 0;
    if (list.type != JSON_ARRAY)
        return false;
    json_init(&r, list.text);
    (void)json_next(&r);
    for (struct json_token t; (t = json_value(&r)).type == JSON_OBJECT;) {
        struct json_token price = json_member(t.text, S("price"));
        int64_t unit, quantity = 1, cost;
        if (price.type != JSON_OBJECT || !json_int(price.text, S("unit_amount"), &unit))
            return false;
        (void)!json_int(t.text, S("quantity"), &quantity);
        if (__builtin_mul_overflow(unit, quantity, &cost) ||
            __builtin_add_overflow(*amount, cost, amount))
            return false;
    }
    return true;
}

/* The interval of its first item; all have the same. */
static void write_interval(struct json_writer *w, str subscription, struct arena *a)
{
    struct json_token list = json_path(subscription, S("items.data"));
    struct json_token item = { .type = JSON_END };
    struct json_reader r;
    int64_t count = 0;

    if (list.type == JSON_ARRAY) {
        json_init(&r, list.text);
        (void)json_next(&r);
        item = json_value(&r);
    }
    str recurring =
        item.type == JSON_OBJECT ? json_path(item.text, S("price.recurring")).text : (str){ 0 };
    if (!recurring.n || recurring.p[0] != '{')
        return;
    jw_put_str(w, "interval", json_text(recurring, S("interval"), a));
    if (json_int(recurring, S("interval_count"), &count))
        jw_put_int(w, "interval_count", count);
}

static void write_subscription(struct json_writer *w, str id, str data, int64_t *live,
                               struct arena *a)
{
    str status = json_text(data, S("status"), a);
    bool is_live = state_is_live(status);
    int64_t amount;

    *live += is_live;
    jw_object(w);
    jw_put_str(w, "id", id);
    jw_put_str(w, "status", status);
    jw_put_bool(w, "live", is_live);
    jw_key(w, S("amount"));
    amount_of(data, &amount) ? jw_int(w, amount) : jw_null(w);
    jw_put_str(w, "currency", json_text(data, S("currency"), a));
    write_interval(w, data, a);
    jw_end(w);
}

/* All that are live, and of the others the first few. */
static enum status write_subscriptions(struct search *s, struct json_writer *w, str customer,
                                       int64_t *live, struct arena *a, struct error *e)
{
    enum status st = ST_OK;
    str after = S("");
    size_t shown = 0;

    jw_key(w, S("subscriptions"));
    jw_array(w);
    for (size_t n = PIECE; st == ST_OK && n == PIECE;) {
        struct rows r;
        st = tx_run(s->tx, STMT_STATE_SUBSCRIPTIONS, &r, a, e, V_STR(customer), v_account(s->env),
                    V_STR(after), V_INT(PIECE));
        n = st == ST_OK ? r.n_rows : 0;
        for (size_t i = 0; i < n; i++) {
            str data = row_str(&r, i, 1);
            after = row_str(&r, i, 0);
            if (state_is_live(json_text(data, S("status"), a)) || shown++ < SUBSCRIPTIONS_SHOWN)
                write_subscription(w, after, data, live, a);
        }
    }
    jw_end(w);
    return st;
}

static enum status write_customer(struct search *s, struct json_writer *w, str id, int64_t *live,
                                  struct arena *a, struct error *e)
{
    struct rows r, bound;
    int64_t created = 0;
    enum status st = tx_run(s->tx, STMT_OBJECT_GET, &r, a, e, V_STR(S("customer")),
                            v_account(s->env), V_STR(id));

    if (st == ST_OK)
        st = tx_run(s->tx, STMT_USER_OF_CUSTOMER, &bound, a, e, v_account(s->env), V_STR(id));
    if (st != ST_OK)
        return st;
    str data = r.n_rows ? row_str(&r, 0, 2) : S("{}");
    struct json_token metadata = json_member(data, S("metadata"));
    jw_object(w);
    jw_put_str(w, "id", id);
    jw_put_str(w, "email", json_text(data, S("email"), a));
    jw_put_str(w, "user",
               metadata.type == JSON_OBJECT ? json_text(metadata.text, str_of(s->env->user_key), a)
                                            : (str){ 0 });
    if (json_int(data, S("created"), &created))
        jw_put_int(w, "created", created);
    jw_put_bool(w, "bound",
                bound.n_rows && str_eqz(row_str(&bound, 0, 1), user_state_name(USER_BOUND)));
    st = write_subscriptions(s, w, id, live, a, e);
    jw_end(w);
    return st;
}

/* ---- a group --------------------------------------------------------------------------------- */

/* One line: `name` says who it is that has these customers. */
static enum status write_group(struct search *s, const char *kind, const char *name, str who,
                               const struct rows *r, size_t col, size_t from, size_t to,
                               struct arena *a, struct error *e)
{
    struct json_writer w = { .b = s->out };
    enum status st = ST_OK;
    int64_t live = 0;

    jw_object(&w);
    jw_put_str(&w, "kind", str_of(kind));
    jw_put_str(&w, name, who);
    jw_key(&w, S("customers"));
    jw_array(&w);
    for (size_t i = from; st == ST_OK && i < to; i++)
        st = write_customer(s, &w, row_str(r, i, col), &live, a, e);
    jw_end(&w);
    jw_put_bool(&w, "severalLive", live > 1);
    if (s->more > 0)
        jw_put_int(&w, "more", s->more);
    jw_end(&w);
    buf_char(s->out, '\n');
    /* a single customer's are counted for themselves */
    s->n->subscriptions += live > 1 && strcmp(kind, "email") != 0;
    return st;
}

static enum status write_user(struct search *s, str user, struct error *e)
{
    ARENA(a, GROUP_BYTES_MAX);
    struct rows r;
    enum status st = tx_run(s->tx, STMT_USER_LINKS, &r, &a, e, v_account(s->env), V_STR(user),
                            V_INT(USER_CUSTOMERS_MAX));

    s->n->users++;
    return st == ST_OK ? write_group(s, "user", "user", user, &r, 0, 0, r.n_rows, &a, e) : st;
}

static enum status write_several(struct search *s, str customer, struct error *e)
{
    ARENA(a, GROUP_BYTES_MAX);
    struct value cell = V_STR(customer);
    const struct rows one = { .n_rows = 1, .n_cols = 1, .cell = &cell };

    return write_group(s, "subscriptions", "customer", customer, &one, 0, 0, 1, &a, e);
}

/* All of one column, a piece at a time, each given to `write`. */
static enum status through(struct search *s, enum stmt page,
                           enum status (*write)(struct search *s, str key, struct error *e),
                           struct error *e)
{
    char after[USER_ID_MAX + 56] = "";
    size_t n = PIECE;
    enum status st = ST_OK;

    while (st == ST_OK && n == PIECE) {
        ARENA(a, GROUP_BYTES_MAX);
        struct rows r;
        st = tx_run(s->tx, page, &r, &a, e, v_account(s->env), V_STR(str_of(after)), V_INT(PIECE));
        n = st == ST_OK ? r.n_rows : 0;
        for (size_t i = 0; st == ST_OK && i < n; i++)
            st = write(s, row_str(&r, i, 0), e);
        if (st != ST_OK || !n)
            return st;
        str last = row_str(&r, n - 1, 0);
        if (last.n >= sizeof after)
            return fail(e, ST_LIMIT, "an id is longer than %zu bytes", sizeof after - 1);
        memcpy(after, last.p, last.n);
        after[last.n] = '\0';
    }
    return st;
}

/* ---- e-mail addresses ------------------------------------------------------------------------ */

/* The rows come by address; the last one of a full page may go on behind it. */
static size_t end_of_group(const struct rows *r, size_t from)
{
    size_t to = from + 1;

    while (to < r->n_rows && str_eq(row_str(r, to, 0), row_str(r, from, 0)))
        to++;
    return to;
}

/* Groups that are whole on this page; `*at`: the row behind them. */
static enum status write_emails(struct search *s, const struct rows *r, size_t *at, struct arena *a,
                                struct error *e)
{
    bool last_page = r->n_rows < PIECE;
    enum status st = ST_OK;

    for (*at = 0; st == ST_OK && *at < r->n_rows;) {
        size_t to = end_of_group(r, *at);
        if (to == r->n_rows && !last_page && *at > 0)
            return ST_OK; /* from here on once more */
        s->more = row_int(r, *at, 2) - (int64_t)(to - *at);
        st = write_group(s, "email", "email", row_str(r, *at, 0), r, 1, *at, to, a, e);
        s->more = 0;
        s->n->emails++;
        *at = to;
    }
    return st;
}

static enum status find_emails(struct search *s, struct error *e)
{
    struct arena kept = { .max = 1 << 20 };
    str email = S(""), id = S("");
    enum status st = ST_OK;

    for (bool more = true; st == ST_OK && more;) {
        ARENA(a, GROUP_BYTES_MAX);
        struct rows r;
        size_t at = 0;
        st = tx_run(s->tx, STMT_DUPLICATE_EMAILS, &r, &a, e, v_account(s->env), V_STR(email),
                    V_STR(id), V_INT(PIECE));
        more = st == ST_OK && r.n_rows == PIECE;
        if (st == ST_OK)
            st = write_emails(s, &r, &at, &a, e);
        if (st != ST_OK || !more)
            break;
        arena_free(&kept);
        email = arena_copy(&kept, row_str(&r, at - 1, 0));
        id = arena_copy(&kept, row_str(&r, at - 1, 1));
        if (!email.p || !id.p)
            st = fail(e, ST_LIMIT, "an e-mail address is too long");
    }
    arena_free(&kept);
    return st;
}

/* ---- what nobody can tell -------------------------------------------------------------------- */

static void write_unknown(struct search *s, const char *name, str who, str why)
{
    struct json_writer w = { .b = s->out };

    jw_object(&w);
    jw_put_str(&w, "kind", S("unknown"));
    jw_put_str(&w, name, who);
    jw_put_str(&w, "why", why);
    jw_end(&w);
    buf_char(s->out, '\n');
    s->n->unknown++;
}

static enum status find_unread(struct search *s, struct error *e)
{
    ARENA(a, GROUP_BYTES_MAX);
    str after = S("");
    enum status st = ST_OK;

    for (size_t n = PIECE; st == ST_OK && n == PIECE;) {
        struct rows r;
        st = tx_run(s->tx, STMT_DUPLICATE_UNKNOWN, &r, &a, e, V_STR(after), v_account(s->env),
                    V_INT(PIECE));
        n = st == ST_OK ? r.n_rows : 0;
        for (size_t i = 0; st == ST_OK && i < n; i++) {
            after = row_str(&r, i, 0);
            write_unknown(s, "customer", after, row_str(&r, i, 1));
        }
    }
    return st;
}

/* Lists that were never seen to their end: there may be more than the mirror knows. */
static enum status find_unlisted(struct search *s, struct error *e)
{
    ARENA(a, 1 << 16);
    static const char *const type[] = { "customer", "subscription" };
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < COUNT(type); i++) {
        const struct resource *r = resource_by_type(str_of(type[i]));
        struct rows rows;
        st = tx_run(s->tx, STMT_STATE_COMPLETE, &rows, &a, e, V_STR(str_of(type[i])),
                    V_STR(str_of(r->list_query ? r->list_query : "")), v_account(s->env));
        if (st == ST_OK && (!rows.n_rows || !row_int(&rows, 0, 0)))
            write_unknown(s, "type", str_of(r->view),
                          S("the list was never seen to its end: run `brindle sync`"));
    }
    return st;
}

enum status duplicates_find(struct env *env, struct buf *out, struct duplicates *n, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct search s = { .env = env, .tx = &tx, .out = out, .n = n };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    *n = (struct duplicates){ 0 };
    if (st == ST_OK)
        st = through(&s, STMT_DUPLICATE_USERS, write_user, e);
    if (st == ST_OK)
        st = find_emails(&s, e);
    if (st == ST_OK)
        st = through(&s, STMT_SEVERAL_PAGE, write_several, e);
    if (st == ST_OK)
        st = find_unread(&s, e);
    if (st == ST_OK)
        st = find_unlisted(&s, e);
    if (st == ST_OK && out->failed)
        return fail(e, ST_LIMIT, "the report is too long to be held");
    return st;
}
