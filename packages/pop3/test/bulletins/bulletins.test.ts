/**
 * Bulletins: what a reader finds in the mailbox, once, whatever happened before.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Account } from "@mailhost/common/accounts/accounts";
import { openGroups } from "@mailhost/common/accounts/groups-file";
import { systemClock } from "@mailhost/common/clock";
import { lockMailbox } from "@mailhost/common/mbox/lock";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { scanMbox } from "@mailhost/common/mbox/scan";
import type { Site } from "@mailhost/common/site";
import { type BulletinParts, bulletinPreparation } from "../../src/bulletins/bulletins.ts";
import { openProgressStore, type ProgressStore, progressFile } from "../../src/bulletins/progress-store.ts";
import { memoryLog, temporarySite } from "../harness/server.ts";

const FROM = "From root@mail.test Tue Nov 24 21:00:00 2026\n";
/** The time of all bulletins' files, seconds. */
const TIME = 1_700_000_000;

interface Board {
  readonly site: Site;
  readonly logged: string[];
  readonly progress: ProgressStore;
  readonly put: (name: string) => void;
  /** What a login does; returns what is in the mailbox, as `UID SUBJECT`. */
  readonly login: (user?: string) => Promise<string[]>;
  readonly mbox: (user?: string) => string;
}

function board(
  t: TestContext,
  settings: Partial<BulletinParts["settings"]> = {},
  accounts: readonly Partial<Account>[] = [],
  wrap: (store: ProgressStore) => ProgressStore = (store) => store,
  groupFile = "",
): Board {
  const site = temporarySite(t);
  mkdirSync(join(site.root, "etc"));
  writeFileSync(join(site.root, "etc/group"), groupFile);
  const folder = join(site.root, "bulletins");
  mkdirSync(folder);
  const logged: string[] = [];
  const log = memoryLog(logged);
  const progress = openProgressStore(site);
  t.after(() => progress.close());
  const preparation = bulletinPreparation({
    folder,
    settings: { max: 1, groups: false, optional: false, ...settings },
    hostname: "mail.test",
    accounts: () => ({
      find: (name) => ({ name, source: "file", ...accounts.find((account) => account.name === name) }),
    }),
    groups: openGroups(site),
    progress: wrap(progress),
    log,
  });
  const mbox = (user = "wang") => readFileSync(mailboxPaths(site, user).mbox, "latin1");
  return {
    site,
    logged,
    progress,
    mbox,
    put(name) {
      const path = join(folder, name);
      writeFileSync(
        path,
        `${FROM}To: everybody\nX-UIDL: of the file\nStatus: RO\nSubject: ${name}\n\nRead this.\n`,
      );
      utimesSync(path, TIME, TIME);
    },
    async login(user = "wang") {
      const paths = mailboxPaths(site, user);
      if (!(await preparation.isNeeded(paths, user))) return await subjects(site, user);
      const box = await lockMailbox(paths, { timeout: 5000, clock: systemClock, log, create: true });
      try {
        await preparation.run(box!, user);
      } finally {
        await box!.release();
      }
      return await subjects(site, user);
    },
  };
}

async function subjects(site: Site, user: string): Promise<string[]> {
  const box = await lockMailbox(mailboxPaths(site, user), {
    timeout: 5000,
    clock: systemClock,
    log: memoryLog([]),
  });
  if (box === undefined) return [];
  const found: string[] = [];
  try {
    const text = readFileSync(box.paths.mbox, "latin1");
    for await (const spans of scanMbox(box.file, 0, text.length)) {
      for (const { head, end, uidl } of spans) {
        found.push(`${uidl} ${/^Subject: (.*)$/m.exec(text.slice(head, end))?.[1]}`);
      }
    }
  } finally {
    await box.release();
  }
  return found;
}

