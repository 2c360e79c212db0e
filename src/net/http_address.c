#include "net/http.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

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
        return fail(e, ST_INVALID, "address \"%.*s\" has no port; write HOST:PORT",
                    STR_ARG(text));
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
