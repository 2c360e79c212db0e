#include <stdio.h>

#include "base/json.h"
#include "unit.h"

enum { ARENA_BYTES = 1 << 20 };

static bool valid(const char *z)
{
    return json_valid(str_of(z));
}

/* Token by token; the same answer must come of it. */
static bool pulls_to_the_end(str text)
{
    struct json_reader r;
    struct json_token t;

    json_init(&r, text);
    do
        t = json_next(&r);
    while (t.type != JSON_END && t.type != JSON_BAD);
    return t.type == JSON_END;
}

static void what_the_rfc_allows_is_valid(void **state)
{
    static const char *const table[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1",
        "-12",
        "1.5",
        "0.0",
        "1e5",
        "1E+5",
        "1e-05",
        "-0.1e+10",
        "\"\"",
        "\"a\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u00e9\\uABCD\"",
        "\"\x7f\"",
        "\"\xc2\x80\"",
        "\"\xe0\xa0\x80\"",
        "\"\xed\x9f\xbf\"",
        "\"\xee\x80\x80\"",
        "\"\xef\xbf\xbf\"",
        "\"\xf0\x90\x80\x80\"",
        "\"\xf4\x8f\xbf\xbf\"",
        "{}",
        "[]",
        "[[]]",
        "[{}]",
        "{\"\":{}}",
        "[1,2]",
        "{\"a\":1,\"b\":[true]}",
        " \t\r\n1 \t\r\n",
        " [ 1 , 2 ] ",
        " { \"a\" : 1 , \"b\" : 2 } ",
        "{\"a\":1,\"a\":2}",
        "123456789012345678901234567890",
        "1e999999",
        "\"a string that is longer than eight characters, with caf\xc3\xa9\"",
    };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        assert_for(table[i], valid(table[i]));
        assert_for(table[i], pulls_to_the_end(str_of(table[i])));
    }
}

static void what_it_does_not_allow_is_not(void **state)
{
    static const char *const table[] = {
        /* nothing, or more than one value */
        "",
        " ",
        "1 2",
        "{} {}",
        "[] x",
        "null,",
        "\"a\"\"b\"",
        "1]",
        "{}}",
        /* words and numbers */
        "nul",
        "nulll",
        "True",
        "tru",
        "NaN",
        "Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "00",
        "1.",
        ".5",
        "1.e5",
        "1e",
        "1e+",
        "0x10",
        "1_000",
        "- 1",
        "1 .5",
        "--1",
        "1e5.5",
        /* containers */
        "[",
        "]",
        "{",
        "}",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1,,2]",
        "[}",
        "{]",
        "[1}",
        "{\"a\":1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\" 1}",
        "{\"a\"::1}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{1:1}",
        "{null:1}",
        "{\"a\":1,2}",
        "{\"a\":1,\"b\"}",
        "{'a':1}",
        "[\"a\":1]",
        "{\"a\":[1,]}",
        "[[[]]",
        /* strings */
        "\"",
        "\"a",
        "\"\\",
        "\"\\\"",
        "\"\\x\"",
        "\"\\'\"",
        "\"\\u\"",
        "\"\\u12\"",
        "\"\\u123",
        "\"\\u123g\"",
        "\"\\U00e9\"",
        "\"\n\"",
        "\"\t\"",
        "\"\x1f\"",
        "'a'",
        "\"longer than eight characters\n\"",
        "\"eight ch\x01\"",
        /* UTF-8: a tail alone, overlong, surrogates, beyond U+10FFFF, cut */
        "\"\x80\"",
        "\"\xbf\"",
        "\"\xc0\x80\"",
        "\"\xc1\xbf\"",
        "\"\xe0\x80\x80\"",
        "\"\xe0\x9f\xbf\"",
        "\"\xed\xa0\x80\"",
        "\"\xed\xbf\xbf\"",
        "\"\xf0\x80\x80\x80\"",
        "\"\xf0\x8f\xbf\xbf\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xf5\x80\x80\x80\"",
        "\"\xfe\"",
        "\"\xff\"",
        "\"\xc3\"",
        "\"\xe2\x82\"",
        "\"\xf0\x9f\x98\"",
        "\"\xc3",
        "\"\xe2\x82",
        "\"\xf0\x9f\x98",
        "{\"\xff\":1}",
        /* what other parsers are lenient about */
        "\xef\xbb\xbf{}",
        "/* */ 1",
        "1 // one",
        "\f1",
        "\v1",
        "\xc2\xa0true",
    };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        assert_for(table[i], !valid(table[i]));
        assert_for(table[i], !pulls_to_the_end(str_of(table[i])));
    }
    assert_false(json_valid((str){ 0 }));
    assert_false(json_valid((str){ "1\0", 2 }));
    assert_false(json_valid((str){ "\"a\0b\"", 5 }));
}

