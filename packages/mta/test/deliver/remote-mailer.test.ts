/**
 * The mailer for other hosts, over real sockets, with a table for DNS.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { silentLog } from "@mailhost/common/log/log";
import { parseSettings } from "@mailhost/common/settings/load";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { open, type RootDatabase } from "lmdb";
import { type HostStatus, openHostStatus } from "../../src/deliver/host-status.ts";
import type { Mailer } from "../../src/deliver/mailer.ts";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { createRemoteMailer } from "../../src/deliver/remote-mailer.ts";
import { DnsError, type Resolver } from "../../src/dns/resolver.ts";
import { FakePeer, type PeerScript, settled, until } from "./fake-peer.ts";
import { bodyOf, entryFor, recipientAt } from "./sample-message.ts";

const MINUTE = 60_000;
/** Host names and their loopback addresses: peers share the port, as MX hosts do, and differ by address. */
const ADDRESSES: Readonly<Record<string, string>> = {
  "mx1.example": "127.0.0.1",
  "mx2.example": "127.0.0.2",
};
const MX: Readonly<Record<string, readonly string[]>> = {
  "one.example": ["mx1.example"],
  "same.example": ["mx1.example"],
  "two.example": ["mx1.example", "mx2.example"],
  "other.example": ["mx2.example"],
};

let dir: string;
let db: RootDatabase;
let clock: ManualClock;
let hosts: HostStatus;
let port: number;
let mailer: Mailer;
let asked: string[];
const peers: FakePeer[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "mailhost-remote-"));
  db = open({ path: join(dir, "hosts.mdb") });
  clock = new ManualClock();
  hosts = openHostStatus(db, { interval: 20 * MINUTE, clock });
  port = await freePort();
  asked = [];
  mailer = newMailer();
});

afterEach(async () => {
  const closing = mailer.close();
  for (const peer of peers.splice(0)) await peer.close();
  await closing;
  await db.close();
  rmSync(dir, { recursive: true });
});

function newMailer(connections = 20, hostStatus: HostStatus = hosts): Mailer {
  const yaml = `hostname: here.example\nrelay: {port: ${port}, maxConnectionsPerDestination: ${connections}}\n`;
  return createRemoteMailer({
    settings: parseSettings(yaml, "mailhost.yaml"),
    resolver,
    hosts: hostStatus,
    isOurName: (name) => name === "here.example",
    isOurAddress: () => false,
    clock,
    log: silentLog,
  });
}

const resolver: Resolver = {
  async mx(domain) {
    asked.push(domain);
    if (domain === "slow.example") throw new DnsError("temporary", domain);
    if (MX[domain] === undefined) throw new DnsError("absent", domain);
    return MX[domain].map((exchange, i) => ({ preference: 10 * (i + 1), exchange }));
  },
  a: async (name) => [ADDRESSES[name]!],
  aaaa: async () => [],
  ptr: async () => [],
};

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "0.0.0.0", done));
  const { port: free } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return free;
}

async function peerAt(name: string, script: PeerScript = {}): Promise<FakePeer> {
  const peer = await FakePeer.start({ ...script, host: ADDRESSES[name]!, port });
  peers.push(peer);
  return peer;
}

function deliver(addresses: string[], forced = false, to: Mailer = mailer): Promise<Outcome[]> {
  const recipients = addresses.map((address) => recipientAt(address));
  const body = bodyOf("Subject: x\r\n\r\nhello\r\n");
  return to.deliver({ entry: entryFor(recipients), body, recipients, forced });
}

function shown(outcomes: readonly Outcome[]): string[] {
  return outcomes.map((outcome) => `${outcome.kind} ${outcome.reply.code} ${outcome.relay}`);
}

test("recipients at one destination share a transaction, across domains", async () => {
  const peer = await peerAt("mx1.example");
  const outcomes = await deliver(["a@one.example", "b@same.example", "c@One.Example"]);
  const sent = "delivered 250 mx1.example. [127.0.0.1]";
  assert.deepEqual(shown(outcomes), [sent, sent, sent]);
  assert.equal(peer.messages.length, 1);
  assert.equal(peer.messages[0]?.rcpts.length, 3);
  assert.deepEqual(asked.sort(), ["one.example", "same.example"]);
});

test("outcomes come in the order of the recipients, whatever their routes", async () => {
  await peerAt("mx1.example");
  await peerAt("mx2.example");
  const outcomes = await deliver([
    "a@nowhere.example",
    "b@other.example",
    "c@slow.example",
    "d@one.example",
    "e@here.example",
  ]);
  assert.deepEqual(shown(outcomes), [
    "failed 550 nowhere.example",
    "delivered 250 mx2.example. [127.0.0.2]",
    "deferred 451 slow.example",
    "delivered 250 mx1.example. [127.0.0.1]",
    "failed 550 here.example",
  ]);
});

