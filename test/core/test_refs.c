/* What an object refers to, told by the table of resources. */
#include <stdio.h>
#include <string.h>

#include "backend/unit.h"
#include "base/json.h"
#include "core/mirror/refs.h"
#include "samples.h"

enum { ARENA_BYTES = 64 << 10 };

/* Everything that was visited, a line each, in the order of the text. */
struct seen {
    struct buf text;
    size_t refs;
};

static const char *kind_name(enum ref_kind kind)
{
    switch (kind) {
    case REF_ID: return "id";
    case REF_GUESS: return "guess";
    case REF_MEMBERS: return "members";
    case REF_SILENT: return "silent";
    case REF_COPY: return "copy";
    }
    return "?";
}

static enum status see_ref(void *ctx, const struct ref *r, struct error *e)
{
    struct seen *s = ctx;
    (void)e;
    s->refs++;
    buf_printf(&s->text, "%s %.*s: %.*s %.*s\n", kind_name(r->kind), STR_ARG(r->field),
               STR_ARG(r->to_type), STR_ARG(r->to_id));
    return ST_OK;
}

static enum status see_member(void *ctx, const struct ref_member *m, struct error *e)
{
    struct seen *s = ctx;
    (void)e;
    assert_true(json_valid(m->data));
    buf_printf(&s->text, "member %.*s: %.*s %.*s\n", STR_ARG(m->field), STR_ARG(m->type),
               STR_ARG(m->id));
    return ST_OK;
}

static enum status see_list(void *ctx, const struct ref_list *l, struct error *e)
{
    struct seen *s = ctx;
    (void)e;
    buf_printf(&s->text, "list %.*s: %zu%s %.*s\n", STR_ARG(l->field), l->n_members,
               l->has_more ? " and more" : "", STR_ARG(l->url));
    return ST_OK;
}

static enum status visit(struct seen *s, const char *type, str data)
{
    ARENA(a, ARENA_BYTES);
    struct error e = { 0 };
    const struct resource *r = resource_by_type(str_of(type));
    const struct ref_visitor v = { s, see_ref, see_member, see_list };
    assert_non_null(r);
    buf_clear(&s->text);
    return refs_visit(r, data, &v, &a, &e);
}

static void assert_visits(const char *type, str data, const char *expected)
{
    struct seen s = { .text = { .max = ARENA_BYTES } };
    assert_int_equal(visit(&s, type, data), ST_OK);
    buf_char(&s.text, '\0');
    assert_string_equal(s.text.p, expected);
    buf_free(&s.text);
}

static void a_customer_refers_to_its_payment_means_and_its_coupon(void **state)
{
    (void)state;
    assert_visits("customer", sample("cus_Ada"),
                  "id default_source: card card_Blue\n"
                  "id discount.promotion_code: promotion_code promo_Ten\n"
                  "id discount.source.coupon: coupon SPRING\n"
                  "copy discount: discount di_Spring\n"
                  "id invoice_settings.default_payment_method: payment_method pm_Main\n"
                  "member sources: card card_Blue\n"
                  "member sources: source src_Old\n"
                  "list sources: 2 /v1/customers/cus_Ada/sources\n"
                  "list tax_ids: 0 /v1/customers/cus_Ada/tax_ids\n");
}

static void a_subscription_has_members_whose_own_references_are_not_visited(void **state)
{
    (void)state;
    assert_visits("subscription", sample("sub_Tea"),
                  "id customer: customer cus_Ada\n"
                  "id discounts[].source.coupon: coupon TEN\n"
                  "id discounts[]: discount di_Ten\n"
                  "id discounts[]: discount di_Bare\n"
                  "member items: subscription_item si_Tea\n"
                  "list items: 1 and more /v1/subscription_items?subscription=sub_Tea\n"
                  "id latest_invoice: invoice in_Tea\n");
}

static void a_member_without_an_id_is_shown_without_one(void **state)
{
    (void)state;
    assert_visits("invoice", sample("in_Tea"),
                  "id customer: customer cus_Ada\n"
                  "member lines: line_item il_1\n"
                  "member lines: line_item \n"
                  "list lines: 2 /v1/invoices/in_Tea/lines\n"
                  "id parent.subscription_details.subscription: subscription sub_Tea\n");
}

