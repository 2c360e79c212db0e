"""What hangs together: the knot of references, nested lists beyond a page, what lists hide."""
import itertools
import json
import signal
import subprocess
import time
from collections import Counter

from front import stand_before
from place import BRINDLE, PATIENCE, check, until
from scenarios_mirror import coverage, dangling
from scenarios_state import event, fetches, shop

SCENARIOS = []
DEPTH, FAN_OUT = 8, 100  # src/core/mirror/references.h


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


def status_of(place):
    return json.loads(place.run("status", "--json")[0])


def bulk(e, kind, count, **members):
    e.admin("POST", "/bulk", {"type": kind, "count": count, "set": members})


def asked(e, after):
    """How often each object or list was asked for; the identity aside."""
    paths = [r["path"].split("?")[0] for r in e.requests(after=after)]
    return Counter(p for p in paths if p not in ("/v1/account", "/v1/balance"))


@scenario("MIRROR-04")
def one_event_pulls_in_what_it_refers_to_and_no_more(place):
    e = place.emulator
    product, price, customer = shop(e)
    sub = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
    bulk(e, "invoice", 10_000, customer=customer["id"], parent={
        "type": "subscription_details", "quote_details": None,
        "subscription_details": {"metadata": None, "subscription": sub["id"]}})
    d = place.start()
    before = e.total()
    d.deliver_ok(event("evt_1", "customer.updated", customer))
    d.idle()
    check(place.one("select count(*) from objects where type = 'invoice'") == 0, "a customer drags its invoices in")
    check(place.mirrored("payment_method"), "the customer's payment method was not fetched")
    check(sum(asked(e, before).values()) < 10, "too much was asked for:", asked(e, before))
    some = e.get("/v1/invoices", customer=customer["id"], limit=1)["data"][0]
    before = e.total()
    d.deliver_ok(event("evt_2", "invoice.updated", some))
    d.idle()
    times = asked(e, before)
    for kind, ident in (("invoice", some["id"]), ("subscription", sub["id"]), ("price", price["id"]),
                        ("product", product["id"]), ("invoice", sub["latest_invoice"])):
        check(ident in place.mirrored(kind), kind, ident, "was not fetched")
    check(len(place.mirrored("invoice")) == 2, "other invoices came along:", len(place.mirrored("invoice")))
    check(max(times.values()) == 1, "fetched twice:", times.most_common(3))
    check(f"/v1/customers/{customer['id']}" not in times, "what was fresh was fetched again")
    check(sum(times.values()) < 25, "too much was asked for:", times)
    before = e.total()
    d.deliver_ok(event("evt_3", "invoice.updated", some))
    d.idle()
    check(sum(asked(e, before).values()) <= 2, "all is known, and still it asks for", asked(e, before))


@scenario("MIRROR-04B")
def the_knot_is_chased_in_bounded_steps_and_to_its_end(place):
    e = place.emulator
    chain = [e.post("/v1/products", name=f"p{i}") for i in range(DEPTH)]  # each two steps
    prices = [e.post("/v1/prices", product=p["id"], unit_amount=5, currency="usd") for p in chain]
    for product, price in zip(chain, prices[1:]):  # each product's price belongs to the next one
        e.edit("product", product["id"], default_price=price["id"])
    wide = e.post("/v1/coupons", percent_off=5, duration="once")
    bulk(e, "product", FAN_OUT * 3)
    every = [p["id"] for p in e.state("product")]
    e.edit("coupon", wide["id"], applies_to={"products": every[len(chain):]})
    d = place.start()
    chases = "select coalesce(sum(gen), 0) from _due where kind = 'chase'"
    before = e.total()
    d.deliver_ok(event("evt_1", "product.updated", chain[0]))
    d.idle()
    deep = place.one(chases)
    check(deep > 0, "one signal led through the whole chain by itself")
    check(set(place.mirrored("product")) == {p["id"] for p in chain}, "the chain is not whole")
    check(max(asked(e, before).values()) == 1, "something was fetched twice:", asked(e, before).most_common(2))
    before = e.total()
    d.deliver_ok(event("evt_2", "coupon.updated", wide))
    d.idle()
    check(place.one(chases) > deep, "one object made", len(every), "targets due at once")
    check(set(place.mirrored("product")) == set(every), "the fan is not whole")
    check(max(asked(e, before).values()) == 1, "something was fetched twice:", asked(e, before).most_common(2))
    place.check_all(d)


