import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { silentLog } from "@mailhost/common/log/log";
import { lockMailbox } from "@mailhost/common/mbox/lock";
import { hashFolder, mailboxAt, mailboxNames, placeMailboxes } from "@mailhost/common/mbox/mailbox-layout";
import { mailboxNameFault } from "@mailhost/common/mbox/mailbox-name";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { recoverAllMailboxes } from "@mailhost/common/mbox/recover";
import { recoverTempDrops } from "@mailhost/common/mbox/recover-temp-drops";
import { tempDropFiles } from "@mailhost/common/mbox/temp-drop";
import { type Site, siteAt } from "@mailhost/common/site";
import fc from "fast-check";

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

test("a domain's mailboxes lie in its folder, laid out as the spool is", async (t) => {
  const site = placed(t, { hashSpool: 1 });
  mkdirSync(site.spoolDir, { recursive: true, mode: 0o775 });
  const paths = mailboxPaths(site, "wang@a.example");
  const hash = hashFolder("wang", 1);
  assert.equal(paths.mbox, join(site.spoolDir, "a.example", hash, "wang"));
  assert.equal(paths.lock, `${paths.mbox}.lock`);
  assert.equal(paths.journal, join(site.stateDir, "journal/wang@a.example"));
  const parts = { clock: systemClock, log: silentLog, timeout: 0 };
  for (const name of ["wang", "wang@a.example", "li@b.example"]) {
    const box = await lockMailbox(mailboxPaths(site, name), { ...parts, create: true });
    await box?.release();
  }
  assert.equal(statSync(join(site.spoolDir, "a.example")).mode, statSync(site.spoolDir).mode);
  assert.deepEqual(mailboxNames(site).toSorted(), ["li@b.example", "wang", "wang@a.example"]);
  assert.equal(mailboxAt(site, paths.mbox), "wang@a.example");
  assert.equal(mailboxAt(site, mailboxPaths(site, "wang").mbox), "wang");
  assert.equal(mailboxAt(site, join(site.spoolDir, "a.example")), undefined);
  assert.equal(mailboxAt(site, "/etc/passwd"), undefined);
  // A lock beside a mailbox is a directory too, and no domain.
  mkdirSync(join(site.spoolDir, hash, "wang.lock"));
  mkdirSync(join(site.spoolDir, "x.lock"));
  assert.deepEqual(
    site.mailboxFolders().map(({ domain }) => domain),
    ["", "a.example", "b.example"],
  );
});

test("a crash's lock and a temporary drop of Qpopper's are found in a domain's folder", async (t) => {
  const site = placed(t, {});
  const paths = mailboxPaths(site, "wang@a.example");
  mkdirSync(join(site.spoolDir, "a.example"), { recursive: true });
  writeFileSync(paths.mbox, "");
  writeFileSync(join(site.spoolDir, "wang"), "");
  mkdirSync(paths.lock);
  const drop = "From li Tue Nov 24 21:59:01 2026\nSubject: kept\n\nx\n\n";
  writeFileSync(join(site.spoolDir, "a.example/.wang.pop"), drop);
  assert.deepEqual(tempDropFiles(site, paths), [join(site.spoolDir, "a.example/.wang.pop")]);
  const later = { ...systemClock, now: () => Date.now() + 60_000 };
  assert.equal(await recoverAllMailboxes(site, { clock: later, log: silentLog }), 1);
  const uidOf = () => process.getuid?.();
  assert.equal(await recoverTempDrops(site, { clock: systemClock, log: silentLog, uidOf }), 1);
  assert.match(readFileSync(paths.mbox, "utf8"), /Subject: kept/);
  assert.equal(readFileSync(join(site.spoolDir, "wang"), "utf8"), "");
});

test("a file where a domain's folder is to be is a clear fault, and nothing is lost", async (t) => {
  const site = placed(t, {});
  mkdirSync(site.spoolDir, { recursive: true });
  writeFileSync(join(site.spoolDir, "a.example"), "");
  const options = { clock: systemClock, log: silentLog, timeout: 0, create: true };
  await assert.rejects(
    lockMailbox(mailboxPaths(site, "wang@a.example"), options),
    /a\.example.*is no folder/,
  );
  rmSync(join(site.spoolDir, "a.example"));
  const elsewhere = join(site.root, "elsewhere");
  mkdirSync(elsewhere);
  symlinkSync(elsewhere, join(site.spoolDir, "a.example"));
  await assert.rejects(lockMailbox(mailboxPaths(site, "wang@a.example"), options), /is no folder/);
});

test("no name leads out of the spool, whatever stands behind its @", (t) => {
  const site = placed(t, { hashSpool: 2 });
  const part = fc.string({ unit: fc.constantFrom("a", "b", ".", "/", "@", "-", "\0", "é", ".lock", "..") });
  fc.assert(
    fc.property(part, part, (user, domain) => {
      const name = `${user}@${domain}`;
      if (mailboxNameFault(name) !== undefined) return;
      const { mbox, lock } = mailboxPaths(site, name);
      assert.ok(mbox.startsWith(`${site.spoolDir}/`) && !mbox.endsWith(".lock"));
      assert.equal(mailboxAt(site, mbox), name);
      assert.ok(!lock.includes("/../"));
    }),
  );
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
  assert.deepEqual(site.mailboxFolders(), [{ path: join(site.spoolDir, "w/a"), domain: "" }]);
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