static void an_element_that_is_no_object_is_no_member(void **state)
{
    (void)state;
    assert_visits(
        "invoice",
        S("{\"lines\":{\"data\":[null,\"il_1\",[],{\"object\":\"line_item\",\"id\":\"il_2\"}],"
          "\"has_more\":\"yes\",\"url\":null}}"),
        "member lines: line_item il_2\nlist lines: 1 \n");
}

static void an_expanded_object_is_named_by_its_own_type_and_id(void **state)
{
    (void)state;
    assert_visits("charge",
                  S("{\"customer\":{\"id\":\"cus_1\",\"object\":\"customer\","
                    "\"id_\":{\"id\":\"no\"},\"deleted\":true},\"review\":{}}"),
                  "id customer: customer cus_1\n");
}

static void an_inline_price_is_found_where_it_is_embedded(void **state)
{
    (void)state;
    assert_visits("item",
                  S("{\"id\":\"li_1\",\"price\":{\"id\":\"price_X\",\"object\":\"price\"}}"),
                  "id price: price price_X\n");
}

static void the_target_is_told_by_the_prefix_of_the_id(void **state)
{
    (void)state;
    assert_visits("balance_transaction", sample("txn_Tea"), "id source: charge ch_Tea\n");
    assert_visits("balance_transaction", sample("txn_Back"), "id source: refund re_Tea\n");
    assert_visits("balance_transaction", sample("txn_Odd"), "id source:  mystery_1\n");
    assert_visits("customer", S("{\"default_source\":\"acct_1\"}"),
                  "id default_source: account acct_1\n");
    assert_visits("customer", S("{\"default_source\":\"pm_1\"}"), "id default_source:  pm_1\n");
}

static void a_guess_is_marked_as_one(void **state)
{
    (void)state;
    assert_visits("invoice", S("{\"customer_account\":\"acct_9\"}"),
                  "guess customer_account: v2.core.account acct_9\n");
}

static void null_and_what_is_no_reference_are_passed_over(void **state)
{
    (void)state;
    assert_visits("invoice",
                  S("{\"customer\":null,\"lines\":null,\"discounts\":null,\"parent\":[],"
                    "\"default_source\":7,\"payments\":[{\"id\":\"x\"}],\"issuer\":\"self\","
                    "\"account_tax_ids\":[null,[\"txi_1\"],{\"id\":\"txi_2\"},\"txi_3\"],\"\":1}"),
                  "id account_tax_ids[]: tax_id txi_2\n"
                  "id account_tax_ids[]: tax_id txi_3\n");
}

static void a_field_is_no_other_field_that_begins_like_it(void **state)
{
    (void)state;
    assert_visits("invoice",
                  S("{\"customer_\":\"cus_1\",\"custome\":\"cus_2\",\"customer_email\":\"cus_3\","
                    "\"customers\":\"cus_4\",\"customer\":\"cus_5\"}"),
                  "id customer: customer cus_5\n");
}

static void escapes_in_names_and_ids_are_decoded(void **state)
{
    (void)state;
    assert_visits("promotion_code",
                  S("{\"promotion\":{\"c\\u006fupon\":\"50\\u0025 \\\"off\\\"\"}}"),
                  "id promotion.coupon: coupon 50% \"off\"\n");
}

static void a_type_without_references_has_none(void **state)
{
    (void)state;
    assert_visits("tax_rate", S("{\"id\":\"txr_1\",\"customer\":\"cus_1\"}"), "");
}

static void what_is_no_object_is_invalid(void **state)
{
    (void)state;
    const char *bad[] = { "",
                          "[]",
                          "7",
                          "null",
                          "{\"a\":1",
                          "{\"lines\":{\"data\":[{]}}",
                          "{\"customer\":}",
                          "{\"customer\":{\"id\":\"x\",}}",
                          "{\"discounts\":[\"a\" \"b\"]}" };
    struct seen s = { .text = { .max = ARENA_BYTES } };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(visit(&s, "invoice", str_of(bad[i])), ST_INVALID);
    buf_free(&s.text);
}

static enum status refuse(void *ctx, const struct ref *r, struct error *e)
{
    size_t *calls = ctx;
    (void)r, (void)e;
    *calls += 1;
    return ST_CONFLICT;
}

static void the_visitors_status_ends_the_walk(void **state)
{
    (void)state;
    ARENA(a, ARENA_BYTES);
    struct error e = { 0 };
    size_t calls = 0;
    const struct ref_visitor v = { .ctx = &calls, .ref = refuse };
    enum status st = refs_visit(resource_by_type(S("customer")), sample("cus_Ada"), &v, &a, &e);
    assert_int_equal(st, ST_CONFLICT);
    assert_int_equal(calls, 1);
}

