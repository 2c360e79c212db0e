"""The whole catalogue as a file: export, plan, apply."""
import json
import pathlib

from place import KEY, Http, check, form
import urllib.parse

SCENARIOS = []


def scenario(ident):
    def add(function):
        def play(place):
            place.writes = True
            return function(place)
        play.__name__ = function.__name__
        SCENARIOS.append((ident, play))
        return function
    return add


def catalog(place, *args, code=0):
    out, err = place.run("catalog", *args, code=code)
    return out, err


def export(place, *more):
    return json.loads(catalog(place, "export", *more)[0])


def write(place, doc, name="catalog.json"):
    path = place.dir / name
    path.write_text(json.dumps(doc))
    return str(path)


def posts(place):
    return [r["path"] for m in ("POST", "DELETE") for r in place.emulator.requests(method=m)]


def price_of(place, key):
    found = place.emulator.get("/v1/prices", lookup_keys=[key])["data"]
    check(len(found) == 1, key, "resolves to", len(found))
    return found[0]


PRO = {"version": 1, "products": [
    {"id": "pro", "name": "Pro", "description": "all of it", "metadata": {"by": "us"}, "default_price": "pro-month",
     "prices": [
         {"lookup_key": "pro-month", "currency": "usd", "unit_amount": 1000, "recurring": {"interval": "month"},
          "metadata": {"by": "us"}},
         {"lookup_key": "pro-year", "currency": "usd", "unit_amount": 10000, "recurring": {"interval": "year"},
          "tax_behavior": "exclusive", "nickname": "a year"},
         {"lookup_key": "pro-seats", "currency": "usd", "billing_scheme": "tiered", "tiers_mode": "graduated",
          "recurring": {"interval": "month"},
          "tiers": [{"up_to": 10, "unit_amount": 500}, {"up_to": "inf", "unit_amount": 400}]}]}]}


@scenario("CATFILE-01")
def a_file_makes_a_catalogue_and_comes_back_the_same(place):
    path = write(place, PRO)
    out, err = catalog(place, "plan", path, code=3)
    plan = json.loads(out)
    check([c["kind"] for c in plan["changes"]] == ["product.create"] + ["price.create"] * 3, plan["changes"])
    check(posts(place) == [], "planning has written")
    catalog(place, "apply", path, code=2)  # nobody can be asked here
    check(posts(place) == [], "without --yes")
    catalog(place, "apply", path, "--yes")
    check(price_of(place, "pro-month")["id"] == place.emulator.get("/v1/products/pro")["default_price"], "the default")
    again = export(place)
    product = again["products"][0]
    check(product["default_price"] == "pro-month" and product["metadata"] == {"by": "us"}, product)
    prices = {p["lookup_key"]: p for p in product["prices"]}
    for wanted in PRO["products"][0]["prices"]:
        is_ = prices[wanted["lookup_key"]]
        for member, value in wanted.items():
            if member != "recurring":
                check(is_[member] == value, wanted["lookup_key"], member, is_)
        check("id" not in is_ and "brindle_op" not in is_.get("metadata", {}), is_)
    before = len(posts(place))
    # Twice is once; and what comes out goes in again and changes nothing.
    for doc in (PRO, again):
        out, _ = catalog(place, "plan", write(place, doc, "again.json"), code=0)
        check(json.loads(out)["changes"] == [], out)
        catalog(place, "apply", str(place.dir / "again.json"), "--yes")
    check(len(posts(place)) == before, "a second apply has written")
    schema = json.loads((pathlib.Path(__file__).parents[2] / "docs/catalog.schema.json").read_text())
    told = schema["$defs"]["product"]["properties"]
    check(set(product) <= set(told), "the schema lacks", set(product) - set(told))
    check(all(set(p) <= set(schema["$defs"]["price"]["properties"]) for p in product["prices"]), "a price's member")
    place.check_mirror(["product", "price"])


