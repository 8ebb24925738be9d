/**
 * Settings in the making: values by path, each with the place that gave it; the rest are Sendmail's defaults.
 */
import { ConfigError } from "../../errors.ts";
import { type Note, type Origin, onOneLine } from "./model.ts";

/** What the parts of a configuration write their meaning into. */
export interface Draft {
  /** Gives a setting; a later one counts. */
  set(path: string, value: unknown, origin?: Origin): void;
  get(path: string): unknown;
  /** Adds to a setting that is a list. */
  add(path: string, values: readonly unknown[], origin: Origin): void;
  note(origin: Origin, text: string): void;
  /** Something that keeps the configuration from being used. */
  fault(origin: Origin, reason: string): void;
  readonly values: ReadonlyMap<string, unknown>;
  readonly origins: ReadonlyMap<string, Origin>;
  readonly notes: readonly Note[];
  readonly faults: readonly ConfigError[];
}

/** A draft that begins with these values. */
export function draftOf(defaults: ReadonlyMap<string, unknown>): Draft {
  const values = new Map(defaults);
  const origins = new Map<string, Origin>();
  const notes: Note[] = [];
  const faults: ConfigError[] = [];
  return {
    values,
    origins,
    notes,
    faults,
    set: (path, value, origin) => {
      if (!values.has(path)) throw new RangeError(`no setting is called ${path}`);
      values.set(path, value);
      if (origin !== undefined) origins.set(path, origin);
    },
    get: (path) => values.get(path),
    add: (path, more, origin) => {
      const before = (values.get(path) ?? []) as readonly unknown[];
      values.set(path, [...before, ...more.filter((item) => !before.includes(item))]);
      origins.set(path, origin);
    },
    note: ({ file, line }, text) => void notes.push({ file, line, text: onOneLine(text) }),
    fault: ({ file, line }, reason) => void faults.push(new ConfigError(file, line, onOneLine(reason))),
  };
}
