"""The mirror: every object, any order, nothing missing."""
import json
import threading
from random import Random

from front import stand_before
from place import Http, check, until
from scenarios_state import event, fetches, shop

SCENARIOS = []


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


def dangling(place, code=None):
    out, _ = place.run("check", "refs", code=code)
    return [json.loads(line) for line in out.splitlines()]


def wanted(place):
    """What Stripe could resolve; the emulator does not show its prices as plans."""
    return [one for one in dangling(place) if one["state"] == "wanted" or one["type"] != "plan"]


@scenario("MIRROR-01")
def an_unknown_price_refuses_nothing(place):
    e = place.emulator
    product = e.post("/v1/products", name="new", default_price_data={
        "unit_amount": 900, "currency": "usd", "recurring": {"interval": "month"}})
    customer = e.post("/v1/customers", email="renews@example.com")
    method = e.post("/v1/payment_methods", type="card", card={"token": "tok_visa"})
    e.post(f"/v1/payment_methods/{method['id']}/attach", customer=customer["id"])
    sub = e.post("/v1/subscriptions", customer=customer["id"], default_payment_method=method["id"],
                 items=[{"price": product["default_price"]}])
    invoice = e.get(f"/v1/invoices/{sub['latest_invoice']}", expand=["payments"])
    intent = invoice["payments"]["data"][0]["payment"]["payment_intent"]
    pair = [event("evt_a", "invoice.payment_failed", invoice),
            event("evt_b", "payment_intent.payment_failed", {"id": intent, "object": "payment_intent"})]
    d = place.start()
    before = e.total()
    answers = []
    threads = [threading.Thread(target=lambda one=one: answers.append(
        d.deliver(one, http_client=Http(d.port)))) for one in pair]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check(answers == [200, 200], "the deliveries were answered", answers)
    d.idle()
    charge = place.one("select latest_charge from payment_intents where id = ?", intent)
    for kind, ident in (("invoice", invoice["id"]), ("payment_intent", intent), ("charge", charge),
                        ("subscription", sub["id"]), ("customer", customer["id"]),
                        ("price", product["default_price"]), ("product", product["id"])):
        check(ident in place.mirrored(kind), kind, ident, "is not in the mirror")
    asked = [r["path"] for r in e.requests(after=before) if r["status"] == 200]
    # Both events make the customer due as a whole, and what they name may have come behind the first one
    # already; where transactions meet, an answer is asked for once more.
    check(max(asked.count(path) for path in asked) <= 2, "asked more often than told:", sorted(asked))
    check(d.status()["dead"] == 0 and not d.status().get("last_error"), "something failed")
    check(not wanted(place), "something dangles")
    d.deliver_ok(*reversed(pair))
    d.idle()
    place.check_all(d)


@scenario("MIRROR-02")
def a_default_price_may_be_known_before_its_price(place):
    e = place.emulator
    product = e.post("/v1/products", name="x", default_price_data={"unit_amount": 5, "currency": "usd"})
    d = place.start()
    e.fault("slow;method=GET;path=/v1/prices;delay_ms=300")
    d.deliver_ok(event("evt_1", "product.created", product))
    until("the product is stored without waiting for its price", lambda: place.mirrored("product"))
    d.idle()
    check(product["default_price"] in place.mirrored("price"), "the price was not fetched")
    e.no_faults()
    place.check_all(d)


@scenario("MIRROR-05")
def a_reference_to_nothing_is_absent_and_no_error(place):
    e = place.emulator
    product = e.post("/v1/products", name="x")
    e.edit("product", product["id"], default_price="price_that_never_was")
    d = place.start()
    d.deliver_ok(event("evt_1", "product.updated", product))
    d.idle()
    check(place.one("select default_price from products") == "price_that_never_was", "it was not stored")
    found = dangling(place, code=3)
    check(len(found) == 1 and found[0]["state"] == "absent" and found[0]["status"] == 404 and
          "No such price" in found[0]["answer"] and found[0]["next_at"] > found[0]["last_at"], found)
    check(d.status()["dead"] == 0, "it counts as dead")
    before = len(fetches(e, "/v1/prices/price_that_never_was", 0))
    d.deliver_ok(event("evt_2", "product.updated", product))
    d.idle()
    check(len(fetches(e, "/v1/prices/price_that_never_was", 0)) == before, "it is asked for at every turn")
    place.run("check", "refs", "--repair", code=3)
    check(dangling(place, code=3)[0]["looks"] == 2, "--repair did not ask once more")


