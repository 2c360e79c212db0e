/* The signature of a delivery: every way to be wrong has its own reason. */
#include "../unit.h"

#include "base/arena.h"
#include "base/hmac.h"
#include "core/verify.h"

enum { NOW = 1700000000 };

static const str body = { "{\"id\":\"evt_1\"}", 14 };

static struct secret secret_of(const char *text)
{
    struct secret s = { 0 };
    assert_true(secret_set(&s, str_of(text)));
    return s;
}

static str sign(struct arena *a, const char *secret, int64_t t)
{
    unsigned char sum[HMAC_BYTES];
    char hex[HMAC_HEX];
    struct hmac *h = hmac_new(str_of(secret));
    str when = arena_printf(a, "%lld", (long long)t);

    hmac_sum(h, when, S("."), body, sum);
    hmac_hex(sum, hex);
    hmac_free(h);
    return arena_printf(a, "%.*s", HMAC_HEX, hex);
}

static enum verify_result check(str header, size_t *which)
{
    const struct secret two[] = { secret_of("whsec_old"), secret_of("whsec_new") };
    const struct verify_secrets secrets = { "test", two, COUNT(two) };
    struct verifier *v;
    struct error e = { 0 };
    size_t ignored;

    assert_int_equal(verifier_new(&v, "test", &secrets, 1, &e), ST_OK);
    enum verify_result r =
        verify_signature(v, header, body, NOW * 1000LL, which ? which : &ignored);
    verifier_free(v);
    return r;
}

static void a_right_signature_is_accepted_and_names_its_secret(void **state)
{
    (void)state;
    ARENA(a, 8192);
    size_t which = 9;
    str old = sign(&a, "whsec_old", NOW), fresh = sign(&a, "whsec_new", NOW);

    assert_int_equal(check(arena_printf(&a, "t=%d,v1=%.*s", NOW, STR_ARG(old)), &which), VERIFY_OK);
    assert_int_equal(which, 0);
    assert_int_equal(check(arena_printf(&a, "t=%d,v1=%.*s", NOW, STR_ARG(fresh)), &which),
                     VERIFY_OK);
    assert_int_equal(which, 1);
}

static void one_right_signature_among_several_is_enough(void **state)
{
    (void)state;
    ARENA(a, 8192);
    str ok = sign(&a, "whsec_new", NOW), other = sign(&a, "whsec_foreign", NOW);

    assert_int_equal(check(arena_printf(&a, "t=%d,v1=%.*s,v1=%.*s,v0=%.*s", NOW, STR_ARG(other),
                                        STR_ARG(ok), STR_ARG(other)),
                           NULL),
                     VERIFY_OK);
}

static void scheme_v0_counts_for_nothing(void **state)
{
    (void)state;
    ARENA(a, 8192);
    str ok = sign(&a, "whsec_new", NOW);

    assert_int_equal(check(arena_printf(&a, "t=%d,v0=%.*s", NOW, STR_ARG(ok)), NULL),
                     VERIFY_NO_SCHEME);
}

static void a_foreign_secret_is_a_mismatch(void **state)
{
    (void)state;
    ARENA(a, 8192);
    str bad = sign(&a, "whsec_foreign", NOW);

    assert_int_equal(check(arena_printf(&a, "t=%d,v1=%.*s", NOW, STR_ARG(bad)), NULL),
                     VERIFY_MISMATCH);
}

static void a_changed_time_is_a_mismatch(void **state)
{
    (void)state;
    ARENA(a, 8192);
    str ok = sign(&a, "whsec_new", NOW);

    assert_int_equal(check(arena_printf(&a, "t=%d,v1=%.*s", NOW + 1, STR_ARG(ok)), NULL),
                     VERIFY_MISMATCH);
}

static void three_hundred_seconds_are_tolerated_on_both_sides_and_no_more(void **state)
{
    (void)state;
    ARENA(a, 16384);
    const struct {
        int64_t t;
        enum verify_result want;
    } row[] = { { NOW - 300, VERIFY_OK },
                { NOW - 301, VERIFY_TOO_OLD },
                { NOW + 300, VERIFY_OK },
                { NOW + 301, VERIFY_TOO_NEW } };

    for (size_t i = 0; i < COUNT(row); i++) {
        str sig = sign(&a, "whsec_new", row[i].t);
        str header = arena_printf(&a, "t=%lld,v1=%.*s", (long long)row[i].t, STR_ARG(sig));
        assert_int_equal(check(header, NULL), row[i].want);
    }
}

