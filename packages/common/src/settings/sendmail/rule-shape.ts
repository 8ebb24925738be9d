/**
 * The shape of a rewriting rule: its two sides without comments and without the arguments that a FEATURE puts into it (zones,
 * times, domains), so that one rule of Sendmail's is one shape on every host. Only digests of shapes are kept (stock-rules.ts).
 *
 * A shape belongs to its ruleset: the same rule in another one is another rule. Mailers stay as they are, but for the three that a
 * configuration chooses.
 */
import { createHash } from "node:crypto";

/** The left and right side of an `R` line without its R, blanks and tabs as single blanks. */
export function ruleText(line: string): string {
  // Tabs part left side, right side and comment; a continuation brings a line break and tabs.
  const [left = "", right = ""] = line.replaceAll("\n", "\t").split(/\t+/);
  return `${left} ${right}`.replace(/\s+/g, " ").trim();
}

/** The mailers that a configuration chooses: confLOCAL_MAILER, confSMTP_MAILER, confRELAY_MAILER. */
export interface ChosenMailers {
  readonly local: string;
  readonly esmtp: string;
  readonly relay: string;
}

/** What most choose. */
export const USUAL_MAILERS: ChosenMailers = { local: "local", esmtp: "esmtp", relay: "relay" };

/** The shape of a {@link ruleText}. */
export function ruleShape(rule: string, chosen: ChosenMailers = USUAL_MAILERS): string {
  return rule
    .replace(/\$4\.\$3\.\$2\.\$1\.[\w.-]+/g, "$4.$3.$2.$1.ZONE")
    .replace(/\$# ?\d+$/, "$# N")
    .replace(/\$# ?([a-z][\w-]*)/g, (whole, name: string) => {
      const role = (["local", "esmtp", "relay"] as const).find((part) => chosen[part] === name);
      return role === undefined ? whole.replace("$# ", "$#") : `$#${role}`;
    })
    .replace(/(quarantine \$:|\$#discard \$:) \S.*$/, "$1 X")
    .replace(/^<\?>\d[\d.]*/, "<?>IP")
    .replace(/^(\$\+ \$@ \$1 < @) (?!\*LOCAL\*)[\w.-]+ >$/, "$1 D >");
}

/** A shape without the text that an error says, which a site may have changed. */
export function withoutText(shape: string): string {
  return shape.replace(/(\$#(?:error|TEMP)) ?(?:\$@ \S+ )?\$: ?(?!\$\d)\S.*$/, "$1 TEXT");
}

/** Five letters that stand for a shape in a ruleset. */
export function shapeDigest(ruleset: string, shape: string): string {
  return createHash("sha256")
    .update(`${NUMBERED[ruleset] ?? ruleset} ${shape}`)
    .digest("base64")
    .slice(0, DIGEST_LENGTH);
}

/** With a thousand or two of them among 2^30, about one foreign rule in a million is taken for one of Sendmail's. */
export const DIGEST_LENGTH = 5;

/** Rulesets that have a number too. */
const NUMBERED: Readonly<Record<string, string>> = {
  "0": "parse",
  "3": "canonify",
  "4": "final",
  "5": "localaddr",
  "93": "MasqHdr",
  "94": "MasqEnv",
  "95": "MailerToTriple",
  "96": "Canonify2",
  "97": "Recurse",
  "98": "ParseLocal",
};
