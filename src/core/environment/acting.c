#include "core/environment/acting.h"

#include "base/json.h"
#include "base/plant.h"
#include "core/audit.h"
#include "core/due.h"
#include "core/inbox.h"

#include <stdio.h>
#include <string.h>

enum {
    ACCOUNT_BYTES_MAX = 256 << 10,
    ACCOUNTS_PAGE = 100,
    RELEASE_PIECE = 100,
    REASON_MAX = 200,
};

/* ---- the seam ---------------------------------------------------------------------------- */

static bool has(str text, const char *what)
{
    return text.p && memmem(text.p, text.n, what, strlen(what)) != NULL;
}

enum access access_told(int http_status, str body)
{
    if (http_status >= 200 && http_status < 300)
        return ACCESS_GRANTED;
    if ((http_status != 403 && http_status != 400 && http_status != 401) || !json_valid(body))
        return ACCESS_UNSAID;
    if (has(body, "and therefore can only be used with"))
        return ACCESS_WRONG_MODE;
    if (has(body, "does not have access to account") || has(body, "account_invalid"))
        return ACCESS_UNREACHABLE;
    return ACCESS_UNSAID;
}

static enum status acting_call(struct stripe *s, const struct stripe_request *q,
                               struct stripe_response *p, struct arena *a, struct error *e)
{
    struct stripe_acting *act = (struct stripe_acting *)s;
    struct stripe_request with = *q;

    assert(q->account.n == 0 || str_eqz(q->account, act->account));
    if (!planted(PLANT_HEADER_FORGOTTEN) || !str_starts(q->path, S("/v1/products/")))
        with.account = str_of(act->account);
    msec now = clock_wall(act->clock);
    enum status st = stripe_call(act->inner, &with, p, a, e);
    if (st == ST_OK && access_told(p->http_status, p->body) != ACCESS_UNSAID) {
        act->access = access_told(p->http_status, p->body);
        act->asked_at = now;
        act->key = p->key;
    }
    return st;
}

/* What it wraps is the platform's. */
static void acting_close(struct stripe *s)
{
    (void)s;
}

static const struct stripe_ops acting_ops = { "acting", acting_call, acting_close };

void acting_init(struct acting *out, struct env *root, str account)
{
    assert(!root->root && account.n > 0 && account.n <= ACCOUNT_ID_MAX);
    out->world = *root->world;
    out->stripe = (struct stripe_acting){ .base = { &acting_ops },
                                          .inner = root->world->stripe,
                                          .clock = root->world->clock };
    memcpy(out->stripe.account, account.p, account.n);
    if (root->world->stripe)
        out->world.stripe = &out->stripe.base;
    out->env = (struct env){ .world = &out->world,
                             .root = root,
                             .identity.livemode = root->identity.livemode,
                             .owner = root->owner,
                             .set = root->set,
                             .key_restricted = root->key_restricted,
                             .work_op = root->work_op,
                             .gate = root->gate };
    memcpy(out->env.identity.account, account.p, account.n);
    memcpy(out->env.name, root->name, sizeof out->env.name);
    memcpy(out->env.user_key, root->user_key, sizeof out->env.user_key);
    memcpy(out->env.key_label, root->key_label, sizeof out->env.key_label);
    int n = snprintf(out->env.kv_prefix, sizeof out->env.kv_prefix, "%s%s:", root->kv_prefix,
                     out->env.identity.account);
    assert(n > 0 && (size_t)n < sizeof out->env.kv_prefix);
}

/* ---- what is known ----------------------------------------------------------------------- */

const char *account_state_name(enum account_state s)
{
    switch (s) {
    case ACCOUNT_UNKNOWN: return "unknown";
    case ACCOUNT_NEW: return "new";
    case ACCOUNT_ACTIVE: return "active";
    case ACCOUNT_UNREACHABLE: return "unreachable";
    case ACCOUNT_WRONG_MODE: return "wrong_mode";
    }
    return "?";
}

enum status account_state_of(struct tx *tx, str account, enum account_state *out, msec *asked_at,
                             struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_ACCOUNT_GET, &r, a, e, V_STR(account));

    if (st != ST_OK)
        return st;
    *out = ACCOUNT_UNKNOWN;
    if (asked_at)
        *asked_at = r.n_rows ? row_int(&r, 0, 1) : 0;
    for (int s = ACCOUNT_NEW; r.n_rows && s <= ACCOUNT_WRONG_MODE; s++)
        if (str_eqz(row_str(&r, 0, 0), account_state_name((enum account_state)s)))
            *out = (enum account_state)s;
    return ST_OK;
}

enum status acting_open(struct acting *out, struct env *root, str account, struct env **env,
                        enum account_state *state, struct error *e)
{
    ARENA(a, ACCOUNT_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };

