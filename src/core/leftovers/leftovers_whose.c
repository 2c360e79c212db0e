/* leftovers_whose.c - whose an id is: what the mirrors know of it, and what Stripe answers, as the
 * platform and as its connected accounts. */
#include "core/leftovers/leftovers.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "core/api.h"
#include "core/environment/acting.h"
#include "core/mirror/mirror.h"
#include "core/mirror/references.h"
#include "core/path.h"
#include "core/resource.h"

enum { ANSWER_BYTES_MAX = 64 << 20, ROW_BYTES_MAX = 64 << 10 };

/* ---- in the mirrors -------------------------------------------------------------------------- */

static enum status find_in(struct env *env, str id, bool *there, bool *deleted, struct error *e)
{
    ARENA(a, ANSWER_BYTES_MAX);
    struct object o;
    enum status st = mirror_get(env, S(""), id, &o, &a, e);

    *there = st == ST_OK;
    *deleted = st == ST_OK && o.deleted;
    if (st == ST_NONE)
        error_clear(e);
    return st == ST_NONE ? ST_OK : st;
}

struct home {
    char account[ACCOUNT_ID_MAX + 1]; /* "": none */
    bool deleted;
    char state[16]; /* of the account */
};

/* The connected account that has it in this mirror. */
static enum status find_home(struct env *env, const struct resource *r, str id, struct home *out,
                             struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    ARENA(a, ROW_BYTES_MAX);
    struct rows rows = { 0 };

    *out = (struct home){ 0 };
    if (!r)
        return ST_OK;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_LEFTOVER_HOMES, &rows, &a, e, V_STR(str_of(r->type)), V_STR(id),
                    v_account(env));
    if (st != ST_OK || rows.n_rows == 0)
        return st;
    snprintf(out->account, sizeof out->account, "%.*s", STR_ARG(row_str(&rows, 0, 0)));
    snprintf(out->state, sizeof out->state, "%.*s", STR_ARG(row_str(&rows, 0, 2)));
    out->deleted = row_int(&rows, 0, 1) != 0;
    return ST_OK;
}

/* What a connected account of this environment has lives here, as long as it can be reached. */
static void weigh_home(const struct home *h, struct leftover_verdict *v)
{
    v->kind = h->deleted ? LEFTOVER_DELETED : LEFTOVER_HERE;
    if (strcmp(h->state, account_state_name(ACCOUNT_WRONG_MODE)) == 0) {
        v->kind = LEFTOVER_OTHER_MODE;
        snprintf(v->why, sizeof v->why, "it stands under %s, which is of the other mode",
                 h->account);
    } else if (!h->deleted && strcmp(h->state, account_state_name(ACCOUNT_UNREACHABLE)) == 0) {
        v->kind = LEFTOVER_UNASKED;
        snprintf(v->why, sizeof v->why,
                 "it stands under %s, to which the key has no access (any more)", h->account);
    }
}

static enum status find_elsewhere(struct leftover_scan *s, const struct resource *r, str id,
                                  struct leftover_verdict *v, struct error *e)
{
    const struct identity *own = &s->mirror->identity;

    *v = (struct leftover_verdict){ .kind = LEFTOVER_KINDS };
    for (size_t i = 0; i < s->n_others; i++) {
        const struct identity *their = &s->other[i]->identity;
        struct home home = { 0 };
        bool there, deleted;
        if (identity_same(own, their)) /* a copy or an older one of this */
            continue;
        enum status st = find_in(s->other[i], id, &there, &deleted, e);
        if (st == ST_OK && !there)
            st = find_home(s->other[i], r, id, &home, e);
        if (st != ST_OK)
            return st;
        if (!there && !home.account[0])
            continue;
        bool same = strcmp(own->account, their->account) == 0;
        v->kind = same ? LEFTOVER_OTHER_MODE : LEFTOVER_OTHER_ACCOUNT;
        snprintf(v->why, sizeof v->why, "it stands in the mirror of %s (%s%s%s, %s mode)",
                 s->other[i]->name, home.account, home.account[0] ? " of " : "", their->account,
                 mode_name(their->livemode));
        return ST_OK;
    }
    return ST_OK;
}

/* Was the list of the type read to its end, so that what is not in this mirror was not here? */
static enum status is_listed(struct env *env, const char *type, bool *whole, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    ARENA(a, ANSWER_BYTES_MAX);
    struct rows rows;

    *whole = false;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_STATUS_WALKS, &rows, &a, e, v_account(env));
    for (size_t i = 0; st == ST_OK && i < rows.n_rows; i++)
        *whole = *whole || (str_eqz(row_str(&rows, i, 0), type) && row_int(&rows, i, 2));
    return st;
}