@scenario("MIRROR-06")
def what_lives_in_the_other_mode_is_foreign(place):
    e = place.emulator
    live = Emulated(e, "sk_live_scenario0123456789").post("/v1/prices", {
        "unit_amount": "5", "currency": "usd", "product_data[name]": "live"})
    product = e.post("/v1/products", name="x")
    e.edit("product", product["id"], default_price=live["id"])
    d = place.start()
    d.deliver_ok(event("evt_1", "product.updated", product))
    d.idle()
    found = dangling(place, code=3)
    check(len(found) == 1 and found[0]["state"] == "foreign", found)
    before = len(fetches(e, f"/v1/prices/{live['id']}", 0))
    place.run("check", "refs", "--repair", code=3)
    check(len(fetches(e, f"/v1/prices/{live['id']}", 0)) == before, "asked again although it is foreign")


class Emulated:
    """The same emulator with another key."""

    def __init__(self, emulator, key):
        self.emulator, self.key = emulator, key

    def post(self, path, params):
        import urllib.parse
        status, _, answer = self.emulator.http.ask(
            "POST", path, urllib.parse.urlencode(params),
            {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Bearer {self.key}"})
        check(status == 200, path, "answered", status, answer[:200])
        return json.loads(answer)


@scenario("MIRROR-09")
def a_deletion_is_a_tombstone_until_the_id_is_really_used_again(place):
    e = place.emulator
    product = e.post("/v1/products", id="gold", name="Gold")
    coupon = e.post("/v1/coupons", id="SUMMER", percent_off=25, duration="once")
    customer = e.post("/v1/customers", email="a@example.com")
    item = e.post("/v1/invoiceitems", customer=customer["id"], amount=5, currency="usd")
    tax_id = e.post(f"/v1/customers/{customer['id']}/tax_ids", type="eu_vat", value="DE123456789")
    d = place.start()
    place.catch_up(d)
    for path in ("/v1/products/gold", "/v1/coupons/SUMMER", f"/v1/invoiceitems/{item['id']}",
                 f"/v1/customers/{customer['id']}/tax_ids/{tax_id['id']}", f"/v1/customers/{customer['id']}"):
        e.delete(path)
    place.catch_up(d)
    for kind, ident in (("product", "gold"), ("coupon", "SUMMER"), ("customer", customer["id"]),
                        ("invoiceitem", item["id"])):
        check(place.mirrored(kind)[ident][1] == 1, kind, "is no tombstone")
    tomb = place.mirrored("tax_id")
    check(tax_id["id"] not in tomb or tomb[tax_id["id"]][1] == 1, "the tax id lives on")
    d.deliver_ok(event("evt_late1", "product.updated", product), event("evt_late2", "coupon.created", coupon))
    d.idle()
    check(place.one("select count(*) from products") == 0, "the view shows what is dead")
    check(place.one("select name from products_all where id = 'gold'") == "Gold", "its last state is gone")
    again = e.post("/v1/products", id="gold", name="Gold, again")
    d.deliver_ok(event("evt_again", "product.created", again))
    d.idle()
    check(place.one("select name from products where id = 'gold'") == "Gold, again", "it did not come back")
    place.check_all(d)


@scenario("MIRROR-19")
def what_hangs_on_an_object_is_one_command(place):
    e = place.emulator
    product, price, customer = shop(e)
    subs = [e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
            for _ in range(3)]
    place.run("sync")
    of = json.loads(place.run("refs", price["id"])[0])["objects"]
    hanging = {(r["type"], r.get("through")): r["count"] for o in of if o["type"] == "price"
               for r in o["referred_by"]}
    check(hanging.get(("subscription_item", None)) == 3 and
          hanging.get(("subscription", "subscription_item")) == 3, hanging)
    of = json.loads(place.run("refs", product["id"])[0])["objects"][0]["referred_by"]
    check(any(r["type"] == "price" and r["count"] == 1 for r in of), of)
    lines = [json.loads(line) for line in place.run("refs", customer["id"], "--all")[0].splitlines()]
    check({r["id"] for r in lines if r["type"] == "subscription"} == {s["id"] for s in subs}, lines)
    place.run("refs", "cus_nobody", code=1)
    place.check_mirror()


@scenario("MIRROR-26")
def a_customers_deletion_cascades_into_nothing_here(place):
    e = place.emulator
    _, price, customer = shop(e)
    sub = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
    d = place.start()
    place.catch_up(d)
    before = e.total()
    e.delete(f"/v1/customers/{customer['id']}")
    wrote = [r for m in ("POST", "DELETE") for r in e.requests(method=m, after=before)]
    place.catch_up(d)
    check([r for m in ("POST", "DELETE") for r in e.requests(method=m, after=before)] == wrote,
          "the mirror wrote to Stripe")
    check(place.mirrored("customer")[customer["id"]][1] == 1, "no tombstone")
    check(place.mirrored("subscription")[sub["id"]][0]["status"] == "canceled" and
          not place.mirrored("subscription")[sub["id"]][1], "the subscription went along")
    place.check_all(d)


@scenario("MIRROR-30")
def the_slow_answer_of_an_earlier_fetch_never_wins(place):
    e = place.emulator
    product = e.post("/v1/products", name="old")
    path = f"/v1/products/{product['id']}"
    slow = stand_before(place).gate("GET", path, count=1)
    d = place.start()
    d.deliver_ok(event("evt_1", "product.created", product))
    slow.come()
    e.post(path, name="new")
    out, _ = place.run("sync", "products")
    check(place.one("select name from products") == "new", "the walk did not bring the new name")
    slow.open()
    d.idle()
    check(place.one("select name from products") == "new", "the slow answer won")
    check(not place.rows("select 1 from _history where data like '%\"new\"%'"), "it went back in between")
    place.check_all(d)


def status_of(place):
    return json.loads(place.run("status", "--json")[0])


@scenario("STATE-19")
def lost_webhooks_are_made_up_for_by_the_list_of_events(place):
    e = place.emulator
    d = place.start(BRINDLE_CATCH_UP_SECONDS="1")
    until("the list of events was read", lambda: status_of(place)["events_read_at"])
    lost = Random(19)
    for i in range(60):
        product = e.post("/v1/products", name=f"p{i}")
        if i % 3 == 0:
            e.delete(f"/v1/products/{product['id']}")
        elif i % 3 == 1:
            e.post(f"/v1/products/{product['id']}", name=f"renamed{i}")
    for one in e.events():
        if lost.random() > 0.3:
            d.deliver_ok(one)
    until("the lost ones are found", lambda: place.one("select count(*) from _inbox") == len(e.events()))
    d.idle()
    place.check_mirror()
    check(place.one("select count(*) from _inbox where secret = 'events'") > 5, "none was lost")
    check(status_of(place)["complete_up_to"] > 0, "complete up to nothing")


@scenario("STATE-19B")
def a_mirror_without_any_webhook_converges(place):
    e = place.emulator
    _, price, customer = shop(e)
    d = place.start(BRINDLE_CATCH_UP_SECONDS="1", STRIPE_WEBHOOK_SECRET="")
    place.run("sync", env={"STRIPE_WEBHOOK_SECRET": ""})
    for _ in range(3):
        e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
    e.delete(f"/v1/customers/{e.post('/v1/customers', email='gone@example.com')['id']}")
    want = len(e.events())
    until("all events were read", lambda: place.one("select count(*) from _inbox") >= want - 10 and
          not place.differences())
    d.idle()
    place.check_mirror()
    check(d.deliver(event("evt_forged", "product.created", {"id": "prod_1", "object": "product"})) == 400,
          "without a secret a delivery was taken for Stripe's")
    out, _ = place.run("status")
    check("complete up to" in out, out)


@scenario("BEYOND-01")
def what_happened_while_nobody_listened_is_caught_up_with(place):
    e = place.emulator
    product = e.post("/v1/products", name="before")
    place.run("sync")
    begun = status_of(place)["events_begun_at"]
    check(begun > 0, "a sync does not begin to follow the events")
    for i in range(250):
        e.post(f"/v1/products/{product['id']}", name=f"n{i}")
    gone = e.post("/v1/products", name="came and went")
    e.delete(f"/v1/products/{gone['id']}")
    d = place.start(BRINDLE_CATCH_UP_SECONDS="1")
    until("the last name is there", lambda: place.one("select name from products where id = ?",
                                                    product["id"]) == "n249")
    until("every event is in the inbox",
          lambda: place.one("select count(*) from _inbox where type like 'product.%'") >= 252)
    d.idle()
    check(len(fetches(e, f"/v1/products/{product['id']}", 0)) <= 3, "more than a fetch or two")
    check(place.mirrored("product")[gone["id"]][1] == 1, "the deletion was missed")
    now = status_of(place)
    check(now["events_begun_at"] == begun and now["complete_up_to"] > 0, now)
    place.check_mirror()


@scenario("BEYOND-30")
def a_local_clock_that_is_off_changes_nothing(place):
    e = place.emulator
    e.admin("POST", "/clock", {"advance_seconds": 3600})
    product = e.post("/v1/products", name="from the future")
    place.run("sync")
    e.post(f"/v1/products/{product['id']}", name="later")
    d = place.start(BRINDLE_CATCH_UP_SECONDS="1")
    until("the change is there", lambda: place.one("select name from products") == "later")
    for i in range(20):
        e.post(f"/v1/products/{product['id']}", name=f"n{i}")
        d.deliver(e.events(type="product.updated")[0])  # its second is an hour ahead of ours
        if i % 5 == 0:
            e.admin("POST", "/clock", {"advance_seconds": 3600})
    until("the last change is there", lambda: place.one("select name from products") == "n19")
    d.idle()
    place.check_mirror()


def drift(place, *words, code=None, env=None):
    out, err = place.run("check", "drift", *words, code=code, env=env)
    return [json.loads(line) for line in out.splitlines()], err


# The core types that the account of a key can list, and whose objects are nothing but themselves.
WALKED = ["tax_rate", "promotion_code", "product", "price", "shipping_rate", "customer", "invoiceitem", "invoice",
          "payment_intent", "setup_intent", "charge", "refund", "dispute", "payout", "transfer", "topup",
          "balance_transaction", "checkout.session", "payment_link", "credit_note", "quote",
          "subscription_schedule", "subscription", "file", "file_link", "review", "webhook_endpoint",
          "application_fee", "billing.meter", "billing.credit_grant", "radar.early_fraud_warning",
          "entitlements.feature", "payment_method_configuration", "invoice_payment"]


# So that time alone changes none of them.
LASTING = {"checkout.session": {"expires_at": 4102444800}, "quote": {"expires_at": 4102444800},
           "payout": {"status": "paid"}, "subscription_schedule": {"status": "released", "released_at": 1}}


def bulk(e, kind, count):
    e.admin("POST", "/bulk", {"type": kind, "count": count, "set": LASTING.get(kind, {})})


def change_behind_its_back(e):
    """A thousand changes over the core types of which no event tells: {(type, id): what}"""
    told = {}
    known = {kind: [o["id"] for o in e.state(kind) if not o.get("deleted")] for kind in WALKED}
    for kind, have in known.items():
        for ident in have[:18]:
            e.edit(kind, ident, behind="its back")
            told[kind, ident] = "changed"
        for ident in have[18:20]:
            e.admin("DELETE", f"/objects/{kind}/{ident}")
            told[kind, ident] = "gone"
        bulk(e, kind, 10)  # with prices comes their product
    for kind, have in known.items():
        for ident in {o["id"] for o in e.state(kind) if not o.get("deleted")} - set(have):
            told[kind, ident] = "missing"
    for one in e.state("coupon")[:20]:
        e.delete(f"/v1/coupons/{one['id']}")
        told["coupon", one["id"]] = "gone"
    return told


def furnish(e):
    product, price, customer = shop(e)
    for i in range(60):
        e.post("/v1/coupons", percent_off=5, duration="once", name=f"c{i}")
        e.post("/v1/products", name=f"p{i}")
        e.post("/v1/customers", email=f"c{i}@example.com")
        e.post("/v1/prices", product=product["id"], unit_amount=i + 1, currency="usd")
    for _ in range(5):
        e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])


