import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { describeSettings } from "../../src/settings/describe.ts";

test("docs/configuration.md is what the table of options says", () => {
  const page = fileURLToPath(new URL("../../../../docs/configuration.md", import.meta.url));
  assert.equal(readFileSync(page, "utf8"), describeSettings());
});
