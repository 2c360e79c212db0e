#include "raw_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUESTS_MAX = 64, CONNECTIONS_MAX = 64, REQUEST_BYTES_MAX = 64 << 10 };

struct connection {
    int fd;
    size_t n;
    char *in;
};

struct raw_server {
    const struct raw_answer *script;
    size_t n_script;
    int listener, stop[2];
    unsigned port;
    pthread_t thread;
    bool stopped;
    struct connection open[CONNECTIONS_MAX];
    size_t n_open, n_connections, n_requests;
    _Atomic size_t n_answered; /* of the requests; read while the thread runs */
    char *request[REQUESTS_MAX];
};

static void must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

static void drop(struct raw_server *s, size_t i, bool reset)
{
    if (reset) {
        struct linger now = { 1, 0 };
        setsockopt(s->open[i].fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    close(s->open[i].fd);
    free(s->open[i].in);
    s->open[i] = s->open[--s->n_open];
}

/* How long the request at the head of `in` is; 0 while it is not complete. */
static size_t request_size(const char *in)
{
    const char *end = strstr(in, "\r\n\r\n");
    if (!end)
        return 0;
    size_t size = (size_t)(end - in) + 4;
    const char *length = strcasestr(in, "\r\ncontent-length:");
    if (length && length < end)
        size += strtoul(length + 17, NULL, 10);
    return strlen(in) >= size ? size : 0;
}

static void send_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0) /* the client may go first, that is for it to say */
            return;
        p += sent;
        n -= (size_t)sent;
    }
}

/* False when the connection is gone. */
static bool answer(struct raw_server *s, size_t i, size_t size)
{
    static const struct raw_answer beyond = {
        "HTTP/1.1 500 Beyond the script\r\nContent-Length: 0\r\n\r\n", 0, RAW_CLOSE
    };
    struct connection *c = &s->open[i];

    must(s->n_requests < REQUESTS_MAX, "too many requests");
    const struct raw_answer *a = s->n_requests < s->n_script ? &s->script[s->n_requests] : &beyond;
    s->request[s->n_requests++] = strndup(c->in, size);
    c->n -= size;
    memmove(c->in, c->in + size, c->n + 1);
    send_all(c->fd, a->bytes, a->n ? a->n : strlen(a->bytes));
    s->n_answered = s->n_requests;
    if (a->then == RAW_CLOSE || a->then == RAW_RESET) {
        drop(s, i, a->then == RAW_RESET);
        return false;
    }
    return true;
}

static void readable(struct raw_server *s, size_t i)
{
    struct connection *c = &s->open[i];
    ssize_t n = recv(c->fd, c->in + c->n, REQUEST_BYTES_MAX - c->n, 0);

    if (n <= 0) {
        drop(s, i, false);
        return;
    }
    c->n += (size_t)n;
    c->in[c->n] = '\0';
    size_t size = request_size(c->in);
    while (size && answer(s, i, size))
        size = request_size(c->in);
}

static void greet(struct raw_server *s)
{
    int fd = accept(s->listener, NULL, NULL);

    must(fd >= 0, "accept");
    must(s->n_open < CONNECTIONS_MAX, "too many connections");
    s->open[s->n_open++] = (struct connection){ .fd = fd, .in = calloc(1, REQUEST_BYTES_MAX + 1) };
    s->n_connections++;
}

static void *serve(void *ctx)
{
    struct raw_server *s = ctx;

    for (;;) {
        struct pollfd p[CONNECTIONS_MAX + 2] = { { .fd = s->stop[0], .events = POLLIN },
                                                 { .fd = s->listener, .events = POLLIN } };
        size_t n = s->n_open;
        for (size_t i = 0; i < n; i++)
            p[i + 2] = (struct pollfd){ .fd = s->open[i].fd, .events = POLLIN };
        must(poll(p, n + 2, -1) > 0, "poll");
        if (p[0].revents)
            return NULL;
        for (size_t i = n; i-- > 0;) /* backwards: dropping one moves the last */
            if (p[i + 2].revents)
                readable(s, i);
        if (p[1].revents)
            greet(s);
    }
}

struct raw_server *raw_server_start(const struct raw_answer *script, size_t n)
{
    struct raw_server *s = calloc(1, sizeof *s);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;

    must(s, "calloc");
    s->script = script;
    s->n_script = n;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(s->listener >= 0 && bind(s->listener, (struct sockaddr *)&at, sizeof at) == 0 &&
             listen(s->listener, CONNECTIONS_MAX) == 0 &&
             getsockname(s->listener, (struct sockaddr *)&at, &size) == 0 && pipe(s->stop) == 0,
         "loopback");
    s->port = ntohs(at.sin_port);
    must(pthread_create(&s->thread, NULL, serve, s) == 0, "pthread_create");
    return s;
}

unsigned raw_server_port(const struct raw_server *s)
{
    return s->port;
}

void raw_server_stop(struct raw_server *s)
{
    if (s->stopped)
        return;
    must(write(s->stop[1], "", 1) == 1, "write");
    pthread_join(s->thread, NULL);
    while (s->n_open)
        drop(s, 0, false);
    close(s->listener);
    s->stopped = true;
}

void raw_server_await(struct raw_server *s, size_t n_requests)
{
    while (s->n_answered < n_requests)
        sched_yield();
}

void raw_server_free(struct raw_server *s)
{
    raw_server_stop(s);
    for (size_t i = 0; i < s->n_requests; i++)
        free(s->request[i]);
    close(s->stop[0]);
    close(s->stop[1]);
    free(s);
}

const char *raw_server_request(const struct raw_server *s, size_t i)
{
    must(s->stopped, "the server still runs");
    return i < s->n_requests ? s->request[i] : "";
}

size_t raw_server_requests(const struct raw_server *s)
{
    must(s->stopped, "the server still runs");
    return s->n_requests;
}

size_t raw_server_connections(const struct raw_server *s)
{
    must(s->stopped, "the server still runs");
    return s->n_connections;
}
