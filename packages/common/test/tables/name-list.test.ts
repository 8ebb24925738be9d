import assert from "node:assert/strict";
import test from "node:test";
import { parseLocalHostNames, parseRelayDomains } from "../../src/tables/name-list.ts";

test("local-host-names: trailing dots, comments, several names a line", () => {
  const table = parseLocalHostNames(
    "# ours\nlinuxaid.com.cn.\r\nMail.linuxaid.com.cn. # old name\n\n a.example b.example\n[202.99.11.1]\n",
    "lhn",
  );
  assert.deepEqual(table.faults, []);
  assert.deepEqual(
    [...table.entries.keys()],
    ["linuxaid.com.cn", "mail.linuxaid.com.cn", "a.example", "b.example", "[202.99.11.1]"],
  );
});

test("local-host-names: what is no name is named with its line", () => {
  const table = parseLocalHostNames("ok.example\nuser@ok.example\na..b\n[nonsense]\n", "lhn");
  assert.deepEqual(
    table.faults.map((f) => f.message),
    [
      "lhn:2: user@ok.example: not a host name",
      "lhn:3: a..b: not a host name",
      "lhn:4: [nonsense]: no address in the brackets",
    ],
  );
  assert.deepEqual([...table.entries.keys()], ["ok.example"]);
});

test("relay-domains: domains, addresses and networks", () => {
  const table = parseRelayDomains(
    "Example.COM.\n202.99.11\n202.99.12.\n10.0.0.1\nIPv6:2001:DB8::\n2001:db8:1::1\n[10.0.0.2]\n",
    "rd",
  );
  assert.deepEqual(table.faults, []);
  assert.deepEqual(
    [...table.entries.keys()],
    [
      "example.com",
      "202.99.11",
      "202.99.12",
      "10.0.0.1",
      "ipv6:2001:db8",
      "ipv6:2001:db8:1:0:0:0:0:1",
      "10.0.0.2",
    ],
  );
  assert.ok([...table.entries.values()].every((v) => v === "RELAY"));
});

test("relay-domains: masks, large octets and leading dots are refused with what to write", () => {
  const reasons = parseRelayDomains("202.99.11.0/24\n300.1\n.example.com\nIPv6:zz\na@b\n", "rd").faults.map(
    (f) => f.message,
  );
  assert.match(reasons[0]!, /^rd:1: .*whole octets/);
  assert.match(reasons[1]!, /^rd:2: .*octet above 255/);
  assert.match(reasons[2]!, /^rd:3: .*write example\.com/);
  assert.match(reasons[3]!, /^rd:4: .*IPv6/);
  assert.match(reasons[4]!, /^rd:5: .*not a domain/);
});
