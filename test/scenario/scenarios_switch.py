"""The switch from one environment to another: wherever it is broken off, one is open or none."""
import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import threading

from front import Front
from place import BRINDLE, KEY, NEWER, PATIENCE, SOAK, check, free_port, until
from scenarios_customers import subscribe, sync
from scenarios_env import LIVE, OTHER, QUICK, TWO, account_of, as_key, conf, ids_of, start
from scenarios_redis import Redis
from scenarios_state import shop
from shake import hold, stands

SCENARIOS = []


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


TEST_ALONE = f"[env test]\nsecret_key = {KEY}\nwebhook_secret = whsec_of_test\n{QUICK}"
STEPS = ["preflight", "begun", "drained", "sealed", "opened", "endpoint", "ping", "leftovers"]


def switch(place, env, *words, code=0):
    out, err = place.run("env", "switch", *words, "--json", code=code, env=env)
    return {x["step"]: x["outcome"] for x in map(json.loads, out.splitlines()) if "step" in x}, err


def said_of_itself(d):
    """Nothing, while the daemon begins anew."""
    return json.loads(d.http.ask("GET", "/readyz")[2] or b"{}")


def words_of(d):
    return {name: x["status"] for name, x in said_of_itself(d).get("environments", {}).items()}


def states(place, env):
    return {x["env"]: x["state"] for x in map(json.loads, place.run("env", "list", "--json", env=env)[0].splitlines())}


@scenario("ENV-20")
def a_switch_leaves_one_environment_open_or_none_wherever_it_is_broken_off(place):
    test, live = place.emulator, as_key(place, LIVE)
    old = test.post("/v1/products", name="old")
    d = start(place, conf(place, TEST_ALONE))
    place.run("sync", "products", env=conf(place, TEST_ALONE))
    env = {**conf(place, TWO), "BRINDLE_LISTEN": f"127.0.0.1:{d.port}"}
    d_env = lambda: words_of(d)
    told, _ = switch(place, env, "live", "--dry-run")
    check(told["sealed"] == "planned" and d.ready("test")[1]["status"] == "ok", "the dry run changed something", told)
    check(not place.has_store("live"), "the dry run made a store")
    test.post("/v1/products", name="while it is drained")
    d.deliver_to("test", test.events(type="product.created")[0], "whsec_of_test")
    for step in STEPS:
        told, err = switch(place, env, "live", "--until", step)
        check(list(told)[-1] == step, "it did not stop behind", step, told)
        check("failed" not in told.values(), told, err)
        if step == "preflight":
            continue
        until("the daemon lets go", lambda: (lambda now: now and "ok" not in now.values())(d_env()))
        check(states(place, env)["test"] == "switching", states(place, env))
        for name in ("test", "live"):  # neither is written while it lasts
            _, err = place.run("sync", "products", "--env", name, code=5, env=env)
            check("under way" in err, err)
        event = live.post("/v1/products", name=step) and live.events(type="product.created")[0]
        status, answer = d.deliver_to("live", event, "whsec_of_live")
        check(status == 503, "an event was taken for good", status, answer)
    told, _ = switch(place, env, "live")
    check(told["resumed"] == "ok" and told["ping"] == "ok" and "failed" not in told.values(), told)
    d.until_word("live", "ok")
    until("one is open", lambda: d_env() == {"live": "ok", "test": "sealed"})
    check(states(place, env) == {"live": "open", "test": "sealed"}, states(place, env))
    check(d.deliver_to("live", event, "whsec_of_live")[0] == 200, "the new one takes no events")
    until("it is fetched", lambda: event["data"]["object"]["id"] in ids_of(place, "live"))
    check(d.deliver_to("test", test.events()[0], "whsec_of_test")[0] == 503, "the sealed one takes events")
    # what was due before was worked off; the old mirror is read, and says that it is sealed
    check(len(ids_of(place, "test")) == 2, "the drain left something", ids_of(place, "test"))
    check(not ids_of(place, "test") & ids_of(place, "live"), "rows are mixed")
    check(json.loads(place.run("get", old["id"], "--env", "test", env=env)[0])["name"] == "old", "it cannot be read")
    _, err = place.run("sync", "products", "--env", "test", code=5, env=env)
    check("sealed: live took over" in err, err)
    # and back again
    told, _ = switch(place, env, "test", "--from", "live")
    d.until_word("test", "ok")
    until("the other one is open", lambda: d_env() == {"live": "sealed", "test": "ok"})
    check([w for w, in place.rows("select what from _audit order by seq")]
          == ["made", "key", "switch_begun", "sealed", "switched", "opened_again"], "the audit")
    d.stop()


