/** queue.warnAfter and queue.returnAfter, shortened: one warning, further attempts, then the report. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { fieldValues } from "../harness/mbox-reader.ts";
import { startSink } from "../harness/sink.ts";
import { sendMail } from "../harness/smtp-client.ts";

test("the sender is warned once, then the mail comes back", async (t) => {
  const sink = await startSink("127.0.0.31", 0, {
    reply: (verb) => (verb === "RCPT" ? "450 4.2.0 come back later" : undefined),
  });
  t.after(() => sink.close());
  const host = await startHost(t, {
    users: ["wang"],
    settings: {
      relay: { port: sink.port },
      queue: { interval: "100ms", warnAfter: "500ms", returnAfter: "3s" },
    },
    zone: { "example.net": { a: ["127.0.0.31"] } },
  });
  await sendMail(host.smtp, { from: "wang@linuxaid.com.cn", to: "friend@example.net" }, mailText("slow"));
  const [warning] = await host.arrived("wang");
  assert.match(fieldValues(warning!, "Subject")[0]!, /^Warning: could not send message for past /);
  assert.match(warning!.message.toString(), /^Action: delayed$/m);
  assert.match(warning!.message.toString(), /^Will-Retry-Until: /m);
  const attempts = sink.commands.filter((c) => c.includes("RCPT")).length;
  const [, report] = await host.arrived("wang", 2, 30_000);
  assert.equal(fieldValues(report!, "Subject")[0], "Returned mail: see transcript for details");
  assert.match(report!.message.toString(), /^Action: failed$/m);
  assert.match(report!.message.toString(), /^Status: [45]\.4\.7$/m);
  assert.ok(
    sink.commands.filter((c) => c.includes("RCPT")).length > attempts,
    "it was tried after the warning",
  );
  assert.equal(host.mailbox("wang").length, 2);
  assert.match((await host.mailhost(["queue", "list"])).stdout, /the queue is empty/);
});
