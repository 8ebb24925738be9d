/** The restricted shell decides as Debian's smrsh does. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { type FileKind, restrictCommand } from "../../src/deliver/restricted-shell.ts";

const SMRSH = "/usr/libexec/sendmail/smrsh";
const FILES: Readonly<Record<string, FileKind>> = {
  "/smrsh/filter": "program",
  "/smrsh/vacation": "program",
  "/smrsh/notes": "not executable",
  "/smrsh/folder": "not a file",
};
const decide = (command: string) => restrictCommand(command, "/smrsh", (path) => FILES[path] ?? "absent");

test("a program of the folder runs without a shell, whatever path is written", () => {
  for (const written of ["filter -x a@b", "/usr/ucb/filter -x a@b", "exec /opt/bin/filter  -x\ta@b"]) {
    assert.deepEqual(decide(written), { kind: "program", argv: ["/smrsh/filter", "-x", "a@b"] });
  }
});

test("quotes, && and || go to a shell, with the folder in front of each program", () => {
  const shell = (command: string) => ({ kind: "shell", command });
  assert.deepEqual(decide('vacation "a b"'), shell('/smrsh/vacation "a b"'));
  assert.deepEqual(decide("exec filter || exit 75"), shell("exec /smrsh/filter || exit 75"));
  assert.deepEqual(decide("/bin/filter a && vacation b"), shell("/smrsh/filter a && /smrsh/vacation b"));
  assert.deepEqual(decide("echo hello"), shell("echo hello"));
  assert.deepEqual(decide("exit 67"), shell("exit 67"));
});

test("what is not there, no file or not executable is not available", () => {
  const text = (command: string) => {
    const found = decide(command);
    return found.kind === "refused" ? found.text : found.kind;
  };
  assert.equal(text("/bin/sh -c x"), 'smrsh: "sh" not available for sendmail programs (stat failed)');
  assert.equal(text("folder"), 'smrsh: "folder" not available for sendmail programs (not a file)');
  assert.equal(text("notes"), 'smrsh: "notes" not available for sendmail programs');
  assert.equal(text("filter ../x; rm y"), "smrsh: cannot use ; in command");
  assert.equal(text("filter\nrm"), 'smrsh: "filter\nrm" not available for sendmail programs (stat failed)');
  assert.equal(text("filter a\nrm"), "smrsh: cannot use \n in command");
  assert.equal(text(".."), 'smrsh: ".." not available for sendmail programs (stat failed)');
});

test("the real smrsh refuses the same commands with the same words", (t) => {
  if (!existsSync(SMRSH)) {
    t.skip("needs smrsh (Debian package sendmail-bin)");
    return;
  }
  const commands = [
    "foo",
    "/bin/ls -l",
    "exec foo",
    "exec",
    "echo a | cat",
    "echo a & echo b",
    "echo $HOME",
    "echo a > b",
    "echo a < b",
    "echo (a)",
    "echo `x`",
    "echo a; echo b",
    "echo a ||foo",
    "foo || exit 75",
    'echo "a || b"',
    "echo ^x",
  ];
  for (const command of commands) {
    const real = spawnSync(SMRSH, ["-c", command], { encoding: "utf8", argv0: "smrsh", cwd: "/" });
    const ours = restrictCommand(command, "/nothing/here", () => "absent");
    assert.equal(ours.kind === "refused" ? ours.text : ours.kind, real.stderr.trim() || "shell", command);
    assert.equal(ours.kind === "refused" ? 69 : 0, real.status, command);
  }
});
