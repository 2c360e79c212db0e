/* Addresses of a key-value server. What it does with values is played in test/scenario. */
#include "unit.h"

#include <string.h>

#include "backend/kv_redis.h"

static void well_formed_addresses_are_taken_without_connecting(void **state)
{
    static const char *const good[] = { "redis://localhost",
                                        "redis://127.0.0.1:6380",
                                        "redis://:secret@cache.internal:6379/2",
                                        "redis://me:p%40ss@cache.internal/0",
                                        "redis://[::1]:6379/1",
                                        "redis://:secret@[2001:db8::7]",
                                        "valkey://cache.internal:6379",
                                        "unix:///run/redis.sock",
                                        "unix:///run/redis.sock?db=3" };

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct error e = { 0 };
        struct kv *k = NULL;
        if (kv_redis_open(&k, str_of(good[i]), &e) != ST_OK)
            print_error("%s: %s\n", good[i], e.text);
        assert_non_null(k);
        k->ops->close(k);
    }
}

static void what_cannot_be_read_is_refused_with_a_sentence_and_without_its_password(void **state)
{
    static const char *const bad[] = { "",
                                       "localhost:6379",
                                       "http://localhost",
                                       "redis://host:port",
                                       "redis://host:70000",
                                       "redis://host/name",
                                       "redis://:secret",
                                       "redis://me@host",
                                       "redis://:se%zzcret@host",
                                       "unix://relative.sock",
                                       "unix:///run/redis.sock?db=x",
                                       "redis://[::1",
                                       "redis://[]",
                                       "redis://[::1]6379",
                                       "rediss://:secret@host/x" };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct error e = { 0 };
        struct kv *k = NULL;
        enum status st = kv_redis_open(&k, str_of(bad[i]), &e);
        if (st != ST_INVALID)
            print_error("\"%s\" was taken\n", bad[i]);
        assert_int_equal(st, ST_INVALID);
        assert_non_null(strstr(e.text, "REDIS_URL"));
        assert_null(strstr(e.text, "secret"));
    }
}

static void tls_is_spoken_or_refused_with_a_sentence(void **state)
{
    struct error e = { 0 };
    struct kv *k = NULL;

    (void)state;
    enum status st = kv_redis_open(&k, S("rediss://:secret@cache.internal"), &e);
    assert_true(st == ST_OK || st == ST_INVALID);
    if (st == ST_OK)
        k->ops->close(k);
    else
        assert_non_null(strstr(e.text, "without TLS"));
}

static void a_server_that_is_not_there_is_asked_again_later(void **state)
{
    const struct kv_item item = { S("k"), S("{\"revision\":1}"), 1 };
    struct error e = { 0 };
    struct kv *k = NULL;

    (void)state;
    assert_int_equal(kv_redis_open(&k, S("unix:///nonexistent/redis.sock"), &e), ST_OK);
    assert_int_equal(k->ops->put(k, &item, 1, &e), ST_RETRY);
    assert_non_null(strstr(e.text, "/nonexistent/redis.sock"));
    k->ops->close(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_addresses_are_taken_without_connecting),
        cmocka_unit_test(what_cannot_be_read_is_refused_with_a_sentence_and_without_its_password),
        cmocka_unit_test(tls_is_spoken_or_refused_with_a_sentence),
        cmocka_unit_test(a_server_that_is_not_there_is_asked_again_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
