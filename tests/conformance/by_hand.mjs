// The check by hand of docs/integrate/by-hand.md, on every published vector. Plain Node.
// node --test-reporter=tap by_hand.mjs <keysat-key.mjs> <schema/vectors>

import assert from "node:assert/strict";
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";

const [, , program, vectors] = process.argv;
const { verify } = await import(pathToFileURL(program).href);
const read = (name) => JSON.parse(readFileSync(join(vectors, name), "utf8"));
const lifecycles = read("lic1-lifecycles.json");
const { publicKeyPem, ...crosscheck } = read("lic1-crosscheck.json");

const keys = [
  ...lifecycles.keys.map(({ name, key, fingerprint, payload }) => ({
    name, key, fingerprint, pem: lifecycles.public_key_pem, productId: payload.product_id,
    endsAt: payload.expires_at, entitlements: payload.entitlements,
  })),
  ...Object.entries(crosscheck).map(([name, { licenseKey, expected }]) => ({
    name: `crosscheck ${name}`, key: licenseKey, fingerprint: expected.fingerprintRaw, pem: publicKeyPem,
    productId: expected.productUuid, endsAt: expected.expiresAt, entitlements: expected.entitlements,
  })),
];

for (const { name, key, fingerprint, pem, productId, endsAt, entitlements } of keys) {
  const here = { productId, now: 1_700_000_001, fingerprint: fingerprint ?? "" };
  const refused = (word, change) => assert.throws(() => verify(key, pem, { ...here, ...change }), { message: word });
  test(`takes ${name}`, () => assert.deepEqual(verify(key, pem, here), entitlements));
  test(`takes ${name} in lower case, with white space around it`, () =>
    assert.deepEqual(verify(` \n${key.slice(0, 4)}${key.slice(4).toLowerCase()}\t`, pem, here), entitlements));
  test(`refuses ${name} for another product`, () =>
    refused("product_mismatch", { productId: "ffffffff-ffff-4fff-8fff-ffffffffffff" }));
  if (endsAt) {
    test(`takes ${name} in its last second`, () => verify(key, pem, { ...here, now: endsAt - 1 }));
    test(`refuses ${name} at its end`, () => refused("expired", { now: endsAt }));
  }
  if (fingerprint) test(`refuses ${name} on another machine`, () => refused("fingerprint_mismatch", { fingerprint: "x" }));
  test(`refuses ${name} under another public key`, () => {
    const seed = createHash("sha256").update("another seller").digest();
    const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
    const stranger = createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" }));
    refusedBy(stranger.export({ type: "spki", format: "pem" }));
    function refusedBy(other) {
      assert.throws(() => verify(key, other, here), { message: "bad_signature" });
    }
  });
}

test("the seed of the vectors signs what their public key verifies", () => {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.from(lifecycles.seed, "hex")]);
  const signer = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  assert.equal(createPublicKey(signer).export({ type: "spki", format: "pem" }), lifecycles.public_key_pem);
  assert.equal(sign(null, Buffer.from("x"), signer).length, 64);
});

for (const { why, key } of lifecycles.rejected) {
  const { pem, productId } = keys[0];
  test(`refuses ${why}`, () =>
    assert.throws(() => verify(key, pem, { productId, now: 1_700_000_001 }), { message: "bad_format" }));
}

// Source: public-api 17.5. Characters that other alphabets or Unicode rules take for letters.
for (const [why, change] of Object.entries({
  "a dotless i": (key) => key.replace("I", "ı"),
  "a long s": (key) => key.replace("S", "ſ"),
  "a sharp s": (key) => key.replace("S", "ß"),
  "a full-width letter": (key) => key.replace("A", "Ａ"),
  "a zero for an O": (key) => key.replace("O", "0"),
  "a line break inside": (key) => `${key.slice(0, 40)}\n${key.slice(40)}`,
})) {
  const { pem, productId, ...vector } = keys.find((one) => /[IS].*O/.test(one.key.slice(5)));
  const changed = `LIC1-${change(vector.key.slice(5))}`;
  test(`refuses ${why}`, () => {
    assert.notEqual(changed, vector.key);
    assert.throws(() => verify(changed, pem, { productId, now: 1_700_000_001 }), { message: "bad_format" });
  });
}
