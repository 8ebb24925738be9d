/**
 * What the tests of the remote mailer share: a mailer, a table for DNS, peers that share a port and differ by address.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "node:test";
import { silentLog } from "@mailhost/common/log/log";
import { parseSettings } from "@mailhost/common/settings/load";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { open, type RootDatabase } from "lmdb";
import { reservedPort } from "../../../../test/harness/reserved-port.ts";
import { type HostStatus, openHostStatus } from "../../src/deliver/host-status.ts";
import type { Mailer } from "../../src/deliver/mailer.ts";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { createRemoteMailer } from "../../src/deliver/remote-mailer.ts";
import { DnsError, type Resolver } from "../../src/dns/resolver.ts";
import type { QueueRecipient } from "../../src/queue/queue-entry.ts";
import { FakePeer, type PeerScript } from "./fake-peer.ts";
import { bodyOf, entryFor, recipientAt } from "./sample-message.ts";

export const MINUTE = 60_000;
/** Host names and their loopback addresses: peers share the port, as MX hosts do, and differ by address. */
export const ADDRESSES: Readonly<Record<string, string>> = {
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
export let clock: ManualClock;
export let hosts: HostStatus;
let port: number;
let mailer: Mailer;
export let asked: string[];
const peers: FakePeer[] = [];

/** Gives each test of the calling file its own mailer, clock and status table, and ends what it opened. */
export function useRemoteRig(): void {
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "mailhost-remote-"));
    db = open({ path: join(dir, "hosts.mdb") });
    clock = new ManualClock();
    hosts = openHostStatus(db, { interval: 20 * MINUTE, clock });
    port = await reservedPort();
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
}

/** Closes the test's mailer, idle connections with it, and goes on with a new one. */
export async function renewMailer(): Promise<void> {
  await mailer.close();
  mailer = newMailer();
}

/** Closes the test's mailer. */
export function closeMailer(): Promise<void> {
  return mailer.close();
}

export function newMailer(connections = 20, hostStatus: HostStatus = hosts): Mailer {
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

export async function peerAt(name: string, script: PeerScript = {}): Promise<FakePeer> {
  const peer = await FakePeer.start({ ...script, host: ADDRESSES[name]!, port });
  peers.push(peer);
  return peer;
}

export function deliver(addresses: string[], forced = false, to: Mailer = mailer): Promise<Outcome[]> {
  return deliverTo(
    addresses.map((address) => recipientAt(address)),
    forced,
    to,
  );
}

export function deliverTo(
  recipients: QueueRecipient[],
  forced = false,
  to: Mailer = mailer,
): Promise<Outcome[]> {
  const body = bodyOf("Subject: x\r\n\r\nhello\r\n");
  return to.deliver({ entry: entryFor(recipients), body, recipients, forced });
}

export function shown(outcomes: readonly Outcome[]): string[] {
  return outcomes.map((outcome) => `${outcome.kind} ${outcome.reply.code} ${outcome.relay}`);
}
