#include "small_world.h"

#include "backend/sched_pthread.h"
#include "backend/store_sqlite.h"
#include "core/due.h"
#include "core/mirror/mirror.h"
#include "core/sequence.h"
#include "core/work.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct small_world *the; /* one at a time: a test has one world */

static msec read_wall(struct clock *c)
{
    (void)c;
    return the->wall;
}

static msec read_mono(struct clock *c)
{
    (void)c;
    return the->mono;
}

static void pass_time(struct clock *c, msec span)
{
    (void)c;
    pass(the, span);
}

static void fill(struct rng *r, void *dst, size_t n)
{
    (void)r;
    for (size_t i = 0; i < n; i++) {
        the->seed = the->seed * 6364136223846793005u + 1442695040888963407u;
        ((unsigned char *)dst)[i] = (unsigned char)(the->seed >> 56);
    }
}

static bool fits(const struct scripted *s, const char *path, const char *whole)
{
    return s->times >= 0 && (strcmp(s->path, path) == 0 || strcmp(s->path, whole) == 0);
}

static enum status answer(struct stripe *s, const struct stripe_request *q,
                          struct stripe_response *p, struct arena *a, struct error *e)
{
    char path[256], whole[1024];

    (void)s;
    assert(!tx_writing());
    snprintf(path, sizeof path, "%.*s", STR_ARG(q->path));
    snprintf(whole, sizeof whole, "%s%s%.*s", path, q->query.n ? "?" : "", STR_ARG(q->query));
    assert(the->n_asked < ASKED_MAX);
    snprintf(the->asked[the->n_asked++], sizeof the->asked[0], "%.255s", whole);
    if (q->method == STRIPE_POST && the->n_posted < POSTED_MAX)
        snprintf(the->posted[the->n_posted++], sizeof the->posted[0], "%.*s %.*s",
                 STR_ARG(q->idem_key), STR_ARG(q->form));
    for (size_t i = the->n_script; i-- > 0;) {
        struct scripted *r = &the->script[i];
        if (!fits(r, path, whole) || (r->account && !str_eqz(q->account, r->account)))
            continue;
        if (r->times && --r->times == 0)
            r->times = -1;
        *p = (struct stripe_response){ .http_status = r->http_status,
                                       .replayed = r->replayed,
                                       .key = r->key ? r->key : the->key,
                                       .body = arena_copy(a, str_of(r->body)) };
        if (r->meanwhile)
            r->meanwhile(r->ctx);
        if (r->status != ST_OK)
            return fail(e, r->status, "the connection was reset");
        return ST_OK;
    }
    *p = (struct stripe_response){
        .http_status = 404,
        .key = the->key,
        .body = S("{\"error\":{\"code\":\"resource_missing\",\"message\":\"No such object\"}}")
    };
    return ST_OK;
}

static void close_nothing(struct stripe *s)
{
    (void)s;
}

static const struct clock_ops clock_ops = { read_wall, read_mono, pass_time };
static const struct rng_ops rng_ops = { fill };
static const struct stripe_ops stripe_ops = { "script", answer, close_nothing };
static struct clock the_clock = { &clock_ops };
static struct rng the_rng = { &rng_ops };
static struct stripe the_stripe = { &stripe_ops };

static void must(enum status st, const struct error *e)
{
    if (st == ST_OK)
        return;
    fprintf(stderr, "%s: %s\n", status_name(st), e->text);
    abort();
}

struct small_world *small_world_new(void)
{
    struct small_world *w = calloc(1, sizeof *w);
    struct error e = { 0 };
    struct identity id = { .account = "acct_1", .livemode = false };

    assert(w && !the);
    the = w;
    w->wall = 1700000000000;
    w->mono = 1000000;
    w->seed = 1;
    snprintf(w->dir, sizeof w->dir, "%s/brindle-test-XXXXXX",
             access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(w->dir))
        abort();
    snprintf(w->path, sizeof w->path, "%s/test.db", w->dir);
    w->world =
        (struct world){ &the_clock, &the_rng, sched_pthread(), &the_stripe, NULL, kv_none() };
    struct store_sqlite_options o = { .path = w->path,
                                      .sched = w->world.sched,
                                      .clock = &the_clock };
    must(store_sqlite_open(&w->world.store, &o, &e), &e);
    env_init(&w->env, "test", &w->world);
    must(env_adopt(&w->env, &id, &e), &e);
    script(w, "/v1/account", 200, "{\"id\":\"acct_1\",\"object\":\"account\"}");
    script(w, "/v1/balance", 200, "{\"object\":\"balance\",\"livemode\":false}");
    return w;
}

void small_world_free(struct small_world *w)
{
    char command[160];

    env_free(&w->env);
    sqlite3_close(w->reader);
    w->world.store->ops->close(w->world.store);
    for (const char *const *end = (const char *const[]){ "", "-wal", "-shm", ".lock", NULL }; *end;
         end++) {
        snprintf(command, sizeof command, "%s%s", w->path, *end);
        unlink(command);
    }
    rmdir(w->dir);
    free(w);
    the = NULL;
}

