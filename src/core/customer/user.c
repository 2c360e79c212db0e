#include "core/customer/user.h"

#include "base/json.h"
#include "base/json_scan.h"
#include "base/url.h"
#include "core/counters.h"
#include "core/customer/outbox.h"
#include "core/due.h"
#include "core/environment/acting.h"
#include "core/page.h"

#include <string.h>

enum {
    SMALL_BYTES = 256 << 10,
    LOOK_BYTES_MAX = 64 << 20,
    LOOK_PIECE = 100, /* customers that are looked through in one transaction */
    HISTORY_SHOWN = 100,
    USERS_OF_ONE_MAX = 10000, /* who ever had one customer */
    KEY_HASH_BITS = 52,       /* a counter that JSON can hold */
};

const char *user_state_name(enum user_state s)
{
    switch (s) {
    case USER_NONE: return "none";
    case USER_FOUND: return "found";
    case USER_CREATING: return "creating";
    case USER_BOUND: return "bound";
    }
    return "?";
}

static enum user_state state_of(str name)
{
    for (int s = USER_NONE; s <= USER_BOUND; s++)
        if (str_eqz(name, user_state_name((enum user_state)s)))
            return (enum user_state)s;
    return USER_NONE;
}

bool user_id_valid(str user)
{
    return user.n > 0 && user.n <= USER_ID_MAX && utf8_is_line(user);
}

/* ---- what a caller wishes ------------------------------------------------------------------- */

static void add_param(struct buf *form, str name, str member, str value)
{
    if (form->n)
        buf_char(form, '&');
    buf_append(form, name);
    if (member.p) {
        buf_char(form, '[');
        url_escape(form, member);
        buf_char(form, ']');
    }
    buf_char(form, '=');
    url_escape(form, value);
}

static enum status add_metadata(struct json_token metadata, const char *key, struct buf *form,
                                struct arena *a, struct error *e)
{
    struct json_reader r;
    size_t n = 0;

    if (metadata.type != JSON_OBJECT)
        return fail(e, ST_INVALID, "metadata must be an object of texts");
    json_init(&r, metadata.text);
    (void)json_next(&r);
    for (struct json_token t; (t = json_next(&r)).type == JSON_KEY;) {
        str name = json_unescape(t, a);
        struct json_token value = json_value(&r);
        if (value.type != JSON_STRING)
            return fail(e, ST_INVALID, "metadata.%.*s must be a text", STR_ARG(name));
        if (!name.n || memchr(name.p, '[', name.n) || memchr(name.p, ']', name.n))
            return fail(e, ST_INVALID, "a name in metadata must not be empty, nor hold [ or ]");
        if (str_eqz(name, key))
            return fail(e, ST_INVALID, "metadata.%s is set by Brindle: leave it out", key);
        if (++n > USER_METADATA_MAX)
            return fail(e, ST_INVALID, "metadata has more than %d members", USER_METADATA_MAX);
        add_param(form, S("metadata"), name, json_unescape(value, a));
    }
    return ST_OK;
}

static enum status add_member(str name, struct json_token value, const char *key, struct buf *form,
                              struct arena *a, struct error *e)
{
    if (str_eqz(name, "metadata"))
        return add_metadata(value, key, form, a, e);
    if (!str_eqz(name, "email") && !str_eqz(name, "name"))
        return fail(e, ST_INVALID, "\"%.*s\" is not known: send email, name and metadata",
                    STR_ARG(name));
    if (value.type != JSON_STRING)
        return fail(e, ST_INVALID, "\"%.*s\" must be a text", STR_ARG(name));
    str text = json_unescape(value, a);
    if (text.n)
        add_param(form, name, (str){ 0 }, text);
    return ST_OK;
}

