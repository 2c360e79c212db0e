#include "erasing.h"

#include <stdio.h>
#include <string.h>

enum mirror_result put(struct small_world *w, const char *type, const char *id, const char *data)
{
    return put_object(w, type, id, data, SOURCE_LIST);
}

void change(struct small_world *w, const char *type, const char *id, const char *data)
{
    assert_int_equal(put_object(w, type, id, data, SOURCE_GET), MIRROR_UPDATED);
}

void open_shop(struct small_world *w)
{
    put(w, "customer", "cus_ada", OF("customer", "cus_ada", MAIL));
    put(w, "customer", "cus_bob",
        OF("customer", "cus_bob",
           ",\"email\":\"bob@example.com\",\"description\":\"friend of "
           "ada@example.com\""));
    put(w, "product", "prod_1", OF("product", "prod_1", ",\"default_price\":\"price_1\""));
    put(w, "price", "price_1", OF("price", "price_1", ",\"product\":\"prod_1\""));
    put(w, "charge", "ch_ada",
        OF("charge", "ch_ada",
           CUS("cus_ada") ",\"receipt_email\":\"ada@example.com\","
                          "\"payment_method\":\"pm_once\""));
    put(w, "charge", "ch_bob", OF("charge", "ch_bob", CUS("cus_bob")));
    put(w, "refund", "re_ada", OF("refund", "re_ada", ",\"charge\":\"ch_ada\""));
    put(w, "balance_transaction", "txn_ada",
        OF("balance_transaction", "txn_ada",
           ",\"source\":\"ch_ada\",\"description\":\"for ada@example.com\""));
    put(w, "payment_method", "pm_once",
        OF("payment_method", "pm_once", ",\"billing_details\":{\"email\":\"ada@example.com\"}"));
    put(w, "payment_method", "pm_bob", OF("payment_method", "pm_bob", CUS("cus_bob")));
    put(w, "payment_method", "pm_left",
        OF("payment_method", "pm_left",
           CUS("cus_ada") ",\"billing_details\":{\"email\":"
                          "\"ada@example.com\"}"));
    put_object(w, "payment_method", "pm_left",
               OF("payment_method", "pm_left",
                  ",\"customer\":null,\"billing_details\":{\"email\":\"ada@example.com\"}"),
               SOURCE_GET);
    put(w, "invoice", "in_ada",
        OF("invoice", "in_ada",
           CUS("cus_ada") ",\"lines\":{\"object\":\"list\",\"data\":[{\"id\":\"il_ada\",\"object\":"
                          "\"line_item\",\"description\":\"ada@example.com\",\"pricing\":{"
                          "\"price_details\":{\"price\":\"price_1\"}}}],\"has_more\":false}"));
    put(w, "wholly.new", "new_1", OF("wholly.new", "new_1", ",\"of\":\"cus_ada\""));
}

void erase(struct small_world *w, const char *id, struct erasure *x, struct arena *a)
{
    struct error e = { 0 };
    enum status st = erase_run(&w->env, str_of(id), x, a, &e);

    if (st != ST_OK)
        print_error("%s\n", e.text);
    assert_int_equal(st, ST_OK);
}

bool files_hold(struct small_world *w, const char *word)
{
    static char bytes[16 << 20];
    bool found = false;

    for (const char *const *end = (const char *const[]){ "", "-wal", NULL }; *end; end++) {
        char path[160];
        snprintf(path, sizeof path, "%s%s", w->path, *end);
        FILE *f = fopen(path, "rb");
        if (!f)
            continue;
        size_t n = fread(bytes, 1, sizeof bytes, f);
        assert_true(feof(f));
        found = found || memmem(bytes, n, word, strlen(word));
        fclose(f);
    }
    return found;
}
