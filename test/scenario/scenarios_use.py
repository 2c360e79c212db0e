"""What people do with the mirror: its past, its story, its views, and forgetting."""
import fcntl
import json
import os
import re
import struct
import subprocess
import termios
import time
import urllib.parse

from place import BRINDLE, PATIENCE, ROOT, Http, check, until
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
    _, err = place.run("get", product["id"], "--at", "2h", code=1)
    check("the oldest one here is of 2" in err and "Z" in err, "it says:", err)
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


def left_of(place, *words):
    """Where the words are, large or small, as they are, in a URL, in JSON, and in JSON in a string of JSON."""
    forms = {form.lower() for w in words for at in ("@", "%40", "\\u0040", "\\\\u0040", "\\\\\\\\u0040") for form in [w.replace("@", at)]}
    found = [(name, form) for name, text in place.store_texts().items() for form in sorted(forms) if form in text.lower()]
    if place.cluster:  # what the planner has noted
        found += [(row, form) for form in sorted(forms) for row in place.rows(
            "select tablename, attname from pg_stats where schemaname like 'brindle_%' and"
            " position(? in lower(coalesce(most_common_vals::text, '') || coalesce(histogram_bounds::text, ''))) > 0", form)]
    return found


@scenario("USE-02")
def a_person_is_forgotten_down_to_the_file_and_does_not_come_back(place):
    e = place.emulator
    address = "ada.lovelace@example.com"
    d = place.start()
    prices = []
    product = e.post("/v1/products", name="tea")
    prices.append(e.post("/v1/prices", product=product["id"], unit_amount=500, currency="usd",
                         recurring={"interval": "month"}))

    def join(email, user, card="visa", **more):
        cus = e.post("/v1/customers", email=email, name=f"name of {email}", metadata={"userId": user}, **more)
        pm = e.post(f"/v1/payment_methods/pm_card_{card}/attach", customer=cus["id"])
        e.post(f"/v1/customers/{cus['id']}", invoice_settings={"default_payment_method": pm["id"]})
        sub = e.post("/v1/subscriptions", customer=cus["id"], items=[{"price": prices[0]["id"]}])
        return cus, pm, sub

    user = "ada+mail@home.example"  # the application's id of her
    ada, ada_pm, ada_sub = join(address, user, "mastercard", phone="+15550107788", address={"line1": "12 Analytical Row"})
    personal = (address, user, "Lovelace", "+15550107788", "Analytical Row", ada_pm["card"]["fingerprint"],
                f'"last4":"{ada_pm["card"]["last4"]}"', f'"last4": "{ada_pm["card"]["last4"]}"')
    bob, _, bob_sub = join("bob@example.com", "user_bob")
    place.catch_up(d)
    place.run("sync")
    e.post(f"/v1/customers/{ada['id']}", name="Ada, Countess of Lovelace")
    e.post(f"/v1/products/{product['id']}", description="for jimbob@example.com")  # not Bob
    place.catch_up(d)
    e.post(f"/v1/products/{product['id']}", description="for jimbob@example.com alone")
    e.post(f"/v1/products/{product['id']}", description="https://shop.example/?for=ada%2Bmail%40home.example")
    place.catch_up(d)
    e.post(f"/v1/products/{product['id']}", description="tea")
    place.catch_up(d)
    # an operation of ours that named her; an event of a stranger's account, with JSON in a text
    place.written.append("/v1/products")
    place.run("product", "create", "--id", "prod_hers", "--name", f"tea for {address.upper()}")
    place.run("product", "update", "prod_hers", "--name", "more tea")
    d.deliver_ok({"id": "evt_stranger", "object": "event", "type": "customer.updated", "account": "acct_1nobodysaccount",
                  "livemode": False, "created": 1, "data": {"object": {"id": "cus_x", "object": "customer", "metadata": {
                      "profile": json.dumps({"mail": address}).replace("@", "\\u0040")}}}})
    place.catch_up(d)
    if place.cluster:
        place.write("analyze")
    status, _, answer = d.http.ask("POST", f"/api/test/users/{urllib.parse.quote(user)}/customer", b"{}")
    check(status == 200 and json.loads(answer)["customerId"] == ada["id"], "the user's customer:", status, answer)
    check(address_in_files(place, address) and address_in_files(place, "home.example"), "the address is nowhere, before")
    place.run("erase", ada["id"], code=2)  # no terminal, no --yes
    plan = json.loads(place.run("erase", ada["id"], "--dry-run", "--json")[0])
    check(plan["types"]["customer"] == 1 and plan["types"]["subscription"] == 1 and not plan["erased"], plan)
    check({"payment_method", "invoice", "line_item", "charge", "payment_intent"} <= set(plan["types"]), plan)
    check(address_in_files(place, address), "a dry run erased it")
    done = json.loads(place.run("erase", ada["id"], "--yes", "--json")[0])
    check(done["erased"] and done["objects"] == sum(plan["types"].values()) and done["events"] > 5
          and done["versions"] > 0, done)
    check(not left_of(place, *personal, "home.example"), "what is left:", left_of(place, *personal, "home.example"))
    check(place.rows("select user_id from _users") == [("user_bob",)], "users are", place.rows("select user_id from _users"))
    check("was erased" in place.run("get", ada["id"], code=1)[1], "get does not tell why")
    check("erased here" in place.run("trace", ada["id"])[0], "trace does not tell why")
    check(place.one("select count(*) from customers") == 1, "not one customer is left")
    check(place.one("select count(*) from subscriptions where customer = ?", bob["id"]) == 1, "Bob's is gone")
    # nothing brings it back: neither its events, nor a walk, nor what is new
    e.post(f"/v1/customers/{ada['id']}", name="Ada Lovelace again", metadata={"mail": address})
    e.post("/v1/invoiceitems", customer=ada["id"], amount=100, currency="usd", description=f"for {address}")
    place.catch_up(d)
    place.run("sync", "--again")
    check("was erased here" in place.run("sync", ada["id"], code=None)[1], "sync does not tell why")
    sub = e.get(f"/v1/subscriptions?customer={ada['id']}&status=all")["data"][0]["id"]
    status, _, answer = d.http.ask("POST", f"/api/test/sync/{sub}?wait=1", b"")
    check(status == 404 and "erased here" in json.loads(answer)["error"]["message"], status, answer)
    d.idle()
    check(not address_in_files(place, address), "it came back into", address_in_files(place, address))
    check(not address_in_files(place, "Lovelace"), "the name came back")
    check(place.one("select count(*) from invoice_items where customer = ?", ada["id"]) == 0, "an invoice item came")
    check(place.one("select status from subscriptions where id = ?", bob_sub["id"]) == bob_sub["status"], "Bob's")
    place.run("check", "drift", code=0)
    check(not address_in_files(place, address) and not address_in_files(place, "home.example"), "a check brought it back")
    d.stop()
    check(not left_of(place, *personal, "home.example"), "after the end:", left_of(place, *personal, "home.example"))
    # without a daemon, and of one who was erased: nothing happens, and it is no error
    place.run("erase", ada["id"], "--yes")
    place.run("erase", bob["id"], "--yes")
    check(place.one("select count(*) from customers") == 0 and not address_in_files(place, '"bob@example.com'), "Bob")
    check(place.one("select count(*) from _history where data like '%jimbob@%'") == 1, "another's former version went")
    check(place.one("select count(*) from _inbox where body like '%jimbob@%'") == 2, "another's bodies went")


