/* The emulator behind a socket, with its deliveries on their way. */
#include "stand.h"

#include "emulator/server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Collects what is sent; the first attempt of each event fails. */
struct postbox {
    pthread_mutex_t lock;
    pthread_cond_t news;
    unsigned sent;
    char signature[128], body[8192], url[128];
};

static enum status post(void *ctx, str url, const struct emulator_header *header, size_t n_headers,
                        str body, msec timeout, int *http_status, struct error *e)
{
    struct postbox *box = ctx;

    (void)timeout, (void)e;
    pthread_mutex_lock(&box->lock);
    for (size_t i = 0; i < n_headers; i++)
        if (str_eqz(header[i].name, "Stripe-Signature"))
            snprintf(box->signature, sizeof box->signature, "%.*s", STR_ARG(header[i].value));
    snprintf(box->body, sizeof box->body, "%.*s", STR_ARG(body));
    snprintf(box->url, sizeof box->url, "%.*s", STR_ARG(url));
    *http_status = ++box->sent == 1 ? 500 : 200;
    pthread_cond_broadcast(&box->news);
    pthread_mutex_unlock(&box->lock);
    return ST_OK;
}

static void wait_for(struct postbox *box, unsigned n)
{
    pthread_mutex_lock(&box->lock);
    while (box->sent < n)
        pthread_cond_wait(&box->news, &box->lock);
    pthread_mutex_unlock(&box->lock);
}

static msec real_wall(struct clock *c)
{
    struct timespec t;

    (void)c;
    clock_gettime(CLOCK_REALTIME, &t);
    return (msec)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void no_sleep(struct clock *c, msec span)
{
    (void)c, (void)span;
}

static const struct clock_ops real_ops = { real_wall, real_wall, no_sleep };

static void *run(void *ctx)
{
    struct error e = { 0 };

    assert_int_equal(emulator_server_run(ctx, &e), ST_OK);
    return NULL;
}

/* One request on a connection of its own; the whole answer as text. */
static void exchange(unsigned port, const char *request, char *answer, size_t size)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t n = 0;
    ssize_t got;

    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    while ((got = read(fd, answer + n, size - 1 - n)) > 0)
        n += (size_t)got;
    answer[n] = 0;
    close(fd);
}

static void requests_are_answered_and_events_delivered_until_taken(void **state)
{
    struct postbox box = { .lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER };
    struct emulator_sender sender = { post, &box };
    struct clock clock = { &real_ops };
    struct emulator_options options = { .seed = 1, .clock = &clock, .retry_ms = 1 };
    struct emulator_server_options how = { .listen = S("127.0.0.1:0"), .sender = &sender };
    struct emulator *e = emulator_new(&options);
    struct emulator_server *server = NULL;
    struct error err = { 0 };
    pthread_t thread;
    static char answer[65536];

    (void)state;
    assert_int_equal(emulator_add_webhook(e, S("http://127.0.0.1:9/hook"), S("whsec_mine"), &err),
                     ST_OK);
    assert_int_equal(emulator_server_open(&server, e, &how, &err), ST_OK);
    unsigned port = emulator_server_port(server);
    assert_int_equal(pthread_create(&thread, NULL, run, server), 0);
    exchange(port,
             "POST /v1/products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk_test_a\r\n"
             "Content-Length: 6\r\nConnection: close\r\n\r\nname=a",
             answer, sizeof answer);
    assert_non_null(strstr(answer, "HTTP/1.1 200"));
    assert_non_null(strstr(answer, "\"object\":\"product\""));
    wait_for(&box, 2);
    assert_non_null(strstr(box.body, "product.created"));
    assert_string_equal(box.url, "http://127.0.0.1:9/hook");
    assert_int_equal(strncmp(box.signature, "t=", 2), 0);
    exchange(port,
             "GET /v1/products HTTP/1.1\r\nHost: x\r\nAuthorization: Basic c2tfdGVzdF9hOg==\r\n"
             "Emulator-Fault: reset\r\n\r\n",
             answer, sizeof answer);
    assert_string_equal(answer, "");
    emulator_server_stop(server);
    pthread_join(thread, NULL);
    emulator_server_close(server);
    emulator_free(e);
}

