// Hi.Events goes live: the test keys become live keys, and what the database remembers of the test
// days stays behind. The application is ours, with Stripe's own SDK and a PostgreSQL; what it says
// when a payment fails is what its users saw: "No such customer".
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import Stripe from "stripe";
import { KEY, Place, Postgres } from "./place.mjs";

const LIVE = KEY.replace("sk_test_", "sk_live_"); // the same account in live mode
const ORGANISER = 1;
const COLUMNS = [
  "accounts.stripe_account_id",
  "stripe_customers.stripe_customer_id=delete",
  "stripe_customers.stripe_account_id",
  "stripe_payments.payment_intent_id",
  "stripe_payments.connected_account_id",
];
const SCHEMA = `
create table accounts (id serial primary key, name text not null, stripe_account_id varchar(255));
create table orders (id serial primary key, account_id integer not null references accounts(id));
create table stripe_customers (id serial primary key, email text not null,
  stripe_customer_id varchar(255) not null unique, stripe_account_id varchar(255));
create table stripe_payments (id serial primary key,
  order_id integer not null references orders(id), payment_intent_id text,
  connected_account_id text);
insert into accounts (name) values ('organiser');`;

/** What Hi.Events does when somebody buys a ticket: customers are looked up by their e-mail. */
class Application {
  constructor(database, port, key, saas) {
    this.database = database;
    this.saas = saas; // APP_SAAS_MODE_ENABLED: organisers have accounts of their own
    this.stripe = new Stripe(key, { host: "127.0.0.1", port, protocol: "http", telemetry: false });
  }

  async connect(organiser) {
    const { id } = await this.stripe.accounts.create({ type: "express" });
    this.database.run(`update accounts set stripe_account_id = '${id}' where id = ${organiser}`);
    return id;
  }

  async customer(email, account) {
    const known = this.database.rows(`select * from stripe_customers where email = '${email}'`);
    if (known.length) return known[0].stripe_customer_id;
    const { id } = await this.stripe.customers.create({ email });
    this.database.run(`insert into stripe_customers (email, stripe_customer_id, stripe_account_id)
      values ('${email}', '${id}', ${account ? `'${account}'` : "null"})`);
    return id;
  }

  async pay(email) {
    const [organiser] = this.database.rows(`select * from accounts where id = ${ORGANISER}`);
    const account = this.saas ? organiser.stripe_account_id : null;
    const customer = await this.customer(email, account);
    const payment = await this.stripe.paymentIntents.create({
      customer,
      amount: 2500,
      currency: "eur",
      ...(account && { transfer_data: { destination: account } }),
    });
    this.database.run(`with o as (insert into orders (account_id) values (${ORGANISER}) returning id)
      insert into stripe_payments (order_id, payment_intent_id, connected_account_id)
      select id, '${payment.id}', ${account ? `'${account}'` : "null"} from o`);
    return payment;
  }
}

const place = new Place();
let database, emulator, settings;

const brindle = async (...args) => {
  const { code, out, err } = await place.brindle(args, settings);
  return { code, err, lines: out.split("\n").filter(Boolean), said: `${out}${err}` };
};
const json = async (...args) => {
  const { code, lines, said } = await brindle(...args, "--json");
  return { code, said, lines: lines.map((line) => JSON.parse(line)) };
};
const everything = () =>
  ["accounts", "orders", "stripe_customers", "stripe_payments"].map((table) =>
    database.rows(`select * from ${table} order by id`),
  );

/** Both environments, as the operator writes them down; the columns are proposed, then declared. */
function configure(columns) {
  const file = path.join(place.dir, "brindle.conf");
  const both = `api_base = ${emulator.base}\nrate_limit = 0\ncatch_up_seconds = 0\n`;
  fs.writeFileSync(
    file,
    `[env test]\nsecret_key = ${KEY}\n${both}
[env live]\nsecret_key = ${LIVE}\n${both}application_database = ${database.url}
application_columns = ${columns.length ? "file:columns.txt" : ""}\n`,
    { mode: 0o600 },
  );
  fs.writeFileSync(path.join(place.dir, "columns.txt"), columns.join("\n"));
  settings = {
    ...place.bareEnv(),
    BRINDLE_CONFIG: file,
    DATABASE_URL: `sqlite:${path.join(place.dir, "data")}`,
    BRINDLE_LISTEN: "127.0.0.1:1", // nobody
  };
}

before(async () => {
  emulator = await place.startEmulator();
  database = new Postgres();
  database.run(SCHEMA);
  configure([]);
});

after(async () => {
  await database?.remove();
  await place.close();
});

