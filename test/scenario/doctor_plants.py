"""Every mistake of src/cli/doctor/doctor.def, each planted as it befalls people: a line of a file, a mode, a
signal, a setting of a server, an answer of Stripe."""
import contextlib
import json
import os
import pathlib
import resource
import signal
import sqlite3
import subprocess
import time

from doctor_ward import (BRINDLE, FakeDaemon, KEY, Listener, check, free_port, ignore_full, plant, program_for_all,
                         until)
from front import Clock, Front
from place import PATIENCE, SECRET, Skip

LIVE = KEY.replace("_test_", "_live_")
OTHER = "sk_test_another0123456789"
MACHINE, STRIPE, DAEMON, STORE, WORK, REDIS, SERVER = "machine", "stripe", "daemon", "store", "work", "redis", "server"


def file_of(w, brindle="", env="", more="", mode=0o600):
    """The set-up that is well, as a file, with lines beside it."""
    key = "" if "secret_key" in env else f"secret_key = {KEY}\n"
    hook = "" if "webhook_secret" in env else f"webhook_secret = {w.healthy['STRIPE_WEBHOOK_SECRET']}\n"
    return w.conf(f"[brindle]\nlisten = {w.healthy['BRINDLE_LISTEN']}\ndatabase = sqlite:{w.place.dir / 'data'}\n{brindle}\n"
                  f"[env test]\n{key}{hook}api_base = http://127.0.0.1:{w.e.port}\nrate_limit = 0\n{env}\n{more}\n", mode)


def offline(w, says="", **env):
    return w.finds("--offline", env=env, says=says)


def with_file(w, *flags, says="", **text):
    return w.finds("--offline", "--config", file_of(w, **text), *flags, says=says)


# ---- the configuration and this machine ----

@plant("configuration", MACHINE)
def a_setting_that_does_not_exist(w):
    with_file(w, brindle="lissten = 1", says="listen")
    with_file(w, env="workers = 99999", says="1 to 64")


@plant("key_shared", MACHINE)
def one_key_for_two_environments(w):
    with_file(w, more=f"[env two]\nsecret_key = {KEY}", says="test and two")


@plant("webhook_secret_shared", MACHINE)
def one_webhook_secret_for_two_environments(w):
    with_file(w, more=f"[env two]\nsecret_key = {LIVE}\nwebhook_secret = {w.healthy['STRIPE_WEBHOOK_SECRET']}")


@plant("place_shared", MACHINE)
def one_prefix_for_two_environments(w):
    one = with_file(w, brindle="redis = redis://127.0.0.1:1", env="redis_prefix = stripe:two:", more=f"[env two]\nsecret_key = {LIVE}")
    check("redis_prefix" in one["fix"], one)


@plant("place_shared", MACHINE)
def one_schema_for_two_environments(w):
    path = w.conf(f"[brindle]\ndatabase = postgresql:///x\n[env a]\nschema = s\nsecret_key = {KEY}\n[env b]\nschema = s\nsecret_key={LIVE}\n")
    w.finds("--offline", "--config", path, says="schema")


@plant("config_readable", MACHINE)
def secrets_in_a_file_that_others_may_read(w):
    w.finds("--offline", "--config", file_of(w, mode=0o640), says="secrets")


@plant("config_writable", MACHINE)
def a_file_that_others_may_write(w):
    (w.place.dir / "key").write_text(KEY)
    (w.place.dir / "hook").write_text(w.healthy["STRIPE_WEBHOOK_SECRET"])
    for name in ("key", "hook"):
        (w.place.dir / name).chmod(0o600)
    w.finds("--offline", "--config", file_of(w, env="secret_key = file:key\nwebhook_secret = file:hook", mode=0o622))


@plant("config_readable", MACHINE)
def secrets_in_such_a_file_whose_name_is_odd(w):
    path = pathlib.Path(file_of(w)).rename(w.place.dir / "it's $(touch me).conf")
    path.chmod(0o604)
    w.finds("--offline", "--config", str(path))
    check(not (w.place.dir / "me").exists(), "a name was run as a command")


@plant("config_owner", MACHINE)
def a_file_of_another_user(w):
    path = file_of(w)
    only_root()
    os.chown(path, 65534, 65534)
    w.finds("--offline", "--config", path, says="65534")
    check(os.stat(path).st_uid == 0, "it is still somebody else's")


@plant("secret_file_readable", MACHINE)
def a_secret_in_a_file_that_others_may_read(w):
    (w.place.dir / "open").write_text(KEY)
    (w.place.dir / "open").chmod(0o644)
    w.finds("--offline", "--config", file_of(w, env="secret_key = file:open"), says="open")


@plant("variables_unused", MACHINE)
def variables_beside_a_file_with_several_environments(w):
    path = file_of(w, more=f"[env two]\nsecret_key = {LIVE}\ncatch_up_seconds = 60\nwebhook_secret = whsec_two")
    w.base = {"daemon_other_secret"}  # the daemon knows one of the two
    w.finds("--offline", "--config", path, env={"STRIPE_SECRET_KEY": OTHER}, says=path)


@plant("variable_wins", MACHINE)
def a_variable_beside_the_only_environment_of_a_file(w):
    w.finds("--offline", "--config", file_of(w), env={"STRIPE_SECRET_KEY": KEY}, says="secret_key")


@plant("key_twice", MACHINE)
def two_variables_for_one_key(w):
    offline(w, STRIPE_API_KEY=OTHER)
    w.well("--offline", env={"STRIPE_API_KEY": KEY})


@plant("no_environment", MACHINE)
def nothing_is_configured_at_all(w):
    w.finds("--offline", "--config", w.conf(f"[brindle]\ndatabase = sqlite:{w.place.dir / 'nowhere'}\nlisten = 127.0.0.1:0\n"))


@plant("listen", MACHINE)
def an_address_that_is_none(w):
    w.base = {"daemon_elsewhere"}
    offline(w, BRINDLE_LISTEN="127.0.0.1:http")


@plant("listen_open", MACHINE)
def an_address_for_all_the_world(w):
    offline(w, BRINDLE_LISTEN=f"0.0.0.0:{w.daemon.port}", says="0.0.0.0")


