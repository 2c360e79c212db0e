"""Environments cannot mix: identity, keys, several at once."""
import hashlib
import http.client
import http.server
import json
import re
import signal
import socket
import threading

from place import KEY, PATIENCE, SECRET, Daemon, Emulator, Http, check, signature, until

SCENARIOS = []
LIVE = KEY.replace("sk_test_", "sk_live_")  # the same account in live mode
OTHER = "sk_test_otherplace0123456789"  # a sandbox: its own account, test mode
NO_VARIABLES = {"STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRET": ""}


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


def account_of(place, key=KEY):
    http = Http(place.emulator.port, {"Authorization": f"Bearer {key}"})
    answer = json.loads(http.ask("GET", "/v1/account")[2])
    http.close()
    return answer["id"]


def everything(place):
    """Whatever the mirror holds, as one number."""
    tables = ("objects", "_inbox", "_due", "_environment", "_calls", "_audit", "_walks", "_counters")
    return hashlib.sha256(repr([sorted(map(repr, place.rows(f"select * from {t}"))) for t in tables])
                          .encode()).hexdigest()


def writes(place):
    return [r for m in ("POST", "DELETE") for r in place.emulator.requests(method=m)]


def fill(place, n=3):
    made = [place.emulator.post("/v1/products", name=f"p{i}") for i in range(n)]
    place.run("sync", "products")
    return made


def conf(place, text):
    path = place.dir / "brindle.conf"
    path.write_text(text.replace("@API", f"http://127.0.0.1:{place.emulator.port}"))
    path.chmod(0o600)
    return {"BRINDLE_CONFIG": str(path), **NO_VARIABLES}


QUICK = "api_base = @API\nrate_limit = 0\ncatch_up_seconds = 0\ncheck_seconds = 0\nrelist_seconds = 0\n"


def refused(place, before, key, *words, command=("sync", "products"), code=4, **env):
    """Exit code, what the sentence names, and that neither side was written to."""
    wrote = len(writes(place))
    _, err = place.run(*command, code=code, env={"STRIPE_SECRET_KEY": key, **env})
    for word in words:
        check(word in err, "the refusal does not name", word, ":", err)
    check(everything(place) == before, "the refused key has changed the mirror")
    check(len(writes(place)) == wrote, "the refused key has written to Stripe")


def one(place):
    """A file whose environment has one name, whatever its key."""
    return conf(place, "[env test]\n" + QUICK)


@scenario("ENV-01")
def a_key_of_another_account_is_refused_before_anything_is_written(place):
    fill(place)
    before, mine = everything(place), account_of(place)
    stranger = "sk_live_otherplace0123456789"
    for command in (("sync", "products"), ("serve",)):
        refused(place, before, stranger, mine, account_of(place, stranger), "test mode", "live mode",
                "account and mode differ", "environment test", "brindle env list", "brindle sync",
                command=command, **one(place) | {"STRIPE_SECRET_KEY": stranger, "STRIPE_WEBHOOK_SECRET": SECRET})
    asked = [r["path"] for r in place.emulator.requests()]
    check("/v1/account" in asked and "/v1/balance" in asked, asked[-4:])


@scenario("ENV-02")
def the_other_mode_is_told_by_livemode_and_another_sandbox_by_its_id(place):
    fill(place)
    before = everything(place)
    check(account_of(place, LIVE) == account_of(place), "the two modes are not one account")
    check(account_of(place, OTHER) != account_of(place), "the sandbox is no other account")
    refused(place, before, LIVE, "the mode differs", **one(place) | {"STRIPE_SECRET_KEY": LIVE})
    refused(place, before, OTHER, "the account differs", **one(place) | {"STRIPE_SECRET_KEY": OTHER})
    place.run("sync", "products")


