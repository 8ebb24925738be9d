/** Sessions of graphical mail programs, recorded from the programs themselves, are held again packet by packet. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Connection } from "../harness/connection.ts";
import { AWKWARD_BODIES, hostWithMail } from "../harness/filled-mailbox.ts";
import { PASSWORD } from "../harness/host.ts";

/** The sessions of a recording, by what the program was set to do. */
function sessionsOf(name: string): [title: string, packets: readonly string[]][] {
  const text = readFileSync(new URL(`recorded/${name}.txt`, import.meta.url), "utf8");
  return text
    .split(/^== /m)
    .slice(1)
    .map((part) => {
      const [title = "", ...packets] = part.trimEnd().split("\n");
      return [title, packets.map((packet) => packet.replace("…", PASSWORD))];
    });
}

/** Commands whose answer ends with a dot. */
const LONG = /^(?:UIDL|LIST|RETR .*)$/;

test("Claws Mail fetches, and leaves mail or deletes it", async (t) => {
  const host = await hostWithMail(t);
  for (const [title, packets] of sessionsOf("claws-mail")) {
    const connection = await Connection.open(host.pop3);
    assert.match(await connection.readText(), /^\+OK/);
    const fetched: string[] = [];
    for (const packet of packets) {
      await connection.write(`${packet}\r\n`);
      const status = await connection.readText();
      assert.match(status, /^\+OK/, `${title}: ${packet}`);
      if (!LONG.test(packet)) continue;
      const lines: string[] = [];
      for (let line = await connection.readText(); line !== "."; line = await connection.readText())
        lines.push(line.replace(/^\./, ""));
      if (!packet.startsWith("RETR")) assert.equal(lines.length, AWKWARD_BODIES.length);
      else fetched.push(`${lines.join("\r\n")}\r\n`);
    }
    assert.equal((await connection.readToEnd()).length, 0, `${title}: closed behind QUIT`);
    for (const [i, body] of AWKWARD_BODIES.entries())
      assert.ok(fetched[i]!.endsWith(`\r\n\r\n${body}`), title);
    assert.equal(host.mailbox("wang").length, title.startsWith("deletes") ? 0 : AWKWARD_BODIES.length, title);
  }
});