test("somebody new gets the latest, and then each that comes, once", async (t) => {
  const { put, login, mbox } = board(t, { max: 2 });
  for (const name of ["001.one", "002.two", "010.ten", "README"]) put(name);
  const first = [`${TIME}.002 002.two`, `${TIME}.010 010.ten`];
  assert.deepEqual(await login(), first);
  assert.deepEqual(await login(), first);
  assert.match(
    mbox(),
    /\nX-UIDL: 1700000000\.002\nTo: wang@mail\.test\nSubject: 002\.two\n\nRead this\.\n\n/,
  );
  assert.doesNotMatch(mbox(), /of the file|Status|everybody/);
  put("011.eleven");
  put("012");
  assert.deepEqual(await login(), [...first, `${TIME}.011 011.eleven`, `${TIME}.012 012`]);
});

test("a file that is no bulletin takes nobody's place among the latest", async (t) => {
  const { put, login, site, logged } = board(t, { max: 2 });
  for (const name of ["001.one", "002.two", "003.bad", "004.four"]) put(name);
  writeFileSync(join(site.root, "bulletins/003.bad"), "no From line\n");
  assert.deepEqual(await login(), [`${TIME}.002 002.two`, `${TIME}.004 004.four`]);
  assert.equal(logged.filter((line) => line.includes("003.bad: left out")).length, 1);
  assert.match(logged.join("\n"), /wang: 2 bulletins came, up to number 4/);
  put("005.five");
  await login();
  assert.match(logged.join("\n"), /wang: 1 bulletin came, up to number 5/);
});

test("what its reader deleted does not come again, in this process or another", async (t) => {
  const { put, login, site, progress } = board(t);
  put("5.news");
  assert.equal((await login()).length, 1);
  truncateSync(mailboxPaths(site, "wang").mbox, 0);
  assert.deepEqual(await login(), []);
  await progress.close();
  assert.deepEqual(await login(), []);
});

test("none for somebody new when max is 0; those that come later do", async (t) => {
  const { put, login } = board(t, { max: 0 });
  put("1.old");
  assert.deepEqual(await login(), []);
  put("2.new");
  assert.deepEqual(await login(), [`${TIME}.002 2.new`]);
});

test("groups: one's own, one that one is a member of, ALL, and names without a part for it", async (t) => {
  const { put, login, logged } = board(
    t,
    { max: 100, groups: true },
    [
      { name: "wang", gid: 200 },
      { name: "li", gid: 100 },
    ],
    undefined,
    "staff:x:200:\nsales:x:201:li,zhao\n",
  );
  for (const name of ["1.staff.a", "1.sales.b", "2.ALL.c", "3", "4.nobodys.d", "5.sales"]) put(name);
  const subjectsOf = async (user: string) => (await login(user)).map((line) => line.split(" ")[1]);
  assert.deepEqual(await subjectsOf("wang"), ["1.staff.a", "2.ALL.c", "3"]);
  assert.deepEqual(await subjectsOf("li"), ["1.sales.b", "2.ALL.c", "3", "5.sales"]);
  assert.deepEqual(await subjectsOf("chen"), ["2.ALL.c", "3"]);
  assert.equal(
    logged.filter((line) => line.includes('4.nobodys.d: left out: there is no group "nobodys"')).length,
    1,
  );
  assert.equal((await login("wang")).length, 3);
});

test("killed between one write and the next: all of them, each once", async (t) => {
  for (const dieAt of ["before the first", "after the first", "before the second"]) {
    let writes = 0;
    let killed = false;
    const { put, login } = board(t, { max: 3 }, [], (store) => ({
      ...store,
      write: async (name, progress) => {
        if (killed) return await store.write(name, progress);
        killed = ++writes === (dieAt === "before the second" ? 2 : 1);
        if (!killed || dieAt === "after the first") await store.write(name, progress);
        if (killed) throw new Error("killed");
      },
    }));
    for (const name of ["0.z", "1.a", "2.b", "3.c"]) put(name);
    await assert.rejects(login(), /killed/);
    put("4.d");
    const subjects = (await login()).map((line) => line.split(" ")[1]);
    const expected = dieAt === "before the first" ? ["2.b", "3.c", "4.d"] : ["1.a", "2.b", "3.c", "4.d"];
    assert.deepEqual(subjects, expected, dieAt);
    assert.equal((await login()).length, expected.length);
  }
});

