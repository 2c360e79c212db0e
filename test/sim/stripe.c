#include "stripe.h"

#include "base/json.h"
#include "check.h"
#include "courier.h"
#include "fibre.h"
#include "ids.h"
#include "merchant.h"
#include "orders.h"
#include "seed.h"
#include "side.h"
#include "trace.h"
#include "world/tx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IDEM_BYTES_MAX = 256,
    LIES_MAX = 256,
    PATH_BYTES_MAX = 512,
    SLOW_FACTOR = 10,
    SPITE_MS_MAX = 1500,
    SPITE_BEHIND_MS_MAX = 600,
    CUT_MS = 100, /* how soon what is cut off hears of it */
};

#define ENDPOINTS "/v1/webhook_endpoints"

struct sim_seam {
    struct stripe stripe;
    struct climate *c;
    unsigned side;
    bool wrong_key; /* somebody else's, for a whole life */
    bool crosses;
    const char *key; /* of a request that is under way */
};

static struct emulator *the_emulator;
static unsigned under_way[LIVES_MAX]; /* requests of a life */
static bool abandoned[LIVES_MAX];     /* they are cut off */
static const char *slot[SIDES];       /* what stands where a side's key stands; NULL: its own */

void emu_open(uint64_t seed)
{
    struct error e = { 0 };
    struct emulator_options o = { .seed = seed, .clock = &stripe_clock };

    the_emulator = emulator_new(&o);
    if (emulator_add_webhook(the_emulator, S(NODE_ADDRESS), S(SIM_SECRET), &e) != ST_OK)
        abort(); /* the courier signs anew */
}

struct emulator *emu(void)
{
    return the_emulator;
}

static void put_header(struct http_request *q, str name, str value)
{
    q->header[q->n_headers++] = (struct http_header){ name, value };
}

/* The side whose account and mode this key is of; SIDES: neither's. */
static unsigned key_reaches(const char *key)
{
    for (unsigned i = 0; i < sides(); i++)
        if (strcmp(key, side_at(i)->key) == 0 || strcmp(key, side_at(i)->restricted) == 0)
            return i;
    return SIDES;
}

static bool was_foreign[SIDES];

bool stripe_key_was_foreign(unsigned which)
{
    return was_foreign[which];
}

void stripe_key_is(unsigned which, const char *key)
{
    was_foreign[which] |= key && key_reaches(key) != which;
    slot[which] = key;
}

bool stripe_key_is_own(unsigned which)
{
    return !slot[which] || key_reaches(slot[which]) == which;
}

/* The emulator answers at once, whole and right. */
static void ask_with(const char *key, str method, str path, str query, str form, str idem_key,
                     struct http_response *out, struct arena *a)
{
    struct error e = { 0 };
    str mark = query.n ? S("?") : S("");
    struct http_request q = { .method = method, .path = path, .query = query, .body = form };

    q.target = arena_printf(a, "%.*s%.*s%.*s", STR_ARG(path), STR_ARG(mark), STR_ARG(query));
    put_header(&q, S("Authorization"), arena_printf(a, "Bearer %s", key));
    if (guest())
        put_header(&q, S("Stripe-Account"), str_of(guest_account(guest())));
    if (idem_key.n)
        put_header(&q, S("Idempotency-Key"), idem_key);
    if (emulator_handle(the_emulator, &q, a, out, &e) != ST_OK)
        broke(PROMISE_SOUND, "the emulator has no answer to %.*s: %s", STR_ARG(path), e.text);
    if (out->status == 200 && key_reaches(key) < SIDES)
        ids_learn(guest() ? owner() : key_reaches(key), out->body);
}

static void ask(const char *key, str method, str path, str query, str form,
                struct http_response *out, struct arena *a)
{
    ask_with(key, method, path, query, form, S(""), out, a);
}

int emu_ask(const char *method, str path, str query, str form, str *body, struct arena *a)
{
    struct http_response r;

    ask(side()->key, str_of(method), path, query, form, &r, a);
    if (body)
        *body = arena_copy(a, r.body);
    return r.status;
}

