/* The commands with each other: an emulator, the daemon, and what is asked of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* ours has another meaning */

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "run.h"

enum { VARIABLES = 7 };

struct fixture {
    char dir[64], base[64], key[64], log[96];
    char base_variable[96], key_variable[96], other_variable[96];
    const char *env[VARIABLES], *other_env[VARIABLES];
    struct running stripe;
    struct ran r;
};

static size_t keep_answer(char *text, size_t one, size_t n, void *ctx)
{
    char *out = ctx;
    size_t have = strlen(out);

    if (have + n < 4096) {
        memcpy(out + have, text, n);
        out[have + n] = '\0';
    }
    return one * n;
}

/* POSTs a form with the test's key; `id` gets the answer's id. */
static void post(struct fixture *f, const char *path, const char *form, char id[128])
{
    char url[256], answer[8192] = "";
    CURL *h = curl_easy_init();

    snprintf(url, sizeof url, "%s%s", f->base, path);
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_USERPWD, f->key);
    curl_easy_setopt(h, CURLOPT_POSTFIELDS, form);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, keep_answer);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, answer);
    assert_int_equal(curl_easy_perform(h), CURLE_OK);
    curl_easy_cleanup(h);
    assert_int_equal(sscanf(answer, "{\"id\":\"%127[^\"]", id), 1);
}

/* Speaks to the emulator itself: POSTs a document, or DELETEs without one. */
static void admin(struct fixture *f, const char *path, const char *document)
{
    char url[256], answer[8192] = "";
    struct curl_slist *header = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *h = curl_easy_init();

    snprintf(url, sizeof url, "%s/_emulator%s", f->base, path);
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_USERPWD, f->key);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, header);
    curl_easy_setopt(h, document ? CURLOPT_POSTFIELDS : CURLOPT_CUSTOMREQUEST,
                     document ? document : "DELETE");
    curl_easy_setopt(h, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, keep_answer);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, answer);
    assert_int_equal(curl_easy_perform(h), CURLE_OK);
    curl_easy_cleanup(h);
    curl_slist_free_all(header);
}

static int begin_with(void **state, const char *fault)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *const args[] = {
        "emulate", "--json", "--listen", "127.0.0.1:0", fault ? "--fault" : NULL, fault, NULL
    };

    run_dir_make(f->dir);
    snprintf(f->log, sizeof f->log, "%s/log", f->dir);
    run_start(&f->stripe, f->dir, NULL, args);
    assert_true(run_port(&f->stripe) > 0);
    snprintf(f->base, sizeof f->base, "http://127.0.0.1:%u", run_port(&f->stripe));
    snprintf(f->key, sizeof f->key, "sk_test_together:");
    snprintf(f->base_variable, sizeof f->base_variable, "STRIPE_API_BASE=%s", f->base);
    snprintf(f->key_variable, sizeof f->key_variable, "STRIPE_SECRET_KEY=sk_test_together");
    snprintf(f->other_variable, sizeof f->other_variable, "STRIPE_SECRET_KEY=sk_test_stranger");
    memcpy(f->env,
           (const char *[VARIABLES]){ f->base_variable, f->key_variable, "BRINDLE_RATE_LIMIT=0",
                                      "STRIPE_WEBHOOK_SECRET=whsec_1", NULL },
           sizeof f->env);
    memcpy(f->other_env, f->env, sizeof f->env);
    f->other_env[1] = f->other_variable;
    *state = f;
    return 0;
}

static int begin(void **state)
{
    return begin_with(state, NULL);
}

static int begin_limited(void **state)
{
    return begin_with(state, "rate_limit;path=/v1/customers;count=1");
}

static int begin_silent(void **state)
{
    return begin_with(state, "slow;delay_ms=600000;path=/v1/customers;count=20");
}

static int begin_slow(void **state)
{
    return begin_with(state, "slow;delay_ms=1000;path=/v1/customers");
}

static int end_with(void **state, int code)
{
    struct fixture *f = *state;

    assert_int_equal(run_stop(&f->stripe), code);
    run_free(&f->r);
    run_dir_remove(f->dir);
    free(f);
    return 0;
}

static int end(void **state)
{
    return end_with(state, 0);
}

/* It would wait long for its own answers to be taken. */
static int end_silent(void **state)
{
    struct fixture *f = *state;

    kill(f->stripe.pid, SIGKILL);
    return end_with(state, 128 + SIGKILL);
}

