"""Customers' states at a Redis of the place's own."""
import json
import shutil
import subprocess

from place import check, until
from scenarios_customers import state, subscribe, sync
from scenarios_state import shop

SCENARIOS = []


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


class Redis:
    def __init__(self, place):
        check(shutil.which("redis-server"), "redis-server is not installed: apt-get install redis-server")
        self.dir, self.socket = place.dir, place.dir / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.log = open(place.dir / "redis.log", "ab")
        self.process = None
        place.things.append(self)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--save", "",
             "--appendonly", "no", "--dir", str(self.dir)], stdout=self.log, stderr=self.log)
        until("Redis listens", lambda: self.ask("PING") == "PONG")

    def ask(self, *words):
        done = subprocess.run(["redis-cli", "-s", str(self.socket), "--raw", *words],
                              capture_output=True, timeout=30, check=False)
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
    check("outbox_goes_on" in place.text_of("daemon.log"), "the log does not tell the end")
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
