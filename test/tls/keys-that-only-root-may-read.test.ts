/**
 * certbot's keys are for root alone. A host that has given up root has them nevertheless, at its start and when they are renewed; and
 * the process that reads them for it reads nothing else.
 */
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { test } from "node:test";
import { install, makeAuthority } from "../harness/authority.ts";
import { eventually } from "../harness/eventually.ts";
import { type MailHost, type Site, startOn } from "../harness/host.ts";
import { needs } from "../harness/programs.ts";
import { encrypted, tlsSite, WAYS } from "./tls-rig.ts";

const MAIN = "mail.linuxaid.com.cn";

function needsRoot(): { skip?: string } {
  return process.getuid?.() === 0 ? needs("openssl") : { skip: "only root can give itself up" };
}

/** A site as on a real host: the tables are readable for `mail`, and `live` is root's alone. */
async function siteOfMail(t: Parameters<typeof tlsSite>[0]): Promise<Site> {
  const site = await tlsSite(t, undefined, {
    settings: { run: { user: "mail", group: "mail" } },
    tls: { cert: "letsencrypt/live/cert.pem", key: "letsencrypt/live/key.pem", selfSigned: false },
  });
  chmodSync(site.root, 0o755);
  mkdirSync(site.path("letsencrypt"), { mode: 0o700 });
  return site;
}

/** Processes of ours, by their titles. */
function titled(title: string, host: MailHost): number[] {
  return readdirSync("/proc").flatMap((pid) => {
    try {
      const mine = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)!.split(" ")[1];
      const name = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0")[0];
      return name === title && Number(mine) === host.pid("mailhost") ? [Number(pid)] : [];
    } catch {
      return [];
    }
  });
}

const uidOf = (pid: number) =>
  Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]);

async function namesShown(host: MailHost, at: number): Promise<string> {
  const session = await encrypted(host, WAYS[at]!);
  session.socket.destroy();
  return session.names;
}

test(
  "a host that runs as mail serves and follows a key in a folder that only root may enter",
  needsRoot(),
  async (t) => {
    const authority = makeAuthority(t);
    const site = await siteOfMail(t);
    const archive = (n: number) => site.path(`letsencrypt/archive${n}`);
    install(archive(1), authority.issue({ names: [MAIN, "one.example"] }));
    symlinkSync(archive(1), site.path("letsencrypt/live"));
    const host = await startOn(t, site);
    for (const name of ["mailhost", "mta", "pop3"] as const) assert.notEqual(uidOf(host.pid(name)), 0, name);
    const [keys] = titled("mailhost: keys", host);
    assert.equal(uidOf(keys!), 0);
    for (let at = 0; at < WAYS.length; at++) assert.match(await namesShown(host, at), /one\.example/);
    install(archive(2), authority.issue({ names: [MAIN, "two.example"] }));
    symlinkSync(archive(2), site.path("letsencrypt/next"));
    renameSync(site.path("letsencrypt/next"), site.path("letsencrypt/live"));
    for (const at of [2, 4]) {
      await eventually(async () => (await namesShown(host, at)).includes("two.example"), {
        within: 30_000,
        what: `the renewed certificate on ${WAYS[at]!.port}`,
      });
    }
    assert.match((await host.mailhost(["check"])).stdout, /^ok +permissions/m);
    assert.equal(await host.stop(), 0);
    await eventually(() => !isAlive(keys!), { within: 15_000, what: "the reader's end" });
  },
);

test("the reader hands out no file that somebody else could have put there", needsRoot(), async (t) => {
  const authority = makeAuthority(t);
  const site = await siteOfMail(t);
  install(site.path("letsencrypt/live"), authority.issue({ names: [MAIN] }));
  const host = await startOn(t, site);
  const good = await namesShown(host, 2);
  // The folder becomes another's, who has his link lead to a key of root's.
  install(site.path("secret"), authority.issue({ names: ["secret.example"] }));
  chmodSync(site.path("secret"), 0o700);
  chmodSync(site.path("letsencrypt"), 0o755);
  chownSync(site.path("letsencrypt/live"), 8, 8);
  for (const file of ["key.pem", "cert.pem"]) {
    rmSync(site.path(`letsencrypt/live/${file}`));
    symlinkSync(site.path(`secret/${file}`), site.path(`letsencrypt/live/${file}`));
  }
  await host.logged(
    /tls: .*is in a folder that others than root may write in.*the last good certificate stays in use/,
    30_000,
  );
  assert.equal(await namesShown(host, 2), good);
});

test("where mail may read the key itself, nothing stays root", needsRoot(), async (t) => {
  const authority = makeAuthority(t);
  const site = await siteOfMail(t);
  chmodSync(site.path("letsencrypt"), 0o755);
  install(site.path("letsencrypt/live"), authority.issue({ names: [MAIN] }));
  chownSync(site.path("letsencrypt/live/key.pem"), 0, 8);
  chmodSync(site.path("letsencrypt/live/key.pem"), 0o640);
  const host = await startOn(t, site);
  assert.deepEqual(titled("mailhost: keys", host), []);
  assert.equal(await namesShown(host, 3), `DNS:${MAIN}`);
});

test("the first certificate that is made belongs to whom the host runs as", needsRoot(), async (t) => {
  const site = await tlsSite(t, undefined, { settings: { run: { user: "mail", group: "mail" } } });
  chmodSync(site.root, 0o755);
  const host = await startOn(t, site);
  assert.match(
    host.output,
    /there was no certificate: made a self-signed one for mail\.linuxaid\.com\.cn in .*cert\.pem/,
  );
  assert.deepEqual(titled("mailhost: keys", host), []);
  for (let at = 0; at < WAYS.length; at++)
    assert.equal(await namesShown(host, at), `DNS:${MAIN}, DNS:linuxaid.com.cn`);
});

function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith("mailhost: keys");
  } catch {
    return false;
  }
}
