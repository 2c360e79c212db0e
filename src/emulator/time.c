/* time.c - what time alone brings about, in the order in which it is due: for each type two rules,
 * when and what (rooms.h). */
#include "emulator/agenda.h"
#include "emulator/journal.h"
#include "emulator/rooms.h"

enum {
    ADVANCE_STEPS_MAX = 1000000, /* more in one go is a clock gone wild */
    ADVANCE_ARENA_BYTES = 64 << 20,
};

static const struct time_rule {
    due_rule *due;
    act_rule *act;
} rule[T_COUNT] = {
    [T_SUBSCRIPTION] = { subscription_due, subscription_act },
    [T_INVOICE] = { invoice_due, invoice_act },
    [T_COUPON] = { coupon_due, coupon_act },
    [T_PROMOTION_CODE] = { promotion_due, promotion_act },
    [T_DISCOUNT] = { discount_due, discount_act },
    [T_QUOTE] = { quote_due, quote_act },
    [T_SUBSCRIPTION_SCHEDULE] = { schedule_due, schedule_act },
    [T_BALANCE_TRANSACTION] = { transaction_due, transaction_act },
    [T_PAYMENT_INTENT] = { intent_due, intent_act },
    [T_REFUND] = { refund_due, refund_act },
    [T_DISPUTE] = { dispute_due, dispute_act },
    [T_CHECKOUT_SESSION] = { checkout_due, checkout_act },
    [T_PAYOUT] = { payout_due, payout_act },
    [T_TOPUP] = { topup_due, topup_act },
    [T_ACCOUNT] = { account_due, account_act },
    [T_TEST_HELPERS_TEST_CLOCK] = { test_clock_due, test_clock_act },
};

int64_t record_due(const struct record *r)
{
    return r->deleted || !rule[r->type].due ? INT64_MAX : rule[r->type].due(r);
}

static void act(struct emulator *e, struct record *r)
{
    ARENA(arena, ADVANCE_ARENA_BYTES);
    struct call c = call_internal(e, r->space, &arena);
    struct test_clock *outer = e->following;
    int64_t due = r->due;

    e->following = r->clock;
    record_doc(r);
    rule[r->type].act(&c, r);
    e->following = outer;
    call_free(&c);
    if (r->due <= due) /* it did not move on: never try it again, rather than for ever */
        agenda_set(r, INT64_MAX);
}

bool clock_run(struct emulator *e, struct test_clock *k, int64_t until)
{
    struct record *r = agenda_first(&k->agenda);

    for (unsigned steps = 0; r && r->due <= until; r = agenda_first(&k->agenda)) {
        if (++steps > ADVANCE_STEPS_MAX)
            return false;
        if (r->due > k->now) /* what was due before it was made is done at once */
            k->now = r->due;
        act(e, r);
    }
    k->now = until;
    return true;
}

/* The earliest of all spaces; of two in one second the one that was made first. */
static struct record *earliest(const struct emulator *e)
{
    struct record *best = NULL;

    for (const struct space *s = e->space; s; s = s->next) {
        struct record *r = agenda_first(&s->agenda);
        if (r && (!best || r->due < best->due || (r->due == best->due && r->seq < best->seq)))
            best = r;
    }
    return best;
}

bool time_is_due(const struct emulator *e)
{
    const struct record *r = earliest(e);

    return r && r->due <= wall_s(e);
}

msec emulator_advance(struct emulator *e)
{
    bool any = false;
    unsigned steps = 0;

    if (!e->replaying)
        e->now = emulator_clock(e);
    msec now = e->now;
    struct record *r = earliest(e);
    for (; r && r->due <= now / 1000 && steps < ADVANCE_STEPS_MAX; r = earliest(e), steps++) {
        if (!any)
            journal_advance(e);
        any = true;
        /* Things happen when they are due, unless the clock stands: then all in one second. */
        e->now = e->frozen ? now : r->due * 1000;
        act(e, r);
    }
    e->now = now;
    return r && r->due < INT64_MAX / 1000 ? r->due * 1000 - e->offset : INT64_MAX;
}
