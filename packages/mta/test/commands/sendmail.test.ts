import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { silentLog } from "@mailhost/common/log/log";
import type { Site } from "@mailhost/common/site";
import { run, type StartOrder } from "../../src/commands/sendmail.ts";
import { openQueue } from "../../src/queue/open-queue.ts";
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
    streams: {
      stdin: input(),
      stdout: (line) => void out.push(line),
      stderr: (line) => void err.push(line),
    },
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

test("an unknown user is told to the caller, the others get the message", async () => {
  await withSite(async (site) => {
    const alone = await sendmail(site, ["nobody"], "\nhello\n");
    assert.deepEqual([alone.code, alone.err], [67, ["nobody... User unknown"]]);
    assert.deepEqual(await queued(site), []);
    const among = await sendmail(site, ["nobody", "joe"], "\nhello\n");
    assert.deepEqual([among.code, among.err], [67, ["nobody... User unknown"]]);
    const [message] = await queued(site);
    assert.deepEqual(byTarget(message!.entry), [{ kind: "mailbox", name: "joe" }]);
    assert.deepEqual((await sendmail(site, ["-oeq", "nobody"], "\n")).err, []);
  });
});

test("-oem: what cannot be delivered becomes a report to the sender", async () => {
  await withSite(async (site) => {
    const ran = await sendmail(site, ["-oem", "nobody"], "\nhello\n");
    assert.deepEqual([ran.code, ran.err], [67, []]);
    const [message] = await queued(site);
    const [recipient] = message!.entry.recipients;
    assert.equal(recipient!.target.kind, "error");
  });
});

test("exit codes and texts are Sendmail's", async () => {
  await withSite(async (site) => {
    const cases: readonly (readonly [argv: readonly string[], code: number, err: readonly string[]])[] = [
      [["-O", "Nonsense=1", "joe"], 70, ["readcf: unknown option name Nonsense"]],
      [["-o~1", "joe"], 70, ["readcf: unknown option name 0x7e"]],
      [["-oZ1", "joe"], 0, []],
      [["-OQueueSortOrder=host", "joe"], 0, []],
      [["|/bin/true"], 64, ["|/bin/true... Cannot mail directly to programs"]],
      [["/tmp/xx"], 64, ["/tmp/xx... Cannot mail directly to files"]],
      [[":include:/etc/passwd"], 64, [":include:/etc/passwd... Cannot mail directly to :include:s"]],
      [["<joe"], 64, ["<joe... Unbalanced '<'"]],
      [["-C", "/nonexistent", "joe"], 72, ["/nonexistent: line 0: cannot open: No such file or directory"]],
      [["-bv"], 64, ["Recipient names must be specified"]],
      [["-t"], 65, ["No recipient addresses found in header"]],
      [["-O", "MaxMessageSize=3", "joe"], 69, ["Message exceeds maximum fixed size (3)"]],
    ];
    for (const [argv, code, err] of cases) {
      const ran = await sendmail(site, argv, "Subject: x\n\nx\n");
      assert.deepEqual([ran.code, ran.err], [code, err], argv.join(" "));
    }
  });
});

test("-t: addresses of the command line get nothing", async () => {
  await withSite(async (site) => {
    await sendmail(site, ["-t", "amy@far.example"], "To: joe\nBcc: amy@far.example\n\nx\n");
    const [message] = await queued(site);
    assert.deepEqual(byTarget(message!.entry), [{ kind: "mailbox", name: "joe" }]);
  });
});

test("a resent message gets its own date, sender and id", async () => {
  await withSite(async (site) => {
    await sendmail(site, ["-t"], "From: a@b.example\nTo: amy@far.example\nResent-To: joe\n\nx\n");
    const [message] = await queued(site);
    assert.deepEqual(byTarget(message!.entry), [{ kind: "mailbox", name: "joe" }]);
    for (const field of ["Resent-Date", "Resent-Message-ID", "Resent-From", "Date", "Message-ID"])
      assert.match(message!.text, new RegExp(`^${field}: `, "m"));
    assert.equal(message!.text.match(/^From: /gm)!.length, 1);
  });
});