    *env = root;
    *state = ACCOUNT_ACTIVE;
    if (!account.n || str_eqz(account, root->identity.account))
        return ST_OK;
    *state = ACCOUNT_UNKNOWN;
    enum status st = tx_begin(&tx, root->world->store, TX_READ, e);
    if (st == ST_OK && account.n <= ACCOUNT_ID_MAX)
        st = account_state_of(&tx, account, state, NULL, &a, e);
    if (st != ST_OK)
        return st;
    if (*state == ACCOUNT_UNKNOWN)
        return fail(e, ST_NONE,
                    "%.*s is no connected account that environment %s knows: `brindle env show` "
                    "lists them, `brindle sync accounts` looks for new ones (connect = on)",
                    (int)(account.n < ACCOUNT_ID_MAX ? account.n : ACCOUNT_ID_MAX), account.p,
                    root->name);
    acting_init(out, root, account);
    *env = &out->env;
    return ST_OK;
}

bool account_is_lost(enum account_state s)
{
    return s == ACCOUNT_UNREACHABLE || s == ACCOUNT_WRONG_MODE;
}

enum status account_found(struct tx *tx, struct env *env, str account, struct arena *a,
                          struct error *e)
{
    if (account.n > ACCOUNT_ID_MAX)
        return ST_OK;
    return tx_run(tx, STMT_ACCOUNT_FOUND, NULL, a, e, V_STR(account),
                  V_INT(clock_wall(env->world->clock)));
}

enum status account_lost(struct tx *tx, struct env *env, str account, enum account_state why,
                         const char *reason, struct arena *a, struct error *e)
{
    enum status st =
        tx_run(tx, STMT_ACCOUNT_LOST, NULL, a, e, V_STR(str_of(account_state_name(why))),
               V_STR(str_of(reason)), V_INT(clock_wall(env->world->clock)), V_STR(account));
    return st == ST_OK ? tx_run(tx, STMT_ACCOUNT_WALKS_FAIL, NULL, a, e, V_STR(str_of(reason)),
                                V_STR(account))
                       : st;
}

/* Several may hear it at once: one of them tells. */
static enum status note_lost(struct tx *tx, struct acting *act, enum account_state why,
                             struct arena *a, struct error *e)
{
    const char *account = act->stripe.account;
    char text[REASON_MAX];
    struct rows turned = { 0 };

    snprintf(text, sizeof text,
             why == ACCOUNT_WRONG_MODE
                 ? "%s was made in the other mode and cannot be used with this key"
                 : "the key has no access to %s (any more)",
             account);
    enum status st =
        tx_run(tx, STMT_ACCOUNT_TURN, &turned, a, e, V_STR(str_of(account_state_name(why))),
               V_INT(clock_wall(act->env.world->clock)), V_STR(str_of(account)));
    if (st == ST_OK)
        st = account_lost(tx, act->env.root, str_of(account), why, text, a, e);
    return st == ST_OK && turned.n_changed
               ? audit_add(tx, act->env.root, "account_lost", text, a, e)
               : st;
}

