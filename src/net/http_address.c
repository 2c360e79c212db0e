#include "net/http_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcasecmp(host, "localhost") == 0;
}

/* "[v6]:port" or "host:port", apart. */
static enum status cut_address(str text, str *host, str *port, struct error *e)
{
    if (text.n && text.p[0] == '[') {
        size_t end = str_find(text, ']');
        if (end == text.n)
            return fail(e, ST_INVALID,
                        "address \"%.*s\": the bracket is not closed; write [::1]:8420",
                        STR_ARG(text));
        *host = str_sub(text, 1, end);
        *port = str_sub(text, end + 1, text.n);
        if (!str_starts(*port, S(":")))
            return fail(e, ST_INVALID, "address \"%.*s\" has no port; write [::1]:8420",
                        STR_ARG(text));
        *port = str_sub(*port, 1, port->n);
        return ST_OK;
    }
    *port = str_cut(text, ':', host);
    if (!port->p)
        return fail(e, ST_INVALID, "address \"%.*s\" has no port; write HOST:PORT", STR_ARG(text));
    if (str_find(*port, ':') != port->n)
        return fail(e, ST_INVALID, "address \"%.*s\": write an IPv6 address as [::1]:8420",
                    STR_ARG(text));
    return ST_OK;
}

enum status http_address_parse(str text, struct http_address *out, struct error *e)
{
    struct http_address address = { 0 };
    struct in6_addr v6;
    str host, port;
    int64_t number;

    enum status st = cut_address(text, &host, &port, e);
    if (st != ST_OK)
        return st;
    if (host.n == 0 || host.n >= sizeof address.host || memchr(host.p, 0, host.n))
        return fail(e, ST_INVALID, "address \"%.*s\" names no host; write HOST:PORT",
                    STR_ARG(text));
    if (!str_to_int(port, &number) || number < 0 || number > 65535)
        return fail(e, ST_INVALID, "address \"%.*s\": the port is no number from 0 to 65535",
                    STR_ARG(text));
    memcpy(address.host, host.p, host.n);
    if (text.p[0] == '[' && inet_pton(AF_INET6, address.host, &v6) != 1)
        return fail(e, ST_INVALID, "address \"%.*s\": no IPv6 address stands in the brackets",
                    STR_ARG(text));
    address.port = (unsigned)number;
    address.loopback = is_loopback(address.host);
    *out = address;
    return ST_OK;
}

/* ---- Listening ---- */

enum status http_listen_failure(str listen, int err, struct error *e)
{
    enum status st = err == EADDRINUSE ? ST_CONFLICT
                     : err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS
                         ? ST_LIMIT
                         : ST_REFUSED;
    char text[128];

    return fail(e, st, "cannot listen on %.*s: %s; choose another address or end what holds it",
                STR_ARG(listen), strerror_r(err, text, sizeof text));
}

enum status http_address_resolve(str listen, unsigned port, struct addrinfo **out, struct error *e)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    struct http_address address;
    char digits[8];

    enum status st = http_address_parse(listen, &address, e);
    if (st != ST_OK)
        return st;
    snprintf(digits, sizeof digits, "%u", port ? port : address.port);
    int err = getaddrinfo(address.host, digits, &hints, out);
    if (err)
        return fail(e, ST_REFUSED, "cannot listen on %.*s: %s", STR_ARG(listen), gai_strerror(err));
    return ST_OK;
}

static unsigned port_of(const struct addrinfo *a)
{
    const struct sockaddr_in *v4 = (const void *)a->ai_addr;
    const struct sockaddr_in6 *v6 = (const void *)a->ai_addr;

    return ntohs(a->ai_family == AF_INET6 ? v6->sin6_port : v4->sin_port);
}

static bool is_any(const struct addrinfo *a)
{
    const struct sockaddr_in *v4 = (const void *)a->ai_addr;
    const struct sockaddr_in6 *v6 = (const void *)a->ai_addr;

    return a->ai_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)
                                    : v4->sin_addr.s_addr == htonl(INADDR_ANY);
}

/* Whoever has the one is in the way of the other. */
static bool meet(const struct addrinfo *a, const struct addrinfo *b)
{
    if (port_of(a) != port_of(b))
        return false;
    if (is_any(a) || is_any(b))
        return true;
    return a->ai_addrlen == b->ai_addrlen && memcmp(a->ai_addr, b->ai_addr, a->ai_addrlen) == 0;
}

static enum status try_to_bind(str listen, const struct addrinfo *a, struct error *e)
{
    enum status st = ST_OK;
    int yes = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, a->ai_addr, a->ai_addrlen) != 0)
        st = http_listen_failure(listen, errno, e);
    if (fd >= 0)
        close(fd);
    return st;
}

enum status http_listen_try(str listen, str held, unsigned held_port, struct error *e)
{
    struct addrinfo *wanted, *ours;
    struct error ignored = { 0 };
    enum status st = http_address_resolve(listen, 0, &wanted, e);

    if (st != ST_OK)
        return st;
    bool in_the_way = false;
    if (http_address_resolve(held, held_port, &ours, &ignored) == ST_OK) {
        in_the_way = meet(wanted, ours);
        freeaddrinfo(ours);
    }
    if (!in_the_way)
        st = try_to_bind(listen, wanted, e);
    freeaddrinfo(wanted);
    return st;
}
