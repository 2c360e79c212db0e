/* cards.c - the well-known numbers and ids that stand for cards and bank accounts with a fate. */
#include "emulator/cards.h"

#include <string.h>

#define APPROVED NULL, NULL, NULL, true, ACTION_NONE
#define ACTION(when) NULL, NULL, NULL, true, when
#define REFUSES(code, decline, message) code, decline, message, false, ACTION_NONE
#define DECLINED REFUSES("card_declined", "generic_decline", "Your card was declined.")
#define NO_FUNDS "card_declined", "insufficient_funds", "Your card has insufficient funds."
#define STOLEN(why) REFUSES("card_declined", why, "Your card was declined.")

/* By the second half of pm_card_… and tok_…. */
static const struct card_kind cards[] = {
    { "visa", "4242424242424242", "visa", "US", APPROVED, AFTER_NOTHING },
    { "visa_debit", "4000056655665556", "visa", "US", APPROVED, AFTER_NOTHING },
    { "mastercard", "5555555555554444", "mastercard", "US", APPROVED, AFTER_NOTHING },
    { "mastercard_debit", "5200828282828210", "mastercard", "US", APPROVED, AFTER_NOTHING },
    { "mastercard_prepaid", "5105105105105100", "mastercard", "US", APPROVED, AFTER_NOTHING },
    { "amex", "378282246310005", "amex", "US", APPROVED, AFTER_NOTHING },
    { "discover", "6011111111111117", "discover", "US", APPROVED, AFTER_NOTHING },
    { "diners", "3056930009020004", "diners", "US", APPROVED, AFTER_NOTHING },
    { "jcb", "3566002020360505", "jcb", "JP", APPROVED, AFTER_NOTHING },
    { "unionpay", "6200000000000005", "unionpay", "CN", APPROVED, AFTER_NOTHING },
    { "us", "4242424242424242", "visa", "US", APPROVED, AFTER_NOTHING },
    { "br", "4000000760000002", "visa", "BR", APPROVED, AFTER_NOTHING },
    { "ca", "4000001240000000", "visa", "CA", APPROVED, AFTER_NOTHING },
    { "mx", "4000004840008001", "visa", "MX", APPROVED, AFTER_NOTHING },
    { "gb", "4000008260000000", "visa", "GB", APPROVED, AFTER_NOTHING },
    { "de", "4000002760000016", "visa", "DE", APPROVED, AFTER_NOTHING },
    { "fr", "4000002500000003", "visa", "FR", APPROVED, AFTER_NOTHING },
    { "jp", "4000003920000003", "visa", "JP", APPROVED, AFTER_NOTHING },
    { "au", "4000000360000006", "visa", "AU", APPROVED, AFTER_NOTHING },
    { "bypassPending", "4000000000000077", "visa", "US", APPROVED, AFTER_AVAILABLE },
    { "bypassPendingInternational", "4000003720000278", "visa", "IE", APPROVED, AFTER_AVAILABLE },
    { "chargeDeclined", "4000000000000002", "visa", "US", DECLINED, AFTER_NOTHING },
    { "visa_chargeDeclined", "4000000000000002", "visa", "US", DECLINED, AFTER_NOTHING },
    { "chargeDeclinedInsufficientFunds", "4000000000009995", "visa", "US", NO_FUNDS, false,
      ACTION_NONE, AFTER_NOTHING },
    { "visa_chargeDeclinedInsufficientFunds", "4000000000009995", "visa", "US", NO_FUNDS, false,
      ACTION_NONE, AFTER_NOTHING },
    { "visa_chargeDeclinedLostCard", "4000000000009987", "visa", "US", STOLEN("lost_card"),
      AFTER_NOTHING },
    { "visa_chargeDeclinedStolenCard", "4000000000009979", "visa", "US", STOLEN("stolen_card"),
      AFTER_NOTHING },
    { "chargeDeclinedFraudulent", "4100000000000019", "visa", "US", STOLEN("fraudulent"),
      AFTER_NOTHING },
    { "radarBlock", "4100000000000019", "visa", "US", STOLEN("fraudulent"), AFTER_NOTHING },
    { "chargeDeclinedExpiredCard", "4000000000000069", "visa", "US",
      REFUSES("expired_card", NULL, "Your card has expired."), AFTER_NOTHING },
    { "chargeDeclinedIncorrectCvc", "4000000000000127", "visa", "US",
      REFUSES("incorrect_cvc", NULL, "Your card's security code is incorrect."), AFTER_NOTHING },
    { "chargeDeclinedProcessingError", "4000000000000119", "visa", "US",
      REFUSES("processing_error", NULL,
              "An error occurred while processing your card. Try again in a little bit."),
      AFTER_NOTHING },
    { "visa_chargeDeclinedVelocityLimitExceeded", "4000000000006975", "visa", "US",
      REFUSES("card_declined", "card_velocity_exceeded",
              "Your card was declined for making repeated attempts too frequently or exceeding its "
              "amount limit."),
      AFTER_NOTHING },
    { "chargeCustomerFail", "4000000000000341", "visa", "US", "card_declined", "generic_decline",
      "Your card was declined.", true, ACTION_NONE, AFTER_NOTHING },
    { "authenticationRequired", "4000002760003184", "visa", "DE", ACTION(ACTION_ALWAYS),
      AFTER_NOTHING },
    { "authenticationRequiredOnSetup", "4000002500003155", "visa", "FR",
      ACTION(ACTION_UNTIL_SET_UP), AFTER_NOTHING },
    { "authenticationRequiredChargeDeclinedInsufficientFunds", "4000008260003178", "visa", "GB",
      NO_FUNDS, true, ACTION_ALWAYS, AFTER_NOTHING },
    { "threeDSecure2Required", "4000000000003220", "visa", "US", ACTION(ACTION_ALWAYS),
      AFTER_NOTHING },
    { "threeDSecureRequired", "4000000000003063", "visa", "US", ACTION(ACTION_ALWAYS),
      AFTER_NOTHING },
    { "threeDSecureRequiredChargeDeclined", "4000008400001629", "visa", "US", "card_declined",
      "generic_decline", "Your card was declined.", true, ACTION_ALWAYS, AFTER_NOTHING },
    { "threeDSecureOptional", "4000000000003055", "visa", "US", APPROVED, AFTER_NOTHING },
    { "createDispute", "4000000000000259", "visa", "US", APPROVED, AFTER_DISPUTE },
    { "createDisputeProductNotReceived", "4000000000002685", "visa", "US", APPROVED,
      AFTER_DISPUTE_NOT_RECEIVED },
    { "createDisputeInquiry", "4000000000001976", "visa", "US", APPROVED, AFTER_INQUIRY },
    { "createIssuerFraudWarning", "4000000000005423", "visa", "US", APPROVED, AFTER_FRAUD_WARNING },
    { "pendingRefund", "4000000000007726", "visa", "US", APPROVED, AFTER_REFUND_PENDS },
    { "refundFail", "4000000000005126", "visa", "US", APPROVED, AFTER_REFUND_FAILS },
};