@scenario("ENV-03")
def keys_and_secrets_that_do_not_belong_together_are_told_at_the_start(place):
    wrong = [
        ({"STRIPE_PUBLISHABLE_KEY": "pk_live_shop"}, 4, "do not belong together"),
        ({"STRIPE_PUBLISHABLE_KEY": "sk_test_shop"}, 2, "roll it"),
        ({"STRIPE_PUBLISHABLE_KEY": "'pk_test_shop'"}, 2, "stands in quotes"),
        ({"STRIPE_SECRET_KEY": f'"{KEY}"'}, 2, "stands in quotes"),
        ({"STRIPE_SECRET_KEY": f"{KEY} "}, 2, "blanks at its beginning or end"),
        ({"STRIPE_SECRET_KEY": "pk_test_shop"}, 2, "publishable key"),
        ({"STRIPE_SECRET_KEY": "whsec_shop"}, 2, "webhook secret"),
        ({"STRIPE_SECRET_KEY": "rk_prod_shop"}, 2, "does not begin with"),
        ({"STRIPE_WEBHOOK_SECRET": KEY}, 2, "is an API key"),
        ({"STRIPE_WEBHOOK_SECRET": f'"{SECRET}"'}, 2, "stands in quotes"),
        ({"STRIPE_WEBHOOK_SECRET": "secret"}, 2, "does not begin with whsec_"),
        ({"STRIPE_WEBHOOK_SECRET": f"{SECRET},whsec_a b"}, 2, "holds a blank"),
    ]
    for env, code, words in wrong:
        _, err = place.run("serve", code=code, env=env)
        check(words in err, env, "is told as", err)
        check("scenario0123456789" not in err, "a secret is told", err)
        check(not place.has_store("test"), "a store was made for", env)
    check(place.emulator.total() == 0 or not place.emulator.requests("/v1/account"), "Stripe was asked")
    out, _ = place.run("doctor", "--json", code=3, env={"STRIPE_PUBLISHABLE_KEY": "pk_live_shop"})
    check("publishable_key_other_mode" in out, out)
    d = place.start(STRIPE_PUBLISHABLE_KEY="pk_test_shop", STRIPE_WEBHOOK_SECRET=f" {SECRET} , whsec_two ")
    d.stop()


@scenario("ENV-04")
def a_key_without_the_accounts_permission_needs_the_account_by_name(place):
    e, restricted = place.emulator, KEY.replace("sk_", "rk_")
    key = {"STRIPE_SECRET_KEY": restricted}
    mine = account_of(place)
    e.post("/v1/products", name="x")
    e.admin("POST", "/permissions", {"permissions": {"product": "read", "balance": "read"}})
    _, err = place.run("sync", "products", code=4, env=key)
    check("/v1/account" in err and "account_read" in err and f"account = {mine}" in err, err)
    _, err = place.run("sync", "products", code=4, env={**key, "BRINDLE_ACCOUNT": "acct_1somebodyelse"})
    check(f"Stripe says {mine}" in err, err)
    check(not place.has_store("test"), "a store was made")
    place.run("sync", "products", env={**key, "BRINDLE_ACCOUNT": mine})
    # without the balance, any object tells the mode
    e.admin("POST", "/permissions", {"permissions": {"product": "read"}})
    place.run("sync", "products", env={**key, "BRINDLE_ACCOUNT": mine})
    e.admin("POST", "/permissions", {"permissions": {"coupon": "read"}})
    _, err = place.run("sync", "products", code=4, env={**key, "BRINDLE_ACCOUNT": mine})
    check("/v1/balance" in err and "balance_read" in err, err)


@scenario("ENV-23")
def a_copy_of_the_mirror_is_refused_with_another_key(place):
    """A staging clone of a live mirror, with a test key."""
    live = {"STRIPE_SECRET_KEY": LIVE}
    Http(place.emulator.port, {"Authorization": f"Bearer {LIVE}"}).ask(
        "POST", "/v1/products", "name=real", {"Content-Type": "application/x-www-form-urlencoded"})
    place.run("sync", "products", env={**one(place), **live})
    check(place.one("select livemode from _environment") == 1, "no live mirror")
    before = everything(place)
    refused(place, before, KEY, "live mode", "test mode", "the mode differs", command=("serve",),
            **one(place) | {"STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": SECRET})


@scenario("ENV-28")
def a_start_tries_until_its_deadline_and_writes_nothing_unverified(place):
    e = place.emulator
    for path in ("/v1/account", "/v1/balance"):
        e.fault(f"rate_limit;method=GET;path={path}")
        _, err = place.run("sync", "products", code=6, env={"BRINDLE_START_SECONDS": "2"})
        check("identity not verified" in err, err)
        check(not place.has_store("test"), "a store was made")
        e.no_faults()
    before = e.total()
    e.fault("reset;method=GET;path=/v1/account;count=4")  # within the deadline it is back
    place.run("sync", "products")
    check(len(e.requests("/v1/account", after=before)) >= 5, "it was not tried again")
    e.no_faults()
    before = everything(place)
    e.fault("reset;method=GET;path=/v1/balance")
    _, err = place.run("serve", code=6, env={"BRINDLE_START_SECONDS": "1"})
    check("identity not verified" in err, err)
    check(everything(place) == before, "it has written unverified")
    e.no_faults()


