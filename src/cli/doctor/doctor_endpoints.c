#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/secret.h"
#include "base/url.h"
#include "cli/doctor/findings.h"
#include "cli/output.h"
#include "core/api.h"
#include "core/resource.h"

enum {
    ANSWER_BYTES_MAX = 16 << 20,
    EVENTS_NAMED_MAX = 6,
    FORM_BYTES_MAX = 64 << 10,
    WISH_BYTES_MAX = 256,
    KEY_RANDOM = 16,
    POST_ATTEMPTS_MAX = 4,
    ENDPOINTS_MAX = 16, /* of an account in one mode [facts: F-67] */
    ENDPOINTS_LEFT_LITTLE = 1,
    ENDPOINT_URL_MAX = 512,
    DELIVERY_LATE_S = 600,            /* younger ones may be on their way */
    DELIVERY_TRIED_S = 3 * 24 * 3600, /* Stripe tries for three days */
};

/* One endpoint of ours, and what is wrong with it. */
struct endpoint {
    str id, url;
    struct json_token enabled; /* what it sends */
    bool disabled;
    size_t lacks;              /* types of events that it should send, too */
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
static const char *const named_first[] = { "product.updated", "price.updated" };

static bool is_named_first(str type)
{
    return str_eqz(type, named_first[0]) || str_eqz(type, named_first[1]);
}

static bool holds_word(const char *words, str word)
{
    for (str left = str_of(words), one; left.n;) {
        left = str_cut(left, ' ', &one);
        if (str_eq(one, word))
            return true;
    }
    return false;
}

static const char *wanted_by(size_t i)
{
    return resource_table[i].flags & RES_CORE ? resource_table[i].events : "";
}

/* One event may speak of objects of several types. */
static bool wanted_before(size_t i, str type)
{
    while (i-- > 0)
        if (holds_word(wanted_by(i), type))
            return true;
    return false;
}

/* The types that are wanted and not sent, one after another to `tell`; how many. */
static size_t each_missing(struct json_token enabled, void (*tell)(void *ctx, str type), void *ctx)
{
    size_t missing = 0;

    for (size_t i = 0; i < COUNT(named_first); i++)
        if (!names_event(enabled, str_of(named_first[i])) && ++missing)
            tell(ctx, str_of(named_first[i]));
    for (size_t i = 0; i < resource_count; i++) {
        for (str left = str_of(wanted_by(i)), type; left.n;) {
            left = str_cut(left, ' ', &type);
            if (type.n && !is_named_first(type) && !names_event(enabled, type) &&
                !wanted_before(i, type) && ++missing)
                tell(ctx, type);
        }
    }
    return missing;
}

struct naming {
    struct buf *out;
    size_t told;
};

static void name_event(void *ctx, str type)
{
    struct naming *n = ctx;

    if (n->told++ < EVENTS_NAMED_MAX)
        buf_printf(n->out, "%s%.*s", n->told > 1 ? ", " : "", STR_ARG(type));
}

static void check_events(struct doctor *d, struct endpoint *x)
{
    BUF(named, EVENTS_NAMED_MAX * WISH_BYTES_MAX);
    struct naming n = { .out = &named };

    looked(d);
    x->lacks = each_missing(x->enabled, name_event, &n);
    if (x->lacks)
        found(d, FOUND_EVENTS_MISSING, x->url.p,
              "endpoint %.*s (%.*s) does not send %zu types of events that the mirror wants: "
              "%.*s%s",
              STR_ARG(x->id), STR_ARG(x->url), x->lacks, STR_ARG(buf_str(&named)),
              x->lacks > EVENTS_NAMED_MAX ? ", …" : "");
}

static struct endpoint check_endpoint(struct doctor *d, str endpoint, struct arena *a)
{
    struct endpoint x = { .id = json_text(endpoint, S("id"), a),
                          .url = arena_copy(a, json_text(endpoint, S("url"), a)),
                          .enabled = json_member(endpoint, S("enabled_events")) };
    str version = json_text(endpoint, S("api_version"), a);
    unsigned errors = d->errors, warnings = d->warnings;

