/**
 * A checksum of a few places of an mbox, so that a file that was rewritten is not taken for one that only grew.
 *
 * Looked at are its start, its end, and the `From ` lines of messages spread over it, the last among them. A message
 * that was removed or changed its length moves everything behind it, and with it these places. The cost is some twenty
 * small reads, whatever the size of the file.
 */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { readWhole } from "@mailhost/common/fs/whole-io";
import type { MessageTable } from "./message-table.ts";

/** Bytes looked at of the start and the end, and of each message. */
const EDGE = 4096;
const SAMPLE = 256;
/** Messages looked at beside the last. */
const SAMPLES = 16;
/** Bytes of the result. */
export const FINGERPRINT_LENGTH = 16;

/**
 * The checksum of the first `size` bytes of a file.
 *
 * @param messages the messages that are believed to be in it
 * @throws errors of the system
 */
export async function fingerprint(file: FileHandle, size: number, messages: MessageTable): Promise<Buffer> {
  const samples: { readonly at: number; readonly wanted: Buffer }[] = [];
  const add = (at: number, length: number) => {
    samples.push({ at, wanted: Buffer.alloc(Math.max(0, Math.min(length, size - at))) });
  };
  add(0, EDGE);
  add(Math.max(0, size - EDGE), EDGE);
  const { count } = messages;
  const step = Math.max(1, Math.floor(count / SAMPLES));
  for (let i = step; i < count; i += step) add(messages.start(i)!, SAMPLE);
  if (count > 0) add(messages.start(count - 1)!, SAMPLE);
  const lengths = await Promise.all(samples.map(({ at, wanted }) => readWhole(file, wanted, at)));
  const hash = createHash("sha256");
  for (const [i, { at, wanted }] of samples.entries()) {
    hash.update(`${at}:${lengths[i]}\n`).update(wanted.subarray(0, lengths[i]));
  }
  return hash.digest().subarray(0, FINGERPRINT_LENGTH);
}