def show_first_ten(e, kind, parent, field, path, **which):
    """The parent shows the beginning of its list, as Stripe's does."""
    head = e.get(path, limit=10, **which)
    url = path + "".join(f"?{k}={v}" for k, v in which.items())
    e.edit(kind, parent, **{field: {"object": "list", "data": head["data"], "has_more": head["has_more"],
                                    "url": url}})


def nest(e, sizes):
    """Invoices and subscriptions with so many members each: (type, id, event, type of the members,
    size)"""
    _, price, customer = shop(e)
    nests = []
    for n in sizes:
        invoice = e.post("/v1/invoices", customer=customer["id"])["id"]
        bulk(e, "line_item", n, invoice=invoice, description="one of many")
        show_first_ten(e, "invoice", invoice, "lines", f"/v1/invoices/{invoice}/lines")
        nests.append(("invoice", invoice, "invoice.updated", "line_item", n))
        sub = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
        item = sub["items"]["data"][0]
        bulk(e, "subscription_item", n - 1, **{k: v for k, v in item.items() if k != "id"})
        show_first_ten(e, "subscription", sub["id"], "items", "/v1/subscription_items",
                       subscription=sub["id"])
        nests.append(("subscription", sub["id"], "customer.subscription.updated", "subscription_item", n))
    return nests


def members(place, kind, parent):
    column = {"line_item": "invoice", "subscription_item": "subscription", "refund": "charge"}[kind]
    view = {"line_item": "invoice_line_items", "subscription_item": "subscription_items", "refund": "refunds"}[kind]
    return place.one(f"select count(*) from {view} where {column} = ?", parent)


def check_nest(place, kind, ident, of, n):
    have = members(place, of, ident)
    check(have == n, kind, ident, "has", have, "of", n, of)
    check(place.one("select open_lists from objects where type = ? and id = ?", kind, ident) == 0,
          "a list that is known to its end is said to be open")
    mirror = place.mirrored(of)
    wrong = [o["id"] for o in place.emulator.state(of)
             if o.get(kind) == ident and mirror.get(o["id"]) != (o, 0)]
    check(not wrong, len(wrong), "members differ:", wrong[:2])


