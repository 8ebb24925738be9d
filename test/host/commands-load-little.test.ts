/**
 * Programs wait for `sendmail`: what it loads to take a message in is kept small. The test knows every module that is
 * loaded, by a hook of Node's own.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { makeAuthority } from "../harness/authority.ts";
import { eventually } from "../harness/eventually.ts";
import { PASSWORD, prepareSite, startOn } from "../harness/host.ts";
import { asUser, SENDMAIL } from "../harness/local-users.ts";
import { needs, runProgram } from "../harness/programs.ts";
import { encrypted, tlsSite, WAYS } from "../tls/tls-rig.ts";

/** What no program that sends a message should wait for. */
const SLOW = /\/(yargs|winston|smtp-server|mailparser|nodemailer|@node-rs|proper-lockfile|yaml)(@[^/]*)?\//;

/** Queue and tables: what takes a message in has them. */
const DAEMONS_OWN = /\/lmdb|\/tables\/|\/settings\/|\/queue\//;

/** What only a first start, another kind of account, an authority's certificate or another command asks for. */
const SELDOM = /\/(yargs|@peculiar|asn1js|acme-client|axios|ldapts|koffi|bcrypt)(@[^/]*)?\//;

/** Options of Node that note every module in a file. */
function noting(t: TestContext): { readonly options: string[]; readonly modules: () => string[] } {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-modules-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const notes = join(dir, "modules");
  writeFileSync(notes, "");
  // Whoever is watched may be another user.
  chmodSync(notes, 0o666);
  chmodSync(dir, 0o755);
  writeFileSync(
    join(dir, "hook.mjs"),
    `import { appendFileSync } from "node:fs";
export async function load(url, context, next) {
  appendFileSync(${JSON.stringify(notes)}, url + "\\n");
  return next(url, context);
}
`,
  );
  writeFileSync(
    join(dir, "register.mjs"),
    `import { register } from "node:module"; register(${JSON.stringify(pathToFileURL(join(dir, "hook.mjs")).href)});`,
  );
  return {
    options: ["--import", pathToFileURL(join(dir, "register.mjs")).href],
    modules: () => readFileSync(notes, "utf8").split("\n"),
  };
}

test("a message of root or of the daemon's user", async (t) => {
  const site = await prepareSite(t, { users: ["wang"] });
  const host = await startOn(t, site);
  const env = { MAILHOST_ROOT: site.root };
  const send = (options: string[]) =>
    runProgram(process.execPath, [...options, SENDMAIL, "wang"], { input: "Subject: x\n\nx\n", env });
  // The first reads the settings, and what it read serves the next, once the files are a second old.
  const files = ["mailhost.yaml", "aliases", "users"].map((name) => site.path(`etc/mail/${name}`));
  await eventually(() => files.every((file) => Date.now() - statSync(file).ctimeMs > 1000), {
    what: "settings that are a second old",
  });
  const running = noting(t);
  const taken = await send(running.options);
  assert.equal(taken.code, 0, taken.stderr);
  await host.arrived("wang", 1);
  assert.deepEqual(
    running.modules().filter((url) => SLOW.test(url) || DAEMONS_OWN.test(url)),
    [],
  );
  // Without a daemon it takes the message in itself.
  await host.stop();
  await send([]);
  const alone = noting(t);
  const queued = await send(alone.options);
  assert.equal(queued.code, 0, queued.stderr);
  assert.ok(
    alone.modules().some((url) => url.endsWith("/submit/stored-in-queue.js")),
    alone.modules().join("\n"),
  );
  assert.deepEqual(
    alone.modules().filter((url) => SLOW.test(url)),
    [],
  );
  await host.start();
  await host.arrived("wang", 3);
});

test("a user's message", needs("setpriv"), async (t) => {
  const site = await prepareSite(t, { users: ["wang"] });
  const host = await startOn(t, site);
  const { options, modules } = noting(t);
  const sent = await asUser(site, process.execPath, [SENDMAIL, "wang"], {
    input: "Subject: x\n\nx\n",
    env: { NODE_OPTIONS: options.join(" ") },
  });
  assert.equal(sent.code, 0, sent.stderr);
  await host.arrived("wang");
  assert.deepEqual(
    modules().filter((url) => SLOW.test(url) || DAEMONS_OWN.test(url)),
    [],
  );
});

test(
  "a host that has its certificate and its users in files, with a client that logs in over TLS",
  needs("openssl"),
  async (t) => {
    const authority = makeAuthority(t);
    const site = await tlsSite(t, authority.issue({ names: ["mail.linuxaid.com.cn"] }), { users: ["wang"] });
    const { options, modules } = noting(t);
    const host = await startOn(t, site, ["env", `NODE_OPTIONS=${options.join(" ")}`]);
    const pop3s = WAYS.find(({ port }) => port === "pop3s")!;
    const { socket, lines } = await encrypted(host, pop3s);
    assert.match(await lines.readText(), /^\+OK/);
    await lines.write(`USER wang\r\nPASS ${PASSWORD}\r\n`);
    for (let n = 0; n < 2; n++) assert.match(await lines.readText(), /^\+OK/);
    socket.destroy();
    const loaded = modules();
    for (const own of ["/launcher/dist/start/start.js", "/mta/dist/daemon.js", "/pop3/dist/daemon.js"])
      assert.ok(
        loaded.some((url) => url.endsWith(own)),
        own,
      );
    assert.deepEqual(
      loaded.filter((url) => SELDOM.test(url)),
      [],
    );
  },
);
