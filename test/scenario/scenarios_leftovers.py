"""Leftovers of another environment in the application's own database: the Hi.Events story."""
import json
import sqlite3
import subprocess
import time

from front import Front
from place import BRINDLE, KEY, Http, check, form, until
import urllib.parse

SCENARIOS = []
LIVE = KEY.replace("sk_test_", "sk_live_")  # the same account in live mode
SANDBOX = "sk_test_leftovers0123456789"     # an account of its own
NO_VARIABLES = {"STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRET": ""}
CONNECTED = "acct_1TestConnected0001"
COLUMNS = ("accounts.stripe_account_id, orders.stripe_price_id, "
           "stripe_customers.stripe_customer_id=delete, stripe_customers.stripe_account_id, "
           "stripe_payments.connected_account_id, stripe_payments.payment_intent_id")
# As Hi.Events has it, down to the customers that are looked up by e-mail.
SCHEMA = """
create table accounts (id {serial} primary key, name text not null, stripe_account_id varchar(255));
create table orders (id {serial} primary key, account_id integer references accounts(id), stripe_price_id text);
create table stripe_customers (id {serial} primary key, name text, email text not null,
    stripe_customer_id varchar(255) not null unique, stripe_account_id varchar(255), t text);
create table stripe_payments (id {serial} primary key, order_id integer not null references orders(id),
    payment_intent_id text, connected_account_id text);
"""


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


class Application:
    """Its database: a file, or a database of the PostgreSQL that the mirrors are on."""

    def __init__(self, place):
        self.cluster = place.cluster
        self.name = place.cluster.database() if place.cluster else str(place.dir / "app.db")
        self.url = place.cluster.url(self.name) if place.cluster else f"sqlite:{self.name}"
        self.run(SCHEMA.format(serial="serial" if place.cluster else "integer"))

    def run(self, text):
        if self.cluster:
            return self.cluster.sql(self.name, text, schema="public")
        c = sqlite3.connect(self.name)
        c.executescript(text)
        c.commit()
        c.close()

    def rows(self, sql):
        if self.cluster:
            text = self.cluster.sql(self.name, f"select coalesce(json_agg(x), '[]') from ({sql}) x;", schema="public")
            return [tuple(r.values()) for r in json.loads(text)]
        c = sqlite3.connect(self.name)
        found = c.execute(sql).fetchall()
        c.close()
        return found

    def everything(self):
        return {t: self.rows(f"select * from {t} order by id")
                for t in ("accounts", "orders", "stripe_customers", "stripe_payments")}


def at_stripe(place, key, path, account=None, **params):
    http = Http(place.emulator.port, {"Authorization": f"Bearer {key}", **({"Stripe-Account": account} if account else {})})
    body = urllib.parse.urlencode(form(params))
    status, _, answer = http.ask("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"})
    http.close()
    check(status == 200, path, answer)
    return json.loads(answer)["id"]


def conf(place, app, columns=COLUMNS, live=LIVE):
    path = place.dir / "brindle.conf"
    more = "rate_limit = 0\ncatch_up_seconds = 0\ncheck_seconds = 0\nrelist_seconds = 0\n"
    api = f"api_base = http://127.0.0.1:{place.emulator.port}\n"
    path.write_text(f"[env test]\nsecret_key = {KEY}\n{api}{more}[env live]\nsecret_key = {live}\n{api}{more}"
                    f"application_database = {app.url}\napplication_columns = {columns and 'file:columns.txt'}\n")
    path.chmod(0o600)
    (place.dir / "columns.txt").write_text(columns.replace(", ", "\n"))
    return {"BRINDLE_CONFIG": str(path), **NO_VARIABLES}


def lines(text):
    return {line["column"]: line for line in map(json.loads, text.splitlines())}


def writes(place):
    return [r for m in ("POST", "DELETE") for r in place.emulator.requests(method=m)]


