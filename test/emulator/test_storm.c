/* Thousands of requests that make more or less sense: nothing breaks, what must hold holds, and a
 * replay of the journal ends in the same state. */
#include "stand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEEDS = 3, STEPS = 1800, IDS_MAX = 256 };

struct storm {
    struct stand stand;
    uint64_t rng;
    char id[IDS_MAX][96];
    size_t n_ids; /* ever */
};

static unsigned dice(struct storm *s, unsigned below)
{
    s->rng = s->rng * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(s->rng >> 33) % below;
}

static const char *any_id(struct storm *s)
{
    static const char *const known[] = { "pm_card_visa",
                                         "pm_card_chargeDeclined",
                                         "nope",
                                         "",
                                         "pm_card_chargeCustomerFail",
                                         "pm_card_threeDSecure2Required",
                                         "pm_card_createDispute",
                                         "pm_card_createDisputeInquiry",
                                         "pm_card_bypassPending",
                                         "pm_card_refundFail",
                                         "pm_card_pendingRefund",
                                         "tok_visa" };
    size_t have = s->n_ids < IDS_MAX ? s->n_ids : IDS_MAX;

    if (!have || dice(s, 8) == 0)
        return known[dice(s, COUNT(known))];
    return s->id[dice(s, (unsigned)have)];
}

/* One of the kind that the letter stands for, three times out of four. */
static const char *some_id(struct storm *s, char letter)
{
    static const char *const prefix[128] = {
        ['P'] = "prod_", ['p'] = "price_", ['c'] = "cus_",  ['m'] = "pm_",    ['s'] = "sub_",
        ['i'] = "si_",   ['n'] = "in_",    ['I'] = "ii_",   ['y'] = "pi_",    ['h'] = "ch_",
        ['d'] = "dp_",   ['o'] = "po_",    ['C'] = "cs_",   ['S'] = "seti_",  ['r'] = "re_",
        ['a'] = "acct_", ['t'] = "tr_",    ['k'] = "card_", ['L'] = "plink_", ['u'] = "tu_",
    };
    size_t have = s->n_ids < IDS_MAX ? s->n_ids : IDS_MAX;
    const char *want = prefix[letter & 127];

    for (int i = 0; i < 200 && have && dice(s, 200); i++) {
        const char *id = s->id[dice(s, (unsigned)have)];
        if (strncmp(id, want, strlen(want)) == 0)
            return id;
    }
    return any_id(s);
}

static const char *any_value(struct storm *s)
{
    static const char *const value[] = { "true",  "false",  "1",          "0",
                                         "-5",    "1000",   "usd",        "eur",
                                         "month", "year",   "abc",        "%C3%BC%00",
                                         "",      "now",    "1800009999", "99999999999",
                                         "all",   "manual", "%FF" };

    return dice(s, 3) ? any_id(s) : value[dice(s, COUNT(value))];
}