test("what is no bulletin is named once and left out", async (t) => {
  const { put, login, site, logged } = board(t, { max: 100 });
  const folder = join(site.root, "bulletins");
  writeFileSync(join(folder, "1.no-from"), "Subject: hello\n\nhello\n");
  execFileSync("mkfifo", [join(folder, "2.fifo")]);
  symlinkSync("/etc/passwd", join(folder, "3.link"));
  mkdirSync(join(folder, "4.folder"));
  writeFileSync(join(folder, "5.huge"), FROM);
  truncateSync(join(folder, "5.huge"), 17 * 1024 * 1024);
  writeFileSync(join(folder, "6.header"), `${FROM}X: ${"x".repeat(70_000)}\n\nbody\n`);
  writeFileSync(join(folder, "7.empty"), "");
  put("8.good");
  put("8.twin");
  if (process.getuid?.() !== 0) {
    put("9.secret");
    chmodSync(join(folder, "9.secret"), 0);
  }
  assert.deepEqual(await login(), [`${TIME}.008 8.good`]);
  const faults = logged.filter((line) => line.startsWith("warn bulletins: "));
  for (const name of [
    "1.no-from",
    "2.fifo",
    "3.link",
    "4.folder",
    "5.huge",
    "6.header",
    "7.empty",
    "8.twin",
  ]) {
    assert.equal(faults.filter((line) => line.includes(`${name}: left out: `)).length, 1, name);
  }
  assert.deepEqual(await login("li"), [`${TIME}.008 8.good`]);
  assert.equal(logged.filter((line) => line.startsWith("warn bulletins: ")).length, faults.length);
});

test("Qpopper's own record of how far somebody was", async (t) => {
  const home = temporarySite(t).root;
  const { put, login, site } = board(t, { max: 1 }, [{ name: "wang", home }]);
  for (const name of ["1.a", "2.b", "3.c", "4.d"]) put(name);
  writeFileSync(join(home, ".popbull"), "2\n");
  assert.deepEqual(await login(), [`${TIME}.003 3.c`, `${TIME}.004 4.d`]);
  const long = Buffer.alloc(8);
  long.writeBigInt64LE(1n);
  const datum = (bytes: Buffer) => `#:len=${bytes.length}\n${bytes.toString("base64")}\n`;
  const records = datum(Buffer.from("zhao\0")) + datum(long) + datum(Buffer.from("li\0")) + datum(long);
  const dump = `# GDBM dump file\n#:version=1.1\n#:file=bulldb.pag\n#:format=standard\n# End of header\n${records}#:count=2\n`;
  writeFileSync(join(site.root, "bulletins/bulldb.dump"), dump);
  assert.equal((await login("li")).length, 3);
  assert.equal((await login("chen")).length, 1);
  // One that is not readable as such is somebody new.
  const other = temporarySite(t).root;
  writeFileSync(join(other, ".popbull"), "many\n");
});

test("a damaged store of progress: the login fails, or goes on without", async (t) => {
  for (const optional of [false, true]) {
    const { put, login, site, logged } = board(t, { optional });
    writeFileSync(progressFile(site), "x".repeat(8192));
    put("1.a");
    if (optional) {
      assert.deepEqual(await login(), []);
      assert.deepEqual(await login(), []);
      assert.equal(logged.filter((line) => line.includes("not given out for now")).length, 1);
    } else {
      await assert.rejects(login(), /bulletins: .*bulletins\.mdb: .* move it away/);
    }
  }
});

test("a bulletin's text comes as it stands, lines that look like a start too", async (t) => {
  const { login, site, mbox } = board(t);
  const text = `${FROM}Subject: s\r\n continued\r\n\r\nFrom here on\r\n\r\n${FROM}no end`;
  writeFileSync(join(site.root, "bulletins/1.crlf"), text);
  assert.equal((await login()).length, 1);
  assert.match(mbox(), /\n>From here on\n\n>From root@mail\.test .*\nno end\n\n$/);
  assert.match(mbox(), /\nSubject: s\n continued\nTo: wang@mail\.test\n\n/);
});
