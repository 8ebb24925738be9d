import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { UserError } from "@mailhost/common/errors";
import { parseSettings } from "@mailhost/common/settings/load";
import { siteAt } from "@mailhost/common/site";
import { requireReadableTables } from "../../src/start/readable-tables.ts";

test("a host does not start with a table of which nothing can be read", (t) => {
  const root = mkdtempSync(join(tmpdir(), "mailhost-tables-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  const settings = parseSettings("", "mailhost.yaml");
  const text = join(site.etcMail, "access");
  // No file at all is an empty table.
  requireReadableTables(site, settings);
  // An old Berkeley DB file: its text stands in for it, and without one there is nothing.
  const berkeley = Buffer.alloc(4096);
  berkeley.writeUInt32LE(0x00061561, 12);
  writeFileSync(`${text}.db`, berkeley);
  writeFileSync(text, "spam.example REJECT\n");
  requireReadableTables(site, settings);
  rmSync(text);
  assert.throws(
    () => requireReadableTables(site, settings),
    (error) =>
      error instanceof UserError &&
      error.exitCode === 78 &&
      /access\.db: is a Berkeley DB/.test(error.message),
  );
});