bool emu_account(char out[ACCOUNT_ID_MAX + 1])
{
    ARENA(a, 1 << 20);
    str body;

    if (emu_ask("GET", S("/v1/account"), S(""), S(""), &body, &a) != 200)
        return false;
    str id = json_text(body, S("id"), &a);
    snprintf(out, ACCOUNT_ID_MAX + 1, "%.*s", STR_ARG(id));
    return id.n != 0;
}

/* ---- faults ------------------------------------------------------------------------------- */

/* Paths that were answered with a 404 although the object is there, as by a replica that is late:
 * not again
 * before a request that was sent later has been told the truth, and another one was sent. */
static struct lie {
    char path[PATH_BYTES_MAX];
    uint64_t told, heard; /* when, in requests; heard 0: nobody has heard the truth since */
} lied[OWNERS][LIES_MAX];
static size_t n_lied[OWNERS];
static uint64_t n_sent;

static struct lie *lie_about(str path)
{
    struct lie *mine = lied[owner()];

    for (size_t i = 0; i < n_lied[owner()]; i++)
        if (str_eqz(path, mine[i].path))
            return &mine[i];
    return NULL;
}

/* What was heard may not get to the disk. */
static bool truth_may_be_lost(const struct climate *c)
{
    const struct disk_climate *d = &c->disk;

    return d->read_fails || d->write_fails || d->sync_fails || c->full_spells;
}

static bool lies(struct climate *c, str path, uint64_t sent)
{
    struct lie *before = lie_about(path);

    if (!seed_chance(c->lies) || !check_never_deleted(path))
        return false;
    if (before && (!before->heard || sent <= before->heard || truth_may_be_lost(c)))
        return false;
    /* A claim knows of the misses before it, and of nothing that was heard since it began. */
    if (before && fibre_noted() <= before->heard)
        return false;
    if (!before && n_lied[owner()] == LIES_MAX)
        return false;
    if (!before)
        before = &lied[owner()][n_lied[owner()]++];
    snprintf(before->path, sizeof before->path, "%.*s", STR_ARG(path));
    before->told = n_sent;
    before->heard = 0;
    return true;
}

static void answer_with(struct stripe_response *p, int status, str body)
{
    *p = (struct stripe_response){ .http_status = status, .body = body };
}

static void limit(struct stripe_response *p)
{
    static const char *const reason[] = { "",
                                          "global-rate",
                                          "endpoint-rate",
                                          "global-concurrency",
                                          "endpoint-concurrency",
                                          "resource-specific" };
    bool lock = seed_chance(20);

    answer_with(p, 429,
                lock ? S("{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"lock_timeout\","
                         "\"message\":\"This object cannot be accessed right now\"}}")
                     : S("{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"rate_limit\","
                         "\"message\":\"Request rate limit exceeded.\"}}"));
    if (!lock)
        p->limit_reason = str_of(reason[seed_draw() % COUNT(reason)]);
    tally->limited++;
    mark(MARK_LIMITED);
}

/* With its own key: not with one that reaches somebody else. */
static bool asks_own(const struct sim_seam *s)
{
    return sides() == 1 || key_reaches(s->key) == s->side;
}

/* An answer that the emulator has no part in. False: it shall answer. */
static bool answer_wrongly(const struct sim_seam *s, str path, uint64_t sent,
                           struct stripe_response *p)
{
    struct climate *c = s->c;
    static const int server[] = { 500, 502, 503, 504 };
    const str error = S("{\"error\":{\"type\":\"api_error\",\"message\":\"We are sorry\"}}");
    const str page = S("<html><body><h1>It works!</h1></body></html>");

