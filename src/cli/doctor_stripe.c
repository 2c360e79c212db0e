#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/findings.h"
#include "cli/wire.h"
#include "core/api.h"
#include "core/resource.h"
#include "core/verify.h"

enum {
    ANSWER_BYTES_MAX = 16 << 20,
    CLOCK_WARN_MS = 30 * 1000,
};

static enum status get(struct wire *w, str path, str query, struct api_answer *out, struct arena *a,
                       struct error *e)
{
    return api_get(&w->env, path, query, LANE_USER, S("doctor"), out, a, e);
}

/* --- key, account, clock ------------------------------------------------------------------- */

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
        found(d, size > VERIFY_TOLERANCE_S * 1000 ? ERROR : WARNING, "clock",
              "timedatectl set-ntp true",
              "this machine's clock is %lld s %s Stripe's; beyond %d s every webhook is refused",
              (long long)(size / 1000), off < 0 ? "behind" : "ahead of", VERIFY_TOLERANCE_S);
}

static void check_recorded(struct doctor *d, const struct env_config *conf,
                           const struct identity *now)
{
    CLEANUP(wire_close) struct wire r = { 0 };
    struct error ignored = { 0 };

    if (wire_open(&r, &d->cli->config, conf, WIRE_READ, &ignored) != ST_OK)
        return;
    if (strcmp(r.env.identity.account, now->account) != 0 ||
        r.env.identity.livemode != now->livemode)
        found(d, ERROR, "key_other_account", "use the right key, or another environment name",
              "the key reaches %s in %s mode, but this store belongs to %s in %s mode",
              now->account, now->livemode ? "live" : "test", r.env.identity.account,
              r.env.identity.livemode ? "live" : "test");
}

/* False: there is no use in asking further. */
static bool check_identity(struct doctor *d, struct wire *w)
{
    struct identity id;
    struct error why = { 0 };

    looked(d);
    enum status st = env_identify(&w->world, w->env.declared, &id, &why);
    if (st == ST_NONE) {
        if (!config_text(&w->conf->values, SET_ACCOUNT).n)
            found(d, ERROR, "no_account", "set BRINDLE_ACCOUNT=acct_…",
                  "the server at api_base has neither /v1/account nor /v1/balance");
        return true;
    }
    if (st != ST_OK) {
        found(d, ERROR, st == ST_REFUSED ? "key_refused" : "stripe_away",
              st == ST_REFUSED ? "make a key with read permissions in the Dashboard"
                               : "check the network, a proxy, and api_base",
              "%s", why.text);
        return false;
    }
    memcpy(w->env.identity.account, id.account, sizeof id.account);
    w->env.identity.livemode = id.livemode;
    looked(d);
    check_recorded(d, w->conf, &id);
    return true;
}

static void check_permissions(struct doctor *d, struct wire *w)
{
    for (size_t i = 0; i < resource_count; i++) {
        ARENA(a, ANSWER_BYTES_MAX);
        const struct resource *r = &resource_table[i];
        struct api_answer got;
        struct error why = { 0 };
        if (!(r->flags & RES_CORE) || !r->list_path || strchr(r->list_path, '{') ||
            r->parent_param || r->flags & RES_ON_DEMAND)
            continue;
        looked(d);
        enum status st = get(w, str_of(r->list_path), S("limit=1"), &got, &a, &why);
        if (st == ST_OK && got.meaning == API_FORBIDDEN)
            found(d, ERROR, "permission", "give the restricted key the read permission",
                  "the key may not list %s (%s)", r->view, got.why);
        if (st != ST_OK) {
            found(d, WARNING, "stripe_away", "try again later", "%s", why.text);
            return;
        }
    }
}

void doctor_stripe(struct doctor *d, const struct env_config *conf)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    struct error why = { 0 };

    enum status st = wire_open(&w, &d->cli->config, conf, WIRE_ASK, &why);
    if (st != ST_OK) {
        found(d, ERROR, "api_base", "brindle help settings", "%s", why.text);
        return;
    }
    if (!check_identity(d, &w))
        return;
    check_clock(d, &w);
    check_permissions(d, &w);
    doctor_endpoints(d, &w);
}