/* An id that somebody chose (a product's, a plan's) can be in both modes: that another mirror knows
 * it proves nothing as long as nobody knows whether it is here, too. */
static bool may_be_chosen(const struct resource *r)
{
    static const char *const types[] = { "product", "plan", "coupon" };

    for (size_t i = 0; i < COUNT(types); i++)
        if (strcmp(r->type, types[i]) == 0)
            return true;
    return false;
}

static enum status weigh_unasked(struct leftover_scan *s, const struct resource *r,
                                 const struct leftover_verdict *theirs, struct leftover_verdict *v,
                                 struct error *e)
{
    bool whole = false;
    enum status st = r ? is_listed(s->mirror, r->type, &whole, e) : ST_OK;

    if (st != ST_OK)
        return st;
    if (whole && !(s->connect && may_be_chosen(r)))
        *v = *theirs;
    else
        snprintf(v->why, sizeof v->why,
                 "%.200s, but the mirror of %.40s %s, and Stripe was not asked", theirs->why,
                 s->mirror->name,
                 whole ? "may not have all of its connected accounts" : "is not complete");
    return ST_OK;
}

/* ---- the platform ---------------------------------------------------------------------------- */

/* Stripe's own words are looked at whole: got->why is cut. */
static void weigh_answer(const struct api_answer *got, struct leftover_verdict *v)
{
    ARENA(a, ANSWER_BYTES_MAX);
    bool gone = json_bool(got->http.body, S("deleted")) == JSON_TRUE;
    str words = api_error_of(&got->http, &a).message;

    v->kind = got->meaning == API_GONE ? LEFTOVER_UNKNOWN : LEFTOVER_UNASKED;
    if (got->meaning == API_OK) {
        v->kind = gone ? LEFTOVER_DELETED : LEFTOVER_HERE;
        return;
    }
    if (words.n && memmem(words.p, words.n, "a similar object exists in", 26))
        v->kind = LEFTOVER_OTHER_MODE;
    else if (references_foreign(got->why))
        v->kind = LEFTOVER_OTHER_ACCOUNT;
    if (got->meaning == API_GONE && words.n)
        snprintf(v->why, sizeof v->why, "Stripe says: %.*s", STR_ARG(words));
    else
        snprintf(v->why, sizeof v->why, "%s", got->why);
}

/* As the platform, or as a connected account: `env` acts for one of them. */
static enum status ask(struct leftover_scan *s, struct env *env, const struct resource *r, str id,
                       struct api_answer *got, struct arena *a, struct error *e)
{
    str path = path_fill(r->get_path, id, S(""), a);

    if (s->goes_on && !s->goes_on(s->ctx, s))
        return fail(e, ST_RETRY, "It was stopped; nothing was changed.");
    enum status st = api_get(env, path, S(""), LANE_BACKFILL, S("leftovers"), got, a, e);
    if (st != ST_OK)
        return st;
    s->asked++;
    if (got->meaning == API_KEY &&
        access_told(got->http.http_status, got->http.body) == ACCESS_UNSAID)
        return fail(e, ST_REFUSED, "Stripe refuses the key of %s: %s", s->mirror->name, got->why);
    if (got->meaning == API_FORBIDDEN && !references_foreign(got->why))
        snprintf(got->why, sizeof got->why, "the key of %.40s may not read it", s->mirror->name);
    return ST_OK;
}

/* ---- connected accounts ---------------------------------------------------------------------- */

static enum status add_accounts(struct leftover_scan *s, struct tx *tx, enum account_state state,
                                struct error *e)
{
    struct rows r;
    enum status st =
        tx_run(tx, STMT_ACCOUNTS_OF, &r, s->a, e, V_STR(str_of(account_state_name(state))),
               V_STR(S("")), V_INT(LEFTOVER_ACCOUNTS_MAX + 1));

    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        s->accounts.more = s->accounts.more || s->accounts.n == LEFTOVER_ACCOUNTS_MAX;
        if (!s->accounts.more)
            s->accounts.id[s->accounts.n++] = arena_copy(s->a, row_str(&r, i, 0));
    }
    return st;
}

