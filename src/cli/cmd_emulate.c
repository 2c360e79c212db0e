#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "cli/emulating.h"
#include "cli/output.h"

/* Unless told, each start has ids of its own: a mirror that goes on running would take new events
 * for old ones. */
enum { SEED_DRAWN = -1, SEED_BELOW = 1000000000, COVERAGE_BYTES_MAX = 1 << 20 };

static void stop_server(void *server)
{
    emulator_server_stop(server);
}

/* The first of $STRIPE_WEBHOOK_SECRET: what the daemon on the other side was given, too. */
static enum status read_secret(struct secret *out, struct error *e)
{
    const char *value = getenv("STRIPE_WEBHOOK_SECRET");
    str first = S("");

    if (value)
        str_cut(str_of(value), ',', &first);
    if (!str_trim(first).n || !secret_set(out, str_trim(first)))
        return fail(e, ST_INVALID,
                    "--webhook needs a secret to sign with: set STRIPE_WEBHOOK_SECRET to some "
                    "whsec_…, here and for `brindle serve`.");
    return ST_OK;
}

/* With a folder, the seed is in its journal, where it has won over any that is given now. */
static void tell_seed(const struct emulating_options *o)
{
    if (!o->dir)
        say("  seed %llu", (unsigned long long)o->seed);
}

static void announce(const struct cli *cli, const char *listen, unsigned port)
{
    struct http_address address;
    struct error ignored = { 0 };

    if (http_address_parse(str_of(listen), &address, &ignored) != ST_OK)
        return;
    bool v6 = str_find(str_of(address.host), ':') < str_of(address.host).n;
    if (cli->json) {
        printf("{\"listening\":\"http://%s%s%s:%u\",\"port\":%u}\n", v6 ? "[" : "", address.host,
               v6 ? "]" : "", port, port);
        fflush(stdout);
        return;
    }
    say("brindle: the emulator listens at http://%s%s%s:%u", v6 ? "[" : "", address.host,
        v6 ? "]" : "", port);
    say("  STRIPE_API_BASE=http://%s%s%s:%u STRIPE_SECRET_KEY=sk_test_anything", v6 ? "[" : "",
        address.host, v6 ? "]" : "", port);
}

static enum status run(struct cli *cli, const struct emulating_options *o, struct error *e)
{
    CLEANUP(emulating_close) struct emulating g = { 0 };
    enum status st = emulating_open(&g, o, e);

    if (st != ST_OK)
        return st;
    cli_catch_signals(stop_server, g.server);
    announce(cli, o->listen, emulator_server_port(g.server));
    tell_seed(o);
    st = emulator_server_run(g.server, e);
    cli_catch_signals(NULL, NULL);
    return st;
}

static enum status print_coverage(struct error *e)
{
    BUF(text, COVERAGE_BYTES_MAX);

    emulator_coverage(&text);
    if (text.failed || fwrite(text.p, 1, text.n, stdout) != text.n)
        return fail(e, ST_LIMIT, "The table could not be written.");
    return ST_OK;
}

enum status cmd_emulate(struct cli *cli, struct error *e)
{
    struct emulating_options o = { .listen = "127.0.0.1:12111", .dir = cli->flags.data_dir };
    struct secret secret = { .n = 0 };
    struct flag_list faults = { .n = 0 }, points = { .n = 0 };
    bool coverage = false;
    int64_t seed = SEED_DRAWN, rate = 0, rate_endpoint = 0, retry_ms = 0;
    const struct flag flag[] = { { "listen", FLAG_TEXT, { .text = &o.listen } },
                                 { "webhook", FLAG_TEXT, { .text = &o.webhook_url } },
                                 { "seed", FLAG_NUMBER, { .number = &seed } },
                                 { "rate", FLAG_NUMBER, { .number = &rate } },
                                 { "rate-endpoint", FLAG_NUMBER, { .number = &rate_endpoint } },
                                 { "retry-ms", FLAG_NUMBER, { .number = &retry_ms } },
                                 { "fault", FLAG_LIST, { .list = &faults } },
                                 { "assume", FLAG_LIST, { .list = &points } },
                                 { "coverage", FLAG_SWITCH, { .on = &coverage } } };
    struct words words = { 0 };

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 0, 0, e);
    if (st == ST_OK && coverage)
        return print_coverage(e);
    if (st == ST_OK && (rate > 1000000 || rate_endpoint > 1000000))
        st = fail(e, ST_INVALID, "--rate and --rate-endpoint must be at most 1000000.");
    if (st == ST_OK && o.webhook_url)
        st = read_secret(&secret, e);
    o.webhook_secret = &secret;
    o.faults = &faults;
    o.points = &points;
    o.seed = seed == SEED_DRAWN ? rng_below(wire_rng(), SEED_BELOW) : (uint64_t)seed;
    o.rate = (unsigned)rate;
    o.rate_endpoint = (unsigned)rate_endpoint;
    o.retry_ms = retry_ms;
    if (st == ST_OK)
        st = run(cli, &o, e);
    secret_wipe(&secret);
    return st;
}