    looked(d);
    x.disabled = str_eqz(json_text(endpoint, S("status"), a), "disabled");
    if (x.disabled)
        found(d, FOUND_ENDPOINT_DISABLED, x.url.p,
              "webhook endpoint %.*s (%.*s) is disabled: no events arrive", STR_ARG(x.id),
              STR_ARG(x.url));
    if (version.n && !str_eqz(version, STRIPE_API_VERSION))
        found(d, FOUND_ENDPOINT_VERSION, NULL,
              "endpoint %.*s sends events of API version %.*s; that is fine, Brindle fetches in %s",
              STR_ARG(x.id), STR_ARG(version), STRIPE_API_VERSION);
    check_events(d, &x);
    x.errors = d->errors - errors;
    x.warnings = d->warnings - warnings;
    return x;
}

/* Our public address is the proxy's business, so an endpoint looks like ours if its path does.
 * Without a name it is the only environment's. */
static bool has_our_path(const struct doctor *d, str url, const char *env)
{
    char path[ENV_NAME_MAX + 16];

    snprintf(path, sizeof path, "/webhooks/%s", env);
    return str_ends(url, str_of(path)) ||
           (d->cli->config.n_envs <= 1 && str_ends(url, S("/webhooks")));
}

/* Somebody else's may have the same path: once the address is said, that alone is ours. */
static bool is_ours(const struct doctor *d, str url, const char *env)
{
    return d->url ? str_eqz(url, d->url) : has_our_path(d, url, env);
}

/* "https://shop.example/webhooks/live" -> "https://shop.example": the address of a Brindle, but not
 * of this environment. Empty: it is none. */
static str other_host(const struct doctor *d, str url)
{
    const char *at = memmem(url.p, url.n, "/webhooks", 9);
    const struct config *c = &d->cli->config;
    str name;

    if (!at)
        return S("");
    name = str_sub(url, (size_t)(at - url.p) + 9, url.n);
    if (name.n)
        name = str_sub(name, 1, str_ends(name, S("/")) ? name.n - 1 : name.n);
    bool known = !name.n || str_eqz(name, "live") || str_eqz(name, "test");
    for (size_t i = 0; i < c->n_envs; i++)
        known = known || str_eqz(name, c->env[i].name);
    return known ? str_sub(url, 0, (size_t)(at - url.p)) : S("");
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

struct adding {
    struct buf *form;
    size_t n;
};

static void add_event(void *ctx, str type)
{
    struct adding *a = ctx;

    buf_printf(a->form, "%senabled_events[%zu]=", a->form->n ? "&" : "", a->n++);
    url_escape(a->form, type);
}

/* What it sends, and what is missing: who else lives on it loses nothing. [facts: F-65] */
static void add_events(const struct endpoint *x, struct buf *form)
{
    struct adding adding = { .form = form };
    struct json_reader r;

    json_init(&r, x->enabled.text);
    json_next(&r);
    for (struct json_token t = json_next(&r); t.type == JSON_STRING; t = json_next(&r))
        add_event(&adding, t.text);
    each_missing(x->enabled, add_event, &adding);
}

static void mend(struct doctor *d, struct wire *w, const struct endpoint *x)
{
    ARENA(a, ANSWER_BYTES_MAX);
    BUF(form, FORM_BYTES_MAX);
    BUF(path, FORM_BYTES_MAX);
    BUF(wish, WISH_BYTES_MAX);
    struct error why = { 0 };
    str answer;

    if (x->disabled)
        buf_append(&form, S("disabled=false"));
    if (x->lacks)
        add_events(x, &form);
    buf_append(&path, S("/v1/webhook_endpoints/"));
    url_escape(&path, x->id);
    buf_append(&wish, x->disabled ? S("enable it") : S(""));
    if (x->lacks)
        buf_printf(&wish, "%slet it send %zu more types of events", wish.n ? ", " : "", x->lacks);
    enum status st = form.failed
                         ? fail(&why, ST_LIMIT, "it names too many types of events")
                         : confirm(d->cli, &why,
                                   "Change endpoint %.*s at Stripe, which leads to %.*s: "
                                   "%.*s?",
                                   STR_ARG(x->id), STR_ARG(x->url), STR_ARG(buf_str(&wish)));
    if (st == ST_OK)
        st = change(w, buf_str(&path), buf_str(&form), NULL, &answer, &a, &why);
    if (st != ST_OK) {
        found(d, FOUND_NOT_MENDED, NULL, "endpoint %.*s stays as it is: %s", STR_ARG(x->id),
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
    char file[ENV_NAME_MAX + 80], path[DATA_PATH_MAX + ENV_NAME_MAX + 80];
    struct error why = { 0 };
    str text = json_text(answer, S("secret"), a);

    snprintf(file, sizeof file, "%s-%.*s.whsec", d->env, (int)(id.n < 60 ? id.n : 60), id.p);
    snprintf(path, sizeof path, "%s/%s", w->data_dir, file);
    enum status st =
        text.n && secret_set(&secret, text) ? datadir_make(w->data_dir, &why) : ST_NONE;
    if (st == ST_OK)
        st = datadir_keep(w->data_dir, file, &secret, &why);
    bool kept = st == ST_OK || (st == ST_CONFLICT && d->make_again); /* it was kept before */
    secret_wipe(&secret);
    if (kept)
        found(d, FOUND_SECRET_KEPT, path, "its signing secret is in %s", path);
    else
        found(d, FOUND_SECRET_LOST, NULL, "the signing secret of %.*s could not be kept: %s",
              STR_ARG(id), why.text);
}

/* False: none was made, and that is told. */
static bool make(struct doctor *d, struct wire *w)
{
    ARENA(a, ANSWER_BYTES_MAX);
    BUF(form, FORM_BYTES_MAX);
    struct error why = { 0 };
    str url = str_of(d->url), answer;
    enum status st = ST_OK;

    if (!str_starts(url, S("https://")) && !wire_is_loopback(url))
        st = fail(&why, ST_INVALID, "--url must begin with https://");
    else if (!has_our_path(d, url, d->env))
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
        found(d, FOUND_NOT_MENDED, NULL, "no endpoint was made: %s", why.text);
        return false;
    }
    str id = json_text(answer, S("id"), &a);
    say_mended(d, "all events will be sent by", id);
    keep_secret(d, w, answer, id, &a);
    return true;
}

/* --- the whole ----------------------------------------------------------------------------- */

/* What the account's list of endpoints holds for this environment. */
struct seen {
    size_t all, ours, connect;         /* connect: of ours, those for connected accounts */
    bool apart;                        /* ours lead to several addresses: nobody knows which is */
    char url[2][ENDPOINT_URL_MAX + 1]; /* of the last one of ours, of each kind */
    char other[ENDPOINT_URL_MAX + 1];  /* where one for another environment leads: its host */
};

static void check_one(struct doctor *d, struct wire *w, str object, struct seen *s, struct arena *a)
{
    str url = json_text(object, S("url"), a), host = other_host(d, url);
    bool connect = json_text(object, S("application"), a).n > 0;

    s->all++;
    if (!is_ours(d, url, w->conf->name)) {
        if (host.n && host.n <= ENDPOINT_URL_MAX)
            snprintf(s->other, sizeof s->other, "%.*s", STR_ARG(host));
        return;
    }
    looked(d);
    s->ours++;
    s->connect += connect;
    if (str_eqz(url, s->url[connect]))
        found(d, FOUND_ENDPOINT_DOUBLED, NULL,
              "endpoint %.*s is the second one that leads to %s: each event comes twice",
              STR_ARG(json_text(object, S("id"), a)), s->url[connect]);
    snprintf(s->url[connect], sizeof s->url[connect], "%.*s",
             (int)(url.n <= ENDPOINT_URL_MAX ? url.n : 0), url.p);
    struct endpoint x = check_endpoint(d, object, a);
    if (!d->fix || (!x.disabled && !x.lacks))
        return;
    if (!s->apart)
        mend(d, w, &x);
    else
        found(
            d, FOUND_NOT_MENDED, NULL,
            "endpoint %.*s (%.*s) stays as it is: several addresses end in /webhooks/%s; say with "
            "--url which is this Brindle's",
            STR_ARG(x.id), STR_ARG(x.url), w->conf->name);
}

static void check_missing(struct doctor *d, struct wire *w, const struct seen *s)
{
    char wanted[ENDPOINT_URL_MAX + ENV_NAME_MAX + 16];

    if (d->fix && d->url && make(d, w))
        return;
    snprintf(wanted, sizeof wanted, "%s/webhooks/%s", s->other, w->conf->name);
    if (s->other[0])
        found(d, FOUND_ENDPOINT_ELSEWHERE, wanted,
              "an endpoint of this account leads to %s, but not to /webhooks/%s, this "
              "environment's address",
              s->other, w->conf->name);
    else
        found(d, FOUND_ENDPOINT_MISSING, NULL,
              "no webhook endpoint of this account leads to https://.../webhooks/%s",
              w->conf->name);
}

/* connect = on wants two endpoints: one for the platform's own events, one for its accounts'. */
static void check_connect(struct doctor *d, const struct wire *w, const struct seen *s)
{
    looked(d);
    if (w->env.connect && !s->connect)
        found(d, FOUND_ENDPOINT_CONNECT, NULL,
              "connect = on, but no endpoint that leads here is for connected accounts");
    if (!w->env.connect && s->connect)
        found(d, FOUND_ENDPOINT_OF_CONNECT, NULL,
              "connect = off, but an endpoint for connected accounts leads here: its events are "
              "quarantined");
}

static bool lead_apart(const struct doctor *d, const struct wire *w, str list, struct arena *a)
{
    struct json_reader r;
    str first = S("");

    json_init(&r, list);
    json_next(&r);
    for (struct json_token t = json_value(&r); t.type == JSON_OBJECT; t = json_value(&r)) {
        str url = json_text(t.text, S("url"), a);
        if (!is_ours(d, url, w->conf->name))
            continue;
        if (first.n && !str_eq(first, url))
            return true;
        first = url;
    }
    return false;
}

static void check_list(struct doctor *d, struct wire *w, str body, struct seen *s, struct arena *a)
{
    struct json_reader r;

    json_init(&r, json_member(body, S("data")).text);
    if (json_next(&r).type != JSON_ARRAY)
        return;
    s->apart = lead_apart(d, w, json_member(body, S("data")).text, a);
    for (struct json_token t = json_value(&r); t.type == JSON_OBJECT; t = json_value(&r))
        check_one(d, w, t.text, s, a);
    looked(d);
    if (s->all + ENDPOINTS_LEFT_LITTLE >= ENDPOINTS_MAX)
        found(d, FOUND_ENDPOINTS_MANY, NULL, "the account has %zu of at most %d webhook endpoints",
              s->all, ENDPOINTS_MAX);
    if (!s->ours)
        check_missing(d, w, s);
    else
        check_connect(d, w, s);
    if (s->ours && d->make_again && d->fix && d->url)
        (void)make(d, w); /* what hinders it was told */
}

/* What Stripe tried to deliver and could not, while it was tried. With endpoints beside ours nobody
 * can tell to whom. */
static void check_deliveries(struct doctor *d, struct wire *w, struct arena *a)
{
    struct api_answer got;
    struct json_reader r;
    struct error ignored = { 0 };
    int64_t now = clock_wall(w->world.clock) / 1000, created;
    unsigned failed = 0;

    looked(d);
    if (api_get(&w->env, S("/v1/events"), S("delivery_success=false&limit=20"), LANE_USER,
                S("doctor"), &got, a, &ignored) != ST_OK ||
        got.meaning != API_OK)
        return;
    json_init(&r, json_member(got.http.body, S("data")).text);
    if (json_next(&r).type != JSON_ARRAY)
        return;
    for (struct json_token t = json_value(&r); t.type == JSON_OBJECT; t = json_value(&r))
        failed += json_int(t.text, S("created"), &created) && now - created > DELIVERY_LATE_S &&
                  now - created < DELIVERY_TRIED_S;
    if (failed)
        found(d, FOUND_DELIVERIES_FAIL, NULL,
              "Stripe could not deliver %u of its latest events, and tries on", failed);
}

void doctor_endpoints(struct doctor *d, struct wire *w)
{
    ARENA(a, ANSWER_BYTES_MAX);
    struct seen seen = { .all = 0 };
    struct api_answer got;
    struct error why = { 0 };

    looked(d);
    if (api_get(&w->env, S("/v1/webhook_endpoints"), S("limit=100"), LANE_USER, S("doctor"), &got,
                &a, &why) != ST_OK)
        return;
    if (got.meaning == API_FORBIDDEN)
        found(d, FOUND_ENDPOINTS_UNSEEN, NULL,
              "the key may not list webhook endpoints, so they were not checked");
    if (got.meaning != API_OK)
        return;
    check_list(d, w, got.http.body, &seen, &a);
    if (seen.ours && seen.ours == seen.all && !d->hears)
        check_deliveries(d, w, &a);
}
