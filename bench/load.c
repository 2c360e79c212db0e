/* load.c - sends signed events, each one different, over connections that stay open, one event at
 * a time on each; says how many were answered a second, and after what time.
 *
 *     bench_load PORT PATH SECRET CONNECTIONS MILLISECONDS OBJECTS SEED
 *
 * The events (3 KB, about OBJECTS different customers) are signed before the clock starts: while it
 * runs, only ids and signatures are copied into a request that is there already. Prints one line of
 * JSON; cpu_us is what sending and receiving an event has cost this program. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/hmac.h"
#include "pages.h"

enum {
    BODY_BYTES = 3000,
    PER_SECOND_MAX = 60000, /* events that are signed for each second of the run */
    CONNECTIONS_MAX = 1024,
    REQUEST_BYTES = 4096,
    ANSWER_BYTES = 4096,
    ID_DIGITS = 20,
};

struct signed_event {
    char id[ID_DIGITS], object[PAGE_ID_BYTES], signature[HMAC_HEX];
};

struct connection {
    int fd;
    int64_t sent_at;
    size_t n; /* of the answer so far */
    char answer[ANSWER_BYTES], request[REQUEST_BYTES];
};

static const char *secret_text, *path;
static unsigned port;
static char request[REQUEST_BYTES]; /* with places for what differs */
static size_t request_n, body_at, signature_at, id_at, object_at, object_n;
static struct signed_event *event;
static size_t n_events, next_event;
static uint32_t *latency_us;
static size_t n_answered, n_refused;
static struct connection connection[CONNECTIONS_MAX];

static void quit(const char *what)
{
    fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

/* The request, but for what differs from event to event. */
static void make_request(int64_t seconds)
{
    char body[REQUEST_BYTES], object[PAGE_ID_BYTES], text[64];
    BUF(customer, REQUEST_BYTES);

    page_id(PAGE_CUSTOMER, 0, object);
    object_n = strlen(object);
    page_object(&customer, PAGE_CUSTOMER, str_of(object), 0);
    int n = snprintf(body, sizeof body,
                     "{\"id\":\"evt_%0*d\",\"object\":\"event\",\"api_version\":"
                     "\"2026-10-28.endive\",\"created\":%lld,\"data\":{\"object\":%.*s},"
                     "\"livemode\":false,\"pending_webhooks\":1,\"request\":{\"id\":null,"
                     "\"idempotency_key\":null},\"type\":\"customer.updated\",\"filler\":\"",
                     ID_DIGITS, 0, (long long)seconds, STR_ARG(buf_str(&customer)));
    memset(body + n, 'x', (size_t)(BODY_BYTES - n));
    memcpy(body + BODY_BYTES - 2, "\"}", 2);
    int head = snprintf(request, sizeof request,
                        "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Stripe/1.0 "
                        "(+https://stripe.com/docs/webhooks)\r\nAccept: */*; q=0.5, "
                        "application/xml\r\nContent-Type: application/json; charset=utf-8\r\n"
                        "Content-Length: %d\r\nStripe-Signature: t=%lld,v1=",
                        path, BODY_BYTES, (long long)seconds);
    signature_at = (size_t)head;
    body_at = signature_at + HMAC_HEX + 4;
    memset(request + head, '0', HMAC_HEX);
    memcpy(request + body_at - 4, "\r\n\r\n", 4);
    memcpy(request + body_at, body, BODY_BYTES);
    request_n = body_at + BODY_BYTES;
    id_at = body_at + strlen("{\"id\":\"evt_");
    snprintf(text, sizeof text, "{\"object\":{\"id\":\"");
    object_at = body_at + (size_t)(strstr(body, text) - body) + strlen(text);
}

static void put_event(char *to, const struct signed_event *ev)
{
    memcpy(to + id_at, ev->id, ID_DIGITS);
    memcpy(to + object_at, ev->object, object_n);
    memcpy(to + signature_at, ev->signature, HMAC_HEX);
}

/* Ids grow with time, as Stripe's do. */
static void sign_events(size_t n, uint64_t objects, uint64_t seed, int64_t seconds)
{
    struct hmac *h = hmac_new(str_of(secret_text));
    unsigned char sum[HMAC_BYTES];
    char t[24], id[ID_DIGITS + 1];

    event = calloc(n, sizeof *event);
    latency_us = calloc(n, sizeof *latency_us);
    if (!event || !latency_us)
        quit("memory");
    snprintf(t, sizeof t, "%lld", (long long)seconds);
    for (size_t i = 0; i < n; i++) {
        snprintf(id, sizeof id, "%08x%012x", (unsigned)seed, (unsigned)i);
        memcpy(event[i].id, id, ID_DIGITS);
        page_id(PAGE_CUSTOMER, i % objects, event[i].object);
        put_event(request, &event[i]);
        hmac_sum(h, str_of(t), S("."), (str){ request + body_at, BODY_BYTES }, sum);
        hmac_hex(sum, event[i].signature);
    }
    hmac_free(h);
    n_events = n;
}

static void dial(struct connection *c, int poll)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int one = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
        quit("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
    if (epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &ev) != 0)
        quit("epoll_ctl");
    memcpy(c->request, request, request_n);
}

