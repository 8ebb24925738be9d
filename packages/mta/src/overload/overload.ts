/**
 * What happens when more comes in than the host can take: it says so at once, to strangers first, instead of keeping everybody
 * waiting. See docs/operations.md, "Too much mail".
 *
 * Measured are the event loop, the commits of the queue and the deliveries into mailboxes. Messages that are under way are always finished.
 */
import { type Clock, delay, type Timer } from "@mailhost/common/clock";
import type { SmtpReply } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Mailer } from "../deliver/mailer.ts";
import { isLogged } from "../log/message-log.ts";
import { reply } from "../policy/reply.ts";
import type { MessageWriter, QueueStore } from "../queue/queue-store.ts";
import { type Level, Levels, type Measures } from "./levels.ts";
import { OpenCommits } from "./open-commits.ts";
import { Waits } from "./waits.ts";

/** The store as those need it who take messages in. */
type IntakeStore = Pick<QueueStore, "receive" | "newId">;

/** The guard of one daemon. */
export interface Overload {
  readonly level: Level;
  /**
   * The refusal of a connection, or undefined; counted.
   *
   * @param isOurs asked only when strangers are refused: whether the client is of our own networks
   */
  refusesConnection(isOurs: () => boolean): SmtpReply | undefined;
  /** The same of a message, before it has begun. */
  refusesMail(isOurs: () => boolean): SmtpReply | undefined;
  /** Waits a moment before MAIL is answered when delivery is behind; else resolves at once. */
  slowDown(): Promise<void> | undefined;
  /** The store with its commits measured. */
  watchStore(store: IntakeStore): IntakeStore;
  /** The mailer of this host with its deliveries measured. */
  watchMailer(mailer: Mailer): Mailer;
  close(): void;
}

/** How often is looked (ms). */
const PERIOD = 500;
/** How long MAIL waits while delivery is behind (ms): at most so many messages a second come in as there are sessions. */
const PAUSE = 1_000;
/** With fewer messages waiting for the queue it is their size, or a slow disk, and not their number. */
const CROWD = 5;

/** Opens it; it looks until it is closed. */
export function openOverload({ clock, log }: { readonly clock: Clock; readonly log: Log }): Overload {
  return new Watch(clock, log);
}

class Watch implements Overload {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #levels = new Levels();
  readonly #commits = new Waits();
  readonly #deliveries = new Waits();
  readonly #open = new OpenCommits();
  #lastCommit = 0;
  #timer: Timer | undefined;
  #refused = { since: 0, connections: 0, messages: 0 };
  level: Level = "none";

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
    this.#look();
  }

  refusesConnection(isOurs: () => boolean): SmtpReply | undefined {
    const refusal = this.#refusal(421, isOurs);
    if (refusal !== undefined) this.#refused.connections += 1;
    return refusal;
  }

  refusesMail(isOurs: () => boolean): SmtpReply | undefined {
    const refusal = this.#refusal(451, isOurs);
    if (refusal !== undefined) this.#refused.messages += 1;
    return refusal;
  }

  slowDown(): Promise<void> | undefined {
    return this.level === "none" ? undefined : delay(this.#clock, PAUSE);
  }

  watchStore(store: IntakeStore): IntakeStore {
    return { newId: () => store.newId(), receive: (id) => this.#watchWriter(store.receive(id)) };
  }

  watchMailer(mailer: Mailer): Mailer {
    return {
      name: mailer.name,
      deliver: (attempt) => {
        const { entry, recipients } = attempt;
        const delivery = mailer.deliver(attempt);
        // Those that waited for a time of their own, or for a program, say nothing of how busy we are.
        if (entry.attempts > 0 || entry.nextAttemptAt !== entry.receivedAt) return delivery;
        return delivery.then((outcomes) => {
          if (recipients.every(({ target }, i) => isInMailbox(target.kind, outcomes[i]?.kind))) {
            const now = this.#clock.now();
            this.#deliveries.note(now, now - entry.receivedAt);
          }
          return outcomes;
        });
      },
      ...(mailer.hurry === undefined ? {} : { hurry: () => mailer.hurry?.() }),
      close: () => mailer.close(),
    };
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #refusal(code: 421 | 451, isOurs: () => boolean): SmtpReply | undefined {
    const refuses = this.level === "all" || (this.level === "others" && !isOurs());
    return refuses ? reply(code, "4.3.2", "Too busy; try again later") : undefined;
  }

  #watchWriter(writer: MessageWriter): MessageWriter {
    const commit = writer.commit.bind(writer);
    writer.commit = async (message) => {
      const began = this.#clock.now();
      const isCrowded = this.#open.size >= CROWD;
      const open = this.#open.begin(began);
      try {
        return await commit(message);
      } finally {
        this.#open.end(open);
        const now = this.#clock.now();
        this.#lastCommit = now;
        if (isCrowded) this.#commits.note(now, now - began);
      }
    };
    return writer;
  }

  /** Looks now, and again after a while. */
  #look(): void {
    const due = this.#clock.now() + PERIOD;
    this.#timer = this.#clock.after(PERIOD, () => {
      const now = this.#clock.now();
      this.#observe(now, {
        turn: now - due,
        commit: Math.max(this.#commits.take(now), this.#standstill(now)),
        delivery: this.#deliveries.take(now),
      });
      this.#look();
    });
  }

  /** How long nothing has been committed although a crowd waits. */
  #standstill(now: number): number {
    const { oldest, size } = this.#open;
    if (oldest === undefined || size < CROWD) return 0;
    return now - Math.max(oldest, this.#lastCommit);
  }

  #observe(now: number, measures: Measures): void {
    const before = this.level;
    this.level = this.#levels.observe(now, measures);
    if (this.level !== before) this.#tell(before, now, measures);
  }

  /** Says in the log what has begun, with figures, and what is over. */
  #tell(before: Level, now: number, { turn, commit, delivery }: Measures): void {
    const refused = refuses(before);
    const figures = `a commit takes ${seconds(commit)}, a delivery ${seconds(delivery)}, the event loop is ${seconds(turn)} late`;
    if (refuses(this.level)) {
      if (!refused) this.#refused = { since: now, connections: 0, messages: 0 };
      const whom = this.level === "all" ? "all connections" : "connections from outside";
      this.#write(`rejecting ${whom} on daemon MTA: too busy: ${figures}`);
      return;
    }
    if (refused) {
      const { since, connections, messages } = this.#refused;
      this.#write(
        `accepting connections again for daemon MTA after ${seconds(now - since)}: ` +
          `${connections} connections and ${messages} messages were refused`,
      );
    }
    if (this.level === "slow") this.#write(`delaying messages on daemon MTA: delivery is behind: ${figures}`);
    else if (before === "slow") this.#write("delivery has caught up");
  }

  #write(line: string): void {
    if (isLogged(this.#log, 1)) this.#log.write("warn", line);
  }
}

function refuses(level: Level): boolean {
  return level === "others" || level === "all";
}

function isInMailbox(target: string, outcome: string | undefined): boolean {
  return target === "mailbox" && outcome === "delivered";
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
