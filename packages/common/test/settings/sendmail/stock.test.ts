/** Sendmail's own m4 files judge: what they make of a config.mc and what we read in it are the same settings. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { OSTYPES } from "../../../src/settings/sendmail/mc-systems.ts";
import { ruleShape, ruleText } from "../../../src/settings/sendmail/rule-shape.ts";
import { isStockRule, STOCK_RULESETS } from "../../../src/settings/sendmail/stock-rules.ts";
import { stockRules, stockShapes } from "./print-stock-rules.ts";
import { fromBuilt, fromCf, fromMc, notesOf, type TestFiles } from "./reading.ts";
import { CF_FOLDER, runStockM4, stockConfigs } from "./stock-corpus.ts";

function sameSettings(mc: string, files: TestFiles = {}): void {
  const ours = fromMc(mc, files);
  assert.deepEqual(Object.fromEntries(fromCf(runStockM4(mc), files).values), Object.fromEntries(ours.values));
  assert.deepEqual(Object.fromEntries(fromBuilt(mc, files).values), Object.fromEntries(ours.values));
}

/** Notes that speak of rules: of what is made by FEATUREs alone there are none. */
const aboutRules = (mc: string) =>
  notesOf(fromCf(runStockM4(mc))).filter((note) => /by hand|not among/.test(note));

const shapesOf = (rules: ReadonlySet<string>) =>
  new Set([...rules].map((line) => ruleShape(ruleText(line.slice(1)))));

