/**
 * Messages, entries and sites for the tests of the queue.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Clock } from "@mailhost/common/clock";
import { parseSettings } from "@mailhost/common/settings/load";
import type { Settings } from "@mailhost/common/settings/settings";
import { type Site, siteAt } from "@mailhost/common/site";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { type OpenQueue, openQueue } from "../../src/queue/open-queue.ts";
import type { NewMessage, QueueEntry, QueueRecipient } from "../../src/queue/queue-entry.ts";
import type { MessageBody, QueueStore } from "../../src/queue/queue-store.ts";

export const HEADER = "From: a@b.example\r\nSubject: test\r\n\r\n";

export function remote(address: string, more: Partial<QueueRecipient> = {}): QueueRecipient {
  const domain = address.slice(address.lastIndexOf("@") + 1);
  return { address, target: { kind: "remote", domain }, state: "pending", ...more };
}

export function local(address: string, more: Partial<QueueRecipient> = {}): QueueRecipient {
  const name = address.split("@")[0]!;
  return { address, target: { kind: "mailbox", name }, state: "pending", ...more };
}

export function message(more: Partial<NewMessage> = {}): NewMessage {
  return {
    sender: "sender@origin.example",
    recipients: [remote("rcpt@far.example")],
    origin: { ip: "192.0.2.7", hostname: "client.example", helo: "client.example", protocol: "ESMTP" },
    bodyType: "8BITMIME",
    smtputf8: false,
    messageId: "<m1@origin.example>",
    ...more,
  };
}

export function entryOf(more: Partial<QueueEntry> = {}): QueueEntry {
  return {
    ...message(),
    id: "6AONqJ00001234",
    recipients: [remote("rcpt@far.example")],
    receivedAt: Date.UTC(2026, 10, 24, 21, 59, 1),
    size: HEADER.length,
    attempts: 0,
    lastAttemptAt: 0,
    nextAttemptAt: 0,
    warnedAt: 0,
    ...more,
  };
}

export function bodyOf(text: string | Uint8Array): MessageBody {
  const bytes = Buffer.from(text);
  return {
    size: bytes.length,
    whole: () => (bytes.length > 65_536 ? undefined : bytes),
    async *stream(start = 0) {
      for (let at = start; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
    },
  };
}

export function settingsWith(yaml: string): Settings {
  return parseSettings(yaml, "mailhost.yaml");
}

/** Lines that were logged. */
export function listLog(): {
  lines: string[];
  write(level: string, text: string): void;
  close(): Promise<void>;
} {
  const lines: string[] = [];
  return { lines, write: (_level, text) => lines.push(text), close: () => Promise.resolve() };
}

export async function temporarySite(t: TestContext): Promise<Site> {
  const root = await mkdtemp(join(tmpdir(), "mailhost-queue-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  return siteAt(root);
}

export interface Opened extends OpenQueue {
  readonly site: Site;
  readonly clock: ManualClock;
  readonly log: ReturnType<typeof listLog>;
}

/** A queue in a temporary folder, closed at the end of the test. */
export async function temporaryQueue(t: TestContext, clock = new ManualClock()): Promise<Opened> {
  const site = await temporarySite(t);
  const log = listLog();
  const queue = await openQueue(site, { clock: clock as Clock, log });
  let open = true;
  const close = queue.store.close.bind(queue.store);
  queue.store.close = async () => {
    if (open) await close();
    open = false;
  };
  t.after(() => queue.store.close());
  return { ...queue, site, clock, log };
}

export async function enqueue(
  store: QueueStore,
  more: Partial<NewMessage> = {},
  text: string | Uint8Array = HEADER,
): Promise<QueueEntry> {
  const writer = store.receive();
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 50_000) await writer.write(bytes.subarray(at, at + 50_000));
  return writer.commit(message(more));
}

export async function readBody(body: MessageBody, start?: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body.stream(start)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
