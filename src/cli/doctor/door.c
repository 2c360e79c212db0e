#include "cli/doctor/door.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/wire.h"
#include "core/verify.h"
#include "net/http.h"

enum { PING_BODY_MAX = 512, REQUEST_MAX = 512, READ_BYTES = 4096 };

/* One that listens everywhere listens here, too. */
static enum status parse(const struct config *c, struct http_address *out, struct error *e)
{
    enum status st = http_address_parse(config_text(&c->values, SET_LISTEN), out, e);

    if (st == ST_OK && (strcmp(out->host, "0.0.0.0") == 0 || !out->host[0]))
        snprintf(out->host, sizeof out->host, "127.0.0.1");
    if (st == ST_OK && strcmp(out->host, "::") == 0)
        snprintf(out->host, sizeof out->host, "::1");
    return st;
}

enum status door_webhooks(const struct config *c, const char *env, char url[DOOR_URL_MAX],
                          struct error *e)
{
    struct http_address at;
    enum status st = parse(c, &at, e);

    if (st != ST_OK)
        return st;
    bool v6 = strchr(at.host, ':') != NULL;
    snprintf(url, DOOR_URL_MAX, "http://%s%s%s:%u/webhooks/%s", v6 ? "[" : "", at.host,
             v6 ? "]" : "", at.port, env);
    return ST_OK;
}

/* --- a signed ping ------------------------------------------------------------------------- */

int door_ping(const struct emulator_sender *sender, const struct secret *secret, const char *env,
              const char *url)
{
    BUF(body, PING_BODY_MAX);
    char signature[VERIFY_SIGNATURE_MAX];
    struct error ignored = { 0 };
    int status = 0;

    verify_ping(secret, env, clock_wall(wire_clock()), &body, signature);
    const struct emulator_header header = { S("Stripe-Signature"), str_of(signature) };
    if (sender->send(sender->ctx, str_of(url), &header, 1, buf_str(&body), DOOR_MS, &status,
                     &ignored) != ST_OK)
        return 0;
    return status;
}

/* --- what it says of itself ---------------------------------------------------------------- */

/* A socket that is connected; -1: nobody listens. */
static int connect_to(const struct http_address *at)
{
    const struct addrinfo wanted = { .ai_socktype = SOCK_STREAM,
                                     .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
    const struct timeval patience = { .tv_sec = DOOR_MS / 1000 };
    struct addrinfo *found = NULL;
    char port[12];

    snprintf(port, sizeof port, "%u", at->port);
    if (getaddrinfo(at->host, port, &wanted, &found) != 0)
        return -1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
                    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
                    connect(fd, found->ai_addr, found->ai_addrlen) != 0)) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

/* Until the other side closes, the buffer is full, or the whole has taken too long: who sends a
 * byte now and then does not hold us. */
static void read_all(int fd, msec deadline, struct buf *out)
{
    for (;;) {
        struct pollfd heard = { .fd = fd, .events = POLLIN };
        msec left = deadline - clock_mono(wire_clock());
        int ready = left > 0 ? poll(&heard, 1, (int)left) : 0;
        char *room = ready > 0 ? buf_room(out, READ_BYTES) : NULL;
        ssize_t n = room ? recv(fd, room, READ_BYTES, MSG_DONTWAIT) : ready;
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0 || !room)
            return;
        out->n += (size_t)n;
    }
}

static enum status split(str answer, int *status, struct buf *body, struct error *e)
{
    int64_t number = 0;
    const char *end = answer.n ? memmem(answer.p, answer.n, "\r\n\r\n", 4) : NULL;

    if (!str_starts(answer, S("HTTP/1.1 ")) || answer.n < 12 || !end ||
        !str_to_int(str_sub(answer, 9, 12), &number))
        return fail(e, ST_RETRY, "what listens there speaks no HTTP, or does not answer");
    *status = (int)number;
    buf_append(body, str_sub(answer, (size_t)(end - answer.p) + 4, answer.n));
    return ST_OK;
}

enum status door_get(const struct config *c, const char *path, int *status, struct buf *body,
                     struct error *e)
{
    BUF(answer, DOOR_ANSWER_BYTES_MAX);
    struct http_address at;
    char request[REQUEST_MAX];
    msec deadline = clock_mono(wire_clock()) + DOOR_MS;
    enum status st = parse(c, &at, e);

    if (st != ST_OK)
        return st;
    int fd = connect_to(&at);
    if (fd < 0)
        return fail(e, ST_NONE, "nobody listens at %s:%u", at.host, at.port);
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    if (n > 0 && (size_t)n < sizeof request && send(fd, request, (size_t)n, MSG_NOSIGNAL) == n)
        read_all(fd, deadline, &answer);
    close(fd);
    return split(buf_str(&answer), status, body, e);
}
