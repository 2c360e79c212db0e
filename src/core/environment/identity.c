/* identity.c - whose key it is. [facts: F-11, F-12] */
#include "core/env.h"

#include "base/hmac.h"
#include "base/json.h"
#include "core/api.h"
#include "core/audit.h"

#include <stdio.h>
#include <string.h>

enum {
    IDENTITY_BYTES_MAX = 4 << 20,
    REASON_SHOWN_MAX = 200, /* of Stripe's own words */
    PRINT_LETTERS = 8,      /* of a key's hash: enough to tell two keys apart, and to guess none */
    PRINT_MAX = 32 + PRINT_LETTERS,
};

/* What Stripe said about a key that may not read something: its own words, which name the
 * permission, and the account that it took the key to be of. */
struct lacking {
    str words, account;
};

static str message_of(const struct stripe_response *p, struct arena *a)
{
    str s = api_error_of(p, a).message;

    return s.n > REASON_SHOWN_MAX ? str_sub(s, 0, REASON_SHOWN_MAX) : s;
}

/* "… on account 'acct_1'. Enabling "Accounts Read" ('account_read') permissions on this key …" */
static struct lacking lacking_of(const struct stripe_response *p, struct arena *a)
{
    static const char on_account[] = "on account '", enabling[] = "Enabling ";
    struct lacking r = { .words = message_of(p, a) };
    const char *at =
        r.words.p ? memmem(r.words.p, r.words.n, on_account, strlen(on_account)) : NULL;

    if (at) {
        str rest = str_sub(r.words, (size_t)(at - r.words.p) + strlen(on_account), r.words.n);
        r.account = str_sub(rest, 0, str_find(rest, '\''));
    }
    at = r.words.p ? memmem(r.words.p, r.words.n, enabling, strlen(enabling)) : NULL;
    if (at)
        r.words = str_sub(r.words, (size_t)(at - r.words.p), r.words.n);
    return r;
}

/* ST_NONE: 404. ST_REFUSED with 403 in the answer: a permission is lacking; no error is set. */
static enum status ask(struct world *w, str path, struct stripe_response *p, struct arena *a,
                       struct error *e)
{
    struct stripe_request q = {
        .method = STRIPE_GET, .path = path, .lane = LANE_OPERATION, .cause = S("identity")
    };
    enum status st = stripe_call(w->stripe, &q, p, a, e);

    if (st != ST_OK)
        return st;
    if (p->http_status == 404)
        return ST_NONE;
    if (p->http_status == 401)
        return fail(
            e, ST_REFUSED,
            "Stripe refuses this key (401 on %.*s): it was rolled, expired or mistyped. Set "
            "the environment's secret_key anew",
            STR_ARG(path));
    if (p->http_status == 403 && message_of(p, a).n)
        return ST_REFUSED;
    if (p->http_status != 200 || !json_valid(p->body))
        return fail(e, ST_RETRY,
                    "GET %.*s answered %d and no account (request %.*s): try again "
                    "later",
                    STR_ARG(path), p->http_status,
                    (int)(p->request_id.n < 40 ? p->request_id.n : 40),
                    p->request_id.n ? p->request_id.p : "");
    return ST_OK;
}

static bool lacks_permission(enum status st, const struct stripe_response *p)
{
    return st == ST_REFUSED && p->http_status == 403;
}

static bool mode_of(str object, bool *livemode)
{
    enum json_type mode = json_bool(object, S("livemode"));

    *livemode = mode == JSON_TRUE;
    return mode == JSON_TRUE || mode == JSON_FALSE;
}

/* The first object of a list. */
static bool mode_of_list(str body, bool *livemode)
{
    struct json_token data = json_member(body, S("data"));
    struct json_reader r;

    if (data.type != JSON_ARRAY)
        return false;
    json_init(&r, data.text);
    json_next(&r);
    struct json_token first = json_value(&r);
    return first.type == JSON_OBJECT && mode_of(first.text, livemode);
}

/* The balance may not be read: any object of this key tells its mode as well. */
static enum status mode_by_witness(struct world *w, const struct lacking *balance, uint64_t key,
                                   bool *livemode, struct error *e)
{
    static const char *const witness[] = { "/v1/customers",      "/v1/products",
                                           "/v1/prices",         "/v1/events",
                                           "/v1/subscriptions",  "/v1/invoices",
                                           "/v1/payment_intents" };

    for (size_t i = 0; i < COUNT(witness); i++) {
        ARENA(a, IDENTITY_BYTES_MAX);
        struct stripe_response p;
        enum status st = ask(w, str_of(witness[i]), &p, &a, e);
        if (st == ST_OK && p.key != key)
            return fail(e, ST_RETRY,
                        "the key was exchanged while its mode was looked for: try again");
        if (st == ST_OK && mode_of_list(p.body, livemode))
            return ST_OK;
        if (st != ST_OK && st != ST_NONE && !lacks_permission(st, &p))
            return st;
    }
    return fail(e, ST_REFUSED,
                "this key may not read /v1/balance (403), and no object that it may read tells the "
                "mode, without which nobody knows whose data it reaches. %.*s",
                STR_ARG(balance->words));
}

