/** Logwatch's report on Sendmail over a host's log: the totals are what happened, and no line is strange to it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LAN, OUTSIDE, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { findProgram, needs, runProgram } from "../harness/programs.ts";
import { startSink } from "../harness/sink.ts";
import { openSmtp, sendMail } from "../harness/smtp-client.ts";

/** What logwatch itself runs for `--service sendmail`: lines of the service, without their heads, to the service's script. */
const REPORT = [
  "cd /usr/share/logwatch/scripts",
  "perl shared/multiservice 'sendmail,sm-mta' | perl shared/removeheaders '' | perl services/sendmail",
].join(" && ");

const ENVIRONMENT = {
  PERL5LIB: "/usr/share/logwatch/lib",
  LOGWATCH_DETAIL_LEVEL: "10",
  sendmail_prettyhost: "0",
  sendmail_prettyprint: "0",
};

test("a day of mail adds up in logwatch's report", needs("logwatch"), async (t) => {
  const sink = await startSink("127.0.0.33", 0, {
    name: "mx.example.net",
    reply: (verb, line) => {
      if (verb !== "RCPT") return undefined;
      if (line.includes("gone")) return "550 5.1.1 nobody of that name";
      return line.includes("later") ? "451 4.7.1 try again later" : undefined;
    },
  });
  t.after(() => sink.close());
  const host = await startHost(t, {
    users: ["wang", "li"],
    settings: { relay: { port: sink.port }, queue: { interval: "1h" }, smtp: { privacy: ["authwarnings"] } },
    files: {
      "etc/mail/access": "127.0.0.1 RELAY\n127.0.0.2 RELAY\nspammer@bad.example REJECT\n127.0.0.66 REJECT\n",
    },
    zone: { "example.net": { mx: [[10, "mx.example.net"]] }, "mx.example.net": { a: ["127.0.0.33"] } },
  });
  const send = (from: string, to: string | string[], subject: string, more = {}) =>
    sendMail(host.smtp, { from, to }, mailText(subject), { from: LAN, ...more });

  for (let i = 0; i < 4; i++) await send("wang@linuxaid.com.cn", "li@linuxaid.com.cn", `home ${i}`);
  await send("wang@linuxaid.com.cn", ["li@linuxaid.com.cn", "friend@example.net"], "both");
  await send("wang@linuxaid.com.cn", "gone@example.net", "comes back");
  await send("li@linuxaid.com.cn", "later@example.net", "waits");
  await send("wang@linuxaid.com.cn", "nosuch@linuxaid.com.cn", "unknown", { from: OUTSIDE });
  for (let i = 0; i < 2; i++) {
    await send("a@example.net", `x${i}@elsewhere.example`, "relayed", { from: OUTSIDE });
  }
  await send("spammer@bad.example", "li@linuxaid.com.cn", "spam", { from: OUTSIDE });
  // One that asks for nothing, one that leaves in the middle, one that asks for its mail.
  const silent = await openSmtp(host.smtp, { from: OUTSIDE });
  await silent.quit();
  const lost = await openSmtp(host.smtp, { from: LAN });
  await lost.command("MAIL FROM:<wang@linuxaid.com.cn>");
  lost.close();
  const asking = await openSmtp(host.smtp, { from: LAN });
  assert.equal((await asking.command("ETRN example.org")).code, 250);
  await asking.quit();

  await host.arrived("li", 5);
  await host.arrived("wang", 1);
  await host.logged(/stat=Deferred: 451 4\.7\.1 try again later/);
  await host.logged(/lost input channel from .* after mail/);
  await host.logged(/did not issue MAIL/);
  await host.stop();

  const log = host.log();
  const sizes = [...log.matchAll(/: from=<[^>]*>, size=(\d+), .*nrcpts=(\d+)/g)];
  const octets = sizes.reduce((sum, match) => sum + Number(match[1]), 0);
  const { stdout, stderr, code } = await runProgram(findProgram("sh")!, ["-c", REPORT], {
    input: log,
    env: ENVIRONMENT,
  });
  assert.equal(code, 0, stderr);
  const total = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(stdout)?.[1]);
  assert.equal(total("Messages To Recipients"), 7, stdout);
  assert.equal(total("Addressed Recipients"), 8);
  assert.equal(total("Bytes Transferred"), octets);
  assert.match(stdout, /Sendmail was started 1 time/);
  assert.match(stdout, /Unknown local users[^\n]*\n\s+<nosuch@linuxaid\.com\.cn>: 1 Time\n\s+Total:\s+1\n/);
  assert.match(stdout, /Relaying denied(.*\n)+?\s+Total:\s+2\n/);
  for (const to of ["x0", "x1"]) assert.ok(stdout.includes(`to <${to}@elsewhere.example>: 1 Time`), stdout);
  assert.match(stdout, /451 4\.7\.1 try again later[\s\S]*later@example\.net/);
  assert.match(stdout, /Mail Rejected:\n\s+User unknown:\n\s+<gone@example\.net>: 1 Time\n/);
  assert.match(stdout, /Rejected incoming mail[\s\S]*<spammer@bad\.example>\n[^\n]*Access denied: 1 Time\n/);
  assert.match(stdout, /Lost input channel[^\n]*\n\s+\[127\.0\.0\.2\]: 1 Time/);
  assert.match(stdout, /Client quit before communicating[^\n]*\n\s+\[127\.0\.0\.9\]: 1 Time/);
  assert.match(stdout, /example\.org from 127\.0\.0\.2/);
  assert.doesNotMatch(stdout, /Unmatched Entries/, stdout);
});
