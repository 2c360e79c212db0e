"""What people paste: examples/, as they stand there."""
import shutil
import subprocess
import sys

from place import PATIENCE, ROOT, TOKEN, Http, Skip, check, free_port, until
from scenarios_customers import subscribe, sync
from scenarios_state import shop

SCENARIOS = []
EXAMPLES = ROOT / "examples"


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


def environment(place, daemon, **more):
    return {**place.bare_env(), "BRINDLE_URL": f"http://127.0.0.1:{daemon.port}", "BRINDLE_TOKEN": TOKEN, **more}


def told(place, daemon, *words):
    """(exit code, what it said)"""
    done = subprocess.run([str(w) for w in words], env=environment(place, daemon), capture_output=True,
                          timeout=PATIENCE, text=True, check=False)
    check(done.returncode <= 1, words, "ended with", done.returncode, done.stderr[-500:])
    return done.returncode, done.stdout.strip()


class Page:
    """A success page while it is served."""

    def __init__(self, place, daemon, *words):
        self.port = free_port()
        self.log = open(place.dir / "page.log", "ab")
        self.process = subprocess.Popen([str(w) for w in words], stdout=self.log, stderr=self.log,
                                        env=environment(place, daemon, PORT=str(self.port)))
        self.http = Http(self.port)
        place.things.append(self)
        until("the page is there", lambda: self.http.ask("GET", "/")[0] == 404)

    def stop(self):
        self.http.close()
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.log.close()


def languages():
    """(name, what runs it, suffix), of those that are here"""
    node = shutil.which("node")
    found = [("Python", sys.executable, "py")] + ([("Node", node, "mjs")] if node else [])
    return found, [] if node else ["node is not installed"]


def paid(e, customer, price):
    """A checkout that the customer has paid: the session."""
    session = e.post("/v1/checkout/sessions", mode="subscription", customer=customer["id"],
                     line_items=[{"price": price["id"], "quantity": 1}], success_url="https://example.com/ok")
    card = e.post("/v1/payment_methods", type="card", card={"token": "tok_visa"})
    e.post(f"/v1/payment_pages/{session['id']}/confirm", payment_method=card["id"])
    return session


@scenario("EXAMPLES-01")
def an_access_check_says_yes_while_the_subscription_lives(place):
    e = place.emulator
    product, price, customer = shop(e)
    feature = e.post("/v1/entitlements/features", name="API", lookup_key="api")
    e.post(f"/v1/products/{product['id']}/features", entitlement_feature=feature["id"])
    d = place.start()
    known, missing = languages()
    checks = [(name, (by, EXAMPLES / f"access_check.{suffix}")) for name, by, suffix in known]
    checks.append(("curl", ("sh", EXAMPLES / "access_check.sh")))

    def everybody_says(want, *words):
        for name, run in checks if len(words) == 1 else checks[:-1]:
            said = told(place, d, *run, *words)
            check(said == want, name, words, "says", said)

    everybody_says((1, "no"), customer["id"])
    sub = subscribe(e, customer, price)
    sync(d, customer["id"])
    everybody_says((0, "yes"), customer["id"])
    everybody_says((0, "yes"), customer["id"], "api")
    everybody_says((1, "no"), customer["id"], "gold")
    e.delete(f"/v1/subscriptions/{sub['id']}")
    sync(d, customer["id"])
    everybody_says((1, "no"), customer["id"])
    if missing:
        raise Skip(", ".join(missing))


@scenario("EXAMPLES-02")
def a_success_page_knows_what_was_bought_before_any_webhook(place):
    e = place.emulator
    _, price, _ = shop(e)
    d = place.start()
    known, missing = languages()
    for name, by, suffix in known:
        customer = e.post("/v1/customers", email=f"{name}@example.com")
        page = Page(place, d, by, EXAMPLES / f"checkout_success.{suffix}")
        session = paid(e, customer, price)
        status, _, text = page.http.ask("GET", f"/success?session_id={session['id']}")
        check(status == 200 and b"is active" in text, name, "says", status, text)
        check(page.http.ask("GET", "/success?session_id=cs_nobody")[0] == 503, name, "knows nobody's session")
    customer = e.post("/v1/customers", email="curl@example.com")
    paid(e, customer, price)
    code, said = told(place, d, "sh", EXAMPLES / "checkout_success.sh", customer["id"])
    check(code == 0 and '"status":"active"' in said, "curl says", code, said)
    if missing:
        raise Skip(", ".join(missing))
