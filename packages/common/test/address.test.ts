import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { domainKey, joinAddress, localPartKey, splitAddress, writtenLocalPart } from "../src/address.ts";

test("an address is split at its last @", () => {
  assert.deepEqual(splitAddress("Anna@Example.COM."), { localPart: "Anna", domain: "Example.COM" });
  assert.deepEqual(splitAddress('<"a@b"@c>'), { localPart: '"a@b"', domain: "c" });
  assert.deepEqual(splitAddress("<>"), { localPart: "", domain: "" });
  assert.deepEqual(splitAddress("anna"), { localPart: "anna", domain: "" });
});

test("an @ within quotes leads to no other host", () => {
  assert.deepEqual(splitAddress('"a@b.test"'), { localPart: '"a@b.test"', domain: "" });
  assert.deepEqual(splitAddress('<"a\\"@b.test">'), { localPart: '"a\\"@b.test"', domain: "" });
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (name) => {
      const written = writtenLocalPart(name);
      assert.equal(localPartKey(written), name.toLowerCase());
      assert.deepEqual(splitAddress(`${written}@hub.test`), { localPart: written, domain: "hub.test" });
      assert.deepEqual(splitAddress(written), { localPart: written, domain: "" });
    }),
  );
});

test("keys for comparing", () => {
  assert.equal(domainKey("Example.COM."), "example.com");
  assert.equal(localPartKey("Anna"), "anna");
  assert.equal(localPartKey('"An\\"na b"'), 'an"na b');
});

test("joining undoes splitting", () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[^<>@]+$/),
      fc.stringMatching(/^[^<>@]*[^<>@.]$/),
      (localPart, domain) => {
        assert.equal(joinAddress(splitAddress(`${localPart}@${domain}`)), `${localPart}@${domain}`);
        assert.equal(joinAddress(splitAddress(localPart)), localPart);
      },
    ),
  );
});
