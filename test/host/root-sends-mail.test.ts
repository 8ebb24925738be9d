/** `sendmail` of whoever may write the queue: with a daemon, which takes the message in, and without one. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { startHost } from "../harness/host.ts";

test("root's message is queued at once, and what is wrong with it is told by text and exit code", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const send = (args: readonly string[]) => host.command("sendmail", args, "Subject: one\n\nhello\n");
  /** With a daemon and without one the same is said. */
  const told = async () => {
    const unknown = await send(["nobody-here"]);
    const partly = await send(["wang", "nobody-here"]);
    const quiet = await send(["-oeq", "nobody-here"]);
    const shown = await send(["-v", "wang"]);
    const nobody = await send(["-t"]);
    return [unknown, partly, quiet, shown, nobody].map(({ code, stdout, stderr }) => [
      code,
      stdout,
      stderr.replace(/^\S{14} (?=Message)/m, "QID "),
    ]);
  };
  const expected = [
    [67, "", "nobody-here... User unknown\n"],
    [67, "", "nobody-here... User unknown\n"],
    [67, "", ""],
    [0, "", "wang@mail.linuxaid.com.cn... queued\nQID Message accepted for delivery\n"],
    [65, "", "No recipient addresses found in header\n"],
  ];
  assert.deepEqual(await told(), expected);
  await host.arrived("wang", 2);
  assert.deepEqual(readdirSync(host.path("var/spool/clientmqueue")), []);
  // -oem: nobody waits for an answer, and the sender gets a report.
  assert.equal((await send(["-oem", "-fwang", "nobody-here"])).code, 67);
  const [, , report] = await host.arrived("wang", 3);
  assert.match(report!.message.toString(), /nobody-here/);
  await host.stop();
  assert.deepEqual(await told(), expected);
  await host.start();
  await host.arrived("wang", 5);
});

test("a daemon that dies over it costs no message", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  host.signal("mta", "SIGSTOP");
  const sending = host.command("sendmail", ["wang"], "Subject: kept\n\nhello\n");
  host.signal("mta", "SIGKILL");
  const sent = await sending;
  assert.deepEqual([sent.code, sent.stderr], [0, ""]);
  const [entry] = await host.arrived("wang");
  assert.match(entry!.message.toString(), /^Subject: kept$/m);
});
