"""Customers' states when much comes at once, when Stripe limits, fails or is away, and in odd orders."""
import json
import random
import threading

from front import stand_before
from place import Http, check, until
from scenarios_customers import state, subscribe, sync
from scenarios_state import event, fetches, shop

SCENARIOS = []
LISTS = "/v1/subscriptions"
WORKERS = 8


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


def dirty_crowd(place, n, rate):
    """An emulator that allows `rate` requests a second and has n customers who subscribe; what it
    would tell of each."""
    data = str(place.dir / "stripe")
    e = place.start_emulator("--seed", "1", "--data", data)
    _, price, _ = shop(e)
    customers, subs = [], []
    for i in range(n):
        customers.append(e.post("/v1/customers", payment_method="pm_card_visa",
                                invoice_settings={"default_payment_method": "pm_card_visa"}))
        subs.append(subscribe(e, customers[-1], price))
    e.stop()
    e = place.start_emulator("--seed", "1", "--data", data, "--rate", str(rate))
    return e, customers, [event(f"evt_{i}", "customer.subscription.updated", s) for i, s in enumerate(subs)]


@scenario("STATE-22")
def who_waits_overtakes_the_backlog_and_nobody_starves(place):
    # A limit that leaves a backlog for long; what is under way when somebody stands still comes at once.
    e, customers, events = dirty_crowd(place, 40, 80 + WORKERS)
    d = place.start(BRINDLE_RATE_LIMIT="10")
    d.deliver_ok(*events)
    overtaken = 0
    for customer in customers[-3:]:
        before, after = d.status()["due"], e.total()
        status, _, answer = sync(d, customer["id"])
        check(status == 200 and answer["status"] == "active", "answered", status, answer)
        others = [r for r in e.requests("/v1/", after=after) if customer["id"] not in r["path"]]
        check(len(others) <= before, "it waited for", len(others), "others")
        overtaken += d.status()["due"] > 0
    check(overtaken == 3, "those who waited did not overtake the backlog")
    d.stop()
    d = place.start(BRINDLE_RATE_LIMIT="80")
    # somebody who asks again and again keeps nobody else from his turn
    until("everybody had his turn", lambda: sync(d, customers[0]["id"]) and d.status()["due"] == 0)
    for customer in customers:
        check(state(d, customer)["status"] == "active", customer["id"], "is not there")
    until("the audit is written", lambda: place.one("select count(*) from _calls") > len(customers))
    limited = place.one("select count(*) from _calls where status = 429")
    check(limited == 0, limited, "requests were answered 429")
    # a limit that others have used up is no end of a list: what it would have shown is shown later
    price = events[0]["data"]["object"]["items"]["data"][0]["price"]
    more = subscribe(e, customers[0], price, trial_period_days=30)
    e.fault(f"rate_limit;method=GET;path={LISTS};count=3")
    status, _, answer = sync(d, customers[0]["id"])
    check(status == 200 and more["id"] in [s["id"] for s in answer["subscriptions"]],
          "a refused page was taken for the end of the list:", status, answer["subscriptions"])


@scenario("STATE-30")
def ten_restarts_lose_no_mark_and_repeat_only_what_was_under_way(place):
    n = 30
    e, customers, events = dirty_crowd(place, n, 100)
    d = place.start(BRINDLE_RATE_LIMIT="100")
    d.deliver_ok(*events)
    after, once = e.total(), len(events) * 4  # the subscription, the customer, its lists
    for _ in range(10):
        done = e.total()
        until("it has gone on", lambda before=done: e.total() > before + 3 or d.status()["due"] == 0)
        d.kill()
        d = place.start(BRINDLE_RATE_LIMIT="100")
    d.idle()
    for customer in customers:
        check(state(d, customer)["status"] == "active", customer["id"], "was lost")
    asked = len([r for r in e.requests("/v1/", after=after)
                 if "/customers" in r["path"] or "/subscriptions" in r["path"] or "entitle" in r["path"]])
    check(asked <= once + 10 * WORKERS * 3, asked, "requests for", n, "customers")