/* "%c" is most often the id of a customer, and so on; "#" a number, "?" any value. */
static const char *const request[] = {
    "POST /v1/products name=a",
    "POST /v1/products name=a&default_price_data[currency]=usd&default_price_data[unit_amount]=100&"
    "default_price_data[recurring][interval]=month",
    "POST /v1/products/%P default_price=%p",
    "POST /v1/products/%P active=?&metadata[a]=?",
    "DELETE /v1/products/%P ",
    "POST /v1/prices product=%P&currency=usd&unit_amount=500&recurring[interval]=month",
    "POST /v1/prices product=%P&currency=?&unit_amount=#&lookup_key=?&transfer_lookup_key=?",
    "POST /v1/prices/%p active=?&lookup_key=?",
    "POST /v1/customers email=?&payment_method=pm_card_visa&"
    "invoice_settings[default_payment_method]=pm_card_visa",
    "POST /v1/customers payment_method=%m&balance=?",
    "POST /v1/customers/%c invoice_settings[default_payment_method]=%m&name=?",
    "DELETE /v1/customers/%c ",
    "POST /v1/payment_methods/%m/attach customer=%c",
    "POST /v1/payment_methods/%m/detach ",
    "POST /v1/subscriptions customer=%c&items[0][price]=%p&payment_behavior=default_incomplete",
    "POST /v1/subscriptions customer=%c&items[0][price]=%p&items[1][price]=%p",
    "POST /v1/subscriptions customer=%c&items[0][price]=%p&trial_period_days=3",
    "POST /v1/subscriptions customer=%c&items[0][price]=%p&collection_method=send_invoice&"
    "days_until_due=5",
    "POST /v1/subscriptions/%s cancel_at_period_end=?&items[0][price]=%p&trial_end=?",
    "POST /v1/subscriptions/%s items[0][id]=%i&items[0][quantity]=?",
    "DELETE /v1/subscriptions/%s ",
    "POST /v1/subscription_items subscription=%s&price=%p&quantity=2",
    "DELETE /v1/subscription_items/%i ",
    "POST /v1/invoiceitems customer=%c&amount=#&currency=usd",
    "POST /v1/invoiceitems customer=%c&amount=70&currency=usd&invoice=%n",
    "DELETE /v1/invoiceitems/%I ",
    "POST /v1/invoices customer=%c&pending_invoice_items_behavior=include&auto_advance=?",
    "POST /v1/invoices/%n/finalize ",
    "POST /v1/invoices/%n/pay payment_method=%m",
    "POST /v1/invoices/%n/pay paid_out_of_band=?",
    "POST /v1/invoices/%n/void ",
    "POST /v1/invoices/%n/mark_uncollectible ",
    "DELETE /v1/invoices/%n ",
    "POST /v1/payment_intents amount=#&currency=usd&confirm=?&payment_method=%m&customer=%c",
    "POST /v1/payment_intents/%y/confirm payment_method=%m",
    "POST /v1/payment_intents/%y/cancel ",
    "POST /v1/payment_intents/%y/capture amount_to_capture=#",
    "POST /v1/charges amount=300&currency=usd&source=?",
    "POST /v1/refunds charge=%h&amount=#",
    "POST /v1/refunds payment_intent=%y",
    "POST /v1/payment_intents amount=#&currency=usd&confirm=true&capture_method=manual&"
    "payment_method=%m&payment_method_options[card][request_incremental_authorization]="
    "if_available",
    "POST /v1/payment_intents/%y/increment_authorization amount=#",
    "POST /v1/payment_intents amount=5000&currency=usd&confirm=true&payment_method=%m&"
    "application_fee_amount=77&transfer_data[destination]=%a",
    "POST /v1/payment_intents "
    "amount=900&currency=eur&confirm=true&payment_method_types[]=sepa_debit&"
    "payment_method_data[type]=sepa_debit&payment_method_data[sepa_debit][iban]="
    "DE62370400440532013001",
    "POST /v1/payment_intents amount=900&currency=usd&confirm=true&customer=%c&"
    "payment_method_types[]=customer_balance&payment_method_data[type]=customer_balance",
    "POST /v1/test_helpers/customers/%c/fund_cash_balance amount=#&currency=usd",
    "GET /v1/disputes?charge=%h ",
    "POST /v1/disputes/%d evidence[uncategorized_text]=winning_evidence",
    "POST /v1/disputes/%d evidence[uncategorized_text]=escalate_inquiry_evidence&submit=?",
    "POST /v1/disputes/%d/close ",
    "POST /v1/refunds charge=%h&amount=100&reverse_transfer=true&refund_application_fee=true",
    "POST /v1/refunds/%r/cancel ",
    "POST /v1/payouts amount=#&currency=usd&method=instant",
    "POST /v1/payouts/%o/cancel ",
    "POST /v1/payouts/%o/reverse ",
    "POST /v1/topups amount=#&currency=usd",
    "POST /v1/topups/%u/cancel ",
    "POST /v1/accounts type=express&capabilities[transfers][requested]=true",
    "POST /v1/accounts type=?&country=?",
    "POST /v1/accounts/%a metadata[a]=?&tos_acceptance[date]=1800000000",
    "POST /v1/account_links account=%a&type=account_onboarding",
    "DELETE /v1/accounts/%a ",
    "POST /v1/transfers amount=#&currency=usd&destination=%a",
    "POST /v1/transfers/%t/reversals amount=#",
    "POST /v1/setup_intents customer=%c&payment_method=%m&confirm=true",
    "POST /v1/setup_intents customer=%c&payment_method=%m&confirm=?&usage=?",
    "POST /v1/setup_intents/%S/confirm payment_method=%m",
    "POST /v1/setup_intents/%S/cancel ",
    "POST /v1/checkout/sessions mode=payment&success_url=x&line_items[0][price]=%p&customer=%c",
    "POST /v1/checkout/sessions mode=subscription&success_url=x&line_items[0][price]=%p&"
    "line_items[0][quantity]=2&subscription_data[trial_period_days]=?",
    "POST /v1/checkout/sessions mode=subscription&success_url=x&line_items[0][price]=%p",
    "POST /v1/checkout/sessions mode=setup&success_url=x&currency=usd&customer=%c",
    "POST /v1/payment_pages/%C/confirm payment_method=%m",
    "POST /v1/payment_pages/%C/confirm payment_method=%m&expected_amount=#",
    "POST /v1/checkout/sessions/%C/expire ",
    "GET /v1/checkout/sessions/%C?expand[]=line_items&expand[]=payment_intent.latest_charge ",
    "POST /v1/payment_links line_items[0][price]=%p&line_items[0][quantity]=1",
    "POST /_emulator/payment_links/%L/open ",
    "POST /v1/customers/%c/sources source=tok_visa",
    "POST /v1/customers/%c/sources/%k name=?",
    "DELETE /v1/customers/%c/sources/%k ",
    "GET /v1/balance_transactions?limit=5&expand[]=data.source ",
    "POST /v1/webhook_endpoints url=http://x&enabled_events[]=?&enabled_events[]=*",
    "GET /v1/prices?product=%P&expand[]=data.product.default_price ",
    "GET /v1/invoices?customer=%c&status=?&expand[]=data.subscription&expand[]=data.payments ",
    "GET /v1/subscriptions?status=?&starting_after=%s&expand[]=data.latest_invoice.customer ",
    "GET /v1/events?type=?&limit=?&created[gte]=? ",
    "GET /v1/customers/%c?expand[]=subscriptions.data.items ",
};

