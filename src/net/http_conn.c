#include "net/http_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- The life of a slot ---- */

struct http_conn *http_conn_take_slot(struct http_server *s, bool refused)
{
    struct http_conn *c = s->free;
    size_t *n = refused ? &s->n_refused : &s->n_open;

    if (!c || *n == (refused ? HTTP_REFUSED_MAX : s->o.connections_max))
        return NULL;
    s->free = c->next;
    c->next = NULL;
    c->refused = refused;
    ++*n;
    return c;
}

/* Nothing lies in the read buffer; it is kept for the next request unless memory is dear. */
static void in_shrink(struct http_conn *c)
{
    struct http_server *s = c->server;

    if (c->in.cap <= HTTP_IN_BYTES_KEPT && s->input_bytes <= s->o.input_bytes_max / 2)
        return;
    s->input_bytes -= c->in.cap;
    buf_free(&c->in);
}

static void give_slot_back(struct http_conn *c)
{
    struct http_server *s = c->server;

    assert(c->fd < 0 && !c->queued && !c->in_heap);
    --*(c->refused ? &s->n_refused : &s->n_open);
    s->input_bytes -= c->in.cap;
    buf_free(&c->in); /* an idle slot holds no memory */
    buf_free(&c->out);
    buf_free(&c->x.answer);
    c->next = s->free;
    s->free = c;
}

static void unqueue(struct http_conn *c)
{
    struct http_server *s = c->server;
    struct http_conn **at = &s->more_first;

    if (!c->queued)
        return;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    if (s->more_last == &c->next)
        s->more_last = at;
    c->queued = false;
    c->next = NULL;
}

void http_conn_close(struct http_conn *c)
{
    assert(c->fd >= 0);
    close(c->fd);
    c->fd = -1;
    c->generation++; /* events that are still on their way are not for its successor */
    unqueue(c);
    http_timer_remove(&c->server->timers, c);
    atomic_fetch_sub_explicit(&c->server->count.open_connections, 1, memory_order_relaxed);
    /* While the handler has the request, its slices must stay: then http_conn_answer gives the
     * slot back. */
    if (c->phase != HTTP_HANDLED)
        give_slot_back(c);
}

/* Without a word: what was sent and not yet taken is lost too. */
static void reset(struct http_conn *c)
{
    struct linger none = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    http_conn_close(c);
}

/* ---- Out ---- */

/* Everything is sent and nothing will follow. */
static void finish(struct http_conn *c)
{
    /* To close a socket that has unread bytes is to reset it, and the reset would overtake our
     * answer. So it is read to its end first, within limits. */
    bool unread = c->in.n > c->in_at || c->readable;

    if (c->ended || (!unread && !c->lingers)) {
        http_conn_close(c);
        return;
    }
    shutdown(c->fd, SHUT_WR);
    c->lingering = true;
    c->linger_until = c->server->now + HTTP_LINGER_MS;
}