@plant("listen_taken", MACHINE)
def another_program_has_the_port(w):
    def web_server(connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    w.base = {"daemon_elsewhere"}
    with Listener(web_server) as other:
        offline(w, BRINDLE_LISTEN=f"127.0.0.1:{other.port}", says=str(other.port))
    with Listener(lambda c: c.sendall(b"220 mail\r\n")) as other:
        offline(w, BRINDLE_LISTEN=f"127.0.0.1:{other.port}")


@plant("token_weak", MACHINE)
def a_token_that_can_be_guessed(w):
    offline(w, BRINDLE_TOKEN="secret")


@plant("token_readable", MACHINE)
def a_token_that_others_may_read(w):
    token = w.place.dir / "data" / "token"
    token.write_text("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHI")
    token.chmod(0o644)
    offline(w, says=str(token))
    token.unlink()


@plant("token_empty", MACHINE)
def a_token_file_with_nothing_in_it(w):
    (w.place.dir / "data" / "token").touch(0o600)
    offline(w, says="is empty")


@plant("data_dir", MACHINE)
def a_file_where_the_directory_should_be(w):
    (w.place.dir / "file").write_text("")
    w.base = {"store_unusable", "nobody_works"}
    offline(w, DATABASE_URL=f"sqlite:{w.place.dir / 'file'}", says="no directory")
    offline(w, DATABASE_URL=f"sqlite:{w.place.dir / 'file' / 'below'}", says="Not a directory")


@plant("data_owner", MACHINE)
def a_directory_of_another_user(w):
    only_root()
    program = program_for_all(w.place)
    env, path = w.copy()
    w.base |= {"store_unusable"}
    path.parent.chmod(0o700)
    os.chown(path.parent, 1, 1)
    try:
        w.place.dir.chmod(0o755)
        w.finds("--offline", env=env, says="user 1", program=str(program), user=65534)
    finally:
        w.place.dir.chmod(0o700)
        program.unlink()


@plant("data_files_owner", MACHINE)
def a_store_that_root_has_made_in_the_daemons_directory(w):
    only_root()
    env, path = w.copy()
    os.chown(path.parent, 65534, 65534)
    w.finds("--offline", env=env, says="user 0")
    check(path.stat().st_uid == 65534, "it is still root's")


@plant("data_readable", MACHINE)
def a_directory_that_others_may_read(w):
    (w.place.dir / "data").chmod(0o755)
    offline(w, says="data")
    check((w.place.dir / "data").stat().st_mode & 0o777 == 0o700, "it is still open")


@plant("disk_network", MACHINE)
def a_directory_on_nfs(w):
    offline(w, says="NFS", DISK_TYPE="0x6969")


@plant("disk_passing", MACHINE)
def a_container_without_a_volume(w):
    offline(w, says="overlay", DISK_TYPE="0x794c7630")
    offline(w, says="in memory", DISK_TYPE="0x01021994")


@plant("disk_little", MACHINE)
def half_a_gibibyte_is_free(w):
    offline(w, says="500 MiB", DISK_FREE_MIB="500")


@plant("disk_full", MACHINE)
def hardly_anything_is_free(w):
    offline(w, says="5 MiB", DISK_FREE_MIB="5")


@plant("files_limit", MACHINE)
def few_files_may_be_open(w):
    w.finds("--offline", limits=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)), says="256")


@plant("proxy", MACHINE)
def a_proxy_stands_between(w):
    offline(w, HTTPS_PROXY="http://user:word@127.0.0.1:1", STRIPE_API_BASE="https://api.stripe.com",
            BRINDLE_RATE_LIMIT="25", says="HTTPS_PROXY")
    w.well("--offline", env={"HTTPS_PROXY": "http://127.0.0.1:1", "STRIPE_API_BASE": "https://api.stripe.com",
                             "BRINDLE_RATE_LIMIT": "25", "NO_PROXY": "localhost,.stripe.com"})


# ---- keys and secrets ----

@plant("key_missing", MACHINE)
def no_key_in_the_section(w):
    with_file(w, env="secret_key =")


@plant("store_without_key", MACHINE)
def a_store_that_nobody_configured(w):
    w.finds("--config", w.conf(f"[brindle]\ndatabase = sqlite:{w.place.dir / 'data'}\nlisten = {w.healthy['BRINDLE_LISTEN']}\n"))


@plant("store_of_demo", MACHINE)
def a_key_of_ones_own_where_the_demo_was(w):
    env, path = w.copy()
    (path.parent / "demo-stripe").mkdir()
    w.finds("--offline", env=env, says="the demo's")


@plant("key_malformed", MACHINE)
def what_is_set_is_no_key(w):
    for key, says in ((f'"{KEY}"', "quotes"), (f"{KEY} ", "blanks"), ("pk_test_shop", "publishable"),
                      ("whsec_shop", "webhook secret"), ("rk_prod_shop", "does not begin"), ("sk_test_a-b", "character")):
        w.finds(env={"STRIPE_SECRET_KEY": key}, says=says)


@plant("publishable_key_malformed", MACHINE)
def the_publishable_key_is_a_secret_one(w):
    w.finds(env={"STRIPE_PUBLISHABLE_KEY": "sk_test_shop"}, says="roll it")
    w.finds(env={"STRIPE_PUBLISHABLE_KEY": "'pk_test_shop'"}, says="quotes")


@plant("publishable_key_other_mode", MACHINE)
def the_publishable_key_is_live(w):
    w.finds(env={"STRIPE_PUBLISHABLE_KEY": "pk_live_shop"}, says="live key")


@plant("publishable_key_other_account", MACHINE)
def the_publishable_key_is_another_accounts(w):
    rest = "x" * 80
    env = {"STRIPE_SECRET_KEY": f"sk_test_51ABCdefGHIjklMNO{rest}", "STRIPE_WEBHOOK_SECRET": w.healthy["STRIPE_WEBHOOK_SECRET"]}
    w.finds("--offline", env={**env, "STRIPE_PUBLISHABLE_KEY": f"pk_test_51ZZZdefGHIjklMNO{rest}"}, says="acct_1ZZZdefGHIjklMNO")
    w.well("--offline", env={**env, "STRIPE_PUBLISHABLE_KEY": f"pk_test_51ABCdefGHIjklMNO{rest}"})


@plant("webhook_secret_missing", MACHINE)
def no_webhook_secret(w):
    offline(w, STRIPE_WEBHOOK_SECRET="", says="every 60 s")


