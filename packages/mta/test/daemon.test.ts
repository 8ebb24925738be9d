import assert from "node:assert/strict";
import { chmod, readFile } from "node:fs/promises";
import * as net from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import type { Log } from "@mailhost/common/log/log";
import { parseSettings } from "@mailhost/common/settings/load";
import { start } from "../src/daemon.ts";
import { openQueue } from "../src/queue/open-queue.ts";
import { makeSite, removeSite } from "./commands/site-fixture.ts";
import { SmtpClient } from "./inbound/fake-inbound.ts";

const YAML =
  'hostname: mail.linuxaid.com.cn\naccounts: [file]\ndns: {servers: ["127.0.0.1:9"], timeout: 50ms}\n';

interface BoundHandle {
  readonly fd: number;
  getsockname(to: object): number;
}

/** A bound port that does not listen yet, as the launcher hands it over. */
function boundPort(): { fd: number; port: number } {
  const make = (
    net as unknown as { _createServerHandle: (host: string, port: number, family: number) => BoundHandle }
  )._createServerHandle;
  const handle = make("127.0.0.1", 0, 4);
  const where: { port?: number } = {};
  assert.equal(handle.getsockname(where), 0);
  return { fd: handle.fd, port: where.port! };
}

/** A daemon of a site of its own, with one port for SMTP, and what it logs. */
async function startDaemon(yaml = YAML) {
  const site = makeSite();
  const { fd, port } = boundPort();
  const log: string[] = [];
  const logger: Log = { write: (_level, line) => void log.push(line), close: () => Promise.resolve() };
  const settings = parseSettings(yaml, "mailhost.yaml");
  const parts = { site, settings, certificates: [], log: logger, clock: systemClock };
  return { site, port, log, logger, daemon: await start({ ...parts, listeners: { smtp: [fd] } }) };
}

test("a message comes in by SMTP and lies in the mailbox; settings are reloaded; the daemon stops", async () => {
  const { site, port, log, daemon } = await startDaemon();
  try {
    const client = await SmtpClient.connect(port);
    await client.say("EHLO pc");
    assert.match(
      await client.send("a@b.example", "joe@linuxaid.com.cn", "Subject: x\r\n\r\nhello\r\n"),
      /^250 2\.0\.0 /,
    );
    while (!log.some((l) => l.includes("stat=Sent"))) await new Promise((done) => setTimeout(done, 5));
    const mbox = await readFile(join(site.spoolDir, "joe"), "latin1");
    assert.match(mbox, /^From a@b\.example /);
    assert.match(mbox, /\nSubject: x\n\nhello\n/);
    const accepted = log.findIndex((l) => l.includes("from=<a@b.example>"));
    const delivered = log.findIndex((l) => /to=<joe@linuxaid\.com\.cn>.*stat=Sent/.test(l));
    assert.ok(accepted >= 0 && delivered > accepted, log.join("\n"));
    await daemon.reload?.(
      parseSettings(`${YAML}smtp: {maxMessageSize: 1MiB}\nqueue: {interval: 1m}\n`, "mailhost.yaml"),
    );
    assert.match(await client.say("EHLO pc"), /SIZE 1048576/);
    assert.match(await client.send("a@b.example", "joe@linuxaid.com.cn", "\r\nagain\r\n"), /^250 /);
    await chmod(site.usersFile, 0o644);
    await client.say("MAIL FROM:<a@b.example>");
    assert.match(await client.say("RCPT TO:<joe@linuxaid.com.cn>"), /^250 /);
    assert.equal(log.filter((l) => l.includes("mode 0644 lets others at the hashes")).length, 1);
    client.end();
  } finally {
    await daemon.stop(30_000);
    removeSite(site);
  }
  assert.equal(log.filter((l) => l.includes("stat=Sent")).length, 2, log.join("\n"));
});

test("stopping: deliveries come on record though a client does not end its message", async () => {
  const { site, port, logger, daemon } = await startDaemon();
  const [slow, quick] = await Promise.all([SmtpClient.connect(port), SmtpClient.connect(port)]);
  await slow.say("EHLO pc");
  await slow.say("MAIL FROM:<a@b.example>");
  await slow.say("RCPT TO:<joe@linuxaid.com.cn>");
  await slow.say("DATA");
  slow.write("Subject: half\r\n\r\nno");
  await quick.say("EHLO pc");
  for (const subject of ["1", "2", "3"])
    assert.match(
      await quick.send("a@b.example", "joe@linuxaid.com.cn", `Subject: ${subject}\r\n\r\n\r\n`),
      /^250 /,
    );
  const began = performance.now();
  await daemon.stop(1000);
  // Sessions would otherwise have half a minute.
  assert.ok(performance.now() - began < 20_000);
  slow.end();
  quick.end();
  const queue = await openQueue(site, { clock: systemClock, log: logger, readOnly: true });
  assert.deepEqual([...queue.store.list()], []);
  await queue.store.close();
  const mbox = await readFile(join(site.spoolDir, "joe"), "latin1");
  assert.deepEqual(mbox.match(/^Subject: .*$/gm), ["Subject: 1", "Subject: 2", "Subject: 3"]);
  removeSite(site);
});

test("after a reload mail goes on at once; what hangs under the old settings is not begun a second time", async () => {
  const callers: net.Socket[] = [];
  const silent = net.createServer((socket) => void callers.push(socket));
  await new Promise<void>((done) => silent.listen(0, "127.0.0.2", done));
  const { port } = silent.address() as net.AddressInfo;
  const yaml = `${YAML}relay: {port: ${port}}\n`;
  const { site, port: smtp, log, daemon } = await startDaemon(yaml);
  const logged = async (pattern: RegExp) => {
    while (!log.some((line) => pattern.test(line))) await new Promise((done) => setTimeout(done, 5));
  };
  try {
    const client = await SmtpClient.connect(smtp);
    await client.say("EHLO pc");
    assert.match(await client.send("joe@linuxaid.com.cn", "x@[127.0.0.2]", "\r\nhangs\r\n"), /^250 /);
    while (callers.length === 0) await new Promise((done) => setTimeout(done, 5));
    await daemon.reload?.(parseSettings(`${yaml}queue: {interval: 1m}\n`, "mailhost.yaml"));
    assert.match(await client.send("a@b.example", "joe@linuxaid.com.cn", "\r\nhello\r\n"), /^250 /);
    await logged(/to=<joe@linuxaid\.com\.cn>.*stat=Sent/);
    assert.equal(callers.length, 1);
    callers[0]!.end("421 4.3.2 closing\r\n");
    await logged(/to=<x@\[127\.0\.0\.2\]>.*stat=Deferred/);
    client.end();
  } finally {
    silent.close();
    for (const caller of callers) caller.destroy();
    await daemon.stop(30_000);
    removeSite(site);
  }
});
