"""What only a server of its own can do to us: be killed, hang, be restarted."""
import contextlib
import json
import os
import random
import re
import sqlite3
import subprocess
import tempfile
import time

import doctor_plants  # noqa: F401
from cluster import Cluster
from doctor_ward import Ward
from guard import Guard
from place import ROOT, SOAK, Skip, check, until
from scenarios_kill import Load
from scenarios_state import event

SCENARIOS = []
SERVER_KILLS = 5 * SOAK
CUT_SECONDS = 3


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


def settle(place, d, products, load):
    """After the load: told of everything, all that was acknowledged is there, once."""
    d.http.close()  # it may have idled for too long
    for p in products:
        d.deliver_ok(event(f"evt_last_{p['id']}", "product.updated", p))
    d.idle()
    known = [r[0] for r in place.rows("select event from _inbox")]
    missing = set(load.acknowledged) - set(known)
    check(not missing, len(missing), "acknowledged events are lost")
    check(len(known) == len(set(known)), "an event is there twice")
    place.check_mirror()


def under_load(place, trouble, **env):
    e = place.emulator
    products = [e.post("/v1/products", name=f"p{i}") for i in range(40)]
    d = place.start(**env)
    load = Load(e, products)
    load.port = d.port
    try:
        trouble(d, load)
        before = len(load.acknowledged)
        until("it goes on afterwards", lambda: len(load.acknowledged) > before + 20)
    finally:
        load.stop()
    check(not d.gone(), "the daemon ended")
    settle(place, d, products, load)


def more(load, n):
    before = len(load.acknowledged)
    until("some events are acknowledged", lambda: len(load.acknowledged) > before + n)


@scenario("PG-01")
def the_server_is_killed_under_load_and_nothing_acknowledged_is_lost(place):
    def trouble(d, load):
        for _ in range(SERVER_KILLS):
            more(load, 20)
            place.cluster.kill()
            place.cluster.start()
            known = {r[0] for r in place.rows("select event from _inbox")}
            missing = [x for x in list(load.acknowledged) if x not in known]
            # what was acknowledged since is not in that answer yet
            again = {r[0] for r in place.rows("select event from _inbox")}
            check(not [x for x in missing if x not in again], "lost:", missing[:3])
    under_load(place, trouble)


@scenario("PG-02")
def a_database_that_is_cut_off_for_seconds_costs_nothing_but_time(place):
    def trouble(d, load):
        more(load, 20)
        family = place.cluster.freeze()
        time.sleep(CUT_SECONDS)
        place.cluster.thaw(family)
        more(load, 20)
        place.cluster.stop()
        time.sleep(CUT_SECONDS)
        place.cluster.start()
    under_load(place, trouble)


@scenario("PG-03")
def sessions_that_are_ended_by_an_administrator_come_back(place):
    def trouble(d, load):
        for _ in range(20 * SOAK):
            more(load, 5)
            place.cluster.sql("postgres", "select count(pg_terminate_backend(pid)) from pg_stat_activity "
                              f"where datname = '{place.database}' and pid <> pg_backend_pid();")
    under_load(place, trouble)


@scenario("PG-04")
def two_daemons_start_at_once_and_share_the_work(place):
    e = place.emulator
    products = [e.post("/v1/products", name=f"p{i}") for i in range(200)]
    first, second = place.start_pair()
    for i, p in enumerate(products):
        (first if i % 2 else second).deliver_ok(event(f"evt_{i}", "product.updated", p))
    first.idle()
    check(place.one("select count(*) from products") == 200, "not all are there")
    check(place.one("select count(*) from _environment") == 1, "two identities")
    gets = len([r for r in e.requests("/v1/products/") if r["path"].startswith("/v1/products/prod")])
    check(gets <= 400, "200 products cost", gets, "fetches")
    place.run("sync", "products")
    place.check_mirror(["product"])


