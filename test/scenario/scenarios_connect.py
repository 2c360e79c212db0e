"""Connected accounts: kept apart wherever somebody asks, walked by themselves, lost and removed."""
import json
import signal

from place import KEY, SECRET, Emulator, Http, check, until
from scenarios_customers import ask
from scenarios_env import LIVE, account_of, everything, fill, one
from scenarios_redis import Redis
from shake import hold

SCENARIOS = []
ON = {"BRINDLE_CONNECT": "on"}
SAME = "cus_same"  # Stripe lets nobody choose it; that two accounts have it is all the same possible


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


def connected(place, **params):
    """A connected account, and the emulator as its platform speaks for it."""
    account = place.emulator.post("/v1/accounts", type="standard", **params)["id"]

    class Theirs:
        http = Http(place.emulator.port, {"Authorization": f"Bearer {KEY}", "Stripe-Account": account})
        call, post, get, delete, events = (Emulator.call, Emulator.post, Emulator.get, Emulator.delete,
                                           Emulator.events)
    theirs = Theirs()
    theirs.id = account
    return theirs


def told(theirs, kind):
    """The account's newest event of a type, as a Connect endpoint gets it."""
    return {**theirs.events(type=kind)[0], "account": theirs.id}


def customer(owner, name, **more):
    body = json.dumps({"type": "customer", "count": 1, "id": SAME, "set": {"name": name, **more}})
    check(owner.http.ask("POST", "/_emulator/bulk", body)[0] == 200, "the customer was not made")
    return SAME


def subscribe(owner):
    product = owner.post("/v1/products", name="p")
    price = owner.post("/v1/prices", product=product["id"], currency="usd", unit_amount=900, recurring={"interval": "month"})
    return owner.post("/v1/subscriptions", customer=SAME, items=[{"price": price["id"]}], collection_method="send_invoice",
                      days_until_due=7)


def status_of(place, account=None, **env):
    out, _ = place.run("status", "--json", *(("--account", account) if account else ()), env={**ON, **env})
    return json.loads(out)


def until_walked(place, *accounts):
    until("their lists are walked", lambda: all(
        place.one("select count(*) from _accounts where account = ? and walked_at > 0", a) for a in accounts)
        and place.one("select count(*) from _due where done_gen < gen and dead = 0") == 0)


def state(d, query="", **head):
    status, _, answer = ask(d, "GET", f"/api/test/customers/{SAME}/state{query}", head or None)
    return status, answer


def application(theirs, what):
    """What Connect endpoints are told of whoever lets us in or out."""
    return {"id": f"evt_{what}", "object": "event", "type": f"account.application.{what}", "account": theirs.id, "livemode": False,
            "created": 1790000000, "data": {"object": {"id": "ca_1", "object": "application", "name": "us"}}}


@scenario("ENV-14")
def a_connected_accounts_event_is_never_booked_to_the_platform(place):
    theirs = connected(place)
    theirs.post("/v1/customers", name="theirs")
    event = told(theirs, "customer.created")
    d = place.start()
    d.deliver_ok(event)
    d.idle()
    check(place.rows("select outcome, reason, account from _inbox")
          == [("quarantined", "connected_account", theirs.id)], "it was not kept aside")
    check(place.one("select count(*) from objects where type = 'customer'") == 0, "it was booked")
    check(d.metric("brindle_inbox_quarantined", env="test") == 1, "the counter does not show it")
    check(not place.emulator.requests("/v1/customers/"), "Stripe was asked for it")
    d.stop()
    # connect on, but nobody's account: Stripe says that it is none of ours
    d = place.start(BRINDLE_CONNECT="on")
    d.deliver_ok({**event, "id": "evt_stranger", "account": "acct_1nobodysaccount"})
    d.idle()
    check(place.one("select reason from _inbox where event = 'evt_stranger'") == "unknown_account", "a stranger")
    check(place.one("select count(*) from objects where type = 'customer'") == 0, "it was booked")
    d.stop()


