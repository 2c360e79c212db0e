/* What the rest relies on about the table of resources. */
#include <string.h>

#include "backend/unit.h"
#include "core/resource.h"

enum { INDEXED_COLUMNS_MAX = 45, RESOURCES_MIN = 130 };

#define EACH_RESOURCE(r) \
    for (const struct resource *r = resource_table; r < resource_table + resource_count; r++)

/* Calls `see` with each word of a list that has `separator` between them. */
static void each_word(const struct resource *r, const char *list, char separator,
                      void (*see)(const struct resource *r, str word))
{
    str word;
    for (str rest = str_of(list); rest.p != NULL;) {
        rest = str_cut(rest, separator, &word);
        see(r, word);
    }
}

static void every_resource_is_found_by_its_type_and_its_view(void **state)
{
    (void)state;
    assert_true(resource_count >= RESOURCES_MIN);
    EACH_RESOURCE(r)
    {
        assert_ptr_equal(resource_by_type(str_of(r->type)), r);
        assert_ptr_equal(resource_by_name(str_of(r->view)), r);
        assert_ptr_equal(resource_by_name(str_of(r->type)), r);
        assert_int_equal(resource_index(r), r - resource_table);
    }
}

static void a_name_that_nobody_told_us_about_is_unknown(void **state)
{
    (void)state;
    const char *unknown[] = {
        "", "custome", "customers", "customerx", "Customer", "v2.core.event"
    };
    for (size_t i = 0; i < COUNT(unknown); i++)
        assert_null(resource_by_type(str_of(unknown[i])));
    assert_null(resource_by_name(S("customerses")));
    assert_null(resource_by_type((str){ 0 }));
}

static void every_member_that_the_header_promises_is_there(void **state)
{
    (void)state;
    EACH_RESOURCE(r)
    {
        assert_non_null(r->prefixes);
        assert_non_null(r->list_query);
        assert_non_null(r->expand);
        assert_non_null(r->events);
        assert_non_null(r->secrets);
        assert_true(r->n_columns == 0 || r->column != NULL);
        assert_true(r->n_references == 0 || r->reference != NULL);
    }
}

static void an_id_tells_its_type_by_its_longest_known_prefix(void **state)
{
    (void)state;
    static const struct {
        const char *id, *type;
    } cases[] = {
        { "cus_Q1w2", "customer" },
        { "sub_1Pgc6r", "subscription" },
        { "sub_sched_1Pgc", "subscription_schedule" },
        { "si_1", "subscription_item" },
        { "price_1_x", "price" },
        { "plan_1", "plan" },
        { "in_1", "invoice" },
        { "il_tmp_1Pgc", "line_item" },
        { "ch_1", "charge" },
        { "py_1", "charge" },
        { "cs_test_a1_b2", "checkout.session" },
        { "cs_live_a1", "checkout.session" },
        { "acct_1", "account" },
        { "re_1", "refund" },
        { "pyr_1", "refund" },
        { "cs_", NULL },          /* no known prefix */
        { "cbtxn_1", NULL },      /* a customer's balance or a billing credit: ambiguous */
        { "tax_li_1", NULL },     /* of a calculation or of a transaction */
        { "gold-monthly", NULL }, /* chosen by the caller */
        { "25_OFF", NULL },
        { "_", NULL },
        { "", NULL },
        { "an_id_whose_first_part_is_very_long_and_unknown", NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct resource *r = resource_by_id(str_of(cases[i].id));
        if (cases[i].type == NULL)
            assert_null(r);
        else
            assert_string_equal(r == NULL ? "nothing" : r->type, cases[i].type);
    }
}

static void types_and_views_are_unique(void **state)
{
    (void)state;
    EACH_RESOURCE(r) EACH_RESOURCE(other)
    {
        if (r == other)
            continue;
        assert_string_not_equal(r->type, other->type);
        assert_string_not_equal(r->view, other->view);
        assert_string_not_equal(r->view, other->type);
    }
}

static void assert_sql_name(const char *name)
{
    assert_true(name[0] >= 'a' && name[0] <= 'z');
    assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(name));
    assert_true(strlen(name) + strlen("_all") < 60); /* PostgreSQL cuts names at 63 bytes */
}