    if (seed_chance(c->limited)) {
        limit(p);
        return true;
    }
    if (seed_chance(c->errors)) {
        bool html = seed_chance(30);
        answer_with(p, server[seed_draw() % COUNT(server)], html ? page : error);
        if (seed_chance(20))
            p->should_retry = seed_chance(50) ? SHOULD_RETRY_NO : SHOULD_RETRY_YES;
        tally->errors++;
        return true;
    }
    if (seed_chance(c->html)) {
        answer_with(p, seed_chance(50) ? 200 : 302, page);
        tally->html++;
        return true;
    }
    if (seed_chance(c->key_refused)) {
        answer_with(p, 401,
                    S("{\"error\":{\"type\":\"invalid_request_error\",\"message\":"
                      "\"Invalid API Key provided\"}}"));
        tally->refused++;
        return true;
    }
    if (seed_chance(c->forbidden) && !str_eq(path, S("/v1/account")) &&
        !str_eq(path, S("/v1/balance"))) {
        answer_with(p, 403,
                    S("{\"error\":{\"type\":\"invalid_request_error\",\"message\":"
                      "\"Permission denied\"}}"));
        tally->refused++;
        return true;
    }
    if (asks_own(s) && lies(c, path, sent)) {
        trace("Stripe lies: 404 for %.*s, which is there", STR_ARG(path));
        answer_with(p, 404,
                    S("{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
                      "\"resource_missing\",\"message\":\"No such object\",\"param\":\"id\"}}"));
        tally->lies++;
        return true;
    }
    return false;
}

/* "limit=100" as the page size of this climate: a server may always answer less. */
static str smaller_page(const struct climate *c, str query, struct arena *a)
{
    const str asked = S("limit=100");

    for (size_t i = 0; c->page_limit < 100 && i + asked.n <= query.n; i++)
        if (str_starts(str_sub(query, i, query.n), asked))
            return arena_printf(a, "%.*slimit=%u%.*s", (int)i, query.p, c->page_limit,
                                STR_ARG(str_sub(query, i + asked.n, query.n)));
    return query;
}

/* What was deleted last, as lists that lag still show it. */
static struct ghost {
    char list[64], path[128]; /* "/v1/products", "/v1/products/prod_1" */
    char *body;
    size_t n;
} ghosts[OWNERS];

void stripe_remember(str path, str body)
{
    struct ghost *g = &ghosts[owner()];
    size_t slash = path.n;

    while (slash && path.p[slash - 1] != '/')
        slash--;
    snprintf(g->list, sizeof g->list, "%.*s", (int)(slash ? slash - 1 : 0), path.p);
    snprintf(g->path, sizeof g->path, "%.*s", STR_ARG(path));
    free(g->body);
    g->body = malloc(body.n + 1);
    if (!g->body)
        abort();
    memcpy(g->body, body.p, body.n);
    g->n = body.n;
}

/* It may have been made anew. */
static bool is_gone(str path, struct arena *a)
{
    struct http_response r;

    ask(side()->key, S("GET"), path, S(""), S(""), &r, a);
    return r.status == 404 || json_bool(r.body, S("deleted")) == JSON_TRUE;
}

static bool is_last(str rest)
{
    rest = str_trim(rest);
    return rest.n && rest.p[0] == ']';
}

/* A list that is not quite up to date: it shows what is deleted, or lacks what is there. Its last
 * element stays: it is the cursor. */
static str out_of_date(const struct climate *c, str path, str body, struct arena *a)
{
    const struct ghost *g = &ghosts[owner()];
    bool haunted =
        g->n && str_eqz(path, g->list) && seed_chance(c->ghosts) && is_gone(str_of(g->path), a);
    struct json_token data = json_member(body, S("data"));

    bool nested = str_find(str_sub(path, 4, path.n), '/') != path.n - 4;

    if (str_eqz(path, ENDPOINTS)) /* what is made twice is made at Stripe's fault */
        return body;

    if (data.type != JSON_ARRAY || nested || (!haunted && !c->omissions))
        return body;
    BUF(b, 4 << 20);
    size_t n = 0;
    buf_append(&b, str_sub(body, 0, (size_t)(data.text.p - body.p) + 1));
    struct json_reader r;
    json_init(&r, data.text);
    (void)json_next(&r);
    for (struct json_token t; (t = json_value(&r)).type == JSON_OBJECT;) {
        str rest = { r.at, (size_t)(r.end - r.at) };
        if (!is_last(rest) && seed_chance(c->omissions)) {
            trace("the list %.*s lacks %.*s", STR_ARG(path),
                  STR_ARG(json_text(t.text, S("id"), a)));
            check_hidden(json_text(t.text, S("object"), a), json_text(t.text, S("id"), a));
            continue;
        }
        if (haunted && !n)
            buf_printf(&b, "%.*s,", (int)g->n, g->body);
        buf_printf(&b, "%s%.*s", n ? "," : "", STR_ARG(t.text));
        n++;
    }
    if (haunted && n)
        trace("the list %.*s shows what is deleted", STR_ARG(path));
    size_t behind = (size_t)(data.text.p - body.p) + data.text.n - 1;
    buf_append(&b, str_sub(body, behind, body.n));
    return b.failed ? body : arena_copy(a, buf_str(&b));
}

