/**
 * Reads headers out of the mbox.
 */
import type { IndexedMessage } from "./mailbox-index.ts";
import type { Maildrop } from "./maildrop.ts";
import { MailboxChanged } from "./read-message.ts";

/** Octets of a header that are read; fields behind them are not seen. */
export const LONGEST_HEADER = 256 * 1024;

/** Whether messages can be read: there is an mbox, and it still is what the session saw at its login. */
export async function openable(drop: Maildrop): Promise<boolean> {
  return drop.file !== undefined && (await drop.isSound());
}

/**
 * The header of a message, its empty line included, at most {@link LONGEST_HEADER} of it.
 *
 * @throws MailboxChanged when the file is shorter; errors of the system
 */
export async function headerOf({ file }: Maildrop, { head, body }: IndexedMessage): Promise<Buffer> {
  const header = Buffer.allocUnsafe(Math.min(LONGEST_HEADER, body - head));
  for (let filled = 0; filled < header.length; ) {
    const { bytesRead } = await file!.read(header, filled, header.length - filled, head + filled);
    if (bytesRead === 0) throw new MailboxChanged(`cut short: no header at ${head}`);
    filled += bytesRead;
  }
  return header;
}
