import assert from "node:assert/strict";
import { test } from "node:test";
import { run } from "../../src/main.ts";
import { recordedTerminal } from "../fixtures/recorded-terminal.ts";

test("mailhost demo submits, is refused, delivers, fetches and relays, and says so in these words", async () => {
  const terminal = recordedTerminal();
  const code = await run(["demo"], terminal);
  assert.equal(code, 0, terminal.errLines.join("\n"));
  const words = terminal.outLines.map((line) => line.split(" ")[0]);
  const road = ["refused", "relayed", "fetched", "relayed"];
  assert.deepEqual(words, ["started", "submitted", "refused", "delivered", ...road, "stopped"]);
  assert.match(terminal.outLines.join("\n"), /alice with her password \(AUTH over TLS\), .*it arrived there/);
  assert.match(terminal.outLines[2] ?? "", /550 5\.7\.1 <someone@outside\.example>\.\.\. Relaying denied/);
});
