/**
 * A POP3 session: reads commands, hands each to its verb, sends the replies, keeps the state.
 *
 * Commands are carried out one after the other, and no more is read from the client while one is. A session that ends
 * without QUIT, however it ends, deletes nothing (RFC 1939 section 6), unless pop3.updateOnAbort says that it does.
 */
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { messageOf } from "@mailhost/common/errors";
import { changesTakenIn } from "@mailhost/common/fs/file-watch";
import { newChallenge } from "@mailhost/common/sasl/challenge";
import { NO_CERTIFICATES } from "@mailhost/common/tls/served-certificates";
import { beginHandshake } from "@mailhost/common/tls/server-handshake";
import type { Client } from "./connection/client.ts";
import { IdleTimer } from "./connection/idle-timer.ts";
import { Input, type MessageSink, type MessageTaken } from "./connection/input.ts";
import { ClientGone, isConnectionError, Output } from "./connection/output.ts";
import { PenaltyPause } from "./connection/penalty-pause.ts";
import { RelayRenewal } from "./connection/relay-renewal.ts";
import { SessionTrace } from "./connection/session-trace.ts";
import type { Maildrop } from "./maildrop/maildrop.ts";
import { ReadAhead, ReadAheadMemory } from "./maildrop/read-ahead.ts";
import { MailboxChanged } from "./maildrop/read-message.ts";
import { updateMaildrop } from "./maildrop/update.ts";
import type { ClientLine } from "./protocol/command.ts";
import { err, ok } from "./protocol/reply.ts";
import { maildropContext, type Services } from "./services.ts";
import { firstModes } from "./session-modes.ts";
import type { Certificates, SessionParts } from "./session-parts.ts";
import type { SessionState, Transaction } from "./session-state.ts";
import type { Texts } from "./texts/texts.ts";
import { wordsFault, wordsOf } from "./verbs/command-words.ts";
import { prepareNext } from "./verbs/retrieve.ts";
import {
  type AbortCause,
  logDropped,
  logHandshake,
  logStats,
  logTimeout,
  logTiming,
} from "./verbs/session-log.ts";
import { VERBS, type Verb } from "./verbs/table.ts";
import type { SessionOptions, Turn } from "./verbs/turn.ts";

/** Commands of a pipelined batch that are carried out before others get their turn. */
const COMMANDS_A_TURN = 100;

/** One client's session; it is also what its verbs work with ({@link Turn}). */
export class Session implements Turn {
  readonly services: Services;
  readonly output: Output;
  readonly modes = firstModes();
  readonly challenge: string | undefined;
  words: readonly string[] = [];
  readonly #certificates: Certificates;
  readonly #awake: SessionParts["awake"];
  readonly #idle: IdleTimer;
  readonly #input: Input;
  #stream: Duplex;
  #client: Client;
  #options: SessionOptions | undefined;
  #state: SessionState = { kind: "authorization" };
  #failures = 0;
  readonly #penalty: PenaltyPause;
  readonly #relay: RelayRenewal;
  #abort: AbortCause = "left";
  /** What the parts of the session took so far, ms, and when the password was found right. */
  readonly #times = { auth: 0, init: 0, clean: 0 };
  #knownAt: number | undefined;
  #trace: SessionTrace | undefined;
  readonly #memory: ReadAheadMemory;
  #ahead: ReadAhead | undefined;

  constructor({ stream, services, client, memory, certificates = NO_CERTIFICATES, awake }: SessionParts) {
    this.#awake = awake;
    this.#memory = memory ?? new ReadAheadMemory(services.clock);
    this.#stream = stream;
    this.services = services;
    this.#client = client;
    this.#certificates = certificates;
    this.#penalty = new PenaltyPause(services.clock);
    this.#relay = new RelayRenewal(services);
    this.#idle = new IdleTimer(services.clock, services.settings().pop3.timeout, this.#timedOut);
    this.output = new Output(stream, this.#idle);
    this.#input = new Input(stream, this.#idle);
    this.#traceTo("", this.options.traceFile);
    this.challenge = this.#newChallenge();
  }

  /** Whether a mailbox is open. */
  get hasMailbox(): boolean {
    return this.#state.kind === "transaction";
  }

  /** The connection as it is now: its encrypted side after STLS. */
  get stream(): Duplex {
    return this.#stream;
  }

  get texts(): Texts {
    return this.modes.language.texts;
  }

  get client(): Client {
    return this.#client;
  }

  get options(): SessionOptions {
    return this.#options ?? this.services.settings().pop3;
  }

  setOptions(options: SessionOptions): void {
    const before = this.options.traceFile;
    this.#options = options;
    this.#idle.setLimit(options.timeout);
    this.#traceTo(before, options.traceFile);
  }

  authenticated(): void {
    this.#knownAt = this.services.clock.now();
  }

  /** Ends a session that is not over: the server stops. */
  hangUp(): void {
    this.#abort = "hangup";
    this.#stream.destroy();
  }

  #traceTo(before: string, path: string): void {
    const { traces } = this.services;
    if (path === before || traces === undefined) return;
    this.#trace?.close();
    this.#trace = path === "" ? undefined : new SessionTrace(traces.open(path, this.#client.ip));
    this.output.witness = this.#trace;
  }

