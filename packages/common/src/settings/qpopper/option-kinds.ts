/**
 * What options of a Qpopper configuration file may be given, and where they may stand. Pure.
 */
import type { WrittenValue } from "./statements.ts";

/** A value read by its kind. */
export type OptionValue = boolean | number | string;

/** The kinds of options (Qpopper's CfgBool, CfgInt, CfgMnem, CfgStr). */
export type OptionKind = "boolean" | "integer" | "mnemonic" | "string";

/** What a value is checked against. */
export interface ValueRule {
  readonly kind: OptionKind;
  /** Of a mnemonic, as the manual spells them. */
  readonly words?: readonly string[];
  readonly min?: number;
  readonly max?: number;
}

/** The value, or what would be right. */
export type ValueRead =
  | { readonly ok: true; readonly value: OptionValue }
  | { readonly ok: false; readonly expected: string };

/** Reads a value by its rule. Words are known in any case; numbers are C's, so `0x10` is 16 and `010` is 8. */
export function readValue(rule: ValueRule, written: WrittenValue): ValueRead {
  if (rule.kind === "string") return { ok: true, value: written.text };
  // Only a text may go on with a `#`; behind anything else a comment needs no blank in front.
  const text = written.quoted ? written.text : written.text.replace(/#.*$/, "");
  switch (rule.kind) {
    case "boolean":
      return readBoolean(text);
    case "integer":
      return readInteger(rule, text);
    case "mnemonic": {
      const words = rule.words ?? [];
      const found = words.find((word) => word.toLowerCase() === text.toLowerCase());
      return found === undefined
        ? { ok: false, expected: `one of ${words.join(", ")}` }
        : { ok: true, value: found };
    }
  }
}

function readBoolean(text: string): ValueRead {
  const word = text.toLowerCase();
  if (word === "true" || word === "1") return { ok: true, value: true };
  if (word === "false" || word === "0") return { ok: true, value: false };
  return { ok: false, expected: "true or false" };
}

function readInteger({ min = 0, max = 2 ** 31 - 1 }: ValueRule, text: string): ValueRead {
  const value = /^(?:[1-9]\d*|0[0-7]*|0x[0-9a-f]+)$/i.test(text) ? integerOf(text) : undefined;
  if (value === undefined) return { ok: false, expected: "a whole number" };
  if (value < min) return { ok: false, expected: `at least ${min}` };
  if (value > max) return { ok: false, expected: `at most ${max}` };
  return { ok: true, value };
}

/** strtol(3) with base 0. */
function integerOf(text: string): number {
  if (/^0x/i.test(text)) return Number.parseInt(text, 16);
  return text.startsWith("0") && text.length > 1 ? Number.parseInt(text, 8) : Number(text);
}