@plant("nothing_tells", MACHINE)
def neither_a_webhook_secret_nor_the_list(w):
    offline(w, STRIPE_WEBHOOK_SECRET="", BRINDLE_CATCH_UP_SECONDS="0")


@plant("webhook_secret_empty", MACHINE)
def a_comma_too_many(w):
    offline(w, STRIPE_WEBHOOK_SECRET=f"{w.healthy['STRIPE_WEBHOOK_SECRET']},,", says="2 is empty")


@plant("webhook_secret_odd", MACHINE)
def what_is_set_is_no_webhook_secret(w):
    w.base = {"daemon_other_secret"}
    for secret, says in ((KEY, "API key"), ("'whsec_x'", "quotes"), ("whsec_a b", "blank"), ("secret", "does not begin")):
        offline(w, STRIPE_WEBHOOK_SECRET=secret, says=says)


# ---- other settings ----

@plant("setting", MACHINE)
def a_setting_that_cannot_be_used(w):
    w.finds(env={"BRINDLE_USER_METADATA_KEY": "a[b]"}, says="bracket")
    w.finds(env={"REDIS_URL": "http://127.0.0.1"}, says="REDIS_URL")
    w.finds(env={"STRIPE_API_BASE": "http://stripe.example", "BRINDLE_RATE_LIMIT": ""}, says="stripe.example")


@plant("rate_limit", MACHINE)
def no_limit_of_the_rate_at_stripe(w):
    w.finds(env={"STRIPE_API_BASE": "https://api.stripe.com"}, says="rate_limit = 0")


@plant("rate_limit_high", MACHINE)
def more_than_stripe_grants(w):
    offline(w, STRIPE_API_BASE="https://api.stripe.com", BRINDLE_RATE_LIMIT="100", says="25 a second")


@plant("catch_up_off", MACHINE)
def the_list_of_events_is_never_read(w):
    offline(w, BRINDLE_CATCH_UP_SECONDS="0")


@plant("check_off", MACHINE)
def the_mirror_is_never_checked(w):
    offline(w, BRINDLE_CHECK_SECONDS="0")


@plant("fuse_off", MACHINE)
def there_is_no_fuse(w):
    offline(w, BRINDLE_FUSE="0")


@plant("retention", MACHINE)
def bodies_are_kept_longer_than_events(w):
    offline(w, BRINDLE_INBOX_BODY_DAYS="200", says="200")


@plant("retention_short", MACHINE)
def events_are_forgotten_at_once(w):
    offline(w, BRINDLE_INBOX_DAYS="7", BRINDLE_INBOX_BODY_DAYS="7", says="is 7")


@plant("application_database", MACHINE)
def the_applications_database_is_not_there(w):
    offline(w, BRINDLE_APPLICATION_DATABASE=f"sqlite:{w.place.dir}/nowhere.db", says="application_database")


@plant("application_columns", MACHINE)
def a_column_of_the_application_was_renamed(w):
    path = w.place.dir / "app.db"
    with contextlib.closing(sqlite3.connect(path)) as c:
        c.execute("create table accounts (id integer primary key, stripe_id text)")
        c.commit()
    env = {"BRINDLE_APPLICATION_DATABASE": f"sqlite:{path}"}
    offline(w, **env, BRINDLE_APPLICATION_COLUMNS="accounts.stripe_account_id", says="stripe_account_id")
    w.well("--offline", env={**env, "BRINDLE_APPLICATION_COLUMNS": "accounts.stripe_id"})


def only_root():
    if os.geteuid() != 0:
        raise Skip("only root can plant this")


# ---- Stripe ----

@plant("key_refused", STRIPE)
def a_key_that_was_rolled(w):
    w.e.fault("error;path=/v1/account;status=401")
    w.finds(says="401")


@plant("account_unreadable", STRIPE)
def a_restricted_key_that_may_not_tell_whose_it_is(w):
    w.e.admin("POST", "/permissions", {"permissions": {"product": "read", "balance": "read"}})
    one = w.finds(env={"STRIPE_SECRET_KEY": KEY.replace("sk_", "rk_")}, says="/v1/account")
    check(account(w) in one["fix"], "the account is not named:", one)


@plant("account_other", STRIPE)
def the_account_that_is_configured_is_another_one(w):
    w.finds(env={"BRINDLE_ACCOUNT": "acct_1somebodyelse"}, says=account(w))


@plant("permission", STRIPE)
def a_restricted_key_without_a_right(w):
    w.e.fault("permission;path=/v1/customers")
    w.finds(says="1 type: customers")


@plant("endpoints_unseen", STRIPE)
def a_restricted_key_that_may_not_see_endpoints(w):
    w.e.fault("permission;path=/v1/webhook_endpoints")
    w.base = {"permission"}
    w.finds(says="may not list")


@plant("key_strange", STRIPE)
def a_proxy_that_leads_to_the_live_mode(w):
    front = Front(w.e)
    w.place.things.append(front)
    front.bend = lambda path, status, body: (
        (status, "application/json", body.replace(b'"livemode":false', b'"livemode":true')) if path == "/v1/balance" else None)
    w.finds(env=front.env, says="in live mode")


