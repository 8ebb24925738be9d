/**
 * One SMTP connection: smtp-server's connection (socket, parser, TLS, idle timeout) with our own table of verbs and
 * Sendmail's replies. The greeting comes at once; the client's name is looked up meanwhile.
 *
 * What each verb does stands in its own file, see verbs.ts.
 */
import type { Socket } from "node:net";
import { delay } from "@mailhost/common/clock";
import { messageOf, type SmtpReply } from "@mailhost/common/errors";
import { SMTPConnection, type SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import { logRejected } from "../log/message-log.ts";
import {
  type Client,
  clientIsTrustedNetwork,
  type Decision,
  decideConnect,
} from "../policy/relay-decision.ts";
import { formatReply, reply } from "../policy/reply.ts";
import { type ClientName, NO_NAME } from "./client-names.ts";
import { DataParser } from "./data-parser.ts";
import { type InboundParts, policyFacts } from "./inbound-parts.ts";
import { mailDate } from "./mail-date.ts";
import { ProgressDeadline } from "./progress-deadline.ts";
import { clientText } from "./received-header.ts";
import type { SmtpListener } from "./smtp-listener.ts";
import type { Transaction } from "./transaction.ts";
import { VERBS } from "./verbs.ts";

/** Wrong commands before replies slow down, and before the connection ends (Sendmail's MAXBADCOMMANDS). */
const SLOW_AFTER = 10;
const CLOSE_AFTER = 25;
const LONGEST_PAUSE = 30_000;

/** Longest wait at MAIL for the client's name. */
const NAME_WAIT = 1_000;

/** Commands handled in a row before other connections get their turn. */
const COMMANDS_IN_A_ROW = 50;

/** smtp-server's own words for what it refuses by itself. */
const LIBRARY_REPLIES: readonly (readonly [RegExp, (host: string) => SmtpReply])[] = [
  [/^Timeout/, (host) => reply(421, "4.4.2", `${host} Timeout waiting for input; closing connection`)],
  [
    /Command line too long/,
    (host) => reply(421, "4.7.0", `${host} Command line too long; closing connection`),
  ],
  [/shutting down/, (host) => reply(421, "4.3.2", `${host} Service shutting down; closing connection`)],
  [/Ready to start TLS/, () => reply(220, "2.0.0", "Ready to start TLS")],
  [/TLS already active/, () => reply(503, "5.5.0", "TLS already active")],
  [/syntax: STARTTLS/, () => reply(501, "5.5.2", "Syntax error (no parameters allowed)")],
];

/** A connection. */
export class SmtpSession extends SMTPConnection {
  readonly inbound: InboundParts;
  readonly listener: SmtpListener;
  /** The transaction under way. */
  transaction: Transaction | undefined;
  /** A message is being taken in; the session must not be cut short. */
  takingMessage = false;
  /** What the DNS said of the client; undefined while it has not answered. */
  clientName: ClientName | undefined;
  #naming: Promise<ClientName> = Promise.resolve(NO_NAME);
  #connectDecision: Decision | undefined;
  #wrong = 0;
  #harmless = 0;
  #inARow = 0;
  #deadline: ProgressDeadline | undefined;
  #leave: (() => void) | undefined;
  #whenReady: (() => void) | undefined;

  constructor(listener: SmtpListener, socket: Socket, options: SMTPConnectionOptions | null | undefined) {
    super(listener, socket, options);
    this.listener = listener;
    this.inbound = listener.inbound;
  }

  /** `mail.example.com [192.0.2.1]`, as log and Received header write it. */
  get relayText(): string {
    return clientText(this.remoteAddress, this.clientName?.name ?? "", this.clientName?.forged ?? false);
  }

  /** The client as policy sees it. */
  get client(): Client {
    const known = this.clientName;
    return { ip: this.remoteAddress, name: known === undefined || known.forged ? "" : known.name };
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

  /** Counts commands that do nothing (NOOP and its like); true when there were too many. */
  countHarmless(): boolean {
    this.#harmless += 1;
    return this.#harmless > 20;
  }

  /** Waits, not for long, until the client's name is known. */
  async waitForName(): Promise<void> {
    if (this.clientName !== undefined) return;
    await Promise.race([this.#naming, delay(this.inbound.clock, NAME_WAIT)]);
    this.clientName ??= NO_NAME;
  }

  /** What the access table says of the client itself; decided once, when its name is known. */
  connectDecision(): Decision {
    if (this.#connectDecision === undefined) {
      this.#connectDecision = decideConnect(this.client, policyFacts(this.inbound));
      const { verdict } = this.#connectDecision;
      if (verdict.kind === "refuse") {
        const name = this.client.name === "" ? `[${this.remoteAddress}]` : this.client.name;
        this.logRejected("check_relay", name, verdict.reply, this.remoteAddress);
      }
    }
    return this.#connectDecision;
  }

  /** A command was refused by policy. */
  logRejected(
    ruleset: "check_relay" | "check_mail" | "check_rcpt",
    arg1: string,
    r: SmtpReply,
    arg2?: string,
  ): void {
    const second = arg2 === undefined ? {} : { arg2 };
    logRejected(this.inbound.log, {
      ruleset,
      arg1,
      ...second,
      relay: this.relayText,
      reject: formatReply(r),
    });
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
      const counted =
        clientIsTrustedNetwork({ ip: this.remoteAddress, name: "" }, policyFacts(this.inbound)) === undefined;
      const place = this.inbound.limits.enter(this.remoteAddress, counted);
      if ("refusal" in place) {
        this.inbound.log.write(
          "info",
          `rejecting connection from ${this.relayText}: ${formatReply(place.refusal)}`,
        );
        this.reply({ ...place.refusal, text: `${this.name} ${place.refusal.text}` });
        return;
      }
      this.#leave = place.leave;
      if (this.inbound.gateways.has(this.remoteAddress)) {
        this.inbound.log.write(
          "warn",
          `connection from the container gateway [${this.remoteAddress}]: the client's address is hidden, network rules do not apply`,
        );
      }
      this.#naming = this.inbound.names.find(this.remoteAddress).then((name) => (this.clientName ??= name));
      this.connectionReady();
    });
  }

  override _sendGreeting(): void {
    this.send(220, `${this.name} ESMTP mailhost; ${mailDate(this.inbound.clock.now())}`, false);
    this.#whenReady?.();
  }

  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    if (context === false) {
      super.send(code, data, false);
      return;
    }
    const text = Array.isArray(data) ? data.join(" ") : (data ?? "");
    const known = LIBRARY_REPLIES.find(([pattern]) => pattern.test(text))?.[1](this.name);
    this.reply(known ?? reply(code, `${String(code)[0]}.0.0`, text.replace(/^Error: /, "")));
  }

  override _createParser(): DataParser {
    const parser = new DataParser({ maxCommandLength: 4096 });
    parser.onoctets = (octets) => this.#deadline?.received(octets);
    parser.oncommand = (command, callback) => this._onCommand(command, callback);
    parser.on("error", (error) => this.send(421, error.message));
    return parser;
  }

  override _resetSession(): void {
    super._resetSession();
    this.transaction = undefined;
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
    this.#run(command)
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

  override _onClose(): void {
    this.#leave?.();
    this.#deadline?.stop();
    super._onClose();
  }

  /** The client is sending its message, and not waiting for what becomes of it. */
  #isReceiving(): boolean {
    return this._parser !== false && this._parser._dataMode;
  }

  async #run(command: Buffer): Promise<void> {
    const line = command.toString("utf8");
    const blank = line.search(/\s/);
    const word = (blank < 0 ? line : line.slice(0, blank)).toUpperCase();
    if (this.listener.draining && this.transaction === undefined && word !== "QUIT") {
      this.drain();
      return;
    }
    const verb = VERBS.get(word);
    if (verb === undefined) {
      await this.replyWrong(reply(500, "5.5.1", `Command unrecognized: "${line.slice(0, 100)}"`));
      return;
    }
    await verb(this, blank < 0 ? "" : line.slice(blank + 1), command);
  }
}
