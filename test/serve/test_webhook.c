/* The daemon as Stripe and its operator meet it: over real sockets, on a real store. */
#include "unit.h"

#include "caller.h"
#include "house.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BEARER "Authorization: Bearer " HOUSE_TOKEN "\r\n"

static struct running the; /* one daemon at a time */
static bool is_running;

static void start(void)
{
    running_start(&the);
    is_running = true;
    assert_int_not_equal(the.port, 0);
}

static struct house *begin(void)
{
    struct house *h = house_new();

    running_init(&the, h);
    start();
    return h;
}

static void finish(struct house *h)
{
    is_running = false;
    assert_ok(running_stop(&the), &the.e);
    house_free(h);
}

/* It has ended by itself, or has been told to. */
static enum status await_end(void)
{
    is_running = false;
    return running_await(&the);
}

/* A test that failed leaves its daemon, which would take the next one's signal. */
static int clean_up(void **state)
{
    (void)state;
    if (!is_running)
        return 0;
    is_running = false;
    house_release(the.h);
    (void)running_stop(&the);
    house_free(the.h);
    return 0;
}

#define daemon_test(f) cmocka_unit_test_teardown(f, clean_up)
#define daemon_scenario(title, f)      \
    {                                  \
        title, f, NULL, clean_up, NULL \
    }

static void assert_has(const char *text, const char *what)
{
    if (!strstr(text, what))
        print_error("\"%s\" is not in:\n%s\n", what, text);
    assert_non_null(strstr(text, what));
}

static void get(const char *path, const char *headers, struct answer *a)
{
    call(the.port, "GET", path, headers, (str){ 0 }, a);
}

/* One sample of /metrics, by all that stands before its number. */
static long long metric(const char *sample)
{
    struct answer a;
    char line[256];

    get("/metrics", BEARER, &a);
    assert_int_equal(a.status, 200);
    snprintf(line, sizeof line, "\n%s ", sample);
    const char *at = strstr(a.body, line);
    if (!at)
        print_error("no \"%s\" in:\n%s\n", sample, a.body);
    assert_non_null(at);
    return strtoll(at + strlen(line), NULL, 10);
}

static long long webhooks(const char *result)
{
    char sample[128];

    snprintf(sample, sizeof sample, "brindle_webhooks_total{" HOUSE_LABELS ",result=\"%s\"}",
             result);
    return metric(sample);
}

/* ---- what is accepted ---- */

static void a_signed_event_is_answered_200_once_it_is_on_the_disk(void **state)
{
    struct house *h = begin();
    str body = customer_event("evt_1", "cus_1");
    struct answer a;

    (void)state;
    house_hold(h);
    int fd = deliver_open(the.port, "/webhooks/test", HOUSE_SECRET, body);
    house_await_held(h);
    char byte;
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1); /* not before the commit */
    house_release(h);
    call_read(fd, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "{\"received\":true}");
    assert_string_equal(house_text(h, "select body from _inbox where event = 'evt_1'"), body.p);
    assert_int_equal(webhooks("accepted"), 1);
    finish(h);
}

static void sixty_four_deliveries_at_once_need_fewer_commits(void **state)
{
    struct house *h = begin();
    int fd[64];
    struct answer a;

    (void)state;
    house_hold(h);
    for (int i = 0; i < 64; i++) {
        char event[32];
        snprintf(event, sizeof event, "evt_%d", i);
        fd[i] = deliver_open(the.port, "/webhooks", HOUSE_SECRET, customer_event(event, "cus_1"));
        if (i == 0)
            house_await_held(h);
    }
    house_release(h);
    for (int i = 0; i < 64; i++) {
        call_read(fd[i], &a);
        assert_int_equal(a.status, 200);
    }
    assert_int_equal(house_int(h, "select count(*) from _inbox"), 64);
    assert_true(h->store.commits < 64);
    finish(h);
}

