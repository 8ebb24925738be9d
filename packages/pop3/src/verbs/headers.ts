/**
 * EUIDL and XTND XLST, Qpopper's commands that list what stands in headers.
 *
 * Headers are read from the mbox one after the other. As for RETR, what another program has rewritten is refused before
 * anything is sent, and the connection is cut when that shows only at the end.
 */

import type { IndexedMessage } from "../maildrop/mailbox-index.ts";
import type { Maildrop } from "../maildrop/maildrop.ts";
import { headerOf, openable } from "../maildrop/read-header.ts";
import { MailboxChanged } from "../maildrop/read-message.ts";
import { type HeaderField, headerFields, unfolded } from "../protocol/header-fields.ts";
import { err, ok } from "../protocol/reply.ts";
import type { Transaction } from "../session-state.ts";
import { findMessage, numberRefusals } from "./message-number.ts";
import type { Turn } from "./turn.ts";

/** Octets of a From field that EUIDL gives. */
const FROM_LENGTH = 128;
/** Octets of a field that XLST gives; what is more is left out. */
const LONGEST_FIELD = 64 * 1024;
const CRLF = Buffer.from("\r\n");

/** EUIDL [n]: number, unique id, octets and sender of one message or of each. */
export async function euidl(turn: Turn, state: Transaction): Promise<Transaction> {
  const { output, texts, words } = turn;
  const { drop } = state;
  const line = async (number: number, message: IndexedMessage) => {
    const from = fieldOf(await headerOf(drop, message), "from");
    const text = from === undefined ? Buffer.alloc(0) : unfolded(from, FROM_LENGTH);
    return Buffer.concat([Buffer.from(`${number} ${message.uid} ${message.octets} `), text]);
  };
  const [word] = words;
  if (word !== undefined) {
    const found = findMessage(drop, word, numberRefusals(texts));
    if (found.kind === "refused") await output.line(found.reply);
    else if (await openable(drop)) {
      const said = await line(found.number, found.message);
      await sendLine(turn, Buffer.concat([Buffer.from("+OK "), said]));
    } else await refuseChanged(turn);
    return state;
  }
  await list(turn, drop, texts.extendedListing, async (number, message) => {
    await sendLine(turn, await line(number, message));
  });
  return state;
}

/**
 * XTND XLST field [n]: the first field of that name in one message or in each, behind the message's number. Messages without
 * the field are left out.
 */
export async function xlst(turn: Turn, state: Transaction): Promise<Transaction> {
  const { output, texts, words } = turn;
  const { drop } = state;
  const [, wanted = "", word] = words;
  const name = wanted.replace(/:$/, "").toLowerCase();
  if (!/^[!-9;-~]+$/.test(name)) {
    await output.line(err(texts.noSuchField(wanted)));
    return state;
  }
  const found = word === undefined ? undefined : findMessage(drop, word, numberRefusals(texts));
  if (found?.kind === "refused") {
    await output.line(found.reply);
    return state;
  }
  const each = async (number: number, message: IndexedMessage) => {
    const field = fieldOf(await headerOf(drop, message), name);
    if (field !== undefined) await sendField(turn, number, field);
  };
  await list(turn, drop, texts.xlstFollows, each, found);
  return state;
}

/** A multi-line reply with something for each message, or for one of them. */
async function list(
  turn: Turn,
  drop: Maildrop,
  text: string,
  each: (number: number, message: IndexedMessage) => Promise<void>,
  only?: { readonly number: number; readonly message: IndexedMessage },
): Promise<void> {
  const { output } = turn;
  // An empty mailbox may have no file at all.
  if (drop.count > 0 && !(await openable(drop))) return await refuseChanged(turn);
  await output.line(ok(text));
  if (only !== undefined) await each(only.number, only.message);
  else for (const [number, message] of drop.visible()) await each(number, message);
  if (drop.count > 0 && !(await openable(drop))) {
    throw new MailboxChanged("changed while its headers were listed");
  }
  await output.line(".");
}

function fieldOf(header: Buffer, name: string): HeaderField | undefined {
  for (const field of headerFields(header)) if (field.name === name) return field;
  return undefined;
}

/** The field's lines as they stand in the message, the number in front of the first. */
async function sendField(turn: Turn, number: number, field: HeaderField): Promise<void> {
  const raw = field.raw.subarray(0, LONGEST_FIELD);
  const lines = raw.toString("latin1").split(/\r?\n/);
  await sendLine(turn, Buffer.from(`${number} ${lines.join("\r\n")}`, "latin1"));
}

async function sendLine({ output }: Turn, line: Buffer): Promise<void> {
  await output.bytes(Buffer.concat([line, CRLF]));
}

async function refuseChanged({ output, texts }: Turn): Promise<void> {
  await output.line(err(texts.mailboxChanged, "SYS/TEMP"));
}
