import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { DnsError } from "../../src/dns/resolver.ts";
import { openClientNames } from "../../src/inbound/client-names.ts";
import { startInbound } from "./fake-inbound.ts";

/** No address of this host's own, as far as names go: it is looked up. */
const OUTSIDE = "127.0.0.7";

const resolverWith = (ptr: (ip: string) => Promise<string[]>) => {
  const none = () => Promise.resolve([]);
  return { mx: none, a: () => Promise.resolve([OUTSIDE]), aaaa: none, ptr };
};

test("by default the greeting waits for nothing: time stands still, and the DNS never answers", async (t) => {
  const resolver = { ptr: () => new Promise<string[]>(() => undefined) };
  const fixture = await startInbound({ clock: new ManualClock(), resolver });
  t.after(() => fixture.stop());
  const client = await fixture.client(OUTSIDE);
  assert.match(client.greeting, /^220 mail\.linuxaid\.com\.cn ESMTP/);
  // Nor do commands that no rule about clients is for.
  assert.match(await client.say("NOOP"), /^250 /);
  assert.match(await client.say("QUIT"), /^221 /);
});

test("the name of a client is looked up once for all its sessions, and at most one second is waited for it", async (t) => {
  const clock = new ManualClock();
  const asked: string[] = [];
  const resolver = {
    ptr(ip: string) {
      asked.push(ip);
      return new Promise<string[]>(() => undefined);
    },
  };
  const fixture = await startInbound({ clock, resolver });
  t.after(() => fixture.stop());
  const clients = [await fixture.client(OUTSIDE), await fixture.client(OUTSIDE)];
  for (const client of clients) client.write("EHLO pc\r\n");
  // The deadline of each session, and its wait for the name.
  while (clock.waiting < 4) await new Promise(setImmediate);
  await clock.advance(1000);
  for (const client of clients) {
    assert.match(await client.reply(), /^250-mail\.linuxaid\.com\.cn Hello \[127\.0\.0\.7\]/);
    // It is not waited for again.
    assert.match(await client.say("MAIL FROM:<a@b.example>"), /^250 /);
    client.end();
  }
  assert.deepEqual(asked, [OUTSIDE]);
});

test("names are kept for ten minutes, failures for one", async () => {
  const clock = new ManualClock();
  let answers = 0;
  let fails = false;
  const names = openClientNames(
    () =>
      resolverWith((ip) => {
        answers += 1;
        return fails ? Promise.reject(new DnsError("temporary", ip)) : Promise.resolve(["pc.example"]);
      }),
    clock,
  );
  for (const wait of [0, 599_000, 1000]) {
    await clock.advance(wait);
    assert.equal((await names.find(OUTSIDE)).name, "pc.example");
  }
  assert.equal(answers, 2);
  fails = true;
  await clock.advance(600_000);
  for (const wait of [0, 59_000, 1000]) {
    await clock.advance(wait);
    assert.equal((await names.find(OUTSIDE)).nameless, "temporary");
  }
  assert.equal(answers, 4);
  // This host needs no look-up.
  assert.equal((await names.find("127.0.0.1")).name, "localhost");
  assert.equal(answers, 4);
});