static void the_same_event_again_is_answered_200_and_counted(void **state)
{
    struct house *h = begin();
    struct answer a;

    (void)state;
    for (int i = 0; i < 3; i++) {
        deliver(the.port, HOUSE_SECRET, customer_event("evt_1", "cus_1"), &a);
        assert_int_equal(a.status, 200);
    }
    assert_int_equal(house_int(h, "select count(*) from _inbox"), 1);
    assert_int_equal(house_int(h, "select deliveries from _inbox"), 3);
    assert_int_equal(webhooks("duplicate"), 2);
    finish(h);
}

static void a_known_id_with_other_contents_is_kept_aside_and_answered_200(void **state)
{
    struct house *h = begin();
    struct answer a;

    (void)state;
    deliver(the.port, HOUSE_SECRET, customer_event("evt_1", "cus_1"), &a);
    deliver(the.port, HOUSE_SECRET, customer_event("evt_1", "cus_2"), &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(webhooks("conflicting"), 1);
    assert_int_equal(house_int(h, "select count(*) from _inbox_conflicts"), 1);
    finish(h);
}

static void any_of_several_secrets_and_signatures_may_match(void **state)
{
    struct house *h = begin();
    str body = customer_event("evt_1", "cus_1");
    char right[SIGNATURE_MAX], header[1024];
    struct answer a;

    (void)state;
    deliver(the.port, HOUSE_SECRET "_next", body, &a);
    assert_int_equal(a.status, 200);
    sign(HOUSE_SECRET, now_s(), body, right);
    snprintf(header, sizeof header, "stripe-signature: v0=abc,v1=%064d,%s,v7=x\r\n", 0, right);
    call(the.port, "POST", "/webhooks", header, body, &a);
    assert_int_equal(a.status, 200);
    finish(h);
}

static void an_event_of_the_other_mode_is_quarantined_with_its_reason(void **state)
{
    struct house *h = begin();
    struct answer a;

    (void)state;
    deliver(the.port, HOUSE_SECRET,
            S("{\"id\":\"evt_1\",\"type\":\"customer.updated\",\"livemode\":true,\"data\":"
              "{\"object\":{\"id\":\"cus_1\",\"object\":\"customer\"}}}"),
            &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(house_text(h, "select outcome || ' ' || reason from _inbox"),
                        "quarantined other_mode");
    assert_int_equal(house_logged(h, "event=webhook_quarantined"), 1);
    assert_int_equal(metric("brindle_events_total{" HOUSE_LABELS ",outcome=\"quarantined\"}"), 1);
    assert_int_equal(atomic_load(&h->stripe_calls), 0);
    finish(h);
}

static void odd_events_are_journaled_and_acknowledged(void **state)
{
    static const char *const odd[] = {
        "{\"id\":\"evt_guest\",\"type\":\"payment_intent.succeeded\",\"livemode\":false,\"data\":"
        "{\"object\":{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"customer\":null}}}",
        "{\"id\":\"evt_upcoming\",\"type\":\"invoice.upcoming\",\"livemode\":false,\"data\":"
        "{\"object\":{\"object\":\"invoice\",\"customer\":\"cus_1\"}}}",
        "{\"id\":\"evt_type\",\"type\":\"customer.abducted\",\"livemode\":false,\"data\":"
        "{\"object\":{\"id\":\"cus_1\",\"object\":\"customer\"}}}",
        "{\"id\":\"evt_object\",\"type\":\"ufo.landed\",\"livemode\":false,\"data\":"
        "{\"object\":{\"id\":\"ufo_1\",\"object\":\"ufo\"}}}",
        "{\"id\":\"evt_thin\",\"object\":\"v2.core.event\",\"type\":\"v1.billing.meter.no_meter_"
        "found\",\"livemode\":false,\"related_object\":{\"id\":\"mtr_1\",\"type\":"
        "\"billing.meter\",\"url\":\"/v1/billing/meters/mtr_1\"}}",
        "{\"id\":\"evt_bare\",\"type\":\"nothing.inside\"}",
    };
    struct house *h = begin();
    struct answer a;
    long long n = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(odd); i++) {
        deliver(the.port, HOUSE_SECRET, str_of(odd[i]), &a);
        if (a.status != 200)
            print_error("%s: %s\n", odd[i], a.body);
        assert_int_equal(a.status, 200);
    }
    assert_int_equal(house_int(h, "select count(*) from _inbox"), COUNT(odd));
    assert_int_equal(webhooks("accepted"), COUNT(odd));
    n += metric("brindle_events_total{" HOUSE_LABELS ",outcome=\"due\"}");
    n += metric("brindle_events_total{" HOUSE_LABELS ",outcome=\"unknown\"}");
    n += metric("brindle_events_total{" HOUSE_LABELS ",outcome=\"unfetchable\"}");
    n += metric("brindle_events_total{" HOUSE_LABELS ",outcome=\"quarantined\"}");
    assert_int_equal(n, COUNT(odd));
    assert_int_equal(metric("brindle_events_total{" HOUSE_LABELS ",outcome=\"unknown\"}"), 1);
    deliver(the.port, HOUSE_SECRET, str_of(odd[1]), &a); /* and once more does not hurt */
    assert_int_equal(a.status, 200);
    finish(h);
}

/* ---- what is refused ---- */

static void post(const char *headers, str body, struct answer *a)
{
    call(the.port, "POST", "/webhooks", headers, body, a);
}

static void assert_refused(const struct answer *a, const char *reason)
{
    char want[128];

    snprintf(want, sizeof want, "{\"error\":{\"reason\":\"%s\",\"message\":\"", reason);
    assert_int_equal(a->status, 400);
    assert_has(a->body, want);
    assert_has(a->head, "application/json");
    assert_int_equal(webhooks(reason), 1);
}

static void each_refusal_says_which_and_is_never_stored(void **state)
{
    struct house *h = begin();
    str body = customer_event("evt_1", "cus_1");
    char right[SIGNATURE_MAX], old[SIGNATURE_MAX], new[SIGNATURE_MAX], foreign[SIGNATURE_MAX];
    char header[1024];
    struct answer a;

    (void)state;
    sign(HOUSE_SECRET, now_s(), body, right);
    sign(HOUSE_SECRET, now_s() - 400, body, old);
    sign(HOUSE_SECRET, now_s() + 400, body, new);
    sign("whsec_another", now_s(), body, foreign);

    post("", body, &a);
    assert_refused(&a, "signature_missing");
    snprintf(header, sizeof header, "Stripe-Signature: %s\r\nStripe-Signature: %s\r\n", right,
             right);
    post(header, body, &a);
    assert_refused(&a, "signature_malformed");
    snprintf(header, sizeof header, "Stripe-Signature: t=1,v0=%s\r\n", strstr(right, "v1=") + 3);
    post(header, body, &a);
    assert_refused(&a, "signature_scheme_missing");
    snprintf(header, sizeof header, "Stripe-Signature: %s\r\n", foreign);
    post(header, body, &a);
    assert_refused(&a, "signature_mismatch");
    snprintf(header, sizeof header, "Stripe-Signature: %s\r\n", old);
    post(header, body, &a);
    assert_refused(&a, "timestamp_too_old");
    snprintf(header, sizeof header, "Stripe-Signature: %s\r\n", new);
    post(header, body, &a);
    assert_refused(&a, "timestamp_too_new");

    assert_int_equal(house_int(h, "select count(*) from _inbox"), 0);
    assert_int_equal(house_logged(h, "event=webhook_refused"), 6);
    assert_int_equal(house_logged(h, HOUSE_SECRET), 0);
    finish(h);
}

static void a_signed_body_that_is_no_event_is_refused(void **state)
{
    static const char *const bad[] = { "",
                                       "[]",
                                       "{\"id\":1,\"type\":\"a\"}",
                                       "{\"id\":\"evt_1\"}",
                                       "{\"id\":\"evt_1\",\"type\":\"a\"} x",
                                       "not json" };
    struct house *h = begin();
    char deep[512];
    struct answer a;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        deliver(the.port, HOUSE_SECRET, str_of(bad[i]), &a);
        assert_int_equal(a.status, 400);
        assert_has(a.body, "\"event_malformed\"");
    }
    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"id\":\"e\",\"type\":\"t\",\"data\":", 28);
    deliver(the.port, HOUSE_SECRET, (str){ deep, sizeof deep }, &a);
    assert_int_equal(a.status, 400);
    assert_int_equal(webhooks("event_malformed"), COUNT(bad) + 1);
    assert_int_equal(house_int(h, "select count(*) from _inbox"), 0);
    finish(h);
}

