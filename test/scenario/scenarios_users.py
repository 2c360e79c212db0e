"""One customer for each user."""
import json
import threading

from place import Http, check, until
from scenarios_customers import ask, subscribe, sync
from scenarios_redis import Redis
from scenarios_state import event, shop

SCENARIOS = []
DAY_MS = 86400 * 1000


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


def writes(place):
    """Customers are created here, and nothing else is written."""
    place.written = ["/v1/customers"]


def ensure(daemon, user, body=None, http=None):
    """Who is told that it takes too long asks again."""
    http = http or daemon.http
    while True:
        status, _, answer = http.ask("POST", f"/api/test/users/{user}/customer",
                                     json.dumps(body).encode() if body is not None else b"")
        answer = json.loads(answer) if answer else None
        if status != 503 or answer["error"]["reason"] != "timeout":
            return status, answer


def customer_of(daemon, user, body=None):
    status, answer = ensure(daemon, user, body)
    check(status == 200, "ensure answered", status, answer)
    return answer["customerId"]


def named(place, user, key="userId"):
    return [c for c in place.emulator.state("customer")
            if not c.get("deleted") and c["metadata"].get(key) == user]


def run_sql(place, sql):
    """What only time would do otherwise; no daemon is running."""
    if place.cluster:
        place.cluster.sql(place.database, sql)
        return
    import sqlite3
    c = sqlite3.connect(place.db_path)
    with c:
        c.execute(sql)
    c.close()


