/**
 * Keeps a process that follows one which was killed from delivering again what that one had delivered and not yet put on
 * record in the queue. It works by notes (common mbox/append-notes), of which the local mailer writes those of mailboxes itself, in
 * the moment in which a batch is final; all others are written here, as soon as the delivery is known.
 */
import type { Log } from "@mailhost/common/log/log";
import { type AppendNotes, notedLetters } from "@mailhost/common/mbox/append-notes";
import type { Site } from "@mailhost/common/site";
import { type QueueEntry, type QueueRecipient, targetName } from "../queue/queue-entry.ts";
import type { QueueStore } from "../queue/queue-store.ts";
import type { Attempt, Mailer } from "./mailer.ts";
import type { Outcome } from "./outcome.ts";

/** What is known and where it is noted. */
export interface RepeatParts {
  /** Letters that an earlier process delivered; see {@link deliveredBefore}. */
  readonly before: ReadonlySet<string>;
  /** For everything but mailboxes that are written by ourselves. */
  readonly notes: AppendNotes;
  /** The mailer writes mailboxes, and their notes, by itself. */
  readonly notesMailboxes: boolean;
  readonly log: Log;
}

/**
 * A message and one place that it goes to. The time is there for the case that a clock that was set back has an id drawn again.
 */
export function letterName({ id, receivedAt }: Pick<QueueEntry, "id" | "receivedAt">, place: string): string {
  return `${id} ${receivedAt} ${place}`;
}

/** The place of a mailbox: however many recipients lead to it, they get one copy. */
export function mailboxPlace(name: string): string {
  return `mailbox:${name}`;
}

function placeOf({ target, address }: QueueRecipient): string {
  if (target.kind === "mailbox") return mailboxPlace(target.name);
  return `${target.kind}:${targetName(target)} ${address}`;
}

/**
 * What the notes say of messages that are in the queue now. To be asked before anything is delivered or accepted.
 *
 * @throws when the notes cannot be read
 */
export function deliveredBefore(
  site: Site,
  store: Pick<QueueStore, "isThere">,
): Promise<ReadonlySet<string>> {
  return notedLetters(site, (letter) => store.isThere(letter.slice(0, letter.indexOf(" "))));
}

/** Wraps a mailer. */
export function withoutRepeats(mailer: Mailer, parts: RepeatParts): Mailer {
  const isNotedByMailer = ({ target }: QueueRecipient) => parts.notesMailboxes && target.kind === "mailbox";
  return {
    name: mailer.name,
    ...(mailer.hurry === undefined ? {} : { hurry: () => mailer.hurry?.() }),
    close: () => mailer.close(),
    deliver: (attempt) =>
      // The ordinary case: nothing can have been delivered before, and the mailer notes what it delivers.
      parts.before.size === 0 && attempt.recipients.every(isNotedByMailer)
        ? mailer.deliver(attempt)
        : deliverNoted(attempt),
  };

  async function deliverNoted(attempt: Attempt): Promise<Outcome[]> {
    const { entry, recipients } = attempt;
    const noted = new Set<number>();
    const note = (places: readonly number[], outcomeOf: (place: number) => Outcome | undefined) => {
      const fresh = places.filter((place) => {
        const recipient = recipients[place];
        if (recipient === undefined || noted.has(place) || isNotedByMailer(recipient)) return false;
        return outcomeOf(place)?.kind === "delivered";
      });
      for (const place of fresh) noted.add(place);
      parts.notes.add(fresh.map((place) => letterName(entry, placeOf(recipients[place]!))));
    };
    const left = [...recipients.keys()].filter(
      (place) => parts.before.size === 0 || !parts.before.has(letterName(entry, placeOf(recipients[place]!))),
    );
    if (left.length < recipients.length)
      parts.log.write("info", `${entry.id}: was delivered before a restart, and is not delivered again`);
    const outcomes = recipients.map((): Outcome => deliveredOnce(mailer.name));
    if (left.length === 0) return outcomes;
    const some = await mailer.deliver({
      ...attempt,
      recipients: left.map((place) => recipients[place]!),
      known: (n, outcome) => {
        const place = left[n]!;
        note([place], () => outcome);
        attempt.known?.(place, outcome);
      },
    });
    for (const [n, outcome] of some.entries()) outcomes[left[n]!] = outcome;
    note(left, (place) => outcomes[place]);
    return outcomes;
  }
}

function deliveredOnce(relay: string): Outcome {
  const reply = { code: 250, enhanced: "2.0.0", text: "Sent (before a restart)" };
  return { kind: "delivered", relay, reply, dsnRelayed: false };
}
