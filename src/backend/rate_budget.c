#include "backend/rate_budget.h"

#include <stdlib.h>

#include "base/json.h"

enum {
    BURST_SHARE = 20,              /* a twentieth of a second's requests may start at once */
    BURST_MIN = 2,                 /* what a late wake-up missed can be made up for */
    FLOOR_SHARE = 10,              /* learning lowers a rate to a tenth of its limit at most */
    CONCURRENT_RECOVERY_MS = 1000, /* one more under way for each such quiet time */
    LIMIT_BODY_BYTES_MAX = 64 << 10,
};

/* One rate: the exact window and the pace. Rates are in requests in 1000 seconds ("milli"). */
struct rate {
    int64_t limit_milli, now_milli; /* 0: unlimited */
    msec lowered_at;                /* requests granted before do not lower it again */
    msec raised_at;                 /* up to when its recovery has been counted */
    int64_t due_ns;                 /* when the pace has worked off all that started */
    msec *started;                  /* the last starts in their order, a ring as large as limit */
    size_t n_ring;
    uint64_t n_started; /* start number i is at i % n_ring */
};

struct rate_bucket {
    uint64_t endpoint;
    unsigned users; /* requests that wait in it or are under way */
    msec used_at;
    struct rate rate;
};

struct lane {
    struct rate_request *first, *last;
    unsigned n;
};

struct rate_budget {
    struct rate_options options;
    struct rate whole;
    struct rate_bucket bucket[RATE_ENDPOINTS_MAX]; /* the first is for those that find no other */
    size_t n_buckets;
    msec *rings; /* of all rates */
    struct lane lane[LANE_COUNT];
    uint64_t joins; /* gives requests their order */
    uint64_t turns; /* grants */
    unsigned in_flight, in_flight_now;
    msec concurrency_lowered_at, concurrency_raised_at;
    msec paused_until;
    uint64_t limited, locked;
    msec limited_at;
};

/* ---- one rate ---------------------------------------------------------------------------- */

static void rate_init(struct rate *r, unsigned per_second, msec *ring)
{
    *r = (struct rate){ .limit_milli = (int64_t)per_second * 1000,
                        .now_milli = (int64_t)per_second * 1000,
                        .lowered_at = INT64_MIN,
                        .started = ring,
                        .n_ring = per_second };
}

static int64_t pace_ns(const struct rate *r)
{
    return INT64_C(1000000000000) / r->now_milli;
}

/* How many may start in one window. */
static size_t window_size(const struct rate *r)
{
    size_t n = (size_t)(r->now_milli / 1000);
    return n ? n : 1;
}

static int64_t burst(const struct rate *r)
{
    int64_t n = r->now_milli / 1000 / BURST_SHARE;
    return n > BURST_MIN ? n : BURST_MIN;
}

static msec *start_number(const struct rate *r, uint64_t i)
{
    return &r->started[i % r->n_ring];
}

/* The earliest time at which one more may start. */
static msec rate_free_at(const struct rate *r)
{
    if (!r->limit_milli)
        return INT64_MIN;
    int64_t ns = r->due_ns - (burst(r) - 1) * pace_ns(r);
    msec at = ns > 0 ? (ns + 999999) / 1000000 : 0;
    size_t n = window_size(r);
    if (r->n_started >= n) {
        msec oldest = *start_number(r, r->n_started - n);
        if (oldest + RATE_WINDOW_MS > at)
            at = oldest + RATE_WINDOW_MS;
    }
    return at;
}

static void rate_start(struct rate *r, msec now)
{
    if (!r->limit_milli)
        return;
    int64_t now_ns = now * 1000000;
    r->due_ns = (r->due_ns > now_ns ? r->due_ns : now_ns) + pace_ns(r);
    *start_number(r, r->n_started++) = now;
}

/* A start that was granted then is one of now: it becomes the latest. */
static void rate_begin(struct rate *r, msec granted_at, msec now)
{
    uint64_t end = r->n_started;
    uint64_t first = end > r->n_ring ? end - r->n_ring : 0, i = end;

    if (!r->limit_milli || granted_at == now)
        return;
    while (i > first && *start_number(r, i - 1) != granted_at)
        i--;
    if (i == first) /* so late that it has been forgotten */
        return;
    for (; i < end; i++)
        *start_number(r, i - 1) = *start_number(r, i);
    *start_number(r, end - 1) = now;
}

