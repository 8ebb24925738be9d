/** The limit on open files, and when it is too low. */
import assert from "node:assert/strict";
import test from "node:test";
import { openFilesFault, openFilesLimit } from "../../src/daemon/open-files.ts";

test("the system's limit is a number", () => {
  assert.ok((openFilesLimit() ?? 0) > 0);
});

test("too low a limit is named with what to do, enough is not", () => {
  assert.match(
    openFilesFault(2000, 4096) ?? "",
    /2000 sessions need 6120 open files and the system allows 4096: raise/,
  );
  for (const limit of [6120, Number.POSITIVE_INFINITY, undefined]) {
    assert.equal(openFilesFault(2000, limit), undefined);
  }
});
