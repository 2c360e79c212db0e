// MIRROR-13. Events of every API version that Stripe's SDK declares, about what Stripe's own
// command line makes, signed by the SDK: whatever their bodies say, the mirror is what the API
// answers in the one version that it is pinned to.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import Stripe from "stripe";
import { HERE, KEY, Place, run, TYPES } from "./place.mjs";

const SECRET = "whsec_foreign"; // of place.env
const DECLARED = "node_modules/stripe/esm/resources/WebhookEndpoints.d.ts";
const MADE_BY = ["customer.subscription.created", "charge.refunded", "invoice.paid", "price.updated"];
const MACHINE = `${process.platform}-${process.arch}`;
const CLI =
  MACHINE === "linux-x64" &&
  createRequire(import.meta.url).resolve("@stripe/cli-linux-x64/bin/stripe");
const options = CLI ? {} : { skip: `there is no @stripe/cli for ${MACHINE}` };
const place = new Place();
let emulator, daemon, sdk;

/** All versions that an endpoint can be given, oldest first. */
function declaredVersions() {
  const text = fs.readFileSync(path.join(HERE, DECLARED), "utf8");
  const [, union] = /type ApiVersion = ([^;]+);/.exec(text);
  return [...union.matchAll(/'([^']+)'/g)].map((match) => match[1]);
}

/** What the bodies of older versions had besides, or otherwise. */
function asIn(version, object) {
  const old = structuredClone(object);
  if (version < "2025-03-31") {
    if (old.object === "subscription")
      Object.assign(old, { current_period_end: 2, plan: { id: "plan_older", object: "plan" } });
    if (old.object === "invoice")
      Object.assign(old, { subscription: "sub_older", charge: "ch_older" });
  }
  const list = (url) => ({ object: "list", data: [], has_more: true, url });
  if (version < "2022-11-15" && old.object === "charge")
    old.refunds = list(`/v1/charges/${old.id}/refunds`);
  if (version < "2020-08-27" && old.object === "customer")
    for (const name of ["sources", "subscriptions", "tax_ids"])
      old[name] = list(`/v1/customers/${old.id}/${name}`);
  if (version < "2019-10-17" && "collection_method" in old) {
    old.billing = old.collection_method;
    delete old.collection_method;
  }
  if (version < "2018-02-28" && old.object === "product") old.skus = { object: "list", data: [] };
  if (version < "2014-12-17" && old.object === "customer") old.cards = { object: "list", data: [] };
  return old;
}

function bodyOf(version, told, n) {
  return {
    ...told,
    id: `evt_${n}_${version}`,
    api_version: version,
    request: version < "2017-05-25" ? null : told.request,
    data: { object: asIn(version, told.data.object) },
  };
}

function thinTwin(told, n) {
  const { id, object: type } = told.data.object;
  return {
    id: `evt_${n}_thin`,
    object: "v2.core.event",
    type: `v1.${told.type}`,
    created: new Date(told.created * 1000).toISOString(),
    livemode: false,
    related_object: { id, type, url: `/v1/${type}s/${id}` },
  };
}

async function post(body) {
  const payload = JSON.stringify(body, null, 2);
  const header = sdk.webhooks.generateTestHeaderString({ payload, secret: SECRET });
  const answer = await daemon.deliver(payload, header);
  assert.equal(answer.status, 200, `${body.id}: ${answer.text}`);
  return payload;
}

before(async () => {
  if (!CLI) return;
  emulator = await place.startEmulator();
  sdk = new Stripe(KEY, {
    host: "127.0.0.1",
    port: emulator.port,
    protocol: "http",
    telemetry: false,
  });
  daemon = await place.startDaemon(emulator.base);
  const env = {
    ...place.bareEnv(),
    STRIPE_API_KEY: KEY,
    STRIPE_CLI_TELEMETRY_OPTOUT: "1",
    HTTPS_PROXY: "http://127.0.0.1:9", // whatever it asks of the world outside stays here
  };
  for (const name of MADE_BY) {
    const args = ["trigger", name, "--api-base", emulator.base];
    const done = await run(CLI, args, { cwd: place.dir, env });
    assert.equal(done.code, 0, done.err);
  }
});

after(() => place.close());

test("MIRROR-13_events_of_every_declared_version_lead_to_the_same_mirror", options, async () => {
  const versions = declaredVersions();
  assert.ok(versions.length > 100 && versions.includes("2017-12-14"), `${versions}`);
  const events = (await emulator.state("event")).filter((told) => told.data.object.id);
  assert.ok(events.length > 20, `${events.length} events`);
  const sent = new Map();
  let n = 0;
  for (const told of events) {
    const version = versions[n % versions.length];
    for (const body of [bodyOf(version, told, n), thinTwin(told, n)])
      sent.set(body.id, await post(body));
    n++;
  }
  const [subject] = events.filter((told) => told.data.object.object === "subscription");
  for (const version of versions) {
    const body = bodyOf(version, subject, "sub");
    sent.set(body.id, await post(body));
  }
  await daemon.idle(sent.size);
  for (const type of TYPES)
    assert.deepEqual(place.differences(type, await emulator.state(type)), [], type);
  const kept = new Map();
  for (const row of place.rows("select event, body from _inbox")) kept.set(row.event, row.body);
  for (const [id, payload] of sent) assert.equal(kept.get(id), payload, `${id} is kept as it came`);
  assert.deepEqual(
    place.rows("select distinct api_version as v from objects").map((row) => row.v),
    ["2026-10-28.endive"],
  );
  assert.deepEqual(place.rows("select id from objects where id like '%_older'"), []);
  assert.deepEqual(place.rows("select to_id from _refs where to_id like '%_older'"), []);
});
