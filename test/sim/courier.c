#include "courier.h"

#include "base/json.h"

#include "base/hmac.h"
#include "check.h"
#include "fibre.h"
#include "ids.h"
#include "node.h"
#include "seed.h"
#include "side.h"
#include "stripe.h"
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SENDERS = 6,
    WAITING_MAX = 4096,
    DAY_MS = 86400000,
};

struct delivery {
    char event[64], type[64];
    char *body;
    size_t body_n;
    msec due;
    unsigned left; /* how often it will be sent until it was heard */
    unsigned side; /* whose address it goes to */
    bool stray;    /* the event is the other side's, or a stranger's */
    bool busy;
};

static struct climate *climate;
static struct delivery waiting[WAITING_MAX];
static size_t n_waiting;
static struct gate *gate; /* something to send, or the node is gone */
static struct hmac *signer[SIDES];
static bool calm;
static unsigned strangers; /* events of theirs */

size_t courier_waiting(void)
{
    return n_waiting;
}

static void wake(void)
{
    gate_lock(&sim_sched, gate);
    gate_wake(&sim_sched, gate);
    gate_unlock(&sim_sched, gate);
}

/* Without the lock, which could let others run before the life has ended: nobody runs between
 * somebody's look and his sleep. */
void courier_hang_up(void)
{
    if (gate)
        gate_wake(&sim_sched, gate);
}

static msec how_late(void)
{
    if (calm || !seed_chance(climate->late))
        return seed_between(1, calm ? 200 : climate->delivery_ms_max);
    msec late = seed_between(1, climate->late_ms_max);
    if (late >= DAY_MS)
        mark(MARK_LATE);
    return late;
}

static struct delivery *add(const struct emulator_delivery *d, str body)
{
    assert(n_waiting < WAITING_MAX);
    struct delivery *x = &waiting[n_waiting++];
    *x = (struct delivery){ .due = fibre_now() + how_late(),
                            .left = seed_chance(climate->doubled) ? 2 : 1,
                            .body_n = body.n };
    snprintf(x->event, sizeof x->event, "%.*s", STR_ARG(d->event));
    snprintf(x->type, sizeof x->type, "%.*s", STR_ARG(d->type));
    x->body = malloc(body.n + 1);
    if (!x->body)
        abort();
    memcpy(x->body, body.p, body.n);
    tally->events++;
    return x;
}

/* Whose event it is; SIDES: nobody's here. */
static unsigned owner_of(const struct emulator_delivery *d)
{
    bool live = json_bool(d->body, S("livemode")) == JSON_TRUE;

    if (guest_of(d->account))
        return 0;
    for (unsigned i = 0; i < sides(); i++)
        if (str_eqz(d->account, side_at(i)->account) && side_at(i)->livemode == live)
            return i;
    return SIDES;
}

/* An endpoint of the other environment's that was given to this account, too; or of Connect: its
 * events say whose they are, and carry the right signature of the wrong address. */
static void send_astray(const struct emulator_delivery *d, unsigned owner)
{
    ARENA(a, 8 << 20);
    const struct side *from = side_at(owner);
    str body = d->body;

    if (from->livemode == side_at(SIDES - 1 - owner)->livemode)
        body = arena_printf(&a, "{\"account\":\"%s\",%.*s", from->account,
                            STR_ARG(str_sub(body, 1, body.n)));
    struct delivery *x = add(d, body);
    x->side = SIDES - 1 - owner;
    x->stray = true;
}

/* An event of an account that nobody has connected, about an object that others have. */
static void send_strangers(void)
{
    ARENA(a, 4096);
    str event = arena_printf(&a, "evt_stranger_%u", ++strangers);
    struct emulator_delivery d = { .event = event, .type = S("product.updated") };
    str body = arena_printf(&a,
                            "{\"id\":\"%.*s\",\"object\":\"event\",\"account\":\"" STRANGER
                            "\",\"api_version\":null,\"created\":%lld,\"livemode\":false,"
                            "\"data\":{\"object\":{\"id\":\"prod_0\",\"object\":\"product\"}},"
                            "\"type\":\"product.updated\"}",
                            STR_ARG(event), (long long)clock_wall(&stripe_clock) / 1000);

    add(&d, body)->stray = true;
}

static void take(const struct emulator_delivery *d)
{
    unsigned owner = owner_of(d);

    if (climate->deaf || owner == SIDES || !str_eqz(d->url, NODE_ADDRESS))
        return;
    unsigned g = guest_of(d->account);
    ids_learn(g ? SIDES + g - 1 : owner, d->body);
    if (climate->strays && !calm && seed_chance(climate->strays))
        guests() ? send_strangers() : send_astray(d, owner);
    if (climate->last_sync && !calm && seed_chance(climate->dropped)) {
        trace("Stripe never delivers %.*s %.*s", STR_ARG(d->event), STR_ARG(d->type));
        return;
    }
    add(d, d->body)->side = owner;
}

void courier_collect(void)
{
    for (;;) {
        ARENA(a, 8 << 20);
        struct emulator_delivery d;
        struct error e = { 0 };
        if (emulator_next_delivery(emu(), &a, &d, NULL, &e) != ST_OK)
            break;
        take(&d);
        emulator_delivered(emu(), d.id, 200); /* from here on it is ours */
    }
    wake();
}