@scenario("MIRROR-17")
def drift_is_found_exactly_and_mended_exactly(place):
    e = place.emulator
    furnish(e)
    for kind in WALKED:
        bulk(e, kind, 25)
    place.run("sync")
    found, _ = drift(place, code=0)
    check(not found, "drift where there is none:", found[:3])
    told = change_behind_its_back(e)
    check(len(told) > 1000 and len({kind for kind, _ in told}) > 30, "only", len(told), "changes")
    before = place.rows("select type, id, revision from objects order by type, id")
    found, _ = drift(place, code=3)
    check({(f["type"], f["id"]): f["what"] for f in found} == told, "found", len(found), "of", len(told),
          [f for f in found if told.get((f["type"], f["id"])) != f["what"]][:3],
          [t for t in told if t not in {(f["type"], f["id"]) for f in found}][:3])
    other = [f for f in found if f["what"] == "changed" and
             set(f["fields"]) - {"payments"} != {"behind"}]  # an invoice shows its payments
    check(not other, len(other), "have other fields:", sorted({(f["type"], *f["fields"]) for f in other}))
    check(place.rows("select type, id, revision from objects order by type, id") == before,
          "a check without --repair changed something")
    found, _ = drift(place, "--repair", code=0, env={"BRINDLE_FUSE": "100"})
    names = {(f["type"], f["id"]) for f in found}
    # What comes by another one that is mended is right before its own turn: a missing product by the price that refers
    # to it, an invoice's payment by the invoice that shows it.
    by_reference = {("product", p["product"]) for p in e.state("price") if told.get(("price", p["id"])) == "missing"}
    by_reference |= {("invoice_payment", p["id"]) for p in e.state("invoice_payment")
                     if ("invoice", p["invoice"]) in told}
    check(names <= set(told) and set(told) - names <= by_reference, "the repair found something else:",
          sorted(names - set(told))[:3], "and not:", sorted(set(told) - names - by_reference)[:3], len(found), "of", len(told))
    check(all(f["state"] == "mended" for f in found), [f for f in found if f["state"] != "mended"][:3])
    after = {(t, i): r for t, i, r in place.rows("select type, id, revision from objects")}
    was = {(t, i): r for t, i, r in before}
    touched = {k for k in after if after[k] != was.get(k)}
    check(touched == set(told), "also touched:", list(touched - set(told))[:5], list(set(told) - touched)[:5])
    place.check_mirror()
    check(not drift(place, code=0)[0], "it is not mended")