static int connect_to(unsigned port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Reads until `what` has come. */
static void read_until(int fd, char *text, size_t size, const char *what)
{
    size_t n = 0;

    while (text[n] = 0, !strstr(text, what)) {
        ssize_t got = read(fd, text + n, size - 1 - n);
        assert_true(got > 0);
        n += (size_t)got;
        for (size_t i = 0; i < n; i++)
            if (!text[i]) /* a frame's length may hold it */
                text[i] = ' ';
    }
}

/* As `stripe listen` does it: a session, a websocket, an event, and the server ends while the
 * connection is open. */
static void a_listener_hears_events_over_its_websocket(void **state)
{
    struct clock clock = { &real_ops };
    struct emulator_options options = { .seed = 1, .clock = &clock };
    struct emulator_server_options how = { .listen = S("127.0.0.1:0") };
    struct emulator *e = emulator_new(&options);
    struct emulator_server *server = NULL;
    struct error err = { 0 };
    pthread_t thread;
    static char answer[65536];
    char request[1024], id[128];

    (void)state;
    assert_int_equal(emulator_server_open(&server, e, &how, &err), ST_OK);
    unsigned port = emulator_server_port(server);
    assert_int_equal(pthread_create(&thread, NULL, run, server), 0);
    exchange(
        port,
        "POST /v1/stripecli/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk_test_a\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n",
        answer, sizeof answer);
    const char *from = strstr(answer, "cliws_");
    assert_non_null(from);
    snprintf(id, sizeof id, "%.*s", (int)strcspn(from, "\""), from);
    exchange(port,
             "GET /_emulator/listen HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
             "Connection: close\r\nWebsocket-Id: nobody\r\nSec-WebSocket-Key: a\r\n\r\n",
             answer, sizeof answer);
    assert_non_null(strstr(answer, "HTTP/1.1 400"));
    int fd = connect_to(port);
    int n = snprintf(request, sizeof request,
                     "GET /_emulator/listen?websocket_feature=webhooks HTTP/1.1\r\nHost: x\r\n"
                     "Connection: Upgrade\r\nUpgrade: websocket\r\nWebsocket-Id: %s\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "Sec-WebSocket-Version: 13\r\n\r\n",
                     id);
    assert_int_equal(write(fd, request, (size_t)n), n);
    read_until(fd, answer, sizeof answer, "\r\n\r\n");
    assert_non_null(strstr(answer, "101 Switching Protocols"));
    assert_non_null(strstr(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    const char ping[] = { (char)0x89, (char)0x81, 1, 2, 3, 4, 'p' ^ 1 };
    assert_int_equal(write(fd, ping, sizeof ping), (ssize_t)sizeof ping);
    read_until(fd, answer, sizeof answer, "\x8a\x01p");
    for (int i = 0; i < 3; i++) {
        char again[65536];
        exchange(port,
                 "POST /v1/products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk_test_a\r\n"
                 "Content-Length: 6\r\nConnection: close\r\n\r\nname=a",
                 again, sizeof again);
        assert_non_null(strstr(again, "HTTP/1.1 200"));
    }
    read_until(fd, answer, sizeof answer, "\"webhook_id\":\"wh_3\"");
    assert_non_null(strstr(answer, "product.created"));
    emulator_server_stop(server);
    pthread_join(thread, NULL);
    emulator_server_close(server);
    assert_int_equal(read(fd, answer, sizeof answer), 0);
    close(fd);
    emulator_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered_and_events_delivered_until_taken),
        cmocka_unit_test(a_listener_hears_events_over_its_websocket),
    };
    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
