/**
 * RETR and TOP: a message on its way from the mbox to the client, a piece at a time, as fast as the client reads.
 *
 * Another program may have rewritten the mbox since the login, or may do so while a message is being sent. The first is
 * answered with a refusal; after the second the connection is cut before the final dot, so that no client takes
 * wrong bytes for a message.
 */
import { isAscii } from "node:buffer";
import { messageOf } from "@mailhost/common/errors";
import { ClientGone } from "../connection/output.ts";
import type { IndexedMessage } from "../maildrop/mailbox-index.ts";
import type { Maildrop } from "../maildrop/maildrop.ts";
import type { Fetched, ReadAhead } from "../maildrop/read-ahead.ts";
import { MailboxChanged, openMessage, topEnd, topOf } from "../maildrop/read-message.ts";
import { type MangleOrder, parseMangleOrder } from "../mangle/mangle-order.ts";
import { STRETCH } from "../protocol/encode-kernel.ts";
import { MessageEncoder } from "../protocol/message-encoder.ts";
import { err, ok } from "../protocol/reply.ts";
import type { SessionModes } from "../session-modes.ts";
import type { Transaction } from "../session-state.ts";
import { findMessage, numberRefusals } from "./message-number.ts";
import { type Rendition, renditionOf } from "./rendition.ts";
import type { Turn } from "./turn.ts";

/** RETR n: at once, when the message is in memory and goes out as it stands. */
export function retr(turn: Turn, state: Transaction): Transaction | Promise<Transaction> {
  const { modes, output, texts, words } = turn;
  const { drop } = state;
  const found = findMessage(drop, words[0] ?? "", numberRefusals(texts));
  if (found.kind === "refused") return output.line(found.reply).then(() => state);
  const { message, number } = found;
  if (words.length > 1 || modes.mangle !== undefined) return retrInPieces(turn, state, found);
  const ahead = turn.readAhead(drop);
  const prepared = ahead.takePrepared(number, texts, modes.utf8);
  let waiting: Promise<void> | undefined;
  if (prepared !== undefined) waiting = output.prepared(prepared);
  else {
    const fetched = ahead.fetch(number, message);
    if (!(fetched instanceof Uint8Array) || !goesOutWhole(modes, message, fetched)) {
      return retrInPieces(turn, state, found, fetched);
    }
    const { body, rest } = encoded(fetched, message.octets);
    waiting = output.message(ok(texts.octets(message.octets)), body, rest);
  }
  drop.lastSeen = Math.max(drop.lastSeen, number);
  void turn.renewRelay(state.user);
  const sent = () => {
    drop.noteRetrieved(number);
    return state;
  };
  return waiting === undefined ? sent() : waiting.then(sent);
}

/** Makes the reply that a client which fetches in order will ask for next, while it is busy with the one before. */
export function prepareNext({ modes, output, texts }: Turn, ahead: ReadAhead): void {
  const number = ahead.expected;
  if (number === undefined || modes.mangle !== undefined || ahead.isPrepared(number)) return;
  const found = ahead.drop.message(number);
  if (found.kind !== "message") return;
  const { message } = found;
  const bytes = ahead.peek(message);
  if (bytes === undefined || !goesOutWhole(modes, message, bytes)) return;
  const encoder = new MessageEncoder();
  const body = encoder.encode(bytes);
  const rest = encoder.finish();
  // RETR says what is wrong, if it comes.
  if (encoder.octets !== message.octets) return;
  const reply = output.prepare(ok(texts.octets(message.octets)), body, rest);
  if (reply !== undefined) ahead.keepPrepared({ number, texts, utf8: modes.utf8, reply });
}

/** Whether a message in memory is sent as it stands, in one piece. */
function goesOutWhole({ utf8 }: SessionModes, { head, body }: IndexedMessage, bytes: Buffer): boolean {
  return bytes.length <= STRETCH && (utf8 || isAscii(bytes.subarray(0, body - head)));
}

/** @throws MailboxChanged when it is not what was announced */
function encoded(bytes: Buffer, octets: number): { readonly body: Buffer; readonly rest: Buffer } {
  const encoder = new MessageEncoder();
  const body = encoder.encode(bytes);
  const rest = encoder.finish();
  if (encoder.octets !== octets) {
    throw new MailboxChanged(`a message of ${octets} octets came out as ${encoder.octets}`);
  }
  return { body, rest };
}

async function retrInPieces(
  turn: Turn,
  state: Transaction,
  found: { readonly message: IndexedMessage; readonly number: number },
  fetched?: Fetched | Promise<Fetched>,
): Promise<Transaction> {
  const { output, texts, words } = turn;
  const { drop } = state;
  const { number } = found;
  const order = words[1] === undefined ? undefined : await orderOf(turn, words[1]);
  if (order === "refused") return state;
  const opened = await openMessageOf(turn, state, found, order, fetched);
  if (opened === undefined) return state;
  const { source, message } = opened;
  drop.lastSeen = Math.max(drop.lastSeen, number);
  void turn.renewRelay(state.user);
  await output.line(ok(texts.octets(message.octets)));
  if (source instanceof Uint8Array) await sendBytes(turn, source, message.octets);
  else await send(turn, state, source, message.octets);
  drop.noteRetrieved(number);
  return state;
}

