/**
 * Messages for whose fate their command waits, as that of root or of the daemon's own user does: each is taken from its
 * unfinished drop file at the command's word, and the answer is what Sendmail's command would have known by itself.
 *
 * The file is removed when its message is queued. It is its owner's again when the message is refused; when nobody
 * answers him in time he gives it its name, and the collector takes it as any other.
 */
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import type { SubmissionOrder, SubmissionResult } from "@mailhost/common/daemon/launcher-messages";
import { errnoOf } from "@mailhost/common/errors";
import { stdinMessage } from "../commands/stdin-message.ts";
import type { Submission, Submitted } from "./accept-submission.ts";
import type { CollectorParts } from "./drop-collector.ts";
import { isDropName, unfinishedName } from "./drop-file.ts";
import { type OpenDrop, openDropFile } from "./drop-reader.ts";

/** Those that are being taken. */
export interface AwaitedDrops {
  /** Takes one; undefined when there is no such file. */
  take(order: SubmissionOrder): Promise<SubmissionResult | undefined>;
  /** Resolves when nobody is at work on a file, whose owner may have stopped waiting meanwhile. */
  settled(name: string): Promise<void>;
  /** Takes no more; resolves when those under way are done. */
  close(): Promise<void>;
}

/** Most characters of complaints, and of recipients, in an answer: it travels as one line of the control socket. */
const ANSWER_LIMIT = 12_000;

/** Takes awaited messages of the collector's folder into its queue. */
export function openAwaitedDrops(parts: Omit<CollectorParts, "awaited">): AwaitedDrops {
  const underWay = new Map<string, Promise<unknown>>();
  let open = true;
  return {
    async take(order) {
      if (!open || !isDropName(order.drop) || underWay.has(order.drop)) return undefined;
      const taken = takeOne(parts, order);
      const settled = taken.catch(() => undefined).finally(() => underWay.delete(order.drop));
      underWay.set(order.drop, settled);
      const result = await taken;
      return result === undefined ? undefined : answerOf(result);
    },
    async settled(name) {
      await underWay.get(name);
    },
    async close() {
      open = false;
      await Promise.all(underWay.values());
    },
  };
}

async function takeOne(
  parts: Omit<CollectorParts, "awaited">,
  { drop: name, errorsTo }: SubmissionOrder,
): Promise<Submitted | undefined> {
  const path = join(parts.dir, unfinishedName(name));
  const { unlink: remove } = parts.fs ?? { unlink };
  const read = await openDropFile(path, parts.maxSize());
  if (read.kind !== "drop") return undefined;
  const result = await submitDrop(parts, read.drop, name, errorsTo);
  if (result.entry === undefined) return result;
  parts.submitted(result.entry);
  try {
    await remove(path);
  } catch (error) {
    // It bears its name already, or cannot be removed: whoever finds it finds the note of it too.
    if (errnoOf(error) !== "ENOENT") parts.log.write("warn", `drop: ${path} cannot be removed`);
  }
  return result;
}

function answerOf({ exitCode, complaints, entry }: Submitted): SubmissionResult {
  return {
    exitCode,
    complaints: fitting(complaints),
    ...(entry === undefined
      ? {}
      : { id: entry.id, recipients: fitting(entry.recipients.map(({ address }) => address)) }),
  };
}

/** The first of the lines; of thousands nobody reads all. */
function fitting(lines: readonly string[]): readonly string[] {
  let size = 0;
  const some = lines.filter((line) => (size += line.length) <= ANSWER_LIMIT);
  return some.length === lines.length ? lines : [...some, `and ${lines.length - some.length} more`];
}

/** Most of a header that a report is about, octets. */
const HEADER_LIMIT = 64 * 1024;

/** The header alone, and no more of it than a report shows. */
async function* headerOf(drop: OpenDrop): AsyncGenerator<Buffer> {
  let head = Buffer.alloc(0);
  for await (const piece of stdinMessage(drop.content(), true)) {
    head = Buffer.concat([head, piece]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0 && head.length < HEADER_LIMIT) continue;
    head = head.subarray(0, end >= 0 ? end + 4 : head.lastIndexOf("\r\n", HEADER_LIMIT) + 2);
    break;
  }
  yield head;
}

/** Has an opened file accepted, as its owner's message, and closes it. */
export async function submitDrop(
  { accept, userOf }: Pick<CollectorParts, "accept" | "userOf">,
  drop: OpenDrop,
  name: string,
  errorsTo: Submission["errorsTo"],
): Promise<Submitted> {
  const { name: user, fullName } = userOf(drop.uid);
  const submission: Submission = {
    request: drop.request,
    content: stdinMessage(drop.content(), true),
    user,
    ...(fullName === undefined ? {} : { fullName }),
    errorsTo,
    drop: name,
  };
  try {
    const result = await accept(submission);
    const { refusal } = result;
    if (errorsTo === "caller" || refusal === undefined || refusal.code < 500) return result;
    // Too large, or a loop: nobody waits to be told, so that the sender gets a report about the header.
    return await accept({ ...submission, content: headerOf(drop), refusal });
  } finally {
    await drop.close();
  }
}
