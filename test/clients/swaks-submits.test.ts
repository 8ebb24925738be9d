/** swaks, a tester's client, submits from the LAN and is refused from outside. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LAN, OUTSIDE, startHost } from "../harness/host.ts";
import { needs, runProgram } from "../harness/programs.ts";
import { startSink } from "../harness/sink.ts";

test("swaks submits from the LAN and is refused from outside", needs("swaks"), async (t) => {
  const sink = await startSink("127.0.0.90", 0);
  t.after(() => sink.close());
  const host = await startHost(t, {
    users: ["wang"],
    settings: { relay: { port: sink.port } },
    zone: { "example.net": { a: ["127.0.0.90"] } },
  });
  const swaks = (from: string, port: number, to: string) =>
    runProgram("swaks", [
      ...["--server", "127.0.0.1", "--port", String(port), "--local-interface", from],
      ...[
        "--from",
        "li@linuxaid.com.cn",
        "--to",
        to,
        "--header",
        "Subject: by swaks",
        "--body",
        "one\n.two\n..three",
      ],
    ]);

  const local = await swaks(OUTSIDE, host.smtp.port, "wang@linuxaid.com.cn");
  assert.equal(local.code, 0, local.stdout);
  const [entry] = await host.arrived("wang");
  assert.match(entry!.message.toString(), /\none\n\.two\n\.\.three\n/);

  for (const port of [host.smtp.port, host.submission.port]) {
    const relayed = await swaks(LAN, port, "friend@example.net");
    assert.equal(relayed.code, 0, relayed.stdout);
  }
  await sink.taken(2);

  const refused = await swaks(OUTSIDE, host.smtp.port, "friend@example.net");
  assert.notEqual(refused.code, 0);
  assert.match(refused.stdout, /<\*\* 550 5\.7\.1 <friend@example\.net>\.\.\. Relaying denied/);
});
