// What is billed, lived through with Stripe's own SDK: coupons, prorations, schedules, quotes and
// credit notes against the emulator, and a mirror of what came of it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import Stripe from "stripe";
import { KEY, Place } from "./place.mjs";

const place = new Place();
const DAY = 86400;
const TYPES = [
  "coupon",
  "promotion_code",
  "tax_rate",
  "plan",
  "price",
  "quote",
  "subscription_schedule",
  "credit_note",
  "subscription",
  "invoice",
  "invoiceitem",
];
let emulator, stripe, product;

before(async () => {
  emulator = await place.startEmulator();
  stripe = new Stripe(KEY, {
    host: "127.0.0.1",
    port: emulator.port,
    protocol: "http",
    telemetry: false,
  });
  product = await stripe.products.create({ name: "Pro" });
});

after(() => place.close());

const monthly = (unit_amount) =>
  stripe.prices.create({
    product: product.id,
    currency: "usd",
    unit_amount,
    recurring: { interval: "day", interval_count: 30 },
  });

/** A customer that pays, on a clock of its own. */
async function payer() {
  const clock = await stripe.testHelpers.testClocks.create({ frozen_time: 1_800_000_000 });
  const customer = await stripe.customers.create({
    test_clock: clock.id,
    payment_method: "pm_card_visa",
    invoice_settings: { default_payment_method: "pm_card_visa" },
  });
  const to = async (seconds) => {
    await stripe.testHelpers.testClocks.advance(clock.id, {
      frozen_time: 1_800_000_000 + seconds,
    });
    for (;;) {
      const { status } = await stripe.testHelpers.testClocks.retrieve(clock.id);
      if (status === "ready") return;
      assert.equal(status, "advancing");
    }
  };
  return { customer: customer.id, to };
}

const latest = async (subscription) =>
  (await stripe.subscriptions.retrieve(subscription, { expand: ["latest_invoice"] }))
    .latest_invoice;

