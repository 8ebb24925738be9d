/**
 * Every option of Sendmail 8.11 to 8.18: its name, its old letter, the m4 define that sets it, and what it means here.
 */
import { nearest } from "../nearest.ts";
import { type Effect, silent } from "./option-effects.ts";
import { OPTION_ROWS } from "./option-rows.ts";
import { UNUSED_OPTIONS } from "./options-unused.ts";

/** One option. */
export interface SendmailOption {
  readonly name: string;
  /** One-letter name; empty: none. */
  readonly letter: string;
  /** The define that sets it in a `config.mc`; empty: none. */
  readonly define: string;
  readonly effect: Effect;
}

/** All options. */
export const SENDMAIL_OPTION_TABLE: readonly SendmailOption[] = [
  ...OPTION_ROWS.map(([name, letter, define, effect]) => ({ name, letter, define, effect })),
  ...UNUSED_OPTIONS.map(([name, letter, define]) => ({ name, letter, define, effect: silent })),
];

const BY_NAME = new Map(SENDMAIL_OPTION_TABLE.map((o) => [o.name.toLowerCase(), o]));

/** The option of a name; neither case nor an ending that is still clear without matters, as in readcf.c. */
export function optionNamed(name: string): SendmailOption | undefined {
  const wanted = name.toLowerCase();
  const exact = BY_NAME.get(wanted);
  if (exact !== undefined || wanted.length < 3) return exact;
  const longer = SENDMAIL_OPTION_TABLE.filter((o) => o.name.toLowerCase().startsWith(wanted));
  return longer.length === 1 ? longer[0] : undefined;
}

/** The option of an old letter. */
export function optionLettered(letter: string): SendmailOption | undefined {
  return SENDMAIL_OPTION_TABLE.find((o) => o.letter === letter);
}

/** The option that a define sets. */
export function optionDefined(define: string): SendmailOption | undefined {
  return define === "" ? undefined : SENDMAIL_OPTION_TABLE.find((o) => o.define === define);
}

/** The name that was probably meant. */
export function nearestOption(name: string): string | undefined {
  return nearest(
    name,
    SENDMAIL_OPTION_TABLE.map((o) => o.name),
  );
}
