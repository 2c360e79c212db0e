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