describe("an application that goes live with the database of its test days", () => {
  let application, connected, remembered, old;

  test("works_with_test_keys", async () => {
    application = new Application(database, emulator.port, KEY, true);
    connected = await application.connect(ORGANISER);
    for (const who of ["ann", "ben"]) await application.pay(`${who}@example.com`);
    const again = await application.pay("ann@example.com");
    old = database.rows("select * from stripe_customers order by id").map((r) => r.stripe_customer_id);
    assert.equal(old.length, 2);
    assert.equal(again.customer, old[0]);
    assert.equal((await brindle("sync", "--env", "test")).code, 0);
  });

  test("cannot_be_paid_once_only_the_key_is_exchanged", async () => {
    application = new Application(database, emulator.port, LIVE, false);
    await assert.rejects(application.pay("ann@example.com"), (error) => {
      assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError);
      assert.equal(error.code, "resource_missing");
      assert.equal(error.param, "customer");
      assert.match(error.message, new RegExp(`No such customer: '${old[0]}'; a similar object exists in test mode`));
      return true;
    });
    assert.equal((await application.pay("new@example.com")).livemode, true); // whoever is new, can
    remembered = everything();
  });

  test("is_told_apart_from_a_mirror_that_is_clean", async () => {
    assert.equal((await brindle("sync", "--env", "live")).code, 0);
    const { code, said } = await brindle("env", "check", "live");
    assert.equal(code, 0, said);
    assert.match(said, /live mode\): 0 leftovers/);
  });

  test("is_searched_for_columns_that_hold_ids", async () => {
    const { code, lines, said } = await brindle("check", "leftovers", "--env", "live", "--discover");
    assert.equal(code, 0, said);
    const proposed = lines.map((line) => line.replace(/^(application_columns =| )\s*/, ""));
    assert.deepEqual(proposed, COLUMNS.map((column) => column.split("=")[0]));
    configure(COLUMNS);
  });

  test("hears_which_ids_are_left_of_its_test_days", async () => {
    const { code, lines, said } = await json("check", "leftovers", "--env", "live");
    assert.equal(code, 3, said);
    const found = Object.fromEntries(lines.map((line) => [line.column, line]));
    const customers = found["stripe_customers.stripe_customer_id"];
    assert.deepEqual([customers.ids, customers.here, customers.other_mode], [3, 1, 2]);
    assert.deepEqual(customers.examples.map((one) => one.id).sort(), [...old].sort());
    const payments = found["stripe_payments.payment_intent_id"];
    assert.deepEqual([payments.ids, payments.here, payments.other_mode], [4, 1, 3]);
    const account = found["accounts.stripe_account_id"];
    assert.deepEqual(account.examples.map((one) => one.id), [connected]);
    assert.deepEqual(account.dependents, [
      { table: "orders", column: "account_id", rows: 4 },
      { table: "stripe_payments", column: "order_id", rows: 4, through: ["orders"] },
    ]);
    assert.deepEqual(everything(), remembered, "looking has changed something");
  });

  test("hears_it_from_every_look_at_the_environment", async () => {
    const check = await json("env", "check", "live");
    assert.equal(check.code, 3, check.said);
    const found = Object.fromEntries(check.lines.map((one) => [one.column, [one.what, one.ids, one.elsewhere]]));
    assert.deepEqual(found["stripe_customers.stripe_customer_id"], ["application", 3, 2]);
    assert.deepEqual(found["accounts.stripe_account_id"], ["application", 1, 1]);
    const { code, lines, said } = await json("env", "switch", "live", "--from", "test", "--dry-run");
    assert.equal(code, 0, said);
    const left = lines.find((line) => line.step === "leftovers");
    assert.equal(left.outcome, "warning", said);
    assert.match(left.text, /0 in the mirror of live; \d ids of elsewhere in the application's database/);
    assert.match(left.text, /brindle check leftovers --env live/);
    assert.deepEqual(everything(), remembered);
  });

  test("is_mended_at_once_and_keeps_what_was_there", async () => {
    const { code, said } = await brindle("check", "leftovers", "--env", "live", "--apply", "--yes");
    assert.equal(code, 0, said);
    const [accounts, orders, customers, payments] = everything();
    assert.equal(accounts[0].stripe_account_id, null);
    assert.deepEqual(customers.map((row) => row.email), ["new@example.com"]);
    assert.deepEqual([orders.length, payments.length], [4, 4], "orders and payments are never deleted");
    assert.equal(payments.filter((row) => row.payment_intent_id).length, 1);
    assert.equal((await brindle("check", "leftovers", "--env", "live")).code, 0);
  });

  test("is_paid_again_by_a_new_customer_of_the_same_address", async () => {
    const payment = await application.pay("ann@example.com");
    assert.equal(payment.livemode, true);
    assert.ok(!old.includes(payment.customer));
    assert.equal((await application.stripe.customers.retrieve(payment.customer)).email, "ann@example.com");
  });

  test("could_switch_by_one_command", async () => {
    const { code, lines, said } = await json("env", "switch", "live", "--from", "test", "--dry-run");
    assert.equal(code, 0, said);
    const step = Object.fromEntries(lines.map((line) => [line.step, line]));
    assert.equal(step.preflight.outcome, "ok");
    assert.match(step.preflight.text, /in live mode; it takes over from test/);
    assert.equal(step.sealed.outcome, "planned");
    assert.equal(step.leftovers.outcome, "ok");
    const { lines: envs } = await json("env", "list");
    assert.deepEqual(envs.map((env) => env.state), ["open", "open"], "the dry run has sealed");
  });
});