@scenario("MIRROR-17B")
def a_scheduled_check_finds_mends_and_says_so(place):
    e = place.emulator
    product = e.post("/v1/products", name="old")
    place.run("sync", "products")  # of what was never walked nothing is checked: its turn comes soon
    d = place.start(BRINDLE_CHECK_SECONDS="1", BRINDLE_RELIST_SECONDS="1")
    e.edit("product", product["id"], name="new")
    until("the daemon mends it by itself", lambda: place.one("select name from products") == "new")
    until("it says so", lambda: "event=drift_found" in place.text_of("daemon.log"))
    d.stop()


@scenario("MIRROR-17C")
def the_fuse_keeps_what_vanished_until_a_person_says_so(place):
    e = place.emulator
    coupons = [e.post("/v1/coupons", percent_off=5, duration="once", name=f"c{i}") for i in range(40)]
    place.run("sync")
    for one in coupons:
        e.delete(f"/v1/coupons/{one['id']}")
    _, err = place.run("sync", "coupons", code=1)
    check("the fuse has blown" in err, "sync does not say why:", err[-300:])
    left = place.one("select count(*) from coupons")
    check(left == 20, "not twenty were let go, left are", left)
    now = status_of(place)
    check(now["fuse_blown_at"] > 0 and now["fuse_held"] == 20, now)
    found, err = drift(place, "coupons", "--repair", code=3)
    check(len(found) == 20 and all(f["state"] == "failed" for f in found), found[:2])
    check("--repair --yes" in err, err)
    check(place.one("select count(*) from coupons") == 20, "the fuse does not hold")
    found, _ = drift(place, "coupons", "--repair", "--yes", code=0)
    check(place.one("select count(*) from coupons") == 0, "what a person permitted is still there")
    check(status_of(place)["fuse_blown_at"] == 0 and status_of(place)["dead"] == 0, "the fuse is not mended")


