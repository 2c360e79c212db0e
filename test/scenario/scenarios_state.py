"""Customer state and webhooks: events are signals, the API is the truth."""
import itertools
import json
import threading
import time

from front import stand_before
from place import KEY, Http, check, until

SCENARIOS = []


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


def shop(emulator):
    """A product, a monthly price, a customer who can pay."""
    product = emulator.post("/v1/products", name="Gold")
    price = emulator.post("/v1/prices", product=product["id"], unit_amount=1500, currency="usd",
                          recurring={"interval": "month"})
    customer = emulator.post("/v1/customers", email="a@example.com", payment_method="pm_card_visa",
                             invoice_settings={"default_payment_method": "pm_card_visa"})
    return product, price, customer


def event(ident, kind, obj, livemode=False, **more):
    return {"id": ident, "object": "event", "type": kind, "api_version": "2026-10-28.endive",
            "created": int(time.time()), "livemode": livemode, "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None}, "data": {"object": obj}, **more}


def fetches(emulator, path, after):
    return [r for r in emulator.requests(path, after=after) if r["path"].split("?")[0] == path]


@scenario("STATE-01")
def a_burst_of_three_events_costs_at_most_two_fetches(place):
    e = place.emulator
    _, price, customer = shop(e)
    front = stand_before(place)
    d = place.start()
    for turn, order in enumerate(itertools.permutations(range(3))):
        sub = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
        session = {"id": f"cs_test_{turn}", "object": "checkout.session", "customer": customer["id"],
                   "subscription": sub["id"]}
        burst = [event(f"evt_{turn}_0", "checkout.session.completed", session),
                 event(f"evt_{turn}_1", "customer.subscription.created", {**sub, "status": "incomplete"}),
                 event(f"evt_{turn}_2", "customer.subscription.updated", sub)]
        after = e.total()
        # Stripe answers nothing until all three are here: a burst, however quick the fetches are.
        burst_is_here = front.gate("GET", "/v1/")
        threads = []
        for which in order:
            threads.append(threading.Thread(
                target=lambda ev: check(d.deliver(ev, http_client=Http(d.port)) == 200, "not 200"),
                args=(burst[which],)))
            threads[-1].start()
            time.sleep(0.001)
        for t in threads:
            t.join()
        burst_is_here.open()
        d.idle()
        for path in (f"/v1/subscriptions/{sub['id']}", f"/v1/checkout/sessions/cs_test_{turn}"):
            n = len(fetches(e, path, after))
            check(1 <= n <= 2, "order", order, path, "was fetched", n, "times")
        n = len(fetches(e, "/v1/subscriptions", after))
        check(1 <= n <= 2, "order", order, "the list was asked for", n, "times")
        check(place.one("select status from subscriptions where id = ?", sub["id"]) == "active",
              "order", order, "the subscription is not active")
    place.check_all(d)


@scenario("STATE-02")
def a_slow_old_answer_never_overwrites_a_newer_one(place):
    e = place.emulator
    product = e.post("/v1/products", name="old")
    d = place.start()
    path = f"/v1/products/{product['id']}"
    for restart in (False, True):
        e.post(path, name="old")
        e.fault(f"slow;method=GET;path={path};count=1;delay_ms=1500")
        after = e.total()
        d.deliver_ok(event(f"evt_a{restart}", "product.updated", product))
        until("the slow fetch is under way", lambda: fetches(e, path, after))
        e.post(path, name="new")
        if restart:
            d.kill()
            d = place.start()
        d.deliver_ok(event(f"evt_b{restart}", "product.updated", product))
        seen = []
        until("the new name is there",
              lambda: seen.append(place.one("select name from products")) or seen[-1] == "new")
        d.idle()
        time.sleep(1.6)  # the old answer has arrived by now, if anybody still waits for it
        check(place.one("select name from products") == "new", "the old answer came back")
        history = [json.loads(r[0])["name"] for r in
                   place.rows("select data from _history order by revision")]
        check("new" not in history[history.index("new"):-1] if "new" in history[:-1] else True,
              "the mirror went back:", history)
    place.check_all(d)


@scenario("STATE-03")
def what_an_event_claims_is_never_taken_as_truth(place):
    e = place.emulator
    _, price, customer = shop(e)
    sub = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
    d = place.start()
    lie = {**sub, "status": "canceled", "customer": "cus_somebody_else"}
    d.deliver_ok(event("evt_lie", "customer.subscription.updated", lie))
    d.idle()
    check(place.one("select status from subscriptions") == "active", "the lie was believed")
    place.check_all(d)


@scenario("STATE-04")
def two_updates_in_the_same_second_end_as_the_api_says(place):
    e = place.emulator
    e.freeze()
    d = place.start()
    for turn in range(4):
        product = e.post("/v1/products", name="first")
        e.post(f"/v1/products/{product['id']}", name="second")
        e.post(f"/v1/products/{product['id']}", name="third")
        events = [ev for ev in e.events(type="product.updated")
                  if ev["data"]["object"]["id"] == product["id"]]
        check(len(events) == 2 and events[0]["created"] == events[1]["created"], "no same second")
        d.deliver_ok(*(events if turn % 2 else events[::-1]))
        d.idle()
        check(place.one("select name from products where id = ?", product["id"]) == "third",
              "not the last state")
    place.check_all(d)


@scenario("STATE-05")
def ten_deliveries_of_one_event_change_nothing_more(place):
    e = place.emulator
    product = e.post("/v1/products", name="x")
    ev = e.events(type="product.created")[0]
    d = place.start()
    d.deliver_ok(ev)
    d.idle()
    after = e.total()
    revision = place.one("select revision from objects where id = ?", product["id"])
    for _ in range(9):
        d.deliver_ok(ev)
    d.deliver_ok({**ev, "pending_webhooks": 0, "api_version": "2020-08-27"})  # another endpoint's
    d.kill()
    d = place.start()
    d.deliver_ok(ev)
    d.idle()
    check(place.one("select count(*) from _inbox where event = ?", ev["id"]) == 1, "not one entry")
    check(place.one("select deliveries from _inbox where event = ?", ev["id"]) == 12, "miscounted")
    check(place.one("select revision from objects where id = ?", product["id"]) == revision,
          "the state changed")
    check(not fetches(e, f"/v1/products/{product['id']}", after), "fetched again")
    place.check_all(d)


@scenario("STATE-06")
def an_old_event_after_the_cancellation_resurrects_nothing(place):
    e = place.emulator
    _, price, customer = shop(e)
    sub = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
    created = e.events(type="customer.subscription.created")[0]
    d = place.start()
    d.deliver_ok(created)
    d.idle()
    e.delete(f"/v1/subscriptions/{sub['id']}")
    d.deliver_ok(e.events(type="customer.subscription.deleted")[0])
    d.idle()
    place.run("inbox", "replay", created["id"])
    d.deliver_ok(created, {**created, "id": "evt_twin"})
    d.idle()
    check(place.one("select status from subscriptions") == "canceled", "it came back")
    place.check_all(d)


@scenario("STATE-17")
def a_200_means_that_it_is_on_the_disk(place):
    e = place.emulator
    product = e.post("/v1/products", name="x")
    ev = e.events(type="product.created")[0]
    body = json.dumps(ev).encode()
    d = place.start()
    refused = [("signature_mismatch", lambda: d.post(body, Stripe_Signature="t=%d,v1=%s" % (time.time(), "0" * 64))),
               ("signature_missing", lambda: d.post(body)),
               ("signature_malformed", lambda: d.post(body, Stripe_Signature="nonsense")),
               ("timestamp_too_old", lambda: (d.deliver(body, at=int(time.time()) - 301), {}))]
    for reason, send in refused:
        before = d.metric("brindle_webhooks_total", result=reason)
        status, answer = send()
        check(status == 400, reason, "was answered", status)
        if answer:
            check(answer["error"]["reason"] == reason, "the reason is", answer)
        check(d.metric("brindle_webhooks_total", result=reason) == before + 1, reason, "is not counted")
    check(place.one("select count(*) from _inbox") == 0, "a refused delivery was stored")
    e.fault("error;method=GET;path=/v1/products")  # so that nothing is worked off before the kill
    d.deliver_ok(ev)
    d.kill()
    check(place.one("select count(*) from _inbox where event = ?", ev["id"]) == 1, "the event is lost")
    e.no_faults()
    d = place.start()
    d.idle()
    check(place.one("select name from products where id = ?", product["id"]) == "x", "not processed")
    place.check_all(d)


@scenario("STATE-18")
def an_api_that_is_down_loses_nothing_and_shows_in_the_status(place):
    e = place.emulator
    products = [e.post("/v1/products", name=f"p{i}") for i in range(5)]
    events = e.events(type="product.created")
    d = place.start()
    e.fault("error;method=GET;path=/v1/products")
    d.deliver_ok(*events)
    until("failed attempts show", lambda: d.status()["due_retrying"] >= 1)
    s = d.status()
    check(s["due"] == len(products) and "500" in s["last_error"], "the status hides it:", s)
    out, _ = place.run("status", "--json")
    check("500" in out, "brindle status hides it:", out)
    check(place.one("select count(*) from objects") == 0, "something was stored from a bad answer")
    e.no_faults()
    d.idle()
    place.check_all(d)


@scenario("STATE-20")
def odd_events_are_kept_acknowledged_and_counted(place):
    e = place.emulator
    d = place.start()
    odd = [event("evt_guest", "payment_intent.created", {"id": "pi_none", "object": "payment_intent", "customer": None}),
           event("evt_upcoming", "invoice.upcoming", {"object": "invoice", "customer": None}),
           event("evt_type", "never.heard.of", {"id": "prod_none", "object": "product"}),
           event("evt_object", "sun.risen", {"id": "sun_1", "object": "sun"}),
           event("evt_bare", "x.y", None),
           {"id": "evt_thin", "object": "v2.core.event", "type": "v1.billing.meter.error_report_triggered",
            "livemode": False, "created": "2026-01-15T00:27:45.330Z",
            "related_object": {"id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1"}}]
    d.deliver_ok(*odd)
    check(place.one("select count(*) from _inbox") == len(odd), "not all are kept")
    d.idle()
    before = e.total()
    time.sleep(1)
    check(e.total() - before <= 2, "a retry storm:", e.total() - before, "requests in a second")
    s = d.status()
    check(s["events"] == len(odd) and s["events_unknown"] == 1 and s["events_unfetchable"] == 2,
          "miscounted:", s)
    live = event("evt_live", "product.updated", {"id": "prod_live", "object": "product"}, livemode=True)
    other = event("evt_other", "product.updated", {"id": "prod_2", "object": "product"}, account="acct_other")
    d.deliver_ok(live, other)
    check(d.status()["events_quarantined"] == 2, "what is not ours was not kept aside")
    check(place.rows("select reason from _inbox where outcome = 'quarantined' order by seq")
          == [("other_mode",), ("connected_account",)], "the reasons are not told")


@scenario("STATE-21")
def what_changes_rights_makes_the_customer_or_the_catalogue_due(place):
    e = place.emulator
    product, price, customer = shop(e)
    sub = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
    intent = e.post("/v1/payment_intents", amount=500, currency="usd", customer=customer["id"],
                    payment_method="pm_card_visa", confirm=True, off_session=True)
    charge, invoice = intent["latest_charge"], sub["latest_invoice"]
    refund = e.post("/v1/refunds", charge=charge)
    d = place.start()
    place.run("sync", customer["id"])
    own = {"customer": customer["id"]}
    objects = {"subscription": {**sub}, "invoice": {"id": invoice, **own}, "refund": {**refund},
               "payment_intent": {"id": intent["id"], **own}, "charge": {"id": charge, **own},
               "dispute": {"id": "dp_none", "charge": charge},
               "checkout.session": {"id": "cs_none", **own}, "discount": {"id": "di_none", **own},
               "subscription_schedule": {"id": "sub_sched_none", **own},
               "entitlements.active_entitlement_summary": own, "customer": customer}
    types = [("subscription", "customer.subscription.", "created updated deleted paused resumed "
              "pending_update_applied pending_update_expired trial_will_end"),
             ("invoice", "invoice.", "paid payment_failed payment_action_required upcoming "
              "marked_uncollectible payment_succeeded voided finalization_failed"),
             ("payment_intent", "payment_intent.", "succeeded payment_failed canceled"),
             ("checkout.session", "checkout.session.",
              "completed async_payment_succeeded async_payment_failed expired"),
             ("charge", "charge.", "refunded"), ("refund", "refund.", "created updated failed"),
             ("dispute", "charge.dispute.", "created closed"), ("discount", "customer.discount.", "created deleted"),
             ("subscription_schedule", "subscription_schedule.", "canceled released"),
             ("entitlements.active_entitlement_summary", "entitlements.",
              "active_entitlement_summary.updated")]
    # another subscription, of which nobody was told: whatever comes first must show it
    for kind, prefix, names in types:
        for name in names.split():
            silent = e.post("/v1/subscriptions", **own, items=[{"price": price["id"]}])
            obj = {"object": kind, **objects[kind]}
            if name == "upcoming":
                del obj["id"]
            after = e.total()
            d.deliver_ok(event(f"evt_{prefix}{name}", prefix + name, obj))
            until(f"{prefix}{name} makes the customer due",
                  lambda: place.one("select status from subscriptions where id = ?", silent["id"]))
            check(len(fetches(e, "/v1/subscriptions", after)) <= 2, prefix + name, "cost more than two lists")
            e.delete(f"/v1/subscriptions/{silent['id']}")
    d.idle()
    # the catalogue: what was changed is fetched, the customer is not
    after = e.total()
    e.post(f"/v1/products/{product['id']}", name="Silver")
    e.post(f"/v1/prices/{price['id']}", nickname="monthly")
    d.deliver_ok(event("evt_product", "product.updated", product), event("evt_price", "price.updated", price))
    d.idle()
    check(place.one("select name from products") == "Silver", "the product is old")
    check(place.one("select nickname from prices") == "monthly", "the price is old")
    check(not fetches(e, "/v1/subscriptions", after), "the catalogue made a customer due")
    # a customer who goes takes the subscriptions along, even if nobody tells of these
    e.delete(f"/v1/customers/{customer['id']}")
    d.deliver_ok(event("evt_gone", "customer.deleted", customer))
    d.idle()
    check(place.one("select status from subscriptions where id = ?", sub["id"]) == "canceled",
          "a deleted customer's subscription still gives rights")
    place.check_all(d)
