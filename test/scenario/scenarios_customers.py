"""A customer's whole state: fetched as one, read as one."""
import json
import threading
import time

from front import stand_before
from place import Http, check, until
from scenarios_state import event, fetches, shop

SCENARIOS = []


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


def ask(daemon, method, path, headers=None):
    status, head, body = daemon.http.ask(method, path, b"" if method == "POST" else None, headers)
    return status, head, json.loads(body) if body else None


def state(daemon, customer):
    status, _, answer = ask(daemon, "GET", f"/api/test/customers/{customer['id']}/state")
    check(status == 200, "the state was answered", status, answer)
    return answer


def sync(daemon, ident, more=None):
    """Waits as long as `more` says; without it, asks until there is another answer than that it takes too long."""
    path = f"/api/test/sync/{ident}?wait=1"
    if more:
        return ask(daemon, "POST", path + more)

    def answer():
        one = ask(daemon, "POST", path + "&timeout=60")
        return one if one[0] != 503 or one[2]["error"]["reason"] != "timeout" else None
    return until(f"{ident} is synced", answer)


def subscribe(emulator, customer, price, **more):
    return emulator.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}],
                         **more)


@scenario("STATE-07")
def of_several_subscriptions_the_rule_picks_and_all_are_there(place):
    e = place.emulator
    _, price, customer = shop(e)
    active = subscribe(e, customer, price)
    trialing = subscribe(e, customer, price, trial_period_days=30)
    for _ in range(106):
        gone = subscribe(e, customer, price)
        e.delete(f"/v1/subscriptions/{gone['id']}")
    d = place.start()
    status, _, answer = sync(d, customer["id"])
    check(status == 200, "the sync was answered", status, answer)
    check(len(answer["subscriptions"]) == 108, len(answer["subscriptions"]), "of 108 are there")
    check(answer["subscriptionId"] == active["id"] and answer["status"] == "active", "picked", answer["subscriptionId"])
    check(sorted(answer["liveSubscriptions"]) == sorted([active["id"], trialing["id"]]), "live:",
          answer["liveSubscriptions"])
    e.delete(f"/v1/subscriptions/{active['id']}")
    _, _, answer = sync(d, customer["id"])
    check(answer["subscriptionId"] == trialing["id"] and answer["status"] == "trialing", "then", answer["status"])
    out, _ = place.run("state", customer["id"])
    check(json.loads(out)["revision"] == answer["revision"], "the command tells another version")


@scenario("STATE-08")
def none_is_neither_never_synced_nor_failed(place):
    e = place.emulator
    customer = e.post("/v1/customers", email="a@example.com")
    d = place.start()
    path = f"/api/test/customers/{customer['id']}/state"
    status, _, answer = ask(d, "GET", path)
    check(status == 404 and "never been synced" in answer["error"]["message"], "never synced:", status, answer)
    place.run("state", customer["id"], code=1)
    e.fault("error;method=GET;path=/v1/customers")
    d.deliver_ok(event("evt_1", "customer.created", customer))
    until("the sync has failed", lambda: ask(d, "GET", path)[0] == 503)
    check(ask(d, "GET", path)[2]["error"]["reason"] == "sync_failed", "failed:", ask(d, "GET", path))
    place.run("state", customer["id"], code=6)
    e.no_faults()
    status, _, answer = sync(d, customer["id"])
    check(status == 200 and answer["status"] == "none" and answer["complete"], "none:", status, answer)
    check(ask(d, "GET", "/api/test/customers/cus_nobody/state")[0] == 404, "somebody is there")
    status, _, answer = sync(d, "cus_nobody")
    check(status == 404 and "Stripe has no customer" in answer["error"]["message"], "nobody:", status, answer)
    d.idle()
    place.check_mirror()


@scenario("STATE-09")
def a_subscription_with_many_items_is_complete(place):
    e = place.emulator
    product, _, customer = shop(e)
    prices = [e.post("/v1/prices", product=product["id"], unit_amount=100 + i, currency="usd",
                     recurring={"interval": "month"}) for i in range(12)]
    e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": p["id"]} for p in prices])
    d = place.start()
    check(sync(d, customer["id"])[0] == 200, "no answer")
    d.idle()  # what the list shows the beginning of is read to its end behind it
    items = state(d, customer)["subscriptions"][0]["items"]
    check(sorted(i["priceId"] for i in items) == sorted(p["id"] for p in prices), len(items), "items")
    check(place.one("select count(*) from subscription_items") == 12, "not all are rows")
    place.check_mirror(["customer", "subscription"])


@scenario("STATE-10")
def an_eager_sync_answers_with_a_fetch_that_began_after_the_call(place):
    e = place.emulator
    _, price, customer = shop(e)
    d = place.start()
    _, _, answer = sync(d, customer["id"])
    check(answer["status"] == "none", "at first", answer["status"])
    subscribe(e, customer, price)
    called = int(time.time() * 1000)
    status, head, answer = sync(d, customer["id"])
    check(status == 200 and answer["status"] == "active" and not answer["stale"], "after it", status, answer)
    check(answer["syncedAt"] >= called, "it began before the call")
    check(answer["paymentMethod"]["last4"] == "4242", "paid with", answer["paymentMethod"])
    known = {"If-None-Match": head["ETag"]}
    check(ask(d, "GET", f"/api/test/customers/{customer['id']}/state", known)[0] == 304, "the same again")
    e.fault("error;method=GET;path=/v1/customers")
    status, _, answer = sync(d, customer["id"], "&timeout=1")
    check(status == 503 and answer["error"]["reason"] == "timeout", "Stripe is down:", status, answer)
    check(answer["state"]["status"] == "active" and answer["state"]["stale"], "last known:", answer)
    e.no_faults()
    d.idle()
    check(not state(d, customer)["stale"], "still stale")
    # max_age: young enough is served from the mirror, else it is fetched
    path = f"/api/test/customers/{customer['id']}/state?max_age="
    before = e.total()
    check(ask(d, "GET", path + "3600")[0] == 200 and e.total() == before, "asked for nothing")
    check(ask(d, "GET", path + "0")[0] == 200 and e.total() > before, "did not ask")
    check(ask(d, "GET", path + "soon")[0] == 400, "soon is no number")
    status, _, answer = sync(d, price["id"])
    check(status == 200 and answer["data"]["id"] == price["id"], "a price", status, answer)
    check(ask(d, "POST", "/api/test/sync/prices?wait=1")[0] == 400, "a type is no object")
    for id in ("cus_%FF", "cus_%00", "cus_%0A"):  # what no store can be asked for
        check(ask(d, "POST", f"/api/test/sync/{id}")[0] == 400 and
              ask(d, "GET", f"/api/test/customers/{id}/state")[0] == 400 and
              ask(d, "GET", f"/api/test/ops/{id}")[0] == 400, id)
    bare = Http(d.port)
    check(bare.ask("POST", f"/api/test/sync/{customer['id']}", b"")[0] == 401, "without a token")


