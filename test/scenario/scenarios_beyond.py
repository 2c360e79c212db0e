"""What no comparable system offers."""
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import threading
import time

from place import BRINDLE, KEY, PATIENCE, SECRET, TOKEN, Http, canonical, check, until
from scenarios_state import event, fetches, shop

SCENARIOS = []


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


@scenario("BEYOND-05")
def what_stripe_sent_is_kept_byte_for_byte(place):
    e = place.emulator
    product = e.post("/v1/products", name='Größe "é" 🐈 \\ \t', metadata={"k": "\u2028"})
    price = e.post("/v1/prices", product=product["id"], unit_amount_decimal="0.0150", currency="usd")
    d = place.start()
    place.run("sync", product["id"], price["id"])
    for ident, path in ((product["id"], f"/v1/products/{product['id']}"),
                        (price["id"], f"/v1/prices/{price['id']}?expand[0]=currency_options&expand[1]=tiers")):
        out, _ = place.run("get", ident)
        kept = place.one("select data from objects where id = ?", ident)
        check(out.rstrip("\n") == kept, "brindle get changed something")
        truth = [e.http.ask("GET", path)[2].decode().strip(),
                 e.http.ask("GET", path.split("?")[0] + "?expand[0]=tiers&expand[1]=currency_options")[2].decode().strip()]
        check(kept in truth, "the bytes differ:\n", kept, "\n", truth[0])
    d.stop()


@scenario("BEYOND-06")
def amounts_never_pass_through_a_float(place):
    e = place.emulator
    product = e.post("/v1/products", name="exact")
    big = e.post("/v1/prices", product=product["id"], unit_amount=99999999, currency="usd")
    small = e.post("/v1/prices", product=product["id"], unit_amount_decimal="0.000000000015", currency="usd")
    e.edit("product", product["id"], giant=9007199254740993)
    d = place.start()
    place.run("sync", "prices", "products")
    check(place.one("select unit_amount from prices where id = ?", big["id"]) == 99999999, "unit_amount")
    check(place.one("select unit_amount_decimal from prices where id = ?", small["id"]) == "0.000000000015",
          "unit_amount_decimal")
    check("9007199254740993" in place.one("select data from objects where id = ?", product["id"]), "2^53+1")
    d.idle()
    place.check_all(d)


@scenario("BEYOND-07")
def a_list_of_objects_of_the_same_second_is_walked_whole(place):
    e = place.emulator
    e.freeze()
    for i in range(250):
        e.post("/v1/products", name=f"p{i}")
    check(len({p["created"] for p in e.state("product")}) == 1, "not the same second")
    place.run("sync", "products")
    check(place.one("select count(*) from products") == 250, "not all are there")
    check(len(fetches(e, "/v1/products", 0)) == 3, "not three pages")
    place.check_mirror()


@scenario("BEYOND-08")
def a_list_that_changes_while_it_is_walked_converges(place):
    e = place.emulator
    old = [e.post("/v1/products", name=f"p{i}") for i in range(350)]
    d = place.start()
    e.fault("slow;method=GET;path=/v1/products;delay_ms=100")
    errors = []
    walk = threading.Thread(target=lambda: errors.append(place.run("sync", "products", code=None)))
    walk.start()
    until("the walk is under way", lambda: fetches(e, "/v1/products", 0))
    for i in range(30):
        e.post("/v1/products", name=f"new{i}")  # the list grows at its head
        e.delete(f"/v1/products/{old[i * 11 + 5]['id']}")  # and loses some, cursors among them
    walk.join()
    e.no_faults()
    for ev in e.get("/v1/events", type="product.deleted", limit=100)["data"]:
        d.deliver_ok(ev)
    place.run("sync", "products")
    d.idle()
    check(place.one("select count(*) from products") == 350, "not 350 alive")
    place.check_all(d)