@scenario("ENV-20K")
def a_sealed_environment_forgets_people_and_what_is_past_its_time(place):
    jo = place.emulator.post("/v1/customers", name="Jo", email="jo.sealed@example.com")
    kept = place.emulator.post("/v1/products", name="kept")
    place.run("sync", "products", "customers", env=conf(place, TEST_ALONE))
    env = conf(place, TWO)
    switch(place, env, "live")
    check(place.one("select count(*) from _calls"), "nothing was noted that could grow old")
    gone = conf(place, TWO.replace("api_base = @API", "api_base = http://127.0.0.1:9", 1))  # nobody asks Stripe
    _, err = place.run("sync", "products", "--env", "test", code=5, env=gone)
    check("sealed: live took over" in err, err)
    d, short = None, TWO.replace("relist_seconds = 0\n", "relist_seconds = 0\ncalls_days = 0\n", 1)
    for _ in range(2):  # without a daemon, and with one
        place.run("erase", jo["id"], "--env", "test", "--yes", env=gone)
        check(place.one("select deleted from objects where id = ?", jo["id"]) == 2, "it is not blocked")
        check("jo.sealed" not in place.text_of_store("test"), "she is still there")
        if not d:  # one that was interrupted is ended by the daemon
            place.write("insert into _erasing (customer, account, words, touched_at)"
                        " select 'cus_halfway', account, '{\"addresses\":[],\"users\":[]}', 0 from _environment")
        d = d or start(place, conf(place, short))
    check(ids_of(place, "test") == {kept["id"]}, "the seal kept nothing", ids_of(place, "test"))
    until("what was interrupted is ended", lambda: not place.one("select count(*) from _erasing"))
    until("what is past its time is forgotten", lambda: not place.one("select count(*) from _calls"))
    check(words_of(d) == {"live": "ok", "test": "sealed"}, words_of(d))
    check(states(place, env) == {"live": "open", "test": "sealed"}, states(place, env))
    d.stop()


@scenario("ENV-20B")
def a_switch_that_was_begun_can_be_taken_back(place):
    place.emulator.post("/v1/products", name="old")
    place.run("sync", "products", env=conf(place, TEST_ALONE))
    env = conf(place, TWO)
    switch(place, env, "live", "--until", "opened")
    check(states(place, env)["test"] == "switching", states(place, env))
    told, _ = switch(place, env, "test")
    check(told == {"resumed": "ok"}, told)
    check(states(place, env)["test"] == "open", states(place, env))
    place.run("sync", "products", "--env", "test", env=env)
    # a key of the same account and mode is no other environment
    same = conf(place, TWO.replace(LIVE, KEY.replace("sk_", "rk_")).replace("[env live]", "[env shop]"))
    _, err = switch(place, same, "shop", "--from", "test", code=4)
    check("no other environment" in err, err)
    check(states(place, same)["test"] == "open", "it was begun all the same")


@scenario("ENV-20F")
def a_source_that_cannot_be_read_is_not_taken_for_none(place):
    place.emulator.post("/v1/products", name="old")
    place.run("sync", "products", env=conf(place, TEST_ALONE))
    env = conf(place, TWO)
    for name in place.db_of("test").parent.glob("test.db*"):
        if name.suffix not in (".lock", ".sock"):
            name.write_bytes(b"no database" * 1000)
    told, err = switch(place, env, "live", code=7)
    check("store of test cannot be read" in err and "Mend it" in err, "it does not say which store, and what to do", err)
    check(not place.has_store("live"), "it went on all the same", told)


def is_closed_and_read(place, d, env, old):
    """While a switch is under way: what was there is shown, and says what it is; nothing is written."""
    status, head, answer = d.http.ask("GET", "/api/test/status")
    answer = json.loads(answer)
    check(status == 200 and head["Brindle-Closed"] == "switch_under_way" and answer["closed"] == "switch_under_way"
          and "env switch live" in answer["closed_detail"], "it is not labelled", status, head, answer)
    check(answer["account"] == account_of(place) and answer["objects"] >= 1, "the old data cannot be read", answer)
    check(json.loads(place.run("get", old["id"], "--env", "test", env=env)[0])["name"] == "old", "it cannot be read")
    status, _, answer = d.http.ask("POST", f"/api/test/sync/{old['id']}")
    check(status == 409 and b"`brindle env switch live` goes on with it, `brindle env switch test` goes back" in answer,
          status, answer)
    _, err = place.run("sync", "products", "--env", "test", code=5, env=env)
    check("A switch from environment test to live is under way" in err, err)
    for name in ("test", "live"):
        status, answer = d.deliver_to(name, {"id": "evt_x", "type": "product.updated"}, f"whsec_of_{name}")
        check(status == 503 and answer["error"]["reason"] == "environment_closed", name, "takes events", answer)