/* ---- the list of events: what has just happened may show up later ---- */

static uint64_t hash(str s)
{
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3;
    return h ^ h >> 29;
}

static bool shows_up(const struct climate *c, str event, struct arena *a)
{
    int64_t created = 0;

    if (!json_int(event, S("created"), &created))
        return true;
    msec late = (msec)(hash(json_text(event, S("id"), a)) % (uint64_t)(c->list_lag_ms + 1));
    return created * 1000 + late <= clock_wall(&stripe_clock);
}

/* The page without what has not shown up yet; how many it shows, and the last one's id. */
static str without_the_latest(const struct climate *c, str body, size_t *shown, str *last,
                              struct arena *a)
{
    struct json_token data = json_member(body, S("data"));
    struct json_reader r;
    BUF(b, 8 << 20);

    *shown = 0;
    buf_append(&b, str_sub(body, 0, (size_t)(data.text.p - body.p) + 1));
    json_init(&r, data.text);
    (void)json_next(&r);
    for (struct json_token t; (t = json_value(&r)).type == JSON_OBJECT;) {
        *last = json_text(t.text, S("id"), a);
        if (!shows_up(c, t.text, a)) {
            trace("the list of events lacks %.*s yet", STR_ARG(*last));
            mark(MARK_EVENT_LATE_IN_LIST);
            continue;
        }
        buf_printf(&b, "%s%.*s", *shown ? "," : "", STR_ARG(t.text));
        ++*shown;
    }
    size_t behind = (size_t)(data.text.p - body.p) + data.text.n - 1;
    buf_append(&b, str_sub(body, behind, body.n));
    return arena_copy(a, buf_str(&b));
}

/* A page that has nothing to show is none: the next one takes its place. */
static str list_events(struct sim_seam *s, str query, str body, struct arena *a)
{
    struct http_response r;
    size_t shown;
    str last = { 0 };

    for (;;) {
        if (json_member(body, S("data")).type != JSON_ARRAY)
            return body;
        str page = without_the_latest(s->c, body, &shown, &last, a);
        if (shown || !last.n || json_bool(body, S("has_more")) != JSON_TRUE)
            return page;
        str next = query, head = query;
        for (size_t i = 0; i < query.n; i++)
            if (str_starts(str_sub(query, i, query.n), S("&starting_after="))) {
                head = str_sub(query, 0, i);
                break;
            }
        next = arena_printf(a, "%.*s&starting_after=%.*s", STR_ARG(head), STR_ARG(last));
        ask(s->key, S("GET"), S("/v1/events"), next, S(""), &r, a);
        body = r.body;
    }
}

static void answer_rightly(struct sim_seam *s, const struct stripe_request *q,
                           struct stripe_response *p, struct arena *a)
{
    ARENA(scratch, EMULATOR_ANSWER_BYTES_MAX);
    struct http_response r;

    bool events = str_eq(q->path, S("/v1/events"));
    str query = smaller_page(s->c, q->query, &scratch);
    ask(s->key, S("GET"), q->path, query, S(""), &r, &scratch);
    str body = arena_copy(a, r.body);
    *p = (struct stripe_response){
        .http_status = r.status,
        .date = clock_wall(&stripe_clock) / 1000 * 1000,
        .body = events        ? list_events(s, query, body, a)
                : asks_own(s) ? out_of_date(s->c, q->path, body, a)
                              : body,
    };
    for (size_t i = 0; i < r.n_headers; i++)
        if (str_eq(r.header[i].name, S("Request-Id")))
            p->request_id = arena_copy(a, r.header[i].value);
    if (seed_chance(s->c->truncated) && p->body.n) {
        p->body = str_sub(p->body, 0, (size_t)seed_between(0, (int64_t)p->body.n - 1));
        tally->truncated++;
    }
}

/* ---- what a switch writes ---- */

