"""Operations on the catalogue: whole or not at all, whatever happens meanwhile."""
import json
import signal
import subprocess
import threading
import time

from front import stand_before
from place import BRINDLE, PATIENCE, Http, check, until

SCENARIOS = []
FRESH_S = 1  # RUN_FRESH_MS in src/catalog/run.h: what was read within is not read again


def scenario(ident):
    def add(function):
        def play(place):
            place.writes = True  # these do write to Stripe, under keys of ours
            return function(place)
        play.__name__ = function.__name__
        SCENARIOS.append((ident, play))
        return function
    return add


class Shop:
    """prod_A with its default price p_old (lookup key pro) and another price, mirrored."""

    def __init__(self, place, **old):
        e = self.e = place.emulator
        self.place = place
        self.product = e.post("/v1/products", name="A")["id"]
        self.old = e.post("/v1/prices", **{**dict(
            product=self.product, currency="usd", unit_amount=1000, nickname="monthly",
            recurring={"interval": "month"}, tax_behavior="exclusive", metadata={"k": "v"},
            lookup_key="pro"), **old})["id"]
        e.post(f"/v1/products/{self.product}", default_price=self.old)
        self.other = e.post("/v1/prices", product=self.product, currency="usd", unit_amount=9000)["id"]
        place.run("sync", "products", "prices")
        self.before = e.total()

    def replace(self, *more, code=0, price=None):
        return self.run("price", "replace", price or self.old, "--amount", "1200", *more, code=code)

    def run(self, *args, code=0, env=None):
        """The operation's document."""
        out, err = self.place.run(*args, "--json", code=code, env=env)
        return json.loads(out.splitlines()[-1]) if out.strip() else {"error": err}

    def start(self, *args):
        """A command under way."""
        return subprocess.Popen([BRINDLE, *args, "--json"], cwd=self.place.dir,
                                env=self.place.env(), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)

    def ops(self):
        return [json.loads(line) for line in self.place.run("op", "list")[0].splitlines()]

    def op(self, ident):
        return json.loads(self.place.run("op", "show", ident)[0])

    def price(self, ident):
        return self.e.get(f"/v1/prices/{ident}")

    def default(self):
        return self.e.get(f"/v1/products/{self.product}")["default_price"]

    def prices(self, **params):
        return self.e.get("/v1/prices", product=self.product, limit=100, **params)["data"]

    def made(self):
        return [p for p in self.prices() if "brindle_op" in p["metadata"]]

    def holders(self, key="pro"):
        return [p for p in self.e.get("/v1/prices", lookup_keys=[key])["data"]]

    def asked(self, *methods):
        """(method, path without its query) of what was asked since the shop opened."""
        return [(r["method"], r["path"].split("?")[0])
                for r in self.e.admin("GET", f"/requests?path=/v1/p&after={self.before}")["data"]
                if not methods or r["method"] in methods]

    def writes(self):
        return self.asked("POST", "DELETE")

    def whole(self):
        """What a finished replacement looks like."""
        made = [p for p in self.made() if p["active"]]
        check(len(made) == 1, len(made), "active prices carry the mark")
        new = made[0]
        check(new["unit_amount"] == 1200, "the new amount is", new["unit_amount"])
        check(self.default() == new["id"], "the default is", self.default())
        old = self.price(self.old)
        check(not old["active"] and old["lookup_key"] is None, "the old price is", old)
        check(new["lookup_key"] == "pro", "the key is at", new["lookup_key"])
        check(self.price(self.other)["active"], "the other price was touched")
        return new

    def untouched(self):
        check(self.default() == self.old, "the default moved to", self.default())
        old = self.price(self.old)
        check(old["active"] and old["lookup_key"] == "pro", "the old price is", old)

    def leave(self):
        """The emulator would wait for whoever it still answers slowly, and who was killed."""
        self.e.process.kill()
        self.e.process.wait()

    def mirrored(self):
        self.place.check_mirror(["product", "price"])


@scenario("CAT-01")
def the_default_price_is_replaced_in_the_safe_order(place):
    shop = Shop(place)
    product, old = f"/v1/products/{shop.product}", f"/v1/prices/{shop.old}"
    doc = shop.replace()
    asked = shop.asked()
    new = shop.whole()
    path = f"/v1/prices/{new['id']}"
    check(sorted(asked[:2]) == sorted([("GET", product), ("GET", old)]), "it began with", asked[:2])
    # what was read more than FRESH_S ago is looked at once more before it is written
    then = asked[2:-3]
    check([a for a in then if a[0] != "GET"] == [("POST", "/v1/prices"), ("POST", product), ("POST", path), ("POST", old)],
          "then", then)
    check(("GET", product) in then[then.index(("POST", path)):], "it did not look at the product last:", then)
    check(sorted(asked[-3:]) == sorted([("GET", product), ("GET", path), ("GET", old)]),
          "it ended with", asked[-3:])
    check(new["tax_behavior"] == "exclusive" and new["nickname"] == "monthly" and
          new["recurring"]["interval"] == "month" and new["metadata"]["k"] == "v", "copied:", new)
    first = doc["journal"][0]["form"]
    check("lookup_key" not in first, "the first request already has the key:", first)
    check(doc["state"] == "done" and doc["made"] == [new["id"]], "the operation says", doc)
    shop.mirrored()