@scenario("ENV-30")
def a_rotated_key_of_the_same_account_needs_no_ceremony(place):
    made = fill(place)
    rolled = KEY.replace("sk_", "rk_")  # another key of the same account
    before = place.rows("select account, livemode, created_at from _environment")
    for _ in range(2):
        place.run("sync", "products", env={"STRIPE_SECRET_KEY": rolled})
    check(place.rows("select account, livemode, created_at from _environment") == before, "the identity changed")
    told = place.rows("select what, detail from _audit order by seq")
    check([w for w, _ in told] == ["made", "key", "key_changed"], told)
    check(re.fullmatch(r"from sk_test_\S+ to rk_test_\S+", told[2][1]), told)
    check("scenario" not in repr(told), "the audit holds a part of a key", told)
    check(set(place.mirrored("product")) == {p["id"] for p in made}, "the mirror changed")
    # of a daemon that runs, in live mode: the file of the key is another one, and it is told to look
    key = place.dir / "key"
    key.write_text(LIVE)
    key.chmod(0o600)
    live = as_key(place, LIVE)
    d = start(place, conf(place, f"[env live]\nsecret_key = file:{key}\nwebhook_secret = whsec_of_live\n{QUICK}"))
    identity = lambda: place.rows("select account, livemode, created_at from _environment", env="live")
    before, pid = identity(), d.process.pid
    live.post("/v1/products", name="before")
    check(d.deliver_to("live", live.events()[0], "whsec_of_live")[0] == 200, "it was not taken")
    key.write_text(LIVE.replace("sk_", "rk_"))
    asked = place.emulator.total()
    d.process.send_signal(signal.SIGHUP)
    until("it is noticed", lambda: "event=key_changed" in place.text_of("daemon.log"))
    d.until_word("live", "ok")
    check(d.process.pid == pid and not d.gone() and identity() == before, "it is another one")
    last = live.post("/v1/products", name="after")
    check(d.deliver_to("live", live.events()[0], "whsec_of_live")[0] == 200, "it was not taken")
    until("it is fetched", lambda: last["id"] in ids_of(place, "live"))
    check(len(ids_of(place, "live")) == 2, "an event was lost")
    check(not [r for r in place.emulator.requests("/v1/products?", after=asked)], "it was walked anew")
    told = place.rows("select what, detail from _audit order by seq", env="live")
    check([w for w, _ in told] == ["made", "key", "key_changed"], told)
    check(re.fullmatch(r"from sk_live_\S+ to rk_live_\S+", told[2][1]), told)
    d.stop()


class Daemons(Daemon):
    """A daemon with several environments."""

    def deliver_to(self, env, event, secret):
        body = json.dumps(event).encode()
        status, _, answer = self.http.ask("POST", f"/webhooks/{env}", body,
                                          {"Stripe-Signature": signature(body, secret)})
        return status, json.loads(answer or b"{}")

    def ready(self, env=None):
        status, _, answer = self.http.ask("GET", "/readyz" + (f"/{env}" if env else ""))
        answer = json.loads(answer)
        return status, answer[env] if env else answer

    def status_of(self, env):
        return json.loads(self.http.ask("GET", f"/api/{env}/status")[2])

    def until_word(self, env, word):
        def says():
            check(not self.gone(), "the daemon has ended")
            answer = self.http.ask("GET", f"/readyz/{env}")[2]  # none, while it begins anew
            return answer and json.loads(answer).get(env, {}).get("status") == word
        until(f"{env} is {word}", says)


def start(place, env, **more):
    d = Daemons(place, **env, **more)
    place.things.append(d)
    return d


def as_key(place, key):
    """The emulator, spoken to with another key."""
    class Other:
        http = Http(place.emulator.port, {"Authorization": f"Bearer {key}"})
        call, post, get, delete, events = (Emulator.call, Emulator.post, Emulator.get, Emulator.delete,
                                           Emulator.events)
    return Other()


def ids_of(place, env):
    return {r[0] for r in place.rows("select id from objects where type = 'product'", env=env)}


TWO = (f"[env test]\nsecret_key = {KEY}\nwebhook_secret = whsec_of_test\n{QUICK}"
       f"[env live]\nsecret_key = {LIVE}\nwebhook_secret = whsec_of_live\nworkers = 3\n{QUICK}")


