#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/secret.h"
#include "base/url.h"
#include "cli/findings.h"
#include "cli/output.h"
#include "core/api.h"
#include "core/resource.h"

enum {
    ANSWER_BYTES_MAX = 16 << 20,
    EVENTS_NAMED_MAX = 6,
    FORM_BYTES_MAX = 16 << 10,
    KEY_RANDOM = 16,
    POST_ATTEMPTS_MAX = 4,
};

/* One endpoint of ours, and what is wrong with it. */
struct endpoint {
    str id;
    bool disabled, lacks_events;
    unsigned errors, warnings; /* what that has counted */
};

/* --- looking ------------------------------------------------------------------------------- */

static bool names_event(struct json_token list, str type)
{
    struct json_reader r;

    if (list.type != JSON_ARRAY)
        return false;
    json_init(&r, list.text);
    json_next(&r);
    for (struct json_token t = json_next(&r); t.type == JSON_STRING; t = json_next(&r))
        if (str_eq(t.text, type) || str_eqz(t.text, "*"))
            return true;
    return false;
}

/* Does the mirror's freshness depend on it? Every event of a core type does; products and prices
 * are named first, for without those an invoice brings prices that nobody has heard of. */
static size_t list_missing(struct json_token enabled, char named[512])
{
    static const char *const first[] = { "product.updated", "price.updated" };
    size_t missing = 0, n = 0, told = 0;

    for (size_t i = 0; i < COUNT(first); i++)
        if (!names_event(enabled, str_of(first[i])) && ++told)
            n += (size_t)snprintf(named + n, 512 - n, "%s%s", n ? ", " : "", first[i]);
    for (size_t i = 0; i < resource_count; i++) {
        str left = str_of(resource_table[i].flags & RES_CORE ? resource_table[i].events : "");
        while (left.n) {
            str type;
            left = str_cut(left, ' ', &type);
            if (!type.n || names_event(enabled, type))
                continue;
            missing++;
            if (told == EVENTS_NAMED_MAX || str_eqz(type, first[0]) || str_eqz(type, first[1]))
                continue;
            told++;
            n += (size_t)snprintf(named + n, 512 - n, "%s%.*s", n ? ", " : "",
                                  (int)(type.n < 60 ? type.n : 60), type.p);
        }
    }
    return missing;
}

static void check_events(struct doctor *d, str endpoint, struct endpoint *x)
{
    char named[512] = "";

    looked(d);
    size_t missing = list_missing(json_member(endpoint, S("enabled_events")), named);
    x->lacks_events = missing > 0;
    if (missing)
        found(d, WARNING, "events_missing", "brindle doctor --fix lets it send all events",
              "endpoint %.*s does not send %zu types of events that the mirror wants: %s%s",
              STR_ARG(x->id), missing, named, missing > EVENTS_NAMED_MAX ? ", …" : "");
}

static struct endpoint check_endpoint(struct doctor *d, str endpoint, struct arena *a)
{
    struct endpoint x = { .id = json_text(endpoint, S("id"), a) };
    str version = json_text(endpoint, S("api_version"), a);
    unsigned errors = d->errors, warnings = d->warnings;

    looked(d);
    x.disabled = str_eqz(json_text(endpoint, S("status"), a), "disabled");
    if (x.disabled)
        found(d, ERROR, "endpoint_disabled", "brindle doctor --fix enables it",
              "webhook endpoint %.*s is disabled: no events arrive", STR_ARG(x.id));
    if (version.n && !str_eqz(version, STRIPE_API_VERSION))
        found(d, NOTE, "endpoint_version", NULL,
              "endpoint %.*s sends events of API version %.*s; that is fine, Brindle fetches in %s",
              STR_ARG(x.id), STR_ARG(version), STRIPE_API_VERSION);
    check_events(d, endpoint, &x);
    x.errors = d->errors - errors;
    x.warnings = d->warnings - warnings;
    return x;
}

/* Our public address is the proxy's business, so an endpoint is ours if its path is. */
static bool is_ours(str url, const char *env)
{
    char path[ENV_NAME_MAX + 16];

    snprintf(path, sizeof path, "/webhooks/%s", env);
    return str_ends(url, str_of(path)) || str_ends(url, S("/webhooks"));
}

