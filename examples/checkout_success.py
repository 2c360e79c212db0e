"""The page that Stripe Checkout leads to: it shows what was bought, even when the customer is here
before any webhook. Needs nothing but Python 3.

    BRINDLE_TOKEN=… python3 checkout_success.py        then set Checkout's success_url to
    http://localhost:3000/success?session_id={CHECKOUT_SESSION_ID}
"""
import http.server
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

BRINDLE = os.environ.get("BRINDLE_URL", "http://127.0.0.1:8420")
ENV = os.environ.get("BRINDLE_ENV", "test")


def sync(ident):
    """Has an object fetched from Stripe; the answer is not older than this call."""
    request = urllib.request.Request(
        f"{BRINDLE}/api/{ENV}/sync/{urllib.parse.quote(ident, safe='')}?wait=1&timeout=10", method="POST",
        headers={"Authorization": f"Bearer {os.environ['BRINDLE_TOKEN']}"})
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as why:
        body = json.load(why)
        if why.code == 503 and body.get("state"):
            return body["state"]  # Stripe is away: what was known last
        raise RuntimeError(body["error"]["message"]) from why


def success(session):
    """In your shop you know the customer already: then sync(customer) is all there is to do."""
    customer = sync(session)["data"]["customer"]
    if not customer:
        return "Thank you! This was paid without a customer."
    state = sync(customer)
    if state["stale"] and state["status"] != "active":
        return "Thank you! Your subscription will be active in a moment."
    return f"Thank you! Your subscription {state.get('subscriptionId', '')} is {state['status']}."


class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        session = urllib.parse.parse_qs(url.query).get("session_id", [""])[0]
        if url.path != "/success" or not session.startswith("cs_"):
            return self.answer(404, "Not found")
        try:
            return self.answer(200, success(session))
        except (RuntimeError, OSError) as why:
            print(why, file=sys.stderr)
            return self.answer(503, "Thank you! We are still waiting for word of your payment.")

    def answer(self, status, text):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(f"{text}\n".encode())


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Shop)
    print(f"http://127.0.0.1:{server.server_port}/success?session_id=…", flush=True)
    server.serve_forever()