@scenario("ENV-21")
def two_mirrors_of_one_process_share_nothing(place):
    test, live = place.emulator, as_key(place, LIVE)
    mine = {"test": {test.post("/v1/products", name=f"t{i}")["id"] for i in range(5)},
            "live": {live.post("/v1/products", name=f"l{i}")["id"] for i in range(7)}}
    d = start(place, conf(place, TWO))
    for env, keyed in (("test", test), ("live", live)):
        for event in keyed.events(type="product.created"):
            check(d.deliver_to(env, event, f"whsec_of_{env}")[0] == 200, "a delivery was refused")
    for env in mine:
        until("all is fetched", lambda: d.status_of(env)["due"] == 0 and ids_of(place, env) >= mine[env])
        check(ids_of(place, env) == mine[env], env, "holds another's products")
    out, err = place.run("list", "products", "--json", env=conf(place, TWO), code=2)
    check("say which with --env" in err, err)
    for env, n in (("test", 5), ("live", 7)):
        out, _ = place.run("list", "products", "--env", env, "--json", env=conf(place, TWO))
        check(len(out.splitlines()) == n, env, out)
    account = account_of(place)
    for env, mode in (("test", "test"), ("live", "live")):
        labels = {"env": env, "account": account, "mode": mode}
        check(d.metric("brindle_environment_open", **labels) == 1, "no metric of", labels)
        check(d.metric("brindle_stripe_requests_total", **labels) >= len(mine[env]), "the budget is shared")
        check(d.metric("brindle_workers", **labels) == (3 if env == "live" else 8), "the workers are shared")
        check(f"env={env} account={account} mode={mode}" in place.text_of("daemon.log"), "the log says not which")
    for env, other in (("test", "live"), ("live", "test")):
        whole = place.text_of_store(env)
        check(all(i in whole for i in mine[env]), "the store of", env, "was not read")
        check(not any(i in whole for i in mine[other]), "an id of", other, "is in the store of", env)
        check(place.one("select livemode from _environment", env=env) == (env == "live"), "the mode")
        told = place.write_refused(
            f"insert into objects (type, account, id, {'raw' if place.cluster else 'data'}, revision, ticket, fetched_at, "
            f"changed_at, api_version, source, livemode) values ('product', '{account}', 'prod_x', '{{}}', 1, 1, 1, 1, '', "
            f"'get', {int(env == 'test')})", env)
        check("mode" in told, "the database takes an object of the other mode, or it says:", told)
    d.stop()


@scenario("ENV-26")
def no_environment_falls_back_on_another_ones_secrets(place):
    test = place.emulator
    test.post("/v1/products", name="t")
    event = test.events(type="product.created")[0]
    # live has no key: neither the other environment's nor the process's own variable takes its place
    text = TWO.replace(f"secret_key = {LIVE}\n", "")
    d = start(place, {**conf(place, text), "STRIPE_SECRET_KEY": LIVE, "STRIPE_WEBHOOK_SECRET": "whsec_of_nobody"})
    check(d.ready("live")[1]["status"] == "identity_mismatch", d.ready())
    check(d.ready("test")[0] == 200 and d.ready()[0] == 200, "the other one is kept from its work", d.ready())
    check(not place.has_store("live"), "a store was made without a key")
    check(d.deliver_to("test", event, "whsec_of_test")[0] == 200, "the other one takes no events")
    check(d.deliver_to("live", event, "whsec_of_test")[0] == 400, "another one's secret was taken")
    check(d.deliver_to("live", event, "whsec_of_nobody")[0] == 400, "a variable's secret was taken")
    status, answer = d.deliver_to("live", event, "whsec_of_live")
    check(status == 503 and answer["error"]["reason"] == "environment_closed", answer)
    d.stop()
    # no webhook secret of its own: nothing verifies
    d = start(place, conf(place, TWO.replace("webhook_secret = whsec_of_live\n", "").replace(
        "workers = 3\napi_base = @API\nrate_limit = 0\ncatch_up_seconds = 0", "workers = 3\napi_base = @API\n")))
    check(d.ready("live")[1]["status"] == "ok", d.ready())
    for secret in ("whsec_of_test", "whsec_of_live"):
        check(d.deliver_to("live", event, secret)[0] == 400, "it was taken with", secret)
    d.stop()
    _, err = place.run("serve", code=2, env=conf(place, TWO.replace("whsec_of_live", "whsec_of_test")))
    check("have the same webhook_secret" in err, err)


@scenario("ENV-28B")
def an_environment_whose_stripe_is_away_is_opened_when_it_is_back(place):
    place.run("sync", "products", "--env", "test", env=conf(place, TWO))
    text = TWO.replace("@API", "http://127.0.0.1:9", 1)
    d = start(place, conf(place, text))
    check(d.ready("test")[1]["status"] == "identity_not_verified", d.ready())
    check(d.ready("live")[0] == 200, d.ready())
    # read-only, and labelled
    check(d.status_of("test")["account"] == account_of(place), "the mirror cannot be read")
    status, _, answer = d.http.ask("POST", "/api/test/sync/prod_x?wait=1")
    check(status == 409 and json.loads(answer)["error"]["environment"]["name"] == "test", status, answer)
    conf(place, TWO)
    d.process.send_signal(signal.SIGHUP)
    d.until_word("test", "ok")
    check(not d.gone(), "the daemon has ended")
    d.stop()