@scenario("ENV-29")
def a_switch_that_a_partition_has_cut_goes_on_by_itself(place):
    old = place.emulator.post("/v1/products", name="old")
    front = Front(place.emulator)
    place.things.append(front)
    text = TWO.replace("@API", front.env["STRIPE_API_BASE"]).replace(QUICK, QUICK + "start_seconds = 1\n")
    text = text.replace("api_base", "start_seconds = 1\napi_base")
    place.run("sync", "products", env=conf(place, TEST_ALONE))
    d = start(place, conf(place, text))
    env = {**conf(place, text), "BRINDLE_LISTEN": f"127.0.0.1:{d.port}"}
    proofs = []

    def bend(path, status, body):
        """The network is gone when the old environment is closed, in the middle of the new one's proof."""
        proofs.append(path)
        if proofs.count("/v1/account") == 3:
            front.cut = True
    front.bend = bend
    told, err = switch(place, env, "live", "--from", "test", code=6)
    check(told["sealed"] == "ok" and told["opened"] == "failed" and "resumed" not in told, told)
    for name in ("test", "live"):
        d.until_word(name, "switch_under_way")
    is_closed_and_read(place, d, env, old)
    before = place.text_of_store("test")
    d.kill()  # and once more, with nobody there who remembers
    d = start(place, conf(place, text))
    until("it is tried, in vain", lambda: "event=switch_step step=preflight outcome=failed" in place.text_of("daemon.log"))
    is_closed_and_read(place, d, env, old)
    check(place.text_of_store("test") == before, "the sealed store was written")
    front.cut = False
    d.until_word("live", "ok")  # nobody has said anything
    until("one is open", lambda: words_of(d) == {"live": "ok", "test": "sealed"})
    said = place.text_of("daemon.log")
    check("event=switch_goes_on to=live" in said, "the log does not say so")
    check("step=ping outcome=ok" in said and "step=resumed outcome=ok" in said, "no checklist in the log")
    check(place.one("select count(*) from _audit where what = 'switched'") == 1, "the audit")
    whole(place, "live", "cut")
    d.stop()


def stores(place):
    """By environment, what its store says: sealed for whom, a switch to whom, and its mode."""
    said = {}
    for name in ("test", "live"):
        try:
            rows = place.has_store(name) and place.rows(
                "select v.sealed_for, coalesce(s.target, ''), v.livemode from _environment v left join _switch s "
                "on s.one = 1", env=name)
        except (sqlite3.OperationalError, RuntimeError):
            rows = []  # its tables are not there yet
        if rows:
            said[name] = rows[0]
    return said


def open_ones(said):
    targets = {target for _, target, _ in said.values()}
    return [n for n, (sealed, target, _) in said.items() if not sealed and not target and n not in targets]


def prepare(place, old, fresh=True):
    """The test environment open, with one thing due; the live one was never there, or is sealed."""
    live = as_key(place, LIVE)
    for endpoint in live.get("/v1/webhook_endpoints", limit=100)["data"]:
        live.delete(f"/v1/webhook_endpoints/{endpoint['id']}")
    if fresh or "live" not in stores(place):
        place.forget_store("live")
    else:
        place.write("delete from _switch; update _environment set sealed_for = 'test'", env="live")
    place.write("delete from _switch; update _environment set sealed_for = ''; update _due set gen = done_gen + 1, "
                f"claimed = 0, claimed_gen = 0, not_before = 0, dead = 0, due_since = 1 where kind = 'object' and id = '{old}'")


CHECKLIST = ["preflight", "begun", "drained", "sealed", "opened", "endpoint", "ping", "leftovers", "resumed"]


