/**
 * Several certificates by name, and new ones while the host runs: no restart, no session lost.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { type Authority, install, makeAuthority } from "../harness/authority.ts";
import { eventually } from "../harness/eventually.ts";
import type { MailHost } from "../harness/host.ts";
import { PASSWORD } from "../harness/host.ts";
import { needs } from "../harness/programs.ts";
import { encrypted, tlsHost, tlsSite, WAYS, type Way } from "./tls-rig.ts";

const MAIN = "mail.linuxaid.com.cn";

/** Names in the certificate that a client is shown. */
async function namesShown(host: MailHost, way: Way, name?: string, authority?: Authority): Promise<string> {
  const session = await encrypted(host, way, {
    ...(authority === undefined ? {} : { authority }),
    ...(name === undefined ? {} : { name }),
  });
  const names = session.names;
  session.socket.destroy();
  return names;
}

test(
  "clients get the certificate for the name that they ask for, on every port",
  needs("openssl"),
  async (t) => {
    const authority = makeAuthority(t);
    const site = await tlsSite(t, authority.issue({ names: [MAIN] }), {
      tls: { certificates: ["etc/mail/tls/org", "etc/mail/tls/net"] },
    });
    install(site.path("etc/mail/tls/org"), authority.issue({ names: ["mail.example.org", "example.org"] }));
    install(site.path("etc/mail/tls/net"), authority.issue({ names: ["*.example.net"], kind: "rsa" }));
    const { startOn } = await import("../harness/host.ts");
    const host = await startOn(t, site);
    for (const way of WAYS) {
      for (const [asked, got] of [
        [MAIN, `DNS:${MAIN}`],
        ["mail.example.org", "DNS:mail.example.org, DNS:example.org"],
        ["EXAMPLE.org", "DNS:mail.example.org, DNS:example.org"],
        ["pop.example.net", "DNS:*.example.net"],
      ] as const) {
        assert.equal(await namesShown(host, way, asked, authority), got, `${asked} on ${way.port}`);
      }
      for (const unknown of [undefined, "elsewhere.example", "a.b.example.net", "example.net"]) {
        assert.equal(await namesShown(host, way, unknown), `DNS:${MAIN}`, `${unknown} on ${way.port}`);
      }
    }
  },
);

test(
  "a changed file is in use within seconds, on every port, while sessions go on",
  needs("openssl"),
  async (t) => {
    const authority = makeAuthority(t);
    const host = await tlsHost(t, authority.issue({ names: [MAIN, "old.example"] }), { users: ["wang"] });
    // Four sessions a port, all logged in or greeted.
    const sessions: { readonly way: Way; readonly open: Awaited<ReturnType<typeof encrypted>> }[] = [];
    for (const way of WAYS) {
      for (let n = 0; n < 4; n++)
        sessions.push({ way, open: await encrypted(host, way, { authority, name: MAIN }) });
    }
    const ask = async ({ way, open }: (typeof sessions)[number], first: boolean) => {
      const { lines } = open;
      if (way.port === "pop3" || way.port === "pop3s") {
        if (first && way.port === "pop3s") assert.match(await lines.readText(), /^\+OK/);
        await lines.write("CAPA\r\n");
        assert.match(await lines.readText(), /^\+OK/);
        while ((await lines.readText()) !== ".") {
          // The capabilities.
        }
        return;
      }
      if (first && way.port === "smtps") assert.match(await lines.readText(), /^220 /);
      await lines.write("NOOP\r\n");
      assert.match(await lines.readText(), /^250 /);
    };
    for (const each of sessions) await ask(each, true);

    install(host.path("etc/mail/tls"), authority.issue({ names: [MAIN, "new.example"] }));
    for (const way of WAYS) {
      await eventually(async () => (await namesShown(host, way, MAIN)).includes("new.example"), {
        within: 30_000,
        what: `the new certificate on ${way.port}`,
      });
    }
    await host.logged(
      /mailhost.*tls: .*cert\.pem: new certificate in use for mail\.linuxaid\.com\.cn, new\.example/,
    );
    for (const each of sessions) await ask(each, false);
    for (const { open } of sessions) open.socket.destroy();

    // A file that cannot be used: the last good one stays, the log names the file.
    writeFileSync(host.path("etc/mail/tls/cert.pem"), "-----BEGIN CERTIFICATE-----\nnonsense\n");
    await host.logged(/mailhost.*tls: .*cert\.pem: holds .*; the last good certificate stays in use/, 30_000);
    for (const way of WAYS) assert.match(await namesShown(host, way, MAIN), /new\.example/);
    // A key of another certificate, in its place for good.
    install(host.path("etc/mail/tls"), {
      chain: authority.issue({ names: ["third.example"] }).chain,
      key: authority.issue({ names: ["fourth.example"] }).key,
    });
    await host.logged(
      /mailhost.*tls: .*key\.pem: is not the key of .*cert\.pem; the last good certificate stays/,
      30_000,
    );
    rmSync(host.path("etc/mail/tls/key.pem"));
    await host.logged(
      /mailhost.*tls: .*key\.pem: is missing, its certificate .*cert\.pem is there; the last good/,
      30_000,
    );
    // A daemon that dies meanwhile has it too.
    const before = host.pid("mta");
    host.signal("mta", "SIGKILL");
    await eventually(() => host.alive("mta") && host.pid("mta") !== before, {
      within: 30_000,
      what: "another mta",
    });
    assert.match(await namesShown(host, WAYS[0], MAIN), /new\.example/);
    // SIGHUP reads at once; the key is in the place that its mode should keep it from.
    const last = authority.issue({ names: [MAIN, "last.example"] });
    install(host.path("etc/mail/tls"), last);
    chmodSync(host.path("etc/mail/tls/key.pem"), 0o644);
    host.signal("mailhost", "SIGHUP");
    await eventually(async () => (await namesShown(host, WAYS[0], MAIN)).includes("last.example"), {
      within: 30_000,
      what: "the last certificate",
    });
    await host.logged(/tls: .*key\.pem: everybody on this host can read the key: chmod o= /, 30_000);
    assert.doesNotMatch(host.log(), /PRIVATE KEY/);
    assert.ok(!host.log().includes(last.key.split("\n")[1]!));
    assert.ok(PASSWORD.length > 0);
  },
);

