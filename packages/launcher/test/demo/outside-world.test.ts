import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { test } from "node:test";
import { openDialogue } from "../../src/demo/line-dialogue.ts";
import { openOutsideWorld } from "../../src/demo/outside-world.ts";
import { sendMail } from "../../src/demo/smtp-client.ts";

test("the outside host takes what the demonstration's client sends, dots and all", async () => {
  const world = await openOutsideWorld();
  try {
    const dialogue = await openDialogue({ host: "127.0.0.1", port: world.smtpPort, from: "127.0.0.1" });
    const lines = ["Subject: x", "", ".", "..dots", "end"];
    const reply = await sendMail(dialogue, { from: "a@b.example", to: "c@d.example", lines });
    dialogue.close();
    assert.deepEqual(reply, { code: 250, text: "250 2.0.0 taken" });
    assert.deepEqual(await world.nextMessage(), lines);
    const resolver = new Resolver({ timeout: 2000, tries: 1 });
    resolver.setServers([`127.0.0.1:${world.dnsPort}`]);
    await assert.rejects(resolver.resolveMx("example.com"), { code: "ENOTFOUND" });
  } finally {
    await world.close();
  }
});