  /** Serves the client until the session is over or the client is gone. Never rejects. */
  async run(): Promise<void> {
    const { log } = this.services;
    try {
      await this.output.line(ok(this.#greeting()));
      await this.output.flush();
      await this.#converse();
      if (!this.#stream.destroyed) this.#stream.end();
    } catch (error) {
      this.#stream.destroy();
      if (error instanceof MailboxChanged) {
        log.write("warn", `a fetch by ${this.#user()} was cut off: ${error.message}`);
      } else if (!(error instanceof ClientGone) && !isConnectionError(error)) {
        log.write("error", `session of ${this.#user()} at ${this.#client.ip}: ${messageOf(error)}`);
      }
    } finally {
      this.#idle.stop();
      this.#ahead?.release();
      this.#input.detach();
      await this.#leave();
      this.#trace?.close();
    }
  }

  /** Two spaces before the challenge, as Qpopper has them. */
  #greeting(): string {
    const { hostname } = this.services.settings();
    const text = this.options.shy ? this.texts.shyGreeting : this.texts.greeting(hostname);
    return this.challenge === undefined ? text : `${text}  ${this.challenge}`;
  }

  /** APOP is offered where there is a database of secrets, as by a Qpopper that was built with it. */
  #newChallenge(): string | undefined {
    const { popauth, settings, clock } = this.services;
    if (popauth === undefined || popauth.state().kind === "absent") return undefined;
    return newChallenge(this.options.shy ? "localhost" : settings().hostname, clock);
  }

  async #converse(): Promise<void> {
    let carriedOut = 0;
    for (;;) {
      const line = this.#input.command();
      if (line !== undefined) {
        // Many commands wait for nothing at all, and would keep everybody else waiting.
        if (++carriedOut % COMMANDS_A_TURN === 0) await setImmediate();
        const waiting = this.#carryOut(line);
        if (waiting !== undefined) await waiting;
        if (this.#state.kind === "over") {
          await this.output.flush();
          // A client that fetches for many comes again at once.
          this.#awake?.answered();
          return;
        }
        this.#idle.touch();
        continue;
      }
      await this.output.flush();
      if (this.#ahead !== undefined) prepareNext(this, this.#ahead);
      this.#awake?.answered();
      if (!(await this.#input.more())) return;
      this.#awake?.came();
    }
  }

  /** Carries out a command; undefined when that is done already. */
  #carryOut(line: ClientLine): Promise<void> | undefined {
    const state = this.#state;
    if (line.kind === "too-long") {
      this.#trace?.tooLong();
      return this.output.line(err(this.texts.lineTooLong));
    }
    const verb = VERBS.get(line.verb);
    this.#trace?.command(line, { known: verb !== undefined, loggedIn: this.hasMailbox });
    // RFC 1939 gives the wrong state no reply of its own.
    if (verb === undefined || state.kind === "over" || (verb.state !== "any" && verb.state !== state.kind)) {
      return this.output.line(err(this.texts.unknownCommand(line.typed.toLowerCase())));
    }
    const words = wordsOf(verb, line.argument);
    const fault = wordsFault(verb, words);
    if (fault !== undefined) {
      const [texts, name] = [this.texts, line.verb.toLowerCase()];
      const text = fault === "few" ? texts.tooFewArguments(name) : texts.tooManyArguments(name);
      return this.output.line(err(text));
    }
    if (state.kind === "authorization") return this.#beforeLogin(verb, words, state);
    const from = this.options.timing ? this.services.clock.now() : 0;
    const next = this.#dispatch(verb, words, state);
    if (next instanceof Promise) return this.#afterwards(next, state.user, from);
    this.#state = next;
    return undefined;
  }

  /** Takes over the state that a command leads to, and the time of the one that gave the mailbox back. */
  async #afterwards(next: Promise<SessionState>, user: string, from: number): Promise<void> {
    this.#state = await next;
    if (this.hasMailbox || !this.options.timing) return;
    this.#times.clean = this.services.clock.now() - from;
    logTiming(this, user, this.#times, "normal");
  }

  /** Carries out a command before the login, and takes the time of the login. */
  async #beforeLogin(
    verb: Verb,
    words: readonly string[],
    state: Extract<SessionState, { kind: "authorization" }>,
  ): Promise<void> {
    // Log lines name the client's host, which is looked for since the client came.
    await this.#client.host?.settled;
    await changesTakenIn();
    const { clock } = this.services;
    const from = clock.now();
    this.#knownAt = undefined;
    this.#state = await this.#dispatch(verb, words, state);
    if (!this.hasMailbox) return;
    const known = this.#knownAt ?? clock.now();
    this.#times.auth = known - from;
    this.#times.init = clock.now() - known;
  }

  #dispatch(
    verb: Verb,
    words: readonly string[],
    state: Exclude<SessionState, { kind: "over" }>,
  ): SessionState | Promise<SessionState> {
    this.words = words;
    if (verb.state === "any") return verb.run(this, state);
    if (verb.state === "authorization" && state.kind === "authorization") return verb.run(this, state);
    if (verb.state === "transaction" && state.kind === "transaction") return verb.run(this, state);
    return state;
  }

