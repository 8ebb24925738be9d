/** What `mailstats` tells after mail has come and gone every way, as Sendmail was seen to count it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../harness/eventually.ts";
import { OUTSIDE, startHost } from "../harness/host.ts";
import { runProgram } from "../harness/programs.ts";
import { startSink } from "../harness/sink.ts";
import { openSmtp } from "../harness/smtp-client.ts";

const MAILSTATS = fileURLToPath(new URL("../../packages/mta/bin/mailstats.js", import.meta.url));

interface Counts {
  readonly mailers: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly connectionsFrom: number;
  readonly connectionsTo: number;
  readonly connectionsRejected: number;
}

test("programs, files, other hosts, refusals, discards, and root's messages without a daemon", async (t) => {
  const sink = await startSink("127.0.0.61", 0);
  t.after(() => sink.close());
  const host = await startHost(t, {
    users: ["wang"],
    settings: {
      relay: { smartHost: `[${sink.host}]:${sink.port}` },
      local: { programDirectory: false, defaultUser: `${process.getuid!()}:${process.getgid!()}` },
    },
    files: {
      "etc/mail/aliases": 'postmaster: root\nprog: "|cat >/dev/null"\nfile: /dev/null\n',
      "etc/mail/access": "127.0.0.1 RELAY\ngone@far.example DISCARD\n",
    },
  });
  const counts = async (): Promise<Counts> => {
    const ran = await runProgram(process.execPath, [MAILSTATS, "--json", "--root", host.root]);
    return JSON.parse(ran.stdout) as Counts;
  };
  const message = "Subject: x\r\n\r\nx\r\n";
  const outside = await openSmtp(host.smtp, { from: OUTSIDE });
  // Several refusals in a session count once.
  for (const to of ["a@far.example", "b@far.example"])
    assert.equal((await outside.send({ from: "c@far.example", to }, message)).code, 550);
  assert.equal((await outside.send({ from: "gone@far.example", to: "wang" }, message)).code, 250);
  await outside.quit();
  for (const to of ["prog", "file", "wang", "x@far.example"])
    assert.equal((await host.command("sendmail", [to], "Subject: x\n\nx\n")).code, 0);
  await host.arrived("wang");
  await sink.taken(1);
  await eventually(() => (host.log().match(/stat=Sent/g) ?? []).length === 4, {
    what: `four deliveries; the log ends\n${host.log().slice(-2000)}`,
  });
  await host.stop();
  const { mailers, ...connections } = await counts();
  assert.deepEqual(connections, {
    ...connections,
    connectionsFrom: 1,
    connectionsTo: 1,
    connectionsRejected: 2,
  });
  const to = Object.fromEntries(Object.entries(mailers).map(([name, row]) => [name, row.messagesTo]));
  assert.deepEqual(to, { prog: 1, "*file*": 1, local: 1, relay: 1, esmtp: 0 });
  assert.deepEqual(
    [
      mailers.esmtp!.messagesFrom,
      mailers.esmtp!.rejected,
      mailers.esmtp!.discarded,
      mailers.local!.messagesFrom,
    ],
    [1, 1, 1, 4],
  );
  assert.equal((await host.command("sendmail", ["wang"], "Subject: x\n\nx\n")).code, 0);
  assert.equal((await counts()).mailers.local!.messagesFrom, 5);
});