def whole(place, to, point):
    """The end, whatever came before: this one is open, the other one is not, and nothing is mixed."""
    said = stores(place)
    check(open_ones(said) == [to], "point", point, "ends with", said)
    check(not any(target for _, target, _ in said.values()), "point", point, "leaves a journal", said)
    other = "test" if to == "live" else "live"
    check(other not in said or said[other][0] == to, "point", point, "leaves", other, "unsealed", said)
    for name, (_, _, mode) in said.items():
        check(mode == (name == "live"), "point", point, name, "has become another's", said)
        check(all(m in (None, mode) for m, in place.rows("select livemode from objects", env=name)),
              "point", point, "mixed rows in", name)
    check(place.one("select count(*) from objects where type = 'product'") == 1, "point", point, "lost a row")


def finished(place, env, command, point):
    """The same command goes on to the end, with a whole checklist; its endpoint's secret is kept."""
    out, _ = place.run(*command, env=env)
    lines = [json.loads(x) for x in out.splitlines()]
    steps = {x["step"]: x["outcome"] for x in lines if "step" in x}
    check(list(steps) == CHECKLIST or list(steps) == ["resumed"], "point", point, "the checklist is", list(steps))
    check("failed" not in steps.values(), "point", point, steps)
    whole(place, "live", point)
    made = as_key(place, LIVE).get("/v1/webhook_endpoints", limit=100)["data"]
    check(len(made) == 1, "point", point, "made endpoints:", [e["id"] for e in made], out)
    kept = list(place.dir.glob(f"*/live-{made[0]['id']}.whsec"))
    check(len(kept) == 1 and kept[0].read_text().startswith("whsec_"), "point", point, "lost the endpoint's secret")


@scenario("ENV-20C")
def a_switch_that_is_killed_anywhere_goes_on_or_goes_back(place):
    place.written = ["/v1/webhook_endpoints"]
    old = place.emulator.post("/v1/products", name="old")["id"]
    place.run("sync", old, env=conf(place, TEST_ALONE))
    env = {**conf(place, TWO), "BRINDLE_LISTEN": f"127.0.0.1:{free_port()}"}
    wrote = (place.dir / "brindle.conf").read_bytes()
    command = ("env", "switch", "live", "--json", "--yes", "--url", f"http://127.0.0.1:{place.emulator.port}/webhooks/live")
    # coprime to what follows each other in twos and threes; `make soak` takes every point
    stride = 1 if SOAK > 1 else 13 if place.cluster else 7
    order = [["test"], [], ["live"]]  # one after the other is open
    come, calls, played = {True: 0, False: 0}, set(), 0

    def killed_at(point, fresh, back):
        """False: it has come to its end before."""
        prepare(place, old, fresh)
        done, call = place.killed_at(point, *command, env=env)
        if done.returncode != -signal.SIGKILL:
            check(done.returncode == 0, "it ends with", done.returncode, done.stderr)
            whole(place, "live", "none,")
            return False
        now, where = open_ones(stores(place)), f"{point}, {call},"
        check(now in order[come[fresh]:], "point", where, "leaves open", now)
        come[fresh] = order.index(now)
        calls.add(call)
        check(place.run("get", old, "--env", "test", env=env)[0], "the old mirror cannot be read")
        if back:
            place.run("env", "switch", "test", env=env)
            whole(place, "test", where + " back:")
        else:
            finished(place, env, command, where)
        return True

    for fresh in (True, False):  # the live one was never there; or it is sealed
        come[fresh], point = 0, 1
        while all([killed_at(point, fresh, back) for back in ((False, True) if SOAK > 1 else (played % 2 == 1,))]):
            point += stride
            played += 1
        check(point > 60, "only", point, "points")
    check(len(calls) > 3, calls)
    check((place.dir / "brindle.conf").read_bytes() == wrote, "the configuration was written")


def signalled(place, d, front, env, proof, number, *words, then=None):
    """The command that begins a switch, and gets a signal at its n-th proof of an identity: the second is the old
    environment's, that is drained, the third the new one's, when the old one is sealed. What follows at Stripe is
    bent by `then`."""
    proofs, begun, sent = [], threading.Event(), threading.Event()

    def bend(path, *_):
        proofs.append(path)
        if proofs.count("/v1/account") == proof and path == "/v1/account":
            front.bend = then
            begun.wait()
            hold(process.pid) if number == signal.SIGSTOP else process.send_signal(number)
            sent.set()
    front.bend = bend
    process = subprocess.Popen([BRINDLE, "env", "switch", "live", "--from", "test", *words], cwd=place.dir, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                               env={**place.env(), **env, "BRINDLE_LISTEN": f"127.0.0.1:{d.port}"})
    place.guard.watch(process)
    begun.set()
    check(sent.wait(PATIENCE), "it has come to no such proof")
    return process