#define BANK_FAILS(message) \
    "payment_intent_payment_attempt_failed", NULL, message, true, ACTION_NONE

enum { SOON_S = 0, LATER_S = 180 };

/* Bank accounts by number; any other one is good. */
static const struct bank_account {
    const char *number;
    struct card_kind kind;
    int64_t settle_s;
} banks[] = {
#define BANK(number, settle, ...)                               \
    {                                                           \
        number, { "bank", number, "", "", __VA_ARGS__ }, settle \
    }
    BANK("AT611904300234573201", SOON_S, APPROVED, AFTER_NOTHING), /* the one for all others */
    BANK("AT321904300235473204", LATER_S, APPROVED, AFTER_NOTHING),
    BANK("AT861904300235473202", SOON_S, BANK_FAILS("The payment failed."), AFTER_NOTHING),
    BANK("AT051904300235473205", LATER_S, BANK_FAILS("The payment failed."), AFTER_NOTHING),
    BANK("AT591904300235473203", SOON_S, APPROVED, AFTER_DISPUTE),
    BANK("DE62370400440532013001", SOON_S, BANK_FAILS("The payment failed."), AFTER_NOTHING),
    BANK("IT60X0542811101000000123456", SOON_S, BANK_FAILS("The payment failed."), AFTER_NOTHING),
    BANK("000111111116", SOON_S, BANK_FAILS("The bank account could not be located."),
         AFTER_NOTHING),
    BANK("000111111113", SOON_S, BANK_FAILS("The bank account has been closed."), AFTER_NOTHING),
    BANK("000222222227", SOON_S, BANK_FAILS("The bank account has insufficient funds."),
         AFTER_NOTHING),
    BANK("000333333335", SOON_S, BANK_FAILS("The debit was not authorized."), AFTER_NOTHING),
};