@scenario("PG-05")
def a_mirror_moves_to_sqlite_and_back_without_asking_stripe(place):
    e = place.emulator
    for i in range(250):
        e.post("/v1/products", name=f"p{i}", description="tab\tquote\" ü")
    customer = e.post("/v1/customers", email="a@example.com")
    e.post(f"/v1/customers/{customer['id']}", name="new")
    d = place.start()
    d.deliver_ok(*e.events(type="customer.updated"))
    place.run("sync")
    e.edit("customer", customer["id"], name="behind its back")
    place.run("check", "drift", "customers", "products", code=3)
    d.idle()
    d.stop()
    asked = e.total()
    here, there = place.env()["DATABASE_URL"], f"sqlite:{place.dir / 'moved'}"
    tables = {t: place.one(f"select count(*) from {t}") for t in
              ("objects", "_refs", "_history", "_inbox", "_walks", "_calls", "_checks", "_drift")}
    greatest = place.one("select max(revision) from objects")
    out = place.run("copy", here, there)[1]
    check("equal on both sides" in out, "it says", out)
    check(place.run("copy", here, there, code=None)[1].count("already"), "it copies over a mirror")
    # as one that was broken off before its last step looks; since then the old one was written to
    with contextlib.closing(sqlite3.connect(place.dir / "moved" / "test.db", isolation_level=None)) as moved:
        moved.executescript("delete from _environment; delete from _sequence; alter table objects drop column one_mode")
        place.write("update _due set gen = gen + 1, last_error = 'late' where id = (select min(id) from _due where kind = 'object');"
                    "update _environment set sealed_for = 'live'")
        place.run("copy", here, there)
        check(moved.execute("select count(*) from _due where last_error = 'late' and done_gen < gen").fetchone()[0] == 1,
              "acknowledged work is lost")
        check(moved.execute("select sealed_for from _environment").fetchone()[0] == "live", "the copy of a sealed one is open")
        moved.execute("update _due set last_error = null, gen = gen - 1 where last_error = 'late'")
    back = place.cluster.url(place.cluster.database())
    place.run("copy", there, back)
    check(e.total() == asked, "Stripe was asked", e.total() - asked, "times")
    place.database = back.split("/")[3].split("?")[0]
    check(place.one("select sealed_for from _environment") == "live", "the copy of a sealed one is open")
    place.write("update _environment set sealed_for = ''")
    for table, n in tables.items():
        check(place.one(f"select count(*) from {table}") == n, table, "is not what it was")
    check(place.one("select last_value from _sequence") > greatest, "revisions would come again")
    d = place.start()  # and it lives there
    e.post(f"/v1/customers/{customer['id']}", name="newest")
    place.check_all(d)


@scenario("PG-06")
def views_are_made_anew_under_a_users_own(place):
    e = place.emulator
    product = e.post("/v1/products", name="x")
    price = e.post("/v1/prices", product=product["id"], currency="usd", unit_amount=700,
                   recurring={"interval": "month"})
    customer = e.post("/v1/customers", email="a@example.com")
    method = e.post("/v1/payment_methods", type="card", card={"token": "tok_visa"})
    e.post(f"/v1/payment_methods/{method['id']}/attach", customer=customer["id"])
    e.post("/v1/subscriptions", customer=customer["id"], items=[{"price": price["id"]}],
           default_payment_method=method["id"])
    d = place.start()
    place.run("sync")
    d.idle()
    d.stop()
    sql = place.cluster.sql
    sql(place.database, "create view public.payers as select c.email, p.name, s.created from customers c "
        "join subscriptions s on s.customer = c.id join subscription_items i on i.subscription = s.id "
        "join prices on prices.id = i.price join products p on p.id = prices.product;")
    before = place.rows("select * from public.payers")
    check(len(before) == 1 and before[0][:2] == ("a@example.com", "x"), "the query finds", before)
    readme = (ROOT / "README.md").read_text()
    query = re.search(r'psql "\$DATABASE_URL" -c "(.*?)"', readme, re.S)[1].replace("past_due", "active")
    sql(place.database, "create table public.users (name text, email text); "
        "insert into public.users values ('Ada', 'a@example.com'), ('Bob', 'b@example.com');")
    found = sql(place.database, query + ";", schema="public").split("|")
    check(found[:2] == ["Ada", "active"] and float(found[2]) == 7, "the README's query finds", found)
    first = place.one("select string_agg(column_name, ', ' order by ordinal_position) from "
                      "information_schema.columns where table_schema = 'brindle_test' "
                      "and table_name = 'products' and ordinal_position <= 5")
    sql(place.database, "update _environment set views = 'older'; drop view products cascade; "
        f"create view products as select {first} from products_all "
        "where deleted = 0; create view public.mine as select id from products;")
    d = place.start()  # columns are appended; the user's view stays
    check(place.one("select name from products") == "x", "the columns did not come")
    check(place.one("select id from public.mine") == product["id"], "the user's view is gone")
    kinds = dict(place.rows("select column_name, data_type from information_schema.columns where "
                            "table_schema = 'brindle_test' and table_name = 'prices'"))
    check(kinds["unit_amount"] == "bigint" and kinds["created"] == "timestamp with time zone", kinds)
    place.check_all(d)


