#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/emulating.h"
#include "cli/output.h"
#include "cli/serving.h"
#include "cli/shop.h"
#include "core/mirror/mirror.h"
#include "core/mirror/sync.h"
#include "core/status.h"

enum {
    DEMO_PORT = 8420,
    DEMO_SPEED = 4,
    DEMO_SPEED_MAX = 200,
    LOOK_MS = 100,   /* how often the watcher looks for what the shop changed */
    LIVE_MS = 500,   /* how often the line on a terminal changes */
    PLAIN_MS = 5000, /* and how often there is one elsewhere */
    LAGS_MAX = 101,  /* samples of which the median is shown */
    OBJECT_BYTES = 4 << 20,
};

#define DEMO_ENV CONFIG_DEMO_ENV
/* Nobody's key: the emulator takes any, and its tail makes the account. */
#define DEMO_KEY \
    "sk_test_"   \
    "BrindleDemoShopNobodysKey"

struct demo {
    struct cli *cli;
    int64_t speed, duration_s;
    struct secret key, webhook_secret;
    struct emulating stripe;
    struct serving serving;
    struct wire shop_wire;
    struct shop shop;
    char daemon[64], stripe_url[64], webhook_url[96], stripe_dir[DATA_PATH_MAX + 32];
    bool stripe_runs, shop_runs, watch_runs;
    pthread_t stripe_thread, shop_thread, watch_thread;
    struct error shop_error;
    msec lag[LAGS_MAX];
    size_t n_lags, lag_at;
};

/* --- addresses ----------------------------------------------------------------------------- */

/* The usual port when it is free, else any that is. Another program may take it before the daemon
 * does; then the daemon says so. */
static unsigned free_port(void)
{
    const unsigned wanted[] = { DEMO_PORT, 0 };

    for (size_t i = 0; i < COUNT(wanted); i++) {
        struct sockaddr_in at = { .sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)wanted[i]),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof at;
        int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        bool free = bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0 &&
                    getsockname(fd, (struct sockaddr *)&at, &n) == 0;
        close(fd);
        if (free)
            return ntohs(at.sin_port);
    }
    return DEMO_PORT;
}

static enum status choose_addresses(struct demo *d, struct error *e)
{
    const struct config *c = &d->cli->config;
    struct http_address address;

    if (d->cli->flags.listen) {
        enum status st = http_address_parse(config_text(&c->values, SET_LISTEN), &address, e);
        if (st != ST_OK)
            return st;
        if (!address.loopback || str_find(str_of(address.host), ':') < strlen(address.host))
            return fail(e, ST_INVALID, "The demo listens on 127.0.0.1 alone.");
    }
    unsigned port = d->cli->flags.listen && address.port ? address.port : free_port();
    snprintf(d->daemon, sizeof d->daemon, "127.0.0.1:%u", port);
    snprintf(d->webhook_url, sizeof d->webhook_url, "http://%s/webhooks/" DEMO_ENV, d->daemon);
    snprintf(d->stripe_dir, sizeof d->stripe_dir, "%s/" CONFIG_DEMO_DIR, c->data_dir);
    return ST_OK;
}

/* --- threads ------------------------------------------------------------------------------- */

static void *stripe_main(void *ctx)
{
    struct demo *d = ctx;
    struct error e = { 0 };

    if (emulator_server_run(d->stripe.server, &e) != ST_OK)
        say("brindle: the emulator ended: %s", e.text);
    return NULL;
}

static void *shop_main(void *ctx)
{
    struct demo *d = ctx;

    if (shop_run(&d->shop, (unsigned)d->speed, &d->shop_error) != ST_OK)
        say("brindle: the shop has closed: %s", d->shop_error.text);
    return NULL;
}

static int by_size(const void *x, const void *y)
{
    msec a = *(const msec *)x, b = *(const msec *)y;

    return (a > b) - (a < b);
}

