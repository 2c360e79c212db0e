"""Measures Brindle and, in the same run, what the machine allows; prints both and their ratios.
Asserts nothing.

    run.py BUILD_DIRECTORY [--only ingest,backfill,account,limited,memory,start,emulator,state] [--seconds N] [--rounds N]
           [--objects N] [--many N] [--dir DIR]

BUILD_DIRECTORY holds a release build with the programs of bench/. Everything listens on loopback
and writes below --dir (default: a new directory under the current one, for /tmp may be memory).
"""
import argparse
import json
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "scenario"))
from guard import Guard

CONNECTIONS = (1, 16, 64, 256)
SECRET = "whsec_bench"
LIVE_RATE = 100  # requests a second that Stripe allows a live account
EVENTS_ABOUT = {1: "one", 10: "ten", 1000000: "one each"}  # objects
PARTS = ("ingest", "backfill", "account", "limited", "memory", "start", "emulator", "state")
STATE_CUSTOMERS = 20000
TYPES = ("products", "prices", "customers")
BACKFILL_OBJECTS = 150000
ACCOUNT_OBJECTS = 1000000


class Bench:
    def __init__(self, options):
        self.options = options
        self.build = os.path.abspath(options.build)
        self.dir = os.path.abspath(tempfile.mkdtemp(prefix="brindle-bench-", dir=options.dir))
        self.children = []
        self.guard = Guard(self.dir)
        self.seed = int(time.time())

    def tool(self, name):
        return os.path.join(self.build, "bench", "bench_" + name)

    def fresh(self, name):
        path = os.path.join(self.dir, name)
        shutil.rmtree(path, ignore_errors=True)
        return path

    # --- programs ---

    def environment(self, stripe, data, **more):
        keep = {k: v for k, v in os.environ.items()
                if not k.startswith(("BRINDLE_", "STRIPE_")) and k not in ("DATABASE_URL",)}
        return {**keep, "STRIPE_SECRET_KEY": "sk_test_bench", "STRIPE_WEBHOOK_SECRET": SECRET,
                "STRIPE_API_BASE": f"http://127.0.0.1:{stripe}", "DATABASE_URL": f"sqlite:{data}",
                "BRINDLE_LISTEN": "127.0.0.1:0", "BRINDLE_RATE_LIMIT": "0",
                "BRINDLE_LOG_LEVEL": "error", **more}

    def start(self, argv, env=None):
        child = subprocess.Popen(argv, env=env, cwd=self.dir, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True)
        self.children.append(child)
        self.guard.watch(child)
        return child

    def start_with_port(self, argv, env=None):
        child = self.start(argv, env)
        line = child.stdout.readline()
        if not line:
            sys.exit(f"{argv[0]} did not start: {argv}")
        return child, json.loads(line)["port"] if line[0] == "{" else int(line.split()[1])

    def stop(self, child):
        """Ends it and gives the last line that it printed."""
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        out = child.communicate(timeout=60)[0].strip()
        self.children.remove(child)
        return out.splitlines()[-1] if out else ""

    def brindle(self, *words):
        return [os.path.join(self.build, "brindle"), *words]

    def list_server(self, total, *more):
        return self.start_with_port([self.tool("list_server"), str(total // len(TYPES)), *more])

    def close(self):
        for child in list(self.children):
            child.kill()
            child.wait()
        self.guard.end()

    # --- ingest ---

    def load(self, port, path, connections, objects):
        self.seed += 1
        got = subprocess.run([self.tool("load"), str(port), path, SECRET, str(connections),
                              str(self.options.seconds * 1000), str(objects), str(self.seed)],
                             capture_output=True, text=True, check=False)
        if not got.stdout:
            sys.exit(got.stderr)
        return json.loads(got.stdout)

    def hmac_alone(self):
        out = subprocess.run([self.tool("hmac_alone"), str(self.options.seconds * 1000)],
                             capture_output=True, text=True, check=True).stdout
        return float(out.split()[0])

    def http_alone(self, connections):
        server, port = self.start_with_port([self.tool("http_alone"), "127.0.0.1:0"])
        found = self.load(port, "/", connections, 1)["per_second"]
        self.stop(server)
        return found

    def commit_alone(self, batch):
        out = subprocess.run([self.tool("commit_alone"), self.dir,
                              str(self.options.seconds * 1000), str(batch)],
                             capture_output=True, text=True, check=True).stdout
        return float(out.rsplit(None, 3)[1])

    def ingest_once(self, connections, objects):
        stripe, stripe_port = self.list_server(3000)
        env = self.environment(stripe_port, self.fresh("ingest"), BRINDLE_RATE_LIMIT=str(LIVE_RATE))
        daemon, port = self.start_with_port(self.brindle("serve", "--json"), env)
        before = cpu_ms(daemon.pid)
        got = self.load(port, "/webhooks", connections, objects)
        got["daemon_us"] = (cpu_ms(daemon.pid) - before) * 1e3 / max(1, got["events"])
        got["peak"] = peak_mib(daemon.pid)
        self.stop(daemon)
        self.stop(stripe)
        return got

    def ingest_round(self, connections):
        """What the machine allows and what Brindle does, one right after the other."""
        limit = {"HTTP": self.http_alone(connections), "HMAC": self.hmac_alone(),
                 "SQLite": self.commit_alone(connections)}
        found = []
        for objects in EVENTS_ABOUT:
            got = self.ingest_once(connections, objects)
            got["share"] = got["per_second"] / min(limit.values())
            found.append(got)
        return limit, found

    def ingest(self):
        head("Ingest: signed events of 3 KB a second, durable")
        print(f"Stripe is asked {LIVE_RATE} times a second at most, as in live mode. Medians of",
              self.options.rounds, "rounds; in each the ceilings are measured right before; load",
              load_now())
        print(f"{'connections':>11} {'about':>9} {'events/s':>9} {'p50 ms':>7} {'p99 ms':>7}"
              f" {'cpu us':>7} {'peak MiB':>8} | {'HTTP':>7} {'HMAC':>7} {'SQLite':>7}"
              " | share of slowest (each round)")
        for n in CONNECTIONS:
            rounds = [self.ingest_round(n) for _ in range(self.options.rounds)]
            for i, (objects, what) in enumerate(EVENTS_ABOUT.items()):
                got = [found[i] for _, found in rounds]
                self.ingest_line(n, what, got, [limit for limit, _ in rounds])

    def ingest_line(self, n, what, got, limit):
        def mid(key):
            return statistics.median(g[key] for g in got)

        def ceiling(key):
            return statistics.median(each[key] for each in limit)
        refused = sum(g["refused"] for g in got)
        print(f"{n:11} {what:>9} {mid('per_second'):9.0f} {mid('p50_ms'):7.2f}"
              f" {mid('p99_ms'):7.2f} {mid('daemon_us'):7.1f} {mid('peak'):8.1f}"
              f" | {ceiling('HTTP'):7.0f} {ceiling('HMAC'):7.0f} {ceiling('SQLite'):7.0f}"
              f" | {percent(mid('share'), 1)} ({', '.join(percent(g['share'], 1) for g in got)})"
              + (f"  ({refused} refused)" if refused else ""), flush=True)

    # --- backfill ---

    def sync(self, stripe_port, data, *types, **env):
        """Seconds, peak in MiB, CPU in seconds."""
        start = time.monotonic()
        child = self.start(self.brindle("sync", "--json", *types),
                           self.environment(stripe_port, data, **env))
        child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        self.children.remove(child)
        if child.returncode != 0:
            print(f"brindle sync ended with {child.returncode}")
        return (time.monotonic() - start, used.ru_maxrss / 1024, used.ru_utime + used.ru_stime)

    def backfill(self):
        total = (self.options.objects or BACKFILL_OBJECTS) // len(TYPES) * len(TYPES)
        head(f"Backfill: {total} objects (a third each of {', '.join(TYPES)}), unlimited")
        print("load", load_now())
        for ids in ("in time", "random"):
            more = [ids] if ids == "random" else []
            out = subprocess.run([self.tool("walk_alone"), str(total), *more], cwd=self.dir,
                                 capture_output=True, text=True, check=True).stdout.strip()
            print(f"ids {ids}, pages from memory, no HTTP: {out}")
            for _ in range(self.options.rounds):
                server, port = self.list_server(total, *more)
                took, peak, cpu = self.sync(port, self.fresh("backfill"), *TYPES)
                said = self.stop(server)
                print(f"ids {ids}, brindle sync: {total} objects in {took:.2f} s:"
                      f" {total / took:.0f} objects/s, {cpu * 1e6 / total:.1f} us CPU an object,"
                      f" peak {peak:.1f} MiB (list server: {said})")

    def account(self):
        """Everything that a shop of subscriptions has, and what its owner asks."""
        customers = max(1, (self.options.objects or ACCOUNT_OBJECTS) * 10 // 346)  # 34.6 hang on each
        forms = os.path.join(os.path.dirname(os.path.abspath(__file__)), "account.txt")
        server = self.start([self.tool("list_server"), str(customers), f"account={forms}"])
        words = server.stdout.readline().split()
        port, total = int(words[1]), int(words[3])
        head(f"A whole account: {total} objects of 11 types, {customers} customers, unlimited")
        print("load", load_now())
        data = self.fresh("account")
        took, peak, cpu = self.sync(port, data)
        said = self.stop(server)
        path = os.path.join(data, "test.db")
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        count, size = db.execute("select count(*), sum(length(data)) from objects").fetchone()
        kept = db.execute("select (select count(*) from _history), (select count(*) from _refs)").fetchone()
        print(f"brindle sync: {took:.1f} s, {count / took:.0f} objects/s, {cpu * 1e6 / count:.1f} us CPU an"
              f" object, peak {peak:.1f} MiB (list server: {said})")
        print(f"{count} objects of {size / count:.0f} bytes in {tree_mib(data):.0f} MiB:"
              f" {tree_mib(data) * 2**20 / count:.0f} bytes an object; {kept[1]} references,"
              f" {kept[0]} former versions")
        queries = os.path.join(os.path.dirname(forms), "..", "examples")
        for name in sorted(n for n in os.listdir(queries) if n.endswith(".sql")):
            with open(os.path.join(queries, name)) as f:
                query = f.read()
            spans = []
            for _ in range(3):
                began = time.monotonic()
                rows = len(db.execute(query).fetchall())
                spans.append(time.monotonic() - began)
            print(f"examples/{name}: {rows} rows, first {spans[0]:.2f} s, then {min(spans[1:]):.2f} s")
        db.close()

    def limited(self):
        rate, pages = 100, 900  # pages of each type
        head(f"Backfill of {len(TYPES)} lists, limited to {rate} requests a second by both sides")
        server, port = self.list_server(pages * 100 * len(TYPES), str(rate))
        data = self.fresh("limited")
        took, _, _ = self.sync(port, data, *TYPES, BRINDLE_RATE_LIMIT=str(rate))
        calls, limited, span = audit(data)
        self.stop(server)
        print(f"{calls} requests in {span:.1f} s ({took:.1f} s with start and end):"
              f" {calls / span:.1f} a second, {percent(calls / span, rate)} of what is permitted;"
              f" {limited} answered 429")

    # --- memory and start ---

    def memory(self):
        head("Peak memory of brindle sync, and then of brindle serve under load")
        for total in (10000, self.options.many):
            server, port = self.list_server(total)
            data = self.fresh("memory")
            took, peak, _ = self.sync(port, data, *TYPES)
            print(f"{total} objects: sync {peak:.1f} MiB ({took:.1f} s,"
                  f" {total / took:.0f} objects/s),", end=" ", flush=True)
            daemon, serve = self.start_with_port(self.brindle("serve", "--json"),
                                                 self.environment(port, data))
            self.load(serve, "/webhooks", 64, total)
            print(f"serve under load {peak_mib(daemon.pid):.1f} MiB; files {tree_mib(data):.0f} MiB")
            self.stop(daemon)
            self.stop(server)

    # --- the emulator ---

    def emulator(self):
        head("Simple requests to brindle emulate, 32 connections")
        if not shutil.which("wrk"):
            print("wrk is not installed: skipped")
            return
        server, port = self.start_with_port(
            self.brindle("emulate", "--json", "--listen", "127.0.0.1:0"))
        key = {"Authorization": "Bearer sk_test_bench"}
        body = b"name=a&email=b@c.d"
        ask = urllib.request.Request(f"http://127.0.0.1:{port}/v1/customers", body, key)
        for _ in range(20):
            customer = json.load(urllib.request.urlopen(ask))["id"]
        post = 'wrk.method="POST" wrk.headers["Content-Type"]="application/x-www-form-urlencoded" '
        fresh = ('n=0 request=function() n=n+1 wrk.headers["Idempotency-Key"]="k"..n '
                 'return wrk.format() end')
        for what, path, script in (
                ("retrieve", f"/v1/customers/{customer}", ""),
                ("list of 10", "/v1/customers", ""),
                ("update", f"/v1/customers/{customer}", post + 'wrk.body="metadata[k]=v"'),
                ("create", "/v1/products", post + 'wrk.body="name=a" ' + fresh)):
            print(f"{what}: {self.wrk(port, path, script)} requests/s")
        print(f"peak {peak_mib(server.pid):.0f} MiB")
        self.stop(server)

    def wrk(self, port, path, script):
        lua = os.path.join(self.dir, "wrk.lua")
        with open(lua, "w") as f:
            f.write(script)
        out = subprocess.run(
            ["wrk", "-t1", "-c32", f"-d{self.options.seconds}s", "-s", lua, "-H",
             "Authorization: Bearer sk_test_bench", f"http://127.0.0.1:{port}{path}"],
            capture_output=True, text=True, check=True).stdout
        refused = [line for line in out.splitlines() if "Non-2xx" in line]
        rate = next(line for line in out.splitlines() if line.startswith("Requests/sec"))
        return f"{float(rate.split()[1]):.0f}" + (f" ({refused[0].strip()})" if refused else "")

    # --- customers' states ---

    def state(self):
        """Reading them, how soon they show what happened, and bringing them to a Redis."""
        forms = os.path.join(os.path.dirname(os.path.abspath(__file__)), "account.txt")
        server = self.start([self.tool("list_server"), str(STATE_CUSTOMERS), f"account={forms}"])
        port = int(server.stdout.readline().split()[1])
        data = self.fresh("state")
        self.sync(port, data, "customers", "subscriptions", "payment_methods")
        db = sqlite3.connect(f"file:{os.path.join(data, 'test.db')}?mode=ro", uri=True)
        ids = [r[0] for r in db.execute("select customer from _states")]
        size = db.execute("select avg(length(value)) from _states").fetchone()[0]
        db.close()
        head(f"Customers' states: {len(ids)} of {size:.0f} bytes; load {load_now()}")
        self.state_reads(port, data, ids)
        self.state_into_redis(port, data, len(ids), int(size))
        self.stop(server)
        self.state_seen()

    def state_reads(self, stripe, data, ids):
        daemon, port = self.start_with_port(self.brindle("serve", "--json"), self.environment(
            stripe, data, BRINDLE_TOKEN="bench", BRINDLE_CATCH_UP_SECONDS="0", BRINDLE_CHECK_SECONDS="0"))
        lua = os.path.join(self.dir, "state.lua")
        with open(lua, "w") as f:
            f.write("ids = {" + ",".join(f'"{i}"' for i in ids[:10000]) + "}\n"
                    'wrk.headers["Authorization"] = "Bearer bench"\n'
                    'request = function() return wrk.format("GET", "/api/test/customers/" '
                    '.. ids[math.random(#ids)] .. "/state") end\n')
        for connections in (1, 4, 16, 64):
            before = cpu_ms(daemon.pid)
            out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{self.options.seconds}s", "--latency", "-s",
                                  lua, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True).stdout
            words = {line.split()[0]: line.split()[-1] for line in out.splitlines() if line.split()}
            refused = [line.strip() for line in out.splitlines() if "Non-2xx" in line]
            rate = float(words["Requests/sec:"])
            cpu = (cpu_ms(daemon.pid) - before) * 1e3 / (rate * self.options.seconds)
            print(f"reads over HTTP, {connections:2} connections: {rate:.0f} a second, p50 {words['50%']},"
                  f" p99 {words['99%']}, {cpu:.1f} us CPU each", *refused)
        self.stop(daemon)

    def state_into_redis(self, stripe, data, states, size):
        if not shutil.which("redis-server"):
            print("redis-server is not installed: skipped")
            return
        socket = os.path.join(self.dir, "redis.sock")
        redis = self.start(["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", self.dir])
        while not os.path.exists(socket):
            time.sleep(0.01)
        alone = subprocess.run([self.tool("kv_alone"), f"unix://{socket}", str(self.options.seconds * 1000), str(size)],
                               capture_output=True, text=True, check=True).stdout.strip()
        print(f"states a second into Redis, compared there, one connection: {alone}")
        daemon, port = self.start_with_port(self.brindle("serve", "--json"), self.environment(
            stripe, data, REDIS_URL=f"unix://{socket}", BRINDLE_TOKEN="bench", BRINDLE_CATCH_UP_SECONDS="0",
            BRINDLE_CHECK_SECONDS="0"))
        began = time.monotonic()
        while self.waiting(port):
            time.sleep(0.005)
        took = time.monotonic() - began
        print(f"an empty Redis filled from the store: {states} in {took:.2f} s: {states / took:.0f} a second")
        self.stop(daemon)
        redis.terminate()
        redis.wait()
        self.children.remove(redis)

    def waiting(self, port):
        ask = urllib.request.Request(f"http://127.0.0.1:{port}/api/test/status",
                                     headers={"Authorization": "Bearer bench"})
        return json.load(urllib.request.urlopen(ask))["states_due"]

    def state_seen(self):
        """A webhook leaves; when does the state say so? Less what the emulator takes for the answers."""
        import hashlib
        import hmac
        import http.client
        stripe, sp = self.start_with_port(self.brindle("emulate", "--json", "--listen", "127.0.0.1:0"))
        daemon, port = self.start_with_port(self.brindle("serve", "--json"), self.environment(
            sp, self.fresh("seen"), BRINDLE_TOKEN="bench", BRINDLE_CATCH_UP_SECONDS="0", BRINDLE_CHECK_SECONDS="0"))
        up, down = http.client.HTTPConnection("127.0.0.1", sp), http.client.HTTPConnection("127.0.0.1", port)

        def ask(conn, key, method, path, body=None, **head):
            conn.request(method, path, body, {"Authorization": f"Bearer {key}", **head})
            return json.loads(conn.getresponse().read() or b"{}")

        def call(path, body=None):
            return ask(up, "sk_test_bench", "POST" if body is not None else "GET", "/v1" + path, body,
                       **{"Content-Type": "application/x-www-form-urlencoded"})
        product = call("/products", "name=a")["id"]
        price = call("/prices", f"product={product}&unit_amount=5&currency=usd&recurring[interval]=month")["id"]
        spans, answers = [], []
        for n in range(100):
            customer = call("/customers", "payment_method=pm_card_visa&"
                            "invoice_settings[default_payment_method]=pm_card_visa")["id"]
            sub = call("/subscriptions", f"customer={customer}&items[0][price]={price}")
            ask(down, "bench", "POST", f"/api/test/sync/{customer}?wait=1")
            sub = call(f"/subscriptions/{sub['id']}", "cancel_at_period_end=true")
            began = time.monotonic()
            call(f"/subscriptions/{sub['id']}")
            answers.append((time.monotonic() - began) * 1e3)
            body = json.dumps({"id": f"evt_{self.seed}_{n}", "object": "event", "livemode": False, "created":
                               int(time.time()), "type": "customer.subscription.updated", "data": {"object": sub}})
            at = int(time.time())
            mac = hmac.new(SECRET.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
            path = f"/api/test/customers/{customer}/state"
            began = time.monotonic()
            ask(down, "bench", "POST", "/webhooks/test", body, **{"Stripe-Signature": f"t={at},v1={mac}"})
            while not ask(down, "bench", "GET", path)["cancelAtPeriodEnd"]:
                pass
            spans.append((time.monotonic() - began) * 1e3)
        spans.sort()
        print(f"from webhook to visible state: median {spans[50]:.1f} ms, p90 {spans[90]:.1f} ms; of these one answer"
              f" of the emulator {statistics.median(answers):.1f} ms")
        self.stop(daemon)
        self.stop(stripe)

    def start_cold(self):
        head("Cold start: from exec to the first 200 of /readyz, mirror of 10 000 objects")
        server, port = self.list_server(10000)
        data = self.fresh("start")
        self.sync(port, data, *TYPES)
        listen = free_port()
        env = self.environment(port, data, BRINDLE_LISTEN=f"127.0.0.1:{listen}")
        spans = []
        for _ in range(10):
            began = time.monotonic()
            daemon = self.start(self.brindle("serve"), env)
            await_ready(listen)
            spans.append((time.monotonic() - began) * 1e3)
            self.stop(daemon)
        self.stop(server)
        spans.sort()
        print(f"best {spans[0]:.0f} ms, median {spans[len(spans) // 2]:.0f} ms,"
              f" worst {spans[-1]:.0f} ms of {len(spans)}")


def head(text):
    print(f"\n== {text}", flush=True)


def percent(part, whole):
    return f"{100 * part / whole:.0f} %"


def load_now():
    return "%.1f %.1f %.1f" % os.getloadavg()


def status_of(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(key))


def peak_mib(pid):
    return status_of(pid, "VmHWM") / 1024


def cpu_ms(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def tree_mib(path):
    return sum(os.path.getsize(os.path.join(at, name))
               for at, _, names in os.walk(path) for name in names
               if not name.endswith(".sock")) / 2**20


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def await_ready(port):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.001)
    sys.exit("the daemon did not become ready")


def audit(data):
    """The audit of calls: how many requests, how many answers 429, seconds from first to last."""
    import sqlite3
    db = sqlite3.connect(f"file:{os.path.join(data, 'test.db')}?mode=ro", uri=True)
    row = db.execute("select count(*), sum(status = 429), (max(at) - min(at)) / 1000.0 from _calls"
                     ).fetchone()
    db.close()
    return row


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("--only", default=",".join(PARTS))
    p.add_argument("--seconds", type=int, default=3, help="of each run of load")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--objects", type=int, help=f"of a backfill ({BACKFILL_OBJECTS}) and of a whole"
                   f" account ({ACCOUNT_OBJECTS})")
    p.add_argument("--many", type=int, default=1000000, help="of the larger mirror for memory")
    p.add_argument("--dir", default=".", help="where the databases are made")
    options = p.parse_args()
    only = options.only.split(",")
    if set(only) - set(PARTS):
        p.error(f"--only takes {', '.join(PARTS)}")
    bench = Bench(options)
    try:
        for part in only:
            ({"start": bench.start_cold}.get(part) or getattr(bench, part))()
    finally:
        bench.close()


if __name__ == "__main__":
    main()