enum status user_form(str json, const char *key, struct buf *form, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    struct json_reader r;
    enum status st = ST_OK;

    if (!str_trim(json).n)
        return ST_OK;
    if (json.n > USER_BODY_MAX)
        return fail(e, ST_LIMIT, "the body has at most %d bytes", USER_BODY_MAX);
    if (!json_valid(json) || str_trim(json).p[0] != '{')
        return fail(e, ST_INVALID,
                    "the body must be a JSON object: {\"email\":…,\"name\":…,\"metadata\":{…}}");
    json_init(&r, json);
    (void)json_next(&r);
    for (struct json_token t; st == ST_OK && (t = json_next(&r)).type == JSON_KEY;) {
        str name = json_unescape(t, &a);
        st = add_member(name, json_value(&r), key, form, &a, e);
    }
    if (st == ST_OK && form->failed)
        return fail(e, ST_LIMIT, "the body holds more than %d bytes of parameters", USER_FORM_MAX);
    return st;
}

/* ---- rows ------------------------------------------------------------------------------------ */

enum status user_lock(struct tx *tx, struct env *env, str user, struct error *e)
{
    ARENA(a, 4096);

    if (!tx->store->ops->crowded)
        return ST_OK;
    return tx_run(tx, STMT_STATE_LOCK, NULL, NULL, e, v_account(env),
                  V_STR(arena_concat(&a, S("user/"), user)));
}

enum status user_read(struct tx *tx, const struct env *env, str user, struct user *out,
                      struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_USER_GET, &r, a, e, V_STR(user), v_account(env));

    if (st != ST_OK)
        return st;
    *out = (struct user){ .state = USER_NONE };
    if (!r.n_rows)
        return ST_OK;
    *out = (struct user){ .state = state_of(row_str(&r, 0, 0)),
                          .customer = row_str(&r, 0, 1),
                          .bindings = row_int(&r, 0, 2),
                          .bound_at = row_int(&r, 0, 3),
                          .wanted = row_str(&r, 0, 4),
                          .op = row_str(&r, 0, 5),
                          .form = row_str(&r, 0, 6),
                          .attempt = row_int(&r, 0, 7),
                          .started_at = row_int(&r, 0, 8),
                          .key_at = row_int(&r, 0, 9),
                          .revision = row_int(&r, 0, 10) };
    return ST_OK;
}

/* A pool may have been drawn before the row was written last: a revision never goes back. */
static enum status new_revision(struct tx *tx, const struct user *now, struct sequence_pool *pool,
                                int64_t *out, struct arena *a, struct error *e)
{
    enum status st = sequence_take(tx, pool, out, a, e);

    if (st == ST_OK && *out <= now->revision)
        st = sequence_draw(tx, 1, out, a, e);
    return st;
}

/* Who was not asked for has the customer that metadata names; so it is written where that changes.
 */
static enum status project(struct tx *tx, struct env *env, str user, struct sequence_pool *pool,
                           struct arena *a, struct error *e)
{
    struct user now;
    struct rows r;
    int64_t revision;
    enum status st = user_lock(tx, env, user, e);

    if (st == ST_OK)
        st = user_read(tx, env, user, &now, a, e);
    if (st != ST_OK || now.state == USER_BOUND || now.state == USER_CREATING)
        return st;
    st = tx_run(tx, STMT_USER_BEST, &r, a, e, v_account(env), V_STR(user));
    if (st != ST_OK)
        return st;
    str best = r.n_rows ? row_str(&r, 0, 0) : (str){ 0 };
    if (str_eq(best, now.customer) && (best.n || now.state == USER_NONE))
        return ST_OK;
    st = new_revision(tx, &now, pool, &revision, a, e);
    return st == ST_OK ? tx_run(tx, STMT_USER_PUT, NULL, a, e, V_STR(user), v_account(env),
                                V_STR(str_of(user_state_name(best.n ? USER_FOUND : USER_NONE))),
                                best.n ? V_STR(best) : V_NULL, V_INT(revision),
                                V_INT(clock_wall(env->world->clock)))
                       : st;
}

enum status user_bind_to(struct tx *tx, struct env *env, str user, const struct user *now, str op,
                         str customer, bool *bound, struct arena *a, struct error *e)
{
    struct rows r;
    int64_t revision;
    enum status st = new_revision(tx, now, NULL, &revision, a, e);

    if (st == ST_OK)
        st = tx_run(tx, STMT_USER_BIND, &r, a, e, V_STR(customer),
                    V_INT(clock_wall(env->world->clock)), V_INT(revision), V_STR(user),
                    v_account(env), V_STR(op));
    if (st == ST_OK)
        *bound = r.n_changed != 0;
    return st == ST_OK && *bound /* what was missed was another customer */
               ? tx_run(tx, STMT_USER_UNMISS, NULL, a, e, V_STR(user), v_account(env))
               : st;
}