/* The endpoint that a switch has made, by side. */
static struct {
    char key[IDEM_BYTES_MAX], secret[IDEM_BYTES_MAX];
} made[SIDES];

static void note_endpoint(const struct stripe_request *q, const struct stripe_response *p)
{
    ARENA(a, 1 << 20);

    if (p->http_status != 200 || p->replayed)
        return;
    if (made[fibre_side()].key[0])
        broke(PROMISE_KEYS, "a second endpoint is made for %s, under %.*s", side()->name,
              STR_ARG(q->idem_key));
    snprintf(made[fibre_side()].key, IDEM_BYTES_MAX, "%.*s", STR_ARG(q->idem_key));
    snprintf(made[fibre_side()].secret, IDEM_BYTES_MAX, "%.*s",
             STR_ARG(json_text(p->body, S("secret"), &a)));
    mark(MARK_ENDPOINT_MADE);
}

void stripe_check_endpoint(const char *key, const char *kept)
{
    if (strcmp(made[fibre_side()].key, key) == 0 && strcmp(made[fibre_side()].secret, kept) != 0)
        broke(PROMISE_WHOLE, "the secret of %s's endpoint is lost", side()->name);
}

str stripe_endpoint_secret(void)
{
    return str_of(made[fibre_side()].secret);
}

/* ---- what operations write ---- */

enum { FAILURES_MAX = 64 };

/* Keys under which Stripe keeps a failure although the request was carried out. */
static char failed[FAILURES_MAX][IDEM_BYTES_MAX];
static size_t n_failed;

static bool fails_for_good(const struct climate *c, str key)
{
    for (size_t i = 0; i < n_failed; i++)
        if (str_eqz(key, failed[i]))
            return true;
    if (n_failed == FAILURES_MAX || !seed_chance(c->errors))
        return false;
    snprintf(failed[n_failed++], IDEM_BYTES_MAX, "%.*s", STR_ARG(key));
    return true;
}

static bool is_replay(const struct http_response *r)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (str_eqz(r->header[i].name, "Idempotent-Replayed"))
            return true;
    return false;
}

/* It takes effect here, once a key, whatever is answered. */
static void answer_write(struct sim_seam *s, const struct stripe_request *q,
                         struct stripe_response *p, struct arena *a)
{
    ARENA(scratch, EMULATOR_ANSWER_BYTES_MAX);
    struct http_response r;

    ask_with(s->key, S("POST"), q->path, q->query, q->form, q->idem_key, &r, &scratch);
    bool replayed = is_replay(&r);
    *p = (struct stripe_response){ .http_status = r.status,
                                   .date = clock_wall(&stripe_clock) / 1000 * 1000,
                                   .replayed = replayed,
                                   .body = arena_copy(a, r.body) };
    if (str_eqz(q->path, ENDPOINTS))
        note_endpoint(q, p);
    else
        orders_written(q, p);
    emulator_advance(the_emulator);
    courier_collect();
    if (r.status == 200 && fails_for_good(s->c, q->idem_key)) {
        mark(MARK_STORED_FAILURE);
        answer_with(p, 500, S("{\"error\":{\"type\":\"api_error\",\"message\":\"We are sorry\"}}"));
        p->replayed = replayed;
    }
}

/* ---- the seam ----------------------------------------------------------------------------- */

static msec travel(const struct climate *c, unsigned stall)
{
    if (seed_chance(stall)) {
        tally->stalled++;
        mark(MARK_STALLED);
        return seed_between(c->set.lease_ms / 2, c->set.lease_ms * 3);
    }
    bool slow = seed_chance(c->slow);
    tally->slow += slow;
    return seed_between(1, slow ? c->answer_ms_max * SLOW_FACTOR : c->answer_ms_max);
}

/* Of what may be cut off meanwhile. */
static enum status on_its_way(const struct sim_seam *s, unsigned stall, struct error *e)
{
    msec span = travel(s->c, stall), end = fibre_now() + span;

    while (s->crosses && fibre_now() < end && !abandoned[fibre_life()])
        fibre_pause(end - fibre_now() < CUT_MS ? end - fibre_now() : CUT_MS);
    if (!s->crosses)
        fibre_pause(end - fibre_now());
    return abandoned[fibre_life()] ? fail(e, ST_RETRY, "the call was cut off") : ST_OK;
}

