import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { silentLog } from "@mailhost/common/log/log";
import { lockMailbox } from "@mailhost/common/mbox/lock";
import { hashFolder, placeMailboxes } from "@mailhost/common/mbox/mailbox-layout";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { recoverAllMailboxes } from "@mailhost/common/mbox/recover";
import { type Site, siteAt } from "@mailhost/common/site";

function placed(
  t: TestContext,
  mailbox: Partial<{ folder: string; hashSpool: number; homeFile: string }>,
): Site {
  const root = mkdtempSync(join(tmpdir(), "mailhost-layout-"));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "etc/mail"), { recursive: true });
  mkdirSync(join(root, "home/wang"), { recursive: true });
  writeFileSync(join(root, "etc/passwd"), `wang:x:2001:2001::${root}/home/wang:/bin/sh\n`);
  const all = { folder: "var/spool/mail", hashSpool: 0, homeFile: "", ...mailbox };
  return placeMailboxes(siteAt(root), { mailbox: all, accounts: ["file", "system"] });
}

test("the first method adds up the first five characters, the second takes the first two", () => {
  // w 119, a 97, n 110, g 103: 429 = 16 * 26 + 13
  assert.equal(hashFolder("wang", 1), "n");
  assert.equal(hashFolder("wangxiaoming", 1), hashFolder("wangx", 1));
  assert.equal(hashFolder("a", 1), String.fromCharCode(97 + (97 % 26)));
  assert.equal(hashFolder("wang", 2), "w/a");
  assert.equal(hashFolder("w", 2), "w/w");
  assert.equal(hashFolder("wang", 0), "");
});

test("a mailbox lies where the settings place it", (t) => {
  const flat = placed(t, {});
  assert.equal(flat.mailboxFile("wang"), join(flat.root, "var/spool/mail/wang"));
  const other = placed(t, { folder: "srv/mail", hashSpool: 2 });
  assert.equal(other.mailboxFile("wang"), join(other.root, "srv/mail/w/a/wang"));
  const homes = placed(t, { homeFile: "Mailbox" });
  assert.equal(homes.mailboxFile("wang"), join(homes.root, "home/wang/Mailbox"));
  assert.equal(homes.mailboxFile("nobody-known"), join(homes.root, "var/spool/mail/nobody-known"));
});

test("a home's mailbox is a plain name, as a folder in between is its owner's to replace", (t) => {
  assert.throws(() => placed(t, { homeFile: "mail/inbox" }), /mailbox\.homeFile.*plain name/);
  assert.throws(() => placed(t, { homeFile: ".." }), /mailbox\.homeFile/);
});

test("sub-folders are made along with a mailbox, as open as the spool is", async (t) => {
  const site = placed(t, { hashSpool: 2 });
  mkdirSync(site.spoolDir, { recursive: true, mode: 0o775 });
  const paths = mailboxPaths(site, "wang");
  const parts = { clock: systemClock, log: silentLog, timeout: 0 };
  const box = await lockMailbox(paths, { ...parts, create: true });
  await box?.release();
  assert.ok(statSync(join(site.spoolDir, "w/a/wang")).isFile());
  const mode = statSync(site.spoolDir).mode & 0o7777;
  assert.equal(statSync(join(site.spoolDir, "w")).mode & 0o7777, mode);
  assert.equal(statSync(join(site.spoolDir, "w/a")).mode & 0o7777, mode);
  assert.deepEqual(site.mailboxFolders(), [join(site.spoolDir, "w/a")]);
  assert.equal(await lockMailbox(mailboxPaths(site, "li"), parts), undefined);
});

test("a lock that a crash left in a sub-folder is found at start", async (t) => {
  const site = placed(t, { hashSpool: 1 });
  const mbox = mailboxPaths(site, "wang").mbox;
  mkdirSync(join(site.spoolDir, hashFolder("wang", 1)), { recursive: true });
  writeFileSync(mbox, "");
  mkdirSync(`${mbox}.lock`);
  const later = { ...systemClock, now: () => Date.now() + 60_000 };
  assert.equal(await recoverAllMailboxes(site, { clock: later, log: silentLog }), 1);
  assert.equal(statSync(`${mbox}.lock`, { throwIfNoEntry: false }), undefined);
});
