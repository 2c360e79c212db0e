"""May this customer use the product? Needs nothing but Python 3.

    BRINDLE_TOKEN=… python3 access_check.py cus_123 [FEATURE]

Ends with 0 (yes) or 1 (no). In a program: from access_check import may_use.
"""
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

BRINDLE = os.environ.get("BRINDLE_URL", "http://127.0.0.1:8420")
ENV = os.environ.get("BRINDLE_ENV", "test")
GIVES_ACCESS = ("active", "trialing", "past_due")  # past_due: while Stripe tries again


def state_of(customer):
    """The customer's state; None: Stripe has no such customer, or nobody has synced it yet."""
    request = urllib.request.Request(
        f"{BRINDLE}/api/{ENV}/customers/{urllib.parse.quote(customer, safe='')}/state",
        headers={"Authorization": f"Bearer {os.environ['BRINDLE_TOKEN']}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as why:
        if why.code == 404:
            return None
        raise


def may_use(customer, feature=None):
    """With a feature's lookup key it must be among the customer's entitlements, too."""
    state = state_of(customer)
    if state is None or state["status"] not in GIVES_ACCESS:
        return False
    return feature is None or feature in (state["entitlements"] or [])


if __name__ == "__main__":
    yes = may_use(*sys.argv[1:3])
    print("yes" if yes else "no")
    sys.exit(0 if yes else 1)