static enum status lost(struct error *e, const char *when)
{
    return fail(e, ST_RETRY, "the connection was reset %s", when);
}

static void hear(str path, str body, uint64_t sent)
{
    struct lie *lie = lie_about(path);

    if (lie && sent > lie->told)
        lie->heard = n_sent;
    check_heard(body);
}

/* The network at its worst: what is on its way waits for the merchant, and arrives some time behind
 * what he did. */
static void spite(unsigned percent)
{
    unsigned acts = merchant_acts();

    if (!seed_chance(percent))
        return;
    for (msec end = fibre_now() + SPITE_MS_MAX; merchant_acts() == acts && fibre_now() < end;)
        fibre_pause(50);
    fibre_pause(seed_between(0, SPITE_BEHIND_MS_MAX));
    tally->spited++;
}

static enum status call(struct sim_seam *s, const struct stripe_request *q,
                        struct stripe_response *p, struct arena *a, struct error *e)
{
    struct climate *c = s->c;
    uint64_t sent = ++n_sent;

    if (on_its_way(s, c->stall_before, e) != ST_OK)
        return ST_RETRY;
    spite(c->spite_before);
    if (seed_chance(c->lost_before)) {
        tally->lost_before++;
        return lost(e, "before Stripe saw the request");
    }
    guest_is(guest_of(q->account));
    if (!answer_wrongly(s, q->path, sent, p))
        q->method == STRIPE_POST ? answer_write(s, q, p, a) : answer_rightly(s, q, p, a);
    int status = p->http_status;
    check_asked(q->path, status, p->body);
    guest_is(0);
    if (on_its_way(s, c->stall_after, e) != ST_OK)
        return ST_RETRY;
    spite(c->spite_after);
    if (seed_chance(c->lost_after)) {
        tally->lost_after++;
        mark(MARK_LOST_AFTER);
        return lost(e, "after Stripe had answered");
    }
    guest_is(guest_of(q->account));
    if (p->http_status == 200 && json_valid(p->body))
        hear(q->path, p->body, sent);
    guest_is(0);
    return ST_OK;
}

/* The versions that an answer shows: of the object, or of each of a list's. */
static void tell_answer(str path, const struct stripe_response *p)
{
    ARENA(a, 1 << 20);
    char shown[200] = "";
    size_t n = 0;
    struct json_reader r;
    struct json_token list = { .type = JSON_END };

    if (p->http_status == 200 && json_valid(p->body)) {
        list = json_member(p->body, S("data"));
        int64_t version = version_of(p->body);
        if (version)
            n = (size_t)snprintf(shown, sizeof shown, " version %lld", (long long)version);
    }
    json_init(&r, list.type == JSON_ARRAY ? list.text : S("[]"));
    (void)json_next(&r);
    for (struct json_token t; (t = json_value(&r)).type == JSON_OBJECT && n < sizeof shown;) {
        str id = json_text(t.text, S("id"), &a);
        n += (size_t)snprintf(shown + n, sizeof shown - n, " %.*s:%lld", STR_ARG(id),
                              (long long)version_of(t.text));
    }
    trace("hears %d for %.*s%s", p->http_status, STR_ARG(path), shown);
}

static bool is_endpoint(const struct stripe_request *q)
{
    return q->method == STRIPE_POST && str_eqz(q->path, ENDPOINTS) && str_eqz(q->cause, "switch");
}

static bool takes_orders(const struct stripe *stripe)
{
    return ((const struct sim_seam *)stripe)->c->orders;
}

/* A number for a key, as backend/stripe_http.c makes one. */
static uint64_t key_print(const char *key)
{
    return hash(str_of(key)) | 1;
}

