import assert from "node:assert/strict";
import { test } from "node:test";
import { forwardPaths } from "../../src/recipients/forward-paths.ts";

const joe = { account: { name: "joe" }, home: "/home/joe", hostname: "mail.here.example" };

test("macros, with and without braces, side by side and at both ends", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Sendmail's way to write a macro
  const patterns = ["$z/.forward", "/var/forward/${u}/$w.$m", "/$f$h$j$x${yy}", "$z$z"];
  const expected = [
    "/home/joe/.forward",
    "/var/forward/joe/mail.here.example",
    "/joelistsmail.here.example",
    "/home/joe/home/joe",
  ];
  assert.deepEqual(forwardPaths(patterns, { ...joe, detail: "lists" }), expected);
  // Taken apart once, for whoever comes.
  assert.deepEqual(
    forwardPaths(patterns, { account: { name: "ann" }, home: "/a", detail: undefined, hostname: "here" }),
    ["/a/.forward", "/var/forward/ann/here.", "/annhere", "/a/a"],
  );
});

test("each path once, and none that is not absolute", () => {
  const patterns = ["$z/.forward+$h", "$z/.forward", "$z/.forward", "forward/$u", ""];
  assert.deepEqual(forwardPaths(patterns, { ...joe, detail: "x" }), [
    "/home/joe/.forward+x",
    "/home/joe/.forward",
  ]);
  assert.deepEqual(forwardPaths([], { ...joe, detail: "x" }), []);
});

test("a detail chooses no folder", () => {
  for (const detail of ["../../etc/x", "a\0b"])
    assert.deepEqual(forwardPaths(["/f/$h"], { ...joe, detail }), ["/f/"]);
});