@scenario("STATE-23")
def a_list_that_fails_in_the_middle_takes_nothing_away(place):
    e = place.emulator
    _, price, customer = shop(e)
    for _ in range(405):
        subscribe(e, customer, price, trial_period_days=30)
    front = stand_before(place)
    d = place.start()
    check(sync(d, customer["id"])[0] == 200, "the first sync failed")
    lost = e.get(LISTS, customer=customer["id"], limit=1)["data"][0]
    e.delete(f"/v1/subscriptions/{lost['id']}")
    after = e.total()
    first_page = front.gate("GET", f"{LISTS}?", count=1)
    waiting = threading.Thread(target=lambda: Http(d.port, d.http.headers).ask(
        "POST", f"/api/test/sync/{customer['id']}?wait=1&timeout=60", b""))
    waiting.start()
    first_page.come()
    e.fault(f"rate_limit;method=GET;path={LISTS};count=1")
    e.fault(f"error;method=GET;path={LISTS};count=2")
    e.fault(f"reset;method=GET;path={LISTS};count=2")
    first_page.open()
    until("the second page has failed", lambda: len(fetches(e, LISTS, after)) >= 3)
    here = place.one("select count(*) from subscriptions")
    check(here == 405, "a half list left", here)
    waiting.join()
    d.idle()
    answer = state(d, customer)
    check(len(answer["subscriptions"]) == 405 and answer["complete"], len(answer["subscriptions"]), "are there")
    gone = place.one("select count(*) from objects where type = 'subscription' and deleted = 1")
    check(gone == 0, gone, "were buried")
    check(not fetches(e, f"/v1/subscriptions/{answer['subscriptionId']}", after), "looked at one by one")
    singly = {r["path"].split("?")[0] for r in e.requests("/v1/subscriptions/sub_", after=after) if r["method"] == "GET"}
    check(len(singly) <= 2, "what half a list did not show was asked for one by one:", len(singly))
    place.check_mirror(["customer", "subscription"])
    # a page that is refused for good is no end of the list either: who waits is told, nothing goes
    after, known = e.total(), answer["completeUpTo"]
    new = subscribe(e, customer, price, trial_period_days=30)
    e.delete(f"/v1/subscriptions/{new['id']}")
    held_page = front.gate("GET", f"{LISTS}?limit=100&status=all&customer={customer['id']}&starting_after", count=1)
    told = []
    waiting = threading.Thread(target=lambda: told.append(Http(d.port, d.http.headers).ask(
        "POST", f"/api/test/sync/{customer['id']}?wait=1&timeout=60", b"")))
    waiting.start()
    held_page.come()
    e.fault(f"permission;method=GET;path={LISTS};count=1")
    held_page.open()
    waiting.join()
    check(told[0][0] != 200, "a list whose second page was refused was answered as whole:", told[0][0])
    until("the refusal is on record", lambda: place.one("select count(*) from _due where kind = 'customer' and dead = 1") == 1)
    d.idle()
    singly = [r for r in e.requests("/v1/subscriptions/sub_", after=after) if r["method"] == "GET"]
    check(len(singly) <= 1, "what a refused page did not show was asked for:", len(singly))
    check(state(d, customer)["completeUpTo"] <= known, "half a list is complete up to", state(d, customer)["completeUpTo"], known)
    check(sync(d, customer["id"])[0] == 200, "it is not tried again")
    place.check_mirror(["customer", "subscription"])


