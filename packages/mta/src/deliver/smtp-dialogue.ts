/**
 * One transaction: MAIL, RCPT, DATA, and what became of each recipient (RFC 5321 section 3.3; pipelined as in RFC 2920).
 *
 * A recipient that the server accepted shares the fate of the message; one that it refused has its own. When the
 * connection is lost after the final dot and before the reply, nobody knows whether the message was taken: it is tried
 * again, since twice is better than never.
 */
import { messageOf, type SmtpReply } from "@mailhost/common/errors";
import type { QueueEntry, QueueRecipient } from "../queue/queue-entry.ts";
import type { MessageBody } from "../queue/queue-store.ts";
import type { Outcome } from "./outcome.ts";
import { type SmtpConnection, talkingTo } from "./smtp-connection.ts";
import { DataEncoder } from "./smtp-data.ts";
import { SmtpFault, type Stage } from "./smtp-fault.ts";
import { isUnsendable, mailCommand, needsUtf8, rcptCommand } from "./smtp-parameters.ts";
import { type ServerReply, smtpReply, transcriptOf } from "./smtp-reply.ts";

/** What is to be sent. */
export interface Transaction {
  readonly entry: QueueEntry;
  readonly body: MessageBody;
  readonly recipients: readonly QueueRecipient[];
}

/** What came of it. A recipient with no outcome may be tried again at once: at the next host, or in a next transaction. */
export interface TransactionResult {
  readonly outcomes: ReadonlyMap<QueueRecipient, Outcome>;
  /** Why the connection cannot be used any more. */
  readonly fault?: SmtpFault;
}

/** Runs one transaction. Never rejects for what the server or the network did. */
export async function runTransaction(
  connection: SmtpConnection,
  transaction: Transaction,
): Promise<TransactionResult> {
  const outcomes = new Map<QueueRecipient, Outcome>();
  const refused = refusedBeforehand(connection, transaction);
  for (const [recipient, reply] of refused) outcomes.set(recipient, settle(connection, reply));
  const recipients = transaction.recipients.filter((recipient) => !refused.has(recipient));
  if (recipients.length === 0) return { outcomes };
  try {
    await new Dialogue(connection, { ...transaction, recipients }, outcomes).run();
    connection.served++;
    return { outcomes };
  } catch (error) {
    connection.destroy();
    if (error instanceof SmtpFault) return { outcomes, fault: error };
    throw error;
  }
}

/** Recipients that need not be sent to learn that this server cannot take them. */
function refusedBeforehand(
  connection: SmtpConnection,
  { entry, body, recipients }: Transaction,
): Map<QueueRecipient, SmtpReply> {
  const { offered } = connection;
  const all = (reply: SmtpReply) => new Map(recipients.map((recipient) => [recipient, reply]));
  if (isUnsendable(entry.sender))
    return all({ code: 553, enhanced: "5.1.7", text: "Invalid sender address" });
  if (offered.sizeLimit > 0 && body.size > offered.sizeLimit) {
    const text = `Message is too large; ${body.size} bytes is over the limit of ${offered.sizeLimit} of ${connection.host}`;
    return all({ code: 552, enhanced: "5.3.4", text });
  }
  const text = `${connection.host} does not offer SMTPUTF8, which the message needs`;
  const noUtf8: SmtpReply = { code: 553, enhanced: "5.6.7", text };
  if (!offered.smtpUtf8 && (entry.smtputf8 || needsUtf8(entry.sender))) return all(noUtf8);
  const refused = new Map<QueueRecipient, SmtpReply>();
  for (const recipient of recipients) {
    if (isUnsendable(recipient.address)) {
      refused.set(recipient, { code: 553, enhanced: "5.1.3", text: "Invalid recipient address" });
    } else if (!offered.smtpUtf8 && needsUtf8(recipient.address)) refused.set(recipient, noUtf8);
  }
  return refused;
}

/** One run of the commands; outcomes are noted as they become known, so that a fault keeps those before it. */
class Dialogue {
  readonly #connection: SmtpConnection;
  readonly #transaction: Transaction;
  readonly #outcomes: Map<QueueRecipient, Outcome>;
  readonly #pipelined: boolean;

