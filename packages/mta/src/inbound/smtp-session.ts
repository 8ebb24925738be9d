/**
 * One SMTP connection: smtp-server's connection (socket, parser, TLS, idle timeout) with our own table of verbs and
 * Sendmail's replies. The greeting comes at once; the client's name is looked up meanwhile.
 *
 * What each verb does stands in its own file, see verbs.ts.
 */
import type { Socket } from "node:net";
import { delay } from "@mailhost/common/clock";
import { messageOf, type SmtpReply } from "@mailhost/common/errors";
import { changesTakenIn } from "@mailhost/common/fs/file-watch";
import { SMTPConnection, type SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import { logRejected } from "../log/message-log.ts";
import { counted } from "../log/statistics.ts";
import type { Authenticated, Client, DnsAnswer, Verdict } from "../policy/relay-decision.ts";
import { formatReply, reply } from "../policy/reply.ts";
import { admitClient } from "./admit-client.ts";
import { ClientCheck } from "./client-check.ts";
import type { ClientName } from "./client-names.ts";
import { obey } from "./command-dispatch.ts";
import { DataParser } from "./data-parser.ts";
import { greetingText } from "./greeting.ts";
import type { InboundParts } from "./inbound-parts.ts";
import { KnownClient } from "./known-client.ts";
import { libraryReply } from "./library-replies.ts";
import { mailDate } from "./mail-date.ts";
import { ParserFeed } from "./parser-feed.ts";
import { ProgressDeadline } from "./progress-deadline.ts";
import { ReplyWriter } from "./reply-writer.ts";
import type { SmtpListener } from "./smtp-listener.ts";
import { logSessionEnd, logSetAside } from "./smtp-log.ts";
import { watchHandshake } from "./tls-log.ts";
import type { Transaction } from "./transaction.ts";

/** Wrong commands before replies slow down, and before the connection ends (Sendmail's MAXBADCOMMANDS). */
const SLOW_AFTER = 10;
const CLOSE_AFTER = 25;
const LONGEST_PAUSE = 30_000;

/** Octets of the longest line of an AUTH exchange (RFC 4954 section 4), without its end; of others see command-dispatch.ts. */
const LONGEST_AUTH_LINE = 12_286;

/** Commands handled in a row before other connections get their turn. */
const COMMANDS_IN_A_ROW = 50;

/** A connection. */
export class SmtpSession extends SMTPConnection {
  readonly inbound: InboundParts;
  readonly listener: SmtpListener;
  /** The queue id that MAIL was given, for whatever becomes of it; undefined before MAIL. */
  queueId: string | undefined;
  /** The transaction under way. */
  transaction: Transaction | undefined;
  /** MAIL, VRFY, EXPN or ETRN was given: a session without is named in the log. */
  didWork = false;
  /** The verb of the last command, in lower case. */
  lastVerb = "";
  /** A message is being taken in; the session must not be cut short. */
  takingMessage = false;
  /** MAIL's sender as it was given, and what the DNS said of its domain if it was asked. */
  sender: { readonly given: string; readonly domain?: DnsAnswer } | undefined;
  /** Who has logged in with AUTH. */
  auth: Authenticated | undefined;
  /** Wrong passwords of this connection. */
  loginFailures = 0;
  /** Recipients refused in this transaction. */
  badRecipients = 0;
  #check: ClientCheck | undefined;
  #refusalCounted = false;
  #wrong = 0;
  #harmless = 0;
  #inARow = 0;
  #deadline: ProgressDeadline | undefined;
  #leave: (() => void) | undefined;
  #lineTaker: ((line: Buffer) => Promise<void>) | undefined;
  #whenReady: (() => void) | undefined;
  #feed: ParserFeed | undefined;
  readonly #client = new KnownClient(this);
  readonly #replies = new ReplyWriter(
    () => this._socket,
    () => this.listener.replyTurn,
  );

  constructor(listener: SmtpListener, socket: Socket, options: SMTPConnectionOptions | null | undefined) {
    super(listener, socket, options);
    this.listener = listener;
    this.inbound = listener.inbound;
  }

  /** `mail.example.com [192.0.2.1]`, as log and Received header write it. */
  get relayText(): string {
    return this.check.relayText;
  }

  /** What is known of the client, and what policy makes of it. */
  get check(): ClientCheck {
    this.#check ??= new ClientCheck(this.remoteAddress, this.inbound, this.listener.kind !== "smtp");
    return this.#check;
  }

  /** What the DNS said of the client; undefined while it has not answered. */
  get clientName(): ClientName | undefined {
    return this.check.name;
  }

  /** The client as policy sees it; the same object until something of it changes. */
  get client(): Client {
    return this.#client.get();
  }

  /** Sends a reply in exactly these words. */
  reply(r: SmtpReply): void {
    const { code, enhanced, text } = r;
    this.send(code, enhanced === "" ? text : text === "" ? enhanced : `${enhanced} ${text}`, false);
  }

  /** Sends what has been said now and not at the end of this turn. */
  flushReplies(): void {
    this.#replies.flush();
  }

  /** Sends the reply to a wrong command; many of them slow the session down and end it. */
  async replyWrong(r: SmtpReply): Promise<void> {
    this.#wrong += 1;
    if (this.#wrong >= CLOSE_AFTER) {
      this.reply(reply(421, "4.7.0", `${this.name} Too many bad commands; closing connection`));
      return;
    }
    if (this.#wrong > SLOW_AFTER) {
      await delay(this.inbound.clock, Math.min(1000 * 2 ** (this.#wrong - SLOW_AFTER - 1), LONGEST_PAUSE));
    }
    this.reply(r);
  }

  /** Replies to a command that changes nothing; a session that sends little else is slowed down as by wrong ones. */
  async replyHarmless(r: SmtpReply): Promise<void> {
    if (this.countHarmless()) await this.replyWrong(r);
    else this.reply(r);
  }

  /** The same with several lines. */
  async replyHarmlessLines(code: number, enhanced: string, lines: readonly string[]): Promise<void> {
    if (this.countHarmless()) await this.replyWrong(reply(code, enhanced, lines.at(-1) ?? ""));
    else
      this.send(
        code,
        lines.map((line) => `${enhanced} ${line}`),
        false,
      );
  }

  /** The client's next line is not a command: it is given to this, once. */
  takeNextLine(taker: (line: Buffer) => Promise<void>): void {
    this.#lineTaker = taker;
  }

  /** Waits until tables and accounts are seen as they were when the client's last words came, or later; undefined: they are. */
  changesTakenIn(): Promise<void> | undefined {
    return this.#feed?.takeNews() === false ? undefined : changesTakenIn();
  }

  /** Counts commands that do nothing (NOOP and its like); true when there were too many. */
  countHarmless(): boolean {
    this.#harmless += 1;
    return this.#harmless > 20;
  }

  /** Waits, not for long, until the client's name is known. */
  waitForName(): Promise<void> {
    return this.check.waitForName();
  }

  /** A command was refused by policy. */
  logRejected(ruleset: "check_mail" | "check_rcpt", arg1: string, r: SmtpReply): void {
    const { log } = this.inbound;
    logRejected(log, { ...this.#stage(ruleset, arg1), reject: formatReply(r) });
    // Sendmail counts one refusal a session, whatever is refused.
    if (!this.#refusalCounted) {
      counted(log, { what: "rejected", mailer: "esmtp" });
      counted(log, { what: "refused connection" });
    }
    this.#refusalCounted = true;
  }

  /** Policy took a command, but not for delivery. */
  logSetAside(
    ruleset: "check_mail" | "check_rcpt",
    arg1: string,
    verdict: Extract<Verdict, { kind: "discard" | "quarantine" }>,
  ): void {
    logSetAside(this.inbound.log, this.#stage(ruleset, arg1), verdict);
  }

  #stage(ruleset: string, arg1: string) {
    return { id: this.logId, ruleset, arg1, relay: this.relayText };
  }

  /** The id that lines in the log begin with. */
  get logId(): string {
    return this.queueId ?? "NOQUEUE";
  }

  /** Ends the transaction, if there is one; the next starts from nothing. */
  endTransaction(): void {
    this.transaction = undefined;
    this.#harmless = 0;
    this._resetSession();
  }

  /** The daemon stops: a session between messages ends now, one with a message when that is done. */
  drain(): void {
    if (this.takingMessage || this.transaction !== undefined) return;
    this.reply(reply(421, "4.3.2", `${this.name} Service shutting down; closing connection`));
  }

  override init(): void {
    this.#deadline = new ProgressDeadline({
      clock: this.inbound.clock,
      limit: this.inbound.settings().smtp.idleTimeout,
      isServerAtWork: () => this._handlerPending || (this.takingMessage && !this.#isReceiving()),
      onLate: () => this.send(421, "Timeout - closing connection"),
    });
    this._setListeners(() => {
      try {
        this.#admit();
      } catch (error) {
        // A table that cannot be read, say: the client comes again, and everybody else's session goes on.
        this.inbound.log.write("error", `session with ${this.relayText}: ${messageOf(error)}`);
        this.reply(reply(421, "4.3.0", `${this.name} Local error in processing; try again later`));
      }
    });
  }

  /** Lets the client in, or says why not. */
  #admit(): void {
    const admitted = admitClient(this);
    if ("refusal" in admitted) {
      const { refusal } = admitted;
      this.reply({ ...refusal, text: `${this.name} ${refusal.text}` });
      return;
    }
    this.#leave = admitted.leave;
    this.check.begin(admitted);
    if (this.check.mustWait()) this.#greetLater();
    else this.connectionReady();
  }

  /** The greeting waits; who talks meanwhile is refused. */
  #greetLater(): void {
    const talked = new Promise<void>((done) => this._socket.once("data", () => done()));
    this.check
      .waitToGreet(talked)
      .catch((error: unknown) =>
        this.inbound.log.write("error", `session with ${this.relayText}: ${messageOf(error)}`),
      )
      .finally(() => this.connectionReady());
  }

  override _sendGreeting(): void {
    if (this.check.earlyTalk !== undefined) {
      this.send(554, `${this.name} ESMTP not accepting messages`, false);
      this.#whenReady?.();
      return;
    }
    const { greeting } = this.inbound.settings().smtp;
    this.send(220, greetingText(greeting, this.name, mailDate(this.inbound.clock.now())), false);
    this.#whenReady?.();
  }

  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    if (context !== false) {
      const text = Array.isArray(data) ? data.join(" ") : (data ?? "");
      this.reply(libraryReply(code, text, this.name));
      return;
    }
    // While the handshake runs, whatever is written would go between its records.
    if (!this._upgrading && this._socket.readyState === "open") this.#replies.add(code, data ?? "");
    if (code === 421) this.close();
  }

  override close(): void {
    this.#replies.flush();
    super.close();
  }

  /** The library's own, with a feed instead of a pipe; the time of a silent client is bounded by the deadline. */
  override _setListeners(callback: () => void): void {
    this._socket.on("close", (hadError) => this._onCloseEvent(hadError));
    this._socket.on("error", (error) => this._onError(error));
    const { stayAwake } = this.listener;
    const parser = this._parser as DataParser | false;
    if (parser !== false) this.#feed = new ParserFeed(this._socket, parser, () => stayAwake.came());
    callback();
  }

  override upgrade(callback: () => void, secureCallback?: () => void): void {
    this.#replies.flush();
    this.#feed?.stop();
    super.upgrade(callback, secureCallback);
  }

  override _createParser(): DataParser {
    const parser = new DataParser(LONGEST_AUTH_LINE);
    parser.onoctets = (octets) => this.#deadline?.received(octets);
    parser.oncommand = (command, callback) => this._onCommand(command, callback);
    parser.on("error", (error) => {
      if (this.#lineTaker === undefined) this.send(421, error.message);
      else this.#endExchange();
    });
    return parser;
  }

  /** The library's record of the session, which this begins anew, is read by nobody here. */
  override _resetSession(): void {
    this.transaction = undefined;
    this.queueId = undefined;
    this.sender = undefined;
    this.badRecipients = 0;
  }

  override _onCommand(command: Buffer, callback?: () => void): void {
    const next = () => this._whenWritable(callback ?? (() => undefined));
    // What was pipelined behind STARTTLS came unencrypted: it is dropped without an answer (RFC 3207 section 4.2).
    if (this._upgrading) {
      next();
      return;
    }
    if (!this._ready) {
      this.#whenReady = () => this._onCommand(command, callback);
      return;
    }
    this._handlerPending = true;
    this.#deadline?.progress();
    let running: void | Promise<void>;
    try {
      running = this.#take(command);
    } catch (error) {
      running = this.#failed(error);
    }
    // What has not waited for anything is over: the next command follows in the same turn.
    if (running === undefined) this.#answered(next);
    else void this.#answerAfter(running, next);
  }

  async #answerAfter(running: Promise<void>, next: () => void): Promise<void> {
    try {
      await running;
    } catch (error) {
      this.#failed(error);
    }
    this.#answered(next);
  }

  #failed(error: unknown): void {
    this.inbound.log.write("error", `session with ${this.relayText}: ${messageOf(error)}`);
    this.reply(reply(451, "4.3.0", "Local error in processing; try again later"));
  }

  #answered(next: () => void): void {
    this._handlerPending = false;
    this.#deadline?.progress();
    this.#inARow += 1;
    if (this.#inARow % COMMANDS_IN_A_ROW === 0) setImmediate(next);
    else next();
  }

  override _armTimeout(socket: Socket = this._socket): void {
    if (!this._upgrading) return;
    super._armTimeout(socket);
    watchHandshake(this, socket);
  }

  override _onClose(): void {
    if (this.#leave !== undefined) {
      const { relayText } = this;
      logSessionEnd(this.inbound.log, {
        id: this.logId,
        relay: relayText,
        daemon: this.listener.kind === "smtp" ? "MTA" : "MSA",
        didWork: this.didWork,
        // A message that was cut off has its own line.
        cutOffAfter: this.transaction === undefined || this.takingMessage ? "" : this.lastVerb,
      });
    }
    this.#leave?.();
    // The library tells of some ends twice.
    this.#leave = undefined;
    this.#deadline?.stop();
    super._onClose();
  }

  /** The client is sending its message, and not waiting for what becomes of it. */
  #isReceiving(): boolean {
    return this._parser !== false && this._parser._dataMode;
  }

  /** A line of an AUTH exchange was too long to be read on behind it. */
  #endExchange(): void {
    this.reply(reply(500, "5.5.6", "Authentication exchange line is too long"));
    this.close();
  }

  #take(line: Buffer): void | Promise<void> {
    const taker = this.#lineTaker;
    this.#lineTaker = undefined;
    return taker === undefined ? obey(this, line) : taker(line);
  }
}
