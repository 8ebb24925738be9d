// time limit: 600 s
/**
 * mailhost beside a real Sendmail, on the same /etc/mail and in the same dialogues: what both answer, deliver, write into
 * headers and log is the same, or the difference is a known one with its reason in docs/compatibility.md.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import type { Difference } from "./compare.ts";
import { KNOWN_DIFFERENCES, knownAs } from "./known-differences.ts";
import { runSideBySide, whyNot } from "./private-run.ts";
import type { SiteResult } from "./side-by-side.ts";
import { SEED } from "./sites/generated.ts";
import { allSites } from "./sites.ts";

/** It takes 90 s on two cores that do nothing else. */
const WITHIN = 590_000;
const SHOWN = 15;

const skip = whyNot();

test("mailhost agrees with Sendmail", { ...(skip === undefined ? {} : { skip }) }, async (t) => {
  const results = await runSideBySide(
    allSites().map((site) => site.name),
    WITHIN,
  );
  record(results);
  let cases = 0;
  const seen = new Set<number>();

  for (const result of results) {
    cases += result.cases.length;
    await t.test(`${result.site}: ${result.cases.length} cases`, () => {
      assert.equal(result.failure, undefined);
      const unknown = result.differences.filter((difference) => {
        const known = knownAs(difference);
        if (known !== undefined) seen.add(KNOWN_DIFFERENCES.indexOf(known));
        return known === undefined;
      });
      assert.equal(unknown.length, 0, describe(unknown));
    });
  }

  await t.test("at least 400 cases ran, and every site", () => {
    assert.deepEqual(
      results.map((r) => r.site),
      allSites().map((site) => site.name),
    );
    assert.ok(cases >= 400, `${cases} cases`);
  });

  await t.test("every known difference is still seen, and documented", () => {
    const stale = KNOWN_DIFFERENCES.filter((_, i) => !seen.has(i)).map(
      (known) => `${known.row}: ${known.what}`,
    );
    // Another seed may have no use for some of them.
    if (process.env.MAILHOST_PARITY_SEED === undefined) assert.deepEqual(stale, []);
    const page = readFileSync(new URL("../../docs/compatibility.md", import.meta.url), "utf8");
    const section = page.split("\n## Seen side by side\n")[1]?.split("\n## ")[0] ?? "";
    const rows = [...new Set(KNOWN_DIFFERENCES.map((known) => known.row))];
    assert.deepEqual(
      rows.filter((row) => !section.includes(`\n| ${row} |`)),
      [],
    );
  });
});

/** For whoever looks into a difference: everything both did, where MAILHOST_PARITY_RECORD says. */
function record(results: readonly SiteResult[]): void {
  const file = process.env.MAILHOST_PARITY_RECORD;
  if (file !== undefined) writeFileSync(file, JSON.stringify(results));
}

function describe(unknown: readonly Difference[]): string {
  const shown = unknown
    .slice(0, SHOWN)
    .map(
      (d) =>
        `${d.case}\n  ${d.what}\n    Sendmail: ${indented(d.sendmail)}\n    mailhost: ${indented(d.mailhost)}`,
    );
  const more = unknown.length > SHOWN ? [`and ${unknown.length - SHOWN} more`] : [];
  return [`${unknown.length} differences (generated with seed ${SEED})`, ...shown, ...more].join("\n");
}

const indented = (text: string) => text.slice(0, 1000).replaceAll("\n", "\n              ");
