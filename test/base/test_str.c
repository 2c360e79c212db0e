#include "unit.h"

static void slices_compare_by_bytes(void **state)
{
    static const struct {
        str a, b;
        int order;
    } table[] = {
        { { NULL, 0 }, { "", 0 }, 0 },        { { "a", 1 }, { "a", 1 }, 0 },
        { { "a", 1 }, { "b", 1 }, -1 },       { { "a", 1 }, { "ab", 2 }, -1 },
        { { "", 0 }, { "a", 1 }, -1 },        { { "\xff", 1 }, { "a", 1 }, 1 },
        { { "a\0b", 3 }, { "a\0c", 3 }, -1 }, { { "a\0", 2 }, { "a", 1 }, 1 },
    };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        int there = str_cmp(table[i].a, table[i].b), back = str_cmp(table[i].b, table[i].a);
        assert_int_equal((there > 0) - (there < 0), table[i].order);
        assert_int_equal((back > 0) - (back < 0), -table[i].order);
        assert_int_equal(str_eq(table[i].a, table[i].b), table[i].order == 0);
        assert_int_equal(str_eq_constant_time(table[i].a, table[i].b), table[i].order == 0);
    }
    assert_true(str_eqz(S("abc"), "abc"));
    assert_false(str_eqz(S("abc"), "abcd"));
    assert_true(str_eqz((str){ 0 }, NULL));
}

static void a_difference_in_any_byte_counts(void **state)
{
    char a[40] = "0123456789012345678901234567890123456789";
    char b[40];
    (void)state;

    for (size_t i = 0; i < sizeof a; i++) {
        memcpy(b, a, sizeof a);
        b[i] ^= 1;
        assert_false(str_eq_constant_time((str){ a, sizeof a }, (str){ b, sizeof b }));
        assert_false(str_eq((str){ a, sizeof a }, (str){ b, sizeof b }));
    }
}

static void beginnings_and_ends_are_seen(void **state)
{
    (void)state;

    assert_true(str_starts(S("cus_1"), S("cus_")) && str_starts(S("cus_1"), S("")));
    assert_true(str_starts(S("a"), S("a")) && str_starts((str){ 0 }, (str){ 0 }));
    assert_false(str_starts(S("cus"), S("cus_")) || str_starts(S("xcus_"), S("cus_")));
    assert_true(str_ends(S("a.sql"), S(".sql")) && str_ends(S("a"), S("")) &&
                str_ends(S("a"), S("a")));
    assert_false(str_ends(S("sql"), S(".sql")) || str_ends(S("a.sqlx"), S(".sql")));
}

static void a_slice_is_cut_at_the_first_mark(void **state)
{
    str head, rest = str_cut(S("a=b=c"), '=', &head);
    (void)state;

    assert_str(head, S("a"));
    assert_str(rest, S("b=c"));
    rest = str_cut(S("a="), '=', &head);
    assert_str(head, S("a"));
    assert_true(rest.p != NULL && rest.n == 0); /* there was one, with nothing behind it */
    rest = str_cut(S("a"), '=', &head);
    assert_str(head, S("a"));
    assert_null(rest.p);
    rest = str_cut(S("=a"), '=', &head);
    assert_str(head, S(""));
    assert_str(rest, S("a"));
    rest = str_cut((str){ 0 }, '=', &head);
    assert_true(rest.p == NULL && head.n == 0);
    assert_int_equal(str_find(S("abc"), 'c'), 2);
    assert_int_equal(str_find(S("abc"), 'x'), 3);
    assert_str(str_sub(S("abcd"), 1, 3), S("bc"));
    assert_str(str_sub(S("abcd"), 4, 4), S(""));
}

static void blanks_at_both_ends_are_trimmed(void **state)
{
    (void)state;

    assert_str(str_trim(S(" \t\r\n a b \n")), S("a b"));
    assert_str(str_trim(S(" \t ")), S(""));
    assert_str(str_trim((str){ 0 }), S(""));
    assert_str(str_trim(S("\va\f")), S("\va\f"));
}

