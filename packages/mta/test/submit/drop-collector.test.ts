import assert from "node:assert/strict";
import {
  linkSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import type { Log } from "@mailhost/common/log/log";
import { parseSettings } from "@mailhost/common/settings/load";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import { isUnresolved } from "../../src/queue/late-recipients.ts";
import { type OpenQueue, openQueue } from "../../src/queue/open-queue.ts";
import type { QueueEntry } from "../../src/queue/queue-entry.ts";
import { acceptSubmission } from "../../src/submit/accept-submission.ts";
import { type CollectorFs, startDropCollector } from "../../src/submit/drop-collector.ts";
import { createDrop, DROP_MARK, dropHead } from "../../src/submit/drop-file.ts";
import { openDropFile } from "../../src/submit/drop-reader.ts";
import type { SubmissionRequest } from "../../src/submit/submission-request.ts";
import { makeSite, removeSite } from "../commands/site-fixture.ts";

const ME = process.getuid?.() ?? 0;

interface Rig {
  readonly dir: string;
  readonly queue: OpenQueue;
  readonly log: string[];
  readonly taken: QueueEntry[];
  entries(): QueueEntry[];
  files(): string[];
  drop(request: Partial<SubmissionRequest>, text?: string): Promise<string>;
  /** Takes what is there. */
  collect(fs?: Partial<CollectorFs>): Promise<void>;
}

async function rig(t: TestContext, aliases?: string): Promise<Rig> {
  const site = makeSite();
  if (aliases !== undefined) writeFileSync(join(site.etcMail, "aliases"), aliases);
  mkdirSync(site.dropDir, { recursive: true });
  const log: string[] = [];
  const logger: Log = { write: (_level, line) => void log.push(line), close: () => Promise.resolve() };
  const settings = parseSettings(
    "hostname: mail.linuxaid.com.cn\naccounts: [file]\nsmtp: {maxMessageSize: 1KiB}\n",
    site.settingsFile,
  );
  const tables = openSiteTables(site, { log: logger, settings });
  const queue = await openQueue(site, { clock: systemClock, log: logger });
  t.after(async () => {
    await queue.store.close();
    await tables.close();
    removeSite(site);
  });
  const taken: QueueEntry[] = [];
  return {
    dir: site.dropDir,
    queue,
    log,
    taken,
    entries: () => [...queue.store.list()],
    files: () => readdirSync(site.dropDir).toSorted((a, b) => a.localeCompare(b)),
    async drop(request, text = "Subject: x\r\n\r\nhello\r\n") {
      const drop = await createDrop(site.dropDir);
      await drop.write(dropHead({ recipients: ["joe"], fromHeader: false, ...request }));
      await drop.write(Buffer.from(text));
      await drop.finish();
      return drop.name;
    },
    async collect(fs = {}) {
      const collector = startDropCollector({
        dir: site.dropDir,
        store: queue.store,
        accept: (submission) =>
          acceptSubmission(
            { book: { site, settings, tables }, store: queue.store, log: logger, clock: systemClock },
            submission,
          ),
        submitted: (entry) => void taken.push(entry),
        userOf: (uid) => ({ name: uid === ME ? "joe" : "somebody", fullName: "Joe User" }),
        maxSize: () => settings.smtp.maxMessageSize,
        log: logger,
        clock: systemClock,
        fs: { unlink, rename, ...fs },
      });
      await collector.collect();
      await collector.close();
    },
  };
}

async function textOf(rig: Rig, entry: QueueEntry): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of rig.queue.store.body(entry).stream()) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

