import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { sendControl } from "@mailhost/common/daemon/control";
import { findGroup, readSystemLists } from "@mailhost/common/daemon/identity";
import type { Site } from "@mailhost/common/site";
import {
  FakeClient,
  isAlive,
  makeRoot,
  pidIn,
  portIn,
  SETTINGS,
  type Started,
  startFakeHost,
  until,
} from "../fixtures/fake-host.ts";

/** A root that is removed, and hosts that are ended, when the test is over. */
function prepare(t: TestContext, settings?: string): { site: Site; readonly start: () => Promise<Started> } {
  const { site, remove } = makeRoot(settings);
  const hosts: Started[] = [];
  t.after(async () => {
    for (const host of hosts) host.process.kill("SIGKILL");
    await Promise.all(hosts.map((host) => host.exited));
    for (const name of ["mta", "pop3"]) {
      const pid = pidIn(site, name);
      if (pid !== undefined) await until(`${name} is gone`, () => !isAlive(pid));
    }
    remove();
  });
  return {
    site,
    async start() {
      const host = await startFakeHost(site);
      hosts.push(host);
      return host;
    },
  };
}

const logOf = (site: Site) => readFileSync(site.logFile, "utf8");

describe("mailhost start", () => {
  test("says where it listens, writes pid files, names its processes, and ends with 0 on SIGTERM", async (t) => {
    const { site, start } = prepare(t);
    const host = await start();
    assert.match(host.ready ?? "", /^mailhost ready smtp=127\.0\.0\.1:\d+ pop3=127\.0\.0\.1:\d+$/);
    assert.equal(pidIn(site, "mailhost"), host.process.pid);
    for (const name of ["mta", "pop3"]) {
      assert.equal(
        readFileSync(`/proc/${pidIn(site, name)}/cmdline`, "latin1").split("\0")[0],
        `mailhost: ${name}`,
      );
    }
    const client = new FakeClient(portIn(host.ready, "smtp"));
    assert.equal(await client.line(), `mta ${pidIn(site, "mta")}`);
    client.close();
    host.process.kill("SIGTERM");
    assert.equal((await host.exited).code, 0);
    assert.equal(pidIn(site, "mailhost"), undefined);
    assert.equal(pidIn(site, "mta"), undefined);
  });

  test("SIGTERM lets an open session finish", async (t) => {
    const { site, start } = prepare(t);
    const host = await start();
    const client = new FakeClient(portIn(host.ready, "pop3"));
    await client.line();
    host.process.kill("SIGTERM");
    await until("the host is stopping", () => logOf(site).includes("stopping"));
    await until("the mta is gone", () => /mta: ended with code 0/.test(logOf(site)));
    assert.ok(isAlive(host.process.pid!), "the host waits for the session");
    client.sayBye();
    assert.equal(await client.line(), "bye");
    assert.equal((await host.exited).code, 0);
    client.close();
  });

  test("a daemon that dies comes back on the same port; nobody is refused meanwhile, the other goes on", async (t) => {
    const { site, start } = prepare(t);
    const host = await start();
    const before = { mta: pidIn(site, "mta")!, pop3: pidIn(site, "pop3")! };
    process.kill(before.mta, "SIGKILL");
    // The port is open while no daemon is there: the client waits and is served by the next one.
    await until("the mta is dead", () => !isAlive(before.mta));
    const client = new FakeClient(portIn(host.ready, "smtp"));
    const greeting = await client.line();
    client.close();
    assert.match(greeting ?? "", /^mta \d+$/);
    assert.notEqual(greeting, `mta ${before.mta}`);
    assert.equal(greeting, `mta ${pidIn(site, "mta")}`);
    assert.equal(pidIn(site, "pop3"), before.pop3);
    assert.match(logOf(site), /mta: killed by SIGKILL; starting it again/);
  });

  test("daemons of a launcher that was killed end by themselves, and a new start takes over", async (t) => {
    const { site, start } = prepare(t);
    const first = await start();
    const orphans = [pidIn(site, "mta")!, pidIn(site, "pop3")!];
    first.process.kill("SIGKILL");
    await first.exited;
    const second = await start();
    assert.match(second.ready ?? "", /^mailhost ready /);
    for (const pid of orphans) assert.ok(!isAlive(pid), "two daemons never work on one root");
    assert.equal(pidIn(site, "mailhost"), second.process.pid);
  });

  test("a second host on the same root is refused, naming the first", async (t) => {
    const { site, start } = prepare(t);
    const first = await start();
    const second = await (await start()).exited;
    assert.equal(second.code, 69);
    assert.match(
      second.stderr,
      new RegExp(`already running on ${site.root} \\(process ${first.process.pid}\\)`),
    );
  });

  test("a port in use is named, with exit code 69, and nothing stays behind", async (t) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    t.after(() => taken.close());
    const { port } = taken.address() as AddressInfo;
    const { site, start } = prepare(t, SETTINGS.replace("127.0.0.1:0", `127.0.0.1:${port}`));
    const { code, stderr } = await (await start()).exited;
    assert.equal(code, 69);
    assert.match(stderr, new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${port}: the port is in use`, "m"));
    assert.match(stderr, /smtp\.listen/);
    assert.equal(pidIn(site, "mailhost"), undefined);
  });

  test("a daemon that can not start ends the host with its own words and code", async (t) => {
    const { site, start } = prepare(t);
    writeFileSync(join(site.root, "fake/mta"), "fail");
    const { code, stderr } = await (await start()).exited;
    assert.equal(code, 78);
    assert.match(stderr, /the fake daemon was told to fail/);
    assert.equal(pidIn(site, "pop3"), undefined);
  });

  test("SIGHUP passes new settings on; broken ones are named and the old stay", async (t) => {
    const { site, start } = prepare(t);
    const host = await start();
    writeFileSync(site.settingsFile, SETTINGS.replace("mail.example.com", "new.example.com"));
    host.process.kill("SIGHUP");
    await until(
      "the daemons have it",
      () => (logOf(site).match(/reloaded hostname=new\.example\.com/g) ?? []).length === 2,
    );
    writeFileSync(site.settingsFile, "smtp: { listn: [] }\n");
    host.process.kill("SIGHUP");
    await until("the fault is named", () => logOf(site).includes("smtp.listn: unknown setting"));
    // A daemon that is started now gets the last good settings.
    const before = pidIn(site, "mta")!;
    process.kill(before, "SIGKILL");
    await until("the mta is back", () => pidIn(site, "mta") !== undefined && pidIn(site, "mta") !== before);
    const client = new FakeClient(portIn(host.ready, "smtp"));
    assert.match((await client.line()) ?? "", /^mta /);
    client.close();
  });

  test("the control socket wakes the daemons and tells of them", async (t) => {
    const { site, start } = prepare(t);
    assert.equal(await sendControl(site, "status"), undefined);
    const host = await start();
    assert.deepEqual(await sendControl(site, "wake"), { ok: true });
    await until("the wake arrived", () => logOf(site).includes("woken"));
    const status = await sendControl(site, "status");
    assert.equal(status?.ok, true);
    assert.equal(status?.pid, host.process.pid);
    const daemons = status?.daemons as { name: string; state: string; pid: number }[];
    assert.deepEqual(
      daemons.map(({ name, state }) => `${name} ${state}`),
      ["mta ready", "pop3 ready"],
    );
    assert.equal((await sendControl(site, "constructor"))?.ok, false);
  });

  test("a folder that cannot be made is named with the reason", async (t) => {
    const { site, start } = prepare(t);
    mkdirSync(join(site.root, "var/spool"), { recursive: true });
    writeFileSync(site.queueDir, "in the way");
    const { code, stderr } = await (await start()).exited;
    assert.equal(code, 73);
    assert.match(stderr, new RegExp(`${site.queueDir}: a file is in its place`));
  });

  test("a root with no etc/mail is told of init", async (t) => {
    const { site, start } = prepare(t, "");
    rmSync(site.etcMail, { recursive: true });
    const { code, stderr } = await (await start()).exited;
    assert.equal(code, 78);
    assert.match(stderr, /mailhost init/);
  });

  test("root becomes run.user after binding; what the daemons use is handed over", {
    skip: cannotBecomeMail(),
  }, async (t) => {
    const { site, start } = prepare(t, `${SETTINGS}run: { user: mail, group: mail }\n`);
    chmodSync(site.root, 0o755);
    mkdirSync(site.queueDir, { recursive: true });
    writeFileSync(join(site.queueDir, "left-by-root"), "");
    // Mail that the start puts back: it makes the first journal, as root.
    mkdirSync(site.spoolDir, { recursive: true });
    chownSync(site.spoolDir, 0, findGroup(readSystemLists().group, "mail")!);
    chmodSync(site.spoolDir, 0o2775);
    for (const name of ["wang", ".wang.pop"])
      writeFileSync(
        join(site.spoolDir, name),
        `From a@example.com Tue Nov 24 21:00:00 2026\nSubject: ${name}\n\nx\n\n`,
      );
    const host = await start();
    assert.match(host.ready ?? "", /^mailhost ready /);
    const { uid, gid } = statSync(join(site.queueDir, "left-by-root"));
    for (const path of ["journal", "journal/wang"])
      assert.equal(statSync(join(site.stateDir, path)).uid, uid, path);
    for (const pid of [host.process.pid, pidIn(site, "mta"), pidIn(site, "pop3")]) {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      assert.match(status, new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, "m"));
      assert.match(status, new RegExp(`^Gid:\\t${gid}\\t${gid}\\t`, "m"));
    }
    assert.notEqual(uid, 0);
    assert.equal(statSync(site.stateDir).uid, uid);
    assert.equal(statSync(site.logFile).uid, uid);
    assert.equal(statSync(site.spoolDir).mode & 0o7777, 0o2775);
    assert.equal(statSync(site.spoolDir).gid, gid);
    // A daemon that is started again has the same ports, which nobody but root could bind.
    const before = pidIn(site, "mta")!;
    process.kill(before, "SIGKILL");
    await until("the mta is back", () => ![undefined, before].includes(pidIn(site, "mta")));
    host.process.kill("SIGTERM");
    assert.equal((await host.exited).code, 0);
  });
});

/** Why the change of user cannot be tried here; false when it can. */
function cannotBecomeMail(): string | false {
  if (process.getuid?.() !== 0) return "root alone can do this";
  if (findGroup(readSystemLists().group, "mail") === undefined) return "this system has no group mail";
  for (const file of [import.meta.dirname, process.execPath]) {
    for (let dir = dirname(file); dir !== "/"; dir = dirname(dir)) {
      if ((statSync(dir).mode & 0o001) === 0) return `${dir} is not open to everybody`;
    }
  }
  return false;
}
