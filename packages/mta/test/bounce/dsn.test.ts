import assert from "node:assert/strict";
import test from "node:test";
import { simpleParser } from "mailparser";
import { composeDsn, REPORT_LIMIT } from "../../src/bounce/dsn.ts";
import type { Report, ReportKind } from "../../src/bounce/report.ts";
import type { QueueEntry, QueueRecipient } from "../../src/queue/queue-entry.ts";
import { bodyOf, entryOf, local, remote } from "../queue/queue-samples.ts";

const TIMES = { interval: 1_200_000, warnAfter: 14_400_000, returnAfter: 432_000_000 };
const NOW = Date.UTC(2026, 10, 25, 2, 0, 0);
const ORIGINAL = "From: a@b\r\nSubject: hello\r\nX-Long: 1\r\n\r\nthe body\r\n";

function failed(address: string, more: Partial<QueueRecipient> = {}): QueueRecipient {
  return remote(address, {
    state: "failed",
    lastReply: { code: 550, enhanced: "5.1.1", text: "no such user" },
    remoteMta: "mx.far.example",
    transcript: [`>>> RCPT To:<${address}>`, "<<< 550 5.1.1 no such user"],
    ...more,
  });
}

async function compose(
  kind: ReportKind,
  recipients: QueueRecipient[],
  entry: Partial<QueueEntry> = {},
  original: string | Uint8Array = ORIGINAL,
) {
  const report: Report = { kind, to: "sender@origin.example", recipients };
  const dsn = await composeDsn({
    report,
    entry: entryOf({ lastAttemptAt: NOW, ...entry }),
    body: bodyOf(original),
    recipients: [{ address: report.to, target: { kind: "remote", domain: "origin.example" } }],
    hostname: "mail.here.example",
    times: TIMES,
    now: NOW,
  });
  return {
    ...dsn,
    text: dsn.body.toString(),
    mail: await simpleParser(dsn.body, { keepDeliveryStatus: true }),
  };
}

/** Fields of the delivery status: one record a block. */
function statusOf(mail: Awaited<ReturnType<typeof simpleParser>>): Record<string, string>[] {
  const part = mail.attachments.find((a) => a.contentType === "message/delivery-status");
  assert.ok(part, "there is a delivery status");
  return part.content
    .toString()
    .trim()
    .split(/\r?\n\r?\n/)
    .map((block) => Object.fromEntries(block.split(/\r?\n/).map((line) => line.split(/: (.*)/).slice(0, 2))));
}

