/* What is made of the objects can be made of them once more. */
#include "../unit.h"

#include "core/mirror/derived.h"
#include "core/mirror/mirror.h"
#include "small_world.h"

#include <stdio.h>
#include <string.h>

static void keep(struct small_world *w, const char *type, const char *id, const char *data)
{
    put_object(w, type, id, data, SOURCE_GET);
}

static void run_sql(struct small_world *w, const char *sql)
{
    struct error e = { 0 };

    assert_int_equal(w->world.store->ops->script(w->world.store, str_of(sql), &e), ST_OK);
}

static struct derived_counts look(struct small_world *w, bool repair)
{
    struct derived_counts n = { 0 };
    struct error e = { 0 };

    assert_int_equal(derived_check(&w->env, repair, &n, &e), ST_OK);
    return n;
}

#define ITEM(id)                                                            \
    "{\"id\":\"" id "\",\"object\":\"subscription_item\",\"subscription\":" \
    "\"sub_1\",\"price\":{\"id\":\"price_1\",\"object\":\"price\"},\"quantity\":1}"

/* A subscription that shows the first of its two items; the other one came with the list's rest. */
static void fill(struct small_world *w)
{
    keep(w, "customer", "cus_1", "{\"id\":\"cus_1\",\"object\":\"customer\"}");
    keep(w, "subscription", "sub_1",
         "{\"id\":\"sub_1\",\"object\":\"subscription\",\"customer\":\"cus_1\",\"status\":"
         "\"active\",\"items\":{\"object\":\"list\",\"data\":[" ITEM(
             "si_1") "],\"has_more\":true,"
                     "\"url\":\"/v1/subscription_items?subscription=sub_1\"}}");
    keep(w, "subscription_item", "si_2", ITEM("si_2"));
    run_sql(w, "insert into _refs values ('subscription', 'acct_1', 'sub_1', 'items', "
               "'subscription_item', 'si_2', 1, 0, 5)");
    keep(w, "subscription", "sub_1", /* and its state knows both items */
         "{\"id\":\"sub_1\",\"object\":\"subscription\",\"customer\":\"cus_1\",\"status\":"
         "\"past_due\",\"items\":{\"object\":\"list\",\"data\":[" ITEM(
             "si_1") "],\"has_more\":true,\"url\":\"/v1/subscription_items?subscription=sub_1\"}}");
}

static void what_was_written_with_its_objects_is_right(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    fill(w);
    struct derived_counts n = look(w, true);
    assert_int_equal(n.objects, 4);
    assert_int_equal(n.references, 0);
    assert_int_equal(n.states, 0);
    small_world_free(w);
}

#define REFS                                                                                   \
    "select group_concat(x) from (select from_id || field || to_id || member || certain as x " \
    "from _refs order by 1)"

static void what_is_lost_is_counted_and_made_anew_with_repair_alone(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    char refs[4096], value[4096];

    fill(w);
    strcpy(refs, ask_text(w, REFS));
    strcpy(value, ask_text(w, "select value from _states"));
    int64_t revision = ask_int(w, "select revision from _states");
    run_sql(w, "delete from _refs; update _states set value = '{}'");
    struct derived_counts n = look(w, false);
    assert_true(n.references >= 2 && n.states == 1);
    assert_int_equal(ask_int(w, "select count(*) from _refs"), 0);
    assert_string_equal(ask_text(w, "select value from _states"), "{}");
    n = look(w, true);
    assert_true(n.references >= 2 && n.states == 1);
    assert_string_equal(ask_text(w, REFS), refs);
    assert_string_equal(ask_text(w, "select value from _states"), value);
    assert_true(ask_int(w, "select revision from _states") > revision); /* it goes out once more */
    n = look(w, false);
    assert_int_equal(n.references + n.states, 0);
    assert_int_equal(w->n_asked, 0);
    small_world_free(w);
}

static void what_nothing_says_is_taken_away(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    fill(w);
    run_sql(w, "insert into _refs values ('customer', 'acct_1', 'cus_1', 'default_source', 'card', "
               "'card_of_nobody', 0, 1, 5)");
    assert_int_equal(look(w, true).references, 1);
    assert_int_equal(ask_int(w, "select count(*) from _refs where to_id = 'card_of_nobody'"), 0);
    small_world_free(w);
}

#define SUBSCRIPTION(id, customer)                                                          \
    "{\"id\":\"" id "\",\"object\":\"subscription\",\"customer\":\"" customer               \
    "\",\"status\":\"active\",\"items\":{\"object\":\"list\",\"data\":[{\"id\":\"si_of_" id \
    "\",\"object\":\"subscription_item\",\"subscription\":\"" id                            \
    "\"}],\"has_more\":false,\"url\":"                                                      \
    "\"/v1/subscription_items?subscription=" id "\"}}"

#define CUSTOMER(id, user)                                                                      \
    "{\"id\":\"" id "\",\"object\":\"customer\",\"created\":7,\"metadata\":{\"userId\":\"" user \
    "\"}}"

/* One of everything that is derived: references, members, an entitlement, states (one of a customer
 * that is not here), users. */
