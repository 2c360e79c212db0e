/* list_server.c - a Stripe that answers at once: lists of products, prices and customers, and each
 * of them by its id, from memory (pages.h tells about "random").
 *
 *     bench_list_server OBJECTS_PER_TYPE [random] [RATE]
 *     bench_list_server CUSTOMERS account=bench/account.txt
 *
 * With an account, the lists are those of a whole shop (account.h).
 * With a RATE it answers 429 to whatever is more in a second. Prints its port, ends on SIGINT or
 * SIGTERM, and then prints what CPU time a request has cost. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "account.h"
#include "net/http.h"
#include "pages.h"

static struct http_server *server;
static uint64_t total;
static bool is_account;
static unsigned rate, started; /* permitted in a second; in the current one */
static time_t second;

static bool is_permitted(void)
{
    time_t now = time(NULL);

    if (now != second)
        started = 0;
    second = now;
    return rate == 0 || started++ < rate;
}

static void stop(int signal)
{
    (void)signal;
    http_server_stop(server);
}

static void put_answer(struct buf *b, str path, str query)
{
    enum page_kind kind = page_kind_of(path);
    size_t slash = 4 + str_find(str_sub(path, 4, path.n), '/');
    bool is_under_an_object =
        slash < path.n && str_find(str_sub(path, slash + 1, path.n), '/') < path.n - slash - 1;

    if (str_eq(path, S("/v1/account")))
        buf_append(b, S("{\"id\":\"acct_1BenchBenchBench1\",\"object\":\"account\"}"));
    else if (str_eq(path, S("/v1/balance")))
        buf_append(b, S("{\"object\":\"balance\",\"livemode\":false}"));
    else if (is_account && account_answer(b, path, query))
        return;
    else if (is_account)
        buf_append(b, S("{\"object\":\"list\",\"data\":[],\"has_more\":false}"));
    else if (kind == PAGE_KINDS || is_under_an_object)
        buf_append(b, S("{\"object\":\"list\",\"data\":[],\"has_more\":false}"));
    else if (slash < path.n)
        page_object(b, kind, str_sub(path, slash + 1, path.n), 0);
    else
        page_list(b, kind, query, total);
}

static void handle(void *ctx, struct http_exchange *x, const struct http_request *q)
{
    BUF(body, PAGE_BYTES_MAX);
    const struct http_header id = { S("Request-Id"), S("req_bench") };

    (void)ctx;
    bool permitted = is_permitted();
    if (permitted)
        put_answer(&body, q->path, q->query);
    else
        buf_append(&body, S("{\"error\":{\"code\":\"rate_limit\",\"message\":\"Too many.\"}}"));
    struct http_response r = { .status = permitted ? 200 : 429,
                               .content_type = S("application/json"),
                               .body = buf_str(&body),
                               .header = &id,
                               .n_headers = 1 };
    http_reply(x, &r);
}

static double cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
    struct http_options o = { .listen = S("127.0.0.1:0"), .handler = { .handle = handle } };
    struct error e = { 0 };

    for (int i = 2; i < argc; i++) {
        if (str_starts(str_of(argv[i]), S("account="))) {
            account_open(argv[i] + strlen("account="), strtoull(argv[1], NULL, 10));
            is_account = true;
        } else if (str_eqz(S("random"), argv[i])) {
            page_ids_at_random();
        } else {
            rate = (unsigned)strtoul(argv[i], NULL, 10);
        }
    }
    total = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000;
    if (http_server_open(&server, &o, &e) != ST_OK)
        return fprintf(stderr, "bench_list_server: %s\n", e.text), 1;
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    printf("port %u objects %llu\n", http_server_port(server),
           (unsigned long long)(is_account ? account_objects() : total));
    fflush(stdout);
    enum status st = http_server_run(server, &e);
    uint64_t n = http_server_counters(server).requests;
    if (n)
        printf("%llu requests, %.2f us of CPU each\n", (unsigned long long)n, cpu_us() / (double)n);
    http_server_close(server);
    return st != ST_OK;
}