@scenario("CATFILE-02")
def another_amount_is_a_replacement_and_everything_else_an_update(place):
    catalog(place, "apply", write(place, PRO), "--yes")
    old = price_of(place, "pro-month")
    doc = json.loads(json.dumps(PRO))
    product = doc["products"][0]
    product["description"] = "more of it"
    product["prices"][0].update(unit_amount=1200, nickname="dearer")
    product["prices"][1]["nickname"] = "twelve months"
    product["prices"][2]["active"] = False
    out, err = catalog(place, "plan", write(place, doc), code=3)
    kinds = [c["kind"] for c in json.loads(out)["changes"]]
    check(kinds == ["product.update", "price.replace", "price.update", "price.archive"], kinds)
    check("change product pro: description" in err and err.count("): nickname") == 1, "what changes is not said:", err)
    catalog(place, "apply", str(place.dir / "catalog.json"), "--yes")
    new = price_of(place, "pro-month")
    check(new["id"] != old["id"] and new["unit_amount"] == 1200 and new["nickname"] == "dearer", new)
    check(new["metadata"]["by"] == "us", "copied:", new["metadata"])
    check(place.emulator.get("/v1/products/pro")["default_price"] == new["id"], "the default")
    check(not place.emulator.get(f"/v1/prices/{old['id']}")["active"], "the old price is on sale")
    check(not price_of(place, "pro-seats")["active"], "the file archives it")
    check(place.emulator.get("/v1/products/pro")["description"] == "more of it", "description")
    check(json.loads(catalog(place, "plan", str(place.dir / "catalog.json"))[0])["changes"] == [], "not all was done")
    place.check_mirror(["product", "price"])


@scenario("CATFILE-03")
def a_plan_whose_world_has_moved_is_refused(place):
    catalog(place, "apply", write(place, PRO), "--yes")
    doc = json.loads(json.dumps(PRO))
    doc["products"][0]["prices"][0]["unit_amount"] = 1200
    plan = str(place.dir / "plan.json")
    catalog(place, "plan", write(place, doc), "--out", plan, code=3)
    place.emulator.post("/v1/products/pro", name="Somebody else was here")
    before = len(posts(place))
    _, err = catalog(place, "apply", plan, "--yes", code=5)
    check("moved" in err and len(posts(place)) == before, err)
    place.emulator.post("/v1/products/pro", name="Pro")
    # One that was edited, and one of another account.
    edited = json.loads(pathlib.Path(plan).read_text())
    edited["changes"][0]["input"]["set"]["unit_amount"] = 1
    _, err = catalog(place, "apply", write(place, edited, "edited.json"), "--yes", code=2)
    check("edited" in err, err)
    catalog(place, "apply", plan, "--yes")
    check(price_of(place, "pro-month")["unit_amount"] == 1200, "applied")
    before = len(posts(place))
    catalog(place, "apply", plan, "--yes")  # a second time: nothing is left of it
    check(len(posts(place)) == before, "a plan was carried out twice")


@scenario("CATFILE-04")
def a_change_that_stripe_refuses_stops_there_and_the_rest_waits(place):
    catalog(place, "apply", write(place, PRO), "--yes")
    doc = json.loads(json.dumps(PRO))
    doc["products"][0]["prices"][0]["unit_amount"] = 1200
    doc["products"][0]["prices"][1]["tax_behavior"] = "inclusive"  # cannot be changed any more
    doc["products"].append({"id": "extra", "name": "Extra"})
    _, err = catalog(place, "apply", write(place, doc), "--yes", code=2)
    check("immutable" in err and "1 of 3 done" in err, err)
    check(price_of(place, "pro-month")["unit_amount"] == 1200, "what was before it is whole")
    check(price_of(place, "pro-year")["tax_behavior"] == "exclusive", "half of it")
    doc["products"][0]["prices"][1]["tax_behavior"] = "exclusive"
    catalog(place, "apply", write(place, doc), "--yes")
    check(place.emulator.get("/v1/products/extra")["name"] == "Extra", "the rest")
    # What cannot be meant is said with its place.
    for change, words in (({"prices": [{"currency": "usd"}]}, "neither a lookup_key nor an id"),
                          ({"nmae": "x"}, "nmae"), ({"default_price": "nope"}, "default_price nope")):
        bad = {"version": 1, "products": [{"id": "extra", "name": "Extra", **change}]}
        _, err = catalog(place, "plan", write(place, bad, "bad.json"), code=2)
        check(words in err, err)