@scenario("CAT-02")
def between_all_requests_there_is_a_default_on_sale_and_one_holder_of_the_key(place):
    shop, front = Shop(place), stand_before(place)
    seen = []

    def look(path, *_):
        """Behind each request, before its answer lets the next one begin."""
        http = Http(shop.e.port, shop.e.http.headers)
        product = json.loads(http.ask("GET", f"/v1/products/{shop.product}?expand[]=default_price")[2])
        keys = json.loads(http.ask("GET", "/v1/prices?lookup_keys[]=pro")[2])["data"]
        http.close()
        seen.append((path, product["default_price"], keys))
    front.bend = look
    shop.replace()
    check(len(seen) == len(front.asked) >= 10, "too few looks:", front.asked)
    for path, default, keys in seen:
        check(default and default["active"], "behind", path, "the default was", default)
        check(len(keys) == 1 and keys[0]["active"], "behind", path, "the key was at", keys)


@scenario("CAT-03")
def replacing_another_price_leaves_the_product_alone(place):
    shop = Shop(place)
    shop.replace(price=shop.other)
    check(shop.default() == shop.old, "the default moved")
    check(("POST", f"/v1/products/{shop.product}") not in shop.writes(), "the product was written")
    check(len(shop.writes()) == 2, "writes:", shop.writes())
    shop.mirrored()


@scenario("CAT-04")
def archiving_the_default_makes_its_successor_the_default_first(place):
    shop = Shop(place)
    shop.run("price", "archive", shop.old, "--default", shop.other)
    check(shop.writes() == [("POST", f"/v1/products/{shop.product}"), ("POST", f"/v1/prices/{shop.old}")],
          "writes:", shop.writes())
    check(shop.default() == shop.other and not shop.price(shop.old)["active"], "not archived")
    shop.mirrored()


@scenario("CAT-05")
def archiving_the_default_without_a_successor_is_refused_before_any_write(place):
    shop = Shop(place)
    out, err = place.run("price", "archive", shop.old, code=1)
    check(shop.writes() == [], "wrote", shop.writes())
    for word in (shop.product, shop.old, "--default", "--clear-default", "product archive",
                 "price_is_default"):
        check(word in err, "the refusal does not say", word, ":", err)
    shop.untouched()


@scenario("CAT-06")
def the_default_is_cleared_when_that_is_asked_for(place):
    shop = Shop(place)
    out, err = place.run("price", "archive", shop.old, "--clear-default")
    check("storefronts" in err, "no warning:", err)
    check(shop.default() is None and not shop.price(shop.old)["active"], "not cleared")
    check(place.mirrored("product")[shop.product][0]["default_price"] is None, "the mirror has it")
    shop.mirrored()


@scenario("CAT-07")
def the_last_price_on_sale_goes_only_when_that_is_asked_for(place):
    shop = Shop(place)
    shop.run("price", "archive", shop.other)
    before = len(shop.writes())
    doc = shop.run("price", "archive", shop.old, "--clear-default", code=1)
    check(doc["reason"] == "nothing_to_sell", doc)
    check("nothing to sell" in doc["refusal"]["message"] and len(shop.writes()) == before, doc)
    shop.run("price", "archive", shop.old, "--clear-default", "--allow-unsellable")
    check(not shop.price(shop.old)["active"], "it is still on sale")
    shop.mirrored()


def race(place, *flags, code):
    """Somebody makes p_old the default again between our look and our last request."""
    shop = Shop(place)
    front = stand_before(place)
    key_moves = front.gate("POST", "/v1/prices/price_", count=1)
    run = shop.start("price", "replace", shop.old, "--amount", "1200", *flags)
    key_moves.come()
    last_look = front.gate("GET", f"/v1/products/{shop.product}", count=1)
    key_moves.open()
    last_look.come()  # step 4 is read already
    shop.e.post(f"/v1/products/{shop.product}", default_price=shop.old)
    last_look.open()
    out, err = run.communicate(timeout=PATIENCE)
    check(run.returncode == code, "ended with", run.returncode, out, err)
    return shop, json.loads(out)


