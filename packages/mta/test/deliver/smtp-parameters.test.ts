import assert from "node:assert/strict";
import { test } from "node:test";
import { PLAIN_SMTP, readExtensions } from "../../src/deliver/smtp-extensions.ts";
import {
  isUnsendable,
  mailCommand,
  needsUtf8,
  rcptCommand,
  xtext,
} from "../../src/deliver/smtp-parameters.ts";
import { entryFor, recipientAt } from "./sample-message.ts";

const all = readExtensions({
  code: 250,
  lines: [
    "peer.example hello",
    "SIZE 1000",
    "8bitmime",
    "SMTPUTF8",
    "DSN",
    "PIPELINING",
    "STARTTLS",
    "AUTH=LOGIN",
    "",
  ],
});

test("an EHLO answer is read without regard to case and order", () => {
  assert.deepEqual(all, {
    esmtp: true,
    size: true,
    sizeLimit: 1000,
    pipelining: true,
    eightBitMime: true,
    smtpUtf8: true,
    dsn: true,
    startTls: true,
    auth: ["LOGIN"],
  });
  const bare = readExtensions({ code: 250, lines: ["DSN", "SIZE", "XSIZE 5"] });
  assert.deepEqual([bare.dsn, bare.size, bare.sizeLimit], [false, true, 0], "the first line is a name");
});

test("parameters go only to servers that offer them", () => {
  const recipient = recipientAt("b@c.example", {
    notify: ["FAILURE", "DELAY"],
    originalRecipient: "rfc822;x+y=z@c.example",
  });
  const entry = entryFor([recipient], { bodyType: "8BITMIME", dsnReturn: "HDRS", envelopeId: "id 1+2" });
  assert.equal(
    mailCommand(entry, 12, false, all),
    "MAIL From:<a@here.example> SIZE=12 BODY=8BITMIME RET=HDRS ENVID=id+201+2B2",
  );
  assert.equal(
    rcptCommand(recipient, false, all),
    "RCPT To:<b@c.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;x+2By+3Dz@c.example",
  );
  assert.equal(mailCommand(entry, 12, false, PLAIN_SMTP), "MAIL From:<a@here.example>");
  assert.equal(rcptCommand(recipient, false, PLAIN_SMTP), "RCPT To:<b@c.example>");
  assert.equal(mailCommand(entryFor([], { sender: "" }), 12, false, PLAIN_SMTP), "MAIL From:<>");
});

test("a domain outside ASCII goes in A-labels unless the message needs SMTPUTF8 anyway", () => {
  const recipient = recipientAt("b@bücher.example");
  assert.equal(needsUtf8(recipient.address), false);
  assert.equal(needsUtf8("bücher@c.example"), true);
  assert.equal(rcptCommand(recipient, false, all), "RCPT To:<b@xn--bcher-kva.example>");
  assert.equal(rcptCommand(recipient, true, all), "RCPT To:<b@bücher.example>");
  assert.match(mailCommand(entryFor([]), 1, true, all), / BODY=8BITMIME SMTPUTF8$/);
});

test("an original recipient outside ASCII goes as RFC 6533 has it", () => {
  const recipient = recipientAt("b@c.example", { originalRecipient: "rfc822;bü@c.example" });
  assert.match(rcptCommand(recipient, false, all), / ORCPT=utf-8;b\\x\{FC\}@c.example$/);
  assert.match(rcptCommand(recipient, true, all), / ORCPT=utf-8;bü@c.example$/);
});

test("xtext leaves nothing that could end the parameter", () => {
  assert.equal(xtext("a\r\nb c"), "a+0D+0Ab+20c");
  assert.equal(isUnsendable("a@b\r\nRCPT To:<c>"), true);
  assert.equal(isUnsendable('"a b"@c.example'), false);
});

test("AUTH= goes to servers that have AUTH", () => {
  const offered = { ...PLAIN_SMTP, auth: ["PLAIN"] };
  const first = entryFor([], { authSender: "a+b=c@here.example" });
  assert.match(mailCommand(first, 12, false, offered), / AUTH=a\+2Bb\+3Dc@here\.example$/);
  assert.match(mailCommand(entryFor([], { authSender: "" }), 12, false, offered), / AUTH=<>$/);
  assert.doesNotMatch(mailCommand(first, 12, false, PLAIN_SMTP), /AUTH/);
  assert.doesNotMatch(mailCommand(entryFor([]), 12, false, offered), /AUTH/);
});
