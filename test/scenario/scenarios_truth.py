"""What is in the mirror is what Stripe says: from many at once, through bad answers, odd bytes,
clocks that are off, and at a price that is known."""
import json
import random
import signal
import sqlite3
import subprocess
import threading
import time

import place as places
import scenarios_beyond
from front import Clock, Front, stand_before
from place import BRINDLE, KEY, SECRET, SOAK, Http, canonical, check, until
from scenarios_state import event, fetches, shop
from shake import hold

SCENARIOS = []


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


def status_of(place):
    return json.loads(place.run("status", "--json")[0])


def some_of_everything(e):
    """About fifty objects: (type, path, object)."""
    things = []
    for i in range(15):
        things.append(("product", e.post("/v1/products", name=f"p{i}")))
        things.append(("customer", e.post("/v1/customers", email=f"c{i}@example.com")))
        things.append(("price", e.post("/v1/prices", product=things[-2][1]["id"], unit_amount=i, currency="usd")))
    for i in range(5):
        things.append(("coupon", e.post("/v1/coupons", percent_off=5 + i, duration="once")))
    return [(kind, f"/v1/{kind}s/{o['id']}", o) for kind, o in things]


@scenario("MIRROR-15")
def thirty_two_connections_lead_to_one_exact_mirror(place):
    e = place.emulator
    things = some_of_everything(e)
    d = place.start()
    dice = random.Random(15)
    bodies = []
    for i in range(4500):
        kind, _, o = dice.choice(things)
        bodies.append(json.dumps(event(f"evt_{i}", f"{kind}.updated", o)).encode())
    sent = bodies + dice.sample(bodies, 500)  # a tenth is sent twice
    dice.shuffle(sent)
    for kind, path, _ in things:
        e.post(path, metadata={"turn": "1"})
    answers = []

    def send(mine):
        http = Http(d.port)
        answers.extend(d.deliver(body, http_client=http) for body in mine)
        http.close()
    # Stripe is silent until all of a burst is delivered, however quick the fetches are; and not for so long that
    # somebody gives it up.
    for burst in (sent[i:i + 500] for i in range(0, len(sent), 500)):
        before = e.total()
        hold(e.process.pid)
        threads = [threading.Thread(target=send, args=(burst[i::32],)) for i in range(32)]
        try:
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        finally:
            e.process.send_signal(signal.SIGCONT)
        d.idle()
        wrong = {path: n for _, path, _ in things if (n := len(fetches(e, path, before))) > 2}
        check(not wrong, "more than two fetches:", wrong)
    check(answers == [200] * 5000, "not all were taken:", {a: answers.count(a) for a in set(answers)})
    check(all(fetches(e, path, 0) for _, path, _ in things), "one was never asked for")
    check(place.one("select count(*) from _inbox") == 4500, "not every event is there once")
    check(place.one("select cast(sum(deliveries) as bigint) from _inbox") == 5000, "not every delivery is counted")
    check(place.one("select count(*) from (select 1 from objects group by type, account, id having count(*) > 1) x")
          == 0, "an object is there twice")
    check(d.status()["dead"] == 0, "something was given up")
    for word in ("deadlock", "event=work_failed"):
        check(word not in place.text_of("daemon.log"), word, "in the log:", place.text_of("daemon.log")[-300:])
    place.check_all(d)


@scenario("MIRROR-16")
def dedupe_never_hides_unfinished_work(place):
    e = place.emulator
    product = e.post("/v1/products", name="one")
    path = f"/v1/products/{product['id']}"
    one = event("evt_1", "product.updated", product)

    def state():
        return json.loads(place.run("inbox", "show", "evt_1")[0])["state"]
    # given up: the redelivery takes it up again
    e.fault(f"permission;method=GET;path={path}")
    front = stand_before(place)
    d = place.start()
    d.deliver_ok(one)
    until("it is given up", lambda: d.status()["dead"] == 1)
    check(state() == "dead" and not place.mirrored("product"), state())
    d.deliver_ok(one)
    until("it was asked for once more", lambda: len(fetches(e, path, 0)) == 2)
    until("it is given up once more", lambda: d.status()["dead"] == 1)
    e.no_faults()
    d.deliver_ok(one)
    d.idle()
    check(state() == "done" and place.mirrored("product"), "the redelivery did nothing")
    check(place.one("select deliveries from _inbox") == 3, "the deliveries are not counted")
    # killed in the middle: it is not said to be done, and is done after the restart by itself
    e.post(path, name="two")
    under_way = front.gate("GET", path)
    d.deliver_ok(event("evt_2", "product.updated", product))
    under_way.come()
    check(json.loads(place.run("inbox", "show", "evt_2")[0])["state"] == "working", "it is said to be done")
    d.kill()
    under_way.open()
    d = place.start()
    d.idle()
    check(place.one("select name from products") == "two", "the restart forgot it")
    # failed: it comes again by itself, and a redelivery meanwhile changes nothing
    e.post(path, name="three")
    e.fault(f"error;method=GET;path={path}")
    three = event("evt_3", "product.updated", product)
    d.deliver_ok(three)
    until("it has failed", lambda: d.status()["due_retrying"] == 1)
    check(json.loads(place.run("inbox", "show", "evt_3")[0])["state"] in ("waiting", "working"), "it is said to be done")
    d.deliver_ok(three)
    e.no_faults()
    d.idle()
    check(place.one("select name from products") == "three", "it did not come by itself")
    place.check_all(d)


