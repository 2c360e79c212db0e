#include "emulator/listen.h"

#include "emulator/listeners.h"
#include "net/websocket.h"

#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 16,
    HEARD_BYTES_MAX = 4 << 20, /* the answers to forwarded events come back whole */
    MESSAGE_BYTES_MAX = 32 << 20,
    SEND_S_MAX = 10,
};

struct connection {
    struct listen *listen;
    pthread_t thread;
    uint64_t session;
    int fd, wake_fd;
    bool used, over; /* over: the thread has ended and waits to be joined */
};

struct listen {
    struct emulator *emulator;
    pthread_mutex_t *lock; /* of the emulator and of everything here */
    struct connection connection[CONNECTIONS_MAX];
    bool stopping;
};

struct listen *listen_new(struct emulator *e, pthread_mutex_t *lock)
{
    struct listen *l = must_alloc(sizeof *l);

    l->emulator = e;
    l->lock = lock;
    return l;
}

static void wake(int fd)
{
    const uint64_t one = 1;

    (void)!write(fd, &one, sizeof one);
}

void listen_wake(struct listen *l)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (l->connection[i].used && !l->connection[i].over)
            wake(l->connection[i].wake_fd);
}

/* --- one connection, on its thread --- */

static bool send_all(int fd, str bytes)
{
    while (bytes.n) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes = str_sub(bytes, (size_t)n, bytes.n);
    }
    return true;
}

static bool send_frame(int fd, enum websocket_opcode opcode, str payload)
{
    BUF(frame, MESSAGE_BYTES_MAX + 64);

    websocket_write(&frame, opcode, payload);
    return !frame.failed && send_all(fd, buf_str(&frame));
}

/* Sends what there is to tell. False: it is over. */
static bool tell(struct connection *c)
{
    struct listen *l = c->listen;

    for (;;) {
        ARENA(arena, 2 * MESSAGE_BYTES_MAX);
        str message;
        pthread_mutex_lock(l->lock);
        enum status st =
            l->stopping ? ST_REFUSED : listener_next(l->emulator, c->session, &arena, &message);
        pthread_mutex_unlock(l->lock);
        if (st != ST_OK)
            return st == ST_NONE;
        if (!send_frame(c->fd, WEBSOCKET_TEXT, message))
            return false;
    }
}

/* A whole message, or a control frame. False: it is over. */
static bool take_frame(struct connection *c, struct buf *message, const struct websocket_frame *f)
{
    switch (f->opcode) {
    case WEBSOCKET_PING: return send_frame(c->fd, WEBSOCKET_PONG, f->payload);
    case WEBSOCKET_PONG: return true;
    case WEBSOCKET_CLOSE: send_frame(c->fd, WEBSOCKET_CLOSE, f->payload); return false;
    case WEBSOCKET_CONTINUES:
    case WEBSOCKET_TEXT:
    case WEBSOCKET_BINARY: break;
    }
    buf_append(message, f->payload);
    if (message->failed)
        return false;
    if (f->last) {
        pthread_mutex_lock(c->listen->lock);
        listener_hears(c->listen->emulator, c->session, buf_str(message));
        pthread_mutex_unlock(c->listen->lock);
        buf_clear(message);
    }
    return true;
}

/* Reads once, and takes all frames that are whole. */
static bool hear(struct connection *c, struct buf *in, struct buf *message)
{
    struct websocket_frame f;
    char *room = buf_room(in, 4096);
    ssize_t n = room ? recv(c->fd, in->p + in->n, in->cap - in->n, 0) : 0;

    if (n <= 0)
        return false;
    in->n += (size_t)n;
    for (;;) {
        switch (websocket_read(in->p, in->n, HEARD_BYTES_MAX, &f)) {
        case WEBSOCKET_MORE: return true;
        case WEBSOCKET_BAD: return false;
        case WEBSOCKET_FRAME: break;
        }
        if (!take_frame(c, message, &f))
            return false;
        buf_consume(in, f.bytes);
    }
}