/* False: every event has been sent. */
static bool send_next(struct connection *c)
{
    if (next_event == n_events)
        return false;
    put_event(c->request, &event[next_event++]);
    c->n = 0;
    c->sent_at = now_us();
    if (write(c->fd, c->request, request_n) != (ssize_t)request_n)
        quit("write"); /* what a socket's buffer always takes */
    return true;
}

/* Is the answer complete? */
static bool read_answer(struct connection *c)
{
    static const char mark[] = "Content-Length: ";
    ssize_t n = read(c->fd, c->answer + c->n, ANSWER_BYTES - 1 - c->n);

    if (n <= 0)
        quit("the server has closed a connection");
    c->n += (size_t)n;
    c->answer[c->n] = '\0';
    const char *end = strstr(c->answer, "\r\n\r\n"), *length = strcasestr(c->answer, mark);
    if (!end || !length ||
        c->n < (size_t)(end + 4 - c->answer) + strtoul(length + strlen(mark), NULL, 10))
        return false;
    if (strncmp(c->answer, "HTTP/1.1 200", 12) != 0)
        n_refused++;
    else
        latency_us[n_answered++] = (uint32_t)(now_us() - c->sent_at);
    return true;
}

static void run(int poll, int connections, int64_t until)
{
    struct epoll_event ready[CONNECTIONS_MAX];
    int under_way = 0;

    for (int i = 0; i < connections; i++)
        under_way += send_next(&connection[i]);
    while (under_way) {
        int n = epoll_wait(poll, ready, CONNECTIONS_MAX, 10000);
        if (n <= 0)
            quit("no answer for ten seconds");
        bool go_on = now_us() < until;
        for (int i = 0; i < n; i++)
            if (read_answer(ready[i].data.ptr) && !(go_on && send_next(ready[i].data.ptr)))
                under_way--;
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static double percentile_ms(double share)
{
    return n_answered ? latency_us[(size_t)((double)(n_answered - 1) * share)] / 1e3 : 0;
}

int main(int argc, char **argv)
{
    if (argc != 8)
        return fprintf(stderr, "bench_load PORT PATH SECRET CONNECTIONS MS OBJECTS SEED\n"), 2;
    port = (unsigned)strtoul(argv[1], NULL, 10);
    path = argv[2];
    secret_text = argv[3];
    int connections = (int)strtol(argv[4], NULL, 10);
    int64_t span = strtoll(argv[5], NULL, 10), seconds = (int64_t)time(NULL);
    if (connections < 1 || connections > CONNECTIONS_MAX || span < 1)
        return 2;
    make_request(seconds);
    sign_events((size_t)(span * PER_SECOND_MAX / 1000), strtoull(argv[6], NULL, 10),
                strtoull(argv[7], NULL, 10), seconds);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < connections; i++)
        dial(&connection[i], poll);
    int64_t cpu = cpu_us(), start = now_us();
    run(poll, connections, start + span * 1000);
    double took = (double)(now_us() - start);
    cpu = cpu_us() - cpu;
    qsort(latency_us, n_answered, sizeof *latency_us, by_size);
    printf("{\"connections\":%d,\"events\":%zu,\"refused\":%zu,\"exhausted\":%s,"
           "\"per_second\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,"
           "\"cpu_us\":%.2f}\n",
           connections, n_answered, n_refused, next_event == n_events ? "true" : "false",
           (double)n_answered * 1e6 / took, percentile_ms(0.5), percentile_ms(0.99),
           percentile_ms(1), (double)cpu / (double)(n_answered + n_refused));
    return n_refused != 0;
}