/** TOP n lines (RFC 1939 section 7). */
export async function top(turn: Turn, state: Transaction): Promise<Transaction> {
  const { output, texts, words } = turn;
  const [number = "", lines = ""] = words;
  const found = findMessage(state.drop, number, numberRefusals(texts));
  if (found.kind === "refused") {
    await output.line(found.reply);
    return state;
  }
  if (!/^[0-9]{1,10}$/.test(lines)) {
    await output.line(err(texts.unknownLineCount(lines)));
    return state;
  }
  const order = await orderOf(turn, words[2]);
  if (order === "refused") return state;
  const opened = await openMessageOf(turn, state, found, order);
  if (opened === undefined) return state;
  const { source, message } = opened;
  await output.line(ok(texts.topFollows));
  if (source instanceof Uint8Array) {
    await sendBytes(turn, source.subarray(0, topEnd(source, message, Number(lines))), undefined);
  } else await send(turn, state, topOf(source, message, Number(lines)), undefined);
  return state;
}

/** What a word behind the numbers asks for: nothing, or a message without MIME (X-MANGLE). */
async function orderOf(
  { output, texts }: Turn,
  word: string | undefined,
): Promise<MangleOrder | undefined | "refused"> {
  if (word === undefined) return undefined;
  const order = parseMangleOrder(word);
  if (order !== undefined) return order;
  await output.line(err(texts.mangleSyntax));
  return "refused";
}

/**
 * The message, when it can be read from the mbox: whole and sound from the session's memory, or piece by piece. Else the
 * refusal is sent.
 */
async function openMessageOf(
  turn: Turn,
  { drop, user }: Transaction,
  { message, number }: { readonly message: IndexedMessage; readonly number: number },
  order: MangleOrder | undefined,
  begun?: Fetched | Promise<Fetched>,
): Promise<Rendition | undefined> {
  const { output, services, texts } = turn;
  try {
    const ahead = begun ?? turn.readAhead(drop).fetch(number, message);
    const fetched = ahead instanceof Promise ? await ahead : ahead;
    const source = fetched === "large" ? await openLarge(drop, message) : fetched;
    if (source !== "changed") return await renditionOf(turn, drop, message, source, order);
    services.log.write(
      "warn",
      `${drop.paths.mbox}: changed by another program during the session of ${user}`,
    );
    await output.line(err(texts.mailboxChanged, "SYS/TEMP"));
  } catch (error) {
    if (error instanceof ClientGone) throw error;
    services.log.write("error", `${drop.paths.mbox}: can not be read: ${messageOf(error)}`);
    await output.line(err(texts.mailboxUnreadable, "SYS/TEMP"));
  }
  return undefined;
}

async function openLarge(
  drop: Maildrop,
  message: IndexedMessage,
): Promise<AsyncIterable<Buffer> | "changed"> {
  const { file } = drop;
  const sound = file !== undefined && (await drop.isSound());
  return (sound ? await openMessage(file, message) : undefined) ?? "changed";
}

/** Octets encoded at a time. */
const PIECE = 32 * 1024;

/**
 * Sends a message that is in memory, and the dot behind it.
 *
 * @throws MailboxChanged when it is not what was announced: the connection must be cut
 */
async function sendBytes({ output }: Turn, bytes: Buffer, octets: number | undefined): Promise<void> {
  const encoder = new MessageEncoder();
  for (let at = 0; at < bytes.length; at += PIECE) {
    await output.bytes(encoder.encode(bytes.subarray(at, at + PIECE)));
  }
  const rest = encoder.finish();
  if (octets !== undefined && encoder.octets !== octets) {
    throw new MailboxChanged(`a message of ${octets} octets came out as ${encoder.octets}`);
  }
  if (rest.length > 0) await output.bytes(rest);
  await output.line(".");
}

/**
 * Sends a message that is read while it is sent, and the dot behind it.
 *
 * @param octets what was announced, if anything was
 * @throws MailboxChanged when what was sent can not be relied on: the connection must be cut
 */
async function send(
  { output }: Turn,
  { drop }: Transaction,
  pieces: AsyncIterable<Buffer>,
  octets: number | undefined,
): Promise<void> {
  const encoder = new MessageEncoder();
  for await (const piece of pieces) await output.bytes(encoder.encode(piece));
  const rest = encoder.finish();
  if (octets !== undefined && encoder.octets !== octets) {
    throw new MailboxChanged(`a message of ${octets} octets came out as ${encoder.octets}`);
  }
  if (!(await drop.isSound())) throw new MailboxChanged("changed while a message was being sent");
  if (rest.length > 0) await output.bytes(rest);
  await output.line(".");
}
