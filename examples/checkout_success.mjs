// The page that Stripe Checkout leads to: it shows what was bought, even when the customer is here
// before any webhook. Needs nothing but Node 18 or later.
//
//     BRINDLE_TOKEN=… node checkout_success.mjs        then set Checkout's success_url to
//     http://localhost:3000/success?session_id={CHECKOUT_SESSION_ID}
import http from "node:http";

const BRINDLE = process.env.BRINDLE_URL ?? "http://127.0.0.1:8420";
const ENV = process.env.BRINDLE_ENV ?? "test";

/** Has an object fetched from Stripe; the answer is not older than this call. */
async function sync(id) {
  const answer = await fetch(
    `${BRINDLE}/api/${ENV}/sync/${encodeURIComponent(id)}?wait=1&timeout=10`,
    { method: "POST", headers: { Authorization: `Bearer ${process.env.BRINDLE_TOKEN}` } },
  );
  const body = await answer.json();
  if (answer.status === 503 && body.state) return body.state; // Stripe is away: what was known last
  if (!answer.ok) throw new Error(body.error.message);
  return body;
}

/** In your shop you know the customer already: then sync(customer) is all there is to do. */
async function success(session) {
  const { data } = await sync(session);
  if (!data.customer) return "Thank you! This was paid without a customer.";
  const state = await sync(data.customer);
  return state.stale && state.status !== "active"
    ? "Thank you! Your subscription will be active in a moment."
    : `Thank you! Your subscription ${state.subscriptionId ?? ""} is ${state.status}.`;
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  const session = url.searchParams.get("session_id");
  if (url.pathname !== "/success" || !session?.startsWith("cs_")) {
    response.writeHead(404).end("Not found\n");
    return;
  }
  try {
    response.end(`${await success(session)}\n`);
  } catch (why) {
    console.error(why);
    response.writeHead(503).end("Thank you! We are still waiting for word of your payment.\n");
  }
});
server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/success?session_id=…`);
});
