/* Our reader against jansson: the comparison of the fuzz target, on inputs made and mutated here.
 */
#include "../fuzz/fuzz.h"
#include "base/buf.h"
#include "base/json.h"
#include "unit.h"

static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % below;
}

static void make_string(struct buf *b, uint64_t *seed)
{
    static const char *const pieces[] = { "a",
                                          "id",
                                          "data",
                                          "b ",
                                          "\xc3\xa9",
                                          "\xf0\x9f\x98\x80",
                                          "\\n",
                                          "\\\"",
                                          "\\\\",
                                          "\\u00e9",
                                          "\\ud83d\\ude00",
                                          "\\u0041",
                                          "longer than a word",
                                          "\x7f",
                                          "\\/" };
    buf_char(b, '"');
    for (uint32_t n = draw(seed, 4); n > 0; n--)
        buf_append(b, str_of(pieces[draw(seed, COUNT(pieces))]));
    buf_char(b, '"');
}

static void make_blanks(struct buf *b, uint64_t *seed)
{
    if (draw(seed, 3) == 0)
        buf_append(b, (str){ " \n\t\r          ", draw(seed, 14) });
}

static void make_value(struct buf *b, uint64_t *seed, unsigned depth)
{
    static const char *const scalars[] = { "null",
                                           "true",
                                           "false",
                                           "0",
                                           "-1",
                                           "1.5",
                                           "2e3",
                                           "-0",
                                           "1234567890123",
                                           "1E-2",
                                           "99999999999999999999",
                                           "\"\\ud800\"" };
    bool object = draw(seed, 2) == 0;
    uint32_t n = depth == 0 ? 0 : draw(seed, 5);

    make_blanks(b, seed);
    if (depth == 0 || draw(seed, 3) == 0) {
        if (draw(seed, 2))
            make_string(b, seed);
        else
            buf_append(b, str_of(scalars[draw(seed, COUNT(scalars))]));
    } else {
        buf_char(b, object ? '{' : '[');
        for (uint32_t i = 0; i < n; i++) {
            buf_append(b, i ? S(",") : S(""));
            make_blanks(b, seed);
            if (object) {
                make_string(b, seed);
                buf_char(b, ':');
            }
            make_value(b, seed, depth - 1);
        }
        buf_char(b, object ? '}' : ']');
    }
    make_blanks(b, seed);
}

/* Changes, drops or doubles a byte here and there. */
static void mutate(struct buf *b, uint64_t *seed)
{
    static const char likely[] = "{}[]\",:\\u0 \n\t1e-.+n\x80\xc3\xed\xff";

    for (uint32_t n = 1 + draw(seed, 3); n > 0 && b->n > 1; n--) {
        size_t at = draw(seed, (uint32_t)b->n);
        switch (draw(seed, 3)) {
        case 0: b->p[at] = likely[draw(seed, sizeof likely - 1)]; break;
        case 1:
            memmove(b->p + at, b->p + at + 1, b->n - at - 1);
            b->n--;
            break;
        default: buf_append(b, (str){ (char[]){ b->p[at] }, 1 }); break;
        }
    }
}

/* Compares in a block of exactly that size. True when we take it. */
static bool compare(str text)
{
    uint8_t *exact = test_malloc(text.n ? text.n : 1);

    if (text.n)
        memcpy(exact, text.p, text.n);
    LLVMFuzzerTestOneInput(exact, text.n);
    bool taken = json_valid((str){ (char *)exact, text.n });
    test_free(exact);
    return taken;
}

static void jansson_agrees_on_whatever_is_made_and_mutated(void **state)
{
    uint64_t seed = 20261028;
    unsigned refused = 0, survived = 0;
    (void)state;

    for (int i = 0; i < 1500; i++) {
        BUF(b, 1 << 20);
        make_value(&b, &seed, 4);
        assert_true(compare(buf_str(&b)));
        for (int k = 0; k < 4; k++) {
            mutate(&b, &seed);
            bool taken = compare(buf_str(&b));
            refused += !taken;
            survived += taken;
        }
    }
    assert_true(refused > 500 && survived > 500); /* both sides were seen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jansson_agrees_on_whatever_is_made_and_mutated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