@scenario("CAT-08")
def who_moves_the_default_back_meanwhile_wins_and_no_orphan_is_left(place):
    shop, doc = race(place, code=5)
    check(doc["state"] == "stuck" and doc["reason"] == "moved", doc["state"], doc.get("reason"))
    r = doc["refusal"]
    check(r["reason"] == "price_is_default" and r["status"] == 400 and r["request_id"] and
          "default price of its product" in r["stripe"], "the refusal is", r)
    shop.untouched()
    check(all(not p["active"] for p in shop.made()), "an orphan is on sale")
    check(doc["differences"] == [], "left:", doc["differences"])
    until("the mirror is told", lambda: shop.place.run("op", "list") and True)


@scenario("CAT-08B")
def with_own_the_default_is_moved_once_more(place):
    shop, doc = race(place, "--own", code=0)
    check(doc["state"] == "done", doc)
    shop.whole()
    tries = [r for r in doc["journal"] if r["step"] == 2]
    check([r["attempt"] for r in tries] == [1, 2], "the default was set", len(tries), "times")


@scenario("CAT-09")
def a_successor_of_another_product_is_refused_before_any_write(place):
    shop = Shop(place)
    product = shop.e.post("/v1/products", name="B")["id"]
    foreign = shop.e.post("/v1/prices", product=product, currency="usd", unit_amount=5)["id"]
    shop.before = shop.e.total()
    doc = shop.run("price", "archive", shop.old, "--default", foreign, code=1)
    check(doc["reason"] == "successor_foreign" and shop.writes() == [], doc)
    shop.untouched()


@scenario("CAT-10")
def an_archived_successor_is_refused_with_its_remedy(place):
    shop = Shop(place)
    shop.e.post(f"/v1/prices/{shop.other}", active=False)
    shop.before = shop.e.total()
    doc = shop.run("price", "archive", shop.old, "--default", shop.other, code=1)
    check(doc["reason"] == "successor_inactive" and shop.writes() == [], doc)
    check(f"brindle price activate {shop.other}" in doc["refusal"]["next"], doc["refusal"])


@scenario("CAT-11")
def killed_after_each_request_it_goes_on_and_makes_one_price(place):
    shop = Shop(place)
    e = shop.e
    # One run that is killed again and again: at each request, when it was carried out and its
    # answer is on its way.
    stations = [("GET", f"/v1/prices/{shop.old}"), ("GET", f"/v1/products/{shop.product}"),
                ("POST", "/v1/prices"), ("POST", f"/v1/products/{shop.product}"),
                ("POST", "/v1/prices/price_"), ("GET", f"/v1/products/{shop.product}"),
                ("POST", f"/v1/prices/{shop.old}"), ("GET", f"/v1/prices/{shop.old}")]
    command = ["price", "replace", shop.old, "--amount", "1200"]
    for method, path in stations:
        after = e.total()
        e.no_faults()
        e.fault(f"slow;method={method};path={path};count=1;delay_ms=20000")
        run = shop.start(*command)
        until(f"{method} {path}", lambda: run.poll() is not None or e.requests(path, method, after))
        run.kill()
        run.communicate()
        ops = shop.ops()
        check(len(ops) == 1, len(ops), "operations")
        if ops[0]["state"] == "done":
            break
        command = ["op", "resume", ops[0]["id"]]
    e.no_faults()
    shop.run(*command)
    new = shop.whole()
    check(len(shop.made()) == 1, "made", len(shop.made()), "prices")
    check(shop.op(shop.ops()[0]["id"])["made"] == [new["id"]], "it is another price")
    shop.mirrored()
    shop.leave()


@scenario("CAT-11B")
def a_daemon_goes_on_with_what_a_killed_one_has_begun(place):
    shop = Shop(place)
    d = place.start()
    shop.e.fault("slow;method=POST;path=/v1/prices;count=1;delay_ms=20000")
    run = shop.start("price", "replace", shop.old, "--amount", "1200")
    until("the price is made", lambda: shop.made())
    d.kill()
    run.kill()
    run.communicate()
    shop.e.no_faults()
    d = place.start()
    until("the operation is over", lambda: shop.ops()[0]["state"] == "done")
    shop.whole()
    check(len(shop.made()) == 1, "made", len(shop.made()), "prices")
    place.check_all(d)
    shop.leave()


@scenario("CAT-12")
def a_lost_answer_is_asked_for_again_under_the_same_key(place):
    shop = Shop(place)
    shop.e.fault("reset;method=POST;path=/v1/prices;count=1;effect=after")
    doc = shop.replace()
    first = doc["journal"][0]
    check(first["step"] == 1 and first["attempt"] == 1 and first.get("replayed"), first)
    check(len(shop.made()) == 1, "made", len(shop.made()), "prices")
    shop.whole()


