/**
 * Where mailhost does otherwise than Sendmail, each with its reason. A difference that is not here fails the comparison, and
 * so does one that is here and is not seen any more. `row` is how docs/compatibility.md begins the row about it.
 */
import type { Difference } from "./compare.ts";

/** One kind of difference. */
export interface KnownDifference {
  /** First cell of the row in docs/compatibility.md, section "Seen side by side". */
  readonly row: string;
  /** What differs, see {@link Difference.what}. */
  readonly what: RegExp;
  readonly sendmail: RegExp;
  readonly mailhost: RegExp;
  /** Where only some cases may differ so. */
  readonly case?: RegExp;
  readonly site?: RegExp;
}

const NOTHING = /^$/;
const ANYTHING = /^/;

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  { row: "`SIZE` without a number", what: /^extension of EHLO$/, sendmail: /^SIZE$/, mailhost: NOTHING },
  { row: "`SIZE` without a number", what: /^extension of EHLO$/, sendmail: NOTHING, mailhost: /^SIZE \d+$/ },
  { row: "no `SMTPUTF8`", what: /^extension of EHLO$/, sendmail: NOTHING, mailhost: /^SMTPUTF8$/ },
  {
    row: "no `SMTPUTF8`",
    what: /^reply to MAIL$/,
    sendmail: /^555 5\.5\.4 SMTPUTF8 parameter unrecognized$/,
    mailhost: /^250/,
  },
  {
    row: "`DELIVERBY`, `VERB`",
    what: /^extension of EHLO$/,
    sendmail: /^(?:DELIVERBY|VERB)$/,
    mailhost: NOTHING,
  },
  {
    row: "`DELIVERBY`, `VERB`",
    what: /^reply to VERB$/,
    sendmail: /^250 2\.0\.0 Verbose mode$/,
    mailhost: /^50/,
  },
];

/** The first entry that covers a difference. */
export function knownAs(difference: Difference): KnownDifference | undefined {
  return KNOWN_DIFFERENCES.find(
    (known) =>
      known.what.test(difference.what) &&
      known.sendmail.test(difference.sendmail) &&
      known.mailhost.test(difference.mailhost) &&
      (known.case ?? ANYTHING).test(difference.case) &&
      (known.site ?? ANYTHING).test(difference.site),
  );
}