@scenario("CAT-29")
def what_is_not_ours_or_too_young_is_never_archived_in_bulk(place):
    catalog(place, "apply", write(place, PRO), "--yes")
    theirs = place.emulator.post("/v1/products", name="somebody else's")["id"]
    ours = place.emulator.post("/v1/products", name="ours", metadata={"by": "us"})["id"]
    empty = write(place, {"version": 1, "products": []})
    _, err = catalog(place, "plan", empty, "--prune", code=2)
    check("--owner" in err, err)
    out, _ = catalog(place, "plan", empty, "--prune", "--owner", "by=us", code=0)
    check(json.loads(out)["changes"] == [], "what is younger than a day would go:", out)
    out, _ = catalog(place, "plan", empty, "--prune", "--owner", "by=us", "--min-age", "0", code=3)
    gone = {c["product"] for c in json.loads(out)["changes"]}
    check(gone == {"pro", ours}, gone)
    doc = json.loads(json.dumps(PRO))
    doc["products"][0]["prices"] = []
    out, _ = catalog(place, "plan", write(place, doc, "fewer.json"), "--prune", "--owner", "by=us", "--min-age", "0", code=3)
    changes = json.loads(out)["changes"]  # the default stays, the others are nobody's by their metadata
    check([c["product"] for c in changes] == [ours], changes)
    doc["products"][0]["prices"] = [{"lookup_key": "pro-month", "active": False}]
    _, err = catalog(place, "plan", write(place, doc, "fewer.json"), code=2)
    check("default_price pro-month is archived by the file" in err, err)
    catalog(place, "apply", empty, "--prune", "--owner", "by=us", "--min-age", "0", "--yes")
    check(place.emulator.get(f"/v1/products/{theirs}")["active"], "theirs was archived")
    check(not place.emulator.get(f"/v1/products/{ours}")["active"], "ours was not")
    place.check_mirror(["product", "price"])


def shop_with_life(place):
    """A product whose price has a subscription, a cancelled one, a payment link, a quote and an open session."""
    e = place.emulator
    catalog(place, "apply", write(place, PRO), "--yes")
    price = price_of(place, "pro-month")["id"]
    for _ in range(2):
        c = e.post("/v1/customers", payment_method="pm_card_visa",
                   invoice_settings={"default_payment_method": "pm_card_visa"})
        sub = e.post("/v1/subscriptions", customer=c["id"], items=[{"price": price}])
    e.delete(f"/v1/subscriptions/{sub['id']}")
    e.post("/v1/payment_links", line_items=[{"price": price, "quantity": 1}])
    e.post("/v1/checkout/sessions", mode="subscription", success_url="https://x.test", customer=c["id"],
           line_items=[{"price": price, "quantity": 1}])
    place.run("sync")
    return price


@scenario("CAT-28")
def a_dry_run_shows_the_requests_and_who_is_touched_and_writes_nothing(place):
    price = shop_with_life(place)
    before = len(posts(place))
    out, err = place.run("price", "replace", price, "--amount", "1500", "--dry-run")
    check("2 subscriptions (1 live)" in err and "1 payment link (1 live)" in err and
          "1 checkout session (1 live)" in err, err)
    check("POST /v1/prices" in out and "unit_amount=1500" in out, out)
    check(len(posts(place)) == before, "a dry run has written")
    out, _ = place.run("price", "replace", price, "--amount", "1500", "--dry-run", "--json")
    check(any("2 subscriptions (1 live)" in n for n in json.loads(out.splitlines()[-1])["notes"]), out)


@scenario("CAT-26B")
def archiving_a_product_tells_of_payment_links_and_subscriptions(place):
    shop_with_life(place)
    _, err = place.run("product", "archive", "pro", "--dry-run")
    check("payment links are deactivated" in err and "2 subscriptions (1 live)" in err, err)


LIVE = KEY.replace("sk_test_", "sk_live_")


