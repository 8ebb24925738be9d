/** `mailhost queue`: list, show, hold, release, remove; with the daemon up and with it down. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { startSink } from "../harness/sink.ts";
import { sendMail } from "../harness/smtp-client.ts";

test("a message is held, released and removed, and commands work while the host is down", async (t) => {
  const before = await startSink("127.0.0.60", 0);
  const { port } = before;
  await before.close();
  const host = await startHost(t, {
    settings: { relay: { port }, queue: { interval: "1h" } },
    zone: { "away.example": { a: ["127.0.0.60"] } },
  });
  const ids: string[] = [];
  for (const subject of ["first", "second"]) {
    const reply = await sendMail(
      host.smtp,
      { from: "a@linuxaid.com.cn", to: "b@away.example" },
      mailText(subject),
    );
    ids.push(/^2\.0\.0 (\S+) Message accepted/.exec(reply.text)![1]!);
  }
  const [first, second] = ids as [string, string];
  await host.logged(new RegExp(`${second}: .*stat=Deferred`));
  const queue = (...args: string[]) => host.mailhost(["queue", ...args]);
  assert.match((await queue("show", first)).stdout, /<first@client\.test>/);
  assert.equal((await queue("hold", first)).code, 0);
  const sink = await startSink("127.0.0.60", port);
  t.after(() => sink.close());
  assert.equal((await queue("run")).code, 0);
  const [taken] = await sink.taken(1);
  assert.match(taken!.message.toString(), /^Subject: second\r$/m);
  await host.stop();
  assert.match((await queue("list")).stdout, new RegExp(first));
  assert.match((await host.command("mailq", [])).stdout, /Total requests: 1/);
  assert.equal((await queue("release", first)).code, 0);
  const unknown = await queue("show", "nosuchid");
  assert.notEqual(unknown.code, 0);
  assert.match(`${unknown.stdout}${unknown.stderr}`, /nosuchid/);
  await host.start();
  await sink.taken(2, 30_000);

  await sink.close();
  const reply = await sendMail(
    host.smtp,
    { from: "a@linuxaid.com.cn", to: "b@away.example" },
    mailText("third"),
  );
  const third = /^2\.0\.0 (\S+) /.exec(reply.text)![1]!;
  await host.logged(new RegExp(`${third}: .*stat=Deferred`));
  assert.equal((await queue("remove", third)).code, 0);
  assert.match((await queue("list")).stdout, /the queue is empty/);
});

test("`sendmail` hands a message over with the daemon down, and it goes when the host is up", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  await host.stop();
  const sent = await host.command(
    "sendmail",
    ["-f", "li@linuxaid.com.cn", "-i", "wang@linuxaid.com.cn"],
    "Subject: by hand\n\n.\nhello\n",
  );
  assert.equal(sent.code, 0, sent.stderr);
  await host.start();
  const [entry] = await host.arrived("wang", 1, 30_000);
  assert.match(entry!.message.toString(), /\n\n\.\nhello\n/);
  const up = await host.command(
    "sendmail",
    ["-f", "li@linuxaid.com.cn", "wang@linuxaid.com.cn"],
    "Subject: up\n\nhello\n",
  );
  assert.equal(up.code, 0, up.stderr);
  await host.arrived("wang", 2);
});
