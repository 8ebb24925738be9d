/** The names of clients' hosts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { type NameService, openHostNames, PATIENCE } from "../../src/connection/host-names.ts";

/** A name service of two tables that counts its questions. */
function service(
  names: Readonly<Record<string, readonly string[]>>,
  addresses: Readonly<Record<string, readonly string[]>>,
): NameService & { asked: number } {
  const answer = (of: Readonly<Record<string, readonly string[]>>, key: string) =>
    of[key] === undefined ? Promise.reject(new Error("ENOTFOUND")) : Promise.resolve(of[key]);
  const made = {
    asked: 0,
    names: (ip: string) => {
      made.asked++;
      return answer(names, ip);
    },
    addresses: (name: string) => answer(addresses, name),
  };
  return made;
}

test("a name counts when it has the address", async () => {
  const dns = service(
    {
      "192.0.2.1": ["Pc1.example.COM."],
      "192.0.2.2": ["mail.bank.example"],
      "192.0.2.3": ["no such", "evil\nname", "pc3.example.com"],
      "192.0.2.4": ["gone.example.com"],
      "2001:db8:0:0:0:0:0:1": ["six.example.com"],
    },
    {
      "pc1.example.com": ["192.0.2.9", "192.0.2.1"],
      "mail.bank.example": ["198.51.100.7"],
      "pc3.example.com": ["192.0.2.3"],
      "six.example.com": ["2001:db8::1"],
    },
  );
  const hosts = openHostNames({ service: () => dns, clock: new ManualClock() });
  const nameOf = async (ip: string) => {
    const host = hosts.of(ip);
    await host.settled;
    return host.current;
  };
  assert.equal(await nameOf("192.0.2.1"), "pc1.example.com");
  assert.equal(await nameOf("192.0.2.2"), "192.0.2.2");
  assert.equal(await nameOf("192.0.2.3"), "pc3.example.com");
  assert.equal(await nameOf("192.0.2.4"), "192.0.2.4");
  assert.equal(await nameOf("192.0.2.5"), "192.0.2.5");
  assert.equal(await nameOf("2001:db8:0:0:0:0:0:1"), "six.example.com");
});

test("names are remembered for a while", async () => {
  const clock = new ManualClock();
  const dns = service({ "192.0.2.1": ["pc1.test"] }, { "pc1.test": ["192.0.2.1"] });
  const hosts = openHostNames({ service: () => dns, clock });
  await Promise.all([hosts.of("192.0.2.1").settled, hosts.of("192.0.2.1").settled]);
  await hosts.of("192.0.2.1").settled;
  assert.equal(dns.asked, 1);
  await clock.advance(11 * 60_000);
  await hosts.of("192.0.2.1").settled;
  assert.equal(dns.asked, 2);
});

test("nobody waits for long, and what comes later is still taken", async () => {
  const clock = new ManualClock();
  let answer: (names: readonly string[]) => void = () => undefined;
  const slow: NameService = {
    names: () => new Promise((resolve) => (answer = resolve)),
    addresses: () => Promise.resolve(["192.0.2.1"]),
  };
  const host = openHostNames({ service: () => slow, clock }).of("192.0.2.1");
  await clock.advance(PATIENCE);
  await host.settled;
  assert.equal(host.current, "192.0.2.1");
  answer(["pc1.test"]);
  for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate);
  assert.equal(host.current, "pc1.test");
});
