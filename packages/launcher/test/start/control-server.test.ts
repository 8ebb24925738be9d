import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { sendControl } from "@mailhost/common/daemon/control";
import { type Site, siteAt } from "@mailhost/common/site";
import { type ControlCommands, openControlSocket } from "../../src/start/control-server.ts";

const commands: ControlCommands = {
  wake: () => ({ ok: true }),
  fail: () => {
    throw new Error("out of order");
  },
};

function makeSite(t: TestContext): Site {
  const root = mkdtempSync(join(tmpdir(), "mailhost-control-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, "run"));
  return siteAt(root);
}

describe("the control socket", () => {
  test("answers each line, and only its owner's group may speak", async (t) => {
    const site = makeSite(t);
    const server = await openControlSocket(site, undefined, commands);
    t.after(() => server.close());
    assert.equal(statSync(site.controlSocket).mode & 0o777, 0o660);
    assert.deepEqual(await sendControl(site, "wake"), { ok: true });
    assert.deepEqual(await sendControl(site, "fail"), { ok: false, error: "out of order" });
    assert.match(
      (await sendControl(site, "toString"))?.error ?? "",
      /^unknown command; there are wake, fail$/,
    );
  });

  test("takes several commands of one client, in any pieces, in their order", async (t) => {
    const site = makeSite(t);
    const server = await openControlSocket(site, undefined, commands);
    t.after(() => server.close());
    const socket = connect(site.controlSocket);
    let text = "";
    const done = new Promise<void>((resolve) => {
      socket.on("data", (piece) => {
        text += piece.toString();
        if (text.split("\n").length > 3) resolve();
      });
    });
    for (const piece of ['{"comm', 'and":"wake"}\nnonsense\n{"command":"f', 'ail"}\n']) socket.write(piece);
    await done;
    socket.destroy();
    const answers = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { ok: boolean });
    assert.deepEqual(
      answers.map((a) => a.ok),
      [true, false, false],
    );
  });

  test("a socket that a dead launcher left is taken over; a file in its place is not", async (t) => {
    const site = makeSite(t);
    const first = await openControlSocket(site, undefined, commands);
    const second = await openControlSocket(site, undefined, commands);
    assert.deepEqual(await sendControl(site, "wake"), { ok: true });
    second.close();
    first.close();
    const other = makeSite(t);
    writeFileSync(other.controlSocket, "precious");
    await assert.rejects(openControlSocket(other, undefined, commands), { exitCode: 73 });
  });

  test("a root that is too deep for a socket is refused by name", async () => {
    const site = siteAt(`/tmp/${"x".repeat(120)}`);
    await assert.rejects(openControlSocket(site, undefined, commands), /too long for a socket/);
    assert.equal(await sendControl(site, "wake"), undefined);
  });
});
