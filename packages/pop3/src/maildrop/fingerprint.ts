/**
 * A checksum of a few places of an mbox, so that a file that was rewritten is not taken for one that only grew.
 *
 * Looked at are its start, its end, and the `From ` lines of messages spread over it, the last among them. A message
 * that was removed or changed its length moves everything behind it, and with it these places. The cost is some twenty
 * small reads, whatever the size of the file; a small file is read in one.
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
/** A file of no more bytes is read whole: each read of its own costs more than the copy. */
const SMALL = 256 * 1024;
/** Buffers for small files that nobody uses, and how many are kept. */
const idle: Buffer[] = [];
const KEPT = 8;
/** Bytes of the result. */
export const FINGERPRINT_LENGTH = 16;

/**
 * The checksum of the first `size` bytes of a file.
 *
 * @param messages the messages that are believed to be in it
 * @throws errors of the system
 */
export async function fingerprint(file: FileHandle, size: number, messages: MessageTable): Promise<Buffer> {
  const samples: Sample[] = [];
  const add = (at: number, length: number) => {
    samples.push({ at, length: Math.max(0, Math.min(length, size - at)) });
  };
  add(0, EDGE);
  add(Math.max(0, size - EDGE), EDGE);
  const { count } = messages;
  const step = Math.max(1, Math.floor(count / SAMPLES));
  for (let i = step; i < count; i += step) add(messages.start(i)!, SAMPLE);
  if (count > 0) add(messages.start(count - 1)!, SAMPLE);
  return size <= SMALL ? await sumOfSmall(file, size, samples) : await sumOfLarge(file, samples);
}

/** A place of a file, bytes. */
interface Sample {
  readonly at: number;
  readonly length: number;
}

async function sumOfLarge(file: FileHandle, samples: readonly Sample[]): Promise<Buffer> {
  const reads = samples.map(async ({ at, length }) => {
    const wanted = Buffer.alloc(length);
    return wanted.subarray(0, await readWhole(file, wanted, at));
  });
  return sum(samples, await Promise.all(reads));
}

async function sumOfSmall(file: FileHandle, size: number, samples: readonly Sample[]): Promise<Buffer> {
  const buffer = idle.pop() ?? Buffer.allocUnsafeSlow(SMALL);
  const whole = buffer.subarray(0, await readWhole(file, buffer.subarray(0, size), 0));
  // After a failure the buffer is not used again: a read may still be going on.
  const result = sum(
    samples,
    samples.map(({ at, length }) => whole.subarray(at, at + length)),
  );
  if (idle.length < KEPT) idle.push(buffer);
  return result;
}

function sum(samples: readonly Sample[], found: readonly Buffer[]): Buffer {
  const hash = createHash("sha256");
  for (const [i, bytes] of found.entries()) hash.update(`${samples[i]!.at}:${bytes.length}\n`).update(bytes);
  return hash.digest().subarray(0, FINGERPRINT_LENGTH);
}
