"""What objects and events look like: every type's sample, every version's body, ids of any kind."""
import http.server
import json
import threading
import urllib.parse

from place import ROOT, check
from scenarios_mirror import coverage
from scenarios_state import event, shop

SCENARIOS = []
LISTS = [line.split() for line in (ROOT / "test/scenario/lists.txt").read_text().splitlines()
         if not line.startswith("#")]
ACCOUNT = "acct_1OfTheSamples"
SINGLETONS = {"balance": "/v1/balance", "balance_settings": "/v1/balance_settings",
              "tax.settings": "/v1/tax/settings"}


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


def samples():
    """Stripe's own sample of every type that is in the table of resources, by type."""
    every = json.loads((ROOT / "test/core/fixtures.json").read_text())["objects"]
    return {one["object"]: one for one in reversed(every) if not one.get("deleted")}


class Samples:
    """A Stripe that has one object of each type, in its list and under its id."""

    def __init__(self, absent=(), forbidden=()):
        self.objects, self.asked = samples(), []
        self.absent, self.forbidden = absent, forbidden
        self.path_of = dict(LISTS)
        stripe = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # headers and body leave together
            disable_nagle_algorithm = True

            def do_GET(self):
                status, body = stripe.answer(self.path)
                body = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, target):
        path, _, query = target.partition("?")
        self.asked.append(target)
        for kind, at in SINGLETONS.items():
            if path == at:
                return 200, self.objects[kind]
        if path == "/v1/account":
            return 200, {**self.objects["account"], "id": ACCOUNT}
        for kind, at in self.path_of.items():
            if path == at:
                return self.page(kind, at, query)
            if path.startswith(at + "/"):
                return self.one(kind, urllib.parse.unquote(path[len(at) + 1:]))
        return self.error(404, f"Unrecognized request URL (GET: {path}).")

    def page(self, kind, path, query):
        if kind in self.absent:
            return self.error(404, f"Unrecognized request URL (GET: {path}).")
        if kind in self.forbidden:
            return self.error(403, "The provided key does not have the required permissions.")
        clock = "test_clock=" in query or "customer=" in query
        mine = [self.objects[kind]] if kind in self.objects and not clock else []
        return 200, {"object": "list", "data": mine, "has_more": False, "url": path}

    def one(self, kind, ident):
        have = self.objects.get(kind)
        if have and have.get("id") == ident:
            return 200, have
        return 404, {"error": {"type": "invalid_request_error", "code": "resource_missing", "param": "id",
                               "message": f"No such {kind}: '{ident}'"}}

    def error(self, status, message):
        return status, {"error": {"type": "invalid_request_error", "message": message}}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def everything(place):
    """All rows at once, by type and id: (object, deleted)."""
    return {(t, i): (json.loads(d), dead) for t, i, d, dead in place.rows(
        "select type, id, data, deleted from objects where id <> ''")}


def seen(place, views):
    """Of which (view, id) the view makes a row, every column of it."""
    if not place.cluster:
        return {(v, i) for v, i in views if len(place.rows(f'select * from "{v}" where id = ?', i)) == 1}
    each = [f"select '{v}' as v, id, length(row_to_json(x)::text) as n from \"{v}\" x where id = '{i}'"
            for v, i in views]
    return {(v, i) for v, i, n in place.rows(" union all ".join(each)) if n > 0}


