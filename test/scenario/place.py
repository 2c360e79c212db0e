"""A place where a scenario plays: an emulator, a daemon, a mirror in a folder of its own.

Real processes and real sockets on loopback. Nothing here asserts a duration; what must come to pass
is waited for, up to PATIENCE.
"""
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import random
import select
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import urllib.parse

from guard import Guard

PATIENCE = int(os.environ.get("PATIENCE", "300"))  # seconds that anything may take before it counts as hung
SOAK = int(os.environ.get("SOAK", "1"))  # how many times as often something is killed
ROOT = pathlib.Path(__file__).resolve().parents[2]
BRINDLE = str(pathlib.Path(os.environ.get("BRINDLE", ROOT / "build" / "brindle")).resolve())
NEWER = str(pathlib.Path(BRINDLE).parent / "test" / "scenario" / "brindle_newer")  # knows one migration more
KEY = "sk_test_scenario0123456789"
SECRET = "whsec_scenario_secret"
TOKEN = "scenario-token-0123456789"
AGENT = "scenario"  # how a scenario's own requests are told from those of the programs that it watches


class Failure(AssertionError):
    pass


class Skip(Exception):
    """This machine does not have what the scenario needs; says what."""


def check(truth, *words):
    if not truth:
        raise Failure(" ".join(str(w) for w in words))


PORTS = range(10000, 32000)  # below those that the kernel gives to whoever asks for any
ports_taken = []


def free_port():
    """One that stays free until it is listened at: nobody gets it by chance, and whoever else asks here,
    in any process, sees that it is taken. For as long as its place is there."""
    while True:
        port, sign = random.choice(PORTS), socket.socket(socket.AF_UNIX)
        try:
            sign.bind(f"\0brindle-port-{port}")
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", port))
        except OSError:
            sign.close()
            continue
        ports_taken.append(sign)
        return port


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def until(what, question, patience=PATIENCE):
    """Asks until the answer is true, and returns it."""
    end = time.monotonic() + patience
    pause = 0.005
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failure(f"waited {patience} s in vain: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


class Http:
    """One keep-alive connection."""

    def __init__(self, port, headers=None):
        self.port, self.headers, self.conn = port, headers or {}, None

    def ask(self, method, path, body=None, headers=None):
        """(status, headers, bytes); status 0 when no answer came."""
        if self.conn and self.conn.sock and select.select([self.conn.sock], [], [], 0)[0]:
            self.close()  # nothing was asked for so long that the other side has hung up
        for attempt in (1, 2):
            fresh = self.conn is None
            if fresh:
                self.conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            try:
                self.conn.request(method, path, body, {"User-Agent": AGENT, **self.headers, **(headers or {})})
                answer = self.conn.getresponse()
                return answer.status, answer.headers, answer.read()
            except (OSError, http.client.HTTPException):
                self.conn.close()
                self.conn = None
                if fresh or method != "GET":
                    return 0, {}, b""
        return 0, {}, b""

    def close(self):
        if self.conn:
            self.conn.close()
            self.conn = None


def form(params, prefix=""):
    """Nested dicts and lists as Stripe's clients write them."""
    pairs = []
    items = params.items() if isinstance(params, dict) else enumerate(params)
    for key, value in items:
        name = f"{prefix}[{key}]" if prefix else str(key)
        if isinstance(value, (dict, list)):
            pairs += form(value, name)
        elif isinstance(value, bool):
            pairs.append((name, "true" if value else "false"))
        else:
            pairs.append((name, "" if value is None else str(value)))
    return pairs


def signature(body, secret=SECRET, at=None):
    at = int(time.time()) if at is None else at
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"


class Emulator:
    def __init__(self, place, *flags, key=KEY):
        self.place, self.port, self.key = place, free_port(), key
        self.log = open(place.dir / "emulator.log", "ab")
        self.process = subprocess.Popen(
            [BRINDLE, "emulate", "--listen", f"127.0.0.1:{self.port}", *flags],
            stdout=self.log, stderr=self.log, cwd=place.dir, env=place.bare_env())
        place.guard.watch(self.process)
        self.http = Http(self.port, {"Authorization": f"Bearer {key}"})
        until("the emulator listens", lambda: self.http.ask("GET", "/")[0])

    def call(self, method, path, params=None, ok=True, **headers):
        body = urllib.parse.urlencode(form(params)) if params and method == "POST" else None
        if params and method != "POST":
            path += "?" + urllib.parse.urlencode(form(params))
        head = {"Content-Type": "application/x-www-form-urlencoded"}
        head.update({k.replace("_", "-"): v for k, v in headers.items()})
        status, _, answer = self.http.ask(method, path, body, head)
        if ok:
            check(status == 200, method, path, "answered", status, answer[:300])
        return json.loads(answer) if answer else {}

    def post(self, path, **params):
        return self.call("POST", path, params)

    def get(self, path, **params):
        return self.call("GET", path, params)

    def delete(self, path):
        return self.call("DELETE", path)

    def admin(self, method, path, document=None):
        body = json.dumps(document).encode() if document is not None else None
        status, _, answer = self.http.ask(method, "/_emulator" + path, body,
                                          {"Content-Type": "application/json"})
        check(status == 200, method, path, "answered", status, answer[:300])
        return json.loads(answer)

    def fault(self, spec):
        self.admin("POST", "/faults", {"spec": spec})

    def no_faults(self):
        self.admin("DELETE", "/faults")

    def freeze(self):
        self.admin("POST", "/clock", {"freeze": True})

    def requests(self, prefix="/v1/", method="GET", after=0):
        q = urllib.parse.urlencode({"path": prefix, "method": method, "after": after})
        return self.admin("GET", f"/requests?{q}")["data"]

    def total(self):
        return self.admin("GET", "/requests?method=NONE")["total"]

    def state(self, kind):
        return self.admin("GET", f"/state/{kind}")["data"]

    def events(self, **params):
        return self.get("/v1/events", limit=100, **params)["data"]

    def edit(self, kind, ident, event=None, **members):
        return self.admin("POST", f"/objects/{kind}/{urllib.parse.quote(ident, safe='')}",
                          {"set": members, **({"event": event} if event else {})})

    def stop(self):
        self.http.close()
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)
        self.log.close()