test("a failure is a multipart/report with Sendmail's words and RFC 3464's fields", async () => {
  const { message, text, mail } = await compose("failure", [
    failed("c@far.example", { originalRecipient: "rfc822;c+x@far.example" }),
  ]);
  assert.match(text, /^Content-Type: multipart\/report; report-type=delivery-status;\r\n\tboundary="/m);
  assert.equal(mail.from?.text, '"Mail Delivery Subsystem" <MAILER-DAEMON@mail.here.example>');
  assert.equal(mail.subject, "Returned mail: see transcript for details");
  assert.match(text, /^Auto-Submitted: auto-generated/m);
  assert.equal(mail.references, "<m1@origin.example>");
  assert.match(mail.text ?? "", /您的邮件无法投递给下列收件人/);
  assert.match(
    mail.text ?? "",
    /The original message was received at Tue, 24 Nov 2026 21:59:01 \+0000\nfrom client\.example \[192\.0\.2\.7\]/,
  );
  assert.match(
    mail.text ?? "",
    /----- The following addresses had permanent fatal errors -----\n<c@far\.example>\n {4}\(reason: 550 5\.1\.1 no such user\)/,
  );
  assert.match(
    mail.text ?? "",
    /\.\.\. while talking to mx\.far\.example:\n>>> RCPT To:<c@far\.example>\n<<< 550 5\.1\.1 no such user\n550 5\.1\.1 <c@far\.example>\.\.\. User unknown/,
  );
  const [head, recipient] = statusOf(mail);
  assert.equal(head?.["Reporting-MTA"], "dns; mail.here.example");
  assert.equal(head?.["Received-From-MTA"], "DNS; client.example");
  assert.equal(head?.["Arrival-Date"], "Tue, 24 Nov 2026 21:59:01 +0000");
  assert.deepEqual(recipient, {
    "Original-Recipient": "rfc822;c+x@far.example",
    "Final-Recipient": "RFC822; c@far.example",
    "X-Actual-Recipient": "rfc822; c@far.example",
    Action: "failed",
    Status: "5.1.1",
    "Remote-MTA": "DNS; mx.far.example",
    "Diagnostic-Code": "SMTP; 550 5.1.1 no such user",
    "Last-Attempt-Date": "Wed, 25 Nov 2026 02:00:00 +0000",
  });
  assert.deepEqual([message.sender, message.isReport, message.bodyType], ["", true, "7BIT"]);
  assert.equal(mail.messageId, message.messageId);
});

test("a small message comes back whole unless only its header was asked for or it is bulk mail", async () => {
  const header = await compose("failure", [failed("c@far.example")], { dsnReturn: "HDRS" });
  assert.match(header.text, /Content-Type: text\/rfc822-headers\r\n[\s\S]*X-Long: 1\r\n\r\n--/);
  assert.doesNotMatch(header.text, /the body/);
  const bulk = await compose("failure", [failed("c@far.example")], { dsnReturn: "FULL", precedence: -60 });
  assert.match(bulk.text, /text\/rfc822-headers/);
  assert.match((await compose("failure", [failed("c@far.example")])).text, /Content-Type: message\/rfc822/);
  const full = await compose("failure", [failed("c@far.example")], { dsnReturn: "FULL" });
  assert.match(full.text, /Content-Type: message\/rfc822\r\n[\s\S]*the body\r\n\r\n--/);
  const large = await compose(
    "failure",
    [failed("c@far.example")],
    { dsnReturn: "FULL" },
    ORIGINAL + "x".repeat(50_000),
  );
  assert.match(large.text, /text\/rfc822-headers/);
  const delay = await compose("delay", [remote("c@far.example")], { dsnReturn: "FULL" });
  assert.match(delay.text, /text\/rfc822-headers/);
});

test("a delay is a warning that says how long it will be tried", async () => {
  const waiting = remote("c@far.example", {
    lastReply: { code: 450, enhanced: "4.4.1", text: "Connection refused by mx." },
  });
  const { mail } = await compose("delay", [waiting]);
  assert.equal(mail.subject, "Warning: could not send message for past 4 hours");
  assert.match(mail.text ?? "", /\*\* {6}THIS IS A WARNING MESSAGE ONLY {6}\*\*/);
  assert.match(
    mail.text ?? "",
    /Warning: message still undelivered after 4 hours\nWill keep trying until message is 5 days old/,
  );
  const [, recipient] = statusOf(mail);
  assert.equal(recipient?.Action, "delayed");
  assert.equal(recipient?.Status, "4.4.1");
  assert.equal(recipient?.["Will-Retry-Until"], "Sun, 29 Nov 2026 21:59:01 +0000");
});

test("a receipt says delivered for a mailbox of ours, relayed for the rest", async () => {
  const { mail } = await compose("success", [local("bob@here.example"), remote("c@far.example")], {
    envelopeId: "QQ1",
  });
  assert.equal(mail.subject, "Return receipt");
  const [head, bob, c] = statusOf(mail);
  assert.equal(head?.["Original-Envelope-Id"], "QQ1");
  assert.deepEqual([bob?.Action, bob?.Status], ["delivered (to mailbox)", "2.1.5"]);
  assert.deepEqual([c?.Action, c?.Status], ["relayed (to non-DSN-aware mailer)", "2.0.0"]);
});

test("a program's strange exit code has no status of its own; a report reckons with what it gives back", async () => {
  const target = { kind: "program", command: "x", as: { name: "x" } } as const;
  const end = (code: number, enhanced: string, text: string): Partial<QueueRecipient> => ({
    target,
    state: "failed",
    lastReply: { code, enhanced, text },
  });
  const { mail, message } = await compose(
    "failure",
    [
      remote("a@here.example", end(554, "5.3.0", "unknown mailer error 1")),
      remote("b@here.example", end(501, "5.6.0", "Data format error")),
    ],
    { countedSize: 100 },
  );
  const [, a, b] = statusOf(mail);
  assert.deepEqual([a?.Status, a?.["Diagnostic-Code"]], ["5.0.0", "X-Unix; 1"]);
  assert.deepEqual([b?.Status, b?.["Diagnostic-Code"]], ["5.6.0", "X-Unix; 65"]);
  assert.equal(message.countedSize, 1124);
});

test("8-bit octets of the message come back as they were", async () => {
  const original = Buffer.concat([
    Buffer.from("Subject: "),
    Buffer.from([0xb2, 0xe2, 0xca, 0xd4]),
    Buffer.from("\r\n\r\nx\r\n"),
  ]);
  const { message, body, text } = await compose("failure", [failed("c@far.example")], {}, original);
  assert.equal(message.bodyType, "8BITMIME");
  assert.match(text, /Content-Transfer-Encoding: 8bit/);
  assert.ok(body.includes(Buffer.from([0xb2, 0xe2, 0xca, 0xd4])));
});

test("an internationalised message gets RFC 6533's types", async () => {
  const { message, text } = await compose("failure", [failed("用户@far.example")], { smtputf8: true });
  assert.equal(message.smtputf8, true);
  assert.match(text, /Content-Type: message\/global-delivery-status/);
  assert.match(text, /Content-Type: message\/global\r/);
  assert.match(text, /Final-Recipient: utf-8; 用户@far\.example/);
});

test("what a hostile host said cannot forge fields or parts", async () => {
  const evil = failed("c@far.example", {
    lastReply: { code: 550, enhanced: "9.9.9", text: "x\r\nAction: delivered\r\n\r\n--boundary" },
    originalRecipient: "rfc822;a+0D+0AAction: delivered",
  });
  const { mail } = await compose("failure", [evil], {
    messageId: "<a\r\nBcc: x>",
    envelopeId: "a\r\nStatus: 2.0.0",
  });
  const status = statusOf(mail);
  assert.equal(status.length, 2);
  assert.equal(status[1]?.Action, "failed");
  assert.equal(status[1]?.Status, "5.0.0");
  assert.equal(mail.headers.has("bcc"), false);
});

test("a report never grows over 64 KiB", async () => {
  const recipients = Array.from({ length: 20 }, (_, i) =>
    failed(`${"r".repeat(300)}${i}@far.example`, {
      originalRecipient: `rfc822;${"o".repeat(500)}`,
      lastReply: { code: 550, enhanced: "5.1.1", text: "错".repeat(600) },
      transcript: Array.from({ length: 20 }, () => "<<< ".padEnd(900, "y")),
    }),
  );
  const { body } = await compose(
    "failure",
    recipients,
    { dsnReturn: "FULL" },
    `Subject: x\r\n${"X-Y: z\r\n".repeat(9000)}\r\nbody`,
  );
  assert.ok(body.length <= REPORT_LIMIT, `${body.length} octets`);
  const { mail } = await compose("failure", [failed("c@far.example")], {}, "\r\nno header at all");
  assert.equal(statusOf(mail).length, 2);
});
