#include "shop.h"

struct stand stand;

int set_up(void **state)
{
    (void)state;
    stand_open(&stand, SEED);
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    stand_close(&stand);
    return 0;
}

void pass(int64_t seconds)
{
    stand.clock.now += seconds * 1000;
    emulator_advance(stand.emulator);
}

json_t *get(const char *url, const char *id)
{
    return ask_for(&stand, 200, format(&stand, "GET %s/%s", url, id), NULL);
}

json_t *post(int status, const char *url, const char *form)
{
    return ask_for(&stand, status, format(&stand, "POST %s", url), form);
}

const char *post_to(const char *url, const char *id)
{
    return format(&stand, "POST %s/%s", url, id);
}

const char *payer(const char *more)
{
    return make(&stand, "/v1/customers",
                format(&stand,
                       "payment_method=pm_card_visa&"
                       "invoice_settings[default_payment_method]=pm_card_visa%s",
                       more));
}

const char *price_of(int amount, const char *interval)
{
    const char *product = make(&stand, "/v1/products", "name=Pro");

    return make(&stand, "/v1/prices",
                format(&stand, "product=%s&currency=usd&unit_amount=%d%s%s", product, amount,
                       *interval ? "&recurring[interval]=" : "", interval));
}

void make_pair(const char **product, const char **price)
{
    json_t *v = ask_for(&stand, 200, "POST /v1/products",
                        "name=Pro&default_price_data[currency]=usd&"
                        "default_price_data[unit_amount]=1000&"
                        "default_price_data[recurring][interval]=month");

    *product = keep(&stand, text_at(v, "id"));
    *price = keep(&stand, text_at(v, "default_price"));
}

const char *subscribe(const char *customer, const char *price, const char *more)
{
    return make(&stand, "/v1/subscriptions",
                format(&stand, "customer=%s&items[0][price]=%s%s", customer, price, more));
}

json_t *latest_invoice(const char *sub)
{
    return get("/v1/invoices",
               keep(&stand, text_at(get("/v1/subscriptions", sub), "latest_invoice")));
}

bool next(struct emulator_delivery *d)
{
    struct error e = { 0 };

    return emulator_next_delivery(stand.emulator, &stand.arena, d, NULL, &e) == ST_OK;
}
