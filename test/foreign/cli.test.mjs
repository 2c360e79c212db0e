// Stripe's own command line plays its triggers against the emulator, whose webhooks fill the
// mirror of a running daemon: every request and every parameter is of somebody else's making.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import Stripe from "stripe";
import { canonical, KEY, Place, run, TYPES, until } from "./place.mjs";

// What the emulator does not have, by the beginning of the names of its events.
const EXCLUDED = {
  "identity.": "Stripe Identity is not emulated",
  issuing_: "Stripe Issuing is not emulated",
  "reporting.": "no reports are written",
  "v1.billing.meter.": "the command line sends these to https://meter-events.stripe.com alone",
};
// Names that are no event types: what is told instead.
const PROMISED = {
  "subscription.payment_failed": "invoice.payment_failed",
  "subscription.payment_succeeded": "invoice.payment_succeeded",
};
// Of one trigger after the other only the machine has anything.
const AT_ONCE = 3;
// The program is inside the package for the machine; npm has that of this version for one alone.
const MACHINE = `${process.platform}-${process.arch}`;
const STRIPE =
  MACHINE === "linux-x64" &&
  createRequire(import.meta.url).resolve("@stripe/cli-linux-x64/bin/stripe");
const options = STRIPE ? {} : { skip: `there is no @stripe/cli for ${MACHINE}` };
const place = new Place();
let emulator, daemon, sdk;

function cli(...args) {
  const env = {
    ...place.bareEnv(),
    STRIPE_API_KEY: KEY,
    STRIPE_CLI_TELEMETRY_OPTOUT: "1",
    HTTPS_PROXY: "http://127.0.0.1:9", // whatever it asks of the world outside stays here
  };
  return run(STRIPE, [...args, "--api-base", emulator.base], { cwd: place.dir, env });
}

async function cliJson(...args) {
  const done = await cli(...args);
  assert.equal(done.code, 0, done.err);
  return JSON.parse(done.out.slice(done.out.indexOf("{"))); // some commands say a sentence first
}

/** Waits until the emulator has delivered what it has to tell, and the daemon has done its work. */
async function settled() {
  const events = await emulator.state("event");
  await until(
    "all is delivered",
    async () =>
      (await emulator.admin("GET", "/deliveries")).data.every((one) => one.state === "done"),
    () => daemon.tail(),
  );
  await daemon.idle(events.length);
  return events;
}

before(async () => {
  if (!STRIPE) return;
  emulator = await place.startEmulator("--retry-ms", "100");
  sdk = new Stripe(KEY, {
    host: "127.0.0.1",
    port: emulator.port,
    protocol: "http",
    telemetry: false,
  });
  // The daemon needs the endpoint's secret to start, the endpoint the daemon's port: made first,
  // told where to deliver afterwards.
  const endpoint = await sdk.webhookEndpoints.create({
    enabled_events: ["*"],
    url: "http://127.0.0.1:9/",
  });
  daemon = await place.startDaemon(emulator.base, { STRIPE_WEBHOOK_SECRET: endpoint.secret });
  await sdk.webhookEndpoints.update(endpoint.id, { url: daemon.webhooks });
  // Transfers and payouts want money that is there.
  await sdk.paymentIntents.create({
    amount: 1_000_000,
    currency: "usd",
    payment_method: "pm_card_bypassPending",
    confirm: true,
  });
});

after(() => place.close());

/** The events that the program itself says it can trigger. */
function triggers() {
  const help = spawnSync(STRIPE, ["trigger", "--help"], { env: place.bareEnv(), encoding: "utf8" });
  const names = help.stdout.match(/^ {2}[a-z]\w*\.[\w.]+$/gm).map((name) => name.trim());
  assert.ok(names.length > 120, help.stdout);
  return names;
}

async function makesThatEvent(name) {
  const type = PROMISED[name] ?? name;
  const before = (await emulator.told()).filter((one) => one === type).length;
  const done = await cli("trigger", name);
  assert.equal(done.code, 0, done.out + done.err);
  await until(
    `${type} is told`,
    async () => (await emulator.told()).filter((one) => one === type).length > before,
  );
}

describe("triggers", { concurrency: AT_ONCE }, () => {
  for (const name of STRIPE ? triggers() : []) {
    const why = Object.entries(EXCLUDED).find(([start]) => name.startsWith(start));
    if (why) continue;
    test(`trigger_${name}_makes_that_event`, () => makesThatEvent(name));
  }
});

test("the_excluded_triggers_are_few", options, () => {
  const without = triggers().filter((name) =>
    Object.keys(EXCLUDED).some((start) => name.startsWith(start)),
  );
  assert.equal(without.length, 18, without.join(" "));
});

