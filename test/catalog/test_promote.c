/* From one environment to another: what becomes of each product and price, what is in the way, and
 * which id became which. */
#include "../unit.h"

#include "base/buf.h"
#include "catalog/file.h"
#include "catalog/promote.h"

#include <string.h>

static json_t *parse(const char *text)
{
    json_error_t why;
    json_t *doc = json_loads(text, 0, &why);

    if (!doc)
        print_error("%s: %s\n", text, why.text);
    assert_non_null(doc);
    return doc;
}

#define ALL(products) "{\"version\":1,\"products\":[" products "]}"
#define PRODUCT(rest, prices) \
    "{\"id\":\"pro\",\"name\":\"Pro\",\"active\":true" rest ",\"prices\":[" prices "]}"
#define PRICE(id, rest) \
    "{\"id\":\"" id "\",\"active\":true,\"currency\":\"usd\",\"unit_amount\":1000" rest "}"
#define MONTH \
    ",\"recurring\":{\"interval\":\"month\",\"interval_count\":1,\"usage_type\":\"licensed\"}"
#define KEY ",\"lookup_key\":\"pro\""
#define FROM ALL(PRODUCT("", PRICE("price_t", KEY MONTH)))
#define THERE(rest) ALL(PRODUCT("", "{\"id\":\"price_l\",\"active\":true" KEY rest "}"))

/* "product pro create, price pro adopt price_l…", or the refusal's sentence. */
static void decisions(const char *from, const char *to, struct buf *out)
{
    struct error e = { 0 };
    json_t *all = parse(from), *there = parse(to), *file = catalog_export(all, false);
    json_t *changes = NULL, *decided, *one;
    enum status st = catalog_compare(file, there, NULL, all, &changes, &e);
    size_t i;

    if (st != ST_OK) {
        assert_int_equal(st, ST_CONFLICT);
        buf_printf(out, "%s", e.text);
    } else {
        decided = catalog_decisions(all, there, changes);
        json_array_foreach(decided, i, one) {
            const char *id = json_string_value(json_object_get(one, "there"));
            buf_printf(out, "%s%s %s %s%s%s", i ? ", " : "",
                       json_string_value(json_object_get(one, "what")),
                       json_string_value(json_object_get(one, "name")),
                       json_string_value(json_object_get(one, "decision")), id ? " " : "",
                       id ? id : "");
        }
        json_decref(decided);
    }
    buf_char(out, '\0');
    json_decref(changes);
    json_decref(file);
    json_decref(there);
    json_decref(all);
}

