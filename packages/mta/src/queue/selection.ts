/**
 * Which messages a queue run is for: Sendmail's `-q[!]I`, `-q[!]R`, `-q[!]S` and `-q[!]Q` with a substring.
 *
 * Conditions of one letter are alternatives, those of different letters hold together. Ids are compared by case, addresses
 * without. Plain data: a selection goes to the daemon as JSON.
 */
import type { QueueEntry } from "./queue-entry.ts";

/** One condition. */
export interface QueueCondition {
  /** `I` queue id, `R` recipient, `S` sender, `Q` reason of the quarantine. */
  readonly of: "I" | "R" | "S" | "Q";
  readonly text: string;
  /** The substring must not be there (`-q!R…`). */
  readonly not?: boolean;
}

/** What a queue run is for. */
export interface QueueSelection {
  readonly conditions: readonly QueueCondition[];
}

/** True when the message meets the selection. Recipients are those that still wait. */
export function isSelected(entry: QueueEntry, { conditions }: QueueSelection): boolean {
  const letters = new Set(conditions.map(({ of }) => of));
  return [...letters].every((letter) =>
    conditions.filter(({ of }) => of === letter).some((condition) => meets(entry, condition)),
  );
}

/** Reads a selection that came as JSON; undefined when it is none. */
export function readSelection(value: unknown): QueueSelection | undefined {
  const { conditions } = (value ?? {}) as { conditions?: unknown };
  if (!Array.isArray(conditions)) return undefined;
  const sound = conditions.every(
    (c: { of?: unknown; text?: unknown } | null) =>
      typeof c?.of === "string" && /^[IRSQ]$/.test(c.of) && typeof c.text === "string",
  );
  return sound ? { conditions: conditions as QueueCondition[] } : undefined;
}

function meets(entry: QueueEntry, { of, text, not = false }: QueueCondition): boolean {
  const key = of === "I" ? text : text.toLowerCase();
  return textsOf(entry, of).some((value) => value.includes(key)) !== not;
}

function textsOf(entry: QueueEntry, of: QueueCondition["of"]): string[] {
  switch (of) {
    case "I":
      return [entry.id];
    case "S":
      return [entry.sender.toLowerCase()];
    case "Q":
      return entry.quarantine === undefined ? [] : [entry.quarantine.toLowerCase()];
    case "R":
      return entry.recipients
        .filter(({ state }) => state === "pending")
        .map(({ address }) => address.toLowerCase());
  }
}