def hi_events(place):
    """An application that went live over night: what is left of its test days, and what is new."""
    app = Application(place)
    old = [at_stripe(place, KEY, "/v1/customers", email=f"{i}@x.test") for i in range(3)]
    new = at_stripe(place, LIVE, "/v1/customers", email="new@x.test")
    sandbox = at_stripe(place, SANDBOX, "/v1/customers", email="s@x.test")
    price = at_stripe(place, KEY, "/v1/prices", currency="usd", unit_amount=1, product_data={"name": "t"})
    paid = at_stripe(place, KEY, "/v1/payment_intents", amount=500, currency="usd")
    fresh = at_stripe(place, LIVE, "/v1/payment_intents", amount=500, currency="usd")
    app.run(f"""insert into accounts (id, name, stripe_account_id) values (1, 'organiser', '{CONNECTED}'), (2, 'b', null);
        insert into orders (id, account_id, stripe_price_id) values (1, 1, '{price}'), (2, 1, null), (3, 2, null);
        insert into stripe_customers (id, email, stripe_customer_id, stripe_account_id) values
            (1, '0@x.test', '{old[0]}', '{CONNECTED}'), (2, '1@x.test', '{old[1]}', null),
            (3, '2@x.test', '{old[2]}', null), (4, 'new@x.test', '{new}', null), (5, 's@x.test', '{sandbox}', null);
        insert into stripe_payments (id, order_id, payment_intent_id, connected_account_id) values
            (1, 1, '{paid}', '{CONNECTED}'), (2, 3, '{fresh}', null), (3, 2, 'none yet', null);""")
    env = conf(place, app)
    place.run("sync", "customers", "--env", "test", env=env)
    place.run("sync", "customers", "--env", "live", env=env)
    return app, env, {"old": old, "new": new, "sandbox": sandbox, "paid": paid, "price": price}


def leftovers(place, env, *more, code=3):
    return place.run("check", "leftovers", "--env", "live", *more, code=code, env=env)


@scenario("ENV-05")
def what_is_left_of_another_environment_is_counted_and_nothing_is_written(place):
    app, env, ids = hi_events(place)
    before, wrote = app.everything(), len(writes(place))
    out, _ = leftovers(place, env, "--json")
    found = lines(out)
    customers = found["stripe_customers.stripe_customer_id"]
    check((customers["ids"], customers["here"], customers["other_mode"], customers["unknown"]) == (5, 1, 3, 1), customers)
    why = {x["id"]: x["why"] for x in customers["examples"]}
    check("mirror of test" in why[ids["old"][0]] and "No such" in why[ids["sandbox"]], why)
    # Nobody has a mirror of this one: Stripe's own hint proves it.
    check("similar object exists in test mode" in found["orders.stripe_price_id"]["examples"][0]["why"], found)
    check(found["stripe_payments.payment_intent_id"]["no_id"] == 1, "what is no id", found)
    check(app.everything() == before and len(writes(place)) == wrote, "something was written")
    # The look at the environment says the same in short, Stripe's hint included.
    out, _ = place.run("env", "check", "live", "--json", code=3, env=env)
    short = {x["column"]: x for x in map(json.loads, out.splitlines()) if x["what"] == "application"}
    check({n: (x["ids"], x["unknown"], x["elsewhere"]) for n, x in short.items()} ==
          {n: (x["ids"], x["unknown"], x["foreign"]) for n, x in found.items() if x["unknown"] + x["foreign"]}, short)
    check(short["orders.stripe_price_id"]["elsewhere"] == 1 and len(short) == 6, short)
    # A column that is not there is named, and so is what is.
    _, err = leftovers(place, conf(place, app, "customer.stripe_id"), code=2)
    check('no table "customer"' in err and "stripe_customers" in err, err)
    # What looks like ids is proposed, and the proposal can be used as it stands.
    env = conf(place, app, "")
    out, _ = leftovers(place, env, "--discover", code=0)
    check(set(out.replace("application_columns = ", "").split()) == {c.split("=")[0] for c in COLUMNS.split(", ")}, out)
    path = place.dir / "brindle.conf"
    path.write_text(path.read_text().replace("application_columns = \n", out))
    check(set(lines(leftovers(place, env, "--json")[0])) == set(found), "the proposal is not what can be pasted")
    check(app.everything() == before, "the proposal has written")
    # A mirror that nobody configures any more is read all the same.
    path.write_text(path.read_text()[path.read_text().index("[env live]"):])
    why = lines(leftovers(place, env, "--json")[0])["stripe_customers.stripe_customer_id"]["examples"][0]["why"]
    check(place.cluster or "mirror of test" in why, why)