static enum status keep_history(struct tx *tx, struct env *env, str user, const struct user *now,
                                const char *why, struct arena *a, struct error *e)
{
    return tx_run(tx, STMT_USER_HISTORY_ADD, NULL, a, e, V_STR(user), v_account(env),
                  V_INT(now->bindings), V_STR(now->customer), V_INT(now->bound_at),
                  V_INT(clock_wall(env->world->clock)), V_STR(str_of(why)));
}

enum status user_let_go(struct tx *tx, struct env *env, str user, const struct user *now,
                        const char *why, struct arena *a, struct error *e)
{
    int64_t revision;
    enum status st = ST_OK;

    if (now->state == USER_BOUND)
        st = keep_history(tx, env, user, now, why, a, e);
    if (st == ST_OK)
        st = new_revision(tx, now, NULL, &revision, a, e);
    if (st == ST_OK)
        st = tx_run(tx, STMT_USER_END, NULL, a, e, V_INT(revision),
                    V_INT(clock_wall(env->world->clock)), V_STR(user), v_account(env));
    return st == ST_OK ? project(tx, env, user, NULL, a, e) : st;
}

/* ---- what metadata says ---------------------------------------------------------------------- */

static str named_user(const struct env *env, str customer, struct arena *a)
{
    struct json_token metadata = json_member(customer, S("metadata"));
    str user = metadata.type == JSON_OBJECT ? json_text(metadata.text, str_of(env->user_key), a)
                                            : (str){ 0 };

    return user_id_valid(user) ? user : (str){ 0 };
}

/* Whoever was bound to a customer that is no more. */
static enum status release(struct tx *tx, struct env *env, str customer, const char *why,
                           struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_USER_OF_CUSTOMER, &r, a, e, v_account(env), V_STR(customer));

    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        str user = row_str(&r, i, 0);
        struct user now;
        st = user_lock(tx, env, user, e);
        if (st == ST_OK)
            st = user_read(tx, env, user, &now, a, e);
        if (st == ST_OK && str_eq(now.customer, customer))
            st = user_let_go(tx, env, user, &now, why, a, e);
    }
    return st;
}

static enum status unlink_customer(struct tx *tx, struct env *env, str customer, struct arena *a,
                                   struct error *e)
{
    return tx_run(tx, STMT_USER_UNLINK, NULL, a, e, V_STR(customer), v_account(env));
}

static enum status link_customer(struct tx *tx, struct env *env, str customer, str user, str data,
                                 struct arena *a, struct error *e)
{
    int64_t created;

    if (!json_int(data, S("created"), &created))
        created = 0;
    return tx_run(tx, STMT_USER_LINK, NULL, a, e, V_STR(customer), v_account(env), V_STR(user),
                  V_INT(created));
}

str user_named_by(const struct env *env, str customer, struct arena *a)
{
    return customer.n ? named_user(env, customer, a) : (str){ 0 };
}

enum status user_relink(struct tx *tx, struct env *env, str customer, str data, str *then,
                        bool *differs, struct arena *a, struct error *e)
{
    str now = user_named_by(env, data, a);
    int64_t created = 0;
    struct rows r;
    enum status st = tx_run(tx, STMT_USER_LINK_GET, &r, a, e, V_STR(customer), v_account(env));

    if (st != ST_OK)
        return st;
    *then = r.n_rows ? row_str(&r, 0, 0) : (str){ 0 };
    if (!now.n || !json_int(data, S("created"), &created))
        created = 0;
    *differs = !str_eq(*then, now) || (r.n_rows && row_int(&r, 0, 1) != created);
    if (!*differs)
        return ST_OK;
    return now.n ? link_customer(tx, env, customer, now, data, a, e)
                 : unlink_customer(tx, env, customer, a, e);
}

