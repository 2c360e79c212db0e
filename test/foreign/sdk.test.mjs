// Stripe's own SDK for Node as the client of the emulator, as the sender of what the daemon
// verifies, and as the verifier of what the emulator sends.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import Stripe from "stripe";
import { canonical, KEY, Place, TYPES, until } from "./place.mjs";

const place = new Place();
const SECRETS = ["whsec_first_of_them", "whsec_second", "whsec_third_and_last"];
let emulator, daemon, stripe;

function client(options = {}) {
  return new Stripe(options.key ?? KEY, {
    host: "127.0.0.1",
    port: emulator.port,
    protocol: "http",
    telemetry: false,
    ...options.config,
  });
}

before(async () => {
  emulator = await place.startEmulator();
  daemon = await place.startDaemon(emulator.base, { STRIPE_WEBHOOK_SECRET: SECRETS.join(",") });
  stripe = client();
});

after(() => place.close());

/** What a promise is rejected with; it must be of this class of the SDK's. */
async function refusal(name, promise) {
  const error = await promise.then(
    () => assert.fail(`a ${name} was expected`),
    (why) => why,
  );
  assert.ok(error instanceof Stripe.errors[name], `${error.constructor.name}: ${error.message}`);
  return error;
}

/** Runs a function while products cannot be made undisturbed, and tells how often it was tried. */
async function during(fault, work) {
  const { total } = await emulator.requests({ method: "NONE" });
  await emulator.fault(`${fault};method=POST;path=/v1/products`);
  try {
    return {
      result: await work(),
      asked: (await emulator.requests({ method: "POST", path: "/v1/products" }, total)).data,
    };
  } finally {
    await emulator.noFaults();
  }
}

describe("what the SDK signs", () => {
  const sign = (payload, secret, more) =>
    Stripe.webhooks.generateTestHeaderString({ payload, secret, ...more });
  let product, payload;

  before(async () => {
    product = await stripe.products.create({ name: "Signed", metadata: { where: "mirror" } });
    const event = (await stripe.events.list({ type: "product.created", limit: 1 })).data[0];
    payload = JSON.stringify(event, null, 2); // as Stripe sends it
  });

  const known = () => place.rows("select event, secret, deliveries from _inbox");
  async function refused(signature, reason, body = payload) {
    const count = known().length;
    const answer = await daemon.deliver(body, signature);
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.text, new RegExp(`"${reason}"`));
    assert.equal(known().length, count, "nothing was stored");
  }

  test("is_refused_when_no_secret_of_ours_made_it", async () => {
    await refused(sign(payload, "whsec_somebody_elses"), "signature_mismatch");
    await refused(sign(payload, SECRETS[0].toUpperCase()), "signature_mismatch");
  });

  test("is_refused_when_a_byte_is_another", () =>
    refused(sign(payload, SECRETS[0]), "signature_mismatch", payload.replace("Signed", "Forged")));

  test("is_refused_when_it_is_old_or_of_another_scheme_or_missing", async () => {
    const now = Math.floor(Date.now() / 1000);
    await refused(sign(payload, SECRETS[0], { timestamp: now - 301 }), "timestamp_too_old");
    await refused(sign(payload, SECRETS[0], { scheme: "v0" }), "signature_scheme_missing");
    await refused(undefined, "signature_missing");
    await refused("v1=00", "signature_malformed");
  });

  test("is_taken_with_each_of_our_secrets", async () => {
    for (const [i, secret] of SECRETS.entries()) {
      const answer = await daemon.deliver(payload, sign(payload, secret));
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(
        known().map((row) => row.deliveries),
        [i + 1],
      );
    }
  });

  test("is_taken_with_two_signatures_of_a_rolled_secret", async () => {
    const timestamp = Math.floor(Date.now() / 1000);
    const [, stranger] = sign(payload, "whsec_new", { timestamp }).split(",");
    const answer = await daemon.deliver(
      payload,
      `${sign(payload, SECRETS[1], { timestamp })},${stranger}`,
    );
    assert.equal(answer.status, 200, answer.text);
  });

  test("ends_in_the_mirror", async () => {
    await daemon.idle(1);
    const got = place.mirrored("product").get(product.id);
    assert.equal(canonical(got), canonical(await stripe.products.retrieve(product.id)));
  });
});

