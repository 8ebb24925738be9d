/** Twenty thousand deferred messages: the host starts, delivers new mail, answers questions, and stays small. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fillQueue, firstOutput, memoryOfTree } from "../../bench/deferred-queue.ts";
import { prepareSite, startOn } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { sendMail } from "../harness/smtp-client.ts";

const MESSAGES = 20_000;

test("a long queue of deferred mail stands in nobody's way", async (t) => {
  const site = await prepareSite(t, { users: ["wang"] });
  await fillQueue(site, MESSAGES);
  const host = await startOn(t, site);
  for (const subject of ["one", "two"]) {
    const mail = { from: "a@linuxaid.com.cn", to: "wang@linuxaid.com.cn" };
    await sendMail(host.smtp, mail, mailText(subject));
  }
  await host.arrived("wang", 2);
  assert.ok(memoryOfTree(host.pid("mailhost")).proportional < 512);
  const list = host.commandLine(["queue", "list", "--json"]);
  assert.ok((await firstOutput(list)) < 30_000);
  const { stdout } = await host.command("mailq", []);
  assert.match(stdout, new RegExp(`^.*${MESSAGES} requests`, "m"));
  assert.match(stdout, new RegExp(`Total requests: ${MESSAGES}`));
  // A process that was killed with the queue open is followed by one that has a look at all of it.
  host.signal("mta", "SIGKILL");
  await sendMail(host.smtp, { from: "a@linuxaid.com.cn", to: "wang@linuxaid.com.cn" }, mailText("three"));
  await host.arrived("wang", 3);
  assert.doesNotMatch(host.log(), /far\.example/);
});