  constructor(connection: SmtpConnection, transaction: Transaction, outcomes: Map<QueueRecipient, Outcome>) {
    this.#connection = connection;
    this.#transaction = transaction;
    this.#outcomes = outcomes;
    this.#pipelined = connection.offered.pipelining;
  }

  async run(): Promise<void> {
    const connection = this.#connection;
    const { timeouts } = connection;
    await this.#reset();
    // Until the reply to the final dot is there, the server may hold a half transaction.
    connection.needsReset = true;
    const { mail, rcpts } = this.#commands();
    if (this.#pipelined) await connection.send([mail, ...rcpts, "DATA"], "MAIL");

    const { recipients } = this.#transaction;
    const mailReply = await this.#exchange(mail, "MAIL", timeouts.mail);
    const senderRefused = !isClass(mailReply, 2);
    if (senderRefused) this.#refuse(recipients, mail, mailReply);
    if (senderRefused && !this.#pipelined) return;

    const accepted: QueueRecipient[] = [];
    const overLimit: [QueueRecipient, string, ServerReply][] = [];
    for (const [i, recipient] of recipients.entries()) {
      const reply = await this.#exchange(rcpts[i]!, "RCPT", timeouts.rcpt);
      if (senderRefused) continue;
      if (isClass(reply, 2)) accepted.push(recipient);
      else if (isTooMany(reply)) overLimit.push([recipient, rcpts[i]!, reply]);
      else this.#refuse([recipient], rcpts[i]!, reply);
    }
    // RFC 5321 section 4.5.3.1.10: those go in a transaction of their own, unless there is nobody to go before them.
    if (accepted.length === 0)
      for (const [recipient, rcpt, reply] of overLimit) this.#refuse([recipient], rcpt, reply);
    if (accepted.length === 0 && !this.#pipelined) return;

    const dataReply = await this.#exchange("DATA", "DATA", timeouts.data);
    if (!isClass(dataReply, 3)) return this.#refuse(accepted, "DATA", dataReply);
    if (accepted.length === 0) return this.#sendNothing();
    await this.#sendBody(accepted);
    await this.#finish(accepted);
  }

  async #reset(): Promise<void> {
    if (!this.#connection.needsReset) return;
    await this.#connection.send(["RSET"], "RSET");
    await this.#connection.reply("RSET", this.#connection.timeouts.rset);
  }

  #commands(): { mail: string; rcpts: string[] } {
    const { entry, body, recipients } = this.#transaction;
    const { offered } = this.#connection;
    const utf8 = entry.smtputf8 || [entry.sender, ...recipients.map((r) => r.address)].some(needsUtf8);
    return {
      mail: mailCommand(entry, body.size, utf8, offered),
      rcpts: recipients.map((recipient) => rcptCommand(recipient, utf8, offered)),
    };
  }

  /** Sends a command, unless the pipeline has sent it already, and reads its reply. */
  async #exchange(command: string, stage: Stage, timeout: number): Promise<ServerReply> {
    if (!this.#pipelined) await this.#connection.send([command], stage);
    return this.#connection.reply(stage, timeout);
  }

  /** A server that said 354 with nobody to send to gets an empty message (RFC 2920 section 3.1). */
  async #sendNothing(): Promise<void> {
    await this.#connection.send(["."], "final dot");
    await this.#connection.reply("final dot", this.#connection.timeouts.finalDot);
  }

  /** Sends the message up to, but not with, what ends it. Short of that nothing of it counts. */
  async #sendBody(accepted: readonly QueueRecipient[]): Promise<void> {
    const { body } = this.#transaction;
    const encoder = new DataEncoder();
    const whole = body.whole();
    if (whole !== undefined) {
      await this.#writeBody(encoder.push(whole), accepted, encoder.end());
      return;
    }
    let octets = 0;
    // One piece is held back, so that the end goes with the last one.
    let held: Buffer = Buffer.alloc(0);
    const pieces = body.stream()[Symbol.asyncIterator]();
    try {
      for (;;) {
        const piece = await this.#nextPiece(pieces, accepted);
        if (piece === undefined) break;
        octets += piece.length;
        await this.#writeBody(held, accepted);
        held = encoder.push(piece);
      }
      if (octets !== body.size) throw this.#unreadable(accepted, `${octets} of ${body.size} octets`);
      await this.#writeBody(held, accepted, encoder.end());
    } finally {
      await pieces.return?.();
    }
  }