/* --- mending ------------------------------------------------------------------------------- */

/* The same request under the same key until Stripe has said what became of it. */
static enum status post(struct wire *w, str path, str form, const char *given,
                        struct stripe_response *out, struct arena *a, struct error *e)
{
    unsigned char random[KEY_RANDOM];
    char key[16 + 2 * KEY_RANDOM + 1] = "brindle-doctor-";
    size_t n = strlen(key);

    rng_fill(w->world.rng, random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        n += (size_t)snprintf(key + n, sizeof key - n, "%02x", random[i]);
    const struct stripe_request q = { .method = STRIPE_POST,
                                      .path = path,
                                      .form = form,
                                      .idem_key = given ? str_of(given) : (str){ key, n },
                                      .lane = LANE_USER,
                                      .cause = S("doctor") };
    for (unsigned attempt = 1;; attempt++) {
        error_clear(e);
        enum status st = stripe_call(w->world.stripe, &q, out, a, e);
        bool again = st == ST_RETRY || (st == ST_OK && api_judge(out) == API_AGAIN);
        if (!again || attempt == POST_ATTEMPTS_MAX)
            return st;
        clock_sleep(w->world.clock, api_pause(attempt, w->world.rng));
    }
}

/* ST_OK: it was done, and the endpoint is in `out`. */
static enum status change(struct wire *w, str path, str form, const char *key, str *out,
                          struct arena *a, struct error *e)
{
    struct stripe_response r = { 0 };
    enum status st = post(w, path, form, key, &r, a, e);