enum status user_project(struct tx *tx, struct env *env, str user, bool *differs, struct arena *a,
                         struct error *e)
{
    struct user before, after;
    enum status st = user_read(tx, env, user, &before, a, e);

    if (st == ST_OK)
        st = project(tx, env, user, NULL, a, e);
    if (st == ST_OK)
        st = user_read(tx, env, user, &after, a, e);
    if (st == ST_OK)
        *differs = before.state != after.state || !str_eq(before.customer, after.customer);
    return st;
}

enum status user_follow(struct tx *tx, struct env *env, str customer, str before, str after,
                        struct sequence_pool *pool, struct arena *a, struct error *e)
{
    str then = before.n ? named_user(env, before, a) : (str){ 0 };
    str now = after.n ? named_user(env, after, a) : (str){ 0 };
    enum status st = ST_OK;

    if (now.n)
        st = link_customer(tx, env, customer, now, after, a, e);
    else if (then.n)
        st = unlink_customer(tx, env, customer, a, e);
    if (st == ST_OK && now.n)
        st = project(tx, env, now, pool, a, e);
    if (st == ST_OK && then.n && !str_eq(then, now))
        st = project(tx, env, then, pool, a, e);
    return st == ST_OK && !after.n ? release(tx, env, customer, "deleted at Stripe", a, e) : st;
}

/* Whoever has no customer, and for whom nobody asks at this moment. */
static enum status is_nobodys(struct tx *tx, struct env *env, str user, struct user *now,
                              bool *nobodys, struct arena *a, struct error *e)
{
    struct rows link, due;
    enum status st = user_read(tx, env, user, now, a, e);

    if (st == ST_OK)
        st = tx_run(tx, STMT_USER_BEST, &link, a, e, v_account(env), V_STR(user));
    if (st == ST_OK)
        st = tx_run(tx, STMT_DUE_GET, &due, a, e, V_STR(S("user")), V_STR(S("user")), V_STR(user),
                    v_account(env));
    if (st != ST_OK)
        return st;
    bool asked = due.n_rows && row_int(&due, 0, 1) < row_int(&due, 0, 0) && !row_int(&due, 0, 2);
    *nobodys = now->state == USER_NONE && !now->customer.n && !link.n_rows && !asked;
    return ST_OK;
}

static enum status drop_row(struct tx *tx, struct env *env, str user, struct arena *a,
                            struct error *e)
{
    int64_t revision;
    bool ever = true;
    enum status st = outbox_ever(tx, env, &ever, a, e);

    if (st == ST_OK && !ever)
        return tx_run(tx, STMT_USER_DROP, NULL, a, e, V_STR(user), v_account(env));
    if (st == ST_OK)
        st = sequence_draw(tx, 1, &revision, a, e);
    return st == ST_OK ? tx_run(tx, STMT_USER_HIDE, NULL, a, e, V_INT(revision),
                                V_INT(clock_wall(env->world->clock)), V_STR(user), v_account(env))
                       : st;
}

enum status user_forget(struct tx *tx, struct env *env, str user, struct arena *a, struct error *e)
{
    bool nobodys = false;
    struct user now;
    enum status st = user_lock(tx, env, user, e);

    if (st == ST_OK)
        st = is_nobodys(tx, env, user, &now, &nobodys, a, e);
    if (st != ST_OK || !nobodys)
        return st;
    st = tx_run(tx, STMT_ERASE_DUE, NULL, a, e, V_STR(S("user")), V_STR(S("user")), V_STR(user),
                v_account(env));
    if (st == ST_OK)
        st = tx_run(tx, STMT_USER_HISTORIES_FORGET, NULL, a, e, V_STR(user), v_account(env));
    return st == ST_OK ? drop_row(tx, env, user, a, e) : st;
}

enum status user_erase(struct tx *tx, struct env *env, str customer, struct arena *a,
                       struct error *e)
{
    struct rows all, r;
    enum status st = tx_run(tx, STMT_USERS_OF_CUSTOMER, &all, a, e, v_account(env), V_STR(customer),
                            V_INT(USERS_OF_ONE_MAX));