static void fill_all(struct small_world *w)
{
    fill(w);
    keep(w, "customer", "cus_u", CUSTOMER("cus_u", "u_1"));
    keep(w, "customer", "cus_v", CUSTOMER("cus_v", "u_1"));
    keep(w, "subscription", "sub_u", SUBSCRIPTION("sub_u", "cus_u"));
    keep(w, "subscription", "sub_a", SUBSCRIPTION("sub_a", "cus_away"));
    keep(w, "entitlements.active_entitlement", "ent_1",
         "{\"id\":\"ent_1\",\"object\":\"entitlements.active_entitlement\",\"feature\":\"feat_1\","
         "\"lookup_key\":\"more\"}");
    run_sql(w, "update objects set owner = 'cus_u' where id = 'ent_1'; insert into _refs values "
               "('customer', 'acct_1', 'cus_u', 'entitlements', 'entitlements.active_entitlement', "
               "'ent_1', 1, 0, 5)");
}

#define ALL                                                                                     \
    "select group_concat(x, ' ') from (select 'r' || from_id || field || to_id || member || "   \
    "certain "                                                                                  \
    "as x from _refs union all select 's' || customer || value || live from _states union all " \
    "select 'l' || customer || user_id || created from _user_links union all "                  \
    "select 'u' || user_id || state || coalesce(customer, '') from _users order by 1)"

static void one_wrong_row_of_any_table_is_told_and_mended(void **state)
{
    static const struct {
        const char *sql;
        int references, states, users;
    } row[] = {
        { "delete from _refs where from_id = 'sub_u' and field = 'customer'", 1, 1, 0 },
        { "update _refs set to_id = 'cus_x' where from_id = 'sub_a' and field = 'customer'", 1, 1,
          0 },
        { "update _refs set certain = 1 - certain where from_id = 'si_2'", 1, 0, 0 },
        { "delete from _refs where to_id = 'si_1'", 1, 1, 0 },
        { "delete from _refs where to_id = 'si_2'", 1, 1, 0 },
        { "delete from _refs where to_id = 'si_of_sub_u'", 1, 0, 0 },
        { "update _refs set member = 0 where to_id = 'si_of_sub_u'", 1, 0, 0 },
        { "insert into _refs values ('subscription', 'acct_1', 'sub_u', 'items', "
          "'subscription_item', 'si_2', 1, 0, 5)",
          1, 0, 0 },
        { "insert into _refs values ('subscription', 'acct_1', 'sub_1', 'items', "
          "'subscription_item', 'si_of_sub_u', 1, 0, 5)",
          1, 1, 0 },
        { "delete from _refs where to_id = 'ent_1'", 1, 0, 0 },
        { "insert into _refs values ('customer', 'acct_1', 'cus_v', 'entitlements', "
          "'entitlements.active_entitlement', 'ent_1', 1, 0, 5)",
          1, 0, 0 },
        { "update _states set value = '{}' where customer = 'cus_u'", 0, 1, 0 },
        { "update _states set live = live + 1 where customer = 'cus_u'", 0, 1, 0 },
        { "delete from _states where customer = 'cus_u'", 0, 1, 0 },
        { "delete from _states where customer = 'cus_away'", 0, 1, 0 },
        { "update _states set value = '{}' where customer = 'cus_away'", 0, 1, 0 },
        { "delete from _user_links where customer = 'cus_v'", 0, 0, 1 },
        { "update _user_links set user_id = 'u_2' where customer = 'cus_v'", 0, 0, 1 },
        { "update _user_links set created = 8 where customer = 'cus_v'", 0, 0, 1 },
        { "insert into _user_links values ('cus_gone', 'acct_1', 'u_3', 1)", 0, 0, 1 },
        { "insert into _user_links values ('cus_1', 'acct_1', 'u_3', 1)", 0, 0, 1 },
        { "delete from _users where user_id = 'u_1'", 0, 0, 1 },
        { "update _users set customer = 'cus_v' where user_id = 'u_1'", 0, 0, 1 },
        { "insert into _users (user_id, account, state, customer) values ('u_9', 'acct_1', "
          "'found', 'cus_1')",
          0, 0, 1 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        struct small_world *w = small_world_new();
        char before[8192], told[512], expected[512];
        fill_all(w);
        struct derived_counts n = look(w, false);
        assert_int_equal(n.references + n.states + n.users, 0);
        snprintf(before, sizeof before, "%s", ask_text(w, ALL));
        run_sql(w, row[i].sql);
        n = look(w, false);
        snprintf(told, sizeof told, "%d %d %d %s", n.references > 0, n.states > 0, n.users > 0,
                 row[i].sql);
        snprintf(expected, sizeof expected, "%d %d %d %s", row[i].references, row[i].states,
                 row[i].users, row[i].sql);
        assert_string_equal(told, expected);
        n = look(w, true);
        assert_true(n.references + n.states + n.users > 0);
        if (strstr(row[i].sql, "'u_9'") || strstr(row[i].sql, "'u_2'") ||
            strstr(row[i].sql, "'u_3'"))
            run_sql(w,
                    "delete from _users where state = 'none'"); /* a user who was here once stays */
        assert_string_equal(ask_text(w, ALL), before);
        n = look(w, false);
        assert_int_equal(n.references + n.states + n.users, 0);
        assert_int_equal(w->n_asked, 0);
        small_world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_with_its_objects_is_right),
        cmocka_unit_test(what_is_lost_is_counted_and_made_anew_with_repair_alone),
        cmocka_unit_test(what_nothing_says_is_taken_away),
        cmocka_unit_test(one_wrong_row_of_any_table_is_told_and_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
