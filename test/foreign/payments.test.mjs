// What is paid, lived through with Stripe's own SDK against the emulator: checkout to cancellation,
// refunds, a dispute, a connected account; every webhook is verified by the SDK.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import path from "node:path";
import Stripe from "stripe";
import { canonical, KEY, Place, until } from "./place.mjs";

const place = new Place();
const SECRET = "whsec_payments";
const DAY = 86400;
const success_url = "https://example.com/ok";
let emulator, stripe, receiver, product;
const told = []; // the events that came and that the SDK took

/** Takes webhooks; what the SDK does not verify is refused. */
function receive(secrets) {
  const server = http.createServer((request, answer) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const signature = request.headers["stripe-signature"];
      for (const secret of secrets) {
        try {
          told.push(stripe.webhooks.constructEvent(Buffer.concat(chunks), signature, secret));
          answer.writeHead(200).end();
          return;
        } catch {
          // of the other endpoint, perhaps
        }
      }
      answer.writeHead(400).end();
    });
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

const came = (type, about = () => true) =>
  until(`${type} came`, () =>
    told.find((event) => event.type === type && about(event.data.object, event)),
  );

/** The types of the events about one object, in the order in which they were made. */
async function story(id) {
  const events = [];
  for await (const event of stripe.events.list({ limit: 100 })) events.push(event);
  return events
    .reverse()
    .filter((event) => event.data.object.id === id)
    .map((event) => event.type);
}

const pass = (seconds) => emulator.admin("POST", "/clock", { advance_seconds: seconds });
/** What the customer's browser would send. */
const payPage = (session, payment_method) =>
  stripe.rawRequest("POST", `/v1/payment_pages/${session.id}/confirm`, { payment_method });
const pay = (payment_method, more, options) =>
  stripe.paymentIntents.create(
    { amount: 5000, currency: "usd", confirm: true, payment_method, ...more },
    options,
  );

before(async () => {
  const secrets = [SECRET];
  receiver = await receive(secrets);
  const url = `http://127.0.0.1:${receiver.address().port}/`;
  const flags = ["--data", path.join(place.dir, "stripe"), "--retry-ms", "50"];
  emulator = await place.startEmulator(...flags);
  stripe = new Stripe(KEY, {
    host: "127.0.0.1",
    port: emulator.port,
    protocol: "http",
    telemetry: false,
  });
  for (const connect of [false, true])
    secrets.push((await stripe.webhookEndpoints.create({ url, enabled_events: ["*"], connect })).secret);
  product = (await stripe.products.create({ name: "thing" })).id;
});

after(async () => {
  await place.close();
  receiver.close();
});

describe("a subscription", () => {
  let session, subscription, customer;

  test("begins_in_checkout", async () => {
    const price = await stripe.prices.create({
      product,
      unit_amount: 900,
      currency: "usd",
      recurring: { interval: "month" },
    });
    session = await stripe.checkout.sessions.create({
      mode: "subscription",
      success_url,
      customer_email: "ann@example.com",
      line_items: [{ price: price.id, quantity: 1 }],
    });
    await assert.rejects(payPage(session, "pm_card_chargeDeclined"), { code: "card_declined" });
    await payPage(session, "pm_card_visa");
    const completed = await came("checkout.session.completed", (one) => one.id === session.id);
    ({ subscription, customer } = completed.data.object);
    const { status, items } = await stripe.subscriptions.retrieve(subscription);
    assert.equal(status, "active");
    assert.equal(items.data[0].price.id, price.id);
    assert.equal((await stripe.customers.retrieve(customer)).email, "ann@example.com");
    const events = await stripe.events.list({ limit: 100 });
    assert.equal(events.data[0].type, "checkout.session.completed"); // the last of all
  });

  test("is_renewed", async () => {
    await pass(32 * DAY);
    const paid = await came(
      "invoice.paid",
      (one) => one.customer === customer && one.billing_reason === "subscription_cycle",
    );
    assert.equal(paid.data.object.amount_paid, 900);
  });

  test("is_past_due_when_the_card_fails_and_cancelled_when_it_goes_on_failing", async () => {
    const bad = await stripe.paymentMethods.attach("pm_card_chargeCustomerFail", { customer });
    await stripe.subscriptions.update(subscription, { default_payment_method: bad.id });
    await pass(31 * DAY);
    const late = await came(
      "customer.subscription.updated",
      (one) => one.id === subscription && one.status === "past_due",
    );
    assert.equal(late.data.previous_attributes.status, "active");
    await pass(20 * DAY);
    await came("customer.subscription.deleted", (one) => one.id === subscription);
    assert.equal((await stripe.subscriptions.retrieve(subscription)).status, "canceled");
    assert.ok((await stripe.customers.retrieve(customer)).delinquent);
  });
});