@scenario("ENV-28C")
def a_mistake_in_the_file_closes_one_environment_and_ends_no_daemon(place):
    live = TWO[TWO.index("[env live]"):]
    test = TWO.removesuffix(live)
    bad = {"a number out of its range": live.replace("workers = 3", "workers = 99999"),
           "a line that is nothing": live + "nonsense\n", "an unknown name": live + "fuze = 3\n"}
    for what, section in bad.items():  # a start: that one is closed
        d = start(place, conf(place, test + section))
        check(d.ready("live")[1]["status"] == "unusable" and d.ready("test")[0] == 200, what, d.ready())
        if what != "an unknown name":
            d.stop()
    _, err = place.run("list", "products", "--env", "live", env=conf(place, test + bad["an unknown name"]), code=2)
    check("did you mean" in err, err)
    out, err = place.run("status", "--json", env=conf(place, test + bad["an unknown name"]), code=2)
    check('"environment":"test"' in out and "fuze" in err, out, err)
    conf(place, TWO)
    d.process.send_signal(signal.SIGHUP)
    d.until_word("live", "ok")
    # while it runs: it works on with what it has, and says so
    asked = place.text_of("daemon.log").count("event=started")
    worse = {"a choice that is none": TWO.replace("[env test]", "[brindle]\nlog_level = loud\n[env test]"), "no file": None,
             "no environment": "[brindle]\n", "a rate beyond all": test + live.replace("rate_limit = 0", "rate_limit = 99999999")}
    path = place.dir / "brindle.conf"
    for n, (what, text) in enumerate({**{k: test + v for k, v in bad.items()}, **worse}.items(), 1):
        conf(place, text) if text else path.unlink()
        d.process.send_signal(signal.SIGHUP)
        until(what, lambda: place.text_of("daemon.log").count("event=reload_refused") == n)
        status, ready = d.ready()
        check(status == 200 and ready["configuration"] == "refused", what, ready)
        check({e["status"] for e in ready["environments"].values()} == {"ok"}, what, ready)
    check(place.text_of("daemon.log").count("event=started") == asked, "it began anew")
    conf(place, TWO)
    d.process.send_signal(signal.SIGHUP)
    until("it begins anew", lambda: place.text_of("daemon.log").count("event=started") == asked + 1)
    d.until_word("live", "ok")
    check("configuration" not in d.ready()[1], d.ready())
    d.stop()


@scenario("ENV-28D")
def an_address_that_is_taken_ends_no_daemon(place):
    text = f"[brindle]\nlisten = 127.0.0.1:{{}}\n{TWO}"
    d = start(place, conf(place, text.format(place.nobody)), port=place.nobody, BRINDLE_LISTEN="")
    d.until_word("test", "ok")

    def told(count):
        d.process.send_signal(signal.SIGHUP)
        until("it is refused", lambda: d.gone() or place.text_of("daemon.log").count("event=reload_refused") == count)
        check(not d.gone() and d.ready()[1]["configuration"] == "refused", "the daemon has ended")
        return place.text_of("daemon.log")
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        conf(place, text.replace("127.0.0.1:{}", taken))
        check(f"cannot listen on {taken}: Address already in use" in told(1), "it does not say which")
    begun = place.text_of("daemon.log").count("event=started")
    conf(place, text.replace("127.0.0.1:{}", f"127.1:{place.nobody}"))  # what it has itself is not taken
    d.process.send_signal(signal.SIGHUP)
    until("it begins anew", lambda: d.gone() or place.text_of("daemon.log").count("event=started") == begun + 1)
    check(f"event=started listen=127.1:{place.nobody}" in place.text_of("daemon.log"), "the daemon has ended")
    d.until_word("test", "ok")
    d.stop()


class Proxy:
    """Stands before the emulator and speaks with another key when it is told to: a key that was
    exchanged behind our back."""

    def __init__(self, place):
        proxy, upstream = self, place.emulator.port

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                conn = http.client.HTTPConnection("127.0.0.1", upstream, timeout=PATIENCE)
                head = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
                if proxy.key:
                    head["Authorization"] = f"Bearer {proxy.key}"
                conn.request("GET", self.path, headers=head)
                answer = conn.getresponse()
                body = answer.read()
                self.send_response(answer.status)
                for k, v in answer.getheaders():
                    if k.lower() not in ("content-length", "connection", "transfer-encoding"):
                        self.send_header(k, v)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                conn.close()

            def log_message(self, *words):
                pass

        self.key = None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def vanish(place, made):
    """Deleted at Stripe without an event."""
    for one_of in made:
        place.emulator.admin("DELETE", f"/objects/product/{one_of['id']}")


