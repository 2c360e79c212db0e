#include "base/secret.h"
#include "unit.h"

#define TAIL "51Hidden0Key1Of2This3Test"

static void a_secret_is_kept_and_revealed(void **state)
{
    struct secret s = { .n = 0 };
    (void)state;

    assert_true(secret_is_empty(&s));
    assert_true(secret_set(&s, S("sk_test_" TAIL)));
    assert_false(secret_is_empty(&s));
    assert_str(secret_reveal(&s), S("sk_test_" TAIL));
    assert_true(secret_set(&s, S("short"))); /* a shorter one leaves nothing of the longer behind */
    assert_str(secret_reveal(&s), S("short"));
    for (size_t i = 5; i < sizeof s.hidden; i++)
        assert_int_equal(s.hidden[i], 0);
}

static void what_cannot_be_a_secret_changes_nothing(void **state)
{
    static const char *const table[] = { "a\nb", "a\r", "\t", "\x1f", "\x7f", "sk_test_\x01" };
    char long_text[SECRET_BYTES_MAX + 1];
    struct secret s = { .n = 0 };
    (void)state;

    memset(long_text, 'x', sizeof long_text);
    assert_true(secret_set(&s, S("kept")));
    for (size_t i = 0; i < COUNT(table); i++)
        assert_for(table[i], !secret_set(&s, str_of(table[i])));
    assert_false(secret_set(&s, (str){ "a\0b", 3 }));
    assert_false(secret_set(&s, (str){ long_text, sizeof long_text }));
    assert_str(secret_reveal(&s), S("kept"));
    assert_true(secret_set(&s, (str){ long_text, SECRET_BYTES_MAX }));
    assert_int_equal(secret_reveal(&s).n, SECRET_BYTES_MAX);
}

static void wiping_leaves_nothing(void **state)
{
    struct secret s = { .n = 0 }, zero;
    (void)state;

    memset(&zero, 0, sizeof zero);
    assert_true(secret_set(&s, S("sk_live_" TAIL)));
    secret_wipe(&s);
    assert_memory_equal(&s, &zero, sizeof s);
    assert_true(secret_is_empty(&s));
}

static void blanks_alone_are_no_secret(void **state)
{
    struct secret s = { .n = 0 };
    (void)state;

    assert_true(secret_set(&s, S("   ")));
    assert_true(secret_is_empty(&s));
}

static void a_hint_shows_the_public_prefix_alone(void **state)
{
    static const struct {
        const char *secret, *hint;
    } table[] = {
        { "", "(none)" },
        { "sk_test_" TAIL, "sk_test_\xe2\x80\xa6" },
        { "sk_live_" TAIL, "sk_live_\xe2\x80\xa6" },
        { "rk_test_" TAIL, "rk_test_\xe2\x80\xa6" },
        { "rk_live_" TAIL, "rk_live_\xe2\x80\xa6" },
        { "whsec_" TAIL, "whsec_\xe2\x80\xa6" },
        { "sk_org_" TAIL, "sk_org_\xe2\x80\xa6" },
        { "rkcs_test_" TAIL, "rkcs_test_\xe2\x80\xa6" },
        { TAIL, "(a secret)" },
        { "hunter2", "(a secret)" },
        { "sk_testing", "(a secret)" },
        { "Bearer sk_test_" TAIL, "(a secret)" },
    };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        struct secret s = { .n = 0 };
        char hint[32];
        assert_true(secret_set(&s, str_of(table[i].secret)));
        secret_hint(&s, hint);
        assert_string_equal(hint, table[i].hint);
        assert_null(strstr(hint, "51H"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_kept_and_revealed),
        cmocka_unit_test(what_cannot_be_a_secret_changes_nothing),
        cmocka_unit_test(wiping_leaves_nothing),
        cmocka_unit_test(blanks_alone_are_no_secret),
        cmocka_unit_test(a_hint_shows_the_public_prefix_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
