import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSettings } from "@mailhost/common/settings/load";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { createRewriting } from "../../src/rewrite/rewriting.ts";
import { bodyOf, entryOf, readBody, remote } from "../queue/queue-samples.ts";

const NOTHING = { file: "", get: () => undefined, entries: () => [] };
const NOBODY = { file: "", has: () => false, entries: () => [] };

function rewritingOf(yaml: string) {
  return createRewriting({
    settings: parseSettings(`hostname: mail.corp.example\n${yaml}`, "f"),
    tables: { genericstable: NOTHING, domaintable: NOTHING, genericsDomains: NOBODY },
    isOurName: (name) => name === "mail.corp.example",
    clock: new ManualClock(0),
  });
}

const MASQUERADE = "rewrite: {masqueradeAs: corp.example, masqueradeEnvelope: true}\n";
const TEXT = "From: joe@mail.corp.example\r\nTo: ann@else.example\r\n\r\nFrom: joe@mail.corp.example\r\n";

test("what a mailer is given is the rewritten message with its own size, from any offset", async () => {
  const message = { entry: entryOf({ sender: "joe@mail.corp.example" }), body: bodyOf(TEXT), recipients: [] };
  const { entry, body } = await rewritingOf(MASQUERADE).apply(message, "smtp");
  const expected = TEXT.replace("joe@mail.", "joe@");
  assert.equal(String(await readBody(body)), expected);
  assert.equal(body.size, expected.length);
  assert.equal(String(body.whole()), expected);
  for (let start = 0; start <= expected.length; start++) {
    const pieces: Buffer[] = [];
    for await (const piece of body.stream(start)) pieces.push(piece);
    assert.equal(Buffer.concat(pieces).toString(), expected.slice(start));
  }
  assert.equal(entry.sender, "joe@corp.example");
  assert.equal(
    message.entry.sender,
    "joe@mail.corp.example",
    "reports still go to the sender as it was given",
  );
});

test("a list's sender is rewritten with the message's own", async () => {
  const recipients = [
    remote("ann@else.example", { sender: "owner-list@mail.corp.example" }),
    remote("x@y.example"),
  ];
  const given = { entry: entryOf({ sender: "" }), body: bodyOf(TEXT), recipients };
  const outgoing = await rewritingOf(MASQUERADE).apply(given, "smtp");
  assert.equal(outgoing.recipients[0]?.sender, "owner-list@corp.example");
  assert.equal(outgoing.recipients[1], recipients[1]);
  assert.equal(outgoing.entry.sender, "");
});

test("with no feature a message is not looked into", async () => {
  const body = {
    size: 10,
    whole: () => assert.fail("read"),
    stream: (): AsyncIterable<Buffer> => {
      throw new Error("read");
    },
  };
  const message = { entry: entryOf(), body, recipients: [] };
  assert.equal(await rewritingOf("").apply(message, "smtp"), message);
});

test("a message with nothing to change keeps its very body", async () => {
  const body = bodyOf("From: ann@else.example\r\n\r\njoe@mail.corp.example\r\n");
  const outgoing = await rewritingOf(MASQUERADE).apply({ entry: entryOf(), body, recipients: [] }, "smtp");
  assert.equal(outgoing.body, body);
});

test("bare addresses get our name in what the sendmail command submitted; in other messages when the settings say so", async () => {
  const body = bodyOf("To: ann\r\n\r\n");
  const passing = { entry: entryOf(), body, recipients: [] };
  const submitted = {
    ...passing,
    entry: entryOf({ origin: { ip: "127.0.0.1", hostname: "", helo: "", protocol: "local" } }),
  };
  const text = async (yaml: string, message: typeof passing, mailer: "smtp" | "local") =>
    String(await readBody((await rewritingOf(yaml).apply(message, mailer)).body));
  assert.equal(await text("", submitted, "smtp"), "To: ann@mail.corp.example\r\n\r\n");
  assert.equal(await text("", submitted, "local"), "To: ann\r\n\r\n");
  assert.equal(await text("", passing, "smtp"), "To: ann\r\n\r\n");
  assert.equal(
    await text("rewrite: {qualifyHeaders: all}\n", passing, "smtp"),
    "To: ann@mail.corp.example\r\n\r\n",
  );
  assert.equal(await text("rewrite: {qualifyHeaders: never}\n", submitted, "smtp"), "To: ann\r\n\r\n");
});