static void no_place_in_a_string_hides_a_bad_byte(void **state)
{
    (void)state;

    for (int bad = 0; bad < 256; bad++) {
        bool plain = bad >= ' ' && bad < 0x80 && bad != '"' && bad != '\\';
        for (size_t at = 1; at < 20; at++) {
            char text[] = "\"mmmmmmmmmmmmmmmmmmm\"";
            text[at] = (char)bad;
            assert_int_equal(json_valid((str){ text, sizeof text - 1 }), plain);
        }
    }
}

static void every_beginning_of_a_text_is_refused(void **state)
{
    str whole = S("{\"a\":[1,-2.5e+3,true,false,null,\"\\u00e9\xe2\x82\xac\"],\"b\":{\"c\":\"\"}}");
    (void)state;

    for (size_t n = 0; n < whole.n; n++) {
        char *exact = test_malloc(n ? n : 1); /* so that a sanitizer sees a read beyond it */
        memcpy(exact, whole.p, n);
        assert_false(json_valid((str){ exact, n }));
        assert_false(pulls_to_the_end((str){ exact, n }));
        (void)json_member((str){ exact, n }, S("b"));
        test_free(exact);
    }
    assert_true(json_valid(whole));
}

static bool nested_is_valid(char open, char close, size_t depth)
{
    char text[2 * JSON_DEPTH_MAX + 16];

    memset(text, open, depth);
    memset(text + depth, close, depth);
    bool whole = json_valid((str){ text, 2 * depth });
    assert_int_equal(pulls_to_the_end((str){ text, 2 * depth }), whole);
    return whole;
}

static void the_depth_has_a_limit(void **state)
{
    char text[8 * JSON_DEPTH_MAX];
    size_t n = 0;
    (void)state;

    assert_true(nested_is_valid('[', ']', JSON_DEPTH_MAX));
    assert_false(nested_is_valid('[', ']', JSON_DEPTH_MAX + 1));
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "{\"a\":");
    text[n++] = '1';
    memset(text + n, '}', JSON_DEPTH_MAX);
    str deepest = { text, n + JSON_DEPTH_MAX };
    assert_true(json_valid(deepest));
    assert_true(pulls_to_the_end(deepest));
    text[n - 1] = '['; /* one deeper; json_value inside a reader that is deep already sees it */
    struct json_reader r;
    json_init(&r, deepest);
    for (int i = 0; i < 2 * (JSON_DEPTH_MAX - 1); i++)
        assert_int_not_equal(json_next(&r).type, JSON_BAD);
    (void)json_next(&r);
    (void)json_next(&r);
    assert_int_equal(json_value(&r).type, JSON_BAD);
}

static void the_size_has_a_limit(void **state)
{
    size_t n = JSON_BYTES_MAX + 1;
    char *text = test_malloc(n);
    (void)state;

    memset(text, ' ', n);
    text[0] = '1';
    assert_true(json_valid((str){ text, JSON_BYTES_MAX }));
    assert_false(json_valid((str){ text, n }));
    test_free(text);
}