    if (st == ST_OK)
        st = unlink_customer(tx, env, customer, a, e);
    if (st == ST_OK)
        st = tx_run(tx, STMT_USER_OF_CUSTOMER, &r, a, e, v_account(env), V_STR(customer));
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++)
        st = tx_run(tx, STMT_USER_FORGET, NULL, a, e, V_STR(row_str(&r, i, 0)), v_account(env));
    if (st == ST_OK)
        st = release(tx, env, customer, "erased", a, e);
    if (st == ST_OK)
        st = tx_run(tx, STMT_USER_HISTORY_FORGET, NULL, a, e, v_account(env), V_STR(customer));
    for (size_t i = 0; st == ST_OK && i < all.n_rows; i++)
        st = user_forget(tx, env, row_str(&all, i, 0), a, e);
    return st;
}

/* ---- how it is searched for ------------------------------------------------------------------ */

static void quote_term(struct buf *q, str text)
{
    buf_char(q, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_char(q, '\\');
        buf_char(q, text.p[i]);
    }
    buf_char(q, '"');
}

str user_search_query(const struct env *env, str user, struct arena *a)
{
    BUF(q, 4096);

    buf_append(&q, S("metadata["));
    quote_term(&q, str_of(env->user_key));
    buf_append(&q, S("]:"));
    quote_term(&q, user);
    return arena_printf(a, "limit=%d&query=%.*s", PAGE_LIMIT,
                        STR_ARG(url_escape_in(a, buf_str(&q))));
}

/* ---- another member of the metadata ---------------------------------------------------------- */

static int64_t hash_of(const char *key)
{
    uint64_t h = 14695981039346656037u;

    for (const char *p = key; *p; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211u;
    return (int64_t)(h >> (64 - KEY_HASH_BITS)) + 1;
}

/* Where a look through a table stands. */
struct look {
    char after[256];
    bool more;
};

static void look_on(struct look *l, const struct rows *r)
{
    l->more = r->n_rows == LOOK_PIECE && row_str(r, r->n_rows - 1, 0).n < sizeof l->after;
    if (!l->more)
        return;
    str last = row_str(r, r->n_rows - 1, 0);
    memcpy(l->after, last.p, last.n);
    l->after[last.n] = '\0';
}

static enum status unlink_piece(struct env *env, struct look *l, struct error *e)
{
    ARENA(a, LOOK_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_USER_LINKS_PAGE, &r, &a, e, v_account(env), V_STR(str_of(l->after)),
                    V_INT(LOOK_PIECE));
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        st = unlink_customer(&tx, env, row_str(&r, i, 0), &a, e);
        if (st == ST_OK)
            st = project(&tx, env, row_str(&r, i, 1), NULL, &a, e);
    }
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        look_on(l, &r);
    return st;
}

static enum status link_piece(struct env *env, struct look *l, struct error *e)
{
    ARENA(a, LOOK_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_USER_CUSTOMERS, &r, &a, e, v_account(env), V_STR(str_of(l->after)),
                    V_INT(LOOK_PIECE));
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++)
        st = user_follow(&tx, env, row_str(&r, i, 0), (str){ 0 }, row_str(&r, i, 1), NULL, &a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        look_on(l, &r);
    return st;
}

static enum status through(struct env *env,
                           enum status (*piece)(struct env *env, struct look *l, struct error *e),
                           struct error *e)
{
    struct look l = { .more = true };
    enum status st = ST_OK;

    for (unsigned attempt = 1; st == ST_OK && l.more; attempt++) {
        error_clear(e);
        st = piece(env, &l, e);
        if (tx_again(env->world->store, st, attempt))
            st = ST_OK;
        else
            attempt = 0;
    }
    return st;
}

static enum status key_is_known(struct env *env, bool *known, struct error *e)
{
    ARENA(a, 4096);
    CLEANUP(tx_end) struct tx tx = { 0 };
    int64_t hash = 0;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = counter_get(&tx, COUNTER_USER_KEY, &hash, &a, e);
    *known = st == ST_OK && hash == hash_of(env->user_key);
    return st;
}