def touched(place, made):
    return [{**place.emulator.events(type="product.created")[0], "id": f"evt_touch_{i}",
             "type": "product.updated", "data": {"object": p}} for i, p in enumerate(made)]


@scenario("ENV-08")
def a_404_without_a_hint_is_a_deletion_only_when_it_is_proven_and_seen_twice(place):
    made = fill(place, 2)
    d = place.start()
    d.deliver_ok(*touched(place, made[:1]))
    d.idle()
    vanish(place, made[:1])
    before = place.emulator.total()
    d.deliver_ok({**touched(place, made[:1])[0], "id": "evt_touch_gone"})
    until("it is a tombstone", lambda: place.one("select deleted from objects where id = ?", made[0]["id"]) == 1)
    asked = [r["path"].split("?")[0] for r in place.emulator.requests(after=before)]
    path = f"/v1/products/{made[0]['id']}"
    check(asked.count(path) == 2, "it was not read twice", asked)
    last = len(asked) - 1 - asked[::-1].index(path)
    check({"/v1/account", "/v1/balance"} <= set(asked[last:]), "the identity was not proven behind it", asked)
    d.stop()


@scenario("ENV-09")
def what_lives_in_the_other_mode_is_told_as_such_and_never_made_anew(place):
    theirs = as_key(place, LIVE).post("/v1/products", name="live")
    fill(place, 1)
    before = len(writes(place))
    d = place.start()
    d.deliver_ok({**place.emulator.events(type="product.created")[0], "id": "evt_live",
                  "type": "product.updated", "data": {"object": {**theirs, "livemode": False}}})
    d.idle()
    state, answer = place.rows("select state, answer from _absent where id = ?", theirs["id"])[0]
    check(state == "foreign" and "live mode" in answer, state, answer)
    check(place.one("select count(*) from objects where id = ?", theirs["id"]) == 0, "it was stored")
    check(len(place.emulator.requests(f"/v1/products/{theirs['id']}")) <= 2, "it was asked for again and again")
    check(len(writes(place)) == before, "something was made anew")
    d.stop()


@scenario("ENV-09B")
def a_users_customer_of_the_other_mode_is_let_go_by_the_policy_alone(place):
    place.writes = True  # a customer is made for a user
    # Copied by hand from where the live key was used: no other way leads to such a binding.
    theirs = as_key(place, LIVE).post("/v1/customers", email="u@x.test")
    price = as_key(place, LIVE).post("/v1/prices", currency="usd", unit_amount=1, product_data={"name": "live"})
    d = place.start()
    ours = json.loads(d.http.ask("POST", "/api/test/users/u/customer", b"")[2])["customerId"]
    d.stop()
    place.write(f"update _users set customer = '{theirs['id']}'")
    wrote = len(writes(place))
    d = place.start()
    status, _, body = d.http.ask("POST", "/api/test/users/u/customer", b"")
    answer = json.loads(body)["error"]
    check((status, answer["reason"]) == (409, "wrong_mode") and "live mode" in answer["message"], status, answer)
    check(answer["environment"]["mode"] == "test", answer)
    check(len(writes(place)) == wrote, "somebody was made anew")
    check(len(place.emulator.requests(f"/v1/customers/{theirs['id']}")) == 1, "it was asked for again")
    d.stop()
    _, err = place.run("sync", "products", code=2, env={"BRINDLE_WRONG_MODE": "recreate"})
    check("recreate-customer" in err, err)
    d = place.start(BRINDLE_WRONG_MODE="recreate-customer")
    # For a price that is missing here no customer is ever made.
    e = place.emulator.events(type="customer.created")[0]
    d.deliver_ok({**e, "id": "evt_price", "type": "price.updated", "data": {"object": {**price, "livemode": False}}})
    d.idle()
    check(len(writes(place)) == wrote, "for a price")
    status, _, body = d.http.ask("POST", "/api/test/users/u/customer", b"")
    new = json.loads(body)["customerId"]
    check(status == 200 and new == ours, "the one that names the user here", status, body)
    check(len(writes(place)) == wrote, "another one was made")
    d.stop()