def said_by(place, process):
    out, err = process.communicate(timeout=PATIENCE)
    place.said += [out, err]
    return out, err


def killed_with_its_children(d):
    """Before what asked gets its answer; and what a daemon has sent to go on lives on without it."""
    pids = [d.process.pid]
    for tasks in pathlib.Path(f"/proc/{d.process.pid}/task").glob("*/children"):
        pids += map(int, tasks.read_text().split())
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def is_over(place):
    """By the stores, for a daemon on PostgreSQL learns of a switch a second later."""
    until("the switch is over", lambda: not any(target for _, target, _ in stores(place).values()))


@scenario("ENV-20D")
def whoever_is_killed_meanwhile_the_daemon_goes_on(place):
    """The command dies and the daemon goes on; that one dies, too, and the next one does."""
    old = place.emulator.post("/v1/products", name="old")["id"]
    front = Front(place.emulator)
    place.things.append(front)
    both = TWO.replace("@API", front.env["STRIPE_API_BASE"])
    place.run("sync", old, env=conf(place, TEST_ALONE))
    d = start(place, conf(place, both))
    looked = threading.Event()  # the daemon goes on by itself, and asks Stripe first
    dead = signalled(place, d, front, conf(place, both), 2, signal.SIGKILL, then=lambda *_: looked.wait(PATIENCE) and None)
    said_by(place, dead)
    check(stores(place)["test"][:2] == ("", "live"), "it was killed elsewhere", stores(place))
    looked.set()
    is_over(place)
    d.until_word("live", "ok")
    whole(place, "live", "killed while it drained")
    check(place.text_of("daemon.log").count("event=switch_goes_on") == 1, "who went on?")
    # killed behind the seal; and so is the daemon that went on
    place.run("env", "switch", "test", "--from", "live", env={**conf(place, both), "BRINDLE_LISTEN": f"127.0.0.1:{d.port}"})
    d.until_word("test", "ok")
    said_by(place, signalled(place, d, front, conf(place, both), 3, signal.SIGKILL,
                             then=lambda *_: killed_with_its_children(d)))  # by the next request of whoever goes on
    until("the daemon is killed when it goes on", d.gone)
    front.bend = None
    check(stores(place)["test"][:2] == ("live", "live"), "it was killed elsewhere", stores(place))
    d = start(place, conf(place, both), port=d.port)
    is_over(place)
    d.until_word("live", "ok")
    whole(place, "live", "killed behind the seal")
    # the daemon dies in the middle of the command, and another one is there when it asks
    place.run("env", "switch", "test", "--from", "live", env={**conf(place, both), "BRINDLE_LISTEN": f"127.0.0.1:{d.port}"})
    d.until_word("test", "ok")
    process = signalled(place, d, front, conf(place, both), 3, signal.SIGSTOP, "--json")
    until("it stands still", lambda: stands(process.pid))
    front.bend = None
    d.kill()
    d = start(place, conf(place, both), port=d.port)
    check(words_of(d) == {"live": "switch_under_way", "test": "switch_under_way"}, words_of(d))
    process.send_signal(signal.SIGCONT)
    out, err = said_by(place, process)
    steps = {x["step"]: x["outcome"] for x in map(json.loads, out.splitlines()) if "step" in x}
    check(process.returncode == 0 and steps["ping"] == "ok" and steps["resumed"] == "ok", process.returncode, steps, err)
    d.until_word("live", "ok")
    whole(place, "live", "the daemon killed")
    d.stop()


@scenario("ENV-20E")
def a_switch_that_a_person_stops_rests(place):
    """^C, and --until: a daemon that is there does not go on with it, killed or not."""
    old = place.emulator.post("/v1/products", name="old")["id"]
    place.run("sync", old, env=conf(place, TEST_ALONE))
    front = Front(place.emulator)
    place.things.append(front)
    env = conf(place, TWO.replace("@API", front.env["STRIPE_API_BASE"]))
    d = start(place, env)
    process = signalled(place, d, front, env, 2, signal.SIGINT)
    out, err = said_by(place, process)
    check(process.returncode == 1 and "sealed" not in out, "^C did not stop it", out, err)
    check("the switch rests behind \"drained\"" in err and "`brindle env switch test` goes back" in err, err)
    held = [x for x in map(json.loads, place.run("env", "list", "--json", env=env)[0].splitlines()) if x["env"] == "test"][0]
    check(held["state"] == "switching" and held["held"] and held["step"] == "drained", held)
    d.until_word("test", "switch_under_way")
    asked = len(front.asked)
    d.kill()
    d = start(place, env)
    d.process.send_signal(signal.SIGHUP)  # a whole life, and one more
    d.until_word("test", "switch_under_way")
    check(len(front.asked) == asked, "the daemon has begun something", front.asked[asked:])
    _, err = place.run("env", "switch", "live", "--until", "nowhere", code=2, env=env)
    check("--until takes one of preflight, begun" in err, err)
    told, _ = switch(place, env, "test")
    check(told == {"resumed": "ok"}, told)
    d.until_word("test", "ok")
    d.stop()