@scenario("CAT-13")
def when_stripe_has_forgotten_the_key_the_marker_is_found(place):
    shop = Shop(place)
    shop.e.fault("slow;method=POST;path=/v1/prices;count=1;delay_ms=20000")
    run = shop.start("price", "replace", shop.old, "--amount", "1200")
    until("the price is made", lambda: shop.made())
    run.kill()
    run.communicate()
    shop.e.no_faults()
    shop.e.admin("POST", "/clock", {"advance_seconds": 25 * 3600})
    asked = shop.e.total()
    doc = shop.run("op", "resume", shop.ops()[0]["id"])
    check(doc["journal"][0]["state"] == "found", doc["journal"][0])
    check(len(shop.made()) == 1, "made", len(shop.made()), "prices")
    check(not [r for r in shop.e.requests("/v1/prices/search", after=asked)], "it was searched for")
    shop.whole()
    shop.leave()


@scenario("CAT-14")
def there_and_back_makes_a_new_price_each_time(place):
    shop = Shop(place)
    second = shop.replace()["made"][0]
    third = shop.run("price", "replace", second, "--amount", "1000")["made"][0]
    check(third not in (shop.old, second), "an old price came back")
    check(shop.price(third)["active"] and shop.default() == third, "it is not on sale")
    check(shop.price(third)["unit_amount"] == 1000, "its amount")
    shop.mirrored()


@scenario("CAT-15")
def a_500_that_is_replayed_is_settled_by_looking(place):
    shop = Shop(place)
    shop.e.fault("error;method=POST;path=/v1/prices;count=1")
    shop.e.fault("error;method=POST;path=/v1/prices/price_;count=1;stored=true")
    doc = shop.replace()
    tries = {}
    for row in doc["journal"]:
        tries.setdefault(row["step"], []).append(row["state"])
    check(tries[1] == ["done"], "a 500 that was not kept: same key", tries)
    check(tries[3] == ["settled", "done"], "one that was: a look, then a new key", tries)
    shop.whole()


@scenario("CAT-16")
def limits_and_locks_are_waited_for_under_the_same_key(place):
    shop = Shop(place)
    shop.e.fault("rate_limit;method=POST;path=/v1/prices;count=2")
    shop.e.fault(f"lock_timeout;method=POST;path=/v1/products/{shop.product};count=2")
    doc = shop.replace()
    check([r["attempt"] for r in doc["journal"]] == [1, 1, 1, 1], "attempts", doc["journal"])
    limited = [r["idempotency_key"] for r in shop.e.requests("/v1/p", "POST", shop.before)
               if r["status"] == 429]
    check(len(limited) == 4 and len(set(limited)) == 2, limited)
    shop.whole()


@scenario("CAT-17")
def a_key_in_use_is_neither_failure_nor_success(place):
    shop = Shop(place)
    shop.e.fault("in_use;method=POST;path=/v1/prices;count=2")
    doc = shop.replace()
    check(doc["journal"][0]["attempt"] == 1 and doc["journal"][0]["state"] == "done", doc["journal"])
    shop.whole()


@scenario("CAT-18")
def a_key_that_was_used_for_something_else_needs_a_person(place):
    shop = Shop(place)
    shop.e.fault("error;method=POST;path=/v1/prices;count=-1")
    run = shop.start("price", "replace", shop.old, "--amount", "1200")
    ident = until("it waits", lambda: ([o["id"] for o in shop.ops() if o["waits"]] or [None])[0])
    # somebody else's request, to where nothing fails: its next attempt comes later
    shop.e.call("POST", "/v1/products", {"name": "another"}, Idempotency_Key=f"op/{ident}/1/1")
    shop.e.no_faults()
    out, err = run.communicate(timeout=PATIENCE)
    doc = json.loads(out)
    check(run.returncode == 1 and doc["reason"] == "idempotency_error" and doc["state"] == "stuck",
          run.returncode, doc["state"], doc.get("reason"))
    check([r["attempt"] for r in doc["journal"]] == [1], "a new key was minted:", doc["journal"])
    shop.untouched()
    back = shop.run("op", "abort", ident)
    check(back["state"] == "undone", "aborted it is", back["state"])


@scenario("CAT-19")
def of_two_on_one_product_the_second_is_told_who_holds_it(place):
    shop = Shop(place)
    under_way = stand_before(place).gate("POST", "/v1/prices", count=1)
    place.start()
    first = shop.start("price", "replace", shop.old, "--amount", "1200")
    under_way.come()
    doc = shop.replace(code=5)
    under_way.open()
    holder = [o["id"] for o in shop.ops() if o["id"] != doc["id"]][0]
    check(doc["reason"] == "op_in_the_way", doc)
    check(f"Operation {holder} holds product {shop.product}" in doc["refusal"]["message"], doc["refusal"])
    out, err = first.communicate(timeout=PATIENCE)
    check(first.returncode == 0, "the first ended with", first.returncode, err)
    shop.whole()


