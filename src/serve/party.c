#include "serve/party.h"

#include "base/url.h"
#include "serve/reply.h"

#include <stdio.h>

enum { PARTY_BYTES_MAX = 64 << 10 };

static bool refuse(const struct route_call *c, const struct env *env, const char *message)
{
    reply_error(c->x, env, 400, "invalid_account", message);
    return false;
}

/* As Stripe writes them: acct_ and letters and digits. */
static bool is_account(str s)
{
    const str prefix = S("acct_");

    if (!str_starts(s, prefix) || s.n == prefix.n || s.n > ACCOUNT_ID_MAX)
        return false;
    for (size_t i = prefix.n; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'z') ||
              (s.p[i] >= 'A' && s.p[i] <= 'Z') || s.p[i] == '_'))
            return false;
    return true;
}

/* One more place that names an account: the first counts, the others must say the same. */
static bool take(const struct route_call *c, const struct env *env, str named, str *account)
{
    if (!is_account(named))
        return refuse(c, env,
                      "The account is no id like acct_1ABC. To ask for the environment's own "
                      "objects, send neither Stripe-Account nor account=.");
    if (account->n && !str_eq(*account, named))
        return refuse(c, env, "Stripe-Account and account= name two accounts.");
    *account = named;
    return true;
}

static bool read_query(const struct route_call *c, const struct env *env, str *account,
                       struct arena *a)
{
    str pair, key, value;

    for (str rest = http_exchange_request(c->x)->query; rest.n;) {
        rest = str_cut(rest, '&', &pair);
        str escaped = str_cut(pair, '=', &key);
        if (!str_eqz(key, "account"))
            continue;
        if (!url_unescape(a, escaped, true, &value))
            return refuse(c, env, "The account in the query cannot be read.");
        if (!take(c, env, value, account))
            return false;
    }
    return true;
}

static bool read_account(const struct route_call *c, const struct env *env, str *account,
                         struct arena *a)
{
    size_t count = 0;
    str header = http_header_get(http_exchange_request(c->x), S("Stripe-Account"), &count);

    if (count > 1)
        return refuse(c, env, "Stripe-Account was sent more than once.");
    if (count && !take(c, env, str_trim(header), account))
        return false;
    return read_query(c, env, account, a);
}

bool party_enter(const struct route_call *c, struct party *out)
{
    ARENA(a, PARTY_BYTES_MAX);
    struct error e = { 0 };
    str account = { 0 };

    out->served = routes_env(c, c->arg[0]);
    if (!out->served || !read_account(c, out->served->env, &account, &a))
        return false;
    enum status st = acting_open(&out->room, out->served->env, account, &out->env, &out->state, &e);
    if (st == ST_NONE)
        reply_error(c->x, out->served->env, 404, "no_such_account", e.text);
    else if (st != ST_OK)
        reply_failure(c->x, out->served->env, st, &e);
    else if (account_is_lost(out->state) && out->served->o->closed == CLOSED_NOT)
        http_exchange_label(c->x, S("Brindle-Account-State"),
                            str_of(account_state_name(out->state)));
    return st == ST_OK;
}

bool party_may_ask(const struct route_call *c, const struct party *p)
{
    const struct served *s = p->served;
    char why[ERROR_TEXT_MAX];

    if (!s->engine) {
        reply_error(c->x, p->env, 409, closed_name(s->o->closed), s->o->closed_text);
        return false;
    }
    if (p->env->root && !s->env->connect) {
        reply_error(c->x, p->env, 409, "connect_off",
                    "Connect is off for this environment (connect = on): what is here of connected "
                    "accounts is read, and Stripe is not asked for more.");
        return false;
    }
    if (!account_is_lost(p->state))
        return true;
    snprintf(why, sizeof why,
             "Connected account %s is %s: what is here of it is kept and can be read, and Stripe "
             "is not asked for more.",
             p->env->identity.account, account_state_name(p->state));
    reply_error(c->x, p->env, 409, account_state_name(p->state), why);
    return false;
}
