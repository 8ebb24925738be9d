import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { silentLog } from "@mailhost/common/log/log";
import type { Site } from "@mailhost/common/site";
import { run } from "../../src/commands/sendmail.ts";
import { openQueue } from "../../src/queue/lmdb-store.ts";
import type { QueueEntry } from "../../src/queue/queue-entry.ts";
import { makeSite, removeSite } from "./site-fixture.ts";

interface Ran {
  readonly code: number;
  readonly out: string[];
  readonly err: string[];
}

async function sendmail(site: Site, argv: readonly string[], stdin = ""): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  async function* input(): AsyncGenerator<Buffer> {
    yield Buffer.from(stdin, "latin1");
  }
  const code = await run(["--root", site.root, ...argv], {
    stdin: input(),
    stdout: (line) => void out.push(line),
    stderr: (line) => void err.push(line),
  });
  return { code, out, err };
}

async function queued(site: Site): Promise<{ entry: QueueEntry; text: string }[]> {
  const { store } = await openQueue(site, { clock: systemClock, log: silentLog });
  try {
    const messages: { entry: QueueEntry; text: string }[] = [];
    for (const entry of store.list()) {
      const pieces: Buffer[] = [];
      for await (const piece of store.body(entry).stream()) pieces.push(piece);
      messages.push({ entry, text: Buffer.concat(pieces).toString("latin1") });
    }
    return messages;
  } finally {
    await store.close();
  }
}

/** The store orders recipients by destination; tests do by kind. */
function byTarget(entry: QueueEntry) {
  return entry.recipients.map((r) => r.target).sort((a, b) => a.kind.localeCompare(b.kind));
}

async function withSite(body: (site: Site) => Promise<void>): Promise<void> {
  const site = makeSite();
  try {
    await body(site);
  } finally {
    removeSite(site);
  }
}

test("a message goes into the queue with no daemon about, and gets what it lacks", async () => {
  await withSite(async (site) => {
    const ran = await sendmail(
      site,
      ["-i", "-f", "web@linuxaid.com.cn", "-F", 'The "Web"', "staff"],
      "Subject: x\n\n.\nhello",
    );
    assert.deepEqual(ran, { code: 0, out: [], err: [] });
    const [message] = await queued(site);
    assert.match(
      message!.text,
      /^Received: \(from [^@\r\n]+@localhost\)\r\n\tby mail\.linuxaid\.com\.cn \(mailhost\) id \S+\r\n\tfor <staff>;\r\n\t[^\r\n]+\r\nSubject: x\r\nDate: [^\r\n]+\r\nMessage-ID: <\S+@mail\.linuxaid\.com\.cn>\r\nFrom: "The \\"Web\\"" <web@linuxaid\.com\.cn>\r\n\r\n\.\r\nhello\r\n$/,
    );
    assert.equal(message!.entry.sender, "web@linuxaid.com.cn");
    assert.equal(message!.entry.origin.protocol, "local");
    assert.deepEqual(byTarget(message!.entry), [
      { kind: "mailbox", name: "joe" },
      { kind: "remote", domain: "far.example" },
    ]);
  });
});

test("-t takes the recipients from the header and leaves the blind ones out", async () => {
  await withSite(async (site) => {
    const header =
      'To: "Joe, the first" <joe@linuxaid.com.cn>,\n Postmaster\nCc: team: a@far.example, b@far.example;\nBcc: secret@far.example\nSubject: x\n';
    const ran = await sendmail(site, ["-t"], `${header}\nhello\n.\nnot this\n`);
    assert.equal(ran.code, 0, ran.err.join("\n"));
    const [message] = await queued(site);
    assert.deepEqual(
      message!.entry.recipients.map((r) => r.address),
      [
        "joe@linuxaid.com.cn",
        "root@mail.linuxaid.com.cn",
        "a@far.example",
        "b@far.example",
        "secret@far.example",
      ],
    );
    assert.doesNotMatch(message!.text, /secret|not this/);
    assert.match(message!.text, /\r\n\r\nhello\r\n$/);
  });
});

test("an unknown user alone is refused; among others the sender gets a report", async () => {
  await withSite(async (site) => {
    const alone = await sendmail(site, ["nobody"], "\nhello\n");
    assert.deepEqual([alone.code, alone.err], [67, ["550 5.1.1 <nobody>... User unknown"]]);
    assert.deepEqual(await queued(site), []);
    const among = await sendmail(site, ["nobody", "joe"], "\nhello\n");
    assert.equal(among.code, 0);
    const [message] = await queued(site);
    assert.deepEqual(byTarget(message!.entry), [
      { kind: "mailbox", name: "joe" },
      { kind: "mailbox", name: "nobody" },
    ]);
  });
});

test("wrong usage", async () => {
  await withSite(async (site) => {
    assert.equal((await sendmail(site, ["-Z"])).code, 64);
    assert.equal((await sendmail(site, [], "x\n")).code, 64);
    assert.equal((await sendmail(site, ["-t"], "Subject: x\n\nx\n")).code, 64);
    const daemon = await sendmail(site, ["-bd", "-q20m"]);
    assert.equal(daemon.code, 64);
    assert.match(daemon.err.join(), /mailhost start/);
    const queueRun = await sendmail(site, ["-q"]);
    assert.equal(queueRun.code, 69);
  });
});

test("-bv says where mail would go", async () => {
  await withSite(async (site) => {
    const ran = await sendmail(site, ["-bv", "staff", "MAILER-DAEMON", "nobody"]);
    assert.deepEqual(ran.out, [
      "staff... deliverable: mailer local, user joe",
      "staff... deliverable: mailer esmtp, host far.example., user amy@far.example",
      "MAILER-DAEMON... deliverable: mailer local, user root",
      "nobody... 550 5.1.1 <nobody>... User unknown",
    ]);
    assert.equal(ran.code, 67);
  });
});
