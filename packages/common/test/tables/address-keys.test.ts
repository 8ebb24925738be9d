import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { normalizeIp } from "../../src/ip-address.ts";
import {
  addressKeys,
  detailForms,
  domainKeys,
  fullAddressKeys,
  tableKey,
  userKeys,
} from "../../src/tables/address-keys.ts";

test("an IPv4 address loses an octet at a time", () => {
  assert.deepEqual(addressKeys("202.99.11.9"), ["202.99.11.9", "202.99.11", "202.99", "202"]);
  assert.deepEqual(addressKeys("::ffff:202.99.11.9"), addressKeys("202.99.11.9"));
  assert.deepEqual(addressKeys("IPv6:::ffff:ca63:b09"), addressKeys("202.99.11.9"));
});

test("an IPv6 address loses a group at a time, whatever its spelling", () => {
  const keys = addressKeys("2001:DB8::1");
  assert.equal(keys[0], "ipv6:2001:db8:0:0:0:0:0:1");
  assert.equal(keys[6], "ipv6:2001:db8");
  assert.equal(keys[7], "ipv6:2001");
  assert.deepEqual(addressKeys("2001:0db8:0000:0:0:0:0:0001"), keys);
  assert.deepEqual(addressKeys("[IPv6:2001:db8::1]"), keys);
  assert.deepEqual(addressKeys("fe80::1%eth0")[7], "ipv6:fe80");
});

test("what is no address has no keys", () => {
  for (const text of ["", "localhost", "1.2.3", "1.2.3.4.5", "2001:db8"])
    assert.deepEqual(addressKeys(text), []);
});

test("a domain loses its first label, a literal its last octet", () => {
  assert.deepEqual(domainKeys("A.b.c."), ["a.b.c", "b.c", "c"]);
  assert.deepEqual(domainKeys("[1.2.3.4]"), ["[1.2.3.4]", "[1.2.3]", "[1.2]", "[1]"]);
  assert.equal(domainKeys("[IPv6:::1]")[0], "[ipv6:0:0:0:0:0:0:0:1]");
  assert.deepEqual(domainKeys(""), []);
});

test("a full address is tried with its detail, with any detail, and without", () => {
  assert.deepEqual(fullAddressKeys("U+d@H."), ["u+d@h", "u+*@h", "u@h"]);
  assert.deepEqual(fullAddressKeys("u@h"), ["u@h"]);
  assert.deepEqual(fullAddressKeys("u"), []);
  assert.deepEqual(userKeys("U+d"), ["u+d@", "u+*@", "u@"]);
  assert.deepEqual(detailForms("+x"), ["+x"]);
  assert.deepEqual(detailForms("u+*"), ["u+*", "u"]);
});

test("a table's key is brought into the form that is looked up", () => {
  assert.equal(tableKey("Connect:IPv6:2001:0DB8::"), "connect:ipv6:2001:db8");
  assert.equal(tableKey("IPv6:2001:db8"), "ipv6:2001:db8");
  assert.equal(tableKey("IPv6:2001:db8:0:0"), "ipv6:2001:db8:0:0");
  assert.equal(tableKey("IPv6:2001:db8::1"), "ipv6:2001:db8:0:0:0:0:0:1");
  assert.equal(tableKey("ipv6:::1"), "ipv6:0:0:0:0:0:0:0:1");
  assert.equal(tableKey("[IPv6:2001:db8::1]"), "[ipv6:2001:db8:0:0:0:0:0:1]");
  assert.equal(tableKey("IPv6:nonsense"), "ipv6:nonsense");
  assert.equal(tableKey("Foo.COM"), "foo.com");
  assert.equal(tableKey("myipv6:x"), "myipv6:x");
});

test("every spelling of an IPv6 address is found under the same keys", () => {
  fc.assert(
    fc.property(fc.ipV6(), (ip) => {
      const normal = normalizeIp(ip);
      assert.ok(normal !== undefined);
      assert.equal(normalizeIp(normal), normal);
      assert.equal(normalizeIp(ip.toUpperCase()), normal);
      if (normal.includes(":")) {
        assert.ok(addressKeys(ip).includes(tableKey(`IPv6:${normal}`)));
        const groups = normal.split(":").map((g) => g.padStart(4, "0"));
        for (let n = 1; n <= 8; n++) {
          assert.ok(addressKeys(ip).includes(tableKey(`IPv6:${groups.slice(0, n).join(":")}`)));
        }
      }
    }),
  );
});