    if (st != ST_OK)
        return st;
    *out = r.body;
    switch (api_judge(&r)) {
    case API_OK: return ST_OK;
    case API_FORBIDDEN:
    case API_KEY:
        return fail(e, ST_REFUSED,
                    "The key may not change webhook endpoints: run this once with one that may "
                    "(STRIPE_SECRET_KEY=… brindle doctor --fix), or do it in the Dashboard.");
    case API_GONE:
    case API_NO_SUCH_URL:
    case API_AGAIN:
    case API_BAD: break;
    }
    str message = api_error_of(&r, a).message;
    return fail(e, ST_REFUSED, "Stripe answered %d: %.*s", r.http_status,
                (int)(message.n < 200 ? message.n : 200), message.p);
}

static void say_mended(struct doctor *d, const char *what, str id)
{
    d->mended++;
    if (!d->cli->json)
        printf("mended %s: %s %.*s.\n", d->env, what, STR_ARG(id));
    else
        printf("{\"mended\":\"endpoint\",\"env\":\"%s\",\"id\":\"%.*s\"}\n", d->env, STR_ARG(id));
}

static void mend(struct doctor *d, struct wire *w, const struct endpoint *x)
{
    ARENA(a, ANSWER_BYTES_MAX);
    BUF(form, FORM_BYTES_MAX);
    BUF(path, FORM_BYTES_MAX);
    struct error why = { 0 };
    str answer;

    if (x->disabled)
        buf_append(&form, S("disabled=false"));
    if (x->lacks_events)
        buf_printf(&form, "%senabled_events[0]=*", form.n ? "&" : "");
    buf_append(&path, S("/v1/webhook_endpoints/"));
    url_escape(&path, x->id);
    enum status st = confirm(d->cli, &why, "Change endpoint %.*s at Stripe (%.*s)?", STR_ARG(x->id),
                             STR_ARG(buf_str(&form)));
    if (st == ST_OK)
        st = change(w, buf_str(&path), buf_str(&form), NULL, &answer, &a, &why);
    if (st != ST_OK) {
        found(d, NOTE, "not_mended", NULL, "endpoint %.*s stays as it is: %s", STR_ARG(x->id),
              why.text);
        return;
    }
    d->errors -= x->errors;
    d->warnings -= x->warnings;
    say_mended(d, "all events are sent again by", x->id);
}

/* The secret is told once, now. */
static void keep_secret(struct doctor *d, struct wire *w, str answer, str id, struct arena *a)
{
    struct secret secret = { .n = 0 };
    char file[ENV_NAME_MAX + 80];
    struct error why = { 0 };
    str text = json_text(answer, S("secret"), a);

    snprintf(file, sizeof file, "%s-%.*s.whsec", d->env, (int)(id.n < 60 ? id.n : 60), id.p);
    enum status st = text.n && secret_set(&secret, text)
                         ? datadir_keep(w->data_dir, file, &secret, &why)
                         : ST_NONE;
    bool kept = st == ST_OK || (st == ST_CONFLICT && d->make_again); /* it was kept before */
    secret_wipe(&secret);
    if (kept)
        found(d, NOTE, "secret_kept", "set it, and restart brindle serve",
              "its signing secret is in %s/%s: webhook_secret = file:%s/%s in brindle.conf, or "
              "STRIPE_WEBHOOK_SECRET",
              w->data_dir, file, w->data_dir, file);
    else
        found(d, ERROR, "secret_lost", "reveal it in the Dashboard, under Webhooks",
              "the signing secret of %.*s could not be kept: %s", STR_ARG(id), why.text);
}

static void make(struct doctor *d, struct wire *w)
{
    ARENA(a, ANSWER_BYTES_MAX);
    BUF(form, FORM_BYTES_MAX);
    struct error why = { 0 };
    str url = str_of(d->url), answer;
    enum status st = ST_OK;

    if (!str_starts(url, S("https://")) && !wire_is_loopback(url))
        st = fail(&why, ST_INVALID, "--url must begin with https://");
    else if (!is_ours(url, d->env))
        st = fail(&why, ST_INVALID, "--url must end with /webhooks/%s", d->env);
    buf_append(&form, S("enabled_events[0]=*&api_version=" STRIPE_API_VERSION
                        "&description=Brindle&url="));
    url_escape(&form, url);
    if (st == ST_OK)
        st = confirm(d->cli, &why, "Make a webhook endpoint at Stripe that leads to %.200s?",
                     d->url);
    if (st == ST_OK)
        st = change(w, S("/v1/webhook_endpoints"), buf_str(&form), d->make_key, &answer, &a, &why);
    if (st != ST_OK) {
        found(d, WARNING, "endpoint_missing", NULL, "no endpoint was made: %s", why.text);
        return;
    }
    str id = json_text(answer, S("id"), &a);
    say_mended(d, "all events will be sent by", id);
    keep_secret(d, w, answer, id, &a);
}

/* --- the whole ----------------------------------------------------------------------------- */

static void check_list(struct doctor *d, struct wire *w, str body, struct arena *a)
{
    struct json_reader r;
    size_t ours = 0;

    json_init(&r, json_member(body, S("data")).text);
    if (json_next(&r).type != JSON_ARRAY)
        return;
    for (struct json_token t = json_value(&r); t.type == JSON_OBJECT; t = json_value(&r)) {
        if (!is_ours(json_text(t.text, S("url"), a), w->conf->name))
            continue;
        ours++;
        struct endpoint x = check_endpoint(d, t.text, a);
        if (d->fix && (x.disabled || x.lacks_events))
            mend(d, w, &x);
    }
    if ((!ours || d->make_again) && d->fix && d->url)
        make(d, w);
    else if (!ours)
        found(d, WARNING, "endpoint_missing",
              "brindle doctor --fix --url https://… makes one; or add it in the Dashboard",
              "no webhook endpoint of this account leads to https://…/webhooks/%s", w->conf->name);
}

void doctor_endpoints(struct doctor *d, struct wire *w)
{
    ARENA(a, ANSWER_BYTES_MAX);
    struct api_answer got;
    struct error why = { 0 };

    looked(d);
    if (api_get(&w->env, S("/v1/webhook_endpoints"), S("limit=100"), LANE_USER, S("doctor"), &got,
                &a, &why) != ST_OK)
        return;
    if (got.meaning == API_FORBIDDEN)
        found(d, NOTE, "endpoints_unseen", NULL,
              "the key may not list webhook endpoints, so they were not checked");
    if (got.meaning == API_OK)
        check_list(d, w, got.http.body, &a);
}
