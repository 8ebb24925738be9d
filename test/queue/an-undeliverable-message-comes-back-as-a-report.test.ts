/** RFC 3464: what can not be delivered comes back from `<>` as a report that programs can read, and never bounces again. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { fieldValues, type MboxEntry } from "../harness/mbox-reader.ts";
import { startSink } from "../harness/sink.ts";
import { sendMail } from "../harness/smtp-client.ts";

/** What the tests look at of mailparser's result. */
interface Parsed {
  readonly subject: string;
  readonly text: string;
  readonly from: { readonly text: string };
  readonly headers: Map<
    string,
    { readonly value: string; readonly params: Readonly<Record<string, string>> }
  >;
  readonly attachments: readonly { readonly contentType: string; readonly content: Buffer }[];
}

const { simpleParser } = createRequire(new URL("../../packages/mta/package.json", import.meta.url))(
  "mailparser",
) as {
  simpleParser: (source: Buffer) => Promise<Parsed>;
};

const parsed = (entry: MboxEntry) => simpleParser(entry.message);

test("a refused message comes back as a report with all its parts", async (t) => {
  const sink = await startSink("127.0.0.31", 0, {
    name: "mx.example.net",
    reply: (verb) => (verb === "RCPT" ? "550 5.1.1 we know nobody of that name" : undefined),
  });
  t.after(() => sink.close());
  const host = await startHost(t, {
    users: ["wang"],
    settings: { relay: { port: sink.port } },
    zone: { "example.net": { mx: [[10, "mx.example.net"]] }, "mx.example.net": { a: ["127.0.0.31"] } },
  });
  await sendMail(
    host.smtp,
    { from: "wang@linuxaid.com.cn", to: "friend@example.net" },
    mailText("lost", "你好 body\r\n"),
  );
  const [entry] = await host.arrived("wang");
  assert.match(entry!.from, /^From MAILER-DAEMON /);
  assert.deepEqual(fieldValues(entry!, "Return-Path"), ["<>"]);
  const report = await parsed(entry!);
  assert.equal(report.subject, "Returned mail: see transcript for details");
  assert.match(report.from.text, /MAILER-DAEMON@mail\.linuxaid\.com\.cn/i);
  const type = report.headers.get("content-type")!;
  assert.equal(type.value, "multipart/report");
  assert.equal(type.params["report-type"], "delivery-status");
  assert.match(report.text, /----- The following addresses had permanent fatal errors -----/);
  assert.match(report.text, /<friend@example\.net>/);
  assert.match(report.text, /550 5\.1\.1 we know nobody of that name/);
  // mailparser counts a delivery status among the texts.
  const status = report.text;
  assert.match(status, /^Reporting-MTA: dns; ?mail\.linuxaid\.com\.cn$/m);
  assert.match(status, /^Final-Recipient: rfc822; ?friend@example\.net$/im);
  assert.match(status, /^Action: failed$/m);
  assert.match(status, /^Status: 5\.1\.1$/m);
  assert.match(status, /^Remote-MTA: dns; ?mx\.example\.net\.?$/im);
  assert.match(status, /^Diagnostic-Code: smtp; ?550 5\.1\.1 we know nobody of that name$/im);
  const original = report.attachments.find((a) =>
    /^(message\/rfc822|text\/rfc822-headers)$/.test(a.contentType),
  )!;
  assert.match(original.content.toString(), /^Subject: lost$/m);
});

test("one report tells of all recipients that failed, and says nothing of those that did not", async (t) => {
  const sink = await startSink("127.0.0.31", 0, {
    reply: (verb, line) => (verb === "RCPT" && line.includes("bad") ? "550 5.1.1 no" : undefined),
  });
  t.after(() => sink.close());
  const host = await startHost(t, {
    users: ["wang"],
    settings: { relay: { port: sink.port } },
    zone: { "example.net": { a: ["127.0.0.31"] } },
  });
  const to = ["bad1@example.net", "good@example.net", "bad2@example.net"];
  await sendMail(host.smtp, { from: "wang@linuxaid.com.cn", to }, mailText("mixed"));
  await sink.taken(1);
  const [entry] = await host.arrived("wang");
  const text = entry!.message.toString();
  assert.match(text, /^Final-Recipient: .*bad1@example\.net/m);
  assert.match(text, /^Final-Recipient: .*bad2@example\.net/m);
  assert.doesNotMatch(text, /^Final-Recipient: .*good@/m);
  assert.equal(host.mailbox("wang").length, 1);
});

test("nothing bounces a bounce: a message from <> that can not be delivered ends at postmaster or nowhere", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  await sendMail(host.smtp, { from: "", to: "friend@absent.example" }, mailText("from nobody"));
  await host.logged(/to=<friend@absent\.example>,.* dsn=5\.1\.2/);
  // A sender that does not exist either: its bounce fails, and that is the end.
  await sendMail(host.smtp, { from: "ghost@absent.example", to: "friend@absent.example" }, mailText("ghost"));
  await host.logged(/to=<ghost@absent\.example>,.* dsn=5\.1\.2/);
  // What goes to postmaster about it is delivered after that line is written.
  await eventually(async () => /the queue is empty/.test((await host.mailhost(["queue", "list"])).stdout), {
    what: "the queue is empty",
  });
  for (const entry of host.mailbox("root")) assert.match(entry.from, /^From MAILER-DAEMON /);
  assert.ok(host.mailbox("root").length <= 2);
});

test("NOTIFY=NEVER is kept to", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const mail = { from: "wang@linuxaid.com.cn", to: "a@absent.example", rcptParameters: " NOTIFY=NEVER" };
  await sendMail(host.smtp, mail, mailText("silent"));
  await host.logged(/to=<a@absent\.example>,.* dsn=5\.1\.2/);
  await sendMail(host.smtp, { from: "wang@linuxaid.com.cn", to: "b@absent.example" }, mailText("loud"));
  const entries = await host.arrived("wang");
  assert.equal(entries.length, 1);
  assert.match(entries[0]!.message.toString(), /b@absent\.example/);
});
