import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { readFirstLine } from "../src/password-prompt.ts";

describe("a password on standard input", () => {
  test("is the first line, whatever pieces it comes in", async () => {
    for (const pieces of [["secret\nmore\n"], ["sec", "ret\r", "\nmore"], ["secret"]]) {
      assert.equal(await readFirstLine(Readable.from(pieces.map((p) => Buffer.from(p)))), "secret");
    }
    assert.equal(await readFirstLine(Readable.from([Buffer.from("pässwörd 密码\n")])), "pässwörd 密码");
  });

  test("must be there, and of a sensible length", async () => {
    await assert.rejects(readFirstLine(Readable.from([])), { exitCode: 66 });
    await assert.rejects(readFirstLine(Readable.from([Buffer.from("\nsecond\n")])), { exitCode: 66 });
    await assert.rejects(readFirstLine(Readable.from([Buffer.alloc(10_000, 120)])), { exitCode: 65 });
  });
});