describe("what the emulator delivers", () => {
  const heard = []; // {body, signature}
  let receiver, endpoint;

  before(async () => {
    receiver = http.createServer((request, answer) => {
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => {
        heard.push({ body: Buffer.concat(chunks), signature: request.headers["stripe-signature"] });
        answer.end();
      });
    });
    await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    endpoint = await stripe.webhookEndpoints.create({
      url: `http://127.0.0.1:${receiver.address().port}/hook`,
      enabled_events: ["customer.created", "customer.updated"],
    });
  });

  after(async () => {
    await stripe.webhookEndpoints.del(endpoint.id);
    receiver.closeAllConnections();
    receiver.close();
  });

  async function next(change) {
    const count = heard.length;
    const object = await change();
    await until("a webhook came", () => heard.length > count);
    return { object, ...heard[count] };
  }

  test("is_verified_by_the_SDK", async () => {
    const { object, body, signature } = await next(() =>
      stripe.customers.create({ name: "Zoë – “quoted” \\ 🦔", email: "z@example.com" }),
    );
    const event = stripe.webhooks.constructEvent(body, signature, endpoint.secret);
    assert.equal(event.type, "customer.created");
    assert.equal(canonical(event.data.object), canonical(object));
    assert.deepEqual(
      await stripe.webhooks.constructEventAsync(body, signature, endpoint.secret),
      event,
    );
    const told = await stripe.events.retrieve(event.id);
    assert.equal(canonical(told.data), canonical(event.data));
  });

  test("tells_what_was_before", async () => {
    const { id } = await stripe.customers.create({ name: "Before" });
    await until("the creation was told", () => heard.some(({ body }) => body.includes(id)));
    const { body, signature } = await next(() => stripe.customers.update(id, { name: "After" }));
    const event = stripe.webhooks.constructEvent(body, signature, endpoint.secret);
    assert.equal(event.type, "customer.updated");
    assert.equal(event.data.object.name, "After");
    assert.equal(event.data.previous_attributes.name, "Before");
  });

  test("is_refused_by_the_SDK_with_another_secret_or_byte", () => {
    const { body, signature } = heard[0];
    const tampered = Buffer.from(body.toString().replace("z@example.com", "y@example.com"));
    for (const [what, secret] of [
      [body, "whsec_wrong"],
      [tampered, endpoint.secret],
    ])
      assert.throws(
        () => stripe.webhooks.constructEvent(what, signature, secret),
        Stripe.errors.StripeSignatureVerificationError,
      );
  });
});

describe("objects", () => {
  test("keep_what_the_SDK_says", async () => {
    const product = await stripe.products.create({
      name: "50 % off & more = “ü” +1",
      description: "line\nbreak",
      active: true,
      images: ["https://e.example/a.png"],
      metadata: { "a key": "1 & 2", empty: "x" },
      default_price_data: {
        currency: "eur",
        unit_amount: 1999,
        recurring: { interval: "month", interval_count: 3 },
      },
      expand: ["default_price"],
    });
    assert.equal(product.name, "50 % off & more = “ü” +1");
    assert.equal(product.description, "line\nbreak");
    assert.deepEqual(product.images, ["https://e.example/a.png"]);
    assert.deepEqual(product.metadata, { "a key": "1 & 2", empty: "x" });
    assert.equal(product.default_price.unit_amount, 1999);
    assert.equal(product.default_price.recurring.interval_count, 3);
    assert.equal(product.default_price.product, product.id);

    const changed = await stripe.products.update(product.id, {
      description: "",
      metadata: { empty: "", more: "y" },
    });
    assert.equal(changed.description, null);
    assert.deepEqual(changed.metadata, { "a key": "1 & 2", more: "y" });
    assert.equal(canonical(await stripe.products.retrieve(product.id)), canonical(changed));
  });

  test("keep_decimal_amounts", async () => {
    const { id } = await stripe.products.create({ name: "Cheap" });
    const price = await stripe.prices.create({
      product: id,
      currency: "usd",
      unit_amount_decimal: "0.000123456789",
    });
    assert.equal(price.unit_amount, null);
    assert.equal(String(price.unit_amount_decimal), "0.000123456789");
  });

  test("are_gone_when_they_are_deleted", async () => {
    const { id } = await stripe.customers.create();
    assert.deepEqual(await stripe.customers.del(id), { id, object: "customer", deleted: true });
    assert.deepEqual(await stripe.customers.retrieve(id), {
      id,
      object: "customer",
      deleted: true,
    });
    const product = await stripe.products.create({ name: "Gone" });
    await stripe.products.del(product.id);
    const error = await refusal("StripeInvalidRequestError", stripe.products.retrieve(product.id));
    assert.equal(error.code, "resource_missing");
  });

  test("of_two_accounts_and_modes_are_apart", async () => {
    const { id } = await stripe.customers.create();
    const live = client({ key: KEY.replace("test", "live") }),
      other = client({ key: "sk_test_another0123456789" });
    const accounts = await Promise.all(
      [stripe, live, other].map((one) => one.accounts.retrieveCurrent()),
    );
    assert.equal(accounts[0].id, accounts[1].id);
    assert.notEqual(accounts[0].id, accounts[2].id);
    assert.deepEqual(
      (await Promise.all([stripe, live].map((one) => one.balance.retrieve()))).map(
        (b) => b.livemode,
      ),
      [false, true],
    );
    assert.match(
      (await refusal("StripeInvalidRequestError", live.customers.retrieve(id))).message,
      /exists in test mode/,
    );
    assert.doesNotMatch(
      (await refusal("StripeInvalidRequestError", other.customers.retrieve(id))).message,
      /exists in/,
    );
  });
});

