#include "pages.h"

#include <stdio.h>
#include <string.h>

enum { DIGITS = 11, TIME_DIGITS = 5 }; /* of base 62: for 64 bits, for 900 million */

static bool at_random;

static const char digit[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Odd, so that the product modulo 2^64 can be undone. */
static const uint64_t scatter = 0x9E3779B97F4A7C15u, gather = 0xF1DE83E19937733Du;

static const struct {
    const char *path, *prefix,
        *form; /* %s is the object's id or that of its product; %u a number */
} kind_table[PAGE_KINDS] = {
    [PAGE_PRODUCT] = { "/v1/products", "prod_",
                       "{\"id\":\"%s\",\"object\":\"product\",\"active\":true,\"attributes\":[],"
                       "\"created\":%u,"
                       "\"default_price\":\"%s\",\"description\":\"A product that is sold in our "
                       "shop and described "
                       "with some "
                       "words\",\"images\":[],\"livemode\":false,\"marketing_features\":[],"
                       "\"metadata\":{\"sku\":\"A-1000\",\"team\":\"growth\"},\"name\":\"Gold "
                       "plan\","
                       "\"package_dimensions\":null,\"shippable\":null,\"statement_descriptor\":"
                       "null,"
                       "\"tax_code\":null,\"type\":\"service\",\"unit_label\":null,\"updated\":"
                       "1700000000,"
                       "\"url\":null}" },
    [PAGE_PRICE] = { "/v1/prices", "price_1",
                     "{\"id\":\"%s\",\"object\":\"price\",\"active\":true,\"billing_scheme\":\"per_"
                     "unit\","
                     "\"created\":%u,\"currency\":\"usd\",\"custom_unit_amount\":null,\"livemode\":"
                     "false,"
                     "\"lookup_key\":null,\"metadata\":{},\"nickname\":null,\"product\":\"%s\","
                     "\"recurring\":{\"interval\":\"month\",\"interval_count\":1,\"meter\":null,"
                     "\"trial_period_days\":null,\"usage_type\":\"licensed\"},\"tax_behavior\":"
                     "\"unspecified\","
                     "\"tiers_mode\":null,\"transform_quantity\":null,\"type\":\"recurring\","
                     "\"unit_amount\":1500,\"unit_amount_decimal\":\"1500\"}" },
    [PAGE_CUSTOMER] = { "/v1/customers", "cus_",
                        "{\"id\":\"%s\",\"object\":\"customer\",\"address\":null,\"balance\":0,"
                        "\"created\":%u,"
                        "\"currency\":\"usd\",\"default_source\":null,\"delinquent\":false,"
                        "\"description\":null,"
                        "\"discount\":null,\"email\":\"%s@example.com\",\"invoice_prefix\":"
                        "\"0759376C\","
                        "\"invoice_settings\":{\"custom_fields\":null,\"default_payment_method\":"
                        "null,"
                        "\"footer\":null,\"rendering_options\":null},\"livemode\":false,"
                        "\"metadata\":{\"user\":\"42\"},\"name\":\"Jane Doe\",\"phone\":null,"
                        "\"preferred_locales\":[],\"shipping\":null,\"tax_exempt\":\"none\",\"test_"
                        "clock\":null}" },
};

enum page_kind page_kind_of(str path)
{
    enum page_kind k = PAGE_PRODUCT;

    while (k < PAGE_KINDS && !str_starts(path, str_of(kind_table[k].path)))
        k++;
    return k;
}

static void put_digits(uint64_t n, char out[DIGITS + 1])
{
    out[DIGITS] = '\0';
    for (size_t i = DIGITS; i-- > 0; n /= 62)
        out[i] = digit[n % 62];
}

static uint64_t read_digits(str s)
{
    uint64_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n = n * 62 + (uint64_t)(strchr(digit, s.p[i]) - digit);
    return n;
}

void page_ids_at_random(void)
{
    at_random = true;
}

/* At random as a whole, or behind the time. */
void page_id(enum page_kind kind, uint64_t n, char out[PAGE_ID_BYTES])
{
    char random[DIGITS + 1], time[DIGITS + 1];

    put_digits(n * scatter, random);
    put_digits(n, time);
    snprintf(out, PAGE_ID_BYTES, "%s%s%s", kind_table[kind].prefix,
             at_random ? "" : time + DIGITS - TIME_DIGITS, random);
}

static uint64_t number_of(str id)
{
    return id.n < DIGITS ? 0 : read_digits(str_sub(id, id.n - DIGITS, id.n)) * gather;
}

void page_object(struct buf *b, enum page_kind kind, str id, uint64_t n)
{
    const char *form = kind_table[kind].form;
    char other[PAGE_ID_BYTES];

    page_id(kind == PAGE_PRODUCT ? PAGE_PRICE : PAGE_PRODUCT, n, other);
    for (int place = 0; *form; place++) { /* at each '%': the id, the time, the other id */
        const char *mark = strchr(form, '%');
        size_t before = mark ? (size_t)(mark - form) : strlen(form);
        buf_append(b, (str){ form, before });
        form += before + (mark ? 2 : 0);
        if (mark && place == 0)
            buf_append(b, id);
        else if (mark && place == 1)
            buf_printf(b, "%llu", 1700000000 + (unsigned long long)n);
        else if (mark)
            buf_append(b, str_of(other));
    }
}

void page_list(struct buf *b, enum page_kind kind, str query, uint64_t total)
{
    static const str mark = { "starting_after=", 15 };
    char id[PAGE_ID_BYTES];
    str part;
    uint64_t left = total; /* objects that are as old as the next or older */

    for (str rest = query; rest.p;) {
        rest = str_cut(rest, '&', &part);
        if (str_eq(part, S("active=false")))
            left = 0;
        else if (str_starts(part, mark) && left)
            left = number_of(str_sub(part, mark.n, part.n));
    }
    buf_append(b, S("{\"object\":\"list\",\"data\":["));
    for (uint64_t i = 0; i < PAGE_SIZE && left; i++) {
        left--;
        if (i)
            buf_char(b, ',');
        page_id(kind, left, id);
        page_object(b, kind, str_of(id), left);
    }
    buf_printf(b, "],\"has_more\":%s}", left ? "true" : "false");
}