@scenario("MIRROR-07")
def nested_lists_longer_than_a_page_are_complete(place):
    e = place.emulator
    nests = nest(e, (11, 101))
    charge = e.post("/v1/payment_intents", amount=20_000, currency="usd", confirm=True,
                    payment_method="pm_card_visa", return_url="https://example.com/")["latest_charge"]
    bulk(e, "refund", 101, charge=charge, amount=1)
    d = place.start()
    before = e.total()
    d.deliver_ok(event("evt_charge", "charge.refunded", e.get(f"/v1/charges/{charge}")),
                 *(event(f"evt_{ident}", told, {"id": ident, "object": kind})
                   for kind, ident, told, _, _ in nests))
    d.idle()
    for kind, ident, _, of, n in nests:
        check_nest(place, kind, ident, of, n)
        path = f"/v1/invoices/{ident}/lines" if of == "line_item" else "/v1/subscription_items"
        pages = [r for r in fetches(e, path, before) if ident in r["path"]]
        check(len(pages) == -(-n // 100), n, "members cost", len(pages), "pages")
        check(all("limit=100" in r["path"] for r in pages), "small pages:", pages[:1])
    place.run("sync", "refunds")  # no charge shows them any more: they have a list of their own
    check(members(place, "refund", charge) == 101, "refunds are missing:", members(place, "refund", charge))
    # What leaves such a list is gone here, too, and what comes is there.
    kind, ident, told, of, n = nests[2]
    gone = e.get(f"/v1/invoices/{ident}/lines", limit=100)["data"][70]["id"]
    e.admin("DELETE", f"/objects/line_item/{gone}")
    bulk(e, "line_item", 2, invoice=ident)
    d.deliver_ok(event("evt_again", told, {"id": ident, "object": kind}))
    d.idle()
    check(members(place, of, ident) == n + 1, "it has", members(place, of, ident), "of", n + 1)
    check(place.mirrored(of)[gone][1] == 1, "what left the list lives on")


@scenario("MIRROR-07B")
def ten_thousand_members_survive_a_kill_in_the_middle(place):
    e = place.emulator
    lines, _ = nest(e, (10_001,))
    nests = [lines]
    front = stand_before(place)
    d = place.start()
    for kind, ident, told, of, n in nests:
        middle = front.gate("GET", f"/v1/invoices/{ident}/lines" if of == "line_item" else "/v1/subscription_items",
                            after=n // 300)
        d.deliver_ok(event(f"evt_{ident}", told, {"id": ident, "object": kind}))
        middle.come()
        d.kill()
        middle.open()
        have = members(place, of, ident)
        check(0 < have < n, "it was not in the middle:", have)
        check(place.one("select open_lists from objects where id = ?", ident) == 1,
              "half a list is stored as complete")
        check(status_of(place)["due"] > 0, "status knows of nothing to be done")
        d = place.start()
        d.idle()
        check_nest(place, kind, ident, of, n)


def state_of(place, kind):
    return next(t["state"] for t in status_of(place)["types"] if t["type"] == kind)


@scenario("MIRROR-08")
def what_default_lists_hide_is_there_after_a_sync(place):
    e = place.emulator
    product, price, customer = shop(e)
    ended = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
    e.delete(f"/v1/subscriptions/{ended['id']}")
    old = e.post("/v1/prices", product=product["id"], unit_amount=5, currency="usd")
    e.post(f"/v1/prices/{old['id']}", active=False)
    inline = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price_data": {
        "currency": "usd", "product": product["id"], "unit_amount": 77, "recurring": {"interval": "month"}}}])
    made = inline["items"]["data"][0]["price"]["id"]
    check(all(p["id"] != made for a in ("true", "false") for p in e.get("/v1/prices", active=a, limit=100)["data"]),
          "the emulator lists the price that it should hide")
    clock = e.post("/v1/test_helpers/test_clocks", frozen_time=1_700_000_000)
    timed = e.post("/v1/customers", test_clock=clock["id"], payment_method="pm_card_visa",
                   invoice_settings={"default_payment_method": "pm_card_visa"})
    simulated = e.post("/v1/subscriptions", customer=timed["id"], items=[{"price": price["id"]}])
    quote = e.post("/v1/quotes", customer=timed["id"], line_items=[{"price": price["id"]}])
    schedule = e.post("/v1/subscription_schedules", customer=timed["id"], start_date="now",
                      phases=[{"items": [{"price": price["id"]}]}])
    tax_id = e.post(f"/v1/customers/{customer['id']}/tax_ids", type="eu_vat", value="DE123456789")
    balance = e.post(f"/v1/customers/{customer['id']}/balance_transactions", amount=-5, currency="usd")
    feature = e.post("/v1/entitlements/features", name="f", lookup_key="f")
    attached = e.post(f"/v1/products/{product['id']}/features", entitlement_feature=feature["id"])
    archived = e.post("/v1/products", name="archived")
    e.post(f"/v1/products/{archived['id']}", active=False)
    place.run("sync")
    hidden = {"subscription": [ended["id"], inline["id"], simulated["id"], schedule["subscription"]],
              "price": [old["id"], made], "customer": [timed["id"]], "tax_id": [tax_id["id"]],
              "test_helpers.test_clock": [clock["id"]], "invoice": [simulated["latest_invoice"]],
              "product": [archived["id"]], "quote": [quote["id"]], "subscription_schedule": [schedule["id"]],
              "subscription_item": [s["items"]["data"][0]["id"] for s in (ended, inline, simulated)],
              "line_item": [line["id"] for line in e.state("line_item")],
              "plan": [made], "payment_intent": [p["id"] for p in e.state("payment_intent")],
              "charge": [c["id"] for c in e.state("charge")]}
    missing = [(kind, i) for kind, all_ in hidden.items() for i in all_ if i not in place.mirrored(kind)]
    check(not missing, "not in the mirror:", missing)
    check(place.mirrored("subscription")[ended["id"]][0]["status"] == "canceled", "the ended one is not canceled")
    under = {"customer_balance_transaction": balance["id"], "product_feature": attached["id"]}
    for kind, one in under.items():
        check(one in place.mirrored(kind), kind, "is not there, though its parents are few")
        check(state_of(place, kind) == "complete", kind, "is", state_of(place, kind))
    check(status_of(place)["due"] == 0, "something is left to do")
    # What costs a request for each of more parents than permitted comes when it is named, and status says so.
    more = [e.post(f"/v1/customers/{customer['id']}/balance_transactions", amount=-7, currency="usd")]
    asked, few = e.total(), {"BRINDLE_PARENTS_MAX": "1"}
    place.run("sync", env=few)
    check(not e.admin("GET", f"/requests?path=/v1/customers/{customer['id']}/balance&after={asked}")["data"], "more was asked for than permitted")
    check(more[0]["id"] not in place.mirrored("customer_balance_transaction"), "it came unasked")
    kind = next(t for t in status_of(place)["types"] if t["type"] == "customer_balance_transaction")
    check(kind["state"] == "unlisted" and "brindle sync customer_balance_transactions" in kind["reason"], kind)
    check("`brindle sync customer_balance_transactions" in "".join(place.run("status", code=None)), "status does not say how")
    place.run("sync", "customer_balance_transactions", env=few)
    check(more[0]["id"] in place.mirrored("customer_balance_transaction"), "not there when it is named")
    check(state_of(place, "customer_balance_transaction") == "complete", "not complete when all were named")
    place.check_mirror()