describe("lists", () => {
  const COUNT = 130;
  let truth; // newest first

  before(async () => {
    const { id } = await stripe.products.create({ name: "Listed" });
    for (let i = 0; i < COUNT; i++)
      await stripe.customers.create({ name: `Listed ${i}`, metadata: { i } });
    for (let i = 0; i < 25; i++)
      await stripe.prices.create({
        product: id,
        currency: "usd",
        unit_amount: i,
        active: i % 5 !== 0,
      });
    truth = (await emulator.state("customer")).filter((customer) => !customer.deleted).reverse();
  });

  const same = (got, want) => assert.deepEqual(got.map(canonical), want.map(canonical));
  async function all(list) {
    const got = [];
    for await (const object of list) got.push(object);
    return got;
  }

  for (const limit of [3, 100, undefined])
    test(`are_walked_to_the_older_end_${limit ?? "ten"}_by_${limit ?? "ten"}`, async () =>
      same(await all(stripe.customers.list({ limit })), truth));

  test("are_walked_to_the_newer_end", async () => {
    const oldest = truth.at(-1).id;
    for (const limit of [7, 100])
      same(
        await all(stripe.customers.list({ limit, ending_before: oldest })),
        truth.slice(0, -1).reverse(),
      );
  });

  test("are_walked_from_the_middle_both_ways", async () => {
    const middle = truth[60].id;
    same(await all(stripe.customers.list({ limit: 11, starting_after: middle })), truth.slice(61));
    same(
      await all(stripe.customers.list({ limit: 11, ending_before: middle })),
      truth.slice(0, 60).reverse(),
    );
  });

  test("end_when_there_is_no_more", async () => {
    const page = await stripe.customers.list({
      limit: 100,
      starting_after: truth[COUNT - 100 - 1].id,
    });
    const rest = truth.length - (COUNT - 100);
    assert.equal(page.data.length, Math.min(rest, 100));
    assert.equal(page.has_more, rest > 100);
    assert.equal(page.url, "/v1/customers");
    const none = await stripe.customers.list({ starting_after: truth.at(-1).id });
    assert.deepEqual([none.data.length, none.has_more], [0, false]);
  });

  test("show_what_a_filter_lets_through", async () => {
    const prices = (await emulator.state("price")).reverse();
    for (const active of [true, false])
      same(
        await all(stripe.prices.list({ active, limit: 4 })),
        prices.filter((price) => price.active === active),
      );
    const created = { gte: truth[40].created, lt: truth[0].created + 1 };
    same(
      await all(stripe.customers.list({ created, limit: 50 })),
      truth.filter((one) => one.created >= created.gte),
    );
    same(await all(stripe.customers.list({ created: { gt: truth[0].created } })), []);
  });

  test("of_events_tell_of_everything", async () => {
    const events = await all(
      stripe.events.list({ types: ["customer.created", "customer.deleted"], limit: 100 }),
    );
    const created = events
      .filter((event) => event.type === "customer.created")
      .map((event) => event.data.object.id);
    const deleted = events
      .filter((event) => event.type === "customer.deleted")
      .map((event) => event.data.object.id);
    assert.deepEqual(
      created.filter((id) => !deleted.includes(id)),
      truth.map((customer) => customer.id),
    );
  });

  test("refuse_what_makes_no_sense", async () => {
    const unknown = await refusal(
      "StripeInvalidRequestError",
      stripe.customers.list({ starting_after: "cus_nope" }),
    );
    assert.deepEqual(
      [unknown.statusCode, unknown.code, unknown.param],
      [400, "resource_missing", "starting_after"],
    );
    const both = stripe.customers.list({ starting_after: truth[5].id, ending_before: truth[9].id });
    assert.match((await refusal("StripeInvalidRequestError", both)).message, /only one/);
  });
});