@scenario("ENV-09C")
def the_api_answers_409_where_a_users_customer_lives_in_the_other_mode(place):
    place.writes = True  # a customer is made for a user
    theirs = as_key(place, LIVE).post("/v1/customers", email="u@x.test")
    d = place.start()
    asked = lambda: d.http.ask("POST", "/api/test/users/u/customer", b"")
    check(asked()[0] == 200, "no customer was made")
    d.stop()
    place.write(f"update _users set customer = '{theirs['id']}'")
    wrote = len(writes(place))
    d = place.start()
    for _ in range(2):  # and it stays so, however often one asks
        status, head, body = asked()
        check(status == 409 and head["Content-Type"].startswith("application/json"), status, head)
        error = json.loads(body)["error"]
        check(error["reason"] == "wrong_mode" and "live mode" in error["message"], error)
        check("wrong_mode = recreate-customer" in error["message"], "it does not say what to do", error)
        check(error["environment"] == {**error["environment"], "name": "test", "account": account_of(place), "mode": "test"},
              "it does not say where", error)
        check("customerId" not in json.loads(body), "an id that helps nobody", body)
    check(place.rows("select state from _absent where id = ?", theirs["id"]) == [("foreign",)], "it is not marked")
    check(len(writes(place)) == wrote, "somebody was made anew")
    d.stop()


@scenario("ENV-10")
def a_wrong_key_that_slips_in_buries_nothing_and_work_goes_on_with_the_right_one(place):
    made = fill(place, 30)
    proxy = Proxy(place)
    place.things.append(proxy)
    d = place.start(STRIPE_API_BASE=proxy.url)
    proxy.key = OTHER
    d.deliver_ok(*touched(place, made))
    until("it is noticed", lambda: b"identity_mismatch" in d.http.ask("GET", "/readyz")[2])
    check(place.one("select count(*) from objects where deleted <> 0") == 0, "something was buried")
    check(d.metric("brindle_environment_open", env="test") == 0, "no alarm in the metrics")
    check("event=work_stopped" in place.text_of("daemon.log"), "no alarm in the log")
    d.deliver_ok({**touched(place, made)[0], "id": "evt_meanwhile"})  # taken, and kept
    proxy.key = None
    until("work goes on", lambda: b'"status":"ok"' in d.http.ask("GET", "/readyz")[2] and not d.gone())
    d.idle()
    check(place.one("select count(*) from objects where deleted <> 0") == 0, "something was buried")
    check(place.one("select count(*) from _inbox") == 31 and d.status()["dead"] == 0, "something was lost")
    d.stop()


@scenario("ENV-10B")
def what_goes_with_its_events_never_trips_the_fuse(place):
    made = fill(place, 40)
    d = place.start()
    for one_of in made:
        place.emulator.delete(f"/v1/products/{one_of['id']}")
    d.deliver_ok(*place.emulator.events(type="product.deleted"))
    d.idle()
    check(place.one("select count(*) from objects where type = 'product' and deleted = 1") == 40, "not all are buried")
    check(d.status()["fuse_blown_at"] == 0, "the fuse has blown")
    d.stop()


@scenario("ENV-11")
def events_of_the_other_mode_are_acknowledged_and_kept_aside(place):
    fill(place, 1)
    event = place.emulator.events(type="product.created")[0]
    d = place.start()
    before = place.emulator.total()
    d.deliver_ok({**event, "id": "evt_live", "livemode": True})
    d.idle()
    check(place.rows("select outcome, reason from _inbox where event = 'evt_live'")
          == [("quarantined", "other_mode")], "it was not kept aside")
    check(d.metric("brindle_inbox_quarantined", env="test", mode="test") == 1, "the counter does not show it")
    check(not place.emulator.requests("/v1/products", after=before), "it was worked for")
    d.stop()


@scenario("ENV-12")
def a_webhook_secret_that_was_not_switched_is_noticed(place):
    fill(place, 3)
    d = place.start(STRIPE_WEBHOOK_SECRET="whsec_of_the_other_world", BRINDLE_CATCH_UP_SECONDS="1")
    late = place.emulator.post("/v1/products", name="the list of events tells of it")
    events = place.emulator.events(type="product.created")
    health = lambda: json.loads(d.http.ask("GET", "/readyz/test")[2])["test"]
    for n, event in enumerate(events[:3]):
        check(health()["status"] == "ok", "it is told after", n, health())
        check(d.deliver(event) == 400, "it was taken")
    check(health()["status"] == "webhook_broken", health())
    check("webhook secret does not match this environment" in health()["detail"], health())
    check(d.deliver(events[0]) == 400, "it was taken")
    check(place.one("select count(*) from _inbox where secret not in ('', 'events')") == 0, "something was taken for a delivery")
    until("the list of events brings it", lambda: late["id"] in place.mirrored("product"))
    check(health()["status"] == "webhook_broken", health())
    d.stop()
    d = place.start()  # with the right one
    d.deliver_ok(*events[:3])
    check(health()["status"] == "ok", health())
    d.stop()


