/**
 * What the tests of the SMTP client share: scripted peers, connections to them, a message, all ended after each test.
 */
import { afterEach, beforeEach } from "node:test";
import { silentLog } from "@mailhost/common/log/log";
import { parseSettings } from "@mailhost/common/settings/load";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { openSmtpConnection, type SmtpConnection } from "../../src/deliver/smtp-connection.ts";
import { runTransaction, type Transaction, type TransactionResult } from "../../src/deliver/smtp-dialogue.ts";
import { smtpTimeouts } from "../../src/deliver/smtp-timeouts.ts";
import type { QueueEntry } from "../../src/queue/queue-entry.ts";
import { type Answer, FakePeer, type PeerScript } from "./fake-peer.ts";
import { bodyOf, entryFor, recipientAt } from "./sample-message.ts";

export const MINUTE = 60_000;
export let clock = new ManualClock();
export const peers: FakePeer[] = [];
const connections: SmtpConnection[] = [];

/** Gives each test of the calling file a clock of its own, and ends what it opened. */
export function useRig(): void {
  beforeEach(() => {
    clock = new ManualClock();
  });

  afterEach(async () => {
    for (const connection of connections.splice(0)) connection.destroy();
    for (const peer of peers.splice(0)) await peer.close();
  });
}

export async function peerWith(script: PeerScript = {}): Promise<FakePeer> {
  const peer = await FakePeer.start(script);
  peers.push(peer);
  return peer;
}

export async function connect(peer: FakePeer, startTls = true): Promise<SmtpConnection> {
  const connection = await openSmtpConnection(
    { name: "mx.example", address: peer.host, port: peer.port },
    {
      hostname: "here.example",
      startTls,
      timeouts: smtpTimeouts(parseSettings("hostname: here.example\n", "mailhost.yaml")),
      clock,
      log: silentLog,
    },
  );
  connections.push(connection);
  return connection;
}

export function message(
  text = "Subject: x\r\n\r\nhello\r\n",
  addresses = ["b@there.example"],
  more: Partial<QueueEntry> = {},
): Transaction {
  const recipients = addresses.map((address) => recipientAt(address));
  return { entry: entryFor(recipients, more), body: bodyOf(text), recipients };
}

export function shown({
  transaction,
  result,
}: {
  transaction: Transaction;
  result: TransactionResult;
}): string[] {
  return transaction.recipients.map((recipient) => {
    const outcome = result.outcomes.get(recipient);
    return outcome === undefined ? "open" : `${outcome.kind} ${outcome.reply.code}`;
  });
}

export async function send(script: PeerScript, transaction: Transaction = message()) {
  const peer = await peerWith(script);
  const connection = await connect(peer);
  const result = await runTransaction(connection, transaction);
  return { peer, connection, transaction, result };
}

export const answering =
  (start: string, answer: Answer) =>
  (line: string): Answer | undefined =>
    line.startsWith(start) ? answer : undefined;

/** Servers with and without PIPELINING, which the same tests run against. */
export const plain = { extensions: [] };
export const pipelining = { extensions: ["PIPELINING"] };