static void rate_lower(struct rate *r, msec granted_at, msec now)
{
    if (!r->limit_milli || granted_at <= r->lowered_at)
        return;
    int64_t least = r->limit_milli / FLOOR_SHARE > 1000 ? r->limit_milli / FLOOR_SHARE : 1000;
    r->now_milli = r->now_milli * 3 / 4;
    if (r->now_milli < least)
        r->now_milli = least < r->limit_milli ? least : r->limit_milli;
    r->lowered_at = r->raised_at = now;
}

static void rate_recover(struct rate *r, msec now)
{
    if (r->now_milli == r->limit_milli || now <= r->raised_at)
        return;
    int64_t more = r->limit_milli * (now - r->raised_at) / RATE_RECOVERY_MS;
    if (!more)
        return;
    r->now_milli += more;
    if (r->now_milli > r->limit_milli)
        r->now_milli = r->limit_milli;
    r->raised_at = now;
}

/* ---- endpoints --------------------------------------------------------------------------- */

static void bucket_init(struct rate_budget *b, size_t i, uint64_t endpoint)
{
    unsigned n = b->options.endpoint_per_second;

    b->bucket[i] = (struct rate_bucket){ .endpoint = endpoint };
    rate_init(&b->bucket[i].rate, n, b->rings + b->options.per_second + i * n);
}

/* The endpoint's bucket; a new one takes the place of the one unused for longest. */
static struct rate_bucket *bucket_of(struct rate_budget *b, uint64_t endpoint, msec now)
{
    size_t oldest = 0;

    if (!b->options.endpoint_per_second)
        return &b->bucket[0];
    for (size_t i = 1; i < b->n_buckets; i++)
        if (b->bucket[i].endpoint == endpoint)
            return &b->bucket[i];
    if (b->n_buckets < RATE_ENDPOINTS_MAX) {
        bucket_init(b, b->n_buckets, endpoint);
        return &b->bucket[b->n_buckets++];
    }
    for (size_t i = 1; i < b->n_buckets; i++)
        if (b->bucket[i].users == 0 && b->bucket[i].used_at + RATE_WINDOW_MS <= now &&
            (!oldest || b->bucket[i].used_at < b->bucket[oldest].used_at))
            oldest = i;
    if (oldest)
        bucket_init(b, oldest, endpoint);
    return &b->bucket[oldest];
}

/* Collections whose ids their owners choose: any word behind them is one. */
static bool has_chosen_ids(str collection)
{
    static const char *const name[] = { "coupons", "products",       "prices",
                                        "plans",   "exchange_rates", "promotion_codes" };

    for (size_t i = 0; i < COUNT(name); i++)
        if (str_eqz(collection, name[i]))
            return true;
    return false;
}

/* Stripe's own words in paths are of small letters and underscores ("3d_secure" aside). */
static bool is_word(str segment)
{
    if (str_eqz(segment, "v1") || str_eqz(segment, "v2") || str_eqz(segment, "3d_secure"))
        return true;
    for (size_t i = 0; i < segment.n; i++)
        if ((segment.p[i] < 'a' || segment.p[i] > 'z') && segment.p[i] != '_')
            return false;
    return true;
}

static uint64_t hash(uint64_t h, str s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    return h;
}

uint64_t rate_endpoint(enum stripe_method method, str path)
{
    uint64_t h = hash(UINT64_C(0xcbf29ce484222325) + (unsigned)method, S(""));
    str segment, before = { 0 };

    while (path.p) {
        path = str_cut(path, '/', &segment);
        bool is_id = !is_word(segment) || (has_chosen_ids(before) && !str_eqz(segment, "search"));
        h = hash(hash(h, S("/")), is_id ? S(":") : segment);
        before = segment;
    }
    return h;
}

/* ---- what an answer says ----------------------------------------------------------------- */

