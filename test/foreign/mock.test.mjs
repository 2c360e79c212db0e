// The mirror is filled from a Stripe that is not ours: npm `stripe-stateful-mock`, which speaks
// another API version (2020-08-27), lists oldest first, and knows neither accounts of keys nor
// balances, nor most of the routes.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import mock from "stripe-stateful-mock";
import Stripe from "stripe";
import { askJson, KEY, Place } from "./place.mjs";

const COUNT = 130; // of each kind: more than one page
const TYPES = {
  products: "product",
  prices: "price",
  customers: "customer",
  subscriptions: "subscription",
};
const IDENTITY = { BRINDLE_ACCOUNT: "acct_1ForeignServer", BRINDLE_LIVEMODE: "false" };

const place = new Place();
const asked = []; // "GET /v1/…", as it came
let server, port, stripe, base;
const headers = { Authorization: `Bearer ${KEY}` };
const truth = { product: [], price: [], customer: [], subscription: [] };

async function fill() {
  // A subscription of that version has a plan, whatever its price.
  const service = await stripe.products.create({ name: "Service" });
  const plan = await stripe.plans.create({
    product: service.id,
    currency: "usd",
    interval: "month",
    amount: 500,
  });
  for (let i = 0; i < COUNT; i++) {
    const product = await stripe.products.create({ name: `Plan ${i} – größer`, metadata: { i } });
    const price = await stripe.prices.create({
      product: product.id,
      currency: "usd",
      unit_amount: 100 + i,
      recurring: { interval: "month" },
    });
    const customer = await stripe.customers.create({
      email: `c${i}@example.com`,
      description: `“${i}”`,
    });
    await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ plan: plan.id, price: price.id }],
    });
    if (i % 10 === 0) await stripe.prices.update(price.id, { active: false });
  }
  for (const name of Object.keys(TYPES))
    // without a limit it answers everything
    truth[TYPES[name]] = (await askJson(port, "GET", `/v1/${name}`, { headers })).data;
}

before(async () => {
  const app = mock.createExpressApp();
  server = http.createServer((request, answer) => {
    asked.push(`${request.method} ${request.url}`);
    app(request, answer);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = server.address().port;
  base = `http://127.0.0.1:${port}`;
  stripe = new Stripe(KEY, { host: "127.0.0.1", port, protocol: "http", telemetry: false });
  await fill();
});

after(async () => {
  await place.close();
  server.closeAllConnections();
  server.close();
});

test("without_a_declared_identity_nothing_is_written", async () => {
  const done = await place.brindle(["sync", ...Object.keys(TYPES)], place.env(base));
  assert.equal(done.code, 4, done.err);
  assert.match(done.err, /BRINDLE_ACCOUNT|account/);
});

test("every_object_of_a_foreign_server_is_in_the_mirror", async () => {
  const from = asked.length;
  const done = await place.brindle(["sync", ...Object.keys(TYPES)], place.env(base, IDENTITY));
  assert.equal(done.code, 0, done.err);
  for (const type of Object.values(TYPES)) {
    assert.ok(truth[type].length >= COUNT);
    assert.deepEqual(place.differences(type, truth[type]), []);
  }
  const walked = asked.slice(from);
  for (const name of Object.keys(TYPES))
    assert.ok(
      walked.some(
        (line) => line.startsWith(`GET /v1/${name}?`) && line.includes("starting_after="),
      ),
      `${name} were walked page by page`,
    );
  assert.deepEqual(
    walked.filter((line) => !line.startsWith("GET ")),
    [],
  );
});

test("members_of_nested_lists_are_rows_of_their_own", () => {
  const items = truth.subscription.flatMap((subscription) => subscription.items.data);
  assert.equal(items.length, COUNT);
  assert.deepEqual(place.differences("subscription_item", items), []);
});

/** The types that a command said are not there. */
function absent(said) {
  return /not there[^:]*:((?: [a-z_.]+)+)\n/.exec(said)?.[1].trim().split(" ") ?? [];
}

test("what_a_foreign_server_lacks_is_skipped_and_named", async () => {
  const env = place.env(base, IDENTITY);
  const some = await place.brindle(["sync", "coupons", "invoices", "products"], env);
  assert.equal(some.code, 0, some.err);
  assert.deepEqual(absent(some.err).sort(), ["coupons", "invoices"]);

  const all = await place.brindle(["sync"], env);
  assert.equal(all.code, 0, all.err);
  for (const name of ["coupons", "invoices", "payment_intents", "payment_methods", "disputes"])
    assert.ok(absent(all.err).includes(name), `${name} is named in ${all.err}`);
  for (const name of [...Object.keys(TYPES), "charges", "refunds", "tax_rates"])
    assert.ok(!absent(all.err).includes(name), `${name} is there: ${all.err}`);
  for (const type of Object.values(TYPES))
    assert.deepEqual(place.differences(type, truth[type]), []);
});