const struct card_kind *card_by_id(str id)
{
    if (str_starts(id, S("pm_card_")))
        id = str_sub(id, 8, id.n);
    else if (str_starts(id, S("tok_")))
        id = str_sub(id, 4, id.n);
    else
        return NULL;
    for (size_t i = 0; i < COUNT(cards); i++)
        if (str_eqz(id, cards[i].name))
            return &cards[i];
    return NULL;
}

const struct card_kind *card_by_number(str number)
{
    for (size_t i = 0; i < COUNT(cards); i++)
        if (str_eqz(number, cards[i].number))
            return &cards[i];
    return &cards[0];
}

static const struct bank_account *bank_by_number(str number)
{
    for (size_t i = 0; i < COUNT(banks); i++)
        if (str_eqz(number, banks[i].number))
            return &banks[i];
    return &banks[0];
}

static bool is_card(struct record *pm)
{
    return is_str(record_doc(pm), "type", "card");
}

static const struct card_kind *kind_of(struct record *pm)
{
    str name = get_str(pm->hidden, "kind");

    if (!is_card(pm))
        return &bank_by_number(get_str(pm->hidden, "number"))->kind;
    for (size_t i = 0; i < COUNT(cards); i++)
        if (str_eqz(name, cards[i].name))
            return &cards[i];
    return &cards[0];
}

enum after payment_method_after(struct record *pm)
{
    return kind_of(pm)->after;
}

/* [facts: 10.1] Debits are told of at once and known later; what redirects is an action. */
static struct outcome bank_outcome(struct record *pm)
{
    const struct bank_account *b = bank_by_number(get_str(pm->hidden, "number"));
    enum method_way way = method_way(get_str(pm->doc, "type"));

    return (struct outcome){ .approved = way == WAY_CARD,
                             .action = way == WAY_REDIRECT,
                             .pending = way == WAY_DEBIT,
                             .transfer = way == WAY_TRANSFER,
                             .settle_s = b->settle_s,
                             .code = b->kind.code,
                             .message = b->kind.message };
}

struct outcome payment_method_outcome(struct record *pm, bool off_session)
{
    const struct card_kind *k = kind_of(pm);
    bool set_up = get_bool(pm->hidden, "set_up");
    bool action = k->action == ACTION_ALWAYS || (k->action == ACTION_UNTIL_SET_UP && !set_up);

    if (!is_card(pm))
        return bank_outcome(pm);
    if (get_bool(pm->hidden, "authenticated"))
        action = false;
    if (action && off_session)
        return (struct outcome){ .code = "authentication_required",
                                 .decline = "authentication_required",
                                 .message = "Your card was declined. This transaction requires "
                                            "authentication." };
    return (struct outcome){ .approved = !k->code && !action,
                             .action = action,
                             .code = k->code,
                             .decline = k->decline,
                             .message = k->message };
}

struct outcome payment_method_attach_outcome(struct record *pm)
{
    struct outcome o = payment_method_outcome(pm, false);

    o.approved = kind_of(pm)->attaches;
    return o;
}
