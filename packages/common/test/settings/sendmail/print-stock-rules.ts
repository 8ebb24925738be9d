/**
 * Prints src/settings/sendmail/stock-rules.ts anew from Sendmail's m4 files, run over the whole corpus:
 *
 *     node --conditions=@mailhost/source --import tsx packages/common/test/settings/sendmail/print-stock-rules.ts > FILE
 */
import { pathToFileURL } from "node:url";
import { cfLines } from "../../../src/settings/sendmail/cf-lines.ts";
import { ruleShape, ruleText, shapeDigest, withoutText } from "../../../src/settings/sendmail/rule-shape.ts";
import { runStockM4, stockConfigs } from "./stock-corpus.ts";

/** Digests and names in Sendmail's files; rules of `Local_…` rulesets are no rules of everybody's. */
export function stockShapes(): { version: string; digests: Set<string>; rulesets: Set<string> } {
  const digests = new Set<string>();
  const rulesets = new Set<string>();
  let version = "";
  for (const { mc } of stockConfigs()) {
    let current = "";
    for (const { text } of cfLines(runStockM4(mc))) {
      if (text.startsWith("DZ")) version = text.slice(2).split("/")[0]!;
      if (text.startsWith("S")) {
        current = text.slice(1).split(/[=\s]/)[0]!;
        if (!current.startsWith("Local_")) rulesets.add(current);
      }
      if (!text.startsWith("R") || current.startsWith("Local_")) continue;
      const shape = ruleShape(ruleText(text.slice(1)));
      digests.add(shapeDigest(current, shape));
      digests.add(shapeDigest(current, withoutText(shape)));
    }
  }
  return { version, digests, rulesets };
}

/** The `R` lines of each ruleset, over the whole corpus. */
export function stockRules(): Map<string, Set<string>> {
  const rules = new Map<string, Set<string>>();
  for (const { mc } of stockConfigs()) {
    let current = new Set<string>();
    for (const { text } of cfLines(runStockM4(mc))) {
      if (text.startsWith("S")) {
        const name = text.slice(1).split(/[=\s]/)[0]!;
        current = rules.get(name) ?? new Set();
        rules.set(name, current);
      }
      if (text.startsWith("R")) current.add(text);
    }
  }
  return rules;
}

function printed(): string {
  const { version, digests: known, rulesets } = stockShapes();
  const digests = [...known].toSorted().join("");
  const chunks = (text: string, size: number) => text.match(new RegExp(`.{1,${size}}`, "gs")) ?? [];
  return `/**
 * Digests of the rules that Sendmail's m4 files make (rule-shape.ts says of what), over all FEATUREs. Printed by
 * test/settings/sendmail/print-stock-rules.ts.
 */
import { DIGEST_LENGTH } from "./rule-shape.ts";

/** The Sendmail that they were made by. */
export const STOCK_VERSION = "${version.split("-")[0]}";

const NAMES =
${chunks(`${[...rulesets].toSorted().join(" ")}`, 100)
  .map((part) => `  ${JSON.stringify(part)}`)
  .join(" +\n")};

const DIGESTS =
${chunks(digests, 100)
  .map((part) => `  ${JSON.stringify(part)}`)
  .join(" +\n")};

/** Names of its rulesets, and the numbers that older files have in their place. */
export const STOCK_RULESETS: ReadonlySet<string> = new Set(
  \`\${NAMES} LookUpDomain LookUpAddress LookUpFull LookUpExact LookUpUser 0 3 4 5 90 93 94 95 96 97 98\`.split(" "),
);

let known: ReadonlySet<string> | undefined;

/** Whether a digest is one of them. */
export function isStockRule(digest: string): boolean {
  known ??= new Set(DIGESTS.match(new RegExp(\`.{\${DIGEST_LENGTH}}\`, "g")));
  return known.has(digest);
}
`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.stdout.write(printed());
}