@scenario("STATE-11")
def an_eager_sync_joins_no_earlier_fetch(place):
    e = place.emulator
    _, price, customer = shop(e)
    sub = subscribe(e, customer, price)
    front = stand_before(place)
    d = place.start()
    sync(d, customer["id"])
    # a fetch is under way whose answer is old by the time it arrives
    first_list = front.gate("GET", "/v1/subscriptions?", count=1)
    first = threading.Thread(target=lambda: sync_on(d, customer))
    after = e.total()
    first.start()
    first_list.come()
    asked = lambda: place.one("select gen from _due where kind = 'customer' and id = ?", customer["id"])
    before = asked()
    e.delete(f"/v1/subscriptions/{sub['id']}")
    results = []
    threads = [threading.Thread(target=lambda: results.append(sync_on(d, customer))) for _ in range(10)]
    deliveries = [threading.Thread(target=lambda i=i: d.deliver(
        event(f"evt_{i}", "customer.subscription.updated", sub), http_client=Http(d.port))) for i in range(10)]
    for t in threads + deliveries:
        t.start()
    until("all have asked", lambda: asked() - before >= len(threads + deliveries))
    first_list.open()
    for t in [first, *threads, *deliveries]:
        t.join()
    check([r["status"] for r in results] == ["canceled"] * 10, "an old answer was given:",
          [r["status"] for r in results])
    d.idle()
    lists = len(fetches(e, "/v1/subscriptions", after))
    check(lists <= 3, "eleven syncs cost", lists, "lists")
    place.check_all(d)


def sync_on(daemon, customer):
    """On a connection of its own."""
    own = Http(daemon.port, daemon.http.headers)
    _, _, body = own.ask("POST", f"/api/test/sync/{customer['id']}?wait=1&timeout=60", b"")
    own.close()
    return json.loads(body)


@scenario("ENTITLED-01")
def what_a_customer_is_entitled_to_is_in_the_state(place):
    e = place.emulator
    product, price, customer = shop(e)
    features = [e.post("/v1/entitlements/features", name=k, lookup_key=k) for k in ("seats", "api")]
    for f in features:
        e.post(f"/v1/products/{product['id']}/features", entitlement_feature=f["id"])
    d = place.start()
    check(sync(d, customer["id"])[2]["entitlements"] == [], "entitled before paying")
    sub = subscribe(e, customer, price)
    d.deliver_ok(e.events(type="entitlements.active_entitlement_summary.updated")[0])
    d.idle()
    answer = state(d, customer)
    check(answer["entitlements"] == ["api", "seats"], "entitled to", answer["entitlements"])
    # the row by itself: a product that lost a feature
    lost = e.get(f"/v1/products/{product['id']}/features")["data"]
    e.delete(f"/v1/products/{product['id']}/features/"
             + next(f["id"] for f in lost if f["entitlement_feature"]["lookup_key"] == "api"))
    check(sync(d, customer["id"])[2]["entitlements"] == ["seats"], "the feature is still there")
    e.delete(f"/v1/subscriptions/{sub['id']}")
    check(sync(d, customer["id"])[2]["entitlements"] == [], "entitled after the end")
    check(state(d, customer)["entitlements"] == [], "the mirror says otherwise")
    place.run("erase", customer["id"], "--yes", code=None)
    d.idle()
    left = place.rows("select id from objects where type = 'entitlements.active_entitlement' and deleted = 0")
    check(not left, "left:", left)


@scenario("STATE-32")
def one_customer_by_key_and_all_by_query_show_the_same(place):
    e = place.emulator
    _, price, customer = shop(e)
    broke = e.post("/v1/customers", email="b@example.com")
    subscribe(e, customer, price)
    late = subscribe(e, broke, price, payment_behavior="default_incomplete")
    d = place.start()
    place.run("sync")
    d.idle()
    check(state(d, broke)["status"] == "incomplete", "the state says", state(d, broke)["status"])
    found = place.rows("""select s.customer from subscriptions s
        join subscription_items i on i.subscription = s.id
        where s.status = 'incomplete' and i.price = ?""", price["id"])
    check(found == [(broke["id"],)], "the query says", found)
    e.delete(f"/v1/subscriptions/{late['id']}")
    d.deliver_ok(e.events(type="customer.subscription.deleted")[0])
    d.idle()
    rows = place.rows("select id, status from subscriptions order by id")
    known = [(s["id"], s["status"]) for c in (customer, broke) for s in state(d, c)["subscriptions"]]
    check(sorted(known) == rows, "state and view differ:", known, rows)
    place.check_all(d)
