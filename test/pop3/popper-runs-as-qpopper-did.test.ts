/** `popper` from inetd.conf, under tcpserver and on a systemd socket, on a port of its own, and with its configuration file. */
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import type { Endpoint } from "../harness/connection.ts";
import { eventually } from "../harness/eventually.ts";
import { PASSWORD, prepareSite, type Scope, type Site, startHost } from "../harness/host.ts";
import { loggedIn, openPop3 } from "../harness/pop3-client.ts";
import { POPPER, startInetd, startPopper } from "../harness/popper.ts";
import { needs, runProgram, startProgram } from "../harness/programs.ts";
import { reservedPort } from "../harness/reserved-port.ts";

/** The line of the article's /etc/inetd.conf. */
const INETD_LINE = "pop-3 stream tcp nowait root /usr/local/sbin/popper QPopper -s";
/** What inetd passes behind the program's name. */
const INETD_ARGS = INETD_LINE.split(" ").slice(7);

const message = (n: number) =>
  `From a@example.net Tue Nov 24 21:00:0${n} 2026\nSubject: number ${n}\n\nbody ${n}\n\n`;

/** A site with a mailbox of three messages on which no host runs. */
async function siteWithMail(t: Scope, files: Record<string, string> = {}): Promise<Site> {
  const site = await prepareSite(t, { users: ["wang", "li"], files });
  site.write("var/spool/mail/wang", [1, 2, 3].map(message).join(""));
  return site;
}

/** Fetches and deletes the first message. */
async function fetchOne(to: Endpoint): Promise<void> {
  const client = await loggedIn(to, "wang", PASSWORD);
  assert.match((await client.retrieve(1)).toString(), /^Subject: number/);
  assert.match(await client.command("DELE 1"), /^\+OK/);
  assert.match(await client.quit(), /^\+OK Pop server at .* signing off\.$/);
}

const popper = (site: Site, args: readonly string[], input = "") =>
  runProgram(process.execPath, [POPPER, ...args, "--root", site.root], { input });

test("inetd's connection on descriptor 0: a session, its Stats line with the client's address, exit code 0", async (t) => {
  const site = await siteWithMail(t);
  const inetd = await startInetd(t, site.root, INETD_ARGS);
  await fetchOne(inetd.pop3);
  await eventually(() => inetd.codes.length === 1, { within: 30_000, what: "the end of popper" });
  assert.deepEqual(inetd.codes, [0]);
  assert.equal(site.mailbox("wang").length, 2);
  assert.match(
    await site.logged(/Stats: /),
    /popper\[\d+\]: Stats: wang 1 \d+ 2 \d+ 127\.0\.0\.1 127\.0\.0\.1$/,
  );
});

test("a client that leaves without QUIT deletes nothing, and popper ends", async (t) => {
  const site = await siteWithMail(t);
  const inetd = await startInetd(t, site.root, []);
  const client = await loggedIn(inetd.pop3, "wang", PASSWORD);
  await client.command("DELE 1");
  client.connection.socket.resetAndDestroy();
  await eventually(() => inetd.codes.length === 1, { within: 30_000, what: "the end of popper" });
  assert.deepEqual(inetd.codes, [0]);
  assert.equal(site.mailbox("wang").length, 3);
  await site.logged(/wang at 127\.0\.0\.1 \(127\.0\.0\.1\): -ERR POP EOF or I\/O Error/);
});

test("a session on pipes, as from ssh", async (t) => {
  const site = await siteWithMail(t);
  const ran = await popper(site, ["-s"], `USER wang\r\nPASS ${PASSWORD}\r\nSTAT\r\nQUIT\r\n`);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(
    ran.stdout,
    /^\+OK .*\r\n\+OK Password required for wang\.\r\n\+OK wang has 3 visible messages .*\r\n\+OK 3 \d+\r\n\+OK Pop server/,
  );
});

