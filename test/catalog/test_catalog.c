/* What operations decide: the tables are the specification. */
#include "../unit.h"

#include "catalog/copy_price.h"
#include "catalog/moves.h"

#include <string.h>

enum { TEST_BYTES = 4 << 20 };

/* ---- answers -------------------------------------------------------------------------------- */

#define ERROR(type, rest) "{\"error\":{\"type\":\"" type "\"" rest "}}"
#define INVALID(rest) ERROR("invalid_request_error", rest)

static void an_answer_settles_a_request_or_asks_for_the_same_key(void **state)
{
    static const struct {
        const char *what;
        int status;
        const char *body;
        bool replayed;
        enum verdict verdict;
    } row[] = {
        { "done", 200, "{\"id\":\"price_1\"}", false, VERDICT_DONE },
        { "done before", 200, "{\"id\":\"price_1\"}", true, VERDICT_DONE },
        { "some proxy's page", 200, "<html>", false, VERDICT_AGAIN },
        { "a failure nobody kept", 500, ERROR("api_error", ""), false, VERDICT_AGAIN },
        { "a failure that is kept", 500, ERROR("api_error", ""), true, VERDICT_SETTLED },
        { "too fast", 429, INVALID(",\"code\":\"rate_limit\""), false, VERDICT_AGAIN },
        { "locked", 429, INVALID(",\"code\":\"lock_timeout\""), false, VERDICT_AGAIN },
        { "in flight", 409, ERROR("idempotency_error", ",\"code\":\"idempotency_key_in_use\""),
          false, VERDICT_AGAIN },
        { "in flight, as the other type", 409, INVALID(",\"code\":\"idempotency_key_in_use\""),
          false, VERDICT_AGAIN },
        { "another request's key", 400, ERROR("idempotency_error", ""), false, VERDICT_OPERATOR },
        { "no such object", 404, INVALID(",\"code\":\"resource_missing\""), false, VERDICT_GONE },
        { "no such address", 404, INVALID(""), false, VERDICT_REFUSED },
        { "refused", 400, INVALID(""), false, VERDICT_REFUSED },
        { "a refusal that is kept", 400, INVALID(""), true, VERDICT_REFUSED },
        { "no permission", 403, INVALID(""), false, VERDICT_REFUSED },
        { "a key that may be mended", 401, INVALID(""), false, VERDICT_AGAIN },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        const struct stripe_response r = { .http_status = row[i].status,
                                           .body = str_of(row[i].body),
                                           .replayed = row[i].replayed };
        if (saga_judge(&r) != row[i].verdict)
            print_error("%s\n", row[i].what);
        assert_int_equal(saga_judge(&r), row[i].verdict);
    }
}

static void only_an_unknown_outcome_keeps_its_key(void **state)
{
    static const struct {
        enum step_state state;
        int64_t attempt;
        msec age;
        enum next_try next;
    } row[] = {
        { STEP_SENT, 1, 0, TRY_SAME_KEY },
        { STEP_SENT, 1, SAGA_KEY_MS - 1, TRY_SAME_KEY },
        { STEP_SENT, 1, SAGA_KEY_MS, TRY_NEXT_KEY }, /* Stripe may have forgotten it */
        { STEP_REFUSED, 1, 0, TRY_NEXT_KEY },
        { STEP_REFUSED, 9, 0, TRY_NEXT_KEY },
        { STEP_SETTLED, 1, 0, TRY_NEXT_KEY },
        { STEP_SETTLED, 2, 0, TRY_NEXT_KEY },
        { STEP_SETTLED, 3, 0, TRY_NO_MORE },
    };

    (void)state;
    assert_int_equal(saga_next_try(NULL, 0), TRY_FIRST);
    for (size_t i = 0; i < COUNT(row); i++) {
        const struct step_row r = { .state = row[i].state, .attempt = row[i].attempt };
        assert_int_equal(saga_next_try(&r, row[i].age), row[i].next);
    }
}

static void pauses_double_and_have_an_end(void **state)
{
    (void)state;
    assert_int_equal(saga_pause(1, false), 500);
    assert_int_equal(saga_pause(2, false), 1000);
    assert_int_equal(saga_pause(1, true), 200);
    assert_int_equal(saga_pause(1000000, false), 30000);
}

