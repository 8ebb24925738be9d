/** When a mailbox is opened without its lock, and that whatever was done to it leads back to the lock. */
import assert from "node:assert/strict";
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { type Clock, systemClock } from "@mailhost/common/clock";
import { type MailboxPaths, mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { type IndexStore, openIndexStore } from "../../src/maildrop/index-store.ts";
import { openMaildrop } from "../../src/maildrop/open.ts";
import { openUnlocked } from "../../src/maildrop/open-unlocked.ts";
import { mboxText, memoryLog, temporarySite } from "../harness/server.ts";

const THREE = ["one", "two", "three"].map((body, i) => mboxText(`Subject: s\n\n${body}\n`, i)).join("");
/** The system's clock, well after all changes. */
const LATER: Clock = { ...systemClock, now: () => systemClock.now() + 60_000 };

interface Known {
  readonly paths: MailboxPaths;
  readonly store: IndexStore;
  /** Whether a login now needs no lock. */
  unlocked(clock?: Clock): Promise<boolean>;
  /** A login; the ids it sees. */
  login(): Promise<string[]>;
}

/** A mailbox whose index is stored. */
async function known(t: TestContext): Promise<Known> {
  const site = temporarySite(t);
  const logged: string[] = [];
  const log = memoryLog(logged);
  const paths = mailboxPaths(site, "wang");
  writeFileSync(paths.mbox, THREE);
  const store = openIndexStore(site, { log, clock: systemClock });
  t.after(() => store.close());
  const context = {
    site,
    store,
    clock: LATER,
    log,
    lockTimeout: 50,
    preparations: [],
    uidFormat: "default",
  } as const;
  const login = async () => {
    const opened = await openMaildrop(context, "wang");
    if (opened.kind !== "open") throw new Error(`the mailbox is ${opened.kind}`);
    const uids = [...opened.drop.messages].map(({ uid }) => uid);
    await opened.drop.close();
    return uids;
  };
  await login();
  return {
    paths,
    store,
    login,
    async unlocked(clock = LATER) {
      const opened = await openUnlocked({ ...context, clock }, paths);
      await opened?.file.close();
      return opened !== undefined;
    },
  };
}

test("an untouched mailbox is opened without its lock, with what the lock would have shown", async (t) => {
  const box = await known(t);
  assert.equal(await box.unlocked(), true);
  const uids = await box.login();
  assert.equal(uids.length, 3);
  assert.deepEqual(await box.login(), uids);
});

const CHANGES: Readonly<Record<string, (paths: MailboxPaths) => void>> = {
  "mail arrived": ({ mbox }) => appendFileSync(mbox, mboxText("Subject: new\n\nnew\n", 9)),
  "half of a message arrived": ({ mbox }) => appendFileSync(mbox, "From a@b Tue Nov 24 21:59:01 2026\nSubj"),
  "a torn delivery was undone": ({ mbox }) => {
    appendFileSync(mbox, "From a@b");
    truncateSync(mbox, THREE.length);
  },
  "the end was cut": ({ mbox }) => truncateSync(mbox, THREE.length - 20),
  "rewritten in the same size, its time put back": ({ mbox }) => {
    const { atime, mtime } = statSync(mbox);
    writeFileSync(mbox, readFileSync(mbox, "latin1").replace("three", "THREE"));
    utimesSync(mbox, atime, mtime);
  },
  "another file of the same bytes in its place": ({ mbox }) => {
    writeFileSync(`${mbox}.new`, THREE);
    renameSync(`${mbox}.new`, mbox);
  },
  "a second name": ({ mbox }) => linkSync(mbox, `${mbox}.second`),
  "a link in its place": ({ mbox }) => {
    renameSync(mbox, `${mbox}.elsewhere`);
    symlinkSync(`${mbox}.elsewhere`, mbox);
  },
  gone: ({ mbox }) => rmSync(mbox),
  "another program's lock": ({ lock }) => writeFileSync(lock, ""),
  "our lock": ({ lock }) => mkdirSync(lock),
  "work left in the journal": ({ journal }) => {
    mkdirSync(new URL(`file://${journal}/..`).pathname, { recursive: true });
    writeFileSync(journal, "left");
  },
};

for (const [what, change] of Object.entries(CHANGES)) {
  test(`not so when there is a sign that something was done: ${what}`, async (t) => {
    const box = await known(t);
    change(box.paths);
    assert.equal(await box.unlocked(), false);
  });
}

test("not so when the last change is so young that another may have the same time", async (t) => {
  const box = await known(t);
  const now = Number(statSync(box.paths.mbox, { bigint: true }).ctimeNs / 1_000_000n);
  assert.equal(await box.unlocked({ ...LATER, now: () => now + 900 }), false);
  assert.equal(await box.unlocked({ ...LATER, now: () => now + 1100 }), true);
});

test("a change at any moment of the opening is noticed then, or is one that came after", async (t) => {
  // The opening asks the clock once, in its middle: what happens there is seen by its second look.
  for (const what of [
    "mail arrived",
    "another file of the same bytes in its place",
    "another program's lock",
  ]) {
    const box = await known(t);
    let done = false;
    const meddling: Clock = {
      ...LATER,
      now: () => {
        if (!done) CHANGES[what]!(box.paths);
        done = true;
        return LATER.now();
      },
    };
    assert.equal(await box.unlocked(meddling), false, what);
    assert.ok(done);
  }
});

test("mail that arrived is seen by the next login, and a rewritten mailbox keeps its ids", async (t) => {
  const box = await known(t);
  const uids = await box.login();
  CHANGES["mail arrived"]!(box.paths);
  const four = await box.login();
  assert.deepEqual(four.slice(0, 3), uids);
  assert.equal(four.length, 4);
  const file = await open(box.paths.mbox, "r+");
  await file.truncate(0);
  await file.writeFile(THREE);
  await file.close();
  assert.deepEqual(await box.login(), uids);
});
