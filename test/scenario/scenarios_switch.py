"""The switch from one environment to another: wherever it is broken off, one is open or none."""
import json
import sqlite3

from place import KEY, check, until
from scenarios_env import LIVE, QUICK, TWO, account_of, as_key, conf, ids_of, one, start, told

SCENARIOS = []


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


TEST_ALONE = f"[env test]\nsecret_key = {KEY}\nwebhook_secret = whsec_of_test\n{QUICK}"
STEPS = ["preflight", "begun", "drained", "sealed", "opened", "endpoint", "ping", "leftovers"]


def switch(place, env, *words, code=0):
    out, err = place.run("env", "switch", *words, "--json", code=code, env=env)
    return {x["step"]: x["outcome"] for x in map(json.loads, out.splitlines()) if "step" in x}, err


def words_of(d):
    return {name: x["status"] for name, x in d.ready()[1]["environments"].items()}


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
    check(not (place.dir / "data" / "live.db").exists(), "the dry run made a store")
    test.post("/v1/products", name="while it is drained")
    d.deliver_to("test", test.events(type="product.created")[0], "whsec_of_test")
    for step in STEPS:
        told, err = switch(place, env, "live", "--until", step)
        check(list(told)[-1] == step, "it did not stop behind", step, told)
        check("failed" not in told.values(), told, err)
        if step == "preflight":
            continue
        until("the daemon lets go", lambda: "ok" not in d_env().values() if not d.gone() and
              d.http.ask("GET", "/livez")[0] == 200 else False)
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
    check(d_env() == {"live": "ok", "test": "sealed"}, d_env())
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
    check(d_env() == {"live": "sealed", "test": "ok"}, d_env())
    with sqlite3.connect(place.dir / "data" / "test.db") as c:
        check([w for w, in c.execute("select what from _audit order by seq")]
              == ["made", "key", "switch_begun", "sealed", "switched", "opened_again"], "the audit")
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


@scenario("ENV-29")
def a_partition_in_the_middle_of_a_switch_is_waited_out(place):
    old = place.emulator.post("/v1/products", name="old")
    d = start(place, conf(place, TEST_ALONE))
    place.run("sync", "products", env=conf(place, TEST_ALONE))
    switch(place, conf(place, TWO), "live", "--until", "sealed")
    cut = conf(place, TWO.replace(QUICK, QUICK + "start_seconds = 1\n").replace("@API", "http://127.0.0.1:9"))
    told, err = switch(place, cut, "live", code=6)
    check(told["preflight"] == "failed", told)
    until("the daemon is there", lambda: d.http.ask("GET", "/livez")[0] == 200)
    check(words_of(d) == {"live": "switch_under_way", "test": "switch_under_way"}
          or words_of(d) == {"test": "switch_under_way"}, words_of(d))
    check(d.status_of("test")["account"] == account_of(place), "the old data cannot be read")
    status, _, answer = d.http.ask("POST", f"/api/test/sync/{old['id']}")
    check(status == 409 and b"switch" in answer, status, answer)
    told, _ = switch(place, conf(place, TWO), "live")
    d.until_word("live", "ok")
    check(told["resumed"] == "ok", told)
    d.stop()
