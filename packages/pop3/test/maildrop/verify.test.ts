/**
 * What is said of a mailbox, sound or not.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { lockMailbox } from "@mailhost/common/mbox/lock";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import type { Site } from "@mailhost/common/site";
import { indexFile, openIndexStore, readStoredIndex } from "../../src/maildrop/index-store.ts";
import { refreshIndex } from "../../src/maildrop/refresh.ts";
import { type VerifyOptions, verifyMailbox } from "../../src/maildrop/verify.ts";
import { suspectPlaces } from "../../src/maildrop/verify-bytes.ts";
import { mboxText, memoryLog, temporarySite } from "../harness/server.ts";

const MAIL = mboxText("Subject: s\n\nbody\n");

async function codes(site: Site, content: string | undefined, options: Partial<VerifyOptions> = {}) {
  const paths = mailboxPaths(site, "wang");
  if (content !== undefined) {
    writeFileSync(paths.mbox, content, "latin1");
    chmodSync(paths.mbox, 0o660);
  }
  const before = content === undefined ? undefined : readFileSync(paths.mbox);
  const report = await verifyMailbox(paths, { site, ...options });
  if (before !== undefined) assert.deepEqual(readFileSync(paths.mbox), before);
  const places = report.findings.map(({ code, offset, length }) =>
    offset === undefined ? code : `${code} ${offset}${length === undefined ? "" : `+${length}`}`,
  );
  return { report, places };
}

test("a sound mailbox, an empty one, and none", async (t) => {
  const site = temporarySite(t);
  assert.deepEqual((await codes(site, undefined)).report.exists, false);
  for (const text of ["", MAIL, MAIL + MAIL, MAIL.replaceAll("\n", "\r\n")]) {
    const { report, places } = await codes(site, text);
    assert.deepEqual(places, []);
    assert.ok(report.sound);
  }
  const { report } = await codes(site, MAIL + MAIL);
  assert.equal(report.messages, 2);
  assert.deepEqual([report.octets, report.size, report.exists], [40, 2 * MAIL.length, true]);
});

test("what is wrong with the bytes, and where", async (t) => {
  const site = temporarySite(t);
  const end = MAIL.length;
  const cases: [content: string, places: string[], sound: boolean][] = [
    [`garbage\n\n${MAIL}`, ["junk 0+9"], false],
    ["no mailbox at all\n", ["junk 0+18"], false],
    [`${MAIL}${"\0".repeat(4096)}`, [`cut-short ${end + 4096}`, `nul-block ${end}+4096`], false],
    [`${MAIL}x\0y\n\n`, [], true],
    [`${MAIL}From here on it is a text\n\n`, [`from-line ${end}+25`], true],
    [`${MAIL}Return-Path: <a@b>\nSubject: x\n\nbody\n\n`, [`headless ${end}+18`], true],
    [`${MAIL}`.slice(0, -3), [`cut-short ${end - 3}`], true],
    [
      [1, 2].map((i) => mboxText("X-UIDL: same-same-same\nSubject: s\n\nbody\n", i)).join(""),
      [`uid-twin ${mboxText("X-UIDL: same-same-same\nSubject: s\n\nbody\n").length}`],
      true,
    ],
  ];
  for (const [content, expected, sound] of cases) {
    const { report, places } = await codes(site, content);
    assert.deepEqual(places, expected, JSON.stringify(content.slice(0, 60)));
    assert.equal(report.sound, sound);
  }
});

test("places are found wherever the blocks of reading end", async (t) => {
  const site = temporarySite(t);
  const paths = mailboxPaths(site, "wang");
  const { open } = await import("node:fs/promises");
  for (let shift = -70; shift <= 70; shift++) {
    const filling = "x".repeat(512 * 1024 + shift - MAIL.length);
    const content = `${MAIL}${filling}\n\nFrom a\n\n${"\0".repeat(20)}\n`;
    writeFileSync(paths.mbox, content);
    const file = await open(paths.mbox, "r");
    const at = MAIL.length + filling.length + 2;
    assert.deepEqual(
      await suspectPlaces(file, Float64Array.of(0)),
      [
        { kind: "from", offset: at, length: 6 },
        { kind: "nul", offset: at + 8, length: 20 },
      ],
      String(shift),
    );
    await file.close();
  }
});

test("what is no mailbox file, and whose it is", async (t) => {
  const site = temporarySite(t);
  const { mbox } = mailboxPaths(site, "wang");
  const makes: [code: string, make: () => void][] = [
    ["not-a-file", () => symlinkSync("/etc/passwd", mbox)],
    ["not-a-file", () => mkdirSync(mbox)],
    ["not-a-file", () => execFileSync("mkfifo", [mbox])],
    [
      "names",
      () => {
        writeFileSync(mbox, MAIL, { mode: 0o660 });
        linkSync(mbox, join(site.root, "other"));
      },
    ],
  ];
  for (const [code, make] of makes) {
    make();
    const { report, places } = await codes(site, undefined);
    assert.deepEqual(places, [code]);
    assert.equal(report.sound, false);
    rmSync(mbox, { recursive: true });
  }
  writeFileSync(mbox, MAIL);
  chmodSync(mbox, 0o664);
  const own = process.getuid?.() ?? 0;
  assert.deepEqual((await codes(site, undefined, { uid: own })).places, ["mode"]);
  chmodSync(mbox, 0o660);
  assert.deepEqual((await codes(site, undefined, { uid: own + 1 })).places, ["owner"]);
  assert.deepEqual((await codes(site, undefined, { uid: own + 1, daemon: own })).places, []);
});

test("locks, an unfinished change, a temporary drop; the quick look at the start", async (t) => {
  const site = temporarySite(t);
  const paths = mailboxPaths(site, "wang");
  mkdirSync(dirname(paths.journal), { recursive: true });
  writeFileSync(paths.journal, "x");
  writeFileSync(paths.lock, "");
  writeFileSync(join(site.spoolDir, ".wang.pop"), MAIL);
  assert.deepEqual((await codes(site, MAIL)).places, ["locked", "unfinished", "temp-drop"]);
  for (const path of [paths.journal, paths.lock, join(site.spoolDir, ".wang.pop")]) rmSync(path);
  assert.deepEqual((await codes(site, MAIL, { quick: true })).places, []);
  assert.deepEqual((await codes(site, `junk\n${MAIL}`, { quick: true })).places, ["junk 0"]);
});

test("the index as it is stored is compared with the file", async (t) => {
  const site = temporarySite(t);
  await codes(site, MAIL + MAIL);
  assert.equal(await readStoredIndex(site, "wang"), undefined);
  await indexed(t, site);
  const index = await readStoredIndex(site, "wang");
  assert.ok(typeof index === "object");
  assert.deepEqual((await codes(site, undefined, { index })).places, []);
  assert.deepEqual((await codes(site, undefined, { index: "damaged" })).places, ["index"]);
  const { messages } = index;
  const wrong = { ...index, messages: Object.create(messages, { count: { value: 1 } }) as typeof messages };
  const { report } = await codes(site, undefined, { index: wrong });
  assert.equal(report.sound, false);
  writeFileSync(indexFile(site), "x".repeat(9000));
  await assert.rejects(readStoredIndex(site, "wang"), /pop3-index\.mdb: /);
});

/** Does what a login does with the index. */
async function indexed(t: TestContext, site: Site): Promise<void> {
  const log = memoryLog([]);
  const store = openIndexStore(site, { log, clock: systemClock });
  t.after(() => store.close());
  const box = await lockMailbox(mailboxPaths(site, "wang"), { timeout: 1000, clock: systemClock, log });
  const { index } = await refreshIndex(box!.file, undefined);
  await box!.release();
  await store.write("wang", index, 0);
  await store.close();
}
