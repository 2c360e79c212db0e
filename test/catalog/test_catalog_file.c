/* The catalogue as a document: what is one, what it wants otherwise, and what is written of it. */
#include "../unit.h"

#include "base/buf.h"
#include "catalog/file.h"

#include <stdlib.h>
#include <string.h>

static json_t *parse(const char *text)
{
    json_error_t why;
    json_t *doc = json_loads(text, JSON_DECODE_ANY, &why);

    if (!doc)
        print_error("%s: %s\n", text, why.text);
    assert_non_null(doc);
    return doc;
}

/* ---- what is a catalogue -------------------------------------------------------------------- */

#define FILE_OF(products) "{\"version\":1,\"products\":[" products "]}"
#define PRODUCT(rest) "{\"id\":\"prod_1\"" rest "}"
#define PRICES(prices) PRODUCT(",\"prices\":[" prices "]")
#define KEYED(rest) "{\"lookup_key\":\"pro\"" rest "}"

static void what_is_no_catalogue_is_told_by_its_member(void **state)
{
    static const struct {
        const char *text, *says; /* NULL: it is one */
    } row[] = {
        { FILE_OF(""), NULL },
        { FILE_OF(PRODUCT("")), NULL },
        { FILE_OF(PRICES(KEYED(""))), NULL },
        { FILE_OF(PRICES("{\"id\":\"price_1\"}")), NULL },
        { FILE_OF(PRODUCT(",\"description\":null,\"shippable\":null")), NULL },
        { FILE_OF(PRICES(KEYED(",\"nickname\":null,\"active\":false"))), NULL },
        { "5", "is no object" },
        { "null", "is no object" },
        { "[]", "is no object" },
        { "{}", "\"version\" must be 1" },
        { "{\"version\":2,\"products\":[]}", "\"version\" must be 1" },
        { "{\"version\":\"1\",\"products\":[]}", "\"version\" must be 1" },
        { "{\"version\":1}", "no array \"products\"" },
        { "{\"version\":1,\"products\":{}}", "no array \"products\"" },
        { "{\"version\":1,\"products\":[],\"produts\":[]}", "\"produts\"" },
        { FILE_OF("7"), "no \"id\"" },
        { FILE_OF("{}"), "no \"id\"" },
        { FILE_OF("{\"id\":7}"), "no \"id\"" },
        { FILE_OF("{\"id\":\"\"}"), "no \"id\"" },
        { FILE_OF(PRODUCT("") "," PRODUCT("")), "stands there twice" },
        { FILE_OF(PRODUCT(",\"colour\":1")), "\"colour\"" },
        { FILE_OF(PRODUCT(",\"name\":7")), "\"name\" must be a text" },
        { FILE_OF(PRODUCT(",\"default_price\":[]")), "\"default_price\" must be a text" },
        { FILE_OF(PRODUCT(",\"metadata\":7")), "\"metadata\" must be an object" },
        { FILE_OF(PRODUCT(",\"metadata\":{\"a\":1}")), "metadata \"a\" must be a text" },
        { FILE_OF(PRODUCT(",\"active\":\"no\"")), "\"active\" must be true or false" },
        { FILE_OF(PRODUCT(",\"shippable\":\"no\"")), "\"shippable\" must be true or false" },
        { FILE_OF(PRODUCT(",\"prices\":{}")), "\"prices\" must be an array" },
        { FILE_OF(PRICES("7")), "is no object" },
        { FILE_OF(PRICES("{}")), "neither a lookup_key nor an id" },
        { FILE_OF(PRICES("{\"lookup_key\":\"\"}")), "\"lookup_key\" is empty" },
        { FILE_OF(PRICES("{\"id\":7}")), "\"id\" must be a text" },
        { FILE_OF(PRICES(KEYED("") "," KEYED(""))), "Two prices have the lookup_key pro" },
        { FILE_OF(PRICES("{\"id\":\"p\"},{\"id\":\"p\"}")), "Two prices have the id p" },
        { FILE_OF(PRICES(KEYED(",\"tiers\":[{\"up_to\":null}]"))), "\"up_to\" must be" },
        { FILE_OF(PRICES(KEYED(",\"unit_amount\":\"5\""))), "must be an integer" },
        { FILE_OF(PRICES(KEYED(",\"unit_amount\":5.5"))), "must be an integer" },
        { FILE_OF(PRICES(KEYED(",\"active\":0"))), "\"active\" must be true or false" },
        { FILE_OF(PRICES(KEYED(",\"recurring\":5"))), "\"recurring\" must be an object" },
        { FILE_OF(PRICES(KEYED(",\"currency_options\":[]"))),
          "\"currency_options\" must be an object" },
        { FILE_OF(PRICES(KEYED(",\"currency_options\":{\"eur\":5}"))), "\"eur\"" },
        { FILE_OF(PRICES(KEYED(",\"tiers\":{}"))), "\"tiers\" must be an array" },
        { FILE_OF(PRICES(KEYED(",\"tiers\":[5]"))), "\"tiers\" must be an array" },
        { FILE_OF(PRICES(KEYED(",\"transform_quantity\":\"x\""))),
          "\"transform_quantity\" must be an object" },
        { FILE_OF(PRICES(KEYED(",\"recurring\":{\"intervall\":1}"))), "\"intervall\"" },
        { FILE_OF(PRICES(KEYED(",\"custom_unit_amount\":{\"min\":1}"))), "\"min\"" },
        { FILE_OF(PRICES(KEYED(",\"tiers\":[{\"up_to\":\"inf\",\"amount\":1}]"))), "\"amount\"" },
        { FILE_OF(PRICES(KEYED(",\"tiers\":[{\"up_to\":\"inf\",\"unit_amount\":0.5}]"))),
          "must be an integer" },
        { FILE_OF(PRICES(KEYED(",\"currency_options\":{\"eur\":{\"amount\":5}}"))), "\"amount\"" },
        { FILE_OF(PRICES(KEYED(",\"currency_options\":{\"eur\":{\"unit_amount\":0.5}}"))),
          "\"eur\": \"unit_amount\" must be an integer" },
        { FILE_OF(PRICES(KEYED(",\"currency_options\":{\"eur\":{\"unit_amount_decimal\":1}}"))),
          "must be a text" },
        { FILE_OF(PRICES(KEYED(",\"currency_options\":{\"eur\":{\"tiers\":[{}]}}"))), "\"up_to\"" },
        { FILE_OF(PRICES(KEYED(",\"currency_options\":{\"eur\":{\"unit_amount_decimal\":\"0.5\"},"
                               "\"gbp\":{\"custom_unit_amount\":{\"minimum\":5}}}"))),
          NULL },
        { FILE_OF(
              PRODUCT(",\"images\":[],\"marketing_features\":null,\"package_dimensions\":null")),
          NULL },
        { FILE_OF(PRODUCT(",\"images\":[5]")), "\"images\" must be" },
        { FILE_OF(PRODUCT(",\"images\":\"x\"")), "\"images\" must be" },
        { FILE_OF(PRODUCT(",\"marketing_features\":[\"x\"]")), "\"marketing_features\" must be" },
        { FILE_OF(PRODUCT(",\"package_dimensions\":{\"depth\":1}")), "\"depth\"" },
        { FILE_OF(PRODUCT(",\"package_dimensions\":{\"width\":\"1\"}")), "no number" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        struct error e = { 0 };
        json_t *doc = parse(row[i].text);
        enum status st = catalog_check(doc, &e);
        json_decref(doc);
        if (st != (row[i].says ? ST_INVALID : ST_OK) ||
            (row[i].says && !strstr(e.text, row[i].says)))
            print_error("%s: %s\n", row[i].text, e.text);
        assert_int_equal(st, row[i].says ? ST_INVALID : ST_OK);
        assert_true(!row[i].says || strstr(e.text, row[i].says));
    }
}

/* ---- one object ------------------------------------------------------------------------------ */

static void what_an_object_of_stripes_has_is_kept_or_named(void **state)
{
    static const struct {
        json_t *(*make)(const json_t *doc);
        const char *doc, *is;
    } row[] = {
        { catalog_price,
          "{\"id\":\"p\",\"object\":\"price\",\"currency\":\"usd\",\"unit_amount\":5,"
          "\"unit_amount_decimal\":\"5\",\"tax_behavior\":\"unspecified\",\"currency_options\":{"
          "\"usd\":{\"unit_amount\":5,\"unit_amount_decimal\":\"5\"},"
          "\"eur\":{\"unit_amount\":null,\"unit_amount_decimal\":\"0.5\",\"tax_behavior\":"
          "\"exclusive\",\"custom_unit_amount\":null},"
          "\"gbp\":{\"unit_amount\":null,\"unit_amount_decimal\":null,\"tiers\":[{\"up_to\":null,"
          "\"unit_amount\":null,\"unit_amount_decimal\":\"0.1\",\"flat_amount\":3,"
          "\"flat_amount_decimal\":\"3\"}]},"
          "\"jpy\":{\"unit_amount\":null,\"custom_unit_amount\":{\"minimum\":50,\"maximum\":null,"
          "\"preset\":null},\"tax_behavior\":\"unspecified\"}}}",
          "{\"id\":\"p\",\"currency\":\"usd\",\"unit_amount\":5,\"currency_options\":{"
          "\"eur\":{\"unit_amount_decimal\":\"0.5\",\"tax_behavior\":\"exclusive\"},"
          "\"gbp\":{\"tiers\":[{\"up_to\":\"inf\",\"unit_amount_decimal\":\"0.1\","
          "\"flat_amount\":3}]},"
          "\"jpy\":{\"custom_unit_amount\":{\"minimum\":50,\"enabled\":true}}}}" },
        { catalog_price,
          "{\"id\":\"p\",\"custom_unit_amount\":{\"minimum\":null,\"maximum\":null,\"preset\":null}"
          ","
          "\"recurring\":{\"interval\":\"day\",\"trial_period_days\":7,\"surge\":1,\"calm\":null},"
          "\"surcharge\":{\"a\":1},\"later\":[],\"off\":false,"
          "\"currency_options\":{\"eur\":{\"fee\":1},\"gbp\":{\"fee\":2}}}",
          "{\"id\":\"p\",\"custom_unit_amount\":{\"enabled\":true},"
          "\"recurring\":{\"interval\":\"day\",\"trial_period_days\":7},"
          "\"currency_options\":{\"eur\":{},\"gbp\":{}},"
          "\"would_lose\":[\"surcharge\",\"recurring.surge\",\"currency_options.fee\"]}" },
        { catalog_product,
          "{\"id\":\"p\",\"object\":\"product\",\"images\":[\"x\",\"y\"],\"marketing_features\":[{"
          "\"name\":\"fast\"}],\"package_dimensions\":{\"height\":1.5,\"length\":2,\"weight\":3,"
          "\"width\":4},\"updated\":5,\"livemode\":false,\"type\":\"service\"}",
          "{\"id\":\"p\",\"images\":[\"x\",\"y\"],\"marketing_features\":[{\"name\":\"fast\"}],"
          "\"package_dimensions\":{\"height\":1.5,\"length\":2,\"weight\":3,\"width\":4},"
          "\"prices\":[]}" },
        { catalog_product,
          "{\"id\":\"p\",\"images\":[],\"marketing_features\":[],\"package_dimensions\":null,"
          "\"scent\":\"rose\",\"marketing_features\":[{\"name\":\"a\",\"icon\":\"b\"}]}",
          "{\"id\":\"p\",\"marketing_features\":[{\"name\":\"a\"}],\"prices\":[],"
          "\"would_lose\":[\"scent\",\"marketing_features.icon\"]}" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        json_t *doc = parse(row[i].doc), *wanted = parse(row[i].is), *is = row[i].make(doc);
        if (!json_equal(is, wanted)) {
            char *text = json_dumps(is, JSON_COMPACT);
            print_error("%s\n  is: %s\n", row[i].doc, text);
            free(text);
        }
        assert_true(json_equal(is, wanted));
        json_decref(is);
        json_decref(wanted);
        json_decref(doc);
    }
}

/* ---- what it wants otherwise ---------------------------------------------------------------- */

/* The mirror: as catalog_read gives it. */
#define OLD                                                                            \
    "{\"id\":\"price_1\",\"lookup_key\":\"pro\",\"currency\":\"usd\",\"active\":true," \
    "\"unit_amount\":1000,\"created\":50,\"metadata\":{\"team\":\"a\"},"               \
    "\"recurring\":{\"interval\":\"month\",\"interval_count\":1,\"usage_type\":\"licensed\"}}"
#define BARE                                                                            \
    "{\"id\":\"price_2\",\"currency\":\"usd\",\"active\":true,\"unit_amount_decimal\":" \
    "\"0.5\",\"created\":50}"
#define GONE                                                                            \
    "{\"id\":\"price_3\",\"lookup_key\":\"old\",\"currency\":\"usd\",\"active\":false," \
    "\"unit_amount\":5,\"created\":50}"
#define TIERED                                                                           \
    "{\"id\":\"price_4\",\"lookup_key\":\"tiers\",\"currency\":\"usd\",\"active\":true," \
    "\"billing_scheme\":\"tiered\",\"tiers_mode\":\"graduated\",\"created\":50,"         \
    "\"tiers\":[{\"up_to\":5,\"unit_amount\":7},{\"up_to\":\"inf\",\"unit_amount\":6}]}"
static const char mirror[] =
    FILE_OF("{\"id\":\"prod_1\",\"name\":\"Pro\",\"active\":true,\"default_price\":\"price_1\","
            "\"created\":50,\"prices\":[" OLD "," BARE "," GONE "," TIERED "]},"
            "{\"id\":\"prod_2\",\"name\":\"Two\",\"active\":true,\"created\":50,\"prices\":["
            "{\"id\":\"price_9\",\"lookup_key\":\"two\",\"currency\":\"usd\",\"active\":true,"
            "\"unit_amount\":1,\"created\":50}]}");

/* "kind product, kind product…", or the refusal's sentence. */
static enum status compare(const char *file, const struct catalog_prune *prune, struct buf *out)
{
    struct error e = { 0 };
    json_t *wanted = parse(file), *all = parse(mirror), *changes = NULL, *change;
    enum status st = catalog_check(wanted, &e);
    size_t i;

    if (st == ST_OK)
        st = catalog_compare(wanted, all, prune, NULL, &changes, &e);
    if (st != ST_OK)
        buf_printf(out, "%s", e.text);
    json_array_foreach(changes, i, change)
        buf_printf(out, "%s%s %s", i ? ", " : "",
                   json_string_value(json_object_get(change, "kind")),
                   json_string_value(json_object_get(change, "product")));
    buf_char(out, '\0');
    json_decref(changes);
    json_decref(all);
    json_decref(wanted);
    return st;
}

struct wish {
    const char *file, *changes; /* or, not OK, a part of the sentence */
    enum status st;
};

static void try_wishes(const struct wish *row, size_t n, const struct catalog_prune *prune)
{
    for (size_t i = 0; i < n; i++) {
        BUF(out, 64 << 10);
        enum status st = compare(row[i].file, prune, &out);
        bool as_told = row[i].st == ST_OK ? strcmp(out.p, row[i].changes) == 0
                                          : strstr(out.p, row[i].changes) != NULL;
        if (st != row[i].st || !as_told)
            print_error("%s\n  is: %s\n", row[i].file, out.p);
        assert_int_equal(st, row[i].st);
        assert_true(as_told);
    }
}

static void what_is_so_already_is_left_alone_however_it_is_written(void **state)
{
    static const struct wish row[] = {
        { FILE_OF(""), "", ST_OK },
        { FILE_OF(PRODUCT("")), "", ST_OK },
        { FILE_OF(PRODUCT(",\"description\":null,\"url\":\"\",\"images\":[]")), "", ST_OK },
        { FILE_OF(PRODUCT(",\"default_price\":\"pro\"")), "", ST_OK },
        { FILE_OF(PRODUCT(",\"default_price\":\"price_1\"")), "", ST_OK },
        { FILE_OF(PRICES(KEYED(",\"unit_amount\":1000"))), "", ST_OK },
        { FILE_OF(PRICES(KEYED(",\"unit_amount_decimal\":\"1000\""))), "", ST_OK },
        { FILE_OF(PRICES(KEYED(",\"unit_amount_decimal\":\"1000.00\""))), "", ST_OK },
        { FILE_OF(PRICES(KEYED(",\"billing_scheme\":\"per_unit\""))), "", ST_OK },
        { FILE_OF(PRICES(KEYED(",\"tax_behavior\":\"unspecified\",\"nickname\":\"\""))), "",
          ST_OK },
        { FILE_OF(PRICES(KEYED(",\"recurring\":{\"interval\":\"month\"}"))), "", ST_OK },
        { FILE_OF(PRICES(KEYED(",\"currency_options\":{\"usd\":{\"unit_amount\":1000}}"))), "",
          ST_OK },
        { FILE_OF(PRICES(KEYED(",\"metadata\":{\"team\":\"a\"}"))), "", ST_OK },
        { FILE_OF(PRICES("{\"id\":\"price_2\",\"unit_amount_decimal\":\"0.50\"}")), "", ST_OK },
        { FILE_OF(PRICES("{\"lookup_key\":\"tiers\",\"tiers\":[{\"up_to\":5,\"unit_amount\":7},"
                         "{\"up_to\":\"inf\",\"unit_amount_decimal\":\"6.0\"}]}")),
          "", ST_OK },
        { FILE_OF(PRICES("{\"lookup_key\":\"old\",\"active\":false,\"unit_amount\":99}")), "",
          ST_OK },
        { FILE_OF(PRICES("{\"lookup_key\":\"never\",\"active\":false}")), "", ST_OK },
        { FILE_OF("{\"id\":\"new\",\"active\":false}"), "", ST_OK },
    };

    (void)state;
    try_wishes(row, COUNT(row), NULL);
}

static void what_is_otherwise_is_an_operation_in_the_safe_order(void **state)
{
    static const struct wish row[] = {
        { FILE_OF(PRODUCT(",\"name\":\"New\"")), "product.update prod_1", ST_OK },
        { FILE_OF(PRODUCT(",\"images\":[\"x\"]")), "product.update prod_1", ST_OK },
        { FILE_OF(PRODUCT(",\"package_dimensions\":{\"height\":1}")), "product.update prod_1",
          ST_OK },
        { FILE_OF(PRODUCT(",\"name\":\"New\",\"prices\":[" KEYED(",\"unit_amount\":1200") "]")),
          "product.update prod_1, price.replace prod_1", ST_OK },
        { FILE_OF(PRICES(KEYED(",\"unit_amount_decimal\":\"1000.5\""))), "price.replace prod_1",
          ST_OK },
        { FILE_OF(PRICES(KEYED(",\"recurring\":{\"interval\":\"year\"}"))), "price.replace prod_1",
          ST_OK },
        { FILE_OF(PRICES("{\"lookup_key\":\"tiers\",\"billing_scheme\":\"per_unit\"}")),
          "price.replace prod_1", ST_OK },
        { FILE_OF(PRICES(KEYED(",\"nickname\":\"n\""))), "price.update prod_1", ST_OK },
        { FILE_OF(PRICES("{\"lookup_key\":\"old\"}")), "price.activate prod_1", ST_OK },
        { FILE_OF(PRODUCT(",\"default_price\":\"old\",\"prices\":[{\"lookup_key\":\"old\"},"
                          "{\"lookup_key\":\"pro\",\"active\":false}]")),
          "price.activate prod_1, product.update prod_1, price.archive prod_1", ST_OK },
        { FILE_OF(PRICES("{\"lookup_key\":\"n\",\"currency\":\"usd\",\"unit_amount\":1}")),
          "price.create prod_1", ST_OK },
        { FILE_OF(PRODUCT(",\"active\":false")), "product.archive prod_1", ST_OK },
        { FILE_OF("{\"id\":\"new\",\"name\":\"N\",\"default_price\":\"n\",\"prices\":["
                  "{\"lookup_key\":\"n\",\"currency\":\"usd\",\"unit_amount\":1}]}"),
          "product.create new, price.create new", ST_OK },
    };

    (void)state;
    try_wishes(row, COUNT(row), NULL);
}

static void what_cannot_be_is_refused_before_anything_is_sent(void **state)
{
    static const struct wish row[] = {
        { FILE_OF("{\"id\":\"new\"}"), "needs a \"name\"", ST_INVALID },
        { FILE_OF(PRICES("{\"id\":\"price_7\"}")), "gives it no lookup_key", ST_INVALID },
        { FILE_OF(PRICES("{\"lookup_key\":\"n\"}")), "needs a \"currency\"", ST_INVALID },
        { FILE_OF(PRICES("{\"lookup_key\":\"two\",\"currency\":\"usd\"}")), "held by a price of",
          ST_INVALID },
        { FILE_OF(PRICES("{\"id\":\"price_2\",\"unit_amount\":5}")), "has no lookup_key",
          ST_INVALID },
        { FILE_OF(PRICES(KEYED(",\"recurring\":null"))), "cannot be taken away", ST_INVALID },
        { FILE_OF(PRICES(KEYED(",\"active\":false"))), "cannot be archived", ST_INVALID },
        { FILE_OF(PRODUCT(",\"default_price\":\"nobody\"")), "none of its prices", ST_INVALID },
        { FILE_OF(PRODUCT(",\"default_price\":\"old\"")), "is archived", ST_INVALID },
        { FILE_OF(PRODUCT(",\"default_price\":\"tiers\",\"prices\":[{\"lookup_key\":\"tiers\","
                          "\"active\":false}]")),
          "archived by the file", ST_INVALID },
        { FILE_OF("{\"id\":\"new\",\"name\":\"N\",\"default_price\":\"nobody\"}"),
          "none of its prices", ST_INVALID },
    };

    (void)state;
    try_wishes(row, COUNT(row), NULL);
}

/* What is made there, as it is sent; or the refusal's sentence. */
static enum status carry(const char *from, struct buf *out)
{
    struct error e = { 0 };
    json_t *origin = parse(from), *file = catalog_export(origin, false), *changes = NULL, *change;
    json_t *all = parse(FILE_OF(PRODUCT(",\"name\":\"A\",\"prices\":[]")));
    enum status st = catalog_compare(file, all, NULL, origin, &changes, &e);
    size_t i;

    if (st != ST_OK)
        buf_printf(out, "%s", e.text);
    json_array_foreach(changes, i, change) {
        char *text = json_dumps(json_object_get(json_object_get(change, "input"), "set"),
                                CATALOG_DUMP | JSON_SORT_KEYS);
        buf_printf(out, "%s", text);
        free(text);
    }
    buf_char(out, '\0');
    json_decref(changes);
    json_decref(all);
    json_decref(file);
    json_decref(origin);
    return st;
}

static void what_is_carried_over_is_whole_or_refused_by_name(void **state)
{
    static const struct wish row[] = {
        { FILE_OF("{\"id\":\"b\",\"name\":\"B\",\"images\":[\"x\"],\"package_dimensions\":{"
                  "\"height\":0.1},\"prices\":[]}"),
          "{\"id\":\"b\",\"images\":[\"x\"],\"name\":\"B\",\"package_dimensions\":{\"height\":0.1}"
          "}",
          ST_OK },
        { FILE_OF(
              PRICES("{\"id\":\"p\",\"lookup_key\":\"k\",\"currency\":\"usd\",\"unit_amount\":5,"
                     "\"currency_options\":{\"eur\":{\"unit_amount_decimal\":\"0.5\"},"
                     "\"gbp\":{\"custom_unit_amount\":{\"minimum\":5}}}}")),
          "{\"currency\":\"usd\",\"currency_options\":{\"eur\":{\"unit_amount_decimal\":\"0.5\"},"
          "\"gbp\":{\"custom_unit_amount\":{\"enabled\":true,\"minimum\":5}}},\"lookup_key\":\"k\","
          "\"unit_amount\":5}",
          ST_OK },
        { FILE_OF("{\"id\":\"b\",\"name\":\"B\",\"prices\":[],\"would_lose\":[\"scent\"]}"),
          "Product b has \"scent\"", ST_CONFLICT },
        { FILE_OF(
              PRICES("{\"id\":\"p\",\"lookup_key\":\"k\",\"currency\":\"usd\",\"unit_amount\":5,"
                     "\"would_lose\":[\"surcharge\"]}")),
          "Price k has \"surcharge\"", ST_CONFLICT },
        { FILE_OF(PRICES("{\"id\":\"p\",\"currency\":\"usd\",\"unit_amount\":5,"
                         "\"would_lose\":[\"surcharge\"]}")),
          "metadata brindle_from p", ST_CONFLICT },
        /* what is there already need not be made */
        { FILE_OF(PRODUCT(",\"name\":\"A\",\"prices\":[],\"would_lose\":[\"scent\"]")), "", ST_OK },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        BUF(out, 64 << 10);
        enum status st = carry(row[i].file, &out);
        bool as_told = row[i].st == ST_OK ? strcmp(out.p, row[i].changes) == 0
                                          : strstr(out.p, row[i].changes) != NULL;
        if (st != row[i].st || !as_told)
            print_error("%s\n  is: %s\n", row[i].file, out.p);
        assert_int_equal(st, row[i].st);
        assert_true(as_told);
    }
}

static void only_what_is_ours_and_old_enough_is_pruned(void **state)
{
    const struct catalog_prune ours = {
        .on = true, .owner_key = S("team"), .owner_value = S("a"), .created_before = 100
    };
    struct catalog_prune young = ours, theirs = ours;
    static const struct wish kept = { FILE_OF(PRODUCT("")), "", ST_OK };
    static const struct wish moved = { FILE_OF(PRODUCT(",\"default_price\":\"tiers\"")),
                                       "product.update prod_1, price.archive prod_1", ST_OK };
    static const struct wish alone = { FILE_OF(PRODUCT(",\"default_price\":\"tiers\"")),
                                       "product.update prod_1", ST_OK };

    (void)state;
    young.created_before = 50;
    theirs.owner_value = S("b");
    try_wishes(&kept, 1, &ours); /* the default is never pruned */
    try_wishes(&moved, 1, &ours);
    try_wishes(&alone, 1, &young);
    try_wishes(&alone, 1, &theirs);
}

/* ---- export --------------------------------------------------------------------------------- */

static void an_export_is_a_catalogue_that_wants_nothing(void **state)
{
    (void)state;
    for (int archived = 0; archived < 2; archived++) {
        struct error e = { 0 };
        json_t *all = parse(mirror), *file = catalog_export(all, archived != 0), *changes = NULL;
        assert_non_null(file);
        assert_int_equal(catalog_check(file, &e), ST_OK);
        assert_int_equal(catalog_compare(file, all, NULL, NULL, &changes, &e), ST_OK);
        assert_int_equal(json_array_size(changes), 0);
        const json_t *prod = json_array_get(json_object_get(file, "products"), 0);
        assert_int_equal(json_array_size(json_object_get(prod, "prices")), archived ? 4 : 3);
        assert_string_equal(json_string_value(json_object_get(prod, "default_price")), "pro");
        json_decref(changes);
        json_decref(file);
        json_decref(all);
    }
}

static void the_order_of_members_makes_no_other_fingerprint(void **state)
{
    char one[CATALOG_HASH_MAX], two[CATALOG_HASH_MAX], three[CATALOG_HASH_MAX];
    json_t *a = parse("{\"a\":1,\"b\":{\"c\":2,\"d\":3}}");
    json_t *b = parse("{\"b\":{\"d\":3,\"c\":2},\"a\":1}"), *c = parse("{\"a\":1}");
    struct error e = { 0 };

    (void)state;
    assert_int_equal(catalog_hash(a, one, &e), ST_OK);
    assert_int_equal(catalog_hash(b, two, &e), ST_OK);
    assert_int_equal(catalog_hash(c, three, &e), ST_OK);
    assert_string_equal(one, two);
    assert_string_not_equal(one, three);
    json_decref(a);
    json_decref(b);
    json_decref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_catalogue_is_told_by_its_member),
        cmocka_unit_test(what_an_object_of_stripes_has_is_kept_or_named),
        cmocka_unit_test(what_is_so_already_is_left_alone_however_it_is_written),
        cmocka_unit_test(what_is_otherwise_is_an_operation_in_the_safe_order),
        cmocka_unit_test(what_cannot_be_is_refused_before_anything_is_sent),
        cmocka_unit_test(what_is_carried_over_is_whole_or_refused_by_name),
        cmocka_unit_test(only_what_is_ours_and_old_enough_is_pruned),
        cmocka_unit_test(an_export_is_a_catalogue_that_wants_nothing),
        cmocka_unit_test(the_order_of_members_makes_no_other_fingerprint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
