import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { describeSettingsInMdoc } from "../../src/settings/describe-man.ts";
import { parseSettings } from "../../src/settings/load.ts";
import { OPTIONS } from "../../src/settings/options.ts";

test("docs/man/mailhost.yaml.5 is what the table of options says", () => {
  const page = fileURLToPath(new URL("../../../../docs/man/mailhost.yaml.5", import.meta.url));
  assert.equal(readFileSync(page, "utf8"), describeSettingsInMdoc());
});

test("the page names every setting once and has a short source line everywhere", () => {
  const lines = describeSettingsInMdoc().split("\n");
  for (const { path } of OPTIONS) {
    assert.equal(lines.filter((line) => line.startsWith(`.It Ic ${path} :`)).length, 1, path);
  }
  assert.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
});

test("the example of the page can be read", () => {
  const example = /^\.Bd -literal\n(.*?)\n\.Ed$/ms.exec(describeSettingsInMdoc())?.[1] ?? "";
  const settings = parseSettings(example, "example");
  assert.equal(settings.hostname, "mail.example.com");
  assert.deepEqual(settings.accounts, ["file"]);
});
