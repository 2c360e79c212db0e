/* The Stripe client against a TLS server whose certificate this test makes, for "localhost" only.
 */
#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/clock_os.h"
#include "backend/stripe_http.h"
#include "temp_dir.h"
#include "unit.h"

/* ---- the server -------------------------------------------------------------------------- */

struct tls_server {
    SSL_CTX *tls;
    int listener;
    unsigned port;
    bool cuts; /* the connection without saying goodbye, after an answer without a length */
    pthread_t thread;
    char request[4096];
    bool saw_request;
};

static void serve_one(struct tls_server *s, int fd)
{
    static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    static const char open_ended[] = "HTTP/1.1 200 OK\r\n\r\n{\"a\":1";
    SSL *ssl = SSL_new(s->tls);

    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        int n = SSL_read(ssl, s->request, sizeof s->request - 1);
        s->saw_request = n > 0;
        if (n > 0)
            (void)(s->cuts ? SSL_write(ssl, open_ended, sizeof open_ended - 1)
                           : SSL_write(ssl, whole, sizeof whole - 1));
        if (!s->cuts)
            SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    close(fd);
}

static void *serve(void *ctx)
{
    struct tls_server *s = ctx;
    int fd = accept(s->listener, NULL, NULL);

    if (fd >= 0)
        serve_one(s, fd);
    return NULL;
}

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    X509V3_CTX ctx;

    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"a test", -1, -1,
                               0);
    X509_set_issuer_name(x, name);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *alt = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(x, alt, -1);
    X509_EXTENSION_free(alt);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    return x;
}

static void server_start(struct tls_server *s, const char *pem_path)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key);
    FILE *pem = fopen(pem_path, "w");

    assert_non_null(pem);
    assert_int_equal(PEM_write_X509(pem, certificate), 1);
    fclose(pem);
    s->tls = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(s->tls, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(s->tls, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s->listener, 4), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&at, &size), 0);
    s->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct tls_server *s)
{
    pthread_join(s->thread, NULL);
    close(s->listener);
    SSL_CTX_free(s->tls);
}

/* ---- the tests --------------------------------------------------------------------------- */

struct outcome {
    enum status status;
    struct error error;
    bool saw_request;
};

static struct outcome ask(const char *host, bool is_trusted, bool cuts)
{
    struct outcome o = { 0 };
    struct tls_server server = { .cuts = cuts };
    struct temp_dir dir;
    struct stripe *client = NULL;
    struct stripe_response answer = { 0 };
    struct secret key = { 0 };
    char url[64];
    ARENA(arena, 1 << 16);

    temp_dir_make(&dir);
    const char *pem = temp_path(&dir, "ca.pem");
    server_start(&server, pem);
    snprintf(url, sizeof url, "https://%s:%u", host, server.port);
    assert_true(secret_set(&key, S("sk_test_Hidden0")));
    struct stripe_http_options options = { .base_url = str_of(url),
                                           .key = &key,
                                           .clock = clock_os(),
                                           .ca_file = is_trusted ? str_of(pem) : S("") };
    assert_int_equal(stripe_http_open(&client, &options, &o.error), ST_OK);
    struct stripe_request q = { .path = S("/v1/balance") };
    o.status = stripe_call(client, &q, &answer, &arena, &o.error);
    stripe_close(client);
    server_stop(&server);
    o.saw_request = server.saw_request;
    if (o.saw_request)
        assert_non_null(strstr(server.request, "Authorization: Bearer sk_test_Hidden0\r\n"));
    assert_null(strstr(o.error.text, "Hidden0"));
    temp_dir_remove(&dir);
    return o;
}

static void a_certificate_of_a_known_authority_is_trusted(void **state)
{
    (void)state;
    struct outcome o = ask("localhost", true, false);
    if (o.status != ST_OK)
        fail_msg("%s", o.error.text);
    assert_true(o.saw_request);
}

static void a_certificate_that_nobody_vouches_for_gets_no_request(void **state)
{
    (void)state;
    struct outcome o = ask("localhost", false, false);
    assert_int_equal(o.status, ST_RETRY);
    assert_false(o.saw_request);
    assert_non_null(strstr(o.error.text, "was not sent: the certificate of localhost"));
}

static void a_certificate_for_another_host_gets_no_request(void **state)
{
    (void)state;
    struct outcome o = ask("127.0.0.1", true, false);
    assert_int_equal(o.status, ST_RETRY);
    assert_false(o.saw_request);
    assert_non_null(strstr(o.error.text, "was not sent: the certificate of 127.0.0.1"));
}

/* libcurl itself takes this for the end of an answer without a length. */
static void a_connection_that_is_cut_is_no_end_of_an_answer(void **state)
{
    (void)state;
    struct outcome o = ask("localhost", true, true);
    assert_true(o.saw_request);
    assert_int_equal(o.status, ST_RETRY);
    assert_non_null(strstr(o.error.text, "unknown"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_of_a_known_authority_is_trusted),
        cmocka_unit_test(a_certificate_that_nobody_vouches_for_gets_no_request),
        cmocka_unit_test(a_certificate_for_another_host_gets_no_request),
        cmocka_unit_test(a_connection_that_is_cut_is_no_end_of_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