static void after_the_last_way_back_there_is_only_forward(void **state)
{
    struct op_plan p = { .n = 3 };
    struct step_row rows[] = { { .step = 1, .attempt = 1, .state = STEP_DONE },
                               { .step = 2, .attempt = 1, .state = STEP_REFUSED },
                               { .step = 2, .attempt = 2, .state = STEP_SENT } };

    (void)state;
    p.step[1].no_way_back = true;
    assert_true(saga_can_go_back(&p, rows, 3));
    assert_int_equal(saga_row(rows, 3, 2)->attempt, 2);
    assert_false(saga_is_done(rows, 3, 2));
    rows[2].state = STEP_FOUND;
    assert_false(saga_can_go_back(&p, rows, 3));
    assert_true(saga_is_done(rows, 3, 2));
}

static void refusals_have_names(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum refusal_name name;
        enum status ends;
    } row[] = {
        { 400,
          INVALID(",\"message\":\"This price cannot be archived because it is the default price of "
                  "its product.\""),
          REASON_PRICE_IS_DEFAULT, ST_NONE },
        { 400,
          INVALID(",\"message\":\"This product cannot be deleted because it has one or more "
                  "user-created prices.\""),
          REASON_PRODUCT_HAS_PRICES, ST_NONE },
        { 400,
          INVALID(",\"param\":\"lookup_key\",\"message\":\"A price (`price_1`) already uses that "
                  "lookup key.\""),
          REASON_LOOKUP_KEY_TAKEN, ST_NONE },
        { 404,
          INVALID(
              ",\"code\":\"resource_missing\",\"message\":\"No such price: 'p'; a similar object "
              "exists in test mode, but a live mode key was used to make this request.\""),
          REASON_WRONG_MODE, ST_REFUSED },
        { 400, INVALID(",\"code\":\"resource_missing\",\"message\":\"No such price: 'p'\""),
          REASON_NO_SUCH_OBJECT, ST_NONE },
        { 403, INVALID(",\"message\":\"Permission denied.\""), REASON_NOT_PERMITTED, ST_REFUSED },
        { 401, INVALID(",\"message\":\"Invalid API Key\""), REASON_KEY_REFUSED, ST_REFUSED },
        { 400, ERROR("idempotency_error", ",\"message\":\"Keys for idempotent requests\""),
          REASON_IDEMPOTENCY, ST_NONE },
        { 400, INVALID(",\"message\":\"This price is the moon.\""), REASON_REFUSED, ST_NONE },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        ARENA(a, TEST_BYTES);
        const struct stripe_response r = { .http_status = row[i].status,
                                           .body = str_of(row[i].body),
                                           .request_id = S("req_1") };
        struct refusal got = refusal_of(&r, "POST", S("/v1/prices/p"), &a);
        assert_int_equal(got.name, row[i].name);
        assert_true(got.stripe.n && str_eqz(got.request_id, "req_1"));
        assert_true(memmem(got.message.p, got.message.n, got.stripe.p, got.stripe.n));
        assert_int_equal(refusal_status(str_of(refusal_name(got.name))), row[i].ends);
    }
    assert_int_equal(refusal_status(S("moved")), ST_CONFLICT);
    assert_int_equal(refusal_status(S("nothing of ours")), ST_OK);
}

/* ---- pairs and plans ------------------------------------------------------------------------ */

static struct pairs one(str name, str value, struct arena *a)
{
    struct pairs p = { 0 };
    struct error e = { 0 };

    assert_int_equal(pairs_add(&p, name, value, a, &e), ST_OK);
    return p;
}

/* "a=b&c=d", as a form; nothing is escaped. */
static struct pairs of_form(const char *form, struct arena *a)
{
    struct pairs p = { 0 };
    struct error e = { 0 };

    for (str rest = str_of(form), pair, name; rest.n;) {
        rest = str_cut(rest, '&', &pair);
        str value = str_cut(pair, '=', &name);
        assert_int_equal(pairs_add(&p, name, value, a, &e), ST_OK);
    }
    return p;
}