def report(place, name):
    text = (ROOT / "examples" / f"{name}.sql").read_text()
    query = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return place.rows(query.strip().rstrip(";"))


def small_shop(e):
    """Prices of all periods, people who pay, fail, subscribe twice and leave."""
    tea = e.post("/v1/products", name="tea")
    coffee = e.post("/v1/products", name="coffee")

    def price(product, amount, interval, count=1):
        return e.post("/v1/prices", product=product["id"], unit_amount=amount, currency="usd",
                      recurring={"interval": interval, "interval_count": count})

    prices = [price(tea, 1000, "month"), price(tea, 12000, "year"), price(coffee, 300, "month", 3),
              price(coffee, 700, "week")]
    people = []

    def join(email, price, card="pm_card_visa", customer=None, quantity=1):
        if not customer:
            customer = e.post("/v1/customers", email=email)
            method = e.post(f"/v1/payment_methods/{card}/attach", customer=customer["id"])
            e.post(f"/v1/customers/{customer['id']}", invoice_settings={"default_payment_method": method["id"]})
            people.append(customer)
        return customer, e.post("/v1/subscriptions", customer=customer["id"],
                                items=[{"price": price["id"], "quantity": quantity}])

    for i in range(5):
        join(f"p{i}@example.com", prices[i % 4], quantity=i + 1)
    twice, _ = join("twice@example.com", prices[0])
    join(None, prices[2], customer=twice)
    join("same@example.com", prices[0])
    join("same@example.com", prices[1])
    _, gone = join("gone@example.com", prices[0])
    e.delete(f"/v1/subscriptions/{gone['id']}")
    join("broke@example.com", prices[1], card="pm_card_chargeCustomerFail")
    return people