enum rate_verdict rate_judge(const struct stripe_response *r)
{
    if (r->http_status != 429)
        return RATE_FINE;
    if (str_eqz(r->limit_reason, "global-rate"))
        return RATE_GLOBAL;
    if (str_eqz(r->limit_reason, "global-concurrency"))
        return RATE_CONCURRENT;
    if (str_starts(r->limit_reason, S("endpoint-")))
        return RATE_ENDPOINT;
    if (r->limit_reason.n)
        return RATE_OTHER;
    struct json_token code;
    if (r->body.n > LIMIT_BODY_BYTES_MAX || !json_paths(r->body, &S("error.code"), 1, &code))
        return RATE_OTHER;
    return str_eqz(code.text, "\"rate_limit\"")     ? RATE_GLOBAL
           : str_eqz(code.text, "\"lock_timeout\"") ? RATE_LOCKED
                                                    : RATE_OTHER;
}

/* ---- the budget -------------------------------------------------------------------------- */

static unsigned at_most(unsigned n, unsigned max)
{
    return n < max ? n : max;
}

struct rate_budget *rate_budget_new(const struct rate_options *o)
{
    struct rate_budget *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->options.per_second = at_most(o->per_second, RATE_PER_SECOND_MAX);
    b->options.endpoint_per_second = at_most(o->endpoint_per_second, RATE_PER_SECOND_MAX);
    b->options.in_flight_max = o->in_flight_max ? o->in_flight_max : RATE_IN_FLIGHT;
    b->rings = calloc(1 + b->options.per_second +
                          (size_t)b->options.endpoint_per_second * RATE_ENDPOINTS_MAX,
                      sizeof *b->rings);
    if (!b->rings) {
        free(b);
        return NULL;
    }
    rate_init(&b->whole, b->options.per_second, b->rings);
    bucket_init(b, 0, 0);
    b->n_buckets = 1;
    b->in_flight_now = b->options.in_flight_max;
    b->concurrency_lowered_at = b->paused_until = INT64_MIN;
    return b;
}

void rate_budget_free(struct rate_budget *b)
{
    if (!b)
        return;
    assert(b->in_flight == 0);
    free(b->rings);
    free(b);
}

void rate_budget_join(struct rate_budget *b, struct rate_request *q, msec now)
{
    struct lane *lane = &b->lane[q->lane];

    assert(q->lane < LANE_COUNT);
    q->bucket = bucket_of(b, q->endpoint, now);
    q->bucket->users++;
    q->joined = b->joins++;
    q->granted = false;
    q->next = NULL;
    q->prev = lane->last;
    *(lane->last ? &lane->last->next : &lane->first) = q;
    lane->last = q;
    lane->n++;
}

static void take_out(struct rate_budget *b, struct rate_request *q)
{
    struct lane *lane = &b->lane[q->lane];

    *(q->prev ? &q->prev->next : &lane->first) = q->next;
    *(q->next ? &q->next->prev : &lane->last) = q->prev;
    q->next = q->prev = NULL;
    lane->n--;
}

void rate_budget_leave(struct rate_budget *b, struct rate_request *q)
{
    assert(!q->granted);
    take_out(b, q);
    q->bucket->users--;
}

/* The first in this lane whose endpoint has room. */
static struct rate_request *first_able(const struct lane *lane, msec now)
{
    for (struct rate_request *q = lane->first; q; q = q->next)
        if (rate_free_at(&q->bucket->rate) <= now)
            return q;
    return NULL;
}

static struct rate_request *pick(const struct rate_budget *b, msec now)
{
    bool is_fair_turn = b->turns % RATE_FAIR_SHARE == RATE_FAIR_SHARE - 1;
    struct rate_request *best = NULL, *longest = NULL;

    for (size_t lane = 0; lane < LANE_COUNT && (!best || is_fair_turn); lane++) {
        struct rate_request *q = first_able(&b->lane[lane], now);
        if (!best)
            best = q;
        else if (q && (!longest || q->joined < longest->joined))
            longest = q;
    }
    return longest ? longest : best;
}

static void recover(struct rate_budget *b, msec now)
{
    rate_recover(&b->whole, now);
    for (size_t i = 0; i < b->n_buckets; i++)
        rate_recover(&b->bucket[i].rate, now);
    while (b->in_flight_now < b->options.in_flight_max &&
           b->concurrency_raised_at + CONCURRENT_RECOVERY_MS <= now) {
        b->in_flight_now++;
        b->concurrency_raised_at += CONCURRENT_RECOVERY_MS;
    }
}