static void names_are_safe_in_sql_and_columns_do_not_clash(void **state)
{
    (void)state;
    static const char *const taken[] = { "id",       "account", "data",
                                         "revision", "deleted", "fetched_at" };
    EACH_RESOURCE(r)
    {
        assert_sql_name(r->view);
        for (size_t i = 0; i < r->n_columns; i++) {
            assert_sql_name(r->column[i].name);
            for (size_t k = 0; k < COUNT(taken); k++)
                assert_string_not_equal(r->column[i].name, taken[k]);
            for (size_t k = 0; k < i; k++)
                assert_string_not_equal(r->column[i].name, r->column[k].name);
        }
    }
}

static void assert_prefix_leads_home(const struct resource *r, str prefix)
{
    if (prefix.n == 0)
        return;
    assert_int_equal(prefix.p[prefix.n - 1], '_');
    const struct resource *found = resource_by_id(prefix);
    if (found == r)
        return;
    assert_null(found); /* shared with another type */
}

static void every_prefix_leads_to_its_type_unless_it_is_shared(void **state)
{
    (void)state;
    EACH_RESOURCE(r)
    each_word(r, r->prefixes, ' ', assert_prefix_leads_home);
}

static void assert_target_known(const struct resource *r, str target)
{
    if (resource_by_type(target) == NULL)
        fail_msg("%s refers to %.*s, which is not in the table", r->type, STR_ARG(target));
}

static void every_target_of_a_reference_is_a_known_type(void **state)
{
    (void)state;
    EACH_RESOURCE(r)
    for (size_t i = 0; i < r->n_references; i++)
        each_word(r, r->reference[i].targets, '|', assert_target_known);
}

/* How refs.c tells the type where a reference has several. */
static void a_prefix_tells_which_of_several_targets_is_meant(void **state)
{
    (void)state;
    EACH_RESOURCE(r)
    for (size_t i = 0; i < r->n_references; i++) {
        str target, prefix;
        if (strchr(r->reference[i].targets, '|') == NULL)
            continue;
        for (str rest = str_of(r->reference[i].targets); rest.p != NULL;) {
            rest = str_cut(rest, '|', &target);
            prefix = str_of(resource_by_type(target)->prefixes);
            if (prefix.n > 0)
                (void)str_cut(prefix, ' ', &prefix);
            assert_true(prefix.n == 0 || resource_by_id(prefix) == resource_by_type(target));
        }
    }
}

static bool ends_step(char c)
{
    return c == '\0' || c == '.' || c == '[';
}

/* How long the fields are that both paths begin with: 5 for "lines.a" and "lines[]". */
static size_t shared_fields(const char *a, const char *b)
{
    size_t shared = 0;
    for (size_t n = 0; a[n] == b[n] || (ends_step(a[n]) && ends_step(b[n])); n++) {
        if (ends_step(a[n]))
            shared = n;
        if (a[n] == '\0' || a[n] != b[n])
            break;
    }
    return shared;
}

/* refs.c relies on both. */
static void references_are_sorted_and_those_of_one_field_stand_together(void **state)
{
    (void)state;
    EACH_RESOURCE(r)
    for (size_t i = 1; i < r->n_references; i++) {
        const char *path = r->reference[i].path, *before = r->reference[i - 1].path;
        if (strcmp(before, path) >= 0)
            fail_msg("%s: \"%s\" must stand before \"%s\"", r->type, path, before);
        for (size_t k = 0; k < i; k++) /* "card", "card3", "card[]" would tear "card" apart */
            assert_true(shared_fields(r->reference[k].path, path) <= shared_fields(before, path));
    }
}

static void every_parent_is_a_known_type_that_stands_before(void **state)
{
    (void)state;
    EACH_RESOURCE(r)
    {
        bool in_path = (r->get_path != NULL && strstr(r->get_path, "{parent}") != NULL) ||
                       (r->list_path != NULL && strstr(r->list_path, "{parent}") != NULL);
        assert_true(!in_path || r->parent != NULL);
        assert_true(r->parent_param == NULL || r->parent != NULL);
        assert_true(r->parent_field == NULL || r->parent != NULL);
        if (r->parent == NULL)
            continue;
        const struct resource *parent = resource_by_type(str_of(r->parent));
        assert_non_null(parent);
        assert_true(parent < r);
        assert_true(in_path || r->parent_param != NULL);
    }
}

static void paths_are_of_version_1_and_a_get_names_the_object(void **state)
{
    (void)state;
    EACH_RESOURCE(r)
    {
        if (r->get_path != NULL) {
            assert_int_equal(strncmp(r->get_path, "/v1/", 4), 0);
            bool names_it = strstr(r->get_path, "{id}") != NULL;
            assert_int_equal(names_it, (r->flags & RES_SINGLETON) == 0);
        }
        if (r->list_path != NULL)
            assert_int_equal(strncmp(r->list_path, "/v1/", 4), 0);
        assert_true(r->list_query[0] == '\0' || r->list_path != NULL);
    }
}