@scenario("ENV-06")
def a_leftover_connected_account_is_reported_mended_and_put_back(place):
    app, env, ids = hi_events(place)
    before = app.everything()
    out, _ = leftovers(place, env, "--json")
    found = lines(out)
    account = found["accounts.stripe_account_id"]
    check(account["other_account"] == 1 and "Connect is off" in account["examples"][0]["why"], account)
    check(account["dependents"] == [{"table": "orders", "column": "account_id", "rows": 2},
                                    {"table": "stripe_payments", "column": "order_id", "rows": 2, "through": ["orders"]}],
          account["dependents"])
    for column in ("stripe_customers.stripe_account_id", "stripe_payments.connected_account_id"):
        check(found[column]["other_account"] == 1, "filed under it:", column, found[column])
    sql, _ = leftovers(place, env, "--sql", code=0)
    check(f"set \"stripe_account_id\" = null where \"stripe_account_id\" in ('{CONNECTED}');" in sql, sql)
    check(ids["sandbox"] not in sql, "what is unknown is mended unasked")
    check(app.everything() == before, "printing has mended")
    _, err = leftovers(place, env, "--apply", code=2)
    check("--yes" in err and app.everything() == before, "without a terminal and without --yes:", err)
    leftovers(place, env, "--apply", "--yes", code=0)
    check(app.rows("select count(*) from accounts where stripe_account_id is not null") == [(0,)], app.everything())
    left = app.rows("select stripe_customer_id from stripe_customers order by id")
    check(left == [(ids["new"],), (ids["sandbox"],)], "customers", left)
    check(app.rows("select id from stripe_payments order by id") == [(1,), (2,), (3,)], "payments are never deleted")
    leftovers(place, env, code=3)  # the unknown one
    # An account that was connected anew meanwhile is not overwritten.
    app.run("update accounts set stripe_account_id = 'acct_1LiveConnected0001' where id = 1")
    out, _ = leftovers(place, env, "--undo", "--json", code=0)
    check(json.loads(out)["changed_since"] == 1, out)
    app.run(f"update accounts set stripe_account_id = '{CONNECTED}' where id = 1")
    check(app.everything() == before, "not as it was", app.everything(), before)
    _, err = leftovers(place, env, "--undo", code=1)
    check("nothing to put back" in err, err)


@scenario("ENV-06B")
def what_the_database_forbids_leaves_everything_as_it_was(place):
    app, env, ids = hi_events(place)
    app.run("create table visits (id integer primary key, customer integer references stripe_customers(id));"
            "insert into visits values (1, 2);")
    before = app.everything()
    _, err = leftovers(place, env, "--apply", "--yes", code=5)
    check("stripe_customers" in err and "nothing was changed" in err, err)
    check(app.everything() == before, "half of it was mended")
    app.run("drop table visits; create table visits (id integer primary key,"
            " customer integer references stripe_customers(id) on delete cascade); insert into visits values (1, 2);")
    _, err = leftovers(place, env, "--apply", "--yes", code=5)
    check("visits" in err and "nothing was changed" in err, err)
    check(app.everything() == before and app.rows("select id from visits") == [(1,)], "more went than is kept")