static msec median_lag(const struct demo *d)
{
    msec sorted[LAGS_MAX];

    if (!d->n_lags)
        return 0;
    memcpy(sorted, d->lag, d->n_lags * sizeof *sorted);
    qsort(sorted, d->n_lags, sizeof *sorted, by_size);
    return sorted[d->n_lags / 2];
}

/* How long from the shop's request until the mirror had the object; one that is not there yet is
 * looked for again. */
static void measure(struct demo *d, struct shop_sample *waiting, bool *any)
{
    ARENA(a, OBJECT_BYTES);
    struct error ignored = { 0 };
    struct object o;
    struct env *env = &d->serving.wire[0].env;

    for (size_t i = 0; i < SHOP_SAMPLES_MAX; i++) {
        if (!*any && !(*any = shop_take_sample(&d->shop, waiting)))
            return;
        if (mirror_get(env, S("customer"), str_of(waiting->id), &o, &a, &ignored) != ST_OK)
            return;
        d->lag[d->lag_at++ % LAGS_MAX] =
            o.fetched_at > waiting->at ? o.fetched_at - waiting->at : 0;
        d->n_lags = d->n_lags < LAGS_MAX ? d->n_lags + 1 : LAGS_MAX;
        *any = false;
    }
}

/* How much of the text fits, cut where a field ends. */
static size_t whole_fields(const char *text, size_t room)
{
    size_t n = strlen(text), cut = 0;

    if (n <= room)
        return n;
    for (size_t i = 0; i <= room; i++)
        if (strncmp(text + i, ", ", 2) == 0 || strncmp(text + i, " |", 2) == 0)
            cut = i;
    return cut ? cut : room;
}

static void show_life(struct demo *d, bool live)
{
    struct mirror_status m;
    struct error ignored = { 0 };
    char events[32], objects[32], due[32], lag[32], text[256];
    struct shop_counts shop = shop_counts(&d->shop);

    if (status_read(&d->serving.wire[0].env, &m, &ignored) != ST_OK)
        return;
    count_text(m.events, events);
    count_text(m.objects, objects);
    count_text(m.due, due);
    duration_text(median_lag(d), lag);
    snprintf(text, sizeof text,
             "%s events in | %s objects, %s due, median lag %s | %llu subscribed, %llu paid, "
             "%llu declined, %llu refunded, %llu left",
             events, objects, due, d->n_lags ? lag : "-", (unsigned long long)shop.signups,
             (unsigned long long)shop.payments, (unsigned long long)shop.declined,
             (unsigned long long)shop.refunds, (unsigned long long)shop.cancelled);
    if (live)
        fprintf(stderr, "\r\033[K%.*s", (int)whole_fields(text, terminal_width(stderr) - 1), text);
    else
        fprintf(stderr, "%s\n", text);
    fflush(stderr);
}

/* A log line begins where the status line stood; that is drawn anew soon. */
static void make_room(void)
{
    static const char erase_line[] = "\r\033[K";
    ssize_t n = write(STDERR_FILENO, erase_line, sizeof erase_line - 1);

    (void)n; /* the terminal is gone: so is the line */
}

static void *watch_main(void *ctx)
{
    struct demo *d = ctx;
    struct env *env = &d->serving.wire[0].env;
    struct clock *clock = wire_clock();
    struct shop_sample waiting;
    bool any = false, live = is_terminal(stderr), told = false;
    msec begun = clock_mono(clock), shown = begun;

    while (!env_stopping(env)) {
        clock_sleep(clock, LOOK_MS);
        msec now = clock_mono(clock);
        measure(d, &waiting, &any);
        if (now - shown >= (live ? LIVE_MS : PLAIN_MS)) {
            show_life(d, live);
            shown = now;
        }
        if (d->duration_s && !told && now - begun >= d->duration_s * 1000) {
            told = true;
            kill(getpid(), SIGTERM); /* as ^C would: the daemon waits for signals */
        }
    }
    if (live)
        fputc('\n', stderr);
    show_life(d, false);
    return NULL;
}

