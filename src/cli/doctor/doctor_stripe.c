#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/doctor/findings.h"
#include "cli/keys.h"
#include "core/api.h"
#include "core/resource.h"
#include "core/verify.h"

enum {
    ANSWER_BYTES_MAX = 16 << 20,
    CLOCK_WARN_MS = 30 * 1000,
    NAMES_MAX = 512, /* of lists that the key may not read */
};

static enum status get(struct wire *w, str path, str query, struct api_answer *out, struct arena *a,
                       struct error *e)
{
    return api_get(&w->env, path, query, LANE_USER, S("doctor"), out, a, e);
}

/* --- whose key ----------------------------------------------------------------------------- */

static void check_clock(struct doctor *d, struct wire *w)
{
    ARENA(a, ANSWER_BYTES_MAX);
    struct api_answer got;
    struct error why = { 0 };

    looked(d);
    if (get(w, S("/v1/balance"), S(""), &got, &a, &why) != ST_OK || !got.http.date)
        return;
    msec off = clock_wall(w->world.clock) - got.http.date;
    msec size = off < 0 ? -off : off;
    if (size > CLOCK_WARN_MS)
        found(d, size > VERIFY_TOLERANCE_S * 1000 ? FOUND_CLOCK_WRONG : FOUND_CLOCK_OFF, NULL,
              "this machine's clock is %lld s %s Stripe's; beyond %d s every webhook is refused",
              (long long)(size / 1000), off < 0 ? "behind" : "ahead of", VERIFY_TOLERANCE_S);
}

/* Whose the store is. A mode that the key's own letters tell was judged with the store. */
static bool check_recorded(struct doctor *d, const struct env_config *conf,
                           const struct identity *now)
{
    CLEANUP(wire_close) struct wire r = { 0 };
    struct error ignored = { 0 };

    looked(d);
    if (wire_open(&r, &d->cli->config, conf, WIRE_READ, &ignored) != ST_OK ||
        identity_same(&r.env.identity, now))
        return true;
    bool other = strcmp(r.env.identity.account, now->account) != 0;
    found(d, other ? FOUND_KEY_OTHER_ACCOUNT : FOUND_KEY_OTHER_MODE, NULL,
          "the key reaches %s in %s mode, but this store belongs to %s in %s mode", now->account,
          mode_name(now->livemode), r.env.identity.account, mode_name(r.env.identity.livemode));
    return false;
}

static void put_account(str id, char out[ACCOUNT_ID_MAX + 1])
{
    snprintf(out, ACCOUNT_ID_MAX + 1, "%.*s", id.n <= ACCOUNT_ID_MAX ? (int)id.n : 0,
             id.p ? id.p : "");
}

/* "… on account 'acct_1'. …": whom Stripe took the key to be of, when it may not tell itself. */
static void account_named(const char *words, char out[ACCOUNT_ID_MAX + 1])
{
    static const char on_account[] = "on account '";
    const char *at = strstr(words, on_account);
    str id = str_of(at ? at + strlen(on_account) : "");

    id = str_sub(id, 0, str_find(id, '\''));
    snprintf(out, ACCOUNT_ID_MAX + 1, "%.*s", (int)(id.n <= ACCOUNT_ID_MAX ? id.n : ACCOUNT_ID_MAX),
             id.p ? id.p : "");
}

/* False: it is told why there is no use in asking further. */
static bool check_account(struct doctor *d, struct wire *w)
{
    ARENA(a, ANSWER_BYTES_MAX);
    char named[ACCOUNT_ID_MAX + 1] = "";
    const char *declared = w->env.declared;
    struct api_answer got;
    struct error why = { 0 };

    looked(d);
    if (get(w, S("/v1/account"), S(""), &got, &a, &why) != ST_OK) {
        found(d, FOUND_STRIPE_AWAY, NULL, "%s", why.text);
        return false;
    }
    if (got.meaning == API_KEY) {
        found(d, FOUND_KEY_REFUSED, NULL, "%s", got.why);
        return false;
    }
    if (got.meaning == API_FORBIDDEN)
        account_named(got.why, named);
    else if (got.meaning == API_OK)
        put_account(json_text(got.http.body, S("id"), &a), named);
    if (got.meaning == API_FORBIDDEN && !declared[0]) {
        found(d, FOUND_ACCOUNT_UNREADABLE, named[0] ? named : "acct_...",
              "the key may not read /v1/account, so that nobody can tell whose data it reaches "
              "(%s)",
              got.why);
        return false;
    }
    if (named[0] && declared[0] && strcmp(named, declared) != 0) {
        found(d, FOUND_ACCOUNT_OTHER, NULL, "account = %s is configured, but the key is %s's",
              declared, named);
        return false;
    }
    return true;
}