  /**
   * tls.allowPlaintextAuth (DESIGN section 3). Where no client could have TLS, because there is no certificate, passwords
   * are taken as they come: else nobody from outside could log in, and DRAC would open for nobody.
   */
  mayUsePassword(): boolean {
    const { secure, trusted } = this.#client;
    return secure || trusted || this.services.settings().tls.allowPlaintextAuth || !this.services.hasTls();
  }

  pause(ms: number): Promise<void> {
    return this.#penalty.wait(this.#stream, ms);
  }

  /** How long the client would still have to wait, had it stayed, ms. */
  get pauseLeft(): number {
    return this.#penalty.left;
  }

  readAhead(drop: Maildrop): ReadAhead {
    this.#ahead ??= new ReadAhead(drop, this.#memory);
    return this.#ahead;
  }

  loginFailed(): number {
    return ++this.#failures;
  }

  canStartTls(): boolean {
    return !this.#client.secure && this.#certificates.any();
  }

  async startTls(reply: string): Promise<boolean> {
    if (!this.canStartTls()) return false;
    await this.output.flush();
    this.#input.detach();
    // Nothing is awaited before the encrypted side is in place: the client's hello must find it.
    this.#stream.write(`${reply}\r\n`);
    const { socket, over } = beginHandshake(this.#stream, this.#certificates, this.services.clock);
    this.#stream = socket;
    this.#client = { ...this.#client, secure: true };
    this.output.attach(socket);
    this.#input.attach(socket);
    // After one that failed there is no client any more, which whoever reads next finds out.
    logHandshake(this, await over);
    return true;
  }

  async readLine(longest?: number): Promise<Buffer | "too-long"> {
    await this.output.flush();
    const line = await this.#input.line(longest);
    this.#trace?.data(line);
    return line;
  }

  async readMessage(sink: MessageSink, most: number): Promise<MessageTaken> {
    await this.output.flush();
    const taken = await this.#input.message(sink, most);
    this.#trace?.message(taken.kind === "whole" ? taken.octets : most);
    return taken;
  }

  renewRelay(user: string): Promise<void> | undefined {
    return this.#relay.renew(this.#client, user);
  }

  readonly #timedOut = (): void => {
    logTimeout(this, this.#user());
    this.#abort = "timeout";
    this.#trace?.event("timeout");
    this.#stream.destroy();
  };

  #user(): string {
    if (this.#state.kind === "transaction") return this.#state.user;
    return this.#state.kind === "authorization" ? (this.#state.user ?? "(nobody)") : "(nobody)";
  }

  /** pop3.updateOnAbort: deletes what was marked, as Qpopper does; whether anything can be said to be gone. */
  async #updateOnAbort({ drop, user }: Transaction): Promise<boolean> {
    if (!this.options.updateOnAbort) return false;
    // What was sent may not have come to the client: only its QUIT says so, and pop3.autoDelete waits for that.
    const updated = await updateMaildrop(maildropContext(this.services), drop, this.options);
    if (updated.kind === "done") return true;
    this.services.log.write("error", `POP mailbox update for ${user} failed! ${updated.reason}`);
    return false;
  }

  /** Gives the mailbox back; what was marked stays in it, unless pop3.updateOnAbort is on. */
  async #leave(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: "over" };
    if (state.kind !== "transaction") return;
    logDropped(this, state.user, this.#abort);
    const from = this.services.clock.now();
    logStats(this, state.user, state.drop, await this.#updateOnAbort(state));
    await state.drop.close().catch((error: unknown) => {
      this.services.log.write(
        "error",
        `the mailbox of ${state.user} was not given back: ${messageOf(error)}`,
      );
    });
    this.#times.clean = this.services.clock.now() - from;
    logTiming(this, state.user, this.#times, "error");
  }
}