@scenario("MIRROR-22")
def what_a_user_would_ask_in_sql_is_what_stripe_knows(place):
    e = place.emulator
    small_shop(e)
    place.run("sync")
    price_of = {p["id"]: p for p in e.state("price")}
    email_of = {c["id"]: c["email"] for c in e.state("customer")}
    running = [s for s in e.state("subscription") if s["status"] in ("active", "past_due")]
    months = {"year": 1 / 12, "month": 1, "week": 365 / 7 / 12, "day": 365 / 12}
    mrr = {}
    for s in running:
        for item in s["items"]["data"]:
            p = price_of[item["price"]["id"]]
            r = p["recurring"]
            mrr[p["id"]] = mrr.get(p["id"], 0) + \
                p["unit_amount"] * item["quantity"] * months[r["interval"]] / r["interval_count"]
    told = {row[1]: row[8] for row in report(place, "mrr_by_price")}
    check(told.keys() == mrr.keys() and all(abs(told[k] - v) <= 1 for k, v in mrr.items()), told, mrr)
    check(all(isinstance(v, int) for v in told.values()), "not integers", told)
    failed = {i["id"]: i for i in e.state("invoice") if i["status"] == "open" and i["attempt_count"] > 0}
    rows = report(place, "failed_payments")
    check(failed and {r[0]: r[4] for r in rows} == {k: v["amount_remaining"] for k, v in failed.items()}, rows)
    check([r[2] for r in rows] == ["broke@example.com"] and rows[0][7], "whom to write to", rows)
    rows = report(place, "several_subscriptions")
    check([(r[0], r[1], r[3], r[4]) for r in rows] ==
          [("one address", "same@example.com", 2, 2), ("one customer", "twice@example.com", 1, 2)], rows)
    # active subscriptions with price, product and e-mail address
    rows = place.rows("""select s.id, p.id, pr.name, c.email from subscriptions s
        join subscription_items i on i.subscription = s.id join prices p on p.id = i.price
        join products pr on pr.id = p.product join customers c on c.id = s.customer
        where s.status = 'active'""")
    truth = sorted((s["id"], i["price"]["id"], email_of[s["customer"]]) for s in running
                   if s["status"] == "active" for i in s["items"]["data"])
    check(sorted((r[0], r[1], r[3]) for r in rows) == truth, rows, truth)
    # revenue by month and currency, in minor units; times as times
    rows = place.rows("""select substr(cast(created as text), 1, 7), currency, cast(sum(amount_paid) as bigint)
        from invoices where status = 'paid' group by 1, 2""")
    revenue = {}
    for i in e.state("invoice"):
        if i["status"] == "paid":
            month = time.strftime("%Y-%m", time.gmtime(i["created"]))
            revenue[month, i["currency"]] = revenue.get((month, i["currency"]), 0) + i["amount_paid"]
    check({(r[0], r[1]): r[2] for r in rows} == revenue and revenue, rows, revenue)
    # failed payments of the week
    week = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 7 * 86400))
    rows = place.rows("select id, amount from charges where status = 'failed' and created >= ?", week)
    truth = {c["id"]: c["amount"] for c in e.state("charge") if c["status"] == "failed"}
    check(dict(rows) == truth and truth, rows, truth)