@scenario("MIRROR-21")
def what_nobody_told_us_about_is_kept_queryable_and_counted(place):
    e = place.emulator
    product, price, customer = shop(e)
    sub = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
    e.edit("product", product["id"], event="product.updated", hologram={"depth": 3, "on": True})
    e.edit("subscription", sub["id"], event="customer.subscription.updated", status="hibernating")
    d = place.start()
    d.deliver_ok(e.events(type="product.updated")[0], e.events(type="customer.subscription.updated")[0],
                 event("evt_sun1", "sun.risen", {"id": "sun_1", "object": "sun", "rays": 9007199254740993,
                                                 "customer": customer["id"]}),
                 event("evt_sun2", "sun.set", {"id": "sun_2", "object": "sun", "rays": 0}))
    d.idle()
    # a field
    check(place.one("select json_extract(data, '$.hologram.depth') from objects where id = ?", product["id"]) == 3
          or place.cluster, "the field is gone")
    check(product["id"] in place.run("list", "products", "--hologram.depth=3", "--hologram.on=true")[0], "by its field")
    # a value
    check(place.one("select status from subscriptions") == "hibernating", "the value is gone")
    check(sub["id"] in place.run("list", "subscriptions", "--status=hibernating")[0], "by its value")
    state = json.loads(place.run("state", customer["id"], code=None)[0] or "{}")
    check(state.get("status") in (None, "none", "hibernating"), "the state says", state.get("status"))
    # a type
    check(json.loads(place.run("get", "sun_1")[0])["rays"] == 9007199254740993, "the type is gone")
    check('"sun_2"' in place.run("list", "sun", "--rays=0")[0], "by its field")
    check(place.one("select count(*) from objects where type = 'sun'") == 2, "in SQL")
    check(d.status()["events_unknown"] == 2, "counted:", d.status()["events_unknown"])
    check(d.metric("brindle_inbox_unknown") == 2, "no metric tells of it")
    check({t["type"]: t["objects"] for t in status_of(place)["types"]}.get("sun") == 2, "not among the types")
    check("2 of unknown types" in place.run("status")[0], place.run("status")[0])
    place.check_mirror(["product", "price", "subscription"])


@scenario("MIRROR-23")
def what_exists_only_in_an_event_is_taken_from_it_and_marked_so(place):
    e = place.emulator
    _, price, customer = shop(e)
    sub = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
    d = place.start()
    place.catch_up(d)
    invoices = place.one("select count(*) from objects where type = 'invoice'")
    e.admin("POST", "/clock", {"advance_seconds": 25 * 86400})
    upcoming = e.events(type="invoice.upcoming")[0]
    check("id" not in upcoming["data"]["object"], "it has an id")
    old = {**upcoming, "id": "evt_old", "created": upcoming["created"] - 5,
           "data": {"object": {**upcoming["data"]["object"], "total": 1}}}
    d.deliver_ok(upcoming, old)
    d.idle()
    rows = place.rows("select id, data, source, api_version from objects where type = 'invoice.upcoming'")
    check(len(rows) == 1 and rows[0][0] == sub["id"] and rows[0][2] == "event", rows)
    check(rows[0][3] == upcoming["api_version"], "its version:", rows[0][3])
    check(canonical(json.loads(rows[0][1])) == canonical(upcoming["data"]["object"]), "not as the event says")
    check(place.one("select count(*) from objects where type = 'invoice'") == invoices, "mixed with what is fetched")
    check(place.one("select count(*) from objects where source = 'event'") == 1, "others are marked so")
    check(json.loads(place.run("list", "invoice.upcoming")[0])["customer"] == customer["id"], "not listed")
    d.deliver_ok(event("evt_portal", "billing_portal.session.created",
                       {"id": "bps_1", "object": "billing_portal.session", "livemode": False,
                        "customer": customer["id"], "return_url": "https://shop.example/"}))
    d.idle()
    check(place.one("select return_url from billing_portal_sessions") == "https://shop.example/", "not in its view")
    place.check_all(d)