@scenario("ENV-15")
def connected_objects_are_kept_by_account_and_asked_for_with_its_header(place):
    e = place.emulator
    one, two = connected(place), connected(place)
    for owner, name in ((one, "one"), (two, "two"), (e, "own")):
        owner.post("/v1/products", id="prod_same", name=name)
    on = {"BRINDLE_CONNECT": "on"}
    d = place.start(**on)
    # the first event of an account that nobody knew is kept until Stripe has told of it
    for theirs in (one, two):
        d.deliver_ok(told(theirs, "product.created"))
    d.deliver_ok(e.events(type="product.created")[0])
    rows = until("all three are there", lambda: (lambda r: r if len(r) == 3 else None)(
        place.rows("select account, data from objects where type = 'product' and id = 'prod_same'")))
    check({a: json.loads(x)["name"] for a, x in rows} == {one.id: "one", two.id: "two", account_of(place): "own"},
          "whose is which", [(a, json.loads(x)["name"]) for a, x in rows])
    d.idle()
    until("both are let in", lambda: place.rows("select account, state from _accounts order by account")
          == sorted([(one.id, "active"), (two.id, "active")]))  # what waited for that came first
    check(place.one("select count(*) from _inbox where outcome <> 'due'") == 0, "an event is still kept aside")
    one.post("/v1/products/prod_same", name="one more")
    d.deliver_ok(told(one, "product.updated"))
    d.idle()
    names = {a: json.loads(x)["name"] for a, x in place.rows(
        "select account, data from objects where type = 'product'")}
    check(names == {one.id: "one more", two.id: "two", account_of(place): "own"}, names)
    check({r["account"] for r in e.requests("/v1/products/prod_same")} == set(names), "a request without its header")
    # its lists, by name, with its header
    one.post("/v1/customers", name="of one")
    place.run("sync", "customers", "--account", one.id, env=on)
    out, _ = place.run("list", "customers", "--account", one.id, "--json", env=on)
    check(len(out.splitlines()) == 1 and "of one" in out, out)
    out, _ = place.run("list", "customers", "--json", env=on)
    check(not out.strip(), "the platform has the account's customer", out)
    out, _ = place.run("get", "prod_same", "--account", two.id, env=on)
    check(json.loads(out)["name"] == "two", out)
    _, err = place.run("sync", "customers", "--account", "acct_1nobodysaccount", code=2, env=on)
    check("no connected account" in err, err)
    d.stop()
    # without a webhook, the account's own list of events
    two.post("/v1/products/prod_same", name="two more")
    d = place.start(**on, BRINDLE_CATCH_UP_SECONDS="1")
    until("it is read", lambda: place.one("select data like '%two more%' from objects where account = ?", two.id)
          or two.post("/v1/products/prod_same", name="two more"))
    d.stop()


@scenario("ENV-16")
def an_account_that_is_lost_is_kept_and_not_asked_for_in_a_loop(place):
    e = place.emulator
    theirs = connected(place)
    made = theirs.post("/v1/products", name="theirs")
    d = place.start(BRINDLE_CONNECT="on")
    d.deliver_ok(told(theirs, "product.created"))
    until("it is there", lambda: place.one("select count(*) from objects where account = ?", theirs.id))
    late = [{**told(theirs, "product.created"), "id": f"evt_late{i}",
             "data": {"object": {**made, "id": f"prod_late{i}"}}} for i in range(20)]
    e.delete(f"/v1/accounts/{theirs.id}")
    before = e.total()
    d.deliver_ok(*late)
    until("it is noticed", lambda: place.one("select state from _accounts") == "unreachable")
    d.idle()
    refusals = [r for r in e.requests("/v1/products/prod_late", after=before)]
    check(len(refusals) <= 8 + 1, "it was asked for again and again:", len(refusals))
    check(place.one("select deleted from objects where id = ?", made["id"]) == 0, "what is known of it is gone")
    check("unreachable" in place.one("select last_error from _due where dead = 1 and last_error like '%kept%'"),
          "the reason is not told")
    check(place.one("select count(*) from _audit where what = 'account_lost'") == 1, "the audit")
    e.post("/v1/products", name="own")
    d.deliver_ok(e.events(type="product.created")[0])
    until("the platform works on", lambda: place.one("select count(*) from products where name = 'own'"))
    d.stop()


@scenario("ENV-17")
def an_account_of_the_other_mode_is_told_as_such(place):
    theirs = connected(place)  # made in test mode
    theirs.post("/v1/products", name="theirs")
    event = {**told(theirs, "product.created"), "livemode": True}
    live = {**one(place), "STRIPE_SECRET_KEY": LIVE, "STRIPE_WEBHOOK_SECRET": SECRET, "BRINDLE_CONNECT": "on"}
    place.run("sync", "products", env=live)
    # as if it had been carried over from the test world
    place.write(f"insert into _accounts (account, state, since) values ('{theirs.id}', 'active', 1)")
    d = place.start(**live)
    d.deliver_ok(event)
    until("it is told", lambda: place.one("select state from _accounts") == "wrong_mode")
    check("made in the other mode" in place.one("select reason from _accounts"), "the reason")
    check(place.one("select count(*) from objects where account = ?", theirs.id) == 0, "it was stored")
    d.stop()