@scenario("STATE-12")
def fifty_callers_in_five_processes_get_one_customer(place):
    e = place.emulator
    writes(place)
    daemons = place.start_pair() if place.cluster else [place.start()]
    if place.cluster:
        daemons += [place.start(folder=f"node{i}") for i in range(2, 5)]
    e.fault("slow;method=POST;path=/v1/customers;delay_ms=200")
    answers = []

    def call(i):
        d = daemons[i % len(daemons)]
        http = Http(d.port, d.http.headers)
        answers.append(ensure(d, "user_42", {"email": f"caller{i}@example.com"}, http))
        http.close()
    threads = [threading.Thread(target=call, args=(i,)) for i in range(50)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check([s for s, _ in answers] == [200] * 50, "not all were answered:", sorted({(s, str(a)[:200]) for s, a in answers})[:3])
    check(len({a["customerId"] for _, a in answers}) == 1, "not all the same:", answers[:3])
    made = named(place, "user_42")
    check(len(made) == 1 and made[0]["id"] == answers[0][1]["customerId"], len(made), "customers exist")
    posts = e.requests("/v1/customers", method="POST")
    check(len({r["idempotency_key"] for r in posts}) == 1, "several keys:", posts)
    check(posts[0]["idempotency_key"].startswith("op/"), "its key is", posts[0]["idempotency_key"])
    check(place.one("select count(*) from _users") == 1, "not one binding")
    status, _, answer = ask(daemons[0], "GET", "/api/test/users/user_42/state")
    check(status == 200 and answer["customerId"] == made[0]["id"], "its state:", status, answer)
    out, _ = place.run("state", "--user", "user_42", "--json")
    check(json.loads(out)["customerId"] == made[0]["id"], "the command says", out)
    check(ensure(daemons[0], "user_42", {"mail": "x"})[0] == 400, "an unknown member was taken")
    check(ensure(daemons[0], "user_42", {"metadata": {"userId": "x"}})[0] == 400, "our own member was taken")
    for d in daemons:
        d.idle()
    place.check_mirror(["customer"])


@scenario("STATE-13")
def a_crash_between_creation_and_binding_makes_no_second_customer(place):
    e = place.emulator
    writes(place)
    for user, old in (("user_1", False), ("user_2", True)):
        d = place.start()
        e.fault("reset;effect=after;method=POST;path=/v1/customers")
        threading.Thread(target=lambda d=d, user=user: ensure(
            d, user, {"email": "first@example.com"}, Http(d.port, d.http.headers))).start()
        until("the customer is there, and nobody knows", lambda: named(place, user))
        d.kill()
        check(place.one("select state from _users where user_id = ?", user) == "creating", "it is bound")
        e.no_faults()
        if old:  # a day later the key is forgotten at Stripe
            e.admin("POST", "/clock", {"advance_seconds": 25 * 3600})
            run_sql(place, f"update _users set key_at = key_at - {DAY_MS} where user_id = '{user}'")
        d = place.start()
        ident = customer_of(d, user, {"email": "second@example.com"})
        made = named(place, user)
        check([c["id"] for c in made] == [ident], "the customers are", [c["id"] for c in made], "bound is", ident)
        check(made[0]["email"] == "first@example.com", "the parameters have changed")
        d.idle()
        d.stop()
    # nothing was created, and the key is too old to tell: the next attempt has another
    d = place.start()
    e.fault("reset;method=POST;path=/v1/customers")
    threading.Thread(target=lambda: ensure(d, "user_3", None, Http(d.port, d.http.headers))).start()
    until("it was tried", lambda: place.one("select op from _users where user_id = 'user_3'"))
    d.kill()
    e.no_faults()
    run_sql(place, f"update _users set key_at = key_at - {DAY_MS} where user_id = 'user_3'")
    d = place.start()
    customer_of(d, "user_3")
    check(len(named(place, "user_3")) == 1, "not one customer")
    check(e.requests("/v1/customers", method="POST")[-1]["idempotency_key"].endswith("/customer/2"), "the key is the old one")
    d.idle()


@scenario("STATE-14")
def another_email_at_the_second_attempt_is_no_conflict(place):
    e = place.emulator
    writes(place)
    d = place.start()
    e.fault("reset;effect=after;method=POST;path=/v1/customers")
    threading.Thread(target=lambda: ensure(d, "user_1", {"email": "old@example.com"},
                                           Http(d.port, d.http.headers))).start()
    until("the answer was lost", lambda: named(place, "user_1"))
    e.no_faults()
    ident = customer_of(d, "user_1", {"email": "new@example.com", "metadata": {"plan": "gold"}})
    made = named(place, "user_1")
    check([c["id"] for c in made] == [ident], len(made), "customers")
    refused = [r for r in e.requests("/v1/customers", method="POST") if r["status"] == 400]
    check(not refused, "Stripe refused:", refused)
    # what is refused for good is told, and the next caller may do better
    status, answer = ensure(d, "user_2", {"email": "x" * 600})
    check(status == 400 and answer["error"]["reason"] == "refused_by_stripe", "refused:", status, answer)
    check(customer_of(d, "user_2", {"email": "good@example.com"}), "no customer after a refusal")
    check(named(place, "user_2")[0]["email"] == "good@example.com", "the refused parameters were sent again")
    # an error that Stripe keeps under the key
    e.fault("error;status=500;stored=true;method=POST;path=/v1/customers;count=1")
    check(customer_of(d, "user_3", {"email": "z@example.com"}), "no customer behind a stored error")
    check(len(named(place, "user_3")) == 1, "not one customer")
    d.idle()


@scenario("STATE-15")
def a_deleted_customer_is_followed_by_one_new_one(place):
    e, redis = place.emulator, Redis(place)
    writes(place)
    d = place.start(REDIS_URL=redis.url)
    key = "stripe:test:user:user_1"
    first = customer_of(d, "user_1", {"email": "a@example.com"})
    until("Redis knows", lambda: (redis.ask("GET", key) or "null") != "null")
    check(json.loads(redis.ask("GET", key))["customerId"] == first, "Redis says", redis.ask("GET", key))
    e.delete(f"/v1/customers/{first}")  # nobody tells
    answers = []
    threads = [threading.Thread(target=lambda i=i: answers.append(
        ensure(d, "user_1", {"email": "b@example.com"}, Http(d.port, d.http.headers)))) for i in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    ids = {a["customerId"] for s, a in answers if s == 200}
    check(len(ids) == 1 and first not in ids and len(answers) == 10, "answers:", answers[:3])
    second = ids.pop()
    check([c["id"] for c in named(place, "user_1")] == [second], "not one new customer")
    status, _, answer = ask(d, "GET", "/api/test/users/user_1/customer")
    check(answer["customerId"] == second and [h["customerId"] for h in answer["history"]] == [first],
          "the history:", answer)
    until("Redis has the new one", lambda: json.loads(redis.ask("GET", key))["customerId"] == second)
    # an event tells of the next deletion
    e.delete(f"/v1/customers/{second}")
    d.deliver_ok(e.events(type="customer.deleted")[0])
    until("nobody is bound any more", lambda: ask(d, "GET", "/api/test/users/user_1/state")[0] == 404)
    until("Redis knows", lambda: json.loads(redis.ask("GET", key))["customerId"] is None)
    check(customer_of(d, "user_1") not in (first, second), "a dead one is back")
    d.idle()
    place.check_mirror(["customer"])


@scenario("USER-01")
def who_is_named_by_metadata_already_gets_no_second_customer(place):
    e = place.emulator
    writes(place)
    old = e.post("/v1/customers", metadata={"userId": "user_1"})
    other = e.post("/v1/customers", metadata={"app_user": "user_1"})
    d = place.start()
    # the mirror has not seen it: Stripe is asked before one is made
    check(customer_of(d, "user_1") == old["id"], "a second customer was made")
    found = e.post("/v1/customers", metadata={"userId": "user_2"})
    place.run("sync", "customers")
    _, _, answer = ask(d, "GET", "/api/test/users/user_2/customer")
    check(answer["customerId"] == found["id"] and answer["state"] == "found", "found:", answer)
    searched = len(e.requests("/v1/customers/search"))
    check(customer_of(d, "user_2") == found["id"], "a second customer was made")
    customer_of(d, "user_3")
    check(len(e.requests("/v1/customers/search")) == searched, "what is known was searched for")
    check(len(e.requests("/v1/customers", method="POST")) == 4, "not one was created")
    d.idle()
    d.stop()
    d = place.start(BRINDLE_USER_METADATA_KEY="app_user")  # another member counts from here on
    _, _, answer = ask(d, "GET", "/api/test/users/user_1/customer")
    check(answer["customerId"] == old["id"] and answer["state"] == "bound", "bound is bound:", answer)
    check(place.rows("select customer, user_id from _user_links") == [(other["id"], "user_1")], "links:",
          place.rows("select customer, user_id from _user_links"))
    d.idle()


def found(place, code=3):
    out, _ = place.run("check", "duplicates", "--json", code=code)
    return [json.loads(line) for line in out.splitlines()]


@scenario("STATE-16")
def two_customers_of_one_user_are_listed_and_left_alone(place):
    e = place.emulator
    _, price, first = shop(e)
    e.post(f"/v1/customers/{first['id']}", metadata={"userId": "user_1"}, email="Jo@example.com")
    second = e.post("/v1/customers", metadata={"userId": "user_1"}, email="jo@example.com")
    for i in range(3):
        e.post("/v1/customers", metadata={"userId": f"other_{i}"}, email=f"other{i}@example.com")
    sub = subscribe(e, first, price)
    d = place.start()
    check([line["kind"] for line in found(place)] == ["unknown", "unknown"], "an empty mirror knows:", found(place))
    place.run("sync")
    d.idle()
    lines = found(place)
    check([line["kind"] for line in lines] == ["user", "email"], "found:", lines)
    check(lines[0]["user"] == "user_1" and lines[1]["email"] == "jo@example.com", "who:", lines)
    for line in lines:
        check(sorted(c["id"] for c in line["customers"]) == sorted([first["id"], second["id"]]), "customers:", line)
        check([s["id"] for c in line["customers"] for s in c["subscriptions"]] == [sub["id"]], "subscriptions:", line)
    # the one of the user is the oldest, and nothing was merged
    _, _, answer = ask(d, "GET", "/api/test/users/user_1/customer")
    check(answer["customerId"] == min((first, second), key=lambda c: (c["created"], c["id"]))["id"], "it is", answer)
    place.check_mirror(["customer", "subscription"])
    e.delete(f"/v1/customers/{second['id']}")
    d.deliver_ok(e.events(type="customer.deleted")[0])
    d.idle()
    check(found(place, code=0) == [], "still found:")
    place.run("check", "duplicates", "--repair", code=2)


@scenario("STATE-27")
def a_second_live_subscription_is_reported_with_both(place):
    e = place.emulator
    product, price, customer = shop(e)
    dear = e.post("/v1/prices", product=product["id"], unit_amount=2500, currency="usd",
                  recurring={"interval": "month"})
    first = subscribe(e, customer, price)
    d = place.start()
    place.run("sync")
    d.idle()
    path = f"/api/test/customers/{customer['id']}/state"
    check(ask(d, "GET", path)[2]["severalLive"] is False, "one is several")
    check(found(place, code=0) == [] and d.status()["several_live"] == 0, "one is reported")
    second = subscribe(e, customer, dear, )  # another tab; its own event is lost
    d.deliver_ok(event("evt_paid", "invoice.paid", {"id": second["latest_invoice"], "object": "invoice",
                                                    "customer": customer["id"]}))
    d.idle()
    check(ask(d, "GET", path)[2]["severalLive"] is True, "not seen:", ask(d, "GET", path)[2])
    line, = found(place)
    amounts = {s["id"]: (s["amount"], s["currency"], s["interval"]) for c in line["customers"] for s in c["subscriptions"]}
    check(line["kind"] == "subscriptions" and line["customer"] == customer["id"] and line["severalLive"], "reported:", line)
    check(amounts == {first["id"]: (1500, "usd", "month"), second["id"]: (2500, "usd", "month")}, "amounts:", amounts)
    check(d.status()["several_live"] == 1 and d.metric("brindle_customers_several_live") == 1, "not counted")
    check("more than one live" in place.run("status")[0], "brindle status hides it")
    # two customers of one user are one user
    e.delete(f"/v1/subscriptions/{second['id']}")
    other = e.post("/v1/customers", metadata={"userId": "user_1"}, payment_method="pm_card_visa",
                   invoice_settings={"default_payment_method": "pm_card_visa"})
    e.post(f"/v1/customers/{customer['id']}", metadata={"userId": "user_1"})
    subscribe(e, other, price)
    place.catch_up(d)
    line = found(place)[0]
    check(line["kind"] == "user" and line["severalLive"], "of one user:", line)
    # a list that cannot be read is not an answer
    e.fault("error;method=GET;path=/v1/subscriptions")
    d.deliver_ok(event("evt_more", "invoice.paid", {"id": "in_none", "object": "invoice", "customer": customer["id"]}))

    def left():
        return place.rows("select attempts, gen - done_gen from _due where kind = 'customer' and id = ?", customer["id"])[0]
    until("the list was read, or was not", lambda: left()[0] > 0 or left()[1] == 0)
    check(left()[1] > 0, "a list that cannot be read was taken for an answer:", ask(d, "GET", path)[2]["severalLive"])
    until("a list that cannot be read makes it unknown", lambda: ask(d, "GET", path)[2]["severalLive"] is None)
    check([x for x in found(place) if x["kind"] == "unknown" and x["customer"] == customer["id"]], "unknown:", found(place))
    e.no_faults()
    d.idle()
    check(ask(d, "GET", path)[2]["severalLive"] is False, "still unknown")