describe("a payment", () => {
  test("is_refunded_in_parts_until_nothing_is_left", async () => {
    const { id, latest_charge } = await pay("pm_card_visa");
    const part = await stripe.refunds.create({ payment_intent: id, amount: 2000 });
    assert.equal(part.status, "succeeded");
    await assert.rejects(stripe.refunds.create({ charge: latest_charge, amount: 3001 }), {
      message: "Refund amount (3001) is greater than unrefunded amount on charge (3000)",
    });
    await stripe.refunds.create({ charge: latest_charge });
    const charge = await stripe.charges.retrieve(latest_charge, { expand: ["refunds"] });
    assert.deepEqual([charge.refunded, charge.amount_refunded], [true, 5000]);
    assert.equal(charge.refunds.data.length, 2);
    await assert.rejects(stripe.refunds.create({ charge: latest_charge }), {
      code: "charge_already_refunded",
    });
    assert.deepEqual(await story(latest_charge), [
      "charge.succeeded",
      "charge.refunded",
      "charge.refunded",
    ]);
  });

  test("keeps_its_money_when_the_refund_fails", async () => {
    const { latest_charge } = await pay("pm_card_refundFail");
    const { id } = await stripe.refunds.create({ charge: latest_charge });
    await came("refund.failed", (one) => one.id === id);
    assert.equal((await stripe.charges.retrieve(latest_charge)).refunded, false);
    assert.deepEqual(await story(id), [
      "refund.created",
      "refund.failed",
      "refund.updated",
      "charge.refund.updated",
    ]);
  });

  test("is_disputed_and_won", async () => {
    const { latest_charge } = await pay("pm_card_createDispute");
    const opened = await came("charge.dispute.created", (one) => one.charge === latest_charge);
    const { id } = opened.data.object;
    await assert.rejects(stripe.refunds.create({ charge: latest_charge }), {
      code: "charge_disputed",
    });
    await stripe.disputes.update(id, { evidence: { uncategorized_text: "winning_evidence" } });
    await came("charge.dispute.closed", (one) => one.id === id && one.status === "won");
    assert.deepEqual(await story(id), [
      "charge.dispute.created",
      "charge.dispute.funds_withdrawn",
      "charge.dispute.updated",
      "charge.dispute.updated",
      "charge.dispute.funds_reinstated",
      "charge.dispute.closed",
    ]);
    const dispute = await stripe.disputes.retrieve(id, { expand: ["charge"] });
    assert.deepEqual(
      dispute.balance_transactions.map((one) => one.amount),
      [-5000, 5000],
    );
    assert.equal(dispute.charge.disputed, true);
  });

  test("by_debit_in_checkout_is_told_of_later", async () => {
    const price = await stripe.prices.create({ product, unit_amount: 700, currency: "eur" });
    const session = await stripe.checkout.sessions.create({
      mode: "payment",
      success_url,
      payment_method_types: ["sepa_debit"],
      line_items: [{ price: price.id, quantity: 2 }],
    });
    const { id } = await stripe.paymentMethods.create({
      type: "sepa_debit",
      sepa_debit: { iban: "DE89370400440532013000" },
      billing_details: { name: "Ann", email: "ann@example.com" },
    });
    await payPage(session, id);
    await came("checkout.session.async_payment_succeeded", (one) => one.id === session.id);
    assert.deepEqual(await story(session.id), [
      "checkout.session.completed",
      "checkout.session.async_payment_succeeded",
    ]);
    assert.equal((await stripe.checkout.sessions.retrieve(session.id)).payment_status, "paid");
  });
});

describe("a connected account", () => {
  test("has_its_own_objects_and_pays_its_platform", async () => {
    const { id } = await stripe.accounts.create({
      type: "express",
      capabilities: { transfers: { requested: true } },
    });
    await stripe.accountLinks.create({ account: id, type: "account_onboarding" });
    await came("account.updated", (one, event) => event.account === id && one.charges_enabled);
    const options = { stripeAccount: id };
    const { latest_charge } = await pay(
      "pm_card_bypassPending",
      { application_fee_amount: 100 },
      options,
    );
    await assert.rejects(stripe.charges.retrieve(latest_charge), { code: "resource_missing" });
    await came("charge.succeeded", (one, event) => one.id === latest_charge && event.account === id);
    const [fee] = (await stripe.applicationFees.list()).data;
    assert.deepEqual([fee.account, fee.amount], [id, 100]);
    await pay("pm_card_bypassPending", { amount: 50_000 });
    const transfer = await stripe.transfers.create({
      amount: 50,
      currency: "usd",
      destination: id,
    });
    await stripe.transfers.createReversal(transfer.id);
    assert.equal((await stripe.transfers.retrieve(transfer.id)).reversed, true);
    const [{ amount }] = (await stripe.balance.retrieve({}, options)).available;
    assert.equal(amount, 5000 - (145 + 30) - 100);
    await stripe.accounts.del(id);
    await came("account.application.deauthorized", (_, event) => event.account === id);
    await assert.rejects(stripe.balance.retrieve({}, options), {
      type: "StripePermissionError",
      code: "account_invalid",
    });
  });
});

test("all_of_it_survives_a_restart", async () => {
  const types = ["charge", "dispute", "checkout.session", "refund", "transfer", "account", "event"];
  await until("all is delivered", async () =>
    (await emulator.admin("GET", "/deliveries")).data.every((one) => one.state !== "waits"),
  );
  const state = () => Promise.all(types.map((type) => emulator.state(type)));
  const was = await state();
  await emulator.stop();
  place.servers.splice(place.servers.indexOf(emulator), 1);
  emulator = await place.startEmulator("--data", path.join(place.dir, "stripe"));
  assert.equal(canonical(await state()), canonical(was));
});