@scenario("ENV-13")
def any_of_several_secrets_is_taken_and_recorded(place):
    fill(place, 1)
    event = place.emulator.events(type="product.created")[0]
    secrets = ["whsec_old", "whsec_new", "whsec_connect"]
    d = place.start(STRIPE_WEBHOOK_SECRET=",".join(secrets))
    for i, secret in enumerate(secrets):
        check(d.deliver({**event, "id": f"evt_{i}"}, secret=secret) == 200, secret, "was not taken")
    check(d.deliver({**event, "id": "evt_9"}, secret="whsec_of_nobody") == 400, "anybody's was taken")
    check(place.rows("select event, secret from _inbox order by seq")
          == [("evt_0", "1"), ("evt_1", "2"), ("evt_2", "3")], "which one is not recorded")
    d.stop()


@scenario("ENV-22")
def errors_logs_and_answers_say_of_which_environment(place):
    made = fill(place, 1)
    e, account = place.emulator, account_of(place)
    d = place.start()
    e.fault("permission;path=/v1/products")
    d.deliver_ok(*touched(place, made))
    line = until("it is told", lambda: [x for x in place.text_of("daemon.log").splitlines() if "event=work_dead" in x])[-1]
    check(f"env=test account={account} mode=test" in line and "req_" in line, line)
    status, _, answer = d.http.ask("GET", "/api/test/customers/cus_nobody/state")
    error = json.loads(answer)["error"]
    check(error["environment"] == {"name": "test", "account": account, "mode": "test"}, status, error)
    check("req_" in json.loads(place.run("inbox", "dead", "--json")[0].splitlines()[0])["last_error"], "no request id")
    d.stop()
    e.no_faults()


@scenario("ENV-25B")
def what_hangs_on_another_worlds_payments_is_listed_and_not_tried_for_ever(place):
    live = as_key(place, LIVE).post("/v1/payment_intents", amount=500, currency="usd")
    e = place.emulator
    charge = e.post("/v1/charges", amount=500, currency="usd", source="tok_visa")
    e.edit("charge", charge["id"], payment_intent=live["id"])
    d = place.start()
    d.deliver_ok({**e.events(type="charge.succeeded")[0], "id": "evt_again"})
    d.idle()
    asked = len(e.requests(f"/v1/payment_intents/{live['id']}"))
    found = [json.loads(x) for x in place.run("env", "check", "--json", code=3)[0].splitlines()]
    check([x["id"] for x in found if x["what"] == "unpayable" and x["state"] == "foreign"] == [charge["id"]], found)
    check([x["foreign"] for x in found if x["what"] == "reference" and x["type"] == "charge"] == [1], found)
    place.run("check", "refs", "--repair", code=3)
    check(len(e.requests(f"/v1/payment_intents/{live['id']}")) == asked, "it was asked for again")
    d.stop()


@scenario("ENV-27")
def a_mirror_from_an_old_backup_is_walked_whole(place):
    fill(place, 2)
    d = place.start(BRINDLE_CATCH_UP_SECONDS="1")
    until("the events are followed", lambda: d.status()["events_read_at"] > 0)
    d.stop()
    days = 40 * 86400
    place.write(f"""update _counters set value = value - {days} where name = 'events_cursor';
        update _counters set value = value - {days * 1000} where name in ('events_read', 'events_begun')""")  # it slept so long
    e = place.emulator
    late = e.post("/v1/products", name="old")
    made, gone = [p for p in place.mirrored("product")][:2]
    e.edit("product", made, name="no event tells of it")
    vanish(place, [{"id": gone}])
    walked = {r["path"].split("?")[0] for r in e.requests("/v1/")}
    before = e.total()
    d = place.start(BRINDLE_CATCH_UP_SECONDS="1")
    until("the gap is told", lambda: d.status()["events_gap_to"] > 0)
    until("all is walked", lambda: late["id"] in place.mirrored("product") and place.mirrored("product")[gone][1]
          and place.mirrored("product")[made][0]["name"] == "no event tells of it")
    d.idle()
    again = {r["path"].split("?")[0] for r in e.requests("/v1/", after=before)}
    check({"/v1/" + x for x in ("products", "prices", "customers", "subscriptions", "invoices", "payment_intents", "charges",
                                "refunds", "coupons")} <= again, "not every list was walked", again)
    check(d.status()["events_begun_at"] > d.status()["events_gap_from"], "it is claimed that nothing was missed")
    d.stop()
