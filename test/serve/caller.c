#include "caller.h"

#include "base/hmac.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void send_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0)
            return; /* refused before it was read whole: the answer says so */
        p += k;
        n -= (size_t)k;
    }
}

int call_open(unsigned port, const char *method, const char *path, const char *headers, str body)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char head[8192];

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        abort();
    int n = snprintf(head, sizeof head,
                     "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                     "Content-Length: %zu\r\n%s\r\n",
                     method, path, body.n, headers);
    send_all(fd, head, (size_t)n);
    send_all(fd, body.p, body.n);
    return fd;
}

void call_read(int fd, struct answer *out)
{
    static _Thread_local char all[96 << 10];
    size_t n = 0;
    ssize_t k;

    *out = (struct answer){ 0 };
    while (n < sizeof all - 1 && (k = recv(fd, all + n, sizeof all - 1 - n, 0)) > 0)
        n += (size_t)k;
    close(fd);
    all[n] = '\0';
    char *end = strstr(all, "\r\n\r\n");
    if (!end || sscanf(all, "HTTP/1.1 %d", &out->status) != 1)
        return;
    snprintf(out->head, sizeof out->head, "%.*s", (int)(end + 2 - all), all);
    snprintf(out->body, sizeof out->body, "%s", end + 4);
}

void call(unsigned port, const char *method, const char *path, const char *headers, str body,
          struct answer *out)
{
    call_read(call_open(port, method, path, headers, body), out);
}

void sign(const char *secret, int64_t t, str body, char out[SIGNATURE_MAX])
{
    unsigned char sum[HMAC_BYTES];
    char seconds[32], hex[HMAC_HEX];
    struct hmac *h = hmac_new(str_of(secret));

    snprintf(seconds, sizeof seconds, "%lld", (long long)t);
    hmac_sum(h, str_of(seconds), S("."), body, sum);
    hmac_free(h);
    hmac_hex(sum, hex);
    snprintf(out, SIGNATURE_MAX, "t=%s,v1=%.*s", seconds, HMAC_HEX, hex);
}

int64_t now_s(void)
{
    return (int64_t)time(NULL);
}

int deliver_open(unsigned port, const char *path, const char *secret, str body)
{
    char signature[SIGNATURE_MAX], header[SIGNATURE_MAX + 32];

    sign(secret, now_s(), body, signature);
    snprintf(header, sizeof header, "Stripe-Signature: %s\r\n", signature);
    return call_open(port, "POST", path, header, body);
}

void deliver(unsigned port, const char *secret, str body, struct answer *out)
{
    call_read(deliver_open(port, "/webhooks", secret, body), out);
}

str customer_event(const char *event, const char *customer)
{
    static char text[128][512];
    static unsigned turn;
    char *p = text[turn++ % COUNT(text)];
    int n = snprintf(p, sizeof text[0],
                     "{\"id\":\"%s\",\"object\":\"event\",\"type\":\"customer.updated\","
                     "\"api_version\":\"2026-10-28.endive\",\"created\":1700000000,"
                     "\"livemode\":false,\"data\":{\"object\":{\"id\":\"%s\","
                     "\"object\":\"customer\"}}}",
                     event, customer);
    return (str){ p, (size_t)n };
}