@scenario("CAT-19B")
def of_two_without_a_common_store_the_later_gives_way(place):
    shop = Shop(place)
    env = {"DATABASE_URL": f"sqlite:{place.dir / 'second'}"}
    # ours has read Stripe and made its price when the other one begins and ends
    made = stand_before(place).gate("POST", "/v1/prices", count=1)
    run = shop.start("price", "replace", shop.old, "--amount", "1200")
    made.come()
    new = shop.run("price", "replace", shop.old, "--amount", "1200", env=env)
    time.sleep(FRESH_S)
    made.open()
    out, err = run.communicate(timeout=PATIENCE)
    doc = json.loads(out)
    check(run.returncode == 5 and doc["state"] == "stuck" and doc["reason"] == "moved",
          run.returncode, doc["state"], doc.get("reason"), doc.get("note"))
    sold = [p for p in shop.made() if p["active"]]
    check([p["id"] for p in sold] == new["made"], "on sale:", [p["id"] for p in sold])
    check(len(shop.holders()) == 1 and shop.holders()[0]["active"], "the key is at", shop.holders())
    check(shop.default() == sold[0]["id"], "the default is", shop.default())


@scenario("CAT-20")
def a_lookup_key_is_taken_only_when_that_is_asked_for(place):
    shop = Shop(place)
    shop.e.post(f"/v1/prices/{shop.other}", lookup_key="team")
    shop.e.post(f"/v1/prices/{shop.other}", active=False)
    shop.before = shop.e.total()
    args = ("price", "create", shop.product, "--amount", "5", "--currency", "usd", "--lookup-key", "team")
    doc = shop.run(*args, code=1)
    check(doc["reason"] == "lookup_key_taken" and shop.other in doc["refusal"]["message"] and
          "archived" in doc["refusal"]["message"] and shop.writes() == [], doc)
    new = shop.run(*args, "--take-key")["made"][0]
    check(shop.price(new)["lookup_key"] == "team", "it has", shop.price(new)["lookup_key"])
    check(shop.price(shop.other)["lookup_key"] is None, "the holder still has it")
    shop.mirrored()


@scenario("CAT-21")
def cut_off_in_the_middle_it_says_where_it_stands_and_can_be_undone(place):
    shop = Shop(place)
    key_moves = stand_before(place).gate("POST", "/v1/prices/price_", count=1)
    d = place.start()
    run = shop.start("price", "replace", shop.old, "--amount", "1200")
    key_moves.come()
    shop.e.fault("reset;path=/v1/p;count=-1")
    key_moves.open()
    op = until("it waits", lambda: ([o for o in shop.ops() if o["waits"] and o["step"] == 4] or [None])[0])
    check(op["at"].startswith("step 4 of 6, waiting for Stripe: "), op["at"])
    check(op["at"] in place.run("status")[0], "status says", place.run("status")[0])
    check(f"{shop.old} is still on sale" in op["at"] and "is the default price of" in op["at"], op["at"])
    until("the mirror is marked as behind", lambda: place.one(
        "select count(*) from _due where kind = 'object' and id = ? and done_gen < gen", shop.product))
    abort = shop.start("op", "abort", op["id"])
    until("it is asked for", lambda: shop.ops()[0].get("abort_asked"))
    shop.e.no_faults()
    out, err = abort.communicate(timeout=PATIENCE)
    doc = json.loads(out)
    check(abort.returncode == 0 and doc["state"] == "undone" and doc["reason"] == "aborted", out, err)
    shop.untouched()
    check(all(not p["active"] for p in shop.made()), "the new price is on sale")
    run.communicate(timeout=PATIENCE)
    check(run.returncode == 1, "the command ended with", run.returncode)
    place.check_all(d)


@scenario("CAT-21B")
def who_hangs_up_while_stripe_is_away_is_let_go(place):
    shop = Shop(place)
    shop.e.fault(f"reset;method=POST;path=/v1/products/{shop.product};count=-1")
    run = shop.start("price", "replace", shop.old, "--amount", "1200")
    until("it waits", lambda: [o for o in shop.ops() if o["waits"]])
    run.send_signal(signal.SIGINT)
    # OPERATION_PATIENCE_MS later it would end by itself, with another sentence
    err = run.communicate(timeout=PATIENCE)[1].decode()
    check(run.returncode == 6 and "Nobody listens any more" in err, run.returncode, err)
    shop.e.no_faults()
    shop.run("op", "abort", shop.ops()[0]["id"])
    late = shop.replace()
    check(late["state"] == "done", late)
    out, err = place.run("op", "abort", late["id"], code=5)
    check("is over" in err, err)
    place.check_all(place.start())


