import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openReopeningLog } from "../../src/daemon/reopening-log.ts";
import { parseSettings } from "../../src/settings/load.ts";
import { siteAt } from "../../src/site.ts";

test("after logrotate has moved the file away, a reload begins a new one in the new format", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "mailhost-log-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  const log = openReopeningLog(site, "popper", parseSettings("", "f"));
  log.write("info", "before");
  // The file is opened in the background: what is written before goes to it all the same.
  const started = Date.now();
  const text = (file: string) => {
    try {
      return readFileSync(file, "utf8");
    } catch {
      return "";
    }
  };
  while (!text(site.logFile).includes("before") && Date.now() - started < 30_000)
    await new Promise(setImmediate);
  renameSync(site.logFile, `${site.logFile}.1`);
  log.reopen(parseSettings("log: { format: json }", "f"));
  log.write("info", "after");
  await log.close();
  assert.match(text(`${site.logFile}.1`), /popper\[\d+\]: before\n$/);
  assert.equal((JSON.parse(text(site.logFile)) as { text: string }).text, "after");
});
