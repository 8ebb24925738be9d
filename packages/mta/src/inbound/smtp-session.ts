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
import { offeredMechanisms } from "./auth-offer.ts";
import { ClientCheck } from "./client-check.ts";
import type { ClientName } from "./client-names.ts";
import { DataParser } from "./data-parser.ts";
import { greetingText } from "./greeting.ts";
import type { InboundParts } from "./inbound-parts.ts";
import { libraryReply } from "./library-replies.ts";
import { mailDate } from "./mail-date.ts";
import { ProgressDeadline } from "./progress-deadline.ts";
import type { SmtpListener } from "./smtp-listener.ts";
import { logSessionEnd, logSetAside } from "./smtp-log.ts";
import { watchHandshake } from "./tls-log.ts";
import type { Transaction } from "./transaction.ts";
import { VERBS } from "./verbs.ts";

/** Wrong commands before replies slow down, and before the connection ends (Sendmail's MAXBADCOMMANDS). */
const SLOW_AFTER = 10;
const CLOSE_AFTER = 25;
const LONGEST_PAUSE = 30_000;

/** What a client that is refused altogether may still say. */
const ALWAYS_ANSWERED: ReadonlySet<string> = new Set(["HELO", "EHLO", "NOOP", "RSET", "QUIT", "STARTTLS"]);

/** What is decided by tables and accounts: they are seen as they were when the command came, or later. */
const LOOKS_UP: ReadonlySet<string> = new Set([
  "HELO",
  "EHLO",
  "MAIL",
  "RCPT",
  "AUTH",
  "VRFY",
  "EXPN",
  "ETRN",
]);

/** How long a command waits while the load is high (DelayLA, ms). */
const LOAD_PAUSE = 1_000;

/** Octets of the longest line of an AUTH exchange (RFC 4954 section 4), and of any other, without their ends. */
const LONGEST_AUTH_LINE = 12_286;
const LONGEST_LINE = 4096;

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
  #lastVerb = "";
  #lineTaker: ((line: Buffer) => Promise<void>) | undefined;
  #whenReady: (() => void) | undefined;

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

  /** The client as policy sees it. */
  get client(): Client {
    const helo = this.hostNameAppearsAs;
    return {
      ...this.check.client,
      ...(helo === false ? {} : { helo }),
      ...(this.auth === undefined ? {} : { auth: this.auth }),
      ...(offeredMechanisms(this).length === 0 ? {} : { mayAuthenticate: true as const }),
    };
  }

  /** Sends a reply in exactly these words. */
  reply(r: SmtpReply): void {
    this.send(r.code, [r.enhanced, r.text].filter((part) => part !== "").join(" "), false);
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
    if (context === false) {
      super.send(code, data, false);
      return;
    }
    const text = Array.isArray(data) ? data.join(" ") : (data ?? "");
    this.reply(libraryReply(code, text, this.name));
  }

  override _createParser(): DataParser {
    const parser = new DataParser({ maxCommandLength: LONGEST_AUTH_LINE });
    parser.onoctets = (octets) => this.#deadline?.received(octets);
    parser.oncommand = (command, callback) => this._onCommand(command, callback);
    parser.on("error", (error) => {
      if (this.#lineTaker === undefined) this.send(421, error.message);
      else this.#endExchange();
    });
    return parser;
  }

  override _resetSession(): void {
    super._resetSession();
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
    this.#take(command)
      .catch((error: unknown) => {
        this.inbound.log.write("error", `session with ${this.relayText}: ${messageOf(error)}`);
        this.reply(reply(451, "4.3.0", "Local error in processing; try again later"));
      })
      .finally(() => {
        this._handlerPending = false;
        this.#deadline?.progress();
        this.#inARow += 1;
        if (this.#inARow % COMMANDS_IN_A_ROW === 0) setImmediate(next);
        else next();
      });
  }

  override _armTimeout(socket: Socket = this._socket): void {
    super._armTimeout(socket);
    if (this._upgrading) watchHandshake(this, socket);
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
        cutOffAfter: this.transaction === undefined || this.takingMessage ? "" : this.#lastVerb,
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

  #take(line: Buffer): Promise<void> {
    const taker = this.#lineTaker;
    this.#lineTaker = undefined;
    return taker === undefined ? this.#run(line) : taker(line);
  }

  async #run(command: Buffer): Promise<void> {
    const line = command.toString("utf8");
    const blank = line.search(/\s/);
    const word = (blank < 0 ? line : line.slice(0, blank)).toUpperCase();
    if (LOOKS_UP.has(word)) await changesTakenIn();
    if (this.listener.draining && this.transaction === undefined && word !== "QUIT") {
      this.drain();
      return;
    }
    if (this.inbound.load?.slowsDown() === true) await delay(this.inbound.clock, LOAD_PAUSE);
    if (command.length > LONGEST_LINE && word !== "AUTH") {
      this.send(421, "Command line too long");
      return;
    }
    const verb = VERBS.get(word);
    if (verb !== undefined) this.#lastVerb = word.toLowerCase();
    if (word === "MAIL") this.didWork = true;
    if (verb === undefined) {
      await this.replyWrong(reply(500, "5.5.1", `Command unrecognized: "${line.slice(0, 100)}"`));
      return;
    }
    const refusal = ALWAYS_ANSWERED.has(word) ? undefined : await this.check.refusal();
    if (refusal !== undefined) {
      await this.replyWrong(refusal);
      return;
    }
    await verb(this, blank < 0 ? "" : line.slice(blank + 1), command);
  }
}
