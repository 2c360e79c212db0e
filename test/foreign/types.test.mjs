// The SDK's own declarations, read by the TypeScript compiler, say whether what the emulator gives is
// what Stripe gives: no member is missing, none is unknown, each has its type.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import Stripe from "stripe";
import { HERE, KEY, Place, until } from "./place.mjs";

// What the declarations call an object of the emulator.
const NAMES = {
  account: "Account",
  application_fee: "ApplicationFee",
  balance_transaction: "BalanceTransaction",
  charge: "Charge",
  "checkout.session": "Checkout.Session",
  coupon: "Coupon",
  customer: "Customer",
  customer_cash_balance_transaction: "CustomerCashBalanceTransaction",
  dispute: "Dispute",
  fee_refund: "FeeRefund",
  invoice: "Invoice",
  invoice_payment: "InvoicePayment",
  invoiceitem: "InvoiceItem",
  item: "LineItem",
  line_item: "InvoiceLineItem",
  mandate: "Mandate",
  payment_intent: "PaymentIntent",
  payment_link: "PaymentLink",
  payment_method: "PaymentMethod",
  payout: "Payout",
  price: "Price",
  product: "Product",
  promotion_code: "PromotionCode",
  "radar.early_fraud_warning": "Radar.EarlyFraudWarning",
  refund: "Refund",
  setup_attempt: "SetupAttempt",
  setup_intent: "SetupIntent",
  shipping_rate: "ShippingRate",
  subscription: "Subscription",
  subscription_item: "SubscriptionItem",
  tax_rate: "TaxRate",
  topup: "Topup",
  transfer: "Transfer",
  transfer_reversal: "TransferReversal",
  webhook_endpoint: "WebhookEndpoint",
};
const place = new Place();
let emulator, stripe;

/** One page of checkout: what the customer's browser would send. */
function payPage(session, payment_method) {
  return stripe.rawRequest("POST", `/v1/payment_pages/${session.id}/confirm`, { payment_method });
}

/** One of everything, in as many states as are quickly made. */
async function makeSomeOfEverything() {
  const customer = (await stripe.customers.create({ email: "a@example.com", name: "Ann" })).id;
  const product = (await stripe.products.create({ name: "thing" })).id;
  const once = await stripe.prices.create({ product, unit_amount: 1500, currency: "usd" });
  const again = await stripe.prices.create({
    product,
    unit_amount: 900,
    currency: "usd",
    recurring: { interval: "month" },
  });
  const success_url = "https://example.com/";
  const pay = (payment_method, more) =>
    stripe.paymentIntents.create({
      amount: 20_000,
      currency: "usd",
      confirm: true,
      payment_method,
      ...more,
    });
  await pay("pm_card_bypassPending", { amount: 90_000 });
  await pay("pm_card_createDispute");
  await pay("pm_card_createIssuerFraudWarning");
  await pay("pm_card_authenticationRequired", { return_url: success_url });
  await pay("pm_card_visa", { capture_method: "manual" });
  await assert.rejects(pay("pm_card_chargeDeclined"), { code: "card_declined" });
  const debit = await stripe.paymentMethods.create({
    type: "sepa_debit",
    sepa_debit: { iban: "DE89370400440532013000" },
  });
  await pay(debit.id, { currency: "eur", payment_method_types: ["sepa_debit"] });
  await pay(undefined, {
    customer,
    payment_method_types: ["customer_balance"],
    payment_method_data: { type: "customer_balance" },
  });
  await stripe.testHelpers.customers.fundCashBalance(customer, { amount: 500, currency: "usd" });
  for (const payment_method of ["pm_card_visa", "pm_card_authenticationRequired", debit.id])
    await stripe.setupIntents.create({
      payment_method,
      payment_method_types: ["card", "sepa_debit"],
      confirm: true,
    });
  for (const mode of ["payment", "subscription"]) {
    const line_items = [{ price: (mode === "payment" ? once : again).id, quantity: 2 }];
    const session = await stripe.checkout.sessions.create({ mode, success_url, line_items });
    await payPage(session, "pm_card_visa");
    await stripe.checkout.sessions.create({ mode, success_url, line_items });
  }
  await stripe.checkout.sessions.create({ mode: "setup", success_url, currency: "usd" });
  await stripe.paymentLinks.create({ line_items: [{ price: once.id, quantity: 1 }] });
  await stripe.payouts.create({ amount: 100, currency: "usd" });
  await stripe.topups.create({ amount: 100, currency: "usd", description: "d" });
  const destination = (await stripe.accounts.create({ type: "express" })).id;
  const transfer = await stripe.transfers.create({ amount: 100, currency: "usd", destination });
  await stripe.transfers.createReversal(transfer.id, { amount: 10 });
  const shared = await pay("pm_card_visa", {
    application_fee_amount: 50,
    transfer_data: { destination },
  });
  await stripe.refunds.create({
    payment_intent: shared.id,
    reverse_transfer: true,
    refund_application_fee: true,
  });
  await stripe.invoiceItems.create({ customer, amount: 70, currency: "usd" });
  const draft = await stripe.invoices.create({
    customer,
    pending_invoice_items_behavior: "include",
  });
  await stripe.invoices.pay(draft.id, { payment_method: "pm_card_visa" });
  const coupon = (await stripe.coupons.create({ percent_off: 10 })).id;
  await stripe.promotionCodes.create({ promotion: { type: "coupon", coupon } });
  await stripe.taxRates.create({ display_name: "VAT", percentage: 19, inclusive: false });
  await stripe.shippingRates.create({
    display_name: "Post",
    type: "fixed_amount",
    fixed_amount: { amount: 500, currency: "usd" },
  });
  await stripe.webhookEndpoints.create({ url: success_url, enabled_events: ["invoice.paid"] });
  await until("the debit is paid", async () =>
    (await emulator.told()).includes("payment_intent.processing") &&
    (await emulator.state("charge")).every((one) => one.status !== "pending"),
  );
}