static void a_visitor_may_want_nothing(void **state)
{
    (void)state;
    ARENA(a, ARENA_BYTES);
    struct error e = { 0 };
    const struct ref_visitor v = { 0 };
    const struct resource *r = resource_by_type(S("customer"));
    assert_int_equal(refs_visit(r, sample("cus_Ada"), &v, &a, &e), ST_OK);
}

static void a_full_arena_is_a_limit(void **state)
{
    (void)state;
    ARENA(a, 4);
    struct error e = { 0 };
    const struct ref_visitor v = { 0 };
    str data = S("{\"customer\":\"cus_\\u0041\\u0042\\u0043\"}");
    assert_int_equal(refs_visit(resource_by_type(S("charge")), data, &v, &a, &e), ST_LIMIT);
}

/* An object with a value at the end of a path of the table, and nothing else. */
static void put_path(struct buf *b, const char *path, const char *value)
{
    size_t n = strcspn(path, ".[");
    const char *rest = path + n;
    size_t elements = strspn(rest, "[]");
    buf_printf(b, "{\"%.*s\":%s", (int)n, path, elements > 0 ? "[" : "");
    if (rest[elements] == '.')
        put_path(b, rest + elements + 1, value);
    else
        buf_printf(b, "%s", value);
    buf_printf(b, "%s}", elements > 0 ? "]" : "");
}

static void every_reference_of_the_table_is_found_where_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < resource_count; i++) {
        const struct resource *r = &resource_table[i];
        for (size_t k = 0; k < r->n_references; k++) {
            const struct reference *ref = &r->reference[k];
            BUF(data, ARENA_BYTES);
            BUF(expected, ARENA_BYTES);
            bool list = ref->kind == REF_MEMBERS;
            put_path(&data, ref->path,
                     list ? "{\"data\":[{\"id\":\"m_1\",\"object\":\"m\"}]}"
                          : "{\"id\":\"x_1\",\"object\":\"x\"}");
            if (list)
                buf_printf(&expected, "member %s: m m_1\nlist %s: 1 \n", ref->path, ref->path);
            else
                buf_printf(&expected, "%s %s: x x_1\n", kind_name(ref->kind), ref->path);
            buf_char(&expected, '\0');
            assert_visits(r->type, buf_str(&data), expected.p);
        }
    }
}

static void visit_sample(void *ctx, str type, str id, str data)
{
    struct seen *s = ctx;
    const struct resource *r = resource_by_type(type);
    (void)id;
    if (r != NULL)
        assert_int_equal(visit(s, r->type, data), ST_OK);
}

static void every_sample_can_be_visited(void **state)
{
    (void)state;
    struct seen s = { .text = { .max = ARENA_BYTES } };
    samples_each(visit_sample, &s);
    assert_true(s.refs > 20);
    buf_free(&s.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_customer_refers_to_its_payment_means_and_its_coupon),
        cmocka_unit_test(a_subscription_has_members_whose_own_references_are_not_visited),
        cmocka_unit_test(a_member_without_an_id_is_shown_without_one),
        cmocka_unit_test(an_element_that_is_no_object_is_no_member),
        cmocka_unit_test(an_expanded_object_is_named_by_its_own_type_and_id),
        cmocka_unit_test(an_inline_price_is_found_where_it_is_embedded),
        cmocka_unit_test(the_target_is_told_by_the_prefix_of_the_id),
        cmocka_unit_test(a_guess_is_marked_as_one),
        cmocka_unit_test(null_and_what_is_no_reference_are_passed_over),
        cmocka_unit_test(a_field_is_no_other_field_that_begins_like_it),
        cmocka_unit_test(escapes_in_names_and_ids_are_decoded),
        cmocka_unit_test(a_type_without_references_has_none),
        cmocka_unit_test(what_is_no_object_is_invalid),
        cmocka_unit_test(the_visitors_status_ends_the_walk),
        cmocka_unit_test(a_visitor_may_want_nothing),
        cmocka_unit_test(a_full_arena_is_a_limit),
        cmocka_unit_test(every_reference_of_the_table_is_found_where_it_says),
        cmocka_unit_test(every_sample_can_be_visited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