def coverage(place):
    return {row[0]: row[1:] for row in place.rows(
        "select type, state, objects, complete_since, fresh_at, events, open_lists from _coverage")}


@scenario("MIRROR-10")
def every_type_says_how_complete_and_how_fresh_it_is(place):
    e = place.emulator
    furnish(e)
    check(place.run("status", "--json")[0], "no status")
    place.run("sync")
    have = coverage(place)
    for kind in ("customer", "product", "price", "balance_transaction", "invoice_payment"):
        check(have[kind][0] == "complete", kind, have[kind])
        check(have[kind][3] >= have[kind][2] > 0, kind, "is not said to be fresh", have[kind])
    check(have["balance_transaction"][4] == 0 and have["customer"][4] == 1, "who tells of them")
    check(have["subscription_item"][0] == "along", have["subscription_item"])
    check("account" in {k for k, v in have.items() if v[1]}, "the account itself is not there")
    types = {t["type"]: t for t in status_of(place)["types"]}
    check(types["customer"]["state"] == "complete" and types["customer"]["fresh_at"] > 0, types["customer"])
    out, _ = place.run("status", "--types")
    check("SEEN WHOLE" in out and "complete" in out, out[-400:])


@scenario("BEYOND-02")
def what_no_event_tells_of_is_listed_anew_by_itself_and_says_how_fresh_it_is(place):
    e = place.emulator
    furnish(e)
    place.run("sync", "shipping_rates")
    before = coverage(place)["shipping_rate"]
    check(before[4] == 0, "an event tells of it", before)
    rate = e.post("/v1/shipping_rates", display_name="slow", type="fixed_amount",
                  fixed_amount={"amount": 5, "currency": "usd"})
    d = place.start(BRINDLE_RELIST_SECONDS="1")
    until("what no event tells of is found", lambda: rate["id"] in place.mirrored("shipping_rate"))
    until("it is said to be fresher", lambda: coverage(place)["shipping_rate"][3] > before[3])
    types = {t["type"]: t for t in status_of(place)["types"]}
    check(types["shipping_rate"]["fresh_at"] >= before[3], types["shipping_rate"])
    d.stop()