static void run(struct fixture *f, const char *const *env, const char *const *args, int code)
{
    run_free(&f->r);
    run_program(&f->r, f->dir, env, args);
    if (f->r.code != code) {
        print_error("%s ended with %d: %s\n", args[0], f->r.code, f->r.err);
        assert_int_equal(f->r.code, code);
    }
}

#define COMMAND(f, code, ...) run((f), (f)->env, (const char *const[]){ __VA_ARGS__, NULL }, (code))

static void start_daemon(struct fixture *f, struct running *daemon)
{
    run_start_logged(daemon, f->dir, f->env,
                     (const char *const[]){ "serve", "--json", "--listen", "127.0.0.1:0", NULL },
                     f->log);
    assert_true(run_port(daemon) > 0);
}

/* Does the file hold this text? */
static bool file_has(const char *path, const char *text)
{
    static char all[1 << 20];
    FILE *file = fopen(path, "re");

    assert_non_null(file);
    size_t n = fread(all, 1, sizeof all - 1, file);
    fclose(file);
    all[n] = '\0';
    return strstr(all, text) != NULL;
}

static void sync_without_a_daemon_fills_the_mirror_and_ends(void **state)
{
    struct fixture *f = *state;
    char ada[128], gold[128], wanted[160];

    post(f, "/v1/customers", "name=Ada&metadata[a]=1", ada);
    post(f, "/v1/products", "name=Gold", gold);
    COMMAND(f, 0, "sync", "customers");
    assert_non_null(strstr(f->r.err, "test: 1 list in "));
    assert_non_null(strstr(f->r.err, ", 1 object is there now."));
    COMMAND(f, 0, "sync");
    assert_non_null(strstr(f->r.out, ",\"requests\":"));
    COMMAND(f, 0, "get", ada);
    snprintf(wanted, sizeof wanted, "{\"id\":\"%s\"", ada);
    assert_int_equal(strncmp(f->r.out, wanted, strlen(wanted)), 0);
    COMMAND(f, 0, "list", "products", "--name=Gold");
    assert_non_null(strstr(f->r.out, gold));
    COMMAND(f, 0, "list", "products", "--name=Silver");
    assert_string_equal(f->r.out, "");
    assert_string_equal(f->r.err, "");
    COMMAND(f, 2, "list", "products", "--limt=3");
    assert_non_null(strstr(f->r.err, "no product has a member limt; did you mean --limit?"));
    COMMAND(f, 0, "list", "products", "--nosuch=3");
    assert_non_null(strstr(f->r.err, "no product has a member nosuch"));
    COMMAND(f, 1, "get", "cus_nobody");
    assert_non_null(strstr(f->r.err, "brindle sync cus_nobody would fetch it"));
    COMMAND(f, 1, "get", "nobody");
    assert_non_null(strstr(f->r.err, "does not look like an id of Stripe"));
    COMMAND(f, 2, "get", "cus_nobody", "--type", "nosuch");
    assert_non_null(strstr(f->r.err, "There is no type \"nosuch\""));
    COMMAND(f, 0, "status", "--json");
    assert_non_null(strstr(f->r.out, "{\"daemon\":false,"));
    COMMAND(f, 1, "sync", "cus_nobody");
    assert_non_null(strstr(f->r.err, "Stripe has no cus_nobody"));
    assert_non_null(strstr(f->r.out, "{\"end\":true,\"status\":\"none\""));
    assert_null(strstr(f->r.out, "\"status\":\"ok\""));
}

static void readers_need_neither_key_nor_configuration(void **state)
{
    struct fixture *f = *state;
    char ada[128];

    post(f, "/v1/customers", "name=Ada", ada);
    COMMAND(f, 0, "sync", "customers");
    run(f, NULL, (const char *const[]){ "get", ada, NULL }, 0);
    run(f, NULL, (const char *const[]){ "status", NULL }, 0);
    assert_non_null(strstr(f->r.out, "  1 of "));
    assert_non_null(strstr(f->r.out, " lists; `brindle sync` walks the rest"));
    run(f, NULL, (const char *const[]){ "sync", NULL }, 4);
    assert_non_null(strstr(f->r.err, "has no key"));
}