/* A proxy, or a mock, that answers for another mode. */
static bool check_letters(struct doctor *d, const struct env_config *conf,
                          const struct identity *id)
{
    bool live = key_judge(&conf->secret_key, NULL) == KEY_LIVE;

    looked(d);
    if (live == id->livemode)
        return true;
    found(d, FOUND_KEY_STRANGE, NULL,
          "the key is a %s key by its letters, but Stripe says that it reaches %s in %s mode",
          mode_name(live), id->account, mode_name(id->livemode));
    return false;
}

static bool check_identity(struct doctor *d, struct wire *w)
{
    struct identity id;
    struct error why = { 0 };

    if (!check_account(d, w))
        return false;
    looked(d);
    enum status st = env_identify(&w->world, w->env.declared, &id, &why);
    if (st == ST_NONE) {
        if (!w->env.declared[0])
            found(d, FOUND_NO_ACCOUNT, NULL,
                  "the server at api_base has neither /v1/account nor /v1/balance");
        return w->env.declared[0] != '\0';
    }
    if (st != ST_OK) {
        found(d, st == ST_REFUSED ? FOUND_ACCOUNT_UNREADABLE : FOUND_STRIPE_AWAY, "acct_...", "%s",
              why.text);
        return false;
    }
    w->env.identity = id;
    return check_letters(d, w->conf, &id) && check_recorded(d, w->conf, &id);
}

/* --- what it may read ---------------------------------------------------------------------- */

struct forbidden {
    char names[NAMES_MAX];
    size_t n, length;
};

static void forbid(struct forbidden *f, const char *name)
{
    int n = snprintf(f->names + f->length, NAMES_MAX - f->length, "%s%s", f->n ? ", " : "", name);

    if (n > 0 && f->length + (size_t)n < NAMES_MAX)
        f->length += (size_t)n;
    else
        f->names[f->length] = '\0';
    f->n++;
}

static bool is_asked(const struct resource *r)
{
    return (r->flags & RES_CORE) && r->list_path && !strchr(r->list_path, '{') &&
           !r->parent_param && !(r->flags & RES_ON_DEMAND);
}

static void check_permissions(struct doctor *d, struct wire *w)
{
    struct forbidden f = { .n = 0 };

    for (size_t i = 0; i < resource_count; i++) {
        ARENA(a, ANSWER_BYTES_MAX);
        const struct resource *r = &resource_table[i];
        struct api_answer got;
        struct error why = { 0 };
        if (!is_asked(r))
            continue;
        looked(d);
        enum status st = get(w, str_of(r->list_path), S("limit=1"), &got, &a, &why);
        if (st == ST_OK && got.meaning == API_FORBIDDEN)
            forbid(&f, r->view);
        if (st != ST_OK) {
            found(d, FOUND_STRIPE_AWAY, NULL, "%s", why.text);
            return;
        }
    }
    if (f.n)
        found(d, FOUND_PERMISSION, NULL, "the key may not list %zu type%s: %s", f.n,
              f.n == 1 ? "" : "s", f.names);
}

/* Was it told with the settings that nothing can be asked like this? */
static bool is_hopeless(const struct env_config *conf)
{
    struct error ignored = { 0 };
    enum key_kind kind = key_judge(&conf->secret_key, NULL);

    return kind == KEY_NONE || kind == KEY_MALFORMED || keys_check(conf, &ignored) != ST_OK ||
           (config_number(&conf->values, SET_RATE_LIMIT) == 0 &&
            !wire_is_loopback(config_text(&conf->values, SET_API_BASE)));
}

void doctor_stripe(struct doctor *d, const struct env_config *conf)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    struct error why = { 0 };

    if (is_hopeless(conf))
        return;
    looked(d);
    if (wire_open(&w, &d->cli->config, conf, WIRE_ASK, &why) != ST_OK) {
        found(d, FOUND_SETTING, NULL, "%s", why.text);
        return;
    }
    if (!check_identity(d, &w))
        return;
    check_clock(d, &w);
    check_permissions(d, &w);
    doctor_endpoints(d, &w);
}
