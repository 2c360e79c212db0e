// A place where a foreign program meets Brindle: an emulator, a daemon and a mirror in a folder of
// its own. Real processes and real sockets on loopback, ports that the system chose. Nothing here
// asserts a duration; what must come to pass is waited for, up to PATIENCE_MS.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.resolve(HERE, "../..");
const BRINDLE = process.env.BRINDLE || path.join(ROOT, "build", "brindle");
const PATIENCE_MS = 300_000;
const TABLE_BYTES_MAX = 256 << 20;

export const KEY = "sk_test_foreign0123456789";
export const TOKEN = "foreign-token-0123456789";

if (!fs.existsSync(BRINDLE)) throw new Error(`${BRINDLE} is not there: build it, or set BRINDLE`);

const children = new Set();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** Takes with it what a test leaves behind when it is killed: a script that waits until our end of
 * its pipe closes, however this process ends. Nobody inherits that end. */
class Guard {
  constructor(file, args) {
    const stdio = ["pipe", "ignore", "ignore"];
    this.process = spawn(file, args, { cwd: "/", stdio, detached: true });
    this.process.stdin.on("error", () => {}); // it has ended before us
    this.ended = new Promise((resolve) => this.process.on("close", resolve));
    this.process.unref();
    this.process.stdin.unref?.();
  }

  /** Its pid may be given to somebody else one day: the time of its start goes with it. */
  watch(child) {
    try {
      const stat = fs.readFileSync(`/proc/${child.pid}/stat`, "utf8");
      this.process.stdin.write(`${child.pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}\n`);
    } catch {
      // it has ended already
    }
  }

  end() {
    this.process.ref();
    this.process.stdin.end();
    return this.ended;
  }
}

const GUARD = path.join(ROOT, "tools", "guard.sh");
/** The same for a PostgreSQL, which ends its own processes when it is asked to. */
const GUARD_POSTGRES = `cat; pid=$(head -1 "$1/data/postmaster.pid") && kill -QUIT "$pid" &&
while kill -0 "$pid"; do sleep 0.05; done; rm -rf "$1"`;

/** Asks until the answer is true, and returns it. `evidence` says more when it never is. */
export async function until(what, question, evidence = () => "") {
  const end = Date.now() + PATIENCE_MS;
  for (let pause = 5; ; pause = Math.min(pause * 1.5, 100)) {
    const answer = await question();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}\n${evidence()}`);
    await sleep(pause);
  }
}

/** One request. Resolves to {status, headers, text}, rejects when no answer came. */
export function ask(port, method, target, { body, headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: "127.0.0.1", port, method, path: target, headers, timeout: PATIENCE_MS },
      (answer) => {
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: answer.statusCode, headers: answer.headers, text });
        });
      },
    );
    request.on("timeout", () => request.destroy(new Error(`${target} did not answer`)));
    request.on("error", reject);
    request.end(body);
  });
}

export async function askJson(port, method, target, options) {
  const { status, text } = await ask(port, method, target, options);
  if (status !== 200)
    throw new Error(`${method} ${target} answered ${status}: ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

/** Runs a command to its end: {code, out, err}. */
export function run(file, args, { cwd, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const patience = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    let out = "",
      err = "";
    children.add(child);
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    child.on("error", (why) => {
      clearTimeout(patience);
      reject(why);
    });
    child.on("close", (code, signal) => {
      clearTimeout(patience);
      children.delete(child);
      resolve({ code: code ?? signal, out, err });
    });
  });
}

/** A process that says on its first line of stdout, as JSON, at which port it listens. */
class Server {
  constructor(place, name, args, env) {
    this.log = path.join(place.dir, `${name}.log`);
    const log = fs.openSync(this.log, "a");
    this.child = spawn(BRINDLE, args, { cwd: place.dir, env, stdio: ["ignore", "pipe", log] });
    fs.closeSync(log);
    children.add(this.child);
    place.guard.watch(this.child);
    this.ended = new Promise((resolve) => {
      this.child.on("error", (why) => resolve(why.message));
      this.child.on("close", (code, signal) => resolve(code ?? signal));
    });
    this.ended.then((how) => {
      children.delete(this.child);
      this.how = how;
    });
  }

  tail() {
    return fs.existsSync(this.log) ? fs.readFileSync(this.log, "utf8").slice(-2000) : "";
  }

  async listening() {
    let said = "";
    this.child.stdout.on("data", (chunk) => {
      said += chunk;
    });
    await until(
      "it listens",
      () => said.includes("\n") || this.how !== undefined,
      () => this.tail(),
    );
    if (this.how !== undefined)
      throw new Error(`${this.child.spawnargs.join(" ")} ended with ${this.how}: ${this.tail()}`);
    this.port = JSON.parse(said.split("\n")[0]).port;
    return this;
  }

