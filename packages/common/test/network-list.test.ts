/** Networks in settings. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { networkList, readNetwork } from "../src/network-list.ts";

test("addresses, leading octets and groups, and prefixes of any length", () => {
  const cases: readonly (readonly [string, string, number])[] = [
    ["192.0.2.1", "192.0.2.1", 32],
    ["192.0.2", "192.0.2.0", 24],
    ["10", "10.0.0.0", 8],
    ["192.0.2.0/25", "192.0.2.0", 25],
    ["192.168/16", "192.168.0.0", 16],
    ["2001:db8::/32", "2001:db8:0:0:0:0:0:0", 32],
    ["IPv6:2001:0DB8:1", "2001:0DB8:1:0:0:0:0:0", 48],
    ["2001:db8::", "2001:db8:0:0:0:0:0:0", 32],
    ["2001:db8::1", "2001:db8:0:0:0:0:0:1", 128],
    ["::1", "0:0:0:0:0:0:0:1", 128],
    ["::ffff:192.0.2.1", "192.0.2.1", 32],
    ["0.0.0.0/0", "0.0.0.0", 0],
  ];
  for (const [text, address, prefix] of cases) assert.deepEqual(readNetwork(text), { address, prefix }, text);
});

test("what is no network is none", () => {
  for (const text of [
    "",
    "lan",
    "256",
    "1.2.3.4.5",
    "192.0.2.0/33",
    "192.0.2.0/",
    "2001:db8::/129",
    "/8",
    "a.b",
  ]) {
    assert.equal(readNetwork(text), undefined, text);
  }
});

test("an address is in a list whatever its spelling", () => {
  const list = networkList(["192.0.2.128/25", "10.1", "2001:db8:1::/48", "no network"]);
  for (const ip of ["192.0.2.128", "::ffff:192.0.2.200", "10.1.255.255", "2001:DB8:1::9"])
    assert.ok(list.has(ip), ip);
  for (const ip of ["192.0.2.127", "10.2.0.0", "2001:db8:2::9", "::1", "nobody", ""])
    assert.ok(!list.has(ip), ip);
  assert.ok(!networkList([]).has("127.0.0.1"));
});

test("a prefix covers exactly the addresses that share it", () => {
  const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
  const number = (parts: readonly number[]) => parts.reduce((sum, part) => sum * 256 + part, 0);
  fc.assert(
    fc.property(octets, octets, fc.nat(32), (a, b, prefix) => {
      const list = networkList([`${a.join(".")}/${prefix}`]);
      const size = 2 ** (32 - prefix);
      const same = Math.floor(number(a) / size) === Math.floor(number(b) / size);
      assert.equal(list.has(b.join(".")), same);
    }),
  );
});