describe("expand", () => {
  let product;

  before(async () => {
    product = await stripe.products.create({
      name: "Expanded",
      default_price_data: { currency: "usd", unit_amount: 5 },
    });
  });

  test("gives_objects_for_ids", async () => {
    const price = await stripe.prices.retrieve(product.default_price, {
      expand: ["product.default_price", "currency_options"],
    });
    assert.equal(price.product.id, product.id);
    assert.equal(price.product.default_price.id, price.id);
    assert.equal(price.product.default_price.product, product.id);
    assert.equal(price.currency_options.usd.unit_amount, 5);
    assert.ok(!("currency_options" in (await stripe.prices.retrieve(price.id))));
  });

  test("reaches_into_lists_on_every_page", async () => {
    for await (const one of stripe.prices.list({ limit: 3, expand: ["data.product"] }))
      assert.equal(one.product.object, "product");
  });

  test("is_refused_where_there_is_nothing_to_expand", async () => {
    const error = await refusal(
      "StripeInvalidRequestError",
      stripe.products.retrieve(product.id, { expand: ["metadata"] }),
    );
    assert.equal(error.statusCode, 400);
    assert.match(error.message, /This property cannot be expanded/);
  });
});

describe("money", () => {
  let customer, price;

  before(async () => {
    customer = await stripe.customers.create({
      email: "buyer@example.com",
      payment_method: "pm_card_visa",
      invoice_settings: { default_payment_method: "pm_card_visa" },
    });
    const product = await stripe.products.create({
      name: "Pro",
      default_price_data: { currency: "usd", unit_amount: 2000, recurring: { interval: "month" } },
    });
    price = product.default_price;
  });

  test("comes_with_a_subscription", async () => {
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price, quantity: 2 }],
      metadata: { plan: "pro" },
      expand: ["latest_invoice.payments", "default_payment_method", "items.data.price.product"],
    });
    assert.equal(subscription.status, "active");
    assert.equal(subscription.items.data[0].price.product.name, "Pro");
    const { latest_invoice: invoice } = subscription;
    assert.deepEqual([invoice.status, invoice.total, invoice.amount_remaining], ["paid", 4000, 0]);
    assert.equal(invoice.parent.subscription_details.subscription, subscription.id);
    const intent = await stripe.paymentIntents.retrieve(
      invoice.payments.data[0].payment.payment_intent,
      { expand: ["latest_charge.balance_transaction"] },
    );
    assert.deepEqual([intent.status, intent.amount_received], ["succeeded", 4000]);
    const { amount, fee, net } = intent.latest_charge.balance_transaction;
    assert.deepEqual([amount, net], [4000, 4000 - fee]);

    const canceled = await stripe.subscriptions.cancel(subscription.id);
    assert.equal(canceled.status, "canceled");
    const ids = async (params) =>
      (await stripe.subscriptions.list({ customer: customer.id, ...params })).data.map(
        (one) => one.id,
      );
    assert.deepEqual(await ids(), []);
    assert.deepEqual(await ids({ status: "all" }), [subscription.id]);
  });

  test("goes_back_with_a_refund", async () => {
    const intent = await stripe.paymentIntents.create({
      amount: 1500,
      currency: "usd",
      customer: customer.id,
      payment_method: "pm_card_visa",
      confirm: true,
      off_session: true,
    });
    const part = await stripe.refunds.create({ payment_intent: intent.id, amount: 500 });
    assert.deepEqual([part.status, part.amount], ["succeeded", 500]);
    const too = await refusal(
      "StripeInvalidRequestError",
      stripe.refunds.create({ payment_intent: intent.id, amount: 1001 }),
    );
    assert.equal(too.statusCode, 400);
    await stripe.refunds.create({ payment_intent: intent.id });
    const charge = await stripe.charges.retrieve(intent.latest_charge);
    assert.deepEqual([charge.refunded, charge.amount_refunded], [true, 1500]);
  });

  test("does_not_come_from_a_card_that_is_declined", async () => {
    const pay = stripe.paymentIntents.create({
      amount: 1500,
      currency: "usd",
      payment_method: "pm_card_chargeDeclined",
      payment_method_types: ["card"],
      confirm: true,
    });
    const error = await refusal("StripeCardError", pay);
    assert.deepEqual(
      [error.statusCode, error.code, error.decline_code],
      [402, "card_declined", "generic_decline"],
    );
    assert.equal(error.payment_intent.status, "requires_payment_method");
    const intent = await stripe.paymentIntents.retrieve(error.payment_intent.id);
    assert.equal(intent.last_payment_error.code, "card_declined");
    assert.equal((await stripe.charges.retrieve(intent.latest_charge)).status, "failed");
  });

  test("moves_by_an_invoice_of_its_own", async () => {
    await stripe.invoiceItems.create({
      customer: customer.id,
      amount: 700,
      currency: "usd",
      description: "Work",
    });
    const draft = await stripe.invoices.create({
      customer: customer.id,
      pending_invoice_items_behavior: "include",
    });
    assert.deepEqual([draft.status, draft.amount_due], ["draft", 700]);
    const open = await stripe.invoices.finalizeInvoice(draft.id);
    assert.equal(open.status, "open");
    const paid = await stripe.invoices.pay(draft.id, { expand: ["payments"] });
    assert.deepEqual([paid.status, paid.amount_paid], ["paid", 700]);
    const lines = [];
    for await (const line of stripe.invoices.listLineItems(draft.id, { limit: 1 }))
      lines.push(line.description);
    assert.deepEqual(lines, ["Work"]);
    await refusal("StripeInvalidRequestError", stripe.invoices.voidInvoice(draft.id));
  });
});

