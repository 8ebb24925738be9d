/**
 * Everything that is delivered on this host behind one {@link Mailer}: mailboxes by the local mailer that the settings
 * name, programs and files.
 */
import { messageOf } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import type { QueueRecipient } from "../queue/queue-entry.ts";
import { deliverToFile, type FileMailerParts } from "./file-mailer.ts";
import { createLmtpMailer } from "./lmtp-mailer.ts";
import { createLocalMailer, type LocalMailerParts } from "./local-mailer.ts";
import type { Attempt, Mailer } from "./mailer.ts";
import type { Outcome } from "./outcome.ts";
import { deliverByProcmail, detailOf, mailboxOf } from "./procmail-mailer.ts";
import { deliverToProgram, programSlots } from "./program-mailer.ts";
import type { WorkSlots } from "./work-slots.ts";

/** What it works with. */
export interface HereMailerParts extends LocalMailerParts {
  readonly settings: Pick<Settings, "local" | "hostname" | "timeouts" | "relay">;
}

/** How long programs may go on when the host stops (ms). */
const STOP_GRACE = 5000;

/** Makes the mailer. */
export function createHereMailer(parts: HereMailerParts): Mailer {
  return new HereMailer(parts);
}

class HereMailer implements Mailer {
  readonly name = "local";
  readonly #parts: HereMailerParts & FileMailerParts;
  readonly #mailboxes: Mailer;
  readonly #slots: WorkSlots = programSlots();
  readonly #stop = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(parts: HereMailerParts) {
    this.#parts = { ...parts, local: parts.settings.local, slots: this.#slots };
    this.#mailboxes = this.#localMailer();
  }

  deliver(attempt: Attempt): Promise<Outcome[]> {
    // Mailboxes alone, as nearly all mail: whoever writes them knows what is under way, and what goes wrong with it.
    if (attempt.recipients.every(isMailbox)) return this.#mailboxes.deliver(attempt);
    const delivery = this.#deliver(attempt).finally(() => this.#underWay.delete(delivery));
    this.#underWay.add(delivery);
    return delivery;
  }

  hurry(): void {
    this.#mailboxes.hurry?.();
    this.#parts.clock.after(STOP_GRACE, () => this.#stop.abort());
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    await this.#mailboxes.close();
  }

  /** Who writes mailboxes. */
  #localMailer(): Mailer {
    const { settings } = this.#parts;
    switch (settings.local.mailer) {
      case "mbox":
        return createLocalMailer(this.#parts);
      case "procmail":
        return {
          name: this.name,
          deliver: (attempt) => this.#byProcmail(attempt),
          close: () => Promise.resolve(),
        };
      case "lmtp":
        return createLmtpMailer({ ...this.#parts, ...this.#running });
    }
  }

  /** Two recipients that end in one mailbox with the same detail get one copy. */
  #byProcmail(attempt: Attempt): Promise<Outcome[]> {
    const copies = new Map<string, Promise<Outcome>>();
    const outcomes = attempt.recipients.map(async (recipient, i) => {
      const key = JSON.stringify([mailboxOf(recipient), detailOf(recipient)]);
      const copy =
        copies.get(key) ??
        this.#guarded(attempt, () =>
          deliverByProcmail(attempt, recipient, { ...this.#parts, ...this.#running }),
        );
      copies.set(key, copy);
      const outcome = await copy;
      attempt.known?.(i, outcome);
      return outcome;
    });
    return Promise.all(outcomes);
  }

  get #running() {
    return { local: this.#parts.settings.local, slots: this.#slots, stop: this.#stop.signal };
  }

  #deliver(attempt: Attempt): Promise<Outcome[]> {
    const { recipients } = attempt;
    const mailboxes = recipients.filter(isMailbox);
    const boxed = mailboxes.length === 0 ? undefined : this.#boxed(attempt, mailboxes);
    return Promise.all(
      recipients.map(async (recipient, i) => {
        const outcome = await this.#guarded(attempt, async () => {
          const place = mailboxes.indexOf(recipient);
          return place < 0 ? this.#special(attempt, recipient) : (await boxed)![place]!;
        });
        attempt.known?.(i, outcome);
        return outcome;
      }),
    );
  }

  async #boxed(attempt: Attempt, recipients: readonly QueueRecipient[]): Promise<Outcome[]> {
    const known = (place: number, outcome: Outcome) =>
      attempt.known?.(attempt.recipients.indexOf(recipients[place]!), outcome);
    return this.#mailboxes.deliver({ ...attempt, recipients, known });
  }

  #special(attempt: Attempt, recipient: QueueRecipient): Promise<Outcome> {
    const { target } = recipient;
    switch (target.kind) {
      case "program":
        return deliverToProgram(attempt, recipient, { ...this.#parts, ...this.#running });
      case "file":
        return deliverToFile(attempt, recipient, this.#parts);
      case "error": {
        const { reply } = target;
        return Promise.resolve({ kind: reply.code < 500 ? "deferred" : "failed", relay: "", reply });
      }
      case "mailbox":
      case "remote":
        return Promise.resolve(this.#deferred("4.3.5", "not a local recipient"));
    }
  }

  /** What goes wrong with one recipient is that one's: the others are delivered, and recorded as such. */
  async #guarded(attempt: Attempt, deliver: () => Promise<Outcome>): Promise<Outcome> {
    try {
      return await deliver();
    } catch (error) {
      return this.#failed(attempt, error);
    }
  }

  #failed({ entry }: Attempt, error: unknown): Outcome {
    this.#parts.log.write("error", `${entry.id}: SYSERR(${this.name}): ${messageOf(error)}`);
    return this.#deferred("4.3.0", "internal error; will be tried again");
  }

  #deferred(enhanced: string, text: string): Outcome {
    return { kind: "deferred", relay: this.name, reply: { code: 451, enhanced, text } };
  }
}

function isMailbox({ target }: QueueRecipient): boolean {
  return target.kind === "mailbox";
}