void courier_calm(void)
{
    calm = true;
    for (size_t i = 0; i < n_waiting; i++)
        if (waiting[i].due > fibre_now() + 1000)
            waiting[i].due = fibre_now() + seed_between(0, 1000);
    wake();
}

/* ---- sending ------------------------------------------------------------------------------ */

static str sign(const struct delivery *x, unsigned as, char out[128])
{
    unsigned char sum[HMAC_BYTES];
    char hex[HMAC_HEX], t[32];

    int n = snprintf(t, sizeof t, "%lld.", (long long)clock_wall(&stripe_clock) / 1000);
    hmac_sum(signer[as], (str){ t, (size_t)n }, (str){ x->body, x->body_n }, S(""), sum);
    hmac_hex(sum, hex);
    n = snprintf(out, 128, "t=%.*s,v1=%.*s", n - 1, t, HMAC_HEX, hex);
    return (str){ out, (size_t)n };
}

static void put_off(struct delivery *x)
{
    x->due = fibre_now() + (calm ? seed_between(100, 1000) : seed_between(500, 60000));
}

static void drop(struct delivery *x)
{
    free(x->body);
    *x = waiting[--n_waiting];
}

/* What an event speaks of, for the story. */
static void name_object(str body, char *out, size_t size)
{
    ARENA(a, 1 << 10);
    struct json_token data = json_member(body, S("data"));
    struct json_token object =
        data.type == JSON_OBJECT ? json_member(data.text, S("object")) : data;
    str id = object.type == JSON_OBJECT ? json_text(object.text, S("id"), &a) : S("");

    snprintf(out, size, "%.*s", STR_ARG(id));
}

/* With its own signature to the other environment's address: nobody there looks at that secret. */
static void mislead(const struct delivery *x)
{
    char signature[128];

    fibre_go_to(SIDES - 1 - x->side);
    int status = node_receive((str){ x->body, x->body_n }, sign(x, x->side, signature), gate);
    trace("delivers %s to the other environment: %d", x->event, status);
    if (status == 200)
        broke(PROMISE_APART, "event %s was taken by %s, although %s signed it", x->event,
              side()->name, side_at(x->side)->name);
    if (status == 400)
        mark(MARK_MISLED);
    fibre_go_to(x->side);
}

/* One attempt; 0: no answer. The delivery may move in the list meanwhile; its body stays. */
static int send(const struct delivery *x)
{
    const struct delivery copy = *x;
    char signature[128], object[80];

    fibre_go_to(copy.side);
    name_object((str){ copy.body, copy.body_n }, object, sizeof object);
    fibre_pause(seed_between(0, 20));
    if (climate->misled && !calm && seed_chance(climate->misled))
        mislead(&copy);
    tally->deliveries++;
    str signed_with = sign(&copy, copy.side, signature);
    int status = node_receive((str){ copy.body, copy.body_n }, signed_with, gate);
    trace("delivers %s %s of %s%s: %d", copy.event, copy.type, object, copy.stray ? " astray" : "",
          status);
    if (copy.stray && status == 200)
        check_put_aside(copy.event);
    return status;
}

static struct delivery *find(const char *event, unsigned to)
{
    for (size_t i = 0; i < n_waiting; i++)
        if (waiting[i].busy && waiting[i].side == to && strcmp(waiting[i].event, event) == 0)
            return &waiting[i];
    return NULL;
}

static void send_one(struct delivery *x)
{
    char event[64];
    unsigned to = x->side;

    snprintf(event, sizeof event, "%s", x->event);
    x->busy = true;
    int status = send(x);
    x = find(event, to);
    assert(x);
    x->busy = false;
    bool heard = status == 200 && (calm || !seed_chance(climate->lost_answers));
    if (status == 400)
        mark(MARK_OLD_SIGNATURE);
    if (heard && --x->left == 0)
        drop(x);
    else
        put_off(x);
}

static struct delivery *first_due(msec *next)
{
    struct delivery *best = NULL;

    *next = INT64_MAX;
    for (size_t i = 0; i < n_waiting; i++) {
        struct delivery *x = &waiting[i];
        if (!x->busy && (!best || x->due < best->due))
            best = x;
    }
    if (best && best->due > fibre_now()) {
        *next = best->due;
        best = NULL;
    }
    return best;
}

static void sender(void *arg)
{
    (void)arg;
    for (;;) {
        msec next;
        struct delivery *x = first_due(&next);
        if (x) {
            send_one(x);
            continue;
        }
        msec deadline =
            next == INT64_MAX ? NO_DEADLINE : clock_mono(&sim_clock) + (next - fibre_now());
        gate_lock(&sim_sched, gate);
        gate_wait(&sim_sched, gate, deadline);
        gate_unlock(&sim_sched, gate);
    }
}

void courier_open(struct climate *c)
{
    climate = c;
    calm = false;
    n_waiting = strangers = 0;
    gate = gate_new(&sim_sched);
    for (unsigned i = 0; i < sides(); i++)
        signer[i] = hmac_new(str_of(side_at(i)->secret));
    for (int i = 0; i < SENDERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "courier %d", i + 1);
        fibre_spawn(OUTSIDE, name, sender, NULL);
    }
}