@scenario("ENV-24")
def a_purge_removes_what_is_proven_foreign_and_nothing_else(place):
    theirs = connected(place)
    theirs.post("/v1/products", name="theirs")
    fill(place, 30)
    mine = account_of(place)
    on = {"BRINDLE_CONNECT": "on"}
    d = place.start(**on)
    d.deliver_ok(told(theirs, "product.created"))
    until("it is there", lambda: place.one("select count(*) from objects where account = ?", theirs.id))
    d.deliver_ok({**place.emulator.events(type="product.created")[0], "id": "evt_other", "livemode": True})
    until_walked(place, theirs.id)
    d.stop()
    place.write("update _accounts set state = 'wrong_mode'")
    place.write("insert into _drift (type, account, id, what, revision, fields, found_at) "
                f"values ('plan', '{theirs.id}', 'p', 'missing', 0, '', 1)")
    place.write("insert into _dropped (type, account, id, ticket, at, source, reason) "
                f"values ('magic.wand', '{theirs.id}', 'wand_1', 1, 1, 'event', 'buried')")
    check(place.one("select count(*) from _walks where account = ?", theirs.id), "it was not walked")
    n = place.one("select count(*) from objects where account = ?", theirs.id)
    out, _ = place.run("env", "check", "--json", code=3)
    found = [json.loads(x) for x in out.splitlines()]
    check({"what": "account", "account": theirs.id, "state": "wrong_mode", "objects": n} in found, found)
    check({"what": "events", "reason": "other_mode", "events": 1} in found, found)
    before = everything(place)
    out, err = place.run("env", "purge", "--json")
    check(json.loads(out) == {"env": "test", "removed": False, "objects": n, "events": 2}, out)
    check(everything(place) == before, "the dry run changed the mirror")
    _, err = place.run("env", "purge", "--yes", "--max-percent", "1", code=4)
    check("more than 1 %" in err, err)
    check(place.one("select count(*) from objects where account = ?", theirs.id) == n, "it was removed all the same")
    kept = place.rows("select type, id, data from objects where account = ? order by type, id", mine)
    died, point = 0, 0
    while True:  # killed here and there, it goes on
        point += 7
        done, call = place.killed_at(point, "env", "purge", "--yes", "--json", "--max-percent", "30")
        check(place.rows("select type, id, data from objects where account = ? order by type, id", mine) == kept,
              "killed", call, "it has taken what is ours")
        if done.returncode != -signal.SIGKILL:
            break
        died += 1
    check(died >= 2 and done.returncode == 0, died, done.stderr)
    out = json.loads(done.stdout)
    check(out["removed"] and 0 <= out["objects"] <= n and 0 <= out["events"] <= 2, out)  # what the killed ones have left
    for table in ("objects", "_due", "_refs", "_history", "_walks", "_drift", "_dropped", "_inbox", "_states"):
        check(place.one(f"select count(*) from {table} where account = ?", theirs.id) == 0, "it is still in", table)
    check(place.one("select count(*) from objects where type = 'product'") == 30, "ours are gone")
    check(place.one("select count(*) from _audit where what = 'purged'") >= 1, "the audit")
    out, _ = place.run("env", "purge", "--yes", "--json")
    check(json.loads(out)["objects"] == 0, "a second one finds more", out)