/* ENV-18, ENV-19: the specification. */
static void each_object_is_created_adopted_updated_or_passed_over(void **state)
{
#define SAME ",\"currency\":\"usd\",\"unit_amount\":1000"
    static const struct {
        const char *from, *to, *want; /* `want`: all of it, or a part of a refusal */
    } row[] = {
        { FROM, ALL(""), "product Pro create, price pro create" },
        { FROM, THERE(SAME MONTH), "product Pro adopt pro, price pro adopt price_l" },
        { FROM, THERE(SAME MONTH ",\"metadata\":{\"theirs\":\"1\"}"),
          "product Pro adopt pro, price pro adopt price_l" },
        { ALL(PRODUCT("", PRICE("price_t", KEY MONTH ",\"nickname\":\"n\""))), THERE(SAME MONTH),
          "product Pro adopt pro, price pro update price_l" },
        { ALL(PRODUCT(",\"description\":\"d\"", PRICE("price_t", KEY MONTH))), THERE(SAME MONTH),
          "product Pro update pro, price pro adopt price_l" },
        { FROM, ALL("{\"id\":\"pro\",\"name\":\"Pro\",\"active\":false,\"prices\":[]}"),
          "product Pro update pro, price pro create" },
        { ALL("{\"id\":\"pro\",\"name\":\"Pro\",\"active\":false,\"prices\":[" PRICE("p",
                                                                                     KEY) "]}"),
          ALL(""), "product Pro skip, price pro skip" },
        { ALL(PRODUCT("",
                      "{\"id\":\"p\",\"active\":false,\"currency\":\"usd\",\"unit_amount\":5}")),
          ALL(""), "product Pro create, price p skip" },
        { ALL(PRODUCT("", PRICE("price_t", ""))), /* known by where it came from */
          ALL(PRODUCT("", PRICE("price_l", ",\"metadata\":{\"brindle_from\":\"price_t\"}"))),
          "product Pro adopt pro, price price_t adopt price_l" },
        { ALL(PRODUCT("", PRICE("price_t", ""))), ALL(PRODUCT("", PRICE("price_l", ""))),
          "product Pro adopt pro, price price_t create" },
        { FROM, THERE(",\"currency\":\"usd\",\"unit_amount\":999" MONTH), "costs something else" },
        { FROM, THERE(",\"currency\":\"eur\",\"unit_amount\":1000" MONTH), "costs something else" },
        { FROM, THERE(SAME MONTH ",\"transform_quantity\":{\"divide_by\":5,\"round\":\"up\"}"),
          "costs something else" },
        { FROM, THERE(SAME), "recurs otherwise" },
        { ALL(PRODUCT("", PRICE("price_t", KEY))), THERE(SAME MONTH), "recurs otherwise" },
        { FROM,
          THERE(SAME ",\"recurring\":{\"interval\":\"year\",\"interval_count\":1,"
                     "\"usage_type\":\"licensed\"}"),
          "recurs otherwise" },
        { FROM,
          THERE(SAME ",\"recurring\":{\"interval\":\"month\",\"interval_count\":3,"
                     "\"usage_type\":\"licensed\"}"),
          "recurs otherwise" },
        { FROM, THERE(SAME MONTH ",\"tax_behavior\":\"inclusive\""), "is taxed otherwise" },
        { ALL(PRODUCT("", PRICE("price_t", KEY MONTH ",\"tax_behavior\":\"exclusive\""))),
          THERE(SAME MONTH), "is taxed otherwise" },
        { FROM, ALL(PRODUCT("", "{\"id\":\"price_l\",\"active\":false" KEY SAME MONTH "}")),
          "it is archived" },
        { FROM,
          ALL("{\"id\":\"other\",\"name\":\"O\",\"active\":true,\"prices\":[" PRICE(
              "price_l", KEY MONTH) "]}"),
          "held by a price of other" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        BUF(out, 1 << 16);
        decisions(row[i].from, row[i].to, &out);
        bool refusal = strncmp(row[i].want, "product", 7) != 0;
        bool right = refusal ? strstr(out.p, row[i].want) != NULL : strcmp(out.p, row[i].want) == 0;
        if (!right)
            print_error("row %zu: %s\nwanted: %s\n", i, out.p, row[i].want);
        assert_true(right);
    }
}

static void the_map_names_what_is_in_both(void **state)
{
    json_t *from = parse(ALL(PRODUCT("", PRICE("price_a", KEY) "," PRICE("price_b", "") "," PRICE(
                                             "price_c", "")) ","
                                                             "{\"id\":\"alone\",\"prices\":[" PRICE(
                                                                 "price_d", "") "]}"));
    json_t *to = parse(ALL(PRODUCT(
        "", PRICE("price_1", KEY) "," PRICE("price_2", ",\"metadata\":{\"brindle_from\":"
                                                       "\"price_b\"}") "," PRICE("price_3", ""))));
    json_t *map = catalog_map(from, to);
    json_t *want = parse("{\"products\":{\"pro\":\"pro\"},\"prices\":{\"price_a\":\"price_1\","
                         "\"price_b\":\"price_2\"}}");

    (void)state;
    assert_true(json_equal(map, want));
    json_decref(want);
    json_decref(map);
    json_decref(to);
    json_decref(from);
}

/* What is the same looks the same; what a file does not say is not compared elsewhere, but here it
 * is what the other environment does not have. */
static void a_price_stands_for_another_in_every_respect_or_not_at_all(void **state)
{
    json_t *one = parse(PRICE("a", KEY MONTH)), *two = parse(PRICE("b", KEY MONTH));

    (void)state;
    assert_null(promote_conflict(one, two));
    json_object_set_new(two, "tiers_mode", json_string("graduated"));
    assert_string_equal(promote_conflict(one, two), "costs something else");
    assert_string_equal(promote_conflict(two, one), "costs something else");
    json_decref(two);
    json_decref(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_object_is_created_adopted_updated_or_passed_over),
        cmocka_unit_test(the_map_names_what_is_in_both),
        cmocka_unit_test(a_price_stands_for_another_in_every_respect_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