static void a_body_beyond_the_limit_is_answered_413(void **state)
{
    struct house *h = begin();
    size_t n = (1 << 20) + 1;
    char *body = calloc(1, n);
    struct answer a;

    (void)state;
    assert_non_null(body);
    memset(body, ' ', n);
    deliver(the.port, HOUSE_SECRET, (str){ body, n }, &a);
    assert_int_equal(a.status, 413);
    free(body);
    finish(h);
}

static void addresses_and_methods_are_told_apart(void **state)
{
    struct house *h = begin();
    struct answer a;

    (void)state;
    get("/webhooks/test", "", &a);
    assert_int_equal(a.status, 405);
    assert_has(a.head, "Allow: POST\r\n");
    call(the.port, "POST", "/webhooks/live", "", S("{}"), &a);
    assert_int_equal(a.status, 404);
    call(the.port, "POST", "/webhooks/test/", "", S("{}"), &a);
    assert_int_equal(a.status, 404);
    call(the.port, "POST", "/webhooksx", BEARER, S("{}"), &a);
    assert_int_equal(a.status, 404);
    call(the.port, "POST", "/livez", "", S("{}"), &a);
    assert_int_equal(a.status, 405);
    assert_has(a.head, "Allow: GET, HEAD\r\n");
    call(the.port, "HEAD", "/livez", "", (str){ 0 }, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "");
    get("/api/test/status/", BEARER, &a);
    assert_int_equal(a.status, 404);
    get("/api//status", BEARER, &a);
    assert_int_equal(a.status, 404);
    finish(h);
}