static bool start(pthread_t *thread, void *(*run)(void *), struct demo *d)
{
    return pthread_create(thread, NULL, run, d) == 0;
}

/* --- beginning ----------------------------------------------------------------------------- */

/* Does `brindle status` mean this environment, in this directory, as it is called here? */
static bool is_the_only_one(const struct cli *cli)
{
    struct config *c = calloc(1, sizeof *c);
    struct config_flags flags = { .data_dir = cli->flags.data_dir };
    struct env_config *env = NULL;
    struct error ignored = { 0 };

    if (!c)
        return false;
    bool only = config_load(c, &flags, &ignored) == ST_OK &&
                config_env(c, NULL, &env, &ignored) == ST_OK && strcmp(env->name, DEMO_ENV) == 0;
    config_free(c);
    free(c);
    return only;
}

static void announce(const struct demo *d)
{
    const char *data = d->cli->flags.data_dir, *dir = d->cli->config.data_dir;
    char options[DATA_PATH_MAX + 32];

    snprintf(options, sizeof options, "%s%s%s", data ? " --data " : "", data ? data : "",
             is_the_only_one(d->cli) ? "" : " --env " DEMO_ENV);
    say("A shop at a Stripe of its own (%s), and its mirror (http://%s).", d->stripe_url,
        d->daemon);
    say("In a second terminal, in this directory:\n");
    say("  %s status%s", d->cli->program, options);
    say("  %s list subscriptions --status=active%s", d->cli->program, options);
    say("  sqlite3 -readonly %s/" DEMO_ENV
        ".db 'select status, count(*) from subscriptions group by status'\n",
        dir);
    say("%s", d->duration_s ? "It ends by itself." : "^C ends it; what is there is kept.");
}

/* The daemon listens: catch up with what happened while it was away, and let life begin. */
static void on_ready(void *ctx, unsigned port)
{
    struct demo *d = ctx;
    struct sync sync;
    struct error ignored = { 0 };

    (void)port;
    announce(d);
    if (sync_start(&d->serving.wire[0].env, NULL, 0, false, LANE_BACKFILL, &sync, &ignored) !=
        ST_OK)
        say("brindle: the first sync was not possible: %s", ignored.text);
    d->shop_runs = start(&d->shop_thread, shop_main, d);
    d->watch_runs = start(&d->watch_thread, watch_main, d);
}

static enum status open_stripe(struct demo *d, struct error *e)
{
    struct emulating_options o = { .listen = "127.0.0.1:0",
                                   .dir = d->stripe_dir,
                                   .retry_ms = 1000,
                                   .webhook_url = d->webhook_url,
                                   .webhook_secret = &d->webhook_secret };
    enum status st = emulating_open(&d->stripe, &o, e);

    if (st != ST_OK)
        return st;
    snprintf(d->stripe_url, sizeof d->stripe_url, "http://127.0.0.1:%u",
             emulator_server_port(d->stripe.server));
    d->stripe_runs = start(&d->stripe_thread, stripe_main, d);
    return d->stripe_runs ? ST_OK : fail(e, ST_LIMIT, "No thread can be started.");
}

/* A mirror that lies where the demo wants to live, without the demo's Stripe, is somebody's own. */
static enum status keep_out_of_mirrors(const struct demo *d, struct error *e)
{
    const char *dir = d->cli->config.data_dir;
    char mirror[DATA_PATH_MAX + 16];

    snprintf(mirror, sizeof mirror, "%s/" DEMO_ENV ".db", dir);
    if (access(d->stripe_dir, F_OK) == 0 || access(mirror, F_OK) != 0)
        return ST_OK;
    return fail(e, ST_CONFLICT,
                "%s is a mirror of your own: give the demo a directory with --data DIR.", mirror);
}

