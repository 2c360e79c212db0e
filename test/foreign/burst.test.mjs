// The official SDK and command line buy subscriptions while the deliveries that tell of it are
// shuffled, doubled and dropped: every customer's state ends as Stripe has it.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import Stripe from "stripe";
import { askJson, KEY, Place, run, TOKEN, until } from "./place.mjs";

const CUSTOMERS = 8;
const MACHINE = `${process.platform}-${process.arch}`;
const STRIPE =
  MACHINE === "linux-x64" &&
  createRequire(import.meta.url).resolve("@stripe/cli-linux-x64/bin/stripe");
const place = new Place();
let emulator, daemon, sdk, price;

before(async () => {
  emulator = await place.startEmulator("--retry-ms", "50");
  sdk = new Stripe(KEY, { host: "127.0.0.1", port: emulator.port, protocol: "http", telemetry: false });
  const endpoint = await sdk.webhookEndpoints.create({
    enabled_events: ["*"],
    url: "http://127.0.0.1:9/",
  });
  daemon = await place.startDaemon(emulator.base, {
    STRIPE_WEBHOOK_SECRET: endpoint.secret,
    BRINDLE_CATCH_UP_SECONDS: "1", // what was dropped is found there
  });
  await sdk.webhookEndpoints.update(endpoint.id, { url: daemon.webhooks });
  const product = await sdk.products.create({ name: "Gold" });
  price = await sdk.prices.create({
    product: product.id,
    unit_amount: 1500,
    currency: "usd",
    recurring: { interval: "month" },
  });
  for (const fault of ["drop;probability=30", "double;more=2", "shuffle;late_ms=300"])
    await emulator.fault(fault);
});

after(() => place.close());

/** A customer goes through Checkout, and some of them think better of it. */
async function buy(i) {
  const customer = await sdk.customers.create({ email: `buyer${i}@example.com` });
  const session = await sdk.checkout.sessions.create({
    mode: "subscription",
    customer: customer.id,
    line_items: [{ price: price.id, quantity: 1 }],
    success_url: "https://example.com/ok",
  });
  const card = await sdk.paymentMethods.create({ type: "card", card: { token: "tok_visa" } });
  await sdk.rawRequest("POST", `/v1/payment_pages/${session.id}/confirm`, {
    payment_method: card.id,
  });
  const { data } = await sdk.subscriptions.list({ customer: customer.id });
  if (i % 4 === 1) await sdk.subscriptions.cancel(data[0].id);
  if (i % 4 === 2) await sdk.subscriptions.update(data[0].id, { cancel_at_period_end: true });
  if (i % 4 === 3) await sdk.subscriptions.update(data[0].id, { pause_collection: { behavior: "void" } });
  return customer.id;
}

const state = (customer) =>
  askJson(daemon.port, "GET", `/api/test/customers/${customer}/state`, {
    headers: { Authorization: `Bearer ${TOKEN}` },
  });

/** Every event has come, by whatever way, and is worked off. */
async function settled() {
  await emulator.noFaults();
  const events = await emulator.state("event");
  const known = () => place.rows("select count(*) as n from _inbox")[0].n;
  await until("every event is known", () => known() >= events.length, () => `${known()} of ${events.length}`);
  await daemon.idle();
}

/** What Stripe itself says of a customer, in the state's words. */
async function truth(customer) {
  const all = await sdk.subscriptions.list({ customer, status: "all", limit: 100 }).autoPagingToArray({ limit: 500 });
  return all.map((s) => `${s.id} ${s.status} ${s.cancel_at_period_end} ${s.items.data[0].price.id}`).sort();
}

async function compare(customers) {
  for (const customer of customers) {
    const have = await state(customer);
    const shown = have.subscriptions.map(
      (s) => `${s.id} ${s.status} ${s.cancelAtPeriodEnd} ${s.items[0].priceId}`,
    );
    assert.deepEqual(shown.sort(), await truth(customer), `the state of ${customer}`);
    assert.equal(have.stale, false);
  }
}

test("a_burst_of_the_sdk_ends_right_however_it_is_told", async () => {
  const customers = await Promise.all(Array.from({ length: CUSTOMERS }, (_, i) => buy(i)));
  await settled();
  await compare(customers);
  const dropped = place.rows("select count(*) as n from _inbox where secret = 'events'")[0].n;
  assert.ok(dropped > 0, "no delivery was lost");
});

test(
  "a_burst_of_the_command_line_ends_right_however_it_is_told",
  STRIPE ? {} : { skip: `there is no @stripe/cli for ${MACHINE}` },
  async () => {
    for (const fault of ["drop;probability=30", "double;more=2", "shuffle;late_ms=300"])
      await emulator.fault(fault);
    const env = {
      ...place.bareEnv(),
      STRIPE_API_KEY: KEY,
      STRIPE_CLI_TELEMETRY_OPTOUT: "1",
      HTTPS_PROXY: "http://127.0.0.1:9", // whatever it asks of the world outside stays here
    };
    const triggers = ["checkout.session.completed", "customer.subscription.updated", "customer.subscription.deleted"];
    const before = new Set((await emulator.state("customer")).map((c) => c.id));
    const done = await Promise.all(
      triggers.map((one) =>
        run(STRIPE, ["trigger", one, "--api-base", emulator.base], { cwd: place.dir, env }),
      ),
    );
    for (const one of done) assert.equal(one.code, 0, one.err);
    await settled();
    const made = (await emulator.state("customer")).filter((c) => !before.has(c.id) && !c.deleted);
    assert.ok(made.length > 0, "nobody bought anything");
    await compare(made.map((c) => c.id));
  },
);