/* ---- failure ---- */

static void what_cannot_be_stored_is_answered_503(void **state)
{
    struct house *h = begin();
    struct answer a;

    (void)state;
    pthread_mutex_lock(&h->store.lock);
    h->store.commit_fails = ST_RETRY;
    pthread_mutex_unlock(&h->store.lock);
    deliver(the.port, HOUSE_SECRET, customer_event("evt_1", "cus_1"), &a);
    assert_int_equal(a.status, 503);
    assert_has(a.head, "Retry-After: ");
    assert_int_equal(house_int(h, "select count(*) from _inbox"), 0);
    get("/readyz", "", &a);
    assert_int_equal(a.status, 503);
    assert_has(a.body, "\"status\":\"store_unavailable\"");
    pthread_mutex_lock(&h->store.lock);
    h->store.commit_fails = ST_OK;
    pthread_mutex_unlock(&h->store.lock);
    deliver(the.port, HOUSE_SECRET, customer_event("evt_1", "cus_1"), &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(webhooks("deferred"), 1);
    finish(h);
}

static void damage_ends_the_daemon(void **state)
{
    struct house *h = begin();
    struct answer a;

    (void)state;
    pthread_mutex_lock(&h->store.lock);
    h->store.commit_fails = ST_BROKEN;
    pthread_mutex_unlock(&h->store.lock);
    deliver(the.port, HOUSE_SECRET, customer_event("evt_1", "cus_1"), &a);
    assert_int_equal(a.status, 503);
    assert_int_equal(await_end(), ST_BROKEN);
    assert_has(the.e.text, "the test's store fails");
    assert_int_equal(house_logged(h, "event=damaged"), 1);
    house_free(h);
}

static void a_stop_answers_what_it_has_taken(void **state)
{
    struct house *h = begin();
    struct answer a;

    (void)state;
    house_hold(h);
    int first = deliver_open(the.port, "/webhooks", HOUSE_SECRET, customer_event("evt_1", "cus_1"));
    house_await_held(h);
    kill(getpid(), SIGTERM);
    while (house_logged(h, "event=stopping") == 0)
        clock_sleep(h->world.clock, 5);
    house_release(h);
    call_read(first, &a);
    assert_int_equal(a.status, 200);
    assert_ok(await_end(), &the.e);
    assert_int_equal(house_int(h, "select count(*) from _inbox"), 1);
    assert_int_equal(house_logged(h, "event=stopped status=ok"), 1);
    house_free(h);
}

/* In a process of its own, which is killed the moment it has said 200. */
static void serve_and_tell_port(const char *dir, int to)
{
    struct house *h = house_again(dir);
    struct running r;

    atomic_store(&h->stripe_status, 500); /* so that the event's work is not done before the end */
    running_init(&r, h);
    running_start(&r);
    if (write(to, &r.port, sizeof r.port) != sizeof r.port)
        abort();
    for (;;)
        pause();
}

static void an_acknowledged_event_survives_kill_9(void **state)
{
    struct house *h = house_new();
    char dir[64];
    int tube[2];
    unsigned port = 0;
    struct answer a;

    (void)state;
    house_leave(h, dir);
    assert_int_equal(pipe(tube), 0);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve_and_tell_port(dir, tube[1]);
    }
    assert_int_equal(read(tube[0], &port, sizeof port), sizeof port);
    deliver(port, HOUSE_SECRET, customer_event("evt_1", "cus_1"), &a);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(a.status, 200);

    h = house_again(dir);
    assert_int_equal(house_int(h, "select count(*) from _inbox where event = 'evt_1'"), 1);
    assert_int_equal(house_int(h, "select count(*) from objects"), 0);
    running_init(&the, h);
    start();
    while (house_int(h, "select count(*) from objects where id = 'cus_1'") == 0)
        clock_sleep(h->world.clock, 5);
    finish(h);
    close(tube[0]);
    close(tube[1]);
}