/* The account may not be read: then the configuration must name it, and Stripe not another. */
static enum status account_by_word(const char *declared, const struct lacking *r, str *out,
                                   struct error *e)
{
    str named = r->account.n && r->account.n <= ACCOUNT_ID_MAX ? r->account : S("acct_…");

    *out = str_of(declared);
    if (!declared[0])
        return fail(
            e, ST_REFUSED,
            "this key may not read /v1/account (403), so that nobody can tell whose data it "
            "reaches. Give it that permission, or name the account: account = %.*s in the "
            "environment's section (BRINDLE_ACCOUNT). %.*s",
            STR_ARG(named), STR_ARG(r->words));
    if (r->account.n && !str_eqz(r->account, declared))
        return fail(e, ST_REFUSED,
                    "the configuration says that this key is of %s, but Stripe says %.*s. Nothing "
                    "was written",
                    declared, STR_ARG(named));
    return ST_OK;
}

enum status env_identify(struct world *w, const char *declared, struct identity *out,
                         struct error *e)
{
    ARENA(a, IDENTITY_BYTES_MAX);
    struct stripe_response account = { 0 }, balance = { 0 };
    bool livemode = false;
    str id;

    enum status st = ask(w, S("/v1/account"), &account, &a, e);
    if (st != ST_OK && st != ST_NONE && !lacks_permission(st, &account))
        return st;
    enum status st2 = ask(w, S("/v1/balance"), &balance, &a, e);
    if (st2 != ST_OK && st2 != ST_NONE && !lacks_permission(st2, &balance))
        return st2;
    if (account.key != balance.key)
        return fail(e, ST_RETRY,
                    "the key was exchanged between GET /v1/account and GET /v1/balance: they prove "
                    "nothing together; try again");
    if (st == ST_NONE && st2 == ST_NONE)
        return ST_NONE;
    if (st == ST_NONE || st2 == ST_NONE)
        return fail(e, ST_REFUSED,
                    "GET %s answered 404 although its sister is there: this is no "
                    "Stripe that we know; nothing was written",
                    st == ST_NONE ? "/v1/account" : "/v1/balance");
    const struct lacking no_account = lacking_of(&account, &a),
                         no_balance = lacking_of(&balance, &a);
    if (st == ST_OK)
        id = json_text(account.body, S("id"), &a);
    else
        st = account_by_word(declared, &no_account, &id, e);
    if (st == ST_OK && st2 == ST_REFUSED)
        st = mode_by_witness(w, &no_balance, balance.key, &livemode, e);
    else if (st == ST_OK && !mode_of(balance.body, &livemode))
        id = S("");
    if (st != ST_OK)
        return st;
    if (id.n == 0 || id.n > ACCOUNT_ID_MAX)
        return fail(e, ST_RETRY, "Stripe's answer names no account id or no mode: try again later");
    *out = (struct identity){ .livemode = livemode, .key = balance.key };
    memcpy(out->account, id.p, id.n);
    return ST_OK;
}

/* ---- which key -------------------------------------------------------------------------- */

/* "sk_live_…1a2b3c4d": the public prefix, and a few bits of the hash. */
static void print_key(const struct secret *key, char out[PRINT_MAX])
{
    unsigned char sum[HMAC_BYTES];
    char hex[HMAC_HEX], hint[32];
    struct hmac *h = hmac_new(S("brindle key"));

    hmac_sum(h, secret_reveal(key), S(""), S(""), sum);
    hmac_free(h);
    hmac_hex(sum, hex);
    secret_hint(key, hint);
    snprintf(out, PRINT_MAX, "%s%.*s", hint, PRINT_LETTERS, hex);
}

static enum status record_key(struct env *env, const char *print, bool *changed, struct error *e)
{
    ARENA(a, 64 << 10);
    CLEANUP(tx_end) struct tx tx = { 0 };
    char detail[128];
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run0(&tx, STMT_ENVIRONMENT_GET, &r, &a, e);
    if (st != ST_OK || r.n_rows == 0 || str_eqz(row_str(&r, 0, 5), print))
        return st;
    str before = row_str(&r, 0, 5);
    snprintf(detail, sizeof detail, "%s%.*s%s%s", before.n ? "from " : "", STR_ARG(before),
             before.n ? " to " : "", print);
    st = audit_add(&tx, env, before.n ? "key_changed" : "key", detail, &a, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_ENVIRONMENT_KEY, NULL, &a, e, V_STR(str_of(print)));
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    *changed = st == ST_OK && before.n;
    return st;
}

enum status env_note_key(struct env *env, const struct secret *key, bool *changed, struct error *e)
{
    char print[PRINT_MAX];
    enum status st = ST_RETRY;

    *changed = false;
    print_key(key, print);
    for (unsigned attempt = 1; attempt == 1 || tx_again(env->world->store, st, attempt - 1);
         attempt++) {
        error_clear(e);
        st = record_key(env, print, changed, e);
    }
    return st;
}