def two_environments(place):
    api = f"api_base = http://127.0.0.1:{place.emulator.port}\nrate_limit = 0\ncatch_up_seconds = 0\n"
    path = place.dir / "brindle.conf"
    path.write_text(f"[env test]\nsecret_key = {KEY}\n{api}[env live]\nsecret_key = {LIVE}\n{api}")
    path.chmod(0o600)
    return {"BRINDLE_CONFIG": str(path), "STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRET": ""}


def live(place, method, path, **params):
    http = Http(place.emulator.port, {"Authorization": f"Bearer {LIVE}"})
    body = urllib.parse.urlencode(form(params)) if method == "POST" else None
    status, _, answer = http.ask(method, path, body, {"Content-Type": "application/x-www-form-urlencoded"})
    http.close()
    check(status == 200, path, answer)
    return json.loads(answer)


@scenario("ENV-18")
def the_catalogue_is_carried_over_once_with_a_map_and_nothing_else(place):
    catalog(place, "apply", write(place, PRO), "--yes")
    env = two_environments(place)
    place.emulator.post("/v1/customers", email="stays@x.test")
    options = {"usd": {"unit_amount_decimal": "0.5"}, "gbp": {"unit_amount": 8, "tax_behavior": "exclusive"}}
    bare = place.emulator.post("/v1/prices", product="pro", currency="eur", unit_amount=7, currency_options=options)["id"]
    shown = {"images": ["https://x.test/a"], "marketing_features": [{"name": "fast"}],
             "package_dimensions": {"height": 1, "length": 2, "weight": 3, "width": 4}}
    place.emulator.post("/v1/products/pro", **shown)
    promote = lambda *more, code=0: place.run("catalog", "promote", "test", "live", *more, code=code, env=env)
    out, err = promote("--dry-run", code=3)
    check("create product pro" in err and bare in err, err)
    check({x["decision"] for x in map(json.loads, out.splitlines())} == {"create"} and len(out.splitlines()) == 5, out)
    check(live(place, "GET", "/v1/products")["data"] == [], "a dry run has written")
    out, _ = promote("--yes")
    ids = json.loads(out)
    check(set(ids["products"]) == {"pro"} and len(ids["prices"]) == 4, ids)
    there = {p["id"]: p for p in live(place, "GET", "/v1/prices?limit=100")["data"]}
    check(sorted(p["lookup_key"] or "" for p in there.values()) == ["", "pro-month", "pro-seats", "pro-year"], there)
    check(there[ids["prices"][bare]]["metadata"]["brindle_from"] == bare, "where it came from")
    copy = live(place, "GET", f"/v1/prices/{ids['prices'][bare]}?expand[]=currency_options")["currency_options"]
    check(copy["usd"]["unit_amount_decimal"] == "0.5" and copy["gbp"]["unit_amount"] == 8, "amounts were lost:", copy)
    pro = live(place, "GET", "/v1/products/pro")
    check(all(pro[member] == value for member, value in shown.items()), "what it shows was lost:", pro)
    check(live(place, "GET", "/v1/customers")["data"] == [], "a customer went over")
    wrote = len(posts(place))
    out, _ = promote("--yes")
    check(json.loads(out) == ids and len(posts(place)) == wrote, "a second time something was done")
    out, _ = promote("--dry-run")
    check({x["decision"] for x in map(json.loads, out.splitlines())} == {"adopt"}, out)


@scenario("ENV-18B")
def the_catalogue_of_a_sealed_environment_is_carried_over_as_it_was(place):
    catalog(place, "apply", write(place, PRO), "--yes")
    env = two_environments(place)
    place.run("env", "switch", "live", "--from", "test", env=env)
    out, err = place.run("catalog", "promote", "test", "live", "--yes", env=env)
    check("test is sealed: its catalogue is taken as it was when live took over" in err, err)
    there = {p["lookup_key"]: p["id"] for p in live(place, "GET", "/v1/prices?limit=100")["data"]}
    check(set(json.loads(out)["prices"].values()) == set(there.values()) and len(there) == 3, out, there)
    check({x["decision"] for x in map(json.loads, place.run("catalog", "promote", "test", "live", "--dry-run",
                                                            env=env)[0].splitlines())} == {"adopt"}, "a second time")
    shown = place.run("status", "--env", "test", env=env)[0]
    check("sealed, for live took over" in shown and "brindle serve" not in shown, "the status:", shown)
    check("sealed" not in place.run("status", "--env", "live", env=env)[0], "the status of live")