static void fill(struct storm *s, const char *pattern, char *out, size_t size)
{
    size_t n = 0;

    for (; *pattern && n + 80 < size; pattern++) {
        if (*pattern == '%')
            n += (size_t)snprintf(out + n, size - n, "%s", some_id(s, *++pattern));
        else if (*pattern == '#')
            n += (size_t)snprintf(out + n, size - n, "%d", (int)dice(s, 900) - 20);
        else if (*pattern == '?' && pattern[-1] == '=')
            n += (size_t)snprintf(out + n, size - n, "%s", any_value(s));
        else
            out[n++] = *pattern;
    }
    out[n] = 0;
}

static void one(struct storm *s)
{
    char text[2048];

    fill(s, request[dice(s, COUNT(request))], text, sizeof text);
    char *form = strrchr(text, ' ');
    *form++ = 0;
    s->stand.account = dice(s, 6) ? NULL : some_id(s, 'a');
    json_t *v = ask(&s->stand, text, form);
    s->stand.account = NULL;
    assert_int_not_equal(s->stand.answer.status / 100, 5);
    const char *id = text_at(v, "id");
    if (*id && strlen(id) < sizeof s->id[0])
        strcpy(s->id[s->n_ids++ % IDS_MAX], id);
    id = text_at(v, "items.data.0.id");
    if (*id)
        strcpy(s->id[s->n_ids++ % IDS_MAX], id);
    arena_free(&s->stand.arena);
}

static void deliver(struct storm *s)
{
    struct emulator_delivery d;
    struct error e = { 0 };

    for (int i = 0; i < 20; i++)
        if (emulator_next_delivery(s->stand.emulator, &s->stand.arena, &d, NULL, &e) == ST_OK)
            emulator_delivered(s->stand.emulator, d.id, dice(s, 2) ? 200 : 500);
}

/* An active product with a default price has an active one of its own. [facts: R-01, R-03, R-25] */
static void check_defaults(struct stand *s)
{
    json_t *products = json_deep_copy(ask_for(s, 200, "GET /_emulator/state/product", NULL));
    json_t *prices = ask_for(s, 200, "GET /_emulator/state/price", NULL);
    size_t i, k;
    json_t *p, *q;

    json_array_foreach(at(products, "data"), i, p)
    {
        const char *id = text_at(p, "default_price");
        if (!*id || json_is_true(at(p, "deleted")))
            continue;
        bool found = false;
        json_array_foreach(at(prices, "data"), k, q) if (strcmp(text_at(q, "id"), id) == 0)
        {
            found = true;
            assert_string_equal(text_at(q, "product"), text_at(p, "id"));
        }
        assert_true(found);
    }
    json_decref(products);
}