if (CF_FOLDER === undefined) {
  test("Sendmail's own m4 files agree", { skip: "needs them (Debian packages sendmail-cf and m4)" });
} else {
  describe("a config.mc and the sendmail.cf that Sendmail makes of it give the same settings", () => {
    for (const { name, mc } of stockConfigs()) {
      test(name, () => {
        sameSettings(mc);
        assert.deepEqual(aboutRules(mc), []);
      });
    }
  });

  describe("every system that Sendmail knows", () => {
    const systems = readdirSync(`${CF_FOLDER}/ostype`).map((name) => name.replace(/\.m4$/, ""));
    for (const system of systems) {
      test(system, () => {
        assert.ok(Object.hasOwn(OSTYPES, system), "is in the table");
        sameSettings(
          `OSTYPE(\`${system}')\nDOMAIN(\`generic')\nFEATURE(\`smrsh')\nMAILER(\`local')\nMAILER(\`smtp')\n`,
        );
      });
    }
  });

  describe("the configurations that come with Sendmail", () => {
    const folder = `${CF_FOLDER}/cf`;
    for (const name of readdirSync(folder).filter((file) => /^generic-.*\.mc$/.test(file))) {
      test(name, () => sameSettings(readFileSync(`${folder}/${name}`, "utf8")));
    }
  });

  const debian = `${CF_FOLDER}/debian`;
  describe("the configurations that Debian installs", () => {
    for (const name of existsSync(debian) ? ["sendmail.mc", "submit.mc"] : []) {
      test(name, () => {
        const text = readFileSync(`${debian}/${name}`, "utf8");
        // m4 gets cf.m4 from us; what Debian's tools write beside it may not be there.
        const ours = fromMc(text);
        const theirs = fromCf(runStockM4(text.replace(/^include\(.*$/gm, "dnl")));
        assert.deepEqual(Object.fromEntries(theirs.values), Object.fromEntries(ours.values));
        assert.deepEqual(Object.fromEntries(fromBuilt(text).values), Object.fromEntries(ours.values));
        assert.deepEqual(
          notesOf(theirs).filter((note) => /by hand|not among/.test(note)),
          [],
        );
      });
    }
  });

  test("no rule of Sendmail's is missing from the digests, no ruleset from the names", () => {
    const { digests, rulesets } = stockShapes();
    assert.deepEqual(
      [...digests].filter((digest) => !isStockRule(digest)),
      [],
    );
    assert.deepEqual(
      [...rulesets].filter((name) => !STOCK_RULESETS.has(name)),
      [],
    );
  });

  test("rules that were added to Sendmail's own rulesets are found with their lines", () => {
    const mc =
      "OSTYPE(`linux')\nFEATURE(`access_db')\nMAILER(`smtp')\nLOCAL_RULE_0\nR$* < @ ours.example . > $*\t$#local $: ours\n" +
      "LOCAL_RULESETS\nSLocal_check_mail\nR$*\t$: $1\n\nSOurs\nR$*\t$@ $1\n";
    const cf = runStockM4(mc);
    const lineOf = (text: string) => cf.split("\n").findIndex((line) => line.startsWith(text)) + 1;
    const notes = aboutRules(mc);
    assert.equal(notes.length, 3);
    assert.match(
      notes[0]!,
      new RegExp(`^${lineOf("R$* < @ ours.example".replace(/[$*]/g, (c) => c))}: ruleset ParseLocal`),
    );
    assert.match(notes[1]!, /ruleset Local_check_mail: a rule/);
    assert.match(notes[2]!, /ruleset Ours: a rule/);
  });

  test("a rule of one ruleset is somebody's own in another, and so is one that names another mailer", () => {
    const tab = "\t";
    const cases: readonly (readonly [part: string, rule: string])[] = [
      ["LOCAL_RULE_0", `R$+${tab}$#cyrus $: $1`],
      ["LOCAL_RULE_0", `R$+ < @ $=w . >${tab}$#mymailer $: $1`],
      ["LOCAL_NET_CONFIG", `R$* < @$* > $*${tab}$#procmail $@ $2 $: $1 < @ $2 > $3`],
      ["LOCAL_RULE_3", `R$* < @ $+ > $*${tab}$: $1 < @ $2 . > $3`],
    ];
    for (const [part, rule] of cases) {
      const mc = `OSTYPE(\`linux')\nFEATURE(\`access_db')\nMAILER(\`smtp')\n${part}\n${rule}\n`;
      assert.equal(aboutRules(mc).length, 1, `${part} ${rule}`);
    }
  });

  test("every rule of another ruleset, put where a site's own rules go, is reported", () => {
    const known = stockRules();
    const base = runStockM4("OSTYPE(`linux')\nFEATURE(`access_db')\nMAILER(`smtp')\n").split("\n");
    for (const name of ["ParseLocal", "Parse1", "Canonify2", "Basic_check_mail"]) {
      const foreign = [...known.values()]
        .flatMap((rules) => [...rules])
        .filter((line) => !known.get(name)!.has(line))
        .filter((line) => !shapesOf(known.get(name)!).has(ruleShape(ruleText(line.slice(1)))));
      const at = base.findIndex((line) => new RegExp(`^S${name}(=|$)`).test(line)) + 1;
      const cf = [...base.slice(0, at), ...foreign, ...base.slice(at)].join("\n");
      const counted = notesOf(fromCf(cf))
        .filter((note) => note.includes(`ruleset ${name}: `))
        .map((note) => Number(/(\d+) (?:rules written by hand|refusals)/.exec(note)?.[1] ?? 1));
      assert.ok(foreign.length > 300);
      assert.equal(
        counted.reduce((sum, n) => sum + n, 0),
        foreign.length,
        name,
      );
    }
  });

  test("a refusal whose words were changed is named", () => {
    const cf = runStockM4(
      "OSTYPE(`linux')\ndefine(`confRELAY_MSG', `\"550 Not through here\"')\nMAILER(`smtp')\n",
    );
    const line = cf.split("\n").findIndex((text) => text.includes("Not through here")) + 1;
    const notes = notesOf(fromCf(cf)).filter((note) => note.includes("words of a refusal"));
    assert.equal(notes.length, 1);
    assert.ok(notes[0]!.startsWith(`${line}: ruleset Basic_check_rcpt: `), notes[0]);
  });

  test("another version's file: its unknown rules are counted once, with the version and their lines", () => {
    const cf = runStockM4("OSTYPE(`linux')\nFEATURE(`access_db')\nMAILER(`smtp')\n")
      .replace(/^DZ.*$/m, "DZ8.11.4")
      .replace(/^R\$\* < @ localhost > \$\*.*$/m, "R$* < @ localhost > $*\t$: $1 < @ $w . > $2")
      .replace(/^R<>\t.*$/m, "R<>\t$@ <@>");
    const notes = notesOf(fromCf(cf)).filter((note) => /not among/.test(note));
    assert.equal(notes.length, 1);
    assert.match(
      notes[0]!,
      /made by Sendmail 8\.11\.4: 2 of its rules are not among those known of 8\.17[\d.]* \(lines \d+, \d+\)/,
    );
  });

  test("where the comments are gone, the rules alone tell the FEATUREs", () => {
    for (const { name, mc } of stockConfigs()) {
      if (
        [
          "nullclient",
          "nullclientMasq",
          "looseRelay",
          "plusDetail",
          "masqueradeLimited",
          "msp",
          "mspPort",
          "debianMsp",
        ].includes(name)
      )
        continue;
      if (/preserve_local|local_no_masq/.test(mc)) continue;
      const bare = runStockM4(mc)
        .split("\n")
        .filter((line) => !line.startsWith("#"))
        .join("\n");
      assert.deepEqual(Object.fromEntries(fromCf(bare).values), Object.fromEntries(fromMc(mc).values), name);
    }
  });
}