test("a message is queued for its file's owner, and the file is gone", async (t) => {
  const host = await rig(t);
  await host.drop(
    { recipients: ["joe", "amy@far.example"] },
    "To: joe\r\nBcc: amy@far.example\r\n\r\nhello\r\n",
  );
  await host.collect();
  const [entry] = host.entries();
  assert.equal(entry!.sender, "joe@mail.linuxaid.com.cn");
  assert.equal(entry!.origin.user, "joe");
  assert.deepEqual(
    entry!.recipients.map((r) => r.address),
    ["joe@mail.linuxaid.com.cn", "amy@far.example"],
  );
  const text = await textOf(host, entry!);
  assert.match(text, /^Received: \(from joe@localhost\)/);
  assert.match(text, /^From: Joe User <joe@mail\.linuxaid\.com\.cn>\r$/m);
  assert.doesNotMatch(text, /Bcc|X-Authentication-Warning/);
  assert.deepEqual(host.files(), []);
  assert.deepEqual(
    host.taken.map(({ id }) => id),
    [entry!.id],
  );
});

test("who names another sender is warned of in the message", async (t) => {
  const host = await rig(t);
  await host.drop({ sender: "boss@far.example" });
  await host.drop({ sender: "joe" });
  await host.collect();
  const texts = await Promise.all(host.entries().map((entry) => textOf(host, entry)));
  const warning =
    "X-Authentication-Warning: mail.linuxaid.com.cn: joe set sender to boss@far.example using -f\r\n";
  assert.equal(texts.filter((text) => text.includes(warning)).length, 1);
});

test("who writes a drop file of his own cannot leave out how it came here", async (t) => {
  const host = await rig(t);
  await host.drop({ sender: "boss@far.example", bySmtp: true });
  await host.drop({ bySmtp: true, warnings: ["joe owned process doing -bs"] });
  await host.collect();
  for (const entry of host.entries()) {
    const text = await textOf(host, entry);
    const warnings = text.match(/^X-Authentication-Warning: .*$/gm);
    assert.deepEqual(warnings, [
      "X-Authentication-Warning: mail.linuxaid.com.cn: joe owned process doing -bs",
    ]);
  }
});

test("a sender that is no address is the user's; line breaks and what is too long are not lost in silence", async (t) => {
  const host = await rig(t);
  for (const sender of ["x> SIZE=1 <y", "a\nBcc: x", "a b@far.example", "Boss <boss@far.example>", "<>"])
    await host.drop({ sender });
  await host.collect();
  const senders = host.entries().map((entry) => entry.sender);
  const own = "joe@mail.linuxaid.com.cn";
  assert.deepEqual(senders.toSorted(), ["", "boss@far.example", own, own, own]);
  await host.drop({ fullName: 'Joe"\r\nX-Evil: 1' });
  await host.collect();
  assert.deepEqual(host.files(), []);
  for (const entry of host.entries()) assert.doesNotMatch(await textOf(host, entry), /^(?:Bcc|X-Evil)/m);
  await assert.rejects(host.drop({ recipients: ["x".repeat(5000)] }), { exitCode: 64 });
  await assert.rejects(host.drop({ recipients: Array.from({ length: 10_001 }, () => "x") }), {
    exitCode: 64,
  });
});

test("one large list under many names does not fill memory", async (t) => {
  const members = Array.from({ length: 9999 }, (_, i) => `m${i}@far.example`).join(",\n ");
  const host = await rig(t, `huge: ${members}\n`);
  await host.drop({ recipients: Array.from({ length: 1000 }, (_, i) => `huge+${i}`) });
  await host.collect();
  const recipients = host.entries()[0]!.recipients;
  const refused = recipients.filter(({ target }) => target.kind === "error");
  assert.equal(recipients.length - refused.length, 9999);
  assert.ok(refused.length > 0);
  for (const { target } of refused)
    assert.match(target.kind === "error" ? target.reply.text : "", /\.\.\. Too many recipients$/);
});

test("an unknown recipient becomes a report to the sender", async (t) => {
  const host = await rig(t);
  await host.drop({ recipients: ["nobody"] });
  await host.collect();
  const target = host.entries()[0]!.recipients[0]!.target;
  assert.ok(target.kind === "error");
  assert.equal(target.reply.enhanced, "5.1.1");
});