  async #nextPiece(
    pieces: AsyncIterator<Buffer>,
    accepted: readonly QueueRecipient[],
  ): Promise<Buffer | undefined> {
    try {
      const next = await pieces.next();
      return next.done === true ? undefined : next.value;
    } catch (error) {
      throw this.#unreadable(accepted, messageOf(error));
    }
  }

  /** A server that answers before the end does not want the rest, and its answer may not count as one to the whole. */
  async #writeBody(bytes: Buffer, accepted: readonly QueueRecipient[], end?: Buffer): Promise<void> {
    if (this.#connection.disturbed) {
      const reply = await this.#connection.reply("message body", this.#connection.timeouts.block);
      this.#refuse(accepted, "DATA", reply);
      throw new SmtpFault("message body", smtpReply(reply));
    }
    if (bytes.length > 0 || end !== undefined) await this.#connection.write(bytes, "message body", end);
  }

  /** Our own copy cannot be read: the recipients wait, and the connection goes before a cut message looks whole. */
  #unreadable(accepted: readonly QueueRecipient[], what: string): SmtpFault {
    const reply: SmtpReply = { code: 451, enhanced: "4.3.0", text: `queued message cannot be read: ${what}` };
    for (const recipient of accepted) this.#outcomes.set(recipient, settle(this.#connection, reply));
    return new SmtpFault("message body", reply);
  }

  async #finish(accepted: readonly QueueRecipient[]): Promise<void> {
    const connection = this.#connection;
    // LMTP gives each recipient an answer of its own, in the order of RCPT (RFC 2033 section 4.2).
    const groups = connection.lmtp ? accepted.map((recipient) => [recipient]) : [accepted];
    for (const [i, recipients] of groups.entries()) {
      try {
        const reply = await connection.reply("final dot", connection.timeouts.finalDot);
        connection.needsReset = false;
        if (isClass(reply, 2)) this.#taken(recipients, reply);
        else this.#refuse(recipients, "DATA", reply);
      } catch (error) {
        if (!(error instanceof SmtpFault)) throw error;
        // It may have been taken: another host must not get it within the same attempt.
        for (const recipient of groups.slice(i).flat()) {
          this.#outcomes.set(recipient, settle(connection, error.reply));
        }
        throw error;
      }
    }
  }

  #taken(recipients: readonly QueueRecipient[], reply: ServerReply): void {
    const { relay, offered } = this.#connection;
    for (const recipient of recipients) {
      this.#outcomes.set(recipient, {
        kind: "delivered",
        relay,
        reply: smtpReply(reply),
        dsnRelayed: offered.dsn,
      });
    }
  }

  #refuse(recipients: readonly QueueRecipient[], command: string, reply: ServerReply): void {
    const transcript = [talkingTo(this.#connection.host), `>>> ${command}`, ...transcriptOf(reply)];
    const outcome = settle(this.#connection, smtpReply(reply), transcript);
    for (const recipient of recipients) this.#outcomes.set(recipient, outcome);
  }
}

/** The outcome for a reply that is no acceptance: a 5xx is final, everything else may pass. */
function settle(connection: SmtpConnection, reply: SmtpReply, transcript?: readonly string[]): Outcome {
  const from = { relay: connection.relay, remoteMta: connection.host };
  if (reply.code >= 500) return { kind: "failed", ...from, reply, ...(transcript ? { transcript } : {}) };
  if (reply.code >= 400) return { kind: "deferred", ...from, reply };
  const text = `Protocol error by ${connection.host}: ${reply.code} ${reply.text}`;
  return { kind: "deferred", ...from, reply: { code: 451, enhanced: "4.5.0", text } };
}

function isClass(reply: ServerReply, digit: number): boolean {
  return Math.floor(reply.code / 100) === digit;
}

/** RFC 5321 section 4.5.3.1.10: 452, or 552 from older servers, when the recipients are too many for one transaction. */
function isTooMany(reply: ServerReply): boolean {
  if (reply.code !== 452 && reply.code !== 552) return false;
  return smtpReply(reply).enhanced.endsWith(".5.3") || /too many recipients/i.test(reply.lines.join(" "));
}
