#include "account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FORMS_BYTES_MAX = 64 << 10,
    ID_BYTES = 48,
    PAGE_SIZE = 100,
    PRODUCTS = 50,
    PRICES = 200,
    INVOICES = 6, /* of each customer */
    DIGITS = 11,
    TIME_DIGITS = 5,
    FIRST_CREATED = 1600000000,
};

enum kind {
    PRODUCT,
    PRICE,
    CUSTOMER,
    PAYMENT_METHOD,
    SUBSCRIPTION,
    INVOICE,
    PAYMENT_INTENT,
    CHARGE,
    BALANCE_TRANSACTION,
    PLAN, /* another view of each price, under its id */
    KINDS,
    SUBSCRIPTION_ITEM = KINDS, /* members: in the forms of their parents */
    LINE_ITEM,
    NAMES
};

static const struct {
    const char *name, *path, *prefix;
} kind_table[NAMES] = {
    [PRODUCT] = { "product", "/v1/products", "prod_" },
    [PRICE] = { "price", "/v1/prices", "price_1" },
    [CUSTOMER] = { "customer", "/v1/customers", "cus_" },
    [PAYMENT_METHOD] = { "payment_method", "/v1/payment_methods", "pm_1" },
    [SUBSCRIPTION] = { "subscription", "/v1/subscriptions", "sub_1" },
    [INVOICE] = { "invoice", "/v1/invoices", "in_1" },
    [PAYMENT_INTENT] = { "payment_intent", "/v1/payment_intents", "pi_3" },
    [CHARGE] = { "charge", "/v1/charges", "ch_3" },
    [BALANCE_TRANSACTION] = { "balance_transaction", "/v1/balance_transactions", "txn_3" },
    [PLAN] = { "plan", "/v1/plans", "price_1" },
    [SUBSCRIPTION_ITEM] = { "subscription_item", NULL, "si_" },
    [LINE_ITEM] = { "line_item", NULL, "il_1" },
};

static char forms[FORMS_BYTES_MAX];
static str form[KINDS];
static uint64_t customers;

void account_open(const char *path, uint64_t n)
{
    FILE *f = fopen(path, "r");
    size_t size = f ? fread(forms, 1, sizeof forms - 1, f) : 0;
    enum kind at = KINDS;
    str line;

    if (f)
        fclose(f);
    for (str rest = { forms, size }; rest.p && rest.n;) {
        rest = str_cut(rest, '\n', &line);
        if (str_starts(line, S("= ")))
            for (at = 0; at < KINDS && !str_eqz(str_sub(line, 2, line.n), kind_table[at].name);)
                at++;
        else if (at < KINDS && !form[at].n)
            form[at] = line;
        else if (at < KINDS)
            form[at].n = (size_t)(line.p + line.n - form[at].p);
    }
    for (enum kind k = 0; k < KINDS; k++)
        if (!form[k].n) {
            fprintf(stderr, "%s has no form of a %s\n", path, kind_table[k].name);
            exit(1);
        }
    customers = n;
}

static uint64_t count_of(enum kind k)
{
    switch (k) {
    case PRODUCT: return PRODUCTS;
    case PRICE:
    case PLAN: return PRICES;
    case CUSTOMER:
    case PAYMENT_METHOD: return customers;
    case SUBSCRIPTION:
    case SUBSCRIPTION_ITEM: return customers * 4 / 5;
    case INVOICE:
    case LINE_ITEM:
    case PAYMENT_INTENT:
    case CHARGE:
    case BALANCE_TRANSACTION: return customers * INVOICES;
    case NAMES: return 0;
    }
    return 0;
}

uint64_t account_objects(void)
{
    uint64_t n = 0;

    for (enum kind k = 0; k < NAMES; k++)
        n += count_of(k);
    return n;
}

/* ---- ids: a time in front, as Stripe's have, and digits that look random -------------------- */

