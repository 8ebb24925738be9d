import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { run } from "../src/main.ts";
import { recordedTerminal } from "./fixtures/recorded-terminal.ts";

describe("the mailhost command", () => {
  test("wrong usage says what is wrong, with exit code 64 and no stack trace", async () => {
    const wrong: [string[], RegExp][] = [
      [[], /name a command/],
      [["strat"], /did you mean start\?/i],
      [["start", "--rot", "/x"], /unknown argument: rot/i],
      [["user"], /add, passwd, remove, list or import/],
      [["user", "add"], /an argument is missing/],
      [["trace", "a@b"], /missing required argument: from-ip/i],
      [["start", "--root", "/a", "--root", "/b"], /--root: give one directory/],
      [["start", "--root"], /not enough arguments following: root/],
    ];
    for (const [argv, expected] of wrong) {
      const terminal = recordedTerminal();
      assert.equal(await run(argv, terminal), 64, argv.join(" "));
      assert.match(terminal.errLines.join("\n"), expected);
      assert.doesNotMatch(terminal.errLines.join("\n"), /\n\s+at /);
    }
  });

  test("bad settings end a start with 78, naming file and line", async (t) => {
    const root = mkdtempSync(join(tmpdir(), "mailhost-main-"));
    t.after(() => rmSync(root, { recursive: true, force: true }));
    mkdirSync(join(root, "etc/mail"), { recursive: true });
    writeFileSync(join(root, "etc/mail/mailhost.yaml"), "smtp:\n  maxRecipients: many\n");
    const terminal = recordedTerminal();
    assert.equal(await run(["start", "--root", root], terminal), 78);
    assert.match(
      terminal.errLines[0] ?? "",
      /^mailhost: .*mailhost\.yaml:2: smtp\.maxRecipients: expected a whole number/,
    );
  });
});
