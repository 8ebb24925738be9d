/** A large compiled table that is damaged: the text stands in, and without one the client is asked to come again. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { sendMail } from "../harness/smtp-client.ts";

test("access.db is overwritten in its middle under a running host", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const lines = Array.from({ length: 60_000 }, (_, i) => `spam${i}.example\tREJECT\n`);
  const text = `127.0.0.1\tRELAY\n${lines.join("")}friend.example\tOK\n`;
  host.write("etc/mail/access", text);
  const made = await host.command("makemap", ["hash", host.path("etc/mail/access")], text);
  assert.equal(made.code, 0, made.stderr);
  const file = host.path("etc/mail/access.db");
  assert.ok(statSync(file).size > 2 ** 20, "large enough to be read block by block");
  const send = (from: string) =>
    sendMail(host.smtp, { from, to: "wang@linuxaid.com.cn" }, mailText("a question"));
  assert.equal((await send("a@spam777.example")).code, 550);

  const bytes = readFileSync(file);
  bytes.fill("x", 4096, bytes.length - 40_000);
  writeFileSync(file, bytes);
  assert.equal((await send("a@spam777.example")).code, 550, "the text says so");
  await host.logged(/access\.db: is damaged \(.*\); make it anew; the sound lines of the text count/);
  const check = await host.mailhost(["check"]);
  assert.doesNotMatch(check.stderr, /^\s+at /m);

  rmSync(host.path("etc/mail/access"));
  assert.equal((await send("a@spam777.example")).code, 550, "what was read of the text stays in force");
  await host.stop();
  await host.start();
  const putOff = await send("a@spam777.example");
  assert.equal(Math.floor(putOff.code / 100), 4, putOff.text);

  host.write("etc/mail/access", text);
  assert.equal((await host.command("makemap", ["hash", host.path("etc/mail/access")], text)).code, 0);
  assert.equal((await send("a@spam777.example")).code, 550);
  assert.equal((await send("a@friend.example")).code, 250);
});