def freezes(place, path, now):
    """What stands in front of Stripe: when it is asked for this, and we have said so, it stops a process, and only then
    the answer comes."""
    front, said, frozen = Front(place.emulator), threading.Event(), []
    place.things.append(front)

    def bend(asked, *_):
        if asked.split("?")[0] == path and not frozen:
            said.wait(PATIENCE)
            hold(now().pid)
            frozen.append(now().pid)
    front.bend = bend
    return front, said.set, lambda: bool(frozen)


@scenario("ENV-20G")
def what_comes_late_is_not_written_behind_the_seal(place):
    """A daemon stands still between Stripe's answer and its store, while another process switches. On PostgreSQL the
    switch ends, and the answer is refused; on SQLite the store is the daemon's until it has let go of it."""
    old = place.emulator.post("/v1/products", name="old")["id"]
    place.run("sync", old, env=conf(place, TEST_ALONE))
    front, freeze, frozen = freezes(place, f"/v1/products/{old}", lambda: d.process)
    d = start(place, {**conf(place, TEST_ALONE), **front.env})
    env = {**conf(place, TWO), "BRINDLE_LISTEN": f"127.0.0.1:{free_port() if place.cluster else d.port}"}
    place.emulator.post(f"/v1/products/{old}", name="late")
    event = place.emulator.events(type="product.updated")[0]
    check(d.deliver_to("test", event, "whsec_of_test")[0] == 200, "the event was not taken")
    freeze()
    until("the daemon stands still", frozen)
    named = lambda: json.loads(place.run("get", old, "--env", "test", env=env)[0])["name"]
    process = subprocess.Popen([BRINDLE, "env", "switch", "live", "--drain-seconds", "1", "--json"], cwd=place.dir, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                               env={**place.env(), **env})
    place.guard.watch(process)
    if not place.cluster:
        try:
            process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            pass
        check(process.poll() is None and stores(place)["test"][:2] == ("", ""), "it was sealed under the daemon's hands")
        d.process.send_signal(signal.SIGCONT)
    out, err = said_by(place, process)
    check(process.returncode == 0, process.returncode, out, err)
    whole(place, "live", "frozen,")
    before = place.text_of_store("test")
    if place.cluster:
        check(stands(d.process.pid), "the daemon did not stand still")
        check(named() == "old", "somebody else has stored", named())
        answers = []
        late = threading.Thread(target=lambda: answers.append(d.deliver_to("test", {**event, "id": "evt_late"}, "whsec_of_test")))
        late.start()
        d.process.send_signal(signal.SIGCONT)
        late.join()
        check(not answers or answers[0][0] != 200, "a delivery was taken behind the seal", answers)
    d.until_word("test", "sealed")
    check(place.text_of_store("test") == before, "the sealed store was written")
    check(named() == ("old" if place.cluster else "late"), "the answer is", named())
    d.stop()


@scenario("ENV-20H")
def a_store_that_cannot_be_read_may_hold_a_journal(place):
    """Whoever cannot look whether a switch is under way says so, and works for nobody."""
    place.run("sync", "products", env=conf(place, TEST_ALONE))
    env = conf(place, TWO)
    place.run("sync", "products", "--env", "live", env=env)

    def versioned(n):  # as a newer program would leave it
        place.write(f"update _brindle set version = {n}" if place.cluster else f"pragma user_version = {n}")
    if not place.cluster:  # no switch was ever made in this directory: others are not to suffer
        versioned(99)
        place.run("sync", "products", "--env", "live", env=env)
        versioned(1)
    switch(place, env, "live", "--from", "test", "--until", "sealed")
    versioned(99)
    _, err = place.run("serve", code=4, env=env)
    check("use a newer brindle" in err, err)
    for command in (("sync", "products", "--env", "live"), ("serve", "--env", "live")):
        _, err = place.run(*command, code=4, env=env)
        check("Nobody can tell whether a switch to live is under way, for the store of test cannot be read" in err
              and "use a newer brindle" in err and "until that is mended" in err, command, err)
    _, err = switch(place, env, "live", code=4)
    check("the store of test cannot be read" in err and "use a newer brindle" in err, err)
    out, _ = place.run("doctor", "--offline", "--json", "--env", "live", code=3, env=env)
    check("Nobody can tell whether a switch to live is under way" in out, out)
    versioned(1)
    _, err = place.run("sync", "products", "--env", "live", code=5, env=env)
    check("A switch from environment test to live is under way" in err, err)
    switch(place, env, "live")
    check(states(place, env) == {"live": "open", "test": "sealed"}, states(place, env))


