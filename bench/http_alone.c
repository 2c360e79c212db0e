/* http_alone.c - the HTTP loop by itself: answers 200 to every POST, 405 to the rest.
 *
 *     bench_http_alone 127.0.0.1:8499 &
 *     wrk -t1 -c64 -d5 -s post.lua http://127.0.0.1:8499/
 *
 * Ends on SIGINT or SIGTERM and prints the CPU time a request has cost. */
#include "net/http.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

static struct http_server *server;

static void stop(int signal)
{
    (void)signal;
    http_server_stop(server);
}

static void handle(void *ctx, struct http_exchange *x, const struct http_request *q)
{
    (void)ctx;
    struct http_response ok = { .status = 200,
                                .content_type = S("application/json"),
                                .body = S("{\"received\":true}") };

    if (!str_eq(q->method, S("POST")))
        ok.status = 405;
    http_reply(x, &ok);
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
    struct http_options o = { .listen = str_of(argc > 1 ? argv[1] : "127.0.0.1:8499"),
                              .handler = { .handle = handle } };
    struct error e = { 0 };

    enum status st = http_server_open(&server, &o, &e);
    if (st == ST_OK) {
        signal(SIGINT, stop);
        signal(SIGTERM, stop);
        printf("port %u\n", http_server_port(server));
        fflush(stdout);
        st = http_server_run(server, &e);
    }
    if (st != ST_OK)
        fprintf(stderr, "bench_http_alone: %s\n", e.text);
    struct http_counters n = server ? http_server_counters(server) : (struct http_counters){ 0 };
    if (n.requests)
        printf("%llu requests, %.2f us of CPU each\n", (unsigned long long)n.requests,
               cpu_us() / (double)n.requests);
    http_server_close(server);
    return st != ST_OK;
}
