// May this customer use the product? Needs nothing but Node 18 or later.
//
//     BRINDLE_TOKEN=… node access_check.mjs cus_123 [FEATURE]
//
// Ends with 0 (yes) or 1 (no). In a program: import { mayUse } from "./access_check.mjs".
import { pathToFileURL } from "node:url";

const BRINDLE = process.env.BRINDLE_URL ?? "http://127.0.0.1:8420";
const ENV = process.env.BRINDLE_ENV ?? "test";
const GIVES_ACCESS = ["active", "trialing", "past_due"]; // past_due: while Stripe tries again

/** The customer's state; null: Stripe has no such customer, or nobody has synced it yet. */
export async function stateOf(customer) {
  const answer = await fetch(
    `${BRINDLE}/api/${ENV}/customers/${encodeURIComponent(customer)}/state`,
    { headers: { Authorization: `Bearer ${process.env.BRINDLE_TOKEN}` } },
  );
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`Brindle answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}

/** With a feature's lookup key it must be among the customer's entitlements, too. */
export async function mayUse(customer, feature) {
  const state = await stateOf(customer);
  if (!state || !GIVES_ACCESS.includes(state.status)) return false;
  return feature === undefined || (state.entitlements ?? []).includes(feature);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const yes = await mayUse(process.argv[2], process.argv[3]);
  console.log(yes ? "yes" : "no");
  process.exitCode = yes ? 0 : 1;
}
