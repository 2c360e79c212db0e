"""Killed under load, again and again: what was answered 200 is there."""
import random
import subprocess
import threading
import time

from front import stand_before
from place import BRINDLE, SOAK, Http, check, until
from scenarios_state import event

SCENARIOS = []
KILLS = 20 * SOAK
SENDERS = 8


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


class Load:
    """Senders that change a product and deliver the event until they are told to stop."""

    def __init__(self, emulator, products):
        self.emulator, self.products = emulator, products
        self.port, self.running, self.acknowledged = None, True, []
        self.lock = threading.Lock()
        self.n = 0
        self.threads = [threading.Thread(target=self.send, args=(i,)) for i in range(SENDERS)]
        for t in self.threads:
            t.start()

    def send(self, me):
        dice = random.Random(me)
        mine = Http(self.emulator.port, self.emulator.http.headers)
        http, port = None, None
        while self.running:
            if port != self.port:
                http, port = Http(self.port), self.port
            if http is None:
                time.sleep(0.01)
                continue
            with self.lock:
                self.n += 1
                ident = f"evt_load_{self.n}"
            product = dice.choice(self.products)
            mine.ask("POST", f"/v1/products/{product['id']}", f"name={ident}",
                     {"Content-Type": "application/x-www-form-urlencoded"})
            while self.running:  # Stripe sends again until somebody says 200
                from place import signature
                import json
                body = json.dumps(event(ident, "product.updated", product)).encode()
                status, _, _ = Http(self.port).ask("POST", "/webhooks/test", body,
                                                   {"Stripe-Signature": signature(body)})
                if status == 200:
                    with self.lock:
                        self.acknowledged.append(ident)
                    break
                time.sleep(0.02)

    def stop(self):
        self.running = False
        for t in self.threads:
            t.join()


@scenario("KILL-01")
def killed_twenty_times_under_load_nothing_acknowledged_is_lost(place):
    e = place.emulator
    products = [e.post("/v1/products", name=f"p{i}") for i in range(40)]
    load = Load(e, products)
    dice = random.Random(7)
    d = None
    try:
        for turn in range(KILLS // 2 if place.cluster else KILLS):
            d = place.start()
            load.port = d.port
            before = len(load.acknowledged)
            until("some events are acknowledged", lambda: len(load.acknowledged) > before + 10)
            time.sleep(dice.random() * 0.1)
            d.kill()
            known = {r[0] for r in place.rows("select event from _inbox")}
            with load.lock:
                missing = [x for x in load.acknowledged if x not in known]
            # an answer that arrived after the kill was given before it
            check(not missing, "killed", turn + 1, "times:", len(missing), "acknowledged events are lost")
        d = place.start()
        load.port = d.port
    finally:
        load.stop()
    d.idle()
    for p in products:  # a change whose event was still on its way when the load ended
        d.deliver_ok(event(f"evt_last_{p['id']}", "product.updated", p))
    d.idle()
    known = {r[0] for r in place.rows("select event from _inbox")}
    check(all(x in known for x in load.acknowledged), "acknowledged events are lost")
    place.check_mirror()


@scenario("KILL-02")
def a_sync_that_is_killed_goes_on_and_loses_at_most_a_page(place):
    e = place.emulator
    turns, objects = 3 * SOAK, 3000 * SOAK
    e.admin("POST", "/bulk", {"type": "product", "count": objects})
    front = stand_before(place)
    d, some_pages = place.start(), front.gate("GET", "/v1/products?", after=5)
    for turn in range(turns):
        walk = subprocess.Popen([BRINDLE, "sync", "products"], cwd=place.dir, env=place.env(),
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        some_pages.come()
        d.kill()
        walk.kill()  # whom nobody has heard yet would work itself
        walk.wait()
        former = some_pages
        if turn + 1 < turns:  # the next daemon goes on at once: it is not to be done before it is killed
            some_pages = front.gate("GET", "/v1/products?", after=5)
        former.open()
        d = place.start()
    d.idle()  # nobody needs to ask for it again
    asked, pages = len(e.requests("/v1/products?")), objects // 100
    check(place.one("select count(*) from products") == objects, "not all are there")
    check(asked <= pages + turns * 2 + 2, pages, "pages were read with", asked, "requests")
    place.run("sync", "products")
    place.check_mirror(["product"])