describe("idempotency", () => {
  const replayed = (object) => object.lastResponse.headers["idempotent-replayed"];

  test("answers_a_repetition_with_the_first_answer", async () => {
    const first = await stripe.products.create({ name: "Once" }, { idempotencyKey: "once" });
    const again = await stripe.products.create({ name: "Once" }, { idempotencyKey: "once" });
    assert.equal(again.id, first.id);
    assert.equal(replayed(first), undefined);
    assert.equal(replayed(again), "true");
    assert.equal(again.lastResponse.idempotencyKey, "once");
    assert.equal((await emulator.state("product")).filter((one) => one.name === "Once").length, 1);
  });

  test("refuses_a_known_key_for_another_request", async () => {
    const { id } = await stripe.products.create({ name: "First" }, { idempotencyKey: "mine" });
    const otherParams = await refusal(
      "StripeIdempotencyError",
      stripe.products.create({ name: "Second" }, { idempotencyKey: "mine" }),
    );
    assert.equal(otherParams.statusCode, 400);
    assert.match(otherParams.message, /same parameters/);
    const otherPath = await refusal(
      "StripeIdempotencyError",
      stripe.products.update(id, { name: "First" }, { idempotencyKey: "mine" }),
    );
    assert.match(otherPath.message, /same endpoint/);
  });

  test("finds_what_was_made_when_the_answer_was_cut_off", async () => {
    const create = () => stripe.products.create({ name: "Cut off" }, { idempotencyKey: "cut" });
    const { asked } = await during("cut;cut_at=20;effect=after", () =>
      refusal("StripeConnectionError", create()),
    );
    assert.equal(asked.length, 1, "the SDK repeats no request whose answer had begun");
    const product = await create();
    assert.equal(replayed(product), "true");
    assert.deepEqual(
      (await emulator.state("product"))
        .filter((one) => one.name === "Cut off")
        .map((one) => one.id),
      [product.id],
    );
  });

  test("repeats_a_refusal_too", async () => {
    const { id } = await stripe.products.create({
      name: "Refused",
      default_price_data: { currency: "usd", unit_amount: 1 },
    });
    const { default_price: price } = await stripe.products.retrieve(id);
    const archive = () =>
      stripe.prices.update(price, { active: false }, { idempotencyKey: "archive" });
    const first = await refusal("StripeInvalidRequestError", archive());
    await stripe.products.update(id, { default_price: "" });
    const again = await refusal("StripeInvalidRequestError", archive());
    assert.equal(again.message, first.message);
    assert.equal(again.headers["idempotent-replayed"], "true");
    assert.equal((await stripe.prices.update(price, { active: false })).active, false);
  });
});