@scenario("ENV-18C")
def what_was_never_read_whole_before_the_seal_is_not_carried_over(place):
    place.emulator.post("/v1/products", name="Pro", id="pro")
    env = two_environments(place)
    place.run("sync", "customers", "--env", "test", env=env)
    place.run("env", "switch", "live", "--from", "test", env=env)
    _, err = place.run("catalog", "promote", "test", "live", "--yes", code=5, env=env)
    check("never walked to their end" in err and "brindle env switch test" in err, err)
    check(live(place, "GET", "/v1/products")["data"] == [], "something went over")


@scenario("ENV-19")
def only_what_is_the_same_and_on_sale_is_adopted(place):
    catalog(place, "apply", write(place, PRO), "--yes")
    env = two_environments(place)
    live(place, "POST", "/v1/products", name="Pro", id="pro")
    there = live(place, "POST", "/v1/prices", product="pro", currency="usd", unit_amount=999, lookup_key="pro-month",
                 recurring={"interval": "month"})["id"]
    wrote = len(posts(place))
    _, err = place.run("catalog", "promote", "test", "live", "--yes", code=5, env=env)
    check(there in err and "costs something else" in err and len(posts(place)) == wrote, err)
    live(place, "POST", f"/v1/prices/{there}", lookup_key="")
    same = live(place, "POST", "/v1/prices", product="pro", currency="usd", unit_amount=1000, lookup_key="pro-month",
                recurring={"interval": "month"})["id"]
    live(place, "POST", f"/v1/prices/{same}", active="false")
    _, err = place.run("catalog", "promote", "test", "live", "--yes", code=5, env=env)
    check("it is archived" in err, err)
    live(place, "POST", f"/v1/prices/{same}", active="true")
    out, _ = place.run("catalog", "promote", "test", "live", "--yes", env=env)
    old = price_of(place, "pro-month")["id"]
    check(json.loads(out)["prices"][old] == same, "not adopted:", out)


@scenario("CAT-23")
def what_somebody_left_half_done_is_found_and_mended_when_asked(place):
    old = shop_with_life(place)
    e = place.emulator
    place.run("check", "catalog")
    # Somebody's script: a new price takes the key, and then nothing more.
    new = e.post("/v1/prices", product="pro", currency="usd", unit_amount=1200, recurring={"interval": "month"},
                 lookup_key="pro-month", transfer_lookup_key="true")["id"]
    # And the Dashboard: a product comes back whose default is archived.
    gone = e.post("/v1/products", name="gone", default_price_data={"currency": "usd", "unit_amount": 5})
    e.post(f"/v1/products/{gone['id']}", active="false")
    e.post(f"/v1/prices/{gone['default_price']}", active="false")
    e.post(f"/v1/products/{gone['id']}", active="true")
    out, _ = place.run("check", "catalog", "--json", code=3)
    found = {x["product"]: x for x in map(json.loads, out.splitlines())}
    check(found["pro"]["what"] == "default_superseded" and found["pro"]["successor"] == new, found)
    check((found["pro"]["subscriptions"], found["pro"]["live_subscriptions"]) == (2, 1), found["pro"])
    check(found[gone["id"]]["what"] == "default_archived" and "successor" not in found[gone["id"]], found)
    before = len(posts(place))
    _, err = place.run("check", "catalog", "--repair", code=2)
    check("--yes" in err and len(posts(place)) == before, "without asking:", err)
    place.run("check", "catalog", "--owner", "by=nobody")
    _, err = place.run("check", "catalog", "--repair", "--yes", code=3)
    check("for a person to decide" in err, err)
    check(e.get("/v1/products/pro")["default_price"] == new, "not repointed")
    check(not e.get(f"/v1/prices/{old}")["active"], "the old one is on sale")
    place.run("check", "catalog", "--owner", "by=us")
    place.check_mirror(["product", "price"])