/** A value as TypeScript; what the SDK makes a Decimal of has any type. */
function literal(value, name = "") {
  if (value !== null && /_decimal$/.test(name)) return "decimal";
  if (Array.isArray(value)) return `[${value.map((one) => literal(one))}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value).map(([key, v]) => `${JSON.stringify(key)}:${literal(v, key)}`);
  return `{${members}}`;
}

/** What the compiler has against these objects. */
function complaints(objects) {
  const lines = objects.map(
    ([type, object], i) => `export const v${i}: Stripe.${NAMES[type]} = ${literal(object)};`,
  );
  const file = path.join(HERE, `.types-${process.pid}.ts`); // beside node_modules, where it looks
  const head = 'import type Stripe from "stripe";\ndeclare const decimal: any;';
  fs.writeFileSync(file, [head, ...lines].join("\n"));
  const done = spawnSync(
    process.execPath,
    [
      path.join(HERE, "node_modules/typescript/bin/tsc"),
      ...["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022"],
      ...["--module", "nodenext", "--moduleResolution", "nodenext", file],
    ],
    { encoding: "utf8", cwd: HERE },
  );
  fs.rmSync(file);
  return done.stdout
    .split("\n")
    .filter((line) => line.trim())
    .map((line) => {
      const at = /\.ts\((\d+),/.exec(line);
      return at ? `${objects[at[1] - 3]?.[0]}: ${line.replace(/^.*?: error /, "")}` : line;
    });
}

before(async () => {
  emulator = await place.startEmulator();
  stripe = new Stripe(KEY, {
    host: "127.0.0.1",
    port: emulator.port,
    protocol: "http",
    telemetry: false,
  });
  await makeSomeOfEverything();
});

after(() => place.close());

test("what_the_emulator_gives_has_the_types_that_the_sdk_declares", async () => {
  const objects = [];
  for (const type of Object.keys(NAMES)) {
    const all = (await emulator.state(type)).filter((one) => !one.deleted);
    assert.ok(all.length > 0, `there is no ${type}`);
    for (const one of all) objects.push([type, one]);
  }
  assert.deepEqual(complaints(objects), []);
});

test("the_compiler_sees_what_is_wrong", async () => {
  const [coupon] = await emulator.state("coupon");
  const { valid, ...without } = coupon;
  assert.equal(complaints([["coupon", without]]).length, 1, valid);
  assert.equal(complaints([["coupon", { ...coupon, valid: "yes" }]]).length, 1);
  assert.equal(complaints([["coupon", { ...coupon, colour: 1 }]]).length, 1);
});