describe("errors have the SDK's class", () => {
  test("of_a_request_that_makes_no_sense", async () => {
    const missing = await refusal(
      "StripeInvalidRequestError",
      stripe.customers.retrieve("cus_nope"),
    );
    assert.deepEqual(
      [missing.statusCode, missing.code, missing.param],
      [404, "resource_missing", "id"],
    );
    assert.equal(missing.message, "No such customer: 'cus_nope'");
    assert.match(missing.requestId, /^req_/);
    const unknown = await refusal(
      "StripeInvalidRequestError",
      stripe.customers.create({ colour: "red" }),
    );
    assert.deepEqual(
      [unknown.statusCode, unknown.code, unknown.param],
      [400, "parameter_unknown", "colour"],
    );
    const absent = await refusal("StripeInvalidRequestError", stripe.products.create({}));
    assert.deepEqual(
      [absent.statusCode, absent.code, absent.param],
      [400, "parameter_missing", "name"],
    );
    const url = await refusal(
      "StripeInvalidRequestError",
      stripe.rawRequest("GET", "/v1/nothing_of_the_kind"),
    );
    assert.equal(url.statusCode, 404);
    assert.match(url.message, /^Unrecognized request URL \(GET: \/v1\/nothing_of_the_kind\)/);
  });

  test("of_a_key_that_is_none", async () => {
    const error = await refusal(
      "StripeAuthenticationError",
      client({ key: "nonsense" }).balance.retrieve(),
    );
    assert.equal(error.statusCode, 401);
    assert.doesNotMatch(error.message, /nonsense/);
  });

  for (const [fault, name, status] of [
    ["permission", "StripePermissionError", 403],
    ["rate_limit", "StripeRateLimitError", 429],
    ["lock_timeout", "StripeRateLimitError", 429],
    ["in_use", "StripeAPIError", 409],
    ["error", "StripeAPIError", 500],
    ["bad_gateway", "StripeAPIError", undefined],
    ["reset", "StripeConnectionError", undefined],
  ])
    test(`of_the_fault_${fault}`, async () => {
      const once = client({ config: { maxNetworkRetries: 0 } });
      const count = fault === "reset" ? 2 : 1; // the SDK tries a reset connection once more
      await during(`${fault};count=${count}`, async () => {
        const error = await refusal(name, once.products.create({ name: "Never" }));
        assert.equal(error.statusCode, status);
      });
    });
});

describe("the SDK's retries", () => {
  for (const [fault, attempts] of [
    ["reset;count=2", 3],
    ["error;count=2", 3],
    ["bad_gateway;count=2", 3],
    ["in_use;count=1", 2],
    ["reset;effect=after;count=1", 2],
    ["error;effect=after;count=1", 2],
  ])
    test(`end_well_after_${fault.replaceAll(/\W/g, "_")}`, async () => {
      const name = `Retried ${fault}`;
      const { result, asked } = await during(fault, () => stripe.products.create({ name }));
      assert.equal(result.name, name);
      assert.equal(asked.length, attempts);
      assert.equal(new Set(asked.map((one) => one.idempotency_key)).size, 1);
      assert.match(asked[0].idempotency_key, /^stripe-node-retry-/);
      assert.equal((await emulator.state("product")).filter((one) => one.name === name).length, 1);
    });

  for (const fault of ["rate_limit", "lock_timeout", "permission", "error;should_retry=false"])
    test(`are_none_after_${fault.replaceAll(/\W/g, "_")}`, async () => {
      const { asked } = await during(fault, () =>
        refusal("StripeError", stripe.products.create({ name: "Never" })),
      );
      assert.equal(asked.length, 1);
    });
});

test("all_that_the_SDK_made_is_mirrored_by_a_sync_of_the_daemon", async () => {
  const done = await place.brindle(["sync"], place.env(emulator.base));
  assert.equal(done.code, 0, `${done.err}\n${canonical(place.due())}\n${daemon.tail()}`);
  await daemon.idle();
  for (const type of TYPES)
    assert.deepEqual(place.differences(type, await emulator.state(type)), []);
});