test("the second MX takes over when the first refuses connections, is busy or hangs up", async () => {
  const second = await peerAt("mx2.example");
  assert.deepEqual(shown(await deliver(["a@two.example"])), ["delivered 250 mx2.example. [127.0.0.2]"]);
  for (const script of [
    { greeting: "421 4.3.2 busy" },
    { greeting: "554 5.3.2 no mail here" },
    { greeting: "close" },
    { answer: (line: string) => (line.startsWith("RCPT") ? { lastWords: "421 4.3.2 bye" } : undefined) },
  ] as PeerScript[]) {
    await mailer.close();
    mailer = newMailer();
    const first = await peerAt("mx1.example", script);
    assert.deepEqual(shown(await deliver(["a@two.example"])), ["delivered 250 mx2.example. [127.0.0.2]"]);
    assert.equal(first.connections, 1);
    await first.close();
  }
  assert.equal(second.messages.length, 5);
  assert.deepEqual(hosts.list(), []);
});

test("what the first MX says of a recipient or the message is final", async () => {
  const second = await peerAt("mx2.example");
  for (const [command, reply, kind] of [
    ["RCPT", "550 5.1.1 no such user", "failed"],
    ["RCPT", "450 4.2.1 later", "deferred"],
    [".", "554 5.7.1 spam", "failed"],
    ["MAIL", "550 5.7.1 not you", "failed"],
  ]) {
    await mailer.close();
    mailer = newMailer();
    const answer = (line: string) => (line.startsWith(command!) ? reply : undefined);
    const first = await peerAt("mx1.example", { answer });
    const [outcome] = await deliver(["a@two.example"]);
    assert.equal(outcome?.kind, kind);
    assert.equal(outcome?.kind !== "delivered" && outcome?.remoteMta, "mx1.example");
    await first.close();
  }
  assert.equal(second.connections, 0);
});

test("a message that may have been taken goes to no other host in the same attempt", async () => {
  await peerAt("mx1.example", { answer: (line) => (line === "." ? "close" : undefined) });
  const second = await peerAt("mx2.example");
  const [outcome] = await deliver(["a@two.example"]);
  assert.equal(outcome?.kind, "deferred");
  assert.equal(second.connections, 0);
  assert.deepEqual(hosts.list(), [], "the host answers; it is left alone by nobody");
});

test("a host that refuses everybody for good fails the message, unless another may still answer", async () => {
  await peerAt("mx1.example", { greeting: "554 5.3.2 no mail here" });
  const [alone] = await deliver(["a@one.example"]);
  assert.equal(alone?.kind, "failed");
  assert.deepEqual(alone?.kind === "failed" && alone.transcript, [
    "... while talking to mx1.example.:",
    "<<< 554 5.3.2 no mail here",
  ]);
  const [withOther] = await deliver(["a@two.example"]);
  assert.deepEqual(withOther?.reply, {
    code: 421,
    enhanced: "4.4.1",
    text: "Connection refused by mx2.example.",
  });
});

test("a thousand messages for a dead destination cost one connection, and delay nobody else", async () => {
  const dead = await peerAt("mx1.example", { greeting: { lastWords: "421 4.3.2 down" } });
  const alive = await peerAt("mx2.example");
  const deliveries = Array.from({ length: 1000 }, (_, i) => deliver([`u${i}@one.example`]));
  const [other] = await deliver(["x@other.example"]);
  assert.equal(other?.kind, "delivered");
  assert.equal(alive.messages.length, 1);
  const retryAt = clock.now() + 20 * MINUTE;
  for (const [outcome] of await Promise.all(deliveries)) {
    assert.equal(outcome?.kind === "deferred" && outcome.retryAt, retryAt);
    assert.equal(outcome?.reply.text, "down");
  }
  assert.equal(dead.connections, 1);
  await deliver(["late@one.example"]);
  assert.equal(dead.connections, 1, "left alone");
  await clock.advance(20 * MINUTE);
  await Promise.all(Array.from({ length: 50 }, (_, i) => deliver([`u${i}@one.example`])));
  assert.equal(dead.connections, 2, "one call when its time has come");
  assert.equal(hosts.list()[0]?.failures, 2);
});

