/**
 * The shape of a rewriting rule: its two sides without comments and without what a site chooses (texts, zones, times, mailers),
 * so that one rule of Sendmail's is one shape on every host. Only digests of the shapes are kept here (stock-rules.ts).
 */
import { createHash } from "node:crypto";

/** The left and right side of an `R` line without its R, blanks and tabs as single blanks. */
export function ruleText(line: string): string {
  // Tabs part left side, right side and comment; a continuation brings a line break and tabs.
  const [left = "", right = ""] = line.replaceAll("\n", "\t").split(/\t+/);
  return `${left} ${right}`.replace(/\s+/g, " ").trim();
}

/** The shape of a {@link ruleText}. */
export function ruleShape(rule: string): string {
  return rule
    .replace(/"[^"]*"/g, '""')
    .replace(/(?:"" ?| ?\$&\{client_addr\} ?(?="")| ?(?<="")\$&\{client_addr\})+/g, '""')
    .replace(/\$4\.\$3\.\$2\.\$1\.[\w.-]+/g, "$4.$3.$2.$1.ZONE")
    .replace(/\$# ?\d+$/, "$# N")
    .replace(/\$# ?(?!error|discard|ok|OK|TEMP)[a-z][\w-]*/g, "$#M")
    .replace(/(quarantine \$:|\$#discard \$:) \S.*$/, "$1 X")
    .replace(/^<\?>\d[\d.]*/, "<?>IP")
    .replace(/(\$#error (?:\$@ \S+ )?\$:) ?(?!\$\d)\S.*$/, "$1 TEXT")
    .replace(/^(\$\+ \$@ \$1 < @) (?!\*LOCAL\*)[\w.-]+ >$/, "$1 D >");
}

/** Five letters that stand for a shape. */
export function shapeDigest(shape: string): string {
  return createHash("sha256").update(shape).digest("base64").slice(0, DIGEST_LENGTH);
}

/** One in a thousand million foreign rules is taken for one of Sendmail's. */
export const DIGEST_LENGTH = 5;