@scenario("CAT-22")
def what_cannot_be_undone_is_listed_with_what_mends_it(place):
    shop = Shop(place)
    key_moves = stand_before(place).gate("POST", "/v1/prices/price_", count=1)
    place.start()
    run = shop.start("price", "replace", shop.old, "--amount", "1200")
    key_moves.come()
    shop.e.fault(f"reset;method=GET;path=/v1/products/{shop.product};count=-1")
    key_moves.open()
    op = until("it waits", lambda: ([o for o in shop.ops() if o["waits"] and o["step"] == 4] or [None])[0])
    shop.e.post(f"/v1/prices/{shop.old}", active=False)
    abort = shop.start("op", "abort", op["id"])
    until("it is asked for", lambda: shop.ops()[0].get("abort_asked"))
    shop.e.no_faults()
    out, err = abort.communicate(timeout=PATIENCE)
    run.communicate(timeout=PATIENCE)
    doc = json.loads(out)
    check(abort.returncode == 3 and doc["state"] == "stuck" and doc["reason"] == "partial",
          abort.returncode, doc["state"], doc.get("reason"))
    new = doc["made"][0]
    mends = [d["mend"] for d in doc["differences"]]
    check(mends == [f"brindle price archive {new}",
                    f"brindle product update {shop.product} --default {shop.old}",
                    f"brindle price update {shop.old} --lookup-key 'pro' --take-key"], mends)
    check(shop.default() == new and shop.price(new)["active"], "the product lost its default")


@scenario("CAT-24")
def what_is_immutable_is_refused_and_the_rest_goes_through(place):
    shop = Shop(place)
    for flags in (["--amount", "5"], ["--currency", "eur"], ["--interval", "year"],
                  ["--set", "product=prod_x"], ["--set", "billing_scheme=tiered"],
                  ["--set", "tiers[0][up_to]=inf"], ["--set", "transform_quantity[divide_by]=2"],
                  ["--set", "custom_unit_amount[enabled]=true"], ["--tax-behavior", "inclusive"]):
        doc = shop.run("price", "update", shop.old, *flags, code=2)
        check(doc["reason"] == "immutable" and "immutable" in doc["refusal"]["message"] and
              "use replace" in doc["refusal"]["message"], flags, doc)
    check(shop.writes() == [], "wrote", shop.writes())
    shop.run("price", "update", shop.other, "--nickname", "big", "--metadata", "a=b", "--lookup-key",
             "big", "--tax-behavior", "inclusive", "--set", "currency_options[eur][unit_amount]=8000")
    p = shop.price(shop.other)
    check(p["nickname"] == "big" and p["metadata"]["a"] == "b" and p["lookup_key"] == "big" and
          p["tax_behavior"] == "inclusive", p)
    shop.mirrored()


@scenario("CAT-25")
def only_a_product_that_never_had_a_price_is_deleted(place):
    shop = Shop(place)
    doc = shop.run("product", "delete", shop.product, "--yes", code=1)
    check(doc["reason"] == "product_has_prices" and shop.writes() == [], doc)
    check("product archive" in doc["refusal"]["next"], doc["refusal"])
    bare = shop.e.post("/v1/products", name="bare")["id"]
    place.run("sync", bare)
    place.run("product", "delete", bare, code=2)  # nobody said --yes
    shop.run("product", "delete", bare, "--yes")
    status = shop.e.http.ask("GET", f"/v1/products/{bare}")[0]
    check(status == 404, "afterwards it answers", status)
    d = place.start()
    d.idle()
    check(place.mirrored("product")[bare][1] == 1, "there is no tombstone")
    shop.mirrored()


@scenario("CAT-26")
def archiving_a_product_leaves_its_prices_active(place):
    shop = Shop(place)
    out, err = place.run("product", "archive", shop.product)
    check("payment links" in err and "2 prices" in err and "subscriptions go on" in err, err)
    check(shop.writes() == [("POST", f"/v1/products/{shop.product}")], shop.writes())
    check(all(p["active"] for p in shop.prices()), "a price was archived")
    shop.mirrored()


@scenario("CAT-27")
def a_product_that_comes_back_with_an_archived_default_says_so(place):
    shop = Shop(place)
    shop.run("product", "archive", shop.product)
    shop.run("price", "archive", shop.old)  # now Stripe lets the default go
    shop.before = shop.e.total()
    shop.e.admin("POST", "/points", {"spec": "P-7=yes"})
    out, err = place.run("product", "activate", shop.product)
    check(shop.old in err and "archived, and stays so" in err, err)
    check(shop.writes() == [("POST", f"/v1/products/{shop.product}")], shop.writes())
    check(not shop.price(shop.old)["active"], "it was repaired silently")
    shop.mirrored()


