"""Customers' states at a Redis of the place's own."""
import json
import os
import shutil
import socket
import subprocess

from place import PATIENCE, Skip, check, free_port, until
from scenarios_customers import state, subscribe, sync
from scenarios_state import shop

SCENARIOS = []


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


# Redis or Valkey, whichever is there; REDIS_SERVER names another one.
SERVER = os.environ.get("REDIS_SERVER") or shutil.which("redis-server") or shutil.which("valkey-server")
CLIENT = shutil.which("redis-cli") or shutil.which("valkey-cli")


class Redis:
    def __init__(self, place, *flags):
        check(SERVER and CLIENT, "redis-server is not installed: apt-get install redis-server")
        self.flags, self.place = flags, place
        self.dir, self.socket = place.dir, place.dir / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.log = open(place.dir / "redis.log", "ab")
        self.process = None
        place.things.append(self)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [SERVER, *(() if "--port" in self.flags else ("--port", "0")), "--unixsocket", str(self.socket), "--save", "",
             "--appendonly", "no", "--dir", str(self.dir), *self.flags], stdout=self.log, stderr=self.log)
        self.place.guard.watch(self.process)
        until("Redis listens", lambda: self.ask("PING") == "PONG")

    def ask(self, *words):
        done = subprocess.run([CLIENT, "-s", str(self.socket), "--raw", *words],
                              capture_output=True, timeout=PATIENCE, check=False)
        return done.stdout.decode().strip()

    def value(self, customer):
        text = self.ask("GET", f"stripe:test:customer:{customer['id']}")
        return json.loads(text) if text else None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.kill()
        self.log.close()


def until_status(redis, customer, status):
    until(f"Redis says {status}", lambda: (redis.value(customer) or {}).get("status") == status)


@scenario("REDIS-01")
def what_the_mirror_knows_of_a_customer_is_in_redis(place):
    e, redis = place.emulator, Redis(place)
    _, price, customer = shop(e)
    sub = subscribe(e, customer, price)
    d = place.start(REDIS_URL=redis.url)
    sync(d, customer["id"])
    until_status(redis, customer, "active")
    value, known = redis.value(customer), state(d, customer)
    check(value["subscriptionId"] == sub["id"] and value["priceId"] == price["id"], "wrong:", value)
    check(value["revision"] == known["revision"], "another version:", value["revision"], known["revision"])
    e.delete(f"/v1/subscriptions/{sub['id']}")
    d.deliver_ok(e.events(type="customer.subscription.deleted")[0])
    until_status(redis, customer, "canceled")
    d.idle()
    until("nothing waits", lambda: d.status()["states_due"] == 0)
    place.check_mirror(["customer", "subscription"])


@scenario("REDIS-02")
def a_server_that_was_down_or_emptied_gets_everything_later(place):
    e, redis = place.emulator, Redis(place)
    _, price, first = shop(e)
    second = e.post("/v1/customers", payment_method="pm_card_visa",
                    invoice_settings={"default_payment_method": "pm_card_visa"})
    subs = [subscribe(e, c, price) for c in (first, second)]
    d = place.start(REDIS_URL=redis.url)
    place.run("sync")
    until_status(redis, first, "active")
    until_status(redis, second, "active")
    redis.kill()  # it kept nothing on its disk
    e.delete(f"/v1/subscriptions/{subs[0]['id']}")
    d.deliver_ok(e.events(type="customer.subscription.deleted")[0])
    d.idle()
    until("it shows that Redis is away", lambda: d.status()["states_due"] >= 1)
    check("wait for it" in place.run("status", env={"REDIS_URL": redis.url})[0], "the status hides it")
    redis.start()
    until_status(redis, first, "canceled")
    until_status(redis, second, "active")  # nothing about it has changed: the empty server was noticed
    check("outbox_waits" in place.text_of("daemon.log"), "the log does not tell")
    until("the log tells the end", lambda: "outbox_goes_on" in place.text_of("daemon.log"))
    until("nothing waits", lambda: d.status()["states_due"] == 0)