@scenario("ENV-15B")
def one_id_in_two_accounts_is_two_customers_wherever_one_asks(place):
    e, redis = place.emulator, Redis(place)
    place.written.append("/v1/customers")
    one, two = connected(place), connected(place)
    customer(one, "one", metadata={"userId": "jo"}, email="jo@example.com")
    customer(two, "two", metadata={"userId": "jo"}, email="jo@example.com")
    subscription = subscribe(one)
    d = place.start(**ON, REDIS_URL=redis.url)
    until_walked(place, one.id, two.id)
    # the API: by header, by query, by both if they agree, and never without
    named = {"Stripe-Account": one.id}
    code, mine = state(d, **named)
    check(code == 200 and mine["subscriptionId"] == subscription["id"], code, mine)
    check(state(d, f"?account={one.id}")[1]["revision"] == mine["revision"], "by query it is another")
    check(state(d, f"?account={one.id}", **named)[0] == 200, "they agree")
    code, theirs = state(d, f"?account={two.id}")
    check(code == 200 and theirs["status"] == "none", code, theirs)
    check(state(d)[0] == 404 and state(d)[1]["error"]["reason"] == "no_such_customer", "without a name it is reached", state(d))
    for query, head in ((f"?account={two.id}", named), ("?account=", {}), ("?account=cus_1", {}), ("", {"Stripe-Account": ""}),
                        (f"?account={one.id}&account={two.id}", {})):
        code, answer = state(d, query, **head)
        check(code == 400 and answer["error"]["reason"] == "invalid_account", query, head, code, answer)
    code, answer = state(d, "?account=acct_1nobodysaccount")
    check(code == 404 and answer["error"]["reason"] == "no_such_account", code, answer)
    check(state(d, f"?account={account_of(place)}")[0] == 404, "the own account by name is another one")
    # what is remembered of one is no answer for another
    _, head, _ = ask(d, "GET", f"/api/test/customers/{SAME}/state", named)
    tag = {"If-None-Match": {k.lower(): v for k, v in head.items()}["etag"]}
    check(ask(d, "GET", f"/api/test/customers/{SAME}/state", {**named, **tag})[0] == 304, "the same again")
    check(ask(d, "GET", f"/api/test/customers/{SAME}/state?account={two.id}", tag)[0] == 200, "another account's")
    # users
    code, _, body = ask(d, "GET", f"/api/test/users/jo/state?account={one.id}")
    check(code == 200 and body["subscriptionId"] == subscription["id"], code, body)
    check(ask(d, "GET", "/api/test/users/jo/customer")[0] == 404, "the platform has no such user")
    code, _, body = ask(d, "POST", "/api/test/users/al/customer", {"Stripe-Account": two.id})
    al = body["customerId"]
    check(code == 200 and two.get(f"/v1/customers/{al}")["metadata"]["userId"] == "al", code, body)
    check(e.call("GET", f"/v1/customers/{al}", ok=False).get("error"), "it was made for the platform")
    # fetched while one waits, with its header
    before = e.total()
    code, _, body = ask(d, "POST", f"/api/test/sync/{SAME}?wait=1&timeout=60", {"Stripe-Account": two.id})
    check(code == 200 and body["status"] == "none", code, body)
    asked = e.requests(f"/v1/customers/{SAME}", after=before)
    check({r["account"] for r in asked} == {two.id}, "it was asked for in another's name", asked)
    # the key-value server
    def value(account, kind="customer", name=SAME):
        text = redis.ask("GET", f"stripe:test:{account + ':' if account else ''}{kind}:{name}")
        return json.loads(text) if text else None
    until("both are delivered", lambda: value(one.id) and value(two.id))
    check(value(one.id)["status"] == "active" and value(two.id)["status"] == "none", value(one.id), value(two.id))
    check(value(one.id, "user", "jo")["customerId"] == SAME and value(two.id, "user", "al")["customerId"] == al, "users")
    check(value("") is None and value("", "user", "jo") is None, "it stands under the platform's key")
    # the command line
    for owner, name in ((one, "one"), (two, "two")):
        out, _ = place.run("get", SAME, "--account", owner.id)
        check(json.loads(out)["name"] == name, out)
        out, _ = place.run("list", "customers", "--name=" + name, "--account", owner.id, "--json")
        check(len(out.splitlines()) == 1, out)
    out, _ = place.run("state", SAME, "--account", one.id)
    check(json.loads(out)["subscriptionId"] == subscription["id"], out)
    out, _ = place.run("refs", SAME, "--account", one.id)
    check("subscription" in out and "subscription" not in place.run("refs", SAME, "--account", two.id)[0], out)
    asked_for = f"GET /v1/customers/{SAME} for sync: 200"
    until("its own call is in the story", lambda: asked_for in place.run("trace", SAME, "--account", two.id)[0])
    out, _ = place.run("trace", SAME, "--account", one.id)
    check(asked_for not in out, "another's calls are in the story", out)
    _, err = place.run("get", SAME, code=1)
    check("--account" not in err, err)
    for check_of in (("refs",), ("derived",), ("drift", "customers", "subscriptions")):
        place.run("check", *check_of, "--account", one.id, env=ON)
    _, err = place.run("serve", "--account", one.id, code=2)
    check("no flag --account" in err, err)
    # the views
    check(place.rows("select account, name from customers where id = ? order by name", SAME)
          == [(one.id, "one"), (two.id, "two")], "the views")
    # one is forgotten, the other is not
    d.deliver_ok(*({"id": f"evt_of_{name}", "object": "event", "type": "customer.updated", "account": owner.id, "livemode": False,
                    "data": {"object": {"id": SAME, "object": "customer", "email": "jo@example.com"}}}
                   for owner, name in ((one, "one"), (two, "two"))))
    d.idle()
    place.run("erase", SAME, "--account", one.id, "--yes", env=ON)
    check(place.rows("select account, deleted from objects where type = 'customer' and id = ? order by 2", SAME)
          == [(two.id, 0), (one.id, 2)], "who is forgotten")
    check(place.rows("select event from _inbox where body is not null and event like 'evt_of_%'") == [("evt_of_two",)], "bodies")
    until("the server forgets, too", lambda: "active" not in redis.ask("GET", f"stripe:test:{one.id}:customer:{SAME}"))
    check(value(one.id).get("subscriptions") in (None, []) and value(one.id, "user", "jo") is None, "of the erased")
    check(value(two.id)["status"] == "none" and place.one("select count(*) from _users where customer = ?", SAME) == 1, "of the other")
    check(place.one("select count(*) from _users where user_id = 'jo' and account = ?", one.id) == 0, "the user's id is kept")
    place.run("sync", SAME, "--account", one.id, env=ON, code=None)
    check(place.one("select deleted from objects where account = ? and type = 'customer'", one.id) == 2, "it came back")
    d.stop()