/* ---- the rest of the house ---- */

static void all_but_webhooks_and_probes_need_the_token(void **state)
{
    static const char *const closed[] = { "/metrics", "/api/test/status", "/api/none/status",
                                          "/nowhere", "/" };
    static const char *const wrong[] = { "", "Authorization: Bearer token_hous\r\n",
                                         "Authorization: Bearer token_housf\r\n",
                                         "Authorization: Basic token_house\r\n",
                                         "Authorization: Bearer\r\n" };
    struct house *h = begin();
    struct answer a;

    (void)state;
    for (size_t i = 0; i < COUNT(closed); i++)
        for (size_t k = 0; k < COUNT(wrong); k++) {
            get(closed[i], wrong[k], &a);
            assert_int_equal(a.status, 401);
            assert_has(a.head, "WWW-Authenticate: Bearer");
        }
    get("/livez", "", &a);
    assert_int_equal(a.status, 200);
    get("/readyz", "", &a);
    assert_int_equal(a.status, 200);
    get("/api/test/status", "authorization: bearer " HOUSE_TOKEN "\r\n", &a);
    assert_int_equal(a.status, 200);
    assert_has(a.body, "acct_1");
    get("/api/none/status", BEARER, &a);
    assert_int_equal(a.status, 404);
    finish(h);
}

static void show_budget(void *ctx, struct buf *out)
{
    buf_printf(out,
               "# HELP brindle_rate Requests.\n# TYPE brindle_rate gauge\nbrindle_rate{env=\"%s\"} "
               "1\n",
               (const char *)ctx);
}