def fill_for_planner(place, views):
    """Rows of every type that has an index, each with values of its own."""
    rows = []
    for v in views:
        indexed = [c for c in v["columns"] if "index" in c]
        for n in range(200 if indexed else 0):
            data = {"id": f"filler_{n}"}
            for c in indexed:
                at = data
                *heads, last = c["path"].split(".")
                for head in heads:
                    at = at.setdefault(head, {})
                at[last] = n * 86400 if c["type"] == "time" else f"v{n}"
            rows.append(f"('{v['type']}', 'acct_x', 'filler_{n}', '{json.dumps(data)}', 1, 1, 1, 1, '', 'get')")
    place.cluster.sql(place.database, "insert into objects (type, account, id, raw, revision, ticket, fetched_at, "
                      f"changed_at, api_version, source) values {','.join(rows)};\nanalyze objects")


@scenario("USE-03")
def typical_filters_search_an_index_and_columns_are_described(place):
    e = place.emulator
    small_shop(e)
    place.run("sync", "products")
    views = [json.loads(line) for line in place.run("schema", "--json")[0].splitlines()]
    check(len(views) > 100 and {"customers", "invoice_payments"} <= {v["view"] for v in views}, len(views))
    filters = [(v["view"], c["name"], c["type"], c["index"]) for v in views for c in v["columns"] if "index" in c]
    wanted = {("subscriptions", "status"), ("subscriptions", "customer"), ("invoices", "created"),
              ("customers", "email"), ("prices", "lookup_key"), ("prices", "product"), ("charges", "customer"),
              ("subscription_items", "price"), ("invoices", "subscription")}
    check(wanted <= {f[:2] for f in filters}, wanted - {f[:2] for f in filters})
    if place.cluster:  # its planner looks at how many rows there are, and of what
        fill_for_planner(place, views)
    for view, column, kind, index in filters:
        value = "2026-01-01" if kind == "time" else "x"
        op = ">" if kind == "time" else "="
        query = f"select id from {view} where {column} {op} '{value}'"
        if place.cluster:
            plan = place.cluster.sql(place.database, f"explain {query}")
        else:
            plan = " ".join(r[3] for r in place.rows(f"explain query plan {query}"))
        check(index in plan, view, column, "does not search", index, ":", plan)
    if not place.cluster:  # of joins, too: its planner needs the index to be of the column's type
        plan = " ".join(r[3] for r in place.rows("""explain query plan select i.price from subscriptions s
            join subscription_items i on i.subscription = s.id where s.status = 'active'"""))
        check("objects_subscription (type=? AND <expr>=?)" in plan, "a join does not search its index:", plan)
        return
    rows = place.rows("""select c.relname, a.attname, col_description(c.oid, a.attnum) from pg_class c
        join pg_attribute a on a.attrelid = c.oid where c.relkind = 'v' and a.attnum > 0
        and c.relnamespace = 'brindle_test'::regnamespace and c.relname not like '%\\_all' and c.relname not like '\\_%'""")
    bare = [r for r in rows if not r[2]]
    check(rows and not bare, "without a comment:", bare[:5])
    notes = {(v["view"], c["name"]): c["note"] for v in views for c in v["columns"]}
    wrong = [r for r in rows if notes[r[0], r[1]] != r[2]]
    check(not wrong, "schema and comments differ:", wrong[:3])


