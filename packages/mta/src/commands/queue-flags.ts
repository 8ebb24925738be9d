/**
 * The values of `-q` and `-Q`: how often the queue is run, which messages a run is for, and quarantine. Pure.
 */
import type { QueueCondition } from "../queue/selection.ts";

/** What the -q flags ask for. */
export interface QueueFlags {
  /** Attempt everything (that is selected) once. */
  readonly once: boolean;
  /** In the foreground (-qf). */
  readonly foreground: boolean;
  /** Every so often (ms). */
  readonly interval?: number;
  /** Which messages. */
  readonly conditions: readonly QueueCondition[];
  /** -qQ: those in quarantine in place of the others. */
  readonly quarantined: boolean;
  /** -qL: those that were lost. */
  readonly lost: boolean;
}

/** No -q was given. */
export const NO_QUEUE_FLAGS: QueueFlags = {
  once: false,
  foreground: false,
  conditions: [],
  quarantined: false,
  lost: false,
};

/** The flags with one more, or what is wrong with it, a line each. */
export type QueueFlagRead =
  | { readonly ok: true; readonly flags: QueueFlags }
  | { readonly ok: false; readonly reason: string };

/**
 * Reads what follows `-q`.
 *
 * @param bare a second use: `mailq` and -Q take conditions and no times
 */
export function readQueueFlag(value: string, before: QueueFlags): QueueFlagRead {
  const condition = /^(!?)([IRSQ])(.+)$/su.exec(value);
  if (condition !== null) {
    const [, not, of, text = ""] = condition;
    const one: QueueCondition = {
      of: of as QueueCondition["of"],
      text,
      ...(not === "!" ? { not: true } : {}),
    };
    return read({ ...before, once: true, conditions: [...before.conditions, one] });
  }
  if (value === "") return read({ ...before, once: true });
  if (value === "f") return read({ ...before, once: true, foreground: true });
  if (value === "Q") return read({ ...before, quarantined: true });
  if (value === "L") return read({ ...before, lost: true });
  // There are no queue groups: all of the queue is in every one.
  if (value.startsWith("G")) return read({ ...before, once: true });
  const time = value.startsWith("p") ? value.slice(1) || "1s" : value;
  const interval = readInterval(time);
  if (typeof interval === "string") return { ok: false, reason: interval };
  return read({ ...before, interval });
}

function read(flags: QueueFlags): QueueFlagRead {
  return { ok: true, flags };
}

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `20m`, `1h30m`, `90`: minutes where no unit is named. Milliseconds, or what is wrong, in Sendmail's words. */
export function readInterval(text: string): number | string {
  let total = 0;
  let rest = text;
  const wrong: string[] = [];
  while (rest !== "") {
    const [, digits = "", unit = ""] = /^(\d*)(\D?)/.exec(rest)!;
    rest = rest.slice(digits.length + unit.length);
    const factor = UNITS[unit === "" ? "m" : unit.toLowerCase()];
    if (factor === undefined || digits === "") wrong.push(`Invalid time unit \`${unit}'`);
    else total += Number(digits) * factor;
  }
  return wrong.length > 0 ? wrong.join("\n") : total;
}
