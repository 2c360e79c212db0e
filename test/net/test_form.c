#include "net/form.h"

#include <string.h>

#include "unit.h"

static enum status parse(str text, struct form *f, struct arena *a)
{
    struct error e = { 0 };

    enum status st = form_parse(text, f, a, &e);
    assert_int_equal(st, e.status);
    assert_true((st != ST_OK) == (e.text[0] != 0));
    return st;
}

static void a_name_is_a_path_however_its_brackets_are_written(void **state)
{
    static const struct {
        const char *text, *path, *value;
    } row[] = {
        { "a=v", "a", "v" },
        { "a[b]=v", "a/b", "v" },
        { "a%5Bb%5D=v", "a/b", "v" },
        { "a[0][b]=v", "a/0/b", "v" },
        { "a[][b]=v", "a//b", "v" },
        { "a[]=v", "a/", "v" },
        { "a", "a", "" },
        { "a=", "a", "" },
        { "&&a=v&", "a", "v" },
        { "a=b=c", "a", "b=c" },
        { "a+b=c+d", "a b", "c d" },
        { "a=%2B%26%3d", "a", "+&=" },
        { "metadata[my key]=%C3%BC", "metadata/my key", "\xc3\xbc" },
        { "a[b][c][d][e][f][g][h][i][j][k][l]=v", "a/b/c/d/e/f/g/h/i/j/k/l", "v" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        ARENA(a, 64 << 10);
        struct form f;
        char path[256] = "";
        assert_for(row[i].text, parse(str_of(row[i].text), &f, &a) == ST_OK && f.n == 1);
        for (unsigned k = 0; k < f.pair[0].n_parts; k++) {
            strncat(path, k ? "/" : "", 2);
            strncat(path, f.pair[0].part[k].p, f.pair[0].part[k].n);
        }
        assert_for(row[i].text, strcmp(path, row[i].path) == 0);
        assert_for(row[i].text, str_eqz(f.pair[0].value, row[i].value));
    }
}

static void a_malformed_form_is_refused_and_nothing_is_given(void **state)
{
    const struct {
        str text;
        enum status want;
    } row[] = {
        { S("a=%"), ST_INVALID },     { S("a=%4"), ST_INVALID },
        { S("a=%zz"), ST_INVALID },   { S("%=a"), ST_INVALID },
        { S("a[b=c"), ST_INVALID },   { S("a[b[c]]=d"), ST_INVALID },
        { S("a[b]c=d"), ST_INVALID }, { S("a]=d"), ST_INVALID },
        { S("[a]=d"), ST_INVALID },   { S("=d"), ST_INVALID },
        { S("a=%00"), ST_INVALID },   { S("a%00=b"), ST_INVALID },
        { S("a=b\0c"), ST_INVALID },  { S("a[b][c][d][e][f][g][h][i][j][k][l][m]=v"), ST_LIMIT },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        ARENA(a, 64 << 10);
        struct form f = { .n = 77 };
        assert_for(row[i].text.p, parse(row[i].text, &f, &a) == row[i].want && f.n == 77);
    }
}

static void pairs_keep_their_order_and_the_last_of_a_name_counts(void **state)
{
    ARENA(a, 64 << 10);
    struct form f;

    (void)state;
    assert_int_equal(parse(S("expand[]=x&limit=3&expand[]=y&limit=4"), &f, &a), ST_OK);
    assert_int_equal(f.n, 4);
    assert_strz(f.pair[0].value, "x");
    assert_strz(f.pair[2].value, "y");
    assert_strz(form_get(&f, S("limit")), "4");
    assert_strz(form_get(&f, S("expand[]")), "y");
    assert_null(form_get(&f, S("absent")).p);
}

static void an_empty_form_has_no_pairs(void **state)
{
    ARENA(a, 64);
    struct form f = { .n = 77 };

    (void)state;
    assert_int_equal(parse((str){ 0 }, &f, &a), ST_OK);
    assert_int_equal(f.n, 0);
    assert_int_equal(parse(S("&&&"), &f, &a), ST_OK);
    assert_int_equal(f.n, 0);
}

static void the_number_of_pairs_is_limited(void **state)
{
    static char text[2 * (FORM_PAIRS_MAX + 1)];
    ARENA(a, 4 << 20);
    struct form f;

    (void)state;
    for (size_t i = 0; i < sizeof text; i += 2)
        memcpy(text + i, "a&", 2);
    assert_int_equal(parse((str){ text, sizeof text }, &f, &a), ST_LIMIT);
    assert_int_equal(parse((str){ text, sizeof text - 2 }, &f, &a), ST_OK);
    assert_int_equal(f.n, FORM_PAIRS_MAX);
}

static void a_form_larger_than_its_arena_is_a_limit(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes < 600; bytes += 13) {
        ARENA(a, bytes);
        struct form f = { .n = 77 };
        enum status st = parse(S("name=value&other=value"), &f, &a);
        assert_true(st == ST_LIMIT ? f.n == 77 : f.n == 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_a_path_however_its_brackets_are_written),
        cmocka_unit_test(a_malformed_form_is_refused_and_nothing_is_given),
        cmocka_unit_test(pairs_keep_their_order_and_the_last_of_a_name_counts),
        cmocka_unit_test(an_empty_form_has_no_pairs),
        cmocka_unit_test(the_number_of_pairs_is_limited),
        cmocka_unit_test(a_form_larger_than_its_arena_is_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