static void a_key_of_another_account_writes_nothing(void **state)
{
    struct fixture *f = *state;

    COMMAND(f, 0, "sync", "customers");
    run(f, f->other_env, (const char *const[]){ "sync", NULL }, 4);
    assert_non_null(strstr(f->r.err, "belongs to"));
    run(f, f->other_env, (const char *const[]){ "doctor", "--json", NULL }, 3);
    assert_non_null(strstr(f->r.out, "\"check\":\"key_other_account\""));
    COMMAND(f, 0, "sync", "customers");
}

static void a_key_of_ones_own_leaves_the_demos_store_alone(void **state)
{
    struct fixture *f = *state;

    COMMAND(f, 0, "demo", "--duration", "1");
    COMMAND(f, 4, "sync");
    assert_non_null(strstr(f->r.err, "This store is the demo's. Keep yours elsewhere: --data DIR"));
    COMMAND(f, 4, "serve", "--listen", "127.0.0.1:0");
    assert_non_null(strstr(f->r.err, "This store is the demo's."));
    run(f, NULL, (const char *const[]){ "sync", NULL }, 4);
    assert_non_null(strstr(f->r.err, "`brindle demo` starts it again"));
    COMMAND(f, 0, "sync", "customers", "--data", "mine");
}

static void commands_that_write_reach_the_daemon_that_runs(void **state)
{
    struct fixture *f = *state;
    struct running daemon;
    char ada[128];

    start_daemon(f, &daemon);
    post(f, "/v1/customers", "name=Ada", ada);
    COMMAND(f, 0, "status", "--json");
    assert_non_null(strstr(f->r.out, "{\"daemon\":true"));
    COMMAND(f, 0, "sync", "customers");
    assert_non_null(strstr(f->r.out, ",\"requests\":")); /* as without a daemon */
    COMMAND(f, 0, "get", ada);
    COMMAND(f, 1, "inbox", "replay", "evt_nobody");
    COMMAND(f, 0, "inbox", "dead", "--revive");
    assert_non_null(strstr(f->r.err, "0 brought back"));
    COMMAND(f, 5, "serve", "--listen", "127.0.0.1:0"); /* one writer */
    assert_int_equal(run_stop(&daemon), 0);
    COMMAND(f, 0, "sync", ada);
}

static void a_daemon_that_starts_takes_a_running_sync_over(void **state)
{
    struct fixture *f = *state;
    static char said[1 << 20];
    struct running sync, daemon;
    char ada[128];

    /* Thirty pages, a second each, until the daemon is there. */
    admin(f, "/bulk", "{\"type\":\"customer\",\"count\":3000}");
    post(f, "/v1/customers", "name=Ada", ada);
    run_start(&sync, f->dir, f->env, (const char *const[]){ "sync", "customers", NULL });
    assert_int_equal(sync.line[0], '{');
    start_daemon(f, &daemon);
    admin(f, "/faults", NULL);
    assert_int_equal(run_wait(&sync, said, sizeof said), 0);
    assert_non_null(strstr(said, "{\"end\":true,\"status\":\"ok\"}"));
    assert_true(file_has(f->log, "event=command_accepted env=test account="));
    COMMAND(f, 0, "get", ada);
    assert_int_equal(run_stop(&daemon), 0);
}

enum { ANSWER_BYTES = 256 << 10 };

/* What the daemon answers to a GET with its token. */
static void ask(struct fixture *f, const struct running *daemon, const char *path,
                char answer[ANSWER_BYTES])
{
    char url[128], token[128] = "", file_path[256], line[192];
    CURL *h = curl_easy_init();

    snprintf(file_path, sizeof file_path, "%s/brindle-data/token", f->dir);
    FILE *file = fopen(file_path, "re");
    assert_non_null(file);
    assert_non_null(fgets(token, sizeof token, file));
    fclose(file);
    snprintf(line, sizeof line, "Authorization: Bearer %.*s", (int)strcspn(token, "\n"), token);
    struct curl_slist *header = curl_slist_append(NULL, line);
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", run_port(daemon), path);
    FILE *out = fmemopen(answer, ANSWER_BYTES, "w");
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, header);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, out);
    assert_int_equal(curl_easy_perform(h), CURLE_OK);
    curl_easy_cleanup(h);
    curl_slist_free_all(header);
    fclose(out);
}