@scenario("MIRROR-18")
def the_doctor_names_what_an_endpoint_lacks_and_mends_it(place):
    e = place.emulator
    place.written = ["/v1/webhook_endpoints"]
    url = "https://shop.example/webhooks/test"
    place.run("sync", "products")

    def doctor(*flags, code=3):
        out = place.run("doctor", "--json", *flags, code=code)[0]
        found = {}
        for f in lines(out):
            found[f.get("check", "mended")] = f
        return found

    found = doctor()
    check("endpoint_missing" in found and "--fix" in found["endpoint_missing"]["fix"], found)
    check(not e.state("webhook_endpoint"), "a look made an endpoint")
    place.run("doctor", "--fix", "--url", url, code=3)  # nobody there to be asked
    place.run("doctor", "--url", url, code=2)
    check(not e.state("webhook_endpoint"), "it was made without asking")
    # one that sends too little, is disabled and of another version
    endpoint = e.post("/v1/webhook_endpoints", url=url, enabled_events=["invoice.paid", "price.created"],
                      api_version="2024-06-20")
    e.post(f"/v1/webhook_endpoints/{endpoint['id']}", disabled=True)
    found = doctor()
    check({"endpoint_disabled", "events_missing", "endpoint_version"} <= set(found), found)
    said = found["events_missing"]["finding"]
    check("product.updated, price.updated" in said and endpoint["id"] in said, said)
    before = e.state("webhook_endpoint")
    doctor("--fix")  # no terminal: nothing is changed without --yes
    check(e.state("webhook_endpoint") == before, "it was changed without asking")
    found = doctor("--fix", "--yes", code=None)
    check("mended" in found, found)
    now = e.state("webhook_endpoint")[0]
    check(now["status"] == "enabled" and now["url"] == url, now)
    check({"invoice.paid", "price.created", "product.updated", "price.updated"} <= set(now["enabled_events"]), now)
    found = doctor(code=None)
    check(not {"endpoint_disabled", "events_missing", "endpoint_missing"} & set(found), found)
    posts = [r for r in e.requests(prefix="/v1/webhook_endpoints", method="POST")
             if (r["idempotency_key"] or "").startswith("brindle-doctor-")]
    check(len(posts) == 1, posts)
    # none: one is made, even when the answer to the first request is lost, and its secret is kept
    e.delete(f"/v1/webhook_endpoints/{endpoint['id']}")
    check("not_mended" in doctor("--fix", "--yes", "--url", "https://shop.example/elsewhere"), "elsewhere")
    check(not [w for w in e.state("webhook_endpoint") if not w.get("deleted")], "one was made that leads elsewhere")
    e.fault("reset;method=POST;path=/v1/webhook_endpoints;effect=after;count=1")
    found = doctor("--fix", "--yes", "--url", url, code=None)
    made = [w for w in e.state("webhook_endpoint") if not w.get("deleted")]
    check(len(made) == 1 and made[0]["url"] == url and made[0]["enabled_events"] == ["*"], made)
    check(made[0]["api_version"] == "2026-10-28.endive", made)
    check("secret_kept" in found and "whsec_" not in json.dumps(found), found)
    kept = list(place.dir.glob("**/*.whsec"))
    check(len(kept) == 1 and kept[0].stat().st_mode & 0o777 == 0o600, kept)
    check(kept[0].read_text().startswith("whsec_"), "no secret is in the file")


def on_terminal(place, *args, columns=100, streams=("stdout",)):
    """What a command shows on a terminal."""
    main, side = os.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    done = subprocess.Popen([BRINDLE, *args], cwd=place.dir, env={**place.env(), "TERM": "dumb"},
                            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL,
                               **dict.fromkeys(streams, side)})
    os.close(side)
    shown = b""
    try:
        while piece := os.read(main, 65536):
            shown += piece
    except OSError:
        pass  # its end was closed
    os.close(main)
    done.wait()
    return shown.decode().replace("\r\n", "\n")


@scenario("USE-04")
def people_see_tables_and_programs_see_json(place):
    e = place.emulator
    small_shop(e)
    place.run("sync")
    shown = on_terminal(place, "list", "customers").splitlines()
    check(shown[0].split() == ["id", "name", "email", "currency", "created"], shown[0])
    check(len(shown) == 1 + len(e.state("customer")) and "p0@example.com" in "".join(shown), shown)
    check(all(len(line) <= 100 for line in shown), "wider than the terminal")
    piped = lines(place.run("list", "customers")[0])
    check(len(piped) == len(shown) - 1 and all(o["object"] == "customer" for o in piped), piped[:1])
    check(json.loads(on_terminal(place, "list", "prices", "--limit", "1", "--json"))["object"] == "price", "--json")
    shown = on_terminal(place, "get", piped[0]["id"], "--history").splitlines()
    check(shown[0].split() == ["SINCE", "BROUGHT", "BY", "CHANGED"], shown)
    told = json.loads(place.run("status", "--json")[0])
    text = place.run("status")[0]
    check(f"{told['types_complete']} of {told['types_known']} lists" in text, told, text)
    check(f"{told['objects']:,}, {told['tombstones']} of them deleted" in text, text)