test("a recipient of whom nothing can be said now is queued all the same", async (t) => {
  const host = await rig(t);
  writeFileSync(
    join(host.dir, "../../../etc/mail/virtusertable"),
    "away@mail.linuxaid.com.cn\terror:4.2.0:450 not now\n",
  );
  await host.drop({ recipients: ["away@mail.linuxaid.com.cn", "joe"] });
  await host.collect();
  assert.deepEqual(
    host.entries()[0]!.recipients.map((r) => [r.address, isUnresolved(r)]),
    [
      ["away@mail.linuxaid.com.cn", true],
      ["joe@mail.linuxaid.com.cn", false],
    ],
  );
  assert.deepEqual(host.files(), []);
});

test("a crash between the commit and the removal does not queue a message twice", async (t) => {
  const host = await rig(t);
  await host.drop({});
  // The process ends where the file would be removed.
  await host.collect({ unlink: () => Promise.reject(new Error("the power fails")) });
  assert.equal(host.entries().length, 1);
  assert.equal(host.files().length, 1);
  // The message has even been delivered meanwhile.
  await host.queue.store.change({ remove: [host.entries()[0]!.id] });
  await host.collect();
  assert.deepEqual(host.entries(), []);
  assert.deepEqual(host.files(), []);
  await host.collect();
  assert.deepEqual(host.entries(), []);
});

test("a daemon that died after the removal leaves no note for ever; a note outlasts a file that stays", async (t) => {
  const host = await rig(t);
  const { store } = host.queue;
  const name = await host.drop({});
  const forget = store.forgetDrop.bind(store);
  store.forgetDrop = () => Promise.reject(new Error("the power fails"));
  await host.collect();
  assert.deepEqual([host.files(), store.queuedDrops()], [[], [name]]);
  store.forgetDrop = forget;
  await host.collect();
  assert.deepEqual(store.queuedDrops(), []);
  const stays = await host.drop({});
  await host.collect({ unlink: () => Promise.reject(new Error("no")) });
  await host.collect({ unlink: () => Promise.reject(new Error("no")) });
  assert.deepEqual([store.queuedDrops(), host.entries().length], [[stays], 2]);
});

test("two that take the same file at the same time queue it once", async (t) => {
  const host = await rig(t);
  await host.drop({});
  const { store } = host.queue;
  // Each looks for the note before the other has made it.
  store.queuedDrop = () => undefined;
  const keep = { unlink: () => Promise.resolve() };
  await Promise.all([host.collect(keep), host.collect(keep)]);
  assert.equal(host.entries().length, 1);
  assert.match(host.log.join("\n"), /stays for later: .* is queued already/);
});

test("what was left unfinished days ago is removed, what is being written is not", async (t) => {
  const host = await rig(t);
  const [old, fresh] = ["a", "b"].map((letter) => `.${letter.repeat(32)}`) as [string, string];
  for (const name of [old, fresh, ".other"]) writeFileSync(join(host.dir, name), "half a mess");
  const days = (n: number) => Date.now() / 1000 - n * 86_400;
  utimesSync(join(host.dir, old), days(4), days(4));
  utimesSync(join(host.dir, ".other"), days(4), days(4));
  utimesSync(join(host.dir, fresh), days(2), days(2));
  await host.collect();
  assert.deepEqual(host.files(), [fresh, ".other"]);
});

test("a file that is cut while it is read is not taken as it is then", async (t) => {
  const host = await rig(t);
  const path = join(host.dir, await host.drop({}, `Subject: x\r\n\r\n${"line\r\n".repeat(30_000)}`));
  const read = await openDropFile(path, 1_000_000);
  assert.ok(read.kind === "drop");
  truncateSync(path, 70_000);
  await assert.rejects(async () => {
    for await (const _ of read.drop.content());
  }, /became shorter/);
  await read.drop.close();
});