unsigned rate_budget_grant(struct rate_budget *b, msec now)
{
    unsigned granted = 0;

    recover(b, now);
    while (b->in_flight < b->in_flight_now && b->paused_until <= now &&
           rate_free_at(&b->whole) <= now) {
        struct rate_request *q = pick(b, now);
        if (!q)
            break;
        take_out(b, q);
        rate_start(&b->whole, now);
        rate_start(&q->bucket->rate, now);
        q->bucket->used_at = now;
        q->granted_at = now;
        q->granted = true;
        b->turns++;
        b->in_flight++;
        granted++;
    }
    return granted;
}

void rate_budget_begin(struct rate_budget *b, const struct rate_request *q, msec now)
{
    assert(q->granted);
    rate_begin(&b->whole, q->granted_at, now);
    rate_begin(&q->bucket->rate, q->granted_at, now);
}

static msec later(msec a, msec b)
{
    return a > b ? a : b;
}

msec rate_budget_next(const struct rate_budget *b, msec now)
{
    msec endpoint = NO_DEADLINE;

    for (size_t lane = 0; lane < LANE_COUNT; lane++)
        for (const struct rate_request *q = b->lane[lane].first; q; q = q->next) {
            msec at = rate_free_at(&q->bucket->rate);
            if (at < endpoint)
                endpoint = at;
        }
    if (endpoint == NO_DEADLINE) /* nobody waits */
        return NO_DEADLINE;
    msec at = later(later(endpoint, b->paused_until), rate_free_at(&b->whole));
    if (b->in_flight >= b->in_flight_now) {
        if (b->in_flight >= b->options.in_flight_max)
            return NO_DEADLINE;
        at = later(at, b->concurrency_raised_at + CONCURRENT_RECOVERY_MS);
    }
    return later(at, now + 1);
}

/* Nothing of this rate starts before `until`. */
static void rate_pause(struct rate *r, msec until)
{
    if (r->limit_milli)
        r->due_ns = later(r->due_ns, until * 1000000 + (burst(r) - 1) * pace_ns(r));
}

static void lower_concurrency(struct rate_budget *b, msec granted_at, msec now)
{
    if (granted_at <= b->concurrency_lowered_at)
        return;
    b->in_flight_now = b->in_flight_now > 1 ? b->in_flight_now / 2 : 1;
    b->concurrency_lowered_at = b->concurrency_raised_at = now;
}

bool rate_budget_done(struct rate_budget *b, struct rate_request *q, enum rate_verdict verdict,
                      uint32_t random, msec now)
{
    msec until = now + RATE_PAUSE_MS / 2 + random % (RATE_PAUSE_MS / 2 + 1);

    assert(q->granted && b->in_flight);
    bool was_full = b->in_flight >= b->in_flight_now;
    b->in_flight--;
    q->bucket->users--;
    recover(b, now);
    if (verdict != RATE_FINE && verdict != RATE_LOCKED) {
        b->limited++;
        b->limited_at = now;
    }
    switch (verdict) {
    case RATE_FINE:
    case RATE_OTHER: break;
    case RATE_LOCKED: b->locked++; break;
    case RATE_ENDPOINT:
        rate_lower(&q->bucket->rate, q->granted_at, now);
        rate_pause(&q->bucket->rate, until);
        break;
    case RATE_CONCURRENT: lower_concurrency(b, q->granted_at, now); __attribute__((fallthrough));
    case RATE_GLOBAL:
        rate_lower(&b->whole, q->granted_at, now);
        b->paused_until = later(b->paused_until, until);
        break;
    }
    q->granted = false;
    return was_full;
}

struct rate_stats rate_budget_stats(const struct rate_budget *b)
{
    struct rate_stats s = { .requests = b->turns,
                            .limited = b->limited,
                            .locked = b->locked,
                            .limited_at = b->limited_at,
                            .in_flight = b->in_flight,
                            .in_flight_now = b->in_flight_now,
                            .in_flight_max = b->options.in_flight_max,
                            .rate_milli = b->whole.now_milli,
                            .rate_limit_milli = b->whole.limit_milli,
                            .paused_until = b->paused_until };

    for (size_t i = 0; i < LANE_COUNT; i++)
        s.waiting[i] = b->lane[i].n;
    return s;
}