@scenario("MIRROR-11")
def a_sample_of_every_type_is_listed_stored_and_seen(place):
    """What each column says, and each reference: test/core/test_samples.c."""
    absent, forbidden = ("climate.order", "treasury.financial_account"), ("issuing.card", "topup")
    stripe = Samples(absent, forbidden)
    try:
        _, err = place.run("sync", code=4, env={"STRIPE_API_BASE": stripe.base})
        walked = {target.partition("?")[0] for target in stripe.asked}
        unwalked = [(kind, path) for kind, path in LISTS if path not in walked]
        check(not unwalked, "no list is asked for of", unwalked)
        have = coverage(place)
        views, rows, wanted = dict(place.rows("select type, view from _types")), everything(place), set()
        for kind, path in LISTS:
            want = stripe.objects.get(kind)
            if kind not in have:
                check(kind not in views, kind, "is not covered")
            elif kind in absent + forbidden:
                check(have[kind][0] == "skipped", kind, "is", have[kind])
            elif want and want.get("id"):
                check(rows.get((kind, want["id"])) == (want, 0), kind, "is not there as it came")
                wanted.add((views[kind], want["id"]))
        check(seen(place, wanted) == wanted, "not in their views:", wanted - seen(place, wanted))
        out, _ = place.run("status")
        for kind in forbidden:
            check(views[kind] in err + out, kind, "is not named:", err, out)
        for kind in absent:
            check(views[kind] in err, kind, "is not named:", err)
        check(sum(1 for kind in have if have[kind][1]) > 60, "few types are there")
    finally:
        stripe.close()


ODD_IDS = ["plan_1OldOne", "gold-monthly", "Größe L €", "two  blanks", "50% off/now?yes#1&a=b", "\u30d7\u30e9\u30f3", "price_X'\"\\"]


@scenario("MIRROR-12")
def a_plan_and_its_price_are_two_rows_whatever_their_id(place):
    e = place.emulator
    product = e.post("/v1/products", id="pro dukt ü", name="x")
    d = place.start()
    for i, ident in enumerate(ODD_IDS):
        told = "plan" if i % 2 else "price"
        made = e.post("/v1/plans", id=ident, product=product["id"], amount=i + 100, currency="usd", interval="month")
        check(made["id"] == ident, "the emulator made", made["id"])
        d.deliver_ok(event(f"evt_{i}", f"{told}.created", {"id": ident, "object": told}))
    d.idle()

    def check_rows():
        truth, rows = {o["id"]: o for o in e.state("plan")}, everything(place)
        amounts = {i: rest for i, *rest in place.rows(
            "select r.id, r.unit_amount, n.amount, r.product from prices r join plans n on n.id = r.id")}
        for ident in ODD_IDS:
            check(rows.get(("plan", ident)) == (truth[ident], 0), "the plan", ident, "differs")
            check(rows.get(("price", ident), (0, 1))[1] == 0, "the price", ident, "is not there")
            check(amounts[ident] == [truth[ident]["amount"]] * 2 + [product["id"]], ident, amounts[ident])
        place.check_mirror()
    check_rows()
    for i, ident in enumerate(ODD_IDS):
        path = f"/v1/plans/{urllib.parse.quote(ident, safe='')}"
        e.post(path, nickname=f"named {i}")
        for kind in ("plan", "price"):
            d.deliver_ok(event(f"evt_{kind}{i}", f"{kind}.updated", {"id": ident, "object": kind}))
    d.idle()
    check_rows()
    out, _ = place.run("refs", product["id"], "--all")
    known = {(r["type"], r["id"]) for r in map(json.loads, out.splitlines())}
    check(known >= {(kind, i) for kind in ("plan", "price") for i in ODD_IDS}, "refs know only", known)
    for ident in ODD_IDS[2:5]:
        out, _ = place.run("get", ident, "--type", "plan")
        check(json.loads(out)["object"] == "plan" and json.loads(out)["id"] == ident, "get says", out)
    check(place.one("select count(*) from plans where nickname like 'named %'") == len(ODD_IDS), "names are old")
    e.post(f"/v1/plans/{urllib.parse.quote(ODD_IDS[4], safe='')}", nickname="by hand")
    place.run("sync", f"plan:{ODD_IDS[4]}", f"price:{ODD_IDS[4]}")
    check(place.one("select nickname from plans where id = ?", ODD_IDS[4]) == "by hand", "sync by id")
    place.run("sync", "prices", "plans", "products")  # a page's last id is the next one's cursor
    check_rows()
    gone = ODD_IDS[2]
    e.delete(f"/v1/plans/{urllib.parse.quote(gone, safe='')}")
    d.deliver_ok(event("evt_gone", "plan.deleted", {"id": gone, "object": "plan"}))
    d.idle()
    check(dict(place.rows("select type, deleted from objects where id = ?", gone)) == {"plan": 1, "price": 1},
          "a deleted plan leaves its price")
    place.check_all(d)