static void unreadable_headers_are_malformed(void **state)
{
    (void)state;
    ARENA(a, 1 << 20);
    str sig = sign(&a, "whsec_new", NOW);
    const char *const bad[] = { "garbage",     "v1=abc",
                                "t=,v1=abc",   "t=12x,v1=abc",
                                "t=-1,v1=abc", "t=1,t=1,v1=abc",
                                "t=1,v1",      "t=99999999999999999999,v1=a" };

    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(check(str_of(bad[i]), NULL), VERIFY_MALFORMED);
    str many = arena_printf(&a, "t=%d", NOW);
    for (size_t i = 0; i <= VERIFY_SIGNATURES_MAX; i++)
        many = arena_printf(&a, "%.*s,v1=%.*s", STR_ARG(many), STR_ARG(sig));
    assert_int_equal(check(many, NULL), VERIFY_MALFORMED);
    assert_int_equal(check(S(""), NULL), VERIFY_NO_HEADER);
    assert_int_equal(check(S("t=1700000000"), NULL), VERIFY_NO_SCHEME);
}

static void an_empty_secret_is_refused(void **state)
{
    (void)state;
    const char *const bad[] = { "", "   " };
    struct verifier *v = NULL;

    for (size_t i = 0; i < COUNT(bad); i++) {
        const struct secret two[] = { secret_of("whsec_a"), secret_of(bad[i]) };
        const struct verify_secrets secrets = { "test", two, COUNT(two) };
        struct error e = { 0 };
        assert_int_equal(verifier_new(&v, "test", &secrets, 1, &e), ST_INVALID);
    }
}

static void without_a_secret_nothing_is_stripes(void **state)
{
    (void)state;
    ARENA(a, 8192);
    struct verifier *v = NULL;
    struct error e = { 0 };
    size_t which;
    str signed_by_nobody = sign(&a, "", NOW);

    assert_int_equal(verifier_new(&v, "test", NULL, 0, &e), ST_OK);
    str header = arena_printf(&a, "t=%d,v1=%.*s", NOW, STR_ARG(signed_by_nobody));
    assert_int_not_equal(verify_signature(v, header, body, NOW * 1000LL, &which), VERIFY_OK);
    verifier_free(v);
}

static void another_environments_secret_opens_no_door(void **state)
{
    (void)state;
    ARENA(a, 8192);
    const struct secret ours = secret_of("whsec_ours"), theirs = secret_of("whsec_theirs");
    const struct verify_secrets all[] = { { "live", &theirs, 1 }, { "test", &ours, 1 } };
    struct verifier *v = NULL;
    struct error e = { 0 };
    size_t which = 1;

    assert_int_equal(verifier_new(&v, "test", all, COUNT(all), &e), ST_OK);
    str header = arena_printf(&a, "t=%d,v1=%.*s", NOW, STR_ARG(sign(&a, "whsec_theirs", NOW)));
    assert_int_equal(verify_signature(v, header, body, NOW * 1000LL, &which), VERIFY_MISMATCH);
    header = arena_printf(&a, "t=%d,v1=%.*s", NOW, STR_ARG(sign(&a, "whsec_ours", NOW)));
    assert_int_equal(verify_signature(v, header, body, NOW * 1000LL, &which), VERIFY_OK);
    assert_int_equal(which, 0);
    verifier_free(v);
}

static void a_ping_is_signed_as_stripe_signs(void **state)
{
    (void)state;
    BUF(ping, 1024);
    const struct secret ours = secret_of("whsec_ours");
    const struct verify_secrets all = { "test", &ours, 1 };
    char signature[VERIFY_SIGNATURE_MAX];
    struct verifier *v = NULL;
    struct error e = { 0 };
    size_t which;

    verify_ping(&ours, "test", NOW * 1000LL, &ping, signature);
    assert_int_equal(verifier_new(&v, "test", &all, 1, &e), ST_OK);
    assert_int_equal(verify_signature(v, str_of(signature), buf_str(&ping), NOW * 1000LL, &which),
                     VERIFY_OK);
    verifier_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_environments_secret_opens_no_door),
        cmocka_unit_test(a_ping_is_signed_as_stripe_signs),
        cmocka_unit_test(without_a_secret_nothing_is_stripes),
        cmocka_unit_test(a_right_signature_is_accepted_and_names_its_secret),
        cmocka_unit_test(one_right_signature_among_several_is_enough),
        cmocka_unit_test(scheme_v0_counts_for_nothing),
        cmocka_unit_test(a_foreign_secret_is_a_mismatch),
        cmocka_unit_test(a_changed_time_is_a_mismatch),
        cmocka_unit_test(three_hundred_seconds_are_tolerated_on_both_sides_and_no_more),
        cmocka_unit_test(unreadable_headers_are_malformed),
        cmocka_unit_test(an_empty_secret_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