@plant("no_account", STRIPE)
def a_server_that_does_not_tell_whose_data_it_has(w):
    body = b'{"error":{"type":"invalid_request_error","message":"unknown url"}}'

    def nothing(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nConnection: close\r\n"
                           b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    with Listener(nothing) as mock:
        w.finds(env={"STRIPE_API_BASE": f"http://127.0.0.1:{mock.port}"})


@plant("key_other_mode", STRIPE)
def a_live_key_for_the_store_of_the_test_mode(w):
    env, path = w.copy()
    for beside in ("", "-wal", "-shm"):
        if os.path.exists(f"{path}{beside}"):
            os.rename(f"{path}{beside}", path.parent / f"live.db{beside}")
    w.finds(env={**env, "STRIPE_SECRET_KEY": LIVE}, says="live key")


@plant("key_other_account", STRIPE)
def the_key_of_another_account(w):
    w.finds(env={"STRIPE_SECRET_KEY": OTHER}, says="belongs to " + account(w))


@plant("stripe_away", STRIPE)
def nobody_answers_at_api_base(w):
    w.finds(env={"STRIPE_API_BASE": f"http://127.0.0.1:{free_port()}"}, says="no connection")


@plant("clock_off", STRIPE)
def a_clock_that_is_a_minute_ahead(w):
    w.finds(env=clock(w, 60), says="ahead")


@plant("clock_wrong", STRIPE)
def a_clock_that_is_an_hour_behind(w):
    w.base = {"daemon_other_secret"}  # the daemon's clock is right, and not this machine's here
    w.finds(env=clock(w, -3600), says="behind")


def clock(w, off):
    if not hasattr(w, "clock"):
        w.clock = Clock(w.place, 0)
        w.place.clock = None  # of this command alone
    w.clock.jump(off)
    shims = w.on_a_disk()["LD_PRELOAD"] + ":" + w.clock.env["LD_PRELOAD"]
    return {**w.clock.env, "LD_PRELOAD": shims}


def account(w):
    return w.e.get("/v1/account")["id"]


# ---- the webhook endpoint ----

def with_yes(command):
    return command.replace("YOUR.HOST", "shop.example") + " --yes"


def without_endpoint(plant_and_look):
    """The endpoint is away meanwhile, and what was made instead goes with the end."""
    def run(w):
        w.e.post(f"/v1/webhook_endpoints/{w.endpoint['id']}", url="https://app.example/stripe")
        try:
            plant_and_look(w)
        finally:
            for other in w.e.get("/v1/webhook_endpoints", limit=100)["data"]:
                if other["id"] != w.endpoint["id"]:
                    w.e.delete(f"/v1/webhook_endpoints/{other['id']}")
            w.e.post(f"/v1/webhook_endpoints/{w.endpoint['id']}", url=w.url)
    run.__name__ = plant_and_look.__name__
    return run


@plant("endpoint_missing", STRIPE)
@without_endpoint
def no_endpoint_leads_here(w):
    w.finds(fix=with_yes)


@plant("endpoint_elsewhere", STRIPE)
@without_endpoint
def the_endpoint_leads_to_the_other_mode(w):
    for url in ("https://shop.example/webhooks/live", "https://shop.example/webhooks/test/"):
        other = w.e.post("/v1/webhook_endpoints", url=url, enabled_events=["*"])
        one = w.finds(fix=with_yes, mend=url.endswith("live"), says="https://shop.example")
        check("https://shop.example/webhooks/test" in one["fix"], one)
        for made in w.e.get("/v1/webhook_endpoints", limit=100)["data"]:
            if made["id"] != w.endpoint["id"]:
                w.e.delete(f"/v1/webhook_endpoints/{made['id']}")


@plant("endpoint_disabled", STRIPE)
def the_endpoint_is_disabled(w):
    w.e.post(f"/v1/webhook_endpoints/{w.endpoint['id']}", disabled=True)
    w.finds(fix=with_yes, says=w.endpoint["id"])


@plant("events_missing", STRIPE)
def the_endpoint_sends_a_few_events(w):
    w.e.post(f"/v1/webhook_endpoints/{w.endpoint['id']}", enabled_events=["invoice.paid", "price.created"])
    w.finds(fix=with_yes, says="product.updated, price.updated")
    sends = w.e.get(f"/v1/webhook_endpoints/{w.endpoint['id']}")["enabled_events"]
    check("invoice.paid" in sends and "*" not in sends and len(sends) == len(set(sends)), sends)
    w.e.post(f"/v1/webhook_endpoints/{w.endpoint['id']}", enabled_events=["*"])


@plant("events_missing", STRIPE)
def a_colleagues_endpoint_has_the_same_path(w):
    # type by type, one of them such that no star brings it
    sends = ["product.created", "identity.verification_session.redacted"]
    other = w.e.post("/v1/webhook_endpoints", url="https://colleague.example/webhooks/test", enabled_events=sends)
    w.base = {"not_mended"}
    w.finds("--fix", "--yes", mend=False, says=other["url"])  # nobody has said whose is whose
    w.base = set()
    new = "https://new.example/webhooks/test"
    for _ in range(2):  # whole addresses are compared
        w.run([BRINDLE, "doctor", "--fix", "--url", new, "--yes"], {})
        leads = w.e.get("/v1/webhook_endpoints", limit=100)["data"]
        check(sorted(e["url"] for e in leads) == sorted([w.url, other["url"], new]), leads)
    check(next(e for e in leads if e["id"] == other["id"])["enabled_events"] == sends, "the colleague's was changed")
    made = next(e for e in leads if e["url"] == new)
    w.run([BRINDLE, "doctor", "--fix", "--url", other["url"], "--yes"], {})
    sends = w.e.get(f"/v1/webhook_endpoints/{other['id']}")["enabled_events"]
    check("identity.verification_session.redacted" in sends and "product.updated" in sends, sends)
    for one in (made, other):
        w.e.delete(f"/v1/webhook_endpoints/{one['id']}")


@plant("events_missing", STRIPE)
def the_endpoint_sends_all_but_the_changes_of_products(w):
    every = [line.split('"')[1] for line in (pathlib.Path(__file__).parents[2] / "src/emulator/event_types.def").read_text()
             .splitlines() if '"' in line and "." in line.split('"')[1]]
    w.e.post(f"/v1/webhook_endpoints/{w.endpoint['id']}", enabled_events=[t for t in every if t != "product.updated"])
    w.finds(fix=with_yes, says=": product.updated")
    w.e.post(f"/v1/webhook_endpoints/{w.endpoint['id']}", enabled_events=["*"])


@plant("endpoint_version", STRIPE)
@without_endpoint
def the_endpoint_sends_an_older_version(w):
    w.e.post("/v1/webhook_endpoints", url=w.url, enabled_events=["*"], api_version="2024-06-20")
    w.finds(says="2024-06-20")


@plant("endpoint_doubled", STRIPE)
@without_endpoint
def two_endpoints_lead_here(w):
    for _ in range(2):
        w.e.post("/v1/webhook_endpoints", url=w.url, enabled_events=["*"], api_version="2026-10-28.endive")
    w.finds(says="second one")


@plant("endpoint_connect", STRIPE)
def none_is_for_connected_accounts(w):
    w.finds(env={"BRINDLE_CONNECT": "on"})


@plant("endpoint_of_connect", STRIPE)
@without_endpoint
def one_is_for_connected_accounts(w):
    w.e.post("/v1/webhook_endpoints", url=w.url, enabled_events=["*"], connect=True, api_version="2026-10-28.endive")
    w.finds(says="connect = off")


@plant("endpoints_many", STRIPE)
@without_endpoint
def there_are_almost_as_many_as_there_may_be(w):
    w.e.post("/v1/webhook_endpoints", url=w.url, enabled_events=["*"], api_version="2026-10-28.endive")
    for i in range(13):
        w.e.post("/v1/webhook_endpoints", url=f"https://app{i}.example/stripe", enabled_events=["invoice.paid"])
    w.finds(says="15 of at most 16")


@plant("deliveries_fail", STRIPE)
def stripe_cannot_deliver(w):
    event = page_event(w)
    w.e.edit("event", event["id"], created=int(time.time()) - 3600, pending_webhooks=1)
    w.finds(says="1 of its latest")
    w.e.edit("event", event["id"], created=event["created"], pending_webhooks=0)


def page_event(w):
    return w.e.get("/v1/events", limit=1)["data"][0]


@plant("not_mended", STRIPE)
def there_is_nobody_to_be_asked(w):
    w.e.post(f"/v1/webhook_endpoints/{w.endpoint['id']}", disabled=True)
    w.base = {"endpoint_disabled"}
    w.finds("--fix", says="stays as it is")
    w.e.post(f"/v1/webhook_endpoints/{w.endpoint['id']}", disabled=False)


@plant("secret_kept", STRIPE)
@without_endpoint
def an_endpoint_is_made(w):
    one = w.finds("--fix", "--url", "https://shop.example/webhooks/test", "--yes", says=".whsec")
    path = pathlib.Path(one["fix"].split("file:")[1].split(",")[0])
    check(path.stat().st_mode & 0o777 == 0o600 and path.read_text().startswith("whsec_"), path)


@plant("secret_lost", STRIPE)
@without_endpoint
def the_secret_finds_no_room(w):
    def no_room():
        ignore_full()
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    w.finds("--fix", "--url", "https://shop.example/webhooks/test", "--yes", limits=no_room, says="could not be kept")


# ---- the daemon ----

@plant("nobody_works", DAEMON)
def the_daemon_does_not_run(w):
    env, _ = w.copy()
    w.base = set()
    one = w.finds("--offline", env=env, mend=False)
    check(one["fix"] == "brindle serve", one)
    daemon = subprocess.Popen(["sh", "-c", f"exec {one['fix']}"], env={**w.place.env(), **w.healthy, **env, "PATH": w.path},
                              cwd=w.place.dir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    w.place.guard.watch(daemon)
    until("the daemon runs", lambda: not w.names(w.doctor("--offline", env=env)))
    daemon.terminate()
    daemon.wait(PATIENCE)


@plant("lock_held", DAEMON)
def a_process_has_the_store_and_hangs(w):
    env, path = w.copy()
    w.base = set()
    hung = subprocess.Popen(["flock", f"{path}.lock", "sleep", "600"], start_new_session=True)
    until("it has the lock", lambda: pathlib.Path(f"{path}.lock").exists() and
          str(os.stat(f"{path}.lock").st_ino) in pathlib.Path("/proc/locks").read_text())
    w.finds("--offline", env=env, says=str(path))
    os.killpg(hung.pid, signal.SIGKILL)
    hung.wait()


@plant("daemon_version", DAEMON)
def the_daemon_is_of_last_year(w):
    env, path = w.copy()
    w.base = set()
    fake = FakeDaemon(path.with_suffix(".sock"), "0.0.1")
    w.finds("--offline", env=env, says="0.0.1")
    fake.stop()


@plant("daemon_elsewhere", DAEMON)
def the_daemon_listens_at_another_port(w):
    offline(w, BRINDLE_LISTEN=f"127.0.0.1:{free_port()}")


@plant("daemon_other_secret", DAEMON)
def the_daemon_was_started_with_another_secret(w):
    offline(w, STRIPE_WEBHOOK_SECRET="whsec_new", says="secret 1")


@plant("daemon_older_configuration", DAEMON)
def a_mistake_in_the_file_that_was_to_be_read_anew(w):
    env, path = w.copy()
    w.base = set()
    text = (f"[brindle]\nlisten = 127.0.0.1:{free_port()}\ndatabase = {env['DATABASE_URL']}\n[env test]\n"
            f"secret_key = {KEY}\nwebhook_secret = {w.healthy['STRIPE_WEBHOOK_SECRET']}\nrate_limit = 0\n"
            f"api_base = http://127.0.0.1:{w.e.port}\n")
    conf = w.conf(text, name="reload.conf")
    d = w.place.start(port=int(text.split(":")[1].split()[0]), **{k: "" for k in w.place.env()
                      if k.startswith(("STRIPE_", "BRINDLE_", "DATABASE_"))}, BRINDLE_CONFIG=conf)
    ready = lambda: d.http.ask("GET", "/readyz")[2]  # nothing, while it begins anew
    w.conf(text + "workers = many\n", name="reload.conf")
    d.process.send_signal(signal.SIGHUP)
    until("it is refused", lambda: b'"configuration":"refused"' in ready())
    w.conf(text, name="reload.conf")
    w.finds("--offline", "--config", conf)
    lives = w.place.text_of("daemon.log").count("event=started")
    d.process.send_signal(signal.SIGHUP)
    until("it has begun anew", lambda: w.place.text_of("daemon.log").count("event=started") > lives)
    until("it answers", lambda: ready() and b"refused" not in ready())
    w.well("--offline", "--config", conf)
    d.stop()


@plant("webhook_secret_mismatch", DAEMON)
def deliveries_are_signed_with_another_secret(w):
    env, _ = w.copy()
    w.base = set()
    d = start_on(w, env)
    event = page_event(w)
    for _ in range(3):
        check(d.deliver(event, "whsec_of_the_other_mode") == 400, "a wrong signature was taken")
    env["BRINDLE_LISTEN"] = f"127.0.0.1:{d.port}"
    w.finds("--offline", env=env, says="webhook_broken")
    check(d.deliver(event, w.healthy["STRIPE_WEBHOOK_SECRET"]) == 200, "the right one was refused")
    w.well("--offline", env=env)
    d.stop()


@plant("rate_limited", DAEMON)
def stripe_limits_our_requests(w):
    env, _ = w.copy()
    w.base = set()
    d = start_on(w, env)
    w.e.fault("rate_limit;path=/v1/products/")
    event = next(e for e in w.e.events() if e["type"].startswith("product."))
    check(d.deliver({**event, "id": "evt_limited"}, w.healthy["STRIPE_WEBHOOK_SECRET"]) == 200, "not taken")
    until("the daemon says so", lambda: b'"rate_limited"' in d.http.ask("GET", "/readyz/test")[2])
    w.finds("--offline", env={**env, "BRINDLE_LISTEN": f"127.0.0.1:{d.port}"}, says="rate_limited")
    d.stop()


@plant("daemon_troubled", DAEMON)
def the_daemons_disk_is_full(w):
    def small_disk():
        ignore_full()
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
    env, _ = w.copy()
    w.base = set()
    d = start_on(w, env, limits=small_disk)
    body = json.dumps({**page_event(w), "x": "y" * 200000})
    until("it is full", lambda: any(d.deliver(json.dumps({**json.loads(body), "id": f"evt_full{i}"}).encode(),
                                              w.healthy["STRIPE_WEBHOOK_SECRET"]) == 503 for i in range(60)))
    w.finds("--offline", env={**env, "BRINDLE_LISTEN": f"127.0.0.1:{d.port}"}, says="disk_full")
    d.kill()


@plant("environment_closed", DAEMON)
def stripe_was_away_when_the_daemon_began(w):
    env, path = w.copy()
    w.base = {"nobody_works"}
    text = (f"[brindle]\ndatabase = sqlite:{path.parent}\nlisten = 127.0.0.1:PORT\n"
            f"[env test]\nsecret_key = {KEY}\nwebhook_secret = whsec_test\napi_base = http://127.0.0.1:{free_port()}\n"
            f"start_seconds = 0\n[env two]\nsecret_key = {LIVE}\nwebhook_secret = whsec_two\napi_base = http://127.0.0.1:{w.e.port}\n")
    port = free_port()
    conf = w.conf(text.replace("PORT", str(port)), name="two.conf")
    log = open(w.place.dir / "two.log", "wb")
    daemon = subprocess.Popen([BRINDLE, "serve", "--config", conf], env=w.place.bare_env(), stdout=log, stderr=log)
    w.place.guard.watch(daemon)
    door = w.daemon.http.__class__(port)
    until("it is there", lambda: b'"identity_not_verified"' in door.ask("GET", "/readyz/test")[2])
    w.base = set()
    w.finds("--offline", "--config", conf, "--env", "test", says="identity_not_verified")
    daemon.terminate()
    daemon.wait(PATIENCE)
    log.close()


@plant("identity_lost", DAEMON)
def the_daemons_key_reaches_another_account(w):
    front = Front(w.e)
    w.place.things.append(front)
    env, _ = w.copy()
    w.base = set()
    d = start_on(w, {**env, **front.env})
    other = w.e.call("GET", "/v1/account", Authorization=f"Bearer {OTHER}")

    def another(path, status, body):
        if path == "/v1/account":
            return 200, "application/json", json.dumps(other).encode()
        if path.startswith("/v1/products/"):
            return 404, "application/json", json.dumps({"error": {"type": "invalid_request_error", "code": "resource_missing",
                                                                  "message": "No such product", "param": "id"}}).encode()
        return None
    front.bend = another
    event = next(e for e in w.e.events() if e["type"].startswith("product."))
    check(d.deliver({**event, "id": "evt_lost"}, w.healthy["STRIPE_WEBHOOK_SECRET"]) == 200, "not taken")
    until("it is noticed", lambda: b"identity_mismatch" in d.http.ask("GET", "/readyz/test")[2])
    w.finds("--offline", env={**env, "BRINDLE_LISTEN": f"127.0.0.1:{d.port}"}, says="identity_mismatch")
    front.bend = None
    d.stop()


def start_on(w, env, limits=None):
    """A daemon on a copy."""
    settings = {**w.healthy, **env}
    settings.pop("BRINDLE_LISTEN")
    return w.place.start(limits=limits, **settings)


# ---- environments that were switched ----

@plant("environment_sealed", STORE)
def another_environment_took_over(w):
    env = w.copy_with(("update _environment set sealed_for = 'live'",))
    w.base = set()
    w.finds("--offline", env=env, says="live took over")
    w.mend("brindle env switch test --yes", ("--offline",), env, {})


@plant("switch_unfinished", STORE)
def a_switch_was_broken_off(w):
    env, path = w.copy()
    w.base = set()
    conf = w.conf(f"[brindle]\ndatabase = sqlite:{path.parent}\nlisten = 127.0.0.1:{free_port()}\n"
                  f"[env test]\nsecret_key = {KEY}\nwebhook_secret = whsec_test\napi_base = http://127.0.0.1:{w.e.port}\nrate_limit = 0\n"
                  f"[env live]\nsecret_key = {LIVE}\nwebhook_secret = whsec_live\napi_base = http://127.0.0.1:{w.e.port}\nrate_limit = 0\n",
                  name="switch.conf")
    done = w.run([BRINDLE, "env", "switch", "live", "--config", conf, "--until", "begun", "--yes"], {})
    check(done.returncode == 0, done.stderr)
    w.finds("--offline", "--config", conf, says="to live")
    w.mend(f"brindle env switch live --yes --config {conf}", ("--offline", "--config", conf), {}, {})


# ---- the store ----

@plant("store_damaged", STORE)
def the_stores_file_is_garbage(w):
    env, path = w.copy()
    data = bytearray(path.read_bytes())
    data[4096:4096 * 12] = os.urandom(4096 * 11)
    path.write_bytes(data)
    for beside in ("-wal", "-shm"):
        pathlib.Path(str(path) + beside).unlink(missing_ok=True)
    one = w.finds("--offline", env=env, says="erasures, users' bindings and operations")
    check(f"{path}, -wal and -shm" in one["fix"], one)
    w.mend(f"mv {path} {path}.damaged; mv {path}-wal {path}.damaged-wal; mv {path}-shm {path}.damaged-shm; brindle sync",
           ("--offline",), env, {})


@plant("store_unusable", STORE)
def the_store_is_of_a_newer_version(w):
    env = w.copy_with(("pragma user_version = 999",))
    w.finds("--offline", env=env, says="newer")


# ---- the work ----

@plant("never_synced", STORE)
def no_list_was_ever_walked(w):
    w.finds("--offline", env=w.copy_with(("delete from _walks",)))


@plant("sync_incomplete", STORE)
def a_list_was_not_walked_to_its_end(w):
    w.finds("--offline", env=w.copy_with(("delete from _walks where type in ('customer', 'invoice')",)), says="2 of")


@plant("backlog", STORE)
def work_waits_for_an_hour(w):
    env = w.copy_with((OLD_WORK, (int(time.time()) - 3600) * 1000))
    w.base = set()
    fake = FakeDaemon(pathlib.Path(env["DATABASE_URL"][7:]) / "test.sock", version(w))
    w.finds("--offline", env=env, says="60 min")
    fake.stop()


OLD_WORK = "update _due set gen = gen + 1, due_since = ? where rowid = (select max(rowid) from _due where kind = 'object')"


def version(w):
    return w.place.run("version")[0].split()[1]


@plant("dead_work", STORE)
def work_was_given_up(w):
    env = w.copy_with(("update _due set gen = gen + 1, dead = 1, last_error = 'Stripe answered 500' where rowid = "
                       "(select max(rowid) from _due where kind = 'object')",))
    w.finds("--offline", env=env, says="Stripe answered 500", fix=lambda c: f"{c} && brindle sync products")


@plant("quarantine", WORK)
def an_event_of_the_other_mode_came(w):
    body = json.dumps({**page_event(w), "id": "evt_other_mode", "livemode": True}).encode()
    check(w.daemon.deliver(body, w.healthy["STRIPE_WEBHOOK_SECRET"]) == 200, "not taken")
    w.finds("--offline", says="1 events")
    env = w.copy_with(("update _inbox set received_at = received_at - 691200000 where outcome = 'quarantined'",))
    w.well("--offline", env=env)


@plant("conflicts", WORK)
def another_event_came_under_the_same_id(w):
    w.finds("--offline", env=w.copy_with(
        ("delete from _inbox where outcome = 'quarantined'",),
        ("insert into _inbox_conflicts(event, received_at, reason, body) values ('evt_1', 1, 'type', '{}')",)))


def quiet(*statements):
    """Without what the plant before has left."""
    return (("delete from _inbox where outcome = 'quarantined'",), *statements)


@plant("fuse_blown", WORK)
def the_fuse_has_blown(w):
    env = w.copy_with(*quiet(
        ("insert or replace into _counters values ('fuse_blown', ?)", int(time.time()) * 1000),
        ("update _due set gen = gen + 1, dead = 1, last_error = 'the fuse has blown: gone' where rowid = "
         "(select max(rowid) from _due where kind = 'object')",)))
    w.finds("--offline", env=env, says="1 objects")
    w.mend("brindle check drift --repair --yes", ("--offline",), env, {})


@plant("events_unreadable", STORE)
def the_list_of_events_answers_500(w):
    w.finds("--offline", env=w.copy_with(*quiet(("update _due set last_error = 'Stripe answered 500' where kind = 'catchup'",))),
            says="Stripe answered 500")


@plant("events_stale", STORE)
def the_list_of_events_was_read_an_hour_ago(w):
    env = w.copy_with(*quiet(("update _counters set value = value - 7200000 where name = 'events_read'",)))
    w.base = set()
    fake = FakeDaemon(pathlib.Path(env["DATABASE_URL"][7:]) / "test.sock", version(w))
    w.finds("--offline", env=env, says="should be every 600 s")
    fake.stop()


@plant("backup_stale", WORK)
def a_backup_of_last_month(w):
    days = 40 * 86400
    env = w.copy_with(*quiet(("update _counters set value = value - ? where name = 'events_cursor'", days),
                             ("update _counters set value = value - ? where name in ('events_read', 'events_begun')", days * 1000)))
    w.finds("--offline", env=env, says="40 days")


@plant("drift_old", WORK)
def the_last_check_was_a_week_ago(w):
    week = 7 * 86400 * 1000
    env = w.copy_with(*quiet(("update _environment set created_at = created_at - ?", week),
                             ("update _checks set finished_at = finished_at - ?, started_at = started_at - ?", week, week)))
    w.finds("--offline", env=env, says="7 days")


@plant("drift_found", WORK)
def a_check_found_what_no_event_had_told(w):
    env = w.copy_with(*quiet(("update objects set data = replace(data, '\"name\":\"x\"', '\"name\":\"y\"') where type = 'product'",)))
    done = w.run([BRINDLE, "check", "drift", "products"], env)
    check(done.returncode == 3, "the check found nothing:", done.returncode, done.stdout, done.stderr)
    w.finds("--offline", env=env, says="1 differences")


@plant("reads_many", DAEMON)
def a_live_account_is_read_more_than_stripe_grants(w):
    env = w.copy_with(("update _environment set livemode = 1",))
    text = (f"[brindle]\nlisten = {env['BRINDLE_LISTEN']}\ndatabase = {env['DATABASE_URL']}\n[env test]\n"
            f"secret_key = {LIVE}\nwebhook_secret = {w.healthy['STRIPE_WEBHOOK_SECRET']}\nrate_limit = 0\n"
            f"api_base = http://127.0.0.1:{w.e.port}\n")
    w.finds("--offline", "--config", w.conf(text + "catch_up_seconds = 60\n"), says="GETs a month")
    w.well("--offline", "--config", w.conf(text))  # the defaults take no more than Stripe grants whoever sells nothing


@plant("accounts_lost", STORE)
def a_connected_account_has_left(w):
    env = w.copy_with(("insert into _accounts(account, state, since) values ('acct_1left', 'unreachable', 1)",))
    w.finds("--offline", env={**env, "BRINDLE_CONNECT": "on"}, says="1 connected")


@plant("operation_stuck", STORE)
def an_operation_waits_for_a_person(w):
    env = w.copy_with(*quiet(("insert into _ops(id, account, kind, actor, input, state, reason, created_at, changed_at) "
                              "values ('op_stuck', (select account from _environment), 'price.archive', 'me', '{}', 'stuck', 'operator', 1, 1)",)))
    one = w.finds("--offline", env=env, says="op_stuck")
    check("brindle op show op_stuck" in one["fix"], one)


# ---- the key-value server ----

def redis(w, **env):
    return {"REDIS_URL": f"redis://127.0.0.1:{w.redis_port}", **env}


def set_for_now(w, name, value, says, before):
    w.redis.ask("CONFIG", "SET", name, value)
    w.finds("--offline", env=redis(w), says=says)
    w.redis.ask("CONFIG", "SET", name, before)


@plant("redis_away", REDIS)
def nobody_listens_at_redis_url(w):
    w.finds("--offline", env={"REDIS_URL": f"redis://127.0.0.1:{free_port()}"}, says="Redis at 127.0.0.1")


@plant("redis_password", REDIS)
def the_password_of_redis_is_missing_or_wrong(w):
    w.redis.ask("CONFIG", "SET", "requirepass", "right")
    w.finds("--offline", env=redis(w), says="NOAUTH")
    w.finds("--offline", env={"REDIS_URL": f"redis://:wrong@127.0.0.1:{w.redis_port}"}, says="AUTH")
    w.well("--offline", env={"REDIS_URL": f"redis://:right@127.0.0.1:{w.redis_port}"})
    w.redis.ask("-a", "right", "CONFIG", "SET", "requirepass", "")


@plant("redis_password", REDIS)
def a_password_for_a_redis_that_has_none(w):
    w.finds("--offline", env={"REDIS_URL": f"redis://:surplus@127.0.0.1:{w.redis_port}"}, says="AUTH")


@plant("redis_old", REDIS)
def a_redis_of_ten_years_ago(w):
    info = b"redis_version:3.2.1\r\nrole:master\r\nused_memory:1000\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n"

    def old(connection):
        while asked := connection.recv(65536):
            connection.sendall(b"$40\r\n" + b"a" * 40 + b"\r\n" if b"SCRIPT" in asked else
                               b"$%d\r\n%s\r\n" % (len(info), info) if b"INFO" in asked else b"-ERR unknown command\r\n")
    with Listener(old) as server:
        w.finds("--offline", env={"REDIS_URL": f"redis://127.0.0.1:{server.port}"}, says="3.2.1")


@plant("redis_replica", REDIS)
def redis_is_a_replica(w):
    w.redis.ask("REPLICAOF", "127.0.0.1", "1")
    w.finds("--offline", env=redis(w), says="replica")
    w.redis.ask("REPLICAOF", "NO", "ONE")


@plant("redis_eviction", REDIS)
def redis_throws_away_what_was_not_used_lately(w):
    set_for_now(w, "maxmemory-policy", "allkeys-lru", "allkeys-lru", "noeviction")


@plant("redis_memory", REDIS)
def the_memory_of_redis_is_full(w):
    set_for_now(w, "maxmemory", "500kb", "of 512000 bytes", "0")


@plant("redis_forgets", REDIS)
def redis_keeps_nothing_on_a_disk(w):
    set_for_now(w, "save", "", "restart", "3600 1")


@plant("redis_behind", REDIS)
def states_wait_for_an_hour(w):
    env = w.copy_with(("insert into _states(customer, account, value, revision, changed_at) values "
                       "('cus_1', (select account from _environment), '{}', 1, ?)", (int(time.time()) - 3600) * 1000))
    w.finds("--offline", env=redis(w, **env), says="60 min")


# ---- the database server ----

def on_the_database(w, change, back, says):
    """For every session that comes."""
    name = w.place.database
    w.place.cluster.sql("postgres", f"alter database {name} {change};")
    try:
        return w.finds("--offline", says=says)
    finally:
        w.place.cluster.sql("postgres", f"alter database {name} {back};")


@plant("server_away", SERVER)
def no_server_listens_there(w):
    w.finds("--offline", env={"DATABASE_URL": "postgresql:///x?host=/nowhere"}, says="PostgreSQL")


@plant("server_refused", SERVER)
def there_is_no_such_database(w):
    w.finds("--offline", env={"DATABASE_URL": w.place.cluster.url("nowhere")}, says="does not exist")


@plant("server_refused", SERVER)
def the_database_is_not_in_utf8(w):
    sql = w.place.cluster.sql
    sql("postgres", "create database ascii encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C';")
    w.finds("--offline", env={"DATABASE_URL": w.place.cluster.url("ascii")}, says="UTF8")
    sql("postgres", "drop database ascii;")


@plant("server_old", SERVER)
def the_server_is_of_2017(w):
    def message(kind, body):
        return kind + (len(body) + 4).to_bytes(4, "big") + body

    def old(connection):
        hello = connection.recv(8)
        while hello[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):  # is there TLS?
            connection.sendall(b"N")
            hello = connection.recv(8)
        connection.recv(4096)
        connection.sendall(message(b"R", bytes(4)) + message(b"S", b"server_version\x0010.3\x00") +
                           message(b"S", b"client_encoding\x00UTF8\x00") + message(b"K", bytes(8)) + message(b"Z", b"I"))
        connection.recv(4096)
    with Listener(old) as server:
        w.finds("--offline", env={"DATABASE_URL": f"postgresql://me@127.0.0.1:{server.port}/x"}, says="PostgreSQL 10")


@plant("server_unsafe", SERVER)
def the_server_keeps_no_promise(w):
    sql = w.place.cluster.sql
    for name in ("fsync", "full_page_writes"):
        try:
            sql("postgres", f"alter system set {name} = off;")
            sql("postgres", "select pg_reload_conf();")
            until("the server takes it up", lambda: sql("postgres", f"show {name};").strip() == "off")
            one = w.finds("--offline", says=f"{name}=off")
            check(one["fix"].startswith(f"alter system set {name} = on;"), one)
        finally:
            sql("postgres", f"alter system reset {name};")
            sql("postgres", "select pg_reload_conf();")
            until("the server takes it back", lambda: sql("postgres", f"show {name};").strip() == "on")


@plant("server_sync_off", SERVER)
def commits_do_not_wait_for_the_disk(w):
    on_the_database(w, "set synchronous_commit = off", "reset synchronous_commit", "synchronous_commit=off")


@plant("server_connections", SERVER)
def few_connections_are_permitted(w):
    one = on_the_database(w, "connection limit 8", "connection limit -1", "permits 8 connections")
    check("the database's connection limit" in one["fix"], one)


@plant("server_read_only", SERVER)
def the_database_may_only_be_read(w):
    on_the_database(w, "set default_transaction_read_only = on", "reset default_transaction_read_only", "can only be read")