@scenario("MIRROR-08B")
def lists_under_parents_are_asked_for_again_by_a_sync_and_by_the_clock(place):
    e = place.emulator
    customers = [e.post("/v1/customers", email=f"c{i}@example.com") for i in range(2)]

    def credit(customer):
        return e.post(f"/v1/customers/{customer['id']}/balance_transactions", amount=-5, currency="usd")["id"]

    def has(ident):
        return ident in place.mirrored("customer_balance_transaction")

    def now():
        return next(t for t in status_of(place)["types"] if t["type"] == "customer_balance_transaction")
    # No event tells of these: the daemon asks by itself, for what came since too.
    place.run("sync", "customers", "customer_balance_transactions")
    before, first = now(), [credit(c) for c in customers]
    check(before["state"] == "complete" and not has(first[0]), before)
    until("its time has come", lambda: time.time() * 1000 > before["fresh_at"] + 1500)
    d = place.start(BRINDLE_RELIST_SECONDS="1")
    until("the clock brings them", lambda: all(map(has, first)))
    d.stop()
    # A list that fails is a hole until a sync has asked for it again.
    path = f"/v1/customers/{customers[1]['id']}/balance_transactions"
    second = [credit(c) for c in customers]
    e.fault(f"error;method=GET;path={path}")
    code, _ = sync_until(place, "it has failed", lambda: has(second[0]) and place.rows(
        "select 1 from _due where kind = 'walk' and id = ? and attempts > 0", f"parent={customers[1]['id']}"), signal.SIGTERM)
    check(code != 0 and not has(second[1]), "a sync with a hole ended with", code)
    place.write(f"update _due set dead = 1, claimed = 0 where id = 'parent={customers[1]['id']}'")  # after five hundred attempts
    check(status_of(place)["dead"] == 1 and now()["walk"] != "complete", now())
    e.no_faults()
    place.run("sync")
    check(has(second[1]) and now()["walk"] == now()["state"] == "complete", "not asked for again:", now())
    check(status_of(place)["dead"] == 0 and status_of(place)["due"] == 0, "something is left")


@scenario("MIRROR-03")
def who_refer_to_each_other_may_come_in_any_order(place):
    """All pairs and triples of types, in every order: test/core/test_cycles.c."""
    e = place.emulator
    d = place.start()
    for turn in range(6):
        product = e.post("/v1/products", name=f"p{turn}", default_price_data={
            "unit_amount": 5, "currency": "usd", "recurring": {"interval": "month"}})
        customer = e.post("/v1/customers", payment_method="pm_card_visa",
                          invoice_settings={"default_payment_method": "pm_card_visa"})
        sub = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": product["default_price"]}])
        rings = [[("product", product["id"]), ("price", product["default_price"])],
                 [("customer", customer["id"]), ("subscription", sub["id"]), ("invoice", sub["latest_invoice"])],
                 [("payment_intent", p["id"]) for p in e.state("payment_intent") if p["customer"] == customer["id"]] +
                 [("charge", c["id"]) for c in e.state("charge") if c["customer"] == customer["id"]]]
        for ring in rings:
            orders = list(itertools.permutations(ring))
            for kind, ident in orders[turn % len(orders)]:
                d.deliver_ok(event(f"evt_{turn}_{ident}", f"{kind}.updated", {"id": ident, "object": kind}))
                if turn % 2:
                    d.idle()
    d.idle()
    place.check_mirror()
    check(not [one for one in dangling(place) if one["state"] == "wanted"], "something dangles:", dangling(place))