static void tokens_come_in_order_with_their_text(void **state)
{
    static const struct {
        enum json_type type;
        const char *text;
        bool escaped;
    } want[] = {
        { JSON_OBJECT, "{", false },     { JSON_KEY, "a\\n", true },
        { JSON_ARRAY, "[", false },      { JSON_NUMBER, "1.50", false },
        { JSON_STRING, "x", false },     { JSON_TRUE, "true", false },
        { JSON_FALSE, "false", false },  { JSON_NULL, "null", false },
        { JSON_ARRAY, "[", false },      { JSON_ARRAY_END, "]", false },
        { JSON_ARRAY_END, "]", false },  { JSON_KEY, "b", false },
        { JSON_OBJECT, "{", false },     { JSON_OBJECT_END, "}", false },
        { JSON_OBJECT_END, "}", false }, { JSON_END, "", false },
        { JSON_END, "", false },
    };
    struct json_reader r;
    (void)state;

    json_init(&r, S(" {\"a\\n\": [1.50, \"x\", true ,false,null,[]], \"b\":{}} "));
    for (size_t i = 0; i < COUNT(want); i++) {
        struct json_token t = json_next(&r);
        assert_int_equal(t.type, want[i].type);
        assert_strz(t.text, want[i].text);
        assert_int_equal(t.escaped, want[i].escaped);
    }
}

static void a_bad_text_stays_bad(void **state)
{
    struct json_reader r;
    (void)state;

    json_init(&r, S("[1,x]"));
    assert_int_equal(json_next(&r).type, JSON_ARRAY);
    assert_int_equal(json_next(&r).type, JSON_NUMBER);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(json_next(&r).type, JSON_BAD);
        assert_int_equal(json_value(&r).type, JSON_BAD);
    }
}

static void a_value_is_read_whole(void **state)
{
    struct json_reader r;
    (void)state;

    json_init(&r, S("{\"a\": {\"b\":[1, {}]} ,\"s\":\"q\\\"\",\"n\":-1}"));
    assert_int_equal(json_next(&r).type, JSON_OBJECT);
    assert_str(json_next(&r).text, S("a"));
    struct json_token t = json_value(&r);
    assert_int_equal(t.type, JSON_OBJECT);
    assert_str(t.text, S("{\"b\":[1, {}]}"));
    assert_str(json_next(&r).text, S("s"));
    t = json_value(&r);
    assert_int_equal(t.type, JSON_STRING);
    assert_str(t.text, S("\"q\\\"\""));
    assert_true(t.escaped);
    assert_str(json_next(&r).text, S("n"));
    assert_str(json_value(&r).text, S("-1"));
    assert_int_equal(json_next(&r).type, JSON_OBJECT_END);
    assert_int_equal(json_next(&r).type, JSON_END);
}

static void an_array_is_read_value_by_value(void **state)
{
    struct json_reader r;
    (void)state;

    json_init(&r, S("[ [1] , {\"a\":[]}, \"x\" ]"));
    assert_int_equal(json_next(&r).type, JSON_ARRAY);
    assert_str(json_value(&r).text, S("[1]"));
    assert_str(json_value(&r).text, S("{\"a\":[]}"));
    assert_str(json_value(&r).text, S("\"x\""));
    assert_int_equal(json_value(&r).type, JSON_ARRAY_END);
    assert_int_equal(json_next(&r).type, JSON_END);
}

static void no_value_is_read_where_a_key_comes_next(void **state)
{
    static const char *const table[] = { "{\"a\":1}", "{}" };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        struct json_reader r;
        json_init(&r, str_of(table[i]));
        assert_int_equal(json_next(&r).type, JSON_OBJECT);
        assert_int_equal(json_value(&r).type, JSON_BAD);
        assert_int_equal(json_next(&r).type, JSON_BAD);
    }
}