@scenario("REDIS-03")
def a_rebuilt_store_wins_and_an_older_revision_never_does(place):
    e, redis = place.emulator, Redis(place)
    _, price, customer = shop(e)
    sub = subscribe(e, customer, price)
    d = place.start(REDIS_URL=redis.url)
    sync(d, customer["id"])
    until_status(redis, customer, "active")
    before = redis.value(customer)
    # somebody who is ahead of us stays
    ahead = {**before, "status": "ahead", "revision": before["revision"] + 10**12}
    key = f"stripe:test:customer:{customer['id']}"
    redis.ask("SET", key, json.dumps(ahead, separators=(",", ":")))
    e.delete(f"/v1/subscriptions/{sub['id']}")
    d.deliver_ok(e.events(type="customer.subscription.deleted")[0])
    d.idle()
    until("nothing waits", lambda: d.status()["states_due"] == 0)
    check(redis.value(customer)["status"] == "ahead", "an older revision overwrote a newer one")
    redis.ask("SET", key, json.dumps(before, separators=(",", ":")))
    d.stop()
    if place.cluster:
        return
    shutil.rmtree(place.dir / "data")
    d = place.start(REDIS_URL=redis.url)
    sync(d, customer["id"])
    until_status(redis, customer, "canceled")
    check(redis.value(customer)["revision"] > before["revision"], "the new store is behind the old one")
    place.check_mirror(["customer", "subscription"])


def turn(place, e, d, redis, customer, price, status):
    """The customer's subscription begins or ends, and Redis says so."""
    if status == "active":
        subscribe(e, customer, price)
        event = "customer.subscription.created"
    else:
        for sub in e.get("/v1/subscriptions", customer=customer["id"])["data"]:
            e.delete(f"/v1/subscriptions/{sub['id']}")
        event = "customer.subscription.deleted"
    d.deliver_ok(e.events(type=event)[0])
    d.idle()
    until_status(redis, customer, status)
    until("nothing waits", lambda: d.status()["states_due"] == 0)


@scenario("REDIS-04")
def a_store_restored_from_a_backup_wins_over_what_it_once_delivered(place):
    if place.cluster:
        raise Skip("the backup is a file's")
    e, redis = place.emulator, Redis(place)
    _, price, customer = shop(e)
    subscribe(e, customer, price)
    d = place.start(REDIS_URL=redis.url)
    sync(d, customer["id"])
    until_status(redis, customer, "active")
    until("nothing waits", lambda: d.status()["states_due"] == 0)
    d.stop()
    shutil.copytree(place.dir / "data", place.dir / "backup")
    d = place.start(REDIS_URL=redis.url)
    turn(place, e, d, redis, customer, price, "canceled")
    later = redis.value(customer)
    d.stop()
    shutil.rmtree(place.dir / "data")
    (place.dir / "backup").rename(place.dir / "data")
    # what the backup says counts again, until Stripe is asked
    d = place.start(REDIS_URL=redis.url)
    until_status(redis, customer, "active")
    check(redis.value(customer)["revision"] > later["revision"], "no newer than what was there")
    sync(d, customer["id"])
    until_status(redis, customer, "canceled")
    revision = redis.value(customer)["revision"]
    d.stop()
    d = place.start(REDIS_URL=redis.url)  # and a restart makes nothing new
    until("nothing waits", lambda: d.status()["states_due"] == 0)
    check(redis.value(customer)["revision"] == revision, "a restart made it new")


@scenario("REDIS-05")
def a_copied_store_wins_over_what_the_original_delivered(place):
    if place.cluster:
        raise Skip("the copy is a SQLite file's")
    e, redis = place.emulator, Redis(place)
    _, price, customer = shop(e)
    subscribe(e, customer, price)
    d = place.start(REDIS_URL=redis.url)
    sync(d, customer["id"])
    until_status(redis, customer, "active")
    until("nothing waits", lambda: d.status()["states_due"] == 0)
    d.stop()
    place.run("copy", f"sqlite:{place.dir / 'data'}", f"sqlite:{place.dir / 'other'}")
    d = place.start(REDIS_URL=redis.url)
    turn(place, e, d, redis, customer, price, "canceled")
    later = redis.value(customer)["revision"]
    d.stop()
    d = place.start(REDIS_URL=redis.url, DATABASE_URL=f"sqlite:{place.dir / 'other'}")
    until_status(redis, customer, "active")
    check(redis.value(customer)["revision"] > later, "the copy is behind the original")
    sync(d, customer["id"])
    until_status(redis, customer, "canceled")