static void pairs_are_compared_with_what_an_object_says(void **state)
{
    static const char object[] =
        "{\"active\":true,\"lookup_key\":null,\"nickname\":\"a\\\"b\",\"unit_amount\":12,"
        "\"unit_amount_decimal\":\"12\",\"metadata\":{\"a.b\":\"c\"},\"currency\":\"usd\","
        "\"default_price\":{\"id\":\"price_1\"},\"product\":\"prod_1\","
        "\"tiers\":[{\"up_to\":10,\"flat_amount\":null,\"unit_amount\":5,"
        "\"unit_amount_decimal\":\"5\"},{\"up_to\":null,\"unit_amount\":null,"
        "\"unit_amount_decimal\":\"0.5\"}],"
        "\"currency_options\":{\"usd\":{\"unit_amount\":12},\"eur\":{\"unit_amount\":null,"
        "\"unit_amount_decimal\":\"0.5\"}},\"custom_unit_amount\":{\"minimum\":5},"
        "\"images\":[\"x\",\"y\"],\"features\":[{\"name\":\"f\"}],\"none\":[],\"nothing\":{}}";
    static const struct {
        const char *form;
        bool holds;
    } row[] = {
        { "active=true", true },
        { "active=false", false },
        { "lookup_key=", true },
        { "lookup_key=pro", false },
        { "absent=", true },
        { "absent=x", false },
        { "absent=inf", false },
        { "nickname=a\"b", true },
        { "unit_amount=12", true },
        { "unit_amount=13", false },
        { "metadata[a.b]=c", true },
        { "metadata[a.c]=", true },
        { "metadata[a.b]=", false },
        { "metadata=", false },
        { "default_price=price_1", true },
        { "default_price=", false },
        { "transfer_lookup_key=true", true },
        { "product[x]=y", false },
        /* what was cleared */
        { "none=", true },
        { "nothing=", true },
        { "images=", false },
        { "features=", false },
        /* lists are replaced whole */
        { "images[0]=x&images[1]=y", true },
        { "images[]=x&images[]=y", true },
        { "images[0]=x", false },
        { "images[0]=x&images[1]=z", false },
        { "images[0]=x&images[1]=y&images[2]=z", false },
        { "features[0][name]=f", true },
        { "features[0][name]=g", false },
        { "none[0]=x", false },
        { "tiers[0][up_to]=10&tiers[0][unit_amount]=5&tiers[1][up_to]=inf&"
          "tiers[1][unit_amount_decimal]=0.50",
          true },
        { "tiers[0][up_to]=10&tiers[0][unit_amount_decimal]=5.0&tiers[1][up_to]=inf&"
          "tiers[1][unit_amount_decimal]=.5",
          true },
        { "tiers[0][up_to]=10&tiers[1][up_to]=inf&tiers[1][unit_amount_decimal]=0.5", false },
        { "tiers[0][up_to]=10&tiers[0][unit_amount]=5", false },
        { "tiers[2][up_to]=5", false },
        /* amounts, however they are written */
        { "unit_amount_decimal=12.00", true },
        { "unit_amount_decimal=12.01", false },
        { "currency_options[eur][unit_amount_decimal]=0.5", true },
        { "currency_options[eur][unit_amount_decimal]=0.6", false },
        { "currency_options[usd][unit_amount]=12", true },
        { "currency_options[gbp][unit_amount]=12", false },
        { "custom_unit_amount[enabled]=true&custom_unit_amount[minimum]=5", true },
        { "currency_options[eur][custom_unit_amount][enabled]=true", false },
        { "tax_behavior=unspecified&billing_scheme=per_unit", true },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        ARENA(a, TEST_BYTES);
        struct pairs p = of_form(row[i].form, &a);
        if (pairs_hold(&p, str_of(object), &a) != row[i].holds)
            print_error("%s\n", row[i].form);
        assert_true(pairs_hold(&p, str_of(object), &a) == row[i].holds);
    }
}

