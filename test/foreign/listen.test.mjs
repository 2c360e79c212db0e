// `stripe listen`, the official program, brings the emulator's events to a running daemon over its
// websocket: no webhook endpoint is registered at all.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { after, test } from "node:test";
import Stripe from "stripe";
import { KEY, Place, run, until } from "./place.mjs";

const EVENTS = 25;
const MACHINE = `${process.platform}-${process.arch}`;
const STRIPE =
  MACHINE === "linux-x64" &&
  createRequire(import.meta.url).resolve("@stripe/cli-linux-x64/bin/stripe");
const options = STRIPE ? {} : { skip: `there is no @stripe/cli for ${MACHINE}` };
const place = new Place();
let listener;

const environment = () => ({
  ...place.bareEnv(),
  STRIPE_API_KEY: KEY,
  STRIPE_CLI_TELEMETRY_OPTOUT: "1",
  HTTPS_PROXY: "http://127.0.0.1:9", // whatever it asks of the world outside stays here
});
const listen = ["listen", "--skip-update", "--no-wss", "--all-snapshot", "--api-base"];

after(async () => {
  if (listener) {
    listener.kill("SIGINT");
    await listener.over;
  }
  await place.close();
});

test("stripe_listen_brings_every_event_to_the_mirror", options, async () => {
  const emulator = await place.startEmulator();
  const told = await run(STRIPE, [...listen, emulator.base, "--print-secret"], {
    cwd: place.dir,
    env: environment(),
  });
  const secret = told.out.trim();
  assert.match(secret, /^whsec_[0-9a-f]+$/, told.err);
  const daemon = await place.startDaemon(emulator.base, { STRIPE_WEBHOOK_SECRET: secret });

  let said = "";
  listener = spawn(STRIPE, [...listen, emulator.base, "--forward-to", daemon.webhooks], {
    cwd: place.dir,
    env: environment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  listener.over = new Promise((resolve) => listener.on("close", resolve));
  for (const stream of [listener.stdout, listener.stderr])
    stream.on("data", (chunk) => {
      said += chunk;
    });
  const evidence = () => said;
  await until("it is ready", () => said.includes("Ready!"), evidence);
  assert.ok(said.includes(secret), "every session of an account has the same secret");

  const sdk = new Stripe(KEY, { host: "127.0.0.1", port: emulator.port, protocol: "http" });
  const names = Array.from({ length: EVENTS }, (_, i) => `listened-${i}`);
  await Promise.all(names.map((name) => sdk.products.create({ name })));
  const taken = () => said.match(/\[200\] POST/g)?.length ?? 0;
  await until("every event is forwarded and taken", () => taken() === EVENTS, evidence);

  const events = await emulator.state("event");
  assert.equal(events.length, EVENTS);
  await daemon.idle(EVENTS);
  const inbox = place.rows("select event from _inbox").map((row) => row.event);
  assert.deepEqual(inbox.sort(), events.map((event) => event.id).sort());
  assert.deepEqual(place.differences("product", await emulator.state("product")), []);
  assert.deepEqual((await emulator.admin("GET", "/deliveries")).data, []);
});