test("wrong usage", async () => {
  await withSite(async (site) => {
    assert.deepEqual(await sendmail(site, ["-Z"]), {
      code: 64,
      out: [],
      err: ["sendmail: illegal option -- Z"],
    });
    assert.equal((await sendmail(site, [], "x\n")).code, 64);
    const daemon = await sendmail(site, ["-bd", "-q20m"]);
    assert.equal(daemon.code, 64);
    assert.match(daemon.err.join(), /mailhost start/);
    const queueRun = await sendmail(site, ["-q"]);
    assert.equal(queueRun.code, 69);
  });
});

test("-bd, -bD and -q20m ask the launcher", async () => {
  await withSite(async (site) => {
    const orders: StartOrder[] = [];
    const start = async (_site: Site, order: StartOrder) => {
      orders.push(order);
      return 0;
    };
    for (const argv of [["-bd", "-q20m"], ["-bD"], ["-q1h30m"]])
      assert.equal(await run(["--root", site.root, ...argv], { starter: { start } }), 0);
    assert.equal(await run(["--root", site.root], { starter: { start }, programName: "smtpd" }), 0);
    assert.deepEqual(orders, [
      { how: "background", queueOnly: false, interval: 1_200_000 },
      { how: "foreground", queueOnly: false },
      { how: "background", queueOnly: true, interval: 5_400_000 },
      { how: "background", queueOnly: false },
    ]);
  });
});

test("-bC names the faults", async () => {
  await withSite(async (site) => {
    assert.deepEqual(await sendmail(site, ["-bC"]), { code: 0, out: [], err: [] });
    writeFileSync(site.settingsFile, "hostnam: x\n");
    const ran = await sendmail(site, ["-bC"]);
    assert.equal(ran.code, 78);
    assert.match(ran.err[0]!, /mailhost\.yaml:1: hostnam: unknown setting/);
  });
});

test("-Q puts into quarantine and takes out of it", async () => {
  await withSite(async (site) => {
    await sendmail(site, ["joe"], "x\n");
    const id = (await queued(site))[0]!.entry.id;
    assert.equal((await sendmail(site, ["-Qlooks bad", `-qI${id}`])).code, 0);
    assert.equal((await queued(site))[0]!.entry.quarantine, "looks bad");
    const listed = await sendmail(site, ["-bp", "-qQ"]);
    assert.ok(listed.out.includes("     QUARANTINE: looks bad"), listed.out.join("\n"));
    assert.deepEqual((await sendmail(site, ["-bp", "-q!Qbad"])).out.at(-1), "\t\tTotal requests: 0");
    assert.equal((await sendmail(site, ["-Q", "-qQ", "-qQbad"])).code, 0);
    assert.equal((await queued(site))[0]!.entry.quarantine, undefined);
  });
});

test("-bv says where mail would go", async () => {
  await withSite(async (site) => {
    const ran = await sendmail(site, ["-bv", "staff", "MAILER-DAEMON", "nobody"]);
    assert.deepEqual(ran.out, [
      "amy@far.example... deliverable: mailer esmtp, host far.example., user amy@far.example",
      "joe... deliverable: mailer local, user joe",
      "root... deliverable: mailer local, user root",
      "nobody... User unknown",
    ]);
    assert.equal(ran.code, 67);
  });
});

test("-bv names what a list holds as the list has it, and a member that is not there ends with 67", async () => {
  await withSite(async (site) => {
    writeFileSync(join(site.etcMail, "aliases"), 'team: gone, joe, "|/bin/vacation joe"\nsave: |/bin/save\n');
    const ran = await sendmail(site, ["-bv", "team", "save"]);
    assert.deepEqual(
      ran.out.toSorted(),
      [
        '"|/bin/vacation joe"... deliverable: mailer prog, user "|/bin/vacation joe"',
        "gone... User unknown",
        "joe... deliverable: mailer local, user joe",
        "|/bin/save... deliverable: mailer prog, user |/bin/save",
      ].toSorted(),
    );
    assert.equal(ran.code, 67);
  });
});