static const char digit[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const uint64_t scatter = 0x9E3779B97F4A7C15u, gather = 0xF1DE83E19937733Du;

static void put_id(struct buf *b, enum kind k, uint64_t n)
{
    char text[TIME_DIGITS + DIGITS];
    uint64_t time = n, random = n * scatter;

    for (size_t i = TIME_DIGITS; i-- > 0; time /= 62)
        text[i] = digit[time % 62];
    for (size_t i = sizeof text; i-- > TIME_DIGITS; random /= 62)
        text[i] = digit[random % 62];
    buf_append(b, str_of(kind_table[k].prefix));
    buf_append(b, (str){ text, sizeof text });
}

static uint64_t number_of(str id)
{
    uint64_t n = 0;

    if (id.n < DIGITS)
        return 0;
    for (size_t i = id.n - DIGITS; i < id.n; i++) {
        const char *at = strchr(digit, id.p[i]);
        n = n * 62 + (uint64_t)(at ? at - digit : 0);
    }
    return n * gather;
}

/* ---- how they hang together ----------------------------------------------------------------- */

/* One in fifty subscriptions is its customer's second one. */
static uint64_t customer_of_subscription(uint64_t n)
{
    uint64_t first = n % 50 == 49 ? n - 1 : n;

    return first * 5 / 4;
}

static uint64_t customer_of(enum kind k, uint64_t n)
{
    switch (k) {
    case CUSTOMER:
    case PAYMENT_METHOD: return n;
    case SUBSCRIPTION: return customer_of_subscription(n);
    case INVOICE:
    case PAYMENT_INTENT:
    case CHARGE:
    case BALANCE_TRANSACTION: return n / INVOICES;
    case PRODUCT:
    case PRICE:
    case PLAN:
    case SUBSCRIPTION_ITEM:
    case LINE_ITEM:
    case NAMES: return 0;
    }
    return 0;
}

/* The object of kind `of` that number n of kind `k` speaks of. */
static uint64_t other_of(enum kind k, uint64_t n, enum kind of)
{
    uint64_t customer = customer_of(k, n);
    uint64_t subscription = k == SUBSCRIPTION ? n : customer * 4 / 5;

    if (subscription >= count_of(SUBSCRIPTION)) /* customers are no multiple of five */
        subscription = count_of(SUBSCRIPTION) - 1;
    if (of == k)
        return n;
    switch (of) {
    case PRODUCT: return k == PRICE || k == PLAN ? n / 4 : subscription % PRICES / 4;
    case PLAN:
    case PRICE: return k == PLAN ? n : k == PRODUCT ? n * 4 : subscription % PRICES;
    case CUSTOMER:
    case PAYMENT_METHOD: return customer;
    case SUBSCRIPTION:
    case SUBSCRIPTION_ITEM: return subscription;
    case INVOICE:
    case LINE_ITEM:
    case PAYMENT_INTENT:
    case CHARGE:
    case BALANCE_TRANSACTION: return k == SUBSCRIPTION ? customer * INVOICES : n;
    case NAMES: return 0;
    }
    return 0;
}

/* Every fortieth invoice was not paid. */
static bool is_failed(uint64_t n)
{
    return n % 40 == 7;
}

static void put_word(struct buf *b, enum kind k, uint64_t n, str name)
{
    bool failed = is_failed(n);

    if (str_eqz(name, "email"))
        buf_printf(b, "someone.%llu@example.com", (unsigned long long)customer_of(k, n));
    else if (str_eqz(name, "subscription_status"))
        buf_append(b, n % 20 == 3 ? S("past_due") : n % 10 == 1 ? S("canceled") : S("active"));
    else if (str_eqz(name, "invoice_status"))
        buf_append(b, failed ? S("open") : S("paid"));
    else if (str_eqz(name, "charge_status"))
        buf_append(b, failed ? S("failed") : S("succeeded"));
    for (enum kind of = 0; of < NAMES; of++)
        if (str_eqz(name, kind_table[of].name))
            put_id(b, of, other_of(k, n, of));
}

static void put_number(struct buf *b, enum kind k, uint64_t n, str name)
{
    bool failed = is_failed(n);

    if (str_eqz(name, "created"))
        buf_printf(b, "%llu",
                   FIRST_CREATED + (unsigned long long)(160000000.0 * (double)n /
                                                        (double)(count_of(k) ? count_of(k) : 1)));
    else if (str_eqz(name, "attempts"))
        buf_append(b, failed ? S("2") : S("1"));
    else if (str_eqz(name, "remaining"))
        buf_append(b, failed ? S("1500") : S("0"));
    else
        buf_append(b, failed ? S("\"card_declined\"") : S("null"));
}

/* "@{name}" is a text; "\"@{#name}\"", quotes and all, a number. */
static void put_object(struct buf *b, enum kind k, uint64_t n)
{
    str left = form[k];

    for (;;) {
        const char *mark = memmem(left.p, left.n, "@{", 2);
        if (!mark)
            break;
        size_t at = (size_t)(mark - left.p), end = at + str_find(str_sub(left, at, left.n), '}');
        bool number = left.p[at + 2] == '#';
        buf_append(b, str_sub(left, 0, at - number));
        str name = str_sub(left, at + 2 + number, end);
        if (number)
            put_number(b, k, n, name);
        else
            put_word(b, k, n, name);
        left = str_sub(left, end + 1 + number, left.n);
    }
    buf_append(b, left);
}

static void put_list(struct buf *b, enum kind k, str query)
{
    static const str mark = { "starting_after=", 15 };
    uint64_t left = count_of(k); /* objects that are as old as the next or older */
    str part;

    for (str rest = query; rest.p;) {
        rest = str_cut(rest, '&', &part);
        if (str_eq(part, S("active=false")) || str_eq(part, S("type=custom")))
            left = 0;
        else if (str_starts(part, mark) && left)
            left = number_of(str_sub(part, mark.n, part.n));
    }
    buf_append(b, S("{\"object\":\"list\",\"data\":["));
    for (uint64_t i = 0; i < PAGE_SIZE && left; i++) {
        if (i)
            buf_char(b, ',');
        put_object(b, k, --left);
    }
    buf_printf(b, "],\"has_more\":%s,\"url\":\"%s\"}", left ? "true" : "false", kind_table[k].path);
}

/* What is listed under an object alone: there is nothing of it. */
static bool has_slash(str s)
{
    return str_find(s, '/') < s.n;
}

bool account_answer(struct buf *b, str path, str query)
{
    for (enum kind k = 0; k < KINDS; k++) {
        str list = str_of(kind_table[k].path);
        if (!str_starts(path, list))
            continue;
        if (path.n == list.n)
            put_list(b, k, query);
        else if (path.p[list.n] == '/' && !has_slash(str_sub(path, list.n + 1, path.n)))
            put_object(b, k, number_of(str_sub(path, list.n + 1, path.n)));
        else
            continue;
        return true;
    }
    return false;
}