static enum status note_key(struct env *env, struct error *e)
{
    ARENA(a, 4096);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = counter_set(&tx, COUNTER_USER_KEY, hash_of(env->user_key), &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status rekey_one(struct env *env, void *ctx, struct error *e)
{
    (void)ctx;
    enum status st = through(env, unlink_piece, e);
    return st == ST_OK ? through(env, link_piece, e) : st;
}

enum status user_rekey(struct env *env, struct error *e)
{
    bool known = false;
    enum status st = key_is_known(env, &known, e);

    if (st != ST_OK || known)
        return st;
    st = rekey_one(env, NULL, e);
    if (st == ST_OK)
        st = accounts_all(env, rekey_one, NULL, e);
    return st == ST_OK ? note_key(env, e) : st;
}

/* ---- asking and reading ---------------------------------------------------------------------- */

static enum status want_once(struct env *env, str user, str form, int64_t *gen, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct due_mark m = { .key = { DUE_USER, S("user"), user },
                                .lane = LANE_USER,
                                .cause = "user" };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = user_lock(&tx, env, user, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_USER_WANT, NULL, &a, e, V_STR(user), v_account(env), V_STR(form));
    if (st == ST_OK)
        st = due_mark(&tx, env, &m, &a, e);
    if (st == ST_OK)
        st = due_generation(&tx, env, &m.key, gen, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

enum status user_want(struct env *env, str user, str form, int64_t *gen, struct error *e)
{
    enum status st = ST_RETRY;

    assert(user_id_valid(user));
    for (unsigned attempt = 1; attempt == 1 || tx_again(env->world->store, st, attempt - 1);
         attempt++) {
        error_clear(e);
        st = want_once(env, user, form, gen, e);
    }
    if (st == ST_OK)
        env_ring(env);
    return st;
}

enum status user_find(struct env *env, str user, struct user *out, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = user_read(&tx, env, user, out, a, e);
    if (st == ST_OK && !out->customer.n)
        return fail(e, ST_NONE, "user %.*s has no customer that is known in environment %s",
                    STR_ARG(user), env->name);
    return st;
}

static void write_history(struct json_writer *w, const struct rows *r)
{
    jw_key(w, S("history"));
    jw_array(w);
    for (size_t i = 0; i < r->n_rows; i++) {
        jw_object(w);
        jw_put_str(w, "customerId", row_str(r, i, 0));
        jw_put_int(w, "boundAt", row_int(r, i, 1));
        jw_put_int(w, "endedAt", row_int(r, i, 2));
        jw_put_str(w, "why", row_str(r, i, 3));
        jw_end(w);
    }
    jw_end(w);
}

/* Of a connected account that cannot be reached nothing new comes. */
static enum status write_lost(struct tx *tx, struct env *env, struct json_writer *w,
                              struct arena *a, struct error *e)
{
    enum account_state state = ACCOUNT_ACTIVE;

    if (!env->root)
        return ST_OK;
    enum status st = account_state_of(tx, str_of(env->identity.account), &state, NULL, a, e);
    if (st != ST_OK || !account_is_lost(state))
        return st;
    jw_put_bool(w, "stale", true);
    jw_put_str(w, "staleWhy",
               arena_printf(a, "connected account %s is %s", env->identity.account,
                            account_state_name(state)));
    return ST_OK;
}

enum status user_show(struct env *env, str user, struct buf *out, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct json_writer w = { .b = out };
    struct user u;
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = user_read(&tx, env, user, &u, &a, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_USER_HISTORY_LIST, &r, &a, e, V_STR(user), v_account(env),
                    V_INT(HISTORY_SHOWN));
    if (st != ST_OK)
        return st;
    if (u.state == USER_NONE && !u.revision && !r.n_rows)
        return fail(e, ST_NONE, "nobody has asked for a customer of user %.*s in environment %s",
                    STR_ARG(user), env->name);
    jw_object(&w);
    jw_put_str(&w, "userId", user);
    jw_put_str(&w, "customerId", u.customer);
    jw_put_str(&w, "state", str_of(user_state_name(u.state)));
    if (u.state == USER_BOUND)
        jw_put_int(&w, "boundAt", u.bound_at);
    jw_put_int(&w, "revision", u.revision);
    write_history(&w, &r);
    st = write_lost(&tx, env, &w, &a, e);
    jw_end(&w);
    return st;
}