@scenario("STATE-24")
def a_cursor_that_left_the_list_begins_it_anew(place):
    e = place.emulator
    for i in range(250):
        e.post("/v1/products", name=f"p{i}")
    first_page = stand_before(place).gate("GET", "/v1/products?", count=1)
    d = place.start()
    page = e.get("/v1/products", limit=100)["data"]
    after = e.total()
    done = threading.Thread(target=lambda: place.run("sync", "products"))
    done.start()
    first_page.come()
    e.delete(f"/v1/products/{page[99]['id']}")  # the cursor, as the second page will be asked for
    e.delete(f"/v1/products/{page[98]['id']}")  # and one that nobody asks for again
    first_page.open()
    done.join()
    left = place.rows("select variant, state, reason from _walks where type = 'product' and state <> 'complete'")
    check(not left, "the list was not begun anew:", left)
    lists = [r for r in fetches(e, "/v1/products", after)]
    check(any(r["status"] in (400, 404) for r in lists) or len(lists) >= 4, "the cursor was there:",
          [r["status"] for r in lists])
    d.idle()
    d.deliver_ok(*e.events(type="product.deleted"))
    d.idle()
    place.check_mirror(["product"])


@scenario("STATE-25")
def periods_are_the_same_whichever_version_told_them(place):
    e = place.emulator
    _, price, customer = shop(e)
    sub = subscribe(e, customer, price)
    d = place.start()
    _, _, new = sync(d, customer["id"])
    item = sub["items"]["data"][0]
    check(new["currentPeriodEnd"] == item["current_period_end"], "of the item:", new["currentPeriodEnd"])
    old = {**sub, "current_period_start": item["current_period_start"],
           "current_period_end": item["current_period_end"],
           "items": {**sub["items"], "data": [{k: v for k, v in item.items() if "period" not in k}]}}
    # an endpoint of 2024-06-20 tells the old shape, byte for byte kept
    told = event("evt_old", "customer.subscription.updated", old, api_version="2024-06-20")
    body = json.dumps(told, indent=3).encode()
    check(d.deliver(body) == 200, "refused")
    d.idle()
    check(place.rows("select body, api_version from _inbox where event = 'evt_old'") ==
          [(body.decode(), "2024-06-20")], "the body is another one")
    e.edit("subscription", sub["id"], current_period_start=old["current_period_start"],
           current_period_end=old["current_period_end"])
    _, _, was = sync(d, customer["id"])
    for name in ("currentPeriodStart", "currentPeriodEnd", "status", "priceId"):
        check(was[name] == new[name], name, "differs:", was[name], new[name])
    raw = place.one(f"select {'raw' if place.cluster else 'data'} from objects where id = ?", sub["id"])
    _, _, answer = e.http.ask("GET", f"/v1/subscriptions?customer={customer['id']}&status=all&expand[0]=data.discounts",
                              None, {"Stripe-Version": "2026-10-28.endive"})
    check(raw in answer.decode(), "the row is not what Stripe sent")
    check(place.one("select api_version from objects where id = ?", sub["id"]) == "2026-10-28.endive", "by whom?")


@scenario("STATE-26")
def what_a_subscription_refers_to_is_pending_and_never_an_error(place):
    e = place.emulator
    product, price, customer = shop(e)
    e.post(f"/v1/products/{product['id']}", default_price=price["id"])
    sub = subscribe(e, customer, price)
    d = place.start()
    for path in ("/v1/prices", "/v1/products", "/v1/plans"):
        e.fault(f"error;method=GET;path={path}")
    d.deliver_ok(e.events(type="customer.subscription.created")[0])
    until("the subscription is there", lambda: place.one("select status from subscriptions where id = ?", sub["id"]))
    due = place.rows("select id from _due where done_gen < gen and type = 'price'")
    check((price["id"],) in due, "nothing fetches the price:", due)
    until("its price is asked for", lambda: fetches(e, f"/v1/prices/{price['id']}", 0))
    check(state(d, customer)["priceId"] == price["id"], "the state knows no price")
    item = sub["items"]["data"][0]["id"]
    refers = json.loads(place.run("refs", item, "--json")[0])["objects"][0]["refers_to"]
    check([r["state"] for r in refers if r["type"] == "price"] == ["wanted"], "pending:", refers)
    e.no_faults()
    d.idle()
    check(place.one("select default_price from products where id = ?", product["id"]) == price["id"],
          "the product's default price")
    place.check_mirror(["customer", "subscription", "price", "product"])