@scenario("ENV-15C")
def connected_accounts_are_walked_by_themselves_each_to_its_end(place):
    e = place.emulator
    large, small = connected(place), connected(place)
    large.http.ask("POST", "/_emulator/bulk", json.dumps({"type": "customer", "count": 1200}))
    made = small.post("/v1/products", name="small")
    d = place.start(**ON, BRINDLE_CATCH_UP_SECONDS="1")
    until("the small one is walked", lambda: place.one("select count(*) from objects where id = ?", made["id"]))
    until_walked(place, large.id, small.id)
    check(place.one("select count(*) from customers where account = ?", large.id) == 1200, "the large one's customers")
    pages = [r for r in e.requests("/v1/customers") if r["account"] == large.id and r["path"].split("?")[0] == "/v1/customers"]
    check(len(pages) == 12, "a walk that gives its turn away goes on where it stood", len(pages))
    # each has its own completeness
    shown = status_of(place)
    check(shown["accounts_connected"] == 2 and shown["accounts_walking"] == 0, shown)
    for owner, n in ((large, 1200), (small, 0)):
        mine = {t["type"]: t for t in status_of(place, owner.id)["types"]}
        check(mine["customer"]["objects"] == n and mine["customer"]["state"] == "complete", mine["customer"])
        check(status_of(place, owner.id)["types_complete"] > 40, "completeness")
    check(status_of(place)["types_complete"] <= 1, "the platform was not asked for", status_of(place)["types_complete"])
    out, _ = place.run("status", "--accounts")
    check(large.id in out and small.id in out and "2 accounts: 2 walked" in out, out)
    status, _, body = ask(d, "GET", f"/api/test/status?account={small.id}")
    check(status == 200 and body["account"] == small.id and body["account_state"] == "active", body)
    # without any webhook: its own list of events
    small.post(f"/v1/products/{made['id']}", name="renamed")
    until("the event is read", lambda: place.one("select name from products where id = ?", made["id"]) == "renamed")
    # a new one is heard of by its event, and is walked
    late = connected(place)
    late.post("/v1/products", name="first")
    second = late.post("/v1/products", name="second")
    d.deliver_ok({**told(late, "product.created"), "id": "evt_first"})
    until("the new one is walked", lambda: place.one("select count(*) from products where account = ?", late.id) == 2)
    check(place.one("select name from products where id = ?", second["id"]) == "second", "its product")
    d.stop()


