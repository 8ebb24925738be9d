/**
 * Mailboxes of the POP3 bench: made, put in place, added to.
 */
import {
  appendFileSync,
  chownSync,
  closeSync,
  copyFileSync,
  fsyncSync,
  mkdirSync,
  openSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

/** Where a peer has its mailboxes. */
export interface Mailboxes {
  readonly mailbox: (user: string) => string;
  /** Gives a user a copy of an mbox. */
  readonly fill: (user: string, mbox: string) => void;
}

/** Makes a folder of mailboxes that belong to a user id. */
export function mailboxFolder(folder: string, owner: number): Mailboxes {
  mkdirSync(folder, { recursive: true });
  chownSync(folder, owner, owner);
  const mailbox = (user: string) => join(folder, user);
  return {
    mailbox,
    fill(user, mbox) {
      copyFileSync(mbox, mailbox(user));
      chownSync(mailbox(user), owner, owner);
      letItBeOld(mailbox(user));
    },
  };
}

/** popa3d waits for the end of a second in which a mailbox was written; that is not what is measured. */
export function letItBeOld(path: string): void {
  const then = Date.now() / 1000 - 60;
  utimesSync(path, then, then);
}

/** Writes an mbox of so many messages that has about this size, bytes. */
export function writeMbox(path: string, messages: number, size: number): void {
  const file = openSync(path, "w");
  const line = `${"b".repeat(75)}\n`;
  const lines = Math.max(2, Math.floor((size / messages - 250) / line.length));
  for (let n = 0; n < messages; n += 100) {
    const block: string[] = [];
    for (let i = n; i < Math.min(messages, n + 100); i++) {
      // Lengths from a fifth to nearly twice the mean.
      const length = Math.max(1, Math.round(lines * (0.2 + ((i * 7919) % 161) / 100)));
      block.push(message(i, line.repeat(length)));
    }
    writeSync(file, block.join(""));
  }
  fsyncSync(file);
  closeSync(file);
}

/** Ten more messages, as another program delivers them. */
export function appendTen(path: string): void {
  const some = Array.from({ length: 10 }, (_, i) => message(Date.now() + i, "new mail\n".repeat(200)));
  appendFileSync(path, some.join(""));
  letItBeOld(path);
}

function message(n: number, body: string): string {
  return `From sender${n % 97}@example.net Tue Nov 24 21:59:01 2026\nReturn-Path: <sender${n % 97}@example.net>\nReceived: from client.test by mail.bench.test id ${n};\n\tTue, 24 Nov 2026 21:59:01 +0800\nMessage-ID: <${n}@client.test>\nSubject: message ${n}\n\n${body}\n`;
}