/* Once: who there is to be asked. */
static enum status read_accounts(struct leftover_scan *s, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;

    if (s->accounts.read)
        return ST_OK;
    enum status st = is_listed(s->mirror, "account", &s->accounts.listed, e);
    if (st == ST_OK)
        st = tx_begin(&tx, s->mirror->world->store, TX_READ, e);
    if (st == ST_OK)
        st = add_accounts(s, &tx, ACCOUNT_ACTIVE, e);
    if (st == ST_OK)
        st = add_accounts(s, &tx, ACCOUNT_NEW, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_ACCOUNTS_COUNT, &r, s->a, e,
                    V_STR(str_of(account_state_name(ACCOUNT_UNREACHABLE))));
    if (st == ST_OK)
        s->accounts.unreachable = row_int(&r, 0, 0);
    s->accounts.read = st == ST_OK;
    return st;
}

enum status leftovers_whom_to_ask(struct leftover_scan *s, struct error *e)
{
    if (!s->connect || !s->everywhere || !s->stripe)
        return ST_OK;
    enum status st = read_accounts(s, e);
    if (st == ST_OK && !s->accounts.listed)
        return fail(e, ST_REFUSED,
                    "Connect is on in environment %s, and the list of its connected accounts was "
                    "never read to its end: what is theirs would seem unknown. Run `brindle sync "
                    "accounts --env %s` first.",
                    s->mirror->name, s->mirror->name);
    return st;
}

static enum status state_of(struct leftover_scan *s, str account, enum account_state *out,
                            struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    ARENA(a, ROW_BYTES_MAX);
    enum status st = tx_begin(&tx, s->mirror->world->store, TX_READ, e);

    return st == ST_OK ? account_state_of(&tx, account, out, NULL, &a, e) : st;
}

/* HERE or DELETED: it is this account's. OTHER_MODE: of its other mode. UNKNOWN: neither. UNASKED:
 * that cannot be told. */
static enum status ask_as(struct leftover_scan *s, str account, bool known,
                          const struct resource *r, str id, struct leftover_verdict *v,
                          struct error *e)
{
    ARENA(a, ANSWER_BYTES_MAX);
    struct api_answer got;
    struct acting act;

    acting_init(&act, s->stripe, account);
    enum status st = ask(s, &act.env, r, id, &got, &a, e);
    if (st != ST_OK)
        return st;
    enum access told = access_told(got.http.http_status, got.http.body);
    bool lost = told == ACCESS_UNREACHABLE || told == ACCESS_WRONG_MODE;
    weigh_answer(&got, v);
    if (lost)
        v->kind = known ? LEFTOVER_UNASKED : LEFTOVER_UNKNOWN;
    else if (leftover_is_foreign(v->kind, false) && may_be_chosen(r))
        v->kind = LEFTOVER_UNKNOWN;
    return ST_OK;
}

static bool is_account(const struct leftover_scan *s, str account)
{
    return account.n <= ACCOUNT_ID_MAX && leftovers_is_id(account) &&
           !str_eqz(account, s->mirror->identity.account);
}

/* As the accounts that stand in the same rows. `*answered`: one of them was, that is known here. */
static enum status ask_named(struct leftover_scan *s, const struct leftover_value *in,
                             const struct resource *r, bool *answered, struct leftover_verdict *v,
                             struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < COUNT(in->account) && st == ST_OK && v->kind == LEFTOVER_UNKNOWN; i++) {
        enum account_state state;
        str account = in->account[i];
        if (!is_account(s, account))
            continue;
        st = state_of(s, account, &state, e);
        if (st != ST_OK || state == ACCOUNT_WRONG_MODE)
            continue;
        if (state != ACCOUNT_UNREACHABLE) {
            *answered = *answered || state != ACCOUNT_UNKNOWN;
            st = ask_as(s, account, state != ACCOUNT_UNKNOWN, r, in->id, v, e);
            continue;
        }
        v->kind = LEFTOVER_UNASKED;
        snprintf(v->why, sizeof v->why,
                 "its row names %.*s, to which the key has no access (any more)", STR_ARG(account));
    }
    s->ids_named += *answered;
    return st;
}

static enum status ask_in_turn(struct leftover_scan *s, const struct resource *r, str id,
                               struct leftover_verdict *v, struct error *e)
{
    struct leftover_verdict one, cannot = { .kind = LEFTOVER_KINDS };
    enum status st = read_accounts(s, e);

