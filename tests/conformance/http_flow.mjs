// A whole sale over HTTP with the code of docs/integrate/typescript.md, against a live server. Plain Node.
// node --test-reporter=tap http_flow.mjs <licensing.mjs> <server's address> <a folder of the user's>

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";

const [, , program, url, folder] = process.argv;
const page = await import(pathToFileURL(program).href);
const seller = { url, product: "widget", productId: "", publicKeyPem: "" };
const now = Math.floor(Date.now() / 1000);
const memory = join(folder, "memory");
const [invoice, license] = [{}, {}];
let here;

const pay = async (checkoutUrl) => {
  const paid = await fetch(`${checkoutUrl}/pay`, { method: "POST", redirect: "manual" });
  assert.equal(paid.status, 303);
};
const refusal = async (promise) => {
  const { status, code } = await promise.then(() => assert.fail("not refused"), (problem) => problem);
  return [status, code];
};

test("the public key and the id of the product are had", async () => {
  const { algorithm, public_key_pem } = await page.ask(seller, "/v1/pubkey");
  assert.equal(algorithm, "ed25519");
  assert.match(public_key_pem, /^-----BEGIN PUBLIC KEY-----\n[^-]+\n-----END PUBLIC KEY-----\n$/);
  seller.publicKeyPem = public_key_pem;
  seller.productId = (await page.ask(seller, "/v1/products/widget")).id;
});

test("the tiers are listed as SDKs read them", async () => {
  const listed = await page.tiers(seller);
  const pro = listed.find((tier) => tier.slug === "pro");
  assert.deepEqual([pro.price_sats, pro.max_machines, pro.is_trial], [25_000, 3, false]);
  for (const tier of listed)
    for (const field of ["price_sats", "duration_seconds", "max_machines", "renewal_period_days", "trial_days"])
      assert.ok(Number.isSafeInteger(tier[field]), field);
});

test("a purchase is opened, and pending until it is paid", async () => {
  const opened = await page.startBuying(seller, "pro", "ada@example.com");
  invoice.id = opened.invoiceId;
  invoice.url = opened.checkoutUrl;
  const poll = await page.ask(seller, `/v1/purchase/${invoice.id}`);
  assert.deepEqual([poll.status, poll.license_key, poll.license_id, poll.amount_sats], ["pending", null, null, 25_000]);
  assert.equal(await page.collect(seller, invoice.id, { every: 5, patience: 10 }), null);
});

test("once paid, its key is collected and verifies by hand", async () => {
  await pay(invoice.url);
  license.key = await page.collect(seller, invoice.id, { every: 100, patience: 10_000 });
  license.id = (await page.ask(seller, `/v1/purchase/${invoice.id}`)).license_id;
  assert.equal(page.problemOf(seller, license.key, ""), "");
});

test("the server confirms it, takes a seat, and the answer is remembered", async () => {
  here = await page.fingerprintIn(join(folder, "installation"));
  assert.equal(await page.fingerprintIn(join(folder, "installation")), here);
  const found = await page.standing(seller, license.key, here, memory, now);
  assert.deepEqual(found, { reason: "", entitlements: ["sync"], isFromMemory: false });
  const away = { ...seller, url: "http://127.0.0.1:9" };
  assert.deepEqual(await page.standing(away, license.key, here, memory, now + 60), { ...found, isFromMemory: true });
});

test("validating says who and what, and nothing is null", async () => {
  const said = await page.ask(seller, "/v1/validate", { key: license.key, product_slug: "widget", fingerprint: here });
  assert.deepEqual([said.ok, said.license_id, said.status, said.max_machines], [true, license.id, "active", 3]);
  assert.ok(said.machine_id && Object.values(said).every((value) => value !== null));
});

test("reasons come with status 200", async () => {
  const reason = async (body) => (await page.ask(seller, "/v1/validate", body)).reason;
  assert.equal(await reason({ key: "LIC1-A-B" }), "bad_format");
  assert.equal(await reason({ key: license.key, product_slug: "gadget" }), "product_mismatch");
});

test("a seat is taken, kept and left", async () => {
  const seat = { key: license.key, fingerprint: "another machine" };
  const taken = await page.ask(seller, "/v1/machines/activate", seat);
  assert.deepEqual([taken.ok, taken.active_count, taken.max_machines, taken.reason], [true, 2, 3, null]);
  assert.equal(await page.takeSeat(seller, license.key, "another machine"), "");
  assert.equal(await page.isStillHere(seller, license.key, "another machine"), true);
  assert.equal((await page.leaveSeat(seller, license.key, "another machine")).ok, true);
  assert.equal(await page.isStillHere(seller, license.key, "another machine"), false);
  assert.equal((await page.leaveSeat(seller, license.key, "another machine")).reason, "not_found");
});

test("an upgrade is quoted, paid and followed", async () => {
  const quote = await page.upgradeQuote(seller, license.key, "team");
  assert.deepEqual(
    [quote.direction, quote.proration_charge_value, quote.listed_currency, quote.effective_at],
    ["upgrade", 35_000, "SAT", "immediate"],
  );
  const started = await page.startUpgrade(seller, license.key, "team");
  await pay(started.checkoutUrl);
  license.newKey = await page.collect(seller, started.invoiceId, { every: 100, patience: 10_000 });
  assert.notEqual(license.newKey, license.key);
  assert.equal(await page.collect(seller, invoice.id), license.newKey);
  assert.ok(page.allows(await page.standing(seller, license.key, here, memory, now), "share"));
});

test("a lost key is given again to who knows the address", async () => {
  assert.equal(await page.recover(seller, invoice.id, " ADA@example.com"), license.newKey);
  assert.deepEqual(await refusal(page.recover(seller, invoice.id, "eve@example.com")), [404, "not_found"]);
});

test("a code that costs nothing is redeemed", async () => {
  const key = await page.redeem(seller, "gift", "ada@example.com");
  assert.equal(page.problemOf(seller, key, ""), "");
  assert.deepEqual(await refusal(page.redeem(seller, "nosuch", "ada@example.com")), [400, "bad_request"]);
});

test("what costs nothing needs no checkout, and a subscription is cancelled", async () => {
  const opened = await page.startBuying(seller, "monthly", "ada@example.com");
  assert.equal(opened.checkoutUrl, "");
  const key = await page.collect(seller, opened.invoiceId);
  assert.equal((await page.cancelSubscription(seller, key)).status, "cancelled");
  assert.equal((await page.cancelSubscription(seller, key)).already, "cancelled");
});

test("refusals have the envelope", async () => {
  assert.deepEqual(await refusal(page.ask(seller, "/v1/purchase/no-such-invoice")), [404, "not_found"]);
  assert.deepEqual(await refusal(page.upgradeQuote(seller, "LIC1-A-B", "team")), [401, "unauthorized"]);
  assert.deepEqual(await refusal(page.startBuying(seller, "no-such-tier", "")), [404, "not_found"]);
});

test("a page of another origin may ask", async () => {
  const preflight = await fetch(`${url}/v1/validate`, { method: "OPTIONS", headers: { origin: "https://app.example" } });
  assert.ok(preflight.ok);
  assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
  const answer = await fetch(`${url}/v1/pubkey`, { headers: { origin: "https://app.example" } });
  assert.equal(answer.headers.get("access-control-allow-credentials"), null);
});

test("no memory is left of a license that was refused", async () => {
  await page.standing(seller, license.key, here, memory, now);
  assert.ok(existsSync(memory));
  const another = { ...seller, product: "gadget" };
  assert.equal((await page.standing(another, license.key, here, memory, now)).reason, "product_mismatch");
  assert.ok(!existsSync(memory));
});