static void an_integer_is_the_whole_slice(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } good[] = { { "0", 0 },
                 { "-0", 0 },
                 { "007", 7 },
                 { "-12", -12 },
                 { "9223372036854775807", INT64_MAX },
                 { "-9223372036854775808", INT64_MIN } };
    static const char *const bad[] = { "",
                                       "-",
                                       "+1",
                                       " 1",
                                       "1 ",
                                       "1.0",
                                       "1e3",
                                       "0x10",
                                       "1-",
                                       "--1",
                                       "a",
                                       "9223372036854775808",
                                       "-9223372036854775809",
                                       "99999999999999999999" };
    int64_t i = 42;
    (void)state;

    for (size_t k = 0; k < COUNT(bad); k++)
        assert_for(bad[k], !str_to_int(str_of(bad[k]), &i));
    assert_int_equal(i, 42); /* untouched */
    for (size_t k = 0; k < COUNT(good); k++)
        assert_for(good[k].text, str_to_int(str_of(good[k].text), &i) && i == good[k].value);
    assert_false(str_to_int((str){ "1\0", 2 }, &i));
    assert_true(str_to_int((str){ "123", 2 }, &i) && i == 12);
}

static void the_first_failure_is_the_one_that_is_told(void **state)
{
    struct error e = { 0 };
    (void)state;

    assert_int_equal(error_set(&e, ST_RETRY, "a.c", 7, "no answer from %s", "Stripe"), ST_RETRY);
    assert_int_equal(error_set(&e, ST_BROKEN, "b.c", 8, "something else"), ST_BROKEN);
    assert_int_equal(e.status, ST_RETRY);
    assert_string_equal(e.text, "no answer from Stripe");
    assert_string_equal(e.file, "a.c");
    assert_int_equal(e.line, 7);
    error_clear(&e);
    assert_int_equal(e.status, ST_OK);
    assert_string_equal(e.text, "");
}

static void words_go_before_what_was_said(void **state)
{
    struct error e = { 0 };
    (void)state;

    (void)error_set(&e, ST_RETRY, "a.c", 1, "no answer");
    error_prefix(&e, "sync of %s: ", "prices");
    assert_string_equal(e.text, "sync of prices: no answer");
}

static void an_error_too_long_is_cut_and_ends(void **state)
{
    char words[2 * ERROR_TEXT_MAX];
    struct error e = { 0 };
    (void)state;

    memset(words, 'x', sizeof words);
    words[sizeof words - 1] = '\0';
    (void)error_set(&e, ST_LIMIT, "a.c", 1, "%s", words);
    assert_int_equal(strlen(e.text), ERROR_TEXT_MAX - 1);
    error_prefix(&e, "before: ");
    assert_int_equal(strlen(e.text), ERROR_TEXT_MAX - 1);
    assert_memory_equal(e.text, "before: xxx", 11);
    error_prefix(&e, "%s", words);
    assert_int_equal(strlen(e.text), ERROR_TEXT_MAX - 1);
}

static void each_status_has_a_name(void **state)
{
    (void)state;

    for (int a = ST_OK; a <= ST_BROKEN; a++) {
        assert_string_not_equal(status_name((enum status)a), "?");
        for (int b = ST_OK; b < a; b++)
            assert_string_not_equal(status_name((enum status)a), status_name((enum status)b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_compare_by_bytes),
        cmocka_unit_test(a_difference_in_any_byte_counts),
        cmocka_unit_test(beginnings_and_ends_are_seen),
        cmocka_unit_test(a_slice_is_cut_at_the_first_mark),
        cmocka_unit_test(blanks_at_both_ends_are_trimmed),
        cmocka_unit_test(an_integer_is_the_whole_slice),
        cmocka_unit_test(the_first_failure_is_the_one_that_is_told),
        cmocka_unit_test(words_go_before_what_was_said),
        cmocka_unit_test(an_error_too_long_is_cut_and_ends),
        cmocka_unit_test(each_status_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