/* Money is neither made nor lost: what the balance says is what its transactions add up to. */
static void check_balance(struct stand *s)
{
    json_int_t sum = 0, have = 0;
    size_t i;
    json_t *v;

    json_array_foreach(
        at(ask_for(s, 200, "GET /_emulator/state/balance_transaction", NULL), "data"), i, v) sum +=
        int_at(v, "net");
    json_array_foreach(at(ask_for(s, 200, "GET /v1/balance", NULL), "available"), i, v) have +=
        int_at(v, "amount");
    json_array_foreach(at(ask_for(s, 200, "GET /v1/balance", NULL), "pending"), i, v) have +=
        int_at(v, "amount");
    assert_int_equal(sum, have);
}

static const char *const types[] = { "product",
                                     "price",
                                     "customer",
                                     "payment_method",
                                     "subscription",
                                     "invoice",
                                     "payment_intent",
                                     "charge",
                                     "line_item",
                                     "refund",
                                     "invoiceitem",
                                     "event",
                                     "subscription_item",
                                     "invoice_payment",
                                     "webhook_endpoint",
                                     "dispute",
                                     "payout",
                                     "topup",
                                     "transfer",
                                     "transfer_reversal",
                                     "account",
                                     "checkout.session",
                                     "setup_intent",
                                     "setup_attempt",
                                     "payment_link",
                                     "balance_transaction",
                                     "card",
                                     "mandate",
                                     "application_fee",
                                     "fee_refund",
                                     "customer_cash_balance_transaction",
                                     "item" };

static void check_same(struct stand *a, struct stand *b, const char *account)
{
    a->account = b->account = account;
    for (size_t i = 0; i < COUNT(types); i++) {
        const char *url = format(a, "GET /_emulator/state/%s", types[i]);
        ask_for(a, 200, url, NULL);
        ask_for(b, 200, url, NULL);
        assert_int_equal(a->answer.body.n, b->answer.body.n);
        assert_memory_equal(a->answer.body.p, b->answer.body.p, a->answer.body.n);
    }
}

/* The key's own account, and all that are connected to it, or were. */
static void check_all_same(struct stand *a, struct stand *b)
{
    json_t *all = json_deep_copy(ask_for(a, 200, "GET /_emulator/state/account", NULL)), *v;
    size_t i;

    assert_true(json_array_size(at(all, "data")) > 1);
    json_array_foreach(at(all, "data"), i, v) check_same(a, b, keep(a, text_at(v, "id")));
    json_decref(all);
}

static void weather(struct storm *s, const char *dir)
{
    struct error e = { 0 };

    assert_int_equal(emulator_journal(s->stand.emulator, str_of(dir), &e), ST_OK);
    for (int i = 0; i < STEPS; i++) {
        one(s);
        if (dice(s, 10) == 0)
            deliver(s);
        if (dice(s, 25) == 0) {
            s->stand.clock.now += (msec)dice(s, 12 * 86400) * 1000;
            emulator_advance(s->stand.emulator);
        }
        s->stand.clock.now += dice(s, 700);
    }
    check_defaults(&s->stand);
    check_balance(&s->stand);
}

static void a_storm_of_requests_breaks_nothing_and_can_be_replayed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        char dir[] = "/tmp/emulator-XXXXXX", file[64];
        struct storm *s = calloc(1, sizeof *s);
        struct stand again;
        struct error e = { 0 };

        assert_non_null(mkdtemp(dir));
        stand_open(&s->stand, seed);
        s->rng = seed;
        weather(s, dir);
        stand_open(&again, 0);
        again.clock.now = s->stand.clock.now;
        assert_int_equal(emulator_journal(again.emulator, str_of(dir), &e), ST_OK);
        check_all_same(&s->stand, &again);
        stand_close(&again);
        stand_close(&s->stand);
        free(s);
        snprintf(file, sizeof file, "%s/journal.jsonl", dir);
        unlink(file);
        rmdir(dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_storm_of_requests_breaks_nothing_and_can_be_replayed),
    };
    return cmocka_run_group_tests_name("storm", tests, NULL, NULL);
}