@scenario("BEYOND-09")
def a_full_disk_gives_no_200_and_loses_none(place):
    e = place.emulator
    product = e.post("/v1/products", name="x")
    d = place.start()
    place.run("sync", "products")
    d.stop()

    def small_disk():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = max(p.stat().st_size for p in (place.dir / "data").iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 400_000, size + 400_000))

    d = place.start(limits=small_disk)
    answers = {}
    filler = "x" * 20000
    for i in range(200):
        answers[f"evt_{i}"] = d.deliver(event(f"evt_{i}", "product.updated", {**product, "filler": filler}))
        if d.gone():
            break
    refused = [k for k, v in answers.items() if v != 200]
    check(refused and all(answers[k] in (0, 503) for k in refused), "the disk never filled:",
          sorted(set(answers.values())))
    check(any(v == 503 for v in answers.values()), "nobody was told 503")
    if d.gone():
        check(d.process.returncode == 7 or d.process.returncode == 1, "it ended with", d.process.returncode)
    else:
        d.process.terminate()
        d.process.wait(PATIENCE)
    d = place.start()
    for k, v in answers.items():
        if v == 200:
            check(place.one("select 1 from _inbox where event = ?", k), k, "was answered 200 and is lost")
    for k in refused[:3]:
        d.deliver_ok(event(k, "product.updated", product))
    d.idle()
    place.check_all(d)


@scenario("BEYOND-11")
def unknown_fields_values_and_types_are_kept_and_can_be_queried(place):
    e = place.emulator
    product = e.post("/v1/products", name="x")
    e.edit("product", product["id"], event="product.updated", hologram={"depth": 3}, type="quantum")
    d = place.start()
    d.deliver_ok(e.events(type="product.updated")[0],
                 event("evt_sun", "sun.risen", {"id": "sun_1", "object": "sun"}))
    d.idle()
    check(place.one("select json_extract(data, '$.hologram.depth') from products") == 3, "the field is gone")
    out, _ = place.run("list", "products", "--hologram.depth=3")
    check(product["id"] in out, "it cannot be found by the new field")
    check(place.one("select outcome from _inbox where event = 'evt_sun'") == "unknown", "the type is not told")
    place.check_all(d)


@scenario("BEYOND-12")
def an_event_of_an_old_api_version_leads_to_the_same_mirror(place):
    e = place.emulator
    _, price, customer = shop(e)
    sub = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
    old = {**sub, "plan": {"id": price["id"], "object": "plan"}, "current_period_end": 1,
           "customer": customer}
    d = place.start()
    body = json.dumps(event("evt_old", "customer.subscription.updated", old, api_version="2017-12-14"),
                      indent=2).encode()
    check(d.deliver(body) == 200, "refused")
    d.idle()
    check(place.one("select body from _inbox where event = 'evt_old'").encode() == body, "not as received")
    check(place.one("select api_version from _inbox") == "2017-12-14", "the version is not kept")
    check("current_period_end" not in json.loads(place.one("select data from objects where id = ?", sub["id"])),
          "the event's body was believed")
    place.check_all(d)


@scenario("BEYOND-16")
def secrets_are_nowhere(place):
    e = place.emulator
    e.post("/v1/products", name="x")
    d = place.start(BRINDLE_LOG_LEVEL="debug")
    d.post(b"{}", Stripe_Signature="t=1,v1=00")
    d.deliver_ok(e.events(type="product.created")[0])
    place.run("sync", "products")
    outs = [*place.run("status", "--json"), *place.run("status"), *place.run("doctor", code=None),
            *place.run("get", "nothing", code=1), d.metrics()]
    wrong = place.run("status", env={"STRIPE_SECRET_KEY": "nonsense" + KEY}, code=None)
    d.idle()
    proc = pathlib.Path(f"/proc/{d.process.pid}")
    check(any(line.split()[4:6] == ["0", "0"] for line in (proc / "limits").read_text().splitlines()
              if line.startswith("Max core file size")), "core files are not forbidden")
    places = {"the daemon's log": place.text_of("daemon.log"), "the outputs": "\n".join(outs),
              "the errors": "\n".join(wrong), "ps": (proc / "cmdline").read_bytes().decode()}
    d.stop()
    places.update(place.store_texts())
    for where, text in places.items():
        for secret in (KEY, SECRET, TOKEN):
            check(secret not in text and secret[8:] not in text, "a secret is in", where)