static void members_become_pairs(void **state)
{
    static const struct {
        const char *json, *form; /* NULL: ST_INVALID */
    } row[] = {
        { "{}", "" },
        { "{\"a\":1,\"b\":\"x\",\"c\":true,\"d\":null}", "a=1&b=x&c=true&d=" },
        { "{\"images\":[]}", "images=" },
        { "{\"images\":[\"x\",\"y\"]}", "images[0]=x&images[1]=y" },
        { "{\"metadata\":{\"k\":\"v\"},\"nothing\":{}}", "metadata[k]=v" },
        { "{\"\":1}", NULL },
        { "{\"a\":[[[[[[[1]]]]]]]}", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        ARENA(a, TEST_BYTES);
        BUF(form, 4096);
        struct error e = { 0 };
        struct pairs p = { 0 };
        assert_int_equal(pairs_of(str_of(row[i].json), &p, &a, &e),
                         row[i].form ? ST_OK : ST_INVALID);
        for (size_t k = 0; row[i].form && k < p.n; k++)
            buf_printf(&form, "%s%.*s=%.*s", k ? "&" : "", STR_ARG(p.at[k].name),
                       STR_ARG(p.at[k].value));
        assert_true(!row[i].form || str_eqz(buf_str(&form), row[i].form));
    }
}

static void a_plan_is_read_as_it_was_written(void **state)
{
    ARENA(a, TEST_BYTES);
    BUF(first, TEST_BYTES);
    BUF(second, TEST_BYTES);
    struct json_writer w = { .b = &first }, v = { .b = &second };
    struct op_plan p = { .product = S("prod_1"), .own = true }, back;
    struct error e = { 0 };

    (void)state;
    struct step *s = plan_add(&p, STEP_PRICE_UPDATE, S("@1"));
    s->set = one(S("metadata[\"k\"]"), S("ü\n"), &a);
    s->undo = one(S("active"), S("false"), &a);
    s->undo_target = S("price_1");
    s->no_way_back = s->gone_is_done = true;
    s->is = S("@1 is \"new\"");
    assert_non_null(plan_add(&p, STEP_VERIFY, S("")));
    plan_note(&p, S("look out"));
    plan_write(&p, &w);
    assert_int_equal(plan_read(buf_str(&first), &back, &a, &e), ST_OK);
    plan_write(&back, &v);
    assert_true(str_eq(buf_str(&first), buf_str(&second)));
    assert_int_equal(plan_read(S("{\"steps\":[{\"do\":\"dance\"}],\"notes\":[]}"), &back, &a, &e),
                     ST_INVALID);
    assert_int_equal(plan_read(S("{"), &back, &a, &e), ST_INVALID);
}

static void what_is_made_is_named_where_it_is_meant(void **state)
{
    ARENA(a, TEST_BYTES);
    str made[STEPS_MAX + 1] = { [1] = S("price_1") };
    struct step s = { .kind = STEP_PRICE_UPDATE, .target = S("@1") };
    const char *method;

    (void)state;
    assert_true(
        str_eqz(step_text(S("@1 is new, @2 is not"), made, &a), "price_1 is new, (new) is not"));
    assert_true(str_eqz(step_text(S("write to a@1.org"), made, &a), "write to a@1.org"));
    assert_true(str_eqz(step_path(&s, made, &method, &a), "/v1/prices/price_1"));
    assert_string_equal(method, "POST");
    struct pairs p = one(S("nickname"), S("@1"), &a), q = one(S("default_price"), S("@1"), &a);
    assert_true(str_eqz(pairs_filled(&p, made, &a).at[0].value, "@1"));
    assert_true(str_eqz(pairs_filled(&q, made, &a).at[0].value, "price_1"));
    s.target = S("a/../b");
    assert_true(str_eqz(step_path(&s, made, &method, &a), "/v1/prices/a%2F..%2Fb"));
    p = one(S("metadata[a&b]"), S("c d=ü"), &a);
    assert_true(str_eqz(pairs_form(&p, &a), "metadata%5Ba%26b%5D=c%20d%3D%C3%BC"));
}

/* ---- plans from facts ----------------------------------------------------------------------- */

#define PRICE                                                                              \
    "\"id\":\"price_1\",\"object\":\"price\",\"product\":\"prod_1\",\"currency\":\"usd\"," \
    "\"billing_scheme\":\"per_unit\",\"metadata\":{}"
#define ON_SALE "\"active\":true,"
#define OPTIONS ",\"currency_options\":{\"usd\":{\"unit_amount\":5}}"
#define SELLS "{\"id\":\"prod_1\",\"active\":true,\"default_price\":\"price_1\"}"
#define SELLS_OTHER "{\"id\":\"prod_1\",\"active\":true,\"default_price\":\"price_2\"}"

static void plans_follow_from_facts(void **state)
{
    static const struct {
        const char *what, *kind, *input, *price, *product, *successor;
        const char *reason; /* empty: a plan */
        const char *steps;
    } row[] = {
        { "the default price", "price.replace",
          "{\"price\":\"price_1\",\"set\":{\"unit_amount\":7}}",
          "{" ON_SALE PRICE ",\"unit_amount\":5,\"lookup_key\":\"k\"" OPTIONS "}", SELLS, "", "",
          "price.create product.update price.update confirm price.update verify " },
        { "another price without a key", "price.replace",
          "{\"price\":\"price_1\",\"set\":{\"unit_amount\":7}}",
          "{" ON_SALE PRICE ",\"unit_amount\":5,\"lookup_key\":null" OPTIONS "}", SELLS_OTHER, "",
          "", "price.create price.update verify " },
        { "one that is archived", "price.replace",
          "{\"price\":\"price_1\",\"set\":{\"unit_amount\":7}}",
          "{\"active\":false," PRICE OPTIONS "}", SELLS, "", "inactive", "" },
        { "nothing is to be different", "price.replace", "{\"price\":\"price_1\"}",
          "{" ON_SALE PRICE OPTIONS "}", SELLS, "", "invalid_input", "" },
        { "tiers that were not shown", "price.replace",
          "{\"price\":\"price_1\",\"set\":{\"nickname\":\"n\"}}",
          "{" ON_SALE "\"id\":\"price_1\",\"product\":\"prod_1\",\"currency\":\"usd\","
          "\"billing_scheme\":\"tiered\",\"tiers_mode\":\"volume\"" OPTIONS "}",
          SELLS, "", "would_lose", "" },
        { "currencies that were not shown", "price.replace",
          "{\"price\":\"price_1\",\"set\":{\"unit_amount\":7}}",
          "{" ON_SALE PRICE ",\"unit_amount\":5}", SELLS, "", "would_lose", "" },
        { "something this version does not know", "price.replace",
          "{\"price\":\"price_1\",\"set\":{\"unit_amount\":7}}",
          "{" ON_SALE PRICE ",\"unit_amount\":5,\"surcharge\":{\"a\":1}" OPTIONS "}", SELLS, "",
          "would_lose", "" },
        { "something unknown that is null", "price.replace",
          "{\"price\":\"price_1\",\"set\":{\"unit_amount\":7}}",
          "{" ON_SALE PRICE ",\"unit_amount\":5,\"surcharge\":null" OPTIONS "}", SELLS_OTHER, "",
          "", "price.create price.update verify " },
        { "another currency, with other currencies", "price.replace",
          "{\"price\":\"price_1\",\"set\":{\"currency\":\"eur\"}}",
          "{" ON_SALE PRICE
          ",\"unit_amount\":5,\"currency_options\":{\"gbp\":{\"unit_amount\":4}}}",
          SELLS, "", "would_lose", "" },
        { "the key is not for replace", "price.replace",
          "{\"price\":\"price_1\",\"set\":{\"lookup_key\":\"x\"}}", "{" ON_SALE PRICE OPTIONS "}",
          SELLS, "", "invalid_input", "" },
        { "a default without successor", "price.archive", "{\"price\":\"price_1\"}",
          "{" ON_SALE PRICE "}", SELLS, "", "price_is_default", "" },
        { "the default of an archived product", "price.archive", "{\"price\":\"price_1\"}",
          "{" ON_SALE PRICE "}",
          "{\"id\":\"prod_1\",\"active\":false,\"default_price\":\"price_1\"}", "", "",
          "price.update verify " },
        { "its own successor", "price.archive", "{\"price\":\"price_1\",\"default\":\"price_1\"}",
          "{" ON_SALE PRICE "}", SELLS, "{" ON_SALE PRICE "}", "invalid_input", "" },
        { "both ways at once", "price.archive",
          "{\"price\":\"price_1\",\"default\":\"price_2\",\"clear_default\":true}",
          "{" ON_SALE PRICE "}", SELLS,
          "{\"id\":\"price_2\",\"active\":true,\"product\":\"prod_1\"}", "invalid_input", "" },
        { "a successor for what is not the default", "price.archive",
          "{\"price\":\"price_1\",\"default\":\"price_3\"}", "{" ON_SALE PRICE "}", SELLS_OTHER,
          "{\"id\":\"price_3\",\"active\":true,\"product\":\"prod_1\"}", "invalid_input", "" },
        { "a successor that is the default already", "price.archive",
          "{\"price\":\"price_1\",\"default\":\"price_2\"}", "{" ON_SALE PRICE "}", SELLS_OTHER,
          "{\"id\":\"price_2\",\"active\":true,\"product\":\"prod_1\"}", "",
          "price.update verify " },
        { "clearing a default that is another's", "price.archive",
          "{\"price\":\"price_1\",\"clear_default\":true}", "{" ON_SALE PRICE "}", SELLS_OTHER, "",
          "invalid_input", "" },
        { "both ways at once, of another", "price.archive",
          "{\"price\":\"price_1\",\"default\":\"price_2\",\"clear_default\":true}",
          "{" ON_SALE PRICE "}", SELLS_OTHER,
          "{\"id\":\"price_2\",\"active\":true,\"product\":\"prod_1\"}", "invalid_input", "" },
        { "the successor of an archived default", "price.archive",
          "{\"price\":\"price_1\",\"default\":\"price_3\"}", "{\"active\":false," PRICE "}", SELLS,
          "{\"id\":\"price_3\",\"active\":true,\"product\":\"prod_1\"}", "",
          "product.update confirm verify " },
        { "the successor in an archived product", "price.archive",
          "{\"price\":\"price_1\",\"default\":\"price_3\"}", "{" ON_SALE PRICE "}",
          "{\"id\":\"prod_1\",\"active\":false,\"default_price\":\"price_1\"}",
          "{\"id\":\"price_3\",\"active\":true,\"product\":\"prod_1\"}", "",
          "product.update confirm price.update verify " },
        { "archived already", "price.archive", "{\"price\":\"price_1\"}",
          "{\"active\":false," PRICE "}", SELLS, "", "", "verify " },
        { "an amount is immutable", "price.update",
          "{\"price\":\"price_1\",\"set\":{\"unit_amount\":7}}", "{" ON_SALE PRICE "}", SELLS, "",
          "immutable", "" },
        { "tax behaviour, once it is said", "price.update",
          "{\"price\":\"price_1\",\"set\":{\"tax_behavior\":\"inclusive\"}}",
          "{" ON_SALE PRICE ",\"tax_behavior\":\"exclusive\"}", SELLS, "", "immutable", "" },
        { "tax behaviour, while it is not", "price.update",
          "{\"price\":\"price_1\",\"set\":{\"tax_behavior\":\"inclusive\"}}",
          "{" ON_SALE PRICE ",\"tax_behavior\":\"unspecified\"}", SELLS, "", "",
          "price.update verify " },
        { "archiving by update is archiving", "price.update",
          "{\"price\":\"price_1\",\"set\":{\"active\":false}}", "{" ON_SALE PRICE "}", SELLS, "",
          "price_is_default", "" },
        { "a default is not cleared by accident", "product.update",
          "{\"product\":\"prod_1\",\"set\":{\"default_price\":null}}", "", SELLS, "",
          "invalid_input", "" },
        { "a product without a name", "product.create", "{\"set\":{\"url\":\"x\"}}", "", "", "",
          "invalid_input", "" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        ARENA(a, TEST_BYTES);
        BUF(steps, 4096);
        struct error e = { 0 };
        struct planning g = { .op = S("op_1"), .input = str_of(row[i].input), .a = &a };
        g.plan.product = S("prod_1");
        g.facts.price = str_of(row[i].price);
        g.facts.product = str_of(row[i].product);
        g.facts.successor = str_of(row[i].successor);
        static str others[] = { { "{\"id\":\"price_9\"}", 16 } };
        g.facts.prices = others;
        g.facts.n_prices = 1;
        enum status st = op_kind_by_name(str_of(row[i].kind))->plan(&g, &e);
        for (size_t k = 0; st == ST_OK && k < g.plan.n; k++)
            buf_printf(&steps, "%s ", step_kind_name(g.plan.step[k].kind));
        bool right = st == (row[i].reason[0] ? ST_REFUSED : ST_OK) &&
                     str_eqz(buf_str(&steps), row[i].steps) &&
                     (st == ST_OK || str_eqz(str_of(refusal_name(g.no.name)), row[i].reason));
        if (!right)
            print_error("%s: %s %s, %.*s\n", row[i].what, status_name(st),
                        st == ST_REFUSED ? refusal_name(g.no.name) : e.text,
                        STR_ARG(buf_str(&steps)));
        assert_true(right);
    }
}

static void an_amount_takes_the_place_of_what_was_copied(void **state)
{
#define EUR(inside) ",\"currency_options\":{\"eur\":{" inside "}}"
    static const struct {
        const char *set, *price, *sends;
    } row[] = {
        { "{\"unit_amount\":7}", "\"unit_amount\":5" EUR("\"unit_amount\":4"),
          "currency_options[eur][unit_amount]=4&unit_amount=7" },
        { "{\"unit_amount_decimal\":\"0.5\"}", "\"unit_amount\":5" EUR("\"unit_amount\":4"),
          "currency_options[eur][unit_amount]=4&unit_amount_decimal=0.5" },
        { "{\"currency_options\":{\"eur\":{\"unit_amount\":9}}}",
          "\"unit_amount\":5" EUR("\"unit_amount\":null,\"unit_amount_decimal\":\"0.5\""),
          "unit_amount=5&currency_options[eur][unit_amount]=9" },
        { "{\"currency_options\":{\"eur\":{\"unit_amount_decimal\":\"0.5\"}}}",
          "\"unit_amount\":5" EUR("\"unit_amount\":4,\"unit_amount_decimal\":\"4\""),
          "unit_amount=5&currency_options[eur][unit_amount_decimal]=0.5" },
        { "{\"custom_unit_amount\":{\"enabled\":true}}", "\"unit_amount\":5" EUR(""),
          "custom_unit_amount[enabled]=true" },
        { "{\"custom_unit_amount\":{\"minimum\":9}}",
          "\"custom_unit_amount\":{\"minimum\":5,\"preset\":20}" EUR(""),
          "custom_unit_amount[enabled]=true&custom_unit_amount[preset]=20&"
          "custom_unit_amount[minimum]=9" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        ARENA(a, TEST_BYTES);
        BUF(sent, 4096);
        struct error e = { 0 };
        struct planning g = { .op = S("op_1"), .a = &a };
        g.plan.product = S("prod_1");
        g.input = arena_printf(&a, "{\"price\":\"price_1\",\"set\":%s}", row[i].set);
        g.facts.price = arena_printf(&a, "{" ON_SALE PRICE ",%s}", row[i].price);
        g.facts.product = S(SELLS);
        assert_int_equal(op_kind_by_name(S("price.replace"))->plan(&g, &e), ST_OK);
        struct pairs *set = &g.plan.step[0].set;
        pairs_drop(set, S("product"));
        pairs_drop(set, S("currency"));
        pairs_drop_tree(set, S("metadata"));
        for (size_t k = 0; k < set->n; k++)
            buf_printf(&sent, "%s%.*s=%.*s", k ? "&" : "", STR_ARG(set->at[k].name),
                       STR_ARG(set->at[k].value));
        if (!str_eqz(buf_str(&sent), row[i].sends))
            print_error("%s\n  sends: %.*s\n", row[i].set, STR_ARG(buf_str(&sent)));
        assert_true(str_eqz(buf_str(&sent), row[i].sends));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_settles_a_request_or_asks_for_the_same_key),
        cmocka_unit_test(only_an_unknown_outcome_keeps_its_key),
        cmocka_unit_test(pauses_double_and_have_an_end),
        cmocka_unit_test(after_the_last_way_back_there_is_only_forward),
        cmocka_unit_test(refusals_have_names),
        cmocka_unit_test(pairs_are_compared_with_what_an_object_says),
        cmocka_unit_test(members_become_pairs),
        cmocka_unit_test(a_plan_is_read_as_it_was_written),
        cmocka_unit_test(what_is_made_is_named_where_it_is_meant),
        cmocka_unit_test(plans_follow_from_facts),
        cmocka_unit_test(an_amount_takes_the_place_of_what_was_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
