#include "base/url.h"
#include "unit.h"

static void all_but_the_unreserved_is_escaped(void **state)
{
    static const struct {
        str plain;
        const char *escaped;
    } table[] = {
        { { "", 0 }, "" },
        { { "cus_NffrFeUfNV2Hib", 18 }, "cus_NffrFeUfNV2Hib" },
        { { "AZaz09-_.~", 10 }, "AZaz09-_.~" },
        { { "a b+c&d=e/f?g#h%", 16 }, "a%20b%2Bc%26d%3De%2Ff%3Fg%23h%25" },
        { { "caf\xc3\xa9", 5 }, "caf%C3%A9" },
        { { "\0\x7f\xff", 3 }, "%00%7F%FF" },
        { { "a[b]", 4 }, "a%5Bb%5D" },
        { { ".", 1 }, "%2E" },
        { { "..", 2 }, "%2E%2E" },
        { { "...", 3 }, "..." },
        { { "../x", 4 }, "..%2Fx" },
        { { "a..b", 4 }, "a..b" },
    };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        BUF(b, 1024);
        ARENA(a, 1024);
        url_escape(&b, table[i].plain);
        assert_strz(buf_str(&b), table[i].escaped);
        assert_strz(url_escape_in(&a, table[i].plain), table[i].escaped);
        str back = { 0 };
        assert_true(url_unescape(&a, buf_str(&b), false, &back));
        assert_str(back, table[i].plain);
    }
}

static void every_byte_survives_the_way_there_and_back(void **state)
{
    char bytes[256];
    ARENA(a, 1 << 16);
    str back = { 0 };
    (void)state;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    str escaped = url_escape_in(&a, (str){ bytes, sizeof bytes });
    for (size_t i = 0; i < escaped.n; i++)
        assert_true(escaped.p[i] > ' ' && escaped.p[i] < 0x7f);
    assert_true(url_unescape(&a, escaped, true, &back));
    assert_str(back, ((str){ bytes, sizeof bytes }));
}

static void escapes_are_decoded_in_either_case(void **state)
{
    ARENA(a, 1024);
    str out = { 0 };
    (void)state;

    assert_true(url_unescape(&a, S("caf%c3%A9%00+x%2B"), false, &out));
    assert_str(out, S("caf\xc3\xa9\0+x+"));
    assert_true(url_unescape(&a, S("a+b%20c%2B"), true, &out));
    assert_str(out, S("a b c+"));
    assert_true(url_unescape(&a, (str){ 0 }, true, &out));
    assert_true(out.p != NULL && out.n == 0);
}

static void a_bad_escape_is_refused(void **state)
{
    static const char *const table[] = { "%",   "a%",   "%2",   "a%2", "%g0",
                                         "%0g", "%%20", "% 20", "%+1", "%-1" };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        ARENA(a, 1024);
        str out = { 0 };
        assert_for(table[i], !url_unescape(&a, str_of(table[i]), true, &out));
    }
    ARENA(a, 1024);
    str out = { 0 };
    assert_false(url_unescape(&a, (str){ "%20", 2 }, false, &out)); /* the third is not ours */
}

static void a_full_arena_gives_nothing(void **state)
{
    struct arena none = { .max = 0 };
    str out = S("x");
    (void)state;

    assert_null(url_escape_in(&none, S("abc")).p);
    assert_true(url_unescape(&none, S("abc"), false, &out));
    assert_null(out.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_but_the_unreserved_is_escaped),
        cmocka_unit_test(every_byte_survives_the_way_there_and_back),
        cmocka_unit_test(escapes_are_decoded_in_either_case),
        cmocka_unit_test(a_bad_escape_is_refused),
        cmocka_unit_test(a_full_arena_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