@scenario("STATE-28")
def events_that_come_while_stripe_is_away_cost_two_fetches_each(place):
    e = place.emulator
    _, price, first = shop(e)
    customers = [first] + [e.post("/v1/customers", payment_method="pm_card_visa", invoice_settings={
        "default_payment_method": "pm_card_visa"}) for _ in range(4)]
    subs = [subscribe(e, c, price) for c in customers]
    d = place.start()
    for c in customers:
        sync(d, c["id"])
    e.fault("reset;method=GET;path=/v1/customers")
    e.fault("reset;method=GET;path=/v1/subscriptions")
    for turn in range(10):
        d.deliver_ok(*(event(f"evt_{turn}_{i}", "customer.subscription.updated", s) for i, s in enumerate(subs)))
    for s in subs:
        e.delete(f"/v1/subscriptions/{s['id']}")
    until("attempts fail", lambda: d.status()["due_retrying"] >= 5)
    answer = state(d, customers[0])
    check(answer["stale"] and answer["staleWhy"] and answer["status"] == "active", "not stale:", answer)
    check(answer["asOf"] <= place.one("select min(received_at) from _inbox") + 60000, "as of:", answer["asOf"])
    check(answer["completeUpTo"] <= answer["asOf"], "complete up to", answer["completeUpTo"])
    check(place.one("select count(*) from _inbox") == 50, "not all were kept")
    after = e.total()
    e.no_faults()
    d.idle()
    for c, s in zip(customers, subs):
        check(state(d, c)["status"] == "canceled" and not state(d, c)["stale"], "afterwards:", state(d, c))
        n = len([r for r in fetches(e, f"/v1/subscriptions/{s['id']}", after) if r["status"] == 200])
        check(n <= 2, "fetched", n, "times")
        lists = [r for r in e.requests(LISTS, after=after) if c["id"] in r["path"] and r["status"] == 200]
        check(len(lists) <= 2, "listed", len(lists), "times")
    place.check_mirror(["customer", "subscription"])


@scenario("STATE-31")
def the_mirror_shows_a_subsequence_of_what_was_and_ends_with_the_last(place):
    e = place.emulator
    _, price, customer = shop(e)
    subs = [subscribe(e, customer, price) for _ in range(3)]
    d = place.start()
    lots = random.Random(31)
    for _ in range(25):
        e.fault(f"slow;method=GET;path=/v1/subscriptions;count=1;probability=40;delay_ms={lots.randrange(120)}")
    threads = []
    for n in range(1, 25):
        for s in subs:
            e.post(f"/v1/subscriptions/{s['id']}", metadata={"n": n})
            threads.append(threading.Thread(target=lambda ev: d.deliver(ev, http_client=Http(d.port)), args=(
                event(f"evt_{s['id']}_{n}", "customer.subscription.updated", s),)))
            threads[-1].start()
            if lots.random() < 0.2:
                threads.append(threading.Thread(target=lambda: Http(d.port, d.http.headers).ask(
                    "POST", f"/api/test/sync/{customer['id']}", b"")))
                threads[-1].start()
    for t in threads:
        t.join()
    d.idle()
    for s in subs:
        seen = [json.loads(r[0])["metadata"].get("n", "0") for r in place.rows(
            "select data from _history where type = 'subscription' and id = ? order by revision", s["id"])]
        seen.append(place.mirrored("subscription")[s["id"]][0]["metadata"].get("n", "0"))
        check([int(n) for n in seen] == sorted(int(n) for n in seen), "it went back:", seen)
        check(seen[-1] == "24", "it ends with", seen[-1])
    place.check_mirror(["customer", "subscription"])
