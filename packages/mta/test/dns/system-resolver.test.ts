import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { type DnsServer, startDnsServer } from "../../../../test/harness/dns-server.ts";
import type { Resolver } from "../../src/dns/resolver.ts";
import { createResolver } from "../../src/dns/system-resolver.ts";

let server: DnsServer;
let clock: ManualClock;
let resolver: Resolver;

beforeEach(async () => {
  server = await startDnsServer({
    "linuxaid.com.cn": {
      mx: [
        [20, "mail1.linuxaid.com.cn."],
        [10, "mail.linuxaid.com.cn"],
      ],
    },
    "mail.linuxaid.com.cn": { a: ["202.99.11.120"], aaaa: ["2001:db8::120"] },
    "null.example": { mx: [[0, "."]] },
    "alias.example": { cname: "mail.linuxaid.com.cn" },
    "many.example": {
      mx: Array.from({ length: 40 }, (_, i) => [i, `host-number-${i}.many.example`] as const),
    },
    "empty.example": "NODATA",
    "broken.example": "SERVFAIL",
    "refused.example": "REFUSED",
    "silent.example": "silence",
    "202.99.11.121": "SERVFAIL",
    "202.99.11.120": { ptr: ["mail.linuxaid.com.cn"] },
  });
  clock = new ManualClock();
  resolver = createResolver({ servers: [{ host: "127.0.0.1", port: server.port }], timeout: 100 }, clock);
});

afterEach(() => server.close());

test("records of every kind", async () => {
  const mx = await resolver.mx("linuxaid.com.cn");
  assert.deepEqual(
    mx.sort((a, b) => a.preference - b.preference),
    [
      { preference: 10, exchange: "mail.linuxaid.com.cn" },
      { preference: 20, exchange: "mail1.linuxaid.com.cn" },
    ],
  );
  assert.deepEqual(await resolver.a("mail.linuxaid.com.cn"), ["202.99.11.120"]);
  assert.deepEqual(await resolver.aaaa("mail.linuxaid.com.cn"), ["2001:db8::120"]);
  assert.deepEqual(await resolver.ptr("202.99.11.120"), ["mail.linuxaid.com.cn"]);
});

test("the null MX has an empty exchange", async () => {
  assert.deepEqual(await resolver.mx("null.example"), [{ preference: 0, exchange: "" }]);
});

test("an alias is followed, and an answer too long for UDP comes over TCP", async () => {
  assert.deepEqual(await resolver.a("alias.example"), ["202.99.11.120"]);
  assert.equal((await resolver.mx("many.example")).length, 40);
  assert.ok(server.queries.some((query) => query.transport === "tcp"));
});

test("an existing name without such a record gives an empty list", async () => {
  assert.deepEqual(await resolver.mx("empty.example"), []);
  assert.deepEqual(await resolver.mx("mail.linuxaid.com.cn"), []);
});

test("absent and temporary are told apart", async () => {
  await assert.rejects(resolver.mx("nowhere.example"), { name: "DnsError", kind: "absent" });
  await assert.rejects(resolver.a("nowhere.example"), /nowhere\.example: host not found/);
  for (const name of ["broken.example", "refused.example", "silent.example"]) {
    await assert.rejects(resolver.mx(name), { name: "DnsError", kind: "temporary" }, name);
  }
});

test("an answer is shared for a moment, and then asked for again", async () => {
  await Promise.all(Array.from({ length: 50 }, () => resolver.a("mail.linuxaid.com.cn")));
  assert.equal(server.queries.length, 1);
  server.set("mail.linuxaid.com.cn", { a: ["192.0.2.1"] });
  await clock.advance(29_000);
  assert.deepEqual(await resolver.a("MAIL.linuxaid.com.cn"), ["202.99.11.120"]);
  await clock.advance(2_000);
  assert.deepEqual(await resolver.a("mail.linuxaid.com.cn"), ["192.0.2.1"]);
});

test("absence is remembered for seconds only, a failure not at all", async () => {
  await assert.rejects(resolver.a("new.example"));
  await assert.rejects(resolver.a("broken.example"));
  server.set("new.example", { a: ["192.0.2.1"] });
  server.set("broken.example", { a: ["192.0.2.2"] });
  await assert.rejects(resolver.a("new.example"));
  assert.deepEqual(await resolver.a("broken.example"), ["192.0.2.2"]);
  await clock.advance(6_000);
  assert.deepEqual(await resolver.a("new.example"), ["192.0.2.1"]);
});

test("a name server that is no address is refused at once", () => {
  assert.throws(
    () => createResolver({ servers: [{ host: "ns.example", port: 53 }], timeout: 100 }),
    /IP addresses/,
  );
});

test("an address whose name servers fail is not one without a name", async () => {
  await assert.rejects(resolver.ptr("202.99.11.121"), { name: "DnsError", kind: "temporary" });
  await assert.rejects(resolver.ptr("202.99.11.122"), { name: "DnsError", kind: "absent" });
  await assert.rejects(resolver.ptr("2001:db8::122"), { name: "DnsError", kind: "absent" });
});

test("a question that c-ares has forgotten is given up, and the next one asks again", async () => {
  const servers = [{ host: "127.0.0.1", port: server.port }];
  const patient = createResolver({ servers, timeout: 500 }, clock);
  const first = patient.a("silent.example");
  // Shared while it is under way: nobody waits for longer than the first.
  const second = patient.a("silent.example");
  assert.equal(first, second);
  const given = assert.rejects(first, { kind: "temporary", cause: new Error("no answer in 4000 ms") });
  await clock.advance(8 * 500);
  await given;
  const third = patient.a("silent.example");
  assert.notEqual(first, third);
  await assert.rejects(third, { kind: "temporary" });
});