enum status acting_note(struct acting *act, struct error *e)
{
    ARENA(a, ACCOUNT_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum account_state was = ACCOUNT_UNKNOWN, now = ACCOUNT_ACTIVE;
    enum access access = act->stripe.access;
    msec lost_at = 0;
    struct store *store = act->world.store;

    if (access == ACCESS_UNSAID)
        return ST_OK;
    if (access != ACCESS_GRANTED)
        now = access == ACCESS_WRONG_MODE ? ACCOUNT_WRONG_MODE : ACCOUNT_UNREACHABLE;
    enum status st = tx_begin(&tx, store, TX_READ, e);
    if (st == ST_OK)
        st = account_state_of(&tx, str_of(act->stripe.account), &was, &lost_at, &a, e);
    if (st != ST_OK || (now == ACCOUNT_ACTIVE && (was == ACCOUNT_ACTIVE || was == ACCOUNT_NEW)))
        return st;
    if (now == ACCOUNT_ACTIVE && account_is_lost(was) && act->stripe.asked_at <= lost_at)
        return ST_OK; /* it was asked before the access was lost */
    tx_end(&tx);
    st = env_believe(act->env.root, act->stripe.key, e);
    if (st != ST_OK) /* another key's access is not ours */
        return st;
    st = tx_begin(&tx, store, TX_WRITE, e);
    if (st == ST_OK && now == ACCOUNT_ACTIVE)
        st = account_found(&tx, act->env.root, str_of(act->stripe.account), &a, e);
    else if (st == ST_OK)
        st = note_lost(&tx, act, now, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* ---- all of them ------------------------------------------------------------------------- */

static enum status read_piece(struct env *root, enum account_state state, str after, size_t limit,
                              struct rows *r, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, root->world->store, TX_READ, e);

    return st == ST_OK
               ? tx_run(&tx, STMT_ACCOUNTS_OF, r, a, e, V_STR(str_of(account_state_name(state))),
                        V_STR(after), V_INT((int64_t)limit))
               : st;
}

enum status accounts_each(struct env *root, enum account_state state,
                          enum status (*each)(struct env *root, str account, struct error *e),
                          struct error *e)
{
    char after[ACCOUNT_ID_MAX + 1] = "";
    size_t n = ACCOUNTS_PAGE;
    enum status st = ST_OK;

    while (st == ST_OK && n == ACCOUNTS_PAGE) {
        ARENA(a, ACCOUNT_BYTES_MAX);
        struct rows r;
        st = read_piece(root, state, str_of(after), ACCOUNTS_PAGE, &r, &a, e);
        n = st == ST_OK ? r.n_rows : 0;
        for (size_t i = 0; i < n && st == ST_OK; i++) {
            snprintf(after, sizeof after, "%.*s", STR_ARG(row_str(&r, i, 0)));
            st = each(root, row_str(&r, i, 0), e);
        }
    }
    return st;
}

enum status accounts_all(struct env *root,
                         enum status (*each)(struct env *env, void *ctx, struct error *e),
                         void *ctx, struct error *e)
{
    char after[ACCOUNT_ID_MAX + 1] = "";
    size_t n = ACCOUNTS_PAGE;
    enum status st = ST_OK;

    while (st == ST_OK && n == ACCOUNTS_PAGE) {
        ARENA(a, ACCOUNT_BYTES_MAX);
        CLEANUP(tx_end) struct tx tx = { 0 };
        struct rows r = { 0 };
        st = tx_begin(&tx, root->world->store, TX_READ, e);
        if (st == ST_OK)
            st = tx_run(&tx, STMT_ACCOUNTS_LIST, &r, &a, e, V_STR(str_of(after)),
                        V_INT(ACCOUNTS_PAGE));
        tx_end(&tx);
        n = st == ST_OK ? r.n_rows : 0;
        for (size_t i = 0; i < n && st == ST_OK; i++) {
            struct acting act;
            acting_init(&act, root, row_str(&r, i, 0));
            snprintf(after, sizeof after, "%s", act.env.identity.account);
            st = each(&act.env, ctx, e);
        }
    }
    return st;
}

enum status accounts_some(struct env *root, char after[ACCOUNT_ID_MAX + 1], size_t limit, bool *end,
                          enum status (*each)(struct env *root, str account, struct error *e),
                          struct error *e)
{
    ARENA(a, ACCOUNT_BYTES_MAX);
    struct rows r;
    enum status st = read_piece(root, ACCOUNT_ACTIVE, str_of(after), limit, &r, &a, e);

    if (st != ST_OK)
        return st;
    *end = r.n_rows < limit;
    for (size_t i = 0; i < r.n_rows && st == ST_OK; i++) {
        st = each(root, row_str(&r, i, 0), e);
        if (st == ST_OK || st == ST_NONE)
            snprintf(after, ACCOUNT_ID_MAX + 1, "%.*s", STR_ARG(row_str(&r, i, 0)));
    }
    if (st == ST_OK && *end)
        after[0] = '\0';
    return st;
}

static enum status waiting_events(struct env *root, str account, struct rows *r, struct arena *a,
                                  struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, root->world->store, TX_READ, e);

    return st == ST_OK
               ? tx_run(&tx, STMT_ACCOUNT_EVENTS, r, a, e, V_STR(account), V_INT(RELEASE_PIECE))
               : st;
}

/* Its events first, and what was given up while it could not be reached, then its state: a crash
 * between the two does it once more. */
static enum status release(struct env *root, str account, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    ARENA(small, ACCOUNT_BYTES_MAX);
    struct acting act;
    int64_t revived;
    size_t n = RELEASE_PIECE;

    acting_init(&act, root, account);
    enum status st = due_revive(&act.env, S(""), &revived, e);

    while (st == ST_OK && n == RELEASE_PIECE) {
        ARENA(a, ACCOUNT_BYTES_MAX);
        struct rows r;
        st = waiting_events(root, account, &r, &a, e);
        n = st == ST_OK ? r.n_rows : 0;
        for (size_t i = 0; i < n && st == ST_OK; i++) {
            st = inbox_replay(root, row_str(&r, i, 0), e);
            if (st == ST_REFUSED || st == ST_NONE) { /* it speaks of nothing that can be fetched */
                error_clear(e);
                st = ST_OK;
            }
        }
    }
    if (st == ST_OK)
        st = tx_begin(&tx, root->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_ACCOUNT_SETTLED, NULL, &small, e, V_STR(account));
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

enum status accounts_release(struct env *root, struct error *e)
{
    return accounts_each(root, ACCOUNT_NEW, release, e);
}