test("several poppers and a daemon share mailboxes: one session at a time, nothing lost, nothing twice", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  host.write("var/spool/mail/wang", Array.from({ length: 9 }, (_, i) => message(i)).join(""));
  const inetd = await startInetd(t, host.root, []);
  const holder = await loggedIn(host.pop3, "wang", PASSWORD);
  const second = await openPop3(inetd.pop3);
  assert.match(await second.login("wang", PASSWORD), /^-ERR \[IN-USE\]/);
  await holder.quit();
  assert.match(await second.login("wang", PASSWORD), /^\+OK/);
  await second.quit();
  const seen: string[] = [];
  const take = async (to: Endpoint): Promise<void> => {
    const client = await openPop3(to);
    const answer = await client.login("wang", PASSWORD);
    if (!answer.startsWith("+OK")) {
      assert.match(answer, /^-ERR \[IN-USE\]/);
      client.close();
      return await take(to);
    }
    seen.push((await client.retrieve(1)).toString());
    await client.command("DELE 1");
    await client.quit();
  };
  await Promise.all([inetd.pop3, host.pop3, inetd.pop3, host.pop3, inetd.pop3].map(take));
  assert.equal(new Set(seen).size, 5);
  assert.equal(host.mailbox("wang").length, 4);
});

test("under tcpserver", needs("tcpserver"), async (t) => {
  const site = await siteWithMail(t);
  const port = await reservedPort();
  const args = ["-HRl0", "127.0.0.1", String(port), process.execPath, POPPER, "-s", "--root", site.root];
  await startProgram(t, "tcpserver", args);
  const to = { host: "127.0.0.1", port };
  await eventually(
    () =>
      fetchOne(to).then(
        () => true,
        () => false,
      ),
    { within: 30_000, what: "a session" },
  );
  assert.equal(site.mailbox("wang").length, 2);
});

for (const each of ["each connection", "the listening socket"]) {
  test(`systemd passes ${each}`, needs("systemd-socket-activate"), async (t) => {
    const site = await siteWithMail(t);
    const port = await reservedPort();
    const own = each === "each connection" ? ["--accept", "--inetd"] : [];
    const command = [process.execPath, POPPER, "-s", "--root", site.root];
    await startProgram(t, "systemd-socket-activate", ["-l", `127.0.0.1:${port}`, ...own, ...command]);
    const to = { host: "127.0.0.1", port };
    await eventually(
      () =>
        fetchOne(to).then(
          () => true,
          () => false,
        ),
      { within: 30_000, what: "a session" },
    );
    assert.equal(site.mailbox("wang").length, 2);
  });
}

