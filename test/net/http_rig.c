#include "http_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 300, ANSWER_MAX = 64 << 20 };

/* ---- The handler ---- */

static void reply_text(struct http_exchange *x, str body)
{
    const struct http_response ok = { .status = 200,
                                      .content_type = S("text/plain"),
                                      .body = body };

    http_reply(x, &ok);
}

static void reply_target(struct http_exchange *x, const struct http_request *q)
{
    char text[256];
    int n = snprintf(text, sizeof text, "%.*s %.*s?%.*s", STR_ARG(q->method), STR_ARG(q->path),
                     STR_ARG(q->query));

    reply_text(x, (str){ text, (size_t)n });
}

static void hold(struct rig *r, struct http_exchange *x)
{
    pthread_mutex_lock(&r->lock);
    assert(r->n_held < RIG_HELD_MAX);
    assert(http_exchange_get(x) == NULL);
    http_exchange_set(x, r);
    r->held[r->n_held++] = x;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static void handle(void *ctx, struct http_exchange *x, const struct http_request *q)
{
    struct rig *r = ctx;

    r->handled++;
    r->handled_since_turn++;
    if (str_eqz(q->path, "/hold")) {
        hold(r, x);
    } else if (str_eqz(q->path, "/turn")) {
        assert(r->n_for_turn < RIG_HELD_MAX);
        r->for_turn[r->n_for_turn++] = x;
    } else if (str_eqz(q->path, "/reply")) {
        pthread_mutex_lock(&r->lock);
        http_reply(x, &r->reply);
        pthread_mutex_unlock(&r->lock);
    } else if (str_eqz(q->path, "/target")) {
        reply_target(x, q);
    } else {
        if (str_eqz(q->path, "/gate")) {
            sem_post(&r->at_gate);
            while (sem_wait(&r->gate) != 0)
                continue;
        }
        reply_text(x, q->body);
    }
}

static void turn(void *ctx)
{
    struct rig *r = ctx;

    assert(r->handled_since_turn > 0);
    r->turns++;
    if (r->handled_since_turn > r->handled_in_a_turn_max)
        r->handled_in_a_turn_max = r->handled_since_turn;
    r->handled_since_turn = 0;
    for (size_t i = 0; i < r->n_for_turn; i++)
        reply_text(r->for_turn[i], S("turn"));
    r->n_for_turn = 0;
}

/* ---- The server ---- */

static void *run(void *arg)
{
    struct rig *r = arg;
    struct error e = { 0 };

    r->ran = http_server_run(r->server, &e);
    return NULL;
}

void rig_open(struct rig *r, struct http_options o)
{
    struct error e = { 0 };

    *r = (struct rig){ .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
    sem_init(&r->at_gate, 0, 0);
    sem_init(&r->gate, 0, 0);
    if (!o.listen.n)
        o.listen = S("127.0.0.1:0");
    o.handler = (struct http_handler){ .ctx = r, .handle = handle, .turn = turn };
    if (http_server_open(&r->server, &o, &e) != ST_OK)
        print_error("%s\n", e.text);
    assert_int_equal(e.status, ST_OK);
    assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
    r->running = true;
}

void rig_stop(struct rig *r)
{
    http_server_stop(r->server);
    pthread_join(r->thread, NULL);
    r->running = false;
}

void rig_close(struct rig *r)
{
    if (r->running)
        rig_stop(r);
    http_server_close(r->server);
    sem_destroy(&r->at_gate);
    sem_destroy(&r->gate);
}

void rig_reply(struct rig *r, struct http_response reply)
{
    pthread_mutex_lock(&r->lock);
    r->reply = reply;
    pthread_mutex_unlock(&r->lock);
}

void rig_wait_held(struct rig *r, size_t n)
{
    pthread_mutex_lock(&r->lock);
    while (r->n_held < n)
        pthread_cond_wait(&r->changed, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

void rig_release(struct rig *r)
{
    pthread_mutex_lock(&r->lock);
    while (r->n_held) {
        struct http_exchange *x = r->held[--r->n_held];
        assert(http_exchange_get(x) == r);
        reply_text(x, http_exchange_request(x)->target);
    }
    pthread_mutex_unlock(&r->lock);
}

void rig_open_gate(struct rig *r)
{
    sem_post(&r->gate);
}

void rig_wait_count(struct rig *r, uint64_t (*of)(const struct http_counters *), uint64_t n)
{
    const struct timespec a_little = { .tv_nsec = 1000000 };

    for (;;) {
        struct http_counters now = http_server_counters(r->server);
        if (of(&now) >= n)
            return;
        nanosleep(&a_little, NULL);
    }
}

/* ---- A client ---- */

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_free(&c->in);
}

bool client_try_open(struct client *c, const struct rig *r)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)http_server_port(r->server)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = PATIENCE_S };

    *c = (struct client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                          .in.max = ANSWER_MAX };
    assert_true(c->fd >= 0);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) == 0)
        return true;
    client_close(c);
    return false;
}

