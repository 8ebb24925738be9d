/** Every test that docs/pop3-conformance.md names is there, and every row says whether it is met. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const page = readFileSync(join(root, "docs/pop3-conformance.md"), "utf8");

interface Row {
  readonly line: string;
  readonly test: string;
}

/** The rows of the tables, without heads and rules. */
function rows(): Row[] {
  return page
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\| (section|---|\| what)/.test(line))
    .map((line) => ({ line, test: line.split("|").at(-2)!.trim() }));
}

test("each row names a test that exists, or says that none is needed or it is not met", () => {
  const found = rows();
  assert.ok(found.length > 50);
  for (const { line, test: named } of found) {
    if (named === "") {
      assert.match(line, /not met|never needed/, line);
      continue;
    }
    const [, file, title] = /^`([^:]+): (.+)`$/.exec(named) ?? [];
    assert.ok(file !== undefined && title !== undefined, line);
    const path = join(root, file.startsWith("test/") ? file : join("packages/pop3/test", file));
    assert.ok(existsSync(path), path);
    const source = readFileSync(path, "utf8");
    assert.ok(source.includes(`"${title}"`), `${file} has no test "${title}"`);
  }
});

test("each of the RFCs has its table", () => {
  for (const rfc of [1939, 2449, 3206, 5034, 1734, 2595, 6856]) {
    assert.match(page, new RegExp(`^## .*RFC ${rfc}`, "m"));
  }
});