@contextlib.contextmanager
def pair(place):
    """A server of this scenario's own, and one that follows it."""
    usual = place.cluster
    first = place.cluster = Cluster()
    place.database = first.database()
    second = None
    try:
        second = first.standby()
        yield first, second
    finally:
        place.cluster = usual
        for cluster in filter(None, (first, second)):
            cluster.remove()


@scenario("PG-07")
def a_standby_is_not_written_until_it_takes_over_and_nothing_is_lost(place):
    with pair(place) as (first, second):
        there = {"DATABASE_URL": second.url(place.database)}
        either = (f"postgresql:///{place.database}?host={first.dir},{second.dir}&user=postgres"
                  "&target_session_attrs=read-write")

        def trouble(d, load):
            more(load, 20)
            _, said = place.run("serve", code=6, env=there)
            check("point DATABASE_URL at the primary" in said, "serve says", said)
            place.run("list", "products", env=there)  # to read it is fine
            first.kill()
            second.promote()
            place.cluster = second
        under_load(place, trouble, DATABASE_URL=either)


@scenario("PG-08")
def an_administrators_settings_change_nothing(place):
    for name, value in (("default_transaction_isolation", "serializable"), ("search_path", "pg_catalog"),
                        ("synchronous_commit", "off"), ("DateStyle", "German"), ("TimeZone", "Asia/Kolkata"),
                        ("IntervalStyle", "sql_standard"), ("bytea_output", "escape"), ("lock_timeout", "2s"),
                        ("standard_conforming_strings", "off"), ("enable_indexscan", "off")):
        place.cluster.sql("postgres", f"alter database {place.database} set {name} = '{value}';")
    under_load(place, lambda d, load: more(load, 200))


@contextlib.contextmanager
def small_disk(place, megabytes):
    """A disk of that size, where the tables of the place will lie."""
    if os.geteuid() != 0:
        raise Skip("a small disk is mounted by root alone")
    where = tempfile.mkdtemp(prefix="brindle-disk-")
    guard = Guard(where)

    def mount(*options):
        done = subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", where], capture_output=True)
        if done.returncode != 0:
            raise Skip(done.stderr.decode().strip())

    sql = place.cluster.sql
    try:
        mount("-o", f"size={megabytes}m")
        try:
            os.chown(where, place.cluster.user.pw_uid, place.cluster.user.pw_gid)
            sql("postgres", f"create tablespace small location '{where}';")
            sql("postgres", f"alter database {place.database} set default_tablespace = small;")
            yield lambda megabytes: mount("-o", f"remount,size={megabytes}m")
            place.check_no_secret()
            sql("postgres", f"drop database {place.database} with (force);")
            sql("postgres", "drop tablespace small;")
            sql("postgres", f"create database {place.database};")
        finally:
            subprocess.run(["umount", "-l", where], check=True)
    finally:
        guard.end()