class Daemon:
    def __init__(self, place, limits=None, folder=".", port=None, program=BRINDLE, words=(), **env):
        self.place, self.port = place, port or free_port()
        (place.dir / folder).mkdir(exist_ok=True)
        self.log = open(place.dir / "daemon.log", "ab")
        self.env = {**place.env(), "BRINDLE_LISTEN": f"127.0.0.1:{self.port}", **env}
        self.process = subprocess.Popen([program, "serve", *words], stdout=self.log, stderr=self.log,
                                        cwd=place.dir / folder, env=self.env, preexec_fn=limits)
        place.guard.watch(self.process)
        self.http = Http(self.port, {"Authorization": f"Bearer {TOKEN}"})
        until("the daemon is there", lambda: self.http.ask("GET", "/livez")[0] == 200 or self.gone())
        check(not self.gone(), "the daemon ended at once:", place.text_of("daemon.log")[-600:])

    def gone(self):
        return self.process.poll() is not None

    def deliver(self, event, secret=SECRET, http_client=None, at=None):
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        clock = self.place.clock
        with clock.lock if clock else contextlib.nullcontext():  # it does not jump meanwhile
            if clock and at is None:
                at = int(time.time()) + clock.off
            status, _, _ = (http_client or self.http).ask(
                "POST", "/webhooks/test", body,
                {"Stripe-Signature": signature(body, secret, at), "Content-Type": "application/json"})
        return status

    def deliver_ok(self, *events):
        for event in events:
            status = self.deliver(event)
            check(status == 200, "a delivery was answered", status)

    def post(self, body, **headers):
        head = {k.replace("_", "-"): v for k, v in headers.items()}
        status, _, answer = self.http.ask("POST", "/webhooks/test", body, head)
        return status, (json.loads(answer) if answer[:1] == b"{" else {})

    def status(self):
        code, _, answer = self.http.ask("GET", "/api/test/status")
        check(code == 200, "GET /api/test/status answered", code, answer[:200])
        return json.loads(answer)

    def metrics(self):
        return self.http.ask("GET", "/metrics")[2].decode()

    def metric(self, name, **labels):
        """The sum of all samples of that name whose labels fit."""
        total = 0.0
        for line in self.metrics().splitlines():
            head, _, value = line.rpartition(" ")
            if line.startswith("#") or head.split("{")[0] != name:
                continue
            if all(f'{k}="{v}"' in head for k, v in labels.items()):
                total += float(value)
        return total

    def idle(self, patience=PATIENCE):
        """Waits until nothing is due; what is due still is named."""
        try:
            until("nothing is due any more", lambda: self.status()["due"] == 0, patience)
        except Failure as why:
            left = self.place.rows("select kind, type, id, attempts, last_error from _due where done_gen < gen and dead = 0"
                                   " order by attempts desc limit 5")
            raise Failure(f"{why}; due are: " + "; ".join(" ".join(map(str, row)) for row in left)) from None

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        self.http.close()
        self.log.close()

    def stop(self):
        self.http.close()
        if not self.gone():
            self.process.terminate()
            try:
                code = self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise Failure("the daemon did not end within its patience")
            check(code == 0, "the daemon ended with", code)
        self.log.close()