test("standalone: a ready line, SIGHUP reads the configuration file again, SIGTERM ends", async (t) => {
  const site = await siteWithMail(t, { "etc/mail/q.conf": "set shy\n" });
  const server = await startPopper(t, site.root, ["127.0.0.1:0", "-f", site.path("etc/mail/q.conf")]);
  const greeting = async () => {
    const client = await openPop3(server.pop3);
    await client.quit();
    return client;
  };
  await greeting();
  assert.match(server.output(), /where nothing is said, mailhost's defaults hold/);
  site.write("etc/mail/q.conf", "set tracefile = /var/log/pop.trace\n");
  server.child.kill("SIGHUP");
  await site.logged(/settings reloaded/);
  await fetchOne(server.pop3);
  const trace = site.path("var/log/pop.trace");
  await eventually(() => readFileSync(trace, "utf8").includes("-- end"), {
    within: 30_000,
    what: "the trace",
  });
  const traced = readFileSync(trace, "utf8");
  assert.match(traced, /C: USER wang\n.*S: \+OK .*\n.*C: PASS \*\*\*\*\n/);
  assert.ok(!traced.includes(PASSWORD));
  assert.equal(statSync(trace).mode & 0o777, 0o600);
  site.write("etc/mail/q.conf", "set shyy\n");
  server.child.kill("SIGHUP");
  await site.logged(/settings not reloaded.*q\.conf:1: shyy: unknown option, did you mean shy\?/);
  await greeting();
  assert.equal(await server.stop(), 0);
});

test("a port that the host serves is refused with what to do", async (t) => {
  const host = await startHost(t);
  const ran = await popper(host, [`127.0.0.1:${host.pop3.port}`]);
  assert.equal(ran.code, 69);
  assert.match(ran.stderr, /the port is in use/);
  assert.match(ran.stderr, /mailhost start runs here \(process \d+\) and serves POP3 itself .*pop3\.listen/);
});

test("faults of command line and files: what, where, and the exit code", async (t) => {
  const site = await siteWithMail(t, { "etc/mail/q.conf": "# ours\nset serverr-mode\n" });
  const flag = await popper(site, ["-Z"]);
  assert.equal(flag.code, 64);
  assert.match(flag.stderr, /^popper: unknown flag -Z\nusage: popper /);
  const file = await popper(site, ["-f", site.path("etc/mail/q.conf")]);
  assert.equal(file.code, 78);
  assert.match(file.stderr, /q\.conf:2: serverr-mode: unknown option, did you mean server-mode\?/);
  const value = await popper(site, ["-T", "soon"]);
  assert.equal(value.code, 64);
  assert.match(
    value.stderr,
    /popper -T soon: timeout: expected a whole number, found "soon"[^\n]*\nusage: popper /,
  );
});

test("--explain prints what flags and files come to, each with its place", async (t) => {
  const site = await siteWithMail(t, { "etc/mail/q.conf": "set timeout = 120\nset kerberos\n" });
  const conf = site.path("etc/mail/q.conf");
  const ran = await popper(site, ["--explain", "-s", "-f", conf, "-T", "90"]);
  assert.equal(ran.code, 0);
  assert.equal(ran.stdout, "pop3:\n  stats: true # popper -s\n  timeout: 1m30s # popper -T 90\n");
  assert.match(ran.stderr, /q\.conf:2: kerberos: Kerberos 4 is no more/);
});

test("--verify tells of a mailbox and changes nothing", async (t) => {
  const site = await siteWithMail(t);
  const before = site.read("var/spool/mail/wang");
  const ran = await popper(site, ["--verify", "wang", "--json"]);
  const report = JSON.parse(ran.stdout) as { messages: number; sound: boolean };
  assert.equal(report.messages, 3);
  assert.equal(ran.code, report.sound ? 0 : 65);
  assert.equal(site.read("var/spool/mail/wang"), before);
  assert.equal((await popper(site, ["--verify", "nobody-here"])).code, 67);
  writeFileSync(site.path("var/spool/mail/li"), "no mailbox\n");
  assert.equal((await popper(site, ["--verify", "li"])).code, 65);
});

test("mailhost.yaml names the file: start and check follow it", async (t) => {
  const host = await startHost(t, {
    users: ["wang"],
    settings: { pop3: { configFile: "etc/mail/qpopper.conf" } },
    files: {
      "etc/mail/qpopper.conf":
        "set timing\nset kerberos\nset log-login = '%1 came from %3'\nset announce-login-delay = 60\n",
    },
  });
  const client = await loggedIn(host.pop3, "wang", PASSWORD);
  await client.quit();
  await host.logged(/popper\[\d+\]: wang came from 127\.0\.0\.1$/);
  await host.logged(/Timing for wang@127\.0\.0\.1 \(normal\) auth=\d+ init=\d+ clean=\d+$/);
  await host.logged(/settings: .*qpopper\.conf:2: kerberos: Kerberos 4 is no more/);
  const { stdout } = await host.mailhost(["check"]);
  assert.match(stdout, /ok +settings: .*qpopper\.conf: read as pop3\.configFile says/);
  assert.match(stdout, /warning +settings: .*qpopper\.conf:2: kerberos/);
});