@scenario("MIRROR-27")
def a_sync_with_holes_is_never_complete(place):
    e = place.emulator
    furnish(e)
    e.fault("permission;method=GET;path=/v1/coupons")
    place.run("sync", "coupons", code=4)
    check(coverage(place)["coupon"][0] == "skipped", coverage(place)["coupon"])
    _, text = place.run("sync", "coupons", code=4)
    check("coupon" in text, "it is not named:", text)
    check("not permitted: coupons" in place.run("status")[0], place.run("status")[0])


@scenario("MIRROR-14")
def a_snapshot_and_its_thin_twin_are_one_change(place):
    e = place.emulator
    product = e.post("/v1/products", name="x")
    d = place.start()
    snapshot = e.events(type="product.created")[0]

    def thin(ident, of, product=product):
        return {"id": ident, "object": "v2.core.event", "type": "v1.product.created", "livemode": False,
                "created": "2026-11-22T00:00:00.000Z", "snapshot_event": of,
                "related_object": {"id": product["id"], "type": "product",
                                   "url": f"/v1/products/{product['id']}"}}
    path = f"/v1/products/{product['id']}"
    d.deliver_ok(snapshot)
    d.idle()
    d.deliver_ok(thin("evt_thin1", snapshot["id"]))
    d.idle()
    check(len(fetches(e, path, 0)) == 1, "the thin twin made a second fetch")
    d.deliver_ok(thin("evt_thin2", "evt_other"))
    d.idle()
    check(len(fetches(e, path, 0)) == 2, "a thin event without its twin makes one")
    d.deliver_ok(event("evt_other", "product.created", product))
    d.idle()
    check(len(fetches(e, path, 0)) == 2, "the snapshot twin made a second fetch")
    check(d.deliver(thin("evt_forged", "evt_x"), secret="whsec_wrong") == 400, "a forged one was taken")
    check(place.one("select count(*) from _inbox") == 4, "not all are accounted for")
    check(place.one("select count(*) from _inbox where reason = 'twin'") == 2, "the twins are not told")
    burst = []
    for i in range(20):  # both at once, in both orders
        one = e.post("/v1/products", name=f"p{i}")
        pair = [event(f"evt_burst{i}", "product.created", one), thin(f"evt_thin_burst{i}", f"evt_burst{i}", one)]
        burst += pair if i % 2 else reversed(pair)
    before = e.total()
    threads = [threading.Thread(target=lambda two=burst[i:i + 2]: [d.deliver(b, http_client=Http(d.port)) for b in two])
               for i in range(0, len(burst), 2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    d.idle()
    asked = [r["path"].split("?")[0] for r in e.requests("/v1/products/", after=before)]
    check(len(asked) == len(set(asked)) == 20, len(asked), "fetches of", len(set(asked)), "products")
    check(place.one("select count(*) from _inbox where event like '%burst%'") == 40, "not all are accounted for")
    check(place.one("select count(*) from _inbox where reason = 'twin'") == 22, "the twins are not told")
    place.check_all(d)