# What our fetches ask for beyond what an object shows by itself.
EXPANDED = {"customer": {"sources", "tax_ids", "subscriptions", "cash_balance"},
            "invoice": {"payments"}, "price": {"tiers", "currency_options"}, "coupon": {"applies_to", "currency_options"}}
COMPARED = ["product", "price", "customer", "payment_method", "subscription", "invoice",
            "payment_intent", "charge", "refund", "invoiceitem"]


class Place:
    def __init__(self, cluster=None):
        self.cluster = cluster  # PostgreSQL; without one, SQLite
        self.database = cluster.database() if cluster else None
        # Processes are killed here, not machines: memory serves as the disk where there is some.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="brindle-scenario-", dir=memory))
        self.guard = Guard(self.dir)
        self.emulator = None
        self.front = None  # of front.py, where it stands before the emulator
        self.clock = None  # of front.py, where it is not the machine's
        self.nobody = free_port()  # where commands find no daemon, unless they are told of one
        self.things = []
        self.said = []
        self.writes = False  # the scenario is about what we write to Stripe
        self.written = []  # where, and below what, this scenario has Brindle write

    def bare_env(self):
        return {"PATH": os.environ["PATH"], "HOME": str(self.dir), "LC_ALL": "C.UTF-8",
                **{k: v for k, v in os.environ.items() if "SAN_OPTIONS" in k}}

    def env(self):
        return {**self.bare_env(), **(self.clock.env if self.clock else {}), "STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": SECRET,
                "STRIPE_API_BASE": f"http://127.0.0.1:{self.emulator.port}", **(self.front.env if self.front else {}),
                "DATABASE_URL": self.cluster.url(self.database) if self.cluster else
                f"sqlite:{self.dir / 'data'}", "BRINDLE_TOKEN": TOKEN, "BRINDLE_LISTEN": f"127.0.0.1:{self.nobody}",
                # Events are read where a scenario is about that.
                "BRINDLE_RATE_LIMIT": "0", "BRINDLE_CATCH_UP_SECONDS": "0",
                "BRINDLE_CHECK_SECONDS": "0", "BRINDLE_RELIST_SECONDS": "0"}

    def start_emulator(self, *flags):
        self.emulator = Emulator(self, *flags)
        self.things.append(self.emulator)
        return self.emulator

    def start(self, limits=None, **env):
        daemon = Daemon(self, limits, **env)
        self.things.append(daemon)
        return daemon

    def start_pair(self):
        """Two daemons at the same moment, each with a folder of its own beside the shared store."""
        found, threads = [None, None], []
        for i in range(2):
            def begin(i=i):
                found[i] = Daemon(self, folder=f"node{i}")
            threads.append(threading.Thread(target=begin))
            threads[-1].start()
        for t in threads:
            t.join()
        check(all(found), "a daemon did not start")
        self.things += found
        return found

    def run(self, *args, code=0, env=None, program=BRINDLE):
        """A command as a user types it: (stdout, stderr)."""
        if not pathlib.Path(program).exists():
            raise Skip(f"{pathlib.Path(program).name} was not built beside the program")
        done = subprocess.run([program, *args], cwd=self.dir, env={**self.env(), **(env or {})},
                              capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        self.said += [done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")]
        check(code is None or done.returncode == code, "brindle", *args, "ended with",
              done.returncode, done.stdout[-300:], done.stderr[-600:])
        return done.stdout.decode(), done.stderr.decode()

    def killed_at(self, point, *args, env=None):
        """A command that is killed at its n-th point (killing.c), and the call at which it died; it
        ends by itself when there are not so many."""
        shim = pathlib.Path(BRINDLE).parent / "test" / "scenario" / "killing.so"
        if not shim.exists():
            raise Skip("the library that kills was not built beside the program")
        told = self.dir / "told"
        told.unlink(missing_ok=True)
        done = subprocess.run([BRINDLE, *args], cwd=self.dir, capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
                              env={**self.env(), **(env or {}), "LD_PRELOAD": str(shim), "KILL_AT": str(point),
                                   "KILL_TOLD": str(told), "ASAN_OPTIONS": "verify_asan_link_order=0"})
        self.said += [done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")]
        return done, (told.read_text().strip() if told.exists() else "")

    def endpoint(self, daemon):
        """The emulator delivers to the daemon by itself from now on. The daemon must know the
        secret: give it to start() as STRIPE_WEBHOOK_SECRET."""
        return self.emulator.post("/v1/webhook_endpoints", enabled_events=["*"],
                                  url=f"http://127.0.0.1:{daemon.port}/webhooks/test")

    @property
    def db_path(self):
        return self.db_of("test")

    def db_of(self, env):
        return self.dir / "data" / f"{env}.db"

    def has_store(self, env):
        if self.cluster:
            return f"brindle_{env}" in self.cluster.schemas(self.database)
        return self.db_of(env).exists()

    @contextlib.contextmanager
    def db(self, env="test"):
        c = sqlite3.connect(f"file:{self.db_of(env)}?mode=ro", uri=True)
        c.row_factory = sqlite3.Row
        try:
            yield c
        finally:
            c.close()

    def rows(self, sql, *args, env="test"):
        if self.cluster:
            return self.cluster.rows(self.database, sql, args, f"brindle_{env}")
        with self.db(env) as c:
            return [tuple(r) for r in c.execute(sql, args)]

    def write(self, sql, env="test"):
        """As nobody should: nothing of ours has the store."""
        if self.cluster:
            self.cluster.sql(self.database, sql, f"brindle_{env}")
            return
        with contextlib.closing(sqlite3.connect(self.db_of(env), isolation_level=None)) as c:
            c.executescript(sql)

    def write_refused(self, sql, env="test"):
        """What the database says to it, for that is what it must do."""
        try:
            self.write(sql, env)
        except (sqlite3.IntegrityError, RuntimeError) as why:
            return str(why)
        raise Failure("the database took " + sql)

    def forget_store(self, env):
        """It was never there."""
        if self.cluster:
            self.cluster.sql(self.database, f'drop schema if exists "brindle_{env}" cascade')
        for path in self.dir.glob(f"data/{env}.*"):
            path.unlink()

    def text_of_store(self, env):
        """Every row of every table."""
        if self.cluster:
            return self.cluster.dump(self.database, f"brindle_{env}")
        with self.db(env) as c:
            return "\n".join(c.iterdump())

    def one(self, sql, *args, env="test"):
        rows = self.rows(sql, *args, env=env)
        return rows[0][0] if rows else None

    def mirrored(self, kind):
        return {i: (json.loads(d), dead) for i, d, dead in
                self.rows("select id, data, deleted from objects where type = ?", kind)}

    def differences(self, kinds=COMPARED):
        """What the mirror has otherwise than the emulator, one sentence each."""
        found = []
        for kind in kinds:
            mirror = self.mirrored(kind)
            truth = {o["id"]: o for o in self.emulator.state(kind)}
            for ident, want in truth.items():
                have, dead = mirror.get(ident, (None, 0))
                if want.get("deleted"):
                    if have is not None and not dead:
                        found.append(f"{kind} {ident} is deleted at Stripe and alive here")
                elif have is None:
                    found.append(f"{kind} {ident} is missing")
                elif dead:
                    found.append(f"{kind} {ident} is a tombstone and alive at Stripe")
                else:
                    extra = EXPANDED.get(kind, set())
                    have = {k: v for k, v in have.items() if k not in extra or k in want}
                    if canonical(have) != canonical(want):
                        wrong = [k for k in sorted(set(have) | set(want)) if have.get(k) != want.get(k)]
                        found.append(f"{kind} {ident} differs in {wrong}: "
                                     f"{[(have.get(k), want.get(k)) for k in wrong][:2]}")
            for ident, (have, dead) in mirror.items():
                if ident not in truth and not dead:
                    found.append(f"{kind} {ident} exists here alone")
        return found

    def catch_up(self, daemon):
        """Delivers every event that the emulator ever made, and waits until all is worked off."""
        after = {}
        while True:
            page = self.emulator.call("GET", "/v1/events", {"limit": 100, **after})
            daemon.deliver_ok(*page["data"])
            if not page["has_more"]:
                break
            after = {"starting_after": page["data"][-1]["id"]}
        daemon.idle()

    def check_all(self, daemon):
        """Every scenario's last word: told of everything, the mirror equals Stripe."""
        self.catch_up(daemon)
        self.check_mirror()

    def check_mirror(self, kinds=COMPARED):
        found = self.differences(kinds)
        check(not found, f"{len(found)} differences:", "; ".join(found[:5]))

    def check_only_read(self):
        """MIRROR-26: mirroring never writes. Whatever writes is the scenario itself, or what it says to
        have Brindle write, under a key."""
        ours = [r for e in self.things if isinstance(e, Emulator) and e.process.poll() is None
                for m in ("POST", "DELETE") for r in e.requests("/v", method=m)
                if r["user_agent"] != AGENT and not (r["idempotency_key"] and any(
                    (r["path"] + "/").startswith(p + "/") for p in self.written))]
        check(not ours, "the mirror wrote to Stripe:", ours[:3])

    def check_no_secret(self):
        """No key, webhook secret or token in any column of any table, any byte of a store's files,
        any log, or anything that a command has said."""
        texts = {name: self.text_of(name) for name in ("daemon.log", "emulator.log")}
        texts["what a command said"] = "\n".join(self.said)
        for path in self.dir.glob("**/*.db*"):
            texts[path.name] = path.read_bytes().decode("latin-1")
        if self.cluster:
            texts["the database"] = self.cluster.dump(self.database)
        for thing in self.things:
            if isinstance(thing, Daemon) and not thing.gone():
                texts["the metrics"] = thing.http.ask("GET", "/metrics")[2].decode()
        for name, text in texts.items():
            for secret in (KEY, SECRET, TOKEN):
                if secret in text or secret[8:] in text:
                    raise Failure(f"a secret stands in {name}{self.column_of(secret[8:])}")

    def column_of(self, secret):
        """Where, for people."""
        for path in [] if self.cluster else self.dir.glob("**/*.db"):
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as c:
                for table, column in c.execute("select t.name, c.name from sqlite_master t, pragma_table_info(t.name) c"
                                               " where t.type = 'table'").fetchall():
                    if c.execute(f'select 1 from "{table}" where instr("{column}", ?)', [secret]).fetchone():
                        return f": {table}.{column}"
        return ""

    def store_texts(self):
        """Everything that the store holds, as text, by a name."""
        if self.cluster:
            return {"the database": self.cluster.dump(self.database)}
        return {f.name: f.read_bytes().decode(errors="replace")
                for f in (self.dir / "data").iterdir() if f.is_file() and f.name != "token"}

    def text_of(self, name):
        path = self.dir / name
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self, keep):
        for thing in reversed(self.things):
            try:
                if isinstance(thing, Daemon) and not thing.gone():
                    thing.process.send_signal(signal.SIGKILL if keep else signal.SIGTERM)
                    thing.process.wait(PATIENCE)
                elif not isinstance(thing, Daemon):
                    thing.stop()
            except Exception:
                thing.process.kill()
        self.guard.end(keep)
        while ports_taken:
            ports_taken.pop().close()