@scenario("ENV-15D")
def a_flood_in_one_account_holds_no_other_up(place):
    e, flood = place.emulator, 240
    loud, quiet = connected(place), connected(place)
    loud.http.ask("POST", "/_emulator/bulk", json.dumps({"type": "product", "count": flood}))
    single, own = (owner.post("/v1/products", name="one")["id"] for owner in (quiet, e))
    d = place.start(**ON, BRINDLE_CATCH_UP_SECONDS="0", BRINDLE_CHECK_SECONDS="0", BRINDLE_RELIST_SECONDS="0")
    place.run("sync", "accounts", env=ON)
    until_walked(place, loud.id, quiet.id)
    many = [x for x, in place.rows("select id from objects where type = 'product' and account = ?", loud.id)]
    check(len(many) == flood, "the flood", len(many))
    news = {"object": "event", "type": "product.updated", "livemode": False, "created": 1790000000}
    before = e.total()
    hold(e.process.pid)  # whoever asks waits: all of it is due, and nothing is done
    try:
        for owner, products in ((loud, many), (quiet, [single]), (None, [own])):
            for p in products:
                d.deliver_ok({**news, "id": f"evt_{p}", **({"account": owner.id} if owner else {}),
                              "data": {"object": {"id": p, "object": "product"}}})
    finally:
        e.process.send_signal(signal.SIGCONT)
    d.idle()
    asked = [(r["account"], r["path"].split("/")[3].split("?")[0]) for r in e.requests("/v1/products/", after=before)]
    check(len({p for a, p in asked if a == loud.id}) == flood, "not all of the flood was asked for", len(asked))
    # In the order in which Stripe was asked: behind what was under way, and a turn or two.
    for name, p in ((quiet.id, single), ("", own)):
        at = [x for x, (_, q) in enumerate(asked) if q == p]
        check(at and at[0] < 40, "it waited for the flood", name, at, len(asked))
    d.stop()


@scenario("ENV-16B")
def an_account_that_withdraws_is_read_as_stale_and_comes_back_whole(place):
    e = place.emulator
    theirs = connected(place)
    customer(theirs, "theirs")
    theirs.http.ask("POST", "/_emulator/bulk", json.dumps({"type": "product", "count": 400}))
    d = place.start(**ON, BRINDLE_CATCH_UP_SECONDS="1")
    until("it is being walked", lambda: place.one("select count(*) from objects where id = ?", SAME))
    e.delete(f"/v1/accounts/{theirs.id}")
    d.deliver_ok(application(theirs, "deauthorized"))
    until("it is noticed", lambda: place.one("select state from _accounts") == "unreachable")
    until("what is under way ends", lambda: place.one("select count(*) from _due where done_gen < gen and dead = 0 and guest = 1") == 0)
    before = e.total()
    # it is read, and says that it is stale; nothing is asked for
    code, shown = state(d, f"?account={theirs.id}&max_age=0")
    check(code == 200 and shown["stale"] and "unreachable" in shown["staleWhy"], code, shown)
    code, _, body = ask(d, "POST", f"/api/test/sync/{SAME}?wait=1", {"Stripe-Account": theirs.id})
    check(code == 409 and body["error"]["reason"] == "unreachable", code, body)
    code, _, body = ask(d, "POST", "/api/test/users/al/customer", {"Stripe-Account": theirs.id})
    check(code == 409, "a customer was asked for", code, body)
    _, err = place.run("get", SAME, "--account", theirs.id)
    check("unreachable" in err, err)
    check(place.one("select count(*) from _walks where account = ? and state in ('waiting', 'walking')", theirs.id) == 0, "it walks on")
    check(status_of(place)["accounts_lost"] == 1, "the status does not tell")
    check(status_of(place, theirs.id)["account_state"] == "unreachable", "the account's does not tell")
    check(not [r for r in e.requests("/v1/", after=before) if r["account"] == theirs.id], "it is asked for in a loop")
    # let in again: what was missed is caught up with
    e.call("POST", f"/_emulator/accounts/{theirs.id}/authorize")
    theirs.post("/v1/products", name="after")
    d.deliver_ok(application(theirs, "authorized"))
    until("it is whole", lambda: place.one("select count(*) from products where account = ?", theirs.id) == 401)
    until_walked(place, theirs.id)
    check(not state(d, f"?account={theirs.id}")[1]["stale"], "it is still stale")
    check(place.one("select count(*) from _due where dead = 1 and done_gen < gen and account = ?", theirs.id) == 0, "something is dead")
    d.stop()