describe("with the SDK", () => {
  test("a_discounted_subscription_pays_less_for_two_months", async () => {
    const coupon = await stripe.coupons.create({
      percent_off: 25.5,
      duration: "repeating",
      duration_in_months: 2,
    });
    const code = await stripe.promotionCodes.create({
      promotion: { type: "coupon", coupon: coupon.id },
      code: "WELCOME",
    });
    const { customer, to } = await payer();
    const price = await monthly(2000);
    const { id } = await stripe.subscriptions.create({
      customer,
      items: [{ price: price.id }],
      discounts: [{ promotion_code: code.id }],
    });
    assert.equal((await latest(id)).amount_paid, 1490);
    await to(31 * DAY);
    assert.equal((await latest(id)).amount_paid, 1490);
    await to(61 * DAY);
    assert.equal((await latest(id)).amount_paid, 2000);
    assert.deepEqual((await stripe.subscriptions.retrieve(id)).discounts, []);
    assert.equal((await stripe.coupons.retrieve(coupon.id)).times_redeemed, 1);
  });

  test("a_preview_of_an_upgrade_is_what_the_upgrade_costs", async () => {
    const { customer, to } = await payer();
    const [cheap, dear] = [await monthly(3000), await monthly(9000)];
    const subscription = await stripe.subscriptions.create({
      customer,
      items: [{ price: cheap.id }],
    });
    await to(15 * DAY);
    const items = [{ id: subscription.items.data[0].id, price: dear.id }];
    const preview = await stripe.invoices.createPreview({
      subscription: subscription.id,
      subscription_details: { items, proration_behavior: "always_invoice" },
    });
    await stripe.subscriptions.update(subscription.id, {
      items,
      proration_behavior: "always_invoice",
    });
    const invoice = await latest(subscription.id);
    assert.equal(invoice.total, preview.total);
    assert.equal(invoice.amount_paid, 3000);
    assert.deepEqual(
      invoice.lines.data.map((line) => line.amount),
      preview.lines.data.map((line) => line.amount),
    );
  });

  test("a_schedule_raises_the_price_in_its_second_phase", async () => {
    const { customer, to } = await payer();
    const [first, second] = [await monthly(1000), await monthly(1500)];
    const schedule = await stripe.subscriptionSchedules.create({
      customer,
      start_date: "now",
      end_behavior: "cancel",
      phases: [first, second].map(({ id }) => ({
        items: [{ price: id, quantity: 1 }],
        duration: { interval: "day", interval_count: 30 },
      })),
    });
    await to(DAY);
    assert.equal((await latest(schedule.subscription)).amount_paid, 1000);
    await to(31 * DAY);
    assert.equal((await latest(schedule.subscription)).amount_paid, 1500);
    await to(61 * DAY);
    assert.equal((await stripe.subscriptionSchedules.retrieve(schedule.id)).status, "completed");
    assert.equal((await stripe.subscriptions.retrieve(schedule.subscription)).status, "canceled");
  });

  test("a_quote_is_finalised_accepted_and_billed", async () => {
    const { customer, to } = await payer();
    const rate = await stripe.taxRates.create({
      display_name: "VAT",
      percentage: 8.1,
      inclusive: false,
    });
    assert.equal(rate.percentage, 8.1);
    const price = await monthly(1000);
    const quote = await stripe.quotes.create({
      customer,
      line_items: [{ price: price.id, quantity: 3 }],
      default_tax_rates: [rate.id],
    });
    assert.equal(quote.amount_total, 3243);
    await stripe.quotes.finalizeQuote(quote.id);
    const { subscription } = await stripe.quotes.accept(quote.id);
    await to(DAY);
    assert.equal((await latest(subscription)).amount_paid, 3243);
    const lines = await stripe.quotes.listLineItems(quote.id);
    assert.equal(lines.data[0].amount_tax, 243);
  });

  test("a_credit_note_refunds_and_credits", async () => {
    const { customer } = await payer();
    await stripe.invoiceItems.create({ customer, amount: 5000, currency: "usd" });
    const draft = await stripe.invoices.create({
      customer,
      pending_invoice_items_behavior: "include",
    });
    const paid = await stripe.invoices.pay(draft.id);
    const note = await stripe.creditNotes.create({
      invoice: paid.id,
      lines: [{ type: "invoice_line_item", invoice_line_item: paid.lines.data[0].id, quantity: 1 }],
      refund_amount: 4000,
      credit_amount: 1000,
    });
    assert.equal(note.total, 5000);
    assert.equal((await stripe.customers.retrieve(customer)).balance, -1000);
    assert.equal((await stripe.refunds.retrieve(note.refunds[0].refund)).amount, 4000);
    const lines = await stripe.creditNotes.listLineItems(note.id);
    assert.equal(lines.data[0].invoice_line_item, paid.lines.data[0].id);
    await assert.rejects(
      stripe.creditNotes.create({ invoice: paid.id, amount: 1, credit_amount: 1 }),
      (why) => why.statusCode === 400 && why.param === "amount",
    );
  });

  test("a_default_price_cannot_be_archived_and_an_unknown_parameter_is_named", async () => {
    const price = await monthly(1000);
    await stripe.products.update(product.id, { default_price: price.id });
    await assert.rejects(
      stripe.prices.update(price.id, { active: false }),
      (why) =>
        why instanceof Stripe.errors.StripeInvalidRequestError &&
        why.code === undefined &&
        why.message ===
          "This price cannot be archived because it is the default price of its product.",
    );
    await assert.rejects(
      stripe.coupons.create({ percent_off: 5, percent: 5 }),
      (why) => why.code === "parameter_unknown" && why.param === "percent",
    );
  });

  test("a_mirror_of_all_of_it_is_equal", async () => {
    const done = await place.brindle(["sync"], place.env(emulator.base));
    assert.equal(done.code, 0, done.err);
    for (const type of TYPES) {
      // A mirror asks for discounts whole: they have no address of their own.
      const mirror = place.mirrored(type);
      const truth = (await emulator.state(type)).map((object) =>
        "discounts" in object
          ? { ...object, discounts: mirror.get(object.id)?.discounts }
          : object,
      );
      assert.deepEqual(place.differences(type, truth), [], type);
    }
  });
});