test("links that are moved on, as certbot's, are followed", needs("openssl"), async (t) => {
  const authority = makeAuthority(t);
  const site = await tlsSite(t, undefined);
  for (const [n, name] of ["one.example", "two.example"].entries()) {
    install(site.path(`archive/${n}`), authority.issue({ names: [MAIN, name] }));
  }
  const point = (n: number) => {
    for (const file of ["key.pem", "cert.pem"]) {
      symlinkSync(site.path(`archive/${n}/${file}`), site.path(`etc/mail/tls/.${file}`));
      renameSync(site.path(`etc/mail/tls/.${file}`), site.path(`etc/mail/tls/${file}`));
    }
  };
  mkdirSync(site.path("etc/mail/tls"));
  point(0);
  const { startOn } = await import("../harness/host.ts");
  const host = await startOn(t, site);
  assert.match(await namesShown(host, WAYS[2], MAIN, authority), /one\.example/);
  point(1);
  await eventually(async () => (await namesShown(host, WAYS[2], MAIN, authority)).includes("two.example"), {
    within: 30_000,
    what: "the certificate that the link leads to now",
  });
});

test(
  "an expired certificate is served, and warned about; check tells what is wrong",
  needs("openssl"),
  async (t) => {
    const authority = makeAuthority(t);
    const expired = authority.issue({ names: [MAIN], from: "20200101000000Z", to: "20210101000000Z" });
    const host = await tlsHost(t, expired);
    assert.equal(await namesShown(host, WAYS[0]), `DNS:${MAIN}`);
    await host.logged(/tls: .*cert\.pem: expired on 2021-01-01; clients refuse it/);
    const lines = async () => (await host.mailhost(["check"])).stdout;
    assert.match(await lines(), /^warning +tls: .*cert\.pem: expired on 2021-01-01/m);
    // The host's own certificate alone, for another host, and soon over.
    const soon = new Date(Date.now() + 5.5 * 86_400_000).toISOString().replace(/[-:T]/g, "").slice(0, 14);
    const odd = authority.issue({ names: ["other.example"], to: `${soon}Z` });
    install(host.path("etc/mail/tls"), { chain: odd.own, key: odd.key });
    const told = await lines();
    assert.match(told, /^warning +tls: .*cert\.pem: expires on .*, in 5 days$/m);
    assert.match(told, /^warning +tls: .*the intermediate certificates are missing/m);
    assert.match(
      told,
      /^warning +tls: no certificate is for the host's own name, mail\.linuxaid\.com\.cn, only for other\.example$/m,
    );
  },
);

test(
  "a certificate that cannot be used keeps a host from starting, and says what to do",
  needs("openssl"),
  async (t) => {
    const authority = makeAuthority(t);
    const good = authority.issue({ names: [MAIN] });
    const site = await tlsSite(t, { ...good, key: authority.issue({ names: [MAIN] }).key });
    const wrong = await site.mailhost(["start"]);
    assert.equal(wrong.code, 78);
    assert.match(wrong.stderr, /key\.pem: is not the key of .*cert\.pem/);
    const { execFileSync } = await import("node:child_process");
    execFileSync(
      "openssl",
      ["pkey", "-aes256", "-passout", "pass:x", "-out", site.path("etc/mail/tls/key.pem")],
      {
        input: good.key,
      },
    );
    const locked = await site.mailhost(["start"]);
    assert.equal(locked.code, 78);
    assert.match(locked.stderr, /key\.pem: is encrypted with a passphrase.*openssl pkey -in/);
    assert.match((await site.mailhost(["check"])).stdout, /^error +tls: .*is encrypted with a passphrase/m);
  },
);