  async stop() {
    this.child.kill("SIGTERM");
    const how = await this.ended;
    if (how !== 0)
      throw new Error(`${this.child.spawnargs.join(" ")} ended with ${how}: ${this.tail()}`);
  }
}

class Emulator extends Server {
  get base() {
    return `http://127.0.0.1:${this.port}`;
  }

  admin(method, target, document, account) {
    const headers = { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" };
    if (account) headers["Stripe-Account"] = account;
    const body = document && JSON.stringify(document);
    return askJson(this.port, method, `/_emulator${target}`, { body, headers });
  }

  async state(type, account) {
    return (await this.admin("GET", `/state/${type}`, undefined, account)).data;
  }

  /** The types of all events, oldest first: of the key's account, then of those connected to it. */
  async told() {
    const accounts = await this.state("account");
    const events = await Promise.all(accounts.map((one) => this.state("event", one.id)));
    return events.flat().map((event) => event.type);
  }

  fault(spec) {
    return this.admin("POST", "/faults", { spec });
  }

  noFaults() {
    return this.admin("DELETE", "/faults");
  }

  /** What it was asked since `after` requests had been made: {data, total}. */
  requests(query, after = 0) {
    return this.admin("GET", `/requests?${new URLSearchParams({ ...query, after })}`);
  }
}

class Daemon extends Server {
  get webhooks() {
    return `http://127.0.0.1:${this.port}/webhooks/test`;
  }

  deliver(body, signature) {
    const headers = { "Content-Type": "application/json" };
    if (signature !== undefined) headers["Stripe-Signature"] = signature;
    return ask(this.port, "POST", "/webhooks/test", { body, headers });
  }

  status() {
    return askJson(this.port, "GET", "/api/test/status", {
      headers: { Authorization: `Bearer ${TOKEN}` },
    });
  }

  /** Waits until as many events have come and nothing is due any more. */
  idle(events = 0) {
    let last;
    return until(
      `${events} events have come and nothing is due`,
      async () => {
        last = await this.status();
        return last.events >= events && last.due === 0 && last;
      },
      () => `${JSON.stringify(last)}\n${this.tail()}`,
    );
  }
}

/** The folder of PostgreSQL's programs: PG_BIN's, or that of the newest version that Debian has. */
function postgresPrograms() {
  if (process.env.PG_BIN) return process.env.PG_BIN;
  const all = "/usr/lib/postgresql";
  const version = fs.existsSync(all) && fs.readdirSync(all).sort((a, b) => b - a)[0];
  if (!version) throw new Error("PostgreSQL's programs are not installed: apt-get install postgresql");
  return path.join(all, version, "bin");
}

/** A PostgreSQL of an application's own, in memory where there is some; remove() ends it. */
export class Postgres {
  constructor() {
    this.bin = postgresPrograms();
    const parent = fs.existsSync("/dev/shm") ? "/dev/shm" : os.tmpdir();
    this.dir = fs.mkdtempSync(path.join(parent, "brindle-app-"));
    this.guard = new Guard("sh", ["-c", GUARD_POSTGRES, "guard", this.dir]);
    this.data = path.join(this.dir, "data");
    this.who = {};
    if (process.getuid() === 0) {
      const id = (flag) => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout);
      this.who = { uid: id("-u"), gid: id("-g") }; // initdb refuses root
      fs.chownSync(this.dir, this.who.uid, this.who.gid);
    }
    this.program("initdb", "-D", this.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync");
    const settings = `-c listen_addresses= -c fsync=off -c shared_buffers=16MB -k ${this.dir}`;
    this.program("pg_ctl", "-D", this.data, "-l", `${this.dir}/log`, "-w", "-o", settings, "start");
    this.url = `postgresql:///postgres?host=${this.dir}&user=postgres`;
  }

  program(name, ...args) {
    const stdio = ["ignore", "ignore", "pipe"];
    const done = spawnSync(path.join(this.bin, name), args, { cwd: "/", stdio, ...this.who });
    if (done.status !== 0) throw new Error(`${name}: ${done.error ?? done.stderr}`);
  }

  run(sql) {
    const args = ["-qAtX", "-v", "ON_ERROR_STOP=1", "-d", this.url, "-c", sql];
    const done = spawnSync("psql", args, { encoding: "utf8", maxBuffer: TABLE_BYTES_MAX });
    if (done.status !== 0) throw new Error(`psql ${sql}: ${done.error ?? done.stderr}`);
    return done.stdout;
  }

  rows(sql) {
    return JSON.parse(this.run(`select coalesce(json_agg(x), '[]') from (${sql}) x`));
  }

