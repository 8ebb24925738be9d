/**
 * The machine's own accounts, in a mount namespace of the test with an /etc of its own: made with useradd and chpasswd,
 * checked by the helper that stays root while the servers run as mail.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { cleanUpLater } from "../harness/clean-ups.ts";
import { eventually } from "../harness/eventually.ts";
import { type MailHost, prepareSite, startOn } from "../harness/host.ts";
import { openPop3 } from "../harness/pop3-client.ts";
import { needs, runProgram } from "../harness/programs.ts";

const PAM = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n";

/** A folder that stands for /etc in the namespace. */
async function machine(t: TestContext) {
  const etc = mkdtempSync(join(tmpdir(), "mailhost-etc-"));
  cleanUpLater(t, () => rmSync(etc, { recursive: true, force: true }));
  const copied = await runProgram("cp", ["-a", "/etc/.", etc]);
  assert.equal(copied.code, 0, copied.stderr);
  chmodSync(etc, 0o755);
  writeFileSync(join(etc, "pam.d/mailhost"), PAM);
  const inside = (script: string) => [
    "unshare",
    "--mount",
    "sh",
    "-c",
    `mount --bind '${etc}' /etc && ${script}`,
    "sh",
  ];
  const run = async (script: string) => {
    const [command = "", ...args] = inside(script);
    const ran = await runProgram(command, args);
    assert.equal(ran.code, 0, ran.stderr);
  };
  return { etc, inside, run };
}

const POPPER = fileURLToPath(new URL("../../packages/pop3/bin/popper.js", import.meta.url));

async function host(t: TestContext, passwords: "auto" | "shadow", exec = 'exec "$@"') {
  const { site, inside, run } = await machineWithPeople(t, passwords);
  return { host: await startOn(t, site, inside(exec)), run };
}

/** A machine with accounts, and a site on it that no host runs on yet. */
async function machineWithPeople(t: TestContext, passwords: "auto" | "shadow") {
  const { inside, run } = await machine(t);
  const user = (name: string, how: string) =>
    `useradd -M ${how} ${name} && echo ${name}:geheim | chpasswd -c YESCRYPT`;
  await run(
    [
      user("pamela", "-s /bin/bash"),
      user("shut", "-s /bin/bash"),
      "usermod -L shut",
      user("ended", "-s /bin/bash -e 2000-01-01"),
      user("stale", "-s /bin/bash"),
      "chage -d 2000-01-01 -M 30 -I 1 stale",
      user("nolog", "-s /usr/sbin/nologin"),
      user("lowly", "-s /bin/bash -o -u 5"),
    ].join(" && "),
  );
  const site = await prepareSite(t, {
    files: { "etc/passwd": undefined },
    settings: { run: { user: "mail", group: "mail" }, accounts: ["file", "system"], system: { passwords } },
  });
  // The harness makes roots that only their owner sees.
  chmodSync(site.root, 0o755);
  return { site, inside, run };
}

/** Every login comes from another address: wrong ones from one are answered ever more slowly. */
let caller = 0;

async function login(at: MailHost, user: string, password: string): Promise<string> {
  const client = await openPop3(at.pop3, { from: `127.1.${caller >> 8}.${caller++ & 255}` });
  const answer = await client.login(user, password);
  // Only its QUIT gives the mailbox back before the next login.
  if (answer.startsWith("+OK")) await client.quit();
  else client.close();
  return answer;
}

for (const [passwords, how] of [
  ["auto", /passwords: the system's are checked by PAM, service mailhost/],
  ["shadow", /passwords: the system's are checked against \/etc\/shadow/],
] as const) {
  test(`system.passwords: ${passwords}`, needs("unshare"), async (t) => {
    const { host: at, run } = await host(t, passwords);
    await at.logged(how);
    assert.match(await login(at, "pamela", "geheim"), /^\+OK/);
    assert.match(await login(at, "PAMELA", "geheim"), /^\+OK/);
    const wrong = await login(at, "pamela", "falsch");
    assert.match(wrong, /^-ERR \[AUTH\]/);
    // Whatever is wrong with an account, nobody is told.
    await Promise.all(
      ["shut", "ended", "stale", "nolog", "lowly", "nobody-here", "root"].map(async (user) =>
        assert.equal((await login(at, user, "geheim")).replace(user, "pamela"), wrong, user),
      ),
    );
    assert.match(await login(at, "pamela", ""), /^-ERR/);
    await run("echo pamela:anders | chpasswd");
    assert.match(await login(at, "pamela", "geheim"), /^-ERR/, "a changed password counts at once");
    assert.match(await login(at, "pamela", "anders"), /^\+OK/);
    await run("usermod -L pamela");
    assert.match(await login(at, "pamela", "anders"), /^-ERR/, "and so does a lock");
  });
}

test("the helper comes back when it dies, and ends with the host", needs("unshare", "setpriv"), async (t) => {
  // As in a container, where root may send no signals to others.
  const { host: at } = await host(t, "shadow", 'exec setpriv --bounding-set=-kill "$@"');
  const pids = async (...how: string[]) => {
    const ran = await runProgram("pgrep", how);
    return ran.stdout
      .split("\n")
      .filter((line) => line !== "")
      .map(Number);
  };
  // The helper has a name of its own; the shell that keeps it running has it in its command line.
  const keepers = () => pids("-f", `password-helper-main\\.js ${at.path("")}`);
  const [keeper = 0] = await keepers();
  const [helper = 0] = await pids("-P", String(keeper));
  assert.ok(helper > 0);
  const owner = await runProgram("stat", ["-c", "%a %U", at.path("run/passwords.sock")]);
  assert.equal(owner.stdout, "600 mail\n");
  process.kill(helper, "SIGKILL");
  await eventually(async () => /^\+OK/.test(await login(at, "pamela", "geheim")), {
    within: 30_000,
    what: "a login after the helper died",
  });
  assert.equal(await at.stop(), 0);
  await eventually(async () => (await keepers()).length === 0, { within: 30_000, what: "the helper's end" });
});

test("without the helper nobody's password is wrong", needs("unshare"), async (t) => {
  const { host: at } = await host(t, "shadow");
  const { rmSync: remove } = await import("node:fs");
  remove(at.path("run/passwords.sock"));
  assert.match(await login(at, "pamela", "geheim"), /^-ERR \[SYS\/TEMP\]/);
  await at.logged(/a login can not be judged: the password helper/);
});

test(
  "popper run by root from inetd checks by a helper of its own, and by the host's where one runs",
  needs("unshare"),
  async (t) => {
    const { inside, site } = await machineWithPeople(t, "auto");
    // What the host's start would have made.
    for (const folder of ["log", "lib"]) mkdirSync(site.path(`var/${folder}`), { recursive: true });
    assert.equal((await runProgram("chown", ["-R", "mail:mail", site.path("var")])).code, 0);
    const popper = async (password: string) => {
      const [command = "", ...args] = inside('exec "$@"');
      const ran = await runProgram(command, [...args, process.execPath, POPPER], {
        env: { MAILHOST_ROOT: site.root },
        input: `USER pamela\r\nPASS ${password}\r\nQUIT\r\n`,
      });
      return ran.stdout.split("\r\n")[2] ?? "";
    };
    assert.match(await popper("geheim"), /^\+OK/);
    // Its answer waits, and the client is gone by then.
    assert.doesNotMatch(await popper("falsch"), /^\+OK/);
    await site.logged(/\[AUTH\] Failed attempted login to pamela/);
    assert.deepEqual(
      readdirSync(site.path("run")).filter((name) => name.startsWith("passwords.")),
      [],
      "nothing is left behind",
    );
  },
);