test("forced attempts call at once, together once, and a success ends the wait", async () => {
  const dead = await peerAt("mx1.example", { greeting: "421 4.3.2 down" });
  await deliver(["a@one.example"]);
  await Promise.all(Array.from({ length: 20 }, (_, i) => deliver([`u${i}@one.example`], true)));
  assert.equal(dead.connections, 2);
  await dead.close();
  await peerAt("mx1.example");
  await clock.advance(1);
  const [outcome] = await deliver(["a@one.example"], true);
  assert.equal(outcome?.kind, "delivered");
  assert.deepEqual(hosts.list(), []);
  assert.equal((await deliver(["a@one.example"]))[0]?.kind, "delivered");
});

test("a connection serves the next message, and is given up after two seconds", async () => {
  const peer = await peerAt("mx1.example");
  for (let i = 0; i < 3; i++) await deliver(["a@one.example"]);
  assert.equal(peer.connections, 1);
  assert.equal(peer.messages.length, 3);
  assert.ok(!peer.lines.includes("RSET"));
  await clock.advance(2_000);
  await until(() => peer.lines.includes("QUIT") && peer.open === 0);
  await deliver(["a@one.example"]);
  assert.equal(peer.connections, 2);
});

test("an idle connection that the other side gives up costs nothing", async () => {
  const peer = await peerAt("mx1.example", {
    answer: (line, all) =>
      line.startsWith("MAIL") && all.connections === 1 && all.messages.length === 1 ? "close" : undefined,
  });
  await deliver(["a@one.example"]);
  assert.equal((await deliver(["b@one.example"]))[0]?.kind, "delivered");
  assert.equal(peer.connections, 2);
  assert.deepEqual(hosts.list(), []);
});

test("a destination has as many connections as are allowed, and no more", async () => {
  let most = 0;
  const peer = await peerAt("mx1.example", {
    extensions: [],
    answer: (_line, all) => {
      most = Math.max(most, all.open);
      return undefined;
    },
  });
  const limited = newMailer(3);
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, (_, i) => deliver([`u${i}@one.example`], false, limited)),
  );
  assert.ok(outcomes.every(([outcome]) => outcome?.kind === "delivered"));
  assert.equal(peer.messages.length, 40);
  assert.equal(most, 3);
  assert.equal(peer.connections, 3);
  await limited.close();
  await until(() => peer.open === 0);
});

test("more than a hundred recipients go in several transactions over one connection", async () => {
  const peer = await peerAt("mx1.example");
  const outcomes = await deliver(Array.from({ length: 250 }, (_, i) => `u${i}@one.example`));
  assert.ok(outcomes.every((outcome) => outcome.kind === "delivered"));
  assert.deepEqual(
    peer.messages.map((message) => message.rcpts.length),
    [100, 100, 50],
  );
  assert.equal(peer.connections, 1);
});

test("recipients over the server's own limit follow in the next transaction", async () => {
  let rcpts = 0;
  const peer = await peerAt("mx1.example", {
    answer: (line) => {
      if (line.startsWith("MAIL")) rcpts = 0;
      return line.startsWith("RCPT") && ++rcpts > 4 ? "452 4.5.3 too many recipients" : undefined;
    },
  });
  const outcomes = await deliver(Array.from({ length: 10 }, (_, i) => `u${i}@one.example`));
  assert.ok(outcomes.every((outcome) => outcome.kind === "delivered"));
  assert.deepEqual(
    peer.messages.map((message) => message.rcpts.length),
    [4, 4, 2],
  );
});

test("a status table that fails undoes no delivery", async () => {
  await peerAt("mx1.example");
  const broken: HostStatus = {
    waiting: () => undefined,
    failed: () => Promise.reject(new Error("disk full")),
    succeeded: () => Promise.reject(new Error("disk full")),
    list: () => [],
  };
  const other = newMailer(2, broken);
  assert.equal((await deliver(["a@one.example"], false, other))[0]?.kind, "delivered");
  assert.equal((await deliver(["a@other.example"], false, other))[0]?.kind, "deferred");
  assert.equal((await deliver(["b@one.example"], false, other))[0]?.kind, "delivered");
  await other.close();
});

test("close lets what is under way finish and says QUIT to the rest", async () => {
  let asks = 0;
  const peer = await peerAt("mx1.example", {
    answer: (line) => {
      if (line === ".") asks++;
      return undefined;
    },
  });
  const running = deliver(["a@one.example"]);
  const closing = mailer.close();
  assert.equal((await running)[0]?.kind, "delivered");
  await closing;
  await settled();
  assert.equal(asks, 1);
  assert.equal(peer.lines.at(-1), "QUIT");
  assert.equal(peer.open, 0);
});