static void a_member_is_found_by_its_plain_name(void **state)
{
    str object = S("{\"a\":1,\"caf\\u00e9\":2,\"\":3,\"x.y\":4,\"\\\"q\":5,\"\\\\u0061\":6,"
                   "\"\\u0000\":7,\"in\":{\"a\":8},\"\\ud83d\\ude00\":9}");
    static const struct {
        str name;
        const char *value;
    } table[] = {
        { { "a", 1 }, "1" },
        { { "caf\xc3\xa9", 5 }, "2" },
        { { "", 0 }, "3" },
        { { "x.y", 3 }, "4" },
        { { "\"q", 2 }, "5" },
        { { "\\u0061", 6 }, "6" },
        { { "\0", 1 }, "7" },
        { { "in", 2 }, "{\"a\":8}" },
        { { "\xf0\x9f\x98\x80", 4 }, "9" },
        { { "b", 1 }, "" },
        { { "A", 1 }, "" },
        { { "caf", 3 }, "" },
        { { "caf\xc3\xa9s", 6 }, "" },
    };
    (void)state;

    assert_true(json_valid(object));
    for (size_t i = 0; i < COUNT(table); i++)
        assert_strz(json_member(object, table[i].name).text, table[i].value);
    assert_int_equal(json_member(object, S("b")).type, JSON_END);
    assert_int_equal(json_member(S("[\"a\",1]"), S("a")).type, JSON_END);
    assert_int_equal(json_member(S("\"a\""), S("a")).type, JSON_END);
    assert_int_equal(json_member((str){ 0 }, S("a")).type, JSON_END);
}

static void the_last_member_of_a_name_counts(void **state)
{
    str object =
        S("{\"a\":1,\"b\":{\"c\":1},\"\\u0061\":2,\"b\":{\"d\":3},\"e\":{\"f\":1},\"e\":4}");
    static const str paths[] = { { "b.c", 3 }, { "b.d", 3 }, { "e.f", 3 }, { "e", 1 } };
    struct json_token found[COUNT(paths)];
    (void)state;

    assert_str(json_member(object, S("a")).text, S("2"));
    assert_str(json_member(object, S("b")).text, S("{\"d\":3}"));
    assert_true(json_paths(object, paths, COUNT(paths), found));
    assert_int_equal(found[0].type, JSON_END);
    assert_str(found[1].text, S("3"));
    assert_int_equal(found[2].type, JSON_END);
    assert_str(found[3].text, S("4"));
}

static void paths_are_found_in_one_pass(void **state)
{
    str event = S("{\"id\":\"evt_1\",\"data\":{\"object\":{\"id\":\"sub_1\",\"x\":[{\"id\":0}]},"
                  "\"previous\":null},\"type\":\"t\",\"d\\u0061ta2\":{\"id\":5},\"dot.ted\":6}");
    static const struct {
        const char *path, *value;
    } table[] = {
        { "id", "\"evt_1\"" },
        { "data.object.id", "\"sub_1\"" },
        { "data", "{\"object\":{\"id\":\"sub_1\",\"x\":[{\"id\":0}]},\"previous\":null}" },
        { "data.object", "{\"id\":\"sub_1\",\"x\":[{\"id\":0}]}" },
        { "type", "\"t\"" },
        { "data.previous", "null" },
        { "data.previous.id", "" },
        { "data.object.x.id", "" },
        { "data.object.x", "[{\"id\":0}]" },
        { "type.id", "" },
        { "data2.id", "5" },
        { "dot.ted", "" },
        { "dat", "" },
        { "data.object.idx", "" },
        { "", "" },
        { "data.", "" },
        { "id", "\"evt_1\"" },
    };
    str paths[COUNT(table)];
    struct json_token found[COUNT(table)];
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++)
        paths[i] = str_of(table[i].path);
    assert_true(json_paths(event, paths, COUNT(paths), found));
    for (size_t i = 0; i < COUNT(table); i++) {
        assert_strz(found[i].text, table[i].value);
        assert_int_equal(found[i].type == JSON_END, table[i].value[0] == '\0');
        assert_strz(json_path(event, paths[i]).text, table[i].value);
    }
}

