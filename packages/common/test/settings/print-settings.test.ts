import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSettings } from "../../src/settings/load.ts";
import { OPTIONS } from "../../src/settings/options.ts";
import { printSettings } from "../../src/settings/print-settings.ts";
import { ARTICLE_MC, REDHAT_MC } from "./sendmail/article.ts";
import { fromMc } from "./sendmail/reading.ts";

test("what is printed is a mailhost.yaml that means the same", () => {
  for (const mc of [ARTICLE_MC, REDHAT_MC, "OSTYPE(`linux')\nFEATURE(`nullclient', `[10.0.0.1]')"]) {
    const { settings, values } = fromMc(mc);
    assert.deepEqual(
      parseSettings(
        printSettings(values, () => "a remark"),
        "f",
      ),
      settings,
    );
  }
});

test("the defaults are printed as they are read", () => {
  const values = new Map(OPTIONS.map((option) => [option.path, option.default()]));
  assert.deepEqual(
    parseSettings(
      printSettings(values, () => ""),
      "f",
    ),
    parseSettings("", "f"),
  );
});

test("each setting shows where it comes from", () => {
  const { values, origins } = fromMc(ARTICLE_MC);
  const text = printSettings(values, (path) => String(origins.get(path)?.line ?? ""));
  assert.match(text, /^smtp:\n {2}listen: \["0\.0\.0\.0:25"\] # 29$/m);
  assert.match(text, /^ {2}maxRecipients: 100 # 17$/m);
});

test("what has no limit is called unlimited, and read so where a setting has no highest value", () => {
  assert.match(
    printSettings(fromMc("OSTYPE(`linux')").values, () => ""),
    /^ {2}maxMessageSize: unlimited$/m,
  );
  const { smtp } = parseSettings("smtp: {maxMessageSize: unlimited, maxRecipients: unlimited}", "f");
  assert.deepEqual(
    [smtp.maxMessageSize, smtp.maxRecipients],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  );
  assert.throws(() => parseSettings("smtp: {listen: unlimited}", "f"), /smtp\.listen: expected/);
});