@scenario("PG-09")
def a_full_disk_refuses_until_there_is_room_and_loses_nothing(place):
    e = place.emulator
    products = [e.post("/v1/products", name=f"p{i}") for i in range(10)]
    taken, dice = [], random.Random(1)
    noise = "".join(dice.choices("0123456789abcdef", k=60000))  # that nobody makes much smaller

    with small_disk(place, 12) as make_room:
        d = place.start()

        def take_one():
            ident = f"evt_{len(taken)}"
            status = d.deliver(event(ident, "product.updated", products[len(taken) % 10], noise=noise))
            check(status in (200, 503), "a delivery is answered", status)
            if status == 200:
                taken.append(ident)
            return status == 200
        check(any(not take_one() for _ in range(1000)), "the disk is not full")
        check(not d.gone(), "the daemon ended")
        check("the server's disk is full" in place.text_of("daemon.log"), "the log does not say why")
        make_room(200)
        until("it goes on when there is room", take_one)
        for p in products:
            d.deliver_ok(event(f"evt_last_{p['id']}", "product.updated", p))
        d.idle()
        known = {r[0] for r in place.rows("select event from _inbox")}
        check(not set(taken) - known, len(set(taken) - known), "acknowledged events are lost")
        place.check_mirror()
        d.stop()


@scenario("PG-10")
def a_server_that_is_not_as_it_should_be_is_named_by_the_doctor(place):
    w = Ward(place)
    w.base = {"endpoint_missing"}
    w.healthy["BRINDLE_LISTEN"] = "127.0.0.1:0"
    w.well("--offline")
    w.play("server")
    w.well("--offline")


@scenario("PG-11")
def what_is_made_of_several_objects_is_right_whoever_stores_them_last(place):
    e = place.emulator
    price = e.post("/v1/prices", product=e.post("/v1/products", name="x")["id"], currency="usd",
                   unit_amount=700, recurring={"interval": "month"})
    card = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    customers = [e.post("/v1/customers", **card) for _ in range(40)]
    subscriptions = [e.post("/v1/subscriptions", customer=c["id"], items=[{"price": price["id"]}])
                     for c in customers]
    d = place.start()
    e.fault("slow;method=GET;delay_ms=20")  # so that the fetches of a pair end together
    for turn in range(3):
        for c, s in zip(customers, subscriptions):
            e.post(f"/v1/customers/{c['id']}", name=f"turn {turn}")
            e.post(f"/v1/subscriptions/{s['id']}", cancel_at_period_end=turn % 2 == 0)
            d.deliver_ok(event(f"evt_c{turn}_{c['id']}", "customer.updated", c),
                         event(f"evt_s{turn}_{s['id']}", "customer.subscription.updated", s))
        d.idle()
        states = {c: json.loads(v) for c, v in place.rows("select customer, value from _states")}
        wrong = [c["id"] for c in customers
                 if states.get(c["id"], {}).get("cancelAtPeriodEnd") != (turn % 2 == 0)]
        check(not wrong, len(wrong), "states are wrong:", wrong[:3], states.get((wrong or [0])[0]))


@scenario("PG-12")
def nobody_claims_to_know_who_works_and_an_unknown_name_is_no_environment(place):
    _, err = place.run("env", "check", "test", code=1)  # configured, and nothing is in it
    check("brindle serve or sync fills it" in err, err)
    place.emulator.post("/v1/products", name="p")
    place.run("sync", "products")
    for _ in range(2):  # without a daemon, and with one
        one = json.loads(place.run("env", "list", "--json")[0])
        check(one["served"] is None and json.loads(place.run("env", "show", "test")[0])["served"] is None, one)
        check(json.loads(place.run("status", "--json")[0])["daemon"] is None, "status claims to know")
        check("may run anywhere" in place.run("status")[0], "status says nothing")
        place.start()
    for what in ("check", "show", "purge"):
        _, err = place.run("env", what, "nope", code=2)
        check('no environment "nope"' in err and "brindle env list" in err, err)