def older(kind, obj, version):
    """The object as an event of that version has it, as far as the mirror could fall for it."""
    obj = dict(obj)
    if version < "2025-03-31":
        if kind == "subscription":
            obj.update(current_period_start=1, current_period_end=2, plan={"id": "plan_nowhere", "object": "plan"})
        if kind == "invoice":
            obj.update(subscription="sub_nowhere", charge="ch_nowhere", payment_intent="pi_nowhere", paid=False)
    if version < "2022-11-15" and kind == "charge":
        obj["refunds"] = {"object": "list", "data": [{"id": "re_nowhere", "object": "refund"}], "has_more": False,
                          "total_count": 1, "url": f"/v1/charges/{obj['id']}/refunds"}
    if version < "2020-08-27" and kind == "customer":
        for name, of in (("sources", "card"), ("subscriptions", "subscription"), ("tax_ids", "tax_id")):
            obj[name] = {"object": "list", "data": [{"id": f"{of}_nowhere", "object": of}], "has_more": True,
                         "total_count": 3, "url": f"/v1/customers/{obj['id']}/{name}"}
    if version < "2019-10-17" and kind in ("subscription", "invoice"):
        obj["billing"] = obj.pop("collection_method", None)
    if version < "2018-02-05" and kind == "price":
        obj = {"id": obj["id"], "object": "plan", "name": "of old", "amount": 1, "interval": "year"}
    if version < "2018-02-28" and kind == "product":
        obj.update(skus={"object": "list", "data": [], "has_more": False, "url": "/v1/skus"}, type="good")
    return obj


@scenario("MIRROR-13")
def events_of_any_version_lead_to_the_same_mirror(place):
    e = place.emulator
    _, price, customer = shop(e)
    sub = e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
    paths = {"product": f"/v1/products/{price['product']}", "price": f"/v1/prices/{price['id']}",
             "customer": f"/v1/customers/{customer['id']}", "subscription": f"/v1/subscriptions/{sub['id']}",
             "invoice": f"/v1/invoices/{sub['latest_invoice']}", "charge": f"/v1/charges/{e.state('charge')[0]['id']}"}
    d, sent = place.start(), {}
    versions = ["2017-12-14", "2018-02-06", "2019-10-08", "2020-08-27", "2022-11-15", "2025-02-24.acacia",
                "2025-03-31.basil", "2026-10-28.endive", "thin"]
    for turn, version in enumerate(versions):
        for kind, path in paths.items():
            now = e.post(path, metadata={"turn": str(turn)})
            ident = f"evt_{turn}_{kind}"
            if version == "thin":
                body = {"id": ident, "object": "v2.core.event", "type": f"v1.{kind}.updated", "livemode": False,
                        "created": "2026-11-22T00:00:00.000Z",
                        "related_object": {"id": now["id"], "type": kind, "url": path}}
            else:
                body = event(ident, f"{kind}.updated", older(kind, now, version), api_version=version)
                if version < "2017-12-15":
                    body["request"] = "req_of_old"
            sent[ident] = json.dumps(body, indent=turn % 3).encode()
            check(d.deliver(sent[ident]) == 200, version, kind, "was refused")
        d.idle()
        if turn % 4 == 0:
            place.check_mirror()
    for ident, body in sent.items():
        have = place.rows("select body, api_version from _inbox where event = ?", ident)[0]
        check(have[0].encode() == body, ident, "is not kept as received")
        version = versions[int(ident.split("_")[1])]
        check(version == "thin" or have[1] == version, ident, "is said to be of", have[1])
    used = {r[0] for r in place.rows("select distinct api_version from objects")}
    check(used == {"2026-10-28.endive"}, "objects are of", used)
    check(not place.rows("select 1 from objects where id like '%nowhere%'"), "a body was believed")
    check(not place.rows("select 1 from _refs where to_id like '%nowhere%'"), "a body was believed")
    asked = [r["path"] for r in e.requests() if "nowhere" in r["path"]]
    check(not asked, "what only a body names was asked for:", asked)
