/** Surrogates of internationalised messages (RFC 6858). */
import assert from "node:assert/strict";
import { isAscii } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { listedAddresses } from "../../src/surrogate/address-list.ts";
import { needsUtf8, surrogateHeader } from "../../src/surrogate/surrogate.ts";

const surrogate = (text: string): string => surrogateHeader(Buffer.from(text)).toString("latin1");
const word = (text: string): string => `=?UTF-8?B?${Buffer.from(text).toString("base64")}?=`;

test("a message needs UTF-8 when an address has other letters, or when it came by SMTPUTF8", () => {
  for (const [header, needs] of [
    ["From: 王 <王@例子.cn>\n\n", true],
    ["To: a@b.cn, wang@例子.cn\n\n", true],
    ["Received: from a by b with UTF8SMTPS id 1\nSubject: 王\n\n", true],
    ["Received: from a by b with ESMTPS id 1\nSubject: 王\n\n", false],
    ["From: 王 <wang@example.cn>\nSubject: 王\n\n", false],
    ["From: (王@王) wang@example.cn\n\n", false],
    ['From: "王@王.cn" <wang@example.cn>\n\n', false],
    ["Received: from a by b with UTF8SMTP id 1\nSubject: w\n\n", false],
    ["Subject: 王@王\n\n王@王", false],
  ] as const) {
    assert.equal(needsUtf8(Buffer.from(header)), needs, header);
  }
});

test("old 8-bit text is no message in UTF-8, wherever it stands", () => {
  for (const header of ["Subject: \xcd\xf5\n\n", "From: \xcd\xf5@example.cn\nTo: \xe9@b\n\n"]) {
    assert.equal(needsUtf8(Buffer.from(header, "latin1")), false);
  }
});

test("addresses, subjects and file names are shown in ASCII; what can not be shown is left out", () => {
  assert.equal(
    surrogate(
      "Received: from a by b for <王@例子.cn>\nFrom: 王 <王@例子.cn>\nTo: Li <li@example.cn>,\n 李 <li@例子.cn>, 王@例子.cn\n" +
        'Subject: 你好\n  again\nX-Other: 王\nDate: today\nContent-Type: text/plain; charset=utf-8; name="王.txt"\n\n',
    ),
    `From: ${word("王 [王@例子.cn]")} <invalid@internationalized-address.invalid>\n` +
      `To: Li <li@example.cn>,\n ${word("李")} <li@xn--fsqu00a.cn>,\n ${word("王@例子.cn")} <invalid@internationalized-address.invalid>\n` +
      `Subject: ${word("你好  again")}\nDate: today\nContent-Type: text/plain;\n charset=utf-8;\n name*=UTF-8''%E7%8E%8B.txt\n\n`,
  );
});

test("fields in ASCII stay as they are, their folding too", () => {
  assert.equal(
    surrogate("Subject: a\n  b\nX: \t y\nFrom: 王@王.cn\n\n"),
    `Subject: a\n  b\nX: \t y\nFrom: ${word("王@王.cn")} <invalid@internationalized-address.invalid>\n\n`,
  );
});

test("long text becomes words of at most 75 letters, cut between characters", () => {
  const lines = surrogate(`Subject: ${"王".repeat(100)}\nFrom: 王@王\n\n`).split("\n");
  for (const line of lines) assert.ok(line.length <= 90, line);
  const words = lines.join("").match(/=\?UTF-8\?B\?[^?]*\?=/g)!;
  const text = words.map((w) => Buffer.from(w.slice(10, -2), "base64").toString("utf8")).join("");
  assert.ok(text.startsWith("王".repeat(100)));
});

test("lists of addresses come apart at their commas alone", () => {
  assert.deepEqual(listedAddresses('"a, b" <c@d>, (x, y) e@f, friends: g@h, "i" <j@k>;, <>, nobody'), [
    { name: "a, b", address: "c@d" },
    { name: "x, y", address: "e@f" },
    { name: "", address: "g@h" },
    { name: "i", address: "j@k" },
    { name: "<>" },
    { name: "nobody" },
  ]);
});

test("the surrogate of anything is ASCII and ends in one empty line", () => {
  const piece = fc.constantFrom(
    "From",
    "To",
    ": ",
    "王",
    "<",
    ">",
    "@",
    ",",
    '"',
    "(",
    ")",
    "\\",
    ";",
    "\n",
    " ",
    "a",
    "Subject: ",
    "Content-Type: ",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const header = surrogateHeader(Buffer.from(pieces.join("")));
      assert.ok(isAscii(header));
      assert.ok(header.toString("latin1").endsWith("\n"));
      assert.ok(!/\n\n./s.test(header.toString("latin1")));
    }),
  );
});

test("a hostile header takes no time", () => {
  const before = process.cpuUsage();
  for (const piece of ['\\"', '"', "(", "<", "王,", "<王@", '";']) {
    const header = Buffer.from(
      `From: 王@王, ${piece.repeat(60_000)}\nContent-Type: 王${piece.repeat(20_000)}\n\n`,
    );
    needsUtf8(header);
    surrogateHeader(header);
  }
  assert.ok(process.cpuUsage(before).user < 5_000_000);
});
