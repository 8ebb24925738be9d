/**
 * A POP3 session: reads commands, hands each to its verb, sends the replies, keeps the state.
 *
 * Commands are carried out one after the other, and no more is read from the client while one is. A session that ends
 * without QUIT, however it ends, deletes nothing (RFC 1939 section 6).
 */
import type { Socket } from "node:net";
import type { Timer } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import type { Client } from "./connection/client.ts";
import { IdleTimer } from "./connection/idle-timer.ts";
import { ClientGone, Output } from "./connection/output.ts";
import { MailboxChanged } from "./maildrop/read-message.ts";
import { type ClientLine, CommandReader } from "./protocol/command.ts";
import { err, ok } from "./protocol/reply.ts";
import type { Services } from "./services.ts";
import type { SessionState } from "./session-state.ts";
import { ENGLISH } from "./texts/english.ts";
import type { Texts } from "./texts/texts.ts";
import { logDropped, logStats, logTimeout } from "./verbs/session-log.ts";
import { VERBS, type Verb } from "./verbs/table.ts";
import type { Turn } from "./verbs/turn.ts";

/** A fetch renews the relay permission at most this often, ms, or four times in its lifetime: each is a write to disk. */
const RENEWAL = 60_000;

/** One client's session. */
export class Session {
  readonly #socket: Socket;
  readonly #services: Services;
  readonly #client: Client;
  readonly #idle: IdleTimer;
  readonly #output: Output;
  #state: SessionState = { kind: "authorization" };
  #failures = 0;
  readonly #texts: Texts = ENGLISH;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(socket: Socket, services: Services, client: Client) {
    this.#socket = socket;
    this.#services = services;
    this.#client = client;
    this.#idle = new IdleTimer(services.clock, services.settings().pop3.timeout, () => this.#timedOut());
    this.#output = new Output(socket, this.#idle);
  }

  /** Whether a mailbox is open. */
  get hasMailbox(): boolean {
    return this.#state.kind === "transaction";
  }

  /** Serves the client until the session is over or the client is gone. Never rejects. */
  async run(): Promise<void> {
    const { log, settings } = this.#services;
    try {
      await this.#output.line(ok(this.#texts.greeting(settings().hostname)));
      await this.#output.flush();
      await this.#converse();
      if (!this.#socket.destroyed) this.#socket.end();
    } catch (error) {
      this.#socket.destroy();
      if (error instanceof MailboxChanged) {
        log.write("warn", `a fetch by ${this.#user()} was cut off: ${error.message}`);
      } else if (!(error instanceof ClientGone) && !isConnectionError(error)) {
        log.write("error", `session of ${this.#user()} at ${this.#client.ip}: ${messageOf(error)}`);
      }
    } finally {
      this.#idle.disarm();
      await this.#leave();
    }
  }

  async #converse(): Promise<void> {
    const reader = new CommandReader();
    this.#idle.arm();
    // Leaving the loop must not destroy the socket: the last reply may still be on its way.
    for await (const chunk of this.#socket.iterator({ destroyOnReturn: false })) {
      this.#idle.disarm();
      for (const line of reader.take(chunk as Buffer)) {
        await this.#carryOut(line);
        if (this.#state.kind === "over") return await this.#output.flush();
        this.#idle.touch();
      }
      await this.#output.flush();
      this.#idle.arm();
    }
  }

  async #carryOut(line: ClientLine): Promise<void> {
    const state = this.#state;
    if (line.kind === "too-long") return await this.#output.line(err(this.#texts.lineTooLong));
    const verb = VERBS.get(line.verb);
    // RFC 1939 gives the wrong state no reply of its own.
    if (verb === undefined || state.kind === "over" || (verb.state !== "any" && verb.state !== state.kind)) {
      return await this.#output.line(err(this.#texts.unknownCommand(line.typed.toLowerCase())));
    }
    const words = wordsOf(verb, line.argument);
    const fault = wordsFault(verb, words);
    if (fault !== undefined) {
      const { tooFewArguments, tooManyArguments } = this.#texts;
      const text = fault === "few" ? tooFewArguments : tooManyArguments;
      return await this.#output.line(err(text(line.verb.toLowerCase())));
    }
    this.#state = await this.#dispatch(verb, this.#turn(words), state);
  }

  #dispatch(verb: Verb, turn: Turn, state: Exclude<SessionState, { kind: "over" }>): Promise<SessionState> {
    if (verb.state === "any") return verb.run(turn, state);
    if (verb.state === "authorization" && state.kind === "authorization") return verb.run(turn, state);
    if (verb.state === "transaction" && state.kind === "transaction") return verb.run(turn, state);
    return Promise.resolve(state);
  }

  #turn(words: readonly string[]): Turn {
    return {
      services: this.#services,
      client: this.#client,
      output: this.#output,
      texts: this.#texts,
      words,
      mayUsePassword: () => this.#mayUsePassword(),
      pause: (ms) => this.#pause(ms),
      loginFailed: () => ++this.#failures,
      renewRelay: (user) => this.#renewRelay(user),
    };
  }

  /**
   * tls.allowPlaintextAuth (DESIGN section 3). Where no client could have TLS, because there is no certificate, passwords
   * are taken as they come: else nobody from outside could log in, and DRAC would open for nobody.
   */
  #mayUsePassword(): boolean {
    const { secure, trusted } = this.#client;
    return secure || trusted || this.#services.settings().tls.allowPlaintextAuth || !this.#services.hasTls();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) return resolve();
      const done = () => {
        timer.cancel();
        this.#socket.off("close", done);
        resolve();
      };
      const timer: Timer = this.#services.clock.after(ms, done);
      this.#socket.on("close", done);
    });
  }

  #renewRelay(user: string): void {
    const { clock, log, settings } = this.#services;
    const { ip, hidden } = this.#client;
    const drac = this.#services.drac();
    // A hidden address may be everybody's.
    const often = Math.min(RENEWAL, settings().drac.lifetime / 4);
    if (drac === undefined || hidden || clock.now() - this.#renewedAt < often) return;
    this.#renewedAt = clock.now();
    drac.record(ip, user).then(
      () => log.write("debug", `[drac]: login by ${user} from host ${ip} (${ip})`),
      (error: unknown) => log.write("warn", `[drac]: ${ip} of ${user} was not recorded: ${messageOf(error)}`),
    );
  }

  #timedOut(): void {
    logTimeout({ services: this.#services, client: this.#client }, this.#user());
    this.#socket.destroy();
  }

  #user(): string {
    if (this.#state.kind === "transaction") return this.#state.user;
    return this.#state.kind === "authorization" ? (this.#state.user ?? "(nobody)") : "(nobody)";
  }

  /** Gives the mailbox back; what was marked stays in it. */
  async #leave(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: "over" };
    if (state.kind !== "transaction") return;
    const where = { services: this.#services, client: this.#client };
    logDropped(where, state.user);
    logStats(where, state.user, state.drop, false);
    await state.drop.close().catch((error: unknown) => {
      this.#services.log.write(
        "error",
        `the mailbox of ${state.user} was not given back: ${messageOf(error)}`,
      );
    });
  }
}

function wordsOf(verb: Verb, argument: string): readonly string[] {
  if (verb.words === "all") return [argument];
  return argument.split(/[ \t]+/).filter((word) => word !== "");
}

function wordsFault({ words: allowed }: Verb, words: readonly string[]): "few" | "many" | undefined {
  if (allowed === "all") return undefined;
  const [fewest, most] = allowed;
  return words.length < fewest ? "few" : words.length > most ? "many" : undefined;
}

/** Errors that only say that the client is gone. */
function isConnectionError(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? "";
  return /^(ECONN|EPIPE|ETIMEDOUT|ENOTCONN|EHOSTUNREACH|ENETUNREACH|ERR_STREAM|ERR_SSL|EPROTO)/.test(code);
}