@scenario("REDIS-06")
def sync_projections_makes_what_redis_holds_anew(place):
    e, redis = place.emulator, Redis(place)
    _, price, customer = shop(e)
    subscribe(e, customer, price)
    env = {"REDIS_URL": redis.url}
    place.run("sync", env=env)
    d = place.start(**env)
    until_status(redis, customer, "active")
    key = f"stripe:test:customer:{customer['id']}"
    right = redis.value(customer)
    redis.ask("SET", key, '{"revision":1,"status":"wrong"}')
    said = json.loads(place.run("sync", "--projections", "--json", env=env)[0])
    check(said == {"states": 1, "delivered": True}, "said:", said)
    again = redis.value(customer)
    check(again["status"] == "active" and again["revision"] > right["revision"], "not anew:", again)
    redis.ask("DEL", key)
    d.stop()
    out, err = place.run("sync", "--projections", env=env)  # and by itself, when no daemon runs
    check("are at the key-value server" in err, "said:", out, err)
    check(redis.value(customer)["status"] == "active", "the command delivered nothing")
    check("no key-value server" in place.run("sync", "--projections")[1], "it hides that there is none")
    place.run("sync", "--projections", "customers", code=2)


@scenario("REDIS-07")
def a_login_a_database_and_an_address_in_brackets_are_understood(place):
    with socket.socket(socket.AF_INET6) as s:
        try:
            s.bind(("::1", 0))
        except OSError as why:
            raise Skip(f"no IPv6 on loopback: {why}") from None
        port = s.getsockname()[1]
    e = place.emulator
    acl = place.dir / "users.acl"
    acl.write_text("user default on nopass ~* &* +@all\nuser brindle on >s3cret/p@ss ~stripe:* +@all\n")
    redis = Redis(place, "--port", str(port), "--bind", "::1", "--aclfile", str(acl))
    _, price, customer = shop(e)
    subscribe(e, customer, price)
    url = f"redis://brindle:s3cret%2Fp%40ss@[::1]:{port}/3"
    d = place.start(REDIS_URL=url)
    sync(d, customer["id"])
    key = f"stripe:test:customer:{customer['id']}"
    until("it is there", lambda: redis.ask("-n", "3", "GET", key))
    d.stop()
    d = place.start(REDIS_URL=url.replace("s3cret", "wrong"))
    until("it says why", lambda: "WRONGPASS" in place.text_of("daemon.log"))
    check("s3cret" not in place.text_of("daemon.log") and "wrong%2F" not in place.text_of("daemon.log"),
          "the password is in the log")


def certificate(place, name, host):
    """Its own authority; the paths of certificate and key."""
    if not shutil.which("openssl"):
        raise Skip("there is no openssl to make a certificate")
    cert, key = (str(place.dir / f"{name}.{kind}.pem") for kind in ("cert", "key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-keyout", key,
                    "-out", cert], check=True, capture_output=True, timeout=PATIENCE)
    return cert, key


@scenario("REDIS-08")
def tls_is_spoken_with_whoever_has_the_right_certificate_alone(place):
    e = place.emulator
    _, price, customer = shop(e)
    subscribe(e, customer, price)
    d = place.start()
    sync(d, customer["id"])
    d.stop()
    told = lambda command, url, trusted, code: "".join(
        place.run(*command, code=code, env={"REDIS_URL": url, "SSL_CERT_FILE": trusted}))
    doctor, fill = ("doctor", "--offline"), ("sync", "--projections")
    (right, key), (other, _) = certificate(place, "right", "localhost"), certificate(place, "other", "elsewhere.test")
    port = free_port()
    url, numeric = f"rediss://localhost:{port}", f"rediss://127.0.0.1:{port}"
    if "hiredis without TLS" in told(doctor, url, right, 3):  # Debian 12's: it says so, and falls back to nothing
        told(fill, url, right, 2)
        return
    redis = Redis(place, "--tls-port", str(port), "--bind", "127.0.0.1", "--tls-cert-file", right, "--tls-key-file", key,
                  "--tls-auth-clients", "no")
    for address, trusted, why in ((url, other, "self-signed certificate"), (numeric, right, "IP address mismatch")):
        said = told(doctor, address, trusted, 3)
        check("certificate is not accepted" in said and why in said and "SSL_CERT_FILE" in said, "it says:", said)
    check("redis_away" in told(doctor, f"redis://localhost:{port}", right, 3), "without TLS it is all right")
    check(redis.ask("DBSIZE") == "0", "a server that nobody vouches for was told")
    check("are at the key-value server" in told(fill, url, right, 0), "it is not said that it went well")
    check(redis.value(customer)["status"] == "active", "nothing came")