void client_open(struct client *c, const struct rig *r)
{
    assert_true(client_try_open(c, r));
}

bool client_try_send(struct client *c, str s)
{
    while (s.n) {
        ssize_t k = send(c->fd, s.p, s.n, MSG_NOSIGNAL);
        if (k < 0)
            return false;
        s = str_sub(s, (size_t)k, s.n);
    }
    return true;
}

void client_send(struct client *c, const char *z)
{
    assert_true(client_try_send(c, str_of(z)));
}

/* Reads once. 1, or 0 at the end, or -1 after a reset. */
static int client_fill(struct client *c)
{
    char *to = buf_room(&c->in, 16 << 10);
    assert_non_null(to);
    ssize_t k = recv(c->fd, to, 16 << 10, 0);
    if (k < 0 && errno != ECONNRESET)
        print_error("recv: %s\n", strerror(errno));
    assert_true(k >= 0 || errno == ECONNRESET);
    c->in.n += k > 0 ? (size_t)k : 0;
    return k > 0 ? 1 : (int)k;
}

static str unread(const struct client *c)
{
    return str_sub(buf_str(&c->in), c->used, c->in.n);
}

static const char *find_head_end(const struct client *c)
{
    str all = unread(c);

    return all.n ? memmem(all.p, all.n, "\r\n\r\n", 4) : NULL;
}

str answer_header(const struct answer *a, const char *name)
{
    size_t n = strlen(name);

    for (str rest = a->head, line; rest.n;) {
        rest = str_cut(rest, '\n', &line);
        if (line.n > n && line.p[n] == ':' && strncasecmp(line.p, name, n) == 0)
            return str_trim(str_sub(line, n + 1, line.n));
    }
    return S("");
}

struct answer client_read(struct client *c, bool head_only)
{
    struct answer a = { 0 };
    const char *end;
    int64_t length = 0;
    int got = 1;

    while (!(end = find_head_end(c)) && (got = client_fill(c)) > 0)
        continue;
    if (!end) {
        a.status = got < 0 ? -1 : unread(c).n ? -2 : 0;
        return a;
    }
    size_t head_bytes = (size_t)(end - c->in.p) + 4 - c->used;
    a.head = str_sub(unread(c), 0, head_bytes);
    str_to_int(answer_header(&a, "Content-Length"), &length);
    size_t body_bytes = head_only ? 0 : (size_t)length;
    while (c->in.n - c->used < head_bytes + body_bytes && (got = client_fill(c)) > 0)
        continue;
    str all = unread(c);
    a.head = str_sub(all, 0, head_bytes);
    a.status = got < 0 ? -1 : got == 0 ? -2 : atoi(a.head.p + sizeof "HTTP/1.1");
    a.body = str_sub(all, head_bytes, got > 0 ? head_bytes + body_bytes : all.n);
    c->used += got > 0 ? head_bytes + body_bytes : all.n;
    return a;
}

struct answer client_ask(struct client *c, const char *request)
{
    client_send(c, request);
    return client_read(c, false);
}

void client_wait_hangup(struct client *c)
{
    struct pollfd p = { .fd = c->fd, .events = POLLRDHUP };

    assert_int_equal(poll(&p, 1, PATIENCE_S * 1000), 1);
}
