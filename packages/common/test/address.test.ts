import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { domainKey, joinAddress, localPartKey, splitAddress } from "../src/address.ts";

test("an address is split at its last @", () => {
  assert.deepEqual(splitAddress("Anna@Example.COM."), { localPart: "Anna", domain: "Example.COM" });
  assert.deepEqual(splitAddress('<"a@b"@c>'), { localPart: '"a@b"', domain: "c" });
  assert.deepEqual(splitAddress("<>"), { localPart: "", domain: "" });
  assert.deepEqual(splitAddress("anna"), { localPart: "anna", domain: "" });
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