static enum status open_all(struct demo *d, struct error *e)
{
    struct config *c = &d->cli->config;
    struct env_config *conf = NULL;
    bool made;

    enum status st = choose_addresses(d, e);
    if (st == ST_OK)
        st = keep_out_of_mirrors(d, e);
    if (st == ST_OK)
        st = serving_begin(&d->serving, e);
    if (st == ST_OK)
        st = datadir_secret(c->data_dir, "demo-webhook-secret", "whsec_", wire_rng(),
                            &d->webhook_secret, &made, e);
    if (st == ST_OK)
        st = open_stripe(d, e);
    if (st == ST_OK)
        st = config_make_env(c, DEMO_ENV, str_of(d->stripe_url), S("0"), &d->key,
                             &d->webhook_secret, &conf, e);
    if (st == ST_OK)
        st = wire_open(&d->serving.wire[0], c, conf, WIRE_WRITE, e);
    if (st != ST_OK)
        return st;
    serving_add(&d->serving);
    st = wire_open(&d->shop_wire, c, conf, WIRE_ASK, e);
    if (st == ST_OK)
        shop_init(&d->shop, &d->shop_wire.world);
    return st;
}

/* --- end ----------------------------------------------------------------------------------- */

static void demo_close(struct demo *d)
{
    if (d->shop_runs) {
        shop_stop(&d->shop);
        pthread_join(d->shop_thread, NULL);
    }
    if (d->watch_runs) {
        env_stop(&d->serving.wire[0].env);
        pthread_join(d->watch_thread, NULL);
    }
    if (d->stripe_runs) {
        emulator_server_stop(d->stripe.server);
        pthread_join(d->stripe_thread, NULL);
    }
    shop_free(&d->shop);
    wire_close(&d->shop_wire);
    serving_close(&d->serving);
    emulating_close(&d->stripe);
    secret_wipe(&d->webhook_secret);
}

/* All signals go to the daemon, which takes them from this thread; so no other may have them. */
static void keep_signals(sigset_t *before)
{
    sigset_t ours;

    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ours, before);
}

static enum status run(struct demo *d, struct error *e)
{
    sigset_t before;

    keep_signals(&before);
    enum status st = open_all(d, e);
    if (st == ST_OK) {
        d->serving.listen = str_of(d->daemon);
        if (!getenv("BRINDLE_LOG_LEVEL"))
            d->serving.log.least = LOG_WARN;
        if (is_terminal(stderr))
            d->serving.log.before = make_room;
        st = serving_run(&d->serving, on_ready, d, e);
    }
    demo_close(d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return st;
}

enum status cmd_demo(struct cli *cli, struct error *e)
{
    struct demo *d = calloc(1, sizeof *d);
    struct words words = { 0 };

    if (!d)
        return fail(e, ST_LIMIT, "Memory has run out.");
    d->cli = d->serving.cli = cli;
    d->speed = DEMO_SPEED;
    const struct flag flag[] = { { "listen", FLAG_TEXT, { .text = &cli->flags.listen } },
                                 { "speed", FLAG_NUMBER, { .number = &d->speed } },
                                 { "duration", FLAG_NUMBER, { .number = &d->duration_s } } };
    cli->flags.alone = true;
    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 0, 0, e);
    if (st == ST_OK && (d->speed < 1 || d->speed > DEMO_SPEED_MAX))
        st = fail(e, ST_INVALID, "--speed must be 1 to %d.", DEMO_SPEED_MAX);
    if (st == ST_OK && d->duration_s > INT32_MAX)
        st = fail(e, ST_INVALID, "--duration is too long.");
    if (st == ST_OK && !secret_set(&d->key, S(DEMO_KEY)))
        st = fail(e, ST_BROKEN, "The demo's key cannot be used.");
    if (st == ST_OK)
        st = cli_load(cli, e);
    if (st == ST_OK)
        st = run(d, e);
    free(d);
    return st;
}