/** What Stripe has no event for, so that the sync below brings it: a payment intent's new amount, and an item that its
 *  invoice gave back when that was deleted before anybody had seen it. */
function isUntold(difference, truth) {
  const [, of] = /^invoiceitem (\S+) differs in invoice$/.exec(difference) ?? [];
  const wasGivenBack = truth.some((one) => one.id === of && one.invoice === null);
  return wasGivenBack || /^payment_intent .* differs in amount$/.test(difference);
}

test("every_object_that_the_triggers_made_is_in_the_mirror", options, async () => {
  const events = await settled();
  const arrived = place.rows("select event from _inbox order by event").map((row) => row.event);
  assert.deepEqual(arrived, events.map((event) => event.id).sort());
  let total = 0;
  for (const type of TYPES) {
    // A card of the older kind is a payment method, too, of which no event tells.
    const truth = (await emulator.state(type)).filter(
      (one) => type !== "payment_method" || !one.id.startsWith("card_"),
    );
    total += truth.length;
    const found = place.differences(type, truth).filter((one) => !isUntold(one, truth));
    assert.deepEqual(found, []);
  }
  assert.ok(total > 100, `${total} objects were compared`);
});

test("a_sync_brings_what_no_event_told_of", options, async () => {
  const done = await place.brindle(["sync"], place.env(emulator.base));
  assert.equal(done.code, 0, done.err);
  await daemon.idle();
  for (const type of TYPES)
    assert.deepEqual(place.differences(type, await emulator.state(type)), []);
});

test("a_resent_event_is_counted_and_changes_nothing", options, async () => {
  const [endpoint] = (await sdk.webhookEndpoints.list()).data;
  const event = (await emulator.state("event")).find((one) => one.type === "price.created");
  const before = place.rows("select id, revision from objects order by type, id");
  const done = await cli("events", "resend", event.id, "--webhook-endpoint", endpoint.id);
  assert.equal(done.code, 0, done.err);
  await until(
    "it came again",
    () => place.rows(`select deliveries from _inbox where event = '${event.id}'`)[0].deliveries > 1,
    () => daemon.tail(),
  );
  await daemon.idle();
  assert.deepEqual(place.rows("select id, revision from objects order by type, id"), before);
});

test("the_command_line_reads_what_the_mirror_holds", options, async () => {
  const listed = (await cliJson("customers", "list", "--limit", "100")).data;
  const mirror = place.mirrored("customer");
  const clockless = [...mirror.values()].filter((customer) => !customer.test_clock);
  assert.equal(listed.length, clockless.length); // lists leave out what lives by a test clock
  for (const customer of listed) {
    const got = await cliJson("get", customer.id);
    assert.equal(canonical(got), canonical(customer));
    assert.equal(mirror.get(customer.id).description, customer.description);
  }
});

test("what_the_command_line_deletes_is_a_tombstone", options, async () => {
  const made = await cliJson(
    "customers",
    "create",
    "--email",
    "gone@example.com",
    "-d",
    "metadata[why]=ünïcode & more",
  );
  assert.deepEqual(made.metadata, { why: "ünïcode & more" });
  const gone = await cliJson("customers", "delete", made.id, "--confirm");
  assert.deepEqual(gone, { id: made.id, object: "customer", deleted: true });
  await settled();
  assert.deepEqual(place.rows(`select type, deleted from objects where id = '${made.id}'`), [
    { type: "customer", deleted: 1 },
  ]);
});

async function newInvoice() {
  const { id: customer } = await sdk.customers.create();
  const item = await sdk.invoiceItems.create({ customer, amount: 100, currency: "usd" });
  await settled();
  const invoice = await sdk.invoices.create({ customer, pending_invoice_items_behavior: "include" });
  await settled();
  return { item, invoice };
}

test("a_deleted_invoice_takes_its_lines_along", options, async () => {
  const { invoice } = await newInvoice();
  await sdk.invoices.del(invoice.id);
  await settled();
  assert.equal(place.mirrored("invoice").has(invoice.id), false);
  const lines = [...place.mirrored("line_item").values()];
  assert.deepEqual(lines.filter((line) => line.invoice === invoice.id), []);
});

test("an_invoice_item_knows_the_invoice_that_took_it", options, async () => {
  const { item, invoice } = await newInvoice();
  assert.equal((await sdk.invoiceItems.retrieve(item.id)).invoice, invoice.id);
  assert.equal(place.mirrored("invoiceitem").get(item.id).invoice, invoice.id);
});

test("a_payment_of_an_invoice_is_there_before_it_is_paid", options, async () => {
  const { invoice } = await newInvoice();
  const open = await sdk.invoices.finalizeInvoice(invoice.id, { expand: ["payments"] });
  await settled();
  assert.ok(place.mirrored("invoice_payment").has(open.payments.data[0].id));
});