@scenario("BEYOND-17")
def a_second_process_reads_or_asks_the_first_but_never_writes(place):
    e = place.emulator
    product = e.post("/v1/products", name="x")
    d = place.start()
    second = subprocess.run([BRINDLE, "serve"], cwd=place.dir, capture_output=True, timeout=PATIENCE,
                            env={**place.env(), "BRINDLE_LISTEN": "127.0.0.1:0"})
    check(second.returncode == 5, "the second daemon ended with", second.returncode, second.stderr)
    check(str(d.process.pid) in second.stderr.decode(), "it does not say who has the store:", second.stderr)
    place.run("sync", "products")  # carried out by the daemon
    out, _ = place.run("list", "products")
    check(product["id"] in out, "a reader cannot read beside the daemon")
    d.stop()
    place.run("sync", "products")  # and without it, by the command itself
    d = place.start()
    place.check_all(d)


@scenario("BEYOND-26")
def two_changes_of_one_second_in_reverse_order_end_as_the_api_says(place):
    e = place.emulator
    e.freeze()
    d = place.start()
    for seed in range(100):
        product = e.post("/v1/products", name="one")
        e.post(f"/v1/products/{product['id']}", name="two")
        e.post(f"/v1/products/{product['id']}", name=f"three{seed}")
        pair = [event(f"evt_{seed}_{i}", "product.updated", product) for i in range(2)]
        if random.Random(seed).random() < 0.5:
            pair.reverse()
        d.deliver_ok(*pair)
    d.idle()
    place.check_all(d)


@scenario("BEYOND-27")
def a_change_that_lands_while_a_page_is_in_flight_is_not_lost(place):
    e = place.emulator
    product = e.post("/v1/products", name="old")
    d = place.start()
    e.fault("slow;method=GET;path=/v1/products;count=1;delay_ms=1000")
    walk = threading.Thread(target=lambda: place.run("sync", "products", code=None))
    walk.start()
    until("the page is in flight", lambda: fetches(e, "/v1/products", 0))
    e.post(f"/v1/products/{product['id']}", name="new")
    d.deliver_ok(e.events(type="product.updated")[0])
    until("the new name is there", lambda: place.one("select name from products") == "new")
    walk.join()
    d.idle()
    check(place.one("select name from products") == "new", "the page undid the change")
    place.check_all(d)


@scenario("BEYOND-28")
def what_is_deleted_stays_deleted_whatever_arrives_late(place):
    e = place.emulator
    product = e.post("/v1/products", name="mortal")
    customer = e.post("/v1/customers", email="a@example.com")
    d = place.start()
    d.deliver_ok(event("evt_1", "product.created", product), event("evt_2", "customer.created", customer))
    d.idle()
    e.fault("slow;method=GET;path=/v1/products?;count=1;delay_ms=1200")
    e.fault("slow;method=GET;path=/v1/products;count=1;delay_ms=1200")
    walk = threading.Thread(target=lambda: place.run("sync", "products", code=None))
    walk.start()
    until("a page from before the deletion is in flight", lambda: fetches(e, "/v1/products", 0))
    e.delete(f"/v1/products/{product['id']}")
    e.delete(f"/v1/customers/{customer['id']}")
    d.deliver_ok(e.events(type="product.deleted")[0], e.events(type="customer.deleted")[0])
    dead = "select count(*) from objects where deleted = 1"
    until("both are tombstones", lambda: place.one(dead) == 2)
    d.deliver_ok(event("evt_3", "product.updated", product), event("evt_4", "product.created", product),
                 event("evt_5", "customer.updated", customer))
    walk.join()
    d.idle()
    check(place.one(dead) == 2, "something came back")
    check(place.one("select count(*) from products") == 0, "the view shows it")
    check(place.one("select name from products_all") == "mortal", "its last state is gone")
    place.check_all(d)


@scenario("BEYOND-29")
def an_older_event_that_is_delivered_later_changes_nothing(place):
    e = place.emulator
    product = e.post("/v1/products", name="s1")
    path = f"/v1/products/{product['id']}"
    e.post(path, name="s2")
    older = e.events(type="product.updated")[0]
    e.post(path, name="s3")
    newer = e.events(type="product.updated")[0]
    d = place.start()
    d.deliver_ok(newer)
    d.idle()
    check(place.one("select name from products") == "s3", "not fetched")
    d.deliver_ok(older)
    d.idle()
    check(place.one("select name from products") == "s3", "the older event won")
    check(not any('"s2"' in r[0] for r in place.rows("select data from _history")), "it went back in between")
    place.check_all(d)
