import assert from "node:assert/strict";
import { test } from "node:test";
import { DnsError, type MxRecord } from "@mailhost/mta/dns/resolver";
import { checkDns } from "../../src/check/dns.ts";

/** Names with addresses, exchangers or names of their own; what is not there does not exist. */
type Zone = Readonly<Record<string, { a?: string[]; aaaa?: string[]; mx?: string[]; ptr?: string[] }>>;

const GOOD: Zone = {
  "mail.a.example": { a: ["203.0.113.5"] },
  "a.example": { mx: ["mail.a.example"] },
  "203.0.113.5": { ptr: ["Mail.a.example."] },
};

async function found(
  zone: Zone | "silent",
  domains: readonly string[] = ["a.example", "mail.a.example"],
): Promise<string[]> {
  const of = (name: string) => {
    if (zone === "silent") throw new DnsError("temporary", name);
    const entry = zone[name];
    if (entry === undefined) throw new DnsError("absent", name);
    return entry;
  };
  const findings = await checkDns("mail.a.example", domains, {
    isOwn: (address) => address === "203.0.113.5",
    resolver: {
      a: async (name) => of(name).a ?? [],
      aaaa: async (name) => of(name).aaaa ?? [],
      ptr: async (name) => of(name).ptr ?? [],
      mx: async (name) => (of(name).mx ?? []).map((exchange): MxRecord => ({ preference: 10, exchange })),
    },
  });
  return findings.map(({ level, about, text }) => `${level} ${about}: ${text}`);
}

test("a host whose names and addresses lead to each other is well", async () => {
  assert.deepEqual(await found(GOOD), [
    "ok dns: mail.a.example and its addresses lead to each other; its domains have MX records",
  ]);
  const byName = { ...GOOD, "a.example": { mx: ["mx.b.example"] }, "mx.b.example": { a: ["203.0.113.5"] } };
  assert.equal((await found(byName)).length, 1, "an exchanger by another name is as good");
  assert.equal(
    (await found({ ...GOOD, "a.example": { a: ["203.0.113.5"] } })).length,
    1,
    "and so is no MX at all",
  );
});

test("what is missing is said with what to publish", async () => {
  const nameless = await found({ ...GOOD, "mail.a.example": {} });
  assert.match(nameless[0]!, /^warning dns: mail\.a\.example has no address: .*publish an A record/);
  const noMx = await found({ ...GOOD, "a.example": { a: ["198.51.100.7"] } });
  assert.match(noMx[0]!, /^warning dns: a\.example has no MX record.*publish "MX 10 mail\.a\.example\."/);
  const { "203.0.113.5": _ptr, ...without } = GOOD;
  assert.match(
    (await found(without))[0]!,
    /^warning dns: 203\.0\.113\.5 has no name \(PTR\), not mail\.a\.example/,
  );
  const other = await found({ ...GOOD, "203.0.113.5": { ptr: ["host5.provider.example"] } });
  assert.match(other[0]!, /203\.0\.113\.5 has the name host5\.provider\.example, not mail\.a\.example/);
});

test("mail that goes by a filter, or addresses of a LAN, are no faults", async () => {
  const filtered = await found({
    ...GOOD,
    "a.example": { mx: ["in.filter.example"] },
    "in.filter.example": { a: ["198.51.100.9"] },
  });
  assert.match(filtered.at(-1)!, /^ok dns: mail for a\.example goes to in\.filter\.example, not here/);
  const lan: Zone = { "mail.a.example": { a: ["192.168.1.2"] }, "a.example": { mx: ["mail.a.example"] } };
  assert.match((await found(lan))[0]!, /^ok /);
});

test("a DNS that does not answer is said once", async () => {
  const lines = await found(
    "silent",
    Array.from({ length: 20 }, (_, n) => `d${n}.example`),
  );
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^warning dns: the DNS does not answer/);
});