static void *run(void *ctx)
{
    struct connection *c = ctx;
    BUF(in, HEARD_BYTES_MAX + 65536);
    BUF(message, HEARD_BYTES_MAX);
    struct pollfd p[] = { { .fd = c->fd, .events = POLLIN },
                          { .fd = c->wake_fd, .events = POLLIN } };

    while (tell(c)) {
        uint64_t woken;
        if (poll(p, COUNT(p), -1) < 0)
            continue;
        if (p[1].revents)
            (void)!read(c->wake_fd, &woken, sizeof woken);
        if (p[0].revents && !hear(c, &in, &message))
            break;
    }
    pthread_mutex_lock(c->listen->lock);
    listener_disconnect(c->listen->emulator, c->session);
    c->over = true;
    pthread_mutex_unlock(c->listen->lock);
    shutdown(c->fd, SHUT_RDWR);
    return NULL;
}

/* --- connections --- */

static void connection_end(struct connection *c)
{
    pthread_join(c->thread, NULL);
    close(c->fd);
    close(c->wake_fd);
    *c = (struct connection){ 0 };
}

/* One that is free, or was. Under the lock; the thread of one that is over takes it no more. */
static struct connection *connection_place(struct listen *l)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (l->connection[i].used && l->connection[i].over)
            connection_end(&l->connection[i]);
        if (!l->connection[i].used)
            return &l->connection[i];
    }
    return NULL;
}

static void start(void *ctx, uint64_t session, int fd)
{
    struct listen *l = ctx;
    const struct timeval patience = { .tv_sec = SEND_S_MAX };
    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    pthread_mutex_lock(l->lock);
    struct connection *c = l->stopping || wake_fd < 0 ? NULL : connection_place(l);
    if (c) {
        *c = (struct connection){
            .listen = l, .session = session, .fd = fd, .wake_fd = wake_fd, .used = true
        };
        if (pthread_create(&c->thread, NULL, run, c)) {
            *c = (struct connection){ 0 };
            c = NULL;
        }
    }
    if (!c)
        listener_disconnect(l->emulator, session);
    pthread_mutex_unlock(l->lock);
    if (c)
        return;
    close(fd);
    if (wake_fd >= 0)
        close(wake_fd);
}

bool listen_upgrade(struct listen *l, const struct http_request *q, struct arena *a,
                    struct http_response *out)
{
    str upgrade = http_header_get(q, S("upgrade"), NULL);
    str key = http_header_get(q, S("sec-websocket-key"), NULL);
    struct http_header *h = arena_alloc(a, 4 * sizeof *h);
    char *accept = arena_alloc(a, WEBSOCKET_ACCEPT_BYTES);

    if (!str_eq(q->path, S(LISTEN_PATH)) || !h || !accept)
        return false;
    *out = (struct http_response){ .status = 400,
                                   .content_type = S("text/plain"),
                                   .body = S("a websocket of a session is wanted here\n") };
    if (upgrade.n != 9 || strncasecmp(upgrade.p, "websocket", 9) != 0 || !key.n)
        return true;
    uint64_t session = listener_connect(l->emulator, http_header_get(q, S("websocket-id"), NULL));
    if (!session)
        return true;
    websocket_accept(key, accept);
    h[0] = (struct http_header){ S("Upgrade"), S("websocket") };
    h[1] = (struct http_header){ S("Connection"), S("Upgrade") };
    h[2] = (struct http_header){ S("Sec-WebSocket-Accept"), { accept, WEBSOCKET_ACCEPT_BYTES } };
    h[3] = (struct http_header){ S("Sec-WebSocket-Protocol"), S("stripecli-devproxy-v1") };
    *out = (struct http_response){ .status = 101,
                                   .header = h,
                                   .n_headers = 4,
                                   .upgrade = start,
                                   .upgrade_ctx = l,
                                   .upgrade_id = session };
    return true;
}

void listen_free(struct listen *l)
{
    if (!l)
        return;
    pthread_mutex_lock(l->lock);
    l->stopping = true;
    listen_wake(l);
    pthread_mutex_unlock(l->lock);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (l->connection[i].used)
            connection_end(&l->connection[i]);
    free(l);
}
