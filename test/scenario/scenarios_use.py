"""What people do with the mirror: its past, its story, its views, and forgetting."""
import json
import time

from place import check, until
from scenarios_state import event, shop

SCENARIOS = []


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


@scenario("MIRROR-20")
def any_time_shows_the_state_that_was_known_then(place):
    e = place.emulator
    product = e.post("/v1/products", name="first")
    d = place.start()
    place.run("sync", "products")
    known = [(place.one("select changed_at from objects where id = ?", product["id"]), "first")]
    for n in range(3):
        e.post(f"/v1/products/{product['id']}", name=f"name {n}")
        ev = e.events(type="product.updated")[0]
        d.deliver_ok(ev)
        d.idle()
        known.append((place.one("select changed_at from objects where id = ?", product["id"]), f"name {n}"))
    for since, name in known:
        at = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(since // 1000))}.{since % 1000:03}Z"
        out, _ = place.run("get", product["id"], "--at", at)
        check(json.loads(out)["name"] == name, at, "was", name, "and is told as", out)
    place.run("get", product["id"], "--at", "2h", code=1)
    out, _ = place.run("get", product["id"], "--history")
    told = lines(out)
    check([v["data"]["name"] for v in told] == ["name 2", "name 1", "name 0", "first"], out)
    check(told[0]["until"] is None and told[0]["since"] == told[1]["until"], out)
    check([v["cause"] for v in told] == ["webhook"] * 3 + [None], [v["cause"] for v in told])
    check(told[0]["changed"] == ["name", "updated"] or told[0]["changed"] == ["name"], told[0]["changed"])
    ids = [ev["id"] for ev in e.events(type="product.updated")]
    check([v["events"] for v in told[:3]] == [[i] for i in ids], "the events", [v["events"] for v in told], ids)
    e.delete(f"/v1/products/{product['id']}")
    d.deliver_ok(e.events(type="product.deleted")[0])
    d.idle()
    out, err = place.run("get", product["id"])
    check(json.loads(out)["name"] == "name 2" and "deleted" in err, err)
    out, _ = place.run("get", product["id"], "--history")
    check(lines(out)[0]["deleted"] and not lines(out)[1]["deleted"], out)


@scenario("USE-01")
def the_story_of_an_event_is_told_from_receipt_to_store(place):
    e = place.emulator
    product = e.post("/v1/products", name="first")
    d = place.start()
    place.run("sync", "products")
    e.post(f"/v1/products/{product['id']}", name="second")
    ev = e.events(type="product.updated")[0]
    e.fault(f"error;method=GET;path=/v1/products/{product['id']};count=1")
    d.deliver_ok(ev)
    d.idle()

    def story(ident):
        return json.loads(place.run("trace", ident, "--json")[0])

    # the audit of calls is written within a second or two
    told = until("the calls are told",
                 lambda: (lambda s: s if sum(x["what"] == "asked" for x in s["steps"]) > 1 else None)(story(ev["id"])))
    check(told["id"] == product["id"] and told["event_type"] == "product.updated", told)
    steps = told["steps"]
    check([s["what"] for s in steps] == ["received", "asked", "asked", "stored", "done"],
          [s["what"] for s in steps])
    check(steps[0]["event"] == ev["id"] and "secret 1" in steps[0]["text"], steps[0])
    check([s["http_status"] for s in steps[1:3]] == [500, 200], steps[1:3])
    check(all(s["request_id"].startswith("req_") for s in steps[1:3]), steps[1:3])
    check("name" in steps[3]["text"] and "webhook" in steps[3]["text"], steps[3])
    check([s["at"] for s in steps] == sorted(s["at"] for s in steps), "not in the order of time")
    whole = story(product["id"])
    check([s["what"] for s in whole["steps"]] == ["stored"] + [s["what"] for s in steps], whole)
    out, _ = place.run("trace", ev["id"])
    check(out.startswith(f"{ev['id']} product.updated, about product {product['id']}\n"), out)
    check(out.splitlines()[-1].split()[:2] == ["now", "done"], out)
    d.deliver_ok(event("evt_strange", "strange.thing", {"id": "st_1", "object": "strange"}))
    check(story("evt_strange")["steps"][0]["what"] == "received", story("evt_strange"))
    place.run("trace", "evt_nobody", code=1)
    place.run("trace", "prod_nobody", code=1)


def address_in_files(place, address):
    """Names of the store's files, or of its tables, that hold the address."""
    return [name for name, text in place.store_texts().items() if address in text]


@scenario("USE-02")
def a_person_is_forgotten_down_to_the_file_and_does_not_come_back(place):
    e = place.emulator
    address = "ada.lovelace@example.com"
    d = place.start()
    prices = []
    product = e.post("/v1/products", name="tea")
    prices.append(e.post("/v1/prices", product=product["id"], unit_amount=500, currency="usd",
                         recurring={"interval": "month"}))

    def join(email):
        cus = e.post("/v1/customers", email=email, name=f"name of {email}")
        pm = e.post("/v1/payment_methods/pm_card_visa/attach", customer=cus["id"])
        e.post(f"/v1/customers/{cus['id']}", invoice_settings={"default_payment_method": pm["id"]})
        sub = e.post("/v1/subscriptions", customer=cus["id"], items=[{"price": prices[0]["id"]}])
        return cus, pm, sub

    ada, ada_pm, ada_sub = join(address)
    bob, _, bob_sub = join("bob@example.com")
    place.catch_up(d)
    place.run("sync")
    e.post(f"/v1/customers/{ada['id']}", name="Ada, Countess of Lovelace")
    place.catch_up(d)
    check(address_in_files(place, address), "the address is nowhere, before")
    place.run("erase", ada["id"], code=2)  # no terminal, no --yes
    plan = json.loads(place.run("erase", ada["id"], "--dry-run", "--json")[0])
    check(plan["types"]["customer"] == 1 and plan["types"]["subscription"] == 1 and not plan["erased"], plan)
    check({"payment_method", "invoice", "line_item", "charge", "payment_intent"} <= set(plan["types"]), plan)
    check(address_in_files(place, address), "a dry run erased it")
    done = json.loads(place.run("erase", ada["id"], "--yes", "--json")[0])
    check(done["erased"] and done["objects"] == sum(plan["types"].values()) and done["events"] > 5
          and done["versions"] > 0, done)
    found = address_in_files(place, address)
    check(not found, "the address is still in", found)
    check(not address_in_files(place, "Lovelace"), "the name is still there")
    place.run("get", ada["id"], code=1)
    check(place.one("select count(*) from customers") == 1, "not one customer is left")
    check(place.one("select count(*) from subscriptions where customer = ?", bob["id"]) == 1, "Bob's is gone")
    # nothing brings it back: neither its events, nor a walk, nor what is new
    e.post(f"/v1/customers/{ada['id']}", name="Ada Lovelace again", metadata={"mail": address})
    e.post("/v1/invoiceitems", customer=ada["id"], amount=100, currency="usd", description=f"for {address}")
    place.catch_up(d)
    place.run("sync", "--again")
    place.run("sync", ada["id"], code=None)
    d.idle()
    check(not address_in_files(place, address), "it came back into", address_in_files(place, address))
    check(not address_in_files(place, "Lovelace"), "the name came back")
    check(place.one("select count(*) from invoice_items where customer = ?", ada["id"]) == 0, "an invoice item came")
    check(place.one("select status from subscriptions where id = ?", bob_sub["id"]) == bob_sub["status"], "Bob's")
    d.stop()
    found = address_in_files(place, address)
    check(not found, "after the end it is in", found)
    # without a daemon, and of one who was erased: nothing happens, and it is no error
    place.run("erase", ada["id"], "--yes")
    place.run("erase", bob["id"], "--yes")
    check(place.one("select count(*) from customers") == 0 and not address_in_files(place, "bob@example.com"), "Bob")