static void only_so_many_columns_are_indexed(void **state)
{
    (void)state;
    size_t n = 0;
    EACH_RESOURCE(r)
    for (size_t i = 0; i < r->n_columns; i++) {
        n += r->column[i].indexed;
        assert_true(!r->column[i].indexed || (r->flags & RES_CORE) != 0);
    }
    assert_in_range(n, 1, INDEXED_COLUMNS_MAX);
}

static bool starts_path(const char *path, str secret)
{
    return strncmp(path, secret.p, secret.n) == 0 &&
           (path[secret.n] == '\0' || path[secret.n] == '.');
}

static void assert_no_column_shows(const struct resource *r, str secret)
{
    for (size_t i = 0; secret.n > 0 && i < r->n_columns; i++) {
        const struct column *c = &r->column[i];
        bool holds_it = c->kind == COL_JSON && str_starts(secret, str_of(c->path));
        if (starts_path(c->path, secret) && strcmp(c->path, "next_action.type") == 0)
            continue; /* a word, beside what is secret */
        if (starts_path(c->path, secret) || holds_it)
            fail_msg("%s: column %s shows %.*s", r->type, c->name, STR_ARG(secret));
    }
}

static void no_column_shows_a_secret(void **state)
{
    (void)state;
    EACH_RESOURCE(r)
    each_word(r, r->secrets, ' ', assert_no_column_shows);
    const char *with_client_secret[] = { "payment_intent", "setup_intent", "checkout.session",
                                         "source" };
    for (size_t i = 0; i < COUNT(with_client_secret); i++) {
        const struct resource *r = resource_by_type(str_of(with_client_secret[i]));
        assert_non_null(strstr(r->secrets, "client_secret"));
    }
}

static void the_core_types_are_there_and_can_be_walked(void **state)
{
    (void)state;
    const char *walked[] = { "customer", "product",        "price",   "subscription",
                             "invoice",  "payment_intent", "charge",  "refund",
                             "coupon",   "promotion_code", "dispute", "checkout.session",
                             "payout",   "payment_method", "quote",   "webhook_endpoint" };
    for (size_t i = 0; i < COUNT(walked); i++) {
        const struct resource *r = resource_by_type(str_of(walked[i]));
        assert_non_null(r);
        assert_true((r->flags & RES_CORE) != 0);
        assert_true((r->flags & RES_ON_DEMAND) == 0);
        assert_non_null(r->get_path);
        assert_non_null(r->list_path);
    }
}

static void lists_are_asked_for_everything(void **state)
{
    (void)state;
    assert_string_equal(resource_by_type(S("subscription"))->list_query, "status=all");
    assert_string_equal(resource_by_type(S("price"))->list_query, "active=true|active=false");
    assert_true((resource_by_type(S("customer"))->flags & RES_TEST_CLOCK) != 0);
    assert_true((resource_by_type(S("subscription"))->flags & RES_TEST_CLOCK) != 0);
    assert_true((resource_by_type(S("quote"))->flags & RES_TEST_CLOCK) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_resource_is_found_by_its_type_and_its_view),
        cmocka_unit_test(a_name_that_nobody_told_us_about_is_unknown),
        cmocka_unit_test(every_member_that_the_header_promises_is_there),
        cmocka_unit_test(an_id_tells_its_type_by_its_longest_known_prefix),
        cmocka_unit_test(types_and_views_are_unique),
        cmocka_unit_test(names_are_safe_in_sql_and_columns_do_not_clash),
        cmocka_unit_test(every_prefix_leads_to_its_type_unless_it_is_shared),
        cmocka_unit_test(every_target_of_a_reference_is_a_known_type),
        cmocka_unit_test(a_prefix_tells_which_of_several_targets_is_meant),
        cmocka_unit_test(references_are_sorted_and_those_of_one_field_stand_together),
        cmocka_unit_test(every_parent_is_a_known_type_that_stands_before),
        cmocka_unit_test(paths_are_of_version_1_and_a_get_names_the_object),
        cmocka_unit_test(only_so_many_columns_are_indexed),
        cmocka_unit_test(no_column_shows_a_secret),
        cmocka_unit_test(the_core_types_are_there_and_can_be_walked),
        cmocka_unit_test(lists_are_asked_for_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