/* A number of the daemon's metrics; -1: it is not there. */
static int metric(struct fixture *f, const struct running *daemon, const char *name)
{
    static char answer[ANSWER_BYTES];
    char line[160];

    ask(f, daemon, "/metrics", answer);
    snprintf(line, sizeof line, "\n%s{env=\"test\",account=\"", name);
    const char *at = strstr(answer, line);
    at = at ? strstr(at, "} ") : NULL;
    return at ? (int)strtol(at + 2, NULL, 10) : -1;
}

static void readiness_tells_that_stripe_limits_us(void **state)
{
    struct fixture *f = *state;
    struct running daemon;
    static char answer[ANSWER_BYTES];

    start_daemon(f, &daemon);
    ask(f, &daemon, "/readyz", answer);
    assert_non_null(strstr(answer, "{\"status\":\"ok\""));
    COMMAND(f, 0, "sync", "--detach", "customers");
    while (metric(f, &daemon, "brindle_stripe_limited_total") < 1)
        ;
    ask(f, &daemon, "/readyz", answer);
    assert_non_null(strstr(answer, "{\"status\":\"rate_limited\""));
    assert_int_equal(run_stop(&daemon), 0);
}

enum { WELL_BELOW_THE_TIME_OUT_S = 40 }; /* 80 s is what a call to Stripe may take */

static void a_daemon_whose_stripe_never_answers_ends_when_its_grace_is_over(void **state)
{
    struct fixture *f = *state;
    struct running daemon;
    struct timespec before, after;

    f->env[4] = "BRINDLE_GRACE_SECONDS=1";
    start_daemon(f, &daemon);
    COMMAND(f, 0, "sync", "--detach", "customers");
    while (metric(f, &daemon, "brindle_stripe_in_flight") < 1)
        ;
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(run_stop(&daemon), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(after.tv_sec - before.tv_sec < WELL_BELOW_THE_TIME_OUT_S);
}

static void a_command_whose_stripe_never_answers_ends_when_it_is_asked_to(void **state)
{
    struct fixture *f = *state;
    struct running sync;
    struct timespec before, after;

    run_start(&sync, f->dir, f->env, (const char *const[]){ "sync", "customers", NULL });
    while (!strstr(sync.line, "\"requests\":3")) /* the identity is two */
        run_line(&sync);
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(run_stop(&sync), 1);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(after.tv_sec - before.tv_sec < WELL_BELOW_THE_TIME_OUT_S);
}

static void no_secret_is_said_or_kept_outside_its_own_file(void **state)
{
    struct fixture *f = *state;
    char token[128], dump[256];

    struct running daemon;
    start_daemon(f, &daemon);
    COMMAND(f, 0, "sync", "customers");
    assert_null(strstr(f->r.out, "sk_test_together"));
    assert_int_equal(run_stop(&daemon), 0);
    snprintf(dump, sizeof dump, "%s/brindle-data/token", f->dir);
    FILE *file = fopen(dump, "re");
    assert_non_null(file);
    assert_non_null(fgets(token, sizeof token, file));
    fclose(file);
    assert_int_equal(strlen(token), 44); /* and a newline */
    static char store[16 << 20];
    snprintf(dump, sizeof dump, "%s/brindle-data/test.db", f->dir);
    file = fopen(dump, "re");
    assert_non_null(file);
    size_t n = fread(store, 1, sizeof store, file);
    fclose(file);
    assert_null(memmem(store, n, "sk_test_together", 16));
    assert_null(memmem(store, n, "whsec_1", 7));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(sync_without_a_daemon_fills_the_mirror_and_ends),
        CASE(readers_need_neither_key_nor_configuration),
        CASE(a_key_of_another_account_writes_nothing),
        CASE(a_key_of_ones_own_leaves_the_demos_store_alone),
        CASE(commands_that_write_reach_the_daemon_that_runs),
        cmocka_unit_test_setup_teardown(a_daemon_that_starts_takes_a_running_sync_over, begin_slow,
                                        end),
        cmocka_unit_test_setup_teardown(readiness_tells_that_stripe_limits_us, begin_limited, end),
        cmocka_unit_test_setup_teardown(
            a_daemon_whose_stripe_never_answers_ends_when_its_grace_is_over, begin_silent,
            end_silent),
        cmocka_unit_test_setup_teardown(
            a_command_whose_stripe_never_answers_ends_when_it_is_asked_to, begin_silent,
            end_silent),
        CASE(no_secret_is_said_or_kept_outside_its_own_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