@scenario("ENV-07")
def an_id_of_unknown_origin_stays_unknown_until_somebody_says_so(place):
    app, env, ids = hi_events(place)
    leftovers(place, env, "--apply", "--yes", code=0)
    out, _ = leftovers(place, env, "--json")
    customers = lines(out)["stripe_customers.stripe_customer_id"]
    check((customers["unknown"], customers["other_mode"]) == (1, 0), customers)
    check(place.cluster or not place.one("select count(*) from objects where id = ?", ids["sandbox"]), "adopted")
    leftovers(place, env, "--apply", "--yes", "--unknown", code=0)
    out, _ = leftovers(place, env, "--json", code=0)
    check(lines(out)["stripe_customers.stripe_customer_id"]["ids"] == 1, out)


@scenario("ENV-07B")
def with_connect_what_a_connected_account_has_is_asked_for_and_kept(place):
    app, env, ids = hi_events(place)
    organiser, other, gone = (at_stripe(place, LIVE, "/v1/accounts", type="standard") for _ in range(3))
    mine, theirs, lost = (at_stripe(place, LIVE, "/v1/customers", account=a, email=f"{a}@x.test") for a in (organiser, other, gone))
    mirrored = at_stripe(place, LIVE, "/v1/customers", account=other, email="mirrored@x.test")
    app.run(f"""delete from stripe_payments; delete from orders; delete from accounts; delete from stripe_customers;
        insert into stripe_customers (id, email, stripe_customer_id, stripe_account_id) values
            (1, 'a@x.test', '{mine}', '{organiser}'), (2, 'b@x.test', '{theirs}', null), (3, 'c@x.test', '{lost}', '{gone}'),
            (4, 'd@x.test', '{mirrored}', null), (5, 's@x.test', '{ids["sandbox"]}', null),
            (6, 'new@x.test', '{ids["new"]}', null);""")
    conf_file = place.dir / "brindle.conf"
    conf_file.write_text(conf_file.read_text() + "connect = on\n")
    # Nobody has told which accounts there are: nothing is asked, nothing goes.
    _, err = leftovers(place, env, "--apply", "--yes", "--unknown", code=4)
    check("brindle sync accounts --env live" in err, err)
    place.run("sync", "accounts", "--env", "live", env=env)
    place.run("sync", mirrored, "--env", "live", "--account", other, env=env)
    Http(place.emulator.port, {"Authorization": f"Bearer {LIVE}"}).ask("DELETE", f"/v1/accounts/{gone}")
    place.run("sync", lost, "--env", "live", "--account", gone, code=None, env=env)
    _, err = leftovers(place, env, "--apply", "--yes", "--unknown", "--offline", code=4)
    check("leave --offline or --unknown away" in err, err)
    after = place.emulator.total()
    out, err = leftovers(place, env, "--apply", "--yes", "--unknown", code=3)
    left = app.rows("select stripe_customer_id from stripe_customers order by id")
    check(left == [(mine,), (theirs,), (lost,), (mirrored,), (ids["new"],)], "what lives somewhere has gone, or too little", left, err)
    said = " ".join(err.split())
    check("Stripe was asked for 4 ids as the platform, 1 as the account that its row names, 2 as each of 2 connected accounts."
          in said, said)
    check(f"1 id stays: 1 could not be asked for: {lost}" in said and f"its row names {gone}" in said, said)
    asked = [(r["path"].split("/")[-1], r["account"]) for r in place.emulator.requests("/v1/customers/", after=after) if r["account"]]
    check((mine, organiser) in asked and (mine, other) not in asked and not [x for x in asked if x[1] == gone], asked)
    check((mirrored, other) not in asked, "what the mirror has is asked for", asked)


