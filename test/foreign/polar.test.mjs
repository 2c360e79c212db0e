// What happened to Polar: a price that is its product's default cannot be archived. The official
// SDK is the Dashboard here; Brindle replaces the price whole, or takes all of it back.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Stripe from "stripe";
import { KEY, Place, until } from "./place.mjs";

const place = new Place();
let emulator, daemon, sdk;

before(async () => {
  emulator = await place.startEmulator("--retry-ms", "50");
  sdk = new Stripe(KEY, {
    host: "127.0.0.1",
    port: emulator.port,
    protocol: "http",
    telemetry: false,
    maxNetworkRetries: 0,
  });
  const endpoint = await sdk.webhookEndpoints.create({
    enabled_events: ["*"],
    url: "http://127.0.0.1:9/",
  });
  daemon = await place.startDaemon(emulator.base, { STRIPE_WEBHOOK_SECRET: endpoint.secret });
  await sdk.webhookEndpoints.update(endpoint.id, { url: daemon.webhooks });
});

after(() => place.close());

/** A product whose default price costs 10 dollars a month, made as Polar makes it. */
async function product(name) {
  const made = await sdk.products.create({ name });
  const price = await sdk.prices.create({
    product: made.id,
    unit_amount: 1000,
    currency: "usd",
    recurring: { interval: "month" },
    nickname: "monthly",
  });
  await sdk.products.update(made.id, { default_price: price.id });
  return { id: made.id, price: price.id };
}

/** A command, and the operation that it printed. */
async function brindle(code, ...args) {
  const done = await place.brindle([...args, "--json"], place.env(emulator.base));
  assert.equal(done.code, code, `brindle ${args.join(" ")}: ${done.out}\n${done.err}`);
  return JSON.parse(done.out.trim().split("\n").pop());
}

const onSale = async (id) =>
  (await sdk.prices.list({ product: id, active: true })).data.map((price) => price.id);
const defaultOf = async (id) => (await sdk.products.retrieve(id)).default_price;
const posts = async () =>
  (await emulator.requests({ path: "/v1/p" })).data.filter((one) => one.method === "POST").length;

/** The operation that is under way, once it waits for Stripe. */
function waiting() {
  return until("it waits for Stripe", async () => {
    const { out } = await place.brindle(["op", "list", "--open"], place.env(emulator.base));
    const open = out.trim() ? JSON.parse(out.trim().split("\n")[0]) : {};
    return open.waits > 0 && open;
  });
}

/** All that is known of the catalogue here is what the SDK is told. */
async function mirrored() {
  await daemon.idle();
  for (const type of ["product", "price"])
    assert.deepEqual(place.differences(type, await emulator.state(type)), []);
}

test("stripe_does_not_archive_a_default_price_and_says_why", async () => {
  const gold = await product("Gold");
  await assert.rejects(sdk.prices.update(gold.price, { active: false }), (why) => {
    assert.equal(why.type, "StripeInvalidRequestError");
    assert.match(why.message, /This price cannot be archived because it is the default price of its product/);
    return true;
  });
  const before = await posts();
  const refused = await brindle(1, "price", "archive", gold.price);
  assert.equal(refused.reason, "price_is_default");
  assert.match(refused.refusal.next, /--default PRICE/);
  assert.equal(await posts(), before, "something was sent");
});

test("a_replacement_is_shown_and_then_done_whole", async () => {
  const gold = await product("Gold");
  const before = await posts();
  const planned = await brindle(0, "price", "replace", gold.price, "--amount", "1200", "--dry-run");
  assert.equal(await posts(), before, "a dry run has written");
  const done = await brindle(0, "price", "replace", gold.price, "--amount", "1200");
  const shape = (op) => op.requests.map((one) => `${one.method} ${one.path}`);
  assert.deepEqual(shape(done), shape(planned), "it was done otherwise than it was shown");

  const [fresh] = done.made;
  assert.deepEqual(await onSale(gold.id), [fresh]);
  assert.equal(await defaultOf(gold.id), fresh);
  const price = await sdk.prices.retrieve(fresh);
  assert.equal(price.unit_amount, 1200);
  assert.equal(price.nickname, "monthly");
  assert.equal(price.recurring.interval, "month");
  assert.equal((await sdk.prices.retrieve(gold.price)).active, false);
  await mirrored();
});

test("who_clicks_in_between_wins_and_no_orphan_stays_on_sale", async () => {
  const gold = await product("Gold");
  await emulator.fault(`reset;method=POST;path=/v1/prices/${gold.price};count=-1`);
  const run = brindle(5, "price", "replace", gold.price, "--amount", "1200");
  const half = await waiting();
  assert.match(half.at, new RegExp(`is the default price of ${gold.id}, ${gold.price} is still on sale`));
  await sdk.products.update(gold.id, { default_price: gold.price }); // the click
  await emulator.noFaults();
  const moved = await run;
  assert.equal(moved.id, half.id);
  assert.equal(moved.reason, "moved");
  assert.equal(moved.refusal.reason, "price_is_default");
  assert.match(moved.refusal.stripe, /because it is the default price of its product/);
  assert.ok(moved.refusal.request_id, "no request id");
  assert.deepEqual(moved.differences, []);
  assert.equal(await defaultOf(gold.id), gold.price);
  assert.deepEqual(await onSale(gold.id), [gold.price]);

  const shown = await brindle(0, "op", "show", moved.id);
  const sent = shown.journal.filter((row) => row.method === "POST");
  const keys = sent.map((row) => row.idempotency_key);
  assert.ok(keys.length >= 3 && keys.every(Boolean), "a request has no key");
  assert.equal(new Set(keys).size, keys.length, "two requests had one key");
  await mirrored();
});

test("cut_off_in_the_middle_it_is_aborted_and_all_is_as_it_was", async () => {
  const gold = await product("Gold");
  const page = `/v1/products/${gold.id}`;
  const before = await posts();
  await emulator.fault(`reset;method=POST;path=${page};count=-1`);
  const run = place.brindle(
    ["price", "replace", gold.price, "--amount", "1200", "--json"],
    place.env(emulator.base),
  );
  const half = await waiting();
  assert.match(half.at, /^step 2 of \d, waiting for Stripe: /);
  assert.match(half.at, new RegExp(`${gold.price} is still on sale`));
  assert.ok((await posts()) > before, "nothing was begun");

  const abort = brindle(0, "op", "abort", half.id);
  await until("it is asked for", async () => {
    const { out } = await place.brindle(["op", "show", half.id], place.env(emulator.base));
    return JSON.parse(out).abort_asked;
  });
  await emulator.noFaults();
  const undone = await abort;
  assert.equal(undone.state, "undone");
  assert.equal(undone.reason, "aborted");
  assert.deepEqual(undone.differences ?? [], []);
  assert.equal((await run).code, 1, "the command that was aborted");
  assert.equal(await defaultOf(gold.id), gold.price);
  assert.deepEqual(await onSale(gold.id), [gold.price]);
  await mirrored();
});