def bad_answers(product):
    """Each as what Stripe, or somebody before it, may say of the product."""
    path = f"/v1/products/{product['id']}"
    other = {**product, "id": "prod_somebody_else", "name": "wrong"}

    def only(bend):
        return lambda p, status, body: bend(status, body) if p.split("?")[0] == path else None
    return {
        "500": only(lambda s, b: (500, "application/json", b'{"error":{"message":"an unknown error"}}')),
        "429": only(lambda s, b: (429, "application/json", b'{"error":{"message":"too many requests"}}')),
        "no JSON": only(lambda s, b: (200, "text/html", b"<html><body>Maintenance</body></html>")),
        "half": only(lambda s, b: (200, None, b)),
        "cut JSON": only(lambda s, b: (200, "application/json", b[:len(b) // 2])),
        "another object": only(lambda s, b: (200, "application/json", json.dumps(other).encode())),
        "nothing": only(lambda s, b: (200, "application/json", b"")),
    }


@scenario("MIRROR-24")
def nothing_is_stored_from_a_bad_answer_and_nothing_is_lost(place):
    e = place.emulator
    products = [e.post("/v1/products", name=f"old{i}") for i in range(7)]
    place.run("sync", "products")
    front = Front(e)
    bends = dict(zip((p["id"] for p in products), products))
    kinds = [bad_answers(p) for p in products]
    which = list(kinds[0])

    def bend(path, status, body):
        for i, table in enumerate(kinds):
            if bent := table[which[i]](path, status, body):
                return bent
        return None
    try:
        d = place.start(**front.env)
        for p in products:
            e.post(f"/v1/products/{p['id']}", name="new")
        front.bend = bend
        for ev in e.events(type="product.updated"):
            d.deliver_ok(ev)
        until("each has failed",
              lambda: place.one("select count(*) from _due where attempts >= 1 and done_gen < gen") == len(products))
        before = {i: d_["name"] for i, (d_, _) in place.mirrored("product").items()}
        check(all(n.startswith("old") for n in before.values()), "a bad answer was stored:", before)
        check(set(before) == set(bends), "somebody else was stored:", set(before) - set(bends))
        why = dict(place.rows("select id, last_error from _due where done_gen < gen"))
        check("another object" in why[products[5]["id"]] and "500" in why[products[0]["id"]] and
              "429" in why[products[1]["id"]], why)
        now = d.status()
        check(now["due_retrying"] == len(products) and now["dead"] == 0 and now["last_error"], now)
        text = place.run("status", env=front.env)[0]
        check("last error" in text and "7 failed and will be tried again" in text, "status does not say what is happening:", text)
        front.bend = None
        d.idle()
        check({n["name"] for n, _ in place.mirrored("product").values()} == {"new"}, "something was lost")
        check(d.status()["due_retrying"] == 0, "it still says so")
        # a list page, too: a walk never takes a bad page for the end of its list
        bents = [(200, "text/html", b"<html>"), (200, "application/json", b'{"object":"list"}'),
                 (200, "application/json", b'{"object":"list","has_more":false,"data":[{"id":"x"}]}')]
        for i, bent in enumerate(bents):
            e.post(f"/v1/products/{products[0]['id']}", name=f"walk {i}")
            front.bend = lambda p, s, b, bent=bent: bent if p.startswith("/v1/products?") else None
            walk = subprocess.Popen([BRINDLE, "sync", "products"], cwd=place.dir, env={**place.env(), **front.env},
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until("the walk has failed", lambda: place.one("select state from _walks where type = 'product'") == "failed")
            front.bend = None
            check(walk.wait(places.PATIENCE) == 0, "the sync ended with", walk.returncode)
            check(place.one("select name from products where id = ?", products[0]["id"]) == f"walk {i}",
                  "the walk did not go on")
        check(place.one("select count(*) from products") == len(products), "a bad page buried something")
        place.check_mirror(["product"])
        d.stop()
    finally:
        front.stop()


EXACT = (r'{"id":"%s","object":"product","active":true,"created":1700000000,"default_price":null,'
         r'"description":"nul \u0000 here, a lone \ud83d surrogate, its half \udc08, Größe, 🐈 and \ud83d\udc08",'
         r'"images":[],"livemode":false,"metadata":{"\u0000":"\u0000","k\u00e9":"\u2028","":"empty"},'
         r'"name":"tab \t slash \/ quote \" back \\","big":9007199254740993,"bigger":123456789012345678901234567890,'
         r'"small":0.000000000015,"decimal":"0.123456789012","exp":1.50E+3,"minus":-0,"type":"service","updated":1700000000,'
         r'"url":null}')


@scenario("MIRROR-25")
def every_byte_and_digit_comes_back_as_it_was_sent(place):
    e = place.emulator
    products = [e.post("/v1/products", name=f"p{i}") for i in range(2)]
    exact = {p["id"]: EXACT % p["id"] for p in products}
    front = Front(e)

    def bend(path, status, body):
        ident = path.split("?")[0].rsplit("/", 1)[1]
        if ident in exact:
            return 200, "application/json", exact[ident].encode()
        if path.startswith("/v1/products?"):
            page = '{"object":"list","has_more":false,"url":"/v1/products","data":[%s]}' % ", ".join(exact.values())
            return 200, "application/json", page.encode()
        return None
    front.bend = bend
    try:
        d = place.start(**front.env)
        first, second = (p["id"] for p in products)
        place.run("sync", first, env=front.env)  # by its own GET
        place.run("sync", "products", env=front.env)  # and in a list
        d.idle()
        for ident in (first, second):
            check(place.run("get", ident)[0] == exact[ident] + "\n", "not as it was sent:", place.run("get", ident)[0])
            kept = place.one("select data from objects where id = ?", ident)
            check(kept == exact[ident], "the store has", kept)
        check(place.one("select count(*) from _history") == 0, "the same text was taken for a change")
        check(place.run("list", "products", "--big=9007199254740993")[0].count("\n") == 2, "not found by a large number")
        check(place.run("list", "products", "--decimal=0.123456789012")[0].count("\n") == 2, "nor by a decimal")
        # through the views, on PostgreSQL with U+FFFD for what jsonb refuses; the rest as it is
        name, about = place.rows("select name, description from products where id = ?", first)[0]
        check(name == 'tab \t slash / quote " back \\', "the view says", name)
        check("Größe, 🐈 and 🐈" in about or not place.cluster and about.startswith("nul "), "the view says", about)
        # a former version and an event's body are as exact
        was, exact[first] = exact[first], exact[first].replace('"big":9007199254740993', '"big":9007199254740995')
        body = ('{"id":"evt_exact","object":"event","type":"product.updated","created":1,"livemode":false,'
                '"data":{"object":%s}}' % exact[first]).encode()
        check(d.deliver(body) == 200, "the event was refused")
        d.idle()
        check(place.one("select data from _history") == was, "the former version is not exact")
        check(place.run("get", first)[0] == exact[first] + "\n", "a change of one digit was missed")
        check(place.one("select body from _inbox where event = 'evt_exact'") == body.decode(), "the body is not exact")
        d.stop()
    finally:
        front.stop()


@scenario("MIRROR-28")
def one_id_may_belong_to_several_things(place):
    e = place.emulator
    product, price, _ = shop(e)
    card = {"id": "card_both", "object": "card", "brand": "Visa", "last4": "4242", "metadata": {}}
    customer = e.post("/v1/customers", email="a@example.com")
    e.edit("customer", customer["id"], sources={"object": "list", "data": [{**card, "customer": customer["id"]}],
                                                "has_more": False, "url": "/v1/x"})
    method = {"id": "card_both", "object": "payment_method", "type": "card", "customer": customer["id"],
              "livemode": False, "created": 1, "metadata": {}, "card": {"brand": "visa", "last4": "4242"}}
    front = Front(e)
    front.bend = lambda p, s, b: ((200, "application/json", json.dumps(method).encode())
                                  if p.startswith("/v1/payment_methods/card_both") else None)
    try:
        d = place.start(**front.env)
        d.deliver_ok(event("evt_p", "price.updated", price), event("evt_c", "customer.updated", customer),
                     event("evt_m", "payment_method.updated", method))
        d.idle()
        two = {(t, json.loads(o)["object"]) for t, o in
               place.rows("select type, data from objects where id in (?, 'card_both')", price["id"])}
        check(two == {("price", "price"), ("plan", "plan"), ("card", "card"), ("payment_method", "payment_method")}, two)
        check(place.one("select count(*) from prices where id = ?", price["id"]) == 1 and
              place.one("select count(*) from plans where id = ?", price["id"]) == 1, "not one row in each view")
        check(json.loads(place.run("get", price["id"])[0])["object"] == "price", "by its prefix")
        d.stop()
    finally:
        front.stop()
    # two modes and two accounts behind one program: each has its own
    keys = {"test": KEY, "live": KEY.replace("test", "live"), "other": "sk_test_somebodyelse0123456789"}
    config = "[brindle]\nlisten = 127.0.0.1:0\n"
    for name, key in keys.items():
        post = Http(e.port, {"Authorization": f"Bearer {key}"})
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        check(post.ask("POST", "/v1/products", f"id=gold&name={name}", form)[0] == 200, "no product")
        config += f"[env {name}]\nsecret_key = {key}\napi_base = {place.env()['STRIPE_API_BASE']}\n"
        config += f"webhook_secret = {SECRET}_{name}\n"
    (place.dir / "three.conf").write_text(config)
    bare = {k: "" for k in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE")}

    def run(*args, code=0):
        done = subprocess.run([BRINDLE, *args, "--config", "three.conf"], cwd=place.dir, capture_output=True,
                              env={k: v for k, v in place.env().items() if k not in bare}, timeout=places.PATIENCE)
        check(done.returncode == code, args, "ended with", done.returncode, done.stderr[-300:])
        return done.stdout.decode()
    for name in keys:
        run("sync", "products", "--env", name)
    names = {name: json.loads(run("get", "gold", "--env", name))["name"] for name in keys}
    check(names == {n: n for n in keys}, "mixed up:", names)


@scenario("MIRROR-29")
def three_thousand_objects_cost_thirty_requests_and_a_handful(place):
    e = place.emulator
    for kind, count in (("product", 999), ("price", 1000), ("customer", 1000)):  # the prices' own makes 1000
        e.admin("POST", "/bulk", {"type": kind, "count": count})
    before = e.total()
    place.run("sync", "products", "prices", "customers")
    asked = [r["path"] for r in e.requests("/v1/", after=before)]
    pages = [p for p in asked if p.split("?")[0] in ("/v1/products", "/v1/prices", "/v1/customers")]
    check(place.one("select count(*) from objects where type in ('product', 'price', 'customer')") == 3000, "not all")
    check(len(pages) <= 31 and len(asked) <= 35, len(pages), "pages,", len(asked), "requests:",
          [p for p in asked if p not in pages])
    check(all("limit=100" in p for p in pages), "not a hundred at a time:", pages[0])
    check(not [p for p in asked if p.startswith(("/v1/products/", "/v1/prices/", "/v1/customers/"))], "one by one:", asked)
    # unless a nested list is really truncated
    product, price, customer = shop(e)
    prices = [e.post("/v1/prices", product=product["id"], unit_amount=i + 1, currency="usd",
                     recurring={"interval": "month"}) for i in range(12)]
    e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": p["id"]} for p in prices])
    for _ in range(5):
        e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
    before = e.total()
    place.run("sync", "subscriptions")
    own = [r["path"] for r in e.requests("/v1/subscriptions/", after=before)]
    more = [r["path"] for r in e.requests("/v1/subscription_items?", after=before)]
    check(len(own) == 1 and 1 <= len(more) <= 2, "for one truncated list:", own, more)
    place.check_mirror(["subscription"])


def derived_rows(place):
    """What is made of the objects, but for revisions and tickets."""
    return (sorted(place.rows("select from_type, from_id, field, to_type, to_id, member, certain from _refs")),
            sorted(place.rows("select customer, value from _states")),
            sorted(place.rows("select customer, user_id, created from _user_links")),
            sorted(place.rows("select user_id, state, customer from _users")))


def objects_of(place):
    return sorted(place.rows("select type, id, data, deleted, open_lists from objects"))


@scenario("BEYOND-03")
def what_is_derived_can_be_made_anew_of_the_objects_or_of_the_api(place):
    e = place.emulator
    product, price, customer = shop(e)
    prices = [e.post("/v1/prices", product=product["id"], unit_amount=i + 1, currency="usd",
                     recurring={"interval": "month"}) for i in range(12)]
    e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": p["id"]} for p in prices])
    left = e.post("/v1/customers", email="left@example.com")
    for who in (customer, e.post("/v1/customers", email="b@example.com", payment_method="pm_card_visa", metadata={"userId": "u_1"},
                                 invoice_settings={"default_payment_method": "pm_card_visa"})):
        for _ in range(2):
            e.post("/v1/subscriptions", customer=who["id"], items=[{"price": price["id"]}])
    place.run("sync")
    e.delete(f"/v1/customers/{left['id']}")
    e.delete(f"/v1/products/{e.post('/v1/products', name='mortal')['id']}")
    d = place.start()
    place.catch_up(d)
    place.run("check", "derived")  # beside the daemon
    d.stop()
    objects, (refs, states, links, users) = objects_of(place), derived_rows(place)
    check(len(refs) > 50 and len(states) == 3 and len(links) == len(users) == 1, len(refs), len(states), links, users)
    asked = e.total()
    # the derived tables are lost
    write(place, "delete from _refs; update _states set value = '{}'; delete from _user_links; delete from _users;")
    place.run("check", "derived", code=3)
    check(not derived_rows(place)[0], "a look without --repair wrote something")
    out, _ = place.run("check", "derived", "--repair", "--json")
    counts = json.loads(out)
    check(counts["references"] > 20 and counts["states"] == 3 and counts["users"] == 1 and counts["repaired"], counts)
    again = derived_rows(place)
    lost, new = set(refs) - set(again[0]), set(again[0]) - set(refs)
    check(not lost and not new, "references differ:", list(lost)[:3], list(new)[:3])
    check([(c, strip(v)) for c, v in again[1]] == [(c, strip(v)) for c, v in states], "states differ from what they were:", again[1], states)
    check(again[2:] == (links, users), "users differ from what they were:", again[2:], links, users)
    check(objects_of(place) == objects, "objects were touched")
    place.run("check", "derived")
    check(e.total() - asked <= 8, "Stripe was asked", e.total() - asked, "times")  # whose key it is, each time
    # another mirror, of the API alone
    dead = {(t, i) for t, i, _, gone, _ in objects if gone}
    database = place.database
    if place.cluster:
        place.database = place.cluster.database()
    else:
        (place.dir / "data").rename(place.dir / "former")
    place.run("sync")
    for who, _ in states:  # what a customer is entitled to is asked for with the whole customer
        place.run("sync", who, code=None)
    same = [(t, i, canonical(json.loads(o))) for t, i, o, gone, _ in objects if not gone]
    now = [(t, i, canonical(json.loads(o))) for t, i, o, gone, _ in objects_of(place) if not gone]
    differ = set(same) ^ set(now)
    check(not {x for x in differ if x[0] != "balance"}, "objects differ:", sorted(differ)[:2])
    theirs = derived_rows(place)
    alive = {r for r in refs if (r[0], r[1]) not in dead}
    check(alive == set(theirs[0]), "references differ:", list(alive ^ set(theirs[0]))[:4])
    check([(c, strip(v)) for c, v in theirs[1]] ==
          [(c, strip(v)) for c, v in states], "states differ from the API's:", theirs[1], states)
    place.database = database


def strip(value):
    """A state without the marks of its making."""
    return canonical({k: v for k, v in json.loads(value).items() if k not in ("revision", "asOf")})


def write(place, sql):
    if place.cluster:
        place.cluster.sql(place.database, sql)
        return
    with sqlite3.connect(place.db_path) as c:
        c.executescript(sql)


@scenario("BEYOND-04")
def a_subscription_is_told_as_it_was_and_who_changed_it(place):
    e = place.emulator
    _, price, customer = shop(e)
    sub = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
    path = f"/v1/subscriptions/{sub['id']}"
    d = place.start()
    place.catch_up(d)
    place.run("sync", "subscriptions")
    changed = "select changed_at from objects where type = 'subscription'"
    moments = [(place.one(changed), None)]

    def known(what):
        until("the change is known", lambda: place.one(changed) > moments[-1][0])
        moments.append((place.one(changed), what))
    e.post(path, metadata={"by": "webhook"})
    d.deliver_ok(e.events(type="customer.subscription.updated")[0])
    known("webhook")
    e.edit("subscription", sub["id"], metadata={"by": "check"})
    place.run("check", "drift", "subscriptions", "--repair")
    known("check")
    e.edit("subscription", sub["id"], metadata={"by": "sync"})
    place.run("sync", "subscriptions", "--again")
    known("sync")
    e.delete(path)
    d.deliver_ok(e.events(type="customer.subscription.deleted")[0])
    known(None)
    for since, by in moments:
        at = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(since // 1000))}.{since % 1000:03}Z"
        was = json.loads(place.run("get", sub["id"], "--at", at)[0])
        check(by is None or was["metadata"] == {"by": by}, "at", at, "it was", was["metadata"])
    check(json.loads(place.run("get", sub["id"])[0])["status"] == "canceled", "the end")
    told = [json.loads(line) for line in place.run("get", sub["id"], "--history")[0].splitlines()]
    check([v["cause"] for v in told[:4]] == ["webhook", "sync", "check", "webhook"], [v["cause"] for v in told])
    check(told[0]["events"] == [e.events(type="customer.subscription.deleted")[0]["id"]], told[0]["events"])
    check(told[1]["events"] == [] and told[1]["changed"] == ["metadata"], told[1])
    check(e.events(type="customer.subscription.updated")[0]["id"] in told[3]["events"], "which event", told[3]["events"])
    place.check_mirror(["subscription"])


@scenario("BEYOND-10")
def a_torn_record_at_the_end_of_the_log_is_cut_off(place):
    e = place.emulator
    product = e.post("/v1/products", name="x")
    d = place.start()
    log = place.db_path.with_name("test.db-wal")

    def crash(n):
        nonlocal d
        for i in range(5):
            d.deliver_ok(event(f"evt_{n}_{i}", "product.updated", product))
        d.idle()
        d.kill()
        check(log.exists() and log.stat().st_size > 32 + 24 + 4096, "there is no log")

    def look(n, lost=0):
        nonlocal d
        d = place.start()
        with place.db() as c:
            found = [row[0] for row in c.execute("pragma integrity_check")]
        check(found == ["ok"], "the database is damaged behind", n, found[:5])
        known = {r[0] for r in place.rows("select event from _inbox")}
        missing = [f"evt_{m}_{i}" for m in range(n + 1) for i in range(5) if f"evt_{m}_{i}" not in known]
        check(len(missing) <= lost, "acknowledged, and gone:", missing)
        for ident in missing:
            d.deliver_ok(event(ident, "product.updated", product))
        d.idle()
    # half of a record that was being written when the power went: its checksum does not fit
    crash(0)
    whole = log.read_bytes()
    size = int.from_bytes(whole[8:12], "big")
    frame = bytearray(whole[32:32 + 24 + size])
    frame[4:8] = (7).to_bytes(4, "big")  # it says that it ends a transaction
    with open(log, "ab") as f:
        f.write(frame[:24 + size // 2])
    look(0)
    # a whole one, of which some bytes never reached the disk
    crash(1)
    with open(log, "ab") as f:
        f.write(frame[:100] + bytes(len(frame) - 100))
    look(1)
    # the last record that was acknowledged, torn by a disk that lied: it alone is gone
    crash(2)
    whole = bytearray(log.read_bytes())
    end = last_frame(whole)
    whole[end - 50:end] = bytes(50)
    log.write_bytes(whole)
    look(2, lost=2)
    place.check_all(d)


def last_frame(log):
    """Where the last frame of the log's current salt ends."""
    size, salt, at = int.from_bytes(log[8:12], "big"), log[16:24], 32
    while log[at + 8:at + 16] == salt and at + 24 + size <= len(log):
        at += 24 + size
    return at


@scenario("BEYOND-13")
def a_deleted_customers_subscriptions_end_and_its_state_says_so(place):
    e = place.emulator
    _, price, customer = shop(e)
    subs = [e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}]) for _ in range(2)]
    d = place.start()
    place.catch_up(d)
    place.run("sync", customer["id"])
    state = json.loads(place.run("state", customer["id"])[0])
    check(state["status"] == "active" and not state.get("deleted"), state)
    e.delete(f"/v1/customers/{customer['id']}")
    place.catch_up(d)
    check(place.mirrored("customer")[customer["id"]][1] == 1, "no tombstone")
    for s in subs:
        have, dead = place.mirrored("subscription")[s["id"]]
        check(have["status"] == "canceled" and not dead, s["id"], have["status"], dead)
    check(place.one("select count(*) from subscriptions where status = 'canceled'") == 2, "the view hides them")
    status, _, answer = d.http.ask("GET", f"/api/test/customers/{customer['id']}/state")
    answer = json.loads(answer)
    check(status == 200 and answer["status"] in ("none", "canceled") and answer.get("deleted"),
          "its state is", status, answer)
    check(not answer["liveSubscriptions"], answer["liveSubscriptions"])
    late = event("evt_late", "customer.updated", customer)
    d.deliver_ok(late)
    d.idle()
    check(place.mirrored("customer")[customer["id"]][1] == 1, "a late event brought it back")
    place.check_all(d)


@scenario("BEYOND-15")
def a_cold_backfill_keeps_its_limits_and_goes_on_after_any_kill(place):
    e = place.emulator
    each = 1500 * SOAK if place.cluster else 4000 * SOAK
    kinds = {"product": "products", "price": "prices", "customer": "customers"}
    for kind in kinds:
        e.admin("POST", "/bulk", {"type": kind, "count": each})
    rate = 200
    kills, killed, front = 4, 0, stand_before(place)
    while killed < kills:
        some = front.gate("GET", "/v1/", after=12)
        walk = subprocess.Popen([BRINDLE, "sync", *kinds.values()], cwd=place.dir,
                                env={**place.env(), "BRINDLE_RATE_LIMIT": str(rate)},
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        some.come()
        check(walk.poll() is None, "it was done too early")
        walk.kill()
        walk.wait()
        some.open()
        killed += 1
    place.run("sync", *kinds.values(), env={"BRINDLE_RATE_LIMIT": str(rate)})
    for kind, view in kinds.items():
        asked = e.requests(f"/v1/{view}?")
        lists = len({r["path"].split("&starting_after")[0] for r in asked})
        n = len(e.state(kind))
        check(place.one(f"select count(*) from {view}") == n, view, "are not all there")
        paths = [r["path"] for r in asked]
        pages = set(paths)
        # a sync that is asked for when a list has just ended walks it anew: only the first walk counts
        first = max(map(paths.index, pages)) + 1
        check(len(pages) <= -(-n // 100) + kills, len(pages), "pages of", n, view)  # one that was half stored is cut
        check(first <= len(pages) + kills * lists, first, "requests for", len(pages), "pages")
        check(all(r["status"] == 200 for r in asked), "a request was refused")
    place.check_mirror(list(kinds))


@scenario("BEYOND-24")
def a_subscription_on_an_archived_price_is_valid(place):
    e = place.emulator
    _, price, customer = shop(e)
    sub = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
    d = place.start()
    place.catch_up(d)
    place.run("sync")
    e.post(f"/v1/prices/{price['id']}", active=False)
    place.catch_up(d)
    check(place.one("select count(*) from prices where active") == 0, "the price is not archived")
    check(place.one("select status from subscriptions") == "active", "the subscription is not active")
    place.run("sync", customer["id"])
    state = json.loads(place.run("state", customer["id"])[0])
    check(state["status"] == "active" and state["priceId"] == price["id"] and state["liveSubscriptions"] == [sub["id"]],
          state)
    for words in (("check", "refs"), ("check", "drift"), ("doctor",), ("status",), ("refs", price["id"])):
        out, err = place.run(*words, code=None)
        said = (out + err).lower()
        check("cancel" not in said and "archived" not in said, words, "says", said)
    hanging = json.loads(place.run("refs", price["id"])[0])["objects"]
    check(any(r["type"] == "subscription" and r["count"] == 1 for o in hanging for r in o["referred_by"]), hanging)
    place.check_all(d)


def elsewhere(place, function, offs, every):
    """Plays another scenario in a place of its own whose clock is off."""
    other = places.Place(place.cluster)
    try:
        other.start_emulator("--seed", "1")
        clock = Clock(other, offs[0])
        with clock.restless(offs, every):
            function(other)
        other.check_only_read()
    except BaseException:
        print(other.text_of("daemon.log")[-1500:])
        raise
    finally:
        other.close(keep=False)


@scenario("BEYOND-30B")
def what_is_promised_of_order_holds_under_a_clock_that_jumps(place):
    for function in (scenarios_beyond.two_changes_of_one_second_in_reverse_order_end_as_the_api_says,
                     scenarios_beyond.a_change_that_lands_while_a_page_is_in_flight_is_not_lost,
                     scenarios_beyond.what_is_deleted_stays_deleted_whatever_arrives_late,
                     scenarios_beyond.an_older_event_that_is_delivered_later_changes_nothing):
        elsewhere(place, function, (3600, -3600, 0), 0.1)
    # of deliveries only the age is judged otherwise, and the reason is said to be the clock
    e = place.emulator
    product = e.post("/v1/products", name="x")
    clock = Clock(place, 3600)
    d = place.start()
    body = json.dumps(event("evt_1", "product.updated", product)).encode()
    for off, reason, word in ((3600, "timestamp_too_old", "ahead"), (-3600, "timestamp_too_new", "behind")):
        clock.jump(off)
        status, answer = d.post(body, Stripe_Signature=places.signature(body))
        check(status == 400 and answer["error"]["reason"] == reason and "clock" in answer["error"]["message"] and
              word in answer["error"]["message"], status, answer)
        status, answer = d.post(body, Stripe_Signature=places.signature(body, "whsec_wrong", int(time.time()) + off))
        check(status == 400 and answer["error"]["reason"] == "signature_mismatch", "a wrong secret:", answer)
        out, _ = place.run("doctor", "--json", code=None)
        found = [f for f in map(json.loads, out.splitlines()) if f.get("check") == "clock_wrong"]
        check(found and "3" in found[0]["finding"], "the doctor does not name the clock:", out)
    clock.jump(0)
    check(d.deliver(body) == 200, "refused when the clock is right")
    d.idle()
    place.check_all(d)


@scenario("STATE-29")
def a_clock_that_jumps_an_hour_orders_nothing(place):
    e = place.emulator
    _, price, customer = shop(e)
    clock = Clock(place, 0)
    d = place.start(BRINDLE_CATCH_UP_SECONDS="1")
    place.catch_up(d)
    path = f"/v1/customers/{customer['id']}"
    revision = 0
    with clock.restless((3600, -3600, 0, -3600, 3600), 0.05):
        for turn in range(18):
            e.post(path, name=f"turn {turn}")
            if turn % 6 == 4:
                e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
            d.deliver_ok(*e.events(type="customer.updated")[:1], *e.events()[:2])
            if turn % 6 == 5:
                d.idle()
                check(place.mirrored("customer")[customer["id"]][0]["name"] == f"turn {turn}", "an older state won")
                now = place.one("select revision from _states where customer = ?", customer["id"])
                check(now > revision, "the state's revision went back:", revision, now)
                revision = now
    clock.jump(-3600)  # and then it stays behind: nothing is put off by an hour
    e.post(path, name="last")
    d.deliver_ok(e.events(type="customer.updated")[0])
    d.idle()
    check(place.one("select name from customers") == "last", "it waits for its clock")
    check(place.one("select max(ticket) - min(ticket) from objects") < 10 ** 9, "tickets follow the clock")
    check(not place.rows("select 1 from _history where since > until + 2 * 3600 * 1000 + 60000"), "times by far")
    place.check_all(d)
    # a restart under another hour neither forgets nor does anything twice
    d.stop()
    clock.jump(3600)
    before = e.total()
    d = place.start()
    d.idle()
    again = [r["path"] for r in e.requests("/v1/customers/", after=before)]
    check(not again, "after the restart it was fetched again:", again)
    place.check_mirror()