/* The socket goes to whom the answer has promised it. */
static void give_away(struct http_conn *c)
{
    struct http_exchange x = c->x;
    int fd = dup(c->fd), flags = fcntl(c->fd, F_GETFL);

    c->x.upgrade = NULL;
    if (fd >= 0)
        epoll_ctl(c->server->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    http_conn_close(c);
    if (fd < 0)
        return; /* out of descriptors: it is closed */
    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    x.upgrade(x.upgrade_ctx, x.upgrade_id, fd);
}

static void out_is_empty(struct http_conn *c)
{
    if (c->phase == HTTP_READS && c->x.upgrade) { /* until then it is the handler's */
        give_away(c);
        return;
    }
    buf_clear(&c->out);
    if (c->out.cap > HTTP_OUT_BYTES_KEPT)
        buf_free(&c->out);
    c->out_at = c->out_allowed = 0;
    c->trickle = c->write_until = 0;
    if (c->close_after_out)
        finish(c);
}

static void flush(struct http_conn *c)
{
    size_t end = c->trickle && c->out_allowed < c->out.n ? c->out_allowed : c->out.n;

    c->blocked = false;
    while (c->out_at < end) {
        ssize_t k = send(c->fd, c->out.p + c->out_at, end - c->out_at, MSG_NOSIGNAL);
        if (k >= 0) {
            c->out_at += (size_t)k;
        } else if (errno == EAGAIN) {
            c->blocked = true;
            if (!c->write_until)
                c->write_until = c->server->now + c->server->o.write_ms_max;
            return;
        } else if (errno != EINTR) {
            http_conn_close(c);
            return;
        }
    }
    if (c->out.n && c->out_at == c->out.n)
        out_is_empty(c);
}

static void put_date(struct http_conn *c)
{
    struct http_server *s = c->server;
    int64_t wall = (int64_t)time(NULL);

    if (wall != s->date_s) {
        s->date_s = wall;
        http_date(wall, s->date);
    }
    http_answer_date(&c->x, s->date);
}

/* Moves the answer behind what is still to be sent. */
static void queue_answer(struct http_conn *c)
{
    struct http_exchange *x = &c->x;
    size_t head_end = c->out.n + x->head_bytes, body = x->answer.n - x->head_bytes;

    put_date(c);
    if (x->cut_at_bytes && x->cut_at_bytes < body)
        x->answer.n = x->head_bytes + x->cut_at_bytes;
    if (x->close)
        c->close_after_out = true;
    if (c->out.n == 0) {
        struct buf empty = c->out;
        c->out = x->answer;
        c->out.max = empty.max;
        x->answer = empty;
    } else {
        buf_append(&c->out, buf_str(&x->answer));
    }
    if (x->trickle > 0) {
        c->trickle = x->trickle;
        c->out_allowed = head_end + HTTP_TRICKLE_BYTES;
        c->resume_at = c->server->now + c->trickle;
    }
}

/* The request is over; its bytes go. */
static void consume_request(struct http_conn *c)
{
    c->in_at += c->parse.at;
    http_parse_begin(&c->parse);
    c->phase = HTTP_READS;
    c->request_since = 0;
    c->idle_since = c->server->now;
    if (c->in_at == c->in.n) {
        c->in_at = c->in.n = 0;
        in_shrink(c);
    }
}

static void send_answer(struct http_conn *c)
{
    consume_request(c);
    if (c->x.reset || c->x.answer.failed) { /* a fault, or not even memory for a 500 */
        flush(c);                           /* what was answered before has no part in it */
        if (c->fd >= 0)
            reset(c);
        return;
    }
    queue_answer(c);
    buf_clear(&c->x.answer);
    if (c->x.answer.cap > HTTP_OUT_BYTES_KEPT)
        buf_free(&c->x.answer);
    if (c->out.failed)
        reset(c); /* out of memory: better no answer than half of one */
}

void http_conn_answer(struct http_conn *c)
{
    assert(c->phase == HTTP_HANDLED);
    if (c->fd < 0) {
        c->phase = HTTP_READS;
        give_slot_back(c);
    } else if (c->x.delay > 0) {
        c->phase = HTTP_DELAYED;
        c->resume_at = c->server->now + c->x.delay;
    } else {
        send_answer(c);
    }
}

static const char *reason_name(int status)
{
    switch (status) {
    case 408: return "too_slow";
    case 413:
    case 431: return "too_large";
    default: return "bad_request";
    }
}

/* Answers on our own account (`reason` is a plain sentence without a quote in it) and ends the
 * connection. */
static void refuse(struct http_conn *c, int status, const char *reason)
{
    char text[256];
    int n = snprintf(text, sizeof text, "{\"error\":{\"reason\":\"%s\",\"message\":\"%s\"}}\n",
                     reason_name(status), reason);
    struct http_response r = { .status = status,
                               .content_type = S("application/json"),
                               .body = { text, (size_t)n },
                               .close = true };

    assert(n > 0 && (size_t)n < sizeof text);
    http_answer_write(&c->x, &r, &c->parse, true);
    c->parse.at = c->in.n - c->in_at;
    send_answer(c);
    c->lingers = true;
}

/* ---- In ---- */

/* As much room as a read wants: no more than is missing, when that is known. */
static size_t room_wanted(const struct http_conn *c)
{
    size_t total = http_parse_total(&c->parse), have = c->in.n - c->in_at;

    if (c->in.cap == 0)
        return HTTP_IN_BYTES;
    return total > have && total - have < HTTP_IN_ROOM_MIN ? total - have : HTTP_IN_ROOM_MIN;
}

/* Makes room behind what has come. False: the connection was answered or closed. */
static bool make_room(struct http_conn *c, size_t want)
{
    struct http_server *s = c->server;
    struct buf *b = &c->in;
    uintptr_t old = (uintptr_t)b->p + c->in_at;
    size_t before = b->cap;

    if (c->in_at) {
        buf_consume(b, c->in_at);
        c->in_at = 0;
    }
    if (b->cap - b->n < want && s->input_bytes + (before ? before : want) > s->o.input_bytes_max) {
        http_count(&s->count.refused_connections);
        refuse(c, 503, "too much is being received at the moment; try again");
        return false;
    }
    bool room = buf_room(b, want) != NULL;
    s->input_bytes += b->cap - before;
    if (!room) {
        reset(c); /* out of memory */
        return false;
    }
    http_parse_moved(&c->parse, (ptrdiff_t)((uintptr_t)b->p - old));
    return true;
}

/* Reads once. False: nothing came. */
static bool read_some(struct http_conn *c)
{
    size_t want = room_wanted(c);

    if (!c->readable || c->ended)
        return false;
    if (c->in.cap - c->in.n < want && !make_room(c, want))
        return false;
    size_t room = c->in.cap - c->in.n;
    ssize_t k;
    do
        k = recv(c->fd, c->in.p + c->in.n, room, 0);
    while (k < 0 && errno == EINTR);
    if (k < 0 && errno != EAGAIN) {
        http_conn_close(c);
        return false;
    }
    c->ended = k == 0;
    /* Less than there was room for: it was all there is, unless the end has been announced. */
    c->readable = k > 0 && ((size_t)k == room || c->hangup_due);
    if (k > 0)
        c->in.n += (size_t)k;
    return k > 0;
}

/* The connection is at its end; what still comes is thrown away. */
static void linger(struct http_conn *c)
{
    char waste[16 << 10];
    ssize_t k = 1;

    while (k > 0 && c->lingered_bytes < HTTP_LINGER_BYTES_MAX) {
        k = recv(c->fd, waste, sizeof waste, 0);
        if (k > 0)
            c->lingered_bytes += (size_t)k;
    }
    if (k >= 0 || (errno != EAGAIN && errno != EINTR))
        http_conn_close(c);
}

static void answer_stopping(struct http_conn *c)
{
    const struct http_response stopping = { .status = 503,
                                            .content_type = S("application/json"),
                                            .body = S("{\"error\":{\"reason\":\"stopping\","
                                                      "\"message\":\"the server is "
                                                      "stopping\"}}\n"),
                                            .close = true };

    http_answer_write(&c->x, &stopping, &c->parse, true);
    http_conn_answer(c);
}

static void hand_over(struct http_conn *c)
{
    struct http_server *s = c->server;

    http_count(&s->count.requests);
    c->phase = HTTP_HANDLED;
    c->x.answered = false;
    c->x.label = (struct http_header){ 0 };
    c->x.data = NULL;
    if (s->draining) {
        answer_stopping(c);
        return;
    }
    s->handled = true;
    c->in_handle = true;
    c->replied_in_handle = false;
    s->o.handler.handle(s->o.handler.ctx, &c->x, &c->parse.q);
    c->in_handle = false;
    if (c->replied_in_handle)
        http_conn_answer(c);
}

static void refuse_request(struct http_conn *c)
{
    struct http_server *s = c->server;
    int status = c->parse.status;

    http_count(status == 413 || status == 431 ? &s->count.too_large : &s->count.malformed);
    refuse(c, status, c->parse.reason);
}

static enum http_step parse(struct http_conn *c)
{
    size_t n = c->in.n - c->in_at;

    if (n == 0)
        return HTTP_STEP_MORE;
    enum http_step step = http_parse_step(&c->parse, c->in.p + c->in_at, &n);
    c->in.n = c->in_at + n;
    if (n && !c->request_since)
        c->request_since = c->server->now;
    if (step == HTTP_STEP_MORE && c->parse.wants_continue) {
        c->parse.wants_continue = false;
        buf_append(&c->out, S("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    return step;
}

static bool may_take_request(const struct http_conn *c)
{
    return c->fd >= 0 && c->phase == HTTP_READS && !c->close_after_out && !c->trickle &&
           !c->x.upgrade && !c->blocked && c->out.n - c->out_at < HTTP_OUT_BYTES_BATCH;
}

/* Takes requests, and answers those whose answer comes at once. */
static void take_requests(struct http_conn *c, unsigned *taken)
{
    while (may_take_request(c)) {
        if (*taken == HTTP_REQUESTS_PER_TURN) {
            http_conn_more(c); /* the others want their turn too */
            return;
        }
        switch (parse(c)) {
        case HTTP_STEP_MORE:
            if (!read_some(c))
                return;
            break;
        case HTTP_STEP_BAD: refuse_request(c); return;
        case HTTP_STEP_READY:
            hand_over(c);
            ++*taken;
            break;
        }
    }
}

/* Takes and sends in turns, because what could not be sent kept requests from being taken. */
static void take_and_send(struct http_conn *c)
{
    bool stuck = true;
    unsigned taken = 0;

    while (stuck && c->fd >= 0) {
        take_requests(c, &taken);
        stuck = !may_take_request(c);
        if (c->fd >= 0)
            flush(c);
        stuck = stuck && may_take_request(c);
    }
}

static void set_deadline(struct http_conn *c)
{
    const struct http_options *o = &c->server->o;
    msec at = HTTP_NEVER;

    if (c->lingering)
        at = c->linger_until;
    else if (c->blocked)
        at = c->write_until;
    else if (c->phase == HTTP_DELAYED || c->trickle)
        at = c->resume_at;
    else if (c->phase == HTTP_READS && c->request_since)
        at = c->request_since + o->request_ms_max;
    else if (c->phase == HTTP_READS)
        at = c->idle_since + o->idle_ms_max;
    http_timer_set(&c->server->timers, c, at);
}

void http_conn_advance(struct http_conn *c)
{
    if (!c->lingering)
        take_and_send(c);
    if (c->fd >= 0 && c->lingering)
        linger(c);
    if (c->fd >= 0 && c->ended && c->phase == HTTP_READS && c->out.n == 0)
        http_conn_close(c);
    if (c->fd >= 0)
        set_deadline(c);
}

void http_conn_start(struct http_conn *c, int fd)
{
    struct http_server *s = c->server;
    struct http_parse parse = { .header_bytes_max = s->o.header_bytes_max,
                                .body_bytes_max = s->o.body_bytes_max };

    c->fd = fd;
    c->phase = HTTP_READS;
    c->readable = c->ended = c->hangup_due = c->blocked = false;
    c->close_after_out = c->lingers = c->lingering = false;
    c->in_at = c->out_at = c->out_allowed = c->lingered_bytes = 0;
    c->trickle = c->request_since = c->write_until = c->resume_at = 0;
    c->idle_since = s->now;
    /* The head, the body, and behind a chunked body the trailers; and room to read into. */
    c->in.max = 2 * s->o.header_bytes_max + s->o.body_bytes_max + HTTP_IN_BYTES;
    c->out.max = 2 * (size_t)HTTP_ANSWER_BYTES_MAX;
    c->parse = parse;
    http_parse_begin(&c->parse);
    c->x.conn = c;
    c->x.upgrade = NULL;
    http_count(&s->count.connections);
    http_count(&s->count.open_connections);
    /* Edge-triggered and registered once: no call to epoll in the steady state. */
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.u64 = (uint64_t)c->generation << 32 | c->slot };
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        http_conn_close(c);
        return;
    }
    if (c->refused)
        refuse(c, 503, "too many connections; try again");
    http_conn_advance(c);
}

void http_conn_event(struct http_conn *c, uint32_t events)
{
    if (events & (EPOLLHUP | EPOLLERR)) {
        http_conn_close(c);
        return;
    }
    if (events & EPOLLRDHUP)
        c->hangup_due = true;
    if (events & (EPOLLIN | EPOLLRDHUP))
        c->readable = true;
    http_conn_advance(c);
}

void http_conn_expire(struct http_conn *c)
{
    struct http_server *s = c->server;

    if (c->lingering) {
        http_conn_close(c);
        return;
    }
    if (c->blocked) {
        http_count(&s->count.timeouts);
        reset(c);
        return;
    }
    if (c->phase == HTTP_DELAYED) {
        send_answer(c);
    } else if (c->trickle) {
        c->out_allowed += HTTP_TRICKLE_BYTES;
        c->resume_at = s->now + c->trickle;
    } else if (c->request_since) {
        http_count(&s->count.timeouts);
        refuse(c, 408, "the request took too long");
    } else {
        http_conn_close(c);
        return;
    }
    if (c->fd >= 0)
        http_conn_advance(c);
}

bool http_conn_owes_answer(const struct http_conn *c)
{
    return c->phase != HTTP_READS || (c->fd >= 0 && (c->out.n || c->lingering));
}