@scenario("ENV-20L")
def a_migration_locks_no_environment_out(place):
    """A newer program looks for journals in stores that it has not migrated yet; an older one cannot."""
    place.run("sync", "products", env=conf(place, TEST_ALONE))
    env = conf(place, TWO)

    def version(name):
        return place.one("select version from _brindle" if place.cluster else "pragma user_version", env=name)

    def newer(*words, code=0):
        return place.run(*words, "--json", code=code, env=env, program=NEWER)
    place.run("sync", "products", "--env", "live", env=env)
    old = version("test")
    switch(place, env, "live", "--from", "test", "--until", "begun")
    for name in ("test", "live"):  # the journal is found, and nobody is migrated before its turn
        _, err = newer("sync", "products", "--env", name, code=5)
        check("A switch from environment test to live is under way" in err, err)
    check((version("test"), version("live")) == (old, old), "who may not write has migrated")
    switch(place, env, "test")
    newer("sync", "products", "--env", "live")  # the other store is an older one still
    check((version("test"), version("live")) == (old, old + 1), "not as a migration leaves it")
    _, err = place.run("sync", "products", "--env", "test", code=4, env=env)
    check("the store of live cannot be read" in err and "use a newer brindle" in err, err)
    newer("env", "switch", "test", "--from", "live")
    check((version("test"), states(place, env)) == (old + 1, {"live": "unreadable", "test": "unreadable"}), states(place, env))


@scenario("ENV-20M")
def what_is_sealed_is_read_by_a_newer_program_too(place):
    made = place.emulator.post("/v1/products", name="old")
    place.run("sync", "products", env=conf(place, TEST_ALONE))
    env = conf(place, TWO)
    switch(place, env, "live")
    _, err = place.run("sync", "products", "--env", "test", code=5, env=env, program=NEWER)
    check("sealed: live took over" in err, err)
    check(json.loads(place.run("env", "list", "--json", env=env, program=NEWER)[0].splitlines()[0])["state"] == "sealed",
          "it does not say so")
    d = start(place, env, program=NEWER)
    check(words_of(d) == {"live": "ok", "test": "sealed"}, words_of(d))
    status, _, answer = d.http.ask("GET", "/api/test/status")
    check(status == 200 and json.loads(answer)["objects"] == 1, "the daemon does not read it", status, answer)
    place.run("get", made["id"], "--env", "test", env=env, program=NEWER)
    d.stop()


def refuses(place, d, text):
    """The daemon is told to take it, and works on with what it had."""
    n = place.text_of("daemon.log").count("event=reload_refused")
    env = conf(place, text)
    d.process.send_signal(signal.SIGHUP)
    until("it is refused", lambda: place.text_of("daemon.log").count("event=reload_refused") > n)
    return {**env, "BRINDLE_LISTEN": f"127.0.0.1:{d.port}"}


BROKEN = f"[env third]\nsecret_key = {OTHER}\nworkers = 99999\n"


@scenario("ENV-20N")
def a_daemon_that_has_refused_a_configuration_lets_go_for_a_switch(place):
    d = start(place, conf(place, TWO))
    env = refuses(place, d, TWO + BROKEN)
    told, _ = switch(place, env, "live", "--from", "test")
    check(told["drained"] == "ok" and told["resumed"] == "ok", told)
    until("one is open", lambda: words_of(d) == {"live": "ok", "test": "sealed"})
    check(d.ready()[1]["configuration"] == "refused" and not d.gone(), "it does not say what it works with", d.ready())
    refuses(place, d, TWO + BROKEN)  # and says so again when it is asked
    conf(place, TWO)
    d.process.send_signal(signal.SIGHUP)
    until("it takes what is right", lambda: (lambda now: now and "configuration" not in now)(said_of_itself(d)))
    until("one is open", lambda: words_of(d) == {"live": "ok", "test": "sealed"})
    d.stop()


