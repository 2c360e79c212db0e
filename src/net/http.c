#include "net/http_internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* What an epoll event is about: a connection's slot and generation, or one of these. */
#define EVENT_LISTEN UINT64_MAX
#define EVENT_WAKE (UINT64_MAX - 1)

static msec monotonic(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (msec)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- Opening ---- */

static void set_defaults(struct http_options *o)
{
    o->connections_max = o->connections_max ? o->connections_max : HTTP_CONNECTIONS_MAX;
    o->body_bytes_max = o->body_bytes_max ? o->body_bytes_max : HTTP_BODY_BYTES_MAX;
    o->header_bytes_max = o->header_bytes_max ? o->header_bytes_max : HTTP_HEADER_BYTES_MAX;
    o->input_bytes_max = o->input_bytes_max ? o->input_bytes_max : HTTP_INPUT_BYTES_MAX;
    o->request_ms_max = o->request_ms_max ? o->request_ms_max : HTTP_REQUEST_MS_MAX;
    o->idle_ms_max = o->idle_ms_max ? o->idle_ms_max : HTTP_IDLE_MS_MAX;
    o->write_ms_max = o->write_ms_max ? o->write_ms_max : HTTP_WRITE_MS_MAX;
    o->drain_ms_max = o->drain_ms_max ? o->drain_ms_max : HTTP_DRAIN_MS_MAX;
}

static enum status listen_on(struct http_server *s, const struct addrinfo *a, struct error *e)
{
    struct sockaddr_storage bound;
    socklen_t n = sizeof bound;
    int yes = 1;

    s->listen_fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Accepted sockets inherit TCP_NODELAY. */
    if (s->listen_fd < 0 ||
        setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        setsockopt(s->listen_fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 ||
        bind(s->listen_fd, a->ai_addr, a->ai_addrlen) != 0 ||
        listen(s->listen_fd, SOMAXCONN) != 0 ||
        getsockname(s->listen_fd, (struct sockaddr *)&bound, &n) != 0)
        return http_listen_failure(s->o.listen, errno, e);
    s->port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                : ((struct sockaddr_in *)&bound)->sin_port);
    return ST_OK;
}

static enum status open_socket(struct http_server *s, struct error *e)
{
    struct addrinfo *found;
    enum status st = http_address_resolve(s->o.listen, 0, &found, e);

    if (st != ST_OK)
        return st;
    st = listen_on(s, found, e);
    freeaddrinfo(found);
    return st;
}

static bool watch(struct http_server *s, int fd, uint32_t events, uint64_t what)
{
    struct epoll_event event = { .events = events, .data.u64 = what };

    return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static enum status open_loop(struct http_server *s, struct error *e)
{
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->epoll_fd < 0 || s->wake_fd < 0 || !watch(s, s->listen_fd, EPOLLIN, EVENT_LISTEN) ||
        !watch(s, s->wake_fd, EPOLLIN, EVENT_WAKE))
        return http_listen_failure(s->o.listen, errno, e);
    return ST_OK;
}

static enum status open_slots(struct http_server *s, struct error *e)
{
    s->n_conns = s->o.connections_max + HTTP_REFUSED_MAX;
    s->conn = calloc(s->n_conns, sizeof *s->conn); /* untouched pages cost nothing */
    s->timers.heap = calloc(s->n_conns, sizeof *s->timers.heap);
    if (!s->conn || !s->timers.heap)
        return fail(e, ST_LIMIT, "no memory for %zu connections; lower connections_max",
                    s->o.connections_max);
    for (size_t i = s->n_conns; i-- > 0;) {
        s->conn[i].server = s;
        s->conn[i].slot = (uint32_t)i;
        s->conn[i].fd = -1;
        s->conn[i].next = s->free;
        s->free = &s->conn[i];
    }
    return ST_OK;
}

enum status http_server_open(struct http_server **out, const struct http_options *o,
                             struct error *e)
{
    struct http_server *s = calloc(1, sizeof *s);

    if (!s)
        return fail(e, ST_LIMIT, "no memory for an HTTP server");
    s->o = *o;
    set_defaults(&s->o);
    s->listen_fd = s->epoll_fd = s->wake_fd = -1;
    s->own.last = &s->own.first;
    s->foreign.last = &s->foreign.first;
    s->more_last = &s->more_first;
    s->date_s = -1;
    pthread_mutex_init(&s->lock, NULL);
    enum status st = open_socket(s, e);
    if (st == ST_OK)
        st = open_loop(s, e);
    if (st == ST_OK)
        st = open_slots(s, e);
    if (st != ST_OK) {
        http_server_close(s);
        return st;
    }
    s->o.listen = (str){ 0 }; /* the caller's; not needed any more */
    *out = s;
    return ST_OK;
}

unsigned http_server_port(const struct http_server *s)
{
    return s->port;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

void http_server_close(struct http_server *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->conn && i < s->n_conns; i++) {
        close_fd(s->conn[i].fd);
        buf_free(&s->conn[i].in);
        buf_free(&s->conn[i].out);
        buf_free(&s->conn[i].x.answer);
    }
    close_fd(s->listen_fd);
    close_fd(s->wake_fd);
    close_fd(s->epoll_fd);
    free(s->conn);
    free(s->timers.heap);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- From any thread ---- */

static void wake(struct http_server *s)
{
    uint64_t one = 1;
    ssize_t written = write(s->wake_fd, &one, sizeof one);

    (void)written; /* full means that it is awake */
}

void http_server_stop(struct http_server *s)
{
    int saved = errno; /* it may be called from a signal handler */

    atomic_store(&s->stop, true);
    wake(s);
    errno = saved;
}

void http_replies_add(struct http_replies *l, struct http_exchange *x)
{
    x->next = NULL;
    *l->last = x;
    l->last = &x->next;
}

void http_reply(struct http_exchange *x, const struct http_response *r)
{
    struct http_conn *c = x->conn;
    struct http_server *s = c->server;

    assert(!x->answered);
    x->answered = true;
    http_answer_write(x, r, &c->parse, atomic_load_explicit(&s->stop, memory_order_relaxed));
    if (pthread_equal(s->thread, pthread_self())) {
        if (c->in_handle)
            c->replied_in_handle = true;
        else
            http_replies_add(&s->own, x);
        return;
    }
    /* Woken under the lock: after it the loop may end, and the server be closed. */
    pthread_mutex_lock(&s->lock);
    if (!s->foreign.first) /* the others need not wake it again */
        wake(s);
    http_replies_add(&s->foreign, x);
    pthread_mutex_unlock(&s->lock);
}

void http_exchange_set(struct http_exchange *x, void *data)
{
    x->data = data;
}

void *http_exchange_get(const struct http_exchange *x)
{
    return x->data;
}

void http_exchange_label(struct http_exchange *x, str name, str value)
{
    x->label = (struct http_header){ name, value };
}

const struct http_request *http_exchange_request(const struct http_exchange *x)
{
    return &x->conn->parse.q;
}

static uint64_t read_count(const _Atomic uint64_t *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

struct http_counters http_server_counters(const struct http_server *s)
{
    return (struct http_counters){
        .connections = read_count(&s->count.connections),
        .requests = read_count(&s->count.requests),
        .refused_connections = read_count(&s->count.refused_connections),
        .timeouts = read_count(&s->count.timeouts),
        .malformed = read_count(&s->count.malformed),
        .too_large = read_count(&s->count.too_large),
        .open_connections = read_count(&s->count.open_connections),
    };
}

/* ---- Accepting ---- */

/* Out of descriptors or memory: an accept that failed would be due again at once, for ever. */
static void pause_accept(struct http_server *s)
{
    epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, s->listen_fd, NULL);
    s->accept_again = s->now + HTTP_ACCEPT_PAUSE_MS;
}

static void resume_accept(struct http_server *s)
{
    if (watch(s, s->listen_fd, EPOLLIN, EVENT_LISTEN))
        s->accept_again = 0;
    else
        s->accept_again = s->now + HTTP_ACCEPT_PAUSE_MS;
}

static void take_socket(struct http_server *s, int fd)
{
    struct http_conn *c = http_conn_take_slot(s, false);

    if (!c) {
        http_count(&s->count.refused_connections);
        c = http_conn_take_slot(s, true);
    }
    if (!c) {
        close(fd);
        return;
    }
    http_conn_start(c, fd);
}

static void accept_some(struct http_server *s)
{
    for (int i = 0; i < HTTP_ACCEPTS_PER_TURN; i++) {
        int fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take_socket(s, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            pause_accept(s);
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* anything else is about that one connection, which is gone */
    }
}

/* ---- The loop ---- */

void http_conn_more(struct http_conn *c)
{
    struct http_server *s = c->server;

    if (c->queued)
        return;
    c->queued = true;
    c->next = NULL;
    *s->more_last = c;
    s->more_last = &c->next;
}

/* Those that were left at the end of the last turn; what they leave again waits for the next. */
static void advance_more(struct http_server *s)
{
    struct http_conn *last = NULL;

    if (s->more_first)
        last = (struct http_conn *)((char *)s->more_last - offsetof(struct http_conn, next));
    for (bool end = !last; !end;) {
        struct http_conn *c = s->more_first;
        end = c == last;
        s->more_first = c->next;
        if (!s->more_first)
            s->more_last = &s->more_first;
        c->queued = false;
        c->next = NULL;
        http_conn_advance(c);
    }
}

static void answer_all(struct http_replies *l)
{
    struct http_exchange *x = l->first, *next;

    *l = (struct http_replies){ NULL, &l->first };
    for (; x; x = next) {
        struct http_conn *c = x->conn;
        next = x->next;
        http_conn_answer(c);
        if (c->fd >= 0)
            http_conn_advance(c);
    }
}

static void answer_foreign(struct http_server *s)
{
    struct http_replies taken = { NULL, &taken.first };

    pthread_mutex_lock(&s->lock);
    if (s->foreign.first)
        taken.first = s->foreign.first;
    s->foreign = (struct http_replies){ NULL, &s->foreign.first };
    pthread_mutex_unlock(&s->lock);
    answer_all(&taken);
}

static void handle_event(struct http_server *s, const struct epoll_event *event)
{
    uint64_t what = event->data.u64, ignored;

    if (what == EVENT_LISTEN) {
        if (!s->draining)
            accept_some(s);
    } else if (what == EVENT_WAKE) {
        ssize_t n = read(s->wake_fd, &ignored, sizeof ignored);
        (void)n;
    } else {
        struct http_conn *c = &s->conn[what & UINT32_MAX];
        if (c->fd >= 0 && c->generation == (uint32_t)(what >> 32))
            http_conn_event(c, event->events);
    }
}

static void run_timers(struct http_server *s)
{
    struct http_conn *c;

    if (s->accept_again && s->accept_again <= s->now && !s->draining)
        resume_accept(s);
    /* Each connection that expires is closed or gets a deadline that lies ahead. */
    while ((c = http_timer_expired(&s->timers, s->now)))
        http_conn_expire(c);
}

static void begin_drain(struct http_server *s)
{
    s->draining = true;
    s->drain_until = s->now + s->o.drain_ms_max;
    close(s->listen_fd);
    s->listen_fd = -1;
}

static bool owes_answers(const struct http_server *s)
{
    for (size_t i = 0; i < s->n_conns; i++)
        if (http_conn_owes_answer(&s->conn[i]))
            return true;
    return false;
}

static int turn_timeout(const struct http_server *s)
{
    msec until = http_timer_next(&s->timers);

    if (s->more_first || s->own.first || s->handled || (s->draining && !owes_answers(s)))
        return 0;
    if (s->accept_again && s->accept_again < until)
        until = s->accept_again;
    if (s->draining && s->drain_until < until)
        until = s->drain_until;
    if (until == HTTP_NEVER)
        return -1;
    if (until <= s->now)
        return 0;
    return until - s->now < INT32_MAX ? (int)(until - s->now) : INT32_MAX;
}

/* One turn: everything that has happened, then the handler's `turn`, then what it has answered. */
static void run_turn(struct http_server *s, const struct epoll_event *event, int n)
{
    s->now = monotonic();
    if (!s->draining && atomic_load(&s->stop))
        begin_drain(s);
    advance_more(s);
    for (int i = 0; i < n; i++)
        handle_event(s, &event[i]);
    answer_foreign(s);
    answer_all(&s->own);
    run_timers(s);
    if (s->handled) {
        s->handled = false;
        if (s->o.handler.turn)
            s->o.handler.turn(s->o.handler.ctx);
        answer_all(&s->own);
    }
}

enum status http_server_run(struct http_server *s, struct error *e)
{
    struct epoll_event event[HTTP_EVENTS_PER_TURN];

    s->thread = pthread_self();
    s->now = monotonic();
    for (;;) {
        int n = epoll_wait(s->epoll_fd, event, HTTP_EVENTS_PER_TURN, turn_timeout(s));
        if (n < 0 && errno != EINTR)
            return fail(e, ST_BROKEN, "the HTTP loop cannot wait for events (errno %d)", errno);
        run_turn(s, event, n);
        if (!s->draining)
            continue;
        /* A turn in which nothing came ends it: what was on its way has been answered. */
        if (n == 0 && !s->more_first && !s->own.first && !s->handled && !owes_answers(s))
            return ST_OK;
        if (s->now >= s->drain_until)
            return fail(e, ST_LIMIT,
                        "some HTTP requests were still unanswered when the time to drain was over");
    }
}