test("a file that cannot be queued now stays and loses nothing", async (t) => {
  const host = await rig(t);
  const name = await host.drop({});
  const { store } = host.queue;
  const receive = store.receive.bind(store);
  const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  store.receive = () => Object.assign(receive(), { write: () => Promise.reject(full) });
  await host.collect();
  assert.deepEqual([host.entries(), host.files()], [[], [name]]);
  assert.match(host.log.at(-1)!, /stays for later: Insufficient disk space/);
  store.receive = receive;
  await host.collect();
  assert.equal(host.entries().length, 1);
});

test("a message that is refused for good goes back to its sender, its header with it", async (t) => {
  const host = await rig(t);
  await host.drop(
    { recipients: [], fromHeader: true },
    `To: joe, amy@far.example\r\nSubject: large\r\n\r\n${"x".repeat(1500)}\r\n`,
  );
  await host.drop({ recipients: ["joe"] }, `${"Received: by x\r\n".repeat(40)}\r\nhello\r\n`);
  await host.collect();
  assert.deepEqual(host.files(), []);
  const told = host
    .entries()
    .map(({ sender, recipients }) => [
      sender,
      recipients.map(({ address, target }) => [
        address,
        target.kind === "error" ? target.reply.text : target.kind,
      ]),
    ]);
  const large = "Message exceeds maximum fixed size (1024)";
  assert.deepEqual(
    told.toSorted((a, b) => b[1]!.length - a[1]!.length),
    [
      [
        "joe@mail.linuxaid.com.cn",
        [
          ["joe", large],
          ["amy@far.example", large],
        ],
      ],
      ["joe@mail.linuxaid.com.cn", [["joe", "Too many hops 40 (30 max)"]]],
    ],
  );
  const text = await textOf(host, host.entries().find(({ recipients }) => recipients.length === 2)!);
  assert.match(text, /^Subject: large\r$/m);
  assert.doesNotMatch(text, /xxx/);
});

test("what is no submission is set aside with the reason, and the rest goes on", async (t) => {
  const host = await rig(t);
  const at = (letter: string) => join(host.dir, letter.repeat(32));
  const request = '{"recipients":["joe"],"fromHeader":false}\n';
  writeFileSync(at("1"), "#!/bin/sh\n");
  writeFileSync(at("2"), `${DROP_MARK}{}\nx`);
  writeFileSync(at("3"), `${DROP_MARK}${"x".repeat(1_100_000)}`);
  mkdirSync(at("4"));
  symlinkSync("/etc/passwd", at("5"));
  writeFileSync(at("6"), `${DROP_MARK}${request}\r\nhi\r\n`);
  linkSync(at("6"), join(host.dir, "another-name"));
  writeFileSync(at("8"), `${DROP_MARK}{"recipients":[],"fromHeader":true}\n\r\nhi\r\n`);
  writeFileSync(at("9"), `${DROP_MARK}{"recipients":["joe"],"fromHeader":false}`);
  writeFileSync(join(host.dir, `.${"a".repeat(32)}`), "unfinished");
  await host.drop({});
  await host.collect();
  assert.equal(host.entries().length, 1);
  const aside = host.files().filter((name) => name.startsWith("bad-"));
  const reasons = Object.fromEntries(
    aside.map((name) => [
      name.at(-1),
      host.log.find((line) => line.includes(name))?.replace(/.*not taken: /, ""),
    ]),
  );
  assert.deepEqual(reasons, {
    "1": "it does not begin as a drop file",
    "2": "its request cannot be read",
    "3": "1100016 octets are more than a message may have",
    "4": "no regular file",
    "5": "a symbolic link",
    "6": "it has 2 names, so that its owner may not be who put it here",
    "8": "from joe: No recipient addresses found in header",
    "9": "its request has no end",
  });
  assert.ok(host.files().includes(`.${"a".repeat(32)}`));
});