@scenario("ENV-25")
def orders_of_another_modes_payments_are_unpayable_and_asked_for_once(place):
    app, env, ids = hi_events(place)
    after = place.emulator.total()
    _, err = leftovers(place, env, "--json")
    asked = [r["path"] for r in place.emulator.requests("/v1/payment_intents/", after=after)]
    check(asked.count(f"/v1/payment_intents/{ids['paid']}") == 1, asked)
    out, _ = leftovers(place, env, "--json")
    payment = lines(out)["stripe_payments.payment_intent_id"]
    check(payment["other_mode"] == 1 and payment["here"] == 1, payment)
    check(payment["notes"] == ["1 payment began elsewhere and is unpayable in this environment: its order needs a new one"],
          payment)
    # A key of another account looks at nothing.
    _, err = leftovers(place, conf(place, app, live="sk_live_leftovers0123456789"), code=4)
    check("Nothing was looked at" in err, err)


# Long enough to be killed in, wherever a row of the application changes.
SLOW = {False: """create trigger slow_u before update on accounts begin select (with recursive c (i) as
            (select 1 union all select i + 1 from c where i < 20000000000) select count(*) from c); end;""",
        True: """create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(60); return new; end';
            create trigger slow_u before update on accounts for each row execute function slow();"""}
FAST = {False: "drop trigger slow_u", True: "drop trigger slow_u on accounts; drop function slow()"}


def is_writing(place, app):
    if place.cluster:
        return app.rows("select 1 from pg_stat_activity where application_name = 'brindle' and wait_event = 'PgSleep'")
    return (place.dir / "app.db-journal").exists()


def killed_in_the_middle(place, app, env, *words):
    app.run(SLOW[bool(place.cluster)])
    command = subprocess.Popen([BRINDLE, "check", "leftovers", "--env", "live", *words], cwd=place.dir,
                               env={**place.env(), **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    place.guard.watch(command)
    until("it writes", lambda: is_writing(place, app))
    command.kill()
    command.wait()
    if place.cluster:  # the server notices when it next says something; here it is told
        app.run("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'brindle'")
        until("it is gone", lambda: not is_writing(place, app))


@scenario("ENV-06C")
def a_mending_that_is_killed_in_the_middle_was_none(place):
    app, env, ids = hi_events(place)
    before = app.everything()
    killed_in_the_middle(place, app, env, "--apply", "--yes")
    leftovers(place, env)  # a half-written journal is no hindrance to who looks
    app.run(FAST[bool(place.cluster)])
    check(app.everything() == before, "half of it was mended")
    leftovers(place, env, "--undo", code=1)
    leftovers(place, env, "--apply", "--yes", code=0)
    mended = app.everything()
    check(mended != before, "nothing was mended")
    killed_in_the_middle(place, app, env, "--undo")
    app.run(FAST[bool(place.cluster)])
    check(app.everything() == mended, "half of it was put back")
    leftovers(place, env, "--undo", code=0)
    check(app.everything() == before, "not as it was")


@scenario("ENV-20I")
def a_switch_looks_through_the_application_for_so_long_and_no_longer(place):
    """Until it has looked, nobody is worked for: the rest is looked at by a command of its own."""
    place.writes = True
    app, env, _ = hi_events(place)
    path, front, slow = place.dir / "brindle.conf", Front(place.emulator), []
    place.things.append(front)
    text = path.read_text().replace(f"http://127.0.0.1:{place.emulator.port}", front.env["STRIPE_API_BASE"])

    def bend(asked, *_):
        if asked.count("/") > 2:  # an id
            slow.append(asked)
            time.sleep(1.1)
    front.bend = bend

    def said(seconds, *words):
        path.write_text(f"{text}application_seconds = {seconds}\n")
        out, _ = place.run("env", "switch", "live", "--from", "test", "--json", *words, env=env)
        found = {line["step"]: line for line in map(json.loads, out.splitlines()) if "step" in line}
        check(found["leftovers"]["outcome"] == "warning", found)
        return found["leftovers"]["text"], found
    told, _ = said(0, "--dry-run")
    check("was not looked at (application_seconds): brindle check leftovers --env live does that" in told and not slow, told)
    told, found = said(1)
    check("columns were not looked at to their end: brindle check leftovers --env live" in told, told)
    check(len(slow) <= 1, "it went on", slow)
    check(found["resumed"]["outcome"] == "ok", found)