@scenario("CAT-28")
def a_dry_run_shows_the_requests_and_sends_none(place):
    shop = Shop(place)
    out, err = place.run("price", "replace", shop.old, "--amount", "1200", "--dry-run")
    for words in ("POST /v1/prices\n", "unit_amount=1200", f"POST /v1/products/{shop.product}",
                  "transfer_lookup_key=true", f"POST /v1/prices/{shop.old}\n    active=false"):
        check(words in out, "the plan does not say", words, out)
    doc = shop.replace("--dry-run")
    check(doc["state"] == "planned" and len(doc["requests"]) == 5, doc["requests"])
    check(shop.writes() == [], "wrote", shop.writes())
    shop.untouched()


@scenario("CAT-30")
def the_journal_holds_every_request(place):
    shop = Shop(place)
    doc = shop.op(shop.replace()["id"])
    check(len(doc["journal"]) == 4, "rows:", len(doc["journal"]))
    truth = {r["idempotency_key"]: r for r in shop.e.requests("/v1/p", "POST", shop.before)}
    for row in doc["journal"]:
        real = truth[row["idempotency_key"]]
        check(row["request_id"] == real["request_id"] and row["status"] == real["status"] and
              row["api_key"] == "sk_test_…" and row["actor"].startswith("cli:") and
              row["duration_ms"] >= 0 and row["form"], row)
    calls = place.rows("select path, status, request_id, idempotency_key, cause from _calls "
                       "where idempotency_key like 'op/%'")
    check(len(calls) == 4 and all(c[4] == doc["id"] and c[2] for c in calls), "the audit has", calls)
    for name, text in place.store_texts().items():
        check("sk_test_scenario" not in text, "the key is in", name)


@scenario("CAT-31")
def a_replacement_copies_everything_but_what_was_asked(place):
    shop = Shop(place, currency_options={"eur": {"unit_amount": 900, "tax_behavior": "exclusive"},
                                         "gbp": {"unit_amount_decimal": "80.5"}},
                recurring={"interval": "month", "interval_count": 3})
    new = shop.e.get("/v1/prices/" + shop.replace()["made"][0], expand=["currency_options"])
    check(new["recurring"]["interval_count"] == 3, new["recurring"])
    check(new["currency_options"]["eur"]["unit_amount"] == 900 and
          new["currency_options"]["eur"]["tax_behavior"] == "exclusive" and
          new["currency_options"]["gbp"]["unit_amount_decimal"] == "80.5", new["currency_options"])
    tiered = shop.e.post("/v1/prices", product=shop.product, currency="usd", billing_scheme="tiered",
                         tiers_mode="graduated", recurring={"interval": "month"},
                         tiers=[{"up_to": 10, "unit_amount": 100}, {"up_to": "inf", "flat_amount": 5,
                                                                   "unit_amount_decimal": "50.25"}],
                         nickname="t")["id"]
    doc = shop.run("price", "replace", tiered, "--amount", "5", code=1)
    check(doc["reason"] == "would_lose", doc)
    made = shop.run("price", "replace", tiered, "--nickname", "u")["made"][0]
    was, now = (shop.e.get(f"/v1/prices/{p}", expand=["tiers"]) for p in (tiered, made))
    check(was["tiers"] == now["tiers"] and now["tiers_mode"] == "graduated", now)
    divided = shop.e.post("/v1/prices", product=shop.product, currency="usd", unit_amount=100,
                          transform_quantity={"divide_by": 10, "round": "up"})["id"]
    made = shop.run("price", "replace", divided, "--amount", "90")["made"][0]
    check(shop.price(made)["transform_quantity"]["round"] == "up", shop.price(made))
    free = shop.e.post("/v1/prices", product=shop.product, currency="usd",
                       custom_unit_amount={"enabled": True, "minimum": 100})["id"]
    made = shop.run("price", "replace", free, "--nickname", "gift")["made"][0]
    check(shop.price(made)["custom_unit_amount"]["minimum"] == 100, shop.price(made))


@scenario("CAT-32")
def the_echo_of_an_operation_takes_nothing_back(place):
    shop = Shop(place)
    d = place.start()
    shop.replace()
    events = shop.e.events()
    d.deliver_ok(*events, *reversed(events))
    d.idle()
    shop.mirrored()
    check(len(shop.ops()) == 1 and len(shop.made()) == 1, "a second operation began")


@scenario("CAT-33")
def what_was_deleted_meanwhile_need_not_be_archived(place):
    shop = Shop(place)
    key_moves = stand_before(place).gate("POST", "/v1/prices/price_", count=1)
    run = shop.start("price", "replace", shop.old, "--amount", "1200")
    key_moves.come()
    shop.e.admin("DELETE", f"/objects/price/{shop.old}?event=price.deleted")
    key_moves.open()
    out, err = run.communicate(timeout=PATIENCE)
    check(run.returncode == 0 and json.loads(out)["state"] == "done", out, err)
    d = place.start()
    place.check_all(d)