@scenario("ENV-20P")
def a_switch_to_what_the_daemon_has_refused_says_so(place):
    d = start(place, conf(place, TEST_ALONE))
    env = refuses(place, d, TWO + BROKEN)
    told, err = switch(place, env, "live", "--from", "test", code=4)
    check(told["ping"] == "failed" and "has refused the configuration" in err and "SIGHUP" in err
          and "brindle env switch live" in err, told, err)
    conf(place, TWO)
    d.process.send_signal(signal.SIGHUP)
    until("it goes on by itself", lambda: words_of(d) == {"live": "ok", "test": "sealed"})
    d.stop()


@scenario("ENV-20Q")
def a_third_store_that_cannot_be_read_may_hold_the_journal(place):
    """It may say that a switch to the same environment is under way, from there: nothing is begun."""
    third = f"[env third]\nsecret_key = {OTHER}\n{QUICK}"
    env = conf(place, TWO + third)
    for name in ("test", "third"):
        place.run("sync", "products", "--env", name, env=env)

    def versioned(n):  # as a newer program would leave it
        place.write(f"update _brindle set version = {n}" if place.cluster else f"pragma user_version = {n}", env="third")
    known = place.one("select version from _brindle" if place.cluster else "pragma user_version", env="third")
    versioned(99)
    for words in (("live", "--from", "test"), ("live",), ("live", "--from", "test", "--dry-run")):
        told, err = switch(place, env, *words, code=4)
        check("store of third cannot be read" in err and "use a newer brindle" in err and "Nothing was begun" in err
              and not told, words, told, err)
    place.run("sync", "products", "--env", "test", code=4 if place.cluster else 0, env=env)  # nothing was switched there
    check(states(place, env)["test"] == "open" and not place.has_store("live"), states(place, env))
    versioned(known)
    switch(place, env, "live", "--from", "test", "--until", "sealed")
    versioned(99)  # the journal is found all the same: what was begun is ended
    switch(place, env, "live")
    versioned(known)
    check(states(place, env) == {"live": "open", "test": "sealed", "third": "open"}, states(place, env))


@scenario("ENV-20R")
def a_daemon_of_its_own_lets_go_of_the_target(place):
    """It has never had the store in which the journal is."""
    env = conf(place, TWO)
    old = start(place, env, words=("--env", "test"))
    new = start(place, env, words=("--env", "live"))
    env["BRINDLE_LISTEN"] = f"127.0.0.1:{new.port}"
    switch(place, env, "live", "--from", "test", "--until", "sealed")
    until("both have let go", lambda: (words_of(old), words_of(new))
          == ({"test": "switch_under_way"}, {"live": "switch_under_way"}))
    told, _ = switch(place, env, "live")
    check(told["opened"] == "ok" and told["ping"] == "ok" and told["resumed"] == "ok", told)
    until("one is open", lambda: (words_of(old), words_of(new)) == ({"test": "sealed"}, {"live": "ok"}))
    old.stop()
    new.stop()


@scenario("ENV-20S")
def an_erasure_behind_a_seal_reaches_the_key_value_server(place):
    """It was broken off; where nobody delivers any more, whoever ends it does."""
    redis = Redis(place)
    _, price, jo = shop(place.emulator)
    subscribe(place.emulator, jo, price)
    d = start(place, conf(place, TEST_ALONE), REDIS_URL=redis.url)
    sync(d, jo["id"])
    until("Redis has the customer's state", lambda: (redis.value(jo) or {}).get("status") == "active")
    d.stop()
    env = {**conf(place, TWO), "REDIS_URL": redis.url}
    switch(place, env, "live")
    place.write("insert into _erasing (customer, account, words, touched_at)"
                f" select '{jo['id']}', account, '{{\"addresses\":[],\"users\":[]}}', 0 from _environment")
    d = start(place, env)
    until("it is ended", lambda: not place.one("select count(*) from _erasing"))
    value = redis.value(jo) or {"status": "none"}
    check(value["status"] == "none" and not value.get("paymentMethod"), "she is still there", value)
    check(place.one("select deleted from objects where id = ?", jo["id"]) == 2, "it is not blocked")
    until("the log says so", lambda: "event=erasure_ended env=test" in place.text_of("daemon.log"))
    check(words_of(d) == {"live": "ok", "test": "sealed"}, words_of(d))
    d.stop()
