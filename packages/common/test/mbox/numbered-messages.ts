/**
 * Messages that say who wrote them and can be checked for wholeness, whatever happened to the mbox.
 */
import type { FileHandle } from "node:fs/promises";
import type { MboxMessage } from "../../src/mbox/append.ts";
import type { MessageSpan } from "../../src/mbox/scan.ts";
import { scanMbox } from "../../src/mbox/scan.ts";
import { message } from "./mailbox-fixture.ts";

/** Its stored text, without the `From ` line and Return-Path. */
function text(tag: string, number: number): string {
  const line = `From ${tag} ${number} `;
  return `X-Number: ${tag} ${number}\n\n${`${line}${"x".repeat(60)}\n`.repeat(20 + ((number * 37) % 200))}`;
}

/** Message `number` of `tag` as it stands in an mbox. */
export function storedMessage(tag: string, number: number): string {
  const head = "From a@example.com Tue Nov 24 00:00:00 2026\nReturn-Path: <a@example.com>\n";
  return `${head}${text(tag, number).replace(/^From /gm, ">From ")}\n`;
}

/** Message `number` of `tag`. */
export function numberedMessage(tag: string, number: number): MboxMessage {
  return message(text(tag, number).replaceAll("\n", "\r\n"), "a@example.com", 5000);
}

/** The messages of an mbox as `TAG NUMBER`, in their order; throws for one that is not whole. */
export async function numbersIn(file: FileHandle): Promise<string[]> {
  const numbers: string[] = [];
  for (const span of await spansIn(file)) {
    const bytes = Buffer.alloc(span.end - span.head);
    await file.read(bytes, 0, bytes.length, span.head);
    const stored = bytes.toString("latin1").replace(/^Return-Path: .*\n/, "");
    const [, tag, number] = /^X-Number: (\S+) (\d+)\n/.exec(stored) ?? [];
    if (tag === undefined || stored !== text(tag, Number(number)).replace(/^From /gm, ">From ")) {
      throw new Error(`a message at ${span.start} is not whole: ${stored.slice(0, 100)}`);
    }
    numbers.push(`${tag} ${number}`);
  }
  return numbers;
}

/** The byte ranges of the first, third, … message. */
export async function everyOther(file: FileHandle): Promise<{ start: number; end: number }[]> {
  const { size } = await file.stat();
  const spans = await spansIn(file);
  return spans.flatMap(({ start }, i) => (i % 2 === 0 ? [{ start, end: spans[i + 1]?.start ?? size }] : []));
}

/** Where the messages are. */
export async function spansIn(file: FileHandle): Promise<MessageSpan[]> {
  const spans: MessageSpan[] = [];
  for await (const some of scanMbox(file, 0, (await file.stat()).size)) spans.push(...some);
  return spans;
}