    for (size_t i = 0; st == ST_OK && i < s->accounts.n; i++) {
        one = (struct leftover_verdict){ .kind = LEFTOVER_UNKNOWN };
        st = ask_as(s, s->accounts.id[i], true, r, id, &one, e);
        if (st == ST_OK && one.kind == LEFTOVER_UNASKED) {
            cannot = one;
        } else if (st == ST_OK && one.kind != LEFTOVER_UNKNOWN) {
            *v = one;
            return ST_OK;
        }
    }
    if (st == ST_OK && cannot.kind == LEFTOVER_UNASKED)
        *v = cannot;
    else if (st == ST_OK && (s->accounts.more || !s->accounts.listed)) {
        v->kind = LEFTOVER_UNASKED;
        snprintf(
            v->why, sizeof v->why,
            s->accounts.more
                ? "it was asked for as %zu connected accounts, and there are more: declare the "
                  "column of its table that names the account, too"
                : "the list of connected accounts was never read to its end (%zu are known)",
            s->accounts.n);
    }
    return st;
}

/* The platform does not have it: is it a connected account's? `proven`: it is known to be of
 * elsewhere, as far as such an id can be of one place alone. */
static enum status ask_connected(struct leftover_scan *s, const struct leftover_value *in,
                                 const struct resource *r, bool proven, struct leftover_verdict *v,
                                 struct error *e)
{
    bool answered = false;

    if (!s->connect || (proven && !may_be_chosen(r)) || str_starts(in->id, S("acct_")))
        return ST_OK;
    v->kind = LEFTOVER_UNKNOWN;
    enum status st = ask_named(s, in, r, &answered, v, e);
    if (st != ST_OK || v->kind != LEFTOVER_UNKNOWN || (answered && !in->more) ||
        !(s->everywhere || proven))
        return st;
    s->ids_in_turn++;
    return ask_in_turn(s, r, in->id, v, e);
}

static enum status ask_stripe(struct leftover_scan *s, const struct leftover_value *in,
                              const struct resource *r, const struct leftover_verdict *theirs,
                              struct leftover_verdict *v, struct error *e)
{
    ARENA(a, ANSWER_BYTES_MAX);
    struct api_answer got;
    enum status st = ask(s, s->stripe, r, in->id, &got, &a, e);

    if (st != ST_OK)
        return st;
    s->ids_asked++;
    weigh_answer(&got, v);
    if (got.meaning != API_GONE)
        return ST_OK;
    struct leftover_verdict other = theirs->kind == LEFTOVER_KINDS ? *v : *theirs;
    bool proven = leftover_is_foreign(other.kind, false);
    st = ask_connected(s, in, r, proven, v, e);
    if (st == ST_OK && (v->kind == LEFTOVER_UNKNOWN || leftover_is_foreign(v->kind, false)) &&
        proven)
        *v = other;
    return st;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* An account's id: its own is at home, a connected one where Connect is on. */
static bool judge_account(struct leftover_scan *s, str id, struct leftover_verdict *v)
{
    if (!str_starts(id, S("acct_")))
        return false;
    v->kind = LEFTOVER_OTHER_ACCOUNT;
    if (str_eqz(id, s->mirror->identity.account))
        v->kind = LEFTOVER_HERE;
    else if (s->connect)
        return false;
    else
        snprintf(v->why, sizeof v->why,
                 "a connected account, and Connect is off: this environment is %s",
                 s->mirror->identity.account);
    return true;
}

enum status leftovers_judge(struct leftover_scan *s, const struct leftover_value *in,
                            struct leftover_verdict *v, struct error *e)
{
    const struct resource *r = resource_by_id(in->id);
    struct leftover_verdict theirs;
    struct home home = { 0 };
    bool there, deleted;

    *v = (struct leftover_verdict){ .kind = LEFTOVER_NO_ID };
    if (!leftovers_is_id(in->id) || judge_account(s, in->id, v))
        return ST_OK;
    if (s->mirror->identity.livemode && str_starts(in->id, S("cs_test_"))) {
        *v = (struct leftover_verdict){ LEFTOVER_OTHER_MODE, "a checkout session of test mode" };
        return ST_OK;
    }
    enum status st = find_in(s->mirror, in->id, &there, &deleted, e);
    if (st != ST_OK || there) {
        v->kind = deleted ? LEFTOVER_DELETED : LEFTOVER_HERE;
        return st;
    }
    if (s->connect)
        st = find_home(s->mirror, r, in->id, &home, e);
    if (st != ST_OK)
        return st;
    if (home.account[0]) {
        weigh_home(&home, v);
        return ST_OK;
    }
    st = find_elsewhere(s, r, in->id, &theirs, e);
    if (st != ST_OK)
        return st;
    v->kind = LEFTOVER_UNKNOWN;
    if (s->stripe && resource_fetchable(r))
        return ask_stripe(s, in, r, &theirs, v, e);
    return theirs.kind == LEFTOVER_KINDS ? ST_OK : weigh_unasked(s, r, &theirs, v, e);
}