static void metrics_have_each_family_once(void **state)
{
    struct house *h = house_new(), *other = house_new();
    struct answer a;
    char name[2][8] = { "test", "second" };

    (void)state;
    running_init(&the, h);
    the.env[1] = the.env[0];
    snprintf(other->env.name, sizeof other->env.name, "second");
    the.env[1].env = &other->env;
    for (size_t i = 0; i < 2; i++) {
        the.env[i].metrics = show_budget;
        the.env[i].ctx = name[i];
    }
    the.o.n_envs = 2;
    start();
    call(the.port, "POST", "/webhooks", "", S("{}"), &a);
    assert_int_equal(a.status, 404); /* which of the two? */
    call(the.port, "POST", "/webhooks/second", "", S("{}"), &a);
    assert_int_equal(a.status, 400);
    get("/metrics", BEARER, &a);
    assert_has(a.head, "text/plain; version=0.0.4");
    assert_has(a.body, "# TYPE brindle_rate gauge\nbrindle_rate{env=\"test\"} 1\n"
                       "brindle_rate{env=\"second\"} 1\n");
    finish(h);
    house_free(other);
}

static void each_metric_family_is_told_of_once(void **state)
{
    struct house *h = begin();
    struct answer a;
    char *rest = NULL;

    (void)state;
    get("/metrics", BEARER, &a);
    char *copy = strdup(a.body);
    assert_non_null(copy);
    for (char *line = strtok_r(a.body, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# TYPE ", 7) != 0)
            continue;
        char *at = strstr(copy, line);
        assert_non_null(at);
        assert_null(strstr(at + 1, line));
    }
    free(copy);
    finish(h);
}

static void readiness_tells_why(void **state)
{
    struct house *h = begin();
    struct answer a;

    (void)state;
    get("/readyz", "", &a);
    assert_int_equal(a.status, 200);
    assert_has(a.body, "{\"status\":\"ok\",\"environments\":{\"test\":{\"status\":\"ok\"");
    for (int i = 0; i < 3; i++)
        deliver(the.port, "whsec_wrong", customer_event("evt_1", "cus_1"), &a);
    get("/readyz", "", &a);
    assert_int_equal(a.status, 200); /* anybody can sign wrongly */
    assert_has(a.body, "{\"status\":\"webhook_broken\"");
    deliver(the.port, HOUSE_SECRET, customer_event("evt_1", "cus_1"), &a);
    get("/readyz", "", &a);
    assert_int_equal(a.status, 200);
    pthread_mutex_lock(&h->store.lock);
    h->store.commit_fails = ST_LIMIT;
    pthread_mutex_unlock(&h->store.lock);
    deliver(the.port, HOUSE_SECRET, customer_event("evt_2", "cus_1"), &a);
    assert_int_equal(a.status, 503);
    assert_has(a.body, "\"reason\":\"not_stored\""); /* a limit, and no disk's */
    get("/readyz", "", &a);
    assert_has(a.body, "{\"status\":\"disk_full\"");
    gate_lock(h->world.sched, h->env.gate);
    h->env.stopped_why = "another account";
    gate_unlock(h->world.sched, h->env.gate);
    get("/readyz", "", &a);
    assert_int_equal(a.status, 503);
    assert_has(a.body, "{\"status\":\"identity_mismatch\"");
    get("/livez", "", &a);
    assert_int_equal(a.status, 200);
    finish(h);
}

static void a_daemon_without_workers_is_not_ready(void **state)
{
    struct house *h = begin();
    struct answer a = { 0 };

    (void)state;
    get("/metrics", BEARER, &a);
    assert_has(a.body, "\nbrindle_workers{" HOUSE_LABELS "} 2\n");
    env_stop(&h->env); /* behind its back */
    while (!strstr(a.body, "\nbrindle_workers{" HOUSE_LABELS "} 0\n"))
        get("/metrics", BEARER, &a);
    get("/readyz", "", &a);
    assert_int_equal(a.status, 503);
    assert_has(a.body, "{\"status\":\"workers_lost\"");
    finish(h);
}

static void a_daemon_that_anybody_could_write_to_does_not_start(void **state)
{
    struct house *h = house_new();
    struct secret none = { 0 }, blank = { 0 };
    struct error e = { 0 };

    (void)state;
    running_init(&the, h);
    the.env[0].n_webhook_secrets = 0;
    assert_int_equal(daemon_run(&the.o, &e), ST_INVALID);
    assert_has(e.text, "webhook_secret");
    error_clear(&e);
    assert_true(secret_set(&blank, S("  ")));
    the.env[0].webhook_secret = &blank;
    the.env[0].n_webhook_secrets = 1;
    assert_int_equal(daemon_run(&the.o, &e), ST_INVALID);
    assert_has(e.text, "environment test");
    error_clear(&e);
    running_init(&the, h);
    the.o.token = &none;
    assert_int_equal(daemon_run(&the.o, &e), ST_INVALID);
    assert_has(e.text, "BRINDLE_TOKEN");
    error_clear(&e);
    running_init(&the, h);
    the.o.n_envs = 0;
    assert_int_equal(daemon_run(&the.o, &e), ST_INVALID);
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    house_free(h);
}

static void an_address_in_use_is_told(void **state)
{
    struct house *h = begin(), *other = house_new();
    static struct running second;
    char listen[32];

    (void)state;
    running_init(&second, other);
    int n = snprintf(listen, sizeof listen, "127.0.0.1:%u", the.port);
    second.o.listen = (str){ listen, (size_t)n };
    running_start(&second);
    assert_int_equal(running_await(&second), ST_CONFLICT);
    house_free(other);
    finish(h);
}

static void the_daemon_leaves_no_core(void **state)
{
    struct house *h = begin();
    struct rlimit limit;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
    assert_int_equal(limit.rlim_cur, 0);
    assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
    finish(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First, while there is one thread: it forks. */
        daemon_scenario("STATE-17_an_acknowledged_event_survives_kill_9",
                        an_acknowledged_event_survives_kill_9),
        daemon_scenario("STATE-17_a_signed_event_is_answered_200_once_it_is_on_the_disk",
                        a_signed_event_is_answered_200_once_it_is_on_the_disk),
        daemon_scenario("STATE-17_each_refusal_says_which_is_counted_and_never_stored",
                        each_refusal_says_which_and_is_never_stored),
        daemon_scenario("STATE-17_what_cannot_be_stored_is_answered_503",
                        what_cannot_be_stored_is_answered_503),
        daemon_scenario("STATE-20_odd_events_are_journaled_and_acknowledged",
                        odd_events_are_journaled_and_acknowledged),
        daemon_scenario("BEYOND-18_readiness_tells_why", readiness_tells_why),
        daemon_test(sixty_four_deliveries_at_once_need_fewer_commits),
        daemon_test(the_same_event_again_is_answered_200_and_counted),
        daemon_test(a_known_id_with_other_contents_is_kept_aside_and_answered_200),
        daemon_test(any_of_several_secrets_and_signatures_may_match),
        daemon_test(an_event_of_the_other_mode_is_quarantined_with_its_reason),
        daemon_test(a_signed_body_that_is_no_event_is_refused),
        daemon_test(a_body_beyond_the_limit_is_answered_413),
        daemon_test(addresses_and_methods_are_told_apart),
        daemon_test(damage_ends_the_daemon),
        daemon_test(a_stop_answers_what_it_has_taken),
        daemon_test(all_but_webhooks_and_probes_need_the_token),
        daemon_test(metrics_have_each_family_once),
        daemon_test(each_metric_family_is_told_of_once),
        daemon_test(a_daemon_without_workers_is_not_ready),
        daemon_test(a_daemon_that_anybody_could_write_to_does_not_start),
        daemon_test(an_address_in_use_is_told),
        daemon_test(the_daemon_leaves_no_core),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