void script(struct small_world *w, const char *path, int http_status, const char *body)
{
    assert(w->n_script < SCRIPT_MAX);
    w->script[w->n_script++] =
        (struct scripted){ .path = path, .http_status = http_status, .body = body };
}

struct scripted *script_last(struct small_world *w)
{
    return &w->script[w->n_script - 1];
}

size_t asked(const struct small_world *w, const char *path)
{
    size_t n = 0, len = strlen(path);

    for (size_t i = 0; i < w->n_asked; i++)
        n += strncmp(w->asked[i], path, len) == 0 &&
             (w->asked[i][len] == '\0' || w->asked[i][len] == '?');
    return n;
}

size_t work_off(struct small_world *w)
{
    struct work_report report;
    size_t n = 0;

    for (;;) {
        struct error e = { 0 };
        enum status st = work_one(&w->env, &report, &e);
        if (st == ST_NONE || st == ST_REFUSED)
            return n;
        must(st, &e);
        assert(++n < 10000);
    }
}

void pass(struct small_world *w, msec span)
{
    w->wall += span;
    w->mono += span;
}

static char last_text[4096];

/* Kept open: to read the schema anew for each question would take most of the time. */
static sqlite3 *reader(struct small_world *w)
{
    if (!w->reader && sqlite3_open_v2(w->path, &w->reader, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        abort();
    return w->reader;
}

static int64_t ask(struct small_world *w, const char *sql)
{
    sqlite3_stmt *q;
    int64_t n = 0;

    last_text[0] = '\0';
    if (sqlite3_prepare_v2(reader(w), sql, -1, &q, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(w->reader));
        abort();
    }
    if (sqlite3_step(q) == SQLITE_ROW) {
        n = sqlite3_column_int64(q, 0);
        const char *text = (const char *)sqlite3_column_text(q, 0);
        snprintf(last_text, sizeof last_text, "%s", text ? text : "");
    }
    sqlite3_finalize(q);
    return n;
}

int64_t ask_int(struct small_world *w, const char *sql)
{
    return ask(w, sql);
}

const char *ask_text(struct small_world *w, const char *sql)
{
    ask(w, sql);
    return last_text;
}

void settle(struct small_world *w)
{
    for (int i = 0; i < 4; i++) {
        work_off(w);
        pass(w, w->env.set.confirm_ms);
    }
}

enum mirror_result put_object(struct small_world *w, const char *type, const char *id,
                              const char *data, enum source source)
{
    ARENA(a, 4 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    enum mirror_result result = MIRROR_SAME;
    struct answer in = { .resource = resource_by_type(str_of(type)),
                         .type = str_of(type),
                         .id = str_of(id),
                         .data = str_of(data),
                         .source = source,
                         .api_version = S("v"),
                         .cause = "test" };

    must(tx_begin(&tx, w->world.store, TX_WRITE, &e), &e);
    must(sequence_draw(&tx, 1, &in.ticket, &a, &e), &e);
    must(mirror_put(&tx, &w->env, &in, &result, NULL, &a, &e), &e);
    must(tx_commit(&tx, &e), &e);
    return result;
}

void put_product(struct small_world *w, const char *data, int64_t ticket, const char *cause)
{
    ARENA(a, 4 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    enum mirror_result result;
    struct answer in = { .resource = resource_by_type(S("product")),
                         .type = S("product"),
                         .id = S("prod_1"),
                         .data = str_of(data),
                         .source = SOURCE_GET,
                         .ticket = ticket,
                         .api_version = S("v"),
                         .cause = cause };

    must(tx_begin(&tx, w->world.store, TX_WRITE, &e), &e);
    if (!ticket)
        must(sequence_draw(&tx, 1, &in.ticket, &a, &e), &e);
    must(mirror_put(&tx, &w->env, &in, &result, NULL, &a, &e), &e);
    must(tx_commit(&tx, &e), &e);
}

struct inbox_result deliver_body(struct small_world *w, const char *event, const char *type,
                                 const char *object)
{
    static unsigned n_events;
    ARENA(a, 1 << 20);
    struct error e = { 0 };
    struct event ev;
    struct inbox_result result;
    str id = *event ? str_of(event) : arena_printf(&a, "evt_own_%u", ++n_events);
    str body = arena_printf(&a,
                            "{\"id\":\"%.*s\",\"object\":\"event\",\"type\":\"%s\","
                            "\"livemode\":false,\"api_version\":\"2020-08-27\",\"data\":{"
                            "\"object\":%s}}",
                            STR_ARG(id), type, object);

    must(event_parse(body, &ev, &a, &e), &e);
    ev.received_at = w->wall;
    must(inbox_put_many(&w->env, &ev, 1, &result, &e), &e);
    return result;
}

struct inbox_result deliver_event(struct small_world *w, const char *event, const char *type,
                                  const char *object, const char *id)
{
    char data[256];

    snprintf(data, sizeof data, "{\"id\":\"%s\",\"object\":\"%s\",\"name\":\"a lie\"}", id, object);
    return deliver_body(w, event, type, data);
}