def sync_until(place, what, question, sign, *args):
    """A sync that gets this signal when the time has come: its exit code and what it said."""
    one = subprocess.Popen([BRINDLE, "sync", *args], cwd=place.dir, env=place.env(), stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(what, question)
    one.send_signal(sign)
    out, err = one.communicate(timeout=PATIENCE)
    return one.returncode, (out + err).decode()


@scenario("MIRROR-27B")
def whatever_the_hole_no_sync_calls_it_complete(place):
    e = place.emulator
    bulk(e, "tax_rate", 250)
    product = e.post("/v1/products", name="x")
    unlisted = e.post("/v1/prices", product=product["id"], currency="usd", unit_amount=5)
    e.edit("product", product["id"], default_price=unlisted["id"])

    # Killed in the middle of a list, and told to end before a list that does not answer.
    front = stand_before(place)
    for sign in (signal.SIGKILL, signal.SIGTERM):
        second_page = front.gate("GET", "/v1/tax_rates?", after=int(sign == signal.SIGKILL))
        code, _ = sync_until(place, "a page is held back", lambda: second_page.held, sign, "tax_rates")
        second_page.open()
        check(code != 0, "half a sync ended with 0")
        state = coverage(place)["tax_rate"]
        check(state[0] in ("partial", "failed") and state[2] == 0, "half a list is", state)
        check(place.one("select count(*) from tax_rates") == 100, "not the first page")
        out, _ = place.run("status")
        check("complete    0 of" in out and "1 due" in out.replace("2 due", "1 due"), "status says", out)
    place.run("sync", "tax_rates")
    check(coverage(place)["tax_rate"][2] > 0 and place.one("select count(*) from tax_rates") == 250, "no end")

    # What an object refers to and this key may not see.
    e.fault(f"permission;method=GET;path=/v1/prices/{unlisted['id']}")
    out, err = place.run("sync", "products", code=1)
    check(unlisted["id"] in out + err, "the hole is not named:", err)
    for _ in range(2):
        now = status_of(place)
        check(now["dead"] == 1 and "permission" in now["last_error"], "status forgets the hole", now["last_error"])
    place.run("check", "refs", code=3)
    e.no_faults()
    place.run("check", "refs", "--repair", code=0)
    check(unlisted["id"] in place.mirrored("price") and status_of(place)["dead"] == 0, "it is not mended")
    place.run("sync", "products")
    place.check_mirror()


@scenario("MIRROR-30B")
def a_slow_answer_never_wins_across_processes_and_restarts(place):
    e = place.emulator
    products = [e.post("/v1/products", name="old") for _ in range(6)]  # fewer than there are workers
    front = stand_before(place)
    pair = place.start_pair() if place.cluster else [place.start()]
    first, last = pair[0], pair[-1]
    for turn, dies in enumerate((False, True)):
        slow = front.gate("GET", "/v1/products/", count=len(products))
        for p in products:
            first.deliver_ok(event(f"evt_a{turn}{p['id']}", "product.updated", p))
        slow.come(len(products))
        for p in products:
            e.post(f"/v1/products/{p['id']}", name=f"new{turn}")
        if dies:
            first.kill()
            first = place.start(folder="node0" if place.cluster else ".")
            last = last if place.cluster else first
        place.run("sync", "products")  # another process on PostgreSQL; on SQLite it asks the daemon
        news = lambda: place.one("select count(*) from products where name = ?", f"new{turn}")
        check(news() == len(products), "the walk did not bring the new names")
        for p in products:
            last.deliver_ok(event(f"evt_b{turn}{p['id']}", "product.updated", p))
        slow.open()
        last.idle()
        check(news() == len(products), "a slow answer won")
    went_back = place.rows("select h.id from _history h join _history g on g.id = h.id and g.revision > h.revision "
                           "where h.data like '%\"new%' and g.data like '%\"old\"%'")
    check(not went_back, "it went back in between:", went_back[:3])
    place.check_all(last)