static void paths_of_a_bad_text_are_not_found(void **state)
{
    static const char *const table[] = { "{\"a\":1}x", "{\"a\":1,}",         "{\"a\":1",   "[]",
                                         "",           "{\"a\":1,\"b\":[1}", "{\"a\":1}{}" };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        struct json_token found = { .type = JSON_TRUE };
        str path = S("a");
        assert_for(table[i], !json_paths(str_of(table[i]), &path, 1, &found));
        assert_for(table[i], found.type == JSON_END);
    }
}

static void text_is_decoded(void **state)
{
    static const struct {
        const char *json;
        str text;
    } table[] = {
        { "{\"a\":\"plain\"}", { "plain", 5 } },
        { "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", { "\"\\/\b\f\n\r\t", 8 } },
        { "{\"a\":\"\\u0041\\u00e9\\u20AC\\ud83D\\uDE00\"}",
          { "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10 } },
        { "{\"a\":\"x\\u0000y\"}", { "x\0y", 3 } },
        { "{\"a\":\"\\ud800\"}", { "\xef\xbf\xbd", 3 } },
        { "{\"a\":\"\\udc00\\ud800x\"}", { "\xef\xbf\xbd\xef\xbf\xbdx", 7 } },
        { "{\"a\":\"\\ud800\\u0041\"}",
          { "\xef\xbf\xbd"
            "A",
            4 } },
        { "{\"a\":\"\\ud800\\ud83d\\ude00\"}", { "\xef\xbf\xbd\xf0\x9f\x98\x80", 7 } },
        { "{\"a\":\"\\uffff\\u07ff\\u0800\"}", { "\xef\xbf\xbf\xdf\xbf\xe0\xa0\x80", 8 } },
        { "{\"a\":\"\\\"\"}", { "\"", 1 } },
        { "{\"a\":\"\"}", { "", 0 } },
    };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        ARENA(a, ARENA_BYTES);
        str got = json_text(str_of(table[i].json), S("a"), &a);
        assert_for(table[i].json, got.p != NULL);
        assert_str(got, table[i].text);
    }
}

static void text_that_needs_no_decoding_is_not_copied(void **state)
{
    str object = S("{\"a\":\"plain\"}");
    struct arena none = { .max = 0 };
    (void)state;

    assert_ptr_equal(json_text(object, S("a"), &none).p, object.p + 6);
    assert_null(json_text(S("{\"a\":\"\\n\"}"), S("a"), &none).p); /* no room to decode */
}

static void what_is_no_text_has_no_text(void **state)
{
    ARENA(a, ARENA_BYTES);
    str object = S("{\"a\":null,\"b\":1,\"c\":[\"x\"],\"d\":true}");
    static const char *const names[] = { "a", "b", "c", "d", "e" };
    (void)state;

    for (size_t i = 0; i < COUNT(names); i++)
        assert_for(names[i], json_text(object, str_of(names[i]), &a).p == NULL);
}

static void a_string_token_is_decoded_with_or_without_quotes(void **state)
{
    ARENA(a, ARENA_BYTES);
    struct json_reader r;
    str text = S("[\"\\\"a\\\"\",\"\\\"a\\\"\",\"b\",\"b\",\"\",\"\"]");
    static const char *const want[] = { "\"a\"", "\"a\"", "b", "b", "", "" };
    (void)state;

    json_init(&r, text);
    (void)json_next(&r);
    for (size_t i = 0; i < COUNT(want); i++)
        assert_strz(json_unescape(i % 2 ? json_value(&r) : json_next(&r), &a), want[i]);
}

static void numbers_keep_every_digit(void **state)
{
    str object =
        S("{\"big\":12345678901234567890123,\"f\":1.50,\"e\":1e2,\"max\":9223372036854775807,"
          "\"min\":-9223372036854775808,\"over\":9223372036854775808,\"z\":-0,\"s\":\"1\"}");
    int64_t i = 7;
    (void)state;

    assert_str(json_member(object, S("big")).text, S("12345678901234567890123"));
    assert_str(json_member(object, S("f")).text, S("1.50"));
    assert_str(json_member(object, S("z")).text, S("-0"));
    assert_false(json_int(object, S("big"), &i));
    assert_false(json_int(object, S("f"), &i));
    assert_false(json_int(object, S("e"), &i));
    assert_false(json_int(object, S("over"), &i));
    assert_false(json_int(object, S("s"), &i));
    assert_false(json_int(object, S("absent"), &i));
    assert_int_equal(i, 7);
    assert_true(json_int(object, S("max"), &i) && i == INT64_MAX);
    assert_true(json_int(object, S("min"), &i) && i == INT64_MIN);
    assert_true(json_int(object, S("z"), &i) && i == 0);
}

static void a_bool_is_true_false_or_neither(void **state)
{
    str object = S("{\"t\":true,\"f\":false,\"n\":null}");
    (void)state;

    assert_int_equal(json_bool(object, S("t")), JSON_TRUE);
    assert_int_equal(json_bool(object, S("f")), JSON_FALSE);
    assert_int_equal(json_bool(object, S("n")), JSON_NULL);
    assert_int_equal(json_bool(object, S("x")), JSON_END);
}

static const struct {
    const char *x, *y;
    bool same;
} sameness[] = {
    { "1", "1", true },
    { "1", "1.0", false },
    { "1", "\"1\"", false },
    { "null", "null", true },
    { "null", "false", false },
    { "\"\\u00e9\"", "\"\xc3\xa9\"", true },
    { "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"", true },
    { "\"\\/\"", "\"/\"", true },
    { "\"a\"", "\"\\u0061\\u0062\"", false },
    { "\"\\ud800\"", "\"\\uD800\"", true },
    { "\"\\ud800\"", "\"\\ud801\"", false },
    { "\"\\ud800\"", "\"\\ufffd\"", false },
    { "[]", "[ ]", true },
    { "[]", "{}", false },
    { "[1,2]", " [ 1 , 2 ] ", true },
    { "[1,2]", "[2,1]", false },
    { "[1,2]", "[1]", false },
    { "[1]", "[1,2]", false },
    { "{}", "{ }", true },
    { "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true },
    { "{\"a\":1,\"b\":2}", "{\"a\":1}", false },
    { "{\"a\":1}", "{\"a\":1,\"b\":null}", false },
    { "{\"a\":1}", "{\"b\":1}", false },
    { "{\"a\":{\"x\":[1,{\"y\":2}]}}", "{\"a\": {\"x\": [1, {\"y\": 2}]}}", true },
    { "{\"a\":{\"x\":[1,{\"y\":2}]}}", "{\"a\": {\"x\": [1, {\"y\": 3}]}}", false },
    { "{\"a\":1,\"a\":2}", "{\"a\":2}", true },
    { "{\"a\":1,\"a\":2}", "{\"a\":1}", false },
    { "{\"a\":1,\"\\u0061\":2}", "{\"a\":2 }", true },
    { "{\"\\u0061\":1}", "{\"a\":1}", true },
};

static void sameness_sees_through_spelling_alone(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(sameness); i++) {
        ARENA(a, ARENA_BYTES);
        str x = str_of(sameness[i].x), y = str_of(sameness[i].y);
        assert_for(sameness[i].x, json_same(x, y, &a) == sameness[i].same);
        assert_for(sameness[i].x, json_same(y, x, &a) == sameness[i].same);
        assert_for(sameness[i].x, json_same(x, x, &a));
    }
}

static void a_full_arena_makes_nothing_the_same(void **state)
{
    ARENA(a, 16);
    (void)state;

    assert_false(json_same(S("{\"a\":1,\"b\":2}"), S("{\"b\":2,\"a\":1}"), &a));
}

static void what_is_quoted_can_be_read_back(void **state)
{
    static const struct {
        str plain;
        const char *json;
    } table[] = {
        { { "", 0 }, "\"\"" },
        { { "plain", 5 }, "\"plain\"" },
        { { "\"\\/\b\f\n\r\t", 8 }, "\"\\\"\\\\/\\b\\f\\n\\r\\t\"" },
        { { "\x01\x1f\x0b\x7f", 4 }, "\"\\u0001\\u001f\\u000b\x7f\"" },
        { { "a\0b", 3 }, "\"a\\u0000b\"" },
        { { "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", 14 },
          "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"" },
        { { "\xff", 1 }, "\"\xef\xbf\xbd\"" },
        { { "a\xc3", 2 }, "\"a\xef\xbf\xbd\"" },
        { { "\xed\xa0\x80", 3 }, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
    };
    (void)state;

    for (size_t i = 0; i < COUNT(table); i++) {
        BUF(b, 1024);
        json_quote(&b, table[i].plain);
        assert_strz(buf_str(&b), table[i].json);
        assert_true(json_valid(buf_str(&b)));
    }
}

static void the_writer_puts_the_commas(void **state)
{
    BUF(b, 1024);
    struct json_writer w = { .b = &b };
    (void)state;

    jw_object(&w);
    jw_key(&w, S("id"));
    jw_str(&w, S("x\"y"));
    jw_key(&w, S("none"));
    jw_str(&w, (str){ 0 });
    jw_key(&w, S("empty"));
    jw_str(&w, S(""));
    jw_key(&w, S("list"));
    jw_array(&w);
    jw_int(&w, INT64_MIN);
    jw_bool(&w, true);
    jw_bool(&w, false);
    jw_null(&w);
    jw_object(&w);
    jw_end(&w);
    jw_array(&w);
    jw_end(&w);
    jw_end(&w);
    jw_key(&w, S("raw"));
    jw_raw(&w, S("{\"a\":1}"));
    jw_end(&w);
    assert_str(buf_str(&b), S("{\"id\":\"x\\\"y\",\"none\":null,\"empty\":\"\",\"list\":"
                              "[-9223372036854775808,true,false,null,{},[]],\"raw\":{\"a\":1}}"));
    assert_int_equal(w.depth, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_rfc_allows_is_valid),
        cmocka_unit_test(what_it_does_not_allow_is_not),
        cmocka_unit_test(no_place_in_a_string_hides_a_bad_byte),
        cmocka_unit_test(every_beginning_of_a_text_is_refused),
        cmocka_unit_test(the_depth_has_a_limit),
        cmocka_unit_test(the_size_has_a_limit),
        cmocka_unit_test(tokens_come_in_order_with_their_text),
        cmocka_unit_test(a_bad_text_stays_bad),
        cmocka_unit_test(a_value_is_read_whole),
        cmocka_unit_test(an_array_is_read_value_by_value),
        cmocka_unit_test(no_value_is_read_where_a_key_comes_next),
        cmocka_unit_test(a_member_is_found_by_its_plain_name),
        cmocka_unit_test(the_last_member_of_a_name_counts),
        cmocka_unit_test(paths_are_found_in_one_pass),
        cmocka_unit_test(paths_of_a_bad_text_are_not_found),
        cmocka_unit_test(text_is_decoded),
        cmocka_unit_test(text_that_needs_no_decoding_is_not_copied),
        cmocka_unit_test(what_is_no_text_has_no_text),
        cmocka_unit_test(a_string_token_is_decoded_with_or_without_quotes),
        cmocka_unit_test(numbers_keep_every_digit),
        cmocka_unit_test(a_bool_is_true_false_or_neither),
        cmocka_unit_test(sameness_sees_through_spelling_alone),
        cmocka_unit_test(a_full_arena_makes_nothing_the_same),
        cmocka_unit_test(what_is_quoted_can_be_read_back),
        cmocka_unit_test(the_writer_puts_the_commas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