@scenario("CAT-34")
def a_key_without_the_right_is_refused_before_anything_is_written(place):
    shop = Shop(place)
    key = {"STRIPE_SECRET_KEY": "rk_test_scenario0123456789"}
    shop.e.admin("POST", "/permissions", {"permissions": {
        "account": "read", "balance": "read", "product": "read", "plan": "write"}})
    doc = shop.run("price", "replace", shop.old, "--amount", "1200", code=4, env=key)
    check(doc["reason"] == "not_permitted" and doc["state"] == "refused", doc)
    check(not shop.made(), "a price was made")
    shop.untouched()


@scenario("CAT-35")
def a_product_is_made_once_and_found_again(place):
    shop = Shop(place)
    shop.e.fault("slow;method=POST;path=/v1/products;count=1;delay_ms=20000")
    args = ("product", "create", "--name", "Pro", "--amount", "1000", "--currency", "usd",
            "--interval", "month", "--metadata", "team=a")
    run = shop.start(*args)
    until("it is made", lambda: shop.writes())
    run.kill()
    run.communicate()
    shop.e.no_faults()
    made = shop.run("op", "resume", shop.ops()[0]["id"])["made"]
    check(shop.run("op", "resume", shop.ops()[0]["id"])["made"] == made, "asked again, it is what it was")
    product = shop.e.get(f"/v1/products/{made[0]}")
    check(product["name"] == "Pro" and product["default_price"] and product["metadata"]["team"] == "a",
          product)
    check(len([p for p in shop.e.get("/v1/products")["data"] if p["name"] == "Pro"]) == 1, "made twice")
    check(made[0] in place.mirrored("product"), "the mirror does not have it yet")
    place.check_all(place.start())
    shop.leave()


def order(d, verb, document, key=None):
    head = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
    status, _, body = d.http.ask("POST", f"/api/test/catalog/{verb}", json.dumps(document).encode(), head)
    return status, json.loads(body)


@scenario("CAT-36")
def over_http_the_same_order_is_the_same_operation(place):
    shop = Shop(place)
    d = place.start()
    wish = {"price": shop.old, "set": {"unit_amount": 1200, "metadata": {"why": "inflation"}}}
    status, plan = order(d, "price/replace", {**wish, "dry_run": True})
    check(status == 200 and plan["state"] == "planned" and shop.writes() == [], status, plan)
    status, doc = order(d, "price/replace", wish, key="mine")
    check(status == 200 and doc["state"] == "done" and doc["actor"] == "api", status, doc)
    new = shop.whole()
    check(new["metadata"]["why"] == "inflation", new)
    status, again = order(d, "price/replace", wish, key="mine")
    check(status == 200 and again["id"] == doc["id"] and len(shop.made()) == 1, status, again["id"])
    status, other = order(d, "price/replace", {**wish, "set": {"unit_amount": 5}}, key="mine")
    check(status == 409, "another order under the same key:", status, other)
    for key in ("\xe9", "k" * 256):
        status, other = order(d, "price/replace", wish, key=key)
        check(status == 400 and "Idempotency-Key" in other["error"]["message"], status, other)
    for twice in ({"Idempotency-Key": "mine", "idempotency-key": "mine"}, {"Idempotency-Key": " "}):
        status, _, body = d.http.ask("POST", "/api/test/catalog/price/replace", json.dumps(wish).encode(), twice)
        check(status == 400 and b"Idempotency-Key" in body, "twice, or empty:", status, body)
    for verb, document, want, reason in (
            ("price/archive", {"price": new["id"]}, 409, "price_is_default"),
            ("price/update", {"price": new["id"], "set": {"currency": "eur"}}, 400, "immutable"),
            ("product/archive", {"product": "prod_nope"}, 404, "no_such_object")):
        status, doc = order(d, verb, document)
        check(status == want and doc["reason"] == reason, verb, status, doc.get("reason"))
    status, _ = order(d, "price/burn", {})
    check(status == 400, "no such operation:", status)
    long = json.dumps({**wish, "pad": "x" * 200_000}).encode()
    status, head, body = d.http.ask("POST", "/api/test/catalog/price/replace", long)
    check(status == 413 and b"at most" in body and "retry-after" not in str(head).lower(),
          "no wait makes it shorter:", status, head, body)
    listed = json.loads(d.http.ask("GET", "/api/test/ops")[2])["data"]
    check(listed[-1]["id"] == plan["id"] and len(listed) == 5, len(listed))
    shown = json.loads(d.http.ask("GET", f"/api/test/ops/{again['id']}")[2])
    check(len(shown["journal"]) == 4, shown["journal"])
    status = d.http.ask("POST", f"/api/test/ops/{again['id']}/abort")[0]
    check(status == 409, "one that is over was aborted:", status)
    check(d.http.ask("POST", "/api/test/catalog/price/replace", b"{}", {"Authorization": "x"})[0] == 401,
          "without a token")
    place.check_all(d)