@scenario("USE-04B")
def an_id_is_never_cut_and_a_sync_counts_its_own_requests(place):
    e = place.emulator
    _, price, customer = shop(e)
    e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}])
    place.start()
    place.run("sync")
    hanging = [x for o in json.loads(place.run("refs", price["id"])[0])["objects"] for x in o["referred_by"]]
    for columns in (60, 80, 90, 100):
        shown = on_terminal(place, "refs", price["id"], columns=columns)
        check(hanging and all(shown.count(x["example"]) == sum(y["example"] == x["example"] for y in hanging)
                              for x in hanging), columns, hanging, shown)
    asked = lambda: max(x["requests"] for x in lines(place.run("sync", "products")[0]) if "requests" in x)
    before = asked()  # by the daemon, since it was started
    bars = on_terminal(place, "sync", "prices", "--again", columns=200, streams=("stdout", "stderr"))
    counts = [int(n.replace(",", "")) for n in re.findall(r"([\d,]+) requests", bars)]
    check(counts, "no bars:", bars[-300:])
    if not place.cluster:  # there each command does the work itself
        check(max(counts) <= asked() - before < before, before, counts, bars[-300:])
    check("limit 0/s" not in bars, "a limit that is none", bars[-300:])


@scenario("USE-05")
def refusals_are_json_with_a_reason(place):
    d = place.start()

    def reason(status, headers, body):
        check(headers["Content-Type"] == "application/json", status, headers)
        return status, json.loads(body)["error"]["reason"]

    path = "/api/test/status"
    check(reason(*Http(d.port).ask("GET", path)) == (401, "token_required"), "without a token")
    wrong = Http(d.port, {"Authorization": "Bearer not-the-one"})
    check(reason(*wrong.ask("GET", path)) == (401, "token_wrong"), "with another token")
    big = Http(d.port).ask("POST", "/webhooks/test", b"x" * (2 << 20), {"Stripe-Signature": "t=1,v1=00"})
    check(reason(*big) == (413, "too_large"), "a large body")
    odd = Http(d.port).ask("GET", "/livez", None, {"X-Long": "x" * (1 << 20)})
    check(reason(*odd) == (431, "too_large"), "a large header")


def begin_sync(place, *words):
    """A sync without a daemon, under way: the process, once it has read a few pages."""
    before = place.emulator.total()
    p = subprocess.Popen([BRINDLE, "sync", *words, "--json"], cwd=place.dir, env=place.env(), stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until("pages were read", lambda: len(place.emulator.requests("/v1/products", after=before)) > 4)
    check(p.poll() is None, "the sync has ended already")
    return p


@scenario("USE-06")
def a_sync_hands_over_to_a_daemon_that_starts_and_sees_its_end(place):
    e = place.emulator
    objects, pages, workers = 2500, 25, 8
    e.admin("POST", "/bulk", {"type": "product", "count": objects})
    place.run("sync", "products")
    # a few pages at once, and then each so slowly that the daemon comes before the end
    e.fault("slow;method=GET;path=/v1/products;delay_ms=1;count=5")
    e.fault("slow;method=GET;path=/v1/products;delay_ms=1000")
    before = e.total()
    sync = begin_sync(place, "--again")
    d = place.start()
    e.no_faults()
    out, err = sync.communicate(timeout=PATIENCE)
    told = lines(out.decode())
    check(sync.returncode == 0 and told[-1] == {"end": True, "status": "ok"}, sync.returncode, told[-1:], err)
    check(told[-2]["done"] and told[-2]["objects"] >= objects, "its last progress", told[-2])
    check(not d.gone(), "the daemon did not stay")
    ours = [line for line in place.text_of("daemon.log").splitlines() if "command_accepted" in line]
    check(len(ours) == 1 and "op=sync" in ours[0], "the daemon was asked", ours)
    lists = [r["path"] for r in e.requests("/v1/", after=before)]
    asked = [path for path in lists if path.startswith("/v1/products?")]
    check(pages <= len(asked) <= pages + 1, "of", pages, "pages", len(asked), "were asked for")
    twice = len(lists) - len(set(lists))
    check(twice <= workers + 4, twice, "requests were made twice")  # under way at the hand-over, and two identities
    place.check_mirror(["product"])