/* Which key stands in the request: usually its own. */
static const char *key_of_request(const struct sim_seam *s, const struct stripe_request *q)
{
    enum { IDENTITY_RARER = 8 };
    bool identity = str_eqz(q->cause, "identity");
    const char *in_slot = slot[s->side]      ? slot[s->side]
                          : s->c->restricted ? side_at(s->side)->restricted
                                             : side_at(s->side)->key;

    if (s->wrong_key)
        return OTHER_KEY;
    if (is_endpoint(q)) /* what is made with a wrong key nobody takes back: not played */
        return side_at(s->side)->key;
    if (!s->c->exchanged || !seed_chance(s->c->exchanged) ||
        (identity && seed_draw() % IDENTITY_RARER))
        return in_slot;
    mark(MARK_KEY_STRUCK);
    was_foreign[s->side] = true;
    return seed_chance(60) ? side_at(SIDES - 1 - s->side)->key : OTHER_KEY;
}

/* Environments are apart: neither asks with the other's client, nor for what the other one has. */
static void check_apart(const struct sim_seam *s, const struct stripe_request *q)
{
    if (s->side != fibre_side())
        broke(PROMISE_APART, "%s asks Stripe as %s", side()->name, side_at(s->side)->name);
    if (q->account.n && !guest_of(q->account))
        broke(PROMISE_APART, "%s asks as %.*s, which is not connected", side()->name,
              STR_ARG(q->account));
    guest_is(guest_of(q->account));
    str id = ids_foreign(q->path);
    if (!id.n)
        id = ids_foreign(q->query);
    if (id.n)
        broke(PROMISE_APART, "%s asks for %.*s as %s, but it is somebody else's", side()->name,
              STR_ARG(id), owner_account());
    guest_is(0);
}

static enum status sim_call(struct stripe *stripe, const struct stripe_request *q,
                            struct stripe_response *p, struct arena *a, struct error *e)
{
    struct sim_seam s = *(struct sim_seam *)stripe;
    unsigned came_from = fibre_side();
    bool order = q->method == STRIPE_POST && takes_orders(stripe) && str_starts(q->cause, S("op_"));
    bool write = order || (s.crosses && is_endpoint(q));

    if (s.crosses)
        fibre_go_to(s.side);
    if (tx_writing())
        broke(PROMISE_SOUND, "Stripe was called inside a write transaction");
    if (q->method != STRIPE_GET && !write)
        broke(PROMISE_READ_ONLY, "the mirror sends %s %.*s to Stripe",
              q->method == STRIPE_POST ? "POST" : "DELETE", STR_ARG(q->path));
    check_apart(&s, q);
    if (order)
        orders_sent(q);
    tally->requests++;
    check_rate();
    s.key = key_of_request(&s, q);
    trace("asks %s %.*s%s%.*s (%.*s)%s%.*s%s", write ? "POST" : "GET", STR_ARG(q->path),
          q->query.n || write ? "?" : "", STR_ARG(write ? q->form : q->query), STR_ARG(q->cause),
          q->account.n ? " as " : "", STR_ARG(q->account),
          key_reaches(s.key) == s.side ? "" : " with another's key");
    under_way[fibre_life()]++;
    enum status st = call(&s, q, p, a, e);
    under_way[fibre_life()]--;
    if (st == ST_OK)
        p->key = key_print(s.key);
    if (st == ST_OK)
        tell_answer(q->path, p);
    else
        trace("hears nothing for %.*s: %s", STR_ARG(q->path), e->text);
    fibre_go_to(came_from);
    return st;
}

static void sim_close(struct stripe *s)
{
    free(s);
}

static const struct stripe_ops ops = { "sim", sim_call, sim_close };

struct stripe *sim_stripe(struct climate *c, bool wrong_key, bool crosses)
{
    struct sim_seam *s = calloc(1, sizeof *s);

    if (!s)
        abort();
    *s = (struct sim_seam){ { &ops }, c, fibre_side(), wrong_key, crosses, NULL };
    return &s->stripe;
}

unsigned sim_stripe_calls(void)
{
    unsigned n = 0;

    for (size_t i = 0; i < LIVES_MAX; i++)
        n += under_way[i];
    return n;
}

void sim_stripe_abandon(unsigned life)
{
    abandoned[life] = true;
}

void sim_stripe_claimed(void)
{
    fibre_note(n_sent);
}

void sim_stripe_forget(unsigned life)
{
    under_way[life] = 0;
    for (size_t i = 0; i < COUNT(lied) * LIES_MAX; i++)
        lied[i / LIES_MAX][i % LIES_MAX].heard = 0; /* it may have been on its way to the disk */
}