  remove() {
    return this.guard.end();
  }
}

/** What our fetches ask for beyond what an object shows by itself. */
const EXPANDED = {
  customer: ["sources", "tax_ids", "subscriptions", "cash_balance"],
  invoice: ["payments"],
  price: ["tiers", "currency_options"],
  coupon: ["applies_to", "currency_options"],
  "checkout.session": ["line_items"],
  payment_link: ["line_items"],
};

/** One text for equal JSON; what the SDK made a Decimal of is text again. */
export function canonical(value) {
  if (typeof value?.toJSON === "function") return canonical(value.toJSON());
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value)
    .sort()
    .map((k) => `${JSON.stringify(k)}:${canonical(value[k])}`)}}`;
}

/** What the emulator has and the mirror must have: all but events, which are signals and no data,
 * and the account's own things, of which no event tells. */
export const TYPES = [
  "product",
  "price",
  "customer",
  "payment_method",
  "subscription",
  "subscription_item",
  "invoice",
  "line_item",
  "invoiceitem",
  "invoice_payment",
  "payment_intent",
  "charge",
  "refund",
  "balance_transaction",
  "setup_intent",
  "checkout.session",
  "payment_link",
  "dispute",
  "payout",
  "topup",
  "transfer",
];

export class Place {
  constructor() {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), "brindle-foreign-"));
    this.guard = new Guard(GUARD, [this.dir]);
    this.servers = [];
  }

  bareEnv() {
    const sanitizers = Object.entries(process.env).filter(([name]) => name.includes("SAN_OPTIONS"));
    return {
      PATH: process.env.PATH,
      HOME: this.dir,
      LC_ALL: "C.UTF-8",
      ...Object.fromEntries(sanitizers),
    };
  }

  /** The settings of every command and daemon here; `base` is the Stripe that it talks to. */
  env(base, more = {}) {
    return {
      ...this.bareEnv(),
      STRIPE_SECRET_KEY: KEY,
      STRIPE_WEBHOOK_SECRET: "whsec_foreign",
      STRIPE_API_BASE: base,
      DATABASE_URL: `sqlite:${path.join(this.dir, "data")}`,
      BRINDLE_TOKEN: TOKEN,
      BRINDLE_RATE_LIMIT: "0",
      BRINDLE_CATCH_UP_SECONDS: "0", // deliveries alone are on trial
      BRINDLE_LISTEN: "127.0.0.1:0",
      ...more,
    };
  }

  async startEmulator(...flags) {
    const args = ["emulate", "--json", "--listen", "127.0.0.1:0", "--seed", "1", ...flags];
    const emulator = new Emulator(this, "emulator", args, this.bareEnv());
    this.servers.push(emulator);
    return emulator.listening();
  }

  async startDaemon(base, more) {
    const daemon = new Daemon(this, "daemon", ["serve", "--json"], this.env(base, more));
    this.servers.push(daemon);
    return daemon.listening();
  }

  brindle(args, env) {
    return run(BRINDLE, args, { cwd: this.dir, env });
  }

  rows(sql) {
    const file = path.join(this.dir, "data", "test.db");
    const done = spawnSync("sqlite3", ["-readonly", "-json", file, sql], {
      encoding: "utf8",
      maxBuffer: TABLE_BYTES_MAX,
    });
    if (done.status !== 0) throw new Error(`sqlite3 ${sql}: ${done.error ?? done.stderr}`);
    return done.stdout.trim() ? JSON.parse(done.stdout) : [];
  }

  /** The work that is still due, for messages. */
  due() {
    return this.rows("select * from _due where done_gen < gen");
  }

  /** The living objects of a type, by id. */
  mirrored(type) {
    const rows = this.rows(`select id, data from objects where type = '${type}' and deleted = 0`);
    return new Map(rows.map((row) => [row.id, JSON.parse(row.data)]));
  }

  /** What the mirror has otherwise than `truth` (objects of one type), a sentence each. */
  differences(type, truth) {
    const mirror = this.mirrored(type),
      found = [];
    const alive = truth.filter((object) => !object.deleted);
    for (const object of alive) {
      const have = mirror.get(object.id);
      if (!have) {
        found.push(`${type} ${object.id} is missing`);
        continue;
      }
      for (const name of EXPANDED[type] ?? []) if (!(name in object)) delete have[name];
      const names = [...new Set([...Object.keys(have), ...Object.keys(object)])].sort();
      const wrong = names.filter(
        (name) => canonical(have[name]) !== canonical(object[name]),
      );
      if (wrong.length) found.push(`${type} ${object.id} differs in ${wrong}`);
    }
    const ids = new Set(alive.map((object) => object.id));
    for (const id of mirror.keys()) if (!ids.has(id)) found.push(`${type} ${id} exists here alone`);
    return found;
  }

  async close() {
    for (const server of this.servers.reverse()) await server.stop();
    await this.guard.end();
  }
}
